#ifndef ISG_TRAIN_OPTIMISER_H
#define ISG_TRAIN_OPTIMISER_H

/** AdamW with clipping by the global norm. Weight decay falls on matrices (embeddings included). */

#include "job.h"
#include "net.h"

typedef struct isg_optimiser {
    float *m, *v;   /**< [isg_net_params()] moments */
    double *blocks; /**< [n / ISG_SUM_BLOCK + 1] sums of squares while they are added up */
    size_t n;
    uint64_t step; /**< steps done */
} isg_optimiser;

isg_err isg_optimiser_open(const isg_net *net, isg_optimiser *out);
void isg_optimiser_close(isg_optimiser *o);

/**
 * One step with the gradients of the net, by its threads.
 * @return false, and nothing changed, if the gradient is not finite: the run has diverged
 */
bool isg_optimiser_step(isg_optimiser *o, isg_net *net, const isg_job *job, double lr);

#endif
