/* isogloss compare: laws on rows that they were not fitted to. Every law is fitted to the same
 * rows, those that all of them can be fitted to. */

#include "cmd.h"
#include "entrants.h"
#include "isogloss/log.h"
#include "isogloss/os.h"
#include "isogloss/references.h"
#include "isogloss/report_compare.h"
#include "isogloss/str.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SPLITS = 16 };

typedef struct own_args {
    const char *laws, *splits, *reference, *output;
    double share;
    uint64_t repeats;
    bool json;
} own_args;

/* What this verb does not have: each law is named with what it holds. */
static const char *const not_here[] = {"law", "fix",     "tie", "stages", "starts-per-replicate",
                                       "by",  "profile", NULL};

static isg_err parse(int argc, char **argv, fit_args *a, own_args *own, int *operands, bool *done)
{
    isg_opt opts[FIT_ARGS_ROWS];
    const isg_opt rows[] = {
        {0, "laws", ISG_OPT_STRING, &own->laws, "LAW,...",
         "Laws to compare, the first with each of the others; LAW[alpha=beta,E=0] ties and fixes "
         "parameters; atlas:target and atlas:other are atlas with those terms. Default: chinchilla.",
         0, 0, NULL},
        {0, "splits", ISG_OPT_STRING, &own->splits, "SPLIT,...",
         "What is held out: random, N, D, C (the highest), low-C, M (mixtures that are neither "
         "monolingual nor bilingual nor unimax), mixture (one after the other). Default: "
         "random,N,D,C and, where rows tell their mixture, M.",
         0, 0, NULL},
        {0, "reference", ISG_OPT_STRING, &own->reference, "NAME",
         "A published law as it was printed beside them, where the unit of the loss allows: "
         "hoffmann2022, besiroglu2024, atlas2025:EN and others.",
         0, 0, NULL},
        {0, "held-out", ISG_OPT_DOUBLE, &own->share, "SHARE",
         "Share of rows held out by random, N, D, C and low-C. Default: 0.2.", 0.01, 0.5, NULL},
        {0, "repeats", ISG_OPT_U64, &own->repeats, "K", "Random splits. Default: 10.", 1, 1000,
         NULL},
        {'o', "output", ISG_OPT_STRING, &own->output, "FILE", "Write the JSON result to a file.", 0,
         0, NULL},
        {0, "json", ISG_OPT_FLAG, &own->json, NULL, "Print the result as JSON.", 0, 0, NULL},
    };
    size_t n = fit_args_without(opts, fit_args_rows(a, FIT_ARGS_ALL, opts, 0), not_here);

    for (size_t k = 0; k < n; k++)
        if (!strcmp(opts[k].name, "metric")) opts[k].help = NULL; /* refused, with the reason */
    memcpy(opts + n, rows, sizeof rows);
    opts[n + sizeof rows / sizeof *rows] = fit_args_end;
    ISG_TRY(isg_cmd_parse(
        "compare [OPTION]... SOURCE...",
        "Fit laws to part of the runs of stores or CSV files and compare what they say of\n"
        "the rest: R2 (about the held-out mean), root mean square and mean of the errors\n"
        "of ln L, and paired differences of squared errors with intervals over held-out\n"
        "clusters.\n"
        "\n"
        "Exit status: 0 a comparison; 2 rows that do not belong together, or wrong usage;\n"
        "5 too few rows for any law and split.",
        opts, argc, argv, operands, done));
    if (!a->metric || *done) return ISG_OK;
    return ISG_FAIL(ISG_EUSAGE,
                    "--metric %s: laws are compared by errors of ln L, which are the same in every "
                    "metric that multiplies the losses of a text (unigram, which does not, has no "
                    "ln L); leave it out",
                    a->metric);
}

/* ---- splits ------------------------------------------------------------------------------- */

typedef struct contest {
    const fit_job *job;
    const own_args *own;
    entrants e;
    isg_mixtures mixtures;
    isg_reference reference;
    double published[ISG_LAW_PARAMS];
    char *note; /* why the reference is no row, or on what condition it is; NULL: none asked for */
    isg_split *split[MAX_SPLITS];
    isg_comparison *comparison[MAX_SPLITS];
    size_t n_splits;
} contest;

static isg_err add_split(contest *c, const char *name)
{
    const isg_split_options o = {
        .share = c->own->share, .repeats = c->own->repeats, .seed = c->job->args->seed};
    const isg_split_rows rows = {.n = c->e.rows,
                                 .size = c->e.size,
                                 .tokens = c->e.tokens,
                                 .cluster = c->e.cluster,
                                 .n_clusters = c->e.n_clusters,
                                 .kind = c->mixtures.kind,
                                 .mixture = c->mixtures.mixture,
                                 .n_mixtures = c->mixtures.n_mixtures};
    const isg_compare_options how = {.cluster = c->e.cluster,
                                     .n_clusters = c->e.n_clusters,
                                     .level = c->job->args->level,
                                     .replicates = c->job->args->bootstrap,
                                     .seed = c->job->args->seed};
    const size_t at = c->n_splits;

    if (at == MAX_SPLITS) return ISG_FAIL(ISG_EUSAGE, "--splits: at most %d", MAX_SPLITS);
    ISG_TRY(isg_err_context(isg_split_create(name, &rows, &o, &c->split[at]), "--splits"));
    c->n_splits++;
    if (!c->split[at]->n_folds) return ISG_OK;
    return isg_compare(c->e.rival, c->e.n, c->split[at], &how, &c->comparison[at]);
}

static isg_err run_splits(contest *c)
{
    const char *text = c->own->splits;
    if (!text)
        text = c->mixtures.kind && c->mixtures.n_mixtures > 1 ? "random,N,D,C,M" : "random,N,D,C";
    for (const char *p = text;; p++) {
        size_t n = strcspn(p, ",");
        char name[32];
        (void)snprintf(name, sizeof name, "%.*s", (int)n, p);
        ISG_TRY(add_split(c, name));
        p += n;
        if (!*p) return ISG_OK;
    }
}

/* ---- a published law --------------------------------------------------------------------- */

static const entrant *of_law(const entrants *e, const char *law)
{
    for (size_t k = 0; k < e->n; k++) {
        if (!strcmp(e->one[k].job.fit.law->name, law)) return &e->one[k];
    }
    return NULL;
}

/* One more row if its losses are in the unit of these. */
static isg_err add_reference(contest *c)
{
    const char *unit = c->e.one[0].selection->unit;

    if (!c->own->reference) return ISG_OK;
    ISG_TRY(isg_err_context(isg_reference_find(c->own->reference, &c->reference), "--reference"));
    const isg_reference *r = &c->reference;
    const entrant *e = of_law(&c->e, r->law);
    if (!e)
        return ISG_FAIL(ISG_EUSAGE, "--reference %s is a fit of law %s: name it in --laws", r->name,
                        r->law);
    if (c->e.n == MAX_ENTRANTS)
        return ISG_FAIL(ISG_EUSAGE, "--laws and --reference: at most %d laws", MAX_ENTRANTS);
    if (!r->unit || (*unit && strcmp(unit, r->unit) != 0)) {
        c->note = isg_strf("%s is no row: it was fitted to %s, these losses are in %s.", r->name,
                           r->data, *unit ? unit : "a unit that is not stated (--unit)");
    } else {
        isg_rival *to = &c->e.rival[c->e.n];
        *to = c->e.rival[e - c->e.one];
        (void)isg_reference_parameters(r, to->fit.law, c->published);
        to->name = r->name;
        to->given = c->published;
        c->e.n++;
        c->note = isg_strf("%s (%s) is taken as printed. It was fitted to %s: what differs in text "
                           "or tokenizer counts as its error. A published law may have been "
                           "fitted to these very rows: its errors are then not held-out.",
                           r->name, r->source, r->data);
    }
    return c->note ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a reference");
}

/* ---- result --------------------------------------------------------------------------------- */

static isg_err report(const contest *c, json_t **out)
{
    const isg_compare_report r = {
        .source = c->job->table->source,
        .selection = c->e.one[0].selection,
        .n_observations = c->e.rows,
        .n_left_out = c->e.left_out,
        .language = c->e.language,
        .rivals = c->e.rival,
        .n_rivals = c->e.n,
        .splits = (const isg_split *const *)c->split,
        .comparisons = (const isg_comparison *const *)c->comparison,
        .n_splits = c->n_splits,
        .objective = c->e.rival[0].fit.objective,
        .delta = c->e.rival[0].fit.delta,
        .level = c->job->args->level,
        .replicates = c->job->args->bootstrap,
        .seed = c->job->args->seed,
        .notes = (const char *const *)&c->note,
        .n_notes = c->note != NULL,
    };

    *out = NULL;
    if (!c->own->json) ISG_TRY(isg_report_compare_text(&r, stdout));
    ISG_TRY(isg_report_compare_json(&r, out));
    json_t *request = fit_args_json(c->job->args);
    (void)json_object_set_new(request, "laws",
                              json_string(c->own->laws ? c->own->laws : "chinchilla"));
    (void)json_object_set_new(request, "splits",
                              c->own->splits ? json_string(c->own->splits) : json_null());
    (void)json_object_set_new(request, "reference",
                              c->own->reference ? json_string(c->own->reference) : json_null());
    (void)json_object_set_new(request, "held_out", isg_json_real(c->own->share));
    (void)json_object_set_new(request, "repeats", json_integer((json_int_t)c->own->repeats));
    return json_object_set_new(*out, "request", request)
               ? ISG_FAIL(ISG_ENOMEM, "no memory for the report")
               : ISG_OK;
}

static isg_err write_result(const contest *c)
{
    json_t *result = NULL;
    isg_err rc = report(c, &result);

    if (!rc && c->own->json) rc = isg_json_print(result, stdout);
    if (!rc && c->own->output) {
        char *text = isg_json_text(result);
        rc = text ? isg_file_write(c->own->output, text, strlen(text))
                  : ISG_FAIL(ISG_ENOMEM, "no memory for the result");
        free(text);
    }
    json_decref(result);
    return rc;
}

static bool any_score(const contest *c)
{
    for (size_t k = 0; k < c->n_splits; k++) {
        for (size_t j = 0; c->comparison[k] && j < c->e.n; j++) {
            if (c->comparison[k]->score[j].rows) return true;
        }
    }
    return false;
}

/* What is doubtful about the rows, of each law that sees others. */
static void say_doubts(const entrants *e)
{
    for (size_t k = 0; k < e->n; k++) {
        const char *text = e->one[k].selection->warning;
        bool said = !text;
        for (size_t j = 0; j < k && !said; j++) {
            const char *other = e->one[j].selection->warning;
            said = other && !strcmp(other, text);
        }
        if (!said) ISG_WARN("compare", "%s", text);
    }
}

static isg_err compare_sources(const fit_job *job, const own_args *own)
{
    contest c = {.job = job, .own = own};
    isg_err rc = isg_err_context(
        entrants_load(job, own->laws ? own->laws : "chinchilla", NULL, &c.e), "--laws");

    if (!rc && job->speak) say_doubts(&c.e);
    if (!rc) rc = add_reference(&c);
    if (!rc) rc = isg_mixtures_read(job->table, c.e.row, c.e.rows, &c.mixtures);
    if (!rc) rc = run_splits(&c);
    if (!rc && job->speak) rc = write_result(&c);
    if (!rc && !any_score(&c))
        rc = ISG_FAIL(ISG_EDATA, "no law could be fitted to what a split leaves");
    for (size_t k = 0; k < MAX_SPLITS; k++) {
        isg_comparison_destroy(&c.comparison[k]);
        isg_split_destroy(&c.split[k]);
    }
    free(c.note);
    isg_mixtures_clear(&c.mixtures);
    entrants_clear(&c.e);
    return rc;
}

static isg_err compare_with(fit_job *job, int argc, char **argv)
{
    fit_args args = fit_args_defaults();
    own_args own = {.share = 0.2, .repeats = 10};
    int operands = 0;
    bool done = false;

    ISG_TRY(parse(argc, argv, &args, &own, &operands, &done));
    if (done) return ISG_OK;
    ISG_TRY(fit_job_load(job, &args, argv + 1, (size_t)operands));
    return compare_sources(job, &own);
}

static isg_err run_compare(int argc, char **argv)
{
    fit_job job;

    ISG_TRY(fit_job_open(&job));
    return fit_job_close(&job, compare_with(&job, argc, argv));
}

const isg_cmd isg_cmd_compare = {
    .name = "compare",
    .summary = "laws against each other on runs that they were not fitted to",
    .run = run_compare,
};
