#ifndef ISOGLOSS_RECIPE_H
#define ISOGLOSS_RECIPE_H

/** Rules of training on which campaign and trainer must agree. */

#include <stdint.h>

/** Version of the proxy trainer, part of a run's identity. Raise it when its results change but for
 * the kernels' part in them (isogloss/numerics.h). */
#define ISG_PROXY_VERSION "3"

/** Warm-up of a proxy unless the campaign says otherwise [token]: this is its only place. */
#define ISG_RECIPE_WARMUP 100000

/** Tokens of an optimiser step of a proxy unless the campaign says otherwise: this is its only place. */
#define ISG_RECIPE_BATCH 512

/**
 * Tokens of rising learning rate of a run.
 *
 * A warm-up that grows with the budget makes short runs learn at another rate
 * than long ones and so bends the exponent of D; hence a number of tokens.
 * A run that is shorter than twice its warm-up would hardly learn at full
 * rate: there it is held at half of the run.
 *
 * @param given   1 or more: tokens; below 1: share of the run
 * @param tokens  of the run
 * @return at most tokens / 2 [token]
 */
double isg_recipe_warmup(double given, uint64_t tokens);

/**
 * Tokens at which the decay of wsd begins: (1 - decay) tokens, rounded down to whole batches, so
 * that a run can be cut there, between two steps, and others can go on from the same state. However
 * small the share, the last step decays: a run that is cut there has something left to train.
 *
 * @param decay  share of the run; 0: there is none, the result is `tokens`
 * @param batch  of a step, at least 1 [token]
 */
uint64_t isg_recipe_decay_start(uint64_t tokens, double decay, uint64_t batch);

/** The batch of a run for which none is stated: the least number of whole sequences from there on. */
uint64_t isg_recipe_batch(uint64_t context);

#endif
