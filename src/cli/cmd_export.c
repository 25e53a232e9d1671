#include "cmd.h"
#include "isogloss/store.h"
#include "isogloss/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static isg_err export_tidy(const isg_store *store, const char *path)
{
    isg_table *table = NULL;
    ISG_TRY(isg_store_tidy(store, &table));
    FILE *out = path ? fopen(path, "w") : stdout;
    isg_err rc = out ? isg_table_write_csv(table, out)
                     : ISG_FAIL(ISG_EIO, "cannot create '%s': %s", path, strerror(errno));
    if (out && path && fclose(out) && !rc)
        rc = ISG_FAIL(ISG_EIO, "cannot write '%s': %s", path, strerror(errno));
    isg_table_destroy(&table);
    return rc;
}

static isg_err print_digest(const isg_store *store)
{
    char digest[65];
    size_t n = 0;
    ISG_TRY(isg_store_digest(store, digest, &n));
    (void)printf("%s  %zu %s\n", digest, n, isg_str_plural(n, "run", "runs"));
    return ISG_OK;
}

static isg_err run_export(int argc, char **argv)
{
    bool tidy = false, digest = false, done;
    const char *path = NULL;
    const isg_opt opts[] = {
        {0, "tidy", ISG_OPT_FLAG, &tidy, NULL,
         "A CSV with one row per (run, point, evaluation) (default).", 0, 0, NULL},
        {0, "results-digest", ISG_OPT_FLAG, &digest, NULL,
         "One SHA-256 over the result variables of all committed runs, sorted by run id.", 0, 0,
         NULL},
        {'o', "output", ISG_OPT_STRING, &path, "FILE", "Write there instead of to standard output.",
         0, 0, NULL},
        {0}};
    int n = 0;
    isg_store *store = NULL;
    ISG_TRY(isg_cmd_parse(
        "export [--tidy] [-o FILE] STORE\nexport --results-digest STORE",
        "Write the losses of a store as a table; schemas/store.md explains the columns.\n"
        "Exit status 5 if no run has finished yet.",
        opts, argc, argv, &n, &done));
    if (done) return ISG_OK;
    ISG_TRY(isg_cmd_wants(n == 1, "one store", n));
    if (tidy && digest)
        return ISG_FAIL(ISG_EUSAGE, "--tidy and --results-digest exclude each other");
    if (digest && path)
        return ISG_FAIL(ISG_EUSAGE, "--results-digest prints to standard output; drop -o");
    ISG_TRY(isg_store_open(argv[1], ISG_STORE_READ, false, &store));
    isg_err rc = digest ? print_digest(store) : export_tidy(store, path);
    isg_store_close(&store);
    return rc;
}

const isg_cmd isg_cmd_export = {
    .name = "export",
    .summary = "the losses of a store as CSV",
    .run = run_export,
};
