/* schemas/fit.schema.json describes what is written here; a test compares them.
 * A new reference handed to json_object_set_new() is taken even when it fails,
 * so that failures are looked for once, at the end. */

#include "isogloss/report_fit.h"

#include "fields.h"
#include "isogloss/atlas.h"

#include <stdlib.h>
#include <string.h>

static json_t *text(const char *s)
{
    return s && *s ? json_string(s) : json_null();
}

static json_t *range(bool there, double lo, double hi)
{
    if (!there) return json_null();
    json_t *o = json_object();
    (void)set(o, "lo", isg_json_real(lo));
    (void)set(o, "hi", isg_json_real(hi));
    return o;
}

static json_t *profile(const isg_profile *p, double offset)
{
    static const char *const ends[] = {"closed", "bound", "open"};
    json_t *o = range(p != NULL, p ? p->lo + offset : 0, p ? p->hi + offset : 0);

    if (!p) return o;
    (void)set(o, "below", json_string(ends[p->below]));
    (void)set(o, "above", json_string(ends[p->above]));
    (void)set(o, "refits", whole(p->refits));
    return o;
}

/* What each way to resample says. */
static json_t *by_way(const isg_fit_report *r, const isg_report_number *n)
{
    json_t *ways = json_object();
    for (size_t w = 0; w < r->n_ways; w++) {
        const isg_interval *i = n->by[w];
        if (!i) continue;
        json_t *o = range(true, i->lo + n->offset, i->hi + n->offset);
        (void)set(o, "se", isg_json_real(i->se));
        (void)set(o, "method", json_string(isg_report_fit_method(i)));
        (void)set(o, "share_at_bound", isg_json_real(i->share_at_bound));
        (void)set(o, "bca", range(i->has_bca, i->bca_lo + n->offset, i->bca_hi + n->offset));
        (void)set(o, "sandwich_se", real_if(i->has_sandwich, i->sandwich_se));
        (void)set(ways, r->ways[w].name, o);
    }
    return ways;
}

/* One number with what is known of it. */
static json_t *number(const isg_fit_report *r, const isg_report_number *n)
{
    const isg_interval *i = n->interval;
    json_t *o = json_object();

    (void)set(o, "estimate", real_if(n->known, n->estimate));
    (void)set(o, "se", real_if(n->has_interval, n->se));
    (void)set(o, "lo", real_if(n->has_interval, n->lo));
    (void)set(o, "hi", real_if(n->has_interval, n->hi));
    (void)set(o, "method", json_string(n->method));
    (void)set(o, "grouping", i ? json_string(r->ways[n->way].name) : json_null());
    (void)set(o, "identified", json_boolean(n->known));
    (void)set(o, "share_at_bound", real_if(i != NULL, i ? i->share_at_bound : 0));
    (void)set(o, "bca",
              range(i && i->has_bca, i ? i->bca_lo + n->offset : 0, i ? i->bca_hi + n->offset : 0));
    (void)set(o, "sandwich_se", real_if(i && i->has_sandwich, i ? i->sandwich_se : 0));
    (void)set(o, "profile", profile(n->profile, n->offset));
    (void)set(o, "by_grouping", by_way(r, n));
    return o;
}

static json_t *parameters(const isg_fit_report *r)
{
    json_t *o = json_object();
    for (size_t k = 0; o && k < r->law->n_params; k++) {
        isg_report_number n = isg_report_fit_param(r, k);
        (void)set(o, n.name, number(r, &n));
    }
    return o;
}

static json_t *derived(const isg_fit_report *r)
{
    json_t *o = json_object();
    for (size_t k = 0; o && k < r->law->n_derived; k++) {
        isg_report_number n = isg_report_fit_derived(r, k);
        (void)set(o, n.name, number(r, &n));
    }
    return o;
}

/* The estimates that rows left out at the user's wish would have changed. */
static json_t *undropped(const isg_fit_report *r)
{
    json_t *o = r->undropped ? json_object() : json_null();
    for (size_t k = 0; r->undropped && k < r->law->n_params; k++) {
        const double offset = k == isg_law_offset_param(r->law) ? r->selection->offset : 0;
        (void)set(o, r->law->params[k].name, isg_json_real(r->undropped[k] + offset));
    }
    return o;
}

static json_t *excluded(const isg_selection *s)
{
    json_t *a = json_array();
    for (size_t k = 0; a && k < s->n_excluded; k++) {
        json_t *o = json_object(), *lines = json_array(), *runs = json_array();
        const isg_excluded *e = &s->excluded[k];
        for (size_t i = 0, last = e->n; i < e->n; i++) {
            const bool named = e->run && e->run[i].text[0];
            if (!named) (void)json_array_append_new(lines, whole(e->line[i]));
            if (!named || (last < i && !strcmp(e->run[last].text, e->run[i].text))) continue;
            (void)json_array_append_new(runs, json_string(e->run[i].text));
            last = i;
        }
        (void)set(o, "reason", json_string(e->reason));
        (void)set(o, "count", whole(e->n));
        (void)set(o, "lines", lines);
        (void)set(o, "runs", runs);
        (void)json_array_append_new(a, o);
    }
    return a;
}

/* What each variable of the law was read from, and its range. */
static json_t *variables(const isg_fit_report *r)
{
    const isg_selection *s = r->selection;
    json_t *o = json_object();

    for (size_t k = 0; o && k < r->law->n_vars; k++) {
        json_t *v = json_object();
        double lo = s->var[k][0], hi = lo;
        for (size_t i = 1; i < s->n; i++) {
            lo = s->var[k][i] < lo ? s->var[k][i] : lo;
            hi = s->var[k][i] > hi ? s->var[k][i] : hi;
        }
        (void)set(v, "from", text(s->var_from[k]));
        (void)set(v, "lowest", isg_json_real(lo));
        (void)set(v, "highest", isg_json_real(hi));
        (void)set(o, r->law->vars[k].name, v);
    }
    return o;
}

static json_t *groupings(const isg_selection *s)
{
    json_t *a = json_array();

    for (size_t k = 0; a && k < s->n_groupings; k++) {
        json_t *o = json_object();
        (void)set(o, "name", json_string(s->grouping[k].name));
        (void)set(o, "unit", json_string(s->grouping[k].unit));
        (void)set(o, "groups", whole(s->grouping[k].n));
        (void)json_array_append_new(a, o);
    }
    return a;
}

static json_t *sweeps(const isg_sweeps *s)
{
    json_t *o = s ? json_object() : json_null();

    if (!s) return o;
    (void)set(o, "rows", whole(s->n));
    (void)set(o, "runs", whole(s->n_runs));
    (void)set(o, "cells", whole(s->n_cells));
    (void)set(o, "cells_of_one_setting", whole(s->alone));
    return o;
}

static json_t *selection(const isg_fit_report *r)
{
    const isg_selection *s = r->selection;
    json_t *o = json_object(), *notes = json_array();

    for (size_t k = 0; notes && k < s->n_notes; k++)
        (void)json_array_append_new(notes, json_string(s->note[k]));
    (void)set(o, "n_column", json_string(s->n_column));
    (void)set(o, "n_kind", text(s->n_kind));
    (void)set(o, "d_column", text(s->d_column));
    (void)set(o, "loss_column", json_string(s->loss_column));
    (void)set(o, "variables", variables(r));
    (void)set(o, "groupings", groupings(s));
    (void)set(o, "sweeps", sweeps(s->sweeps));
    (void)set(o, "unit", text(s->unit));
    (void)set(o, "metric", text(isg_metrics[s->metric].name));
    (void)set(o, "offset", isg_json_real(s->offset));
    (void)set(o, "target", text(s->target));
    (void)set(o, "points", text(s->points));
    (void)set(o, "rows_read", whole(s->n_read));
    (void)set(o, "planned_runs", r->planned_runs ? whole(r->planned_runs) : json_null());
    (void)set(o, "missing_runs", r->planned_runs ? whole(r->missing_runs) : json_null());
    (void)set(o, "rows_not_asked_for", whole(s->n_other));
    (void)set(o, "notes", notes);
    return o;
}

static json_t *objective(const isg_fit_report *r)
{
    json_t *o = json_object();
    (void)set(o, "name", json_string(isg_objective_name(r->objective)));
    (void)set(o, "delta", r->objective == ISG_HUBER ? isg_json_real(r->fit->delta) : json_null());
    (void)set(o, "delta_from",
              json_string(r->objective != ISG_HUBER ? "none"
                          : r->delta_given          ? "given"
                                                    : "residuals"));
    (void)set(o, "value", isg_json_real(r->fit->objective));
    return o;
}

static json_t *starts(const isg_fit *f)
{
    json_t *o = json_object();
    (void)set(o, "tried", whole(f->starts));
    (void)set(o, "at_best", whole(f->at_best));
    (void)set(o, "runner_up", f->has_runner_up ? isg_json_real(f->runner_up) : json_null());
    return o;
}

static json_t *ways(const isg_fit_report *r)
{
    json_t *a = json_array();
    for (size_t w = 0; a && w < r->n_ways; w++) {
        const isg_report_way *way = &r->ways[w];
        const isg_boot_summary *b = way->boot;
        json_t *o = json_object();
        (void)set(o, "name", json_string(way->name));
        (void)set(o, "unit", json_string(way->unit));
        (void)set(o, "groups", whole(way->n_groups));
        (void)set(o, "converged", whole(b ? b->converged : 0));
        (void)set(o, "failed", whole(b ? b->stalled + b->degenerate : 0));
        (void)set(o, "no_interval", b ? json_null() : text(way->why));
        (void)json_array_append_new(a, o);
    }
    return a;
}

static json_t *run_noise(const isg_run_noise *n)
{
    json_t *o = json_null();
    if (!n || !n->df) return o;
    o = range(true, n->lo, n->hi);
    (void)set(o, "sd", isg_json_real(n->sd));
    (void)set(o, "df", whole(n->df));
    (void)set(o, "runs", whole(n->runs));
    (void)set(o, "settings", whole(n->settings));
    return o;
}

static json_t *bootstrap(const isg_fit_report *r)
{
    json_t *o = json_object();
    (void)set(o, "B", whole(r->boot ? r->replicates : 0));
    (void)set(o, "unit", json_string(r->selection->cluster_unit));
    (void)set(o, "converged", whole(r->boot ? r->boot->converged : 0));
    (void)set(o, "failed", whole(r->boot ? r->boot->stalled + r->boot->degenerate : 0));
    (void)set(o, "degenerate", whole(r->boot ? r->boot->degenerate : 0));
    (void)set(o, "level", isg_json_real(r->level));
    (void)set(o, "seed", json_integer((json_int_t)r->seed));
    (void)set(o, "no_interval", r->boot ? json_null() : text(r->no_interval));
    (void)set(o, "groupings", ways(r));
    return o;
}

static json_t *stages(const isg_fit_report *r)
{
    const size_t rows = isg_problem_first_rows(r->problem);
    json_t *o = rows ? json_object() : json_null(), *names = rows ? json_array() : NULL;

    for (size_t k = 0; rows && k < r->law->n_first; k++)
        (void)json_array_append_new(names, json_string(r->law->params[k].name));
    if (!rows) return o;
    (void)set(o, "parameters", names);
    (void)set(o, "rule", json_string(r->law->first_rule));
    (void)set(o, "rows", whole(rows));
    return o;
}

static isg_err warnings(const isg_fit_report *r, json_t **out)
{
    char **w = NULL;
    size_t n = 0;

    ISG_TRY(isg_report_fit_warnings(r, &w, &n));
    *out = json_array();
    for (size_t k = 0; k < n; k++) {
        (void)json_array_append_new(*out, json_string(w[k]));
        free(w[k]);
    }
    free(w);
    return ISG_OK;
}

/* What a law was made with for these rows; null for laws that are the same for all. */
static json_t *config(const isg_fit_report *r)
{
    static const char *const terms[] = {"transfer", "other", "target"};
    const isg_atlas_config *c = isg_law_atlas_config(r->law);
    json_t *o = json_object(), *sources = json_array();

    if (!c) {
        json_decref(o);
        json_decref(sources);
        return json_null();
    }
    for (size_t k = 0; k < c->n_sources; k++)
        (void)json_array_append_new(sources, json_string(c->source[k]));
    (void)set(o, "target", text(c->target));
    (void)set(o, "terms", json_string(terms[c->terms]));
    (void)set(o, "sources", sources);
    (void)set(o, "other", json_boolean(c->other));
    (void)set(o, "lambda", json_string(c->lambda_by_source ? "per-source" : "shared"));
    (void)set(o, "about", text(c->about));
    (void)set(o, "guarded_rows", whole(r->fit->guarded));
    return o;
}

isg_err isg_report_fit_json(const isg_fit_report *r, json_t **out)
{
    json_t *o = json_object(), *w = NULL, *residuals = json_object(), *bounds = json_array();
    isg_err rc = warnings(r, &w);

    *out = NULL;
    for (size_t k = 0; k < r->law->n_params; k++) {
        if (r->fit->at_bound[k])
            (void)json_array_append_new(bounds, json_string(r->law->params[k].name));
    }
    (void)set(residuals, "robust_sd", isg_json_real(r->fit->robust_sd));
    (void)set(residuals, "rms", isg_json_real(r->fit->rms));
    bool good = !rc && set(o, "schema", json_string("isogloss-fit")) && set(o, "version", whole(1));
    good = good && set(o, "source", json_string(r->source));
    if (r->by)
        good =
            good && set(o, "by", json_string(r->by)) && set(o, "group", json_string(r->by_value));
    good = good && set(o, "law", json_string(r->law->name)) &&
           set(o, "formula", json_string(r->law->formula)) && set(o, "law_config", config(r));
    good = good && set(o, "objective", objective(r)) && set(o, "stages", stages(r));
    good = good && set(o, "n_observations", whole(r->selection->n));
    good = good && set(o, "n_clusters", whole(r->selection->n_clusters));
    good = good && set(o, "selection", selection(r)) && set(o, "excluded", excluded(r->selection));
    good = good && set(o, "parameters", parameters(r)) && set(o, "derived", derived(r));
    good = good && set(o, "with_dropped_rows", undropped(r));
    good = good && set(o, "run_noise", run_noise(r->noise));
    good = good && set(o, "residuals", residuals) && set(o, "starts", starts(r->fit));
    good = good && set(o, "converged", json_boolean(r->fit->converged));
    good = good && set(o, "gradient_norm", isg_json_real(r->fit->gradient_norm));
    good = good && set(o, "condition", isg_json_real(r->fit->condition));
    good = good && set(o, "at_bound", bounds) && set(o, "bootstrap", bootstrap(r)) &&
           set(o, "warnings", w);
    if (good) {
        *out = o;
        return ISG_OK;
    }
    json_decref(o);
    return rc ? rc : ISG_FAIL(ISG_ENOMEM, "no memory for the report");
}
