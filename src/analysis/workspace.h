#ifndef ISG_ANALYSIS_WORKSPACE_H
#define ISG_ANALYSIS_WORKSPACE_H

#include "problem.h"

/** What one thread of fits works in (isogloss/fit.h). */
struct isg_workspace {
    isg_rows rows; /* packed: only rows with weight */
    double *memory;
    double *weights; /* padded copy for the scan */
    double *scratch; /* of the scan */
    isg_scan *scan;  /* of a law with further parameters, at those of scan_theta */
    double scan_theta[ISG_LAW_PARAMS];
    size_t *seen; /* [distinct] stamp of the last resample that had it */
    size_t stamp;
    struct isg_workspace *first; /* of the first of two stages, NULL without */
    double *first_weights;       /* [rows of the first stage] */
};

#endif
