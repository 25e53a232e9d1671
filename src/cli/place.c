#include "place.h"

#include "isogloss/expr.h"
#include "isogloss/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading --------------------------------------------------------------------------- */

/* A number with the suffixes of expressions. */
static bool read_number(const char *text, double *out)
{
    isg_table *one = NULL;
    bool good = strspn(text, "0123456789.+-eEkMGBTPi") == strlen(text) && *text &&
                !isg_table_create("", 1, &one) && !isg_expr_column(one, text, "", out) &&
                isfinite(*out);
    isg_table_destroy(&one);
    isg_err_clear();
    return good;
}

static isg_err read_item(const char *option, const char *word, place *out)
{
    const size_t n = strcspn(word, "=");

    if (!n || !word[n] || n >= sizeof out->name[0])
        return ISG_FAIL(ISG_EUSAGE, "%s %s: '%s': wanted NAME=NUMBER, such as %s", option,
                        out->text, word, strcmp(option, "--at") ? "N=7e10" : "C=1e21");
    if (out->n == PLACE_ITEMS)
        return ISG_FAIL(ISG_EUSAGE, "%s %s: too many numbers", option, out->text);
    (void)snprintf(out->name[out->n], sizeof out->name[0], "%.*s", (int)n, word);
    if (place_get(out, out->name[out->n]))
        return ISG_FAIL(ISG_EUSAGE, "%s %s: %s stands there twice", option, out->text,
                        out->name[out->n]);
    double *value = &out->value[out->n];
    if (!read_number(word + n + 1, value) || *value < 0)
        return ISG_FAIL(ISG_EUSAGE, "%s %s: '%s' is no number of at least 0", option, out->text,
                        word + n + 1);
    out->n++;
    return ISG_OK;
}

isg_err place_parse(const char *option, const char *text, place *out)
{
    char *words = isg_strdup(text);
    isg_err rc = words ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for '%s'", text);

    *out = (place){.text = text};
    for (char *word = words; word && !rc;) {
        char *next = strchr(word, ',');
        if (next) *next++ = '\0';
        rc = read_item(option, word, out);
        word = next;
    }
    free(words);
    return rc;
}

const double *place_get(const place *p, const char *name)
{
    for (size_t k = 0; k < p->n; k++) {
        if (!strcmp(p->name[k], name)) return &p->value[k];
    }
    return NULL;
}

void place_set(place *p, const char *name, double value)
{
    size_t k = 0;
    while (k < p->n && strcmp(p->name[k], name) != 0) k++;
    if (k == PLACE_ITEMS) return;
    if (k == p->n) (void)snprintf(p->name[p->n++], sizeof p->name[0], "%s", name);
    p->value[k] = value;
}

isg_err place_check(const char *option, const place *p, const isg_law *law)
{
    for (size_t k = 0; k < p->n; k++) {
        size_t at;
        const bool usual =
            !strcmp(p->name[k], "C") || !strcmp(p->name[k], "N") || !strcmp(p->name[k], "D");
        if (!usual)
            ISG_TRY(
                isg_err_context(isg_law_var_find(law, p->name[k], &at), "%s %s", option, p->text));
    }
    return ISG_OK;
}

/* ---- variables of a law --------------------------------------------------------------------- */

/* {N} and {D} become columns of a table of one row; other texts in braces are not known here. */
static char *over_columns(const char *from)
{
    isg_str out = {0};

    for (; *from; from++) {
        if (*from != '{') {
            (void)isg_str_add(&out, from, 1);
        } else if (!strncmp(from, "{N}", 3) || !strncmp(from, "{D}", 3)) {
            (void)isg_str_add(&out, from + 1, 1);
            from += 2;
        } else {
            isg_str_free(&out);
            return NULL;
        }
    }
    return out.data;
}

static bool evaluate(const isg_table *one, const char *const *from, double *out)
{
    bool good = false;

    for (; from && *from && !good; from++) {
        char *text = over_columns(*from);
        good = text && !isg_expr_column(one, text, "", out) && isfinite(*out);
        free(text);
    }
    isg_err_clear();
    return good;
}

const char *place_vars(const place *p, const isg_law *law, double *var)
{
    const char *missing = NULL;
    isg_table *one = NULL;
    isg_err rc = isg_table_create("", 1, &one);

    for (size_t k = 0; k < p->n && !rc; k++)
        rc = isg_table_add_numbers(one, p->name[k], &p->value[k]);
    for (size_t k = 0; k < law->n_vars; k++) {
        const isg_law_var *v = &law->vars[k];
        const double *given = place_get(p, v->name);
        const bool positive = v->kind == ISG_VAR_LOG;
        var[k] = NAN;
        if (given) {
            var[k] = *given;
        } else if (!rc && !evaluate(one, v->from, &var[k])) {
            var[k] = v->optional ? 0 : (double)NAN;
        }
        if (!missing && (isnan(var[k]) || (positive && !(var[k] > 0)))) missing = v->name;
    }
    isg_err_clear();
    isg_table_destroy(&one);
    return missing;
}
