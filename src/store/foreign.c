/* Runs made elsewhere. They fill the slots of the format like any others, marks and CRCs included,
 * so that every reader of a store reads them. What the format has no place for - exact sizes and
 * tokens that are no whole numbers, names, every further column of the source - becomes a dataset
 * beside the others, in /runs, /evaluations or /points by what it depends on; "trainer_settings" of
 * /campaign/settings lists them in the order of the tidy table. */
#include "internal.h"

#include "isogloss/build.h"
#include "isogloss/os.h"
#include "isogloss/str.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DATASET_CHARS = 64 };

static const struct {
    const char *group, *dims;
} places[] = {
    [ISG_LEVEL_RUN] = {"/runs", "R"},
    [ISG_LEVEL_EVALUATION] = {"/evaluations", "E"},
    [ISG_LEVEL_POINT] = {"/points", "RP"},
    [ISG_LEVEL_OBSERVATION] = {"/points", "RPE"},
};

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "out of memory for the columns of an import");
}

/* ---- names ------------------------------------------------------------------------- */

static bool is_taken(const json_t *columns, const char *group, const char *name)
{
    const json_t *item;
    size_t i;
    for (int c = 0; c < ISG_COLS; c++) {
        if (!strcmp(isg_columns[c].group, group) && !strcmp(isg_columns[c].name, name)) return true;
    }
    json_array_foreach(columns, i, item)
    {
        const char *g = json_string_value(json_object_get(item, "group"));
        const char *d = json_string_value(json_object_get(item, "dataset"));
        if (!strcmp(g, group) && !strcmp(d, name)) return true;
    }
    return false;
}

/* What netCDF takes as a name, and nobody else has in the group. */
static void dataset_name(const json_t *columns, const char *group, const char *column,
                         char out[DATASET_CHARS])
{
    char clean[DATASET_CHARS - 16];
    size_t n = 0;
    for (const char *p = column; *p && n + 1 < sizeof clean; p++) {
        bool good = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
                    (*p >= 'A' && *p <= 'Z') || strchr("_.-+", *p);
        clean[n++] = good ? *p : '_';
    }
    clean[n] = '\0';
    bool letter = clean[0] == '_' || (clean[0] >= 'a' && clean[0] <= 'z') ||
                  (clean[0] >= 'A' && clean[0] <= 'Z');
    (void)snprintf(out, DATASET_CHARS, "%s%s", letter ? "" : "_", clean);
    if (is_taken(columns, group, out)) (void)snprintf(out, DATASET_CHARS, "import_%s", clean);
    for (unsigned k = 2; is_taken(columns, group, out); k++)
        (void)snprintf(out, DATASET_CHARS, "import%u_%s", k, clean);
}

static isg_err list_columns(isg_foreign *f)
{
    json_t *list = json_array();
    for (size_t j = 0; j < f->n_columns; j++) {
        const isg_foreign_column *c = &f->columns[j];
        char name[DATASET_CHARS];
        dataset_name(list, places[c->level].group, c->name, name);
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:b}", "column", c->name,
                                                    "group", places[c->level].group, "dataset",
                                                    name, "dims", places[c->level].dims, "text",
                                                    c->text != NULL));
    }
    if (json_array_size(list) != f->n_columns ||
        json_object_set_new(f->plan->trainer_settings, "columns", list))
        return no_memory();
    return ISG_OK;
}

/* ---- writing ------------------------------------------------------------------------ */

static isg_err put_column(isg_store *s, const isg_foreign_column *c, const char *dataset)
{
    char text[160];
    hid_t set = -1;
    (void)snprintf(text, sizeof text, "column %.120s of the source", c->name);
    const isg_column_def def = {.group = places[c->level].group,
                                .name = dataset,
                                .type = c->text ? ISG_TYPE_NAME : ISG_TYPE_F64,
                                .dims = places[c->level].dims,
                                .role = ISG_ROLE_PLAN,
                                .long_name = text};
    const void *data = c->text ? (const void *)c->text : c->number;
    hid_t memory = isg_h5_memory_type(def.type);
    isg_err rc = isg_store_add_dataset(s, &def, &set);
    if (!rc && H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        rc = isg_h5_fail(ISG_EIO, "cannot write the column '%s'", c->name);
    if (set >= 0) (void)H5Dclose(set);
    (void)H5Tclose(memory);
    return rc;
}

/* /runs/name: as the source calls them. */
static isg_err put_names(isg_store *s, const isg_foreign *f)
{
    static const isg_column_def def = {.group = "/runs",
                                       .name = "name",
                                       .type = ISG_TYPE_NAME,
                                       .dims = "R",
                                       .role = ISG_ROLE_PLAN,
                                       .long_name = "name of the run in the source"};
    hid_t set = -1, memory = isg_h5_memory_type(ISG_TYPE_NAME);
    isg_err rc = isg_store_add_dataset(s, &def, &set);
    if (!rc && H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, f->name) < 0)
        rc = isg_h5_fail(ISG_EIO, "cannot write the names of the runs");
    if (set >= 0) (void)H5Dclose(set);
    (void)H5Tclose(memory);
    return rc;
}

static isg_err put_columns(isg_store *s, const isg_foreign *f)
{
    const json_t *list = json_object_get(f->plan->trainer_settings, "columns");
    ISG_TRY(put_names(s, f));
    for (size_t j = 0; j < f->n_columns; j++) {
        const json_t *item = json_array_get(list, j);
        ISG_TRY(put_column(s, &f->columns[j], json_string_value(json_object_get(item, "dataset"))));
    }
    return ISG_OK;
}

/* A column of that name which says something of a run or its points; NULL. */
static const isg_foreign_column *told(const isg_foreign *f, const char *name)
{
    for (size_t j = 0; j < f->n_columns; j++) {
        const isg_foreign_column *c = &f->columns[j];
        bool of_point = c->level == ISG_LEVEL_RUN || c->level == ISG_LEVEL_POINT;
        if (of_point && !strcmp(c->name, name)) return c;
    }
    return NULL;
}

static uint8_t lr_state_of(const isg_foreign *f, size_t run, size_t point)
{
    const isg_foreign_column *c = told(f, "lr_state");
    const size_t at = c && c->level == ISG_LEVEL_POINT ? run * f->plan->max_points + point : run;
    for (int k = 0; c && c->text && k <= ISG_LR_END; k++) {
        if (!strcmp(c->text[at], isg_lr_state_name((isg_lr_state)k))) return (uint8_t)k;
    }
    return ISG_LR_END + 1; /* not known */
}

static bool diverged(const isg_foreign *f, size_t run)
{
    const isg_foreign_column *c = told(f, "diverged");
    return c && c->level == ISG_LEVEL_RUN && c->number && c->number[run] > 0;
}

static void fill_result(const isg_foreign *f, size_t run, isg_result *r)
{
    const isg_plan *p = f->plan;
    const size_t points = p->max_points, evaluations = p->n_evaluations;
    const size_t losses = points * evaluations, seen = points * p->n_languages;

    r->n_points = p->runs[run].n_points;
    for (size_t i = 0; i < points; i++) {
        r->tokens[i] = i < r->n_points ? p->runs[run].points[i] : 0;
        r->lr_state[i] = i < r->n_points ? lr_state_of(f, run, i) : ISG_LR_END + 1;
    }
    memcpy(r->seen, f->seen + run * seen, seen * sizeof *r->seen);
    memcpy(r->loss, f->loss + run * losses, losses * sizeof *r->loss);
    for (size_t i = 0; i < losses; i++) r->shard_loss[i] = (float)r->loss[i];
    r->flops = p->runs[run].flops;
    r->diverged = diverged(f, run);
}

static isg_err put_results(isg_store *s, const isg_foreign *f)
{
    const size_t n = f->plan->n_runs;
    isg_mark *marks = calloc(n, sizeof *marks);
    isg_state *states = calloc(n, sizeof *states);
    isg_result *r = NULL;
    isg_err rc = marks && states ? isg_result_create(f->plan, &r) : no_memory();

    for (size_t i = 0; i < n && !rc; i++) {
        const isg_run_state state = diverged(f, i) ? ISG_RUN_DIVERGED : ISG_RUN_DONE;
        marks[i] = (isg_mark){.slot = i, .state = state, .attempt = 1};
        states[i] = (isg_state){.slot = i, .state = state};
        fill_result(f, i, r);
        rc = isg_store_write_result(s, i, r, &marks[i].crc);
    }
    if (!rc) rc = isg_store_sync(s);
    if (!rc) rc = isg_store_put_states(s, states, n);
    if (!rc) rc = isg_store_mark(s, marks, n);
    isg_result_destroy(&r);
    free(marks);
    free(states);
    return rc;
}

static isg_err fill(isg_store *s, const isg_foreign *f, const isg_launch *launches, size_t n,
                    const char *history)
{
    ISG_TRY(put_columns(s, f));
    ISG_TRY(put_results(s, f));
    for (size_t i = 0; i < n; i++) {
        size_t row = ISG_NO_RUN;
        ISG_TRY(isg_store_put_launch(s, &launches[i], &row));
    }
    return isg_store_history(s, NULL, history);
}

isg_err isg_store_import(const char *path, isg_foreign *f, const isg_launch *launches, size_t n,
                         const char *history)
{
    char uuid[37], now[ISG_TIME_BYTES];
    isg_store *s = NULL;

    if (isg_path_exists(path))
        return ISG_FAIL(ISG_EARG, "'%s' is already there; import makes a new store", path);
    ISG_TRY(isg_store_uuid(uuid));
    ISG_TRY(list_columns(f));
    isg_origin origin = {.uuid = uuid, .created = isg_time_iso(isg_time_now(), now), .launches = n};
    ISG_TRY(isg_store_build(path, f->plan, &origin, &s));
    isg_err rc = fill(s, f, launches, n, history);
    if (!rc) return isg_store_publish(&s, path);
    isg_store_discard(&s);
    return rc;
}
