#include "isogloss/report_fit.h"

#include "isogloss/atlas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct list {
    char **item;
    size_t n;
    isg_err rc;
} list;

static void add(list *l, char *text)
{
    char **more = l->rc || !text ? NULL : realloc(l->item, (l->n + 1) * sizeof *more);
    if (!more) {
        free(text);
        if (!l->rc) l->rc = ISG_FAIL(ISG_ENOMEM, "no memory for warnings");
        return;
    }
    l->item = more;
    l->item[l->n++] = text;
}

static const char *log_of(const isg_law_param *p)
{
    return p->log ? "ln " : "";
}

/* "psi + beta and ln B - 23 beta": what stays the same along the one direction that is free. The
 * first exponent in it serves as measure. */
static isg_err combinations(const isg_fit_report *r, isg_str *out)
{
    const double *v = r->fit->null_direction;
    size_t unit = r->law->n_params;

    for (size_t k = r->law->n_params; k-- > 0;) {
        if (r->fit->identified[k]) continue;
        if (!(fabs(v[k]) > 1e-6)) return ISG_OK; /* unknown for another reason */
        if ((unit == r->law->n_params || !r->law->params[k].log)) unit = k;
    }
    if (unit == r->law->n_params) return ISG_OK;
    for (size_t k = 0; k < r->law->n_params; k++) {
        const isg_law_param *p = &r->law->params[k], *u = &r->law->params[unit];
        double by = -v[k] / v[unit];
        char factor[32] = "";
        if (k == unit || r->fit->identified[k] || !(fabs(by) > 1e-6)) continue;
        if (fabs(fabs(by) - 1) > 5e-4) (void)snprintf(factor, sizeof factor, "%.3g ", fabs(by));
        ISG_TRY(isg_str_printf(out, "%s%s%s %c %s%s%s", out->len ? " and " : "", log_of(p), p->name,
                               by > 0 ? '+' : '-', factor, log_of(u), u->name));
    }
    return ISG_OK;
}

static void warn_unidentified(const isg_fit_report *r, list *l)
{
    isg_str names = {0}, none = {0}, fixed = {0};
    const isg_fit *f = r->fit;

    for (size_t k = 0; k < r->law->n_params; k++) {
        isg_str *to = f->no_effect[k] ? &none : &names;
        if (f->identified[k]) continue;
        if (isg_str_printf(to, "%s%s", to->len ? ", " : "", r->law->params[k].name))
            l->rc = ISG_ENOMEM;
    }
    if (none.len)
        add(l, isg_strf("Not identified: %s. No loss here depends on it.", isg_str_c(&none)));
    if (f->n_null == 1 && names.len && !none.len && combinations(r, &fixed)) l->rc = ISG_ENOMEM;
    if (names.len) {
        add(l, isg_strf("Not identified: %s. Other values fit these runs just as well%s%s; vary "
                        "%s apart from each other, or --fix or --tie parameters.",
                        isg_str_c(&names), fixed.len ? ": the runs determine only " : "",
                        isg_str_c(&fixed), r->law->n_vars > 2 ? "the law's variables" : "N and D"));
    }
    if ((names.len || none.len) && isg_law_atlas_config(r->law))
        add(l,
            isg_strf("lambda shows in runs that read a language that matters more than once; tau "
                     "show in runs of the target alone and mixtures of different shares."));
    isg_str_free(&names);
    isg_str_free(&none);
    isg_str_free(&fixed);
}

/* "alpha 1.3, beta 0.36" of another optimum, what is not held or tied. */
static void warn_alternative(const isg_fit_report *r, list *l)
{
    const isg_fit *f = r->fit;
    isg_str values = {0};

    if (!f->has_alternative) return;
    for (size_t k = 0; k < r->law->n_params; k++) {
        if (!f->free[k]) continue;
        if (isg_str_printf(&values, "%s%s %.4g", values.len ? ", " : "", r->law->params[k].name,
                           f->alternative[k]))
            l->rc = ISG_ENOMEM;
    }
    add(l, f->alternative_deviance < 0.01
               ? isg_strf("Another optimum fits these runs as well: %s. What differs between the "
                          "two is not identified.",
                          isg_str_c(&values))
               : isg_strf("Another optimum fits these runs nearly as well (deviance %.2g): %s. "
                          "Refits may end at either.",
                          f->alternative_deviance, isg_str_c(&values)));
    isg_str_free(&values);
}

/* With D in proportion to N the terms of a law can change places. */
static void warn_proportion(const isg_fit_report *r, list *l)
{
    const isg_selection *s = r->selection;
    double least = INFINITY, most = 0;

    if (r->law->n_vars != 2) return;
    for (size_t i = 0; i < s->n; i++) {
        least = fmin(least, s->var[1][i] / s->var[0][i]);
        most = fmax(most, s->var[1][i] / s->var[0][i]);
    }
    if (most > 1.25 * least) return;
    add(l, isg_strf("%s is the same multiple of %s in all rows (%.3g to %.3g): which of the two an "
                    "exponent belongs to cannot be told; vary them apart from each other.",
                    r->law->vars[1].name, r->law->vars[0].name, least, most));
}

static void warn_far(const isg_fit_report *r, list *l)
{
    const isg_fit *f = r->fit;
    isg_str places = {0};
    const size_t n = f->n_far < ISG_FIT_FAR ? f->n_far : ISG_FIT_FAR;

    if (!f->n_far) return;
    isg_err rc = isg_select_places(r->selection->line, r->selection->run, f->far, n, n, &places);
    if (rc) l->rc = rc;
    add(l, isg_strf("%zu row%s more than 10 robust standard deviations off (%s%s): diverged "
                    "runs, other units, a typing error?",
                    f->n_far, f->n_far > 1 ? "s are" : " is", isg_str_c(&places),
                    f->n_far > ISG_FIT_FAR ? ", ..." : ""));
    isg_str_free(&places);
}

/* The end at which a one-sided interval begins is ours, not the data's. */
static void warn_bounds(const isg_fit_report *r, list *l)
{
    for (size_t k = 0; k < r->law->n_params; k++) {
        isg_report_number n = isg_report_fit_param(r, k);
        const isg_interval *i = n.interval;

        if (!n.known) continue; /* said already; the value means nothing */
        if (r->fit->at_bound[k]) {
            add(l,
                isg_strf("%s is at its bound (%.5g): the runs do not hold it from there.%s", n.name,
                         n.estimate, i && i->bounded ? " Its interval is one-sided." : ""));
        } else if (i && i->bounded) {
            add(l,
                isg_strf("%s is at a bound in %.1f %% of the replicates: its interval is "
                         "one-sided, %s.",
                         n.name, 100 * i->share_at_bound,
                         i->bounded == ISG_BOUNDED_BELOW ? "from there to the quantile of the level"
                                                         : "from the quantile beyond which the "
                                                           "level lies up to there"));
        }
    }
}

/* Is the scale of its standard error of interest? Weights (A, B) are lognormal at best. */
static bool plain_scale(const isg_law *law, size_t k)
{
    return k >= law->n_params || !law->params[k].log || !strcmp(law->params[k].name, "E");
}

/* Where resampling and linearisation disagree, one of them is wrong. Refits that take the best of a
 * sweep anew are no linearisation. */
static void warn_sandwich(const isg_fit_report *r, list *l)
{
    isg_str names = {0};

    for (size_t k = 0; k < r->law->n_params + r->law->n_derived && !r->selection->sweeps; k++) {
        isg_report_number n = k < r->law->n_params
                                  ? isg_report_fit_param(r, k)
                                  : isg_report_fit_derived(r, k - r->law->n_params);
        const isg_interval *i = n.interval;
        if (!i || !i->has_sandwich || i->bounded || !plain_scale(r->law, k)) continue;
        double ratio = i->se / i->sandwich_se;
        if (ratio >= 0.5 && ratio <= 2) continue;
        if (isg_str_printf(&names, "%s%s (%.2g)", names.len ? ", " : "", n.name, ratio))
            l->rc = ISG_ENOMEM;
    }
    if (names.len) {
        add(l, isg_strf("The standard error from refits is not within a factor 2 of the one from "
                        "the slope of the law (sandwich): %s times. The refits are not normally "
                        "distributed: quote the interval, not +- a standard error.",
                        isg_str_c(&names)));
    }
    isg_str_free(&names);
}

/* Other groups than the runs move together. */
static void warn_ways(const isg_fit_report *r, list *l)
{
    for (size_t w = 1; w < r->n_ways; w++) {
        isg_str names = {0};
        for (size_t k = 0; k < r->law->n_params + r->law->n_derived; k++) {
            isg_report_number n = k < r->law->n_params
                                      ? isg_report_fit_param(r, k)
                                      : isg_report_fit_derived(r, k - r->law->n_params);
            if (n.interval && n.way == w &&
                isg_str_printf(&names, "%s%s", names.len ? ", " : "", n.name))
                l->rc = ISG_ENOMEM;
        }
        if (names.len) {
            add(l, isg_strf("Standard errors depend on what is resampled (by a factor above %g): "
                            "the interval of %s is the widest, by %s (%zu groups%s).",
                            ISG_GROUPING_FACTOR, isg_str_c(&names), r->ways[w].name,
                            r->ways[w].n_groups,
                            r->ways[w].n_groups < ISG_BOOT_WARN_CLUSTERS ? ": it is rough" : ""));
        }
        isg_str_free(&names);
    }
}

static void warn_optimiser(const isg_fit_report *r, list *l)
{
    const isg_fit *f = r->fit;

    if (!f->converged)
        add(l, isg_strf("The optimiser did not converge (gradient %.2g).", f->gradient_norm));
    if (10 * f->at_best < f->starts) {
        add(l,
            isg_strf(
                "Only %zu of %zu starts reach the best optimum; raise --starts to be sure of it.",
                f->at_best, f->starts));
    }
    if (f->condition > 1e4 && isfinite(f->condition)) {
        add(l,
            isg_strf(
                "The problem is badly conditioned (%.2g): parameters trade off against each other.",
                f->condition));
    }
}

static const double *variable(const isg_fit_report *r, const char *name)
{
    for (size_t k = 0; k < r->law->n_vars; k++) {
        if (!strcmp(r->law->vars[k].name, name)) return r->selection->var[k];
    }
    return NULL;
}

/* Sizes and tokens as nobody trains: columns swapped, or numbers in other units. */
static void warn_scale(const isg_fit_report *r, list *l)
{
    const double *n = variable(r, "N"), *d = variable(r, "D"), *m = variable(r, "M");
    const size_t rows = r->selection->n;
    size_t less = 0;
    double most = 0;

    for (size_t i = 0; i < rows; i++) {
        less += (n && d && d[i] < n[i]) || (m && m[i] < 1);
        most = n ? fmax(most, n[i]) : most;
    }
    if (2 * less > rows)
        add(l, isg_strf("D is smaller than N in most rows: are --n and --d swapped, or in units of "
                        "millions or billions?"));
    else if (n && most < 1e4)
        add(l,
            isg_strf("The largest N is %.4g: are --n and --d swapped, or in units of millions or "
                     "billions?",
                     most));
}

static void warn_guarded(const isg_fit_report *r, list *l)
{
    if (r->fit->guarded)
        add(l, isg_strf("In %zu of %zu rows the law would have next to no effective data; a guard "
                        "holds it there (docs/atlas.md). Look at negative tau.",
                        r->fit->guarded, r->selection->n));
}

static void warn_bootstrap(const isg_fit_report *r, list *l)
{
    const isg_selection *s = r->selection;

    if (!r->boot) {
        add(l, isg_strf("No interval: %s.", r->no_interval));
        return;
    }
    if (s->n_clusters < ISG_BOOT_WARN_CLUSTERS) {
        add(l, isg_strf("Only %zu clusters (%s): intervals from fewer than %d are rough, and "
                        "rather too long than too short (95 %% intervals from 20 runs held the "
                        "truth in 95 to 98 %%; docs/statistics.md).",
                        s->n_clusters, s->cluster_unit, ISG_BOOT_WARN_CLUSTERS));
    }
    const double beyond = (double)r->replicates * (1 - r->level) / 2;
    if (beyond < 10 * (1 - 1e-9)) {
        const double p = (1 - r->level) / 2;
        add(l, isg_strf("Only %zu refits: %.2g lie beyond each end of an interval, so that %.1f +- "
                        "%.1f %% are cut off there. --bootstrap %.0f or more.",
                        r->replicates, beyond, 100 * p,
                        100 * sqrt(p * (1 - p) / (double)r->replicates), ceil(10 / p - 1e-6)));
    }
    size_t failed = r->boot->stalled + r->boot->degenerate;
    if (100 * failed > r->replicates) {
        add(l, isg_strf("%zu of %zu replicates failed (%zu had too few different points, %zu did "
                        "not converge) and "
                        "are left out of the intervals.",
                        failed, r->replicates, r->boot->degenerate, r->boot->stalled));
    }
}

isg_err isg_report_fit_warnings(const isg_fit_report *r, char ***out, size_t *n)
{
    list l = {0};

    if (r->missing) add(&l, isg_strf("%s", r->missing));
    if (r->selection->warning) add(&l, isg_strf("%s", r->selection->warning));
    warn_optimiser(r, &l);
    warn_unidentified(r, &l);
    warn_alternative(r, &l);
    warn_proportion(r, &l);
    warn_far(r, &l);
    warn_bounds(r, &l);
    warn_guarded(r, &l);
    warn_scale(r, &l);
    warn_ways(r, &l);
    warn_sandwich(r, &l);
    warn_bootstrap(r, &l);
    if (l.rc) {
        for (size_t i = 0; i < l.n; i++) free(l.item[i]);
        free(l.item);
        l = (list){.rc = l.rc};
    }
    *out = l.item;
    *n = l.n;
    return l.rc;
}
