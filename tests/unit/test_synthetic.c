#include "check.h"
#include "isogloss/os.h"
#include "run/synthetic.h"

#include <stdlib.h>
#include <unistd.h>

static const char head[] =
    "isogloss: 1\nname: t\nseed: 1\n"
    "corpus: {languages: {en: {train_bytes: 9G, held_bytes: 1M}, de: {train_bytes: 9G, held_bytes: 1M}}}\n"
    "sizes: [12k, 98k]\ntokens: [1M, 8M]\n"
    "evaluate: {languages: [en, de], points: {count: 4, spacing: log}, bytes: 16k, shards: 4}\n";
static const char laws[] =
    "{en: {E: 1, A: 30, B: 90, alpha: 0.3, beta: 0.4}, de: {E: 2, A: 0, B: 0, alpha: 0.3, beta: 0.3}}";

static isg_plan *load(const char *rest)
{
    char path[] = "/tmp/isg-synthetic-XXXXXX";
    isg_str text = {0};
    isg_plan *plan = NULL;
    int fd = mkstemp(path);
    CHECK(fd >= 0 && !close(fd));
    CHECK_OK(isg_str_printf(&text, "%s%s", head, rest));
    CHECK_OK(isg_file_write(path, text.data, text.len));
    CHECK_OK(isg_plan_load(path, NULL, &plan));
    (void)unlink(path);
    isg_str_free(&text);
    return plan;
}

static isg_plan *load_with(const char *noise, const char *families)
{
    char *rest = isg_strf("trainer: {kind: synthetic, laws: %s, noise: %s}\nfamilies:\n%s", laws,
                          noise, families);
    isg_plan *plan = load(rest);
    free(rest);
    return plan;
}

static isg_result *run(const isg_plan *plan, size_t i)
{
    isg_synthetic *s = NULL;
    isg_result *r = NULL;
    CHECK_OK(isg_synthetic_create(plan, &s));
    if (s) CHECK_OK(isg_synthetic_run(s, i, &r));
    isg_synthetic_destroy(&s);
    return r;
}

static void test_law(void)
{
    isg_plan *plan =
        load_with("{run: 0, point: 0}",
                  "  - {name: a, mixture: bilingual, targets: [en], sources: [de], share: 0.25}\n");
    for (size_t i = 0; plan && i < plan->n_runs; i++) {
        const isg_run *u = &plan->runs[i];
        isg_result *r = run(plan, i);
        if (!r) continue;
        CHECK(r->n_points == u->n_points && !r->diverged);
        for (size_t p = 0; p < u->n_points; p++) {
            double d = u->weight[0] * (double)u->points[p];
            double want = 1 + 30 / pow((double)u->shape.n_total, 0.3) + 90 / pow(d, 0.4);
            CHECK_NEAR(r->loss[p * 2], want, 1e-14);
            CHECK_NEAR(r->loss[p * 2 + 1], 2, 0);
            CHECK_NEAR(r->seen[p * 2], d, 1e-14);
            double mean = 0;
            for (size_t k = 0; k < 4; k++) mean += (double)r->shard_loss[(p * 2) * 4 + k] / 4;
            CHECK_NEAR(mean, want, 1e-6);
        }
        CHECK(r->lr_state[u->n_points - 1] == ISG_LR_END);
        isg_result_destroy(&r);
    }
    isg_plan_destroy(&plan);
}

/* What a parent has seen counts. */
static void test_parent(void)
{
    isg_plan *plan = load_with(
        "{run: 0, point: 0}",
        "  - {name: a, mixture: monolingual, languages: [en], checkpoint: true, sizes: [12k], tokens: [8M]}\n"
        "  - {name: f, from: a, languages: [en], tokens: [1M]}\n");
    size_t tuned = 0;
    for (size_t i = 0; plan && i < plan->n_runs; i++) {
        const isg_run *u = &plan->runs[i];
        if (u->parent == ISG_NO_RUN) continue;
        tuned++;
        isg_result *r = run(plan, i);
        double d = (double)(plan->runs[u->parent].tokens + u->tokens);
        double want = 1 + 30 / pow((double)u->shape.n_total, 0.3) + 90 / pow(d, 0.4);
        if (r) CHECK_NEAR(r->loss[(u->n_points - 1) * 2], want, 1e-14);
        isg_result_destroy(&r);
    }
    CHECK_EQ_U64(tuned, 1);
    isg_plan_destroy(&plan);
}

/* Noise of log loss has the stated sizes, a common part and one of each point; and it repeats. */
static void test_noise(void)
{
    enum { SEEDS = 400 };
    isg_str families = {0};
    (void)isg_str_printf(
        &families,
        "  - {name: a, mixture: monolingual, languages: [de], sizes: [12k], tokens: [1M], seeds: %d}\n",
        SEEDS);
    isg_plan *plan = load_with("{run: 0.03, point: 0.01}", families.data);
    double sum = 0, square = 0, within = 0;
    for (size_t i = 0; plan && i < plan->n_runs; i++) {
        isg_result *r = run(plan, i), *again = run(plan, i);
        if (!r || !again) break;
        CHECK(!memcmp(r->loss, again->loss, 8 * sizeof *r->loss));
        double first = log(r->loss[1] / 2), last = log(r->loss[7] / 2);
        sum += last;
        square += last * last;
        within += (last - first) * (last - first);
        isg_result_destroy(&r);
        isg_result_destroy(&again);
    }
    /* sd of the last point: sqrt(0.03^2 + 0.01^2); of a difference: sqrt(2) 0.01. With 400 runs the
     * relative error of a standard deviation is 3.5 %: +-15 % is beyond four of them. */
    CHECK(plan && plan->n_runs == SEEDS);
    CHECK(fabs(sum / SEEDS) < 4 * 0.0317 / 20);
    CHECK(fabs(sqrt(square / SEEDS) / 0.031623 - 1) < 0.15);
    CHECK(fabs(sqrt(within / SEEDS) / 0.014142 - 1) < 0.15);
    isg_plan_destroy(&plan);
    isg_str_free(&families);
}

int main(void)
{
    test_law();
    test_parent();
    test_noise();
    return check_done();
}
