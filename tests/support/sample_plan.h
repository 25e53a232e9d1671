#ifndef ISG_TEST_SAMPLE_PLAN_H
#define ISG_TEST_SAMPLE_PLAN_H

/**
 * A plan made by hand, so that tests of the layers below need no campaign file: runs of two
 * families over three languages, `extra` further runs of the second family. Static storage.
 */

#include "isogloss/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLE_LANGUAGES = 3, SAMPLE_EVALUATIONS = 2, SAMPLE_POINTS = 4, SAMPLE_SHARDS = 4 };

static inline void sample_run(isg_run *r, size_t i, double lr)
{
    *r = (isg_run){
        .shape = {.label = "p1",
                  .layers = 2,
                  .d = 32 + 16 * (uint32_t)(i % 3),
                  .heads = 2,
                  .context = 64,
                  .vocab = 256},
        .tokens = 100000 * (1 + i % 4),
        .seed = 7,
        .data_seed = 7 + i,
        .parent = ISG_NO_RUN,
        .cluster = i,
        .n_points = SAMPLE_POINTS - i % 2,
        .flops = 1e9 * (double)(i + 1),
        .cores = 1,
    };
    /* Ids in no particular order, and independent of the number of runs. */
    (void)snprintf(r->id, sizeof r->id, "%016llx%016zx",
                   (unsigned long long)(i + 1) * 0x9e3779b97f4a7c15ULL, i);
    r->shape.n_nonembedding = 24ULL * r->shape.d * r->shape.d;
    r->shape.n_total = r->shape.n_nonembedding + 256ULL * r->shape.d;
    r->weight = calloc(SAMPLE_LANGUAGES, sizeof *r->weight);
    r->unique = calloc(SAMPLE_LANGUAGES, sizeof *r->unique);
    r->setting = calloc(2, sizeof *r->setting);
    r->points = calloc(r->n_points, sizeof *r->points);
    r->member = calloc(2, sizeof *r->member);
    size_t a = i % SAMPLE_LANGUAGES, b = (i + 1) % SAMPLE_LANGUAGES;
    bool pair = i % 2;
    r->weight[a] = pair ? 0.5 : 1;
    if (pair) r->weight[b] = 0.5;
    r->unique[a] = 80000;
    if (pair) r->unique[b] = 90000;
    r->setting[0] = lr;
    r->setting[1] = 1024;
    for (size_t p = 0; p < r->n_points; p++) r->points[p] = r->tokens * (p + 1) / r->n_points;
    r->member[pair] = true;
    if (i == 0) r->member[1] = true; /* belongs to both */
    if (i == 2) {                    /* finetuned from run 0 */
        r->parent = r->cluster = 0;
        r->depth = 1;
    }
}

static inline isg_plan sample_plan(size_t n_runs)
{
    static isg_language languages[SAMPLE_LANGUAGES] = {
        {"aa", "Alpha", "Latn", "Imaginary", "CC0", 400000, 4096, {{0}, 0}, NULL},
        {"bb", "Beta", "Cyrl", "Imaginary", "CC0", 300000, 4096, {{0}, 0}, NULL},
        {"cc", "", "", "", "", 200000, 4096, {{0}, 0}, NULL},
    };
    static isg_evaluation evaluations[SAMPLE_EVALUATIONS] = {
        {.name = "aa",
         .language = 0,
         .metric = "bits_per_byte",
         .unit = "bit/byte",
         .bytes = 4096,
         .shards = SAMPLE_SHARDS},
        {.name = "bb",
         .language = 1,
         .metric = "bits_per_byte",
         .unit = "bit/byte",
         .bytes = 4096,
         .shards = SAMPLE_SHARDS},
    };
    static isg_family families[2] = {{"mono", ISG_FAMILY_MONO, "monolingual", 0},
                                     {"pairs", ISG_FAMILY_BILINGUAL, "bilingual", 0}};
    static isg_setting settings[2] = {{"lr", "1", true}, {"batch", "token", false}};
    isg_plan p = {
        .name = "sample",
        .text = "isogloss: 1\nname: sample\n",
        .path = "/nowhere/sample.yaml",
        .seed = 7,
        .trainer = ISG_TRAINER_SYNTHETIC,
        .trainer_name = "synthetic",
        .trainer_version = "1",
        .numerics = "generic-2",
        .schedule = "wsd",
        .trainer_settings = json_pack("{s:s}", "law", "chinchilla"),
        .corpus = "",
        .corpus_fingerprint = "none",
        .unit = "bit/byte",
        .languages = languages,
        .n_languages = SAMPLE_LANGUAGES,
        .evaluations = evaluations,
        .n_evaluations = SAMPLE_EVALUATIONS,
        .families = families,
        .n_families = 2,
        .settings = settings,
        .n_settings = 2,
        .n_runs = n_runs,
        .max_points = SAMPLE_POINTS,
        .max_shards = SAMPLE_SHARDS,
    };
    p.runs = calloc(n_runs, sizeof *p.runs);
    for (size_t i = 0; i < n_runs; i++) sample_run(&p.runs[i], i, i % 5 == 4 ? 2 : 1);
    (void)snprintf(p.hash, sizeof p.hash, "%064zx", n_runs);
    return p;
}

static inline void sample_plan_free(isg_plan *p)
{
    for (size_t i = 0; i < p->n_runs; i++) {
        isg_run *r = &p->runs[i];
        free(r->weight);
        free(r->unique);
        free(r->setting);
        free(r->points);
        free(r->member);
    }
    free(p->runs);
    json_decref(p->trainer_settings);
    *p = (isg_plan){0};
}

#endif
