#include "isogloss/json.h"

#include "isogloss/os.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

isg_err isg_json_parse(const char *text, size_t n, const char *what, json_t **out)
{
    json_error_t e;
    *out = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (*out) return ISG_OK;
    return ISG_FAIL(ISG_EINPUT, "%s: not valid JSON at line %d column %d: %s", what, e.line,
                    e.column, e.text);
}

isg_err isg_json_load(const char *path, json_t **out)
{
    isg_str text = {0};
    *out = NULL;
    isg_err rc = isg_file_read(path, (size_t)256 << 20, &text);
    if (!rc) rc = isg_json_parse(isg_str_c(&text), text.len, path, out);
    isg_str_free(&text);
    return rc;
}

char *isg_json_line(const json_t *value)
{
    return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
}

/* "1e+05" as "1e5", "1" as "1.0": how jansson writes reals. */
static void as_json(char *number)
{
    char *e = strchr(number, 'e');
    if (!e) {
        if (!strchr(number, '.')) strcat(number, ".0");
        return;
    }
    char *to = e[1] == '-' ? e + 2 : e + 1, *from = to + (*to == '+');
    while (*from == '0' && from[1]) from++;
    memmove(to, from, strlen(from) + 1);
}

/* The shortest digits that read back as the same number. @param n  bytes of the token at `from`, which has 17 digits @return bytes at `to` */
static size_t shortest(const char *from, size_t n, char *to)
{
    char token[40], best[40];
    if (n >= sizeof token) n = sizeof token - 1;
    memcpy(token, from, n);
    token[n] = '\0';
    const double value = strtod(token, NULL);
    memcpy(best, token, n + 1);
    for (int digits = 17; digits-- > 15;) {
        char shorter[40];
        (void)snprintf(shorter, sizeof shorter, "%.*g", digits, value);
        const double again = strtod(shorter, NULL);
        if (again < value || again > value) break;
        as_json(shorter);
        memcpy(best, shorter, sizeof best);
    }
    const size_t length = strlen(best);
    memcpy(to, best, length);
    return length;
}

/* Shorten every real of a JSON text in place. */
static void shorten(char *text)
{
    const char *from = text;
    char *to = text;

    for (bool quoted = false; *from;) {
        const size_t n = quoted ? 0 : strspn(from, "+-.0123456789eE");
        const bool starts = *from == '-' || (*from >= '0' && *from <= '9');
        if (n && starts) {
            const size_t whole = strspn(from, "-0123456789");
            if (whole < n) {
                to += shortest(from, n, to);
            } else {
                memmove(to, from, n);
                to += n;
            }
            from += n;
            continue;
        }
        if (quoted && *from == '\\' && from[1])
            *to++ = *from++;
        else if (*from == '"')
            quoted = !quoted;
        *to++ = *from++;
    }
    *to = '\0';
}

char *isg_json_text(const json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    if (text) shorten(text);
    return text;
}

isg_err isg_json_print(const json_t *value, FILE *out)
{
    char *text = isg_json_text(value);
    const bool good = text && fputs(text, out) != EOF && fputc('\n', out) != EOF && !fflush(out);
    free(text);
    return good ? ISG_OK : ISG_FAIL(ISG_EIO, "cannot write JSON to the output");
}

static const char *kind_of(const json_t *v)
{
    if (!v) return "nothing";
    switch (json_typeof(v)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a real number";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    default: return "null";
    }
}

static isg_err wanted(const char *key, const char *what, const json_t *found)
{
    char *text = found ? isg_json_line(found) : NULL;
    isg_err rc = ISG_FAIL(ISG_EINPUT, "key '%s': wanted %s, found %s%s%.60s", key, what,
                          kind_of(found), text ? " " : "", text ? text : "");
    free(text);
    return rc;
}

isg_err isg_json_string(const json_t *object, const char *key, const char **out)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_string(v)) return wanted(key, "a string", v);
    *out = json_string_value(v);
    return ISG_OK;
}

isg_err isg_json_u64(const json_t *object, const char *key, uint64_t *out)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return wanted(key, "an integer of 0 or more", v);
    *out = (uint64_t)json_integer_value(v);
    return ISG_OK;
}

isg_err isg_json_number(const json_t *object, const char *key, double *out)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_number(v)) return wanted(key, "a number", v);
    *out = json_number_value(v);
    return ISG_OK;
}

isg_err isg_json_bool(const json_t *object, const char *key, bool *out)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_boolean(v)) return wanted(key, "true or false", v);
    *out = json_is_true(v);
    return ISG_OK;
}

isg_err isg_json_object(const json_t *object, const char *key, json_t **out)
{
    json_t *v = json_object_get(object, key);
    if (!json_is_object(v)) return wanted(key, "an object", v);
    *out = v;
    return ISG_OK;
}

isg_err isg_json_array(const json_t *object, const char *key, json_t **out)
{
    json_t *v = json_object_get(object, key);
    if (!json_is_array(v)) return wanted(key, "an array", v);
    *out = v;
    return ISG_OK;
}

json_t *isg_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}
