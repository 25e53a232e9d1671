#include "isogloss/report_result.h"

#include "fields.h"
#include "isogloss/law.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static long long whole_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* ---- sentences --------------------------------------------------------------------------- */

/* How the losses were made from bits per byte. */
static isg_err tell_metric(const json_t *selection, isg_str *to)
{
    const char *metric = text_of(selection, "metric");

    if (!strcmp(metric, "bits-per-character"))
        return isg_str_printf(to, " Bits per character are bits per byte times the scored bytes by "
                                  "the code points that begin in them.");
    if (!strcmp(metric, "page"))
        return isg_str_printf(to, " Bits per page are the bits of whole held-out pages that every "
                                  "language has, by the number of these pages.");
    if (!strcmp(metric, "unigram"))
        return isg_str_printf(
            to,
            " The loss is unigram-normalised: bits per byte less %.6g, what the scored bytes cost "
            "by the byte frequencies of the language's training text (add-one smoothed). The law "
            "was fitted to bits per byte, and E is given less that number.",
            -real_of(selection, "offset"));
    return ISG_OK;
}

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
    ISG_TRY(tell_metric(s, to));
    if (!json_array_size(list)) return isg_str_printf(to, " No row was excluded.");
    ISG_TRY(isg_str_printf(to, " Excluded were"));
    for (size_t k = 0; k < json_array_size(list); k++) {
        const json_t *e = json_array_get(list, k);
        ISG_TRY(isg_str_printf(to, "%s %lld row%s (%s)", k ? "," : "", whole_of(e, "count"),
                               whole_of(e, "count") > 1 ? "s" : "", text_of(e, "reason")));
    }
    return isg_str_printf(to, ".");
}

/* How the rows or the law were prepared, beyond choosing rows. */
static isg_err tell_preparation(const json_t *fit, isg_str *to)
{
    const json_t *sweeps = json_object_get(json_object_get(fit, "selection"), "sweeps");
    const json_t *stages = json_object_get(fit, "stages"),
                 *config = json_object_get(fit, "law_config");
    const json_t *over = json_object_get(json_object_get(fit, "request"), "best_over");

    if (json_is_object(config))
        ISG_TRY(isg_str_printf(
            to, " The law has the terms '%s' and %s lambda; %s.", text_of(config, "terms"),
            strcmp(text_of(config, "lambda"), "shared") ? "a per-source" : "a shared",
            *text_of(config, "about") ? text_of(config, "about") : "sources as given"));
    if (json_is_object(sweeps)) {
        ISG_TRY(isg_str_printf(to, " Of each of %lld sweeps over", whole_of(sweeps, "cells")));
        for (size_t k = 0; k < json_array_size(over); k++)
            ISG_TRY(isg_str_printf(to, "%s %s", k ? "," : "",
                                   json_string_value(json_array_get(over, k))));
        ISG_TRY(isg_str_printf(to,
                               " (%lld runs) the best setting is fitted, and every refit chooses "
                               "again.",
                               whole_of(sweeps, "runs")));
    }
    if (!json_is_object(stages)) return ISG_OK;
    ISG_TRY(isg_str_printf(to, " In a first stage"));
    for (size_t k = 0; k < json_array_size(json_object_get(stages, "parameters")); k++)
        ISG_TRY(isg_str_printf(
            to, "%s %s", k ? "," : "",
            json_string_value(json_array_get(json_object_get(stages, "parameters"), k))));
    return isg_str_printf(to,
                          " were fitted to %lld rows (%s) and then held, in every refit as well.",
                          whole_of(stages, "rows"), text_of(stages, "rule"));
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

static const char *const kinds[] = {"parameters", "derived"};

/* "A, B" of the numbers whose text under `key` is, or contains, a word. */
static isg_err list_numbers(const json_t *fit, const char *key, const char *word, isg_str *to)
{
    const char *name;
    json_t *number;

    for (size_t k = 0; k < 2; k++) {
        json_object_foreach(json_object_get(fit, kinds[k]), name, number)
        {
            if (!strstr(text_of(number, key), word)) continue;
            ISG_TRY(isg_str_printf(to, "%s%s", to->len ? ", " : "", name));
        }
    }
    return ISG_OK;
}

/* The further ways to resample, and which numbers have their interval from one of them. */
static isg_err tell_groupings(const json_t *fit, isg_str *to)
{
    const json_t *list = json_object_get(json_object_get(fit, "bootstrap"), "groupings");
    isg_str widest = {0};
    isg_err rc = ISG_OK;
    bool told = false;

    for (size_t k = 1; k < json_array_size(list) && !rc; k++) {
        const json_t *g = json_array_get(list, k);
        isg_str names = {0};
        if (*text_of(g, "no_interval")) continue;
        rc = isg_str_printf(to, "%s %lld groups of runs (%s)",
                            told ? " and" : " The same was done resampling", whole_of(g, "groups"),
                            text_of(g, "unit"));
        told = true;
        if (!rc) rc = list_numbers(fit, "grouping", text_of(g, "name"), &names);
        if (!rc && names.len)
            rc = isg_str_printf(&widest, "%s%s by %s", widest.len ? "; " : "", isg_str_c(&names),
                                text_of(g, "name"));
        isg_str_free(&names);
    }
    if (!rc && told) rc = isg_str_printf(to, ".");
    if (!rc && widest.len)
        rc =
            isg_str_printf(to,
                           " Where the standard errors differ by more than a factor 1.4 the widest "
                           "interval is given (%s).",
                           isg_str_c(&widest));
    isg_str_free(&widest);
    return rc;
}

static isg_err tell_one_sided(const json_t *fit, isg_str *to)
{
    isg_str names = {0};
    isg_err rc = list_numbers(fit, "method", "one-sided", &names);

    if (!rc && names.len)
        rc = isg_str_printf(
            to, " One-sided, because many refits end at a bound, is the interval of: %s.",
            isg_str_c(&names));
    isg_str_free(&names);
    return rc;
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
    ISG_TRY(failed ? isg_str_printf(to, "; %lld refit%s failed and %s left out.", failed,
                                    failed == 1 ? "" : "s", failed == 1 ? "is" : "are")
                   : isg_str_printf(to, "; all converged."));
    ISG_TRY(tell_groupings(fit, to));
    return tell_one_sided(fit, to);
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

/* 0 is what is taken where nothing is said. */
static bool zero_by_default(const char *key)
{
    return !strcmp(key, "drop_highest") || !strcmp(key, "starts_per_replicate");
}

static isg_err add_value(isg_str *to, const char *key, const json_t *value)
{
    char number[40];

    if (json_is_string(value)) return add_option(to, key, json_string_value(value));
    if (json_is_true(value)) return add_option(to, key, NULL);
    if (json_is_number(value)) {
        if (!(json_number_value(value) > 0) && zero_by_default(key)) return ISG_OK;
        for (int digits = 15; digits <= 17; digits++) { /* as few as read back the same */
            (void)snprintf(number, sizeof number, "%.*g", digits, json_number_value(value));
            if (!(fabs(strtod(number, NULL) - json_number_value(value)) > 0)) break;
        }
        if (!strcmp(key, "check")) return isg_str_printf(to, " --check=%s", number);
        return add_option(to, key, number);
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

/* The command over lines that a shell takes as one: broken before options, and before words
 * where nothing else fits. */
static void print_command(const char *command, FILE *out)
{
    enum { INDENT = 4, WIDTH = 76 };
    size_t column = INDENT;

    (void)fputs("    ", out);
    while (*command) {
        const char *option = strstr(command + 1, " --");
        size_t n = option ? (size_t)(option - command) : strlen(command);
        if (n > WIDTH - INDENT - 4 || !option) n = 1 + strcspn(command + 1, " "); /* a word */
        if (column + n > WIDTH && column > INDENT) {
            (void)fputs(" \\\n       ", out);
            column = INDENT + 3;
        }
        (void)fprintf(out, "%.*s", (int)n, command);
        column += n;
        command += n;
    }
    (void)fputc('\n', out);
}

static isg_err one_fit(const json_t *fit, FILE *out)
{
    const json_t *program = json_object_get(fit, "program");
    isg_str text = {0};
    isg_err rc = tell_data(fit, &text);

    if (!rc) rc = tell_preparation(fit, &text);
    if (!rc) rc = tell_objective(fit, &text);
    if (!rc && json_is_false(json_object_get(fit, "converged")))
        rc = isg_str_printf(&text, " The fit to all observations did not converge: its numbers are "
                                   "where the optimiser stopped.");
    if (!rc) rc = tell_constraints(json_object_get(fit, "request"), &text);
    if (!rc) rc = tell_intervals(fit, &text);
    if (!rc)
        rc = isg_str_printf(&text, " The fits were made by isogloss %s (commit %s).",
                            text_of(program, "version"), text_of(program, "commit"));
    if (!rc) isg_text_paragraph(out, "", isg_str_c(&text));
    isg_str_free(&text);
    return rc;
}

/* The command, and the files with what was in them. */
static isg_err again(const json_t *fit, FILE *out)
{
    const json_t *sources = json_object_get(fit, "sources");
    isg_str command = {0};
    isg_err rc = tell_command(fit, &command);

    if (!rc) {
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
    isg_str_free(&command);
    return rc;
}

isg_err isg_report_result_methods(const json_t *result, FILE *out)
{
    const json_t *fits = json_object_get(result, "fits"), *made = NULL;

    if (!fits && !json_object_get(result, "parameters"))
        return ISG_FAIL(ISG_EINPUT,
                        "not the result of a fit: there are neither 'parameters' nor 'fits'");
    for (size_t k = 0; k < (fits ? json_array_size(fits) : 1); k++) {
        const json_t *fit = fits ? json_array_get(fits, k) : result;
        if (k) (void)fputc('\n', out);
        if (json_object_get(fit, "parameters")) {
            ISG_TRY(one_fit(fit, out));
            made = fit;
        } else {
            (void)fprintf(out, "%s = %s was not fitted: %s\n", text_of(fit, "by"),
                          text_of(fit, "group"), text_of(fit, "error"));
        }
    }
    if (made) ISG_TRY(again(made, out)); /* one command makes all groups */
    return ferror(out) ? ISG_FAIL(ISG_EIO, "cannot write the methods") : ISG_OK;
}
