#ifndef ISOGLOSS_REPORT_COMPARE_H
#define ISOGLOSS_REPORT_COMPARE_H

/** A comparison of laws as text and JSON (schemas/compare.schema.json). */

#include "isogloss/compare.h"
#include "isogloss/json.h"
#include "isogloss/select.h"

#include <stdio.h>

/** Borrowed. */
typedef struct isg_compare_report {
    const char *source;
    const isg_selection *selection; /**< of the first law */
    size_t n_observations;          /**< rows common to all laws */
    size_t n_left_out;              /**< rows that some laws have and others have not */
    const char *language; /**< whose tokens laws of one language see in runs of several, or NULL */
    const isg_rival *rivals;
    size_t n_rivals;
    const isg_split *const *splits;
    const isg_comparison *const *comparisons; /**< [n_splits] NULL: the data have no such split */
    size_t n_splits;
    isg_objective objective;
    double delta; /**< of huber; 0: from the residuals of each fit */
    double level;
    size_t replicates;
    uint64_t seed;
    const char *const *notes;
    size_t n_notes;
} isg_compare_report;

/** At most 80 columns. */
isg_err isg_report_compare_text(const isg_compare_report *report, FILE *out);
isg_err isg_report_compare_json(const isg_compare_report *report, json_t **out);

#endif
