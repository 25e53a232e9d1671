/* A foreign table under our names. Cells of plain columns are copied as text, so that nothing is
 * rounded on the way; only expressions make numbers. */
#include "isogloss/expr.h"
#include "isogloss/import.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_KEPT = 1000 }; /* each becomes a dataset, and HDF5 is slow with thousands */

typedef struct maker {
    const isg_import_map *map;
    const isg_table *from;
    isg_table *to;
    size_t copies;     /* rows of the result for one of the source: evaluations of a wide table */
    const char **text; /* [rows of the result] the column being made */
    double *number;    /* the same, and [rows of the source] behind it */
    isg_str *note;
} maker;

static isg_err copy_column(maker *m, const char *name, const isg_column *c)
{
    for (size_t i = 0; i < m->to->n_rows; i++) m->text[i] = c->text[i / m->copies];
    return isg_table_add_text(m->to, name, m->text);
}

static isg_err add_constant(maker *m, const char *name, const char *text)
{
    for (size_t i = 0; i < m->to->n_rows; i++) m->text[i] = text;
    return isg_table_add_text(m->to, name, m->text);
}

static isg_err compute_column(maker *m, const isg_import_item *item)
{
    double *once = m->number + m->to->n_rows;
    ISG_TRY(isg_expr_column(m->from, item->source, item->where, once));
    for (size_t i = 0; i < m->to->n_rows; i++) m->number[i] = once[i / m->copies];
    return isg_table_add_numbers(m->to, item->name, m->number);
}

static isg_err number_rows(maker *m, const char *name)
{
    for (size_t i = 0; i < m->to->n_rows; i++) m->number[i] = (double)m->from->line[i / m->copies];
    return isg_table_add_numbers(m->to, name, m->number);
}

/* `keep` makes an item text, yet it may be an expression. */
static bool needs_column(const isg_import_item *item)
{
    static const char *const names[] = {"run_id", "evaluation", "eval_language",
                                        "family", "parent_run", "cluster_id"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        if (!strcmp(item->name, names[k])) return true;
    }
    return false;
}

static isg_err add_item(maker *m, const isg_import_item *item)
{
    const bool usual = !*item->where;
    const isg_column *c =
        usual ? isg_table_first(m->from, item->source) : isg_table_column(m->from, item->source);

    if (item->constant) return add_constant(m, item->name, item->source);
    if (usual && !c) return ISG_OK;
    if (!c && !strcmp(item->name, "run_id") && !strcmp(item->source, "row"))
        return number_rows(m, item->name);
    if (!c && needs_column(item)) return isg_table_unknown(m->from, item->source, item->where);
    if (!c) return compute_column(m, item);
    if (!item->text) ISG_TRY(isg_table_all_numbers(m->from, c));
    return copy_column(m, item->name, c);
}

/* Losses of a wide table below each other: row i of the source gives rows i * copies + e. */
static isg_err add_losses(maker *m)
{
    const isg_import_map *map = m->map;
    double *once = m->number + m->to->n_rows;

    for (size_t e = 0; e < m->copies; e++) {
        ISG_TRY(isg_expr_column(m->from, map->losses[e].source, map->losses[e].where, once));
        for (size_t i = 0; i < m->from->n_rows; i++) m->number[i * m->copies + e] = once[i];
    }
    ISG_TRY(isg_table_add_numbers(m->to, "loss", m->number));
    for (size_t i = 0; i < m->to->n_rows; i++) m->text[i] = map->losses[i % m->copies].name;
    return isg_table_add_text(m->to, "evaluation", m->text);
}

/* In how many languages a row has tokens, if the map says what each has. */
static isg_err count_languages(maker *m)
{
    bool any = false;
    for (size_t i = 0; i < m->to->n_rows; i++) m->number[i] = 0;
    for (size_t k = 0; k < m->map->n_items; k++) {
        const isg_import_item *item = &m->map->items[k];
        const isg_column *c = isg_table_column(m->to, item->name);
        if (!item->language || strncmp(item->name, "tokens_", 7) != 0 || !c->numeric) continue;
        for (size_t i = 0; i < m->to->n_rows; i++) m->number[i] += c->number[i] > 0 ? 1 : 0;
        any = true;
    }
    if (!any || isg_table_column(m->from, "n_languages")) return ISG_OK;
    return isg_table_add_numbers(m->to, "n_languages", m->number);
}

/* Is the column there under another name, because the map says so? */
static bool is_renamed(const maker *m, const char *column)
{
    const isg_import_map *map = m->map;
    if (!strcmp(column, "parent")) return isg_table_column(m->to, "parent_run") != NULL;
    for (size_t k = 0; k < map->n_items; k++) {
        const isg_import_item *item = &map->items[k];
        if (*item->where && !item->constant && !strcmp(item->source, column)) return true;
    }
    for (size_t e = 0; e < map->n_losses; e++) {
        if (!strcmp(map->losses[e].source, column)) return true;
    }
    return false;
}

/* Every further column under its own name. */
static isg_err keep_others(maker *m)
{
    isg_str taken = {0};
    isg_err rc = ISG_OK;

    if (m->from->n_columns > MOST_KEPT)
        return isg_str_printf(m->note,
                              "%zu columns are too many to keep unasked; list those to keep in a "
                              "map under keep:.\n",
                              m->from->n_columns);
    for (size_t j = 0; j < m->from->n_columns && !rc; j++) {
        const isg_column *c = &m->from->columns[j], *there = isg_table_column(m->to, c->name);
        if (is_renamed(m, c->name) || !isg_column_is_filled(m->from, c)) continue;
        if (!there && strcmp(c->name, "name") != 0) {
            rc = copy_column(m, c->name, c);
            continue;
        }
        bool same = there != NULL;
        for (size_t i = 0; i < m->to->n_rows && same; i++)
            same = !strcmp(there->text[i], c->text[i / m->copies]);
        const isg_column *run = isg_table_column(m->to, "run_id");
        for (size_t i = 0; i < m->to->n_rows && !there && run && !same; i++) {
            if (strcmp(run->text[i], c->text[i / m->copies]) != 0) break;
            same = i + 1 == m->to->n_rows;
        }
        if (!same) rc = isg_str_printf(&taken, "%s'%s'", taken.len ? ", " : "", c->name);
    }
    if (!rc && taken.len)
        rc = isg_str_printf(m->note,
                            "Not kept, because the store has another column of that name: %s "
                            "(keep: {OTHER_NAME: column} keeps them).\n",
                            isg_str_c(&taken));
    isg_str_free(&taken);
    return rc;
}

static isg_err add_unit(maker *m)
{
    const isg_column *c = isg_table_column(m->from, "unit");
    if (*m->map->unit) return add_constant(m, "unit", m->map->unit);
    if (c && isg_column_is_filled(m->from, c)) return copy_column(m, "unit", c);
    return isg_str_puts(m->note,
                        "The unit of the losses is not said; --unit nat/token (or the map's unit:) "
                        "would keep it with them.\n");
}

static isg_err make(maker *m)
{
    for (size_t i = 0; i < m->map->n_items; i++) {
        const isg_import_item *item = &m->map->items[i];
        if (isg_table_column(m->to, item->name))
            return ISG_FAIL(ISG_EUSAGE, "%s: the store has a column '%s' already", item->where,
                            item->name);
        ISG_TRY(add_item(m, item));
    }
    if (m->map->n_losses) ISG_TRY(add_losses(m));
    ISG_TRY(count_languages(m));
    if (!isg_table_column(m->to, "unit")) ISG_TRY(add_unit(m));
    return m->map->keep_all ? keep_others(m) : ISG_OK;
}

/* What cannot be done without, with the options that say it. */
static isg_err check_there(const isg_table *source, const isg_table *to)
{
    static const struct {
        const char *column, *other, *say;
    } needs[] = {
        {"N_params", "N_nonembedding", "N_params (--n COLUMN, or N_total: in a map)"},
        {"D_tokens", NULL, "D_tokens (--d COLUMN or an expression such as --d 'C/(6*N)')"},
        {"loss", NULL, "loss (--loss COLUMN, or losses: in a map of a wide table)"},
    };
    isg_str missing = {0}, list = {0};
    isg_err rc = ISG_OK;

    for (size_t k = 0; k < sizeof needs / sizeof *needs && !rc; k++) {
        if (isg_table_column(to, needs[k].column)) continue;
        if (needs[k].other && isg_table_column(to, needs[k].other)) continue;
        rc = isg_str_printf(&missing, "%s%s", missing.len ? ", " : "", needs[k].say);
    }
    if (!rc && missing.len) rc = isg_table_list_columns(source, &list);
    if (!rc && missing.len)
        rc = ISG_FAIL(ISG_EUSAGE, "%s has no column %s. Its columns: %s", source->source,
                      isg_str_c(&missing), isg_str_c(&list));
    isg_str_free(&missing);
    isg_str_free(&list);
    return rc;
}

isg_err isg_import_table(const isg_import_map *map, const isg_table *source, isg_str *note,
                         isg_table **out)
{
    maker m = {.map = map, .from = source, .copies = map->n_losses ? map->n_losses : 1};
    const size_t n = source->n_rows * m.copies;
    isg_err rc = isg_table_create(source->source, n, &m.to);

    *out = NULL;
    if (!rc && !source->n_rows)
        rc = ISG_FAIL(ISG_EDATA, "%s: there is no row below the header", source->source);
    m.note = note;
    m.text = calloc(n + 1, sizeof *m.text);
    m.number = calloc(n + source->n_rows + 1, sizeof *m.number);
    if (!rc && (!m.text || !m.number)) rc = ISG_FAIL(ISG_ENOMEM, "out of memory for %zu rows", n);
    for (size_t i = 0; i < n && !rc; i++) m.to->line[i] = source->line[i / m.copies];
    if (!rc) rc = make(&m);
    if (!rc) rc = check_there(source, m.to);
    free(m.text);
    free(m.number);
    if (rc) isg_table_destroy(&m.to);
    *out = m.to;
    return rc;
}
