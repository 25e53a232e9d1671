#include "isogloss/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Shares that differ by less are one mixture: of points of one run they are rounded differently. */
static const double share_steps = 1000;

typedef struct shares {
    const isg_column **column;
    size_t n;
} shares;

/* Columns PREFIXlanguage, in order of their names. */
static int by_name(const void *a, const void *b)
{
    return strcmp((*(const isg_column *const *)a)->name, (*(const isg_column *const *)b)->name);
}

static isg_err find_shares(const isg_table *t, const char *prefix, shares *out)
{
    out->n = 0;
    for (size_t j = 0; j < t->n_columns; j++) {
        const isg_column *c = &t->columns[j];
        if (!c->numeric || strncmp(c->name, prefix, strlen(prefix)) != 0) continue;
        out->column[out->n++] = c;
    }
    qsort(out->column, out->n, sizeof *out->column, by_name);
    return ISG_OK;
}

static bool is_unimax(const isg_table *t, size_t row)
{
    static const char *const columns[] = {"family", "mixture", "data"};
    for (size_t k = 0; k < sizeof columns / sizeof *columns; k++) {
        const isg_column *c = isg_table_column(t, columns[k]);
        if (c && (strstr(c->text[row], "unimax") || strstr(c->text[row], "Unimax"))) return true;
    }
    return false;
}

static double amount(const isg_column *c, size_t row)
{
    return c->number[row] > 0 ? c->number[row] : 0;
}

/* Languages of a row from shares, else from n_languages; 0 if neither says. Appends the key. */
static isg_err describe(const isg_table *t, const shares *s, size_t row, size_t *languages,
                        isg_str *key)
{
    const isg_column *count = isg_table_column(t, "n_languages");
    double total = 0;

    *languages = 0;
    for (size_t k = 0; k < s->n; k++) total += amount(s->column[k], row);
    for (size_t k = 0; total > 0 && k < s->n; k++) {
        double share = amount(s->column[k], row) / total;
        if (share <= 0) continue;
        ++*languages;
        ISG_TRY(isg_str_printf(key, "%s=%.0f ", s->column[k]->name, share * share_steps));
    }
    if (*languages || !count || !count->numeric || !(count->number[row] >= 1)) return ISG_OK;
    *languages = (size_t)count->number[row];
    return isg_str_printf(key, "%zu languages", *languages);
}

typedef struct keyed {
    char *key;
    size_t at;
} keyed;

static int by_key(const void *a, const void *b)
{
    return strcmp(((const keyed *)a)->key, ((const keyed *)b)->key);
}

static isg_err read_rows(const isg_table *t, const shares *s, const size_t *row, size_t n,
                         keyed *keys, isg_mixtures *out, bool *known)
{
    *known = n > 0;
    for (size_t i = 0; i < n && *known; i++) {
        size_t languages = 0;
        isg_str key = {0};
        ISG_TRY(describe(t, s, row[i], &languages, &key));
        *known = languages > 0;
        keys[i] = (keyed){key.data, i};
        out->kind[i] = languages == 1         ? ISG_MIXTURE_MONOLINGUAL
                       : is_unimax(t, row[i]) ? ISG_MIXTURE_UNIMAX
                       : languages == 2       ? ISG_MIXTURE_BILINGUAL
                                              : ISG_MIXTURE_OTHER;
    }
    if (!*known) return ISG_OK;
    qsort(keys, n, sizeof *keys, by_key);
    for (size_t k = 0; k < n; k++) {
        out->n_mixtures += !k || strcmp(keys[k].key, keys[k - 1].key) != 0;
        out->mixture[keys[k].at] = out->n_mixtures - 1;
    }
    return ISG_OK;
}

isg_err isg_mixtures_read(const isg_table *t, const size_t *row, size_t n, isg_mixtures *out)
{
    shares s = {.column = malloc((t->n_columns + 1) * sizeof *s.column)};
    keyed *keys = calloc(n + 1, sizeof *keys);
    bool known = false;
    isg_err rc;

    *out = (isg_mixtures){.kind = calloc(n + 1, sizeof *out->kind),
                          .mixture = calloc(n + 1, sizeof *out->mixture)};
    rc = s.column && keys && out->kind && out->mixture
             ? ISG_OK
             : ISG_FAIL(ISG_ENOMEM, "no memory for the mixtures of %zu rows", n);
    if (!rc) rc = find_shares(t, "weight_", &s);
    if (!rc && !s.n) rc = find_shares(t, "tokens_", &s);
    if (!rc) rc = read_rows(t, &s, row, n, keys, out, &known);
    if (rc || !known) isg_mixtures_clear(out);
    for (size_t k = 0; keys && k < n; k++) free(keys[k].key);
    free(keys);
    free(s.column);
    return rc;
}

void isg_mixtures_clear(isg_mixtures *m)
{
    free(m->kind);
    free(m->mixture);
    *m = (isg_mixtures){0};
}
