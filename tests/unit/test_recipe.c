/* Rules of training on which campaign and trainer agree. */
#include "check.h"
#include "isogloss/recipe.h"

static void test_warmup(void)
{
    CHECK_NEAR(isg_recipe_warmup(0, 1000), 0, 0);
    CHECK_NEAR(isg_recipe_warmup(0.05, 1000), 50, 1e-12); /* below 1: a share */
    CHECK_NEAR(isg_recipe_warmup(1, 1000), 1, 0);         /* from 1 on: tokens */
    CHECK_NEAR(isg_recipe_warmup(499, 1000), 499, 0);
    CHECK_NEAR(isg_recipe_warmup(501, 1000), 500, 0); /* at most half */
    CHECK_NEAR(isg_recipe_warmup(0.9, 1000), 500, 0);
    CHECK_NEAR(isg_recipe_warmup(ISG_RECIPE_WARMUP, 1000000), 100000, 0);
}

static void test_decay_start(void)
{
    CHECK_EQ_U64(isg_recipe_decay_start(250000, 0.15, 1024), 211968); /* 207.5 steps: 207 */
    CHECK_EQ_U64(isg_recipe_decay_start(250000, 0.15, 1), 212500);
    CHECK_EQ_U64(isg_recipe_decay_start(250000, 0, 1024), 250000); /* no decay: no rounding */
    CHECK_EQ_U64(isg_recipe_decay_start(250000, 1, 1024), 0);
    CHECK_EQ_U64(isg_recipe_decay_start(1000, 0.15, 1024), 0);
    CHECK_EQ_U64(isg_recipe_decay_start(1024000, 1e-16, 1024), 1022976); /* the last step */
    CHECK_EQ_U64(isg_recipe_decay_start(1024001, 1e-16, 1024), 1024000);
    CHECK_EQ_U64(isg_recipe_decay_start(1024000, 0.9, 1024), 102400); /* 1 - 0.9 is below 0.1 */
}

static void test_batch(void)
{
    CHECK_EQ_U64(isg_recipe_batch(128), 512);
    CHECK_EQ_U64(isg_recipe_batch(96), 576); /* whole sequences */
    CHECK_EQ_U64(isg_recipe_batch(2048), 2048);
}

int main(void)
{
    test_batch();
    test_warmup();
    test_decay_start();
    return check_done();
}
