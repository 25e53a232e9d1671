/* isogloss import: CSV files -> one table -> the map's columns -> runs -> a store. What a fit reads
 * from the store is what it would read from the files. */
#include "analysis/runs.h"
#include "cmd.h"
#include "isogloss/build.h"
#include "isogloss/expr.h"
#include "isogloss/hash.h"
#include "isogloss/import.h"
#include "isogloss/os.h"
#include "isogloss/select.h"
#include "isogloss/store.h"
#include "isogloss/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SOURCES = 64, MAP_BYTES = 4 << 20, SHOWN_LINES = 8 };

typedef struct import_args {
    const char *map, *output, *run_id, *n, *d, *loss, *unit;
    isg_opt_list where;
    bool print_keys;
} import_args;

typedef struct origin {
    const char *name; /* of the file, without its folder */
    char sha256[65];
    size_t rows;
} origin;

typedef struct import {
    const import_args *args;
    origin origin[MAX_SOURCES];
    size_t n;
    isg_table *source, *table;
    isg_import_map *map;
    isg_foreign *foreign;
    isg_str note;
} import;

static isg_err parse(int argc, char **argv, import_args *a, int *operands, bool *done)
{
    const isg_opt opts[] = {
        {'o', "output", ISG_OPT_STRING, &a->output, "STORE",
         "The store to make; it must not be there yet.", 0, 0, NULL},
        {0, "map", ISG_OPT_STRING, &a->map, "FILE",
         "Which column or expression is what (docs/import.md).", 0, 0, NULL},
        {0, "n", ISG_OPT_STRING, &a->n, "COL",
         "Model size: a column or an expression. Default: N_total or N_params.", 0, 0, NULL},
        {0, "d", ISG_OPT_STRING, &a->d, "COL",
         "Training tokens: a column or an expression such as \"C/(6*N)\". Default: D_tokens.", 0, 0,
         NULL},
        {0, "loss", ISG_OPT_STRING, &a->loss, "COL", "The loss. Default: loss.", 0, 0, NULL},
        {0, "unit", ISG_OPT_STRING, &a->unit, "UNIT",
         "Unit of the losses, such as nat/token. Default: column unit.", 0, 0, NULL},
        {0, "run-id", ISG_OPT_STRING, &a->run_id, "COL",
         "What a run is called; row: every row is a run. Default: run_id, run or run_name, else "
         "rows equal in all but D, loss and what follows D.",
         0, 0, NULL},
        {0, "where", ISG_OPT_LIST, &a->where, "COL=VALUE",
         "Take only these rows; also !=, <, <=, >, >=. May be repeated.", 0, 0, NULL},
        {0, "print-keys", ISG_OPT_FLAG, &a->print_keys, NULL,
         "Print the keys of a map as a table in Markdown.", 0, 0, NULL},
        {0}};
    return isg_cmd_parse(
        "import [OPTION]... CSV... -o STORE\nimport --print-keys",
        "Put runs made elsewhere into a store, which fit, status, export and other\n"
        "programs read like that of a campaign. Rows of a run with rising D become its\n"
        "points. Rows that cannot be taken are listed with their lines.\n"
        "\n"
        "Exit status 2: a row contradicts another, a cell is no number, or wrong usage.",
        opts, argc, argv, operands, done);
}

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "out of memory for the import");
}

/* ---- sources ---------------------------------------------------------------------- */

static void digest_hex(isg_sha256 *s, char out[65])
{
    uint8_t digest[32];
    isg_sha256_end(s, digest);
    isg_str_hex(digest, sizeof digest, out);
}

/* The bytes are read once: what is hashed is what is imported. */
static isg_err read_csv(const char *path, origin *o, isg_table **out)
{
    isg_str text = {0};
    isg_sha256 s;
    ISG_TRY(isg_file_read(path, (size_t)4 << 30, &text));
    isg_sha256_init(&s);
    isg_sha256_add(&s, isg_str_c(&text), text.len);
    digest_hex(&s, o->sha256);
    o->name = isg_path_base(path);
    ISG_TRY(isg_table_parse_csv(&text, path, out));
    o->rows = (*out)->n_rows;
    return ISG_OK;
}

static isg_err read_sources(import *im, char **paths, size_t n)
{
    isg_table *tables[MAX_SOURCES] = {NULL};
    isg_err rc = ISG_OK;

    if (n > MAX_SOURCES) return ISG_FAIL(ISG_EUSAGE, "%zu files; at most %d", n, MAX_SOURCES);
    for (size_t k = 0; k < n && !rc; k++) {
        bool store = false;
        rc = isg_store_is_hdf5(paths[k], &store);
        if (!rc && store)
            rc = ISG_FAIL(ISG_EUSAGE,
                          "%s is a store already (or another HDF5 file); import takes CSV files",
                          paths[k]);
        if (!rc) rc = read_csv(paths[k], &im->origin[k], &tables[k]);
        im->n++;
    }
    if (!rc && n > 1) rc = isg_table_join((const isg_table *const *)tables, n, &im->source);
    if (!rc && n == 1) {
        im->source = tables[0];
        tables[0] = NULL;
    }
    for (size_t k = 0; k < n; k++) isg_table_destroy(&tables[k]);
    return rc;
}

static isg_err read_map(import *im)
{
    const import_args *a = im->args;
    const isg_import_options options = {.run_id = a->run_id,
                                        .n = a->n,
                                        .d = a->d,
                                        .loss = a->loss,
                                        .unit = a->unit,
                                        .where = a->where.item,
                                        .n_where = a->where.n};
    isg_str text = {0};

    if (a->unit && (!*a->unit || strlen(a->unit) > 32))
        return ISG_FAIL(ISG_EUSAGE, "--unit '%s': wanted a unit such as nat/token", a->unit);
    if (!a->map) return isg_import_map_default(&options, &im->map);
    isg_err rc = isg_file_read(a->map, MAP_BYTES, &text);
    if (!rc) rc = isg_import_map_read(isg_str_c(&text), text.len, a->map, &options, &im->map);
    isg_str_free(&text);
    return rc;
}

/* The rows that `where` asks for, as the source. */
static isg_err filter(import *im)
{
    const isg_table *t = im->source;
    unsigned char *keep = calloc(t->n_rows + 1, 1);
    const char **text = calloc(t->n_rows + 1, sizeof *text);
    isg_table *to = NULL;
    size_t n = 0;
    isg_err rc = keep && text ? ISG_OK : no_memory();

    if (!rc) rc = isg_select_where(t, (const char *const *)im->map->where, im->map->n_where, keep);
    for (size_t i = 0; i < t->n_rows && !rc; i++) n += keep[i];
    if (!rc) rc = isg_table_create(t->source, n, &to);
    for (size_t i = 0, k = 0; i < t->n_rows && !rc; i++) {
        if (keep[i]) to->line[k++] = t->line[i];
    }
    for (size_t j = 0; j < t->n_columns && !rc; j++) {
        for (size_t i = 0, k = 0; i < t->n_rows; i++) {
            if (keep[i]) text[k++] = t->columns[j].text[i];
        }
        rc = isg_table_add_text(to, t->columns[j].name, text);
    }
    free(keep);
    free(text);
    if (rc) {
        isg_table_destroy(&to);
        return rc;
    }
    isg_table_destroy(&im->source);
    im->source = to;
    return ISG_OK;
}

/* ---- runs -------------------------------------------------------------------------- */

/* What decides about runs without names: each row of the source, and what N, D and loss are read
 * from, as a fit to the source sees it. */
typedef struct guess_in {
    size_t *row;
    double *d;
    bool *size, *free;
} guess_in;

static isg_err mark(const import *im, const isg_import_item *item, bool *columns)
{
    if (item->constant) return ISG_OK;
    if (*item->where) return isg_expr_uses(im->source, item->source, item->where, columns);
    const isg_column *c = isg_table_first(im->source, item->source);
    if (c) columns[c - im->source->columns] = true;
    return ISG_OK;
}

static isg_err fill_guess(const import *im, guess_in *g, size_t *n)
{
    const isg_import_map *map = im->map;
    const isg_column *d = isg_table_column(im->table, "D_tokens");
    const isg_column *loss = isg_table_column(im->table, "loss");
    const isg_column *size = isg_table_first(im->table, "N_params N_nonembedding");
    const size_t copies = map->n_losses ? map->n_losses : 1;

    for (size_t k = 0; k < map->n_items; k++) {
        const isg_import_item *item = &map->items[k];
        if (!strcmp(item->name, "N_params") || !strcmp(item->name, "N_nonembedding"))
            ISG_TRY(mark(im, item, g->size));
        /* the columns of an expression follow D or separate runs */
        bool plain = !*item->where || isg_table_column(im->source, item->source);
        if ((!strcmp(item->name, "D_tokens") && plain) || !strcmp(item->name, "loss"))
            ISG_TRY(mark(im, item, g->free));
    }
    for (size_t k = 0; k < map->n_losses; k++) ISG_TRY(mark(im, &map->losses[k], g->free));
    for (size_t j = 0; j < im->source->n_columns; j++) g->free[j] = g->free[j] && !g->size[j];
    for (size_t i = 0; i < im->source->n_rows; i++) {
        g->d[i] = d->numeric ? d->number[i * copies] : (double)NAN;
        bool taken = map->n_losses || loss->text[i][0];
        /* what has no size is left out anyway, and no run of its own */
        if (size && size->numeric && !(size->number[i * copies] > 0)) taken = false;
        if (taken && g->d[i] > 0) g->row[(*n)++] = i;
    }
    return ISG_OK;
}

/* Names in the order that a fit to the source gives such runs. */
static isg_err name_runs(import *im, const isg_runs *runs, const size_t *row, size_t n)
{
    const size_t rows = im->table->n_rows, copies = rows / im->source->n_rows;
    const char **text = calloc(rows + 1, sizeof *text);
    char(*name)[32] = calloc(im->source->n_rows + 1, sizeof *name);
    int width = 1;
    isg_err rc = text && name ? ISG_OK : no_memory();

    for (size_t k = runs->n; k >= 10; k /= 10) width++;
    for (size_t i = 0; i < im->source->n_rows && !rc; i++) /* those that are left out anyway */
        (void)snprintf(name[i], sizeof *name, "run-%0*d", width, 0);
    for (size_t i = 0; i < n && !rc; i++)
        (void)snprintf(name[row[i]], sizeof *name, "run-%0*zu", width, runs->run[i] + 1);
    for (size_t i = 0; i < rows && !rc; i++) text[i] = name[i / copies];
    if (!rc) rc = isg_table_add_text(im->table, "run_id", text);
    if (!rc)
        rc = isg_str_printf(
            &im->note,
            "There is no run_id: rows equal in all but D and loss%s%s%s count as "
            "one run (%zu rows, %zu runs; --run-id row makes every row a run). In the store "
            "they have names, so that fit takes the last point of each; --points "
            "all takes all, as a fit to the file does.\n",
            *runs->along ? " (and " : "", runs->along, *runs->along ? ", following D)" : "", n,
            runs->n);
    free(text);
    free(name);
    return rc;
}

static isg_err guess_runs(import *im)
{
    const isg_table *t = im->source;
    guess_in g = {.row = calloc(t->n_rows + 1, sizeof *g.row),
                  .d = calloc(t->n_rows + 1, sizeof *g.d),
                  .size = calloc(t->n_columns + 1, sizeof *g.size),
                  .free = calloc(t->n_columns + 1, sizeof *g.free)};
    isg_runs runs = {0};
    size_t n = 0;
    isg_err rc = g.row && g.d && g.size && g.free ? fill_guess(im, &g, &n) : no_memory();

    const isg_runs_in in = {
        .table = t, .row = g.row, .n = n, .d = g.d, .size = g.size, .free = g.free};
    if (!rc) rc = isg_runs_guess(&in, &runs);
    if (!rc) rc = name_runs(im, &runs, g.row, n);
    isg_runs_clear(&runs);
    free(g.row);
    free(g.d);
    free(g.size);
    free(g.free);
    return rc;
}

/* The campaign is called like the store's file. */
static isg_err campaign_name(const char *output, char out[65])
{
    size_t n = 0;
    for (const char *p = isg_path_base(output); *p && n < 60; p++) {
        char c[2] = {*p, '\0'};
        if (!strcmp(p, ".h5") || !strcmp(p, ".hdf5") || !strcmp(p, ".nc")) break;
        out[n++] = isg_str_is_name(c) || *p == '.' ? *p : '_';
    }
    out[n] = '\0';
    if (!isg_str_is_name(out)) (void)snprintf(out, 65, "import");
    return ISG_OK;
}

static isg_err make_runs(import *im)
{
    char name[65], fingerprint[65];
    isg_sha256 s;

    isg_sha256_init(&s);
    for (size_t k = 0; k < im->n; k++) isg_sha256_add(&s, im->origin[k].sha256, 64);
    isg_sha256_add(&s, im->map->text, strlen(im->map->text));
    digest_hex(&s, fingerprint);
    ISG_TRY(campaign_name(im->args->output, name));
    const isg_import_source source = {.name = name, .fingerprint = fingerprint};
    ISG_TRY(isg_import_runs(im->table, im->map, &source, &im->foreign));
    json_t *list = json_array();
    for (size_t k = 0; k < im->n; k++) {
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "file", im->origin[k].name,
                                                    "sha256", im->origin[k].sha256, "rows",
                                                    (json_int_t)im->origin[k].rows));
    }
    if (json_array_size(list) != im->n) { /* a file's name may be no UTF-8 */
        json_decref(list);
        return ISG_FAIL(ISG_EINPUT, "the name of a source is not UTF-8 text");
    }
    return json_object_set_new(im->foreign->plan->trainer_settings, "sources", list) ? no_memory()
                                                                                     : ISG_OK;
}

/* ---- the store ------------------------------------------------------------------------ */

static isg_err write_store(import *im)
{
    isg_launch *rows = calloc(im->n, sizeof *rows);
    char history[131];
    if (!rows) return no_memory();
    for (size_t k = 0; k < im->n; k++) {
        isg_launch *r = &rows[k];
        *r = (isg_launch){.ranks = 1, .start = isg_time_now(), .end = isg_time_now()};
        (void)snprintf(r->version, sizeof r->version, "%s", isg_build_version());
        (void)snprintf(r->commit, sizeof r->commit, "%s", isg_build_commit());
        (void)snprintf(r->host, sizeof r->host, "%s", isg_os_host());
        (void)snprintf(r->job, sizeof r->job, "import");
        (void)snprintf(r->flags, sizeof r->flags, "%.80s sha256 %s", im->origin[k].name,
                       im->origin[k].sha256);
    }
    (void)snprintf(history, sizeof history, "imported by isogloss %s from %.60s%s: %zu runs",
                   isg_build_version(), im->origin[0].name, im->n > 1 ? " and others" : "",
                   im->foreign->plan->n_runs);
    isg_err rc = isg_store_import(im->args->output, im->foreign, rows, im->n, history);
    free(rows);
    return rc;
}

/* ---- talk ------------------------------------------------------------------------------- */

/* "lines 3, 5-9, 12, ..." */
static void print_lines(const isg_import_left *left)
{
    size_t shown = 0;
    (void)printf("    %s ", isg_str_plural(left->n, "line", "lines"));
    for (size_t i = 0, m; i < left->n; i += m) {
        for (m = 1; i + m < left->n && left->line[i + m] <= left->line[i + m - 1] + 1;) m++;
        if (shown++ == SHOWN_LINES) {
            (void)printf(", ... to %zu", left->line[left->n - 1]);
            break;
        }
        (void)printf("%s%zu", i ? ", " : "", left->line[i]);
        if (left->line[i + m - 1] > left->line[i]) (void)printf("-%zu", left->line[i + m - 1]);
    }
    (void)printf("\n");
}

/* Words of a text, broken before 80 columns. */
static void print_wrapped(const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t n = strcspn(text, " \n");
        if (column && column + 1 + n > 79) {
            (void)printf("\n");
            column = 0;
        }
        (void)printf("%s%.*s", column ? " " : "", (int)n, text);
        column += n + (column > 0);
        text += n;
        if (*text == '\n') {
            (void)printf("\n");
            column = 0;
        }
        if (*text) text++;
    }
    if (column) (void)printf("\n");
}

static void tell(const import *im)
{
    const isg_foreign *f = im->foreign;
    const isg_plan *p = f->plan;

    (void)printf("%s: %zu %s, up to %zu %s, %zu %s, from %zu of %zu rows\n", im->args->output,
                 p->n_runs, isg_str_plural(p->n_runs, "run", "runs"), p->max_points,
                 isg_str_plural(p->max_points, "point", "points"), p->n_evaluations,
                 isg_str_plural(p->n_evaluations, "evaluation", "evaluations"), f->n_taken,
                 f->n_rows);
    for (size_t k = 0; k < f->n_left; k++) {
        (void)printf("  not taken: %zu %s, %s\n", f->left[k].n,
                     isg_str_plural(f->left[k].n, "row", "rows"), f->left[k].reason);
        print_lines(&f->left[k]);
    }
    print_wrapped(isg_str_c(&im->note));
    if (f->warning) print_wrapped(f->warning);
}

static isg_err import_all(import *im, char **paths, size_t n)
{
    if (isg_path_exists(im->args->output))
        return ISG_FAIL(ISG_EUSAGE, "'%s' is already there; import makes a new store",
                        im->args->output);
    ISG_TRY(read_map(im));
    ISG_TRY(read_sources(im, paths, n));
    if (im->map->n_where) ISG_TRY(filter(im));
    ISG_TRY(isg_import_table(im->map, im->source, &im->note, &im->table));
    if (!isg_table_column(im->table, "run_id")) ISG_TRY(guess_runs(im));
    ISG_TRY(make_runs(im));
    ISG_TRY(write_store(im));
    tell(im);
    return ISG_OK;
}

static isg_err run_import(int argc, char **argv)
{
    import_args args = {0};
import im = {.args = & args };
    int n = 0;
    bool done;

    ISG_TRY(parse(argc, argv, &args, &n, &done));
    if (done) return ISG_OK;
    if (args.print_keys) {
        isg_import_map_help(stdout);
        return ISG_OK;
    }
    ISG_TRY(isg_cmd_wants(n > 0, "one or more CSV files", n));
    if (!args.output) return ISG_FAIL(ISG_EUSAGE, "give the store to make with -o STORE");
    isg_err rc = import_all(&im, argv + 1, (size_t)n);
    isg_table_destroy(&im.source);
    isg_table_destroy(&im.table);
    isg_import_map_destroy(&im.map);
    isg_foreign_destroy(&im.foreign);
    isg_str_free(&im.note);
    return rc;
}

const isg_cmd isg_cmd_import = {
    .name = "import",
    .summary = "runs made elsewhere, from CSV files into a store",
    .run = run_import,
};
