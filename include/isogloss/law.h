#ifndef ISOGLOSS_LAW_H
#define ISOGLOSS_LAW_H

/**
 * Laws: the loss L as a function of model size N, data size D and more. Each
 * law is one const entry; everything else in fit.h and boot.h is the same for
 * all of them.
 *
 * A law is computed on internal parameters theta and on natural logs x of its
 * variables: positive parameters (E, A, B) enter as their logs, exponents
 * (alpha, beta) as they are. Moving the origin of x to the middle of the data
 * makes the problem well conditioned; shift() says what that does to theta.
 */

#include "isogloss/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { ISG_LAW_PARAMS = 16, ISG_LAW_VARS = 4 }; /**< most of a law */

/**
 * One parameter. Bounds and the box of cold starts are of theta, with x centred;
 * for a log parameter they are relative to the log of the least loss.
 */
typedef struct isg_law_param {
    const char *name; /**< as printed and as written in --fix */
    bool log;         /**< theta is its natural log */
    double lo, hi;
    double start_lo, start_hi;
    const char *meaning; /**< with unit */
} isg_law_param;

/** A number that follows from the parameters. */
typedef struct isg_law_derived {
    const char *name, *meaning;
    double (*value)(const double *natural); /**< of [n_params] natural parameters */
} isg_law_derived;

struct isg_kernel;
struct isg_rows;
struct isg_scan;
struct isg_scan_type;

/** Sum over rows of the loss function, its gradient [p] and Hessian [p][p] (src/analysis/kernel.h).
 */
typedef double (*isg_law_eval)(const struct isg_rows *rows, const double *theta, double delta,
                               double *gradient, double *hessian);

typedef struct isg_law {
    const char *name; /**< as written after --law */
    const char *formula;
    const char *summary; /**< one line */
    const isg_law_param *params;
    size_t n_params;
    const char *const *vars; /**< its variables: "N", "D" */
    size_t n_vars;
    const isg_law_derived *derived;
    size_t n_derived;
    /** ln L at x [n_vars]; @param gradient [n_params] by theta, or NULL */
    double (*log_loss)(const double *theta, const double *x, double *gradient);
    /** Rewrite theta for an origin of x that is `by` [n_vars] lower. Linear in theta. */
    void (*shift)(double *theta, const double *by);
    /** The objective in vector lanes. @param squared  squares of L - L_pred instead of Huber of
     * their logs
     *  @param order 0 value, 1 and gradient, 2 and Hessian */
    isg_law_eval (*eval)(const struct isg_kernel *kernel, bool squared, int order);
    const struct isg_scan_type *scan; /**< good starts from a grid, or NULL */
} isg_law;

/** All laws, ended by NULL. */
extern const isg_law *const isg_laws[];

/** @return ISG_OK or ISG_EUSAGE with the names and the nearest one */
isg_err isg_law_find(const char *name, const isg_law **out);

/** Index of a parameter or ISG_EUSAGE naming them all. */
isg_err isg_law_param_find(const isg_law *law, const char *name, size_t *out);

/**
 * exp and log of the analysis: the same bits on every machine, unlike those of
 * a C library that picks a variant by CPU. Relative error below 5e-16.
 * isg_ln is for positive normal numbers.
 */
double isg_exp(double x);
double isg_ln(double x);

#endif
