#ifndef ISOGLOSS_RECIPE_H
#define ISOGLOSS_RECIPE_H

/** Rules of training on which campaign and trainer must agree. */

#include <stdint.h>

/** Warm-up of a proxy unless the campaign says otherwise [token]: this is its only place. */
#define ISG_RECIPE_WARMUP 100000

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

#endif
