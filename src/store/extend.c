/* A campaign that changed: what is different, and the one routine that makes a store larger.
 *
 * Growing writes a new file beside the old one and renames it, so a kill leaves one or the other.
 * Runs are carried over by id; languages and evaluations may have moved on their axes, so a
 * result is read, rearranged and written anew, with a new CRC. */
#include "internal.h"

#include "isogloss/build.h"
#include "isogloss/os.h"
#include "isogloss/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what changed ------------------------------------------------------------ */

void isg_say_difference(const char *name, const json_t *was, const json_t *is, isg_str *say)
{
    const char *key;
    json_t *value;
    if (json_equal(was, is)) return;
    if (!json_is_object(was) || !json_is_object(is)) {
        const size_t style = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12);
        char *a = was ? json_dumps(was, style) : NULL, *b = is ? json_dumps(is, style) : NULL;
        (void)isg_str_printf(say, "\n  %s: was %.150s, is %.150s", name, a ? a : "absent",
                             b ? b : "absent");
        free(a);
        free(b);
        return;
    }
    for (int side = 0; side < 2; side++) {
        json_object_foreach((json_t *)(uintptr_t)(side ? was : is), key, value)
        {
            const json_t *old = json_object_get(was, key), *new = json_object_get(is, key);
            if (side && new) continue; /* seen from the other side */
            char *path = isg_strf("%s%s%s", name, *name ? "." : "", key);
            if (path) isg_say_difference(path, old, new, say);
            free(path);
        }
    }
}

static isg_err say_settings(const isg_store *s, const isg_plan *plan, isg_str *say)
{
    json_t *was = NULL, *is = NULL;
    isg_err rc = isg_store_read_settings(s, &was);
    if (!rc) rc = isg_store_settings(plan, &is);
    if (!rc) isg_say_difference("", was, is, say);
    json_decref(was);
    json_decref(is);
    return rc;
}

/* Counts, and the first few ids. */
typedef struct listing {
    size_t runs, parts;
    isg_str ids;
} listing;

static void list_id(listing *l, const char *id, bool part)
{
    enum { SHOWN = 3 };
    const size_t n = l->runs + l->parts;
    if (n < SHOWN) (void)isg_str_printf(&l->ids, "%s%s", n ? ", " : "", id);
    if (n == SHOWN) (void)isg_str_puts(&l->ids, ", ...");
    *(part ? &l->parts : &l->runs) += 1;
}

static void say_listing(listing *l, const char *what, isg_str *say)
{
    char text[ISG_RUNS_TEXT];
    if (l->runs + l->parts)
        (void)isg_str_printf(say, "\n  %s %s: %s", isg_runs_text(l->runs, l->parts, "", text), what,
                             isg_str_c(&l->ids));
    isg_str_free(&l->ids);
}

/* A trunk is cut where its budgets say: what changes it changes all behind it. */
static const char *of_trunks(const isg_plan *plan)
{
    return isg_plan_own_runs(plan) < plan->n_runs
               ? "; with 'branches' a budget can be added above the largest, not below it"
               : "";
}

/* PATH-2.h5 and so on: the first that is not there. NULL when out of memory. */
static char *free_name(const char *path)
{
    size_t n = strlen(path);
    if (n > 3 && !strcmp(path + n - 3, ".h5")) n -= 3;
    for (int k = 2;; k++) {
        char *name = isg_strf("%.*s-%d.h5", (int)n, path, k);
        if (!name || !isg_path_exists(name)) return name;
        free(name);
    }
}

/* A command that works as it is printed.
 * @param lost  finished runs that the campaign has no more: extending is refused */
static isg_err say_remedy(const isg_store *s, const isg_plan *plan, const listing *lost,
                          isg_str *say)
{
    const bool extends = !(lost->runs + lost->parts);
    char text[ISG_RUNS_TEXT];
    char *other = free_name(s->path),
         *store = isg_str_shell(extends ? s->path
                                : other ? other
                                        : ""),
         *campaign = isg_str_shell(plan->path ? plan->path : "CAMPAIGN"),
         *corpus = isg_str_shell(plan->corpus && plan->corpus_given ? plan->corpus : "");
    isg_err rc = other && store && campaign && corpus ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory");
    const char *option = plan->corpus_given ? "--corpus " : "", *blank = *option ? " " : "";
    if (!*option && corpus) *corpus = '\0';
    if (!rc && strcmp(isg_store_numerics(s), plan->numerics) != 0) {
        rc = isg_str_printf(say,
                            "\nThe store was made with the numerics %s, which are chosen when "
                            "--numerics is left out",
                            isg_store_numerics(s));
    } else if (!rc && extends) {
        rc = isg_str_printf(say,
                            "\nUndo the change, or grow the store (results of runs that are still "
                            "in the campaign are kept):\n  isogloss extend %s%s%s%s %s",
                            option, corpus, blank, store, campaign);
    } else if (!rc) {
        rc = isg_str_printf(
            say,
            "\nThe store cannot grow into this campaign, which lacks %s of it. Undo the change, "
            "keep them in the campaign%s, or make another store:\n  isogloss run -o %s %s%s%s%s",
            isg_runs_text(lost->runs, lost->parts, "finished ", text), of_trunks(plan), store,
            option, corpus, blank, campaign);
    }
    free(other);
    free(store);
    free(campaign);
    free(corpus);
    return rc;
}

/* What the plan has more, what it has no more, and how much of that is finished. */
typedef struct changes {
    listing added, removed, lost;
} changes;

static isg_err find_changes(const isg_store *s, const isg_plan *plan, changes *c)
{
    const size_t runs = s->dim[ISG_DIM_RUN];
    bool *still = calloc(runs, sizeof *still);
    uint64_t *mark = calloc(runs, sizeof *mark);
    double *trunk = NULL;
    isg_err rc = still && mark ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (!rc) rc = isg_col_read(s, ISG_COL_RUNS_MARK, 0, runs, mark);
    if (!rc) rc = isg_store_read_trunks(s, &trunk);
    for (size_t i = 0; i < plan->n_runs && !rc; i++) {
        size_t slot = isg_store_find(s, plan->runs[i].id);
        if (slot == ISG_NO_RUN)
            list_id(&c->added, plan->runs[i].id, plan->runs[i].trunk);
        else
            still[slot] = true;
    }
    for (size_t i = 0; i < runs && !rc; i++) {
        const bool part = trunk && trunk[i] > 0;
        if (still[i]) continue;
        list_id(&c->removed, s->id[i], part);
        if (mark[i]) list_id(&c->lost, s->id[i], part);
    }
    free(still);
    free(mark);
    free(trunk);
    return rc;
}

isg_err isg_store_check_plan(const isg_store *s, const isg_plan *plan)
{
    char *hash = NULL;
    isg_str say = {0};
    changes c = {0};
    hid_t group = H5Gopen2(s->file, "/campaign", H5P_DEFAULT);
    isg_err rc = isg_h5_get_text(group, "plan_hash", &hash);
    (void)H5Gclose(group);
    if (rc) return rc;
    bool same = !strcmp(hash, plan->hash);
    free(hash);
    if (same) return ISG_OK;

    rc = say_settings(s, plan, &say);
    if (!rc) rc = find_changes(s, plan, &c);
    say_listing(&c.added, "added", &say);
    say_listing(&c.removed, "removed", &say);
    if (!rc && !say.len) rc = isg_str_puts(&say, "\n  the plan's hash differs");
    if (!rc) rc = say_remedy(s, plan, &c.lost, &say);
    isg_str_free(&c.lost.ids);
    if (!rc) {
        rc = ISG_FAIL(ISG_ESPEC, "the campaign is not the one of store '%s':%s", s->path,
                      isg_str_c(&say));
    }
    isg_str_free(&say);
    return rc;
}

/* ---- growing ------------------------------------------------------------------ */

/* Where each name of the new axis was on the old one; ISG_NO_RUN: nowhere. */
static isg_err map_axis(const isg_store *old, const isg_store *grown, isg_col col, size_t **out)
{
    char **was = NULL, **is = NULL;
    size_t n_was = 0, n_is = 0;
    *out = NULL;
    isg_err rc = isg_col_read_names(old, col, &was, &n_was);
    if (!rc) rc = isg_col_read_names(grown, col, &is, &n_is);
    if (!rc && !(*out = calloc(n_is, sizeof **out))) rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < n_is && !rc; i++) {
        (*out)[i] = ISG_NO_RUN;
        for (size_t k = 0; k < n_was; k++) {
            if (!strcmp(is[i], was[k])) (*out)[i] = k;
        }
    }
    isg_names_free(&was, n_was);
    isg_names_free(&is, n_is);
    return rc;
}

typedef struct growth {
    const isg_plan *plan;
    const isg_store *old;
    isg_store *grown;
    size_t *language, *evaluation; /* new axis -> old axis */
    isg_mark *marks;               /* of the results carried over so far */
    size_t n_marks;
} growth;

static void rearrange(const growth *g, const isg_result *from, isg_result *to)
{
    const size_t *od = g->old->dim, *nd = g->grown->dim;
    size_t o_l = od[ISG_DIM_TRAIN_LANGUAGE], n_l = nd[ISG_DIM_TRAIN_LANGUAGE];
    size_t o_e = od[ISG_DIM_EVALUATION], n_e = nd[ISG_DIM_EVALUATION];
    size_t o_s = od[ISG_DIM_SHARD], n_s = nd[ISG_DIM_SHARD], shards = o_s < n_s ? o_s : n_s;
    to->n_points = from->n_points;
    to->diverged = from->diverged;
    to->flops = from->flops;
    to->seconds = from->seconds;
    for (size_t p = 0; p < from->n_points; p++) {
        to->tokens[p] = from->tokens[p];
        to->lr_state[p] = from->lr_state[p];
        for (size_t l = 0; l < n_l; l++) {
            /* A language that is new to the campaign was seen by no earlier run. */
            double seen = g->language[l] == ISG_NO_RUN ? 0 : from->seen[p * o_l + g->language[l]];
            to->seen[p * n_l + l] = seen;
        }
        for (size_t e = 0; e < n_e; e++) {
            if (g->evaluation[e] == ISG_NO_RUN) continue;
            size_t was = p * o_e + g->evaluation[e], is = p * n_e + e;
            to->loss[is] = from->loss[was];
            memcpy(to->shard_loss + is * n_s, from->shard_loss + was * o_s, shards * sizeof(float));
        }
    }
}

static isg_err carry_result(growth *g, size_t from, size_t to, const isg_run_record *record)
{
    isg_result *was = NULL, *is = NULL;
    isg_mark *m = &g->marks[g->n_marks++];
    *m = (isg_mark){.slot = to, .state = record->state, .attempt = record->mark_attempt};
    isg_err rc = isg_store_read_result(g->old, from, &was);
    if (!rc) rc = isg_result_alloc(g->grown->dim, &is);
    if (!rc && was->n_points > g->grown->dim[ISG_DIM_POINT]) {
        rc = ISG_FAIL(ISG_ESPEC, "run %s has more points than the campaign now plans for any run",
                      g->old->id[from]);
    }
    if (!rc) {
        rearrange(g, was, is);
        rc = isg_store_write_result(g->grown, to, is, &m->crc);
    }
    if (!rc) rc = isg_col_read(g->old, ISG_COL_RUNS_HOST, from, 1, m->host);
    if (!rc) rc = isg_col_read(g->old, ISG_COL_RUNS_DEVICE, from, 1, m->device);
    isg_result_destroy(&was);
    isg_result_destroy(&is);
    return rc;
}

static isg_err carry_runs(growth *g, const isg_run_record *records)
{
    listing lost = {0};
    double *trunk = NULL;
    isg_err rc = isg_store_read_trunks(g->old, &trunk);
    for (size_t i = 0; i < g->old->dim[ISG_DIM_RUN] && !rc; i++) {
        const isg_run_record *r = &records[i];
        size_t slot = isg_store_find(g->grown, g->old->id[i]);
        if (slot == ISG_NO_RUN) {
            if (r->mark_attempt) list_id(&lost, g->old->id[i], trunk && trunk[i] > 0);
            continue;
        }
        rc = isg_store_put_state(g->grown, slot, r->state, r->attempts);
        if (rc || !r->mark_attempt) continue;
        rc = carry_result(g, i, slot, r);
    }
    free(trunk);
    if (!rc && lost.runs + lost.parts) {
        char text[ISG_RUNS_TEXT];
        rc = ISG_FAIL(ISG_ESPEC,
                      "%s of store '%s' %s not in the campaign any more (%s): extending would lose "
                      "them; keep them in the campaign%s, or give it a new store",
                      isg_runs_text(lost.runs, lost.parts, "finished ", text), g->old->path,
                      lost.runs + lost.parts == 1 ? "is" : "are", isg_str_c(&lost.ids),
                      of_trunks(g->plan));
    }
    isg_str_free(&lost.ids);
    return rc ? rc : isg_store_mark(g->grown, g->marks, g->n_marks);
}

static isg_err carry_records(const growth *g)
{
    isg_attempt *attempts = NULL;
    isg_launch *launches = NULL;
    size_t n_attempts = 0, n_launches = 0, k = 0;
    isg_err rc = isg_store_read_attempts(g->old, &attempts, &n_attempts);
    if (!rc) rc = isg_store_read_launches(g->old, &launches, &n_launches);
    for (size_t i = 0; i < n_attempts && !rc; i++) {
        attempts[k] = attempts[i];
        attempts[k].slot = isg_store_find(g->grown, g->old->id[attempts[i].slot]);
        if (attempts[k].slot != ISG_NO_RUN) k++;
    }
    if (!rc) rc = isg_store_put_attempts(g->grown, attempts, k);
    for (size_t i = 0; i < n_launches && !rc; i++) {
        size_t row = ISG_NO_RUN;
        rc = isg_store_put_launch(g->grown, &launches[i], &row);
    }
    free(attempts);
    free(launches);
    return rc;
}

static isg_err grow(growth *g, const isg_plan *plan)
{
    char line[128];
    size_t runs = g->old->dim[ISG_DIM_RUN];
    isg_run_record *records = calloc(runs, sizeof *records);
    g->marks = calloc(runs, sizeof *g->marks);
    isg_err rc = records && g->marks ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (!rc) rc = isg_store_read_records(g->old, true, records);
    if (!rc) rc = map_axis(g->old, g->grown, ISG_COL_RUNS_LANGUAGE, &g->language);
    if (!rc) rc = map_axis(g->old, g->grown, ISG_COL_EVAL_EVALUATION, &g->evaluation);
    if (!rc) rc = carry_runs(g, records);
    if (!rc) rc = carry_records(g);
    if (!rc) {
        char text[ISG_RUNS_TEXT];
        const size_t runs_now = isg_plan_own_runs(plan);
        (void)snprintf(line, sizeof line, "extended by isogloss %s to %s, %zu %s kept",
                       isg_build_version(),
                       isg_runs_text(runs_now, plan->n_runs - runs_now, "", text), g->n_marks,
                       isg_str_plural(g->n_marks, "result", "results"));
        rc = isg_store_history(g->grown, g->old, line);
    }
    free(g->language);
    free(g->evaluation);
    free(g->marks);
    free(records);
    return rc;
}

/* Rows that a bounded table should have: twice as many once 90 % are used. */
static isg_err rows_wanted(const isg_store *s, isg_col sequence, isg_dim dim, size_t *out)
{
    size_t capacity = s->dim[dim], used = 0;
    uint64_t *row = calloc(capacity, sizeof *row);
    isg_err rc =
        row ? isg_col_read(s, sequence, 0, capacity, row) : ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < capacity && !rc; i++) used += row[i] != 0;
    free(row);
    *out = used >= capacity - capacity / 10 ? 2 * capacity : capacity;
    return rc;
}

static isg_err room_wanted(const isg_store *s, isg_origin *out)
{
    ISG_TRY(rows_wanted(s, ISG_COL_ATT_SEQUENCE, ISG_DIM_ATTEMPT, &out->attempts));
    return rows_wanted(s, ISG_COL_LAUNCH_SEQUENCE, ISG_DIM_LAUNCH, &out->launches);
}

isg_err isg_store_is_full(const isg_store *s, bool *full)
{
    isg_origin wanted = {0};
    ISG_TRY(room_wanted(s, &wanted));
    *full = wanted.attempts > s->dim[ISG_DIM_ATTEMPT] || wanted.launches > s->dim[ISG_DIM_LAUNCH];
    return ISG_OK;
}

isg_err isg_store_extend(const char *path, const isg_plan *plan, size_t *kept, size_t *added)
{
    isg_store *old = NULL;
    isg_overview *o = NULL;
    isg_origin origin = {0};
    growth g = {0};
    *kept = *added = 0;
    isg_err rc = isg_store_open(path, ISG_STORE_READ, false, &old);
    if (!rc) rc = isg_store_read_overview(old, &o);
    if (!rc) rc = room_wanted(old, &origin);
    if (rc) goto done;
    origin.uuid = o->uuid;
    origin.created = o->created;
    rc = isg_store_build(path, plan, &origin, &g.grown);
    if (rc) goto done;
    g.plan = plan;
    g.old = old;
    rc = grow(&g, plan);
    *kept = g.n_marks;
    for (size_t i = 0; i < plan->n_runs; i++) {
        *added += isg_store_find(old, plan->runs[i].id) == ISG_NO_RUN;
    }
    if (rc)
        isg_store_discard(&g.grown);
    else
        rc = isg_store_publish(&g.grown, path);
done:
    isg_overview_destroy(&o);
    isg_store_close(&old);
    return rc;
}
