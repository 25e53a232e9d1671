/* isogloss methods: what a fit did, in the words of a paper, from its kept result. */

#include "cmd.h"
#include "isogloss/fitfile.h"
#include "isogloss/json.h"
#include "isogloss/report_result.h"
#include "isogloss/store.h"

#include <stdlib.h>
#include <string.h>

static isg_err parse(int argc, char **argv, const char **name, int *operands, bool *done)
{
    const isg_opt opts[] = {
        {0, "fit", ISG_OPT_STRING, name, "NAME",
         "Which fit of a file of fits. Default: its only one.", 0, 0, NULL},
        {0, NULL, ISG_OPT_FLAG, NULL, NULL, NULL, 0, 0, NULL},
    };
    return isg_cmd_parse(
        "methods [OPTION]... RESULT",
        "Write the paragraph for the methods section and the command that makes the\n"
        "numbers again. RESULT is what isogloss fit wrote: -o FILE.json (or --json), or\n"
        "a file of fits (--save NAME).",
        opts, argc, argv, operands, done);
}

static isg_err load(const char *path, const char *name, json_t **out)
{
    bool hdf5 = false;
    char *text = NULL;

    *out = NULL;
    ISG_TRY(isg_store_is_hdf5(path, &hdf5));
    if (!hdf5) {
        if (name) return ISG_FAIL(ISG_EUSAGE, "--fit %s: '%s' is no file of fits", name, path);
        isg_err rc = isg_json_load(path, out);
        return rc == ISG_EINPUT
                   ? isg_err_context(
                         rc,
                         "'%s' is not the result of a fit; for runs: isogloss fit %s -o "
                         "fit.json, then isogloss methods fit.json",
                         path, path)
                   : rc;
    }
    ISG_TRY(isg_fitfile_read_report(path, name, &text));
    isg_err rc = isg_json_parse(text, strlen(text), path, out);
    free(text);
    return rc;
}

static isg_err run_methods(int argc, char **argv)
{
    const char *name = NULL;
    int operands = 0;
    bool done = false;
    json_t *result = NULL;

    ISG_TRY(parse(argc, argv, &name, &operands, &done));
    if (done) return ISG_OK;
    ISG_TRY(isg_cmd_wants(operands == 1, "one result of a fit", operands));
    ISG_TRY(load(argv[1], name, &result));
    isg_err rc = isg_report_result_methods(result, stdout);
    json_decref(result);
    return isg_err_context(rc, "'%s'", argv[1]);
}

extern const isg_cmd isg_cmd_methods;
const isg_cmd isg_cmd_methods = {
    .name = "methods",
    .summary = "the methods paragraph of a fit, and the command that repeats it",
    .run = run_methods,
};
