#ifndef ISG_ANALYSIS_KERNEL_H
#define ISG_ANALYSIS_KERNEL_H

/**
 * What is computed in vector lanes. One source (kernel.inc) is compiled per
 * instruction set with 2, 4 or 8 physical lanes; the logical lanes are always 8
 * and are added in one fixed tree, so that every variant gives the same bits.
 */

#include "isogloss/law.h"

enum { ISG_LANES = 8, ISG_KERNELS = 3 };

/** Laws with a row function (rows_NAME.inc). */
typedef enum isg_rows_law {
    ISG_ROWS_CURSE,
    ISG_ROWS_MSL,
    ISG_ROWS_GADRE,
    ISG_ROWS_ATLAS,
    ISG_ROWS_DCSL,
    ISG_ROWS_CLARK,
    ISG_ROWS_LAWS
} isg_rows_law;

#define ISG_LN_6 1.791759469228055 /**< of C = 6 N D */
#define ISG_LN_10 2.302585092994046
#define ISG_PER_LN_10 0.4342944819032518

/** Rows in blocks of 8, 64-byte aligned, padded with copies of the first row of weight 0. */
typedef struct isg_rows {
    size_t n, blocks;
    double *x[ISG_LAW_VARS]; /**< [8 blocks] centred */
    double *y;               /**< ln L, or L when squares of L are summed */
    double *w;               /**< weights */
} isg_rows;

enum { ISG_GRID = 24 }; /* of exponents in a scan, each way; a multiple of the lanes */

/** Weighted inner products of a scan's columns: 1, y = 1/L, t[j] = N^-alpha_j/L, q[k] = D^-beta_k/L. */
typedef struct isg_gram {
    double ww, wy, yy;
    _Alignas(64) double t1[ISG_GRID], ty[ISG_GRID], tt[ISG_GRID];
    _Alignas(64) double q1[ISG_GRID], qy[ISG_GRID], qq[ISG_GRID], tq[ISG_GRID][ISG_GRID];
} isg_gram;

typedef struct isg_kernel {
    const char *name;
    /** out[i] = a[i] b[i] */
    void (*times)(const double *a, const double *b, size_t blocks, double *out);
    /** out[k] = sum over i of u[i] v[k][i] */
    void (*dots)(const double *u, const double *const *v, size_t n, size_t blocks, double *out);
    /** out[u][k] = sum over i of u[i] v[k][i], for two u at once */
    void (*dots2)(const double *const u[2], const double *const *v, size_t n, size_t blocks,
                  double *const out[2]);
    /** Relative residual sum of squares [ISG_GRID] of the cells (j, k): least squares of 1 on (y,
     * t[j], q[k]), without y where its factor E would not be positive; infinite where A or B would
     * not be, and where n_k ends. */
    void (*cells)(const isg_gram *gram, size_t j, double *rss);
    /** out[i] = exp(a[i]) */
    void (*exps)(const double *a, size_t blocks, double *out);
    /** E + A/N^alpha + B/D^beta: [squared][order] */
    isg_law_eval chinchilla[2][3];
    /** the others: [law][squared][order] */
    isg_law_eval rows[ISG_ROWS_LAWS][2][3];
    /** ln L of one row and its gradient (or NULL) by the same code */
    double (*row[ISG_ROWS_LAWS])(const isg_law *law, const double *theta, const double *x,
                                 double *gradient);
} isg_kernel;

/** Worst to best; NULL where the compiler cannot make it. */
extern const isg_kernel *const isg_kernels[ISG_KERNELS];

/** Best kernel for `numerics` (NULL: this CPU's best). ISG_EUSAGE if unsupported. */
isg_err isg_kernel_find(const char *numerics, const isg_kernel **out);

/** Doubles, zeroed, aligned for the lanes; free() them. */
double *isg_lanes_alloc(size_t blocks);

#endif
