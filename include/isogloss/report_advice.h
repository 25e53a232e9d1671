#ifndef ISOGLOSS_REPORT_ADVICE_H
#define ISOGLOSS_REPORT_ADVICE_H

/** Advice about a plan, as text and as JSON. */

#include "isogloss/advice.h"
#include "isogloss/json.h"

#include <stdio.h>

/** A paragraph each, at most 80 columns. */
void isg_report_advice_text(const isg_advice_list *list, FILE *out);

/** [{"kind": "warning", "text": ".."}, ..]; NULL when out of memory. New reference. */
json_t *isg_report_advice_json(const isg_advice_list *list);

#endif
