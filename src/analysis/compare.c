#include "isogloss/compare.h"

#include "isogloss/boot.h"
#include "isogloss/rng.h"
#include "order.h"
#include "subset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *isg_verdict_name(isg_verdict verdict)
{
    static const char *const names[] = {"none", "undecided", "better", "worse"};
    return names[verdict];
}

/* ---- one fold ------------------------------------------------------------------------------ */

static isg_err fit_rest(const isg_rival *rival, const unsigned char *held, double *natural)
{
    const isg_law *law = rival->fit.law;
    isg_problem *problem = NULL;
    isg_workspace *w = NULL;
    isg_fit fit;
    isg_subset rest;
    isg_err rc = isg_subset_take(&rival->obs, law->n_vars, held, NULL, &rest);

    if (!rc) rc = isg_problem_create(&rival->fit, &rest.obs, &problem);
    if (!rc) rc = isg_workspace_create(problem, &w);
    if (!rc) rc = isg_fit_full(problem, w, &fit);
    if (!rc && !fit.converged)
        rc = ISG_FAIL(ISG_EDATA, "the fit of %s to %zu rows did not converge", rival->name,
                      rest.obs.n);
    if (!rc) memcpy(natural, fit.natural, law->n_params * sizeof *natural);
    isg_workspace_destroy(&w);
    isg_problem_destroy(&problem);
    isg_subset_clear(&rest);
    return rc;
}

isg_err isg_holdout(const isg_rival *rival, const unsigned char *held, double *error,
                    double *natural)
{
    const isg_law *law = rival->fit.law;
    double p[ISG_LAW_PARAMS], x[ISG_LAW_VARS];

    for (size_t i = 0; i < rival->obs.n; i++) error[i] = NAN;
    if (rival->given)
        memcpy(p, rival->given, law->n_params * sizeof *p);
    else
        ISG_TRY(fit_rest(rival, held, p));
    for (size_t i = 0; i < rival->obs.n; i++) {
        if (!held[i]) continue;
        for (size_t k = 0; k < law->n_vars; k++) x[k] = rival->obs.var[k][i];
        error[i] = isg_ln(rival->obs.loss[i]) - isg_ln(isg_law_loss(law, p, x));
    }
    if (natural) memcpy(natural, p, law->n_params * sizeof *p);
    return ISG_OK;
}

/* ---- scores ---------------------------------------------------------------------------------- */

static double training_mean(const isg_obs *obs, const unsigned char *held)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < obs->n; i++) {
        if (held[i]) continue;
        sum += isg_ln(obs->loss[i]);
        n++;
    }
    return n ? sum / (double)n : 0;
}

/* @param seen  [rows + clusters] zeroed scratch */
static void count_different(const double *error, const isg_split *split,
                            const isg_compare_options *o, unsigned char *seen, isg_score *out)
{
    for (size_t f = 0; f < split->n_folds; f++) {
        for (size_t i = 0; i < split->n_rows; i++) {
            unsigned char *row = seen + i, *run = seen + split->n_rows + o->cluster[i];
            if (isnan(error[f * split->n_rows + i])) continue;
            out->rows += !*row;
            out->runs += !*run;
            *row = *run = 1;
        }
    }
}

static void score(const isg_obs *obs, const double *error, const isg_split *split, isg_score *out)
{
    const size_t n = split->n_rows;
    double mean = 0, bias = 0, squares = 0, own = 0, training = 0;

    for (size_t k = 0; k < split->n_folds * n; k++) {
        if (isnan(error[k])) continue;
        mean += isg_ln(obs->loss[k % n]);
        bias += error[k];
        squares += error[k] * error[k];
        out->scored++;
    }
    mean /= (double)out->scored;
    for (size_t f = 0; f < split->n_folds; f++) {
        double other = training_mean(obs, split->held + f * n);
        for (size_t i = 0; i < n; i++) {
            if (isnan(error[f * n + i])) continue;
            double y = isg_ln(obs->loss[i]);
            own += (y - mean) * (y - mean);
            training += (y - other) * (y - other);
        }
    }
    out->r2 = 1 - squares / own;
    out->r2_training = 1 - squares / training;
    out->rmse = sqrt(squares / (double)out->scored);
    out->bias = bias / (double)out->scored;
}

/* ---- differences ------------------------------------------------------------------------------- */

/* Sums over a cluster of what both laws predict. */
typedef struct paired_sum {
    double difference, n;
} paired_sum;

static void verdict(isg_paired *p)
{
    p->verdict = p->lo > 0   ? ISG_VERDICT_WORSE
                 : p->hi < 0 ? ISG_VERDICT_BETTER
                             : ISG_VERDICT_UNDECIDED;
}

/* Resample the `m` clusters that hold rows. @param value  [replicates] scratch */
static void resample(const paired_sum *sum, size_t m, const isg_compare_options *o, double *value,
                     isg_paired *out)
{
    double mean = 0, squares = 0;

    for (size_t b = 0; b < o->replicates; b++) {
        isg_rng r;
        double difference = 0, n = 0;
        isg_rng_at(&r, o->seed, ISG_RNG_HOLDOUT, b);
        for (size_t k = 0; k < m; k++) {
            const paired_sum *one = &sum[isg_rng_below(&r, m)];
            difference += one->difference;
            n += one->n;
        }
        value[b] = difference / n;
        mean += value[b];
    }
    mean /= (double)o->replicates;
    for (size_t b = 0; b < o->replicates; b++) squares += (value[b] - mean) * (value[b] - mean);
    out->se = sqrt(squares / (double)(o->replicates - 1));
    qsort(value, o->replicates, sizeof *value, isg_by_value);
    out->lo = isg_quantile(value, o->replicates, 0.5 * (1 - o->level));
    out->hi = isg_quantile(value, o->replicates, 0.5 * (1 + o->level));
}

static isg_err pair(const double *first, const double *other, const isg_split *split,
                    const isg_compare_options *o, isg_paired *out)
{
    paired_sum *sum = calloc(o->n_clusters + 1, sizeof *sum);
    double *value = malloc((o->replicates + 1) * sizeof *value);
    double total = 0;
    size_t m = 0;

    for (size_t k = 0; sum && k < split->n_folds * split->n_rows; k++) {
        paired_sum *to = &sum[o->cluster[k % split->n_rows]];
        if (isnan(first[k]) || isnan(other[k])) continue;
        to->difference += other[k] * other[k] - first[k] * first[k];
        to->n += 1;
        out->rows++;
    }
    for (size_t k = 0; sum && k < o->n_clusters; k++) {
        total += sum[k].difference;
        if (sum[k].n > 0) sum[m++] = sum[k];
    }
    out->clusters = m;
    out->difference = out->rows ? total / (double)out->rows : 0;
    if (sum && value && m >= ISG_COMPARE_MIN_CLUSTERS && o->replicates > 1) {
        resample(sum, m, o, value, out);
        verdict(out);
    }
    isg_err rc = sum && value ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a comparison");
    free(sum);
    free(value);
    return rc;
}

/* ---- all of it ------------------------------------------------------------------------------------ */

static isg_err run_folds(const isg_rival *rival, const isg_split *split, double *error,
                         isg_score *out)
{
    for (size_t f = 0; f < split->n_folds; f++) {
        isg_err rc =
            isg_holdout(rival, split->held + f * split->n_rows, error + f * split->n_rows, NULL);
        out->folds++;
        if (rc == ISG_ENOMEM) return rc;
        if (rc == ISG_EUSAGE) return isg_err_context(rc, "%s", rival->name);
        if (rc && !out->failed) (void)snprintf(out->why, sizeof out->why, "%s", isg_err_message());
        out->failed += rc != ISG_OK;
        isg_err_clear();
    }
    return ISG_OK;
}

static isg_err compare(const isg_rival *rivals, const isg_split *split,
                       const isg_compare_options *o, isg_comparison *c)
{
    const size_t cells = split->n_folds * split->n_rows, flags = split->n_rows + o->n_clusters;
    unsigned char *seen = malloc(flags + 1);
    isg_err rc = seen ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a comparison");

    for (size_t k = 0; !rc && k < c->n_rivals; k++) {
        double *error = c->error + k * cells;
        rc = run_folds(&rivals[k], split, error, &c->score[k]);
        memset(seen, 0, flags);
        count_different(error, split, o, seen, &c->score[k]);
        if (c->score[k].rows) score(&rivals[k].obs, error, split, &c->score[k]);
        if (!rc && k) rc = pair(c->error, error, split, o, &c->paired[k]);
    }
    free(seen);
    return rc;
}

isg_err isg_compare(const isg_rival *rivals, size_t n, const isg_split *split,
                    const isg_compare_options *options, isg_comparison **out)
{
    isg_comparison *c = calloc(1, sizeof *c);
    isg_err rc = ISG_OK;

    *out = NULL;
    if (!c) return ISG_FAIL(ISG_ENOMEM, "no memory for a comparison");
    c->n_rivals = n;
    c->score = calloc(n, sizeof *c->score);
    c->paired = calloc(n, sizeof *c->paired);
    c->error = malloc((n * split->n_folds * split->n_rows + 1) * sizeof *c->error);
    if (!c->score || !c->paired || !c->error)
        rc = ISG_FAIL(ISG_ENOMEM, "no memory for a comparison of %zu laws", n);
    if (!rc) rc = compare(rivals, split, options, c);
    if (rc) isg_comparison_destroy(&c);
    *out = c;
    return rc;
}

void isg_comparison_destroy(isg_comparison **comparison)
{
    isg_comparison *c = *comparison;
    if (!c) return;
    free(c->score);
    free(c->paired);
    free(c->error);
    free(c);
    *comparison = NULL;
}
