/* A split by size, data or compute ranks clusters by their largest value, so that
 * a run whose last point is held goes with all its points. */

#include "isogloss/split.h"

#include "isogloss/rng.h"
#include "isogloss/str.h"
#include "order.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANDOM, BY_N, BY_D, BY_C, BY_LOW_C, BY_KIND, BY_MIXTURE };

const isg_split_type isg_splits[] = {
    [RANDOM] = {"random", "clusters drawn at random, several times"},
    [BY_N] = {"N", "the largest sizes"},
    [BY_D] = {"D", "the most training tokens"},
    [BY_C] = {"C", "the most compute, C = 6 N D"},
    [BY_LOW_C] = {"low-C", "the least compute"},
    [BY_KIND] = {"M", "mixtures that are neither monolingual nor bilingual nor unimax"},
    [BY_MIXTURE] = {"mixture", "one mixture of several languages after the other"},
    {NULL, NULL},
};

isg_split_options isg_split_defaults(void)
{
    return (isg_split_options){.share = 0.2, .repeats = 10, .seed = 1};
}

static isg_err find(const char *name, const isg_split_type **out)
{
    const char *names[sizeof isg_splits / sizeof *isg_splits];
    isg_str list = {0};
    size_t n = 0;

    for (; isg_splits[n].name; n++) {
        names[n] = isg_splits[n].name;
        (void)isg_str_printf(&list, "%s%s", n ? ", " : "", names[n]);
        *out = &isg_splits[n];
        if (!strcmp(name, names[n])) {
            isg_str_free(&list);
            return ISG_OK;
        }
    }
    const char *near = isg_str_nearest(name, names, n);
    isg_err rc =
        near ? ISG_FAIL(ISG_EUSAGE, "unknown split '%s'; did you mean '%s'?", name, near)
             : ISG_FAIL(ISG_EUSAGE, "unknown split '%s'; there are %s", name, isg_str_c(&list));
    isg_str_free(&list);
    return rc;
}

static isg_err add_folds(isg_split *s, size_t n)
{
    s->held = calloc(n * s->n_rows + 1, 1);
    if (!s->held) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu folds", n);
    s->n_folds = n;
    return ISG_OK;
}

/* No fold, and why. */
static isg_err none(isg_split *s, char *why)
{
    free(s->rule);
    free(s->held);
    s->held = NULL;
    s->n_folds = 0;
    s->rule = why;
    return why ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a split");
}

static isg_err rule(isg_split *s, char *words)
{
    s->rule = words;
    return words ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a split");
}

/* ---- at random ------------------------------------------------------------------------- */

static isg_err draw(isg_split *s, const isg_split_rows *rows, const isg_split_options *o)
{
    size_t wanted = (size_t)(o->share * (double)rows->n_clusters + 0.5);
    size_t *order = malloc((rows->n_clusters + 1) * sizeof *order);
    unsigned char *out = malloc(rows->n_clusters + 1);
    isg_err rc =
        order && out ? add_folds(s, o->repeats) : ISG_FAIL(ISG_ENOMEM, "no memory for a split");

    if (wanted < 1) wanted = 1;
    for (size_t f = 0; !rc && f < s->n_folds; f++) {
        isg_rng r;
        isg_rng_at(&r, o->seed, ISG_RNG_SPLIT, f);
        memset(out, 0, rows->n_clusters);
        for (size_t k = 0; k < rows->n_clusters; k++) order[k] = k;
        for (size_t k = 0; k < wanted; k++) { /* Fisher and Yates, as far as needed */
            size_t at = k + (size_t)isg_rng_below(&r, rows->n_clusters - k), drawn = order[at];
            order[at] = order[k];
            order[k] = drawn;
            out[drawn] = 1;
        }
        for (size_t i = 0; i < rows->n; i++) s->held[f * rows->n + i] = out[rows->cluster[i]];
    }
    free(order);
    free(out);
    if (!rc)
        rc = rule(s, isg_strf("%zu of %zu clusters drawn at random, %zu times, seed %llu", wanted,
                              rows->n_clusters, s->n_folds, (unsigned long long)o->seed));
    return rc;
}

/* ---- by rank ----------------------------------------------------------------------------- */

static double value_of(const isg_split_rows *rows, size_t by, size_t i)
{
    double c = 6 * rows->size[i] * rows->tokens[i];
    return by == BY_N ? rows->size[i] : by == BY_D ? rows->tokens[i] : by == BY_C ? c : -c;
}

/* Rows whose cluster's highest value is not below the share's quantile. */
static isg_err rank(isg_split *s, const isg_split_rows *rows, size_t by, double share)
{
    const size_t n = rows->n, count = (size_t)ceil(share * (double)n);
    double *top = malloc((rows->n_clusters + 1) * sizeof *top),
           *sorted = malloc((n + 1) * sizeof *sorted);
    isg_err rc = top && sorted ? add_folds(s, 1) : ISG_FAIL(ISG_ENOMEM, "no memory for a split");
    char least[32];

    for (size_t k = 0; !rc && k < rows->n_clusters; k++) top[k] = -INFINITY;
    for (size_t i = 0; !rc && i < n; i++) {
        double x = value_of(rows, by, i);
        if (x > top[rows->cluster[i]]) top[rows->cluster[i]] = x;
    }
    for (size_t i = 0; !rc && i < n; i++) sorted[i] = top[rows->cluster[i]];
    if (!rc) qsort(sorted, n, sizeof *sorted, isg_by_value);
    double bound = rc ? 0 : sorted[n - count];
    size_t held = 0;
    for (size_t i = 0; !rc && i < n; i++) {
        s->held[i] = top[rows->cluster[i]] >= bound;
        held += s->held[i];
    }
    free(top);
    free(sorted);
    if (rc) return rc;
    const char *what = s->type->name[0] == 'l' ? "C" : s->type->name;
    if (by == BY_C || by == BY_LOW_C)
        (void)snprintf(least, sizeof least, "%.3g", fabs(bound));
    else
        (void)isg_str_count(bound, least, sizeof least);
    if (2 * held > n)
        return none(s,
                    isg_strf("%zu of %zu rows have the same extreme %s, %s", held, n, what, least));
    return rule(s, isg_strf("%s %s %s", what, by == BY_LOW_C ? "<=" : ">=", least));
}

/* ---- by mixture ---------------------------------------------------------------------------- */

static const char *const no_mixtures =
    "the rows do not say what they were trained on (columns n_languages, tokens_LANGUAGE)";

static isg_err other_mixtures(isg_split *s, const isg_split_rows *rows)
{
    size_t held = 0;

    if (!rows->kind) return none(s, isg_strdup(no_mixtures));
    ISG_TRY(add_folds(s, 1));
    for (size_t i = 0; i < rows->n; i++) {
        s->held[i] = rows->kind[i] == ISG_MIXTURE_OTHER;
        held += s->held[i];
    }
    if (!held) return none(s, isg_strdup("every run is monolingual, bilingual or unimax"));
    if (held == rows->n) return none(s, isg_strdup("no run is monolingual, bilingual or unimax"));
    return rule(s, isg_strdup("mixtures that are neither monolingual nor bilingual nor unimax"));
}

static isg_err each_mixture(isg_split *s, const isg_split_rows *rows)
{
    if (!rows->kind) return none(s, isg_strdup(no_mixtures));
    unsigned char *several = calloc(rows->n_mixtures + 1, 1);
    isg_err rc = several ? add_folds(s, rows->n_mixtures) : ISG_FAIL(ISG_ENOMEM, "no memory");
    size_t folds = 0;

    for (size_t i = 0; !rc && i < rows->n; i++)
        several[rows->mixture[i]] = rows->kind[i] != ISG_MIXTURE_MONOLINGUAL;
    for (size_t m = 0; !rc && m < rows->n_mixtures; m++) {
        if (!several[m]) continue;
        for (size_t i = 0; i < rows->n; i++) s->held[folds * rows->n + i] = rows->mixture[i] == m;
        folds++;
    }
    free(several);
    if (rc) return rc;
    s->n_folds = folds;
    if (folds < 2)
        return none(s, isg_strf("there %s of several languages; two are needed",
                                folds ? "is one mixture" : "are no mixtures"));
    return rule(s, isg_strf("each of %zu mixtures of several languages in turn", folds));
}

/* ---- life ------------------------------------------------------------------------------------ */

static isg_err make(isg_split *s, const isg_split_rows *rows, const isg_split_options *o)
{
    const size_t by = (size_t)(s->type - isg_splits);

    if (rows->n_clusters < 2) return none(s, isg_strdup("there is only one cluster"));
    if (by == RANDOM) return draw(s, rows, o);
    if (by == BY_KIND) return other_mixtures(s, rows);
    if (by == BY_MIXTURE) return each_mixture(s, rows);
    return rank(s, rows, by, o->share);
}

isg_err isg_split_create(const char *name, const isg_split_rows *rows, const isg_split_options *o,
                         isg_split **out)
{
    const isg_split_type *type = NULL;

    *out = NULL;
    ISG_TRY(find(name, &type));
    isg_split *s = calloc(1, sizeof *s);
    if (!s) return ISG_FAIL(ISG_ENOMEM, "no memory for a split");
    s->type = type;
    s->n_rows = rows->n;
    isg_err rc = make(s, rows, o);
    for (size_t k = 0; !rc && k < s->n_folds * s->n_rows; k++) s->n_held += s->held[k];
    if (rc) isg_split_destroy(&s);
    *out = s;
    return rc;
}

void isg_split_destroy(isg_split **split)
{
    if (!*split) return;
    free((*split)->held);
    free((*split)->rule);
    free(*split);
    *split = NULL;
}
