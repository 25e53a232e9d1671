#include "isogloss/report_beyond.h"
#include "isogloss/str.h"

#include "text.h"

#include <math.h>
#include <stdlib.h>

/* ---- best sizes ------------------------------------------------------------------------ */

static char *count_range(const char *name, const isg_beyond_number *x)
{
    char a[ISG_TEXT_CELL], b[ISG_TEXT_CELL], c[ISG_TEXT_CELL];

    if (x->unknown) return isg_strf("%s not identified", name);
    if (!x->has_interval) return isg_strf("%s %s", name, isg_str_count(x->value, a, sizeof a));
    return isg_strf("%s %s [%s, %s]", name, isg_str_count(x->value, a, sizeof a),
                    isg_str_count(x->interval.lo, b, sizeof b),
                    isg_str_count(x->interval.hi, c, sizeof c));
}

static char *plain_range(const char *name, const isg_beyond_number *x, double offset)
{
    if (x->unknown) return isg_strf("%s not identified", name);
    return x->has_interval ? isg_strf("%s %.4g [%.4g, %.4g]", name, x->value + offset,
                                      x->interval.lo + offset, x->interval.hi + offset)
                           : isg_strf("%s %.4g", name, x->value + offset);
}

static void print_optimum(const isg_beyond_report *r, const isg_beyond_optimum *o, FILE *out)
{
    if (!o->exists) {
        isg_text_say(out, "best at    ",
                     isg_strf("%s: there is no best size at these parameters", o->text));
        return;
    }
    char *n = count_range("N", &o->n), *d = count_range("D", &o->d),
         *ratio = plain_range("D/N", &o->ratio, 0),
         *loss = plain_range("loss", &o->loss, r->offset);
    if (n && d && ratio && loss)
        isg_text_say(out, "best at    ",
                     o->n.has_interval || o->loss.has_interval
                         ? isg_strf("%s: %s, %s, %s, %s (%g %% intervals)", o->text, n, d, ratio,
                                    loss, 100 * r->level)
                         : isg_strf("%s: %s, %s, %s, %s", o->text, n, d, ratio, loss));
    free(n);
    free(d);
    free(ratio);
    free(loss);
}

/* ---- forecasts --------------------------------------------------------------------------- */

static double percent(double x)
{
    return 100 * x;
}

static void print_parts(const isg_forecast *f, FILE *out)
{
    const isg_outlook *o = &f->outlook;

    isg_text_say(
        out, "           ",
        isg_strf("standard deviations: parameters -%.2g/+%.2g %%, single runs %.2g %%, choice of "
                 "law -%.2g/+%.2g %%; together times %.2f, what backtests missed (as many as %.1f "
                 "count, t with %.1f degrees of freedom)",
                 percent(o->parameter[ISG_BELOW]), percent(o->parameter[ISG_ABOVE]),
                 percent(o->residual), percent(o->law[ISG_BELOW]), percent(o->law[ISG_ABOVE]),
                 f->inflation.factor, f->inflation.df - ISG_FORECAST_PRIOR, f->inflation.df));
}

static void print_forecast(const isg_beyond_report *r, const isg_beyond_forecast *p, FILE *out)
{
    const isg_forecast *f = &p->forecast;

    if (p->unknown) {
        isg_text_say(out, "forecast   ",
                     isg_strf("%s: none, the loss there depends on parameters that are not "
                              "identified; --fix them to say what you assume",
                              p->text));
        return;
    }
    isg_text_say(out, "forecast   ",
                 isg_strf("%s: loss %.4g, %g %% interval %.4g to %.4g (C %.3g, %.3g times the "
                          "largest fitted)",
                          p->text, isg_exp(f->outlook.estimate) + r->offset, 100 * r->level,
                          isg_exp(f->lo) + r->offset, isg_exp(f->hi) + r->offset, p->flops, f->k));
    print_parts(f, out);
    if (!f->inflation.backtests)
        isg_text_paragraph(out, "warning    ",
                           "The data allow no backtest: nothing tells how far this law can be "
                           "extrapolated.");
    else if (f->beyond)
        isg_text_say(out, "warning    ",
                     isg_strf("Extrapolates further than any backtest (k = %.3g vs %.3g).", f->k,
                              f->inflation.k_max));
}

static double share(size_t part, size_t whole)
{
    return whole ? 100 * (double)part / (double)whole : 0;
}

static void print_backtests(const isg_beyond_report *r, FILE *out)
{
    const isg_backtest_coverage *c = r->coverage;

    if (!c->forecasts) {
        isg_text_say(out, "backtests  ",
                     isg_strf("%zu thresholds of compute leave enough rows; three are needed to "
                              "see whether forecasts cover",
                              r->backtests->n_thresholds));
        return;
    }
    isg_text_say(
        out, "backtests  ",
        isg_strf(
            "fitted below %zu thresholds of compute, each forecast knowing only what lies "
            "below its own: %g %% intervals cover %.1f %% of %zu runs above (k = C / largest "
            "C fitted up to %.3g; %.1f %% of the %zu that reach further than any backtest they "
            "knew); the law's own intervals %.1f %%",
            c->thresholds, 100 * c->level, share(c->covered, c->forecasts), c->forecasts, c->k_max,
            share(c->beyond_covered, c->beyond), c->beyond, share(c->naive_covered, c->forecasts)));
    isg_text_say(out, "           ",
                 isg_strf("median half-width %.2g %% of the loss, of the law's own intervals "
                          "%.2g %%",
                          percent(c->half_width), percent(c->naive_half_width)));
}

static void print_rivals(const isg_beyond_report *r, FILE *out)
{
    isg_str list = {0};

    if (!r->plausible[0].plausible) return; /* no forecast was made */
    for (size_t k = 1; k <= r->n_rivals; k++) {
        const isg_plausible *p = &r->plausible[k];
        const char *name = k < r->n_rivals ? r->rival[k] : "the upper half of the compute alone";
        (void)isg_str_printf(&list, "%s%s", list.len ? "; " : "", name);
        if (!(p->misfit > 0))
            (void)isg_str_puts(&list, " (could not be fitted)");
        else if (k < r->n_rivals)
            (void)isg_str_printf(&list, " (errs %.2f times as much%s)", p->misfit,
                                 p->plausible ? "" : ": left out");
    }
    isg_text_say(out, "rivals     ", isg_strdup(isg_str_c(&list)));
    isg_str_free(&list);
}

/* ---- published figures --------------------------------------------------------------------- */

static void print_beside(const isg_beyond_reference *b, FILE *out)
{
    char range[64] = "", z[32] = "";
    const double difference = b->published - b->estimate;

    if (b->comparable == ISG_COMPARABLE_NOT_THERE) {
        (void)fprintf(out, "%-8s %10s   not published\n", b->name, "");
    } else if (b->comparable == ISG_COMPARABLE_NOT_UNITS) {
        (void)fprintf(out, "%-8s %10.5g   not comparable: unit of the loss, tokenizer, text\n",
                      b->name, b->published);
    } else if (!b->known) {
        (void)fprintf(out, "%-8s %10.5g   not identified here\n", b->name, b->published);
    } else if (!b->has_interval) {
        (void)fprintf(out, "%-8s %10.5g  %+11.4g   %s\n", b->name, b->published, difference,
                      b->held ? "held here" : "no interval");
    } else {
        const double sd = sqrt(b->interval.se * b->interval.se + b->published_se * b->published_se);
        const bool inside = b->published >= b->interval.lo && b->published <= b->interval.hi;
        (void)snprintf(range, sizeof range, "[%+.4g, %+.4g]", b->published - b->interval.hi,
                       b->published - b->interval.lo);
        if (sd > 0) (void)snprintf(z, sizeof z, "%+.1f", difference / sd);
        (void)fprintf(out, "%-8s %10.5g  %+11.4g  %-24s %7s  %s\n", b->name, b->published,
                      difference, range, z, inside ? "inside" : "outside");
    }
}

static void print_reference(const isg_beyond_report *r, FILE *out)
{
    isg_text_say(
        out, "reference  ",
        isg_strf("%s: %s; %s", r->reference->name, r->reference->source, r->reference->data));
    if (r->no_reference) {
        isg_text_say(out, "           ", isg_strf("not comparable: %s", r->no_reference));
        return;
    }
    (void)fprintf(out, "%-8s %10s  %11s  %-24s %7s\n", "", "published", "difference",
                  "interval of it", "z");
    for (size_t k = 0; k < r->n_beside; k++) print_beside(&r->beside[k], out);
}

isg_err isg_report_beyond_text(const isg_beyond_report *r, FILE *out)
{
    (void)fputc('\n', out);
    for (size_t k = 0; k < r->n_optima; k++) print_optimum(r, &r->optimum[k], out);
    for (size_t k = 0; k < r->n_forecasts; k++) print_forecast(r, &r->forecast[k], out);
    if (r->no_forecast) isg_text_say(out, "forecast   ", isg_strf("none: %s", r->no_forecast));
    if (r->n_forecasts && r->noise && r->noise->df)
        isg_text_say(out, "           ",
                     isg_strf("of the single runs' %.2g %% seeds alone are %.2g %%",
                              percent(r->forecast[0].forecast.outlook.residual),
                              percent(r->noise->sd)));
    if (r->coverage) print_backtests(r, out);
    if (r->n_forecasts) print_rivals(r, out);
    if (r->reference) print_reference(r, out);
    return ferror(out) ? ISG_FAIL(ISG_EIO, "cannot write the report") : ISG_OK;
}
