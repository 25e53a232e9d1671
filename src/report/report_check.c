#include "isogloss/report_check.h"

#include "fields.h"
#include "isogloss/str.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of 95 % intervals: a warning below 90 and above 99 %; times the nominal share that misses,
 * and never for what chance explains (two Monte-Carlo standard errors). */
static const double TOO_SHORT = 2, TOO_LONG = 0.2;

static size_t numbers(const isg_check *c)
{
    return c->law->n_params + c->law->n_derived + c->n_places;
}

static const char *name_of(const isg_check *c, size_t k)
{
    const isg_law *law = c->law;
    if (k < law->n_params) return law->params[k].name;
    k -= law->n_params;
    return k < law->n_derived ? law->derived[k].name : c->place_name[k - law->n_derived];
}

static double share_by(const isg_check_part *p, size_t k, size_t method)
{
    const isg_covered *c = &p->number[k].by[method];
    return c->n ? (double)c->inside / (double)c->n : 0;
}

static double share_of(const isg_check_part *p, size_t k)
{
    return share_by(p, k, ISG_WORLD_PERCENTILE);
}

/* Mean over the free parameters that have such intervals. */
static double mean_share(const isg_check *c, const isg_check_part *p, size_t method)
{
    double sum = 0;
    size_t n = 0;

    for (size_t k = 0; k < c->law->n_params; k++) {
        if (!c->shown[k] || !p->number[k].by[method].n) continue;
        sum += share_by(p, k, method);
        n++;
    }
    return n ? sum / (double)n : 0;
}

double isg_check_share(const isg_check *c, const isg_check_part *p, double *error)
{
    const double sum = mean_share(c, p, ISG_WORLD_PERCENTILE);

    *error = p->good ? sqrt(fmax(sum * (1 - sum), 0.25 / (double)p->good) / (double)p->good) : 0;
    return sum;
}

/* "A 94.1, B 95.0, ..." of the numbers from `first` to before `end`. */
static isg_err list(const isg_check *c, const isg_check_part *p, size_t first, size_t end,
                    isg_str *out)
{
    for (size_t k = first; k < end; k++) {
        if (!c->shown[k]) continue;
        ISG_TRY(isg_str_printf(out, "%s%s %.1f", out->len ? ", " : "", name_of(c, k),
                               100 * share_of(p, k)));
    }
    return ISG_OK;
}

/* What the truth of a part is, to follow "under". */
static char *truth_of(const isg_check_part *p)
{
    if (!strcmp(p->kind, "misfit"))
        return isg_strf("a rival truth, the law bent by the misfit that these data show");
    return isg_strf("the rival law %s", p->rival);
}

/* The sentence that can be quoted. NULL when out of memory. */
static char *sentence(const isg_check *c, const isg_check_part *p)
{
    const size_t own = c->law->n_params + c->law->n_derived;
    const bool same = !strcmp(p->kind, "law");
    isg_str each = {0}, places = {0};
    double error = 0, share = isg_check_share(c, p, &error);
    char *truth = same ? NULL : truth_of(p), *text = NULL;

    isg_err rc = list(c, p, 0, own, &each);
    if (!rc) rc = list(c, p, own, numbers(c), &places);
    if (!rc && same)
        text = isg_strf("nominal %g %% intervals covered the truth in %.1f %% (+-%.1f) of %zu "
                        "simulated campaigns on this design: %s; %s.",
                        100 * c->level, 100 * share, 100 * error, p->good, isg_str_c(&each),
                        isg_str_c(&places));
    else if (!rc && truth)
        text = isg_strf("under %s, they covered the value that the estimator tends to in %.1f %% "
                        "(+-%.1f) of %zu: %s; and the true %s.",
                        truth, 100 * share, 100 * error, p->good, isg_str_c(&each),
                        isg_str_c(&places));
    isg_str_free(&each);
    isg_str_free(&places);
    free(truth);
    return text;
}

/* Warnings about a part, one after the other. @return NULL: out of memory; "" for none */
static char *warning_of(const isg_check *c, const isg_check_part *p)
{
    const size_t own = c->law->n_params + c->law->n_derived;
    const double few = 1 - TOO_SHORT * (1 - c->level), many = 1 - TOO_LONG * (1 - c->level);
    const double chance = 2 * sqrt(c->level * (1 - c->level) / (double)(p->good ? p->good : 1));
    const bool same = !strcmp(p->kind, "law");
    isg_str low = {0}, high = {0}, all = {0};
    isg_err rc = ISG_OK;

    for (size_t k = 0; k < numbers(c) && !rc; k++) {
        if (!c->shown[k] || !p->good) continue;
        if (share_of(p, k) < fmin(few, c->level - chance))
            rc = isg_str_printf(&low, "%s%s%s", low.len ? ", " : "", k < own ? "" : "the ",
                                name_of(c, k));
        if (same && share_of(p, k) > fmax(many, c->level + chance))
            rc = isg_str_printf(&high, "%s%s%s", high.len ? ", " : "", k < own ? "" : "the ",
                                name_of(c, k));
    }
    if (!rc && low.len)
        rc = isg_str_printf(&all,
                            "Intervals of %s are too short%s: less than %g %% of them held %s.",
                            isg_str_c(&low), same ? "" : " under the rival", 100 * few,
                            same ? "the truth" : "what they should");
    if (!rc && high.len)
        rc = isg_str_printf(&all,
                            "%sIntervals of %s are longer than they need be: more than %g %% "
                            "of them held the truth.",
                            all.len ? " " : "", isg_str_c(&high), 100 * many);
    if (!rc && 20 * p->good < 19 * p->worlds)
        rc = isg_str_printf(&all, "%s%zu of %zu simulated campaigns gave no interval.",
                            all.len ? " " : "", p->worlds - p->good, p->worlds);
    char *text = rc ? NULL : isg_strdup(isg_str_c(&all));
    isg_str_free(&low);
    isg_str_free(&high);
    isg_str_free(&all);
    return text;
}

isg_err isg_report_check_text(const isg_check *c, FILE *out)
{
    char first[16];

    (void)snprintf(first, sizeof first, " %.1f %%",
                   100 * mean_share(c, &c->part[0], ISG_WORLD_FIRST));
    (void)fputc('\n', out);
    for (size_t k = 0; k < c->n_parts; k++)
        isg_text_say(out, k ? "           " : "check      ", sentence(c, &c->part[k]));
    isg_text_say(out, "           ",
                 isg_strf("Worlds keep %zu clusters (%s) whole and draw their errors from this "
                          "fit's residuals in %zu part%s of the design; residuals %.3g %% in "
                          "them, %.3g %% here; %zu refits each, seed %llu.",
                          c->n_clusters, c->unit, c->strata, c->strata == 1 ? "" : "s",
                          100 * c->part[0].rms, 100 * c->data_rms, c->replicates,
                          (unsigned long long)c->seed));
    isg_text_say(out, "           ",
                 isg_strf("Other intervals in the same campaigns: BCa %.1f %%, sandwich %.1f "
                          "%%%s%s%s.",
                          100 * mean_share(c, &c->part[0], ISG_WORLD_BCA),
                          100 * mean_share(c, &c->part[0], ISG_WORLD_SANDWICH),
                          c->first ? ", always by " : "", c->first ? c->first : "",
                          c->first ? first : ""));
    for (size_t k = 0; k < c->n_parts; k++) {
        char *text = warning_of(c, &c->part[k]);
        if (!text) return ISG_FAIL(ISG_ENOMEM, "no memory for the report");
        if (*text) isg_text_paragraph(out, "warning    ", text);
        free(text);
    }
    return ferror(out) ? ISG_FAIL(ISG_EIO, "cannot write the report") : ISG_OK;
}

/* ---- JSON ------------------------------------------------------------------------------- */

static json_t *covered(const isg_covered *c)
{
    const double n = (double)c->n, share = c->n ? (double)c->inside / n : 0;
    json_t *o = json_object();

    (void)json_object_set_new(o, "intervals", whole(c->n));
    (void)json_object_set_new(o, "covered", whole(c->inside));
    (void)json_object_set_new(o, "truth_below", whole(c->below));
    (void)json_object_set_new(o, "truth_above", whole(c->above));
    (void)json_object_set_new(o, "share", isg_json_real(share));
    (void)json_object_set_new(o, "share_error",
                              isg_json_real(n > 0 ? sqrt(share * (1 - share) / n) : 0));
    (void)json_object_set_new(o, "width", isg_json_real(c->width));
    return o;
}

static json_t *number(const isg_check_part *p, size_t k)
{
    const isg_coverage *c = &p->number[k];
    json_t *o = json_object();

    (void)json_object_set_new(o, "truth", isg_json_real(p->truth[k]));
    (void)json_object_set_new(o, "mean", isg_json_real(c->mean));
    (void)json_object_set_new(o, "sd", isg_json_real(c->sd));
    for (size_t m = 0; m < ISG_WORLD_METHODS; m++)
        (void)json_object_set_new(o, isg_world_method_name[m], covered(&c->by[m]));
    return o;
}

static json_t *part(const isg_check *c, const isg_check_part *p)
{
    json_t *o = json_object(), *each = json_object();
    char *text = sentence(c, p), *warning = warning_of(c, p);
    double error = 0, share = isg_check_share(c, p, &error);

    for (size_t k = 0; k < numbers(c); k++) {
        if (c->shown[k]) (void)json_object_set_new(each, name_of(c, k), number(p, k));
    }
    (void)json_object_set_new(o, "kind", json_string(p->kind));
    (void)json_object_set_new(o, "law", p->rival ? json_string(p->rival) : json_null());
    (void)json_object_set_new(o, "worlds", whole(p->worlds));
    (void)json_object_set_new(o, "with_intervals", whole(p->good));
    (void)json_object_set_new(o, "residual_rms", isg_json_real(p->rms));
    (void)json_object_set_new(o, "share", isg_json_real(share));
    (void)json_object_set_new(o, "share_error", isg_json_real(error));
    (void)json_object_set_new(o, "numbers", each);
    (void)json_object_set_new(o, "sentence", json_string(text ? text : ""));
    (void)json_object_set_new(o, "warning",
                              warning && *warning ? json_string(warning) : json_null());
    free(text);
    free(warning);
    return o;
}

static json_t *places(const isg_check *c)
{
    json_t *a = json_array();

    for (size_t k = 0; k < c->n_places; k++) {
        json_t *o = json_object();
        (void)json_object_set_new(o, "name", json_string(c->place_name[k]));
        for (size_t v = 0; v < c->law->n_vars; v++)
            (void)json_object_set_new(o, c->law->vars[v].name, isg_json_real(c->place[k].var[v]));
        (void)json_array_append_new(a, o);
    }
    return a;
}

isg_err isg_report_check_json(const isg_check *c, json_t **out)
{
    json_t *o = json_object(), *parts = json_array();

    for (size_t k = 0; k < c->n_parts; k++)
        (void)json_array_append_new(parts, part(c, &c->part[k]));
    (void)json_object_set_new(o, "level", isg_json_real(c->level));
    (void)json_object_set_new(o, "B", whole(c->replicates));
    (void)json_object_set_new(o, "seed", json_integer((json_int_t)c->seed));
    (void)json_object_set_new(o, "n_clusters", whole(c->n_clusters));
    (void)json_object_set_new(o, "unit", json_string(c->unit));
    (void)json_object_set_new(o, "strata", whole(c->strata));
    (void)json_object_set_new(o, "residual_rms", isg_json_real(c->data_rms));
    (void)json_object_set_new(o, "places", places(c));
    if (json_object_set_new(o, "parts", parts)) {
        json_decref(o);
        return ISG_FAIL(ISG_ENOMEM, "no memory for the report");
    }
    *out = o;
    return ISG_OK;
}
