/* L = E + A K^phi/N^alpha + B K^psi/D^beta: what K languages cost (Longpre et al. 2025,
 * arXiv 2510.22037, eq. 7). D is the target's tokens. */

#include "kernel.h"
#include "law_parts.h"

enum { PA, PB, PE, ALPHA, BETA, PHI, PSI, PARAMS };

static double log_loss(const isg_law *law, const double *theta, const double *x, double *gradient)
{
    return isg_kernels[0]->row[ISG_ROWS_CURSE](law, theta, x, gradient);
}

static void shift(const isg_law *law, double *theta, const double *by)
{
    (void)law;
    theta[PA] += theta[ALPHA] * by[0] - theta[PHI] * by[2];
    theta[PB] += theta[BETA] * by[1] - theta[PSI] * by[2];
}

static isg_law_eval eval(const isg_kernel *kernel, bool squared, int order)
{
    return kernel->rows[ISG_ROWS_CURSE][squared][order];
}

static void view(const isg_law *law, const double *theta, const double *x, isg_law_view *out)
{
    (void)law;
    *out =
        (isg_law_view){.n = x[0], .d = x[1], .on_n = theta[PHI] * x[2], .on_d = theta[PSI] * x[2]};
}

static bool setting(const isg_law *law, size_t k, double *theta)
{
    static const double values[][2] = {{0, 0}, {0.15, 0}, {0.1, -0.05}, {0.3, 0.1}, {0, 0.2}};

    (void)law;
    if (k >= sizeof values / sizeof values[0]) return false;
    theta[PHI] = values[k][0];
    theta[PSI] = values[k][1];
    return true;
}

static bool optimum(const isg_law *law, const double *p, const isg_law_budget *budget, double *n,
                    double *d)
{
    /* C = 6 N D_tot, D_tot = K D */
    const double k = budget->var[2], log_k = isg_ln(k);

    (void)law;
    return isg_balance(p[PA] * isg_exp(p[PHI] * log_k), p[ALPHA], p[PB] * isg_exp(p[PSI] * log_k),
                       p[BETA], isg_ln(budget->flops / (6 * k)), n, d);
}

static double size_growth(const isg_law *law, const double *p)
{
    (void)law;
    return p[PHI] / p[ALPHA];
}

static double data_growth(const isg_law *law, const double *p)
{
    (void)law;
    return 1 + p[PSI] / p[BETA];
}

static double flops_growth(const isg_law *law, const double *p)
{
    return size_growth(law, p) + data_growth(law, p);
}

static double language_growth(const isg_law *law, const double *p)
{
    (void)law;
    return p[PSI] / p[BETA];
}

static const isg_law_derived derived[] = {
    {"n_growth", "phi/alpha: at equal loss N grows as r^n_growth from K to rK languages",
     size_growth},
    {"d_growth", "1 + psi/beta: at equal loss all tokens grow as r^d_growth", data_growth},
    {"dt_growth", "psi/beta: at equal loss tokens of a language grow as r^dt_growth",
     language_growth},
    {"c_growth", "n_growth + d_growth: at equal loss FLOPs grow as r^c_growth", flops_growth},
};

static const isg_law_param params[PARAMS] = {
    ISG_LAW_FIVE,
    {"phi", false, -3, 3, -0.3, 0.5, "exponent of K in the size term", false},
    {"psi", false, -3, 3, -0.3, 0.3, "exponent of K in the data term", false},
};

static const char *const of_target[] = {"tokens_{target}", "{D}/n_languages", NULL};
static const char *const languages[] = {"n_languages", "K", NULL};

static const isg_law_var vars[] = {
    {"N", ISG_VAR_LOG, 0, "model size [parameter]", NULL, false},
    {"D", ISG_VAR_LOG, 0, "training tokens of the target language [token]", of_target, false},
    {"K", ISG_VAR_LOG, 0, "languages in the training mixture", languages, false},
};

extern const isg_law isg_law_curse;
const isg_law isg_law_curse = {
    .name = "curse",
    .formula = "L = E + A K^phi/N^alpha + B K^psi/D^beta",
    .summary = "cost of K languages in size and data (curse of multilinguality)",
    .source = "Longpre et al. 2025, arXiv 2510.22037, eq. 7",
    .example = "--law curse --target de --var K=n_languages",
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
