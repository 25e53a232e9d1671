/* Creation: every dataset with its place on disk, and all that the plan already knows. */
#include "internal.h"

#include "isogloss/build.h"
#include "isogloss/os.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { HISTORY_LINES = 64, LAUNCHES = 1024, ATTEMPTS_PER_RUN = 4, ATTEMPTS_EXTRA = 256 };

static size_t at_least_one(size_t n)
{
    return n ? n : 1;
}

static void dims_of(const isg_plan *plan, size_t dim[ISG_DIMS])
{
    dim[ISG_DIM_ENTRY] = HISTORY_LINES;
    dim[ISG_DIM_LANGUAGE] = dim[ISG_DIM_TRAIN_LANGUAGE] = at_least_one(plan->n_languages);
    dim[ISG_DIM_EVALUATION] = at_least_one(plan->n_evaluations);
    dim[ISG_DIM_RUN] = plan->n_runs;
    dim[ISG_DIM_FAMILY] = at_least_one(plan->n_families);
    dim[ISG_DIM_POINT] = at_least_one(plan->max_points);
    dim[ISG_DIM_SHARD] = at_least_one(plan->max_shards);
    dim[ISG_DIM_ATTEMPT] = ATTEMPTS_PER_RUN * plan->n_runs + ATTEMPTS_EXTRA;
    dim[ISG_DIM_LAUNCH] = LAUNCHES;
    if (plan->trainer == ISG_TRAINER_IMPORT) dim[ISG_DIM_ATTEMPT] = 1; /* none is ever made */
    if (plan->trainer == ISG_TRAINER_IMPORT) dim[ISG_DIM_LAUNCH] = 1;  /* see origin->launches */
    for (int d = 0; d < ISG_DIMS; d++) {
        if (isg_dim_is_bare((isg_dim)d)) dim[d] = isg_dim_fixed((isg_dim)d);
    }
}

/* ---- attributes ------------------------------------------------------------- */

static isg_err put_flags(hid_t set, const char *names)
{
    uint8_t values[16], n = 1;
    for (const char *p = names; *p; p++) n = (uint8_t)(n + (*p == ' '));
    for (uint8_t i = 0; i < n; i++) values[i] = i;
    ISG_TRY(isg_h5_put_numbers(set, "flag_values", ISG_TYPE_U8, values, n));
    return isg_h5_put_text(set, "flag_meanings", names);
}

/* What CF wants beside a variable. A loss has the campaign's unit. */
static isg_err put_column_attributes(hid_t set, isg_col col, const char *loss_unit)
{
    const isg_column_def *def = &isg_columns[col];
    float none_float = NAN;
    double none = NAN;
    if (def->long_name) ISG_TRY(isg_h5_put_text(set, "long_name", def->long_name));
    if (def->type == ISG_TYPE_TEXT) ISG_TRY(isg_h5_put_text(set, "_Encoding", "utf-8"));
    if (def->unit) {
        ISG_TRY(isg_h5_put_text(set, "units", def->unit[0] ? def->unit : loss_unit));
    }
    if (isg_column_flags(col)) ISG_TRY(put_flags(set, isg_column_flags(col)));
    if (def->role == ISG_ROLE_RESULT) {
        bool curve = def->dims[1] && col != ISG_COL_POINTS_TOKENS;
        ISG_TRY(isg_h5_put_text(set, "coordinates",
                                curve ? "id family N_total N_nonembedding tokens"
                                      : "id family N_total N_nonembedding"));
    }
    if (def->type == ISG_TYPE_F64)
        return isg_h5_put_numbers(set, "_FillValue", def->type, &none, 1);
    if (def->type == ISG_TYPE_F32)
        return isg_h5_put_numbers(set, "_FillValue", def->type, &none_float, 1);
    return ISG_OK;
}

/* A scale without coordinate values bears the name that netCDF-4 knows such dimensions by. */
static isg_err make_scale(hid_t set, isg_col col)
{
    isg_dim dim = isg_dim_of(isg_columns[col].dims[0]);
    char name[80];
    (void)snprintf(name, sizeof name, "%s", isg_columns[col].name);
    if (isg_dim_is_bare(dim)) {
        (void)snprintf(name, sizeof name,
                       "This is a netCDF dimension but not a netCDF variable.%10zu",
                       isg_dim_fixed(dim));
    }
    return H5DSset_scale(set, name) < 0 ? isg_h5_fail(ISG_EIO, "cannot make a scale") : ISG_OK;
}

static isg_err attach_scales(const isg_store *s, hid_t set, const isg_column_def *def)
{
    for (unsigned i = 0; def->dims[i]; i++) {
        isg_col scale = isg_scale_of(def->group, isg_dim_of(def->dims[i]));
        if (H5DSattach_scale(set, s->col[scale].set, i) < 0) {
            return isg_h5_fail(ISG_EIO, "cannot attach the scale '%s' to '%s'",
                               isg_columns[scale].name, def->name);
        }
    }
    return ISG_OK;
}

static isg_err make_dataset(isg_store *s, const isg_column_def *def, hid_t *out)
{
    hsize_t extent[ISG_COL_MAX_RANK];
    for (size_t i = 0; def->dims[i]; i++) extent[i] = s->dim[isg_dim_of(def->dims[i])];
    return isg_h5_dataset(s->file, def, extent, out);
}

/* Scales come first in their group, so that the others find them. */
static isg_err create_column(isg_store *s, isg_col col, const char *loss_unit)
{
    const isg_column_def *def = &isg_columns[col];
    isg_set *c = &s->col[col];
    ISG_TRY(make_dataset(s, def, &c->set));
    c->space = H5Dget_space(c->set);
    c->memory = isg_h5_memory_type(def->type);
    isg_err rc = isg_column_is_scale(col) ? make_scale(c->set, col) : attach_scales(s, c->set, def);
    if (!rc) rc = put_column_attributes(c->set, col, loss_unit);
    return isg_err_context(rc, "dataset '%s' in %s", def->name, def->group);
}

static isg_err create_columns(isg_store *s, const char *loss_unit)
{
    for (int c = 0; c < ISG_COLS; c++) {
        const char *group = isg_columns[c].group;
        bool first = c == 0 || strcmp(group, isg_columns[c - 1].group) != 0;
        if (first && group[1]) ISG_TRY(isg_h5_group(s->file, group));
        ISG_TRY(create_column(s, (isg_col)c, loss_unit));
    }
    return ISG_OK;
}

static isg_err put_root(isg_store *s, const isg_plan *plan, const isg_origin *origin)
{
    char title[128], source[128];
    uint32_t format = ISG_STORE_FORMAT;
    (void)snprintf(title, sizeof title, "isogloss campaign %s", plan->name);
    (void)snprintf(source, sizeof source, "isogloss %s (%s)", isg_build_version(),
                   isg_build_commit());
    const struct {
        const char *name, *text;
    } texts[] = {
        {"Conventions", "CF-1.10, ACDD-1.3"},
        {"title", title},
        {"summary", "losses of language models over model size, data size and language mixture"},
        {"source", source},
        {"campaign", plan->name},
        {"uuid", origin->uuid},
        {"date_created", origin->created},
    };
    ISG_TRY(isg_h5_put_numbers(s->file, "isogloss_format", ISG_TYPE_U32, &format, 1));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ISG_TRY(isg_h5_put_text(s->file, texts[i].name, texts[i].text));
    }
    return ISG_OK;
}

static isg_err put_campaign(isg_store *s, const isg_plan *plan)
{
    const struct {
        const char *name, *text;
    } texts[] = {
        {"plan_hash", plan->hash},       {"numerics", plan->numerics},
        {"trainer", plan->trainer_name}, {"trainer_version", plan->trainer_version},
        {"corpus", plan->corpus},        {"corpus_fingerprint", plan->corpus_fingerprint},
    };
    hid_t group = H5Gopen2(s->file, "/campaign", H5P_DEFAULT);
    isg_err rc = group < 0 ? isg_h5_fail(ISG_EIO, "cannot open /campaign") : ISG_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && !rc; i++) {
        rc = isg_h5_put_text(group, texts[i].name, texts[i].text ? texts[i].text : "");
    }
    if (group >= 0) (void)H5Gclose(group);
    return rc;
}

/* ---- data of the plan --------------------------------------------------------- */

/* A string member of each of n structs, as a NAME column (blank rows beyond n). */
static isg_err put_names(isg_store *s, isg_col col, const void *structs, size_t n, size_t stride,
                         size_t offset)
{
    size_t rows = isg_columns[col].dims[0] ? s->dim[isg_dim_of(isg_columns[col].dims[0])] : 1;
    const char **name = calloc(rows, sizeof *name);
    if (!name) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < rows; i++) {
        if (i < n) memcpy(&name[i], (const char *)structs + i * stride + offset, sizeof *name);
        if (!name[i]) name[i] = "";
    }
    isg_err rc = isg_col_write(s, col, 0, rows, name);
    free(name);
    return rc;
}

static isg_err put_index(isg_store *s, isg_col col)
{
    size_t n = s->dim[isg_dim_of(isg_columns[col].dims[0])];
    uint32_t *index = calloc(n, sizeof *index);
    if (!index) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) index[i] = (uint32_t)i;
    isg_err rc = isg_col_write(s, col, 0, n, index);
    free(index);
    return rc;
}

static isg_err put_languages(isg_store *s, const isg_plan *plan)
{
    static const struct {
        isg_col col;
        size_t offset;
    } names[] = {
        {ISG_COL_LANG_LANGUAGE, offsetof(isg_language, code)},
        {ISG_COL_RUNS_LANGUAGE, offsetof(isg_language, code)},
        {ISG_COL_POINTS_LANGUAGE, offsetof(isg_language, code)},
        {ISG_COL_LANG_NAME, offsetof(isg_language, name)},
        {ISG_COL_LANG_SCRIPT, offsetof(isg_language, script)},
        {ISG_COL_LANG_FAMILY, offsetof(isg_language, family)},
        {ISG_COL_LANG_LICENCE, offsetof(isg_language, licence)},
        {ISG_COL_LANG_FINGERPRINT, offsetof(isg_language, fingerprint)},
    };
    static const isg_field sizes[] = {
        {ISG_COL_LANG_UNIQUE, offsetof(isg_language, train_bytes), ISG_TYPE_U64},
        {ISG_COL_LANG_HELD, offsetof(isg_language, held_bytes), ISG_TYPE_U64},
        {ISG_COLS, 0, ISG_TYPE_U8},
    };
    size_t n = plan->n_languages, stride = sizeof(isg_language);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ISG_TRY(put_names(s, names[i].col, plan->languages, n, stride, names[i].offset));
    }
    return n ? isg_fields_write(s, sizes, 0, n, plan->languages, stride) : ISG_OK;
}

static isg_err put_evaluations(isg_store *s, const isg_plan *plan)
{
    static const isg_field sizes[] = {
        {ISG_COL_EVAL_BYTES, offsetof(isg_evaluation, bytes), ISG_TYPE_U64},
        {ISG_COL_EVAL_SHARDS, offsetof(isg_evaluation, shards), ISG_TYPE_U64},
        {ISG_COLS, 0, ISG_TYPE_U8},
    };
    const isg_evaluation *e = plan->evaluations;
    size_t n = plan->n_evaluations, stride = sizeof *e;
    ISG_TRY(put_names(s, ISG_COL_EVAL_EVALUATION, e, n, stride, offsetof(isg_evaluation, name)));
    ISG_TRY(put_names(s, ISG_COL_POINTS_EVALUATION, e, n, stride, offsetof(isg_evaluation, name)));
    ISG_TRY(put_names(s, ISG_COL_EVAL_METRIC, e, n, stride, offsetof(isg_evaluation, metric)));
    ISG_TRY(put_names(s, ISG_COL_EVAL_UNIT, e, n, stride, offsetof(isg_evaluation, unit)));
    if (!n) return ISG_OK;
    const char **code = calloc(n, sizeof *code);
    if (!code) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) code[i] = plan->languages[e[i].language].code;
    isg_err rc = isg_col_write(s, ISG_COL_EVAL_LANGUAGE, 0, n, code);
    free(code);
    return rc ? rc : isg_fields_write(s, sizes, 0, n, e, stride);
}

/* Strings of the runs that are no members of isg_run. */
typedef struct run_names {
    const char *id, *shape, *parent, *cluster, *family;
} run_names;

static run_names names_of(const isg_plan *plan, size_t run)
{
    const isg_run *r = &plan->runs[run];
    run_names n = {.id = r->id, .shape = r->shape.label, .parent = "", .family = ""};
    if (r->parent != ISG_NO_RUN) n.parent = plan->runs[r->parent].id;
    n.cluster = plan->runs[r->cluster].id;
    for (size_t f = plan->n_families; f-- > 0;) {
        if (r->member[f]) n.family = plan->families[f].name;
    }
    return n;
}

static isg_err put_run_names(isg_store *s, const isg_plan *plan)
{
    static const struct {
        isg_col col;
        size_t offset;
    } columns[] = {
        {ISG_COL_RUNS_ID, offsetof(run_names, id)},
        {ISG_COL_POINTS_ID, offsetof(run_names, id)},
        {ISG_COL_RUNS_SHAPE, offsetof(run_names, shape)},
        {ISG_COL_RUNS_PARENT, offsetof(run_names, parent)},
        {ISG_COL_RUNS_CLUSTER, offsetof(run_names, cluster)},
        {ISG_COL_POINTS_FAMILY, offsetof(run_names, family)},
    };
    isg_err rc = ISG_OK;
    size_t n = plan->n_runs;
    run_names *names = calloc(n, sizeof *names);
    s->id = calloc(n, sizeof *s->id);
    if (!names || !s->id) rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !rc; i++) {
        names[i] = names_of(plan, i);
        if (!(s->id[i] = strdup(names[i].id))) rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < sizeof columns / sizeof *columns && !rc; i++) {
        rc = put_names(s, columns[i].col, names, n, sizeof *names, columns[i].offset);
    }
    free(names);
    return rc;
}

static isg_err put_run_numbers(isg_store *s, const isg_plan *plan)
{
    static const isg_field fields[] = {
        {ISG_COL_RUNS_LAYERS, offsetof(isg_run, shape.layers), ISG_TYPE_U32},
        {ISG_COL_RUNS_D, offsetof(isg_run, shape.d), ISG_TYPE_U32},
        {ISG_COL_RUNS_HEADS, offsetof(isg_run, shape.heads), ISG_TYPE_U32},
        {ISG_COL_RUNS_CONTEXT, offsetof(isg_run, shape.context), ISG_TYPE_U32},
        {ISG_COL_RUNS_VOCAB, offsetof(isg_run, shape.vocab), ISG_TYPE_U32},
        {ISG_COL_RUNS_N_TOTAL, offsetof(isg_run, shape.n_total), ISG_TYPE_U64},
        {ISG_COL_POINTS_N_TOTAL, offsetof(isg_run, shape.n_total), ISG_TYPE_U64},
        {ISG_COL_RUNS_N_NONEMB, offsetof(isg_run, shape.n_nonembedding), ISG_TYPE_U64},
        {ISG_COL_POINTS_N_NONEMB, offsetof(isg_run, shape.n_nonembedding), ISG_TYPE_U64},
        {ISG_COL_RUNS_TOKENS, offsetof(isg_run, tokens), ISG_TYPE_U64},
        {ISG_COL_RUNS_SEED, offsetof(isg_run, seed), ISG_TYPE_U64},
        {ISG_COL_RUNS_DATA_SEED, offsetof(isg_run, data_seed), ISG_TYPE_U64},
        {ISG_COL_RUNS_DEPTH, offsetof(isg_run, depth), ISG_TYPE_U64},
        {ISG_COL_RUNS_PLANNED, offsetof(isg_run, flops), ISG_TYPE_F64},
        {ISG_COLS, 0, ISG_TYPE_U8},
    };
    return isg_fields_write(s, fields, 0, plan->n_runs, plan->runs, sizeof(isg_run));
}

/* Arrays of the runs over languages and families, one row a run. */
static isg_err put_run_rows(isg_store *s, const isg_plan *plan)
{
    size_t n = plan->n_runs, languages = s->dim[ISG_DIM_TRAIN_LANGUAGE];
    size_t families = s->dim[ISG_DIM_FAMILY];
    double *weight = calloc(n * languages, sizeof *weight);
    uint64_t *unique = calloc(n * languages, sizeof *unique);
    uint8_t *member = calloc(n * families, sizeof *member);
    isg_err rc = weight && unique && member ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !rc; i++) {
        const isg_run *r = &plan->runs[i];
        for (size_t l = 0; l < plan->n_languages; l++) weight[i * languages + l] = r->weight[l];
        for (size_t l = 0; l < plan->n_languages; l++) unique[i * languages + l] = r->unique[l];
        for (size_t f = 0; f < plan->n_families; f++) member[i * families + f] = r->member[f];
    }
    if (!rc) rc = isg_col_write(s, ISG_COL_RUNS_MIXTURE, 0, n, weight);
    if (!rc) rc = isg_col_write(s, ISG_COL_RUNS_UNIQUE, 0, n, unique);
    if (!rc) rc = isg_col_write(s, ISG_COL_RUNS_MEMBERSHIP, 0, n, member);
    free(weight);
    free(unique);
    free(member);
    return rc;
}

/* A setting is a column of its own name, or of setting_NAME where /runs has that name already. */
static void setting_column(const char *name, char out[80])
{
    bool taken = !strcmp(name, "trunk");
    for (int c = 0; c < ISG_COLS; c++) {
        taken =
            taken || (!strcmp(isg_columns[c].group, "/runs") && !strcmp(isg_columns[c].name, name));
    }
    (void)snprintf(out, 80, "%s%s", taken ? "setting_" : "", name);
}

isg_err isg_store_add_dataset(isg_store *s, const isg_column_def *def, hid_t *out)
{
    double none = NAN;
    ISG_TRY(make_dataset(s, def, out));
    ISG_TRY(attach_scales(s, *out, def));
    ISG_TRY(isg_h5_put_text(*out, "long_name", def->long_name));
    if (def->unit) ISG_TRY(isg_h5_put_text(*out, "units", def->unit));
    if (def->type != ISG_TYPE_F64) return ISG_OK;
    return isg_h5_put_numbers(*out, "_FillValue", ISG_TYPE_F64, &none, 1);
}

static isg_err put_setting(isg_store *s, const isg_plan *plan, size_t k)
{
    const isg_setting *setting = &plan->settings[k];
    const char *unit = setting->unit && setting->unit[0] ? setting->unit : "1";
    char name[80], text[128];
    hid_t set = -1;
    setting_column(setting->name, name);
    (void)snprintf(text, sizeof text, "setting %s", setting->name);
    isg_column_def def = {"/runs", name, ISG_TYPE_F64, "R", ISG_ROLE_PLAN, unit, text};
    double *value = calloc(plan->n_runs, sizeof *value);
    if (!value) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < plan->n_runs; i++) value[i] = plan->runs[i].setting[k];

    isg_err rc = isg_store_add_dataset(s, &def, &set);
    if (!rc && H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0) {
        rc = isg_h5_fail(ISG_EIO, "cannot write the setting '%s'", name);
    }
    if (set >= 0) (void)H5Dclose(set);
    free(value);
    return rc;
}

/* Which runs are parts of trunks: only a campaign with branches has this dataset. */
static isg_err put_trunks(isg_store *s, const isg_plan *plan)
{
    static const isg_column_def def = {"/runs",       "trunk", ISG_TYPE_U8,           "R",
                                       ISG_ROLE_PLAN, "1",     "1: a part of a trunk"};
    hid_t set = -1;
    bool any = false;
    for (size_t i = 0; i < plan->n_runs; i++) any = any || plan->runs[i].trunk;
    if (!any) return ISG_OK;
    uint8_t *value = calloc(plan->n_runs, 1);
    if (!value) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < plan->n_runs; i++) value[i] = plan->runs[i].trunk;
    isg_err rc = isg_store_add_dataset(s, &def, &set);
    if (!rc && H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0) {
        rc = isg_h5_fail(ISG_EIO, "cannot write '%s'", def.name);
    }
    if (set >= 0) (void)H5Dclose(set);
    free(value);
    return rc;
}

static json_t *settings_list(const isg_plan *plan)
{
    json_t *list = json_array();
    for (size_t k = 0; k < plan->n_settings; k++) {
        const isg_setting *x = &plan->settings[k];
        char column[80];
        setting_column(x->name, column);
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s}", "name", x->name, "unit",
                                              x->unit ? x->unit : "", "varied", x->varied, "column",
                                              column));
    }
    return list;
}

isg_err isg_store_settings(const isg_plan *plan, json_t **out)
{
    json_t *languages = json_array(), *evaluations = json_array(), *families = json_array();
    for (size_t i = 0; i < plan->n_languages; i++) {
        json_array_append_new(languages, json_string(plan->languages[i].code));
    }
    for (size_t i = 0; i < plan->n_evaluations; i++) {
        const isg_evaluation *e = &plan->evaluations[i];
        json_array_append_new(evaluations,
                              json_pack("{s:s, s:I, s:I}", "name", e->name, "bytes",
                                        (json_int_t)e->bytes, "shards", (json_int_t)e->shards));
    }
    for (size_t i = 0; i < plan->n_families; i++) {
        json_array_append_new(families, json_string(plan->families[i].name));
    }
    *out =
        json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:O?, s:o, s:o, s:o, s:o}", "name",
                  plan->name, "seed", (json_int_t)plan->seed, "trainer", plan->trainer_name,
                  "trainer_version", plan->trainer_version, "numerics", plan->numerics, "schedule",
                  plan->schedule ? plan->schedule : "", "corpus_fingerprint",
                  plan->corpus_fingerprint ? plan->corpus_fingerprint : "", "unit", plan->unit,
                  "trainer_settings", plan->trainer_settings, "languages", languages, "evaluations",
                  evaluations, "families", families, "settings", settings_list(plan));
    return *out ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
}

static isg_err put_campaign_texts(isg_store *s, const isg_plan *plan)
{
    json_t *settings = NULL;
    ISG_TRY(isg_store_settings(plan, &settings));
    char *line = isg_json_line(settings);
    json_decref(settings);
    if (!line) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = isg_col_write(s, ISG_COL_CAMPAIGN_TEXT, 0, 1, &plan->text);
    if (!rc) rc = isg_col_write(s, ISG_COL_CAMPAIGN_SETTINGS, 0, 1, &line);
    free(line);
    return rc;
}

static isg_err put_plan(isg_store *s, const isg_plan *plan)
{
    static const isg_col indices[] = {
        ISG_COL_ENTRY,        ISG_COL_RUNS_RUN,    ISG_COL_POINTS_RUN,    ISG_COL_POINTS_POINT,
        ISG_COL_POINTS_SHARD, ISG_COL_ATT_ATTEMPT, ISG_COL_LAUNCH_LAUNCH, ISG_COL_EVAL_SHARD,
    };
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) ISG_TRY(put_index(s, indices[i]));
    ISG_TRY(put_campaign_texts(s, plan));
    ISG_TRY(put_names(s, ISG_COL_RUNS_FAMILY, plan->families, plan->n_families, sizeof(isg_family),
                      offsetof(isg_family, name)));
    ISG_TRY(put_languages(s, plan));
    ISG_TRY(put_evaluations(s, plan));
    ISG_TRY(isg_store_put_texts(s, plan));
    ISG_TRY(put_run_names(s, plan));
    ISG_TRY(put_run_numbers(s, plan));
    ISG_TRY(put_run_rows(s, plan));
    for (size_t k = 0; k < plan->n_settings; k++) ISG_TRY(put_setting(s, plan, k));
    return put_trunks(s, plan);
}

isg_err isg_store_history(isg_store *s, const isg_store *old, const char *line)
{
    enum { WIDTH = 160 };
    char text[HISTORY_LINES][WIDTH] = {{0}}, now[ISG_TIME_BYTES];
    size_t n = 0;
    if (old) ISG_TRY(isg_col_read(old, ISG_COL_HISTORY, 0, HISTORY_LINES, text));
    while (n < HISTORY_LINES && text[n][0]) n++;
    if (n == HISTORY_LINES) memmove(text[1], text[2], (size_t)(--n - 1) * WIDTH);
    (void)snprintf(text[n], WIDTH, "%s %s", isg_time_iso(isg_time_now(), now), line);
    return isg_col_write(s, ISG_COL_HISTORY, 0, HISTORY_LINES, text);
}

/* ---- the file --------------------------------------------------------------- */

isg_err isg_store_uuid(char out[37])
{
    unsigned char b[16];
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b) return ISG_FAIL(ISG_EIO, "no random bytes");
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* RFC 4122: version 4, variant 1 */
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    char hex[33];
    isg_str_hex(b, sizeof b, hex);
    (void)snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                   hex + 20);
    return ISG_OK;
}

static isg_err build(isg_store *s, const isg_plan *plan, const isg_origin *origin)
{
    ISG_TRY(isg_h5_create(s->path, &s->file));
    s->fd = open(s->path, O_RDWR | O_CLOEXEC);
    if (s->fd < 0) return ISG_FAIL(ISG_EIO, "cannot open it for syncing: %s", strerror(errno));
    if (!(s->numerics = isg_strdup(plan->numerics))) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    ISG_TRY(create_columns(s, plan->unit));
    ISG_TRY(put_root(s, plan, origin));
    ISG_TRY(put_campaign(s, plan));
    ISG_TRY(put_plan(s, plan));
    return isg_store_index(s);
}

isg_err isg_store_build(const char *path, const isg_plan *plan, const isg_origin *origin,
                        isg_store **out)
{
    *out = NULL;
    if (!plan->n_runs) return ISG_FAIL(ISG_ESPEC, "campaign '%s' plans no runs", plan->name);
    char *tmp = isg_strf("%s.tmp", path);
    if (!tmp) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = isg_store_alloc(tmp, true, out);
    if (!rc) {
        dims_of(plan, (*out)->dim);
        size_t *attempts = &(*out)->dim[ISG_DIM_ATTEMPT], *launches = &(*out)->dim[ISG_DIM_LAUNCH];
        if (*attempts < origin->attempts) *attempts = origin->attempts;
        if (*launches < origin->launches) *launches = origin->launches;
        rc = build(*out, plan, origin);
    }
    if (rc) isg_store_discard(out);
    rc = isg_err_context(rc, "creating '%s'", tmp);
    free(tmp);
    return rc;
}

void isg_store_discard(isg_store **store)
{
    if (*store) (void)unlink((*store)->path);
    isg_store_close(store);
}

isg_err isg_store_publish(isg_store **store, const char *path)
{
    isg_store *s = *store;
    isg_err rc = ISG_OK;
    char *tmp = strdup(s->path);
    int fd = dup(s->fd);
    if (!tmp || fd < 0) rc = ISG_FAIL(ISG_ENOMEM, "out of memory or descriptors");
    if (!rc) rc = isg_store_flush(s);
    if (!rc && H5Fflush(s->file, H5F_SCOPE_GLOBAL) < 0)
        rc = isg_h5_fail(ISG_EIO, "cannot flush '%s'", tmp);
    isg_store_close(store); /* HDF5 writes what is left of the metadata now */
    if (!rc && fsync(fd)) rc = ISG_FAIL(ISG_EIO, "cannot sync '%s': %s", tmp, strerror(errno));
    if (!rc && rename(tmp, path)) {
        rc = ISG_FAIL(ISG_EIO, "cannot rename '%s' to '%s': %s", tmp, path, strerror(errno));
    }
    if (!rc) rc = isg_dir_sync_of(path);
    if (rc && tmp) (void)unlink(tmp);
    if (fd >= 0) (void)close(fd);
    free(tmp);
    return rc;
}

isg_err isg_store_create(const char *path, const isg_plan *plan)
{
    isg_store *s = NULL;
    char uuid[37], line[128], now[ISG_TIME_BYTES];
    if (isg_path_exists(path)) {
        return ISG_FAIL(ISG_EARG, "store '%s' is already there: run continues it, extend grows it",
                        path);
    }
    ISG_TRY(isg_store_uuid(uuid));
    isg_origin origin = {.uuid = uuid, .created = isg_time_iso(isg_time_now(), now)};
    ISG_TRY(isg_store_build(path, plan, &origin, &s));
    char text[ISG_RUNS_TEXT];
    const size_t runs = isg_plan_own_runs(plan);
    (void)snprintf(line, sizeof line, "created by isogloss %s for %s", isg_build_version(),
                   isg_runs_text(runs, plan->n_runs - runs, "", text));
    isg_err rc = isg_store_history(s, NULL, line);
    if (!rc) return isg_store_publish(&s, path);
    isg_store_discard(&s);
    return rc;
}
