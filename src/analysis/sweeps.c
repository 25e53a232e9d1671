#include "isogloss/sweeps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t end_of(const size_t *number, size_t first, size_t end)
{
    size_t i = first;
    while (i < end && number[i] == number[first]) i++;
    return i;
}

void isg_sweeps_envelope(const isg_sweeps *s, size_t first, size_t end, const uint32_t *count,
                         double *weights)
{
    size_t best = end, best_end = end;
    double least = INFINITY, best_total = 0;

    for (size_t i = first; i < end;) {
        const size_t next = end_of(s->setting, i, end);
        double total = 0, sum = 0;
        for (size_t k = i; k < next; k++) {
            total += count[s->run[k]];
            sum += count[s->run[k]] * s->loss[k];
        }
        if (total > 0 && sum / total < least) {
            least = sum / total;
            best = i;
            best_end = next;
            best_total = total;
        }
        i = next;
    }
    for (size_t k = best; k < best_end; k++)
        weights[k] += (double)(best_end - best) * count[s->run[k]] / best_total;
}

void isg_sweeps_draw(const isg_sweeps *s, const size_t *cluster, const uint32_t *drawn,
                     isg_rng *rng, uint32_t *count, double *weights)
{
    memset(weights, 0, s->n * sizeof *weights);
    for (size_t w = 0; w < s->n_sweeps; w++) {
        const size_t runs = s->first_run[w + 1] - s->first_run[w];
        for (uint32_t copy = 0; copy < drawn[cluster[s->kept[w]]]; copy++) {
            memset(count + s->first_run[w], 0, runs * sizeof *count);
            for (size_t k = 0; k < runs; k++)
                count[s->first_run[w] + (size_t)isg_rng_below(rng, runs)]++;
            for (size_t i = s->first_row[w]; i < s->first_row[w + 1];) {
                const size_t next = end_of(s->cell, i, s->first_row[w + 1]);
                isg_sweeps_envelope(s, i, next, count, weights);
                i = next;
            }
        }
    }
}

void isg_sweeps_destroy(isg_sweeps **sweeps)
{
    isg_sweeps *s = *sweeps;

    if (!s) return;
    for (size_t k = 0; k < ISG_LAW_VARS; k++) free(s->var[k]);
    free(s->loss);
    free(s->cell);
    free(s->setting);
    free(s->run);
    free(s->first_row);
    free(s->first_run);
    free(s->kept);
    free(s);
    *sweeps = NULL;
}
