/* Two stages: some parameters from rows that say nothing of the others, then the others with those
 * held (isg_law.n_first). Every refit goes through both on one resample, so that intervals of the
 * second stage carry the uncertainty of the first. */

#include "problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static isg_err check_options(const isg_law *law, const isg_fit_options *o)
{
    if (!law->n_first)
        return ISG_FAIL(ISG_EUSAGE, "law %s is not fitted in stages; leave --stages out",
                        law->name);
    for (size_t k = 0; k < o->n_constraints; k++) {
        const isg_constraint *c = &o->constraints[k];
        if (!c->tied || (c->param < law->n_first) == (c->other < law->n_first)) continue;
        return ISG_FAIL(ISG_EUSAGE, "--tie %s=%s: the two are fitted in different stages",
                        law->params[c->param].name, law->params[c->other].name);
    }
    return ISG_OK;
}

/* The user's constraints of the first stage; the parameters of the second are held. */
static size_t constraints_of_first(const isg_law *law, const isg_fit_options *o,
                                   isg_constraint *out)
{
    size_t n = 0;

    for (size_t k = 0; k < o->n_constraints; k++)
        if (o->constraints[k].param < law->n_first) out[n++] = o->constraints[k];
    for (size_t k = law->n_first; k < law->n_params; k++) {
        const double theta = law->first_theta[k - law->n_first];
        out[n++] =
            (isg_constraint){.param = k, .value = law->params[k].log ? isg_exp(theta) : theta};
    }
    return n;
}

/* Rows of the first stage, in order. */
static size_t find_rows(const isg_law *law, const isg_obs *obs, size_t *row)
{
    size_t n = 0;

    for (size_t i = 0; i < obs->n; i++) {
        double var[ISG_LAW_VARS];
        for (size_t k = 0; k < law->n_vars; k++) var[k] = obs->var[k][i];
        if (law->first_row(law, var)) row[n++] = i;
    }
    return n;
}

static isg_err create_first(isg_problem *p, const isg_fit_options *o, const isg_obs *obs, size_t n,
                            double *memory)
{
    isg_constraint constraints[2 * ISG_LAW_PARAMS];
    isg_fit_options options = *o;
    isg_obs rows = {.n = n, .loss = memory};

    options.two_stages = false;
    options.origin = p;
    options.constraints = constraints;
    options.n_constraints = constraints_of_first(p->law, o, constraints);
    for (size_t i = 0; i < n; i++) memory[i] = obs->loss[p->first_row[i]];
    for (size_t k = 0; k < p->law->n_vars; k++) {
        double *to = memory + (k + 1) * n;
        for (size_t i = 0; i < n; i++) to[i] = obs->var[k][p->first_row[i]];
        rows.var[k] = to;
    }
    return isg_err_context(isg_problem_create(&options, &rows, &p->first),
                           "first stage (rows with %s)", p->law->first_rule);
}

isg_err isg_stages_create(isg_problem *p, const isg_fit_options *o, const isg_obs *obs)
{
    ISG_TRY(check_options(p->law, o));
    p->first_row = calloc(obs->n, sizeof *p->first_row);
    if (!p->first_row) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", obs->n);
    const size_t n = find_rows(p->law, obs, p->first_row);
    if (!n)
        return ISG_FAIL(ISG_EDATA, "no row has %s: there is nothing for the first stage",
                        p->law->first_rule);
    double *memory = calloc(n * (p->law->n_vars + 1), sizeof *memory);
    if (!memory) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", n);
    isg_err rc = create_first(p, o, obs, n, memory);
    free(memory);
    return rc;
}

void isg_stages_weights(const isg_problem *p, const double *weights, double *out)
{
    for (size_t i = 0; i < p->first->rows.n; i++) out[i] = weights[p->first_row[i]];
}

size_t isg_problem_first_doubts(const isg_problem *p, const isg_obs *obs, const double *natural)
{
    size_t n = 0;

    if (!p->first || !p->law->first_doubt) return 0;
    for (size_t i = 0; i < p->first->rows.n; i++) {
        double var[ISG_LAW_VARS];
        for (size_t k = 0; k < p->law->n_vars; k++) var[k] = obs->var[k][p->first_row[i]];
        n += p->law->first_doubt(p->law, natural, var);
    }
    return n;
}

void isg_stages_merge(const isg_problem *p, const isg_fit *first, isg_fit *out)
{
    for (size_t k = 0; k < p->law->n_first; k++) {
        out->free[k] = first->free[k];
        out->at_bound[k] = first->at_bound[k];
        out->identified[k] = first->identified[k];
        out->no_effect[k] = first->no_effect[k];
    }
    if (!out->n_null)
        memcpy(out->null_direction, first->null_direction, sizeof first->null_direction);
    out->n_null += first->n_null;
    out->first_delta = first->delta;
    out->converged = out->converged && first->converged;
    out->condition = fmax(out->condition, first->condition);
}
