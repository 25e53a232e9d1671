#include "isogloss/report_laws.h"

#include "isogloss/str.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* ---- pieces ------------------------------------------------------------------------- */

/* The next of the lines of `where`: its length in *n, 0 at the end. */
static const char *next_line(const char *text, size_t *n)
{
    *n = text ? strcspn(text, "\n") : 0;
    return text;
}

static const char *after_line(const char *line, size_t n)
{
    return line + n + (line[n] == '\n');
}

/* "0.01 to 3" in natural units; new memory */
static char *bounds_of(const isg_law_param *p)
{
    if (p->log && !p->free_scale) return isg_strdup("positive");
    return p->log ? isg_strf("%.3g to %.3g", isg_exp(p->lo), isg_exp(p->hi))
                  : isg_strf("%.3g to %.3g", p->lo, p->hi);
}

static isg_err add_source(isg_str *to, const char *quote, const char *source)
{
    return isg_str_printf(to, "%s%s%s%s", to->len ? ", else " : "", quote, source, quote);
}

/* Where a variable comes from, in words; new memory. @param quote  around names */
static char *origin_of(const isg_law_var *v, const char *quote)
{
    isg_str text = {0};
    isg_err rc = ISG_OK;

    if (!v->from && !strcmp(v->name, "N"))
        rc = isg_str_printf(&text, "%s--n%s, else %sN_total%s, else %sN_params%s", quote, quote,
                            quote, quote, quote, quote);
    else if (!v->from)
        rc = isg_str_printf(&text, "%s--d%s, else %sD_tokens%s", quote, quote, quote, quote);
    else
        rc = isg_str_printf(&text, "%s--var %s=COL%s", quote, v->name, quote);
    for (size_t k = 0; v->from && v->from[k] && !rc; k++) rc = add_source(&text, quote, v->from[k]);
    if (!rc && v->optional) rc = isg_str_puts(&text, ", else 0");
    char *out = rc ? NULL : isg_strdup(isg_str_c(&text));
    isg_str_free(&text);
    return out;
}

static size_t widest(const isg_law *law)
{
    size_t n = 0;
    for (size_t k = 0; k < law->n_params; k++)
        n = strlen(law->params[k].name) > n ? strlen(law->params[k].name) : n;
    for (size_t k = 0; k < law->n_vars; k++)
        n = strlen(law->vars[k].name) > n ? strlen(law->vars[k].name) : n;
    for (size_t k = 0; k < law->n_derived; k++)
        n = strlen(law->derived[k].name) > n ? strlen(law->derived[k].name) : n;
    return n;
}

/* "A, B from rows with ..., then the others from all rows"; NULL without stages. New memory. */
static char *stages_of(const isg_law *law)
{
    isg_str names = {0};
    isg_err rc = ISG_OK;

    for (size_t k = 0; k < law->n_first && !rc; k++)
        rc = isg_str_printf(&names, "%s%s", k ? ", " : "", law->params[k].name);
    char *out = rc || !law->n_first
                    ? NULL
                    : isg_strf("%s from the rows with %s, then, with these held, the others from "
                               "all rows%s%s",
                               isg_str_c(&names), law->first_rule,
                               law->doubt ? ". Rows of the first stage may have " : "",
                               law->doubt ? law->doubt : "");
    isg_str_free(&names);
    return out;
}

/* ---- text --------------------------------------------------------------------------- */

void isg_report_laws_list(FILE *out)
{
    for (const isg_law *const *at = isg_laws; *at; at++) {
        const isg_law *law = *at;
        (void)fprintf(out, "%s%-11s %s\n%12s%s\n", at == isg_laws ? "" : "\n", law->name,
                      law->formula, "", law->summary);
    }
    (void)fprintf(out, "\nisogloss laws NAME: parameters, variables and an example of one.\n");
}

static void print_line(FILE *out, size_t width, const char *name, char *text)
{
    char *lead = isg_strf("  %-*s  ", (int)width, name);
    if (lead && text) isg_text_paragraph(out, lead, text);
    free(lead);
    free(text);
}

void isg_report_laws_text(const isg_law *law, FILE *out)
{
    const size_t width = widest(law);

    isg_text_law(out, law);
    (void)fputc('\n', out);
    isg_text_paragraph(out, "", law->summary);
    isg_text_paragraph(out, "", law->source);
    (void)fprintf(out, "\nParameters\n");
    for (size_t k = 0; k < law->n_params; k++) {
        char *bounds = bounds_of(&law->params[k]);
        print_line(out, width, law->params[k].name,
                   bounds ? isg_strf("%s; %s", law->params[k].meaning, bounds) : NULL);
        free(bounds);
    }
    (void)fprintf(out, "\nVariables\n");
    for (size_t k = 0; k < law->n_vars; k++) {
        char *origin = origin_of(&law->vars[k], "");
        print_line(out, width, law->vars[k].name,
                   origin ? isg_strf("%s: %s", law->vars[k].meaning, origin) : NULL);
        free(origin);
    }
    if (law->n_derived) (void)fprintf(out, "\nWhat follows\n");
    for (size_t k = 0; k < law->n_derived; k++)
        print_line(out, width, law->derived[k].name, isg_strdup(law->derived[k].meaning));
    char *stages = stages_of(law);
    if (stages) {
        (void)fprintf(out, "\nStages\n");
        print_line(out, width, "--stages two", stages);
    }
    (void)fprintf(out, "\nExample\n  isogloss fit runs.csv %s\n", law->example);
}

/* ---- Markdown ------------------------------------------------------------------------ */

static void law_markdown(const isg_law *law, FILE *out)
{
    size_t n;

    (void)fprintf(out, "\n## %s\n\n    %s\n", law->name, law->formula);
    for (const char *line = next_line(law->where, &n); n; line = next_line(after_line(line, n), &n))
        (void)fprintf(out, "    %.*s\n", (int)n, line);
    (void)fprintf(out, "\n%c%s. %s.\n\n", law->summary[0] - 'a' + 'A', law->summary + 1,
                  law->source);
    (void)fprintf(out, "| parameter | meaning | bounds |\n| --- | --- | --- |\n");
    for (size_t k = 0; k < law->n_params; k++) {
        char *bounds = bounds_of(&law->params[k]);
        (void)fprintf(out, "| %s | %s | %s |\n", law->params[k].name, law->params[k].meaning,
                      bounds ? bounds : "");
        free(bounds);
    }
    (void)fprintf(out, "\n| variable | meaning | comes from |\n| --- | --- | --- |\n");
    for (size_t k = 0; k < law->n_vars; k++) {
        char *origin = origin_of(&law->vars[k], "`");
        (void)fprintf(out, "| %s | %s | %s |\n", law->vars[k].name, law->vars[k].meaning,
                      origin ? origin : "");
        free(origin);
    }
    if (law->n_derived) (void)fprintf(out, "\nWhat follows, with an interval of its own:\n\n");
    for (size_t k = 0; k < law->n_derived; k++)
        (void)fprintf(out, "* %s: %s\n", law->derived[k].name, law->derived[k].meaning);
    char *stages = stages_of(law);
    if (stages) (void)fprintf(out, "\n`--stages two`: %s.\n", stages);
    free(stages);
    (void)fprintf(out, "\n    isogloss fit runs.csv %s\n", law->example);
}

void isg_report_laws_markdown(FILE *out)
{
    (void)fprintf(
        out,
        "# Laws\n\n"
        "`isogloss laws --markdown` prints this page from the table of laws; a test compares them.\n"
        "\n"
        "Logs of losses are predicted, so every law is positive. `positive` parameters are held\n"
        "as their natural logs. `{target}` stands for the value of `--target`, `{N}` and `{D}` for\n"
        "the columns of `--n` and `--d`; of several origins of a variable the first that the table\n"
        "has is taken. `--fix NAME=VALUE` holds a parameter of any law, `--tie alpha=beta` makes\n"
        "two equal.\n");
    for (const isg_law *const *law = isg_laws; *law; law++) law_markdown(*law, out);
}

/* ---- JSON ---------------------------------------------------------------------------- */

static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static json_t *lines_json(const char *text)
{
    json_t *a = json_array();
    size_t n;

    for (const char *line = next_line(text, &n); n; line = next_line(after_line(line, n), &n))
        (void)json_array_append_new(a, json_stringn(line, n));
    return a;
}

static json_t *param_json(const isg_law_param *p)
{
    json_t *o = json_object();
    const bool positive = p->log && !p->free_scale;

    set(o, "name", json_string(p->name));
    set(o, "meaning", json_string(p->meaning));
    set(o, "log", json_boolean(p->log));
    set(o, "lo", positive ? json_null() : isg_json_real(p->log ? isg_exp(p->lo) : p->lo));
    set(o, "hi", positive ? json_null() : isg_json_real(p->log ? isg_exp(p->hi) : p->hi));
    return o;
}

static json_t *var_json(const isg_law_var *v)
{
    static const char *const kind[] = {"log", "amount", "plain"};
    json_t *o = json_object(), *from = json_array();

    for (size_t k = 0; v->from && v->from[k]; k++)
        (void)json_array_append_new(from, json_string(v->from[k]));
    set(o, "name", json_string(v->name));
    set(o, "meaning", json_string(v->meaning));
    set(o, "kind", json_string(kind[v->kind]));
    set(o, "from", from);
    set(o, "optional", json_boolean(v->optional));
    return o;
}

static json_t *law_json(const isg_law *law)
{
    json_t *o = json_object(), *params = json_array(), *vars = json_array(),
           *derived = json_array();

    for (size_t k = 0; k < law->n_params; k++)
        (void)json_array_append_new(params, param_json(&law->params[k]));
    for (size_t k = 0; k < law->n_vars; k++)
        (void)json_array_append_new(vars, var_json(&law->vars[k]));
    for (size_t k = 0; k < law->n_derived; k++)
        (void)json_array_append_new(derived, json_pack("{s:s,s:s}", "name", law->derived[k].name,
                                                       "meaning", law->derived[k].meaning));
    set(o, "name", json_string(law->name));
    set(o, "formula", json_string(law->formula));
    set(o, "where", lines_json(law->where));
    set(o, "summary", json_string(law->summary));
    set(o, "source", json_string(law->source));
    set(o, "parameters", params);
    set(o, "variables", vars);
    set(o, "derived", derived);
    set(o, "two_stages", json_boolean(law->n_first > 0));
    set(o, "mixtures", json_boolean(law->mixtures));
    set(o, "best_size", json_boolean(law->optimum != NULL));
    set(o, "example", json_string(law->example));
    return o;
}

isg_err isg_report_laws_json(const isg_law *only, json_t **out)
{
    json_t *laws = json_array();

    for (const isg_law *const *law = isg_laws; *law; law++) {
        if (!only || only == *law) (void)json_array_append_new(laws, law_json(*law));
    }
    *out = json_pack("{s:s,s:i,s:o}", "schema", "isogloss-laws", "version", 1, "laws", laws);
    return *out ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for the laws");
}
