/* L = E + A/N^alpha + B/D^beta (Hoffmann et al. 2022), as
 * ln L = ln(exp(a - alpha ln N) + exp(b - beta ln D) + exp(e)). */

#include "kernel.h"
#include "law_parts.h"

enum { PA, PB, PE, ALPHA, BETA, PARAMS };

static double log_loss(const isg_law *law, const double *theta, const double *x, double *gradient)
{
    (void)law;
    double p = isg_exp(theta[PA] - theta[ALPHA] * x[0]);
    double q = isg_exp(theta[PB] - theta[BETA] * x[1]);
    double r = isg_exp(theta[PE]);
    double s = p + q + r;

    if (gradient) {
        gradient[PA] = p / s;
        gradient[PB] = q / s;
        gradient[PE] = r / s;
        gradient[ALPHA] = -x[0] * p / s;
        gradient[BETA] = -x[1] * q / s;
    }
    return isg_ln(s);
}

static void shift(const isg_law *law, double *theta, const double *by)
{
    (void)law;
    theta[PA] += theta[ALPHA] * by[0];
    theta[PB] += theta[BETA] * by[1];
}

static isg_law_eval eval(const isg_kernel *kernel, bool squared, int order)
{
    return kernel->chinchilla[squared][order];
}

static void view(const isg_law *law, const double *theta, const double *x, isg_law_view *out)
{
    (void)law;
    (void)theta;
    *out = (isg_law_view){.n = x[0], .d = x[1]};
}

static const isg_law_derived derived[] = {
    {"a", "beta/(alpha+beta): best N grows as C^a", isg_size_exponent},
    {"b", "alpha/(alpha+beta): best D grows as C^b", isg_data_exponent},
};

static const isg_law_param params[PARAMS] = {
    ISG_LAW_FIVE,
};

static const isg_law_var vars[] = {
    {"N", ISG_VAR_LOG, 0, "model size [parameter]", NULL, false},
    {"D", ISG_VAR_LOG, 0, "training tokens [token]", NULL, false},
};

static bool optimum(const isg_law *law, const double *p, const isg_law_budget *budget, double *n,
                    double *d)
{
    (void)law;
    return isg_balance(p[PA], p[ALPHA], p[PB], p[BETA], isg_ln(budget->flops / 6), n, d);
}

extern const isg_law isg_law_chinchilla;
const isg_law isg_law_chinchilla = {
    .name = "chinchilla",
    .formula = "L = E + A/N^alpha + B/D^beta",
    .summary = "sum of an irreducible loss, a size term and a data term",
    .source = "Hoffmann et al. 2022, arXiv 2203.15556, section 3.3",
    .example = "--law chinchilla --tie alpha=beta",
    .params = params,
    .n_params = PARAMS,
    .vars = vars,
    .n_vars = 2,
    .derived = derived,
    .n_derived = 2,
    .log_loss = log_loss,
    .shift = shift,
    .eval = eval,
    .view = view,
    .optimum = optimum,
};
