/* Text to plan: read, check the shape, then the stages of build.h. Nothing
 * here depends on the clock, the number of ranks or the order of anything. */
#include "build.h"
#include "isogloss/os.h"
#include "isogloss/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

isg_err isg_build_no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "out of memory for the plan");
}

char *isg_build_path(const isg_build *b, const char *path)
{
    return isg_path_join(b->base, path);
}

static isg_err index_by_id(isg_build *b)
{
    isg_plan *p = b->plan;
    size_t n = 0, half = 1;
    p->by_id = calloc(p->n_runs + 1, sizeof *p->by_id);
    size_t *other = calloc(p->n_runs + 1, sizeof *other);
    if (!p->by_id || !other) {
        free(other);
        return isg_build_no_memory();
    }
    for (; n < p->n_runs; n++) p->by_id[n] = n;
    for (; half < n; half *= 2) { /* merge sort: qsort() has no context argument */
        for (size_t lo = 0; lo < n; lo += 2 * half) {
            size_t mid = lo + half < n ? lo + half : n, hi = lo + 2 * half < n ? lo + 2 * half : n;
            size_t i = lo, k = mid;
            for (size_t o = lo; o < hi; o++) {
                bool left = i < mid && (k >= hi || strcmp(p->runs[p->by_id[i]].id,
                                                          p->runs[p->by_id[k]].id) <= 0);
                other[o] = left ? p->by_id[i++] : p->by_id[k++];
            }
        }
        size_t *swap = p->by_id;
        p->by_id = other;
        other = swap;
    }
    free(other);
    return ISG_OK;
}

static isg_err build_stages(isg_build *b)
{
    ISG_TRY(isg_build_languages(b));
    ISG_TRY(isg_diag_result(&b->diag)); /* without languages nothing below makes sense */
    ISG_TRY(isg_build_trainer(b));
    ISG_TRY(isg_build_batch(b));
    ISG_TRY(isg_build_families(b));
    ISG_TRY(isg_build_evaluations(b));
    ISG_TRY(isg_diag_result(&b->diag));
    ISG_TRY(isg_build_orders(b));
    ISG_TRY(isg_build_tags(b));
    ISG_TRY(isg_build_expand(b));
    ISG_TRY(isg_build_branches(b));
    ISG_TRY(isg_build_clusters(b));
    ISG_TRY(index_by_id(b));
    return isg_build_hash(b);
}

static isg_err build_plan(isg_build *b, const char *text, size_t n, const char *name)
{
    isg_node *top = NULL;
    isg_plan *p = b->plan;
    ISG_TRY(isg_node_parse(text, n, name, &b->arena, &top));
    isg_field_check(top, "", true, &b->diag);
    ISG_TRY(isg_diag_result(&b->diag));
    b->top = top;
    b->trainer = isg_node_get(top, "trainer");
    p->name = isg_strdup(isg_get_text(top, "", "name"));
    p->title = isg_strdup(isg_get_text(top, "", "title"));
    p->text = isg_strdup(text);
    p->path = isg_path_absolute(name);
    p->seed = isg_get_count(top, "", "seed");
    char *base = p->path ? isg_path_dir(p->path) : NULL;
    if (base) b->base = isg_arena_text(&b->arena, base, strlen(base));
    free(base);
    if (!p->name || !p->title || !p->text || !b->base) return isg_build_no_memory();
    return build_stages(b);
}

isg_err isg_plan_parse_text(const char *text, const char *name, const isg_plan_options *options,
                            isg_plan **out)
{
    static const isg_plan_options defaults = {0};
    isg_build b = {.diag.file = name, .options = options ? options : &defaults};
    isg_plan *plan = calloc(1, sizeof *plan);
    *out = NULL;
    if (!plan) return isg_build_no_memory();
    b.plan = plan;
    isg_err rc = build_plan(&b, text, strlen(text), name);
    free(b.slot);
    free(b.branching);
    isg_str_free(&b.diag.text);
    isg_arena_free(&b.arena);
    if (rc) isg_plan_destroy(&plan);
    *out = plan;
    return rc;
}

isg_err isg_plan_load(const char *path, const isg_plan_options *options, isg_plan **out)
{
    isg_str text = {0};
    *out = NULL;
    isg_err rc = isg_file_read(path, ISG_CAMPAIGN_MAX_BYTES, &text);
    if (!rc && memchr(isg_str_c(&text), '\0', text.len)) {
        rc = ISG_FAIL(ISG_ESPEC,
                      "%s: holds a NUL byte; wanted a campaign file, which is UTF-8 text", path);
    }
    if (!rc) rc = isg_plan_parse_text(isg_str_c(&text), path, options, out);
    isg_str_free(&text);
    return rc;
}

static void destroy_languages(isg_plan *p)
{
    for (size_t i = 0; p->languages && i < p->n_languages; i++) {
        isg_language *l = &p->languages[i];
        free(l->code);
        free(l->name);
        free(l->script);
        free(l->family);
        free(l->licence);
        free(l->fingerprint);
    }
    for (size_t i = 0; p->evaluations && i < p->n_evaluations; i++) {
        free(p->evaluations[i].name);
        free(p->evaluations[i].metric);
        free(p->evaluations[i].unit);
        free(p->evaluations[i].pages);
    }
    free(p->languages);
    free(p->evaluations);
}

static void destroy_runs(isg_plan *p)
{
    for (size_t i = 0; i < p->n_runs; i++) {
        isg_run_clear(&p->runs[i]);
    }
    free(p->runs);
    free(p->by_id);
}

void isg_plan_destroy(isg_plan **plan)
{
    isg_plan *p = plan ? *plan : NULL;
    if (!p) return;
    destroy_runs(p);
    destroy_languages(p);
    for (size_t i = 0; i < p->n_families; i++) {
        free(p->families[i].name);
        free(p->families[i].mixture);
    }
    for (size_t i = 0; i < p->n_settings; i++) {
        free(p->settings[i].name);
        free(p->settings[i].unit);
    }
    for (char **word = p->command; word && *word; word++) free(*word);
    free(p->families);
    free(p->settings);
    free(p->command);
    json_decref(p->trainer_settings);
    free(p->name);
    free(p->title);
    free(p->text);
    free(p->path);
    free(p->trainer_name);
    free(p->trainer_version);
    free(p->schedule);
    free(p->corpus);
    free(p->corpus_fingerprint);
    free(p->unit);
    free(p);
    *plan = NULL;
}

const char *isg_runs_text(size_t runs, size_t parts, const char *what, char *buf)
{
    char first[ISG_RUNS_TEXT / 2] = "", second[ISG_RUNS_TEXT / 2] = "";
    if (runs || !parts)
        (void)snprintf(first, sizeof first, "%zu %s%s", runs, what,
                       isg_str_plural(runs, "run", "runs"));
    if (parts)
        (void)snprintf(second, sizeof second, "%s%zu %s%s", runs ? " and " : "", parts, what,
                       isg_str_plural(parts, "part of a trunk", "parts of trunks"));
    (void)snprintf(buf, ISG_RUNS_TEXT, "%s%s", first, second);
    return buf;
}

size_t isg_plan_setting(const isg_plan *plan, const char *name)
{
    size_t s = 0;
    while (s < plan->n_settings && strcmp(plan->settings[s].name, name) != 0) s++;
    return s;
}

size_t isg_plan_find(const isg_plan *plan, const char *id)
{
    size_t lo = 0, hi = plan->n_runs;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(plan->runs[plan->by_id[mid]].id, id);
        if (c == 0) return plan->by_id[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return ISG_NO_RUN;
}
