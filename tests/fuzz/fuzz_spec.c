/* Any bytes as a campaign: a plan or an error that names the file, never a crash. */
#include "campaign/node.h"
#include "isogloss/plan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plan(const isg_plan *p)
{
    for (size_t i = 0; i < p->n_runs; i++) {
        const isg_run *r = &p->runs[i];
        double sum = 0;
        for (size_t l = 0; l < p->n_languages; l++) sum += r->weight[l];
        if (!(sum > 0.999 && sum < 1.001) || r->points[r->n_points - 1] != r->tokens ||
            isg_plan_find(p, r->id) != i)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const isg_plan_options options = {.numerics = "generic-2", .max_runs = 500};
    isg_arena arena = {0};
    isg_node *top = NULL;
    isg_plan *plan = NULL;
    char *text = malloc(size + 1);
    if (!text) return 0;
    if (size) memcpy(text, data, size);
    text[size] = '\0';

    (void)isg_node_parse(text, size, "fuzz.yaml", &arena, &top);
    isg_arena_free(&arena);
    isg_err rc = isg_plan_parse_text(text, "fuzz.yaml", &options, &plan);
    if (!rc != (plan != NULL)) abort();
    if (!rc)
        check_plan(plan);
    else if (rc != ISG_ENOMEM && !strstr(isg_err_message(), "fuzz.yaml"))
        abort();
    isg_plan_destroy(&plan);
    free(text);
    return 0;
}
