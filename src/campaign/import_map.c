/* The map of an import: YAML, or options that stand for one, to a list of (name, source). The table
 * below says what there is; docs/import.md is made from it. */
#include "field.h"
#include "isogloss/import.h"

#include <stdlib.h>
#include <string.h>

typedef enum shape { ONE, PER_LANGUAGE, UNIT, LOSSES, KEEP, WHERE } shape;

typedef struct import_key {
    const char *key, *alias; /* the alias is another way to write the key */
    const char *column;      /* of the tidy table; of PER_LANGUAGE its beginning */
    shape shape;
    bool text;
    const char *usual; /* names taken without a map, best first, separated by blanks; NULL: none */
    const char *help;
} import_key;

static const import_key keys[] = {
    {"run_id", "run", "run_id", ONE, true, "run_id run run_name",
     "what a run is called; `row` (if no column is called so): every row is a run. Without it rows "
     "equal in all but D, loss and what follows D are one run"},
    {"N_total", "N_params", "N_params", ONE, false, "N_total N_params",
     "parameters with embeddings"},
    {"N_nonembedding", NULL, "N_nonembedding", ONE, false, "N_nonembedding N_params_no_embed",
     "parameters without embeddings; one of the two is needed"},
    {"D_tokens", NULL, "D_tokens", ONE, false, "D_tokens", "tokens trained on up to this row"},
    {"loss", NULL, "loss", ONE, false, "loss", "the loss, of a long table"},
    {"losses", NULL, NULL, LOSSES, false, NULL,
     "`{EVALUATION: column, ...}` of a wide table: each row becomes one for each evaluation"},
    {"unit", NULL, NULL, UNIT, false, NULL,
     "unit of every loss, such as `nat/token` or `bit/byte`; else a column `unit`"},
    {"evaluation", NULL, "evaluation", ONE, true, "evaluation", "held-out set"},
    {"eval_language", NULL, "eval_language", ONE, true, "eval_language", "its language"},
    {"family", NULL, "family", ONE, true, "family", "group of runs"},
    {"parent", NULL, "parent_run", ONE, true, "parent",
     "run that this one continues: they are resampled together"},
    {"cluster", "cluster_id", "cluster_id", ONE, true, "cluster_id",
     "what is resampled together, if it is neither the run nor its root parent"},
    {"seed", NULL, "seed", ONE, false, "seed", "seed of the model initialisation"},
    {"unique_tokens", NULL, "unique_tokens", ONE, false, "unique_tokens",
     "different tokens among D_tokens"},
    {"epochs", NULL, "epochs", ONE, false, "epochs", "D_tokens / unique_tokens"},
    {"tokens", NULL, "tokens_", PER_LANGUAGE, false, NULL,
     "`{LANGUAGE: column, ...}`: tokens of each language up to this row; `fit --target` then takes "
     "runs of one language, like those of a campaign"},
    {"unique", NULL, "unique_", PER_LANGUAGE, false, NULL,
     "`{LANGUAGE: column, ...}`: different tokens of each language"},
    {"keep", NULL, NULL, KEEP, false, NULL,
     "list of further columns, or `{name: column or expression}`; default: all"},
    {"where", NULL, NULL, WHERE, false, NULL,
     "`column=value` or a list of such (`!=`, `<`, `<=`, `>`, `>=` too): only these rows"},
};
enum { KEYS = sizeof keys / sizeof keys[0] };

void isg_import_map_help(FILE *out)
{
    (void)fprintf(out, "| key | usual columns | what |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < KEYS; i++) {
        (void)fprintf(out, "| `%s` |", keys[i].key);
        for (const char *p = keys[i].usual; p && *p;) {
            size_t n = strcspn(p, " ");
            (void)fprintf(out, "%s `%.*s`", p == keys[i].usual ? "" : ",", (int)n, p);
            p += n + (p[n] == ' ');
        }
        (void)fprintf(out, " | %s |\n", keys[i].help);
    }
}

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "out of memory for the map of an import");
}

/* ---- filling ------------------------------------------------------------------------ */

static isg_err add_item(isg_import_item **list, size_t *n, const isg_import_item *item)
{
    isg_import_item *more = realloc(*list, (*n + 1) * sizeof *more);
    if (!more) return no_memory();
    *list = more;
    more[*n] = (isg_import_item){.name = isg_strdup(item->name),
                                 .source = isg_strdup(item->source),
                                 .where = isg_strdup(item->where),
                                 .text = item->text,
                                 .constant = item->constant,
                                 .language = item->language};
    const isg_import_item *last = &more[(*n)++];
    return last->name && last->source && last->where ? ISG_OK : no_memory();
}

static isg_err add_where(isg_import_map *m, const char *text)
{
    char **more = realloc(m->where, (m->n_where + 1) * sizeof *more);
    if (!more) return no_memory();
    m->where = more;
    m->where[m->n_where] = isg_strdup(text);
    return m->where[m->n_where++] ? ISG_OK : no_memory();
}

static isg_import_item *find_item(const isg_import_map *m, const char *name)
{
    for (size_t i = 0; i < m->n_items; i++) {
        if (!strcmp(m->items[i].name, name)) return &m->items[i];
    }
    return NULL;
}

/* What is not given is looked for under its usual names; items without a source mean that. */
static isg_err add_usual(isg_import_map *m)
{
    for (size_t i = 0; i < KEYS; i++) {
        const import_key *k = &keys[i];
        if (!k->usual || find_item(m, k->column)) continue;
        if (m->n_losses && !strcmp(k->column, "loss")) continue;
        if (m->n_losses && !strcmp(k->column, "evaluation")) continue;
        isg_import_item usual = {.name = (char *)(uintptr_t)k->column,
                                 .source = (char *)(uintptr_t)k->usual,
                                 .where = (char *)(uintptr_t) "",
                                 .text = k->text};
        ISG_TRY(add_item(&m->items, &m->n_items, &usual));
    }
    return ISG_OK;
}

/* The order of the table of keys, then languages and kept columns as they were given. */
static isg_err put_in_order(isg_import_map *m)
{
    isg_import_item *list = calloc(m->n_items + 1, sizeof *list);
    size_t n = 0;

    if (!list) return no_memory();
    for (size_t k = 0; k < KEYS; k++) {
        isg_import_item *item = keys[k].shape == ONE ? find_item(m, keys[k].column) : NULL;
        if (item) list[n++] = *item;
    }
    for (size_t i = 0; i < m->n_items; i++) {
        bool placed = false;
        for (size_t k = 0; k < n && !placed; k++) placed = list[k].name == m->items[i].name;
        if (!placed) list[n++] = m->items[i];
    }
    free(m->items);
    m->items = list;
    return ISG_OK;
}

static isg_err finish(isg_import_map *m)
{
    ISG_TRY(add_usual(m));
    return put_in_order(m);
}

/* ---- options -------------------------------------------------------------------------- */

static isg_err set_option(isg_import_map *m, const char *column, bool text, const char *source,
                          const char *option)
{
    isg_import_item *there = find_item(m, column);
    if (!source) return ISG_OK;
    isg_import_item item = {.name = (char *)(uintptr_t)column,
                            .source = (char *)(uintptr_t)source,
                            .where = (char *)(uintptr_t)option,
                            .text = text};
    if (!there) return add_item(&m->items, &m->n_items, &item);
    free(there->source);
    free(there->where);
    there->constant = false;
    there->source = isg_strdup(source);
    there->where = isg_strdup(option);
    return there->source && there->where ? ISG_OK : no_memory();
}

static isg_err take_options(isg_import_map *m, const isg_import_options *o)
{
    const char *n = o->n;
    const char *size = n && !strcmp(n, "nonembedding") ? "N_nonembedding" : "N_params";
    if (n && (!strcmp(n, "nonembedding") || !strcmp(n, "total"))) n = NULL;
    ISG_TRY(set_option(m, "run_id", true, o->run_id, "--run-id"));
    ISG_TRY(set_option(m, size, false, n, "--n"));
    ISG_TRY(set_option(m, "D_tokens", false, o->d, "--d"));
    if (o->loss && m->n_losses)
        return ISG_FAIL(ISG_EUSAGE, "--loss: the map has losses already, a column for each "
                                    "evaluation");
    ISG_TRY(set_option(m, "loss", false, o->loss, "--loss"));
    for (size_t i = 0; i < o->n_where; i++) ISG_TRY(add_where(m, o->where[i]));
    if (!o->unit) return ISG_OK;
    free(m->unit);
    m->unit = isg_strdup(o->unit);
    return m->unit ? ISG_OK : no_memory();
}

/* A text as a YAML scalar: in single quotes. */
static isg_err put_quoted(isg_str *to, const char *text)
{
    ISG_TRY(isg_str_puts(to, "'"));
    for (; *text; text++) ISG_TRY(isg_str_printf(to, *text == '\'' ? "''" : "%c", *text));
    return isg_str_puts(to, "'\n");
}

/* The options as the map that one could have written. */
static isg_err write_text(isg_import_map *m)
{
    isg_str s = {0};
    isg_err rc = isg_str_puts(&s, "# from the options of isogloss import\n");

    for (size_t i = 0; i < m->n_items && !rc; i++) {
        if (!*m->items[i].where) continue; /* a usual name */
        rc = isg_str_printf(&s, "%s: ", m->items[i].name);
        if (!rc) rc = put_quoted(&s, m->items[i].source);
    }
    if (!rc && *m->unit) rc = isg_str_puts(&s, "unit: ");
    if (!rc && *m->unit) rc = put_quoted(&s, m->unit);
    if (!rc && m->n_where) rc = isg_str_puts(&s, "where:\n");
    for (size_t i = 0; i < m->n_where && !rc; i++) {
        rc = isg_str_puts(&s, "- ");
        if (!rc) rc = put_quoted(&s, m->where[i]);
    }
    m->text = isg_strdup(isg_str_c(&s));
    isg_str_free(&s);
    return rc ? rc : m->text ? ISG_OK : no_memory();
}

static isg_err create(isg_import_map **out)
{
    isg_import_map *m = calloc(1, sizeof *m);
    *out = m;
    if (!m) return no_memory();
    m->keep_all = true;
    m->unit = isg_strdup("");
    return m->unit ? ISG_OK : no_memory();
}

isg_err isg_import_map_default(const isg_import_options *options, isg_import_map **out)
{
    isg_err rc = create(out);
    if (!rc && options) rc = take_options(*out, options);
    if (!rc) rc = write_text(*out);
    if (!rc) rc = finish(*out);
    if (rc) isg_import_map_destroy(out);
    return rc;
}

/* ---- YAML -------------------------------------------------------------------------------- */

typedef struct map_reader {
    isg_import_map *m;
    isg_diag diag;
} map_reader;

static const import_key *find_key(const char *word)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (!strcmp(keys[i].key, word) || (keys[i].alias && !strcmp(keys[i].alias, word)))
            return &keys[i];
    }
    return NULL;
}

static void unknown_key(map_reader *r, const isg_node *key)
{
    const char *names[KEYS];
    for (size_t i = 0; i < KEYS; i++) names[i] = keys[i].key;
    const char *near = isg_str_nearest(key->text, names, KEYS);
    isg_diag_add(&r->diag, key, "unknown key '%s'%s%s%s", key->text, near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : " (a further column belongs under 'keep:')");
}

static bool is_text(const isg_node *v)
{
    return v->kind == ISG_NODE_SCALAR && v->text[0] && (v->quoted || strcmp(v->text, "~") != 0);
}

/* What the user wrote for a column of the tidy table. */
static const char *key_of(const char *column)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (keys[i].shape == ONE && !strcmp(keys[i].column, column)) return keys[i].key;
    }
    return column;
}

/* One column, expression or {value: constant} as an item called `name`. */
static isg_err read_item(map_reader *r, const char *name, bool text, const isg_node *v,
                         isg_import_item **list, size_t *n)
{
    const isg_node *value = v->kind == ISG_NODE_MAP && v->n == 1 ? isg_node_get(v, "value") : NULL;
    const isg_node *source = value ? value : v;

    if (!is_text(source)) {
        isg_diag_add(&r->diag, v, "%s: wanted a column%s or {value: ...}, found %s", key_of(name),
                     text ? "" : ", an expression", isg_node_show(v));
        return ISG_OK;
    }
    char *where = isg_strf("%s:%zu:%zu", r->diag.file, source->line, source->column);
    if (!where) return no_memory();
    isg_import_item item = {.name = (char *)(uintptr_t)name,
                            .source = (char *)(uintptr_t)source->text,
                            .where = where,
                            .text = text,
                            .constant = value != NULL};
    isg_err rc = add_item(list, n, &item);
    free(where);
    return rc;
}

/* {language: column, ...} */
static isg_err read_languages(map_reader *r, const import_key *k, const isg_node *v)
{
    if (v->kind != ISG_NODE_MAP || !v->n) {
        isg_diag_add(&r->diag, v, "%s: wanted {LANGUAGE: column, ...}, found %s", k->key,
                     isg_node_show(v));
        return ISG_OK;
    }
    for (size_t i = 0; i < v->n; i++) {
        if (!isg_str_is_name(v->key[i]->text) || strlen(v->key[i]->text) > 32) {
            isg_diag_add(&r->diag, v->key[i], "%s: '%s' is no language code", k->key,
                         v->key[i]->text);
            continue;
        }
        char *name = isg_strf("%s%s", k->column, v->key[i]->text);
        if (!name) return no_memory();
        const size_t before = r->m->n_items;
        isg_err rc = read_item(r, name, false, v->item[i], &r->m->items, &r->m->n_items);
        free(name);
        ISG_TRY(rc);
        if (r->m->n_items > before) r->m->items[before].language = true;
    }
    return ISG_OK;
}

static isg_err read_losses(map_reader *r, const isg_node *v)
{
    if (v->kind != ISG_NODE_MAP || !v->n) {
        isg_diag_add(&r->diag, v, "losses: wanted {EVALUATION: column, ...}, found %s",
                     isg_node_show(v));
        return ISG_OK;
    }
    for (size_t i = 0; i < v->n; i++) {
        if (!v->key[i]->text[0])
            isg_diag_add(&r->diag, v->key[i], "losses: an evaluation needs a name");
        else
            ISG_TRY(
                read_item(r, v->key[i]->text, false, v->item[i], &r->m->losses, &r->m->n_losses));
    }
    return ISG_OK;
}

/* Kept columns are text or numbers as they come; an expression gives numbers. */
static isg_err read_keep(map_reader *r, const isg_node *v)
{
    r->m->keep_all = false;
    if (v->kind == ISG_NODE_SCALAR) {
        if (!strcmp(v->text, "all"))
            r->m->keep_all = true;
        else
            isg_diag_add(&r->diag, v, "keep: wanted a list of columns, a map or all, found %s",
                         isg_node_show(v));
        return ISG_OK;
    }
    for (size_t i = 0; i < v->n; i++) {
        const isg_node *name = v->kind == ISG_NODE_MAP ? v->key[i] : v->item[i];
        if (!is_text(name)) {
            isg_diag_add(&r->diag, name, "keep: wanted a column, found %s", isg_node_show(name));
        } else if (find_item(r->m, name->text)) {
            isg_diag_add(&r->diag, name, "keep: '%s' is there already", name->text);
        } else {
            ISG_TRY(read_item(r, name->text, true, v->item[i], &r->m->items, &r->m->n_items));
        }
    }
    return ISG_OK;
}

static isg_err read_where(map_reader *r, const isg_node *v)
{
    const isg_node *const *item = v->kind == ISG_NODE_LIST ? (const isg_node *const *)v->item : &v;
    for (size_t i = 0, n = v->kind == ISG_NODE_LIST ? v->n : 1; i < n; i++) {
        if (!is_text(item[i]) || !item[i]->text[strcspn(item[i]->text, "=<>!")])
            isg_diag_add(&r->diag, item[i],
                         "where: wanted column=value (or !=, <, <=, >, >=), "
                         "found %s",
                         isg_node_show(item[i]));
        else
            ISG_TRY(add_where(r->m, item[i]->text));
    }
    return ISG_OK;
}

static isg_err read_unit(map_reader *r, const isg_node *v)
{
    if (!is_text(v) || strlen(v->text) > 32) {
        isg_diag_add(&r->diag, v, "unit: wanted a unit such as nat/token, found %s",
                     isg_node_show(v));
        return ISG_OK;
    }
    free(r->m->unit);
    r->m->unit = isg_strdup(v->text);
    return r->m->unit ? ISG_OK : no_memory();
}

static isg_err read_key(map_reader *r, const import_key *k, const isg_node *v)
{
    switch (k->shape) {
    case ONE: return read_item(r, k->column, k->text, v, &r->m->items, &r->m->n_items);
    case PER_LANGUAGE: return read_languages(r, k, v);
    case UNIT: return read_unit(r, v);
    case LOSSES: return read_losses(r, v);
    case KEEP: return ISG_OK; /* last: it must not take a name of another key */
    case WHERE: return read_where(r, v);
    }
    return ISG_OK;
}

static isg_err read_top(map_reader *r, const isg_node *top)
{
    const isg_node *keep = isg_node_get(top, "keep");

    if (top->kind != ISG_NODE_MAP) {
        isg_diag_add(&r->diag, top, "a map of an import has keys such as N_total, D_tokens, loss");
        return ISG_OK;
    }
    for (size_t i = 0; i < top->n; i++) {
        const import_key *k = find_key(top->key[i]->text);
        if (!k)
            unknown_key(r, top->key[i]);
        else if (k->shape == ONE && find_item(r->m, k->column))
            isg_diag_add(&r->diag, top->key[i], "'%s' is given twice (%s)", k->key, k->alias);
        else
            ISG_TRY(read_key(r, k, top->item[i]));
    }
    if (find_item(r->m, "loss") && r->m->n_losses)
        isg_diag_add(&r->diag, top, "loss is for a long table, losses for a wide one: drop one");
    if (find_item(r->m, "evaluation") && r->m->n_losses)
        isg_diag_add(&r->diag, top, "the keys of losses name the evaluations: drop evaluation");
    return keep ? read_keep(r, keep) : ISG_OK;
}

isg_err isg_import_map_read(const char *text, size_t n, const char *name,
                            const isg_import_options *options, isg_import_map **out)
{
    map_reader r = {.diag.file = name};
    isg_arena arena = {0};
    isg_node *top = NULL;
    isg_err rc = create(&r.m);

    *out = NULL;
    if (!rc) rc = isg_node_parse(text, n, name, &arena, &top);
    if (!rc) rc = read_top(&r, top);
    if (!rc) rc = isg_diag_result(&r.diag);
    if (!rc) r.m->text = isg_strf("%.*s", (int)n, text);
    if (!rc && !r.m->text) rc = no_memory();
    if (!rc && options) rc = take_options(r.m, options);
    if (!rc) rc = finish(r.m);
    isg_str_free(&r.diag.text);
    isg_arena_free(&arena);
    if (rc) isg_import_map_destroy(&r.m);
    *out = r.m;
    return rc;
}

static void free_items(isg_import_item *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].name);
        free(list[i].source);
        free(list[i].where);
    }
    free(list);
}

void isg_import_map_destroy(isg_import_map **map)
{
    isg_import_map *m = *map;
    if (!m) return;
    free_items(m->items, m->n_items);
    free_items(m->losses, m->n_losses);
    for (size_t i = 0; i < m->n_where; i++) free(m->where[i]);
    free(m->where);
    free(m->text);
    free(m->unit);
    free(m);
    *map = NULL;
}
