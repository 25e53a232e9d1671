#ifndef ISG_ANALYSIS_SCAN_H
#define ISG_ANALYSIS_SCAN_H

/**
 * Starts from a grid over alpha and beta. For given exponents (and given further
 * parameters) the laws are linear in E, A and B: relative least squares in closed
 * form gives starts so good that Newton needs a handful of steps ("variable
 * projection"). The scan of a resample costs one weighted Gram matrix.
 */

#include "kernel.h"

typedef struct isg_scan isg_scan;

/** What a scan is made of. */
typedef struct isg_scan_data {
    const isg_kernel *kernel;
    const isg_law *law;
    const isg_rows *rows;
    const double *loss;  /**< [rows->n] */
    const double *theta; /**< [n_params] centred: where the parameters after the fifth are held */
    double log_loss_min;
    bool fixed[ISG_LAW_PARAMS];     /**< exponents that --fix holds ... */
    double value[ISG_LAW_PARAMS];   /**< ... at this */
    size_t tied_to[ISG_LAW_PARAMS]; /**< itself when free */
} isg_scan_data;

isg_err isg_scan_create(const isg_scan_data *data, isg_scan **out);
void isg_scan_destroy(isg_scan **scan);

/** Scratch of isg_scan_find() for so many blocks of rows, in blocks of doubles. */
size_t isg_scan_work(size_t blocks);

/**
 * Best cells under weights w (padded like the rows), best first, at least
 * `apart` grid steps from each other. Parameters after the fifth are those the
 * scan was made with.
 * @return how many were found, <= max
 */
size_t isg_scan_find(const isg_scan *scan, const double *w, double *work, size_t apart, size_t max,
                     double (*theta)[ISG_LAW_PARAMS], double *objective);

#endif
