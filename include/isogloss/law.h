#ifndef ISOGLOSS_LAW_H
#define ISOGLOSS_LAW_H

/**
 * Laws: the loss L as a function of model size N, data size D and more. Each
 * law is one const entry; everything else in fit.h and boot.h is the same for
 * all of them.
 *
 * A law is computed on internal parameters theta: positive parameters (E, A, B)
 * enter as their natural logs, exponents (alpha, beta) as they are. Its
 * variables x are natural logs, amounts or plain numbers (isg_var_kind). Moving
 * the origin of x to the middle of the data makes the problem well conditioned;
 * shift() says what that does to theta.
 */

#include "isogloss/err.h"

#include <stdbool.h>
#include <stddef.h>

/** Most of a law. */
enum { ISG_LAW_PARAMS = 24, ISG_LAW_VARS = 24, ISG_LAW_DERIVED = 12 };

/**
 * One parameter. Bounds and the box of cold starts are of theta, with x centred;
 * for the log of a loss they are relative to the log of the least loss.
 */
typedef struct isg_law_param {
    const char *name; /**< as printed and as written in --fix */
    bool log;         /**< theta is its natural log */
    double lo, hi;
    double start_lo, start_hi;
    const char *meaning; /**< with unit */
    bool free_scale;     /**< a log whose bounds are not relative to the least loss */
} isg_law_param;

typedef enum isg_var_kind {
    ISG_VAR_LOG,    /**< x = ln value - centre, the mean of the logs; value > 0 */
    ISG_VAR_AMOUNT, /**< x = value / exp(centre of `scale`), for what is added up; value >= 0 */
    ISG_VAR_PLAIN   /**< x = value */
} isg_var_kind;

typedef struct isg_law_var {
    const char *name; /**< "N", "D": as written after --var */
    isg_var_kind kind;
    size_t scale;        /**< amounts: the variable (itself or an earlier one) in whose mean
                              size, exp of the mean log of its positive values, it is measured */
    const char *meaning; /**< with unit */
    /** Where its values come from unless the user says: column names or expressions over
     * columns (isogloss/expr.h), ended by NULL; the first whose columns are there. "{target}"
     * is the target's name, "{N}" and "{D}" are the columns of --n and --d. NULL: N and D
     * themselves. */
    const char *const *from;
    bool optional; /**< zero where none of them is there */
} isg_law_var;

typedef struct isg_law isg_law;

/** A number that follows from the parameters. */
typedef struct isg_law_derived {
    const char *name, *meaning;
    double (*value)(const isg_law *law,
                    const double *natural); /**< natural parameters [n_params] */
} isg_law_derived;

struct isg_kernel;
struct isg_rows;

/** Sum over rows of the loss function, its gradient [p] and Hessian [p][p] (src/analysis/kernel.h). */
typedef double (*isg_law_eval)(const isg_law *law, const struct isg_rows *rows, const double *theta,
                               double delta, double *gradient, double *hessian);

/**
 * The chinchilla law that is left of a law when its further parameters are held: for
 * each row L = exp(whole) [exp(on_n) A/n^alpha + exp(on_d) B/d^beta + E].
 */
typedef struct isg_law_view {
    double n, d;              /**< centred logs of the effective size and data */
    double on_n, on_d, whole; /**< logs of factors */
} isg_law_view;

/** A budget at which the best size is asked for. */
typedef struct isg_law_budget {
    double flops;      /**< C [flop], = 6 N D */
    const double *var; /**< [n_vars] natural values of the variables other than N and D */
} isg_law_budget;

struct isg_law {
    const char *name;    /**< as written after --law */
    const char *formula; /**< one line of at most 70 characters */
    const char *where;   /**< what its further symbols are, in lines, or NULL */
    const char *summary; /**< one line */
    const char *source;  /**< paper and equation */
    const char *example; /**< options of a fit */
    const isg_law_param *params;
    size_t n_params;
    const isg_law_var *vars;
    size_t n_vars;
    const isg_law_derived *derived;
    size_t n_derived;
    bool mixtures; /**< fitted to runs of several languages, not only those of the target alone */
    /** ln L at x [n_vars]; @param gradient [n_params] by theta, or NULL */
    double (*log_loss)(const isg_law *law, const double *theta, const double *x, double *gradient);
    /** Rewrite theta for an origin of x that is `by` [n_vars] lower (of amounts: whose unit is
     * exp(by) smaller). Linear in theta. */
    void (*shift)(const isg_law *law, double *theta, const double *by);
    /** The objective in vector lanes. @param squared  squares of L - L_pred instead of Huber of
     * their logs
     *  @param order 0 value, 1 and gradient, 2 and Hessian */
    isg_law_eval (*eval)(const struct isg_kernel *kernel, bool squared, int order);
    /**
     * Starts from a scan of the chinchilla law inside: parameters 0..4 are A, B, E, alpha,
     * beta; of a law with four, the fourth is both exponents. NULL: cold starts only.
     */
    void (*view)(const isg_law *law, const double *theta, const double *x, isg_law_view *out);
    /** Values of the parameters after the fifth at which the scan of the full fit is made, number
     * k of them. @return false if there are no more. NULL where there are no further parameters */
    bool (*setting)(const isg_law *law, size_t k, double *theta);
    /** Laws that may be fitted in two stages: the first `n_first` parameters from the rows for
     * which first_row() holds, the others being held at first_theta [n_params - n_first]; then
     * those others from all rows. `shift` moves none of the parameters of one stage by the
     * other's. n_first 0: no stages */
    size_t n_first;
    bool (*first_row)(const isg_law *law, const double *var); /**< natural variables [n_vars] */
    const double *first_theta;
    const char *first_rule; /**< what first_row() says, in words */
    /** Is a row of the first stage one that first_theta does not describe? NULL: never */
    bool (*first_doubt)(const isg_law *law, const double *natural, const double *var);
    const char *doubt; /**< what it says, in words that follow a number of rows */
    /** N and D of least loss at C = 6 N D. @return false: none. NULL: the law has no such question */
    bool (*optimum)(const isg_law *law, const double *natural, const isg_law_budget *budget,
                    double *n, double *d);
    /** A and B say more than how large their terms are: neither can be 0. */
    bool no_zero_terms;
    /** Does a guard of the law stand in for its prediction at x, as where effective data would be
     * negative? NULL: it has none */
    bool (*guarded)(const isg_law *law, const double *theta, const double *x);
    /** What a law made for its data carries (sources, terms), or NULL. */
    const void *config;
};

/** All laws, ended by NULL. */
extern const isg_law *const isg_laws[];

/** @return ISG_OK or ISG_EUSAGE with the names and the nearest one */
isg_err isg_law_find(const char *name, const isg_law **out);

/** Index of a parameter or ISG_EUSAGE naming them all. */
isg_err isg_law_param_find(const isg_law *law, const char *name, size_t *out);

/** Index of a variable or ISG_EUSAGE naming them all. */
isg_err isg_law_var_find(const isg_law *law, const char *name, size_t *out);

/** What stands for the log of 0 in theta: a term that is not there. */
#define ISG_LOG_ZERO (-690.0)

/** Can this parameter be held at 0, which leaves its term out? */
bool isg_law_can_be_zero(const isg_law *law, size_t param);

/** The parameter that adds to the loss as it is, so that a shifted loss has it shifted: E of the laws
 * L = E + ...; n_params: none. */
size_t isg_law_offset_param(const isg_law *law);

/** Natural L of natural parameters [n_params] at natural variables [n_vars]. */
double isg_law_loss(const isg_law *law, const double *natural, const double *var);

/**
 * exp and log of the analysis: the same bits on every machine, unlike those of
 * a C library that picks a variant by CPU. Relative error below 5e-16.
 * isg_ln is for positive normal numbers.
 */
double isg_exp(double x);
double isg_ln(double x);

#endif
