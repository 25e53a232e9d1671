#include "check.h"
#include "isogloss/os.h"
#include "isogloss/plan.h"

#include <stdlib.h>

static char *data_path(const char *name)
{
    const char *source = getenv("ISOGLOSS_SOURCE");
    return isg_strf("%s/tests/data/%s", source ? source : ".", name);
}

static void test_tiny(void)
{
    char *path = data_path("tiny.yaml");
    isg_plan *p = NULL;
    CHECK_OK(isg_plan_load(path, NULL, &p));
    free(path);
    if (!p) return;
    CHECK_EQ_U64(p->n_runs, 48);
    CHECK_EQ_U64(p->n_evaluations, 2);
    CHECK_EQ_U64(p->max_points, 4);
    CHECK_EQ_U64(p->families[0].n_runs, 48);
    for (size_t i = 0; i < p->n_runs; i++) CHECK_EQ_U64(isg_plan_find(p, p->runs[i].id), i);
    json_t *run = NULL;
    CHECK_OK(isg_plan_run_json(p, 0, &run));
    char *line = run ? isg_json_line(run) : NULL;
    if (line) printf("%s\n", line);
    free(line);
    json_decref(run);
    isg_plan_destroy(&p);
    CHECK(p == NULL);
}

int main(void)
{
    test_tiny();
    return check_done();
}
