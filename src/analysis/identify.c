/* What the data determine: singular values of the column-scaled Jacobian of
 * ln L_pred by the free parameters. A column that is (nearly) zero names its
 * parameter; a singular value below 1e-6 of the largest names those that its
 * null vector mixes. Short of that, a parameter beyond the five of chinchilla is not
 * determined either when a 95 % interval from the other directions is wider than all
 * that it could reasonably be, the box of its starts: where mixtures hardly vary, taus
 * run off together and no singular value is quite zero. */

#include "problem.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <string.h>

static const double ZERO_COLUMN = 1e-5; /* root mean square change of ln L per unit of theta */
static const double RANK_TOLERANCE = 1e-6, MIXED = 0.1;

enum { CHINCHILLA = 5 };

typedef struct columns {
    size_t n;
    size_t q[ISG_LAW_PARAMS];      /* which free parameter */
    double length[ISG_LAW_PARAMS]; /* of its column */
} columns;

/* d ln L_pred / dq of every row. */
static void fill_jacobian(const isg_problem *p, const double *theta, gsl_matrix *j)
{
    for (size_t i = 0; i < p->rows.n; i++) {
        double x[ISG_LAW_VARS], g[ISG_LAW_PARAMS];
        for (size_t k = 0; k < p->law->n_vars; k++) x[k] = p->rows.x[k][i];
        (void)p->law->log_loss(p->law, theta, x, g);
        for (size_t c = 0; c < p->map.n; c++) {
            double sum = 0;
            for (size_t k = 0; k < p->law->n_params; k++) sum += p->map.t[k][c] * g[k];
            gsl_matrix_set(j, i, c, sum);
        }
    }
}

/* Scale the columns to length 1; those of length zero are not identified, those at a bound stay
 * where they are. */
static columns scale_columns(const isg_problem *p, isg_fit *fit, gsl_matrix *j, bool *known)
{
    columns used = {0};
    for (size_t c = 0; c < p->map.n; c++) {
        double length = 0;
        for (size_t i = 0; i < p->rows.n; i++)
            length += gsl_matrix_get(j, i, c) * gsl_matrix_get(j, i, c);
        length = sqrt(length);
        size_t owner = p->map.owner[c];
        const isg_law_param *param = &p->law->params[owner];
        /* a term that is not there: known (a rate without effect may have run to a bound, too) */
        bool vanished = fit->at_bound[owner] && param->log && !param->free_scale;
        known[c] = vanished || length > ZERO_COLUMN * sqrt((double)p->rows.n);
        fit->no_effect[owner] = !known[c];
        fit->n_null += !known[c];
        /* a bound of what may be negative is only there to stop it */
        const bool held = fit->at_bound[owner] && (owner < CHINCHILLA || p->law->params[owner].log);
        if (!known[c] || held) continue;
        for (size_t i = 0; i < p->rows.n; i++) {
            gsl_matrix_set(j, i, used.n, gsl_matrix_get(j, i, c) / length);
        }
        used.length[used.n] = length;
        used.q[used.n++] = c;
    }
    return used;
}

/* A direction in the free parameters, as one in the formula's. */
static void set_direction(const isg_problem *p, const double *q, isg_fit *fit)
{
    double longest = 0;

    for (size_t k = 0; k < p->law->n_params; k++) {
        fit->null_direction[k] = 0;
        for (size_t c = 0; c < p->map.n; c++) fit->null_direction[k] += p->map.t[k][c] * q[c];
    }
    p->law->shift(p->law, fit->null_direction, p->centre);
    for (size_t k = 0; k < p->law->n_params; k++)
        longest = fmax(longest, fabs(fit->null_direction[k]));
    for (size_t k = 0; k < p->law->n_params && longest > 0; k++) fit->null_direction[k] /= longest;
}

/* Is the standard error of column c, with residuals as they are, wider than the parameter's box? */
static bool undetermined(const isg_problem *p, const isg_fit *fit, const gsl_matrix *v,
                         const gsl_vector *s, const columns *used, size_t c)
{
    const isg_law_param *param = &p->law->params[p->map.owner[used->q[c]]];
    double sum = 0;

    if (p->map.owner[used->q[c]] < CHINCHILLA) return false;
    for (size_t k = 0; k < used->n; k++) {
        if (gsl_vector_get(s, k) < RANK_TOLERANCE * gsl_vector_get(s, 0)) continue;
        const double u = gsl_matrix_get(v, c, k) / gsl_vector_get(s, k);
        sum += u * u;
    }
    const double degrees = (double)(p->rows.n > used->n ? p->rows.n - used->n : 1);
    const double sd = fit->rms * sqrt((double)p->rows.n / degrees);
    return 2 * 1.96 * sd * sqrt(sum) / used->length[c] > param->start_hi - param->start_lo;
}

static isg_err singular_values(const isg_problem *p, gsl_matrix *j, const columns *used,
                               isg_fit *fit, bool *known)
{
    isg_err rc = ISG_OK;
    gsl_matrix_view a = gsl_matrix_submatrix(j, 0, 0, j->size1, used->n);
    gsl_matrix *v = gsl_matrix_alloc(used->n, used->n);
    gsl_vector *s = gsl_vector_alloc(used->n);
    int status = v && s ? gsl_linalg_SV_decomp_jacobi(&a.matrix, v, s) : GSL_ENOMEM;

    if (status) {
        rc = ISG_FAIL(ISG_EFAIL, "gsl_linalg_SV_decomp_jacobi: %s", gsl_strerror(status));
    } else {
        double most = gsl_vector_get(s, 0), least = gsl_vector_get(s, used->n - 1);
        fit->condition = least > 0 ? most / least : (double)INFINITY;
        for (size_t k = 0; k < used->n; k++) {
            double direction[ISG_LAW_PARAMS] = {0};
            if (gsl_vector_get(s, k) >= RANK_TOLERANCE * most) continue;
            for (size_t c = 0; c < used->n; c++) {
                if (fabs(gsl_matrix_get(v, c, k)) > MIXED) known[used->q[c]] = false;
                direction[used->q[c]] = gsl_matrix_get(v, c, k) / used->length[c];
            }
            fit->n_null++;
            set_direction(p, direction, fit);
        }
        for (size_t c = 0; c < used->n; c++)
            if (undetermined(p, fit, v, s, used, c)) known[used->q[c]] = false;
    }
    gsl_matrix_free(v);
    gsl_vector_free(s);
    return rc;
}

/* An uncentred parameter is known if everything it is made of is. */
static void spread(const isg_problem *p, const bool *known, isg_fit *fit)
{
    for (size_t k = 0; k < p->law->n_params; k++) fit->identified[k] = true;
    for (size_t c = 0; c < p->map.n; c++) {
        double direction[ISG_LAW_PARAMS];
        if (known[c]) continue;
        for (size_t k = 0; k < p->law->n_params; k++) direction[k] = p->map.t[k][c];
        p->law->shift(p->law, direction, p->centre);
        for (size_t k = 0; k < p->law->n_params; k++) {
            if (fabs(direction[k]) > 1e-9) fit->identified[k] = false;
        }
    }
}

isg_err isg_identify(const isg_problem *p, isg_fit *fit)
{
    bool known[ISG_LAW_PARAMS];
    isg_err rc = ISG_OK;
    /* The decomposition wants at least as many rows as columns; zero rows change nothing. */
    gsl_matrix *j = gsl_matrix_calloc(p->rows.n > p->map.n ? p->rows.n : p->map.n, p->map.n);

    if (!j) return ISG_FAIL(ISG_ENOMEM, "no memory for a Jacobian of %zu rows", p->rows.n);
    fit->n_null = 0;
    memset(fit->no_effect, 0, sizeof fit->no_effect);
    memset(fit->null_direction, 0, sizeof fit->null_direction);
    gsl_error_handler_t *aborting = gsl_set_error_handler_off();
    fill_jacobian(p, fit->theta, j);
    columns used = scale_columns(p, fit, j, known);
    fit->condition = 1;
    if (used.n) rc = singular_values(p, j, &used, fit, known);
    (void)gsl_set_error_handler(aborting);
    gsl_matrix_free(j);
    spread(p, known, fit);
    return rc;
}
