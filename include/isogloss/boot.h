#ifndef ISOGLOSS_BOOT_H
#define ISOGLOSS_BOOT_H

/**
 * Bootstrap over clusters: replicate b draws as many clusters as there are,
 * with replacement, from the stream (seed, bootstrap, b), and refits. It
 * depends on the data, the options and b alone, so blocks of replicates can be
 * computed anywhere and in any order.
 */

#include "isogloss/fit.h"
#include "isogloss/sweeps.h"

/** Below these an interval would not mean what it says. */
enum { ISG_BOOT_MIN_CLUSTERS = 12, ISG_BOOT_WARN_CLUSTERS = 40, ISG_BOOT_BLOCK = 64 };

typedef enum isg_boot_status {
    ISG_REPLICATE_MISSING, /**< not computed yet */
    ISG_REPLICATE_CONVERGED,
    ISG_REPLICATE_STALLED,   /**< the optimiser did not converge */
    ISG_REPLICATE_DEGENERATE /**< the resample has fewer different rows than free parameters */
} isg_boot_status;

/** What the blocks are computed from. Borrowed; only read. */
typedef struct isg_boot {
    const isg_problem *problem;
    const isg_fit *full;
    const size_t *cluster; /**< [rows] 0 .. n_clusters-1 */
    size_t n_clusters;
    size_t replicates;
    uint64_t seed;
    const char *stream;    /**< name of the way to resample, if it is not the first: it draws from
                                a stream of its own, however many others there are. NULL: the first */
    isg_refit_start start; /**< 0: ISG_START_BOTH */
    size_t cold_starts;    /**< of each refit, besides */
    const isg_sweeps *sweeps; /**< NULL, or refits take the envelope of the runs drawn */
    const isg_problem *swept; /**< then: the rows of `sweeps`, with the origin of `problem` */
} isg_boot;

/** Replicates of a block: at most ISG_BOOT_BLOCK, fewer if they would not fit into `cap` bytes. */
size_t isg_boot_per_block(const isg_boot *boot, size_t cap);
size_t isg_boot_blocks(const isg_boot *boot, size_t cap);

/** Compute one block into `out`. Thread-safe. @return ISG_OK; ISG_ENOMEM */
isg_err isg_boot_block(const isg_boot *boot, size_t block, void *out, size_t cap, size_t *used);

/** Replicates by number. */
typedef struct isg_replicates {
    size_t n, n_params;
    double *theta;   /**< [n][n_params] centred */
    uint8_t *status; /**< [n] isg_boot_status */
} isg_replicates;

isg_err isg_replicates_create(const isg_boot *boot, isg_replicates **out);
void isg_replicates_destroy(isg_replicates **replicates);

/** Put a computed block in its place. @return ISG_EPROTO if the bytes are not such a block */
isg_err isg_replicates_collect(isg_replicates *replicates, const isg_boot *boot, size_t block,
                               size_t cap, const void *data, size_t n);

/** All blocks here and now. */
isg_err isg_boot_all(const isg_boot *boot, isg_replicates *replicates);

/** A number that follows from the parameters: one of them, an exponent, a best size at a budget. */
typedef struct isg_boot_number {
    /** @param natural  [n_params]. @return not finite: there is none at these parameters */
    double (*value)(const void *ctx, const double *natural);
    const void *ctx; /**< borrowed */
} isg_boot_number;

typedef enum isg_bounded {
    ISG_BOUNDED_NOT, /**< lo and hi cut off (1 - level)/2 each */
    ISG_BOUNDED_BELOW, /**< one-sided: lo is where the parameter may go at most, hi cuts off 1 - level */
    ISG_BOUNDED_ABOVE
} isg_bounded;

/** What the replicates say of one number, and beside them the sandwich. */
typedef struct isg_interval {
    double se;     /**< standard deviation over converged replicates */
    double spread; /**< half the distance from their 16 % to their 84 % point: what se would be if
                        no replicate ran away */
    double lo, hi; /**< percentile interval */
    isg_bounded
        bounded; /**< more than (1 - level)/2 of the replicates, or the estimate, sit there */
    double share_at_bound; /**< of converged replicates; 0 for derived numbers */
    size_t undefined;      /**< converged replicates without such a number; they are left out */
    bool has_bca;          /**< false: the estimate is beyond all replicates, or at a bound */
    double bca_lo, bca_hi; /**< bias-corrected and accelerated (Efron 1987) */
    bool has_sandwich;
    double sandwich_se; /**< isogloss/sandwich.h */
} isg_interval;

/**
 * Intervals of any numbers.
 *
 * BCa: the bias z0 from the share of replicates below the estimate, the
 * acceleration from the clusters' influence on the number (one solve, no jackknife).
 * @param level  0 < level < 1
 * @param out    [n]. A number that fewer than two replicates have gets zeros and `undefined`
 * @return ISG_EDATA with fewer than two converged replicates; ISG_ENOMEM
 */
isg_err isg_boot_numbers(const isg_boot *boot, const isg_replicates *replicates, double level,
                         const isg_boot_number *numbers, size_t n, isg_interval *out);

typedef struct isg_boot_summary {
    double level;
    size_t converged, stalled, degenerate;
    isg_interval param[ISG_LAW_PARAMS];
    isg_interval derived[ISG_LAW_DERIVED];
} isg_boot_summary;

/** Of the parameters, one-sided at bounds, and of the law's derived numbers. As above. */
isg_err isg_boot_summarise(const isg_boot *boot, const isg_replicates *replicates, double level,
                           isg_boot_summary *out);

/**
 * Which of several ways to resample speaks for a number: the first, unless their
 * spreads differ by more than ISG_GROUPING_FACTOR; then the one of the largest. The
 * first stays when its own spread is within ISG_GROUPING_NEAR of the largest: others
 * are then only narrower.
 * @param by  [n] intervals of that number; NULL entries have none
 * @return index; 0 if there is none at all
 */
size_t isg_boot_headline(const isg_interval *const *by, size_t n);

static const double ISG_GROUPING_FACTOR = 1.4, ISG_GROUPING_NEAR = 1.1;

/** Percentile by linear interpolation between order statistics. @param sorted [n], n >= 1 */
double isg_quantile(const double *sorted, size_t n, double p);

#endif
