/* Shapes with a name: one table for campaigns and the trainer. */
#include "check.h"
#include "isogloss/ladder.h"

#include <string.h>

/* Names in order, parameters rising, widths and heads that proxies can have. */
static void test_table(void)
{
    for (size_t i = 0; i < ISG_LADDER; i++) {
        const isg_rung *r = &isg_ladder[i];
        const bool p = i < ISG_LADDER_P;
        char name[16];
        (void)snprintf(name, sizeof name, "%c%zu", p ? 'p' : 's', p ? i : i - ISG_LADDER_P);
        CHECK_STR(r->name, name);
        CHECK(r->d % 16 == 0 && r->d % r->heads == 0 && r->d / r->heads % 16 == 0);
        if (i && i != ISG_LADDER_P)
            CHECK(isg_rung_parameters(r) > isg_rung_parameters(&isg_ladder[i - 1]));
    }
    CHECK_NEAR(isg_rung_parameters(&isg_ladder[3]), 98304, 0);
    CHECK_NEAR(isg_rung_parameters(&isg_ladder[9]), 10616832, 0);
    CHECK_NEAR(isg_rung_parameters(&isg_ladder[ISG_LADDER - 1]), 983040, 0);
}

static void test_words(void)
{
    isg_rung r;
    CHECK(isg_ladder_shape("s8", &r) && r.layers == 2 && r.d == 80 && r.heads == 5);
    CHECK(isg_ladder_shape("12x384x6", &r) && r.layers == 12 && r.d == 384 && r.heads == 6);
    CHECK_STR(r.name, "12x384x6");
    static const char *const none[] = {"",      "q3",      "p03",    "3x3",
                                       "3x0x3", "3x3x3x3", "3 x3x3", "1e1x3x3"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        r.layers = 77;
        CHECK(!isg_ladder_shape(none[i], &r) && r.layers == 77);
    }
}

int main(void)
{
    test_table();
    test_words();
    return check_done();
}
