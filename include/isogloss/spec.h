#ifndef ISOGLOSS_SPEC_H
#define ISOGLOSS_SPEC_H

/** The format of campaign files itself: its schema, its documentation, and files against it. */

#include "isogloss/err.h"
#include "isogloss/json.h"

#include <stdio.h>

/** JSON Schema 2020-12 of a campaign file. New reference. */
isg_err isg_spec_schema(json_t **out);

/** The reference in Markdown (docs/campaign.md). */
isg_err isg_spec_reference(FILE *out);

/**
 * Is this text of the right shape, as far as a JSON Schema can tell? No
 * corpus, no plan.
 * @return ISG_OK; ISG_ESPEC with one line for each error
 */
isg_err isg_spec_check_shape(const char *text, const char *name);

#endif
