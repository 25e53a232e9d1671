#ifndef ISOGLOSS_REPORT_BEYOND_H
#define ISOGLOSS_REPORT_BEYOND_H

/**
 * What a fit says beyond its data: best sizes at budgets, forecasts with the
 * backtests they rest on, and published figures beside its own. Part of the
 * report of `isogloss fit` (schemas/fit.schema.json).
 */

#include "isogloss/boot.h"
#include "isogloss/forecast.h"
#include "isogloss/json.h"
#include "isogloss/references.h"
#include "isogloss/seeds.h"

#include <stdio.h>

/** A number and its interval. */
typedef struct isg_beyond_number {
    double value;
    bool unknown; /**< it depends on a parameter that is not identified: no value either */
    bool has_interval;
    isg_interval interval;
    const char *grouping; /**< what was resampled for it, or NULL */
} isg_beyond_number;

/** One --at. */
typedef struct isg_beyond_optimum {
    const char *text; /**< as given */
    double flops;
    bool exists; /**< the law has a best size there */
    isg_beyond_number n, d, ratio, loss;
} isg_beyond_optimum;

/** One --forecast. */
typedef struct isg_beyond_forecast {
    const char *text;
    double flops;
    bool unknown; /**< it depends on a parameter that is not identified: no number */
    isg_forecast forecast;
} isg_beyond_forecast;

/** One parameter or derived number beside a published one. */
typedef struct isg_beyond_reference {
    const char *name;
    double estimate, published, published_se; /**< 0: none was printed */
    isg_comparable comparable;
    bool known, has_interval; /**< identified; has `interval` */
    isg_interval interval;
    bool held;
} isg_beyond_reference;

enum { ISG_BEYOND_PLACES = 16, ISG_BEYOND_NUMBERS = ISG_LAW_PARAMS + ISG_LAW_DERIVED };

/** Borrowed. */
typedef struct isg_beyond_report {
    const isg_law *law;
    double level;
    double offset; /**< to be added to every loss (isg_selection) */
    const isg_beyond_optimum *optimum;
    size_t n_optima;
    const isg_beyond_forecast *forecast;
    size_t n_forecasts;
    const char *no_forecast;        /**< asked for and there is none: why; else NULL */
    const isg_backtests *backtests; /**< NULL: not asked for */
    const isg_backtest_coverage *coverage;
    const char *const *rival;       /**< [n_rivals] names, the law itself first */
    const isg_plausible *plausible; /**< [n_rivals + 1] */
    size_t n_rivals;
    double flops_max;                   /**< of the rows fitted */
    const isg_run_noise *noise;         /**< NULL or df 0: no setting has several seeds */
    const isg_reference *reference;     /**< NULL: none asked for */
    const isg_beyond_reference *beside; /**< [n_beside] */
    size_t n_beside;
    const char *no_reference; /**< law of the reference is another: why; else NULL */
} isg_beyond_report;

/** At most 80 columns; an empty line first. */
isg_err isg_report_beyond_text(const isg_beyond_report *report, FILE *out);

/** Adds "optima", "forecasts", "backtests", "rivals" and "reference" to the fit's JSON. */
isg_err isg_report_beyond_json(const isg_beyond_report *report, json_t *fit);

#endif
