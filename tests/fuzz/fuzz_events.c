/* Trainer output: any bytes, as lines of an attempt and as the events file of an earlier one. Accepted
 * or refused, but no crash, and no result that breaks its promises. */
#include "run/events.h"
#include "run/lines.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { POINTS = 3, LANGUAGES = 2, SHARDS = 2 };

static char en[] = "en", de[] = "de", unit[] = "bit/byte";
static isg_language languages[LANGUAGES] = {{.code = en}, {.code = de}};
static isg_evaluation evaluations[LANGUAGES] = {
    {.name = en, .language = 0, .shards = SHARDS, .unit = unit},
    {.name = de, .language = 1, .shards = SHARDS, .unit = unit}};
static double weight[LANGUAGES] = {0.5, 0.5};
static bool evaluate[LANGUAGES] = {true, false};
static uint64_t points[POINTS] = {500, 2000, 8000};
static isg_run run = {.id = "00112233445566778899aabbccddeeff",
                      .tokens = 8000,
                      .parent = ISG_NO_RUN,
                      .weight = weight,
                      .points = points,
                      .n_points = POINTS,
                      .evaluate = evaluate,
                      .flops = 1e9};
static const isg_plan plan = {.trainer = ISG_TRAINER_COMMAND,
                              .languages = languages,
                              .n_languages = LANGUAGES,
                              .evaluations = evaluations,
                              .n_evaluations = LANGUAGES,
                              .runs = &run,
                              .n_runs = 1,
                              .max_points = POINTS,
                              .max_shards = SHARDS};

static void promise(bool kept)
{
    if (!kept) abort();
}

static void check_result(isg_curve *c, bool diverged)
{
    isg_result *r = NULL;
    if (isg_curve_finish(c, diverged, &r)) return;
    promise(r->n_points <= POINTS && (diverged || r->n_points == POINTS));
    for (size_t p = 0; p < r->n_points; p++) {
        promise(r->tokens[p] == points[p] && r->lr_state[p] <= ISG_LR_END);
        promise(isfinite(r->loss[p * LANGUAGES])); /* the one that was asked for */
    }
    promise(isfinite(r->flops) && r->flops >= 0);
    isg_result_destroy(&r);
}

static void talk(const uint8_t *data, size_t size)
{
    isg_lines lines = {0};
    isg_curve *c = NULL;
    isg_said said = {0};
    isg_hello hello;
    const char *line;
    size_t n;
    bool diverged = false;
    promise(!isg_curve_create(&plan, 0, 0, &c) && !isg_lines_add(&lines, data, size));
    while (!isg_lines_next(&lines, &line, &n) && line && !diverged) {
        (void)isg_hello_read(&plan, line, n, &hello);
        if (isg_curve_take(c, line, n, &said)) break;
        promise(said.kind != ISG_SAID_CHECKPOINT || isg_str_is_name(said.name));
        diverged = said.kind == ISG_SAID_DIVERGED;
    }
    check_result(c, diverged);
    isg_curve_destroy(&c);
    isg_lines_free(&lines);
}

static void replay(const uint8_t *data, size_t size)
{
    isg_curve *c = NULL;
    isg_str kept = {0};
    promise(!isg_curve_create(&plan, 0, 8000, &c));
    if (!isg_curve_replay(c, (const char *)data, size, &kept)) check_result(c, false);
    isg_curve_destroy(&c);
    isg_str_free(&kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    talk(data, size);
    replay(data, size);
    isg_err_clear();
    return 0;
}
