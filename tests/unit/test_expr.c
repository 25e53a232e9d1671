/* Expressions over columns: values to the last bit, and what is said about text that is none. */

#include "check.h"
#include "isogloss/expr.h"

#include <stdlib.h>

enum { ROWS = 3 };

static isg_table *t;

static void make_table(void)
{
    static const double c[ROWS] = {1e18, 9.9938528e18, NAN};
    static const double n[ROWS] = {70e6, 6795600349.289497, 2};
    static const double minus[ROWS] = {11, 12, 13}, e5[ROWS] = {7, 8, 9};
    static const char *const text[ROWS] = {"1", "12,5", "3"}, *const empty[ROWS] = {"", "", ""};
    static const char *const big[ROWS] = {"", "70M", "1"};

    CHECK_OK(isg_table_create("runs.csv", ROWS, &t));
    CHECK_OK(isg_table_add_numbers(t, "C_flop", c));
    CHECK_OK(isg_table_add_numbers(t, "N_params", n));
    CHECK_OK(isg_table_add_numbers(t, "a-b", minus));
    CHECK_OK(isg_table_add_numbers(t, "2*3", e5));
    CHECK_OK(isg_table_add_numbers(t, "größe", n));
    CHECK_OK(isg_table_add_numbers(t, "ln", e5));
    CHECK_OK(isg_table_add_numbers(t, "val.loss", e5));
    CHECK_OK(isg_table_add_text(t, "text", text));
    CHECK_OK(isg_table_add_text(t, "big", big));
    CHECK_OK(isg_table_add_text(t, "empty", empty));
}

/* Expressions without columns, and the exact number. */
static void test_values(void)
{
    static const struct {
        const char *text;
        double value;
    } rows[] = {
        {"1+2*3", 7},      {"(1+2)*3", 9},
        {"8-3-2", 3},      {"100/10/5", 2},
        {"-2^2", -4},      {"2^3^2", 512},
        {"2^-1", 0.5},     {"--3", 3},
        {"+3 - -4", 7},    {" 6 * ( 1 + 1 ) ", 12},
        {"70M", 70e6},     {"1.4B", 1.4e9},
        {"0.1k", 100},     {"2.3G", 2.3e9},
        {"3T", 3e12},      {"16Ki", 16384},
        {"2Mi", 2097152},  {"1Gi", 1073741824},
        {"1e6", 1e6},      {"1.5E-3", 1.5e-3},
        {".5", 0.5},       {"0.1+0.2", 0.1 + 0.2},
        {"3^5", 243},      {"1.1^3", 1.1 * (1.1 * 1.1)},
        {"7^0", 1},        {"4^0.5", 2},
        {"sqrt(16)", 4},   {"abs(-3)", 3},
        {"min(3,1,2)", 1}, {"max(3, 1, max(2, 5))", 5},
        {"exp(0)", 1},     {"log10(1000)", 3},
        {"1/0", INFINITY},
    };
    double out[ROWS];

    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        CHECK_OK(isg_expr_column(t, rows[k].text, "--d", out));
        if (!check_note(out[0] == rows[k].value && out[2] == rows[k].value, __FILE__, __LINE__))
            fprintf(stderr, "%s: got %.17g, wanted %.17g\n", rows[k].text, out[0], rows[k].value);
    }
}

static void test_columns(void)
{
    double out[ROWS];

    CHECK_OK(isg_expr_column(t, "C_flop/(6*N_params)", "--d", out));
    CHECK(out[0] == 1e18 / (6 * 70e6));
    CHECK(out[1] == 9.9938528e18 / (6 * 6795600349.289497));
    CHECK(isnan(out[2]));
    CHECK_OK(isg_expr_column(t, "a-b", "--d", out)); /* as it stands */
    CHECK(out[0] == 11 && out[2] == 13);
    CHECK_OK(isg_expr_column(t, "2*3", "--d", out));
    CHECK(out[0] == 7);
    CHECK_OK(isg_expr_column(t, "`a-b` - \"2*3\"", "--d", out));
    CHECK(out[0] == 4);
    CHECK_OK(isg_expr_column(t, "\"größe\"/2", "--d", out));
    CHECK(out[0] == 35e6);
    CHECK_OK(isg_expr_column(t, "größe", "--d", out));
    CHECK(out[2] == 2);
    CHECK_OK(isg_expr_column(t, "ln + ln(ln)", "--d", out)); /* a column may have its name */
    CHECK_NEAR(out[0], 7 + log(7.0), 1e-15);
    CHECK_OK(isg_expr_column(t, "val.loss*1", "--d", out));
    CHECK(out[1] == 8);
    CHECK_OK(isg_expr_column(t, "min(C_flop, 5) + max(7, C_flop)", "--d", out));
    CHECK(isnan(out[2]) && out[0] == 1e18);
    CHECK_OK(isg_expr_column(t, "C_flop^0 + 0^C_flop + 1^C_flop", "--d", out));
    CHECK(isnan(out[2]));
    CHECK_OK(isg_expr_column(t, "empty", "--d", out));
    CHECK(isnan(out[0]) && isnan(out[2]));
    CHECK_OK(isg_expr_column(t, "empty+1", "--d", out));
    CHECK(isnan(out[1]));
}

static void test_bad(void)
{
    static const struct {
        const char *text;
        isg_err code;
        const char *says;
    } rows[] = {
        {"", ISG_EUSAGE, "--d, position 1 of '': it ends; wanted a number"},
        {"C_flop/(6*N_params", ISG_EUSAGE,
         "position 19 of 'C_flop/(6*N_params': it ends; wanted an operator or ')'"},
        {"6 7", ISG_EUSAGE, "--d, position 3 of '6 7': unexpected '7'; wanted an operator"},
        {"6*", ISG_EUSAGE, "position 3 of '6*': it ends"},
        {"*6", ISG_EUSAGE, "position 1 of '*6': unexpected '*'"},
        {"2x", ISG_EUSAGE, "unexpected '2x'; wanted a number, such as"},
        {"1e6k", ISG_EUSAGE, "unexpected '1e6k'"},
        {"1e999", ISG_EUSAGE, "unexpected '1e999'"},
        {"1.2.3", ISG_EUSAGE, "unexpected '1.2.3'"},
        {"6)", ISG_EUSAGE, "position 2 of '6)': unexpected ')'"},
        {"6 × 7", ISG_EUSAGE, "position 3 of '6 × 7': unexpected '×'"},
        {"größe*2", ISG_EUSAGE, "has no column 'gr'"},
        {"\"a-b", ISG_EUSAGE, "position 5 of '\"a-b': it ends; wanted a closing '\"'"},
        {"N_parms", ISG_EUSAGE, "runs.csv has no column 'N_parms' (--d); did you mean 'N_params'?"},
        {"6*N_parms", ISG_EUSAGE, "(--d, position 3 of '6*N_parms'); did you mean 'N_params'?"},
        {"zebra", ISG_EUSAGE, "Its columns: C_flop, N_params"},
        {"loge(7)", ISG_EUSAGE, "position 1 of 'loge(7)': no function 'loge'"},
        {"sqr(7)", ISG_EUSAGE, "no function 'sqr' (did you mean 'sqrt'?); there are ln"},
        {"exp(1, 2)", ISG_EUSAGE, "position 6 of 'exp(1, 2)': unexpected ','; wanted ')'"},
        {"min(1)", ISG_EUSAGE, "wanted ',' and a second argument"},
        {"min()", ISG_EUSAGE, "unexpected ')'"},
        {"text*2", ISG_EINPUT, "runs.csv:2: column 'text' should hold numbers; '12,5' is none"},
        {"text", ISG_EINPUT, "write decimals with a point"},
        {"big", ISG_EINPUT, "runs.csv:2: column 'big' should hold numbers; '70M' is none (write"},
    };
    double out[ROWS];

    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++)
        CHECK_FAILS(isg_expr_column(t, rows[k].text, "--d", out), rows[k].code, rows[k].says);
}

/* Nesting is limited, length is not. */
static void test_deep(void)
{
    enum { LONG = 200000 };
    static const char *const nested[] = {"(", "-", "2^", "1+(", "exp("};
    char *text = malloc(LONG + 8);
    double out[ROWS];

    if (!text) return;
    for (size_t k = 0; k < sizeof nested / sizeof *nested; k++) {
        text[0] = '\0';
        for (size_t n = 0, w = strlen(nested[k]); n + w < LONG; n += w) strcpy(text + n, nested[k]);
        CHECK_FAILS(isg_expr_column(t, text, "--d", out), ISG_EUSAGE, "at most 100 levels");
    }
    for (size_t n = 0; n < LONG; n += 2) memcpy(text + n, "1+", 2);
    strcpy(text + LONG, "1");
    CHECK_OK(isg_expr_column(t, text, "--d", out));
    CHECK(out[0] == LONG / 2 + 1);
    free(text);
}

int main(void)
{
    make_table();
    test_values();
    test_columns();
    test_bad();
    test_deep();
    isg_table_destroy(&t);
    return check_done();
}
