/* One function a piece of advice: it looks through the plan and gives a paragraph, or nothing. */
#include "isogloss/advice.h"
#include "isogloss/recipe.h"
#include "isogloss/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = 32 };

static isg_err say(isg_advice *out, char *text)
{
    out->text = text;
    return text ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory for advice");
}

static isg_err long_warmup(const isg_plan *p, isg_advice *out)
{
    char warm[NUMBER_BYTES], tokens[NUMBER_BYTES];
    const size_t s = isg_plan_setting(p, "warmup");
    size_t n = 0;
    const isg_run *shortest = NULL;
    if (p->trainer != ISG_TRAINER_PROXY || s == p->n_settings) return ISG_OK;
    for (size_t i = 0; i < p->n_runs; i++) {
        const isg_run *r = &p->runs[i];
        if (r->trunk) continue;
        double given = r->setting[s], asked = given < 1 ? given * (double)r->tokens : given;
        if (!(asked > isg_recipe_warmup(given, r->tokens))) continue;
        if (!shortest || r->tokens < shortest->tokens) shortest = r;
        n++;
    }
    if (!n) return ISG_OK;
    double given = shortest->setting[s];
    (void)isg_str_count(given < 1 ? given * (double)shortest->tokens : given, warm, sizeof warm);
    return say(out, isg_strf("the warm-up takes more than half of %zu of %zu runs (%s of %s tokens "
                             "in the shortest) and is held at half there, so that it differs with "
                             "the budget. Lower 'warmup', or give these runs more tokens.",
                             n, isg_plan_own_runs(p), warm,
                             isg_str_count((double)shortest->tokens, tokens, sizeof tokens)));
}

static isg_err shared_warmup(const isg_plan *p, isg_advice *out)
{
    const size_t s = isg_plan_setting(p, "warmup");
    uint64_t least = UINT64_MAX, most = 0;
    if (p->trainer != ISG_TRAINER_PROXY || s == p->n_settings) return ISG_OK;
    for (size_t i = 0; i < p->n_runs; i++) {
        const isg_run *r = &p->runs[i];
        if (!(r->setting[s] > 0 && r->setting[s] < 1)) continue;
        if (r->tokens < least) least = r->tokens;
        if (r->tokens > most) most = r->tokens;
    }
    if (least >= most) return ISG_OK;
    return say(out, isg_strf("'warmup' is a share of the run, so that the warm-up differs with the "
                             "budget, which bends the exponent of D. A number of tokens, such as "
                             "%d, is the same for all.",
                             ISG_RECIPE_WARMUP));
}

static isg_err few_pages(const isg_plan *p, isg_advice *out)
{
    if (p->pages_usable >= p->pages_asked) return ISG_OK;
    return say(out, isg_strf("only %zu held-out pages are in all evaluated languages and short "
                             "enough; %zu are asked for ('evaluate: pages'). Raise 'page_bytes', "
                             "lower 'page_bytes_min', or score fewer languages.",
                             p->pages_usable, p->pages_asked));
}

static isg_err unlike_pages(const isg_plan *p, isg_advice *out)
{
    const size_t taken = p->pages_usable < p->pages_asked ? p->pages_usable : p->pages_asked;
    if (p->pages_alike == taken) return ISG_OK;
    return say(out, isg_strf("%zu of the %zu parallel pages have not as many lines in every "
                             "language (lines are dropped as duplicates or untranslated): their "
                             "bits per page say a little more or less of some.",
                             taken - p->pages_alike, taken));
}

/* Families with branches whose runs are trained by themselves. */
static isg_err alone(const isg_plan *p, isg_advice *out)
{
    const isg_alone *a = &p->alone;
    const struct {
        size_t n;
        const char *why;
    } reasons[] = {{a->budget, "are the only budget of their kind"},
                   {a->weights, "have mixture weights that follow from the budget"},
                   {a->brief, "have less than twice their warm-up before the decay"}};
    size_t n = a->budget + a->weights + a->brief;
    isg_str list = {0};
    isg_err rc = ISG_OK;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0] && !rc && n; i++) {
        if (!reasons[i].n) continue;
        rc = isg_str_printf(&list, "%s that %s (%zu)", list.len ? "," : "", reasons[i].why,
                            reasons[i].n);
    }
    if (!rc && n) {
        rc =
            say(out, isg_strf("'branches': trained without a trunk are runs%s.", isg_str_c(&list)));
    }
    isg_str_free(&list);
    return rc;
}

static isg_err batch_by_tokens(const isg_plan *p, isg_advice *out)
{
    double least = INFINITY, most = 0;
    const size_t s = isg_plan_setting(p, "batch");
    if (!p->batch_by_tokens || s == p->n_settings) return ISG_OK;
    for (size_t i = 0; i < p->n_runs; i++) {
        least = fmin(least, p->runs[i].setting[s]);
        most = fmax(most, p->runs[i].setting[s]);
    }
    if (!(least < most)) return ISG_OK;
    out->at_run = true;
    return say(out,
               isg_strf("'batch_by_tokens': the batch follows the budget (%.0f to %.0f tokens), "
                        "which bends the exponent of D. One batch for all budgets, or "
                        "'batch_by_size', does not.",
                        least, most));
}

/* A step takes whole sequences. */
static const char *more_steps(const isg_run *r, double batch)
{
    enum { SHORTEST = 32 };
    if (batch > r->shape.context) return "more 'tokens', or a smaller 'batch'";
    if (r->shape.context <= SHORTEST) return "more 'tokens' (a batch is one sequence already)";
    return "more 'tokens', or a shorter 'context' and with it a smaller 'batch' (which is one "
           "sequence already)";
}

static isg_err few_steps(const isg_plan *p, isg_advice *out)
{
    enum { STEPS = 1000 };
    char tokens[NUMBER_BYTES];
    const isg_run *worst = NULL;
    double least = STEPS;
    const size_t s = isg_plan_setting(p, "batch");
    size_t n = 0;
    if (p->trainer != ISG_TRAINER_PROXY || s == p->n_settings) return ISG_OK;
    for (size_t i = 0; i < p->n_runs; i++) {
        double steps = ceil((double)p->runs[i].tokens / p->runs[i].setting[s]);
        if (p->runs[i].trunk || !(steps < STEPS)) continue;
        n++;
        if (worst && steps >= least) continue;
        worst = &p->runs[i];
        least = steps;
    }
    if (!n) return ISG_OK;
    return say(out,
               isg_strf("%zu of %zu runs have fewer than %d optimiser steps (the fewest: %.0f, "
                        "%s tokens at batch %.0f). Small runs want steps: %s.",
                        n, isg_plan_own_runs(p), STEPS, least,
                        isg_str_count((double)worst->tokens, tokens, sizeof tokens),
                        worst->setting[s], more_steps(worst, worst->setting[s])));
}

static isg_err costly_evaluation(const isg_plan *p, isg_advice *out)
{
    static const double bound = 0.2;
    double all = 0, training = 0;
    if (p->trainer == ISG_TRAINER_SYNTHETIC) return ISG_OK;
    for (size_t i = 0; i < p->n_runs; i++) {
        all += p->runs[i].flops;
        training +=
            (double)(p->runs[i].tokens - p->runs[i].from) * isg_shape_flops(&p->runs[i].shape);
    }
    if (!(all - training > bound * all)) return ISG_OK;
    return say(out,
               isg_strf("evaluation takes %.0f %% of all FLOPs. Under %.0f %% is enough: lower "
                        "'bytes' or 'points' of 'evaluate', or score fewer 'languages' "
                        "('scope: trained').",
                        100 * (1 - training / all), 100 * bound));
}

static isg_err short_held_text(const isg_plan *p, isg_advice *out)
{
    char asked[NUMBER_BYTES], bytes[NUMBER_BYTES];
    const isg_evaluation *least = NULL;
    size_t n = 0;
    for (size_t e = 0; e < p->n_evaluations; e++) {
        const isg_evaluation *v = &p->evaluations[e];
        if (v->pages || v->bytes >= p->evaluation_bytes) continue;
        n++;
        if (!least || v->bytes < least->bytes) least = v;
    }
    if (!n) return ISG_OK;
    return say(out,
               isg_strf("%zu of %zu evaluations have less held-out text than the %s bytes asked "
                        "for: all they have is scored (the least: %s bytes of %s).",
                        n, p->n_evaluations,
                        isg_str_count((double)p->evaluation_bytes, asked, sizeof asked),
                        isg_str_count((double)least->bytes, bytes, sizeof bytes), least->name));
}

/* What there is to change where a context is longer than what is scored of a shard. */
static char *shorter_context(const isg_plan *p, const isg_evaluation *v, uint64_t context)
{
    enum { UNIT = 32 };
    char nearest[NUMBER_BYTES + 32] = "";
    const uint64_t shorter = v->shard_bytes / UNIT * UNIT;
    const uint64_t shards = p->languages[v->language].held_bytes / context;
    if (shorter)
        (void)snprintf(nearest, sizeof nearest, "a 'context' of at most %llu, or ",
                       (unsigned long long)shorter);
    if (v->shard_text >= context)
        return isg_strf("Nearest: %s'bytes' of 'evaluate' of at least %llu.", nearest,
                        (unsigned long long)(context * v->shards));
    if (!shards) return isg_strf("Nearest: %sa corpus with more held-out text.", nearest);
    return isg_strf("Nearest: %sat most about %llu 'shards' of at least %llu 'bytes' together.",
                    nearest, (unsigned long long)shards, (unsigned long long)(context * shards));
}

/* The longest context of the runs that are scored on an evaluation, or of all of them. */
static uint64_t longest_context(const isg_plan *p, size_t evaluation)
{
    uint64_t longest = 0;
    for (size_t i = 0; i < p->n_runs; i++) {
        const isg_run *r = &p->runs[i];
        if (evaluation < p->n_evaluations && !r->evaluate[evaluation]) continue;
        if (r->shape.context > longest) longest = r->shape.context;
    }
    return longest;
}

static isg_err long_context(const isg_plan *p, isg_advice *out)
{
    const isg_evaluation *least = NULL;
    const uint64_t most = longest_context(p, p->n_evaluations);
    uint64_t longest = 0;
    size_t n = 0, all = 0;
    if (p->trainer != ISG_TRAINER_PROXY) return ISG_OK;
    for (size_t e = 0; e < p->n_evaluations; e++) {
        const isg_evaluation *v = &p->evaluations[e];
        all += !v->pages; /* context never crosses a page, whatever its length */
        if (v->pages || most <= v->shard_bytes) continue;
        const uint64_t context = longest_context(p, e);
        if (context <= v->shard_bytes) continue;
        n++;
        if (context > longest) longest = context;
        if (!least || v->shard_bytes < least->shard_bytes) least = v;
    }
    if (!n) return ISG_OK;
    char *remedy = shorter_context(p, least, longest);
    if (!remedy) return say(out, NULL);
    isg_err rc =
        say(out, isg_strf("a context of %llu is longer than what is scored of a held-out shard, in "
                          "%zu of %zu evaluations (the least: %llu bytes of %s): what the later "
                          "positions predict is not measured there. %s",
                          (unsigned long long)longest, n, all,
                          (unsigned long long)least->shard_bytes, least->name, remedy));
    free(remedy);
    return rc;
}

/* Runs that need more cores than there are would never begin. */
static isg_err too_wide(const isg_plan *p, size_t workers, isg_advice *out)
{
    size_t n = 0, widest = 0;
    for (size_t i = 0; workers && i < p->n_runs; i++) {
        const size_t width = isg_plan_run_workers(p, i);
        n += width > workers && !p->runs[i].trunk;
        if (width > widest) widest = width;
    }
    if (widest <= workers || !workers) return ISG_OK;
    out->kind = ISG_ADVICE_WARNING;
    return say(out, isg_strf("%zu of %zu runs take up to %zu cores ('resources: cores'), and there "
                             "%s %zu: isogloss run would refuse them here. Lower 'cores', or plan "
                             "for a machine that has so many (--workers %zu).",
                             n, isg_plan_own_runs(p), widest, workers == 1 ? "is" : "are", workers,
                             widest));
}

static const struct {
    isg_advice_kind kind;
    isg_err (*look)(const isg_plan *, isg_advice *);
} rules[] = {
    {ISG_ADVICE_WARNING, long_warmup},  {ISG_ADVICE_NOTE, shared_warmup},
    {ISG_ADVICE_NOTE, alone},           {ISG_ADVICE_WARNING, batch_by_tokens},
    {ISG_ADVICE_NOTE, few_steps},       {ISG_ADVICE_WARNING, costly_evaluation},
    {ISG_ADVICE_NOTE, short_held_text}, {ISG_ADVICE_WARNING, few_pages},
    {ISG_ADVICE_NOTE, unlike_pages},    {ISG_ADVICE_NOTE, long_context},
};

enum { RULES = sizeof rules / sizeof rules[0] };

const char *isg_advice_word(isg_advice_kind kind)
{
    return kind == ISG_ADVICE_WARNING ? "warning" : "note";
}

isg_err isg_plan_advise(const isg_plan *plan, size_t workers, isg_advice_list *out)
{
    *out = (isg_advice_list){.item = calloc(RULES + 1, sizeof *out->item)};
    isg_err rc = out->item ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory for advice");
    for (size_t i = 0; i < RULES && !rc; i++) {
        isg_advice *next = &out->item[out->n];
        *next = (isg_advice){.kind = rules[i].kind};
        rc = rules[i].look(plan, next);
        if (next->text) out->n++;
    }
    if (!rc) rc = too_wide(plan, workers, &out->item[out->n]);
    if (!rc) out->n += out->item[out->n].text != NULL;
    if (rc) isg_advice_free(out);
    return rc;
}

void isg_advice_free(isg_advice_list *list)
{
    for (size_t i = 0; i < list->n; i++) free(list->item[i].text);
    free(list->item);
    *list = (isg_advice_list){0};
}
