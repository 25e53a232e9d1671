/* N, D, the loss and the variables of the law: columns of the table or expressions over them. */

#include "columns.h"
#include "isogloss/expr.h"
#include "selecting.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double SMALLEST = 1e-300; /* positive and normal, as isg_ln() wants it */

/* ---- N, D and the loss ------------------------------------------------------------------ */

static bool plain_name(const char *text)
{
    return text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.0123456789")] ==
           '\0';
}

static isg_err find_quantity(const isg_selecting *w, const char *text, const char *option,
                             isg_quantity *q)
{
    q->text = isg_strdup(text);
    q->number = malloc((w->t->n_rows + 1) * sizeof *q->number);
    if (!q->text || !q->number) return ISG_FAIL(ISG_ENOMEM, "no memory for '%s'", text);
    if (isg_table_column(w->t, text) || plain_name(text))
        ISG_TRY(isg_columns_number(w->t, text, option, &q->column));
    return isg_expr_column(w->t, text, option, q->number);
}

/* Does the law ask for all tokens of a run? */
static bool wants_d(const isg_law *law)
{
    for (size_t k = 0; k < law->n_vars; k++) {
        const isg_law_var *v = &law->vars[k];
        if (!v->from && !strcmp(v->name, "D")) return true;
        for (size_t i = 0; v->from && v->from[i]; i++)
            if (strstr(v->from[i], "{D}")) return true;
    }
    return false;
}

/* The text of --var for the variable, or NULL. */
static const char *given(const isg_selecting *w, const char *name)
{
    for (size_t k = 0; k < w->o->n_var; k++) {
        const size_t n = strcspn(w->o->var[k], "=");
        if (n == strlen(name) && !strncmp(w->o->var[k], name, n)) return w->o->var[k] + n + 1;
    }
    return NULL;
}

static isg_err check_given(const isg_selecting *w)
{
    for (size_t k = 0; k < w->o->n_var; k++) {
        const char *text = w->o->var[k];
        const size_t n = strcspn(text, "=");
        if (!n || !text[n] || !text[n + 1])
            return ISG_FAIL(ISG_EUSAGE,
                            "--var '%s': wanted NAME=COL, a variable of the law and a column or an "
                            "expression, such as K=n_languages",
                            text);
        char *name = isg_strf("%.*s", (int)n, text);
        size_t at;
        isg_err rc = name ? isg_law_var_find(w->law, name, &at) : ISG_FAIL(ISG_ENOMEM, "no memory");
        const char *first = rc ? NULL : given(w, name);
        if (!rc && first != text + n + 1)
            rc = ISG_FAIL(ISG_EUSAGE, "--var gives %s twice: '%s' and '%s'", name, first,
                          text + n + 1);
        free(name);
        ISG_TRY(isg_err_context(rc, "--var"));
    }
    return ISG_OK;
}

/* --var N=... is --n where the law has N itself. */
static const char *given_quantity(const isg_selecting *w, const char *name, const char *option)
{
    for (size_t k = 0; k < w->law->n_vars; k++) {
        const isg_law_var *v = &w->law->vars[k];
        if (!v->from && !strcmp(v->name, name) && given(w, name)) return given(w, name);
    }
    return option;
}

static isg_err mark(const isg_selecting *w, const char *text, bool *columns)
{
    return isg_expr_uses(w->t, text, "", columns);
}

isg_err isg_selecting_find(isg_selecting *w)
{
    static const char *const total[] = {"N_total", "N_params"}, *const rest[] = {
                                                                    "N_nonembedding",
                                                                    "N_params_no_embed"};
    const char *const *choice = total;

    ISG_TRY(check_given(w));
    const char *n = given_quantity(w, "N", w->o->n), *d = given_quantity(w, "D", w->o->d),
               *loss = w->o->loss ? w->o->loss : "loss";
    const bool n_is_usual = !n || !strcmp(n, "total"), d_is_usual = !d;
    if (!n || !strcmp(n, "total") || !strcmp(n, "nonembedding")) {
        if (n && !strcmp(n, "nonembedding")) choice = rest;
        n = isg_table_column(w->t, choice[0]) ? choice[0] : choice[1];
        if (choice == rest && !isg_table_column(w->t, n)) n = rest[0];
    }
    if (!d) d = "D_tokens";
    w->no_d = d_is_usual && !isg_table_column(w->t, d) && !wants_d(w->law);
    const char *const usual[] = {n_is_usual ? n : NULL, d_is_usual && !w->no_d ? d : NULL,
                                 w->o->loss ? NULL : loss};
    ISG_TRY(isg_columns_usual(w->t, usual));
    ISG_TRY(find_quantity(w, n, "--n", &w->n));
    ISG_TRY(find_quantity(w, loss, "--loss", &w->loss));
    ISG_TRY(mark(w, n, w->of_size));
    ISG_TRY(mark(w, loss, w->of_run));
    if (!w->no_d) {
        ISG_TRY(find_quantity(w, d, "--d", &w->d));
        /* the columns of an expression follow D or separate runs */
        if (w->d.column) w->of_run[w->d.column - w->t->columns] = true;
    } else {
        w->d.number = malloc((w->t->n_rows + 1) * sizeof(double));
        if (!w->d.number) return ISG_FAIL(ISG_ENOMEM, "no memory for D");
        for (size_t i = 0; i < w->t->n_rows; i++) w->d.number[i] = 1;
    }
    for (size_t j = 0; j < w->t->n_columns; j++) w->of_run[j] = w->of_run[j] && !w->of_size[j];
    return ISG_OK;
}

/* ---- variables of the law ------------------------------------------------------------------ */

/* Rows of one language. */
typedef struct part {
    const isg_column *column; /* NULL: all rows */
    const char *language;
} part;

static bool in_part(const isg_selecting *w, const part *p, size_t row)
{
    return w->state[row] == ISG_ROW_KEPT &&
           (!p->column || !strcmp(p->column->text[row], p->language));
}

static isg_err put_quantity(const isg_quantity *q, bool alone, isg_str *to)
{
    if (alone) return isg_str_puts(to, q->text);
    if (!q->column) return isg_str_printf(to, "(%s)", q->text);
    const char quote = strchr(q->text, '"') ? '`' : '"';
    return plain_name(q->text) ? isg_str_puts(to, q->text)
                               : isg_str_printf(to, "%c%s%c", quote, q->text, quote);
}

/* {target}, {N}, {D} put in. @param language  what stands for {target} */
static isg_err substitute(const isg_selecting *w, const char *from, const char *language,
                          isg_str *to)
{
    isg_err rc = ISG_OK;

    while (*from && !rc) {
        const size_t n = strcspn(from, "{");
        rc = isg_str_printf(to, "%.*s", (int)n, from);
        from += n;
        const bool alone = !to->len && strlen(from) == 3;
        if (rc || !*from) break;
        if (!strncmp(from, "{target}", 8)) {
            rc = isg_str_puts(to, language);
            from += 8;
        } else if (!strncmp(from, "{N}", 3)) {
            rc = put_quantity(&w->n, alone, to);
            from += 3;
        } else if (!strncmp(from, "{D}", 3)) {
            rc = put_quantity(&w->d, alone, to);
            from += 3;
        } else {
            rc = isg_str_printf(to, "%c", *from++);
        }
    }
    return rc;
}

/* Numbers of the part's rows; none of them: as if the columns were not there. */
static isg_err evaluate(isg_selecting *w, size_t k, const part *p, const char *text, double *number,
                        bool *there)
{
    char *option = isg_strf("%s of law %s", w->law->vars[k].name, w->law->name);
    bool *used = calloc(w->t->n_columns + 1, sizeof *used);
    isg_err rc = option && used ? isg_expr_uses(w->t, text, option, used)
                                : ISG_FAIL(ISG_ENOMEM, "no memory for '%s'", text);

    *there = false;
    if (rc == ISG_EUSAGE) { /* a column is not there */
        isg_err_clear();
        rc = ISG_OK;
    } else if (!rc) {
        rc = isg_expr_column(w->t, text, option, number);
        for (size_t i = 0; i < w->t->n_rows && !rc && !*there; i++)
            *there = in_part(w, p, i) && !isnan(number[i]);
    }
    for (size_t j = 0; j < w->t->n_columns && !rc && *there; j++)
        w->of_law[j] = w->of_law[j] || used[j];
    free(option);
    free(used);
    return rc;
}

static isg_err not_there(const isg_selecting *w, size_t k, const isg_str *tried, bool no_target)
{
    const isg_law_var *v = &w->law->vars[k];
    isg_str list = {0};
    isg_err rc = isg_table_list_columns(w->t, &list);

    if (!rc)
        rc =
            ISG_FAIL(ISG_EUSAGE,
                     "law %s needs %s, %s: %s has no %s%s. Say what it is with --var %s=COL, a "
                     "column or an expression such as 2*COL. The columns: %s",
                     w->law->name, v->name, v->meaning, w->t->source, isg_str_c(tried),
                     no_target ? " (LANGUAGE is that of --target)" : "", v->name, isg_str_c(&list));
    isg_str_free(&list);
    return rc;
}

/* The first of `from` whose columns are there; optional ones are zero without any. */
static isg_err resolve(isg_selecting *w, size_t k, const part *p, double *number, isg_str *used)
{
    const isg_law_var *v = &w->law->vars[k];
    isg_str tried = {0};
    bool there = false, no_target = false;
    isg_err rc = ISG_OK;

    for (size_t i = 0; v->from[i] && !there && !rc; i++) {
        const bool nameless = strstr(v->from[i], "{target}") && !*p->language;
        isg_str text = {0};
        rc = substitute(w, v->from[i], nameless ? "LANGUAGE" : p->language, &text);
        no_target = no_target || nameless;
        if (!rc && !nameless) rc = evaluate(w, k, p, isg_str_c(&text), number, &there);
        if (!rc) rc = isg_str_printf(&tried, "%s%s", i ? " or " : "", isg_str_c(&text));
        if (!rc && there && !used->len) rc = isg_str_puts(used, isg_str_c(&text));
        isg_str_free(&text);
    }
    if (!rc && !there && !v->optional) rc = not_there(w, k, &tried, no_target);
    for (size_t i = 0; i < w->t->n_rows && !rc && !there; i++) number[i] = 0;
    isg_str_free(&tried);
    return rc;
}

/* Where {target} stands, rows of each language have columns of their own. */
static isg_err resolve_parts(isg_selecting *w, size_t k, isg_str *used)
{
    const isg_law_var *v = &w->law->vars[k];
    part p = {.column = isg_selecting_filled(w->t, "eval_language")};
    const char **language = NULL;
    size_t n = 1;
    double *number = NULL;
    bool by_language = false;

    for (size_t i = 0; v->from[i]; i++) by_language = by_language || strstr(v->from[i], "{target}");
    if (!by_language || !p.column) {
        p = (part){.language = isg_selecting_language(w, NULL, 0)};
        return resolve(w, k, &p, w->var[k], used);
    }
    isg_err rc = isg_columns_values(w->t, p.column, w->state, &language, &n);
    number = malloc((w->t->n_rows + 1) * sizeof *number);
    if (!rc && !number) rc = ISG_FAIL(ISG_ENOMEM, "no memory for '%s'", v->name);
    for (size_t l = 0; l < n && !rc; l++) {
        p.language = language[l];
        rc = resolve(w, k, &p, number, used);
        for (size_t i = 0; i < w->t->n_rows && !rc; i++) {
            if (in_part(w, &p, i)) w->var[k][i] = number[i];
        }
    }
    free(language);
    free(number);
    return rc;
}

static isg_err find_var(isg_selecting *w, size_t k)
{
    const isg_law_var *v = &w->law->vars[k];
    const char *text = given(w, v->name);
    isg_str used = {0};
    isg_err rc = ISG_OK;

    w->var[k] = calloc(w->t->n_rows + 1, sizeof *w->var[k]);
    if (!w->var[k]) return ISG_FAIL(ISG_ENOMEM, "no memory for '%s'", v->name);
    if (!v->from) {
        const isg_quantity *q = strcmp(v->name, "N") == 0 ? &w->n : &w->d;
        memcpy(w->var[k], q->number, w->t->n_rows * sizeof(double));
        rc = isg_str_puts(&used, q->text);
        if (!rc) rc = mark(w, q->text, w->of_law);
    } else if (text) {
        char *option = isg_strf("--var %s", v->name);
        rc = option ? isg_expr_column(w->t, text, option, w->var[k])
                    : ISG_FAIL(ISG_ENOMEM, "no memory for '%s'", text);
        if (!rc) rc = mark(w, text, w->of_law);
        if (!rc) rc = isg_str_puts(&used, text);
        free(option);
    } else {
        rc = resolve_parts(w, k, &used);
    }
    w->s->var_from[k] = isg_strdup(isg_str_c(&used));
    if (!rc && !w->s->var_from[k]) rc = ISG_FAIL(ISG_ENOMEM, "no memory for '%s'", v->name);
    isg_str_free(&used);
    return rc;
}

isg_err isg_selecting_vars(isg_selecting *w)
{
    for (size_t k = 0; k < w->law->n_vars; k++) ISG_TRY(find_var(w, k));
    return ISG_OK;
}

static bool allowed(isg_var_kind kind, double x)
{
    switch (kind) {
    case ISG_VAR_LOG: return isfinite(x) && x >= SMALLEST;
    case ISG_VAR_AMOUNT: return isfinite(x) && (x >= SMALLEST || !(x < 0 || x > 0));
    default: return isfinite(x);
    }
}

/* No token of the target, where the law wants some? */
static bool without_target(const isg_selecting *w, size_t k, size_t row)
{
    const isg_law_var *v = &w->law->vars[k];
    const double x = w->var[k][row];
    return w->law->mixtures && v->kind == ISG_VAR_LOG && v->from &&
           strstr(v->from[0], "{target}") && !(x < 0) && !(x > 0) && !isnan(x);
}

void isg_selecting_exclude_vars(isg_selecting *w)
{
    for (size_t i = 0; i < w->t->n_rows; i++) {
        for (size_t k = 0; k < w->law->n_vars && w->state[i] == ISG_ROW_KEPT; k++) {
            if (without_target(w, k, i))
                w->state[i] = ISG_ROW_NOT_TARGET;
            else if (!allowed(w->law->vars[k].kind, w->var[k][i]))
                w->state[i] = (unsigned char)(ISG_ROW_BAD_VAR + k);
        }
    }
}
