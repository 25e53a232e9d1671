#include "cmd.h"
#include "isogloss/json.h"
#include "isogloss/numerics.h"
#include "isogloss/os.h"
#include "isogloss/plan.h"
#include "isogloss/report_advice.h"

#include <stdlib.h>
#include <string.h>

enum { PLAN_JSON_VERSION = 1, NUMBER_BYTES = 32 };

/* Most passes over a language's unique bytes, and the run that makes them. */
typedef struct epochs {
    double most;
    size_t run;
} epochs;

static epochs most_epochs(const isg_plan *p, size_t language)
{
    epochs out = {0, ISG_NO_RUN};
    for (size_t i = 0; i < p->n_runs; i++) {
        const isg_run *r = &p->runs[i];
        if (!r->unique[language] || r->trunk) continue;
        double e = r->weight[language] * (double)r->tokens / (double)r->unique[language];
        if (e > out.most) out = (epochs){e, i};
    }
    return out;
}

typedef struct sums {
    double flops, seconds;
    uint64_t least_n, most_n, least_tokens, most_tokens;
} sums;

static sums sum_family(const isg_plan *p, size_t family, isg_speed speed)
{
    sums s = {.least_n = UINT64_MAX, .least_tokens = UINT64_MAX};
    for (size_t i = 0; i < p->n_runs; i++) {
        const isg_run *r = &p->runs[i];
        if (!r->member[family]) continue;
        s.flops += r->flops;
        s.seconds += isg_plan_run_seconds(p, i, speed) * (double)isg_plan_run_workers(p, i);
        if (r->trunk) continue;
        if (r->shape.n_nonembedding < s.least_n) s.least_n = r->shape.n_nonembedding;
        if (r->shape.n_nonembedding > s.most_n) s.most_n = r->shape.n_nonembedding;
        if (r->tokens < s.least_tokens) s.least_tokens = r->tokens;
        if (r->tokens > s.most_tokens) s.most_tokens = r->tokens;
    }
    return s;
}

static const char *range_text(uint64_t least, uint64_t most, char *buf, size_t cap)
{
    char lo[NUMBER_BYTES], hi[NUMBER_BYTES];
    (void)isg_str_count((double)least, lo, sizeof lo);
    (void)isg_str_count((double)most, hi, sizeof hi);
    (void)snprintf(buf, cap, least == most ? "%s" : "%s-%s", lo, hi);
    return buf;
}

/* ---- text ----------------------------------------------------------------- */

static void print_families(const isg_plan *p, isg_speed speed)
{
    char n[2 * NUMBER_BYTES], t[2 * NUMBER_BYTES], s[NUMBER_BYTES];
    const size_t runs = isg_plan_own_runs(p);
    size_t memberships = 0;
    (void)printf("%-15s %-11s %6s %13s %13s %7s %9s\n", "family", "mixture", "runs", "N w/o embed.",
                 "tokens", "FLOPs", "work");
    for (size_t f = 0; f < p->n_families; f++) {
        sums sum = sum_family(p, f, speed);
        (void)printf("%-15.15s %-11s %6zu %13s %13s %7.1e %9s\n", p->families[f].name,
                     p->families[f].mixture, p->families[f].n_runs,
                     range_text(sum.least_n, sum.most_n, n, sizeof n),
                     range_text(sum.least_tokens, sum.most_tokens, t, sizeof t), sum.flops,
                     isg_str_duration(sum.seconds, s, sizeof s));
        memberships += p->families[f].n_runs;
    }
    if (memberships > runs) {
        (void)printf("  %zu of these %zu are in more than one family and are trained once\n",
                     memberships - runs, memberships);
    }
}

static const char *first_family(const isg_plan *p, const isg_run *r)
{
    size_t f = 0;
    while (f < p->n_families && !r->member[f]) f++;
    return f < p->n_families ? p->families[f].name : "-";
}

/* To the end of the line of which `column` bytes are there, and on a line of its own what it is if
 * that does not fit. */
static void print_run(const isg_plan *p, size_t i, int column)
{
    enum { WIDTH = 80 };
    const isg_run *r = &p->runs[i];
    char tokens[NUMBER_BYTES], n[NUMBER_BYTES], name[NUMBER_BYTES], what[256];
    const int used =
        snprintf(name, sizeof name, "%s %.8s", r->trunk ? "part of a trunk" : "run", r->id);
    const int more =
        snprintf(what, sizeof what, "(%s, %s tokens, family %s)",
                 r->shape.label[0] ? r->shape.label
                                   : isg_str_count((double)r->shape.n_nonembedding, n, sizeof n),
                 isg_str_count((double)r->tokens, tokens, sizeof tokens), first_family(p, r));
    (void)printf("%s%s%s\n", name, column + used + 1 + more <= WIDTH ? " " : "\n               ",
                 what);
}

static void print_epochs(const isg_plan *p)
{
    enum { SHOWN = 5 };
    bool *said = calloc(p->n_languages + 1, sizeof *said);
    size_t repeated = 0, unseen = 0;
    for (size_t l = 0; said && l < p->n_languages; l++) {
        epochs e = most_epochs(p, l);
        repeated += e.most > 1;
        unseen += e.run == ISG_NO_RUN;
    }
    (void)printf("repetition     languages that are read more than once: %zu of %zu trained\n",
                 repeated, p->n_languages - unseen);
    for (size_t k = 0; said && k < SHOWN && k < repeated; k++) {
        size_t best = p->n_languages;
        epochs most = {1, ISG_NO_RUN};
        for (size_t l = 0; l < p->n_languages; l++) {
            epochs e = most_epochs(p, l);
            if (said[l] || e.most <= most.most) continue;
            most = e;
            best = l;
        }
        if (best == p->n_languages) break;
        said[best] = true;
        print_run(p, most.run,
                  printf("  %-12s %.3g passes in ", p->languages[best].code, most.most));
    }
    if (repeated > SHOWN) (void)printf("  and %zu more (--json lists all)\n", repeated - SHOWN);
    free(said);
}

/* Nobody said how fast a worker is, and it cannot be measured. */
static bool is_assumed(isg_speed speed)
{
    return !(speed.flops > 0) && !(speed.peak > 0);
}

/* "67" or "67-71", of two shares. */
static const char *percent_text(double least, double most, char *buf, size_t cap)
{
    (void)snprintf(buf, cap, "%.0f-%.0f", 100 * least, 100 * most);
    char *dash = strchr(buf, '-');
    const size_t n = dash ? (size_t)(dash - buf) : 0;
    if (dash && n == strlen(dash + 1) && !strncmp(buf, dash + 1, n)) *dash = '\0';
    return buf;
}

/* Where runs take several cores each. */
static void print_cores(const isg_plan *p, const isg_estimate *e)
{
    const bool parts = isg_plan_own_runs(p) < p->n_runs;
    if (!e->wide) return;
    (void)printf("cores          up to %zu each, in %zu of %zu run%s%s; work is time x cores\n",
                 e->widest, e->wide, p->n_runs, isg_str_plural(p->n_runs, "", "s"),
                 parts ? " and parts" : "");
}

static void print_makespan(const isg_estimate *e, size_t workers)
{
    char a[NUMBER_BYTES], b[NUMBER_BYTES];
    const double even = e->work_s / (double)workers;
    if (e->too_wide)
        (void)printf("makespan       none on %zu worker%s: see the warning below\n", workers,
                     isg_str_plural(workers, "", "s"));
    else
        (void)printf("makespan       %s on %zu worker%s, longest runs first (at best %s)\n",
                     isg_str_duration(e->makespan_s, a, sizeof a), workers,
                     isg_str_plural(workers, "", "s"),
                     isg_str_duration(e->chain_s > even ? e->chain_s : even, b, sizeof b));
}

static void print_times(const isg_plan *p, const isg_estimate *e, size_t workers, isg_speed speed)
{
    char a[NUMBER_BYTES], b[NUMBER_BYTES], c[NUMBER_BYTES];
    print_cores(p, e);
    if (p->trainer == ISG_TRAINER_SYNTHETIC) {
        (void)printf("time           %s of work (synthetic: seconds_per_run and speed)\n",
                     isg_str_duration(e->work_s, a, sizeof a));
    } else if (speed.peak > 0) {
        (void)printf("time           %s of work at %s %% of the peak measured here, %.0f GFLOP/s\n",
                     isg_str_duration(e->work_s, a, sizeof a),
                     percent_text(e->least_share, e->most_share, b, sizeof b), 1e-9 * speed.peak);
    } else {
        (void)printf("time           %s of work at %.3g FLOP/s a run%s\n",
                     isg_str_duration(e->work_s, a, sizeof a), e->speed,
                     is_assumed(speed) ? " (assumed; --speed)" : "");
    }
    print_makespan(e, workers);
    print_run(p, e->longest,
              printf("longest        %s: ", isg_str_duration(e->longest_s, c, sizeof c)));
}

static double saved(const isg_branches *b)
{
    return b->unbranched > 0 ? 1 - b->training / b->unbranched : 0;
}

static void print_branches(const isg_branches *b)
{
    if (!b->runs) return;
    (void)printf("branches       %zu run%s go on from %zu trunk%s: %.0f %% of the training FLOPs "
                 "saved\n"
                 "               intervals take a trunk and its runs as one\n",
                 b->runs, isg_str_plural(b->runs, "", "s"), b->trunks,
                 isg_str_plural(b->trunks, "", "s"), 100 * saved(b));
}

static void print_plan(const isg_plan *p, const isg_estimate *e, const isg_advice_list *advice,
                       size_t workers, isg_speed speed)
{
    char buf[4 * NUMBER_BYTES], parts[2 * NUMBER_BYTES] = "";
    isg_branches b;
    isg_plan_branches(p, &b);
    (void)printf("campaign %s: %s, %zu language%s\n", p->name,
                 isg_plan_runs_text(p, buf, sizeof buf), p->n_languages,
                 isg_str_plural(p->n_languages, "", "s"));
    (void)printf("trainer %s %s, numerics %s, schedule %s, losses in %s\n\n", p->trainer_name,
                 p->trainer_version, p->numerics, p->schedule, p->unit);
    print_families(p, speed);
    (void)printf("\nFLOPs          %.3g, %.1f %% of it for evaluation\n", e->flops,
                 e->flops > 0 ? 100 * e->evaluation_flops / e->flops : 0);
    print_times(p, e, workers, speed);
    if (e->waiting_parts)
        (void)snprintf(parts, sizeof parts, " and %zu part%s", e->waiting_parts,
                       isg_str_plural(e->waiting_parts, " of a trunk", "s of trunks"));
    (void)printf("dependencies   depth %zu; %zu run%s%s wait for a parent\n", e->depth, e->waiting,
                 isg_str_plural(e->waiting, "", "s"), parts);
    print_branches(&b);
    (void)printf(
        "store          about %s: at most %zu point%s x %zu evaluation%s x %zu shard%s a run\n",
        isg_str_bytes(e->store_bytes, buf, sizeof buf), p->max_points,
        isg_str_plural(p->max_points, "", "s"), p->n_evaluations,
        isg_str_plural(p->n_evaluations, "", "s"), p->max_shards,
        isg_str_plural(p->max_shards, "", "s"));
    print_epochs(p);
    isg_report_advice_text(advice, stdout);
}

static void print_mixture(const isg_plan *p, const isg_run *r)
{
    size_t n = 0;
    for (size_t l = 0; l < p->n_languages; l++) {
        if (!(r->weight[l] > 0)) continue;
        if (n == 4) {
            (void)printf(" ..");
            return;
        }
        (void)printf("%s%s:%.3g", n ? " " : "", p->languages[l].code, r->weight[l]);
        n++;
    }
}

static void print_runs(const isg_plan *p)
{
    char n[NUMBER_BYTES], t[NUMBER_BYTES];
    (void)printf("\n%-32s %-6s %7s %7s %-10s %-8s %s\n", "run", "shape", "N", "tokens", "seed",
                 "parent", "mixture");
    for (size_t i = 0; i < p->n_runs; i++) {
        const isg_run *r = &p->runs[i];
        (void)printf("%-32s %-6s %7s %7s %-10llu %-8.8s ", r->id,
                     r->shape.label[0] ? r->shape.label : "-",
                     isg_str_count((double)r->shape.n_nonembedding, n, sizeof n),
                     isg_str_count((double)r->tokens, t, sizeof t), (unsigned long long)r->seed,
                     r->parent == ISG_NO_RUN ? "-" : p->runs[r->parent].id);
        print_mixture(p, r);
        (void)printf("%s\n", r->trunk ? " (trunk)" : "");
    }
}

/* ---- JSON ------------------------------------------------------------------ */

static json_t *families_json(const isg_plan *p, isg_speed speed)
{
    json_t *out = json_array();
    for (size_t f = 0; out && f < p->n_families; f++) {
        sums s = sum_family(p, f, speed);
        json_t *one = json_pack("{s:s,s:s,s:I,s:f,s:f}", "name", p->families[f].name, "mixture",
                                p->families[f].mixture, "runs", (json_int_t)p->families[f].n_runs,
                                "flops", s.flops, "work_s", s.seconds);
        if (json_array_append_new(out, one)) break;
    }
    return out;
}

static json_t *epochs_json(const isg_plan *p)
{
    json_t *out = json_object();
    for (size_t l = 0; out && l < p->n_languages; l++) {
        epochs e = most_epochs(p, l);
        if (e.run == ISG_NO_RUN) continue;
        json_t *one = json_pack("{s:f,s:s}", "most_epochs", e.most, "run", p->runs[e.run].id);
        if (json_object_set_new(out, p->languages[l].code, one)) break;
    }
    return out;
}

static isg_err run_json(const isg_plan *p, size_t i, isg_speed speed, json_t **out)
{
    const isg_run *r = &p->runs[i];
    ISG_TRY(isg_plan_run_json(p, i, out));
    json_t *families = json_array();
    for (size_t f = 0; f < p->n_families; f++) {
        if (r->member[f]) (void)json_array_append_new(families, json_string(p->families[f].name));
    }
    const bool child = r->parent != ISG_NO_RUN;
    const char *from = child ? p->runs[r->parent].id : NULL;
    bool bad =
        json_object_set_new(*out, "families", families) ||
        json_object_set_new(*out, "parent", child && !r->from ? json_string(from) : json_null()) ||
        json_object_set_new(*out, "trunk", child && r->from ? json_string(from) : json_null()) ||
        json_object_set_new(*out, "is_trunk", json_boolean(r->trunk)) ||
        json_object_set_new(*out, "flops", json_real(r->flops)) ||
        json_object_set_new(*out, "seconds", isg_json_real(isg_plan_run_seconds(p, i, speed)));
    return bad ? ISG_FAIL(ISG_ENOMEM, "out of memory") : ISG_OK;
}

static isg_err add_runs(const isg_plan *p, isg_speed speed, json_t *report)
{
    json_t *list = json_array();
    isg_err rc = ISG_OK;
    for (size_t i = 0; i < p->n_runs && !rc; i++) {
        json_t *one = NULL;
        rc = run_json(p, i, speed, &one);
        if (json_array_append_new(list, one) && !rc) rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
    }
    if (json_object_set_new(report, "run_list", list) && !rc)
        rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
    return rc;
}

static isg_err print_json(const isg_plan *p, const isg_estimate *e, const isg_advice_list *advice,
                          size_t workers, isg_speed speed, bool runs)
{
    isg_branches b;
    isg_plan_branches(p, &b);
    json_t *peak = speed.peak > 0 ? json_real(speed.peak) : json_null(),
           *makespan = e->too_wide ? json_null() : json_real(e->makespan_s);
    json_t *report = json_pack(
        "{s:s,s:i,s:s,s:s,s:I,s:o,s:s,s:s,s:f,s:f,s:I,s:f,s:b,s:o,s:f,s:o,s:f,s:{s:s,s:f},s:I,s:I,s:f,"
        "s:o,s:{s:I,s:I,s:I,s:f,s:f},s:o,s:I}",
        "schema", "isogloss-plan", "version", PLAN_JSON_VERSION, "name", p->name, "hash", p->hash,
        "runs", (json_int_t)(p->n_runs - b.parts), "families", families_json(p, speed), "trainer",
        p->trainer_name, "numerics", p->numerics, "flops", e->flops, "evaluation_flops",
        e->evaluation_flops, "workers", (json_int_t)workers, "speed_flops_per_s", e->speed,
        "speed_assumed", is_assumed(speed), "peak_flops_per_s", peak, "work_s", e->work_s,
        "makespan_s", makespan, "chain_s", e->chain_s, "longest", "run", p->runs[e->longest].id,
        "seconds", e->longest_s, "depth", (json_int_t)e->depth, "waiting", (json_int_t)e->waiting,
        "store_bytes", e->store_bytes, "languages", epochs_json(p), "branches", "runs",
        (json_int_t)b.runs, "trunks", (json_int_t)b.trunks, "parts", (json_int_t)b.parts,
        "training_flops", b.training, "unbranched_flops", b.unbranched, "advice",
        isg_report_advice_json(advice), "too_wide", (json_int_t)e->too_wide);
    if (!report) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = runs ? add_runs(p, speed, report) : ISG_OK;
    if (!rc) rc = isg_json_print(report, stdout);
    json_decref(report);
    return rc;
}

/* What a proxy's worker does on this machine; the plan itself does not depend on it. */
static isg_speed find_speed(const isg_plan *p, double given)
{
    isg_speed speed = {.flops = given};
    if (!(given > 0) && p->trainer == ISG_TRAINER_PROXY && isg_numerics_supported(p->numerics))
        speed.peak = isg_fma_peak(p->numerics);
    return speed;
}

static isg_err run_plan(int argc, char **argv)
{
    isg_plan_options options = {0};
    uint64_t workers = isg_os_cores();
    double given = 0;
    bool json = false, runs = false, done;
    const isg_opt opts[] = {
        {0, "workers", ISG_OPT_U64, &workers, "R",
         "Predict for so many workers (default: the cores of this machine). A run occupies as many as it "
         "takes cores ('resources:' of the campaign), or one with GPUs.",
         1, 1e6, NULL},
        {0, "speed", ISG_OPT_DOUBLE, &given, "FLOP/S",
         "Speed of a worker (default, for proxies: measured on this machine).", 1, 1e30, NULL},
        {0, "corpus", ISG_OPT_STRING, &options.corpus_override, "DIR",
         "Corpus directory instead of the campaign's.", 0, 0, NULL},
        {0, "runs", ISG_OPT_FLAG, &runs, NULL, "List every run.", 0, 0, NULL},
        {0, "json", ISG_OPT_FLAG, &json, NULL, "Print the plan as JSON.", 0, 0, NULL},
        {0}};
    int n = 0;
    ISG_TRY(isg_cmd_parse("plan [OPTION]... CAMPAIGN",
                          "Expand a campaign and say what it costs. Executes nothing.", opts, argc,
                          argv, &n, &done));
    if (done) return ISG_OK;
    ISG_TRY(isg_cmd_wants(n == 1, "one campaign file", n));
    isg_plan *plan = NULL;
    isg_estimate e;
    isg_advice_list advice = {0};
    ISG_TRY(isg_plan_load(argv[1], &options, &plan));
    const isg_speed speed = find_speed(plan, given);
    isg_err rc = isg_plan_estimate(plan, workers, speed, &e);
    if (!rc) rc = isg_plan_advise(plan, workers, &advice);
    if (!rc && json) {
        rc = print_json(plan, &e, &advice, workers, speed, runs);
    } else if (!rc) {
        print_plan(plan, &e, &advice, workers, speed);
        if (runs) print_runs(plan);
    }
    isg_advice_free(&advice);
    isg_plan_destroy(&plan);
    return rc;
}

const isg_cmd isg_cmd_plan = {
    .name = "plan",
    .summary = "say what a campaign will train and cost",
    .run = run_plan,
};
