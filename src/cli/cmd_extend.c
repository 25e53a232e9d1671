#include "cmd.h"
#include "isogloss/plan.h"
#include "isogloss/store.h"
#include "isogloss/str.h"

#include <stdio.h>
#include <stdlib.h>

/* The plan must be made with the numerics of the store: they are part of every run id. */
static isg_err load_plan(const char *store_path, const char *campaign, const char *corpus,
                         isg_plan **out)
{
    isg_store *store = NULL;
    ISG_TRY(isg_store_open(store_path, ISG_STORE_READ, false, &store));
    isg_plan_options options = {.numerics = isg_store_numerics(store), .corpus_override = corpus};
    isg_err rc = isg_store_is_import(store)
                     ? ISG_FAIL(ISG_ESPEC,
                                "store '%s' holds imported runs: import them again, with "
                                "more of them, instead of extending it",
                                store_path)
                     : isg_plan_load(campaign, &options, out);
    isg_store_close(&store);
    return rc;
}

static isg_err run_extend(int argc, char **argv)
{
    const char *corpus = NULL;
    const isg_opt opts[] = {{0, "corpus", ISG_OPT_STRING, &corpus, "DIR",
                             "Corpus directory instead of the campaign's.", 0, 0, NULL},
                            {0}};
    int n = 0;
    bool done;
    isg_plan *plan = NULL;
    isg_lock *lock = NULL;
    size_t kept = 0, added = 0;
    ISG_TRY(isg_cmd_parse(
        "extend [OPTION]... STORE CAMPAIGN",
        "Make a store larger for a campaign file that was changed after the store was\n"
        "made. Finished runs that are still in the campaign are kept and not run again;\n"
        "a campaign that would lose finished runs is refused. Not while it is running.",
        opts, argc, argv, &n, &done));
    if (done) return ISG_OK;
    ISG_TRY(isg_cmd_wants(n == 2, "a store and a campaign file", n));
    isg_err rc = isg_lock_take(argv[1], &lock);
    if (!rc) rc = load_plan(argv[1], argv[2], corpus, &plan);
    if (!rc) rc = isg_store_extend(argv[1], plan, &kept, &added);
    if (!rc) {
        char text[ISG_RUNS_TEXT];
        const size_t runs = isg_plan_own_runs(plan);
        (void)printf("%s: %s, %zu of them new, %zu %s kept\n", argv[1],
                     isg_runs_text(runs, plan->n_runs - runs, "", text), added, kept,
                     isg_str_plural(kept, "result", "results"));
    }
    isg_plan_destroy(&plan);
    isg_lock_release(&lock);
    return rc;
}

const isg_cmd isg_cmd_extend = {
    .name = "extend",
    .summary = "make a store larger for a changed campaign",
    .run = run_extend,
};
