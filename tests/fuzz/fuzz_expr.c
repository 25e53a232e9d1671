/* Any text as an expression over columns: numbers for every row or an error that says where, never a crash. */
#include "isogloss/expr.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static isg_table *make_table(void)
{
    static const double x[2] = {2, 70e6};
    static const char *const names[] = {"C_flop", "N_params", "N", "a-b"};
    isg_table *t = NULL;

    if (isg_table_create("fuzz.csv", 2, &t)) abort();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (isg_table_add_numbers(t, names[i], x)) abort();
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static isg_table *t;
    double out[2];
    char *text = malloc(size + 1);

    if (!t) t = make_table();
    if (!text) return 0;
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    isg_err rc = isg_expr_column(t, text, "--fuzz", out);
    if (rc && rc != ISG_ENOMEM && !strstr(isg_err_message(), "--fuzz")) abort();
    isg_err_clear();
    free(text);
    return 0;
}
