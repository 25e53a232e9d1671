#ifndef ISG_REPORT_FIELDS_H
#define ISG_REPORT_FIELDS_H

/** Fields of JSON objects, as the reports write and read them. */

#include "isogloss/json.h"

#include <math.h>

/** Takes the value. @return false: out of memory */
static inline bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static inline json_t *whole(size_t n)
{
    return json_integer((json_int_t)n);
}

/** Null unless it is there. */
static inline json_t *real_if(bool there, double x)
{
    return there ? isg_json_real(x) : json_null();
}

/** "" if there is none. Borrowed. */
static inline const char *text_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

/** NaN for null. */
static inline double real_of(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

#endif
