#include "isogloss/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct context {
    const isg_plan *plan;
    const isg_run *run; /* NULL: only check */
    const isg_command_site *site;
} context;

typedef isg_err put_fn(const context *c, isg_str *out);

static isg_err put_number(isg_str *out, uint64_t n)
{
    return isg_str_printf(out, "%llu", (unsigned long long)n);
}

static isg_err put_id(const context *c, isg_str *out)
{
    return isg_str_puts(out, c->run->id);
}
static isg_err put_tokens(const context *c, isg_str *out)
{
    return put_number(out, c->run->tokens);
}
static isg_err put_seed(const context *c, isg_str *out)
{
    return put_number(out, c->run->seed);
}
static isg_err put_data_seed(const context *c, isg_str *out)
{
    return put_number(out, c->run->data_seed);
}
static isg_err put_schedule(const context *c, isg_str *out)
{
    return isg_str_puts(out, c->plan->schedule);
}
static isg_err put_corpus(const context *c, isg_str *out)
{
    return isg_str_puts(out, c->plan->corpus);
}
static isg_err put_dir(const context *c, isg_str *out)
{
    return isg_str_puts(out, c->site->dir);
}
static isg_err put_attempt(const context *c, isg_str *out)
{
    return put_number(out, c->site->attempt);
}
static isg_err put_cores(const context *c, isg_str *out)
{
    return put_number(out, c->site->cores);
}
static isg_err put_gpus(const context *c, isg_str *out)
{
    return put_number(out, c->site->gpus);
}
static isg_err put_layers(const context *c, isg_str *out)
{
    return put_number(out, c->run->shape.layers);
}
static isg_err put_d(const context *c, isg_str *out)
{
    return put_number(out, c->run->shape.d);
}
static isg_err put_heads(const context *c, isg_str *out)
{
    return put_number(out, c->run->shape.heads);
}
static isg_err put_context(const context *c, isg_str *out)
{
    return put_number(out, c->run->shape.context);
}
static isg_err put_vocab(const context *c, isg_str *out)
{
    return put_number(out, c->run->shape.vocab);
}
static isg_err put_n_total(const context *c, isg_str *out)
{
    return put_number(out, c->run->shape.n_total);
}
static isg_err put_n_body(const context *c, isg_str *out)
{
    return put_number(out, c->run->shape.n_nonembedding);
}

static const struct template
{
    const char *name;
    put_fn *put;
}
templates[] = {
    {"run.id", put_id},
    {"attempt", put_attempt},
    {"dir", put_dir},
    {"tokens", put_tokens},
    {"seed", put_seed},
    {"data_seed", put_data_seed},
    {"schedule", put_schedule},
    {"corpus", put_corpus},
    {"cores", put_cores},
    {"gpus", put_gpus},
    {"shape.d", put_d},
    {"shape.layers", put_layers},
    {"shape.heads", put_heads},
    {"shape.context", put_context},
    {"shape.vocab", put_vocab},
    {"shape.n_total", put_n_total},
    {"shape.n_nonembedding", put_n_body},
};

enum { TEMPLATES = sizeof templates / sizeof *templates, MAX_NAME = 80 };
static const char setting_prefix[] = "setting.";

static isg_err unknown(const context *c, const char *name, const char *word)
{
    const char *names[TEMPLATES + 64], *near = NULL;
    char own[64][MAX_NAME];
    size_t n = 0;
    for (size_t i = 0; i < TEMPLATES; i++) names[n++] = templates[i].name;
    for (size_t i = 0; i < c->plan->n_settings && i < 64; i++) {
        (void)snprintf(own[i], sizeof own[i], "%s%s", setting_prefix, c->plan->settings[i].name);
        names[n++] = own[i];
    }
    near = isg_str_nearest(name, names, n);
    return ISG_FAIL(
        ISG_ESPEC, "unknown template '{%s}' in '%s'; %s%s%s ('{{' is a plain brace)", name, word,
        near ? "did you mean '{"
             : "known are {run.id}, {shape.d}, {tokens}, {dir}, {setting.NAME} and others",
        near ? near : "", near ? "}'?" : "");
}

static isg_err put_template(const context *c, const char *name, const char *word, isg_str *out)
{
    for (size_t i = 0; i < TEMPLATES; i++) {
        if (!strcmp(name, templates[i].name)) return c->run ? templates[i].put(c, out) : ISG_OK;
    }
    for (size_t i = 0; i < c->plan->n_settings; i++) {
        bool named = !strncmp(name, setting_prefix, sizeof setting_prefix - 1) &&
                     !strcmp(name + sizeof setting_prefix - 1, c->plan->settings[i].name);
        if (named) return c->run ? isg_str_printf(out, "%.17g", c->run->setting[i]) : ISG_OK;
    }
    return unknown(c, name, word);
}

static isg_err put_word(const context *c, const char *word, isg_str *out)
{
    char name[MAX_NAME];
    for (const char *p = word; *p;) {
        size_t plain = strcspn(p, "{}");
        ISG_TRY(isg_str_add(out, p, plain));
        p += plain;
        if (!*p) break;
        if (p[1] == p[0]) {
            ISG_TRY(isg_str_add(out, p, 1));
            p += 2;
            continue;
        }
        size_t n = strcspn(p + 1, "{}");
        if (p[0] == '}' || p[1 + n] != '}') {
            return ISG_FAIL(ISG_ESPEC,
                            "single '%c' in '%s': a template is {name}, a plain brace is doubled",
                            *p, word);
        }
        (void)snprintf(name, sizeof name, "%.*s", (int)(n < MAX_NAME ? n : MAX_NAME - 1), p + 1);
        ISG_TRY(put_template(c, name, word, out));
        p += n + 2;
    }
    return ISG_OK;
}

isg_err isg_command_check(const isg_plan *plan, const char *word)
{
    isg_str out = {0};
    isg_err rc = put_word(&(context){.plan = plan}, word, &out);
    isg_str_free(&out);
    return rc;
}

isg_err isg_command_expand(const isg_plan *plan, size_t run, const isg_command_site *site,
                           char ***out)
{
    const context c = {plan, &plan->runs[run], site};
    size_t n = 0;
    isg_err rc = ISG_OK;

    while (plan->command && plan->command[n]) n++;
    char **argv = calloc(n + 1, sizeof *argv);
    *out = NULL;
    if (!argv) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !rc; i++) {
        isg_str word = {0};
        rc = put_word(&c, plan->command[i], &word);
        if (!rc) argv[i] = isg_strdup(isg_str_c(&word));
        if (!rc && !argv[i]) rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
        isg_str_free(&word);
    }
    if (!rc && !n) rc = ISG_FAIL(ISG_ESPEC, "the campaign names no command");
    if (rc) isg_command_free(&argv);
    *out = argv;
    return rc;
}

void isg_command_free(char ***argv)
{
    if (!*argv) return;
    for (char **a = *argv; *a; a++) free(*a);
    free(*argv);
    *argv = NULL;
}
