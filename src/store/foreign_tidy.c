/* The tidy table of imported runs: the columns of the source again, under our names, with the run
 * ids of this store. Nothing is derived: what the source did not say is not there. */
#include "internal.h"

#include "isogloss/log.h"
#include "isogloss/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct observed {
    size_t run, point, evaluation;
    double loss;
} observed;

typedef struct rebuilt {
    const isg_store *s;
    observed *row;
    size_t n, cap, runs, points, evaluations;
    char **cluster; /* [runs] id of the root */
    size_t n_clusters;
    const char **text; /* [n] the column being made */
    double *number;    /* [n] */
    isg_table *table;
} rebuilt;

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "out of memory");
}

static isg_err add_run(rebuilt *b, size_t run, const isg_result *r)
{
    const size_t cells = r->n_points * b->evaluations;
    if (b->n + cells > b->cap) {
        b->cap = 2 * (b->n + cells);
        observed *more = realloc(b->row, b->cap * sizeof *more);
        if (!more) return no_memory();
        b->row = more;
    }
    for (size_t i = 0; i < cells; i++) {
        if (isnan(r->loss[i])) continue;
        b->row[b->n++] = (observed){run, i / b->evaluations, i % b->evaluations, r->loss[i]};
    }
    return ISG_OK;
}

static isg_err load_losses(rebuilt *b)
{
    for (size_t run = 0; run < b->runs; run++) {
        isg_result *r = NULL;
        isg_err rc = isg_store_read_result(b->s, run, &r);
        if (rc == ISG_ESTORE || rc == ISG_EDATA) {
            ISG_WARN("store", "left out: %s", isg_err_message());
            isg_err_clear();
            continue;
        }
        if (!rc) rc = add_run(b, run, r);
        isg_result_destroy(&r);
        if (rc) return rc;
    }
    if (!b->n) return ISG_FAIL(ISG_EDATA, "store '%s' has no readable run", b->s->path);
    b->text = calloc(b->n, sizeof *b->text);
    b->number = calloc(b->n, sizeof *b->number);
    if (!b->text || !b->number) return no_memory();
    ISG_TRY(isg_table_create(b->s->path, b->n, &b->table));
    isg_table_forget_lines(b->table);
    return ISG_OK;
}

/* ---- columns ---------------------------------------------------------------------------- */

static size_t cell_of(const rebuilt *b, const char *dims, const observed *o)
{
    if (!strcmp(dims, "R")) return o->run;
    if (!strcmp(dims, "E")) return o->evaluation;
    if (!strcmp(dims, "RP")) return o->run * b->points + o->point;
    return (o->run * b->points + o->point) * b->evaluations + o->evaluation;
}

static size_t cells_of(const rebuilt *b, const char *dims)
{
    if (!strcmp(dims, "R")) return b->runs;
    if (!strcmp(dims, "E")) return b->evaluations;
    return b->runs * b->points * (!strcmp(dims, "RP") ? 1 : b->evaluations);
}

static isg_err take_numbers(rebuilt *b, const char *column, const char *dims, hid_t set)
{
    double *value = malloc(cells_of(b, dims) * sizeof *value);
    isg_err rc = value ? ISG_OK : no_memory();

    if (!rc && H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0)
        rc = isg_h5_fail(ISG_ESTORE, "cannot read the column '%s'", column);
    for (size_t i = 0; i < b->n && !rc; i++) b->number[i] = value[cell_of(b, dims, &b->row[i])];
    if (!rc) rc = isg_table_add_numbers(b->table, column, b->number);
    free(value);
    return rc;
}

static isg_err take_texts(rebuilt *b, const char *column, const char *dims, hid_t set)
{
    char **value = calloc(cells_of(b, dims), sizeof *value);
    hid_t memory = isg_h5_memory_type(ISG_TYPE_NAME), space = H5Dget_space(set);
    isg_err rc = value ? ISG_OK : no_memory();

    if (!rc && H5Dread(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0)
        rc = isg_h5_fail(ISG_ESTORE, "cannot read the column '%s'", column);
    for (size_t i = 0; i < b->n && !rc; i++) {
        const char *text = value[cell_of(b, dims, &b->row[i])];
        b->text[i] = text ? text : "";
    }
    if (!rc) rc = isg_table_add_text(b->table, column, b->text);
    if (value) (void)H5Dvlen_reclaim(memory, space, H5P_DEFAULT, value);
    (void)H5Sclose(space);
    (void)H5Tclose(memory);
    free(value);
    return rc;
}

/* The extent that the settings say: a damaged file must not lead reads astray. */
static bool has_cells(const rebuilt *b, hid_t set, const char *dims)
{
    hid_t space = H5Dget_space(set);
    hssize_t n = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    if (space >= 0) (void)H5Sclose(space);
    return n >= 0 && (size_t)n == cells_of(b, dims);
}

static isg_err open_set(const rebuilt *b, const char *group, const char *name, const char *dims,
                        hid_t *out)
{
    char *path = isg_strf("%s/%s", group, name);
    if (!path) return no_memory();
    *out = H5Dopen2(b->s->file, path, H5P_DEFAULT);
    isg_err rc = *out < 0 ? isg_h5_fail(ISG_ESTORE, "no dataset '%s' in %s", name, group) : ISG_OK;
    if (!rc && !has_cells(b, *out, dims)) {
        (void)H5Dclose(*out);
        rc = ISG_FAIL(ISG_ESTORE, "dataset '%s' in %s has not the shape that the settings say",
                      name, group);
    }
    free(path);
    return rc;
}

static isg_err take_column(rebuilt *b, const json_t *item)
{
    const char *column = json_string_value(json_object_get(item, "column"));
    const char *group = json_string_value(json_object_get(item, "group"));
    const char *dataset = json_string_value(json_object_get(item, "dataset"));
    const char *dims = json_string_value(json_object_get(item, "dims"));
    hid_t set = -1;

    if (!column || !group || !dataset || !dims)
        return ISG_FAIL(ISG_ESTORE, "the list of columns in /campaign/settings is damaged");
    ISG_TRY(open_set(b, group, dataset, dims, &set));
    isg_err rc = json_is_true(json_object_get(item, "text")) ? take_texts(b, column, dims, set)
                                                             : take_numbers(b, column, dims, set);
    (void)H5Dclose(set);
    return rc;
}

/* What is resampled together goes by the name of the root run, as in the source: the order of
 * clusters, and with it every resample, is that of a fit to the source itself. */
static isg_err add_clusters(rebuilt *b, const isg_column *names)
{
    const char **of_run = calloc(b->runs, sizeof *of_run);
    isg_err rc = of_run ? ISG_OK : no_memory();

    for (size_t i = 0; i < b->n && !rc; i++) of_run[b->row[i].run] = names->text[i];
    for (size_t i = 0; i < b->n && !rc; i++) {
        size_t root = isg_store_find(b->s, b->cluster[b->row[i].run]);
        const char *name = root == ISG_NO_RUN ? NULL : of_run[root];
        b->text[i] = name ? name : b->cluster[b->row[i].run];
    }
    if (!rc) rc = isg_table_add_text(b->table, "cluster_id", b->text);
    free(of_run);
    return rc;
}

static isg_err add_losses(rebuilt *b)
{
    for (size_t i = 0; i < b->n; i++) b->number[i] = b->row[i].loss;
    return isg_table_add_numbers(b->table, "loss", b->number);
}

static bool lists(const json_t *columns, const char *name)
{
    const json_t *item;
    size_t i;
    json_array_foreach(columns, i, item)
    {
        const char *column = json_string_value(json_object_get(item, "column"));
        if (column && !strcmp(column, name)) return true;
    }
    return false;
}

static isg_err add_columns(rebuilt *b, const json_t *columns)
{
    const json_t *item;
    hid_t set = -1;
    size_t j;

    for (size_t i = 0; i < b->n; i++) b->text[i] = b->s->id[b->row[i].run];
    ISG_TRY(isg_table_add_text(b->table, "run_id", b->text));
    ISG_TRY(open_set(b, "/runs", "name", "R", &set));
    isg_err rc = take_texts(b, "name", "R", set);
    (void)H5Dclose(set);
    if (!rc && !lists(columns, "cluster_id"))
        rc = add_clusters(b, isg_table_column(b->table, "name"));
    json_array_foreach(columns, j, item)
    {
        if (!rc) rc = take_column(b, item);
        if (!rc && isg_table_column(b->table, "D_tokens") && !isg_table_column(b->table, "loss"))
            rc = add_losses(b);
    }
    return rc;
}

isg_err isg_foreign_tidy(const isg_store *s, isg_table **out)
{
    rebuilt b = {.s = s,
                 .runs = s->dim[ISG_DIM_RUN],
                 .points = s->dim[ISG_DIM_POINT],
                 .evaluations = s->dim[ISG_DIM_EVALUATION]};
    json_t *settings = NULL, *import = NULL;
    isg_err rc = isg_store_read_settings(s, &settings);

    if (!rc) rc = isg_json_object(settings, "trainer_settings", &import);
    if (!rc) rc = isg_col_read_names(s, ISG_COL_RUNS_CLUSTER, &b.cluster, &b.n_clusters);
    if (!rc) rc = load_losses(&b);
    if (!rc) rc = add_columns(&b, json_object_get(import, "columns"));
    json_decref(settings);
    isg_names_free(&b.cluster, b.n_clusters);
    free(b.row);
    free(b.text);
    free(b.number);
    if (rc) isg_table_destroy(&b.table);
    *out = b.table;
    return rc;
}
