#ifndef ISG_CLI_FIT_JOB_H
#define ISG_CLI_FIT_JOB_H

/**
 * What every verb that fits does: sources -> table -> selection -> full fit ->
 * blocks of refits on all ranks. Every rank reads the sources and makes the full
 * fit by itself (milliseconds, the same bits everywhere); only rank 0 speaks.
 */

#include "fit_args.h"
#include "isogloss/boot.h"
#include "isogloss/comm.h"
#include "isogloss/profile.h"
#include "isogloss/seeds.h"
#include "isogloss/select.h"
#include "isogloss/store.h"
#include "isogloss/table.h"

/** How much of what was planned the stores hold: runs, each once; parts of trunks are none. */
typedef struct fit_coverage {
    size_t planned, missing, by_state[ISG_RUN_HELD + 1];
} fit_coverage;

/** Where the fit is kept (fit_save.h); name NULL: nowhere. */
typedef struct fit_save_place {
    const char *name, *file; /**< file NULL: beside the first source */
    bool replace;            /**< a fit of that name */
    char **sources;          /**< [n_sources] paths, borrowed */
    size_t n_sources;
} fit_save_place;

struct fit_save;

enum { FIT_JOB_SWEPT = 16 };

typedef struct fit_job {
    const fit_args *args;
    isg_comm *comm; /**< NULL: this process alone */
    bool speak;     /**< rank 0 */
    isg_table *table;
    isg_select_options select;
    char *best_over[FIT_JOB_SWEPT]; /**< columns of --best-over */
    isg_fit_options fit;
    isg_constraint constraints[ISG_LAW_PARAMS];
    fit_coverage coverage;
    char *missing; /**< what of the stores is missing, in words, or NULL */
    fit_save_place save;
    isg_table *transfer;  /**< of --transfer, or NULL */
    struct isg_law *made; /**< fit.law where it was made for the data (fit_law.h), or NULL */
    const char *where[1 + sizeof(isg_opt_list) / sizeof(char *)]; /**< select.where of a made law */
    char *target_only;                                            /**< the last of them */
} fit_job;

/** What --fix, --tie and --profile say of the parameters of the job's law. */
isg_err fit_job_parameters(fit_job *job);

/** Join the launch, if there is one: sets comm and speak. Collective. */
isg_err fit_job_open(fit_job *job);

/**
 * Options to selection and fit options, then read the sources. Borrows `args`.
 * Collective: every rank comes to the same end.
 */
isg_err fit_job_load(fit_job *job, const fit_args *args, char **paths, size_t n);

/**
 * Another fit of the sources that `loaded` has read: other options, the same table. Borrows
 * both; not to be closed.
 */
isg_err fit_job_again(const fit_job *loaded, const fit_args *args, fit_job *out);

/** The same with a table that was made here, which the job takes. @param store  a campaign's runs */
isg_err fit_job_take(fit_job *job, const fit_args *args, isg_table *table, bool store);

/**
 * Leave. Every rank comes to the same end; rank 0 alone says and returns it:
 * mpirun kills the others as soon as one leaves with a failure, perhaps before
 * rank 0 has spoken.
 */
isg_err fit_job_close(fit_job *job, isg_err rc);

enum { FIT_WHY = 160 };

/** One way to resample and what came of it. */
typedef struct fit_way {
    const char *name, *unit; /**< of the selection */
    size_t n_groups;
    isg_boot boot;
    isg_replicates *replicates; /**< complete on rank 0; NULL where there are none */
    isg_boot_summary summary;   /**< rank 0, if has_boot */
    bool has_boot;
    char why[FIT_WHY]; /**< there is no interval */
} fit_way;

typedef struct fit_outcome {
    isg_selection *selection;
    isg_problem *problem, *swept; /**< of --best-over: the rows of all settings, or NULL */
    isg_fit fit;
    bool has_undropped;
    double undropped[ISG_LAW_PARAMS]; /**< natural parameters with the rows of --drop-highest */
    fit_way way[ISG_GROUPINGS]; /**< refers to selection, problem and fit: the outcome stays put */
    size_t n_ways;
    isg_boot_summary boot; /**< rank 0; of the first way */
    bool has_boot;
    char why[FIT_WHY];                   /**< there is no interval */
    isg_profile profile[ISG_LAW_PARAMS]; /**< rank 0; of the parameters of --profile */
    isg_run_noise noise;
    struct fit_save *save; /**< rank 0, with --save: to be finished with the report */
} fit_outcome;

void fit_outcome_clear(fit_outcome *outcome);

/** Why these data can carry no interval, the same on every rank; "" if they can. */
void fit_job_refuse_interval(const isg_selection *selection, const isg_problem *problem,
                             size_t replicates, char why[160]);

/**
 * Which rows share their errors: clusters as they would be without --resample rows.
 * @param cluster  [selection->n], now the caller's
 */
isg_err fit_job_runs(const fit_job *job, const char *by_value, const isg_selection *selection,
                     size_t **cluster, size_t *n_clusters);

/** Selection and full fit. @param select  borrowed; job->select or a variation of it */
isg_err fit_job_full(const fit_job *job, const isg_select_options *select, fit_outcome *out);

/** Do the data determine some parameter? One that rests at its bound they do not. */
bool fit_job_determines(const isg_fit *fit, const isg_law *law);

/** Selection, full fit and, on rank 0, intervals. Collective. @param by_value  of --by, or NULL */
isg_err fit_job_group(const fit_job *job, const char *by_value, fit_outcome *out);

#endif
