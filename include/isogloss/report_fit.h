#ifndef ISOGLOSS_REPORT_FIT_H
#define ISOGLOSS_REPORT_FIT_H

/** A fit in words and numbers: text for people, JSON for programs (schemas/fit.schema.json). */

#include "isogloss/boot.h"
#include "isogloss/json.h"
#include "isogloss/select.h"

#include <stdio.h>

/** Everything a report says. Borrowed. */
typedef struct isg_fit_report {
    const char *source;  /**< files */
    const char *missing; /**< planned runs of a store without a result, in words, or NULL */
    size_t planned_runs, missing_runs; /**< of the stores; 0 without one */
    const char *by, *by_value;         /**< the group of --by, or NULL */
    const isg_law *law;
    isg_objective objective;
    bool delta_given;
    const isg_constraint *constraints;
    size_t n_constraints;
    const isg_selection *selection;
    const isg_problem *problem;
    const isg_fit *fit;
    const double
        *undropped; /**< [n_params] natural, with the rows of --drop-highest; NULL: none dropped */
    const isg_boot_summary *boot; /**< NULL: no interval */
    const char *no_interval;      /**< then why */
    size_t replicates;
    uint64_t seed;
    double level;
    bool loss_table; /**< also the mean losses by N and D */
} isg_fit_report;

/** Does the user hold the parameter: fixed, or tied to a fixed one? */
bool isg_report_fit_held(const isg_fit_report *report, size_t param);
/** Interval of a derived number; NULL if there is none or it follows from what is held. */
const isg_interval *isg_report_fit_derived(const isg_fit_report *report, size_t derived);

/** At most 80 columns. */
isg_err isg_report_fit_text(const isg_fit_report *report, FILE *out);

isg_err isg_report_fit_json(const isg_fit_report *report, json_t **out);

/** Warnings in plain sentences. Caller frees each and the array. */
isg_err isg_report_fit_warnings(const isg_fit_report *report, char ***out, size_t *n);

#endif
