#include "entrants.h"

#include "fit_law.h"
#include "isogloss/expr.h"
#include "isogloss/str.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is asked for ---------------------------------------------------------------------- */

/* terms=WORD is that of law atlas. */
static isg_err set_terms(entrant *e, const char *terms)
{
    for (size_t k = 0; fit_terms_names[k]; k++) {
        if (strcmp(terms, fit_terms_names[k]) != 0) continue;
        e->args.terms = fit_terms_names[k];
        return isg_err_context(fit_law_check(&e->args), "%s", e->name);
    }
    return ISG_FAIL(ISG_EUSAGE, "%s: terms are target, other or transfer", e->name);
}

/* NAME=NUMBER fixes, NAME=NAME ties. */
static isg_err add_constraint(entrant *e, const char *word)
{
    const char *value = strchr(word, '=');
    double number;

    if (!strncmp(word, "terms=", 6)) return set_terms(e, word + 6);

    if (!value)
        return ISG_FAIL(ISG_EUSAGE, "%s: '%s': wanted NAME=VALUE or NAME=NAME", e->name, word);
    isg_opt_list *to = isg_str_to_double(value + 1, &number) ? &e->args.fix : &e->args.tie;
    if (to->n == sizeof to->item / sizeof *to->item)
        return ISG_FAIL(ISG_EUSAGE, "%s: too many constraints", e->name);
    to->item[to->n++] = word;
    return ISG_OK;
}

/* "atlas:other" is law atlas with --terms other. */
static isg_err cut_terms(entrant *e)
{
    char *terms = strchr(e->words, ':');

    if (!terms) return ISG_OK;
    *terms++ = '\0';
    e->args.terms = terms;
    if (strcmp(e->words, "atlas") != 0 || !fit_terms_names[fit_args_index(terms, fit_terms_names)])
        return ISG_FAIL(ISG_EUSAGE,
                        "--laws %s: there are atlas:transfer, atlas:other, atlas:target", e->name);
    return ISG_OK;
}

/* "law[alpha=beta,E=0]" */
static isg_err parse_one(const fit_job *job, const char *text, size_t n, entrant *e)
{
    e->name = isg_strf("%.*s", (int)n, text);
    e->words = isg_strdup(e->name);
    if (!e->name || !e->words) return ISG_FAIL(ISG_ENOMEM, "no memory for a law");
    e->args = *job->args;
    e->args.fix.n = e->args.tie.n = 0;
    char *inside = strchr(e->words, '[');
    e->args.law = e->words;
    if (inside) *inside++ = '\0';
    ISG_TRY(cut_terms(e));
    if (!inside) return ISG_OK;
    size_t length = strlen(inside);
    if (length < 2 || inside[length - 1] != ']')
        return ISG_FAIL(ISG_EUSAGE, "%s: wanted LAW[NAME=VALUE,...]", e->name);
    inside[length - 1] = '\0';
    for (char *word = inside; word;) {
        char *next = strchr(word, ',');
        if (next) *next++ = '\0';
        ISG_TRY(add_constraint(e, word));
        word = next;
    }
    return ISG_OK;
}

/* Of --var what this law has. */
static isg_err keep_vars(const fit_job *job, entrant *e)
{
    const isg_law *law = NULL;

    ISG_TRY(isg_law_find(e->args.law, &law));
    e->args.var.n = 0;
    for (size_t i = 0; i < job->args->var.n; i++) {
        const char *word = job->args->var.item[i];
        const size_t n = strcspn(word, "=");
        for (size_t k = 0; k < law->n_vars; k++) {
            if (strlen(law->vars[k].name) == n && !strncmp(law->vars[k].name, word, n))
                e->args.var.item[e->args.var.n++] = word;
        }
    }
    return ISG_OK;
}

/* Each --var belongs to some law. */
static isg_err check_vars(const fit_job *job, const entrants *all)
{
    for (size_t i = 0; i < job->args->var.n; i++) {
        bool taken = false;
        for (size_t k = 0; k < all->n; k++) {
            const isg_opt_list *var = &all->one[k].args.var;
            for (size_t j = 0; j < var->n; j++)
                taken = taken || var->item[j] == job->args->var.item[i];
        }
        if (!taken)
            return ISG_FAIL(ISG_EUSAGE,
                            "--var %s: none of these laws has such a variable; isogloss laws NAME "
                            "lists them (sources of atlas are D_1, U_1 and so on there)",
                            job->args->var.item[i]);
    }
    return ISG_OK;
}

static size_t length_of(const char *text)
{
    size_t depth = 0, n = 0;
    for (; text[n] && (depth || text[n] != ','); n++) {
        depth += text[n] == '[';
        if (text[n] == ']' && depth) depth--;
    }
    return n;
}

static isg_err parse(const fit_job *job, const char *laws, const char *by_value, entrants *out)
{
    for (const char *p = laws;; p++) {
        size_t n = length_of(p);
        if (!n) return ISG_FAIL(ISG_EUSAGE, "%s: a name is missing", laws);
        if (out->n == MAX_ENTRANTS) return ISG_FAIL(ISG_EUSAGE, "at most %d laws", MAX_ENTRANTS);
        entrant *e = &out->one[out->n++];
        ISG_TRY(parse_one(job, p, n, e));
        ISG_TRY(keep_vars(job, e));
        ISG_TRY(isg_err_context(fit_job_again(job, &e->args, &e->loaded), "%s", e->name));
        ISG_TRY(isg_err_context(fit_law_make(&e->loaded, by_value, &e->job), "%s", e->name));
        e->job.select.by_value = by_value;
        ISG_TRY(isg_err_context(fit_law_set(&e->job, by_value), "--laws %s", e->name));
        for (size_t k = 0; k + 1 < out->n; k++) {
            if (!strcmp(out->one[k].name, e->name))
                return ISG_FAIL(ISG_EUSAGE, "%s stands there twice", e->name);
        }
        p += n;
        if (!*p) return check_vars(job, out);
    }
}

/* ---- runs of several languages ----------------------------------------------------------------- */

/* Sources that name the target come first: unique_{target} before unique_tokens. */
static void target_first(entrant *e)
{
    const isg_law *law = e->job.fit.law;

    e->seen = *law;
    e->seen.mixtures = true;
    e->seen.vars = e->vars;
    for (size_t k = 0; k < law->n_vars; k++) {
        size_t n = 0;
        e->vars[k] = law->vars[k];
        if (!law->vars[k].from) continue;
        for (int named = 1; named >= 0; named--) {
            for (const char *const *f = law->vars[k].from; *f && n + 1 < ENTRANT_FROM; f++) {
                if ((strstr(*f, "{target}") != NULL) == (named == 1)) e->from[k][n++] = *f;
            }
        }
        e->from[k][n] = NULL;
        e->vars[k].from = e->from[k];
    }
}

/* The language of the target, where the table has its tokens. */
static isg_err find_language(const fit_job *job, const isg_selection *of, char **out)
{
    const isg_column *c = isg_table_column(job->table, "eval_language");
    const char *name = c && of->n ? c->text[of->row[0]] : job->args->target;
    char *column = isg_strf("tokens_%s", name ? name : "");

    if (!column) return ISG_FAIL(ISG_ENOMEM, "no memory for a language");
    if (name && isg_table_column(job->table, column)) *out = isg_strdup(name);
    free(column);
    return ISG_OK;
}

/* A law of one language among runs of several. */
static isg_err see_target(const entrants *all, entrant *e)
{
    target_first(e);
    e->job.fit.law = e->job.select.law = &e->seen;
    if (!all->language || e->args.d) return ISG_OK;
    e->d = isg_strf("tokens_%s", all->language);
    if (!e->d) return ISG_FAIL(ISG_ENOMEM, "no memory for a column");
    e->job.select.d = e->d;
    return ISG_OK;
}

static isg_err select_one(const isg_table *t, entrant *e)
{
    return isg_err_context(isg_select(t, &e->job.select, &e->selection), "%s", e->name);
}

/* An ATLAS law of the target alone is fitted to the target's own runs; beside laws of mixtures it
 * sees the runs that they see. */
static void share_mixtures(entrants *all)
{
    bool mixed = false;

    for (size_t k = 0; k < all->n; k++)
        mixed = mixed || (all->one[k].job.fit.law->mixtures && !all->one[k].job.target_only);
    for (size_t k = 0; k < all->n && mixed; k++) {
        entrant *e = &all->one[k];
        e->job.select.where = e->loaded.select.where;
        e->job.select.n_where = e->loaded.select.n_where;
    }
}

/* Laws of mixtures first: they tell whose tokens the others see. */
static isg_err select_all(const fit_job *job, entrants *out)
{
    const entrant *mixed = NULL;

    share_mixtures(out);
    for (size_t k = 0; k < out->n; k++) {
        if (!out->one[k].job.fit.law->mixtures) continue;
        ISG_TRY(select_one(job->table, &out->one[k]));
        if (!mixed) mixed = &out->one[k];
    }
    if (mixed) ISG_TRY(find_language(job, mixed->selection, &out->language));
    for (size_t k = 0; k < out->n; k++) {
        if (out->one[k].selection) continue;
        if (mixed) ISG_TRY(see_target(out, &out->one[k]));
        ISG_TRY(select_one(job->table, &out->one[k]));
    }
    return ISG_OK;
}

/* ---- the common rows --------------------------------------------------------------------------- */

/* @param count  [n_rows of the table] in how many selections each row is */
static isg_err count_selections(entrants *out, const isg_table *t, size_t *count)
{
    for (size_t k = 0; k < out->n; k++) {
        const isg_selection *s = out->one[k].selection;
        for (size_t i = 0; i < s->n; i++) count[s->row[i]]++;
    }
    for (size_t r = 0; r < t->n_rows; r++) {
        out->rows += count[r] == out->n;
        out->left_out += count[r] && count[r] < out->n;
    }
    return out->rows
               ? ISG_OK
               : ISG_FAIL(ISG_EDATA, "there is no row that all of these laws can be fitted to");
}

/* N and all tokens of every row of the table, whatever variables the laws have. */
static isg_err size_and_tokens(const fit_job *job, const isg_selection *s, double *size,
                               double *tokens)
{
    const isg_table *t = job->table;
    const char *d = job->args->d ? job->args->d : "D_tokens";

    ISG_TRY(isg_expr_column(t, s->n_column, "--n", size));
    if (job->args->d || isg_table_column(t, d)) return isg_expr_column(t, d, "--d", tokens);
    for (size_t r = 0; r < t->n_rows; r++) tokens[r] = 1; /* equal, as far as is known */
    return ISG_OK;
}

/* @param size, tokens  [n_rows of the table] */
static isg_err copy_common(const size_t *count, const double *size, const double *tokens,
                           entrants *out)
{
    const isg_selection *s = out->one[0].selection;
    size_t m = 0, last = 0;

    out->row = malloc(out->rows * sizeof *out->row);
    out->cluster = malloc(out->rows * sizeof *out->cluster);
    out->size = malloc(out->rows * sizeof *out->size);
    out->tokens = malloc(out->rows * sizeof *out->tokens);
    if (!out->row || !out->cluster || !out->size || !out->tokens)
        return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", out->rows);
    for (size_t i = 0; i < s->n; i++) {
        if (count[s->row[i]] < out->n) continue;
        out->n_clusters += !m || s->cluster[i] != last; /* rows are in order of clusters */
        last = s->cluster[i];
        out->row[m] = s->row[i];
        out->cluster[m] = out->n_clusters - 1;
        out->size[m] = size[s->row[i]];
        out->tokens[m] = tokens[s->row[i]];
        m++;
    }
    return ISG_OK;
}

/* The rival's rows in the order of the first selection. @param at  [n_rows of the table] scratch */
static isg_err make_rival(const entrants *all, entrant *e, size_t *at, isg_rival *out)
{
    const isg_selection *s = e->selection;
    const size_t n = all->rows, n_vars = e->job.fit.law->n_vars;

    e->memory = malloc((n_vars + 1) * n * sizeof *e->memory);
    if (!e->memory) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", n);
    for (size_t i = 0; i < s->n; i++) at[s->row[i]] = i;
    for (size_t i = 0; i < n; i++) {
        size_t from = at[all->row[i]];
        for (size_t k = 0; k < n_vars; k++) e->memory[k * n + i] = s->var[k][from];
        e->memory[n_vars * n + i] = s->loss[from];
    }
    *out = (isg_rival){.name = e->name, .fit = e->job.fit};
    out->obs = (isg_obs){.n = n, .loss = e->memory + n_vars * n};
    for (size_t k = 0; k < n_vars; k++) out->obs.var[k] = e->memory + k * n;
    return ISG_OK;
}

isg_err entrants_load(const fit_job *job, const char *laws, const char *by_value, entrants *out)
{
    const isg_table *t = job->table;
    double *number = malloc((2 * t->n_rows + 1) * sizeof *number);
    size_t *count = calloc(t->n_rows + 1, sizeof *count);
    isg_err rc;

    *out = (entrants){.one = calloc(MAX_ENTRANTS, sizeof *out->one)};
    rc = out->one && count && number ? parse(job, laws, by_value, out)
                                     : ISG_FAIL(ISG_ENOMEM, "no memory for laws");
    if (!rc) rc = select_all(job, out);
    if (!rc) rc = count_selections(out, t, count);
    if (!rc) rc = size_and_tokens(job, out->one[0].selection, number, number + t->n_rows);
    if (!rc) rc = copy_common(count, number, number + t->n_rows, out);
    for (size_t k = 0; !rc && k < out->n; k++)
        rc = make_rival(out, &out->one[k], count, &out->rival[k]);
    free(count);
    free(number);
    return rc;
}

void entrants_clear(entrants *e)
{
    for (size_t k = 0; e->one && k < e->n; k++) {
        for (size_t i = 0; i < FIT_JOB_SWEPT; i++) free(e->one[k].loaded.best_over[i]);
        isg_selection_destroy(&e->one[k].selection);
        fit_law_clear(&e->one[k].job);
        free(e->one[k].name);
        free(e->one[k].words);
        free(e->one[k].d);
        free(e->one[k].memory);
    }
    free(e->one);
    free(e->language);
    free(e->row);
    free(e->cluster);
    free(e->size);
    free(e->tokens);
    *e = (entrants){0};
}
