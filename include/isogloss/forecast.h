#ifndef ISOGLOSS_FORECAST_H
#define ISOGLOSS_FORECAST_H

/**
 * The loss of a run that has not been made. Its interval has four parts:
 *
 * - parameter: the spread of the law's own replicates;
 * - residual:  what single runs differ from the law by (noise, and misfit within the data);
 * - law:       what rivals say that fit about as well, and the law itself fitted to the upper
 *              half of the compute;
 * - inflation: by how much the three together fell short in backtests, in which the law was
 *              fitted below a compute and met the runs above it.
 *
 * Backtests count by how near their k = C / (largest C fitted) is to that of the forecast (below 1
 * as at 1). Where there are few, the quantile of Student's t has few degrees of freedom: those that
 * count and one more, a prior backtest without any shortfall (ISG_FORECAST_PRIOR). docs/forecast.md
 * has the formulas and what they cover on published data.
 */

#include "isogloss/compare.h"

enum {
    ISG_FORECAST_PRIOR = 1,       /**< backtests that the prior counts as */
    ISG_FORECAST_THRESHOLDS = 15, /**< at most */
    ISG_FORECAST_REPLICATES = 200 /**< of each backtest */
};

/** All laws see the same rows in the same order. Borrowed. */
typedef struct isg_forecast_data {
    const isg_rival *rivals; /**< [n_rivals]; [0] is the law, the others may fit about as well */
    size_t n_rivals;
    const size_t *cluster; /**< [rows] ascending */
    const double *compute; /**< [rows] C [flop] */
    uint64_t seed;
} isg_forecast_data;

enum { ISG_BELOW, ISG_ABOVE };

/** What one fit says of one point: ln L and its spread below and above [ln loss]. */
typedef struct isg_outlook {
    double estimate;
    double parameter[2]; /**< distance of the replicates' outer quantiles, in standard deviations */
    double law[2];
    double residual;
} isg_outlook;

/** sqrt of the sum of squares of the parts on one side. */
double isg_outlook_scale(const isg_outlook *outlook, int side);

/** A rival beside the law, on the rows fitted. */
typedef struct isg_plausible {
    double misfit;  /**< mean |residual| over that of the law; 0: not fitted */
    bool plausible; /**< misfit at most ISG_FORECAST_AS_WELL */
} isg_plausible;

static const double ISG_FORECAST_AS_WELL = 1.1;

/**
 * Fit to the rows that are not held and look at points.
 * @param held    [rows], or NULL: none
 * @param points  [n_rivals] variables of the points as each law wants them; n = 0: that rival
 *                cannot say
 * @param n       points
 * @param out     [n]
 * @param plausible  [n_rivals + 1], the last the law fitted to the upper half; or NULL
 * @return ISG_EDATA when the rows are too few for an interval or the fit does not converge
 */
isg_err isg_outlook_make(const isg_forecast_data *data, const unsigned char *held,
                         const isg_obs *points, size_t n, isg_outlook *out,
                         isg_plausible *plausible);

/** One run beyond one threshold. */
typedef struct isg_backtest_row {
    size_t threshold, row;
    double k;     /**< C / threshold */
    double error; /**< ln L - ln L_pred */
    isg_outlook outlook;
} isg_backtest_row;

typedef struct isg_backtests {
    size_t n_thresholds, n;
    double threshold[ISG_FORECAST_THRESHOLDS]; /**< ascending [flop] */
    size_t fitted[ISG_FORECAST_THRESHOLDS];    /**< rows at or below it */
    isg_backtest_row *at;                      /**< [n] by threshold and row */
    double k_max;
} isg_backtests;

/**
 * Fit below each threshold of the ladder (a quarter of the rows to 95 %) that leaves enough rows.
 * With too little data for any there are none.
 */
isg_err isg_backtests_run(const isg_forecast_data *data, isg_backtests **out);
void isg_backtests_destroy(isg_backtests **backtests);

typedef struct isg_inflation {
    double factor;    /**< of the scale: root of the weighted mean square of error / scale */
    double df;        /**< backtests that count, those of the prior with them */
    size_t backtests; /**< thresholds that say something */
    double k_max;     /**< largest of them */
} isg_inflation;

/**
 * @param below  use only what is known below this compute: thresholds below it, and of their runs
 *               those at most there; INFINITY for all
 */
isg_inflation isg_backtests_inflation(const isg_backtests *backtests, const double *compute,
                                      double below, double k);

/** How intervals made in this way would have covered: each forecast knows only what is below its
 * threshold, backtests included. */
typedef struct isg_backtest_coverage {
    double level;
    size_t forecasts, thresholds, covered;
    size_t naive_covered;    /**< by the law's own replicates */
    double half_width;       /**< median of (hi - lo)/2 [ln loss] */
    double naive_half_width; /**< the same of the replicates */
    double k_max;
    size_t beyond, beyond_covered; /**< farther than any backtest they knew */
} isg_backtest_coverage;

/** Over thresholds that at least two others lie below. @return ISG_ENOMEM */
isg_err isg_backtests_coverage(const isg_backtests *backtests, const double *compute, double level,
                               isg_backtest_coverage *out);

/** A forecast. */
typedef struct isg_forecast {
    isg_outlook outlook;
    isg_inflation inflation;
    double k;
    double lo, hi; /**< of the level [ln loss] */
    bool beyond;   /**< farther than any backtest */
} isg_forecast;

/** The interval of an outlook. @param k  C / largest C fitted */
isg_forecast isg_forecast_make(const isg_outlook *outlook, const isg_backtests *backtests,
                               const double *compute, double k, double level);

#endif
