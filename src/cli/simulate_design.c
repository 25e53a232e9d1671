#include "simulate_design.h"

#include "isogloss/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FACTORS = 16, LEVELS = 1000, MOST_RUNS = 100000 };

bool simulate_is_campaign(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "no memory for a design");
}

/* ---- campaigns ------------------------------------------------------------------------ */

typedef struct observation {
    size_t run, point, evaluation;
} observation;

typedef struct planned {
    const isg_plan *plan;
    observation *row;
    size_t n;
    double *number;    /* [n] of the column in hand */
    const char **text; /* [n] */
    isg_table *table;
} planned;

static void list_rows(planned *t)
{
    t->n = 0;
    for (size_t r = 0; r < t->plan->n_runs; r++) {
        const isg_run *run = &t->plan->runs[r];
        for (size_t p = 0; p < run->n_points; p++) {
            for (size_t e = 0; e < t->plan->n_evaluations; e++) {
                if (!run->evaluate[e]) continue;
                if (t->row) t->row[t->n] = (observation){r, p, e};
                t->n++;
            }
        }
    }
}

typedef const char *(*text_of)(const isg_plan *plan, const observation *o);
typedef double (*number_of)(const isg_plan *plan, const observation *o, size_t which);

static isg_err add_text(planned *t, const char *name, text_of of)
{
    for (size_t i = 0; i < t->n; i++) t->text[i] = of(t->plan, &t->row[i]);
    return isg_table_add_text(t->table, name, t->text);
}

static isg_err add_number(planned *t, const char *name, number_of of, size_t which)
{
    for (size_t i = 0; i < t->n; i++) t->number[i] = of(t->plan, &t->row[i], which);
    return isg_table_add_numbers(t->table, name, t->number);
}

static const char *run_id(const isg_plan *p, const observation *o)
{
    return p->runs[o->run].id;
}

static const char *cluster_id(const isg_plan *p, const observation *o)
{
    return p->runs[p->runs[o->run].cluster].id;
}

static const char *evaluation(const isg_plan *p, const observation *o)
{
    return p->evaluations[o->evaluation].name;
}

static const char *eval_language(const isg_plan *p, const observation *o)
{
    return p->languages[p->evaluations[o->evaluation].language].code;
}

static double size_total(const isg_plan *p, const observation *o, size_t which)
{
    (void)which;
    return (double)p->runs[o->run].shape.n_total;
}

static double size_nonembedding(const isg_plan *p, const observation *o, size_t which)
{
    (void)which;
    return (double)p->runs[o->run].shape.n_nonembedding;
}

static double tokens(const isg_plan *p, const observation *o, size_t which)
{
    (void)which;
    return (double)p->runs[o->run].points[o->point];
}

static double is_final(const isg_plan *p, const observation *o, size_t which)
{
    (void)which;
    return o->point + 1 == p->runs[o->run].n_points && !p->runs[o->run].trunk;
}

static double n_languages(const isg_plan *p, const observation *o, size_t which)
{
    double n = 0;
    (void)which;
    for (size_t l = 0; l < p->n_languages; l++) n += p->runs[o->run].weight[l] > 0;
    return n;
}

static double weight(const isg_plan *p, const observation *o, size_t which)
{
    return p->runs[o->run].weight[which];
}

static double language_tokens(const isg_plan *p, const observation *o, size_t which)
{
    return weight(p, o, which) * tokens(p, o, 0);
}

static double unique(const isg_plan *p, const observation *o, size_t which)
{
    return (double)p->runs[o->run].unique[which];
}

static double setting(const isg_plan *p, const observation *o, size_t which)
{
    return p->runs[o->run].setting[which];
}

static isg_err add_columns(planned *t)
{
    static const struct {
        const char *prefix;
        number_of of;
    } by_language[] = {{"tokens_", language_tokens}, {"weight_", weight}, {"unique_", unique}};
    const isg_plan *p = t->plan;

    ISG_TRY(add_text(t, "run_id", run_id));
    ISG_TRY(add_text(t, "cluster_id", cluster_id));
    ISG_TRY(add_text(t, "evaluation", evaluation));
    ISG_TRY(add_text(t, "eval_language", eval_language));
    ISG_TRY(add_number(t, "N_params", size_total, 0));
    ISG_TRY(add_number(t, "N_nonembedding", size_nonembedding, 0));
    ISG_TRY(add_number(t, "D_tokens", tokens, 0));
    ISG_TRY(add_number(t, "is_final", is_final, 0));
    ISG_TRY(add_number(t, "n_languages", n_languages, 0));
    for (size_t k = 0; k < sizeof by_language / sizeof *by_language; k++) {
        for (size_t l = 0; l < p->n_languages; l++) {
            char *name = isg_strf("%s%s", by_language[k].prefix, p->languages[l].code);
            isg_err rc = name ? add_number(t, name, by_language[k].of, l) : no_memory();
            free(name);
            if (rc) return rc;
        }
    }
    for (size_t k = 0; k < p->n_settings; k++) {
        if (p->settings[k].varied) ISG_TRY(add_number(t, p->settings[k].name, setting, k));
    }
    return ISG_OK;
}

isg_err simulate_campaign(const char *path, isg_table **out)
{
    isg_plan *plan = NULL;
    planned t = {0};

    *out = NULL;
    ISG_TRY(isg_plan_load(path, NULL, &plan));
    t.plan = plan;
    list_rows(&t);
    t.row = malloc((t.n + 1) * sizeof *t.row);
    t.number = malloc((t.n + 1) * sizeof *t.number);
    t.text = malloc((t.n + 1) * sizeof *t.text);
    isg_err rc = t.row && t.number && t.text ? ISG_OK : no_memory();
    if (!rc) list_rows(&t);
    if (!rc) rc = isg_table_create(path, t.n, &t.table);
    if (!rc) rc = add_columns(&t);
    if (rc) isg_table_destroy(&t.table);
    *out = t.table;
    free(t.row);
    free(t.number);
    free(t.text);
    isg_plan_destroy(&plan);
    return rc;
}

/* ---- factorial designs ------------------------------------------------------------------- */

typedef struct factor {
    char name[32];
    double *level; /* [n] */
    bool *times;   /* [n]: of N */
    size_t n;
} factor;

typedef struct factorial {
    factor factor[FACTORS];
    size_t n;
} factorial;

/* "1e7", "70M", "20x". */
static bool read_level(const char *text, double *value, bool *times)
{
    static const char suffixes[] = "kMGBT";
    static const double factors[] = {1e3, 1e6, 1e9, 1e9, 1e12};
    char number[64];
    const size_t n = strlen(text);
    double by = 1;

    *times = false;
    if (!n || n >= sizeof number) return false;
    memcpy(number, text, n + 1);
    const char *suffix = strchr(suffixes, number[n - 1]);
    if (suffix) by = factors[suffix - suffixes];
    *times = number[n - 1] == 'x';
    if (suffix || *times) number[n - 1] = '\0';
    if (!isg_str_to_double(number, value)) return false;
    *value *= by;
    return *value > 0;
}

static isg_err bad_design(const char *part)
{
    return ISG_FAIL(ISG_EUSAGE,
                    "--design: '%s': wanted NAME=NUMBER,NUMBER,..., such as "
                    "\"N=1e7,30M,1e8;D=1e9,20x\" (20x: 20 N)",
                    part);
}

/* Blanks may stand around a value, not between two. */
static char *trimmed(char *word)
{
    word += strspn(word, " ");
    size_t n = strlen(word);
    while (n && word[n - 1] == ' ') n--;
    word[n] = '\0';
    return word;
}

static isg_err read_factor(char *part, factor *f)
{
    char *equals = strchr(part, '='), *rest = NULL;

    if (!equals || equals == part || (size_t)(equals - part) >= sizeof f->name)
        return bad_design(part);
    memcpy(f->name, part, (size_t)(equals - part));
    f->level = calloc(LEVELS, sizeof *f->level);
    f->times = calloc(LEVELS, sizeof *f->times);
    if (!f->level || !f->times) return no_memory();
    for (char *word = strtok_r(equals + 1, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        word = trimmed(word);
        if (f->n == LEVELS)
            return ISG_FAIL(ISG_EUSAGE, "--design: more than %d values of %s", LEVELS, f->name);
        if (!read_level(word, &f->level[f->n], &f->times[f->n]) ||
            (f->times[f->n] && strcmp(f->name, "D") != 0))
            return bad_design(word);
        f->n++;
    }
    return f->n ? ISG_OK : bad_design(part);
}

static isg_err read_factors(char *text, factorial *d)
{
    char *rest = NULL;
    bool n = false, tokens_too = false;

    for (char *part = strtok_r(text, ";", &rest); part; part = strtok_r(NULL, ";", &rest)) {
        while (*part == ' ') part++;
        if (d->n == FACTORS)
            return ISG_FAIL(ISG_EUSAGE, "--design: more than %d variables", FACTORS);
        ISG_TRY(read_factor(part, &d->factor[d->n++]));
        n = n || !strcmp(d->factor[d->n - 1].name, "N");
        tokens_too = tokens_too || !strcmp(d->factor[d->n - 1].name, "D");
    }
    if (!n || !tokens_too)
        return ISG_FAIL(ISG_EUSAGE, "--design: N and D are needed, such as "
                                    "\"N=1e7,30M,1e8;D=1e9,20x\"");
    return ISG_OK;
}

/* Level of factor k in run i. */
static size_t level_of(const factorial *d, size_t k, size_t i)
{
    for (size_t j = 0; j < k; j++) i /= d->factor[j].n;
    return i % d->factor[k].n;
}

static isg_err fill_factorial(const factorial *d, size_t n, isg_table *table)
{
    double *value = malloc(n * sizeof *value);
    isg_err rc = value ? ISG_OK : no_memory();
    size_t size = 0;

    while (strcmp(d->factor[size].name, "N") != 0) size++;
    for (size_t i = 0; !rc && i < n; i++) value[i] = (double)i;
    if (!rc) rc = isg_table_add_numbers(table, "run_id", value);
    for (size_t k = 0; k < d->n && !rc; k++) {
        const factor *f = &d->factor[k];
        for (size_t i = 0; i < n; i++) {
            const size_t at = level_of(d, k, i);
            value[i] = f->level[at];
            if (f->times[at]) value[i] *= d->factor[size].level[level_of(d, size, i)];
        }
        rc = isg_table_add_numbers(table,
                                   k == size               ? "N_params"
                                   : !strcmp(f->name, "D") ? "D_tokens"
                                                           : f->name,
                                   value);
    }
    free(value);
    return rc;
}

isg_err simulate_factorial(const char *text, isg_table **out)
{
    factorial d = {.n = 0};
    char *copy = isg_strdup(text);
    double runs = 1;
    isg_err rc = copy ? read_factors(copy, &d) : no_memory();

    *out = NULL;
    for (size_t k = 0; k < d.n; k++) runs *= (double)d.factor[k].n;
    if (!rc && runs > MOST_RUNS)
        rc = ISG_FAIL(ISG_EUSAGE, "--design: %.0f runs; at most %d", runs, MOST_RUNS);
    if (!rc) rc = isg_table_create("design", (size_t)runs, out);
    if (!rc) rc = fill_factorial(&d, (size_t)runs, *out);
    if (rc) isg_table_destroy(out);
    for (size_t k = 0; k < d.n; k++) {
        free(d.factor[k].level);
        free(d.factor[k].times);
    }
    free(copy);
    return rc;
}
