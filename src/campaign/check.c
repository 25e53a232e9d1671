/* Shape of a campaign against the field table. Errors are gathered, because
 * a stranger with five mistakes wants to read of five. */
#include "field.h"

#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

typedef struct checker {
    bool values;
    isg_diag *diag;
} checker;

static void check_map(const checker *c, const isg_node *map, const char *section, const char *what);

const isg_field *isg_field_find(const char *section, const char *key)
{
    for (const isg_field *f = isg_fields; f->key; f++) {
        if (!strcmp(f->section, section) && !strcmp(f->key, key)) return f;
    }
    return NULL;
}

static bool matches(const char *pattern, const char *text)
{
    regex_t re;
    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB)) return false;
    bool yes = !regexec(&re, text, 0, NULL, 0);
    regfree(&re);
    return yes;
}

/* As YAML 1.2 and JSON Schema see it: a plain number is not a text. */
static bool is_plain_number(const isg_node *node, double *v)
{
    return !node->quoted && isg_str_to_double(node->text, v);
}

static bool is_plain_bool(const isg_node *node)
{
    return !node->quoted && (!strcmp(node->text, "true") || !strcmp(node->text, "false"));
}

static bool is_null(const isg_node *node)
{
    return !node->quoted &&
           (!node->text[0] || !strcmp(node->text, "~") || !strcmp(node->text, "null"));
}

static bool is_choice(const isg_field *f, const char *text)
{
    for (const char *const *c = f->choices; *c; c++) {
        if (!strcmp(*c, text)) return true;
    }
    return false;
}

static bool right_type(const isg_field *f, const isg_node *node)
{
    const isg_ftype_info *info = &isg_ftypes[f->type];
    double v;
    if (f->type == ISG_F_BOOL) return is_plain_bool(node);
    if (is_null(node) || is_plain_bool(node)) return false;
    if (is_plain_number(node, &v)) return info->number && (!info->whole || v == floor(v));
    if (f->type == ISG_F_CHOICE) return is_choice(f, node->text);
    return info->text && (!info->pattern || matches(info->pattern, node->text));
}

/* What is allowed, in words. */
static const char *allowed(const isg_field *f, char *buf, size_t cap)
{
    int n = 0;
    if (f->type == ISG_F_CHOICE) {
        for (const char *const *c = f->choices; *c && (size_t)n < cap; c++) {
            n += snprintf(buf + n, cap - (size_t)n, "%s%s", n ? ", " : "", *c);
        }
        return buf;
    }
    n = snprintf(buf, cap, "%s", isg_ftypes[f->type].word);
    if (f->sub && f->type != ISG_F_NONE) n += snprintf(buf + n, cap - (size_t)n, ", or a map");
    if (f->min != 0 || f->max != 0) {
        n += snprintf(buf + n, cap - (size_t)n, ", %.9g to %.9g", f->min, f->max);
        if (f->unit) (void)snprintf(buf + n, cap - (size_t)n, " [%s]", f->unit);
    }
    return buf;
}

static void refuse(const checker *c, const isg_field *f, const isg_node *node)
{
    char buf[256];
    const char *near = NULL;
    size_t n = 0;
    if (f->type == ISG_F_CHOICE && node->kind == ISG_NODE_SCALAR) {
        while (f->choices[n]) n++;
        near = isg_str_nearest(node->text, f->choices, n);
    }
    isg_diag_add(c->diag, node, "key '%s': found '%.60s', allowed: %s%s%s%s", f->key,
                 isg_node_show(node), allowed(f, buf, sizeof buf), near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
}

static bool in_range(const isg_field *f, double v)
{
    return (f->min == 0 && f->max == 0) || (v >= f->min && v <= f->max);
}

/* Ranges of plain numbers are shape; what "1.5M" or "20x" comes to is value. */
static bool right_value(const checker *c, const isg_field *f, const isg_node *node)
{
    double v = 0;
    uint64_t count = 0;
    if (f->type == ISG_F_BOOL || f->type == ISG_F_TEXT || f->type == ISG_F_CHOICE) return true;
    if (is_plain_number(node, &v)) return in_range(f, v);
    if (!c->values) return true;
    switch (f->type) {
    case ISG_F_NAME:
    case ISG_F_CODE: return isg_str_is_name(node->text);
    case ISG_F_COUNT: return isg_value_count(node, &count) && in_range(f, (double)count);
    case ISG_F_UNIQUE:
        return !strcmp(node->text, "all") ||
               (isg_value_count(node, &count) && in_range(f, (double)count));
    case ISG_F_TIME: return isg_value_time(node, &v) && in_range(f, v);
    case ISG_F_AMOUNT: return isg_value_amount(node, &v) && in_range(f, v);
    default: return true;
    }
}

static void check_value(const checker *c, const isg_field *f, const isg_node *node)
{
    if (node->kind == ISG_NODE_MAP && f->sub) {
        check_map(c, node, f->sub, f->key);
    } else if (node->kind != ISG_NODE_SCALAR || !right_type(f, node) || !right_value(c, f, node)) {
        refuse(c, f, node);
    }
}

static void check_list(const checker *c, const isg_field *f, const isg_node *node)
{
    if (node->n == 0)
        isg_diag_add(c->diag, node, "key '%s': found an empty list, allowed: one entry or more",
                     f->key);
    for (size_t i = 0; i < node->n; i++) {
        if (f->arity != ISG_LISTS) {
            check_value(c, f, node->item[i]);
        } else if (node->item[i]->kind == ISG_NODE_LIST) {
            isg_field inner = *f;
            inner.arity = ISG_LIST;
            check_list(c, &inner, node->item[i]);
        } else {
            isg_diag_add(c->diag, node->item[i], "key '%s': found '%.60s', allowed: a list", f->key,
                         isg_node_show(node->item[i]));
        }
    }
}

static void check_named(const checker *c, const isg_field *f, const isg_node *node)
{
    if (node->n == 0)
        isg_diag_add(c->diag, node, "key '%s': found an empty map, allowed: one entry or more",
                     f->key);
    for (size_t i = 0; i < node->n; i++) {
        const isg_node *key = node->key[i];
        if (!matches(isg_ftypes[ISG_F_NAME].pattern, key->text)) {
            isg_diag_add(c->diag, key, "key '%s': the name '%.60s' is not %s", f->key, key->text,
                         isg_ftypes[ISG_F_NAME].word);
        }
        if (f->arity == ISG_MAP) {
            check_value(c, f, node->item[i]);
        } else if (node->item[i]->kind == ISG_NODE_LIST) {
            check_list(c, f, node->item[i]);
        } else {
            isg_diag_add(c->diag, node->item[i], "key '%s': found '%.60s', allowed: a list", f->key,
                         isg_node_show(node->item[i]));
        }
    }
}

static void check_field(const checker *c, const isg_field *f, const isg_node *node)
{
    bool list = f->arity == ISG_LIST || f->arity == ISG_LISTS;
    bool named = f->arity == ISG_MAP || f->arity == ISG_MAP_OF_LISTS;
    if (named && node->kind == ISG_NODE_MAP) {
        check_named(c, f, node);
    } else if ((list || f->arity == ISG_ONE_OR_LIST) && node->kind == ISG_NODE_LIST) {
        check_list(c, f, node);
    } else if (list || named) {
        isg_diag_add(c->diag, node, "key '%s': found '%.60s', allowed: %s", f->key,
                     isg_node_show(node), list ? "a list" : "a map of names to values");
    } else {
        check_value(c, f, node);
    }
}

static void unknown_key(const checker *c, const isg_node *key, const char *section,
                        const char *what)
{
    const char *names[64] = {NULL};
    size_t n = 0;
    for (const isg_field *f = isg_fields; f->key; f++) {
        if (!strcmp(f->section, section) && n < 64) names[n++] = f->key;
    }
    const char *near = isg_str_nearest(key->text, names, n);
    if (near) {
        isg_diag_add(c->diag, key, "unknown key '%.60s'%s%s; did you mean '%s'?", key->text,
                     *what ? " in " : "", what, near);
        return;
    }
    isg_str all = {0};
    for (size_t i = 0; i < n; i++) (void)isg_str_printf(&all, "%s%s", i ? ", " : "", names[i]);
    isg_diag_add(c->diag, key, "unknown key '%.60s'%s%s; allowed: %s", key->text,
                 *what ? " in " : "", what, isg_str_c(&all));
    isg_str_free(&all);
}

static void check_map(const checker *c, const isg_node *map, const char *section, const char *what)
{
    for (size_t i = 0; i < map->n; i++) {
        const isg_field *f = isg_field_find(section, map->key[i]->text);
        if (f)
            check_field(c, f, map->item[i]);
        else
            unknown_key(c, map->key[i], section, what);
    }
    for (const isg_field *f = isg_fields; f->key; f++) {
        if (f->required && !strcmp(f->section, section) && !isg_node_get(map, f->key)) {
            isg_diag_add(c->diag, map, "key '%s' is missing%s%s: %s", f->key, *what ? " in " : "",
                         what, f->help);
        }
    }
}

void isg_field_check(const isg_node *map, const char *section, bool values, isg_diag *diag)
{
    checker c = {.values = values, .diag = diag};
    if (map->kind == ISG_NODE_MAP)
        check_map(&c, map, section, "");
    else
        isg_diag_add(diag, map, "found '%.60s', allowed: a map of keys", isg_node_show(map));
}
