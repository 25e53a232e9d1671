/* L = E + A/N'^alpha + B/D'^beta: repeated tokens and parameters beyond what the unique tokens can
 * use count less and less (Muennighoff et al. 2023, arXiv 2305.16264). */

#include "kernel.h"
#include "law_parts.h"

enum { PA, PB, PE, ALPHA, BETA, RD, RN, PARAMS };
enum { N, D, U };

static double log_loss(const isg_law *law, const double *theta, const double *x, double *gradient)
{
    return isg_kernels[0]->row[ISG_ROWS_DCSL](law, theta, x, gradient);
}

static void shift(const isg_law *law, double *theta, const double *by)
{
    (void)law;
    theta[PA] += theta[ALPHA] * by[N];
    theta[PB] += theta[BETA] * by[D];
}

static isg_law_eval eval(const isg_kernel *kernel, bool squared, int order)
{
    return kernel->rows[ISG_ROWS_DCSL][squared][order];
}

/* Log of an amount of log x of which exp(y) counts whole, and its slope by x. */
static double saturated(double x, double y, double most, double *slope)
{
    *slope = 1;
    if (x <= y) return x;
    const double whole = isg_exp(x - y), t = (whole - 1) / most, fade = isg_exp(-t);
    const double g = 1 + (t < 1e-9 ? whole - 1 : most * (1 - fade));
    *slope = fade * whole / g;
    return y + isg_ln(g);
}

/* What counts of N depends on the five parameters of the scan itself: left out. */
static void view(const isg_law *law, const double *theta, const double *x, isg_law_view *out)
{
    double slope;

    (void)law;
    *out = (isg_law_view){.n = x[N],
                          .d = saturated(x[D], isg_ln(x[U] + 1e-300), isg_exp(theta[RD]), &slope)};
}

static bool setting(const isg_law *law, size_t k, double *theta)
{
    static const double values[][2] = {{2.7, 1.7}, {1.1, 4}, {4, 0.7}, {2.7, 6}};

    (void)law;
    if (k >= sizeof values / sizeof values[0]) return false;
    theta[RD] = values[k][0];
    theta[RN] = values[k][1];
    return true;
}

/* Slope of L by ln D at constant N D, D >= U; it rises with D. */
static double slope_at(const double *p, double log_nd, double d, double unique, double used)
{
    double by_n, by_d;
    const double n1 = saturated(log_nd - d, used, p[RN], &by_n);
    const double d1 = saturated(d, unique, p[RD], &by_d);

    return p[ALPHA] * p[PA] * isg_exp(-p[ALPHA] * n1) * by_n -
           p[BETA] * p[PB] * isg_exp(-p[BETA] * d1) * by_d;
}

static bool optimum(const isg_law *law, const double *p, const isg_law_budget *budget, double *n,
                    double *d)
{
    const double log_nd = isg_ln(budget->flops / 6), unique = isg_ln(budget->var[U]);

    (void)law;
    if (!isg_balance(p[PA], p[ALPHA], p[PB], p[BETA], log_nd, n, d)) return false;
    if (*d <= budget->var[U]) return true; /* there N' = N, D' = D */
    const double used =
        (isg_ln(p[ALPHA] * p[PA]) - isg_ln(p[BETA] * p[PB]) + p[BETA] * unique) / p[ALPHA];
    double lo = unique, hi = log_nd;
    for (int i = 0; i < 200; i++) {
        const double middle = 0.5 * (lo + hi);
        if (slope_at(p, log_nd, middle, unique, used) < 0)
            lo = middle;
        else
            hi = middle;
    }
    *d = isg_exp(lo);
    *n = isg_exp(log_nd - lo);
    return true;
}

static bool nothing_repeats(const isg_law *law, const double *var)
{
    (void)law;
    return var[D] <= var[U];
}

/* More parameters than its unique tokens can use: N' < N although D' = D. */
static bool is_wide(const isg_law *law, const double *p, const double *var)
{
    const double unique = isg_ln(var[U] < var[D] ? var[U] : var[D]);

    (void)law;
    if (!(p[PA] > 0 && p[PB] > 0)) return false;
    return p[ALPHA] * isg_ln(var[N]) >
           isg_ln(p[ALPHA] * p[PA]) - isg_ln(p[BETA] * p[PB]) + p[BETA] * unique;
}

/* As good as no decay: N' = N, D' = D. */
static const double no_decay[] = {230, 230};

static double most_data(const isg_law *law, const double *p)
{
    (void)law;
    return 1 + p[RD];
}

static double decay(const isg_law *law, const double *p)
{
    (void)law;
    return 1 / p[RD];
}

static const isg_law_derived derived[] = {
    {"a", "beta/(alpha+beta): best N grows as C^a while no token repeats", isg_size_exponent},
    {"b", "alpha/(alpha+beta): best D grows as C^b while no token repeats", isg_data_exponent},
    {"D_most", "1 + RD: effective data at most, in units of the unique tokens", most_data},
    {"lambda", "1/RD: decay of the worth of repeated tokens with each epoch", decay},
};

static const isg_law_param params[PARAMS] = {
    ISG_LAW_FIVE,
    {"RD", true, -5, 11.5, -1, 4.5,
     "epochs of repetition over which data lose their worth (--fix RD=1e100: never)", true},
    {"RN", true, -5, 11.5, -1, 4.5,
     "the same of parameters beyond U_N, in units of U_N (--fix RN=1e100: never)", true},
};

static const char *const unique[] = {"unique_tokens", "unique_{target}", "{D}/epochs", NULL};

static const isg_law_var vars[] = {
    {"N", ISG_VAR_LOG, 0, "model size [parameter]", NULL, false},
    {"D", ISG_VAR_LOG, 0, "training tokens, repeats included [token]", NULL, false},
    {"U", ISG_VAR_AMOUNT, D, "different tokens in the training data [token]", unique, false},
};

extern const isg_law isg_law_dcsl;
const isg_law isg_law_dcsl = {
    .name = "dcsl",
    .formula = "L = E + A/N'^alpha + B/D'^beta",
    .where = "D' = U + U RD (1 - exp(-(D/U - 1)/RD)) where D > U, else D\n"
             "N' = U_N + U_N RN (1 - exp(-(N/U_N - 1)/RN)) where N > U_N, else N\n"
             "U_N = G (G min(U, D))^(beta/alpha), G = (alpha A/(beta B))^(1/(alpha+beta))",
    .summary = "repeated data count less with every epoch (data-constrained)",
    .source = "Muennighoff et al. 2023, arXiv 2305.16264",
    .example = "--law dcsl --tie alpha=beta",
    .params = params,
    .n_params = PARAMS,
    .vars = vars,
    .n_vars = 3,
    .derived = derived,
    .n_derived = sizeof derived / sizeof derived[0],
    .log_loss = log_loss,
    .shift = shift,
    .eval = eval,
    .view = view,
    .setting = setting,
    .n_first = RD,
    .first_row = nothing_repeats,
    .first_theta = no_decay,
    .first_rule = "D <= U",
    .first_doubt = is_wide,
    .doubt =
        "more parameters than U_N at the fitted parameters (N > U_N), of which the first stage "
        "takes all to count (N' = N) as it was published: the law has N' < N there",
    .optimum = optimum,
    .no_zero_terms = true,
};
