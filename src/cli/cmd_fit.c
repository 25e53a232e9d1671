/* isogloss fit: a law, its parameters and their intervals, for each group of --by. */

#include "cmd.h"
#include "fit_beyond.h"
#include "fit_boot.h"
#include "fit_check.h"
#include "fit_job.h"
#include "fit_law.h"
#include "fit_save.h"
#include "isogloss/build.h"
#include "isogloss/json.h"
#include "isogloss/os.h"
#include "isogloss/report_fit.h"
#include "isogloss/report_result.h"
#include "isogloss/str.h"
#include "source_hash.h"

#include <stdlib.h>
#include <string.h>

typedef struct own_args {
    const char *output, *save;
    fit_check_args check;
    fit_beyond_args beyond;
    const char *format;
    bool table, json, replace; /* json: nothing but the result at the end goes to stdout */
} own_args;

static const char *const formats[] = {"text", "json", "csv", "latex", "markdown", NULL};

static isg_err parse(int argc, char **argv, fit_args *a, own_args *own, int *operands, bool *done)
{
    isg_opt opts[FIT_ARGS_ROWS];
    size_t n = fit_args_rows(a, FIT_ARGS_ALL, opts, 0);
    const isg_opt rows[] = {
        {0, "table", ISG_OPT_FLAG, &own->table, NULL,
         "Also print the losses by N and D (always for stores).", 0, 0, NULL},
        {0, "save", ISG_OPT_STRING, &own->save, "NAME",
         "Keep the fit and every refit as NAME in a file (SOURCE.fits.h5). Stopped or killed: the "
         "same command goes on.",
         0, 0, NULL},
        {0, "replace", ISG_OPT_FLAG, &own->replace, NULL,
         "With --save: in the place of another fit of that name.", 0, 0, NULL},
        {'o', "output", ISG_OPT_STRING, &own->output, "FILE",
         "Write the JSON result to FILE; FILE.h5 is the file of --save.", 0, 0, NULL},
        {0, "format", ISG_OPT_STRING, &own->format, "NAME",
         "text (default), json, or a table of the numbers: csv, latex, markdown.", 0, 0, formats},
        {0, "json", ISG_OPT_FLAG, &own->json, NULL, "The same as --format json.", 0, 0, NULL},
    };

    n = fit_check_rows(&own->check, opts, n);
    n = fit_beyond_rows(&own->beyond, opts, n);
    memcpy(opts + n, rows, sizeof rows);
    opts[n + sizeof rows / sizeof *rows] = fit_args_end;
    return isg_cmd_parse(
        "fit [OPTION]... SOURCE...",
        "Fit a scaling law to the runs of stores or CSV files and say how sure every\n"
        "number is. A CSV file has columns N_params, D_tokens, loss and whatever tells\n"
        "runs apart (run_id, family, eval_language, ...).\n"
        "\n"
        "Exit status: 0 a fit; 2 rows that do not belong together, or wrong usage; 4 the\n"
        "file of --save is damaged; 5 the data determine no parameter (what there is to\n"
        "say is printed) or are too few; 75 stopped by a signal: with --save the same\n"
        "command goes on.",
        opts, argc, argv, operands, done);
}

/* @param ways  [ISG_GROUPINGS] filled; the report borrows it */
static isg_fit_report report_of(const fit_job *s, const own_args *own, const char *by_value,
                                const fit_outcome *o, isg_report_way *ways)
{
    for (size_t k = 0; k < o->n_ways; k++) {
        const fit_way *w = &o->way[k];
        ways[k] = (isg_report_way){.name = w->name,
                                   .unit = w->unit,
                                   .n_groups = w->n_groups,
                                   .boot = w->has_boot ? &w->summary : NULL,
                                   .why = w->why};
    }
    return (isg_fit_report){
        .source = s->table->source,
        .missing = s->missing,
        .planned_runs = s->coverage.planned,
        .missing_runs = s->coverage.missing,
        .by = s->args->by,
        .by_value = by_value,
        .law = s->fit.law,
        .objective = s->fit.objective,
        .delta_given = s->fit.delta > 0,
        .constraints = s->constraints,
        .n_constraints = s->fit.n_constraints,
        .selection = o->selection,
        .problem = o->problem,
        .fit = &o->fit,
        .undropped = o->has_undropped ? o->undropped : NULL,
        .boot = o->has_boot ? &o->boot : NULL,
        .no_interval = o->why,
        .ways = ways,
        .n_ways = o->n_ways,
        .way_chosen = fit_boot_chosen(s),
        .profile = o->profile,
        .noise = &o->noise,
        .replicates = s->args->bootstrap,
        .seed = s->args->seed,
        .level = s->args->level,
        .loss_table = own->table || s->select.store,
    };
}

/* Simulated campaigns on the design of this fit. Collective. @param fit  rank 0: its JSON */
static isg_err check_group(const fit_job *s, const own_args *own, const char *by_value,
                           const fit_outcome *o, json_t *fit)
{
    fit_check *check = NULL;
    json_t *result = json_null();
    isg_err rc = fit_check_run(s, o, by_value, &own->check, &check);

    if (!rc && check) {
        if (!own->json) rc = isg_report_check_text(fit_check_report(check), stdout);
        if (!rc) rc = isg_report_check_json(fit_check_report(check), &result);
    } else if (!rc && s->speak && !own->json) {
        (void)printf("\ncheck      none: there is no interval (%s)\n", o->why);
    }
    if (!rc && s->speak && json_object_set_new(fit, "check", result))
        rc = ISG_FAIL(ISG_ENOMEM, "no memory for the report");
    fit_check_destroy(&check);
    return rc;
}

static json_t *program(void)
{
    json_t *o = json_object();
    (void)json_object_set_new(o, "version", json_string(isg_build_version()));
    (void)json_object_set_new(o, "commit", json_string(isg_build_commit()));
    return o;
}

/* Paths with a hash of what was in them; null where a pipe cannot be read again. */
static isg_err sources(const fit_job *s, json_t **out)
{
    *out = json_array();
    for (size_t k = 0; k < s->save.n_sources; k++) {
        char hash[65];
        json_t *o = json_object();
        isg_err rc = source_hash(s->save.sources[k], hash);
        if (rc && rc != ISG_EUSAGE) return rc;
        if (rc) isg_err_clear();
        (void)json_object_set_new(o, "path", json_string(s->save.sources[k]));
        (void)json_object_set_new(o, "sha256", rc ? json_null() : json_string(hash));
        (void)json_array_append_new(*out, o);
    }
    return ISG_OK;
}

/* What the result was made with and of, so that it can be made again. */
static isg_err add_origin(const fit_job *s, const own_args *own, json_t *fit)
{
    json_t *from = NULL, *request = fit_args_json(s->args);
    isg_err rc = sources(s, &from);

    if (!rc) rc = fit_beyond_request(&own->beyond, request);
    if (!rc) rc = fit_check_request(&own->check, request);
    const bool good = !json_object_set_new(fit, "program", program()) &&
                      !json_object_set_new(fit, "sources", from) &&
                      !json_object_set_new(fit, "request", request);
    return rc ? rc : good ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for the report");
}

/* Rank 0 looks beyond the data; every rank comes to the same end. @param rc  of what was before */
static isg_err beyond_group(const fit_job *s, const own_args *own, const char *by_value,
                            const fit_outcome *o, json_t *fit, isg_err rc)
{
    fit_beyond *beyond = NULL;

    if (!rc && s->speak) rc = fit_beyond_run(s, o, by_value, &own->beyond, &beyond);
    if (!rc && s->speak) {
        const isg_beyond_report r = fit_beyond_report(beyond);
        if (!own->json) rc = isg_report_beyond_text(&r, stdout);
        if (!rc) rc = isg_report_beyond_json(&r, fit);
    }
    fit_beyond_destroy(&beyond);
    return s->comm ? isg_comm_agree(s->comm, rc) : rc;
}

/* Fit and, on rank 0, report: text to stdout unless JSON is asked for, and the JSON. */
static isg_err report_group(const fit_job *s, const own_args *own, const char *by_value,
                            json_t **out)
{
    fit_outcome o = {0};
    isg_err rc = fit_job_group(s, by_value, &o);

    *out = NULL;
    if (!rc && s->speak) {
        isg_report_way ways[ISG_GROUPINGS];
        isg_fit_report r = report_of(s, own, by_value, &o, ways);
        if (!own->json) rc = isg_report_fit_text(&r, stdout);
        if (!rc) rc = isg_report_fit_json(&r, out);
        if (!rc) rc = add_origin(s, own, *out);
    }
    if (fit_beyond_wanted(&own->beyond)) rc = beyond_group(s, own, by_value, &o, *out, rc);
    if (!rc && s->speak && o.save) rc = fit_save_finish(o.save, s, &o, *out);
    fit_save_close(&o.save); /* others may write to the file */
    if (!rc && own->check.worlds) rc = check_group(s, own, by_value, &o, s->speak ? *out : NULL);
    if (!rc && !fit_job_determines(&o.fit, s->fit.law)) {
        rc = ISG_FAIL(ISG_EDATA, "the data determine no parameter of %s", s->fit.law->name);
    }
    fit_outcome_clear(&o);
    return rc;
}

/* The loss of byte frequencies shifts E, and nothing else: there must be one, and it must be free. */
static isg_err check_unigram(const fit_job *job)
{
    const isg_law *law = job->fit.law;
    const size_t e = isg_law_offset_param(law);

    if (job->select.metric != ISG_METRIC_UNIGRAM) return ISG_OK;
    if (e == law->n_params)
        return ISG_FAIL(ISG_EUSAGE,
                        "--metric unigram is for laws L = E + ..., whose E it shifts; %s is %s",
                        law->name, law->formula);
    for (size_t k = 0; k < job->fit.n_constraints; k++) {
        if (job->constraints[k].param == e)
            return ISG_FAIL(ISG_EUSAGE,
                            "--metric unigram shifts E: hold it with --metric bits-per-byte");
    }
    return ISG_OK;
}

/* With a law of the group's own where it depends on the rows. */
static isg_err run_group(const fit_job *s, const own_args *own, const char *by_value, json_t **out)
{
    fit_job job;
    isg_err rc = fit_law_make(s, by_value, &job);

    *out = NULL;
    if (!rc) rc = check_unigram(&job);
    if (!rc) rc = fit_beyond_check(&own->beyond, &job);
    if (!rc) rc = report_group(&job, own, by_value, out);
    fit_law_clear(&job);
    return rc;
}

/* Nothing that the other groups could do better. */
static bool ends_all(const fit_job *s, isg_err rc)
{
    bool of_file = rc == ISG_EUSAGE || rc == ISG_EIO || rc == ISG_EBUSY || rc == ISG_ESTORE;
    return rc == ISG_EAGAIN || rc == ISG_EMPI || (s->save.name && of_file);
}

/* A group that cannot be fitted is reported as such and does not stop the others. */
static isg_err run_groups(const fit_job *s, const own_args *own, json_t **out)
{
    const char **values = NULL;
    size_t n = 0, good = 0;
    json_t *fits = NULL;
    isg_err rc = isg_select_groups(s->table, &s->select, &values, &n), last = ISG_OK;

    if (rc) return rc;
    fits = json_array();
    for (size_t k = 0; k < n; k++) {
        json_t *one = NULL;
        rc = run_group(s, own, values[k], &one);
        if (ends_all(s, rc)) {
            json_decref(one);
            last = rc;
            break;
        }
        if (rc && !one) {
            one = json_object();
            (void)json_object_set_new(one, "by", json_string(s->args->by));
            (void)json_object_set_new(one, "group", json_string(values[k]));
            (void)json_object_set_new(one, "error", json_string(isg_err_message()));
            if (s->speak && !own->json)
                (void)printf("%s = %s: %s\n", s->args->by, values[k], isg_err_message());
        }
        (void)json_array_append_new(fits, one);
        if (rc)
            last = rc;
        else
            good++;
        if (s->speak && !own->json && k + 1 < n) (void)printf("\n");
    }
    free(values);
    *out = json_object();
    (void)json_object_set_new(*out, "schema", json_string("isogloss-fit"));
    (void)json_object_set_new(*out, "version", json_integer(1));
    (void)json_object_set_new(*out, "by", json_string(s->args->by));
    (void)json_object_set_new(*out, "fits", fits);
    return good && !ends_all(s, last) ? ISG_OK : last;
}

/* Tables have no room for warnings. */
static void warn_aside(const json_t *result)
{
    const json_t *fits = json_object_get(result, "fits");

    for (size_t k = 0; k < (fits ? json_array_size(fits) : 1); k++) {
        const json_t *fit = fits ? json_array_get(fits, k) : result;
        const json_t *list = json_object_get(fit, "warnings");
        const char *group = json_string_value(json_object_get(fit, "group"));
        const char *by = json_string_value(json_object_get(fit, "by"));
        const char *error = json_string_value(json_object_get(fit, "error"));
        if (error && by && group)
            (void)fprintf(stderr, "isogloss fit: warning: %s = %s: %s\n", by, group, error);
        for (size_t i = 0; i < json_array_size(list); i++)
            (void)fprintf(stderr, "isogloss fit: warning: %s%s%s%s%s\n", group && by ? by : "",
                          group && by ? " = " : "", group && by ? group : "",
                          group && by ? ": " : "", json_string_value(json_array_get(list, i)));
    }
}

/* What is printed at the end, of the whole result; text went out fit by fit. */
static isg_err print_result(const own_args *a, const json_t *result)
{
    if (!strcmp(a->format, "json")) return isg_json_print(result, stdout);
    if (strcmp(a->format, "text") != 0) warn_aside(result);
    if (!strcmp(a->format, "csv")) return isg_report_result_table(result, ISG_RESULT_CSV, stdout);
    if (!strcmp(a->format, "latex"))
        return isg_report_result_table(result, ISG_RESULT_LATEX, stdout);
    if (!strcmp(a->format, "markdown"))
        return isg_report_result_table(result, ISG_RESULT_MARKDOWN, stdout);
    return ISG_OK;
}

static isg_err write_json(const own_args *a, const json_t *result)
{
    isg_err rc = ISG_OK;

    ISG_TRY(print_result(a, result));
    if (!a->output || fit_save_file(a->output)) return ISG_OK;
    char *text = isg_json_text(result);
    if (!text) return ISG_FAIL(ISG_ENOMEM, "no memory for the result");
    rc = isg_file_write(a->output, text, strlen(text));
    free(text);
    return rc;
}

static isg_err fit_sources(const fit_job *s, const own_args *own)
{
    json_t *result = NULL;
    isg_err rc = s->args->by ? run_groups(s, own, &result) : run_group(s, own, NULL, &result);

    if (s->speak && result && (rc == ISG_OK || rc == ISG_EDATA)) {
        isg_err written = write_json(own, result);
        if (!rc) rc = written;
    }
    json_decref(result);
    return rc;
}

/* Known before anything is computed. Collective. */
static isg_err check_output(const fit_job *job, const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    char *dir = slash ? isg_strf("%.*s", (int)(slash - path + 1), path) : NULL;
    isg_err rc = ISG_OK;

    if (path && job->speak && isg_path_is_dir(path))
        rc = ISG_FAIL(ISG_EIO, "-o %s is a directory; name a file in it", path);
    else if (dir && job->speak && !isg_path_is_dir(dir))
        rc = ISG_FAIL(ISG_EIO, "-o %s: there is no directory %s; make it first", path, dir);
    free(dir);
    return job->comm ? isg_comm_agree(job->comm, rc) : rc;
}

static isg_err fit_with(fit_job *job, int argc, char **argv)
{
    fit_args args = fit_args_defaults();
    own_args own = {0};
    int operands = 0;
    bool done = false;

    ISG_TRY(parse(argc, argv, &args, &own, &operands, &done));
    if (done) return ISG_OK;
    if (own.json && own.format && strcmp(own.format, "json") != 0)
        return ISG_FAIL(ISG_EUSAGE, "--json and --format %s contradict each other", own.format);
    if (!own.format) own.format = own.json ? "json" : "text";
    own.json = strcmp(own.format, "text") != 0;
    if (own.replace && !own.save) return ISG_FAIL(ISG_EUSAGE, "--replace goes with --save NAME");
    if (fit_save_file(own.output) && !own.save)
        return ISG_FAIL(ISG_EUSAGE, "-o %s is a file of fits: name this one with --save NAME",
                        own.output);
    job->save = (fit_save_place){.name = own.save,
                                 .file = fit_save_file(own.output),
                                 .replace = own.replace,
                                 .sources = argv + 1,
                                 .n_sources = (size_t)operands};
    if (args.metric && !strcmp(args.metric, "unigram") && (own.save || own.check.worlds))
        return ISG_FAIL(ISG_EUSAGE,
                        "--metric unigram with --%s: the fit is that of bits-per-byte with another "
                        "E; leave --metric out",
                        own.save ? "save" : "check");
    if (own.check.rival && !own.check.worlds)
        return ISG_FAIL(ISG_EUSAGE, "--rival belongs to --check");
    ISG_TRY(check_output(job, own.output));
    ISG_TRY(fit_law_check(&args));
    ISG_TRY(fit_job_load(job, &args, argv + 1, (size_t)operands));
    return fit_sources(job, &own);
}

static isg_err run_fit(int argc, char **argv)
{
    fit_job job;

    ISG_TRY(fit_job_open(&job));
    return fit_job_close(&job, fit_with(&job, argc, argv));
}

const isg_cmd isg_cmd_fit = {
    .name = "fit",
    .summary = "fit a scaling law to a store or a CSV file, with intervals",
    .run = run_fit,
};
