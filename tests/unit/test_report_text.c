/* Cells of tables: digits, and standard errors that a few refits made. */

#include "check.h"
#include "report/text.h"

#include <math.h>

static void test_digits(void)
{
    char cell[ISG_TEXT_CELL];

    CHECK_STR(isg_text_show(0.348123, 0.0123, cell), "0.3481");
    CHECK_STR(isg_text_show(12345678, 100, cell), "1.235e+07");
    CHECK_STR(isg_text_show(0, 1e-8, cell), "0");
    CHECK_STR(isg_text_show(3.21049e-7, 1e-8, cell), "3.21e-07");
    CHECK_STR(isg_text_show(436, 0, cell), "436");
}

static void test_far_out(void)
{
    const double half = 1.959963984540054;

    CHECK_NEAR(isg_text_scale(-half, half, 0.95), 1, 1e-12);
    CHECK_NEAR(isg_text_scale(10 - 1.6448536269514722, 10 + 1.6448536269514722, 0.9), 1, 1e-12);
    CHECK(!isg_text_far_out(2.9, -half, half, 0.95));
    CHECK(isg_text_far_out(3.1, -half, half, 0.95));
    CHECK(isg_text_far_out(1565, 297, 744, 0.95));
    CHECK(!isg_text_far_out(1e9, 3, INFINITY, 0.95)); /* an interval without an end has no scale */
    CHECK(!isg_text_far_out(NAN, NAN, NAN, 0.95));
}

int main(void)
{
    test_digits();
    test_far_out();
    return check_done();
}
