#include "fit_save.h"

#include "source_hash.h"

#include "isogloss/build.h"
#include "isogloss/fitfile.h"
#include "isogloss/hash.h"
#include "isogloss/os.h"
#include "isogloss/report_fit.h"
#include "isogloss/run.h"
#include "isogloss/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_SETS = 8, FIT_SAVE_NAME = 65 };

struct fit_save {
    isg_fitfile *file;
    char *path, *name;
    fit_save_set set[MAX_SETS];
    char set_name[MAX_SETS][FIT_SAVE_NAME]; /* in the file */
    size_t n_sets;
};

/* ---- names ---------------------------------------------------------------------------- */

const char *fit_save_file(const char *output)
{
    static const char *const ends[] = {".h5", ".hdf5", ".nc"};
    size_t n = output ? strlen(output) : 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t k = strlen(ends[i]);
        if (n > k && !strcmp(output + n - k, ends[i])) return output;
    }
    return NULL;
}

char *fit_save_default(const char *source)
{
    const char *base = isg_path_base(source), *dot = strrchr(base, '.');
    size_t n = dot && dot != base ? (size_t)(dot - source) : strlen(source);
    return isg_strf("%.*s.fits.h5", (int)n, source);
}

/* Only letters that a name may have. */
static char *cleaned(char *name)
{
    for (char *p = name; p && *p; p++) {
        char one[2] = {*p, '\0'};
        if (*p != '.' && !isg_str_is_name(one)) *p = '_';
    }
    return name;
}

/* Each group of --by is a fit of its own: NAME.VALUE. */
static char *name_of(const char *name, const char *by_value)
{
    return by_value ? cleaned(isg_strf("%s.%s", name, by_value)) : isg_strdup(name);
}

/* "by_run", "by_COLUMN": never the name of a dataset. */
static void name_set(fit_save *s, size_t set)
{
    char *name = s->set_name[set];
    (void)snprintf(name, FIT_SAVE_NAME, "by_%.50s", s->set[set].name);
    (void)cleaned(name);
    for (size_t i = 0; i < set; i++) {
        if (!strcmp(name, s->set_name[i]))
            (void)snprintf(name, FIT_SAVE_NAME, "by_%.50s_%zu", s->set[i].name, set);
    }
    (void)cleaned(name);
}

/* ---- what the fit is made of ---------------------------------------------------------- */

static isg_err request_text(const fit_job *job, const char *by_value, char **out)
{
    json_t *request = fit_args_json(job->args);
    if (request && by_value) (void)json_object_set_new(request, "group", json_string(by_value));
    *out = request ? isg_json_line(request) : NULL;
    json_decref(request);
    return *out ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for the request");
}

static const char *known(const char *text)
{
    return text ? text : "";
}

typedef struct parts {
    isg_fitfile_source *source;
    size_t n_sources;
    char (*hash)[65];
    isg_fitfile_set set[MAX_SETS];
    const char *param[ISG_LAW_PARAMS], *meaning[ISG_LAW_PARAMS];
    isg_fitfile_note note[32];
    size_t n_notes;
    char *request;
} parts;

static void note_text(parts *p, const char *name, const char *text)
{
    p->note[p->n_notes++] = (isg_fitfile_note){.name = name, .text = known(text)};
}

static void note_number(parts *p, const char *name, double number, bool whole)
{
    p->note[p->n_notes++] = (isg_fitfile_note){.name = name, .number = number, .whole = whole};
}

static void describe(const fit_job *job, const char *by_value, const fit_outcome *o, parts *p)
{
    const isg_selection *s = o->selection;
    note_text(p, "law", job->fit.law->name);
    note_text(p, "formula", job->fit.law->formula);
    note_text(p, "objective", isg_objective_name(job->fit.objective));
    note_number(p, "delta", o->fit.delta, false);
    note_number(p, "seed", (double)job->args->seed, true);
    note_number(p, "level", job->args->level, false);
    note_number(p, "n_observations", (double)s->n, true);
    note_number(p, "n_clusters", (double)s->n_clusters, true);
    note_text(p, "cluster_unit", s->cluster_unit);
    note_text(p, "n_column", s->n_column);
    note_text(p, "d_column", s->d_column);
    note_text(p, "loss_column", s->loss_column);
    note_text(p, "unit", s->unit);
    note_text(p, "target", s->target);
    note_text(p, "points", s->points);
    if (by_value) {
        note_text(p, "by", job->args->by);
        note_text(p, "group", by_value);
    }
}

static isg_err gather(const fit_job *job, const char *by_value, const fit_outcome *o, parts *p)
{
    const char *scores = job->args->transfer; /* read beside the sources */
    size_t n = job->save.n_sources;
    p->source = calloc(n + 1, sizeof *p->source);
    p->hash = calloc(n + 1, sizeof *p->hash);
    if (!p->source || !p->hash) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu sources", n);
    for (size_t i = 0; i < n; i++) p->source[p->n_sources++].path = job->save.sources[i];
    if (scores && isg_path_exists(scores)) p->source[p->n_sources++].path = scores;
    for (size_t i = 0; i < p->n_sources; i++) {
        ISG_TRY(source_hash(p->source[i].path, p->hash[i]));
        p->source[i].sha256 = p->hash[i];
    }
    for (size_t k = 0; k < job->fit.law->n_params; k++) {
        p->param[k] = job->fit.law->params[k].name;
        p->meaning[k] = known(job->fit.law->params[k].meaning);
    }
    describe(job, by_value, o, p);
    return request_text(job, by_value, &p->request);
}

static void parts_free(parts *p)
{
    free(p->source);
    free(p->hash);
    free(p->request);
}

/* ---- life ------------------------------------------------------------------------------- */

static void say_state(const fit_save *s)
{
    size_t all = 0, there = 0;
    for (size_t i = 0; i < s->n_sets; i++) {
        for (size_t b = 0; b < isg_fitfile_blocks(s->file, i); b++, all++)
            there += isg_fitfile_has(s->file, i, b);
    }
    if (isg_fitfile_was(s->file) == ISG_FITFILE_COMPLETE)
        (void)fprintf(stderr, "'%s' is complete in %s: no refits\n", s->name, s->path);
    else if (isg_fitfile_was(s->file) == ISG_FITFILE_BEGUN)
        (void)fprintf(stderr, "'%s' goes on in %s: %zu of %zu blocks of refits are there\n",
                      s->name, s->path, there, all);
}

static isg_err open_file(fit_save *s, const fit_job *job, const fit_outcome *o, const parts *p)
{
    const isg_fitfile_plan plan = {.name = s->name,
                                   .request = p->request,
                                   .version = isg_build_version(),
                                   .sources = p->source,
                                   .n_sources = p->n_sources,
                                   .n_params = job->fit.law->n_params,
                                   .param = p->param,
                                   .meaning = p->meaning,
                                   .estimate = o->fit.natural,
                                   .theta = o->fit.theta,
                                   .identified = o->fit.identified,
                                   .at_bound = o->fit.at_bound,
                                   .sets = p->set,
                                   .n_sets = s->n_sets,
                                   .status_names = "missing converged stalled degenerate",
                                   .notes = p->note,
                                   .n_notes = p->n_notes,
                                   .ranks = job->comm ? isg_comm_size(job->comm) : 1};
    return isg_fitfile_open(s->path, &plan, job->save.replace, &s->file);
}

isg_err fit_save_open(const fit_job *job, const char *by_value, const fit_outcome *o,
                      const fit_save_set *sets, size_t n, fit_save **out)
{
    parts p = {0};
    fit_save *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = n <= MAX_SETS ? ISG_OK : ISG_FAIL(ISG_EARG, "%zu bootstraps of a fit", n);
    s->n_sets = n;
    s->name = name_of(job->save.name, by_value);
    s->path = job->save.file ? isg_strdup(job->save.file) : fit_save_default(job->save.sources[0]);
    if (!rc && (!s->name || !s->path)) rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !rc; i++) {
        s->set[i] = sets[i];
        name_set(s, i);
        p.set[i] =
            (isg_fitfile_set){.name = s->set_name[i],
                              .replicates = sets[i].boot->replicates,
                              .per_block = isg_boot_per_block(sets[i].boot, ISG_BLOCK_BYTES)};
    }
    if (!rc) rc = gather(job, by_value, o, &p);
    if (!rc) rc = open_file(s, job, o, &p);
    if (!rc) say_state(s);
    parts_free(&p);
    if (rc) fit_save_close(&s);
    *out = s;
    return rc;
}

void fit_save_close(fit_save **save)
{
    fit_save *s = save ? *save : NULL;
    if (!s) return;
    isg_fitfile_close(&s->file);
    free(s->path);
    free(s->name);
    free(s);
    *save = NULL;
}

/* ---- blocks ------------------------------------------------------------------------------- */

bool fit_save_has(const fit_save *s, size_t set, size_t block)
{
    return isg_fitfile_has(s->file, set, block);
}

isg_err fit_save_load(const fit_save *s, size_t set, isg_replicates *r)
{
    size_t k = isg_boot_per_block(s->set[set].boot, ISG_BLOCK_BYTES);
    for (size_t b = 0; b < isg_fitfile_blocks(s->file, set); b++) {
        if (!isg_fitfile_has(s->file, set, b)) continue;
        ISG_TRY(isg_fitfile_get(s->file, set, b, r->theta + b * k * r->n_params, NULL,
                                r->status + b * k));
    }
    return ISG_OK;
}

isg_err fit_save_block(fit_save *s, size_t set, size_t block, const isg_replicates *r)
{
    size_t k = isg_boot_per_block(s->set[set].boot, ISG_BLOCK_BYTES), first = block * k;
    const isg_problem *problem = s->set[set].boot->problem;
    double *natural = calloc(k * r->n_params, sizeof *natural);
    if (!natural) return ISG_FAIL(ISG_ENOMEM, "no memory for a block of refits");
    for (size_t b = 0; b < k && first + b < r->n; b++) {
        isg_problem_natural(problem, r->theta + (first + b) * r->n_params,
                            natural + b * r->n_params);
    }
    isg_err rc = isg_fitfile_put(s->file, set, block, r->theta + first * r->n_params, natural,
                                 r->status + first);
    free(natural);
    return rc;
}

isg_err fit_save_sync(fit_save *s)
{
    return isg_fitfile_sync(s->file);
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Numbers of the report, in the order of the law. */
typedef struct columns {
    double estimate[ISG_LAW_PARAMS], se[ISG_LAW_PARAMS], lo[ISG_LAW_PARAMS], hi[ISG_LAW_PARAMS],
        share[ISG_LAW_PARAMS];
    const char *method[ISG_LAW_PARAMS], *set[ISG_LAW_PARAMS];
} columns;

_Static_assert((int)ISG_LAW_DERIVED <= (int)ISG_LAW_PARAMS, "one size of columns serves both");

static double real_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static const char *set_called(const fit_save *s, const char *grouping)
{
    for (size_t i = 0; i < s->n_sets; i++) {
        if (grouping && !strcmp(s->set[i].name, grouping)) return s->set_name[i];
    }
    return "";
}

/* One number's interval: the report's own, or what a set says of it. */
static void read_interval(const json_t *o, const char *set, size_t k, columns *c)
{
    const char *method = json_string_value(json_object_get(o, "method"));
    c->se[k] = real_of(o, "se");
    c->lo[k] = real_of(o, "lo");
    c->hi[k] = real_of(o, "hi");
    c->share[k] = real_of(o, "share_at_bound");
    c->method[k] = method ? method : "none";
    c->set[k] = set;
}

typedef struct numbers {
    columns fit, set[MAX_SETS];
} numbers;

/* @param object  the report's parameters, or its derived numbers */
static void read_number(const fit_save *s, const json_t *object, const char *name, size_t k,
                        numbers *out)
{
    const json_t *o = json_object_get(object, name), *by = json_object_get(o, "by_grouping");
    const char *grouping = json_string_value(json_object_get(o, "grouping"));
    out->fit.estimate[k] = real_of(o, "estimate");
    read_interval(o, set_called(s, grouping), k, &out->fit);
    for (size_t i = 0; i < s->n_sets; i++) {
        read_interval(json_object_get(by, s->set[i].name), s->set_name[i], k, &out->set[i]);
    }
}

static isg_fitfile_intervals intervals_of(const columns *c)
{
    return (isg_fitfile_intervals){c->se, c->lo, c->hi, c->share, c->method, c->set};
}

/* How the full fit went, for those who read the file without its report. */
static size_t diagnostics(const fit_outcome *o, isg_fitfile_note *note)
{
    const isg_fit *f = &o->fit;
    const isg_fitfile_note all[] = {
        {"objective_value", NULL, f->objective, false},
        {"robust_sd", NULL, f->robust_sd, false},
        {"rms", NULL, f->rms, false},
        {"gradient_norm", NULL, f->gradient_norm, false},
        {"condition", NULL, f->condition, false},
        {"converged", NULL, f->converged, true},
        {"starts_tried", NULL, (double)f->starts, true},
        {"starts_at_best", NULL, (double)f->at_best, true},
        {"starts_runner_up", NULL, f->has_runner_up ? f->runner_up : (double)NAN, false},
        {"replicates_converged", NULL, o->has_boot ? (double)o->boot.converged : 0, true},
        {"no_interval", o->why, 0, false},
    };
    memcpy(note, all, sizeof all);
    return sizeof all / sizeof *all;
}

/* Everything that goes into the file at the end. */
typedef struct ending {
    numbers param, derived;
    isg_fitfile_intervals set_param[MAX_SETS], set_derived[MAX_SETS];
    const char *name[ISG_LAW_DERIVED], *meaning[ISG_LAW_DERIVED];
    isg_fitfile_note note[16];
} ending;

static isg_err finish(fit_save *s, const isg_law *law, const fit_outcome *o, const json_t *report,
                      const char *text, ending *e)
{
    const json_t *params = json_object_get(report, "parameters");
    const json_t *derived = json_object_get(report, "derived");
    for (size_t k = 0; k < law->n_params; k++)
        read_number(s, params, law->params[k].name, k, &e->param);
    for (size_t k = 0; k < law->n_derived; k++) {
        e->name[k] = law->derived[k].name;
        e->meaning[k] = known(law->derived[k].meaning);
        read_number(s, derived, e->name[k], k, &e->derived);
    }
    for (size_t i = 0; i < s->n_sets; i++) {
        e->set_param[i] = intervals_of(&e->param.set[i]);
        e->set_derived[i] = intervals_of(&e->derived.set[i]);
    }
    const isg_fitfile_result r = {.n_derived = law->n_derived,
                                  .derived = e->name,
                                  .derived_meaning = e->meaning,
                                  .derived_estimate = e->derived.fit.estimate,
                                  .param = intervals_of(&e->param.fit),
                                  .of_derived = intervals_of(&e->derived.fit),
                                  .set_param = e->set_param,
                                  .set_derived = e->set_derived,
                                  .notes = e->note,
                                  .n_notes = diagnostics(o, e->note),
                                  .report = text};
    return isg_fitfile_finish(s->file, &r);
}

isg_err fit_save_finish(fit_save *s, const fit_job *job, const fit_outcome *o, const json_t *report)
{
    if (isg_fitfile_was(s->file) == ISG_FITFILE_COMPLETE) return ISG_OK;
    char *text = isg_json_text(report);
    ending *e = calloc(1, sizeof *e);
    isg_err rc = text && e ? finish(s, job->fit.law, o, report, text, e)
                           : ISG_FAIL(ISG_ENOMEM, "no memory for the report");
    if (!rc) (void)fprintf(stderr, "saved as '%s' in %s\n", s->name, s->path);
    free(text);
    free(e);
    return rc;
}
