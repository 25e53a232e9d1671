#ifndef ISG_ANALYSIS_DIST_H
#define ISG_ANALYSIS_DIST_H

/**
 * Distribution functions and quantiles on the analysis' own exp and log: the C
 * library's, and with it GSL's, choose variants by CPU and differ in the last bit.
 * Relative error of the functions below 1e-11, of the quantiles below 1e-9.
 */

double isg_normal_cdf(double z);
/** @param p  0 < p < 1 */
double isg_normal_quantile(double p);

/** Student's t. @param df  > 0, need not be whole */
double isg_t_cdf(double t, double df);
double isg_t_quantile(double p, double df);

double isg_chi2_cdf(double x, double df);
double isg_chi2_quantile(double p, double df);

#endif
