/* Expressions over columns. The text is compiled once, by recursive descent, to steps of a stack
 * machine, and these are run for every row: a file of a million rows is parsed once. Recursion is
 * limited by DEPTH, which bounds the machine's stack as well. */
#include "isogloss/expr.h"

#include "isogloss/str.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 100, MAX_POWER = 1024, NUMBER_CHARS = 64, TOKEN_SHOWN = 20, TEXT_SHOWN = 120 };

typedef enum op { OP_NUMBER, OP_COLUMN, OP_NEGATE, OP_BINARY, OP_CALL } op;

typedef struct step {
    op op;
    double number;                 /* OP_NUMBER */
    const isg_column *column;      /* OP_COLUMN */
    double (*one)(double);         /* OP_CALL */
    double (*two)(double, double); /* OP_BINARY */
} step;

typedef struct parser {
    const isg_table *table;
    const char *text, *p, *option;
    size_t depth;
    step *steps;
    size_t n, cap;
    size_t height, most; /* values on the machine's stack; the most at any time */
} parser;

/* ---- what can be computed ------------------------------------------------------- */

static double add(double a, double b)
{
    return a + b;
}

static double subtract(double a, double b)
{
    return a - b;
}

static double multiply(double a, double b)
{
    return a * b;
}

static double divide(double a, double b)
{
    return a / b;
}

static double power(double x, double y)
{
    if (isnan(x) || isnan(y)) return NAN; /* pow(empty, 0) would be 1 */
    if (fabs(y) > MAX_POWER || y != floor(y)) return pow(x, y);
    double result = 1;
    for (unsigned n = (unsigned)fabs(y); n; n >>= 1) {
        if (n & 1) result *= x;
        x *= x;
    }
    return y < 0 ? 1 / result : result;
}

/* Unlike fmin and fmax these keep a NaN: an empty cell makes the result empty. */
static double least(double a, double b)
{
    return isnan(a) || a < b ? a : b;
}

static double greatest(double a, double b)
{
    return isnan(a) || a > b ? a : b;
}

static const struct {
    const char *name;
    double (*one)(double);
    double (*two)(double, double);
} functions[] = {
    {"ln", log, NULL},   {"log10", log10, NULL}, {"exp", exp, NULL},      {"sqrt", sqrt, NULL},
    {"abs", fabs, NULL}, {"min", NULL, least},   {"max", NULL, greatest},
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

/* ---- messages --------------------------------------------------------------------- */

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.';
}

static bool inside_character(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80; /* of UTF-8 */
}

/* Bytes of the token at `p`, for a message. */
static int token_length(const char *p)
{
    int n = 0;
    while (n < TOKEN_SHOWN && word_char(p[n])) n++;
    if (n) return n;
    for (n = 1; inside_character(p[n]);) n++;
    return n;
}

/* "--d, position 3 of '6*N'" in new memory; of long texts the beginning. */
static char *position(const parser *s, const char *at)
{
    size_t n = strlen(s->text), shown = n;
    if (n > TEXT_SHOWN)
        for (shown = TEXT_SHOWN; shown && inside_character(s->text[shown]);) shown--;
    return isg_strf("%s, position %zu of '%.*s%s'", s->option, (size_t)(at - s->text) + 1,
                    (int)shown, s->text, shown < n ? "..." : "");
}

static isg_err wrong(const parser *s, const char *at, const char *wanted)
{
    char *where = position(s, at);
    isg_err rc = ISG_ENOMEM;

    if (!where)
        (void)ISG_FAIL(ISG_ENOMEM, "no memory for an expression");
    else if (!*at)
        rc = ISG_FAIL(ISG_EUSAGE, "%s: it ends; wanted %s", where, wanted);
    else
        rc = ISG_FAIL(ISG_EUSAGE, "%s: unexpected '%.*s'; wanted %s", where, token_length(at), at,
                      wanted);
    free(where);
    return rc;
}

static isg_err unknown_column(const parser *s, const char *at, const char *name)
{
    if (!strcmp(name, s->text)) return isg_table_unknown(s->table, name, s->option);
    char *where = position(s, at);
    if (!where) return ISG_FAIL(ISG_ENOMEM, "no memory for an expression");
    isg_err rc = isg_table_unknown(s->table, name, where);
    free(where);
    return rc;
}

static isg_err unknown_function(const parser *s, const char *at, const char *name)
{
    const char *names[FUNCTIONS];
    for (size_t i = 0; i < FUNCTIONS; i++) names[i] = functions[i].name;
    const char *near = isg_str_nearest(name, names, FUNCTIONS);
    char *where = position(s, at);
    if (!where) return ISG_FAIL(ISG_ENOMEM, "no memory for an expression");
    isg_err rc =
        ISG_FAIL(ISG_EUSAGE,
                 "%s: no function '%s'%s%s%s; there are ln, log10, exp, sqrt, "
                 "abs, min, max",
                 where, name, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
    free(where);
    return rc;
}

/* ---- compiling ---------------------------------------------------------------------- */

static void skip_space(parser *s)
{
    while (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r') s->p++;
}

/* Is `c` next? Then it is eaten. */
static bool take(parser *s, char c)
{
    skip_space(s);
    if (*s->p != c) return false;
    s->p++;
    return true;
}

/* @param values  that the step takes from the stack; it leaves one */
static isg_err emit(parser *s, step what, size_t values)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 16;
        step *more = realloc(s->steps, cap * sizeof *more);
        if (!more) return ISG_FAIL(ISG_ENOMEM, "no memory for an expression");
        s->steps = more;
        s->cap = cap;
    }
    assert(s->height >= values);
    s->height += 1 - values;
    if (s->height > s->most) s->most = s->height;
    s->steps[s->n++] = what;
    return ISG_OK;
}

static isg_err binary(parser *s, double (*two)(double, double))
{
    return emit(s, (step){.op = OP_BINARY, .two = two}, 2);
}

static isg_err parse_sum(parser *s);
static isg_err parse_signed(parser *s);

/* 1.5M is read as 1.5e6, which is rounded once. */
static isg_err parse_number(parser *s)
{
    static const struct {
        const char *suffix, *exponent;
        double factor;
    } suffixes[] = {{"Ki", "", 1024}, {"Mi", "", 1048576}, {"Gi", "", 1073741824}, {"k", "e3", 1},
                    {"M", "e6", 1},   {"B", "e9", 1},      {"G", "e9", 1},         {"T", "e12", 1}};
    const char *at = s->p, *p = at + strspn(at, "0123456789.");
    char number[NUMBER_CHARS + 8];
    double x, factor = 1;
    size_t n, digits = (size_t)(p - at);

    if ((*p == 'e' || *p == 'E') && isdigit((unsigned char)p[1 + (p[1] == '-' || p[1] == '+')]))
        for (p += 2; isdigit((unsigned char)*p);) p++;
    n = (size_t)(p - at);
    if (n > NUMBER_CHARS) return wrong(s, at, "a number of fewer digits");
    memcpy(number, at, n);
    number[n] = '\0';
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && n == digits; i++) {
        if (strncmp(p, suffixes[i].suffix, strlen(suffixes[i].suffix)) != 0) continue;
        p += strlen(suffixes[i].suffix);
        factor = suffixes[i].factor;
        strcpy(number + n, suffixes[i].exponent);
        break;
    }
    if (word_char(*p) || !isg_str_to_double(number, &x))
        return wrong(s, at, "a number, such as 6, 1.5e9 or 70M");
    s->p = p;
    return emit(s, (step){.op = OP_NUMBER, .number = x * factor}, 0);
}

/* A quoted or plain name as new memory. */
static isg_err parse_name(parser *s, char **out)
{
    const char *at = s->p, *end;

    if (*at == '"' || *at == '`') {
        end = strchr(at + 1, *at);
        if (!end) return wrong(s, at + strlen(at), *at == '"' ? "a closing '\"'" : "a closing '`'");
        *out = strndup(at + 1, (size_t)(end - at) - 1);
        s->p = end + 1;
    } else {
        for (end = at; word_char(*end);) end++;
        *out = strndup(at, (size_t)(end - at));
        s->p = end;
    }
    return *out ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for an expression");
}

static isg_err parse_call(parser *s, const char *at, const char *name)
{
    size_t f = 0;
    while (f < FUNCTIONS && strcmp(functions[f].name, name) != 0) f++;
    if (f == FUNCTIONS) return unknown_function(s, at, name);

    ISG_TRY(parse_sum(s));
    if (functions[f].one) {
        if (!take(s, ')')) return wrong(s, s->p, "')' after the one argument");
        return emit(s, (step){.op = OP_CALL, .one = functions[f].one}, 1);
    }
    for (size_t n = 1;; n++) {
        bool more = take(s, ',');
        if (!more && n < 2) return wrong(s, s->p, "',' and a second argument");
        if (!more) break;
        ISG_TRY(parse_sum(s));
        ISG_TRY(binary(s, functions[f].two));
    }
    return take(s, ')') ? ISG_OK : wrong(s, s->p, "',' or ')'");
}

static isg_err parse_column(parser *s, const char *at, const char *name)
{
    const isg_column *c = isg_table_column(s->table, name);
    if (!c) return unknown_column(s, at, name);
    ISG_TRY(isg_table_all_numbers(s->table, c));
    return emit(s, (step){.op = OP_COLUMN, .column = c}, 0);
}

static isg_err parse_primary(parser *s)
{
    char *name = NULL;

    skip_space(s);
    const char *at = s->p;
    if (isdigit((unsigned char)*at) || (*at == '.' && isdigit((unsigned char)at[1])))
        return parse_number(s);
    if (take(s, '(')) {
        ISG_TRY(parse_sum(s));
        return take(s, ')') ? ISG_OK : wrong(s, s->p, "an operator or ')'");
    }
    bool quoted = *at == '"' || *at == '`';
    if (!quoted && !isalpha((unsigned char)*at) && *at != '_') {
        return wrong(s, at,
                     "a number, a column (one with other characters in double quotes) or '('");
    }
    ISG_TRY(parse_name(s, &name));
    isg_err rc = !quoted && take(s, '(') ? parse_call(s, at, name) : parse_column(s, at, name);
    free(name);
    return rc;
}

static isg_err parse_power(parser *s)
{
    ISG_TRY(parse_primary(s));
    if (!take(s, '^')) return ISG_OK;
    ISG_TRY(parse_signed(s));
    return binary(s, power);
}

/* Every cycle of the grammar goes through here. */
static isg_err parse_signed(parser *s)
{
    isg_err rc;

    if (s->depth == DEPTH) return wrong(s, s->p, "less nesting: at most 100 levels");
    s->depth++;
    if (take(s, '-')) {
        rc = parse_signed(s);
        if (!rc) rc = emit(s, (step){.op = OP_NEGATE}, 1);
    } else {
        rc = take(s, '+') ? parse_signed(s) : parse_power(s);
    }
    s->depth--;
    return rc;
}

static isg_err parse_product(parser *s)
{
    ISG_TRY(parse_signed(s));
    for (;;) {
        bool times = take(s, '*');
        if (!times && !take(s, '/')) return ISG_OK;
        ISG_TRY(parse_signed(s));
        ISG_TRY(binary(s, times ? multiply : divide));
    }
}

static isg_err parse_sum(parser *s)
{
    ISG_TRY(parse_product(s));
    for (;;) {
        bool plus = take(s, '+');
        if (!plus && !take(s, '-')) return ISG_OK;
        ISG_TRY(parse_product(s));
        ISG_TRY(binary(s, plus ? add : subtract));
    }
}

static isg_err compile(parser *s)
{
    ISG_TRY(parse_sum(s));
    skip_space(s);
    return *s->p ? wrong(s, s->p, "an operator (+ - * / ^) or the end") : ISG_OK;
}

/* ---- running -------------------------------------------------------------------------- */

/* A column that is not `numeric` has no filled cell: isg_table_all_numbers() saw to it. */
static double cell(const isg_column *c, size_t row)
{
    return c->numeric ? c->number[row] : (double)NAN;
}

static double run(const parser *s, size_t row, double *stack)
{
    double *top = stack; /* one past the last value */

    for (const step *now = s->steps; now < s->steps + s->n; now++) {
        switch (now->op) {
        case OP_NUMBER: *top++ = now->number; break;
        case OP_COLUMN: *top++ = cell(now->column, row); break;
        case OP_NEGATE: top[-1] = -top[-1]; break;
        case OP_CALL: top[-1] = now->one(top[-1]); break;
        case OP_BINARY:
            top--;
            top[-1] = now->two(top[-1], top[0]);
            break;
        }
    }
    assert(top == stack + 1);
    return stack[0];
}

isg_err isg_expr_column(const isg_table *table, const char *text, const char *option, double *out)
{
    const isg_column *whole = isg_table_column(table, text);
    parser s = {.table = table, .text = text, .p = text, .option = option};
    double *stack = NULL;
    isg_err rc;

    if (whole) {
        ISG_TRY(isg_table_all_numbers(table, whole));
        for (size_t i = 0; i < table->n_rows; i++) out[i] = cell(whole, i);
        return ISG_OK;
    }
    rc = compile(&s);
    if (!rc) stack = malloc(s.most * sizeof *stack);
    if (!rc && !stack) rc = ISG_FAIL(ISG_ENOMEM, "no memory for an expression");
    for (size_t i = 0; i < table->n_rows && !rc; i++) out[i] = run(&s, i, stack);
    free(stack);
    free(s.steps);
    return rc;
}

isg_err isg_expr_uses(const isg_table *table, const char *text, const char *option, bool *used)
{
    const isg_column *whole = isg_table_column(table, text);
    parser s = {.table = table, .text = text, .p = text, .option = option};

    if (whole) {
        used[whole - table->columns] = true;
        return ISG_OK;
    }
    isg_err rc = compile(&s);
    for (size_t k = 0; k < s.n && !rc; k++) {
        if (s.steps[k].op == OP_COLUMN) used[s.steps[k].column - table->columns] = true;
    }
    free(s.steps);
    return rc;
}
