/* L = (E + A/N^alpha + B/D^beta) p^-gamma: multilingual runs by the target's share p of the
 * tokens (He et al. 2024, arXiv 2410.12883). D is all tokens. */

#include "kernel.h"
#include "law_parts.h"

enum { PA, PB, PE, ALPHA, BETA, GAMMA, PARAMS };

static double log_loss(const isg_law *law, const double *theta, const double *x, double *gradient)
{
    return isg_kernels[0]->row[ISG_ROWS_MSL](law, theta, x, gradient);
}

static void shift(const isg_law *law, double *theta, const double *by)
{
    const double whole = theta[GAMMA] * by[2];

    (void)law;
    theta[PA] += theta[ALPHA] * by[0] + whole;
    theta[PB] += theta[BETA] * by[1] + whole;
    theta[PE] += whole;
}

static isg_law_eval eval(const isg_kernel *kernel, bool squared, int order)
{
    return kernel->rows[ISG_ROWS_MSL][squared][order];
}

static void view(const isg_law *law, const double *theta, const double *x, isg_law_view *out)
{
    (void)law;
    *out = (isg_law_view){.n = x[0], .d = x[1], .whole = -theta[GAMMA] * x[2]};
}

static bool setting(const isg_law *law, size_t k, double *theta)
{
    static const double values[] = {0.1, 0, 0.3, -0.1};

    (void)law;
    if (k >= sizeof values / sizeof values[0]) return false;
    theta[GAMMA] = values[k];
    return true;
}

static bool optimum(const isg_law *law, const double *p, const isg_law_budget *budget, double *n,
                    double *d)
{
    (void)law;
    return isg_balance(p[PA], p[ALPHA], p[PB], p[BETA], isg_ln(budget->flops / 6), n, d);
}

static const isg_law_derived derived[] = {
    {"a", "beta/(alpha+beta): best N grows as C^a", isg_size_exponent},
    {"b", "alpha/(alpha+beta): best D grows as C^b", isg_data_exponent},
};

static const isg_law_param params[PARAMS] = {
    ISG_LAW_FIVE,
    {"gamma", false, -3, 3, -0.2, 0.5, "exponent of the share", false},
};

static const char *const share[] = {
    "share", "share_{target}", "tokens_{target}/{D}", "1/n_languages", "1/K", NULL};

static const isg_law_var vars[] = {
    {"N", ISG_VAR_LOG, 0, "model size [parameter]", NULL, false},
    {"D", ISG_VAR_LOG, 0, "training tokens of all languages [token]", NULL, false},
    {"p", ISG_VAR_LOG, 0, "share of the target language in the tokens", share, false},
};

extern const isg_law isg_law_msl;
const isg_law isg_law_msl = {
    .name = "msl",
    .formula = "L = (E + A/N^alpha + B/D^beta) p^-gamma",
    .summary = "loss of one language by its share of the training tokens",
    .source = "He et al. 2024, arXiv 2410.12883",
    .example = "--law msl --target de",
    .params = params,
    .n_params = PARAMS,
    .vars = vars,
    .n_vars = 3,
    .derived = derived,
    .n_derived = sizeof derived / sizeof derived[0],
    .mixtures = true,
    .log_loss = log_loss,
    .shift = shift,
    .eval = eval,
    .view = view,
    .setting = setting,
    .optimum = optimum,
};
