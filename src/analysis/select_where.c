/* Rows that the user asks for: --by, --where, --target. */

#include "columns.h"
#include "selecting.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const evaluation_columns[] = {
    "evaluation", "eval_language", "eval_set",  "evalset", "eval", "eval_dataset", "val_set",
    "valset",     "test_set",      "benchmark", "task",    "lang", "language"};
enum { COUNT_EVALUATIONS = sizeof evaluation_columns / sizeof evaluation_columns[0] };

bool isg_selecting_names_evaluation(const char *column)
{
    for (size_t k = 0; k < COUNT_EVALUATIONS; k++) {
        if (!strcasecmp(column, evaluation_columns[k])) return true;
    }
    return false;
}

typedef enum comparison { EQ, NE, LT, LE, GT, GE } comparison;

static bool holds(comparison op, double order)
{
    switch (op) {
    case EQ: return !(order < 0) && !(order > 0);
    case NE: return order < 0 || order > 0;
    case LT: return order < 0;
    case LE: return order <= 0;
    case GT: return order > 0;
    default: return order >= 0;
    }
}

static isg_err nothing_left(isg_selecting *w, const char *option, const isg_column *c)
{
    isg_str list = {0};

    memset(w->state, ISG_ROW_KEPT, w->t->n_rows); /* to say what there is */
    isg_err rc = isg_columns_describe(w->t, c, w->state, &list);
    if (!rc)
        rc = ISG_FAIL(ISG_EUSAGE, "%s leaves no row of %s. There is: %s", option, w->t->source,
                      isg_str_c(&list));
    isg_str_free(&list);
    return rc;
}

/* One wanted value: as a number where value and column are numbers, else as text. */
static bool meets(const isg_column *c, size_t row, comparison op, const char *value, size_t n)
{
    char text[64];
    double wanted;

    if (c->numeric && n < sizeof text) {
        memcpy(text, value, n);
        text[n] = '\0';
        if (isg_str_to_double(text, &wanted))
            return !isnan(c->number[row]) &&
                   holds(op, (c->number[row] > wanted) - (c->number[row] < wanted));
    }
    const bool equal = strlen(c->text[row]) == n && !strncmp(c->text[row], value, n);
    return holds(op, equal ? 0 : 1);
}

static bool occurs(const isg_selecting *w, const isg_column *c, const char *value)
{
    for (size_t i = 0; i < w->t->n_rows; i++) {
        if (!strcmp(c->text[i], value)) return true;
    }
    return false;
}

/* "a|b" is a or b, unless the column has that very text. */
static bool meets_any(const isg_column *c, size_t row, const char *value)
{
    for (const char *p = value;; p++) {
        const size_t n = strcspn(p, "|");
        if (meets(c, row, EQ, p, n)) return true;
        p += n;
        if (!*p) return false;
    }
}

static isg_err keep_where(isg_selecting *w, const char *option, const char *name, comparison op,
                          const char *value)
{
    const isg_column *c = isg_table_column(w->t, name);
    double wanted = 0;

    if (!c) return isg_columns_unknown(w->t, name, option);
    if (op > NE && !isg_str_to_double(value, &wanted))
        return ISG_FAIL(ISG_EUSAGE, "%s: '%s' is not a number", option, value);
    if (op > NE && !c->numeric) {
        ISG_TRY(isg_err_context(isg_table_all_numbers(w->t, c), "%s", option));
        return ISG_FAIL(ISG_EUSAGE, "%s: column '%s' is empty", option, name);
    }
    const bool several = op <= NE && strchr(value, '|') && !occurs(w, c, value);
    for (size_t i = 0; i < w->t->n_rows; i++) {
        if (w->state[i] != ISG_ROW_KEPT) continue;
        bool keep =
            several ? meets_any(c, i, value) == (op == EQ) : meets(c, i, op, value, strlen(value));
        if (!keep) w->state[i] = ISG_ROW_OTHER;
    }
    return isg_selecting_kept(w) ? ISG_OK : nothing_left(w, option, c);
}

isg_err isg_selecting_equal(isg_selecting *w, const char *option, const char *column,
                            const char *value)
{
    return keep_where(w, option, column, EQ, value);
}

isg_err isg_selecting_by(isg_selecting *w)
{
    return w->o->by ? keep_where(w, "--by", w->o->by, EQ, w->o->by_value) : ISG_OK;
}

/* The first n bytes without spaces around them; NULL when out of memory. */
static char *trimmed(const char *text, size_t n)
{
    while (n && text[n - 1] == ' ') n--;
    for (; n && *text == ' '; n--) text++;
    return isg_strf("%.*s", (int)n, text);
}

static isg_err apply_where(isg_selecting *w, const char *text)
{
    static const struct {
        const char *sign;
        comparison op;
    } signs[] = {{"!=", NE}, {"<=", LE}, {">=", GE}, {"==", EQ}, {"=", EQ}, {"<", LT}, {">", GT}};
    size_t at = strcspn(text, "=!<>");

    for (size_t k = 0; text[at] && at && k < sizeof signs / sizeof signs[0]; k++) {
        size_t length = strlen(signs[k].sign);
        if (strncmp(text + at, signs[k].sign, length) != 0) continue;
        char *option = isg_strf("--where \"%s\"", text);
        const char *rest = text + at + length;
        char *name = trimmed(text, at), *value = trimmed(rest, strlen(rest));
        isg_err rc = name && value && option ? keep_where(w, option, name, signs[k].op, value)
                                             : ISG_FAIL(ISG_ENOMEM, "no memory for --where");
        free(name);
        free(value);
        free(option);
        return rc;
    }
    return ISG_FAIL(ISG_EUSAGE,
                    "--where '%s': wanted \"column=value\" (or !=, <, <=, >, >=; a|b for a or b)",
                    text);
}

isg_err isg_selecting_where(isg_selecting *w)
{
    for (size_t k = 0; k < w->o->n_where; k++) ISG_TRY(apply_where(w, w->o->where[k]));
    return ISG_OK;
}

isg_err isg_select_where(const isg_table *t, const char *const *where, size_t n,
                         unsigned char *keep)
{
    isg_selecting w = {.t = t, .state = keep};
    isg_err rc = ISG_OK;

    memset(keep, ISG_ROW_KEPT, t->n_rows);
    for (size_t k = 0; k < n && !rc; k++) rc = apply_where(&w, where[k]);
    for (size_t i = 0; i < t->n_rows; i++) keep[i] = keep[i] == ISG_ROW_KEPT;
    return rc;
}

bool isg_selecting_asks_for(const isg_selecting *w, const char *column)
{
    for (size_t k = 0; k < w->o->n_where; k++) {
        if (strcspn(w->o->where[k], " =!<>") == strlen(column) &&
            !strncmp(w->o->where[k], column, strlen(column)))
            return true;
    }
    return false;
}

bool isg_selecting_follows(const isg_selecting *w, const isg_column *c, const isg_column *chosen)
{
    const size_t n = w->t->n_rows;
    size_t *row = malloc((n + 1) * sizeof *row), *code = malloc((n + 1) * sizeof *code);
    size_t *slots = malloc(isg_columns_slots(n) * sizeof *slots), m = 0;
    size_t *first = calloc(n + 1, sizeof *first); /* by value of `chosen`: a row and 1 */
    bool one = row && code && slots && first;

    for (size_t i = 0; i < n && one; i++) {
        if (w->state[i] == ISG_ROW_KEPT && c->text[i][0]) row[m++] = i;
    }
    if (one) (void)isg_columns_code(chosen, row, m, true, slots, code);
    for (size_t k = 0; k < m && one; k++) {
        size_t *at = &first[code[k]];
        if (!*at) *at = row[k] + 1;
        one = !strcmp(c->text[*at - 1], c->text[row[k]]);
    }
    free(row);
    free(code);
    free(slots);
    free(first);
    return one;
}

/* The column of a condition that names several values; else NULL. */
static const isg_column *several_of(const isg_selecting *w, const char *text)
{
    const char *sign = text + strcspn(text, "=!<>");
    if (*sign != '=' || !strchr(sign, '|')) return NULL;
    char *name = trimmed(text, (size_t)(sign - text));
    const isg_column *c = name ? isg_table_column(w->t, name) : NULL;
    free(name);
    return c;
}

bool isg_selecting_named(const isg_selecting *w, const isg_column *c)
{
    for (size_t k = 0; k < w->o->n_where; k++) {
        if (several_of(w, w->o->where[k]) == c) return true;
    }
    return false;
}

bool isg_selecting_chosen(const isg_selecting *w, const isg_column *c)
{
    for (size_t k = 0; k < w->o->n_where; k++) {
        const isg_column *chosen = several_of(w, w->o->where[k]);
        if (chosen && (chosen == c || isg_selecting_follows(w, c, chosen))) return true;
    }
    return false;
}

/* In any case, with a filled cell and no free-running numbers; or NULL. */
static const isg_column *evaluation_column(const isg_table *t, const char *name)
{
    for (size_t j = 0; j < t->n_columns; j++) {
        const isg_column *c = &t->columns[j];
        if (strcasecmp(c->name, name) != 0) continue;
        if (!c->numeric || !strncmp(name, "eval_", 5)) return isg_selecting_filled(t, c->name);
    }
    return NULL;
}

/* Do rows of the language have the evaluation of its own name? */
static bool has_main(const isg_selecting *w, const isg_column *evaluation,
                     const isg_column *language, const char *code)
{
    for (size_t i = 0; i < w->t->n_rows; i++) {
        if (w->state[i] == ISG_ROW_KEPT && !strcmp(language->text[i], code) &&
            !strcmp(evaluation->text[i], code))
            return true;
    }
    return false;
}

isg_err isg_selecting_main(isg_selecting *w)
{
    const isg_column *evaluation = isg_table_column(w->t, "evaluation"),
                     *language = isg_table_column(w->t, "eval_language");
    const bool named =
        isg_selecting_asks_for(w, "evaluation") || (w->o->by && !strcmp(w->o->by, "evaluation"));
    const char *last = "", *example = NULL;
    size_t aside = 0;
    bool has = false;

    if (!evaluation || !language || named || w->o->pool || w->o->metric == ISG_METRIC_PAGE)
        return ISG_OK;
    for (size_t i = 0; i < w->t->n_rows; i++) {
        const char *code = language->text[i];
        const size_t n = strlen(code);
        if (w->state[i] != ISG_ROW_KEPT || !n || strncmp(evaluation->text[i], code, n) != 0 ||
            evaluation->text[i][n] != '.')
            continue;
        if (strcmp(last, code) != 0) has = has_main(w, evaluation, language, code);
        last = code;
        if (!has) continue;
        w->state[i] = ISG_ROW_OTHER;
        example = evaluation->text[i];
        aside++;
    }
    if (!aside) return ISG_OK;
    return isg_selecting_note(
        w,
        isg_strf("%zu rows of further evaluations are left aside, such as %s: --target takes one.",
                 aside, example));
}

/* For bits per page a language stands for its pages. */
static bool stands_for_pages(const isg_selecting *w, size_t k)
{
    const isg_column *c = isg_table_column(w->t, "eval_language");
    if (k || w->o->metric != ISG_METRIC_PAGE || !c) return false;
    for (size_t i = 0; i < w->t->n_rows; i++) {
        if (!strcmp(c->text[i], w->o->target)) return true;
    }
    return false;
}

/* --target is a value of one of the columns that name evaluations. */
isg_err isg_selecting_target(isg_selecting *w)
{
    const char *target = w->o->target;
    isg_str list = {0};
    isg_err rc = ISG_OK;

    if (!target) return ISG_OK;
    for (size_t k = 0; k < COUNT_EVALUATIONS; k++) {
        const isg_column *c = evaluation_column(w->t, evaluation_columns[k]);
        if (stands_for_pages(w, k)) continue;
        for (size_t i = 0; c && i < w->t->n_rows; i++) {
            if (strcmp(c->text[i], target) != 0) continue;
            isg_str_free(&list);
            return keep_where(w, "--target", c->name, EQ, target);
        }
        if (c && !rc) rc = isg_columns_describe(w->t, c, w->state, &list);
    }
    if (!rc && list.len)
        rc = ISG_FAIL(ISG_EUSAGE, "--target %s: there is no such evaluation; there are: %s", target,
                      isg_str_c(&list));
    else if (!rc)
        rc = ISG_FAIL(ISG_EUSAGE,
                      "--target %s: %s has none of the columns evaluation, eval_language, "
                      "eval_set, evalset, benchmark, language; choose the rows with --where "
                      "\"COLUMN=%s\"",
                      target, w->t->source, target);
    isg_str_free(&list);
    return rc;
}
