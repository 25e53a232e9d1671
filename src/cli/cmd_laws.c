/* isogloss laws: what there is to fit. */

#include "cmd.h"
#include "isogloss/report_laws.h"

static isg_err print_json(const isg_law *only)
{
    json_t *laws = NULL;

    ISG_TRY(isg_report_laws_json(only, &laws));
    isg_err rc = isg_json_print(laws, stdout);
    json_decref(laws);
    return rc;
}

static isg_err run_laws(int argc, char **argv)
{
    bool json = false, markdown = false, done = false;
    const isg_law *law = NULL;
    int n = 0;
    const isg_opt opts[] = {{0, "json", ISG_OPT_FLAG, &json, NULL, "Print as JSON.", 0, 0, NULL},
                            {0, "markdown", ISG_OPT_FLAG, &markdown, NULL,
                             "Print all laws as a page of Markdown.", 0, 0, NULL},
                            {0}};

    ISG_TRY(isg_cmd_parse("laws [OPTION]... [NAME]",
                          "List the scaling laws that fit and compare know; of one law, its\n"
                          "parameters, its variables and the columns they come from.",
                          opts, argc, argv, &n, &done));
    if (done) return ISG_OK;
    ISG_TRY(isg_cmd_wants(n <= 1, "at most one law", n));
    if (n) ISG_TRY(isg_law_find(argv[1], &law));
    if (json) return print_json(law);
    if (markdown)
        isg_report_laws_markdown(stdout);
    else if (law)
        isg_report_laws_text(law, stdout);
    else
        isg_report_laws_list(stdout);
    return ISG_OK;
}

const isg_cmd isg_cmd_laws = {
    .name = "laws",
    .summary = "list the scaling laws, or say what one of them needs",
    .run = run_laws,
};
