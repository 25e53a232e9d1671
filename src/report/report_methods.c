#include "isogloss/report_result.h"

#include "isogloss/law.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

static long long whole_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static double real_of(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

/* ---- sentences --------------------------------------------------------------------------- */

static isg_err tell_data(const json_t *fit, isg_str *to)
{
    const json_t *s = json_object_get(fit, "selection"), *list = json_object_get(fit, "excluded");
    const char *unit = text_of(s, "unit"), *target = text_of(s, "target");
    const isg_law *law = NULL;

    if (isg_law_find(text_of(fit, "law"), &law)) isg_err_clear();
    ISG_TRY(isg_str_printf(to, "We fitted the law %s%s%s%s to %lld observations",
                           text_of(fit, "formula"), law ? " (" : "", law ? law->source : "",
                           law ? ")" : "", whole_of(fit, "n_observations")));
    if (*text_of(fit, "group"))
        ISG_TRY(isg_str_printf(to, " with %s = %s", text_of(fit, "by"), text_of(fit, "group")));
    ISG_TRY(isg_str_printf(to, " of the loss (column %s%s%s)%s%s", text_of(s, "loss_column"),
                           *unit ? ", in " : "", unit, *target ? " on " : "", target));
    ISG_TRY(isg_str_printf(to, ", %s; N is %s, D is %s.",
                           *text_of(s, "points") ? text_of(s, "points") : "all points",
                           text_of(s, "n_column"), text_of(s, "d_column")));
    if (!json_array_size(list)) return isg_str_printf(to, " No row was excluded.");
    ISG_TRY(isg_str_printf(to, " Excluded were"));
    for (size_t k = 0; k < json_array_size(list); k++) {
        const json_t *e = json_array_get(list, k);
        ISG_TRY(isg_str_printf(to, "%s %lld row%s (%s)", k ? "," : "", whole_of(e, "count"),
                               whole_of(e, "count") > 1 ? "s" : "", text_of(e, "reason")));
    }
    return isg_str_printf(to, ".");
}

static isg_err tell_objective(const json_t *fit, isg_str *to)
{
    const json_t *o = json_object_get(fit, "objective"), *s = json_object_get(fit, "starts");
    const char *name = text_of(o, "name");

    if (!strcmp(name, "huber"))
        ISG_TRY(
            isg_str_printf(to,
                           " Parameters minimise the sum of Huber losses of ln L - ln L_pred with "
                           "delta = %.4g%s",
                           real_of(o, "delta"),
                           strcmp(text_of(o, "delta_from"), "residuals") != 0
                               ? ""
                               : ", 1.345 times the robust standard deviation of the residuals"));
    else
        ISG_TRY(isg_str_printf(to, " Parameters minimise the sum of %s",
                               !strcmp(name, "lad")   ? "absolute deviations of ln L - ln L_pred"
                               : !strcmp(name, "lsq") ? "squares of L - L_pred"
                                                      : "squares of ln L - ln L_pred"));
    return isg_str_printf(
        to,
        ", found by Newton's method with the exact Hessian from %lld starts, of which "
        "%lld ended at the best optimum.",
        whole_of(s, "tried"), whole_of(s, "at_best"));
}

static isg_err tell_constraints(const json_t *request, isg_str *to)
{
    static const char *const keys[][2] = {{"fix", "Held fixed"}, {"tie", "Set equal"}};

    for (size_t k = 0; k < 2; k++) {
        const json_t *list = json_object_get(request, keys[k][0]);
        for (size_t i = 0; i < json_array_size(list); i++)
            ISG_TRY(isg_str_printf(to, "%s%s",
                                   i   ? ", "
                                   : k ? " Set equal: "
                                       : " Held fixed: ",
                                   json_string_value(json_array_get(list, i))));
        if (json_array_size(list)) ISG_TRY(isg_str_printf(to, "."));
    }
    return ISG_OK;
}

static isg_err tell_intervals(const json_t *fit, isg_str *to)
{
    const json_t *b = json_object_get(fit, "bootstrap"), *request = json_object_get(fit, "request");
    const char *none = text_of(b, "no_interval");
    const long long failed = whole_of(b, "failed");

    if (*none) return isg_str_printf(to, " No intervals were computed (%s).", none);
    ISG_TRY(
        isg_str_printf(to,
                       " Intervals are %g %% percentile intervals over %lld bootstrap refits that "
                       "resample %lld clusters (%s) with replacement, seed %lld; each refit is the "
                       "better of a descent from the full fit and one from its own scan of the "
                       "exponents",
                       100 * real_of(b, "level"), whole_of(b, "B"), whole_of(fit, "n_clusters"),
                       text_of(b, "unit"), whole_of(b, "seed")));
    if (whole_of(request, "starts_per_replicate"))
        ISG_TRY(isg_str_printf(to, ", and of %lld cold starts",
                               whole_of(request, "starts_per_replicate")));
    return failed ? isg_str_printf(to, "; %lld refits failed and are left out.", failed)
                  : isg_str_printf(to, "; all converged.");
}

/* ---- the command --------------------------------------------------------------------------- */

static bool is_plain(const char *word)
{
    return *word &&
           !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "_./:=,@%+-")];
}

static isg_err add_word(isg_str *to, const char *word)
{
    if (is_plain(word)) return isg_str_printf(to, " %s", word);
    ISG_TRY(isg_str_printf(to, " '"));
    for (; *word; word++) ISG_TRY(isg_str_printf(to, *word == '\'' ? "'\\''" : "%c", *word));
    return isg_str_printf(to, "'");
}

static isg_err add_option(isg_str *to, const char *key, const char *value)
{
    ISG_TRY(isg_str_printf(to, " --"));
    for (; *key; key++) ISG_TRY(isg_str_printf(to, "%c", *key == '_' ? '-' : *key));
    return value ? add_word(to, value) : ISG_OK;
}

static isg_err add_value(isg_str *to, const char *key, const json_t *value)
{
    char number[40];

    if (json_is_string(value)) return add_option(to, key, json_string_value(value));
    if (json_is_true(value)) return add_option(to, key, NULL);
    if (json_is_number(value)) {
        const bool zero = !(json_number_value(value) > 0) && strcmp(key, "bootstrap") != 0;
        (void)snprintf(number, sizeof number, "%.15g", json_number_value(value));
        return zero ? ISG_OK : add_option(to, key, number);
    }
    for (size_t k = 0; k < json_array_size(value); k++)
        ISG_TRY(add_option(to, key, json_string_value(json_array_get(value, k))));
    return ISG_OK;
}

static isg_err tell_command(const json_t *fit, isg_str *to)
{
    const json_t *sources = json_object_get(fit, "sources");
    const char *key;
    json_t *value;

    ISG_TRY(isg_str_printf(to, "isogloss fit"));
    json_object_foreach(json_object_get(fit, "request"), key, value)
        ISG_TRY(add_value(to, key, value));
    for (size_t k = 0; k < json_array_size(sources); k++)
        ISG_TRY(add_word(to, text_of(json_array_get(sources, k), "path")));
    return ISG_OK;
}

/* The command over lines that a shell takes as one. */
static void print_command(const char *command, FILE *out)
{
    size_t column = 4;

    (void)fputs("    ", out);
    while (*command) {
        size_t n = strspn(command, " ") + strcspn(command + strspn(command, " "), " ");
        const char *option = strstr(command, " --");
        if (*command == ' ') n = option == command ? 1 + strcspn(command + 1, " ") : n;
        if (column + n > 76 && (option == command || command[1] != '-')) {
            (void)fputs(" \\\n       ", out);
            column = 7;
        }
        (void)fprintf(out, "%.*s", (int)n, command);
        column += n;
        command += n;
    }
    (void)fputc('\n', out);
}

static isg_err one_fit(const json_t *fit, FILE *out)
{
    const json_t *program = json_object_get(fit, "program"),
                 *sources = json_object_get(fit, "sources");
    isg_str text = {0}, command = {0};
    isg_err rc = tell_data(fit, &text);

    if (!rc) rc = tell_objective(fit, &text);
    if (!rc) rc = tell_constraints(json_object_get(fit, "request"), &text);
    if (!rc) rc = tell_intervals(fit, &text);
    if (!rc)
        rc = isg_str_printf(&text, " The fits were made by isogloss %s (commit %s).",
                            text_of(program, "version"), text_of(program, "commit"));
    if (!rc) rc = tell_command(fit, &command);
    if (!rc) {
        isg_text_paragraph(out, "", isg_str_c(&text));
        (void)fputs("\nThe numbers can be made again, to the last digit, by\n\n", out);
        print_command(isg_str_c(&command), out);
        (void)fputs("\nfrom\n\n", out);
    }
    for (size_t k = 0; k < json_array_size(sources) && !rc; k++) {
        const json_t *source = json_array_get(sources, k);
        const char *sha = text_of(source, "sha256");
        (void)fprintf(out, "    %s\n      %s%s\n", text_of(source, "path"),
                      *sha ? "sha256 " : "that could not be read again", sha);
    }
    isg_str_free(&text);
    isg_str_free(&command);
    return rc;
}

isg_err isg_report_result_methods(const json_t *result, FILE *out)
{
    const json_t *fits = json_object_get(result, "fits");

    if (!fits && !json_object_get(result, "parameters"))
        return ISG_FAIL(ISG_EINPUT,
                        "not the result of a fit: there are neither 'parameters' nor 'fits'");
    for (size_t k = 0; k < (fits ? json_array_size(fits) : 1); k++) {
        const json_t *fit = fits ? json_array_get(fits, k) : result;
        if (k) (void)fputc('\n', out);
        if (json_object_get(fit, "parameters"))
            ISG_TRY(one_fit(fit, out));
        else
            (void)fprintf(out, "%s = %s was not fitted: %s\n", text_of(fit, "by"),
                          text_of(fit, "group"), text_of(fit, "error"));
    }
    return ferror(out) ? ISG_FAIL(ISG_EIO, "cannot write the methods") : ISG_OK;
}
