/* Texts to numbers, and the getters that fall back on the table's defaults. */
#include "field.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double suffix_factor(const char *s)
{
    static const struct {
        const char *suffix;
        double factor;
    } table[] = {{"", 1},     {"k", 1e3},   {"M", 1e6},      {"G", 1e9},
                 {"T", 1e12}, {"Ki", 1024}, {"Mi", 1048576}, {"Gi", 1073741824}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!strcmp(s, table[i].suffix)) return table[i].factor;
    }
    return 0;
}

/* "1.5M" -> 1.5 and "M"; exponents only in plain numbers. */
static bool split(const char *text, double *number, const char **rest)
{
    char digits[64];
    size_t n = strspn(text, "0123456789.");
    if (n == 0 || n >= sizeof digits) return false;
    memcpy(digits, text, n);
    digits[n] = '\0';
    *rest = text + n;
    return isg_str_to_double(digits, number);
}

bool isg_value_count(const isg_node *node, uint64_t *out)
{
    double v = 0, factor = 1;
    const char *rest = "";
    if (!node || node->kind != ISG_NODE_SCALAR) return false;
    if (isg_str_to_u64(node->text, out)) return *out <= (uint64_t)INT64_MAX;
    if (!isg_str_to_double(node->text, &v)) {
        if (!split(node->text, &v, &rest)) return false;
        factor = suffix_factor(rest);
    }
    v = v * factor;
    double whole = round(v); /* 0.1 * 1e3 is not 100 in binary */
    if (factor == 0 || v < 0 || v >= 9.2e18 || fabs(v - whole) > 1e-9 * (1 + v)) return false;
    *out = (uint64_t)whole;
    return true;
}

bool isg_value_real(const isg_node *node, double *out)
{
    return node && node->kind == ISG_NODE_SCALAR && isg_str_to_double(node->text, out);
}

bool isg_value_amount(const isg_node *node, double *out)
{
    uint64_t count;
    if (isg_value_real(node, out)) return true;
    if (!isg_value_count(node, &count)) return false;
    *out = (double)count;
    return true;
}

bool isg_value_time(const isg_node *node, double *seconds)
{
    static const char unit[] = "smhd";
    static const double factor[] = {1, 60, 3600, 86400};
    const char *rest;
    if (!node || node->kind != ISG_NODE_SCALAR) return false;
    if (!strcmp(node->text, "off")) {
        *seconds = 0;
        return true;
    }
    if (isg_str_to_double(node->text, seconds)) return true;
    if (!split(node->text, seconds, &rest) || strlen(rest) != 1 || !strchr(unit, rest[0]))
        return false;
    *seconds *= factor[strchr(unit, rest[0]) - unit];
    return true;
}

/* The given value, or the table's default as a node in `hold`. */
static const isg_node *value_of(const isg_node *map, const char *section, const char *key,
                                isg_node *hold)
{
    const isg_node *given = isg_node_get(map, key);
    if (given) return given;
    const isg_field *f = isg_field_find(section, key);
    assert(f && f->def);
    *hold = (isg_node){.kind = ISG_NODE_SCALAR, .text = f->def};
    return hold;
}

double isg_get_real(const isg_node *map, const char *section, const char *key)
{
    isg_node hold;
    double v = 0;
    (void)isg_value_real(value_of(map, section, key, &hold), &v);
    return v;
}

double isg_get_amount(const isg_node *map, const char *section, const char *key)
{
    isg_node hold;
    double v = 0;
    (void)isg_value_amount(value_of(map, section, key, &hold), &v);
    return v;
}

uint64_t isg_get_count(const isg_node *map, const char *section, const char *key)
{
    isg_node hold;
    uint64_t v = 0;
    (void)isg_value_count(value_of(map, section, key, &hold), &v);
    return v;
}

double isg_get_time(const isg_node *map, const char *section, const char *key)
{
    isg_node hold;
    double v = 0;
    (void)isg_value_time(value_of(map, section, key, &hold), &v);
    return v;
}

bool isg_get_bool(const isg_node *map, const char *section, const char *key)
{
    isg_node hold;
    return !strcmp(value_of(map, section, key, &hold)->text, "true");
}

const char *isg_get_text(const isg_node *map, const char *section, const char *key)
{
    const isg_node *given = isg_node_get(map, key);
    return given ? given->text : isg_field_find(section, key)->def;
}
