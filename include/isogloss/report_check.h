#ifndef ISOGLOSS_REPORT_CHECK_H
#define ISOGLOSS_REPORT_CHECK_H

/** How often intervals held the truth in simulated campaigns: text and JSON. */

#include "isogloss/json.h"
#include "isogloss/simulate.h"

#include <stdio.h>

/** Worlds under one truth. Borrowed. */
typedef struct isg_check_part {
    const char *kind;           /**< "law", "misfit" or "rival" */
    const char *rival;          /**< the rival's law, or NULL */
    size_t worlds, good;        /**< simulated; with intervals */
    double rms;                 /**< mean over worlds of the residuals of their fits [ln loss] */
    const double *truth;        /**< [isg_world_numbers] what the intervals are held against */
    const isg_coverage *number; /**< [isg_world_numbers] */
} isg_check_part;

typedef struct isg_check {
    const isg_law *law;
    double level;
    size_t replicates, n_clusters, n_places, strata;
    const char *unit;  /**< of the clusters that worlds keep whole */
    const char *first; /**< what the first of several ways resamples, or NULL: there is one */
    uint64_t seed;
    const bool *shown;             /**< [isg_world_numbers]: free, determined, not the user's own */
    const isg_place *place;        /**< [n_places] */
    const char *const *place_name; /**< [n_places] such as "loss of the best run" */
    double data_rms;               /**< of the user's fit */
    const isg_check_part *part;
    size_t n_parts;
} isg_check;

/** Share of intervals over the free parameters that held the truth, and its Monte-Carlo standard
 * error (that of one parameter: those of one world go together). */
double isg_check_share(const isg_check *check, const isg_check_part *part, double *error);

/** At most 80 columns, with warnings. @return ISG_OK; ISG_EIO; ISG_ENOMEM */
isg_err isg_report_check_text(const isg_check *check, FILE *out);

/** The `check` object of schemas/fit.schema.json. */
isg_err isg_report_check_json(const isg_check *check, json_t **out);

#endif
