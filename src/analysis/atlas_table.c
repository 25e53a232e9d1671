/* Which ATLAS law a table's rows ask for: target, sources, and expressions for their amounts. */

#include "isogloss/atlas.h"

#include "columns.h"
#include "isogloss/expr.h"
#include "isogloss/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL_SOURCES = 3 };

static const double COVERED = 0.99; /* of D: the languages are all there */

/* A language with a column tokens_LANG. */
typedef struct language {
    const char *code;
    const isg_column *tokens, *unique; /* unique may be NULL */
    double share;                      /* summed over runs that contain the target */
    bool present, source;
} language;

typedef struct choice {
    const isg_table *t;
    const isg_select_options *select;
    const isg_atlas_request *request;
    language *language;
    size_t n;
    const char *target; /* its code */
    language *own;      /* NULL: no such column */
    const language *source[ISG_ATLAS_SOURCES];
    double tau[ISG_ATLAS_SOURCES];
    bool has_tau, covered;
    size_t n_sources, n_others, runs;
    const char *d; /* column or expression of all tokens, or NULL */
    isg_str about;
} choice;

/* ---- languages ------------------------------------------------------------------------- */

static const isg_column *column_of(const isg_table *t, const char *prefix, const char *code)
{
    char *name = isg_strf("%s%s", prefix, code);
    const isg_column *c = name ? isg_table_column(t, name) : NULL;
    free(name);
    return c;
}

static const char *code_of(const isg_column *c)
{
    return c->numeric && !strncmp(c->name, "tokens_", 7) && isg_str_is_name(c->name + 7)
               ? c->name + 7
               : NULL;
}

static bool empty(const isg_column *c, size_t row)
{
    return c && c->numeric && !c->text[row][0];
}

void isg_table_fill_mixtures(isg_table *t)
{
    for (size_t j = 0; j < t->n_columns; j++) {
        const char *code = code_of(&t->columns[j]);
        const isg_column *tokens = &t->columns[j];
        const isg_column *unique = code ? column_of(t, "unique_", code) : NULL;
        for (size_t i = 0; code && i < t->n_rows; i++) {
            bool others = false;
            if (!empty(tokens, i)) continue;
            for (size_t k = 0; k < t->n_columns && !others; k++)
                others = code_of(&t->columns[k]) && !empty(&t->columns[k], i);
            if (!others) continue;
            tokens->number[i] = 0;
            if (empty(unique, i)) unique->number[i] = 0;
        }
    }
}

/* Where some tokens_X have a unique_X or weight_X, the others are no languages. */
static isg_err find_languages(choice *c)
{
    bool marked = false;

    c->language = calloc(c->t->n_columns + 1, sizeof *c->language);
    if (!c->language) return ISG_FAIL(ISG_ENOMEM, "no memory for languages");
    for (int pass = 0; pass < 2; pass++) {
        for (size_t j = 0; j < c->t->n_columns; j++) {
            const char *code = code_of(&c->t->columns[j]);
            if (!code) continue;
            const isg_column *unique = column_of(c->t, "unique_", code);
            const bool mark = unique || column_of(c->t, "weight_", code);
            if (!pass) {
                marked = marked || mark;
            } else if (mark || !marked) {
                c->language[c->n++] =
                    (language){.code = code,
                               .tokens = &c->t->columns[j],
                               .unique = unique && unique->numeric ? unique : NULL};
            }
        }
    }
    return ISG_OK;
}

static language *find(choice *c, const char *code)
{
    for (size_t k = 0; k < c->n; k++) {
        if (!strcmp(c->language[k].code, code)) return &c->language[k];
    }
    return NULL;
}

/* LANG of --var D_t=tokens_LANG. */
static const char *given_target(const isg_select_options *o)
{
    for (size_t k = 0; k < o->n_var; k++) {
        if (!strncmp(o->var[k], "D_t=tokens_", 11)) return o->var[k] + 11;
    }
    return "";
}

static isg_err find_target(choice *c, const isg_selection *s)
{
    const isg_column *of = isg_table_column(c->t, "eval_language");
    const char *seen = NULL;

    for (size_t i = 0; of && i < s->n; i++) {
        const char *code = of->text[s->row[i]];
        if (seen && *code && strcmp(code, seen) != 0)
            return ISG_FAIL(ISG_EINPUT,
                            "law atlas is of one target language, and these rows are evaluated in "
                            "%s and %s: choose with --target, --where or --by eval_language",
                            seen, code);
        if (*code) seen = code;
    }
    c->target = seen ? seen : c->select->target ? c->select->target : given_target(c->select);
    c->own = find(c, c->target);
    if (c->own || c->request->terms == ISG_ATLAS_TARGET) return ISG_OK;
    if (!c->n)
        return ISG_FAIL(ISG_EUSAGE,
                        "law atlas needs the tokens of each language, columns tokens_LANG (and "
                        "unique_LANG, different ones): %s has none. --terms target does without",
                        c->t->source);
    if (*c->target) {
        char *name = isg_strf("tokens_%s", c->target);
        isg_err rc = name ? isg_columns_unknown(c->t, name, "tokens of the target of law atlas")
                          : ISG_FAIL(ISG_ENOMEM, "no memory");
        free(name);
        return rc;
    }
    return ISG_FAIL(ISG_EUSAGE,
                    "law atlas needs to know the target language: %s has no eval_language; say "
                    "which with --var D_t=tokens_LANG",
                    c->t->source);
}

/* Tokens that are none of any: U = 0 would make them disappear. */
static isg_err check_unique(const choice *c, const isg_selection *s)
{
    char place[ISG_PLACE_BYTES];
    for (size_t i = 0; i < s->n; i++) {
        const size_t row = s->row[i];
        for (size_t k = 0; k < c->n; k++) {
            const language *l = &c->language[k];
            if (l->tokens->number[row] > 0 && l->unique && l->unique->number[row] <= 0)
                return ISG_FAIL(ISG_EINPUT, "%s: %s is %s but %s, how many of them differ, is %s",
                                isg_table_at(c->t, row, place), l->tokens->name,
                                l->tokens->text[row], l->unique->name, l->unique->text[row]);
        }
    }
    return ISG_OK;
}

/* Shares beside the target, and whether the languages make up all tokens. */
static void count_shares(choice *c, const isg_selection *s, const double *d)
{
    c->covered = true;
    for (size_t i = 0; i < s->n; i++) {
        const size_t row = s->row[i];
        double all = 0;
        for (size_t k = 0; k < c->n; k++) {
            const double x = c->language[k].tokens->number[row];
            all += x > 0 ? x : 0;
        }
        if (d && !(all >= COVERED * d[row])) c->covered = false;
        if (!c->own || !(c->own->tokens->number[row] > 0)) continue;
        c->runs++;
        for (size_t k = 0; k < c->n; k++) {
            const double x = c->language[k].tokens->number[row];
            if (!(x > 0)) continue;
            c->language[k].present = true;
            c->language[k].share += x / all;
        }
    }
}

/* ---- sources ---------------------------------------------------------------------------- */

static int by_share(const void *a, const void *b)
{
    const language *x = *(const language *const *)a, *y = *(const language *const *)b;
    if (x->share < y->share || x->share > y->share) return x->share < y->share ? 1 : -1;
    return strcmp(x->code, y->code);
}

static isg_err most_sampled(choice *c, size_t n)
{
    language **order = malloc((c->n + 1) * sizeof *order);
    size_t m = 0;

    if (!order) return ISG_FAIL(ISG_ENOMEM, "no memory for languages");
    for (size_t k = 0; k < c->n; k++) {
        if (&c->language[k] != c->own && c->language[k].present) order[m++] = &c->language[k];
    }
    qsort(order, m, sizeof *order, by_share);
    for (size_t k = 0; k < n && k < m; k++) {
        order[k]->source = true;
        c->source[c->n_sources++] = order[k];
    }
    free(order);
    return ISG_OK;
}

static isg_err add_named(choice *c, const char *code)
{
    language *l = find(c, code);
    const char **names = malloc((c->n + 1) * sizeof *names);

    if (!names) return ISG_FAIL(ISG_ENOMEM, "no memory for languages");
    for (size_t k = 0; k < c->n; k++) names[k] = c->language[k].code;
    const char *near = l ? NULL : isg_str_nearest(code, names, c->n);
    free(names);
    if (!l)
        return near ? ISG_FAIL(ISG_EUSAGE, "--sources: %s has no tokens_%s; did you mean '%s'?",
                               c->t->source, code, near)
                    : ISG_FAIL(ISG_EUSAGE, "--sources: %s has no tokens_%s", c->t->source, code);
    if (l == c->own) return ISG_FAIL(ISG_EUSAGE, "--sources: %s is the target itself", code);
    if (l->source) return ISG_FAIL(ISG_EUSAGE, "--sources: %s is named twice", code);
    if (!l->present)
        return ISG_FAIL(ISG_EDATA, "--sources: no run with %s has tokens of %s", c->target, code);
    if (c->n_sources == ISG_ATLAS_SOURCES)
        return ISG_FAIL(ISG_EUSAGE, "--sources: at most %d languages", ISG_ATLAS_SOURCES);
    l->source = true;
    c->source[c->n_sources++] = l;
    return ISG_OK;
}

static isg_err choose_sources(choice *c)
{
    const char *text = c->request->sources;
    uint64_t n = USUAL_SOURCES;

    if (c->request->terms != ISG_ATLAS_TRANSFER) return ISG_OK;
    if (!text || isg_str_to_u64(text, &n)) {
        if (n > ISG_ATLAS_SOURCES)
            return ISG_FAIL(ISG_EUSAGE, "--sources %s: at most %d have a tau of their own", text,
                            ISG_ATLAS_SOURCES);
        return most_sampled(c, n);
    }
    char *words = isg_strdup(text), *rest = words;
    isg_err rc = words ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for --sources");
    for (char *word; !rc && (word = strsep(&rest, ","));) rc = add_named(c, word);
    free(words);
    return rc;
}

static isg_err start_tau(choice *c)
{
    for (size_t k = 0; c->request->transfer && k < c->n_sources; k++) {
        bool found = false;
        ISG_TRY(
            isg_atlas_tau(c->request->transfer, c->source[k]->code, c->target, &c->tau[k], &found));
        c->has_tau = c->has_tau || found;
    }
    return ISG_OK;
}

/* ---- amounts ------------------------------------------------------------------------------ */

static isg_err put_column(const isg_column *c, isg_str *to)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.0123456789";
    if (!c->name[strspn(c->name, plain)]) return isg_str_puts(to, c->name);
    return isg_str_printf(to, strchr(c->name, '"') ? "`%s`" : "\"%s\"", c->name);
}

/* Different tokens of a language that the run has read: min(tokens, unique). */
static isg_err put_unique(const language *l, isg_str *to)
{
    if (!l->unique) return put_column(l->tokens, to);
    ISG_TRY(isg_str_puts(to, "min("));
    ISG_TRY(put_column(l->tokens, to));
    ISG_TRY(isg_str_puts(to, ", "));
    ISG_TRY(put_column(l->unique, to));
    return isg_str_puts(to, ")");
}

static bool is_other(const choice *c, const language *l)
{
    return l->present && l != c->own && !l->source;
}

/* Sum of all others' tokens, or of their unique ones. */
static isg_err put_others(const choice *c, bool unique, isg_str *to)
{
    const char *plus = "";

    for (size_t k = 0; k < c->n; k++) {
        const language *l = &c->language[k];
        if (!is_other(c, l)) continue;
        ISG_TRY(isg_str_puts(to, plus));
        ISG_TRY(unique ? put_unique(l, to) : put_column(l->tokens, to));
        plus = " + ";
    }
    return ISG_OK;
}

/* What of D is no token of the target or a source. */
static isg_err put_rest(const choice *c, isg_str *to)
{
    ISG_TRY(isg_str_puts(to, "max({D} - "));
    ISG_TRY(put_column(c->own->tokens, to));
    for (size_t k = 0; k < c->n_sources; k++) {
        ISG_TRY(isg_str_puts(to, " - "));
        ISG_TRY(put_column(c->source[k]->tokens, to));
    }
    return isg_str_puts(to, ", 0)");
}

/* Tokens that no column names are taken as read once. */
static isg_err put_rest_unique(const choice *c, isg_str *to)
{
    ISG_TRY(isg_str_puts(to, "max("));
    ISG_TRY(put_rest(c, to));
    if (c->n_others) {
        ISG_TRY(isg_str_puts(to, " - ("));
        ISG_TRY(put_others(c, false, to));
        ISG_TRY(isg_str_puts(to, ") + ("));
        ISG_TRY(put_others(c, true, to));
        ISG_TRY(isg_str_puts(to, ")"));
    }
    return isg_str_puts(to, ", 0)");
}

static isg_err put_amounts(const choice *c, bool other, isg_str *text)
{
    size_t k = 0;

    if (c->own) {
        ISG_TRY(put_column(c->own->tokens, &text[k++]));
        ISG_TRY(put_column(c->own->unique ? c->own->unique : c->own->tokens, &text[k++]));
    } else { /* --terms target on runs of one language */
        const isg_column *unique = isg_table_column(c->t, "unique_tokens");
        ISG_TRY(isg_str_puts(&text[k++], "{D}"));
        ISG_TRY(isg_str_puts(&text[k++], unique && unique->numeric ? "unique_tokens" : "{D}"));
    }
    for (size_t i = 0; i < c->n_sources; i++) {
        ISG_TRY(put_column(c->source[i]->tokens, &text[k++]));
        ISG_TRY(put_unique(c->source[i], &text[k++]));
    }
    if (!other) return ISG_OK;
    ISG_TRY(c->covered ? put_others(c, false, &text[k++]) : put_rest(c, &text[k++]));
    return c->covered ? put_others(c, true, &text[k]) : put_rest_unique(c, &text[k]);
}

/* ---- the law ------------------------------------------------------------------------------- */

static isg_err describe(choice *c, bool other)
{
    isg_str *s = &c->about;
    size_t without = 0;

    for (size_t k = 0; k < c->n; k++) without += c->language[k].present && !c->language[k].unique;
    if (c->n_sources) {
        ISG_TRY(isg_str_puts(s, "Sources with a tau of their own: "));
        for (size_t k = 0; k < c->n_sources; k++)
            ISG_TRY(isg_str_printf(s, "%s%s", k ? ", " : "", c->source[k]->code));
        uint64_t number;
        const bool chosen = !c->request->sources || isg_str_to_u64(c->request->sources, &number);
        ISG_TRY(isg_str_printf(s, "%s. ", chosen ? " (most sampled with the target)" : ""));
    }
    if (other)
        ISG_TRY(isg_str_printf(s, "Others: %zu language%s%s. ", c->n_others,
                               c->n_others == 1 ? "" : "s",
                               c->covered ? "" : " and what of D no column names"));
    if (c->has_tau) ISG_TRY(isg_str_puts(s, "Starts of tau from transfer scores. "));
    if (!c->own && !isg_table_column(c->t, "unique_tokens")) without = 1;
    if (without)
        ISG_TRY(isg_str_puts(s, "Tokens of languages without a column unique_LANG count as read "
                                "once. "));
    if (s->len) s->data[--s->len] = '\0';
    return ISG_OK;
}

static isg_err make(choice *c, isg_law **out)
{
    const char *codes[ISG_ATLAS_SOURCES], *from[ISG_ATLAS_AMOUNTS];
    isg_str text[ISG_ATLAS_AMOUNTS] = {0};
    isg_err rc;

    for (size_t k = 0; k < c->n; k++) c->n_others += is_other(c, &c->language[k]);
    const bool other = c->request->terms != ISG_ATLAS_TARGET && (c->n_others || !c->covered);
    rc = put_amounts(c, other, text);
    for (size_t k = 0; k < ISG_ATLAS_AMOUNTS; k++) from[k] = isg_str_c(&text[k]);
    for (size_t k = 0; k < c->n_sources; k++) codes[k] = c->source[k]->code;
    if (!rc) rc = describe(c, other);
    const isg_atlas_options o = {.sources = codes,
                                 .n_sources = c->n_sources,
                                 .terms = c->request->terms,
                                 .no_other = !other,
                                 .lambda_by_source = c->request->lambda_by_source,
                                 .tau = c->has_tau ? c->tau : NULL,
                                 .from = from,
                                 .target = c->target,
                                 .about = isg_str_c(&c->about)};
    if (!rc) rc = isg_law_atlas_create(&o, out);
    for (size_t k = 0; k < ISG_ATLAS_AMOUNTS; k++) isg_str_free(&text[k]);
    return rc;
}

/* The rows of the fit, whatever they are comparable to, and D of all rows, if there is one. */
static isg_err candidates(const isg_table *t, const isg_select_options *select,
                          isg_selection **rows, double **d)
{
    static const isg_law_var size = {.name = "N", .meaning = "model size [parameter]"};
    static const isg_law any = {.name = "atlas", .vars = &size, .n_vars = 1, .mixtures = true};
    isg_select_options o = *select;
    const char *column = o.d ? o.d : "D_tokens";

    o.law = &any;
    o.n_var = 0;
    o.pool = true;
    o.drop_highest = 0;
    o.n_best_over = 0; /* the best of N alone would leave languages out */
    ISG_TRY(isg_select(t, &o, rows));
    if (!o.d && !isg_table_column(t, column)) return ISG_OK;
    *d = malloc((t->n_rows + 1) * sizeof **d);
    if (!*d) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", t->n_rows);
    return isg_expr_column(t, column, "--d", *d);
}

isg_err isg_law_atlas_for(const isg_table *t, const isg_select_options *select,
                          const isg_atlas_request *request, isg_law **out, char **target_only)
{
    choice c = {.t = t, .select = select, .request = request};
    isg_selection *rows = NULL;
    double *d = NULL;

    *out = NULL;
    *target_only = NULL;
    isg_err rc = candidates(t, select, &rows, &d);
    if (!rc) rc = find_languages(&c);
    if (!rc) rc = find_target(&c, rows);
    if (!rc) rc = check_unique(&c, rows);
    if (!rc) count_shares(&c, rows, d);
    if (!rc && c.own && !c.runs)
        rc = ISG_FAIL(ISG_EDATA, "%s: no run has tokens of the target %s", t->source, c.target);
    if (!rc) rc = choose_sources(&c);
    if (!rc) rc = start_tau(&c);
    if (!rc) rc = make(&c, out);
    if (!rc) (*out)->mixtures = c.own != NULL;
    if (!rc && c.own) {
        *target_only = isg_strf("%s>0", c.own->tokens->name);
        if (!*target_only) rc = ISG_FAIL(ISG_ENOMEM, "no memory for a condition");
    }
    if (rc) isg_law_destroy(out);
    isg_selection_destroy(&rows);
    isg_str_free(&c.about);
    free(c.language);
    free(d);
    return rc;
}
