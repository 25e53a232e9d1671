#include "cmd.h"
#include "isogloss/json.h"
#include "isogloss/os.h"
#include "isogloss/plan.h"
#include "isogloss/report_advice.h"
#include "isogloss/spec.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 4 << 20 };

typedef struct choices {
    bool shape_only, schema, reference, json;
    isg_plan_options plan;
} choices;

static isg_err check_shape(const char *path)
{
    isg_str text = {0};
    isg_err rc = isg_file_read(path, MAX_BYTES, &text);
    if (!rc) rc = isg_spec_check_shape(isg_str_c(&text), path);
    isg_str_free(&text);
    return rc;
}

/* {"file": .., "good": .., "errors": ["FILE:LINE:COLUMN: ..", ..], "advice": [..], "runs": ..,
 * "parts": ..} */
static isg_err add_report(json_t *all, const char *path, isg_err found, const isg_plan *plan,
                          const isg_advice_list *advice)
{
    json_t *errors = json_array();
    const char *p = found ? isg_err_message() : "";
    while (*p) {
        size_t n = strcspn(p, "\n");
        if (json_array_append_new(errors, json_stringn(p, n))) break;
        p += n + (p[n] == '\n');
    }
    const size_t runs = plan ? isg_plan_own_runs(plan) : 0;
    json_t *one =
        json_pack("{s:s,s:b,s:o,s:o,s:I,s:I}", "file", path, "good", !found, "errors", errors,
                  "advice", isg_report_advice_json(advice), "runs", (json_int_t)runs, "parts",
                  (json_int_t)(plan ? plan->n_runs - runs : 0));
    return json_array_append_new(all, one) ? ISG_FAIL(ISG_ENOMEM, "out of memory") : ISG_OK;
}

static isg_err check_file(const choices *c, const char *path, json_t *all)
{
    char runs[128];
    isg_plan *plan = NULL;
    isg_advice_list advice = {0};
    isg_err found = c->shape_only ? check_shape(path) : isg_plan_load(path, &c->plan, &plan);
    if (plan) found = isg_plan_advise(plan, 0, &advice);
    isg_err rc = found;
    if (c->json) {
        isg_err bad = add_report(all, path, found, plan, &advice);
        if (bad) rc = bad;
    } else if (found) {
        (void)fprintf(stderr, "%s\n", isg_err_message());
    } else if (plan) {
        (void)printf("%s: good: campaign '%s', %s\n", path, plan->name,
                     isg_plan_runs_text(plan, runs, sizeof runs));
        isg_report_advice_text(&advice, stdout);
    } else {
        (void)printf("%s: good shape\n", path);
    }
    if (found == rc) isg_err_clear(); /* said already */
    isg_advice_free(&advice);
    isg_plan_destroy(&plan);
    return rc;
}

static isg_err print_schema(void)
{
    json_t *schema = NULL;
    ISG_TRY(isg_spec_schema(&schema));
    isg_err rc = isg_json_print(schema, stdout);
    json_decref(schema);
    return rc;
}

static isg_err run_check(int argc, char **argv)
{
    choices c = {0};
    const isg_opt opts[] = {
        {0, "corpus", ISG_OPT_STRING, &c.plan.corpus_override, "DIR",
         "Corpus directory instead of the campaign's.", 0, 0, NULL},
        {0, "shape-only", ISG_OPT_FLAG, &c.shape_only, NULL,
         "Check what the JSON Schema checks, and nothing else; needs no corpus.", 0, 0, NULL},
        {0, "json", ISG_OPT_FLAG, &c.json, NULL, "Print the report as JSON.", 0, 0, NULL},
        {0, "print-schema", ISG_OPT_FLAG, &c.schema, NULL,
         "Print the JSON Schema of campaign files.", 0, 0, NULL},
        {0, "print-reference", ISG_OPT_FLAG, &c.reference, NULL,
         "Print the reference of campaign files (Markdown).", 0, 0, NULL},
        {0}};
    int n = 0;
    bool done;
    ISG_TRY(isg_cmd_parse(
        "check [OPTION]... CAMPAIGN...\ncheck --print-schema | --print-reference",
        "Check campaign files. Every error is named with file, line and column; nothing\n"
        "in a campaign is executed. Exit status: 0 good, 2 bad.",
        opts, argc, argv, &n, &done));
    if (done) return ISG_OK;
    if (c.schema) return print_schema();
    if (c.reference) return isg_spec_reference(stdout);
    ISG_TRY(isg_cmd_wants(n > 0, "one or more campaign files", n));

    json_t *all = json_array();
    isg_err rc = ISG_OK;
    for (int i = 1; i <= n; i++) {
        isg_err found = check_file(&c, argv[i], all);
        if (found) rc = found;
    }
    if (c.json) {
        json_t *report =
            json_pack("{s:s,s:i,s:O}", "schema", "isogloss-check", "version", 1, "campaigns", all);
        isg_err bad =
            report ? isg_json_print(report, stdout) : ISG_FAIL(ISG_ENOMEM, "out of memory");
        if (bad) rc = bad;
        json_decref(report);
    }
    json_decref(all);
    return rc;
}

const isg_cmd isg_cmd_check = {
    .name = "check",
    .summary = "check campaign files",
    .run = run_check,
};
