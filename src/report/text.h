#ifndef ISG_REPORT_TEXT_H
#define ISG_REPORT_TEXT_H

/** Lines of a text report, at most 80 columns wide. */

#include "isogloss/law.h"

#include <stdbool.h>
#include <stdio.h>

enum { ISG_TEXT_CELL = 32 }; /**< room of a number */

/** `lead` once, then `text` wrapped at words and indented below it. */
void isg_text_paragraph(FILE *out, const char *lead, const char *text);

/** The same for new memory, which is freed; says nothing when there was none. */
void isg_text_say(FILE *out, const char *lead, char *text);

/** As many decimals as the standard error bears. @param buf  [ISG_TEXT_CELL], returned */
const char *isg_text_show(double x, double se, char *buf);

/** The standard error that an interval of that level would have if it were normal; 0: none. */
double isg_text_scale(double lo, double hi, double level);

/** Is a standard error more than three times that, so that a few refits far out made it? */
bool isg_text_far_out(double se, double lo, double hi, double level);

/** What "-" stands for then. */
extern const char isg_text_far_out_note[];

/** "name: formula" and a line for each of its further symbols. */
void isg_text_law(FILE *out, const isg_law *law);

#endif
