/* Data and constraints of a fit, read-only once made. Logs of the variables are
 * centred (the raw Jacobian of a Chinchilla law has a condition number of 2000,
 * the centred one of 60) and laid out for the lanes. */

#include "problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *isg_objective_name(isg_objective objective)
{
    static const char *const names[] = {"huber", "lad", "lsq", "log-lsq"};
    return names[objective];
}

isg_fit_options isg_fit_defaults(void)
{
    return (isg_fit_options){.law = isg_laws[0], .objective = ISG_HUBER, .cold_starts = 64};
}

static const double SMALLEST = 1e-299; /* less is nothing */

/* ---- constraints ----------------------------------------------------------- */

/* Row k of the linear map from centred to uncentred internal parameters. */
static void raw_row(const isg_problem *p, size_t k, double *row)
{
    for (size_t j = 0; j < p->law->n_params; j++) {
        double unit[ISG_LAW_PARAMS] = {0};
        unit[j] = 1;
        p->law->shift(p->law, unit, p->centre);
        row[j] = unit[k];
    }
}

static isg_err check_fixed(const isg_law *law, const isg_constraint *k)
{
    const isg_law_param *param = &law->params[k->param];

    if (!param->log) {
        if (k->value >= param->lo && k->value <= param->hi) return ISG_OK;
        return ISG_FAIL(ISG_EUSAGE, "--fix %s=%g: allowed are %g to %g", param->name, k->value,
                        param->lo, param->hi);
    }
    if (k->value > 0 || (k->value >= 0 && isg_law_can_be_zero(law, k->param))) return ISG_OK;
    if (!(k->value < 0) && law->no_zero_terms && !param->free_scale)
        return ISG_FAIL(ISG_EUSAGE,
                        "--fix %s=0: law %s weighs its terms against each other; only E can be 0",
                        param->name, law->name);
    if (isg_law_can_be_zero(law, k->param))
        return ISG_FAIL(ISG_EUSAGE, "--fix %s=%g: must not be negative", param->name, k->value);
    return ISG_FAIL(ISG_EUSAGE, "--fix %s=%g: must be positive", param->name, k->value);
}

/* theta_i as a function of the others: T row i, c_i, from one constraint on uncentred values. */
static isg_err constrain(isg_problem *p, const isg_constraint *k)
{
    const isg_law_param *param = &p->law->params[k->param];
    isg_map *m = &p->map;
    double row[ISG_LAW_PARAMS], value = 0;

    raw_row(p, k->param, row);
    if (k->tied) {
        double other[ISG_LAW_PARAMS];
        if (k->other == k->param || param->log != p->law->params[k->other].log) {
            return ISG_FAIL(ISG_EUSAGE,
                            "--tie %s=%s: only two different parameters of one kind can be equal",
                            param->name, p->law->params[k->other].name);
        }
        raw_row(p, k->other, other);
        for (size_t j = 0; j < p->law->n_params; j++) row[j] -= other[j];
    } else {
        ISG_TRY(check_fixed(p->law, k));
        const bool zero = param->log && !(k->value > SMALLEST);
        value = zero ? ISG_LOG_ZERO : param->log ? isg_ln(k->value) : k->value;
    }
    for (size_t j = 0; j < p->law->n_params; j++) m->t[k->param][j] = j == k->param ? 0 : -row[j];
    m->c[k->param] = value;
    return ISG_OK;
}

/* Put the expressions of dependent parameters into each other until only free ones are left. */
static isg_err eliminate(isg_problem *p, const bool *dependent)
{
    isg_map *m = &p->map;
    size_t n = p->law->n_params;

    for (size_t pass = 0; pass <= n; pass++) {
        bool again = false;
        for (size_t i = 0; i < n; i++) {
            for (size_t d = 0; d < n; d++) {
                double t = m->t[i][d];
                if (!dependent[d] || !(fabs(t) > 0)) continue;
                again = true;
                m->t[i][d] = 0;
                for (size_t j = 0; j < n; j++) m->t[i][j] += t * m->t[d][j];
                m->c[i] += t * m->c[d];
            }
        }
        if (!again) return ISG_OK;
    }
    return ISG_FAIL(ISG_EUSAGE, "--fix and --tie contradict each other");
}

/* Bounds of a parameter hold for the q that it is equal to. */
static void set_bounds(isg_problem *p)
{
    isg_map *m = &p->map;
    for (size_t j = 0; j < m->n; j++) {
        m->lo[j] = -INFINITY;
        m->hi[j] = INFINITY;
        for (size_t i = 0; i < p->law->n_params; i++) {
            const isg_law_param *param = &p->law->params[i];
            double origin = param->log && !param->free_scale ? p->log_loss_min : 0;
            bool equal = m->t[i][j] >= 1 && m->t[i][j] <= 1 && !(fabs(m->c[i]) > 0);
            for (size_t k = 0; k < m->n; k++) equal = equal && (k == j || !(fabs(m->t[i][k]) > 0));
            if (!equal) continue;
            m->lo[j] = fmax(m->lo[j], origin + param->lo);
            m->hi[j] = fmin(m->hi[j], origin + param->hi);
        }
    }
}

static isg_err make_map(isg_problem *p, const isg_fit_options *o)
{
    isg_map *m = &p->map;
    size_t n = p->law->n_params;
    bool dependent[ISG_LAW_PARAMS] = {false};

    for (size_t i = 0; i < n; i++) {
        dependent[i] = o->two_stages && i < p->law->n_first;
        m->t[i][i] = !dependent[i];
    }
    for (size_t k = 0; k < o->n_constraints; k++) {
        const isg_constraint *c = &o->constraints[k];
        if (o->two_stages && c->param < p->law->n_first) continue; /* the first stage's */
        if (dependent[c->param]) {
            return ISG_FAIL(ISG_EUSAGE, "parameter %s is fixed or tied twice",
                            p->law->params[c->param].name);
        }
        ISG_TRY(constrain(p, c));
        dependent[c->param] = true;
    }
    ISG_TRY(eliminate(p, dependent));
    for (size_t j = 0; j < n; j++) { /* squeeze the dependent columns out */
        if (dependent[j]) continue;
        for (size_t i = 0; i < n; i++) m->t[i][m->n] = m->t[i][j];
        m->owner[m->n++] = j;
    }
    if (!m->n) return ISG_FAIL(ISG_EUSAGE, "every parameter is fixed: nothing to fit");
    m->identity = m->n == n;
    set_bounds(p);
    return ISG_OK;
}

void isg_map_theta(const isg_problem *p, const double *q, double *theta)
{
    const isg_map *m = &p->map;
    if (m->identity) {
        memcpy(theta, q, m->n * sizeof *q);
        return;
    }
    for (size_t i = 0; i < p->law->n_params; i++) {
        theta[i] = m->c[i];
        for (size_t j = 0; j < m->n; j++) theta[i] += m->t[i][j] * q[j];
    }
}

void isg_map_q(const isg_problem *p, const double *theta, double *q)
{
    const isg_map *m = &p->map;
    for (size_t j = 0; j < m->n; j++) q[j] = fmin(fmax(theta[m->owner[j]], m->lo[j]), m->hi[j]);
}

/* ---- data ------------------------------------------------------------------ */

static isg_err check_obs(const isg_law *law, const isg_obs *obs)
{
    for (size_t i = 0; i < obs->n; i++) {
        bool good = isfinite(obs->loss[i]) && obs->loss[i] > 0;
        for (size_t k = 0; k < law->n_vars; k++) {
            const isg_var_kind kind = law->vars[k].kind;
            const double v = obs->var[k][i];
            good = good && isfinite(v) && (kind == ISG_VAR_PLAIN || v >= 0) &&
                   (kind != ISG_VAR_LOG || v > 0);
        }
        if (!good) return ISG_FAIL(ISG_EARG, "observation %zu is not finite and positive", i);
    }
    return obs->n ? ISG_OK : ISG_FAIL(ISG_EDATA, "no observations");
}

/* Mean log of the positive values. */
static double mean_log(const double *v, size_t n)
{
    double sum = 0;
    size_t m = 0;

    for (size_t i = 0; i < n; i++) {
        if (!(v[i] > 0)) continue;
        sum += isg_ln(v[i]);
        m++;
    }
    return m ? sum / (double)m : 0;
}

static void centre_variable(isg_problem *p, size_t k, const isg_obs *obs, const isg_problem *origin,
                            double *x)
{
    const isg_law_var *var = &p->law->vars[k];

    if (var->kind == ISG_VAR_PLAIN) {
        p->centre[k] = 0;
        memcpy(x, obs->var[k], obs->n * sizeof *x);
        return;
    }
    const bool own = var->kind == ISG_VAR_LOG || var->scale == k;
    p->centre[k] = origin ? origin->centre[k]
                   : own  ? mean_log(obs->var[k], obs->n)
                          : p->centre[var->scale];
    const double unit = isg_exp(p->centre[k]);
    for (size_t i = 0; i < obs->n; i++)
        x[i] = var->kind == ISG_VAR_LOG ? isg_ln(obs->var[k][i]) - p->centre[k]
                                        : obs->var[k][i] / unit;
}

static isg_err lay_out(isg_problem *p, const isg_obs *obs, const isg_problem *origin)
{
    size_t n = obs->n, blocks = (n + ISG_LANES - 1) / ISG_LANES, stride = blocks * ISG_LANES;
    size_t arrays = p->law->n_vars + 2;

    p->memory = isg_lanes_alloc(blocks * arrays);
    p->loss = malloc(n * sizeof *p->loss);
    if (!p->memory || !p->loss) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu observations", n);
    p->rows.n = n;
    p->rows.blocks = blocks;
    p->rows.y = p->memory;
    p->rows.w = p->memory + stride;
    memcpy(p->loss, obs->loss, n * sizeof *p->loss);
    p->log_loss_min = INFINITY;
    for (size_t i = 0; i < n; i++) {
        double y = isg_ln(obs->loss[i]);
        p->log_loss_min = fmin(p->log_loss_min, y);
        p->rows.y[i] = p->objective == ISG_LSQ ? obs->loss[i] : y;
        p->rows.w[i] = 1;
    }
    if (origin) p->log_loss_min = origin->log_loss_min;
    for (size_t k = 0; k < p->law->n_vars; k++) {
        double *x = p->rows.x[k] = p->memory + (2 + k) * stride;
        centre_variable(p, k, obs, origin, x);
        for (size_t i = n; i < stride; i++) x[i] = x[0];
    }
    return ISG_OK;
}

/* Number the different tuples of variables; rows of one tuple carry one equation. */
static isg_err number_distinct(isg_problem *p)
{
    size_t n = p->rows.n;
    p->distinct = malloc(n * sizeof *p->distinct);
    if (!p->distinct) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu observations", n);
    size_t slots = 16;
    while (slots < 2 * n) slots *= 2;
    size_t *slot = calloc(slots, sizeof *slot); /* row + 1 of the first with that hash */
    if (!slot) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu observations", n);
    for (size_t i = 0; i < n; i++) {
        uint64_t hash = 14695981039346656037ULL;
        for (size_t k = 0; k < p->law->n_vars; k++) {
            uint64_t bits;
            memcpy(&bits, &p->rows.x[k][i], sizeof bits);
            hash = (hash ^ bits) * 0x9e3779b97f4a7c15ULL;
            hash ^= hash >> 32;
        }
        size_t at = hash & (slots - 1);
        for (; slot[at]; at = (at + 1) & (slots - 1)) {
            size_t other = slot[at] - 1;
            bool same = true;
            for (size_t k = 0; k < p->law->n_vars; k++) {
                same = same && !memcmp(&p->rows.x[k][i], &p->rows.x[k][other], sizeof(double));
            }
            if (same) break;
        }
        if (slot[at]) {
            p->distinct[i] = p->distinct[slot[at] - 1];
        } else {
            slot[at] = i + 1;
            p->distinct[i] = p->n_distinct++;
        }
    }
    free(slot);
    return ISG_OK;
}

static isg_err make_scan(isg_problem *p, const isg_fit_options *o)
{
    isg_scan_data *d = &p->scan_data;

    *d = (isg_scan_data){.kernel = p->kernel,
                         .law = p->law,
                         .rows = &p->rows,
                         .loss = p->loss,
                         .log_loss_min = p->log_loss_min};
    for (size_t i = 0; i < p->law->n_params; i++) d->tied_to[i] = i;
    for (size_t k = 0; k < o->n_constraints; k++) {
        const isg_constraint *c = &o->constraints[k];
        if (c->tied) d->tied_to[c->param] = c->other;
        d->fixed[c->param] = !c->tied && !p->law->params[c->param].log;
        d->value[c->param] = c->value;
    }
    for (size_t i = 0; i < p->law->n_params; i++) { /* tied to a fixed one is fixed */
        size_t other = d->tied_to[i];
        if (other == i || !(d->fixed[other] || d->fixed[i])) continue;
        d->value[i] = d->fixed[i] ? d->value[i] : d->value[other];
        d->value[other] = d->value[i];
        d->fixed[i] = d->fixed[other] = true;
        d->tied_to[i] = i;
    }
    return p->law->view && !p->law->setting ? isg_scan_create(d, &p->scan) : ISG_OK;
}

bool isg_problem_scans_at(const isg_problem *p)
{
    return p->law->view && p->law->setting;
}

isg_err isg_problem_scan_at(const isg_problem *p, const double *theta, isg_scan **out)
{
    isg_scan_data d = p->scan_data;
    d.theta = theta;
    return isg_scan_create(&d, out);
}

isg_err isg_problem_create(const isg_fit_options *o, const isg_obs *obs, isg_problem **out)
{
    isg_problem *p = calloc(1, sizeof *p);
    isg_err rc;

    *out = NULL;
    if (!p) return ISG_FAIL(ISG_ENOMEM, "no memory for a fit");
    p->law = o->law;
    p->objective = o->objective;
    p->delta = o->delta;
    p->cold_starts = o->cold_starts;
    rc = isg_kernel_find(o->numerics, &p->kernel);
    if (!rc) rc = check_obs(p->law, obs);
    if (!rc) rc = lay_out(p, obs, o->origin);
    if (!rc) rc = number_distinct(p);
    if (!rc) rc = make_map(p, o);
    if (!rc && p->n_distinct < p->map.n) {
        rc = ISG_FAIL(ISG_EDATA,
                      "%zu different point%s cannot determine %zu parameters; add runs, or --fix "
                      "or --tie parameters",
                      p->n_distinct, p->n_distinct > 1 ? "s" : "", p->map.n);
    }
    if (!rc) rc = make_scan(p, o);
    if (!rc && o->two_stages) rc = isg_stages_create(p, o, obs);
    if (rc) isg_problem_destroy(&p);
    *out = p;
    return rc;
}

void isg_problem_destroy(isg_problem **problem)
{
    isg_problem *p = *problem;
    if (!p) return;
    isg_scan_destroy(&p->scan);
    isg_problem_destroy(&p->first);
    free(p->first_row);
    free(p->memory);
    free(p->loss);
    free(p->distinct);
    free(p);
    *problem = NULL;
}

/* ---- questions --------------------------------------------------------------- */

const isg_law *isg_problem_law(const isg_problem *p)
{
    return p->law;
}

size_t isg_problem_rows(const isg_problem *p)
{
    return p->rows.n;
}

size_t isg_problem_free_params(const isg_problem *p)
{
    return p->map.n + (p->first ? p->first->map.n : 0);
}

size_t isg_problem_first_rows(const isg_problem *p)
{
    return p->first ? p->first->rows.n : 0;
}

bool isg_problem_is_first(const isg_problem *p, size_t param)
{
    return p->first && param < p->law->n_first;
}

size_t isg_problem_distinct_rows(const isg_problem *p)
{
    return p->n_distinct;
}

const size_t *isg_problem_distinct(const isg_problem *p)
{
    return p->distinct;
}

void isg_problem_natural(const isg_problem *p, const double *theta, double *natural)
{
    double raw[ISG_LAW_PARAMS];
    memcpy(raw, theta, p->law->n_params * sizeof *raw);
    p->law->shift(p->law, raw, p->centre);
    for (size_t i = 0; i < p->law->n_params; i++) {
        const bool zero = isg_law_can_be_zero(p->law, i) && raw[i] < ISG_LOG_ZERO + 0.5;
        natural[i] = zero ? 0 : p->law->params[i].log ? isg_exp(raw[i]) : raw[i];
    }
}

bool isg_problem_at_bound(const isg_problem *p, const double *theta, size_t param)
{
    if (isg_problem_is_first(p, param)) return isg_problem_at_bound(p->first, theta, param);
    for (size_t j = 0; j < p->map.n; j++) {
        if (p->map.owner[j] != param) continue;
        return theta[param] <= p->map.lo[j] + 1e-9 || theta[param] >= p->map.hi[j] - 1e-9;
    }
    return false;
}

/* Number of the free parameter that `param` is equal to; n if there is none. */
static size_t equal_to(const isg_map *m, size_t param)
{
    size_t found = m->n;

    if (fabs(m->c[param]) > 0) return m->n;
    for (size_t j = 0; j < m->n; j++) {
        double t = m->t[param][j];
        if (!(fabs(t) > 0)) continue;
        if (found < m->n || t < 1 || t > 1) return m->n;
        found = j;
    }
    return found;
}

bool isg_problem_bounds(const isg_problem *p, size_t param, double *lo, double *hi)
{
    if (isg_problem_is_first(p, param)) return isg_problem_bounds(p->first, param, lo, hi);
    size_t j = equal_to(&p->map, param);

    if (j == p->map.n) return false;
    if (lo) *lo = p->map.lo[j];
    if (hi) *hi = p->map.hi[j];
    return true;
}

int isg_problem_bound_side(const isg_problem *p, const double *theta, size_t param)
{
    double lo, hi;

    if (!isg_problem_bounds(p, param, &lo, &hi)) return 0;
    return theta[param] <= lo + 1e-9 ? -1 : theta[param] >= hi - 1e-9;
}
