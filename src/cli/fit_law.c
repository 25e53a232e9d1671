#include "fit_law.h"

#include "isogloss/atlas.h"

#include <stdlib.h>
#include <string.h>

isg_err fit_law_check(const fit_args *a)
{
    const struct {
        const char *name, *value;
    } own[] = {{"terms", a->terms},
               {"sources", a->sources},
               {"lambda", a->lambda},
               {"transfer", a->transfer}};

    for (size_t k = 0; k < sizeof own / sizeof *own; k++) {
        if (own[k].value && (!a->law || strcmp(a->law, "atlas") != 0))
            return ISG_FAIL(ISG_EUSAGE, "--%s belongs to --law atlas", own[k].name);
    }
    if (a->sources && a->terms && strcmp(a->terms, "transfer") != 0)
        return ISG_FAIL(ISG_EUSAGE, "--sources belongs to --terms transfer");
    return ISG_OK;
}

/* Does the user choose rows by the condition's column? */
static bool asks_for(const isg_select_options *o, const char *condition)
{
    const size_t n = strcspn(condition, "=!<>");
    for (size_t k = 0; k < o->n_where; k++) {
        if (strcspn(o->where[k], " =!<>") == n && !strncmp(o->where[k], condition, n)) return true;
    }
    return false;
}

static isg_err make_atlas(fit_job *job, const char *by_value)
{
    const fit_args *a = job->args;
    isg_select_options rows = job->select;
    const isg_atlas_request request = {
        .terms = a->terms ? (isg_atlas_terms)fit_args_index(a->terms, fit_terms_names)
                          : ISG_ATLAS_TRANSFER,
        .lambda_by_source = a->lambda && !strcmp(a->lambda, "per-source"),
        .sources = a->sources,
        .transfer = job->transfer};

    rows.by_value = by_value;
    ISG_TRY(isg_law_atlas_for(job->table, &rows, &request, &job->made, &job->target_only));
    job->fit.law = job->select.law = job->made;
    if (job->target_only && !asks_for(&job->select, job->target_only)) {
        for (size_t k = 0; k < job->select.n_where; k++) job->where[k] = job->select.where[k];
        job->where[job->select.n_where++] = job->target_only;
        job->select.where = job->where;
    }
    return fit_job_parameters(job);
}

isg_err fit_law_make(const fit_job *loaded, const char *by_value, fit_job *out)
{
    *out = *loaded;
    out->fit.constraints = out->constraints;
    return fit_law_set(out, by_value);
}

isg_err fit_law_set(fit_job *job, const char *by_value)
{
    job->made = NULL;
    job->target_only = NULL;
    return isg_law_atlas_config(job->fit.law) ? make_atlas(job, by_value) : ISG_OK;
}

void fit_law_clear(fit_job *job)
{
    isg_law_destroy(&job->made);
    free(job->target_only);
    job->target_only = NULL;
}
