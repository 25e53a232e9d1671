#include "isogloss/report_simulate.h"

#include "fields.h"
#include "isogloss/str.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>

const char *const isg_noise_shape_name[] = {"normal", "laplace", "student", NULL};

static const char *name_of(const isg_simulation *s, size_t k)
{
    const isg_law *law = s->worlds->fit.law;
    if (k < law->n_params) return law->params[k].name;
    k -= law->n_params;
    return k < law->n_derived ? law->derived[k].name : s->place_name[k - law->n_derived];
}

static void range_of(const double *x, size_t n, char lo[ISG_TEXT_CELL], char hi[ISG_TEXT_CELL])
{
    double least = x[0], most = x[0];
    for (size_t i = 1; i < n; i++) {
        least = fmin(least, x[i]);
        most = fmax(most, x[i]);
    }
    (void)isg_str_count(least, lo, ISG_TEXT_CELL);
    (void)isg_str_count(most, hi, ISG_TEXT_CELL);
}

static void print_design(const isg_simulation *s, FILE *out)
{
    const isg_worlds *w = s->worlds;
    const isg_noise_plan *noise = s->noise;
    const isg_law *law = w->fit.law;
    char lo[ISG_TEXT_CELL], hi[ISG_TEXT_CELL];
    isg_str shape = {0}, truth = {0};

    (void)fprintf(out, "%s: %s\n\n", law->name, law->formula);
    isg_text_say(out, "design     ",
                 isg_strf("%s: %zu observations in %zu clusters (%s)", s->source, w->design.n,
                          w->way[0].n_clusters, s->unit));
    for (size_t k = 0; k < 2 && k < law->n_vars; k++) {
        range_of(w->design.var[k], w->design.n, lo, hi);
        (void)fprintf(out, "%-10s %s to %s\n", law->vars[k].name, lo, hi);
    }
    for (size_t k = 0; k < law->n_params; k++)
        (void)isg_str_printf(&truth, "%s%s %.6g", k ? ", " : "", law->params[k].name, s->truth[k]);
    isg_text_paragraph(out, "truth      ", isg_str_c(&truth));
    (void)isg_str_puts(&shape, isg_noise_shape_name[noise->shape]);
    if (noise->shape == ISG_STUDENT) (void)isg_str_printf(&shape, " (%g df)", noise->df);
    if (fabs(noise->power) > 0) (void)isg_str_printf(&shape, ", growing as L^%g", noise->power);
    isg_text_say(out, "noise      ",
                 isg_strf("%s; standard deviation %.3g %% shared by a run, %.3g %% of each "
                          "observation",
                          isg_str_c(&shape), 100 * noise->run_sd, 100 * noise->point_sd));
    isg_text_say(out, "campaigns  ",
                 isg_strf("%zu simulated, %zu with intervals; %zu refits each, seed %llu", s->n,
                          s->good, w->replicates, (unsigned long long)w->seed));
    isg_str_free(&shape);
    isg_str_free(&truth);
}

static void print_number(const isg_simulation *s, size_t k, FILE *out)
{
    const isg_coverage *c = &s->number[k];
    const isg_covered *p = &c->by[ISG_WORLD_PERCENTILE];
    char truth[ISG_TEXT_CELL], bias[ISG_TEXT_CELL], sd[ISG_TEXT_CELL], width[ISG_TEXT_CELL];

    (void)fprintf(out, "%-19s %11s %11s %11s %12s %9.1f\n", name_of(s, k),
                  isg_text_show(s->truth[k], c->sd, truth),
                  isg_text_show(c->mean - s->truth[k], c->sd, bias),
                  isg_text_show(c->sd, c->sd, sd), isg_text_show(p->width, c->sd, width),
                  p->n ? 100 * (double)p->inside / (double)p->n : 0);
}

isg_err isg_report_simulation_text(const isg_simulation *s, FILE *out)
{
    print_design(s, out);
    (void)fprintf(out, "\n%-19s %11s %11s %11s %12s %9s\n", "", "truth", "bias", "std. dev.",
                  "interval", "covered");
    (void)fprintf(out, "%-19s %11s %11s %11s %12s %9s\n", "", "", "", "", "width", "%");
    for (size_t k = 0; k < isg_world_numbers(s->worlds); k++) {
        if (s->shown[k]) print_number(s, k, out);
    }
    (void)fputc('\n', out);
    isg_text_say(
        out, "",
        isg_strf("Intervals are percentiles of nominal %g %%; width is the median over "
                 "campaigns; the Monte-Carlo error of a coverage of %g %% is %.1f.",
                 100 * s->worlds->level, 100 * s->worlds->level,
                 s->good ? 100 * sqrt(s->worlds->level * (1 - s->worlds->level) / (double)s->good)
                         : 0));
    if (s->worlds->way[0].n_clusters < ISG_BOOT_WARN_CLUSTERS)
        isg_text_say(out, "Note: ",
                     isg_strf("Only %zu clusters (%s): intervals from fewer than %d are rough, "
                              "often too wide or too narrow by a third.",
                              s->worlds->way[0].n_clusters, s->unit, ISG_BOOT_WARN_CLUSTERS));
    return ferror(out) ? ISG_FAIL(ISG_EIO, "cannot write the report") : ISG_OK;
}

static json_t *number(const isg_simulation *s, size_t k)
{
    const isg_coverage *c = &s->number[k];
    json_t *o = json_object();

    (void)json_object_set_new(o, "truth", isg_json_real(s->truth[k]));
    (void)json_object_set_new(o, "mean", isg_json_real(c->mean));
    (void)json_object_set_new(o, "sd", isg_json_real(c->sd));
    for (size_t m = 0; m < ISG_WORLD_FIRST; m++) {
        const isg_covered *p = &c->by[m];
        json_t *of = json_object();
        (void)json_object_set_new(of, "intervals", whole(p->n));
        (void)json_object_set_new(of, "covered", whole(p->inside));
        (void)json_object_set_new(of, "width", isg_json_real(p->width));
        (void)json_object_set_new(o, isg_world_method_name[m], of);
    }
    return o;
}

static json_t *noise(const isg_noise_plan *plan)
{
    json_t *o = json_object();
    (void)json_object_set_new(o, "shape", json_string(isg_noise_shape_name[plan->shape]));
    (void)json_object_set_new(o, "df",
                              plan->shape == ISG_STUDENT ? isg_json_real(plan->df) : json_null());
    (void)json_object_set_new(o, "run_sd", isg_json_real(plan->run_sd));
    (void)json_object_set_new(o, "point_sd", isg_json_real(plan->point_sd));
    (void)json_object_set_new(o, "power", isg_json_real(plan->power));
    return o;
}

isg_err isg_report_simulation_json(const isg_simulation *s, json_t **out)
{
    const isg_worlds *w = s->worlds;
    json_t *o = json_object(), *numbers = json_object();

    for (size_t k = 0; k < isg_world_numbers(w); k++) {
        if (s->shown[k]) (void)json_object_set_new(numbers, name_of(s, k), number(s, k));
    }
    (void)json_object_set_new(o, "format", whole(1));
    (void)json_object_set_new(o, "source", json_string(s->source));
    (void)json_object_set_new(o, "law", json_string(w->fit.law->name));
    (void)json_object_set_new(o, "n_observations", whole(w->design.n));
    (void)json_object_set_new(o, "n_clusters", whole(w->way[0].n_clusters));
    (void)json_object_set_new(o, "unit", json_string(s->unit));
    (void)json_object_set_new(o, "noise", noise(s->noise));
    (void)json_object_set_new(o, "worlds", whole(s->n));
    (void)json_object_set_new(o, "with_intervals", whole(s->good));
    (void)json_object_set_new(o, "B", whole(w->replicates));
    (void)json_object_set_new(o, "level", isg_json_real(w->level));
    (void)json_object_set_new(o, "seed", json_integer((json_int_t)w->seed));
    if (json_object_set_new(o, "numbers", numbers)) {
        json_decref(o);
        return ISG_FAIL(ISG_ENOMEM, "no memory for the report");
    }
    *out = o;
    return ISG_OK;
}
