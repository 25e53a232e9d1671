#ifndef ISG_TEST_SAMPLE_RESULT_H
#define ISG_TEST_SAMPLE_RESULT_H

/** A result that depends on the run alone, as a deterministic trainer would give it. */

#include "isogloss/store.h"

#include <math.h>

static inline isg_err sample_result(const isg_plan *plan, size_t run, isg_result **out)
{
    isg_err rc = isg_result_create(plan, out);
    if (rc) return rc;
    isg_result *r = *out;
    const isg_run *x = &plan->runs[run];
    r->n_points = x->n_points;
    r->flops = x->flops;
    r->seconds = 0.25 * (double)(run + 1);
    for (size_t p = 0; p < x->n_points; p++) {
        double tokens = (double)x->points[p];
        r->tokens[p] = x->points[p];
        r->lr_state[p] = p + 1 == x->n_points ? ISG_LR_END : ISG_LR_STABLE;
        for (size_t l = 0; l < plan->n_languages; l++) {
            r->seen[p * plan->n_languages + l] = x->weight[l] * tokens;
        }
        for (size_t e = 0; e < plan->n_evaluations; e++) {
            size_t at = p * plan->n_evaluations + e;
            r->loss[at] = 1.5 + 3 / pow((double)x->shape.n_total, 0.3) + 40 / pow(tokens, 0.35) +
                          0.1 * (double)e;
            for (size_t s = 0; s < plan->evaluations[e].shards; s++) {
                r->shard_loss[at * plan->max_shards + s] = (float)(r->loss[at] + 0.01 * (double)s);
            }
        }
    }
    return ISG_OK;
}

#endif
