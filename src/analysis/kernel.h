#ifndef ISG_ANALYSIS_KERNEL_H
#define ISG_ANALYSIS_KERNEL_H

/**
 * What is computed in vector lanes. One source (kernel.inc) is compiled per
 * instruction set with 2, 4 or 8 physical lanes; the logical lanes are always 8
 * and are added in one fixed tree, so that every variant gives the same bits.
 */

#include "isogloss/law.h"

enum { ISG_LANES = 8, ISG_KERNELS = 3 };

/** Rows in blocks of 8, 64-byte aligned, padded with weight 0. */
typedef struct isg_rows {
    size_t n, blocks;
    double *x[ISG_LAW_VARS]; /**< [8 blocks] centred logs */
    double *y;               /**< ln L, or L when squares of L are summed */
    double *w;               /**< weights */
} isg_rows;

typedef struct isg_kernel {
    const char *name;
    /** out[i] = a[i] b[i] */
    void (*times)(const double *a, const double *b, size_t blocks, double *out);
    /** out[k] = sum over i of u[i] v[k][i] */
    void (*dots)(const double *u, const double *const *v, size_t n, size_t blocks, double *out);
    /** E + A/N^alpha + B/D^beta: [squared][order] */
    isg_law_eval chinchilla[2][3];
} isg_kernel;

/** Worst to best; NULL where the compiler cannot make it. */
extern const isg_kernel *const isg_kernels[ISG_KERNELS];

/** Best kernel for `numerics` (NULL: this CPU's best). ISG_EUSAGE if unsupported. */
isg_err isg_kernel_find(const char *numerics, const isg_kernel **out);

/** Doubles, zeroed, aligned for the lanes; free() them. */
double *isg_lanes_alloc(size_t blocks);

/* ---- scans ---------------------------------------------------------------- */

typedef struct isg_scan isg_scan;

/** Which exponents a scan may try: its axes, after --fix and --tie. */
typedef struct isg_scan_limits {
    bool fixed[ISG_LAW_PARAMS];
    double value[ISG_LAW_PARAMS];   /**< centred theta of the fixed ones */
    size_t tied_to[ISG_LAW_PARAMS]; /**< itself when free */
    double log_loss_min;
} isg_scan_limits;

typedef struct isg_scan_type {
    isg_err (*create)(const isg_kernel *kernel, const isg_rows *rows, const double *loss,
                      const isg_scan_limits *limits, isg_scan **out);
    void (*destroy)(isg_scan **scan);
    size_t (*work_blocks)(const isg_scan *scan); /**< scratch of find(), in blocks of doubles */
    /**
     * Best cells under weights w (padded like the rows), best first, at least
     * `apart` grid steps from each other. @return how many were found, <= max
     */
    size_t (*find)(const isg_scan *scan, const double *w, double *work, size_t apart, size_t max,
                   double (*theta)[ISG_LAW_PARAMS]);
} isg_scan_type;

#endif
