#ifndef ISG_REPORT_FIT_NUMBERS_H
#define ISG_REPORT_FIT_NUMBERS_H

/** Parameters and derived numbers of a fit with their intervals, and how these came about. */

#include "isogloss/report_fit.h"

void isg_report_fit_numbers(const isg_fit_report *report, FILE *out);

#endif
