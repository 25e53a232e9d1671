#include "isogloss/recipe.h"

#include <math.h>

double isg_recipe_warmup(double given, uint64_t tokens)
{
    const double run = (double)tokens, warm = given < 1 ? given * run : given;
    return warm < run / 2 ? warm : run / 2;
}

uint64_t isg_recipe_decay_start(uint64_t tokens, double decay, uint64_t batch)
{
    /* 1 - 0.9 is a little less than 0.1: a whole number of batches stays one. */
    static const double rounding = 1e-9;
    if (!(decay > 0)) return tokens;
    const uint64_t most = tokens ? (tokens - 1) / batch : 0; /* whole batches before the last */
    const double start = floor((1 - decay) * (double)tokens / (double)batch + rounding);
    return (start < (double)most ? (uint64_t)start : most) * batch;
}

uint64_t isg_recipe_batch(uint64_t context)
{
    return (ISG_RECIPE_BATCH + context - 1) / context * context;
}
