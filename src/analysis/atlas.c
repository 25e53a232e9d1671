/* ATLAS laws made for data: the template of the table (law_atlas.c) with the sources, terms and
 * lambdas that were asked for. */

#include "isogloss/atlas.h"

#include "isogloss/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const isg_law isg_law_atlas;

/* Of the template: A, B, E, alpha, beta, lambda, a tau. */
enum { LAMBDA = 5, TAU, NAME = 80 };

/* A law with the memory of its names. */
typedef struct made {
    isg_law law; /* first: isg_law_destroy() gets its address */
    isg_atlas_config config;
    isg_law_param param[ISG_LAW_PARAMS];
    isg_law_var var[ISG_LAW_VARS];
    const char *from[ISG_ATLAS_AMOUNTS][2];
    char code[ISG_ATLAS_SOURCES][NAME], param_name[ISG_LAW_PARAMS][NAME + 8];
    char var_name[ISG_LAW_VARS][NAME + 8];
    char *own[ISG_ATLAS_AMOUNTS], *about, target[NAME];
} made;

void isg_law_destroy(isg_law **law)
{
    made *m = (made *)*law;
    if (!m) return;
    for (size_t k = 0; k < ISG_ATLAS_AMOUNTS; k++) free(m->own[k]);
    free(m->about);
    free(m);
    *law = NULL;
}

static isg_err check_codes(const isg_atlas_options *o)
{
    if (o->n_sources > ISG_ATLAS_SOURCES)
        return ISG_FAIL(ISG_EUSAGE, "%zu source languages: at most %d have a tau of their own",
                        o->n_sources, ISG_ATLAS_SOURCES);
    for (size_t k = 0; k < o->n_sources; k++) {
        const char *code = o->sources[k];
        if (!isg_str_is_name(code) || !strcmp(code, "t") || !strcmp(code, "other"))
            return ISG_FAIL(ISG_EUSAGE, "'%s' cannot be the code of a source language", code);
        for (size_t j = 0; j < k; j++) {
            if (!strcmp(code, o->sources[j]))
                return ISG_FAIL(ISG_EUSAGE, "source language %s is named twice", code);
        }
    }
    return ISG_OK;
}

static const char *term_code(const isg_atlas_config *c, size_t term)
{
    return !term ? "t" : term <= c->n_sources ? c->source[term - 1] : "other";
}

static void add_param(made *m, const isg_law_param *like, const char *prefix, const char *code)
{
    const size_t k = m->law.n_params++;

    m->param[k] = *like;
    if (!prefix) return;
    (void)snprintf(m->param_name[k], sizeof m->param_name[k], "%s%s%s", prefix, *code ? "_" : "",
                   code);
    m->param[k].name = m->param_name[k];
}

static void set_params(made *m)
{
    const isg_atlas_config *c = &m->config;

    for (size_t k = 0; k < LAMBDA; k++) add_param(m, &isg_law_atlas.params[k], NULL, "");
    for (size_t k = 0; k < c->lambdas; k++)
        add_param(m, &isg_law_atlas.params[LAMBDA], "lambda",
                  c->lambdas > 1 ? term_code(c, k) : "");
    for (size_t k = 1; k < c->amounts; k++)
        add_param(m, &isg_law_atlas.params[TAU], "tau", term_code(c, k));
}

static isg_err add_var(made *m, size_t amount, char prefix, const char *code, const char *from)
{
    const size_t k = m->law.n_vars++, own = 2 * m->config.n_sources;
    const size_t like = amount < 2 ? 1 : amount < 2 + own ? 3 : 9; /* target, sources, others */

    (void)snprintf(m->var_name[k], sizeof m->var_name[k], "%c_%s", prefix, code);
    m->own[amount] = from ? isg_strdup(from)
                          : isg_strf("%s_%s", prefix == 'D' ? "tokens" : "unique",
                                     amount < 2 ? "{target}" : code);
    if (!m->own[amount]) return ISG_FAIL(ISG_ENOMEM, "no memory for a law");
    m->from[amount][0] = m->own[amount];
    m->var[k] = (isg_law_var){.name = m->var_name[k],
                              .kind = ISG_VAR_AMOUNT,
                              .scale = 1,
                              .meaning = isg_law_atlas.vars[like + amount % 2].meaning,
                              .from = m->from[amount]};
    return ISG_OK;
}

static isg_err set_vars(made *m, const isg_atlas_options *o)
{
    const isg_atlas_config *c = &m->config;

    m->var[m->law.n_vars++] = isg_law_atlas.vars[0];
    for (size_t k = 0; k < c->amounts; k++) {
        const char *const *from = o->from ? o->from + 2 * k : NULL;
        ISG_TRY(add_var(m, 2 * k, 'D', term_code(c, k), from ? from[0] : NULL));
        ISG_TRY(add_var(m, 2 * k + 1, 'U', term_code(c, k), from ? from[1] : NULL));
    }
    return ISG_OK;
}

static isg_err set_config(made *m, const isg_atlas_options *o)
{
    isg_atlas_config *c = &m->config;

    (void)snprintf(m->target, sizeof m->target, "%s", o->target ? o->target : "");
    m->about = isg_strdup(o->about ? o->about : "");
    if (!m->about) return ISG_FAIL(ISG_ENOMEM, "no memory for a law");
    c->target = m->target;
    c->about = m->about;
    c->terms = o->terms;
    c->lambda_by_source = o->lambda_by_source;
    c->n_sources = o->terms == ISG_ATLAS_TRANSFER ? o->n_sources : 0;
    c->other = o->terms != ISG_ATLAS_TARGET && !o->no_other;
    c->amounts = 1 + c->n_sources + c->other;
    c->lambdas = o->lambda_by_source ? c->amounts : 1;
    c->has_tau = o->tau && c->n_sources;
    for (size_t k = 0; k < c->n_sources; k++) {
        (void)snprintf(m->code[k], sizeof m->code[k], "%s", o->sources[k]);
        c->source[k] = m->code[k];
        c->tau[k] = c->has_tau ? o->tau[k] : 0;
    }
    return ISG_OK;
}

isg_err isg_law_atlas_create(const isg_atlas_options *o, isg_law **out)
{
    *out = NULL;
    ISG_TRY(check_codes(o));
    made *m = calloc(1, sizeof *m);
    if (!m) return ISG_FAIL(ISG_ENOMEM, "no memory for a law");
    m->law = isg_law_atlas;
    m->law.n_params = m->law.n_vars = 0;
    m->law.params = m->param;
    m->law.vars = m->var;
    m->law.config = &m->config;
    isg_law *law = &m->law;
    isg_err rc = set_config(m, o);
    if (!rc) set_params(m);
    if (!rc) rc = set_vars(m, o);
    if (rc) isg_law_destroy(&law);
    *out = law;
    return rc;
}
