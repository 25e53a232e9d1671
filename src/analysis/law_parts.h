#ifndef ISG_ANALYSIS_LAW_PARTS_H
#define ISG_ANALYSIS_LAW_PARTS_H

/** What the sources of several laws share. */

#include "isogloss/law.h"

/** a/n^alpha + b/d^beta with n d = exp(log_nd) is least here (Hoffmann et al. 2022, eq. 4).
 * @return false if one of the terms is missing: the least is at no finite n */
bool isg_balance(double a, double alpha, double b, double beta, double log_nd, double *n,
                 double *d);

/** beta/(alpha + beta) and alpha/(alpha + beta) of parameters 3 and 4: how the best N and D grow
 * with the FLOPs. */
double isg_size_exponent(const isg_law *law, const double *natural);
double isg_data_exponent(const isg_law *law, const double *natural);

/* Rows of tables of parameters: the five that laws of the Chinchilla family begin with. */
#define ISG_LAW_FIVE                                                                                \
    {"A", true, -12, 8, -4, 1, "weight of the size term [loss parameter^alpha]", false},            \
        {"B", true, -12, 8, -4, 1, "weight of the data term [loss token^beta]", false},             \
        {"E", true, -12, 1, -3, -0.02, "loss of an infinite model on infinite data [loss]", false}, \
        {"alpha", false, 0.01, 3, 0.05, 1.2, "exponent of model size", false},                      \
    {                                                                                               \
        "beta", false, 0.01, 3, 0.05, 1.2, "exponent of data size", false                           \
    }

#endif
