#ifndef ISOGLOSS_REPORT_FIT_H
#define ISOGLOSS_REPORT_FIT_H

/** A fit in words and numbers: text for people, JSON for programs (schemas/fit.schema.json). */

#include "isogloss/boot.h"
#include "isogloss/json.h"
#include "isogloss/profile.h"
#include "isogloss/seeds.h"
#include "isogloss/select.h"

#include <stdio.h>

/** One way to resample the rows, and what came of it. */
typedef struct isg_report_way {
    const char *name, *unit; /**< as of isg_grouping */
    size_t n_groups;
    const isg_boot_summary *boot; /**< NULL: no numbers */
    const char *why;              /**< then why */
} isg_report_way;

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
    const isg_report_way *ways;   /**< [n_ways]; the first is that of `boot` */
    size_t n_ways;
    bool way_chosen;            /**< the user asked for the first way: it speaks */
    const isg_profile *profile; /**< [n_params], done false: not asked for or none; NULL: none */
    const isg_run_noise *noise; /**< NULL or df 0: no settings with several seeds */
    size_t replicates;
    uint64_t seed;
    double level;
    bool loss_table; /**< also the mean losses by N and D */
} isg_fit_report;

/** Does the user hold the parameter: fixed, or tied to a fixed one? */
bool isg_report_fit_held(const isg_fit_report *report, size_t param);

/** All that is said of one parameter or derived number. */
typedef struct isg_report_number {
    const char *name, *meaning;
    double estimate;
    bool known;                            /**< identified */
    bool held;                             /**< by --fix, or it follows from what is */
    const isg_interval *by[ISG_GROUPINGS]; /**< [n_ways]; NULL: none */
    size_t way;                            /**< the one that speaks */
    const isg_interval *interval;          /**< by[way] */
    const isg_profile *profile;            /**< NULL: none */
    double offset; /**< added to estimate, lo and hi, and to be added to what `by`, `interval` and
                        `profile` say of where it lies */
    double se, lo, hi; /**< that stand for it, if `has_interval` */
    bool has_interval;
    const char *method; /**< "percentile", "percentile, one-sided", "fixed", "none" */
} isg_report_number;

/** How an interval was made. */
const char *isg_report_fit_method(const isg_interval *interval);

isg_report_number isg_report_fit_param(const isg_fit_report *report, size_t param);
isg_report_number isg_report_fit_derived(const isg_fit_report *report, size_t derived);

/** At most 80 columns. */
isg_err isg_report_fit_text(const isg_fit_report *report, FILE *out);

isg_err isg_report_fit_json(const isg_fit_report *report, json_t **out);

/** Warnings in plain sentences. Caller frees each and the array. */
isg_err isg_report_fit_warnings(const isg_fit_report *report, char ***out, size_t *n);

#endif
