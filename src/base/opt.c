#include "isogloss/opt.h"

#include "isogloss/str.h"

#include <stdlib.h>
#include <string.h>

static const isg_opt *by_name(const isg_opt *table, const char *name, size_t n)
{
    for (; table->name; table++) {
        if (strlen(table->name) == n && !strncmp(table->name, name, n)) return table;
    }
    return NULL;
}

static const isg_opt *by_letter(const isg_opt *table, char letter)
{
    for (; table->name; table++) {
        if (table->letter && table->letter == letter) return table;
    }
    return NULL;
}

static bool takes_value(const isg_opt *o)
{
    return o->kind != ISG_OPT_FLAG && o->kind != ISG_OPT_BARE_U64;
}

static isg_err bad_name(const isg_opt *table, const char *word)
{
    const char *names[128];
    size_t n = 0;
    for (const isg_opt *o = table; o->name && n < 128; o++) names[n++] = o->name;
    const char *near = isg_str_nearest(word, names, n);
    if (near)
        return ISG_FAIL(ISG_EUSAGE, "unknown option '--%s'; did you mean '--%s'?", word, near);
    return ISG_FAIL(ISG_EUSAGE, "unknown option '--%s'; see --help", word);
}

static isg_err check_choice(const isg_opt *o, const char *text)
{
    if (!o->choices) return ISG_OK;
    isg_str all = {0};
    for (const char *const *c = o->choices; *c; c++) {
        if (!strcmp(*c, text)) {
            isg_str_free(&all);
            return ISG_OK;
        }
        (void)isg_str_printf(&all, "%s%s", all.len ? ", " : "", *c);
    }
    isg_err rc =
        ISG_FAIL(ISG_EUSAGE, "option --%s: '%s' is not one of %s", o->name, text, isg_str_c(&all));
    isg_str_free(&all);
    return rc;
}

static isg_err set_number(const isg_opt *o, const char *text)
{
    double v = 0;
    uint64_t u = 0;
    bool whole = o->kind != ISG_OPT_DOUBLE;
    bool good = whole ? isg_str_to_u64(text, &u) : isg_str_to_double(text, &v);
    const char *what = whole ? "a whole number" : "a number";
    if (!good) return ISG_FAIL(ISG_EUSAGE, "option --%s: '%s' is not %s", o->name, text, what);
    if (whole) v = (double)u;
    if ((o->min != 0 || o->max != 0) && (v < o->min || v > o->max)) {
        return ISG_FAIL(ISG_EUSAGE, "option --%s: %s is outside %g to %g", o->name, text, o->min,
                        o->max);
    }
    if (whole)
        *(uint64_t *)o->dest = u;
    else
        *(double *)o->dest = v;
    return ISG_OK;
}

static isg_err set(const isg_opt *o, const char *text)
{
    isg_opt_list *list;
    switch (o->kind) {
    case ISG_OPT_FLAG: *(bool *)o->dest = true; return ISG_OK;
    case ISG_OPT_STRING:
        ISG_TRY(check_choice(o, text));
        *(const char **)o->dest = text;
        return ISG_OK;
    case ISG_OPT_LIST:
        list = o->dest;
        if (list->n == sizeof list->item / sizeof list->item[0]) {
            return ISG_FAIL(ISG_EUSAGE, "option --%s: given more than %zu times", o->name, list->n);
        }
        list->item[list->n++] = text;
        return ISG_OK;
    case ISG_OPT_BARE_U64:
        if (text) return set_number(o, text);
        *(uint64_t *)o->dest = ISG_OPT_BARE;
        return ISG_OK;
    default: return set_number(o, text);
    }
}

/* One argv word that starts with '-'; may eat the next word. */
static isg_err parse_word(const isg_opt *table, int argc, char **argv, int *i)
{
    char *word = argv[*i];
    if (word[1] == '-') {
        size_t n = strcspn(word + 2, "=");
        const isg_opt *o = by_name(table, word + 2, n);
        char *value = word[2 + n] == '=' ? word + 3 + n : NULL;
        if (!o) {
            word[2 + n] = '\0';
            return bad_name(table, word + 2);
        }
        if (!takes_value(o)) {
            if (value && o->kind == ISG_OPT_FLAG)
                return ISG_FAIL(ISG_EUSAGE, "option --%s takes no value", o->name);
            return set(o, value);
        }
        if (!value && *i + 1 < argc) value = argv[++*i];
        if (!value)
            return ISG_FAIL(ISG_EUSAGE, "option --%s needs a value (%s)", o->name, o->value);
        return set(o, value);
    }
    for (char *c = word + 1; *c; c++) {
        const isg_opt *o = by_letter(table, *c);
        if (!o) return ISG_FAIL(ISG_EUSAGE, "unknown option '-%c'; see --help", *c);
        if (!takes_value(o)) {
            ISG_TRY(set(o, NULL));
            continue;
        }
        char *value = c[1] ? c + 1 : *i + 1 < argc ? argv[++*i] : NULL;
        if (!value) return ISG_FAIL(ISG_EUSAGE, "option -%c needs a value (%s)", *c, o->value);
        return set(o, value);
    }
    return ISG_OK;
}

isg_err isg_opt_parse(const isg_opt *table, int argc, char **argv, int *operands)
{
    int kept = 0;
    bool only_operands = false;
    for (int i = 1; i < argc; i++) {
        if (!only_operands && !strcmp(argv[i], "--")) {
            only_operands = true;
        } else if (!only_operands && argv[i][0] == '-' && argv[i][1]) {
            ISG_TRY(parse_word(table, argc, argv, &i));
        } else {
            argv[++kept] = argv[i];
        }
    }
    *operands = kept;
    return ISG_OK;
}

void isg_opt_help(const isg_opt *table, FILE *out)
{
    enum { INDENT = 26, WIDTH = 79 };
    for (const isg_opt *o = table; o->name; o++) {
        if (!o->help) continue;
        char left[128];
        char letter[8] = "    ";
        if (o->letter) (void)snprintf(letter, sizeof letter, "-%c, ", o->letter);
        bool bare = o->kind == ISG_OPT_BARE_U64;
        int n = snprintf(left, sizeof left, "  %s--%s%s%s%s", letter, o->name,
                         bare       ? "[="
                         : o->value ? " "
                                    : "",
                         o->value ? o->value : "", bare ? "]" : "");
        (void)fprintf(out, "%s", left);
        int col = n;
        if (col > INDENT - 2) {
            (void)fputc('\n', out);
            col = 0;
        }
        const char *p = o->help;
        (void)fprintf(out, "%*s", INDENT - col, "");
        col = INDENT;
        while (*p) { /* wrap at words */
            int word = (int)strcspn(p, " ");
            if (col > INDENT && col + 1 + word > WIDTH) {
                (void)fprintf(out, "\n%*s", INDENT, "");
                col = INDENT;
            } else if (col > INDENT) {
                (void)fputc(' ', out);
                col++;
            }
            (void)fprintf(out, "%.*s", word, p);
            col += word;
            p += word;
            while (*p == ' ') p++;
        }
        (void)fputc('\n', out);
    }
}
