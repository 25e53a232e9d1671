#ifndef ISOGLOSS_FIT_H
#define ISOGLOSS_FIT_H

/**
 * Fitting a law: type (isg_law), problem (data, objective and constraints;
 * read-only once made, shared by threads) and workspace (one per thread).
 *
 * The objective is a SUM over rows, never a mean. The same data give the same
 * bits on every instruction set and any number of ranks.
 */

#include "isogloss/law.h"

#include <stdint.h>

/** Observations: natural units, everything finite and positive. Borrowed. */
typedef struct isg_obs {
    size_t n;
    const double *var[ISG_LAW_VARS]; /**< [n] each: N [parameter], D [token], ... as law->vars */
    const double *loss;              /**< [n] */
} isg_obs;

typedef enum isg_objective {
    ISG_HUBER,  /**< Huber loss of ln L - ln L_pred, delta [ln loss] */
    ISG_LAD,    /**< least absolute deviations of ln L (the limit of small delta) */
    ISG_LSQ,    /**< squares of L - L_pred, not of logs */
    ISG_LOG_LSQ /**< squares of ln L - ln L_pred */
} isg_objective;

const char *isg_objective_name(isg_objective objective);

typedef struct isg_constraint {
    size_t param; /**< index into law->params: this one is not free */
    bool tied;    /**< equal to `other`, else fixed at `value` */
    size_t other;
    double value; /**< natural */
} isg_constraint;

typedef struct isg_problem isg_problem;

typedef struct isg_fit_options {
    const isg_law *law;
    isg_objective objective;
    double delta; /**< for ISG_HUBER [ln loss]; 0: 1.345 robust sd of the full fit's residuals */
    size_t cold_starts; /**< quasi-random starts of the full fit besides the scan's */
    const isg_constraint *constraints; /**< [n_constraints], borrowed for the call */
    size_t n_constraints;
    const char *numerics;      /**< NULL: the best here. All give the same bits. */
    const isg_problem *origin; /**< NULL, or centre and bounds are those of this problem of the
                                    same law: theta means the same in both */
    bool two_stages; /**< as isg_law.n_first says; every refit makes both on the same resample */
} isg_fit_options;

/** chinchilla, huber with delta from the data, 64 cold starts, nothing fixed. */
isg_fit_options isg_fit_defaults(void);

typedef struct isg_workspace isg_workspace;

/**
 * Copy the observations and prepare scan table, bounds and constraints.
 * @return ISG_OK; ISG_EUSAGE for constraints that contradict each other; ISG_EDATA
 * when there are fewer different rows than free parameters, in either stage; ISG_ENOMEM.
 */
isg_err isg_problem_create(const isg_fit_options *options, const isg_obs *obs, isg_problem **out);
void isg_problem_destroy(isg_problem **problem);

const isg_law *isg_problem_law(const isg_problem *problem);
size_t isg_problem_rows(const isg_problem *problem);
size_t isg_problem_free_params(const isg_problem *problem); /**< of both stages */
size_t isg_problem_first_rows(const isg_problem *problem);  /**< of the first stage; 0: one stage */
/** Rows of the first stage that it does not describe (isg_law.first_doubt) at these parameters.
 * @param obs  those of isg_problem_create() */
size_t isg_problem_first_doubts(const isg_problem *problem, const isg_obs *obs,
                                const double *natural);
size_t isg_problem_distinct_rows(const isg_problem *problem); /**< different in their variables */
/** [rows] number of the row's tuple of variables, below isg_problem_distinct_rows(). Borrowed. */
const size_t *isg_problem_distinct(const isg_problem *problem);

isg_err isg_workspace_create(const isg_problem *problem, isg_workspace **out);
void isg_workspace_destroy(isg_workspace **workspace);

enum { ISG_FIT_FAR = 5 };

/** The fit to all rows. */
typedef struct isg_fit {
    double theta[ISG_LAW_PARAMS];   /**< internal, x centred: what refits start from */
    double natural[ISG_LAW_PARAMS]; /**< as in the formula */
    bool free[ISG_LAW_PARAMS];      /**< neither fixed nor tied to another */
    bool at_bound[ISG_LAW_PARAMS];
    bool identified[ISG_LAW_PARAMS]; /**< false: the data do not determine it (or what it follows
                                        from) */
    bool no_effect[ISG_LAW_PARAMS];  /**< no loss depends on it */
    size_t n_null; /**< directions in which parameters can go without a change of any loss */
    double null_direction[ISG_LAW_PARAMS]; /**< if there is one: in the parameters of the formula,
                                              logs of those that have one; longest component 1 */
    bool converged;
    size_t guarded;         /**< rows that a guard of the law holds, not its formula */
    double objective;       /**< the sum: of Huber losses, of |r|, or of squares */
    double delta;           /**< as used in objective and refits [ln loss]; infinite for squares */
    double robust_sd;       /**< 1.4826 median |r - median r| of r = ln L - ln L_pred */
    double rms;             /**< root mean square of r */
    double gradient_norm;   /**< of the objective by the free internal parameters */
    double condition;       /**< of the column-scaled Jacobian of ln L_pred */
    size_t starts, at_best; /**< tried; ended within 1e-6 of the best objective, or met one that did
                               where their first, widest stage ended */
    bool has_runner_up;     /**< some start ended elsewhere */
    double runner_up;       /**< best objective among those */
    double first_delta; /**< delta of the first of two stages; the numbers above are the second's */
    /** Another optimum that fits as well, or nearly: deviance under 3.84 */
    bool has_alternative;
    double alternative[ISG_LAW_PARAMS]; /**< natural parameters there */
    double alternative_deviance;        /**< chi2 of one degree if errors are independent */
    size_t n_far;                       /**< rows more than ten robust sd off */
    size_t far[ISG_FIT_FAR];            /**< the first of them */
} isg_fit;

isg_err isg_fit_full(const isg_problem *problem, isg_workspace *workspace, isg_fit *out);

/** A fit to reweighted rows. */
typedef struct isg_refit {
    double theta[ISG_LAW_PARAMS]; /**< internal, x centred */
    double objective;             /**< kernel scale: comparable between refits of equal weights */
    bool converged;
    size_t evaluations;
} isg_refit;

typedef enum isg_refit_start {
    ISG_START_WARM = 1, /**< the full fit */
    ISG_START_SCAN = 2, /**< the best cell of an own scan, when the law has one */
    ISG_START_BOTH = 3  /**< the better end of the two */
} isg_refit_start;

typedef struct isg_refit_options {
    isg_refit_start start;
    size_t cold_starts; /**< of these quasi-random ones besides; the best end counts */
} isg_refit_options;

/**
 * @param weights  [rows] >= 0
 * @return ISG_OK, whatever became of the descent; ISG_ENOMEM
 */
isg_err isg_fit_refit(const isg_problem *problem, isg_workspace *workspace, const isg_fit *full,
                      const double *weights, const isg_refit_options *options, isg_refit *out);

/** One descent from a given centred theta at the objective of `full`; for tests and studies. */
void isg_fit_from(const isg_problem *problem, isg_workspace *workspace, const isg_fit *full,
                  const double *weights, const double *theta, isg_refit *out);

/** Natural parameters [n_params] of a centred theta. */
void isg_problem_natural(const isg_problem *problem, const double *theta, double *natural);

/** Is a free parameter of this centred theta at one of its bounds? False for the others. */
bool isg_problem_at_bound(const isg_problem *problem, const double *theta, size_t param);

/** Of a free parameter, or one tied to it: -1 at its lower bound, 1 at its upper one, else 0. */
int isg_problem_bound_side(const isg_problem *problem, const double *theta, size_t param);

/** Bounds of its centred theta. @param lo, hi  NULL: not wanted. @return false if it has none */
bool isg_problem_bounds(const isg_problem *problem, size_t param, double *lo, double *hi);

#endif
