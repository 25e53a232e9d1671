#ifndef ISG_REPORT_TEXT_H
#define ISG_REPORT_TEXT_H

/** Lines of a text report, at most 80 columns wide. */

#include "isogloss/law.h"

#include <stdio.h>

enum { ISG_TEXT_CELL = 32 }; /**< room of a number */

/** `lead` once, then `text` wrapped at words and indented below it. */
void isg_text_paragraph(FILE *out, const char *lead, const char *text);

/** The same for new memory, which is freed; says nothing when there was none. */
void isg_text_say(FILE *out, const char *lead, char *text);

/** As many decimals as the standard error bears. @param buf  [ISG_TEXT_CELL], returned */
const char *isg_text_show(double x, double se, char *buf);

/** "name: formula" and a line for each of its further symbols. */
void isg_text_law(FILE *out, const isg_law *law);

#endif
