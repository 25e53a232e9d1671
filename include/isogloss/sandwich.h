#ifndef ISOGLOSS_SANDWICH_H
#define ISOGLOSS_SANDWICH_H

/**
 * Influence of clusters and the cluster sandwich. At the optimum of sum_i rho(r_i)
 * a cluster g has the score s_g = sum of psi(r_i) dr_i/dtheta over its rows; giving it
 * the weight 1 + e moves theta by e U_g, U_g = H^-1 s_g, and the variance of theta is
 * G/(G-1) sum_g U_g U_g' (Liang and Zeger 1986).
 *
 * H is the exact Hessian with psi' smoothed: the near-L1 losses have too few residuals inside
 * delta to count their density there, so that (delta/h) 1(|r| <= h), h = 1.6 robust sd n^(-1/5),
 * stands for 1(|r| <= delta) where h > delta. Where that is not positive definite, the same
 * without the law's own curvature (Gauss-Newton). Of parameters that are not identified apart one
 * is held for each free direction. Measured coverage: docs/statistics.md.
 */

#include "isogloss/fit.h"

typedef struct isg_sandwich {
    size_t n_clusters, n_params;
    bool usable;       /**< false: H is singular, or there are two stages; what follows is zero */
    double *influence; /**< [n_clusters][n_params] U_g of the internal centred theta; zero for
                            what is held at a bound or by --fix */
    double h_inverse[ISG_LAW_PARAMS * ISG_LAW_PARAMS]; /**< [n_params][n_params] of theta */
    double sd[ISG_LAW_PARAMS];                         /**< of theta */
    double theta[ISG_LAW_PARAMS];                      /**< the fit's */
} isg_sandwich;

/**
 * @param cluster  [rows] 0 .. n_clusters-1
 * @param keep     parameter that is not left out although it is at its bound; ISG_LAW_PARAMS: none
 * @return ISG_OK, also when it is not usable; ISG_ENOMEM
 */
isg_err isg_sandwich_create(const isg_problem *problem, const isg_fit *fit, const size_t *cluster,
                            size_t n_clusters, size_t keep, isg_sandwich **out);
void isg_sandwich_destroy(isg_sandwich **sandwich);

/** What a number's linearisation says. */
typedef struct isg_sandwich_number {
    double se;           /**< sandwich standard error, with the factor G/(G-1) */
    double model;        /**< c' H^-1 c, its curvature: its variance if E psi^2 were E psi' */
    double acceleration; /**< sum l^3 / (6 (sum l^2)^1.5) of the clusters' influences l */
} isg_sandwich_number;

/** @param slope  [n_params] of the number by theta. @return false if nothing moves it */
bool isg_sandwich_of(const isg_sandwich *sandwich, const double *slope, isg_sandwich_number *out);

#endif
