#ifndef ISOGLOSS_REPORT_LAWS_H
#define ISOGLOSS_REPORT_LAWS_H

/** What the table of laws says of itself: text for people, Markdown for docs/laws.md, JSON for
 * programs (schemas/laws.schema.json). */

#include "isogloss/json.h"
#include "isogloss/law.h"

#include <stdio.h>

/** Name, formula and purpose of each law; at most 80 columns. */
void isg_report_laws_list(FILE *out);

/** Parameters, variables and an example of one law; at most 80 columns. */
void isg_report_laws_text(const isg_law *law, FILE *out);

/** All laws as a page. */
void isg_report_laws_markdown(FILE *out);

/** @param only  this law, or NULL for all */
isg_err isg_report_laws_json(const isg_law *only, json_t **out);

#endif
