#include "columns.h"

#include "isogloss/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { USUAL_NAMES = 8, SHOWN_VALUES = 6 };

/* What others call N, D and the loss; case does not matter. */
static const struct {
    const char *option, *names[USUAL_NAMES];
} usual[3] = {
    {"--n", {"N", "n_params", "params", "parameters", "num_params", "model_size", "size"}},
    {"--d",
     {"D", "tokens", "n_tokens", "num_tokens", "train_tokens", "training_tokens", "tokens_seen"}},
    {"--loss",
     {"L", "final_loss", "val_loss", "valid_loss", "validation_loss", "eval_loss", "test_loss",
      "bpb"}},
};

isg_err isg_columns_unknown(const isg_table *t, const char *name, const char *option)
{
    return isg_table_unknown(t, name, option);
}

/* The first column that has the name, in another case, or a usual one; else NULL. */
static const char *likely(const isg_table *t, const char *name, size_t role)
{
    for (size_t j = 0; j < t->n_columns; j++) {
        const char *other = t->columns[j].name;
        if (!strcasecmp(other, name)) return other;
        for (size_t i = 0; i < USUAL_NAMES && usual[role].names[i]; i++) {
            if (!strcasecmp(usual[role].names[i], other)) return other;
        }
    }
    return NULL;
}

isg_err isg_columns_usual(const isg_table *t, const char *const name[3])
{
    isg_str missing = {0}, options = {0}, list = {0};
    isg_err rc = ISG_OK;

    for (size_t k = 0; k < 3 && !rc; k++) {
        if (!name[k] || isg_table_column(t, name[k])) continue;
        const char *other = likely(t, name[k], k);
        rc = isg_str_printf(&missing, "%s'%s'", missing.len ? ", " : "", name[k]);
        if (!rc) rc = isg_str_printf(&options, " %s %s", usual[k].option, other ? other : "COLUMN");
    }
    if (!rc && missing.len) rc = isg_table_list_columns(t, &list);
    if (!rc && missing.len) {
        rc = ISG_FAIL(ISG_EUSAGE, "%s has no column %s; say which with%s. Its columns: %s",
                      t->source, isg_str_c(&missing), isg_str_c(&options), isg_str_c(&list));
    }
    isg_str_free(&missing);
    isg_str_free(&options);
    isg_str_free(&list);
    return rc;
}

isg_err isg_columns_number(const isg_table *t, const char *name, const char *option,
                           const isg_column **out)
{
    const isg_column *c = isg_table_column(t, name);

    if (!c) return isg_columns_unknown(t, name, option);
    *out = c;
    if (c->numeric) return ISG_OK;
    if (!t->n_rows) return ISG_FAIL(ISG_EDATA, "%s: there is no row below the header", t->source);
    ISG_TRY(isg_table_all_numbers(t, c));
    return ISG_FAIL(ISG_EDATA, "%s: column '%s' is empty", t->source, name);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

isg_err isg_columns_values(const isg_table *t, const isg_column *c, const unsigned char *state,
                           const char ***out, size_t *n)
{
    const char **v = malloc((t->n_rows + 1) * sizeof *v);
    size_t m = 0, k = 0;

    *out = NULL;
    if (!v) return ISG_FAIL(ISG_ENOMEM, "no memory for the values of '%s'", c->name);
    for (size_t i = 0; i < t->n_rows; i++) {
        if (!state || !state[i]) v[m++] = c->text[i];
    }
    qsort(v, m, sizeof *v, by_text);
    for (size_t i = 0; i < m; i++) {
        if (!k || strcmp(v[k - 1], v[i]) != 0) v[k++] = v[i];
    }
    *out = v;
    *n = k;
    return ISG_OK;
}

/* "name (60 values from 1e+06 to 3e+09)" */
static isg_err describe_range(const isg_table *t, const isg_column *c, const unsigned char *state,
                              size_t n, isg_str *to)
{
    double lo = INFINITY, hi = -INFINITY;

    for (size_t i = 0; i < t->n_rows; i++) {
        if (state[i] || isnan(c->number[i])) continue;
        lo = fmin(lo, c->number[i]);
        hi = fmax(hi, c->number[i]);
    }
    return isg_str_printf(to, "%s%s (%zu values from %.6g to %.6g)", to->len ? "; " : "", c->name,
                          n, lo, hi);
}

isg_err isg_columns_describe(const isg_table *t, const isg_column *c, const unsigned char *state,
                             isg_str *to)
{
    const char **v = NULL;
    size_t n = 0;

    ISG_TRY(isg_columns_values(t, c, state, &v, &n));
    if (c->numeric && n > SHOWN_VALUES) {
        isg_err said = describe_range(t, c, state, n, to);
        free(v);
        return said;
    }
    isg_err rc = isg_str_printf(to, "%s%s (%zu values:", to->len ? "; " : "", c->name, n);
    for (size_t i = 0; i < n && i < SHOWN_VALUES && !rc; i++) {
        rc = isg_str_printf(to, "%s %s", i ? "," : "", v[i][0] ? v[i] : "(empty)");
    }
    if (!rc) rc = isg_str_puts(to, n > SHOWN_VALUES ? ", ...)" : ")");
    free(v);
    return rc;
}
