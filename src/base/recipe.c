#include "isogloss/recipe.h"

double isg_recipe_warmup(double given, uint64_t tokens)
{
    const double run = (double)tokens, warm = given < 1 ? given * run : given;
    return warm < run / 2 ? warm : run / 2;
}
