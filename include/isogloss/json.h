#ifndef ISOGLOSS_JSON_H
#define ISOGLOSS_JSON_H

/**
 * The JSON door: jansson plus typed getters whose errors name the key, the
 * value found and what was wanted. Numbers come back exactly.
 */

#include "isogloss/err.h"
#include "isogloss/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/** Parse one text. `what` names it in messages ("index.json", "line 12"). */
isg_err isg_json_parse(const char *text, size_t n, const char *what, json_t **out);

/** Read and parse a file (at most 256 MiB). Caller json_decref()s. */
isg_err isg_json_load(const char *path, json_t **out);

/** One line without a newline. Caller frees; NULL when out of memory. */
char *isg_json_line(const json_t *value);

/** Indented text; reals have as many digits as reading them back exactly takes. Caller frees;
 * NULL when out of memory. */
char *isg_json_text(const json_t *value);

/** The same with a final newline on `out` (stdout in the commands). */
isg_err isg_json_print(const json_t *value, FILE *out);

/* Getters: `object` must be a JSON object, `key` present and of the type,
 * else ISG_EINPUT with a message "key 'x': wanted ..., found ...". */
isg_err isg_json_string(const json_t *object, const char *key, const char **out);
isg_err isg_json_u64(const json_t *object, const char *key, uint64_t *out);
isg_err isg_json_number(const json_t *object, const char *key, double *out);
isg_err isg_json_bool(const json_t *object, const char *key, bool *out);
isg_err isg_json_object(const json_t *object, const char *key, json_t **out); /**< borrowed */
isg_err isg_json_array(const json_t *object, const char *key, json_t **out);  /**< borrowed */

/** A finite number, or JSON null (JSON has neither NaN nor infinity). New reference. */
json_t *isg_json_real(double value);

#endif
