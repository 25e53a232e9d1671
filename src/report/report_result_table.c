#include "isogloss/report_result.h"

#include "fields.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A number as the JSON has it; NaN for null. */
typedef struct number {
    const char *name;
    double estimate, se, lo, hi;
    bool identified, one_sided, at_bound, far_out;
    const char *grouping; /* what was resampled for its interval; "" without one */
    double digits;        /* how many of them count: the standard error unless it is far out */
    const json_t *json;
} number;

/* Of the loss; "" if it is not known. */
static const char *unit_of(const json_t *fit)
{
    return text_of(json_object_get(fit, "selection"), "unit");
}

static double level_of(const json_t *fit)
{
    double level = real_of(json_object_get(fit, "bootstrap"), "level");
    return isfinite(level) ? level : 0.95;
}

static bool is_listed(const json_t *names, const char *name)
{
    for (size_t k = 0; k < json_array_size(names); k++) {
        if (!strcmp(json_string_value(json_array_get(names, k)), name)) return true;
    }
    return false;
}

static number number_of(const json_t *fit, const char *name, const json_t *o)
{
    number n = {.name = name,
                .estimate = real_of(o, "estimate"),
                .se = real_of(o, "se"),
                .lo = real_of(o, "lo"),
                .hi = real_of(o, "hi"),
                .identified = json_is_true(json_object_get(o, "identified")),
                .one_sided = strstr(text_of(o, "method"), "one-sided") != NULL,
                .grouping = text_of(o, "grouping"),
                .json = o};

    n.at_bound = n.identified && is_listed(json_object_get(fit, "at_bound"), name);
    n.far_out = isg_text_far_out(n.se, n.lo, n.hi, level_of(fit));
    n.digits = n.far_out ? isg_text_scale(n.lo, n.hi, level_of(fit)) : n.se;
    return n;
}

/* ---- CSV ----------------------------------------------------------------------------- */

static void csv_cell(FILE *out, const char *s)
{
    if (!strpbrk(s, ",\"\n\r")) {
        (void)fputs(s, out);
        return;
    }
    (void)fputc('"', out);
    for (; *s; s++) (void)fprintf(out, *s == '"' ? "\"\"" : "%c", *s);
    (void)fputc('"', out);
}

static void csv_real(FILE *out, double x)
{
    (void)fputc(',', out);
    if (isfinite(x)) (void)fprintf(out, "%.17g", x);
}

static void csv_number(const json_t *fit, const char *kind, number n, FILE *out)
{
    csv_cell(out, text_of(fit, "law"));
    (void)fputc(',', out);
    csv_cell(out, text_of(fit, "group"));
    (void)fputc(',', out);
    csv_cell(out, n.name);
    (void)fprintf(out, ",%s", kind);
    csv_real(out, n.estimate);
    csv_real(out, n.se);
    csv_real(out, n.lo);
    csv_real(out, n.hi);
    (void)fputc(',', out);
    csv_cell(out, text_of(n.json, "method"));
    (void)fprintf(out, ",%s,%lld,%lld,", n.identified ? "true" : "false",
                  (long long)json_integer_value(json_object_get(fit, "n_observations")),
                  (long long)json_integer_value(json_object_get(fit, "n_clusters")));
    csv_cell(out, n.grouping);
    (void)fputc(',', out);
    csv_cell(out, unit_of(fit));
    (void)fputc('\n', out);
}

static const char *const kinds[][2] = {{"parameters", "parameter"}, {"derived", "derived"}};

static void csv_fit(const json_t *fit, FILE *out)
{
    const char *name;
    json_t *value;

    for (size_t k = 0; k < 2; k++) {
        json_t *numbers = json_object_get(fit, kinds[k][0]);
        json_object_foreach(numbers, name, value)
        {
            csv_number(fit, kinds[k][1], number_of(fit, name, value), out);
        }
    }
}

/* ---- papers --------------------------------------------------------------------------- */

typedef struct style {
    const char *open, *separator, *close; /* of a row */
    bool latex;
} style;

static const style markdown = {"| ", " | ", " |\n", false}, latex = {"", " & ", " \\\\\n", true};

/* x with the digits that se bears; powers of ten as a paper writes them. */
static void put_real(const style *s, double x, double se, FILE *out)
{
    char buf[ISG_TEXT_CELL];
    const char *text = isfinite(x) ? isg_text_show(x, se, buf) : "--";
    const char *e = strchr(text, 'e');

    if (!s->latex) {
        (void)fputs(text, out);
    } else if (!e) {
        (void)fprintf(out, *text == '-' && isfinite(x) ? "$%s$" : "%s", text);
    } else {
        (void)fprintf(out, "$%.*s \\times 10^{%d}$", (int)(e - text), text, atoi(e + 1));
    }
}

static void put_range(const style *s, number n, FILE *out)
{
    if (!isfinite(n.lo) && !isfinite(n.hi)) {
        (void)fputs(s->latex ? "--" : "-", out);
        return;
    }
    (void)fputs("[", out);
    put_real(s, n.lo, n.digits, out);
    (void)fputs(", ", out);
    put_real(s, n.hi, n.digits, out);
    (void)fputs("]", out);
}

/* Text of a user in LaTeX or in a Markdown cell. */
static void put_text(const style *s, const char *text, FILE *out)
{
    for (; *text; text++) {
        if (s->latex && strchr("&%$#_{}", *text))
            (void)fprintf(out, "\\%c", *text);
        else if (s->latex && (*text == '^' || *text == '~'))
            (void)fprintf(out, "\\%c{}", *text);
        else if (s->latex && *text == '\\')
            (void)fputs("\\textbackslash{}", out);
        else if (!s->latex && *text == '|')
            (void)fputs("\\|", out);
        else
            (void)fputc(*text, out);
    }
}

static bool is_greek(const char *word, size_t n)
{
    static const char *const greek[] = {"alpha",  "beta", "gamma", "delta", "eta",
                                        "lambda", "phi",  "psi",   "tau"};
    for (size_t k = 0; k < sizeof greek / sizeof *greek; k++) {
        if (strlen(greek[k]) == n && !strncmp(greek[k], word, n)) return true;
    }
    return false;
}

/* "tau_ru" is $\tau_{\mathrm{ru}}$. */
static void put_name(const style *s, const char *name, FILE *out)
{
    const size_t stem = strcspn(name, "_");
    const char *rest = name[stem] ? name + stem + 1 : NULL;

    if (!s->latex) {
        put_text(s, name, out);
        return;
    }
    (void)fputc('$', out);
    if (is_greek(name, stem))
        (void)fprintf(out, "\\%.*s", (int)stem, name);
    else
        (void)fprintf(out, stem == 1 ? "%.*s" : "\\mathrm{%.*s}", (int)stem, name);
    if (rest) {
        (void)fputs("_{\\mathrm{", out);
        put_text(s, rest, out);
        (void)fputs("}}", out);
    }
    (void)fputc('$', out);
}

/* ---- marks and what they mean ----------------------------------------------------------- */

/* What the numbers of a table have that a reader must be told. */
typedef struct notes {
    bool one_sided, at_bound, far_out;
    const char *grouping; /* of the intervals; NULL: there is none */
    bool mixed;           /* they have several */
} notes;

static void note_fit(const json_t *fit, notes *to)
{
    const char *name;
    json_t *value;

    for (size_t k = 0; k < 2; k++) {
        json_object_foreach(json_object_get(fit, kinds[k][0]), name, value)
        {
            const number n = number_of(fit, name, value);
            to->one_sided = to->one_sided || n.one_sided;
            to->at_bound = to->at_bound || n.at_bound;
            to->far_out = to->far_out || n.far_out;
            if (!*n.grouping) continue;
            to->mixed = to->mixed || (to->grouping && strcmp(to->grouping, n.grouping) != 0);
            to->grouping = n.grouping;
        }
    }
}

static void put_interval(const style *s, number n, const notes *marks, FILE *out)
{
    put_range(s, n, out);
    if (n.one_sided) (void)fputs(s->latex ? "$^\\dagger$" : "†", out);
    if (marks->mixed && *n.grouping) {
        (void)fputs(" by ", out);
        put_text(s, n.grouping, out);
    }
}

static void put_bound(const style *s, number n, FILE *out)
{
    if (n.at_bound) (void)fputs(s->latex ? "$^\\ddagger$" : "‡", out);
}

static void put_notes(const style *s, const notes *marks, FILE *out)
{
    const char *open = s->latex ? "\\par\\smallskip{\\footnotesize " : "\n";
    const char *close = s->latex ? "}\n" : "\n";

    if (marks->one_sided)
        (void)fprintf(out, "%s%s one-sided interval%s", open, s->latex ? "$^\\dagger$" : "†",
                      close);
    if (marks->at_bound)
        (void)fprintf(out, "%s%s at its bound%s", open, s->latex ? "$^\\ddagger$" : "‡", close);
    if (marks->far_out) (void)fprintf(out, "%s%s%s", open, isg_text_far_out_note, close);
}

static void put_cells(const style *s, const char *const *cells, FILE *out)
{
    (void)fputs(s->open, out);
    for (size_t k = 0; cells[k]; k++) {
        if (k) (void)fputs(s->separator, out);
        put_text(s, cells[k], out);
    }
    (void)fputs(s->close, out);
}

static void rule(const style *s, size_t columns, FILE *out)
{
    if (s->latex) {
        (void)fputs("\\midrule\n", out);
        return;
    }
    (void)fputs("|", out);
    for (size_t k = 0; k < columns; k++) (void)fputs(k ? " ---: |" : " --- |", out);
    (void)fputc('\n', out);
}

/* "A/N^alpha" as mathematics: names of Greek letters, exponents in braces, indices upright. */
static void put_formula(const char *f, FILE *out)
{
    bool raised = false;

    while (*f) {
        size_t n = strspn(f, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
        if (raised && *f == '-' && !n) n = 1 + strspn(f + 1, "abcdefghijklmnopqrstuvwxyz_");
        if (!n) {
            raised = *f == '^';
            (void)fputc(*f++, out);
            continue;
        }
        const size_t sign = *f == '-', stem = strcspn(f + sign, "_^ ()+-*/=,");
        const size_t word = stem < n - sign ? stem : n - sign;
        if (raised) (void)fputc('{', out);
        if (sign) (void)fputc('-', out);
        if (is_greek(f + sign, word))
            (void)fprintf(out, "\\%.*s", (int)word, f + sign);
        else
            (void)fprintf(out, word == 1 ? "%.*s" : "\\mathrm{%.*s}", (int)word, f + sign);
        if (sign + word < n)
            (void)fprintf(out, "_{\\mathrm{%.*s}}", (int)(n - sign - word - 1),
                          f + sign + word + 1);
        if (raised) (void)fputc('}', out);
        raised = false;
        f += n;
    }
}

/* What was resampled for the intervals: one thing for all, or said beside each. */
static void put_resampled(const style *s, const json_t *fit, const notes *marks, FILE *out)
{
    const json_t *b = json_object_get(fit, "bootstrap"), *ways = json_object_get(b, "groupings");

    if (marks->mixed) {
        (void)fputs(" (resampled by what stands beside them)", out);
        return;
    }
    for (size_t k = 0; k < json_array_size(ways) && marks->grouping; k++) {
        const json_t *way = json_array_get(ways, k);
        if (strcmp(text_of(way, "name"), marks->grouping) != 0) continue;
        (void)fputs(" of resampled clusters (", out);
        put_text(s, text_of(way, "unit"), out);
        (void)fputc(')', out);
    }
}

/* What the table is of: above it in Markdown, a comment and the caption in LaTeX. */
static void put_caption(const style *s, const json_t *fit, bool groups, const notes *marks,
                        FILE *out)
{
    const json_t *o = json_object_get(fit, "objective");

    (void)fputs(s->latex ? "\\caption{$" : "`", out);
    if (s->latex)
        put_formula(text_of(fit, "formula"), out);
    else
        (void)fputs(text_of(fit, "formula"), out);
    (void)fputs(s->latex ? "$" : "`", out);
    if (groups) {
        (void)fputs(" fitted to n observations for each ", out);
        put_text(s, text_of(fit, "by"), out);
    } else {
        (void)fprintf(out, " fitted to %lld observations",
                      (long long)json_integer_value(json_object_get(fit, "n_observations")));
    }
    if (*unit_of(fit)) {
        (void)fputs(", losses in ", out);
        put_text(s, unit_of(fit), out);
    }
    if (marks->grouping) {
        (void)fprintf(out, ", %g ", 100 * level_of(fit));
        put_text(s, "% intervals", out);
        put_resampled(s, fit, marks, out);
    }
    (void)fprintf(out, "; %s", text_of(o, "name"));
    if (!groups && isfinite(real_of(o, "delta"))) /* groups have one each */
        (void)fprintf(out, s->latex ? ", $\\delta = %.3g$" : ", delta %.3g", real_of(o, "delta"));
    (void)fputs(s->latex ? ".}\n" : ".\n\n", out);
}

static void open_table(const style *s, const json_t *fit, bool groups, size_t columns,
                       const notes *marks, FILE *out)
{
    if (!s->latex) {
        put_caption(s, fit, groups, marks, out);
        return;
    }
    (void)fputs("% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n", out);
    put_caption(s, fit, groups, marks, out);
    (void)fputs("\\begin{tabular}{l", out);
    for (size_t k = 1; k < columns; k++) (void)fputc('r', out);
    (void)fputs("}\n\\toprule\n", out);
}

static void close_table(const style *s, const notes *marks, FILE *out)
{
    if (s->latex) (void)fputs("\\bottomrule\n\\end{tabular}\n", out);
    put_notes(s, marks, out);
    if (s->latex) (void)fputs("\\end{table}\n", out);
}

static void put_number_row(const style *s, number n, const notes *marks, FILE *out)
{
    (void)fputs(s->open, out);
    put_name(s, n.name, out);
    (void)fputs(s->separator, out);
    if (n.identified)
        put_real(s, n.estimate, n.digits, out);
    else
        (void)fputs("not identified", out);
    put_bound(s, n, out);
    (void)fputs(s->separator, out);
    put_real(s, n.far_out ? (double)NAN : n.se, n.se, out);
    (void)fputs(s->separator, out);
    put_interval(s, n, marks, out);
    (void)fputs(s->close, out);
}

static void one_fit(const style *s, const json_t *fit, FILE *out)
{
    char interval[32];
    const char *const head[] = {"", "estimate", "std. error", interval, NULL};
    const char *name;
    json_t *value;
    notes marks = {0};

    (void)snprintf(interval, sizeof interval, "%g %% interval", 100 * level_of(fit));
    note_fit(fit, &marks);
    open_table(s, fit, false, 4, &marks, out);
    put_cells(s, head, out);
    rule(s, 4, out);
    for (size_t k = 0; k < 2; k++) {
        json_t *numbers = json_object_get(fit, kinds[k][0]);
        json_object_foreach(numbers, name, value)
        {
            put_number_row(s, number_of(fit, name, value), &marks, out);
        }
    }
    close_table(s, &marks, out);
}

/* The first group that has a fit says which numbers there are. */
static const json_t *first_fit(const json_t *fits)
{
    for (size_t k = 0; k < json_array_size(fits); k++) {
        const json_t *fit = json_array_get(fits, k);
        if (json_object_get(fit, "parameters")) return fit;
    }
    return NULL;
}

static void group_row(const style *s, const json_t *fit, const json_t *pattern, const notes *marks,
                      FILE *out)
{
    const char *name;
    json_t *unused;

    (void)fputs(s->open, out);
    put_text(s, text_of(fit, "group"), out);
    (void)fprintf(out, "%s%lld", s->separator,
                  (long long)json_integer_value(json_object_get(fit, "n_observations")));
    for (size_t k = 0; k < 2; k++) {
        const json_t *numbers = json_object_get(fit, kinds[k][0]);
        json_object_foreach(json_object_get(pattern, kinds[k][0]), name, unused)
        {
            const number n = number_of(fit, name, json_object_get(numbers, name));
            (void)fputs(s->separator, out);
            put_real(s, n.estimate, n.digits, out);
            put_bound(s, n, out);
            if (isfinite(n.lo)) (void)fputc(' ', out);
            if (isfinite(n.lo)) put_interval(s, n, marks, out);
        }
    }
    (void)fputs(s->close, out);
}

static void group_table(const style *s, const json_t *result, FILE *out)
{
    json_t *fits = json_object_get(result, "fits");
    const json_t *pattern = first_fit(fits);
    const char *name;
    json_t *unused;
    size_t columns = 2;
    notes marks = {0};

    if (!pattern) return;
    for (size_t k = 0; k < json_array_size(fits); k++) note_fit(json_array_get(fits, k), &marks);
    marks.far_out = false; /* no column of standard errors */
    for (size_t k = 0; k < 2; k++)
        columns += json_object_size(json_object_get(pattern, kinds[k][0]));
    open_table(s, pattern, true, columns, &marks, out);
    (void)fputs(s->open, out);
    put_text(s, text_of(result, "by"), out);
    (void)fprintf(out, "%s%s", s->separator, s->latex ? "$n$" : "n");
    for (size_t k = 0; k < 2; k++) {
        json_object_foreach(json_object_get(pattern, kinds[k][0]), name, unused)
        {
            (void)fputs(s->separator, out);
            put_name(s, name, out);
        }
    }
    (void)fputs(s->close, out);
    rule(s, columns, out);
    for (size_t k = 0; k < json_array_size(fits); k++)
        group_row(s, json_array_get(fits, k), pattern, &marks, out);
    close_table(s, &marks, out);
}

isg_err isg_report_result_table(const json_t *result, isg_result_format format, FILE *out)
{
    const json_t *fits = json_object_get(result, "fits");
    const style *s = format == ISG_RESULT_LATEX ? &latex : &markdown;

    if (!fits && !json_object_get(result, "parameters"))
        return ISG_FAIL(ISG_EINPUT,
                        "not the result of a fit: there are neither 'parameters' nor 'fits'");
    if (format == ISG_RESULT_CSV) {
        (void)fputs(
            "law,group,name,kind,estimate,se,lo,hi,method,identified,n_observations,n_clusters,"
            "grouping,loss_unit\n",
            out);
        if (!fits) csv_fit(result, out);
        for (size_t k = 0; k < json_array_size(fits); k++) csv_fit(json_array_get(fits, k), out);
    } else if (fits) {
        group_table(s, result, out);
    } else {
        one_fit(s, result, out);
    }
    return ferror(out) ? ISG_FAIL(ISG_EIO, "cannot write the table") : ISG_OK;
}
