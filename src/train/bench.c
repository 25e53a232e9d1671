#include "bench.h"

#include "isogloss/json.h"
#include "isogloss/numerics.h"
#include "isogloss/os.h"
#include "isogloss/rng.h"
#include "net.h"
#include "optimiser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Whole optimiser steps of 1024 fresh random bytes, timed in CPU seconds; the
 * peak of the instruction set is probed before every timing, so that a busy or
 * slow machine falls on both alike. Medians over the rounds.
 */
enum { ROUNDS = 7, BATCH = 1024 };
static const double ROUND_S = 0.15, PROBE_S = 0.02;

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double x[ROUNDS])
{
    qsort(x, ROUNDS, sizeof *x, compare);
    return x[ROUNDS / 2];
}

/* flop/s of the bare multiply-add loop */
static double probe(const isg_kernels *k)
{
    float junk = 0.999F;
    double flop = 0, start = isg_time_cpu(), seconds;
    do {
        flop += k->fma_probe(100000, &junk);
        seconds = isg_time_cpu() - start;
    } while (seconds < PROBE_S);
    return junk > 1e30F ? 0 : flop / seconds; /* uses junk, so that the loop stays */
}

struct subject {
    isg_job job; /* settings alone */
    isg_net *net;
    isg_optimiser optimiser;
    isg_rng rng;
};

static void one_step(struct subject *s)
{
    uint8_t text[BATCH + 1];
    const size_t T = s->job.shape.context, micro = isg_net_micro(s->net);
    for (size_t i = 0; i <= BATCH; i++) text[i] = (uint8_t)isg_rng_u64(&s->rng);
    isg_net_zero_grads(s->net);
    for (size_t at = 0; at < BATCH; at += micro * T) {
        isg_net_forward(s->net, text + at, micro);
        isg_net_backward(s->net, text + at, text + at + 1, micro, 1.F / BATCH);
    }
    (void)isg_optimiser_step(&s->optimiser, s->net, &s->job, 1e-4);
}

/* tokens per CPU second */
static double timed(struct subject *s)
{
    double tokens = 0, start = isg_time_cpu(), seconds;
    do {
        one_step(s);
        tokens += BATCH;
        seconds = isg_time_cpu() - start;
    } while (seconds < ROUND_S);
    return tokens / seconds;
}

static isg_err measure(const char *name, const isg_kernels *k, json_t *rows)
{
    struct subject s = {.job = {.beta1 = 0.9, .beta2 = 0.95, .weight_decay = 0.1, .clip = 1}};
    double peak[ROUNDS], rate[ROUNDS];

    if (!isg_net_ladder(name, &s.job.shape))
        return ISG_FAIL(ISG_EUSAGE, "shape '%s' is not on the ladder p0 .. p9", name);
    ISG_TRY(isg_net_create(&s.job.shape, k, &s.net));
    isg_err rc = isg_optimiser_open(s.net, &s.optimiser);
    if (!rc) {
        isg_rng_at(&s.rng, 1, ISG_RNG_TEST, 0);
        isg_net_init(s.net, 1);
        one_step(&s);
        for (int r = 0; r < ROUNDS; r++) {
            peak[r] = probe(k);
            rate[r] = timed(&s);
        }
        double best = median(peak), tokens = median(rate);
        double flops = tokens * isg_net_flops(&s.job.shape);
        json_t *row = json_pack("{s:s,s:s,s:f,s:f,s:f,s:f}", "shape", name, "numerics", k->numerics,
                                "tokens_per_cpu_s", tokens, "gflops", flops * 1e-9, "peak_gflops",
                                best * 1e-9, "share_of_peak", flops / best);
        if (json_array_append_new(rows, row))
            rc = ISG_FAIL(ISG_ENOMEM, "out of memory for the results");
    }
    isg_optimiser_close(&s.optimiser);
    isg_net_destroy(&s.net);
    return rc;
}

static void print_table(const json_t *rows)
{
    size_t i;
    json_t *row;
    (void)printf("shape  numerics   tokens/CPU s   GF/s   peak  share\n");
    json_array_foreach(rows, i, row)
    {
        (void)printf("%-5s  %-10s %12.0f %6.1f %6.1f %5.1f%%\n",
                     json_string_value(json_object_get(row, "shape")),
                     json_string_value(json_object_get(row, "numerics")),
                     json_real_value(json_object_get(row, "tokens_per_cpu_s")),
                     json_real_value(json_object_get(row, "gflops")),
                     json_real_value(json_object_get(row, "peak_gflops")),
                     100 * json_real_value(json_object_get(row, "share_of_peak")));
    }
}

isg_err isg_bench(const char *const *shapes, size_t n, bool json)
{
    static const char *const usual[] = {"p0", "p3", "p6"};
    isg_err rc = ISG_OK;
    json_t *rows = json_array();
    if (!n) {
        shapes = usual;
        n = sizeof usual / sizeof usual[0];
    }
    for (size_t i = 0; !rc && isg_kernels_at(i); i++) {
        const char *only = getenv("ISOGLOSS_NUMERICS"), *numerics = isg_kernels_at(i)->numerics;
        if (!isg_numerics_supported(numerics) || (only && *only && strcmp(only, numerics)))
            continue;
        for (size_t j = 0; !rc && j < n; j++) rc = measure(shapes[j], isg_kernels_at(i), rows);
    }
    if (!rc && json) rc = isg_json_print(rows, stdout);
    if (!rc && !json) print_table(rows);
    json_decref(rows);
    return rc;
}
