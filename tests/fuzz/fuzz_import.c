/* Any bytes as a CSV file and as the map of an import: runs that keep their promises or an error with a
 * message, never a crash. A line "%%" parts the map from the table; without one the map is the usual. */
#include "isogloss/import.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(bool kept)
{
    if (!kept) abort();
}

static void check_runs(const isg_foreign *f)
{
    const isg_plan *p = f->plan;
    size_t losses = 0, cells = isg_foreign_cells(p, ISG_LEVEL_OBSERVATION), left = 0;

    for (size_t i = 0; i < cells; i++) {
        promise(isnan(f->loss[i]) || (isfinite(f->loss[i]) && f->loss[i] > 0));
        losses += isnan(f->loss[i]) ? 0 : 1;
    }
    for (size_t k = 0; k < f->n_left; k++) left += f->left[k].n;
    promise(losses == f->n_taken && f->n_taken + left == f->n_rows);
    for (size_t r = 0; r < p->n_runs; r++) {
        const isg_run *run = &p->runs[r];
        promise(run->n_points && run->n_points <= p->max_points && run->points[0]);
        promise(run->tokens == run->points[run->n_points - 1] && run->cluster < p->n_runs);
        for (size_t i = 1; i < run->n_points; i++) promise(run->points[i] > run->points[i - 1]);
    }
}

static void import(const isg_import_map *map, const isg_table *source)
{
    static const isg_import_source from = {"fuzz", "0123"};
    isg_table *t = NULL;
    isg_foreign *f = NULL;
    isg_str note = {0};

    if (!isg_import_table(map, source, &note, &t) && isg_table_column(t, "run_id")) {
        isg_err rc = isg_import_runs(t, map, &from, &f);
        promise(!rc == (f != NULL) && (!rc || *isg_err_message()));
        if (f) check_runs(f);
    }
    isg_foreign_destroy(&f);
    isg_table_destroy(&t);
    isg_str_free(&note);
}

static const char *find_mark(const char *text, size_t n)
{
    for (size_t i = 0; i + 4 <= n; i++) {
        if (!memcmp(text + i, "\n%%\n", 4)) return text + i;
    }
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *end = text + size;
    const char *mark = find_mark(text, size);
    isg_import_map *map = NULL;
    isg_table *source = NULL;
    isg_str csv = {0};

    isg_err rc = mark
                     ? isg_import_map_read(text, (size_t)(mark - text) + 1, "fuzz.yaml", NULL, &map)
                     : isg_import_map_default(NULL, &map);
    promise(!rc == (map != NULL) && (!rc || strstr(isg_err_message(), "fuzz.yaml") != NULL));
    if (mark) text = mark + 4;
    promise(!isg_str_add(&csv, text, (size_t)(end - text)));
    if (isg_table_parse_csv(&csv, "fuzz.csv", &source))
        promise(strstr(isg_err_message(), "fuzz.csv") != NULL);
    if (map && source) import(map, source);
    isg_table_destroy(&source);
    isg_import_map_destroy(&map);
    isg_err_clear();
    return 0;
}
