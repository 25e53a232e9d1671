#include "cmd.h"
#include "isogloss/status.h"

#include <stdlib.h>

typedef struct choices {
    bool json, exit_code, failed, verify;
} choices;

/* The most urgent of several: damage, then work left, then failures. */
static int urgency(isg_err rc)
{
    return rc == ISG_ESTORE ? 3 : rc == ISG_EAGAIN ? 2 : rc == ISG_ESOME ? 1 : 0;
}

static isg_err one_store(const choices *c, const char *path, bool first, json_t *stores,
                         isg_err *verdict)
{
    isg_status *s = NULL;
    ISG_TRY(isg_status_gather(path, c->verify, &s));
    isg_err rc = ISG_OK, v = isg_status_verdict(s);
    if (urgency(v) > urgency(*verdict)) *verdict = v;
    if (c->json) {
        json_t *one = isg_status_json(s);
        if (!one || json_array_append_new(stores, one)) rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
    } else {
        if (!first) (void)putchar('\n');
        rc = isg_status_print(s, c->failed, stdout);
    }
    isg_status_destroy(&s);
    return rc;
}

static isg_err run_status(int argc, char **argv)
{
    choices c = {0};
    const isg_opt opts[] = {
        {0, "json", ISG_OPT_FLAG, &c.json, NULL, "Print JSON (schemas/status.schema.json).", 0, 0,
         NULL},
        {0, "failed", ISG_OPT_FLAG, &c.failed, NULL,
         "List every run that failed, diverged or is held.", 0, 0, NULL},
        {0, "verify", ISG_OPT_FLAG, &c.verify, NULL, "Compare every committed result with its CRC.",
         0, 0, NULL},
        {0, "exit-code", ISG_OPT_FLAG, &c.exit_code, NULL,
         "Exit 0 if all is done, 3 if some runs failed for good, 75 if work is left.", 0, 0, NULL},
        {0}};
    int n = 0;
    bool done;
    ISG_TRY(isg_cmd_parse(
        "status [OPTION]... STORE...",
        "Say how far a campaign is, also while it runs. Exit status 4 if --verify finds\n"
        "damage; otherwise 0 unless --exit-code asks for more.",
        opts, argc, argv, &n, &done));
    if (done) return ISG_OK;
    ISG_TRY(isg_cmd_wants(n > 0, "one or more stores", n));

    json_t *stores = json_array();
    isg_err rc = stores ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory"), verdict = ISG_OK;
    for (int i = 1; i <= n && !rc; i++) rc = one_store(&c, argv[i], i == 1, stores, &verdict);
    if (!rc && c.json) {
        json_t *report = json_pack("{s:s, s:i, s:O}", "schema", "isogloss-status", "version", 1,
                                   "stores", stores);
        rc = report ? isg_json_print(report, stdout) : ISG_FAIL(ISG_ENOMEM, "out of memory");
        json_decref(report);
    }
    json_decref(stores);
    if (rc) return rc;
    isg_err_clear(); /* the verdict was printed */
    return c.exit_code || verdict == ISG_ESTORE ? verdict : ISG_OK;
}

const isg_cmd isg_cmd_status = {
    .name = "status",
    .summary = "how far a campaign is, and why runs failed",
    .run = run_status,
};
