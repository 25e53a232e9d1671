#include "columns.h"

#include "isogloss/select.h"
#include "isogloss/str.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { USUAL_NAMES = 8, SHOWN_VALUES = 6, SHOWN_FILES = 2 };

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

const char *isg_select_loss(const isg_table *t, const char *given)
{
    const char *name = given ? given : "loss";

    if (isg_table_column(t, name)) return name;
    return given ? NULL : likely(t, name, 2);
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

/* Empty cells first. */
static int by_number(const void *a, const void *b)
{
    double x, y;
    if (!isg_table_number(*(const char *const *)a, &x)) x = (double)NAN;
    if (!isg_table_number(*(const char *const *)b, &y)) y = (double)NAN;
    if (isnan(x) || isnan(y)) return !isnan(x) - !isnan(y);
    const int c = (x > y) - (x < y);
    return c ? c : by_text(a, b);
}

size_t isg_columns_slots(size_t n)
{
    size_t slots = 16;
    while (slots < 2 * n) slots *= 2;
    return slots;
}

static uint64_t hash_of(const isg_column *c, size_t row, bool numbers)
{
    uint64_t hash = 14695981039346656037ULL;

    if (numbers) {
        /* one zero, one NaN */
        double x = isnan(c->number[row]) ? (double)NAN : c->number[row] + 0.0;
        memcpy(&hash, &x, sizeof hash);
    } else {
        for (const char *p = c->text[row]; *p; p++)
            hash = (hash ^ (unsigned char)*p) * 1099511628211ULL;
    }
    hash *= 0x9e3779b97f4a7c15ULL;
    return hash ^ hash >> 29;
}

static bool equal(const isg_column *c, size_t a, size_t b, bool numbers)
{
    if (!numbers) return !strcmp(c->text[a], c->text[b]);
    const double x = c->number[a], y = c->number[b];
    return isnan(x) ? isnan(y) : !(x < y) && !(x > y) && !isnan(y);
}

size_t isg_columns_code(const isg_column *c, const size_t *row, size_t n, bool texts, size_t *slots,
                        size_t *code)
{
    const size_t mask = isg_columns_slots(n) - 1;
    const bool numbers = c->numeric && !texts;
    size_t count = 0;

    memset(slots, 0, (mask + 1) * sizeof *slots);
    for (size_t k = 0; k < n; k++) {
        size_t at = hash_of(c, row[k], numbers) & mask;
        while (slots[at] && !equal(c, row[slots[at] - 1], row[k], numbers)) at = (at + 1) & mask;
        if (!slots[at]) {
            slots[at] = k + 1;
            code[k] = count++;
        } else {
            code[k] = code[slots[at] - 1];
        }
    }
    return count;
}

isg_err isg_columns_values(const isg_table *t, const isg_column *c, const unsigned char *state,
                           const char ***out, size_t *n)
{
    size_t *row = calloc(t->n_rows + 1, sizeof *row), m = 0;
    size_t *slots = malloc(isg_columns_slots(t->n_rows) * sizeof *slots);
    size_t *code = malloc((t->n_rows + 1) * sizeof *code);
    const char **v = NULL;
    isg_err rc = ISG_OK;

    *out = NULL;
    *n = 0;
    for (size_t i = 0; row && i < t->n_rows; i++) {
        if (!state || !state[i]) row[m++] = i;
    }
    if (row && slots && code) *n = isg_columns_code(c, row, m, true, slots, code);
    if (row && slots && code) v = malloc((*n + 1) * sizeof *v);
    for (size_t k = 0; v && k < m; k++) v[code[k]] = c->text[row[k]];
    if (v)
        qsort(v, *n, sizeof *v, by_text);
    else
        rc = ISG_FAIL(ISG_ENOMEM, "no memory for the values of '%s'", c->name);
    free(row);
    free(slots);
    free(code);
    *out = v;
    return rc;
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

/* " in a.h5": the files that have the value, unless all do that have a row. */
static isg_err say_files(const isg_table *t, const isg_column *c, const unsigned char *state,
                         const char *value, isg_str *to)
{
    bool *has = calloc(2 * t->n_files + 1, sizeof *has), *any = has ? has + t->n_files : NULL;
    size_t with = 0, files = 0;
    isg_err rc = has ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for %zu files", t->n_files);

    for (size_t i = 0; i < t->n_rows && !rc && t->files; i++) {
        if (state[i]) continue;
        any[t->file[i]] = true;
        has[t->file[i]] = has[t->file[i]] || !strcmp(c->text[i], value);
    }
    for (size_t k = 0; k < t->n_files && !rc; k++) {
        with += has[k];
        files += any[k];
    }
    for (size_t k = 0, said = 0; k < t->n_files && with < files && !rc; k++) {
        if (!has[k]) continue;
        rc = said == SHOWN_FILES ? isg_str_printf(to, " and %zu more", with - said)
                                 : isg_str_printf(to, "%s%s", said ? " and " : " in ", t->files[k]);
        if (said++ == SHOWN_FILES) break;
    }
    free(has);
    return rc;
}

isg_err isg_columns_describe(const isg_table *t, const isg_column *c, const unsigned char *state,
                             isg_str *to)
{
    const char **v = NULL;
    size_t n = 0;

    ISG_TRY(isg_columns_values(t, c, state, &v, &n));
    if (c->numeric) qsort(v, n, sizeof *v, by_number);
    if (c->numeric && n > SHOWN_VALUES) {
        isg_err said = describe_range(t, c, state, n, to);
        free(v);
        return said;
    }
    isg_err rc = isg_str_printf(to, "%s%s (%zu value%s:", to->len ? "; " : "", c->name, n,
                                n == 1 ? "" : "s");
    for (size_t i = 0; i < n && i < SHOWN_VALUES && !rc; i++) {
        rc = isg_str_printf(to, "%s %s", i ? "," : "", v[i][0] ? v[i] : "(empty)");
        if (!rc && n > 1) rc = say_files(t, c, state, v[i], to);
    }
    if (!rc) rc = isg_str_puts(to, n > SHOWN_VALUES ? ", ...)" : ")");
    free(v);
    return rc;
}
