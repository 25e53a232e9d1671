#include "bench.h"

#include "isogloss/json.h"
#include "isogloss/numerics.h"
#include "isogloss/os.h"
#include "isogloss/rng.h"
#include "isogloss/str.h"
#include "net.h"
#include "optimiser.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Whole optimiser steps on fresh random bytes, timed in CPU seconds; the peak of
 * the instruction set is probed before every timing, so that a busy or slow
 * machine falls on both alike. A round goes through all subjects once, so that
 * what comes and goes on the machine falls on all of them. What several threads
 * gain is a matter of the clock on the wall, each time against one thread at once.
 */
static const double round_s = 0.15, evaluation_s = 0.05;

/* One shape with one set of kernels. */
typedef struct subject {
    const char *name;
    isg_job job;             /* settings alone */
    isg_net *net, *team_net; /* the second one only with a team */
    isg_optimiser optimiser;
    isg_rng rng;
    uint8_t *text; /* [batch + 1] */
    float *nats;   /* of a micro-batch */
    size_t batch;
    isg_team *team;
    double *peak, *rate, *share, *evaluation; /* [rounds] flop/s, tokens/s, 1, tokens/s */
    double *gain;                             /* [rounds] times as fast with the team */
} subject;

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t draw_text(subject *s)
{
    for (size_t i = 0; i <= s->batch; i++) s->text[i] = (uint8_t)isg_rng_u64(&s->rng);
    return s->batch / s->job.shape.context;
}

static void train_step(subject *s)
{
    const size_t T = s->job.shape.context, n = draw_text(s), micro = isg_net_micro(s->net);
    isg_net_zero_grads(s->net);
    for (size_t i = 0; i < n; i += micro) {
        size_t sequences = n - i < micro ? n - i : micro;
        const uint8_t *text = s->text + i * T;
        isg_net_forward(s->net, text, sequences);
        isg_net_backward(s->net, text, text + 1, sequences, 1.F / (float)s->batch);
    }
    (void)isg_optimiser_step(&s->optimiser, s->net, &s->job, 1e-4);
}

static void evaluation_step(subject *s)
{
    const size_t T = s->job.shape.context, n = draw_text(s), micro = isg_net_micro(s->net);
    for (size_t i = 0; i < n; i += micro) {
        size_t sequences = n - i < micro ? n - i : micro;
        const uint8_t *text = s->text + i * T;
        isg_net_forward(s->net, text, sequences);
        isg_net_nats(s->net, text + 1, sequences, s->nats);
    }
}

/* tokens per second of a clock */
static double timed(subject *s, void (*step)(subject *), double (*clock_s)(void), double least_s)
{
    double tokens = 0, start = clock_s(), seconds;
    do {
        step(s);
        tokens += (double)s->batch;
        seconds = clock_s() - start;
    } while (seconds < least_s);
    return tokens / seconds;
}

static void measure_team(subject *s, size_t round)
{
    isg_net *one = s->net;
    double alone = timed(s, train_step, isg_time_mono, round_s);
    s->net = s->team_net;
    s->gain[round] = timed(s, train_step, isg_time_mono, round_s) / alone;
    s->net = one;
}

static void measure(subject *s, size_t round)
{
    s->peak[round] = isg_fma_peak(isg_net_kernels(s->net)->numerics);
    s->rate[round] = timed(s, train_step, isg_time_cpu, round_s);
    s->share[round] = s->rate[round] * isg_net_flops(&s->job.shape) / s->peak[round];
    s->evaluation[round] = timed(s, evaluation_step, isg_time_cpu, evaluation_s);
    if (s->team) measure_team(s, round);
}

/* ---- subjects --------------------------------------------------------------- */

static void subject_close(subject *s)
{
    isg_optimiser_close(&s->optimiser);
    isg_net_destroy(&s->net);
    isg_net_destroy(&s->team_net);
    free(s->text);
    free(s->nats);
    free(s->peak);
    free(s->rate);
    free(s->share);
    free(s->evaluation);
    free(s->gain);
}

/* A shape and the tokens of its steps, whole sequences. */
static isg_err find_shape(const isg_bench_options *o, const char *name, isg_net_shape *shape,
                          size_t *batch)
{
    enum { USUAL = 1024 };
    ISG_TRY(isg_net_shape_named(name, shape));
    const size_t context = shape->context, wanted = o->batch ? (size_t)o->batch : USUAL;
    *batch = (wanted + context - 1) / context * context;
    if (!o->batch || *batch == wanted) return ISG_OK;
    return ISG_FAIL(ISG_EUSAGE,
                    "--batch %zu is not a multiple of the context %zu (%s); nearest: %zu, or leave "
                    "--batch out",
                    wanted, context, name, *batch);
}

static isg_err subject_open(const isg_bench_options *o, const char *name, const isg_kernels *k,
                            subject *s)
{
    *s = (subject){.name = name,
                   .job = {.beta1 = 0.9, .beta2 = 0.95, .weight_decay = 0.1, .clip = 1},
                   .team = o->team};
    ISG_TRY(find_shape(o, name, &s->job.shape, &s->batch));
    s->text = malloc(s->batch + 1);
    s->peak = calloc(o->rounds, sizeof(double));
    s->rate = calloc(o->rounds, sizeof(double));
    s->share = calloc(o->rounds, sizeof(double));
    s->evaluation = calloc(o->rounds, sizeof(double));
    s->gain = calloc(o->rounds, sizeof(double));
    if (!s->text || !s->peak || !s->rate || !s->share || !s->evaluation || !s->gain)
        return ISG_FAIL(ISG_ENOMEM, "out of memory for a benchmark of %s", name);
    ISG_TRY(isg_net_create(&s->job.shape, k, &s->net));
    s->nats = malloc(isg_net_micro(s->net) * s->job.shape.context * sizeof(float));
    if (!s->nats) return ISG_FAIL(ISG_ENOMEM, "out of memory for a benchmark of %s", name);
    ISG_TRY(isg_optimiser_open(s->net, &s->optimiser));
    isg_rng_at(&s->rng, 1, ISG_RNG_TEST, 0);
    isg_net_init(s->net, 1);
    train_step(s); /* pages and caches */
    if (!s->team) return ISG_OK;
    ISG_TRY(isg_net_create_team(&s->job.shape, k, s->team, s->batch / s->job.shape.context,
                                &s->team_net));
    isg_net_init(s->team_net, 1);
    return ISG_OK;
}

/* Is this CPU to be measured with these kernels? $ISOGLOSS_NUMERICS may say one set. */
static bool is_wanted(const isg_kernels *k)
{
    const char *only = getenv("ISOGLOSS_NUMERICS");
    return isg_numerics_supported(k->numerics) && (!only || !*only || !strcmp(only, k->numerics));
}

/* Every shape with every set of kernels that is wanted. */
static isg_err open_all(const isg_bench_options *o, subject **out, size_t *n)
{
    size_t tables = 0;
    while (isg_kernels_at(tables)) tables++;
    *n = 0;
    *out = calloc(tables * o->n, sizeof **out);
    if (!*out) return ISG_FAIL(ISG_ENOMEM, "out of memory for a benchmark");
    for (size_t i = 0; i < tables; i++) {
        const isg_kernels *k = isg_kernels_at(i);
        if (!is_wanted(k)) continue;
        for (size_t j = 0; j < o->n; j++)
            ISG_TRY(subject_open(o, o->shapes[j], k, &(*out)[(*n)++]));
    }
    char best[32]; /* says what is wrong with the name */
    return *n ? ISG_OK : isg_numerics_best(best);
}

/* Seconds of a round over all shapes, at 60 % of the peak, and of one step of each. */
static isg_err guess(const isg_bench_options *o, double *round, double *steps, size_t *sets)
{
    static const double share = 0.6;
    *round = *steps = 0;
    *sets = 0;
    for (size_t i = 0; isg_kernels_at(i); i++) {
        const isg_kernels *k = isg_kernels_at(i);
        if (!is_wanted(k)) continue;
        const double start = isg_time_cpu(), speed = share * isg_fma_peak(k->numerics);
        const double probe = isg_time_cpu() - start;
        ++*sets;
        for (size_t j = 0; j < o->n; j++) {
            isg_net_shape shape;
            size_t batch;
            ISG_TRY(find_shape(o, o->shapes[j], &shape, &batch));
            const double step = (double)batch * isg_net_flops(&shape) / speed;
            *steps += step;
            *round += probe + fmax(step, round_s) + fmax(step / 3, evaluation_s);
            if (o->team) *round += 2 * fmax(step, round_s);
        }
    }
    char best[32]; /* says what is wrong with the name */
    return *sets ? ISG_OK : isg_numerics_best(best);
}

/* What will be done, and about how long it takes. */
static isg_err announce(const isg_bench_options *o)
{
    double round, steps;
    size_t sets;
    char time[32];
    ISG_TRY(guess(o, &round, &steps, &sets));
    (void)fprintf(stderr, "measuring %zu shape%s with %zu instruction set%s, ", o->n,
                  o->n == 1 ? "" : "s", sets, sets == 1 ? "" : "s");
    if (o->batch)
        (void)fprintf(stderr, "steps of %llu tokens", (unsigned long long)o->batch);
    else
        (void)fprintf(stderr, "steps of 1024 tokens or one sequence");
    (void)fprintf(stderr, ",\n%llu round%s over all of them: about %s\n",
                  (unsigned long long)o->rounds, o->rounds == 1 ? "" : "s",
                  isg_str_duration(steps + (double)o->rounds * round, time, sizeof time));
    return ISG_OK;
}

/* ---- what was measured ------------------------------------------------------ */

/* Name, shape and kernels of a subject; NULL if out of memory. */
static json_t *who(const subject *s)
{
    const isg_net_shape *shape = &s->job.shape;
    return json_pack("{s:s,s:I,s:I,s:I,s:I,s:s,s:I}", "shape", s->name, "layers",
                     (json_int_t)shape->layers, "d", (json_int_t)shape->d, "heads",
                     (json_int_t)shape->heads, "context", (json_int_t)shape->context, "numerics",
                     isg_net_kernels(s->net)->numerics, "batch", (json_int_t)s->batch);
}

/* `figures` and what the team gained, added to `row`; both are taken. NULL if out of memory. */
static json_t *with_figures(const subject *s, json_t *row, json_t *figures, json_t *gain)
{
    bool bad = json_object_update(row, figures);
    if (s->team) {
        bad |=
            json_object_set_new(row, "threads", json_integer((json_int_t)isg_team_size(s->team)));
        bad |= json_object_set(row, "times_as_fast", gain);
    }
    json_decref(figures);
    json_decref(gain);
    if (!bad) return row;
    json_decref(row);
    return NULL;
}

static json_t *round_json(const subject *s, size_t round)
{
    json_t *row = who(s);
    json_t *figures =
        json_pack("{s:f,s:f,s:f,s:f}", "tokens_per_cpu_s", s->rate[round], "peak_gflops",
                  s->peak[round] * 1e-9, "share_of_peak", s->share[round],
                  "evaluation_tokens_per_cpu_s", s->evaluation[round]);
    return with_figures(s, row, figures, json_real(s->gain[round]));
}

/* Sorts x[n]. */
static json_t *spread_json(double *x, size_t n, double unit)
{
    qsort(x, n, sizeof *x, compare);
    return json_pack("{s:f,s:f,s:f}", "median", x[n / 2] * unit, "least", x[0] * unit, "most",
                     x[n - 1] * unit);
}

static json_t *subject_json(subject *s, size_t rounds)
{
    const double flops = isg_net_flops(&s->job.shape);
    double *evaluation_share = malloc(rounds * sizeof *evaluation_share);
    json_t *row = evaluation_share ? who(s) : NULL;
    if (!row) {
        free(evaluation_share);
        return NULL;
    }
    for (size_t r = 0; r < rounds; r++) /* a forward pass is a third of a training step */
        evaluation_share[r] = s->evaluation[r] * flops / 3 / s->peak[r];
    json_t *figures = json_pack(
        "{s:o,s:o,s:o,s:o,s:o}", "tokens_per_cpu_s", spread_json(s->rate, rounds, 1), "peak_gflops",
        spread_json(s->peak, rounds, 1e-9), "share_of_peak", spread_json(s->share, rounds, 1),
        "evaluation_tokens_per_cpu_s", spread_json(s->evaluation, rounds, 1),
        "evaluation_share_of_peak", spread_json(evaluation_share, rounds, 1));
    free(evaluation_share);
    return with_figures(s, row, figures, spread_json(s->gain, rounds, 1));
}

static double figure(const json_t *row, const char *name, const char *which)
{
    return json_real_value(json_object_get(json_object_get(row, name), which));
}

static void print_head(void)
{
    (void)printf("shape      numerics    tokens/CPU s (least to most)      peak   share of it  "
                 "evaluation\n");
}

static void print_row(const json_t *row)
{
    char range[40];
    (void)snprintf(range, sizeof range, "(%.0f to %.0f)", figure(row, "tokens_per_cpu_s", "least"),
                   figure(row, "tokens_per_cpu_s", "most"));
    (void)printf("%-10.10s %-10s %9.0f %-20s %6.1f %3.0f%% (%.0f-%.0f) %7.0f%%\n",
                 json_string_value(json_object_get(row, "shape")),
                 json_string_value(json_object_get(row, "numerics")),
                 figure(row, "tokens_per_cpu_s", "median"), range,
                 figure(row, "peak_gflops", "median"), 100 * figure(row, "share_of_peak", "median"),
                 100 * figure(row, "share_of_peak", "least"),
                 100 * figure(row, "share_of_peak", "most"),
                 100 * figure(row, "evaluation_share_of_peak", "median"));
    json_int_t threads = json_integer_value(json_object_get(row, "threads"));
    if (threads) {
        (void)printf("%15lld threads: %.2f times as fast (%.2f to %.2f)\n", (long long)threads,
                     figure(row, "times_as_fast", "median"), figure(row, "times_as_fast", "least"),
                     figure(row, "times_as_fast", "most"));
    }
    (void)fflush(stdout);
}

/* ---- rounds ----------------------------------------------------------------- */

static isg_err say_line(json_t *row)
{
    char *line = row ? isg_json_line(row) : NULL;
    json_decref(row);
    if (!line) return ISG_FAIL(ISG_ENOMEM, "out of memory for a line");
    bool good = puts(line) >= 0 && !fflush(stdout);
    free(line);
    return good ? ISG_OK : ISG_FAIL(ISG_EIO, "cannot write standard output");
}

static bool wait_for_line(void)
{
    int c;
    do c = getchar();
    while (c != '\n' && c != EOF);
    return c == '\n';
}

static isg_err go_paced(const isg_bench_options *o, subject *s, size_t n)
{
    for (size_t r = 0; r < o->rounds && wait_for_line(); r++) {
        for (size_t i = 0; i < n; i++) {
            measure(&s[i], r);
            ISG_TRY(say_line(round_json(&s[i], r)));
        }
    }
    return ISG_OK;
}

/* In the first round what is measured, then how far it is. */
static void say_progress(const isg_bench_options *o, const subject *s, size_t n, size_t i, size_t r,
                         double start)
{
    char time[32];
    const double spent = isg_time_mono() - start;
    if (r == 0)
        (void)fprintf(stderr, "round 1 of %llu: %-10.10s %-10s %9.0f tokens/CPU s\n",
                      (unsigned long long)o->rounds, s[i].name, isg_net_kernels(s[i].net)->numerics,
                      s[i].rate[0]);
    if (i + 1 < n || r + 1 == o->rounds) return;
    (void)fprintf(
        stderr, "round %zu of %llu is over, about %s left\n", r + 1, (unsigned long long)o->rounds,
        isg_str_duration(spent / (double)(r + 1) * (double)(o->rounds - r - 1), time, sizeof time));
}

/* A subject whose last round is over. */
static isg_err report(const isg_bench_options *o, subject *s, json_t *rows)
{
    json_t *row = subject_json(s, o->rounds);
    if (row && !o->json) print_row(row);
    return json_array_append_new(rows, row) ? ISG_FAIL(ISG_ENOMEM, "out of memory for the results")
                                            : ISG_OK;
}

static isg_err go_round(const isg_bench_options *o, subject *s, size_t n)
{
    isg_err rc = ISG_OK;
    json_t *rows = json_array();
    const double start = isg_time_mono();
    for (size_t r = 0; r < o->rounds && !rc; r++) {
        const bool last = r + 1 == o->rounds;
        if (last && !o->json) print_head();
        for (size_t i = 0; i < n && !rc; i++) {
            measure(&s[i], r);
            say_progress(o, s, n, i, r, start);
            if (last) rc = report(o, &s[i], rows);
        }
    }
    if (!rc && o->json) rc = isg_json_print(rows, stdout);
    json_decref(rows);
    return rc;
}

isg_err isg_bench(const isg_bench_options *options)
{
    static const char *const usual[] = {"p0", "p3", "p6", "p9"};
    isg_bench_options o = *options;
    subject *s = NULL;
    size_t n = 0;
    if (!o.n) {
        o.shapes = usual;
        o.n = sizeof usual / sizeof usual[0];
    }
    isg_err rc = o.paced ? ISG_OK : announce(&o);
    if (!rc) rc = open_all(&o, &s, &n);
    if (!rc) rc = o.paced ? go_paced(&o, s, n) : go_round(&o, s, n);
    for (size_t i = 0; i < n; i++) subject_close(&s[i]);
    free(s);
    return rc;
}
