/* L = E + (a M^eta + b M^-eta) C^-eta with C = 6 M N^2: loss by compute and tokens per parameter
 * M (Gadre et al. 2024, arXiv 2403.08540). It is E + a (6 N^2)^-eta + b (6 N^2 M^2)^-eta, a
 * Chinchilla law of 6 N^2 and 6 (M N)^2 with one exponent. */

#include "kernel.h"
#include "law_parts.h"

enum { PA, PB, PE, ETA, PARAMS };

static double log_loss(const isg_law *law, const double *theta, const double *x, double *gradient)
{
    return isg_kernels[0]->row[ISG_ROWS_GADRE](law, theta, x, gradient);
}

static void shift(const isg_law *law, double *theta, const double *by)
{
    (void)law;
    theta[PA] += 2 * theta[ETA] * by[0];
    theta[PB] += 2 * theta[ETA] * (by[0] + by[1]);
}

static isg_law_eval eval(const isg_kernel *kernel, bool squared, int order)
{
    return kernel->rows[ISG_ROWS_GADRE][squared][order];
}

static void view(const isg_law *law, const double *theta, const double *x, isg_law_view *out)
{
    (void)law;
    (void)theta;
    *out = (isg_law_view){.n = 2 * x[0] + ISG_LN_6, .d = 2 * (x[0] + x[1]) + ISG_LN_6};
}

static bool optimum(const isg_law *law, const double *p, const isg_law_budget *budget, double *n,
                    double *d)
{
    (void)law;
    return isg_balance(p[PA], 2 * p[ETA], p[PB], 2 * p[ETA], isg_ln(budget->flops / 6), n, d);
}

/* The loss is least at C where a M^eta = b M^-eta. */
static double best_multiplier(const isg_law *law, const double *p)
{
    (void)law;
    return isg_exp((isg_ln(p[PB]) - isg_ln(p[PA])) / (2 * p[ETA]));
}

static const isg_law_derived derived[] = {
    {"M_opt", "(b/a)^(1/(2 eta)): tokens per parameter of least loss at every C", best_multiplier},
};

static const isg_law_param params[PARAMS] = {
    {"a", true, -12, 8, -4, 1, "weight of the size term [loss FLOP^eta]", false},
    {"b", true, -12, 8, -4, 1, "weight of the data term [loss FLOP^eta]", false},
    {"E", true, -12, 1, -3, -0.02, "loss of an infinite model on infinite data [loss]", false},
    {"eta", false, 0.005, 1.5, 0.03, 0.6, "exponent of compute at constant M", false},
};

static const char *const multiplier[] = {"token_multiplier", "{D}/{N}", NULL};

static const isg_law_var vars[] = {
    {"N", ISG_VAR_LOG, 0, "model size [parameter]", NULL, false},
    {"M", ISG_VAR_LOG, 0, "training tokens per parameter [token/parameter]", multiplier, false},
};

extern const isg_law isg_law_gadre;
const isg_law isg_law_gadre = {
    .name = "gadre",
    .formula = "L = E + (a M^eta + b M^-eta) C^-eta, C = 6 M N^2",
    .where = "the same as chinchilla with D = M N and alpha = beta = 2 eta,\n"
             "A = a/6^eta, B = b/6^eta",
    .summary = "loss by compute and tokens per parameter (over-training)",
    .source = "Gadre et al. 2024, arXiv 2403.08540",
    .example = "--law gadre --objective lsq --by train_corpus",
    .params = params,
    .n_params = PARAMS,
    .vars = vars,
    .n_vars = 2,
    .derived = derived,
    .n_derived = sizeof derived / sizeof derived[0],
    .log_loss = log_loss,
    .shift = shift,
    .eval = eval,
    .view = view,
    .optimum = optimum,
    .no_zero_terms = true,
};
