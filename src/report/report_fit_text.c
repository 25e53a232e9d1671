#include "isogloss/report_fit.h"

#include "isogloss/atlas.h"
#include "report_fit_numbers.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELL = ISG_TEXT_CELL, MAX_ROWS = 16, MAX_COLUMNS = 7, MAX_FROM = 160 };

static void range_of(const double *x, size_t n, double *lo, double *hi)
{
    *lo = *hi = x[0];
    for (size_t i = 1; i < n; i++) {
        *lo = fmin(*lo, x[i]);
        *hi = fmax(*hi, x[i]);
    }
}

static void print_data(const isg_fit_report *r, FILE *out)
{
    const isg_selection *s = r->selection;
    char a[CELL], b[CELL];
    double lo, hi;

    isg_text_say(out, "source     ",
                 isg_strf("%s: %zu rows read, %zu used%s%s", r->source, s->n_read, s->n,
                          s->points && *s->points ? "; " : "", s->points ? s->points : ""));
    if (r->by) isg_text_say(out, "group      ", isg_strf("%s = %s", r->by, r->by_value));
    if (s->target[0]) isg_text_say(out, "target     ", isg_strf("%s", s->target));
    for (size_t k = 0; k < s->n_excluded; k++) {
        const isg_excluded *e = &s->excluded[k];
        isg_str places = {0};
        (void)isg_select_places(e->line, e->run, NULL, e->n, 5, &places);
        isg_text_say(out, "left out   ",
                     isg_strf("%zu: %s (%s)", e->n, e->reason, isg_str_c(&places)));
        isg_str_free(&places);
    }
    for (size_t k = 0; k < r->law->n_vars; k++) {
        char lead[CELL];
        (void)snprintf(lead, sizeof lead, "%-10s ", r->law->vars[k].name);
        range_of(s->var[k], s->n, &lo, &hi);
        const char *kind = strcmp(r->law->vars[k].name, "N") != 0 ? ""
                           : !strcmp(s->n_kind, "total")          ? " (total)"
                           : s->n_kind[0]                         ? " (non-embedding)"
                                          : " (total or non-embedding: not known)";
        isg_text_say(
            out, lead,
            isg_strf("%.*s%s%s, %s to %s", MAX_FROM,
                     s->var_from[k][0] ? s->var_from[k] : "nowhere: taken as zero",
                     strlen(s->var_from[k]) > MAX_FROM ? " ... (the rest is in the JSON)" : "",
                     kind, isg_str_count(lo, a, sizeof a), isg_str_count(hi, b, sizeof b)));
    }
    range_of(s->loss, s->n, &lo, &hi);
    isg_text_say(out, "loss       ",
                 isg_strf("%s%s%s%s, %.4g to %.4g", s->loss_column, s->unit[0] ? " [" : "", s->unit,
                          s->unit[0] ? "]" : "", lo + s->offset, hi + s->offset));
    if (s->metric == ISG_METRIC_UNIGRAM)
        isg_text_say(
            out, "           ",
            isg_strf("less %.6g bit/byte, what byte frequencies of the training text cost: "
                     "the law is fitted to bits per byte, and E is shown less that",
                     -s->offset));
    for (size_t k = 0; k < s->n_notes; k++) isg_text_paragraph(out, "note       ", s->note[k]);
}

static void print_stages(const isg_fit_report *r, FILE *out)
{
    const size_t rows = isg_problem_first_rows(r->problem);
    isg_str names = {0};
    isg_err rc = ISG_OK;

    for (size_t k = 0; rows && k < r->law->n_first && !rc; k++)
        rc = isg_str_printf(&names, "%s%s", k ? ", " : "", r->law->params[k].name);
    if (rows && !rc)
        isg_text_say(out, "stages     ",
                     isg_strf("%s from the %zu rows with %s; then, with these held, the others "
                              "from all rows: objective and optimum below are of that",
                              isg_str_c(&names), rows, r->law->first_rule));
    isg_str_free(&names);
}

static void print_objective(const isg_fit_report *r, FILE *out)
{
    const isg_fit *f = r->fit;
    char runner[64] = "", condition[64] = "infinite: some parameters cannot be told apart";

    if (isfinite(f->condition)) (void)snprintf(condition, sizeof condition, "%.3g", f->condition);
    if (r->objective == ISG_HUBER) {
        isg_text_say(out, "objective  ",
                     isg_strf("huber on log loss, sum %.6g, delta %.4g %s", f->objective, f->delta,
                              r->delta_given ? "(given)" : "(1.345 robust sd)"));
    } else {
        isg_text_say(out, "objective  ",
                     isg_strf("%s, sum %.6g",
                              r->objective == ISG_LAD       ? "absolute deviations of log loss"
                              : r->objective == ISG_LOG_LSQ ? "squares of the log loss"
                                                            : "squares of the loss",
                              f->objective));
    }
    if (f->has_runner_up) (void)snprintf(runner, sizeof runner, ", runner-up %.6g", f->runner_up);
    isg_text_say(out, "optimum    ",
                 isg_strf("%zu of %zu starts end there%s; gradient %.1g, condition %s", f->at_best,
                          f->starts, runner, f->gradient_norm, condition));
    isg_text_say(out, "residuals  ",
                 isg_strf("%.3g %% (robust sd), %.3g %% (root mean square)", 100 * f->robust_sd,
                          100 * f->rms));
}

/* ---- losses by N and D ------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Different values in ascending order; caller frees. 0: out of memory */
static size_t distinct(const double *x, size_t n, double **out)
{
    double *v = malloc(n * sizeof *v);
    size_t m = 0;

    *out = v;
    if (!v) return 0;
    memcpy(v, x, n * sizeof *v);
    qsort(v, n, sizeof *v, by_value);
    for (size_t i = 0; i < n; i++) {
        if (!m || v[i] > v[m - 1]) v[m++] = v[i];
    }
    return m;
}

/* Mean loss of a cell, NaN if it is empty. */
static double mean_loss(const isg_selection *s, double n, double d)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->var[0][i] < n || s->var[0][i] > n || s->var[1][i] < d || s->var[1][i] > d) continue;
        sum += s->loss[i];
        count++;
    }
    return count ? sum / (double)count : (double)NAN;
}

/* Steps from a cell to the next filled one in its row or column that go down. */
static void count_falls(const isg_selection *s, const double *outer, size_t n_outer,
                        const double *inner, size_t n_inner, bool inner_is_n, size_t *falls,
                        size_t *steps)
{
    *falls = *steps = 0;
    for (size_t i = 0; i < n_outer; i++) {
        double last = NAN;
        for (size_t j = 0; j < n_inner; j++) {
            double l =
                inner_is_n ? mean_loss(s, inner[j], outer[i]) : mean_loss(s, outer[i], inner[j]);
            if (isnan(l)) continue;
            if (!isnan(last)) ++*steps;
            *falls += l < last;
            last = l;
        }
    }
}

static void print_loss_table(const isg_fit_report *r, FILE *out)
{
    const isg_selection *s = r->selection;
    double *n = NULL, *d = NULL;
    size_t rows = distinct(s->var[0], s->n, &n), columns = distinct(s->var[1], s->n, &d), falls,
           steps;
    char buf[CELL];

    if (rows && rows <= MAX_ROWS && columns && columns <= MAX_COLUMNS) {
        (void)fprintf(out, "\n%10s", "N \\ D");
        for (size_t j = 0; j < columns; j++)
            (void)fprintf(out, " %9s", isg_str_count(d[j], buf, sizeof buf));
        (void)fputc('\n', out);
        for (size_t i = 0; i < rows; i++) {
            (void)fprintf(out, "%10s", isg_str_count(n[i], buf, sizeof buf));
            for (size_t j = 0; j < columns; j++) {
                double l = mean_loss(s, n[i], d[j]);
                if (isnan(l))
                    (void)fprintf(out, " %9s", "");
                else
                    (void)fprintf(out, " %9.4f", l + s->offset);
            }
            (void)fputc('\n', out);
        }
        count_falls(s, d, columns, n, rows, true, &falls, &steps);
        (void)fprintf(out, "Loss falls with N in %zu of %zu steps", falls, steps);
        count_falls(s, n, rows, d, columns, false, &falls, &steps);
        (void)fprintf(out, ", with D in %zu of %zu.\n", falls, steps);
    } else {
        isg_text_say(
            out, "",
            isg_strf("(No table of losses: %zu sizes and %zu amounts of data; at most %d and %d "
                     "are shown.)",
                     rows, columns, MAX_ROWS, MAX_COLUMNS));
    }
    free(n);
    free(d);
}

isg_err isg_report_fit_text(const isg_fit_report *r, FILE *out)
{
    char **warning = NULL;
    size_t n = 0;

    ISG_TRY(isg_report_fit_warnings(r, &warning, &n));
    isg_text_law(out, r->law);
    (void)fputc('\n', out);
    const isg_atlas_config *atlas = isg_law_atlas_config(r->law);
    if (atlas && *atlas->about) isg_text_paragraph(out, "data       ", atlas->about);
    print_data(r, out);
    if (r->loss_table) print_loss_table(r, out);
    if (r->loss_table) (void)fputc('\n', out);
    print_stages(r, out);
    print_objective(r, out);
    isg_report_fit_numbers(r, out);
    for (size_t k = 0; k < n; k++) {
        isg_text_paragraph(out, "warning    ", warning[k]);
        free(warning[k]);
    }
    free(warning);
    return ferror(out) ? ISG_FAIL(ISG_EIO, "cannot write the report") : ISG_OK;
}
