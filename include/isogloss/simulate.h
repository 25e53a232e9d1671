#ifndef ISOGLOSS_SIMULATE_H
#define ISOGLOSS_SIMULATE_H

/**
 * Simulated campaigns: losses are drawn on a design under a known truth, the
 * whole pipeline (full fit, bootstrap, intervals) is run on them, and the
 * intervals are counted that hold the truth.
 *
 * A world is losses exp(ln clean + noise). World w of a seed draws from its own
 * stream (seed, simulate, w): the same bytes wherever it is computed.
 *
 * The noise of a fit's own residuals is drawn so that the worlds resemble the
 * data in what decides coverage:
 *  - Clusters stay whole. A cluster takes all residuals of another one (its donor), in
 *    the order of N and D, so that what a run's points share and how they follow one
 *    another is kept. Where sizes differ, the residuals are taken round and
 *    round from a random one of the donor.
 *  - Donors are near in the design: clusters are split by medians of the logs of the law's
 *    variables until a stratum has fewer than twice max(12, clusters/8), and
 *    donors are drawn from a cluster's own stratum. So the spread may differ
 *    over the design as it does in the data.
 *  - Residuals are smaller than errors, because the fit follows them. Those of a cluster are
 *    multiplied by (1 - H)^(-1/2), H being the cluster's block of the hat
 *    matrix (Bell and McCaffrey 2002, "CR2"), and by sqrt(k/(k-1)) for the
 *    centring over the k clusters of a stratum.
 *  - The errors of a stratum are centred in the sense of the objective (mean, median, Huber's
 *    location), so that the truth is exactly what the estimator would find in
 *    endless data. What is taken away, the strata's misfit, is not lost: it can be
 *    kept as a rival truth that the law cannot describe.
 */

#include "isogloss/boot.h"
#include "isogloss/rng.h"
#include "isogloss/select.h"

enum {
    ISG_WORLD_PLACES = 2, /**< losses predicted besides parameters and derived numbers */
    ISG_WORLD_NUMBERS = ISG_LAW_PARAMS + ISG_LAW_DERIVED + ISG_WORLD_PLACES
};

/* ---- noise ------------------------------------------------------------------------ */

typedef struct isg_noise isg_noise;

/**
 * The residuals of a fit, as above.
 * @param cluster [rows] 0 .. n_clusters-1, each with at least one row
 * @return ISG_OK; ISG_EDATA with fewer than two clusters; ISG_ENOMEM
 */
isg_err isg_noise_of_fit(const isg_problem *problem, const isg_fit *fit, const size_t *cluster,
                         size_t n_clusters, isg_noise **out);

typedef enum isg_noise_shape { ISG_NORMAL, ISG_LAPLACE, ISG_STUDENT } isg_noise_shape;

/** Noise of a plan [ln loss]. */
typedef struct isg_noise_plan {
    isg_noise_shape shape; /**< of both parts, scaled to the standard deviations below */
    double df;             /**< of ISG_STUDENT, > 2 */
    double run_sd;         /**< shared by the rows of a cluster */
    double point_sd;       /**< of each row */
    double power; /**< both grow as (clean loss / its geometric mean)^power over the design */
} isg_noise_plan;

/** @param clean [n] losses without noise. @return ISG_OK or ISG_ENOMEM */
isg_err isg_noise_planned(const isg_noise_plan *plan, const double *clean, size_t n,
                          const size_t *cluster, size_t n_clusters, isg_noise **out);

void isg_noise_destroy(isg_noise **noise);

/** Draw the noise of every row [n] into `out` [n]: what is added to the log of the loss. */
void isg_noise_draw(const isg_noise *noise, isg_rng *r, double *out);

/** What centring took away from each row [n] (ln loss): the misfit of the law, stratum by stratum.
 * NULL for planned noise. */
const double *isg_noise_misfit(const isg_noise *noise);

/** Strata of residual noise; 0 for planned noise. */
size_t isg_noise_strata(const isg_noise *noise);

/* ---- worlds ------------------------------------------------------------------------- */

/** A place whose loss is predicted: [n_vars] natural variables of the law. */
typedef struct isg_place {
    double var[ISG_LAW_VARS];
} isg_place;

/** One way to resample. Those of too few clusters are passed over. */
typedef struct isg_world_way {
    const size_t *cluster; /**< [n] */
    size_t n_clusters;
    const char *stream; /**< as of isg_boot */
} isg_world_way;

/** What worlds are made of and how they are fitted. Borrowed; only read. */
typedef struct isg_worlds {
    isg_fit_options fit; /**< law, objective and constraints of the pipeline */
    isg_obs design;      /**< loss is not looked at */
    const double *clean; /**< [n] true losses */
    const isg_noise *noise;
    isg_world_way way[ISG_GROUPINGS]; /**< what the pipeline resamples */
    size_t n_ways;
    bool first_speaks;       /**< the first way, whatever the others say (isg_boot_headline) */
    size_t replicates;       /**< of each world's bootstrap */
    size_t replicate_starts; /**< cold starts of each refit */
    double level;            /**< nominal, of the intervals */
    const isg_place *place;  /**< [n_places] */
    size_t n_places;
    uint64_t seed;
} isg_worlds;

/** Losses [n] of world `index`. */
void isg_world_draw(const isg_worlds *worlds, uint64_t index, double *loss);

typedef enum isg_world_method {
    ISG_WORLD_PERCENTILE, /**< by the way to resample that speaks for the number */
    ISG_WORLD_BCA,
    ISG_WORLD_SANDWICH, /**< estimate and normal quantiles of the sandwich's standard error */
    ISG_WORLD_FIRST,    /**< percentile by the first way, if there are others */
    ISG_WORLD_METHODS
} isg_world_method;

extern const char *const isg_world_method_name[ISG_WORLD_METHODS];

typedef struct isg_world_number {
    double estimate;
    double lo[ISG_WORLD_METHODS], hi[ISG_WORLD_METHODS];
    bool has[ISG_WORLD_METHODS]; /**< such an interval */
} isg_world_number;

/** What the pipeline made of one world: parameters, then derived numbers, then places. */
typedef struct isg_world_result {
    bool good;  /**< there are intervals */
    double rms; /**< of the residuals of its fit [ln loss] */
    isg_world_number number[ISG_WORLD_NUMBERS];
} isg_world_result;

/** Numbers of a world under this law: n_params + n_derived + n_places. */
size_t isg_world_numbers(const isg_worlds *worlds);

/** Run the pipeline on world `index`. Thread-safe. A world without a fit is an outcome: !good.
 * @return ISG_OK; ISG_ENOMEM */
isg_err isg_world_run(const isg_worlds *worlds, uint64_t index, isg_world_result *out);

/** A result in bytes, at most ISG_WORLD_BYTES, and back. */
enum { ISG_WORLD_BYTES = 16 + ISG_WORLD_NUMBERS * sizeof(isg_world_number) };
size_t isg_world_pack(const isg_worlds *worlds, const isg_world_result *result, void *out);
isg_err isg_world_unpack(const isg_worlds *worlds, const void *data, size_t n,
                         isg_world_result *out);

/** The numbers of known natural parameters. @param truth [isg_world_numbers] */
void isg_worlds_truth(const isg_worlds *worlds, const double *natural, double *truth);

/**
 * The numbers that the estimator tends to in endless data of these worlds, where
 * the truth is not of its law: one fit to `draws` worlds at once (its own error
 * is the worlds' standard error / sqrt(draws)). The losses of places are those of the
 * fitted law, not the true ones.
 */
isg_err isg_worlds_pseudo_truth(const isg_worlds *worlds, size_t draws, double *truth);

/** Over the worlds that have such intervals. */
typedef struct isg_covered {
    size_t n, inside, below, above; /**< intervals; truth within; below lo; above hi */
    double width;                   /**< median of hi - lo */
} isg_covered;

typedef struct isg_coverage {
    isg_covered by[ISG_WORLD_METHODS];
    double mean, sd; /**< of the estimates */
} isg_coverage;

/** @param result [n]; @param truth, out [isg_world_numbers]; @param good  worlds counted.
 * @return ISG_OK or ISG_ENOMEM */
isg_err isg_worlds_count(const isg_worlds *worlds, const isg_world_result *result, size_t n,
                         const double *truth, isg_coverage *out, size_t *good);

#endif
