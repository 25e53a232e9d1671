#ifndef ISOGLOSS_KNOWN_H
#define ISOGLOSS_KNOWN_H

/** Numbers that follow from parameters which the data do not all determine. */

#include "isogloss/fit.h"

/**
 * Is a number of the parameters known: does it stay the same when any one of the not
 * identified parameters of the fit is moved (those that enter as logs by the factor 1.5
 * either way, others by 0.3)?
 * @param value  of natural parameters [n_params]; not finite: there is none
 */
bool isg_known(const isg_law *law, const isg_fit *fit,
               double (*value)(const void *ctx, const double *natural), const void *ctx);

/** The same of law->derived[derived]. */
bool isg_known_derived(const isg_law *law, const isg_fit *fit, size_t derived);

#endif
