/* A forecast's parameter part comes from the refits of the fit itself, resampled as the backtests
 * are; the rest from forecast.h. Best sizes have the interval of the way to resample that speaks. */

#include "fit_beyond.h"

#include "entrants.h"
#include "fit_boot.h"
#include "isogloss/known.h"
#include "isogloss/str.h"
#include "place.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BACKTEST_STARTS = 16 };

struct fit_beyond {
    const fit_job *job;
    const fit_outcome *o;
    const fit_beyond_args *args;
    isg_beyond_optimum optimum[ISG_BEYOND_PLACES];
    isg_beyond_forecast forecast[ISG_BEYOND_PLACES];
    entrants e;
    const char *rival[MAX_ENTRANTS];
    isg_plausible plausible[MAX_ENTRANTS + 1];
    double *compute, flops_max;
    isg_backtests *backtests;
    isg_backtest_coverage coverage;
    bool has_coverage;
    char *no_forecast, *no_reference;
    isg_reference reference;
    isg_beyond_reference beside[ISG_BEYOND_NUMBERS];
    size_t n_beside;
};

/* ---- options --------------------------------------------------------------------------- */

size_t fit_beyond_rows(fit_beyond_args *a, isg_opt *rows, size_t at)
{
    const isg_opt opts[FIT_BEYOND_ROWS] = {
        {0, "at", ISG_OPT_LIST, &a->at, "C=FLOP,...",
         "Best N and D at a compute, for instance C=1e21 or C=1e21,K=50. May be repeated.", 0, 0,
         NULL},
        {0, "forecast", ISG_OPT_LIST, &a->forecast, "N=..,D=..",
         "Interval for the loss of a run that has not been made. May be repeated.", 0, 0, NULL},
        {0, "backtest", ISG_OPT_FLAG, &a->backtest, NULL,
         "Would forecasts have covered? Fit below a compute, predict above.", 0, 0, NULL},
        {0, "rivals", ISG_OPT_STRING, &a->rivals, "LAW,...",
         "Further laws that forecasts allow for; none: not even this one with equal exponents or "
         "without E.",
         0, 0, NULL},
        {0, "reference", ISG_OPT_STRING, &a->reference, "NAME",
         "Published figures beside these: hoffmann2022, besiroglu2024, atlas2025:EN and others.", 0,
         0, NULL},
    };
    memcpy(rows + at, opts, sizeof opts);
    return at + FIT_BEYOND_ROWS;
}

bool fit_beyond_wanted(const fit_beyond_args *a)
{
    return a->at.n || a->forecast.n || a->reference || a->backtest;
}

static json_t *word(const char *s)
{
    return s ? json_string(s) : json_null();
}

isg_err fit_beyond_request(const fit_beyond_args *a, json_t *request)
{
    const int bad = json_object_set_new(request, "at", fit_args_words(&a->at)) |
                    json_object_set_new(request, "forecast", fit_args_words(&a->forecast)) |
                    json_object_set_new(request, "backtest", json_boolean(a->backtest)) |
                    json_object_set_new(request, "rivals", word(a->rivals)) |
                    json_object_set_new(request, "reference", word(a->reference));
    return bad ? ISG_FAIL(ISG_ENOMEM, "no memory for the request") : ISG_OK;
}

static isg_err check_count(const char *option, const isg_opt_list *list)
{
    return list->n > ISG_BEYOND_PLACES
               ? ISG_FAIL(ISG_EUSAGE, "%s: at most %d", option, ISG_BEYOND_PLACES)
               : ISG_OK;
}

static isg_err missing(const char *option, const place *p, const isg_law *law, const char *name)
{
    size_t at = 0;
    while (at + 1 < law->n_vars && strcmp(law->vars[at].name, name) != 0) at++;
    return ISG_FAIL(ISG_EUSAGE, "%s %s: law %s needs %s, %s, greater than 0: %s %s,%s=...", option,
                    p->text, law->name, name, law->vars[at].meaning, option, p->text, name);
}

static isg_err check_at(const char *text, const isg_law *law)
{
    double var[ISG_LAW_VARS];
    place p;

    ISG_TRY(place_parse("--at", text, &p));
    ISG_TRY(place_check("--at", &p, law));
    const double *c = place_get(&p, "C");
    if (!c || !(*c > 0))
        return ISG_FAIL(ISG_EUSAGE, "--at %s: wanted a compute greater than 0, such as C=1e21",
                        text);
    if (place_get(&p, "N") || place_get(&p, "D"))
        return ISG_FAIL(ISG_EUSAGE, "--at %s: N and D are what is found; give C", text);
    if (!law->optimum)
        return ISG_FAIL(ISG_EUSAGE, "--at %s: law %s has no best size at a compute", text,
                        law->name);
    place_set(&p, "N", 1);
    place_set(&p, "D", 1);
    const char *name = place_vars(&p, law, var);
    p.text = text;
    return name ? missing("--at", &p, law, name) : ISG_OK;
}

static isg_err check_forecast(const char *text, const isg_law *law)
{
    double var[ISG_LAW_VARS];
    place p;

    ISG_TRY(place_parse("--forecast", text, &p));
    ISG_TRY(place_check("--forecast", &p, law));
    if (!place_get(&p, "N")) return missing("--forecast", &p, law, "N");
    const char *name = place_vars(&p, law, var);
    if (name && strcmp(name, "D") != 0 && !place_get(&p, "D")) { /* M = D/N and the like */
        place_set(&p, "D", 1);
        if (!place_vars(&p, law, var))
            return ISG_FAIL(ISG_EUSAGE,
                            "--forecast %s: law %s needs %s; give it or D, the training tokens",
                            text, law->name, name);
    }
    return name ? missing("--forecast", &p, law, name) : ISG_OK;
}

/* Is every rival a law that the data have the columns of? With --by each group sees for itself. */
static isg_err check_rivals(const fit_beyond_args *a, const fit_job *job)
{
    entrants e = {0};

    if (!a->rivals || !strcmp(a->rivals, "none") || job->args->by) return ISG_OK;
    isg_err rc = isg_err_context(entrants_load(job, a->rivals, NULL, &e), "--rivals");
    entrants_clear(&e);
    return rc;
}

isg_err fit_beyond_check(const fit_beyond_args *a, const fit_job *job)
{
    const isg_law *law = job->fit.law;
    isg_reference reference;

    ISG_TRY(check_count("--at", &a->at));
    ISG_TRY(check_count("--forecast", &a->forecast));
    for (size_t k = 0; k < a->at.n; k++) ISG_TRY(check_at(a->at.item[k], law));
    for (size_t k = 0; k < a->forecast.n; k++) ISG_TRY(check_forecast(a->forecast.item[k], law));
    if (a->reference)
        ISG_TRY(isg_err_context(isg_reference_find(a->reference, &reference), "--reference"));
    if (a->rivals && !a->backtest && !a->forecast.n)
        return ISG_FAIL(ISG_EUSAGE, "--rivals belongs to --forecast or --backtest");
    return check_rivals(a, job);
}

/* ---- numbers with intervals -------------------------------------------------------------- */

/* Value and interval of one number by the way that speaks. */
static isg_err number_of(const fit_beyond *b, const isg_boot_number *number, isg_beyond_number *out)
{
    const fit_outcome *o = b->o;
    isg_interval each[ISG_GROUPINGS];
    const isg_interval *by[ISG_GROUPINGS] = {NULL};

    out->value = number->value(number->ctx, o->fit.natural);
    out->unknown = !isg_known(b->job->fit.law, &o->fit, number->value, number->ctx);
    if (out->unknown) return ISG_OK;
    for (size_t w = 0; w < o->n_ways && isfinite(out->value); w++) {
        const fit_way *way = &o->way[w];
        if (!way->has_boot) continue;
        ISG_TRY(isg_boot_numbers(&way->boot, way->replicates, b->job->args->level, number, 1,
                                 &each[w]));
        if (2 * each[w].undefined <= way->boot.replicates) by[w] = &each[w];
    }
    const size_t speaks = fit_boot_chosen(b->job) && by[0] ? 0 : isg_boot_headline(by, o->n_ways);
    out->has_interval = by[speaks] != NULL;
    if (!by[speaks]) return ISG_OK;
    out->interval = *by[speaks];
    out->grouping = o->way[speaks].name;
    return ISG_OK;
}

/* ---- best sizes ---------------------------------------------------------------------------- */

typedef enum best_part { BEST_N, BEST_D, BEST_RATIO, BEST_LOSS } best_part;

typedef struct best_at {
    const isg_law *law;
    place place;
    double flops;
    best_part part;
} best_at;

static double best_value(const void *ctx, const double *natural)
{
    const best_at *at = ctx;
    double var[ISG_LAW_VARS], n = 1, d = 1;
    place p = at->place;

    place_set(&p, "N", 1);
    place_set(&p, "D", 1);
    (void)place_vars(&p, at->law, var);
    const isg_law_budget budget = {.flops = at->flops, .var = var};
    if (!at->law->optimum(at->law, natural, &budget, &n, &d)) return NAN;
    if (at->part == BEST_N) return n;
    if (at->part == BEST_D) return d;
    if (at->part == BEST_RATIO) return d / n;
    place_set(&p, "N", n);
    place_set(&p, "D", d);
    if (place_vars(&p, at->law, var)) return NAN;
    return isg_law_loss(at->law, natural, var);
}

static isg_err find_optimum(const fit_beyond *b, const char *text, isg_beyond_optimum *out)
{
    best_at at = {.law = b->job->fit.law};
    isg_beyond_number *to[] = {&out->n, &out->d, &out->ratio, &out->loss};

    ISG_TRY(place_parse("--at", text, &at.place));
    at.flops = *place_get(&at.place, "C");
    *out = (isg_beyond_optimum){.text = text, .flops = at.flops};
    for (at.part = BEST_N; at.part <= BEST_LOSS; at.part++) {
        const isg_boot_number number = {.value = best_value, .ctx = &at};
        ISG_TRY(number_of(b, &number, to[at.part]));
    }
    out->exists = isfinite(out->n.value) && isfinite(out->d.value);
    return ISG_OK;
}

/* ---- rivals ------------------------------------------------------------------------------------ */

static bool holds(const fit_job *job, const char *name)
{
    for (size_t k = 0; k < job->fit.n_constraints; k++) {
        const isg_constraint *c = &job->constraints[k];
        if (!strcmp(job->fit.law->params[c->param].name, name)) return true;
    }
    return false;
}

static bool has_free(const fit_job *job, const char *name)
{
    for (size_t k = 0; k < job->fit.law->n_params; k++) {
        if (!strcmp(job->fit.law->params[k].name, name)) return !holds(job, name);
    }
    return false;
}

/* What the user holds, and perhaps more, in brackets. */
static isg_err add_law(const fit_job *job, const char *more, const char *and_more, isg_str *to)
{
    const char *parts[] = {more, and_more};
    size_t n = 0;
    isg_err rc = isg_str_printf(to, "%s%s", to->len ? "," : "", job->fit.law->name);

    for (size_t k = 0; k < job->args->fix.n + job->args->tie.n + 2 && !rc; k++) {
        const size_t fix = job->args->fix.n, tie = job->args->tie.n;
        const char *word = k < fix         ? job->args->fix.item[k]
                           : k < fix + tie ? job->args->tie.item[k - fix]
                                           : parts[k - fix - tie];
        if (word) rc = isg_str_printf(to, "%s%s", n++ ? "," : "[", word);
    }
    return rc || !n ? rc : isg_str_puts(to, "]");
}

/* The law itself, with equal exponents, without E, both; then the user's. */
static isg_err list_rivals(const fit_job *job, const fit_beyond_args *a, isg_str *to)
{
    const bool tie = has_free(job, "alpha") && has_free(job, "beta"), e = has_free(job, "E");
    const char *equal = "alpha=beta", *without = "E=1e-9";

    ISG_TRY(add_law(job, NULL, NULL, to));
    if (a->rivals && !strcmp(a->rivals, "none")) return ISG_OK;
    if (tie) ISG_TRY(add_law(job, equal, NULL, to));
    if (e) ISG_TRY(add_law(job, without, NULL, to));
    if (tie && e) ISG_TRY(add_law(job, equal, without, to));
    return a->rivals ? isg_str_printf(to, ",%s", a->rivals) : ISG_OK;
}

static isg_err load_rivals(fit_beyond *b, const char *by_value)
{
    isg_str laws = {0};
    isg_err rc = list_rivals(b->job, b->args, &laws);

    if (!rc)
        rc = isg_err_context(entrants_load(b->job, isg_str_c(&laws), by_value, &b->e), "--rivals");
    isg_str_free(&laws);
    if (rc) return rc;
    b->compute = malloc(b->e.rows * sizeof *b->compute);
    if (!b->compute) return ISG_FAIL(ISG_ENOMEM, "no memory for a forecast");
    for (size_t i = 0; i < b->e.rows; i++) {
        b->compute[i] = 6 * b->e.size[i] * b->e.tokens[i];
        b->flops_max = fmax(b->flops_max, b->compute[i]);
    }
    for (size_t k = 0; k < b->e.n; k++) {
        b->rival[k] = b->e.rival[k].name;
        if (b->e.rival[k].fit.cold_starts > BACKTEST_STARTS)
            b->e.rival[k].fit.cold_starts = BACKTEST_STARTS;
    }
    return ISG_OK;
}

/* ---- forecasts ------------------------------------------------------------------------------- */

typedef struct loss_at {
    const isg_law *law;
    double var[ISG_LAW_VARS];
} loss_at;

static double log_loss_value(const void *ctx, const double *natural)
{
    const loss_at *at = ctx;
    return isg_ln(isg_law_loss(at->law, natural, at->var));
}

/* The parameter part by the fit's own refits, which are many more than those of a backtest. */
static isg_err own_spread(const fit_beyond *b, const loss_at *at, isg_outlook *out)
{
    const fit_way *way = &b->o->way[0];
    const isg_boot_number number = {.value = log_loss_value, .ctx = at};
    const double level = 0.95, z = 1.959963984540054;
    isg_interval i;

    if (!way->has_boot) return ISG_OK;
    ISG_TRY(isg_boot_numbers(&way->boot, way->replicates, level, &number, 1, &i));
    if (2 * i.undefined > way->boot.replicates) return ISG_OK;
    out->parameter[ISG_BELOW] = fmax(out->estimate - i.lo, 0) / z;
    out->parameter[ISG_ABOVE] = fmax(i.hi - out->estimate, 0) / z;
    return ISG_OK;
}

/* All of the user's places as points of every rival. */
typedef struct asked {
    place place[ISG_BEYOND_PLACES];
    double var[MAX_ENTRANTS][ISG_LAW_VARS][ISG_BEYOND_PLACES];
    isg_obs points[MAX_ENTRANTS];
} asked;

static isg_err ask(const fit_beyond *b, asked *out)
{
    const size_t n = b->args->forecast.n;

    for (size_t i = 0; i < n; i++)
        ISG_TRY(place_parse("--forecast", b->args->forecast.item[i], &out->place[i]));
    for (size_t k = 0; k < b->e.n; k++) {
        const isg_law *law = b->e.rival[k].fit.law;
        bool all = true;
        for (size_t i = 0; i < n; i++) {
            double var[ISG_LAW_VARS];
            all = !place_vars(&out->place[i], law, var) && all;
            for (size_t j = 0; j < law->n_vars; j++) out->var[k][j][i] = var[j];
        }
        out->points[k].n = all ? n : 0;
        for (size_t j = 0; j < law->n_vars; j++) out->points[k].var[j] = out->var[k][j];
    }
    return ISG_OK;
}

/* C as given, else 6 N D; without D as much data as the largest run of the fit has. */
static double flops_of(const fit_beyond *b, const place *p)
{
    const double *c = place_get(p, "C"), *n = place_get(p, "N"), *d = place_get(p, "D");
    double most = 0;

    if (c && *c > 0) return *c;
    for (size_t i = 0; i < b->e.rows; i++) most = fmax(most, b->e.tokens[i]);
    return 6 * *n * (d && *d > 0 ? *d : most);
}

static isg_err forecast_all(fit_beyond *b, const isg_forecast_data *data)
{
    const size_t n = b->args->forecast.n;
    isg_outlook outlook[ISG_BEYOND_PLACES];
    asked *a = calloc(1, sizeof *a);
    isg_err rc = a ? ask(b, a) : ISG_FAIL(ISG_ENOMEM, "no memory for a forecast");

    if (!rc) rc = isg_outlook_make(data, NULL, a->points, n, outlook, b->plausible);
    for (size_t i = 0; i < n && !rc; i++) {
        loss_at at = {.law = b->job->fit.law};
        for (size_t j = 0; j < at.law->n_vars; j++) at.var[j] = a->var[0][j][i];
        rc = own_spread(b, &at, &outlook[i]);
        isg_beyond_forecast *f = &b->forecast[i];
        f->text = b->args->forecast.item[i];
        f->flops = flops_of(b, &a->place[i]);
        f->unknown = !isg_known(at.law, &b->o->fit, log_loss_value, &at);
        f->forecast = isg_forecast_make(&outlook[i], b->backtests, b->compute,
                                        f->flops / b->flops_max, b->job->args->level);
    }
    free(a);
    return rc;
}

static isg_err look_ahead(fit_beyond *b, const char *by_value)
{
    ISG_TRY(load_rivals(b, by_value));
    const isg_forecast_data data = {.rivals = b->e.rival,
                                    .n_rivals = b->e.n,
                                    .cluster = b->e.cluster,
                                    .compute = b->compute,
                                    .seed = b->job->args->seed};
    ISG_TRY(isg_backtests_run(&data, &b->backtests));
    ISG_TRY(isg_backtests_coverage(b->backtests, b->compute, b->job->args->level, &b->coverage));
    b->has_coverage = true;
    isg_err rc = b->args->forecast.n ? forecast_all(b, &data) : ISG_OK;
    if (rc != ISG_EDATA) return rc;
    b->no_forecast = isg_strdup(isg_err_message());
    isg_err_clear();
    return b->no_forecast ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a forecast");
}

/* ---- published figures ---------------------------------------------------------------------------- */

static void put_beside(const fit_beyond *b, const char *name, double estimate, double published,
                       double se, bool known, bool held, const isg_interval *const *by,
                       isg_beyond_reference *out)
{
    const size_t speaks =
        fit_boot_chosen(b->job) && by[0] ? 0 : isg_boot_headline(by, b->o->n_ways);

    *out = (isg_beyond_reference){.name = name,
                                  .estimate = estimate,
                                  .published = published,
                                  .published_se = se,
                                  .known = known,
                                  .held = held,
                                  .has_interval = known && !held && by[speaks]};
    if (out->has_interval) out->interval = *by[speaks];
}

/* What follows from the parameters is compared, too. */
static void derived_beside(fit_beyond *b, const double *published)
{
    const isg_law *law = b->job->fit.law;
    const fit_outcome *o = b->o;

    for (size_t k = 0; k < law->n_derived; k++) {
        const isg_law_derived *d = &law->derived[k];
        const isg_interval *by[ISG_GROUPINGS] = {NULL};
        for (size_t w = 0; w < o->n_ways; w++)
            by[w] = o->way[w].has_boot ? &o->way[w].summary.derived[k] : NULL;
        put_beside(b, d->name, d->value(law, o->fit.natural), d->value(law, published), 0,
                   isg_known_derived(law, &o->fit, k), false, by, &b->beside[b->n_beside]);
        b->beside[b->n_beside++].comparable = ISG_COMPARABLE;
    }
}

static isg_err compare_published(fit_beyond *b)
{
    const isg_law *law = b->job->fit.law;
    const fit_outcome *o = b->o;
    double published[ISG_LAW_PARAMS];

    ISG_TRY(isg_reference_find(b->args->reference, &b->reference));
    if (strcmp(b->reference.law, law->name) != 0) {
        b->no_reference =
            isg_strf("it is a fit of law %s, this one of %s", b->reference.law, law->name);
        return b->no_reference ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a reference");
    }
    for (size_t k = 0; k < law->n_params; k++) {
        const char *name = law->params[k].name;
        const isg_reference_value *v = isg_reference_get(&b->reference, name);
        const isg_interval *by[ISG_GROUPINGS] = {NULL};
        for (size_t w = 0; w < o->n_ways; w++)
            by[w] = o->way[w].has_boot ? &o->way[w].summary.param[k] : NULL;
        put_beside(b, name, o->fit.natural[k], v ? v->value : (double)NAN, v ? v->se : 0,
                   o->fit.identified[k], holds(b->job, name), by, &b->beside[b->n_beside]);
        b->beside[b->n_beside++].comparable = isg_reference_comparable(&b->reference, name);
    }
    if (isg_reference_parameters(&b->reference, law, published)) derived_beside(b, published);
    return ISG_OK;
}

/* ---- life ---------------------------------------------------------------------------------------- */

isg_err fit_beyond_run(const fit_job *job, const fit_outcome *o, const char *by_value,
                       const fit_beyond_args *args, fit_beyond **out)
{
    fit_beyond *b = calloc(1, sizeof *b);
    isg_err rc = b ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a forecast");

    *out = NULL;
    if (rc) return rc;
    b->job = job;
    b->o = o;
    b->args = args;
    for (size_t k = 0; k < args->at.n && !rc; k++)
        rc = find_optimum(b, args->at.item[k], &b->optimum[k]);
    if (!rc && args->reference) rc = compare_published(b);
    if (!rc && (args->forecast.n || args->backtest)) rc = look_ahead(b, by_value);
    if (rc) fit_beyond_destroy(&b);
    *out = b;
    return rc;
}

isg_beyond_report fit_beyond_report(const fit_beyond *b)
{
    return (isg_beyond_report){
        .law = b->job->fit.law,
        .level = b->job->args->level,
        .offset = b->o->selection->offset,
        .optimum = b->optimum,
        .n_optima = b->args->at.n,
        .forecast = b->forecast,
        .n_forecasts = b->no_forecast ? 0 : b->args->forecast.n,
        .no_forecast = b->no_forecast,
        .backtests = b->backtests,
        .coverage = b->has_coverage ? &b->coverage : NULL,
        .rival = b->rival,
        .plausible = b->plausible,
        .n_rivals = b->e.n,
        .flops_max = b->flops_max,
        .noise = &b->o->noise,
        .reference = b->args->reference ? &b->reference : NULL,
        .beside = b->beside,
        .n_beside = b->n_beside,
        .no_reference = b->no_reference,
    };
}

void fit_beyond_destroy(fit_beyond **beyond)
{
    fit_beyond *b = *beyond;
    if (!b) return;
    entrants_clear(&b->e);
    isg_backtests_destroy(&b->backtests);
    free(b->compute);
    free(b->no_forecast);
    free(b->no_reference);
    free(b);
    *beyond = NULL;
}
