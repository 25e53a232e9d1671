#include "report_fit_numbers.h"

#include "text.h"

#include <math.h>
#include <string.h>

enum {
    WIDTH = 80,
    AT_RANGE = 37,
    CELL = ISG_TEXT_CELL,
    RANGE = 2 * CELL + 8,
    NUMBERS = ISG_LAW_PARAMS + ISG_LAW_DERIVED
};

static const char AT_BOUND[] = "at its bound";

/* Parameters, then derived numbers if they are known. */
static size_t all_numbers(const isg_fit_report *r, isg_report_number *out)
{
    size_t n = 0;

    for (size_t k = 0; k < r->law->n_params; k++) out[n++] = isg_report_fit_param(r, k);
    for (size_t k = 0; k < r->law->n_derived; k++) {
        out[n] = isg_report_fit_derived(r, k);
        if (out[n].known) n++;
    }
    return n;
}

static const char *range_of(double lo, double hi, double se, char buf[RANGE])
{
    char a[CELL], b[CELL];

    if (!isfinite(hi))
        (void)snprintf(buf, RANGE, "%s and above", isg_text_show(lo, se, a));
    else
        (void)snprintf(buf, RANGE, "%s .. %s", isg_text_show(lo, se, a), isg_text_show(hi, se, b));
    return buf;
}

/* ---- the table ------------------------------------------------------------------------ */

static const char *hold_of(const isg_fit_report *r, size_t param)
{
    for (size_t k = 0; k < r->n_constraints; k++) {
        if (r->constraints[k].param == param) return r->constraints[k].tied ? "tied" : "fixed";
    }
    return r->fit->at_bound[param] ? AT_BOUND : "";
}

/* Whatever makes the interval another than the two-sided one of the first way. */
static const char *remark_of(const isg_fit_report *r, const isg_report_number *n, const char *first,
                             char buf[2 * CELL])
{
    const bool one_sided = strstr(n->method, "one-sided") != NULL;
    const bool both = one_sided && !strcmp(first, AT_BOUND);
    const char *parts[3] = {both ? "at bound" : first, one_sided ? "one-sided" : "", ""};
    char by[CELL] = "";

    if (n->interval && n->way) (void)snprintf(by, sizeof by, "by %s", r->ways[n->way].name);
    parts[2] = by;
    buf[0] = '\0';
    for (size_t k = 0; k < 3; k++) {
        size_t used = strlen(buf);
        if (*parts[k])
            (void)snprintf(buf + used, 2 * CELL - used, "%s%s", used ? ", " : "", parts[k]);
    }
    return buf;
}

static bool far_out(const isg_fit_report *r, const isg_interval *i)
{
    return i && isg_text_far_out(i->se, i->lo, i->hi, r->level);
}

/* What says how many digits count: the standard error, if the interval agrees with it. */
static double digits_of(const isg_fit_report *r, const isg_report_number *n)
{
    if (!n->has_interval) return 0;
    return far_out(r, n->interval) ? isg_text_scale(n->lo, n->hi, r->level) : n->se;
}

static void print_number(const isg_fit_report *r, const isg_report_number *n, const char *remark,
                         FILE *out)
{
    char a[CELL], b[CELL], range[RANGE] = "-";
    const double se = digits_of(r, n);

    if (!n->known) {
        (void)fprintf(out, "%-8s %12s\n", n->name, "not identified");
        return;
    }
    if (n->has_interval) (void)range_of(n->lo, n->hi, se, range);
    (void)fprintf(out, "%-8s %12s %12s   ", n->name, isg_text_show(n->estimate, se, a),
                  n->has_interval && !far_out(r, n->interval) ? isg_text_show(n->se, se, b) : "-");
    const size_t room = WIDTH - AT_RANGE - 2, taken = strlen(range);
    const size_t pad = strlen(remark) + 25 <= room ? 25 : 20;
    if (!*remark)
        (void)fprintf(out, "%s\n", range);
    else if ((taken > pad ? taken : pad) + strlen(remark) <= room)
        (void)fprintf(out, "%-*s  %s\n", (int)pad, range, remark);
    else
        (void)fprintf(out, "%s\n%*s(%s)\n", range, AT_RANGE, "", remark);
}

static void print_table(const isg_fit_report *r, const isg_report_number *number, size_t n,
                        FILE *out)
{
    char remark[2 * CELL];
    bool far = false;

    (void)fprintf(out, "\n%-8s %12s %12s   %g %% interval\n", "", "estimate", "std. error",
                  100 * r->level);
    for (size_t k = 0; k < n; k++) {
        const char *first = k < r->law->n_params ? hold_of(r, k) : "";
        print_number(r, &number[k], remark_of(r, &number[k], first, remark), out);
        far = far || far_out(r, number[k].interval);
    }
    if (far) (void)fprintf(out, "(%s)\n", isg_text_far_out_note);
    (void)fputc('\n', out);
    for (size_t k = r->law->n_params; k < n; k++)
        (void)fprintf(out, "%-8s = %s\n", number[k].name, number[k].meaning);
}

/* ---- beside it ------------------------------------------------------------------------ */

static void print_dropped(const isg_fit_report *r, FILE *out)
{
    isg_str all = {0};

    for (size_t k = 0; k < r->law->n_params; k++) {
        (void)isg_str_printf(&all, "%s %.5g%s", r->law->params[k].name, r->undropped[k],
                             k + 1 < r->law->n_params ? ", " : "");
    }
    isg_text_say(out, "dropped    ",
                 isg_strf("with the dropped rows the estimates are %s", isg_str_c(&all)));
    isg_str_free(&all);
}

static void print_how(const isg_fit_report *r, FILE *out)
{
    isg_text_say(
        out, "interval   ",
        isg_strf(
            "percentiles of %zu refits, %zu clusters (%s) resampled, seed %llu; %zu converged, "
            "%zu failed",
            r->replicates, r->selection->n_clusters, r->selection->cluster_unit,
            (unsigned long long)r->seed, r->boot->converged,
            r->boot->stalled + r->boot->degenerate));
    for (size_t w = 1; w < r->n_ways; w++) {
        const isg_report_way *way = &r->ways[w];
        const size_t failed = way->boot ? way->boot->stalled + way->boot->degenerate : 0;
        isg_text_say(out, "           ",
                     way->boot ? isg_strf("by %s: %zu groups (%s), %zu refit%s failed", way->name,
                                          way->n_groups, way->unit, failed, failed == 1 ? "" : "s")
                               : isg_strf("by %s: none, %s", way->name, way->why));
    }
}

/* Standard errors by what is resampled, the sandwich and BCa of the way that speaks. */
static void print_ways(const isg_fit_report *r, const isg_report_number *number, size_t n,
                       FILE *out)
{
    char cell[CELL], range[RANGE];

    (void)fprintf(out, "\n%-8s", "");
    for (size_t w = 0; w < r->n_ways; w++) {
        char by[CELL];
        if (!r->ways[w].boot) continue;
        (void)snprintf(by, sizeof by, "by %.7s", r->ways[w].name);
        (void)fprintf(out, " %10s", by);
    }
    (void)fprintf(out, " %10s   BCa interval\n", "sandwich");
    for (size_t k = 0; k < n; k++) {
        const isg_interval *i = number[k].interval;
        const double offset = number[k].offset;
        if (!i) continue;
        (void)fprintf(out, "%-8s", number[k].name);
        for (size_t w = 0; w < r->n_ways; w++) {
            const isg_interval *by = number[k].by[w];
            if (r->ways[w].boot)
                (void)fprintf(out, " %10s",
                              by && !far_out(r, by) ? isg_text_show(by->se, by->se, cell) : "-");
        }
        (void)fprintf(out, " %10s",
                      i->has_sandwich ? isg_text_show(i->sandwich_se, i->sandwich_se, cell) : "-");
        (void)fprintf(out, "   %s\n",
                      i->has_bca ? range_of(i->bca_lo + offset, i->bca_hi + offset,
                                            digits_of(r, &number[k]), range)
                                 : "-");
    }
    (void)fputc('\n', out);
}

static const char *ends_of(const isg_profile *p)
{
    if (p->below != ISG_PROFILE_CLOSED && p->above != ISG_PROFILE_CLOSED)
        return " (open at both ends: the runs do not bound it)";
    if (p->below == ISG_PROFILE_OPEN) return " (open below)";
    if (p->below == ISG_PROFILE_BOUND) return " (from its bound)";
    if (p->above == ISG_PROFILE_OPEN) return " (open above)";
    return p->above == ISG_PROFILE_BOUND ? " (up to its bound)" : "";
}

static void print_profiles(const isg_fit_report *r, const isg_report_number *number, size_t n,
                           FILE *out)
{
    const char *lead = "profile    ";
    char range[RANGE];

    for (size_t k = 0; k < n; k++) {
        const isg_profile *p = number[k].profile;
        const double offset = number[k].offset;
        if (!p) continue;
        isg_text_say(
            out, lead,
            isg_strf("%s: %s%s", number[k].name,
                     range_of(p->lo + offset, p->hi + offset, digits_of(r, &number[k]), range),
                     ends_of(p)));
        lead = "           ";
    }
}

static void print_noise(const isg_fit_report *r, FILE *out)
{
    const isg_run_noise *n = r->noise;

    if (!n || !n->df) return;
    isg_text_say(out, "run noise  ",
                 isg_strf("%.3g %% (sd between seeds: %zu runs of %zu settings), %g %% interval "
                          "%.3g .. %.3g %%",
                          100 * n->sd, n->runs, n->settings, 100 * r->level, 100 * n->lo,
                          100 * n->hi));
}

void isg_report_fit_numbers(const isg_fit_report *r, FILE *out)
{
    isg_report_number number[NUMBERS];
    size_t n = all_numbers(r, number);

    print_table(r, number, n, out);
    if (r->undropped) print_dropped(r, out);
    if (r->boot) print_how(r, out);
    print_profiles(r, number, n, out);
    print_noise(r, out);
    if (r->boot) print_ways(r, number, n, out);
}
