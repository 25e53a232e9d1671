/* Events of libyaml to a tree. Events, not libyaml's document loader: the
 * loader expands aliases (a billion laughs) and forgets nothing we want. */
#include "node.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MAX_DEPTH = 16, MAX_SHOWN = 8, MAX_KEYS = 10000 };

typedef struct reader {
    yaml_parser_t parser;
    isg_arena *arena;
    const char *name;
} reader;

static isg_err fail_at(const reader *r, const yaml_mark_t *m, const char *what)
{
    return ISG_FAIL(ISG_ESPEC, "%s:%zu:%zu: %s", r->name, m->line + 1, m->column + 1, what);
}

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "out of memory for the campaign");
}

static isg_err next_event(reader *r, yaml_event_t *e)
{
    if (yaml_parser_parse(&r->parser, e)) return ISG_OK;
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR) return no_memory();
    if (p->error == YAML_READER_ERROR) {
        return ISG_FAIL(ISG_ESPEC, "%s: byte %zu: %s (wanted UTF-8 text)", r->name,
                        p->problem_offset, p->problem ? p->problem : "unreadable");
    }
    return ISG_FAIL(ISG_ESPEC, "%s:%zu:%zu: not valid YAML: %s%s%s", r->name,
                    p->problem_mark.line + 1, p->problem_mark.column + 1,
                    p->problem ? p->problem : "?", p->context ? " " : "",
                    p->context ? p->context : "");
}

static isg_err new_node(reader *r, isg_node_kind kind, const yaml_mark_t *m, isg_node **out)
{
    *out = isg_arena_alloc(r->arena, 1, sizeof **out);
    if (!*out) return no_memory();
    (*out)->kind = kind;
    (*out)->line = m->line + 1;
    (*out)->column = m->column + 1;
    return ISG_OK;
}

/* Lists grow by doubling inside the arena; what is left behind is bounded by the file's size. */
static isg_err push(reader *r, isg_node ***list, size_t n, isg_node *entry)
{
    if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) {
        isg_node **more = isg_arena_alloc(r->arena, n ? 2 * n : 4, sizeof(isg_node *));
        if (!more) return no_memory();
        if (n) memcpy(more, *list, n * sizeof(isg_node *));
        *list = more;
    }
    (*list)[n] = entry;
    return ISG_OK;
}

static isg_err read_value(reader *r, yaml_event_t *e, size_t depth, isg_node **out);

static isg_err read_scalar(reader *r, const yaml_event_t *e, isg_node **out)
{
    const char *text = (const char *)e->data.scalar.value;
    size_t n = e->data.scalar.length;
    if (memchr(text, '\0', n))
        return fail_at(r, &e->start_mark, "a NUL byte is not allowed in text");
    ISG_TRY(new_node(r, ISG_NODE_SCALAR, &e->start_mark, out));
    (*out)->text = isg_arena_text(r->arena, text, n);
    (*out)->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return (*out)->text ? ISG_OK : no_memory();
}

static isg_err read_list(reader *r, isg_node *list, size_t depth)
{
    for (;;) {
        yaml_event_t e;
        isg_node *item = NULL;
        ISG_TRY(next_event(r, &e));
        bool end = e.type == YAML_SEQUENCE_END_EVENT;
        isg_err rc = end ? ISG_OK : read_value(r, &e, depth, &item);
        yaml_event_delete(&e);
        if (end || rc) return rc;
        ISG_TRY(push(r, &list->item, list->n, item));
        list->n++;
    }
}

static isg_err read_map(reader *r, isg_node *map, size_t depth)
{
    for (;;) {
        yaml_event_t e;
        isg_node *key = NULL, *value = NULL;
        ISG_TRY(next_event(r, &e));
        bool end = e.type == YAML_MAPPING_END_EVENT;
        isg_err rc = ISG_OK;
        if (!end && e.type != YAML_SCALAR_EVENT && e.type != YAML_ALIAS_EVENT) {
            rc = fail_at(r, &e.start_mark, "a key must be a plain word");
        } else if (!end) {
            rc = read_value(r, &e, depth, &key);
        }
        yaml_event_delete(&e);
        if (end || rc) return rc;
        if (map->n == MAX_KEYS)
            return fail_at(r, &r->parser.mark, "more than 10000 keys in one map");
        if (isg_node_get(map, key->text)) {
            return ISG_FAIL(ISG_ESPEC, "%s:%zu:%zu: key '%s' is given twice", r->name, key->line,
                            key->column, key->text);
        }
        ISG_TRY(next_event(r, &e));
        rc = read_value(r, &e, depth, &value);
        yaml_event_delete(&e);
        ISG_TRY(rc);
        ISG_TRY(push(r, &map->key, map->n, key));
        ISG_TRY(push(r, &map->item, map->n, value));
        map->n++;
    }
}

static isg_err read_value(reader *r, yaml_event_t *e, size_t depth, isg_node **out)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (e->type) {
    case YAML_SCALAR_EVENT: anchor = e->data.scalar.anchor, tag = e->data.scalar.tag; break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = e->data.sequence_start.anchor, tag = e->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = e->data.mapping_start.anchor, tag = e->data.mapping_start.tag;
        break;
    case YAML_ALIAS_EVENT:
        return fail_at(r, &e->start_mark, "aliases (*name) are not allowed; write it out");
    default: return fail_at(r, &e->start_mark, "a value is missing here");
    }
    if (anchor) return fail_at(r, &e->start_mark, "anchors (&name) are not allowed; write it out");
    if (tag) return fail_at(r, &e->start_mark, "tags (!name) are not allowed");
    if (e->type == YAML_SCALAR_EVENT) return read_scalar(r, e, out);
    if (depth >= MAX_DEPTH) return fail_at(r, &e->start_mark, "nested deeper than 16 levels");
    bool list = e->type == YAML_SEQUENCE_START_EVENT;
    ISG_TRY(new_node(r, list ? ISG_NODE_LIST : ISG_NODE_MAP, &e->start_mark, out));
    return list ? read_list(r, *out, depth + 1) : read_map(r, *out, depth + 1);
}

static isg_err read_document(reader *r, isg_node **out)
{
    for (;;) {
        yaml_event_t e;
        ISG_TRY(next_event(r, &e));
        isg_err rc = ISG_OK;
        bool end = e.type == YAML_STREAM_END_EVENT;
        bool frame = e.type == YAML_STREAM_START_EVENT || e.type == YAML_DOCUMENT_START_EVENT ||
                     e.type == YAML_DOCUMENT_END_EVENT;
        if (*out && e.type == YAML_DOCUMENT_START_EVENT) {
            rc = fail_at(r, &e.start_mark, "a second document ('---'); a campaign is one document");
        } else if (!end && !frame) {
            rc = read_value(r, &e, 0, out);
        }
        yaml_event_delete(&e);
        if (rc || end) return rc;
    }
}

isg_err isg_node_parse(const char *text, size_t n, const char *name, isg_arena *arena,
                       isg_node **out)
{
    reader r = {.arena = arena, .name = name};
    *out = NULL;
    if (n > ISG_CAMPAIGN_MAX_BYTES) {
        return ISG_FAIL(ISG_ESPEC, "%s: larger than the 4 MiB allowed for a campaign", name);
    }
    if (!yaml_parser_initialize(&r.parser)) return no_memory();
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
    isg_err rc = read_document(&r, out);
    yaml_parser_delete(&r.parser);
    if (!rc && !*out) rc = ISG_FAIL(ISG_ESPEC, "%s:1:1: the file is empty", name);
    if (rc) *out = NULL;
    return rc;
}

const isg_node *isg_node_get(const isg_node *map, const char *key)
{
    if (!map || map->kind != ISG_NODE_MAP) return NULL;
    for (size_t i = 0; i < map->n; i++) {
        if (!strcmp(map->key[i]->text, key)) return map->item[i];
    }
    return NULL;
}

const char *isg_node_show(const isg_node *node)
{
    switch (node->kind) {
    case ISG_NODE_LIST: return "a list";
    case ISG_NODE_MAP: return "a map";
    default: return node->text[0] ? node->text : "nothing";
    }
}

void isg_diag_add(isg_diag *diag, const isg_node *at, const char *fmt, ...)
{
    char text[512], place[48] = "";
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (at) (void)snprintf(place, sizeof place, ":%zu:%zu", at->line, at->column);
    char *line = isg_strf("%s%s: %s", diag->file, place, text);
    bool known =
        line && strstr(isg_str_c(&diag->text), line); /* an axis that several families share */
    if (line && !known && diag->n++ < MAX_SHOWN) {
        (void)isg_str_printf(&diag->text, "%s%s", diag->text.len ? "\n" : "", line);
    }
    free(line);
}

isg_err isg_diag_result(const isg_diag *diag)
{
    if (!diag->n) return ISG_OK;
    if (diag->n <= MAX_SHOWN) return ISG_FAIL(ISG_ESPEC, "%s", isg_str_c(&diag->text));
    return ISG_FAIL(ISG_ESPEC, "%s\nand %zu more", isg_str_c(&diag->text), diag->n - MAX_SHOWN);
}
