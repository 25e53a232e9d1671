/* ATLAS: L = E + A/N^alpha + B/D_eff^beta (isogloss/atlas.h). The law's shape -- which sources have
 * a tau, one lambda or several -- is its config; the entry of the table is a template with three
 * unnamed sources. docs/atlas.md has the decisions that the paper leaves open. */

#include "isogloss/atlas.h"

#include "kernel.h"

#include <math.h>
#include <string.h>

enum { PA, PB, PE, ALPHA, BETA, LAMBDA };

static const double FLOOR = 1e-3; /* of min(D_t, U_t), as in rows_atlas.inc */

static const isg_atlas_config *config_of(const isg_law *law)
{
    return law->config;
}

static size_t lambda_of(const isg_atlas_config *c, size_t term)
{
    return LAMBDA + (c->lambdas > 1 ? term : 0);
}

static double tau_of(const isg_atlas_config *c, const double *p, size_t term)
{
    return term ? p[LAMBDA + c->lambdas + term - 1] : 1;
}

/* (1 - exp(-y))/y, y >= 0 */
static double phi(double y)
{
    if (y > 1.0 / 32) return (1 - isg_exp(-y)) / y;
    return 1 - y / 2 * (1 - y / 3 * (1 - y / 4 * (1 - y / 5 * (1 - y / 6 * (1 - y / 7)))));
}

/* D_eff in the unit of the amounts. @param x  N, D_t, U_t, ...; @param p  lambda as its natural log */
static double effective(const isg_law *law, const double *p, const double *x, bool *guarded)
{
    const isg_atlas_config *c = config_of(law);
    double sum = 0, all = 0;

    for (size_t k = 0; k < c->amounts; k++) {
        const double d = x[1 + 2 * k], u = x[2 + 2 * k], over = d > u ? d - u : 0;
        const double y = isg_exp(p[lambda_of(c, k)]) * (over / (u > 1e-30 ? u : 1e-30));
        sum += tau_of(c, p, k) * ((d < u ? d : u) + over * phi(y));
        all += d < u ? d : u;
    }
    double floor = FLOOR * (x[1] > 0 ? fmin(x[1], x[2]) : all);
    if (floor < 1e-30) floor = 1e-30;
    *guarded = !(sum > floor);
    return *guarded ? floor : sum;
}

double isg_atlas_effective(const isg_law *law, const double *natural, const double *var,
                           bool *guarded)
{
    const isg_atlas_config *c = config_of(law);
    double p[ISG_LAW_PARAMS];

    memcpy(p, natural, law->n_params * sizeof *p);
    for (size_t j = LAMBDA; j < LAMBDA + c->lambdas; j++) p[j] = isg_ln(p[j]);
    return effective(law, p, var, guarded);
}

/* ---- the law ---------------------------------------------------------------------- */

static double log_loss(const isg_law *law, const double *theta, const double *x, double *gradient)
{
    return isg_kernels[0]->row[ISG_ROWS_ATLAS](law, theta, x, gradient);
}

static void shift(const isg_law *law, double *theta, const double *by)
{
    (void)law;
    theta[PA] += theta[ALPHA] * by[0];
    theta[PB] += theta[BETA] * by[1];
}

static isg_law_eval eval(const isg_kernel *kernel, bool squared, int order)
{
    return kernel->rows[ISG_ROWS_ATLAS][squared][order];
}

static void view(const isg_law *law, const double *theta, const double *x, isg_law_view *out)
{
    bool guarded;
    *out = (isg_law_view){.n = x[0], .d = isg_ln(effective(law, theta, x, &guarded))};
}

/* Scans from little to much transfer; with starts of tau, those at every lambda first. */
static bool setting(const isg_law *law, size_t k, double *theta)
{
    static const double lambda[] = {0.3, 1.5, 0.05};
    static const double tau[] = {0, 0.1, 0.4, 1, -0.05};
    enum { LAMBDAS = sizeof lambda / sizeof *lambda, TAUS = sizeof tau / sizeof *tau };
    const isg_atlas_config *c = config_of(law);
    const size_t taus = law->n_params - LAMBDA - c->lambdas, first = c->has_tau ? LAMBDAS : 0;
    const size_t choices = taus ? TAUS : 1;

    if (k >= first + LAMBDAS * choices) return false;
    const bool given = k < first;
    if (!given) k -= first;
    for (size_t j = 0; j < c->lambdas; j++) theta[LAMBDA + j] = isg_ln(lambda[k % LAMBDAS]);
    for (size_t j = 0; j < taus; j++) {
        const bool other = c->other && j + 1 == taus;
        theta[LAMBDA + c->lambdas + j] = !given  ? tau[k / LAMBDAS] * (other ? 0.3 : 1)
                                         : other ? 0.02
                                                 : c->tau[j];
    }
    return true;
}

static bool guarded(const isg_law *law, const double *theta, const double *x)
{
    bool held;
    (void)effective(law, theta, x, &held);
    return held;
}

static double size_exponent(const isg_law *law, const double *p)
{
    (void)law;
    return p[BETA] / (p[ALPHA] + p[BETA]);
}

static double data_exponent(const isg_law *law, const double *p)
{
    (void)law;
    return p[ALPHA] / (p[ALPHA] + p[BETA]);
}

/* ---- best size -------------------------------------------------------------------------- */

/* A budget spent on D tokens of fixed shares: what the search for the best D asks. */
typedef struct spending {
    const isg_law *law;
    const double *p;                   /* natural parameters */
    double log_lambda[ISG_LAW_PARAMS]; /* p with ln lambda, as effective() wants it */
    double var[ISG_LAW_VARS];          /* U in place; D of total 1 in `share` */
    double share[ISG_ATLAS_SOURCES + 2];
    double log_nd; /* ln C/6 */
} spending;

/* d (A/N^alpha + B/D_eff^beta)/d ln D at constant C, and the value itself. The second term falls by
 * its elasticity, sum of tau_k p_k D S'(p_k D)/D_eff, S' = exp(-lambda (D/U - 1)) beyond U. */
static double slope(spending *s, double log_d, double *value)
{
    const isg_atlas_config *c = config_of(s->law);
    const double *p = s->p, d = isg_exp(log_d);
    double more = 0;
    bool held;

    for (size_t k = 0; k < c->amounts; k++) {
        const double used = s->share[k] * d, u = s->var[2 + 2 * k],
                     over = used > u ? used / u - 1 : 0;
        s->var[1 + 2 * k] = used;
        if (used > 0) more += tau_of(c, p, k) * used * isg_exp(-p[lambda_of(c, k)] * over);
    }
    const double data = effective(s->law, s->log_lambda, s->var, &held);
    const double of_n = p[PA] * isg_exp(-p[ALPHA] * (s->log_nd - log_d));
    const double of_d = p[PB] * isg_exp(-p[BETA] * isg_ln(data));
    *value = of_n + of_d;
    return p[ALPHA] * of_n - p[BETA] * of_d * (held ? 0 : more / data);
}

/* Shares of the D that the budget names; none of them: the target alone. */
static bool take_budget(spending *s, const isg_law_budget *budget)
{
    const isg_atlas_config *c = config_of(s->law);
    double all = 0;

    memcpy(s->log_lambda, s->p, s->law->n_params * sizeof *s->p);
    for (size_t j = LAMBDA; j < LAMBDA + c->lambdas; j++)
        s->log_lambda[j] = isg_ln(s->p[j] > 1e-300 ? s->p[j] : 1e-300);
    memcpy(s->var, budget->var, s->law->n_vars * sizeof *s->var);
    for (size_t k = 0; k < c->amounts; k++) all += s->var[1 + 2 * k];
    for (size_t k = 0; k < c->amounts; k++) s->share[k] = all > 0 ? s->var[1 + 2 * k] / all : !k;
    for (size_t k = 0; k < c->amounts; k++)
        if (s->share[k] > 0 && !(s->var[2 + 2 * k] > 0)) return false;
    s->log_nd = isg_ln(budget->flops / 6);
    return s->p[PA] > 0 && s->p[PB] > 0 && s->log_nd > 0;
}

/* alpha A N^-alpha = beta B D_eff^-beta times the elasticity. Interference may make several
 * valleys, so the best of a grid is taken first and its zero of the slope halved in. */
static bool optimum(const isg_law *law, const double *p, const isg_law_budget *budget, double *n,
                    double *d)
{
    enum { GRID = 256, HALVINGS = 60 };
    spending s = {.law = law, .p = p};
    double least = 0, value;
    size_t best = 0;

    if (!take_budget(&s, budget)) return false;
    const double step = s.log_nd / GRID;
    for (size_t k = 0; k <= GRID; k++) {
        (void)slope(&s, step * (double)k, &value);
        if (k && !(value < least)) continue;
        least = value;
        best = k;
    }
    if (best == 0 || best == GRID) return false; /* less than one parameter or one token */
    double lo = step * (double)(best - 1), hi = step * (double)(best + 1);
    for (int k = 0; k < HALVINGS; k++) {
        const double middle = 0.5 * (lo + hi);
        if (slope(&s, middle, &value) > 0)
            hi = middle;
        else
            lo = middle;
    }
    *d = isg_exp(0.5 * (lo + hi));
    *n = isg_exp(s.log_nd - 0.5 * (lo + hi));
    return true;
}

static const isg_law_derived derived[] = {
    {"a", "beta/(alpha+beta): best N grows as C^a while nothing repeats", size_exponent},
    {"b", "alpha/(alpha+beta): best D_eff grows as C^b while nothing repeats", data_exponent},
};

/* ---- the template ------------------------------------------------------------------- */

#define CHINCHILLA                                                                                  \
    {"A", true, -12, 8, -4, 1, "weight of the size term [loss parameter^alpha]", false},            \
        {"B", true, -12, 8, -4, 1, "weight of the data term [loss token^beta]", false},             \
        {"E", true, -12, 1, -3, -0.02, "loss of an infinite model on infinite data [loss]", false}, \
        {"alpha", false, 0.01, 3, 0.05, 1.2, "exponent of model size", false},                      \
    {                                                                                               \
        "beta", false, 0.01, 3, 0.05, 1.2, "exponent of effective data", false                      \
    }
#define LAMBDA_PARAM(name)                                                                         \
    {                                                                                              \
        name, true, -8, 6, -3, 1, "decay of repeated tokens per epoch", true                       \
    }
#define TAU_PARAM(name)                                                                            \
    {                                                                                              \
        name, false, -20, 20, 0, 1, "worth of a token of it in tokens of the target", false        \
    }
#define AMOUNT(name, meaning, from)                                                                \
    {                                                                                              \
        name, ISG_VAR_AMOUNT, 1, meaning, from, false                                              \
    }

static const char of_target[] = "training tokens of the target language [token]";
static const char of_source[] = "training tokens of a source: a language much sampled with the "
                                "target, or of --sources [token]";
static const char of_others[] = "training tokens of all other languages [token]";
static const char unique_meaning[] = "different ones among them [token]";

static const isg_law_param template_params[] = {CHINCHILLA,         LAMBDA_PARAM("lambda"),
                                                TAU_PARAM("tau_1"), TAU_PARAM("tau_2"),
                                                TAU_PARAM("tau_3"), TAU_PARAM("tau_other")};

static const char *const template_from[][2] = {
    {"tokens_{target}"}, {"unique_{target}"}, {"tokens_LANG"}, {"unique_LANG"}};

static const isg_law_var template_vars[] = {
    {"N", ISG_VAR_LOG, 0, "model size [parameter]", NULL, false},
    AMOUNT("D_t", of_target, template_from[0]),
    AMOUNT("U_t", unique_meaning, template_from[1]),
    AMOUNT("D_1", of_source, template_from[2]),
    AMOUNT("U_1", unique_meaning, template_from[3]),
    AMOUNT("D_2", of_source, template_from[2]),
    AMOUNT("U_2", unique_meaning, template_from[3]),
    AMOUNT("D_3", of_source, template_from[2]),
    AMOUNT("U_3", unique_meaning, template_from[3]),
    AMOUNT("D_other", of_others, template_from[2]),
    AMOUNT("U_other", unique_meaning, template_from[3]),
};

static const isg_atlas_config template_config = {.n_sources = 3,
                                                 .other = true,
                                                 .amounts = 5,
                                                 .lambdas = 1,
                                                 .target = "",
                                                 .about = "",
                                                 .source = {"1", "2", "3"}};

extern const isg_law isg_law_atlas;
const isg_law isg_law_atlas = {
    .name = "atlas",
    .formula = "L = E + A/N^alpha + B/D_eff^beta",
    .where = "D_eff = S(D_t, U_t) + sum of tau_i S(D_i, U_i) + tau_other S(D_other, U_other)\n"
             "S(D, U) = U + U (1 - exp(-lambda (D/U - 1)))/lambda where D > U, else D",
    .summary = "transfer between languages and repeated data, as effective data",
    .source = "Longpre et al. 2025, arXiv 2510.22037, eqs. 1-3",
    .example = "--law atlas --target de",
    .params = template_params,
    .n_params = sizeof template_params / sizeof *template_params,
    .vars = template_vars,
    .n_vars = sizeof template_vars / sizeof *template_vars,
    .derived = derived,
    .n_derived = sizeof derived / sizeof *derived,
    .mixtures = true,
    .log_loss = log_loss,
    .shift = shift,
    .eval = eval,
    .view = view,
    .setting = setting,
    .optimum = optimum,
    .guarded = guarded,
    .config = &template_config,
};

const isg_atlas_config *isg_law_atlas_config(const isg_law *law)
{
    return law->log_loss == log_loss ? config_of(law) : NULL;
}
