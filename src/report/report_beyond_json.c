/* schemas/fit.schema.json describes what is written here; a test compares them. */

#include "isogloss/report_beyond.h"

#include "fields.h"

#include <math.h>

static json_t *number(const isg_beyond_number *x, double offset)
{
    json_t *o = json_object();
    (void)set(o, "estimate", real_if(!x->unknown, x->value + offset));
    (void)set(o, "se", real_if(x->has_interval, x->interval.se));
    (void)set(o, "lo", real_if(x->has_interval, x->interval.lo + offset));
    (void)set(o, "hi", real_if(x->has_interval, x->interval.hi + offset));
    (void)set(o, "grouping", x->grouping ? json_string(x->grouping) : json_null());
    return o;
}

static json_t *optima(const isg_beyond_report *r)
{
    json_t *a = json_array();
    for (size_t k = 0; k < r->n_optima; k++) {
        const isg_beyond_optimum *p = &r->optimum[k];
        json_t *o = json_object();
        (void)set(o, "at", json_string(p->text));
        (void)set(o, "C", isg_json_real(p->flops));
        (void)set(o, "N", number(&p->n, 0));
        (void)set(o, "D", number(&p->d, 0));
        (void)set(o, "D_per_N", number(&p->ratio, 0));
        (void)set(o, "loss", number(&p->loss, r->offset));
        (void)json_array_append_new(a, o);
    }
    return a;
}

static json_t *sides(const double *x)
{
    json_t *o = json_object();
    (void)set(o, "below", isg_json_real(x[ISG_BELOW]));
    (void)set(o, "above", isg_json_real(x[ISG_ABOVE]));
    return o;
}

static json_t *forecast(const isg_beyond_forecast *p, double offset)
{
    const isg_forecast *f = &p->forecast;
    json_t *o = json_object(), *parts = json_object();

    (void)set(o, "at", json_string(p->text));
    (void)set(o, "loss", real_if(!p->unknown, isg_exp(f->outlook.estimate) + offset));
    (void)set(o, "lo", real_if(!p->unknown, isg_exp(f->lo) + offset));
    (void)set(o, "hi", real_if(!p->unknown, isg_exp(f->hi) + offset));
    (void)set(o, "C", isg_json_real(p->flops));
    (void)set(o, "k", isg_json_real(f->k));
    (void)set(parts, "parameters", sides(f->outlook.parameter));
    (void)set(parts, "single_runs", isg_json_real(f->outlook.residual));
    (void)set(parts, "choice_of_law", sides(f->outlook.law));
    (void)set(parts, "inflation", isg_json_real(f->inflation.factor));
    (void)set(o, "parts", parts);
    (void)set(o, "df", isg_json_real(f->inflation.df));
    (void)set(o, "backtests", whole(f->inflation.backtests));
    (void)set(o, "k_max", isg_json_real(f->inflation.k_max));
    (void)set(o, "beyond_backtests", json_boolean(f->beyond));
    return o;
}

static json_t *forecasts(const isg_beyond_report *r)
{
    json_t *a = json_array();
    for (size_t k = 0; k < r->n_forecasts; k++)
        (void)json_array_append_new(a, forecast(&r->forecast[k], r->offset));
    return a;
}

static json_t *backtests(const isg_beyond_report *r)
{
    const isg_backtest_coverage *c = r->coverage;
    json_t *o = json_object(), *thresholds = json_array();

    if (!c) {
        json_decref(o);
        json_decref(thresholds);
        return json_null();
    }
    for (size_t k = 0; k < r->backtests->n_thresholds; k++) {
        json_t *t = json_object();
        (void)set(t, "C", isg_json_real(r->backtests->threshold[k]));
        (void)set(t, "rows_fitted", whole(r->backtests->fitted[k]));
        (void)json_array_append_new(thresholds, t);
    }
    const bool any = c->forecasts > 0;
    (void)set(o, "thresholds", thresholds);
    (void)set(o, "level", isg_json_real(c->level));
    (void)set(o, "forecasts", whole(c->forecasts));
    (void)set(o, "covered", whole(c->covered));
    (void)set(o, "covered_by_law_alone", whole(c->naive_covered));
    (void)set(o, "half_width", real_if(any, c->half_width));
    (void)set(o, "half_width_of_law_alone", real_if(any, c->naive_half_width));
    (void)set(o, "k_max", real_if(any, c->k_max));
    (void)set(o, "beyond_backtests", whole(c->beyond));
    (void)set(o, "beyond_covered", whole(c->beyond_covered));
    return o;
}

static json_t *rivals(const isg_beyond_report *r)
{
    json_t *a = json_array();
    for (size_t k = 1; r->n_forecasts && k <= r->n_rivals; k++) {
        json_t *o = json_object();
        (void)set(o, "law", json_string(k < r->n_rivals ? r->rival[k] : r->rival[0]));
        (void)set(o, "rows", json_string(k < r->n_rivals ? "all" : "upper half of the compute"));
        (void)set(o, "misfit",
                  real_if(k < r->n_rivals && r->plausible[k].misfit > 0, r->plausible[k].misfit));
        (void)set(o, "plausible", json_boolean(r->plausible[k].plausible));
        (void)json_array_append_new(a, o);
    }
    return a;
}

static json_t *beside(const isg_beyond_reference *b)
{
    static const char *const words[] = {[ISG_COMPARABLE] = "yes",
                                        [ISG_COMPARABLE_NOT_UNITS] =
                                            "no: unit of the loss, tokenizer, text",
                                        [ISG_COMPARABLE_NOT_THERE] = "no: not published"};
    const bool yes = b->comparable == ISG_COMPARABLE && b->known, i = yes && b->has_interval;
    const double difference = b->published - b->estimate;
    const double sd = sqrt(b->interval.se * b->interval.se + b->published_se * b->published_se);
    json_t *o = json_object();

    (void)set(o, "published", real_if(b->comparable != ISG_COMPARABLE_NOT_THERE, b->published));
    (void)set(o, "published_se", real_if(b->published_se > 0, b->published_se));
    (void)set(o, "comparable", json_string(b->known ? words[b->comparable] : "no: not identified"));
    (void)set(o, "difference", real_if(yes, difference));
    (void)set(o, "lo", real_if(i, b->published - b->interval.hi));
    (void)set(o, "hi", real_if(i, b->published - b->interval.lo));
    (void)set(o, "z", real_if(i && sd > 0, difference / sd));
    (void)set(o, "inside",
              i ? json_boolean(b->published >= b->interval.lo && b->published <= b->interval.hi)
                : json_null());
    return o;
}

static json_t *reference(const isg_beyond_report *r)
{
    json_t *o = json_object(), *numbers = json_object();

    for (size_t k = 0; k < r->n_beside; k++)
        (void)set(numbers, r->beside[k].name, beside(&r->beside[k]));
    (void)set(o, "name", json_string(r->reference->name));
    (void)set(o, "source", json_string(r->reference->source));
    (void)set(o, "data", json_string(r->reference->data));
    (void)set(o, "law", json_string(r->reference->law));
    (void)set(o, "not_comparable", r->no_reference ? json_string(r->no_reference) : json_null());
    (void)set(o, "numbers", numbers);
    return o;
}

isg_err isg_report_beyond_json(const isg_beyond_report *r, json_t *fit)
{
    bool good = set(fit, "optima", optima(r)) && set(fit, "forecasts", forecasts(r));
    good =
        good && set(fit, "no_forecast", r->no_forecast ? json_string(r->no_forecast) : json_null());
    good = good && set(fit, "backtests", backtests(r)) && set(fit, "rivals", rivals(r));
    good = good && set(fit, "reference", r->reference ? reference(r) : json_null());
    return good ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for the report");
}
