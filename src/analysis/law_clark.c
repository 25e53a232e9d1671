/* log10 L = a log10 N + b log10 X' + c log10 N log10 X' + d, X' the number of experts X as it
 * counts: from E_start at X = 1, saturating at E_max (Clark et al. 2022, arXiv 2202.01169). */

#include "kernel.h"

enum { A, B, C, D, START, MAX, PARAMS };

static double log_loss(const isg_law *law, const double *theta, const double *x, double *gradient)
{
    return isg_kernels[0]->row[ISG_ROWS_CLARK](law, theta, x, gradient);
}

static void shift(const isg_law *law, double *theta, const double *by)
{
    const double by_log10 = by[0] * ISG_PER_LN_10;

    (void)law;
    theta[B] -= theta[C] * by_log10;
    theta[D] -= theta[A] * by_log10;
}

static isg_law_eval eval(const isg_kernel *kernel, bool squared, int order)
{
    return kernel->rows[ISG_ROWS_CLARK][squared][order];
}

static const isg_law_param params[PARAMS] = {
    {"a", false, -3, 3, -0.3, 0, "exponent of model size with one effective expert", false},
    {"b", false, -3, 3, -0.3, 0, "exponent of effective experts at N = 1", false},
    {"c", false, -1, 1, -0.02, 0.05, "interaction of size and experts", false},
    {"d", false, -10, 10, 0, 1, "log10 of the loss at N = 1 with one effective expert", false},
    {"E_start", true, 0, 9.3, 0.1, 2.5, "effective experts of a dense model", true},
    {"E_max", true, 0, 18, 3.5, 8, "effective experts at most; above E_start", true},
};

static const char *const experts[] = {"num_experts", "n_experts", "experts", NULL};

static const isg_law_var vars[] = {
    {"N", ISG_VAR_LOG, 0, "size of the dense model [parameter]", NULL, false},
    {"X", ISG_VAR_PLAIN, 0, "experts; 1 in a dense model", experts, false},
};

extern const isg_law isg_law_clark;
const isg_law isg_law_clark = {
    .name = "clark",
    .formula = "log10 L = a log10 N + b log10 X' + c log10 N log10 X' + d",
    .where = "1/X' = 1/(X - 1 + 1/(1/E_start - 1/E_max)) + 1/E_max",
    .summary = "routed models by size and number of experts",
    .source = "Clark et al. 2022, arXiv 2202.01169",
    .example = "--law clark --objective log-lsq",
    .params = params,
    .n_params = PARAMS,
    .vars = vars,
    .n_vars = 2,
    .log_loss = log_loss,
    .shift = shift,
    .eval = eval,
};
