#ifndef ISG_ANALYSIS_PROBLEM_H
#define ISG_ANALYSIS_PROBLEM_H

#include "isogloss/fit.h"
#include "scan.h"

/**
 * theta = T q + c: the free parameters q and what --fix and --tie make of them.
 * Affine because a fixed A of the formula is a line in centred (a, alpha).
 */
typedef struct isg_map {
    size_t n;                     /**< free parameters */
    size_t owner[ISG_LAW_PARAMS]; /**< [n] index of the parameter that q_j is */
    bool identity;
    double t[ISG_LAW_PARAMS][ISG_LAW_PARAMS]; /**< [n_params][n] */
    double c[ISG_LAW_PARAMS];
    double lo[ISG_LAW_PARAMS], hi[ISG_LAW_PARAMS]; /**< [n] */
} isg_map;

struct isg_problem {
    const isg_law *law;
    const isg_kernel *kernel;
    isg_objective objective;
    double delta; /* 0: from residuals */
    size_t cold_starts;
    isg_rows rows;  /* weights 1 */
    double *memory; /* of rows */
    double *loss;   /* [n] */
    double centre[ISG_LAW_VARS];
    double log_loss_min;
    isg_map map;
    isg_scan_data scan_data; /* how to make a scan; theta is filled in by whoever makes it */
    isg_scan *scan;          /* of laws without further parameters; NULL for others */
    size_t *distinct;        /* [n] number of the row's tuple of variables */
    size_t n_distinct;
    /* Two stages: the problem of the first; here its parameters have empty rows in the map and
     * stand in theta as they were found there. NULL: one stage. */
    struct isg_problem *first;
    size_t *first_row; /* [first->rows.n] */
};

/** Parameter that the first of two stages determines. */
bool isg_problem_is_first(const isg_problem *problem, size_t param);

/** The first stage's problem (stages.c). */
isg_err isg_stages_create(isg_problem *problem, const isg_fit_options *options, const isg_obs *obs);
/** Weights of its rows [first->rows.n] from those of all. */
void isg_stages_weights(const isg_problem *problem, const double *weights, double *out);
/** What the first stage says of its own parameters, into the fit of the second. */
void isg_stages_merge(const isg_problem *problem, const isg_fit *first, isg_fit *out);

/** theta [n_params] of q [n], and the q of a theta that may miss the constraints. */
void isg_map_theta(const isg_problem *problem, const double *q, double *theta);
void isg_map_q(const isg_problem *problem, const double *theta, double *q);

/** Is a law's start found by a scan that is made at given further parameters? */
bool isg_problem_scans_at(const isg_problem *problem);
/** That scan, at the further parameters of `theta`. */
isg_err isg_problem_scan_at(const isg_problem *problem, const double *theta, isg_scan **out);

/** Condition number and identified[] of the fit's theta. */
isg_err isg_identify(const isg_problem *problem, isg_fit *fit);

#endif
