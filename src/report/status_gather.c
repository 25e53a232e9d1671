#include "isogloss/os.h"
#include "isogloss/status.h"

#include <stdlib.h>
#include <string.h>

void isg_status_destroy(isg_status **status)
{
    isg_status *s = status ? *status : NULL;
    if (!s) return;
    isg_overview_destroy(&s->overview);
    free(s->records);
    free(s->family);
    free(s->casualty);
    free(s->share);
    free(s->launches);
    free(s);
    *status = NULL;
}

static void count(isg_progress *p, bool part, isg_run_state state, double flops)
{
    isg_tally *t = part ? &p->parts : &p->runs;
    t->n++;
    t->by_state[state]++;
    p->flops += flops;
    if (state == ISG_RUN_DONE || state == ISG_RUN_DIVERGED) p->flops_done += flops;
}

static const char *first_family(const isg_overview *o, size_t run)
{
    for (size_t f = 0; f < o->n_families; f++) {
        if (o->member[run * o->n_families + f]) return o->family[f];
    }
    return "";
}

static isg_err count_all(isg_status *s)
{
    const isg_overview *o = s->overview;
    s->family = calloc(o->n_families, sizeof *s->family);
    s->casualty = calloc(o->n_runs, sizeof *s->casualty);
    if (!s->family || !s->casualty) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t f = 0; f < o->n_families; f++) s->family[f].name = o->family[f];
    for (size_t i = 0; i < o->n_runs; i++) {
        isg_run_record *r = &s->records[i];
        /* What a killed launch left as running waits for the next one. */
        if (r->state == ISG_RUN_RUNNING && !s->held) r->state = ISG_RUN_READY;
        count(&s->total, o->part[i], r->state, o->flops[i]);
        for (size_t f = 0; f < o->n_families; f++) {
            if (o->member[i * o->n_families + f])
                count(&s->family[f], o->part[i], r->state, o->flops[i]);
        }
        if (r->state != ISG_RUN_FAILED && r->state != ISG_RUN_HELD && r->state != ISG_RUN_DIVERGED)
            continue;
        s->casualty[s->n_casualties++] = (isg_casualty){
            .id = o->id[i],
            .family = first_family(o, i),
            .slot = i,
            .part = o->part[i],
            .n_nonembedding = o->n_nonembedding[i],
            .tokens = o->tokens[i],
            .seed = o->seed[i],
            .state = r->state,
            .attempts = r->attempts,
            .last = {.slot = i},
        };
    }
    return ISG_OK;
}

/* Attempts come in order of writing: the last one of a run wins. Casualties are in order of slots.
 */
static void add_last_words(isg_status *s, const isg_attempt *attempts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t lo = 0, hi = s->n_casualties;
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            if (s->casualty[mid].last.slot < attempts[i].slot)
                lo = mid + 1;
            else
                hi = mid;
        }
        if (lo < s->n_casualties && s->casualty[lo].last.slot == attempts[i].slot) {
            s->casualty[lo].last = attempts[i];
        }
    }
}

/* Work committed in this launch over its time; attempts tell when a run ended. */
static void estimate(isg_status *s, const isg_attempt *attempts, size_t n)
{
    if (!s->held || !s->n_launches) return;
    double start = s->launches[s->n_launches - 1].start, done = 0, left = 0;
    for (size_t i = 0; i < n; i++) {
        const isg_run_record *r = &s->records[attempts[i].slot];
        bool counts = r->mark_attempt && r->mark_attempt == attempts[i].number;
        if (counts && attempts[i].end >= start) done += s->overview->flops[attempts[i].slot];
    }
    for (size_t i = 0; i < s->overview->n_runs; i++) {
        isg_run_state state = s->records[i].state;
        bool open = state == ISG_RUN_WAITING || state == ISG_RUN_READY || state == ISG_RUN_RUNNING;
        if (open) left += s->overview->flops[i];
    }
    if (done <= 0 || s->now <= start) return;
    s->rate = done / (s->now - start);
    s->eta = left / s->rate;
}

static isg_err count_damage(isg_status *s, const isg_store *store)
{
    isg_run_record *marked = calloc(s->overview->n_runs, sizeof *marked);
    if (!marked) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = isg_store_read_records(store, false, marked);
    for (size_t i = 0; i < s->overview->n_runs && !rc; i++) {
        if (marked[i].mark_attempt && !s->records[i].mark_attempt) {
            /* A run committed between the two readings is not damaged: ask again. */
            isg_result *r = NULL;
            isg_err one = isg_store_read_result(store, i, &r);
            s->damaged += one == ISG_ESTORE;
            isg_result_destroy(&r);
        }
    }
    free(marked);
    return rc;
}

/* What they were trained on, and how far those came that diverged. */
static isg_err add_data(isg_status *s, const isg_store *store)
{
    const size_t n = s->overview->n_languages;
    s->share = calloc(s->n_casualties * n + 1, sizeof *s->share);
    if (!s->share) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < s->n_casualties; i++) {
        isg_casualty *c = &s->casualty[i];
        isg_result *r = NULL;
        ISG_TRY(isg_store_read_mixture(store, c->slot, s->share + i * n));
        c->share = s->share + i * n;
        if (c->state != ISG_RUN_DIVERGED) continue;
        isg_err rc = isg_store_read_result(store, c->slot, &r);
        if (!rc && r->n_points) c->point = r->tokens[r->n_points - 1];
        isg_result_destroy(&r);
        if (rc && rc != ISG_ESTORE && rc != ISG_EDATA) return rc;
        isg_err_clear(); /* a damaged one is told by --verify */
    }
    return ISG_OK;
}

static isg_err gather(isg_status *s, bool verify)
{
    isg_store *store = NULL;
    isg_attempt *attempts = NULL;
    size_t n = 0;
    isg_err rc = isg_store_open(s->path, ISG_STORE_READ, false, &store);
    if (!rc) rc = isg_lock_holder(s->path, &s->holder, &s->held);
    if (!rc) rc = isg_store_read_overview(store, &s->overview);
    if (!rc) s->records = calloc(s->overview->n_runs, sizeof *s->records);
    if (!rc && !s->records) rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (!rc) rc = isg_store_read_records(store, verify, s->records);
    if (!rc && verify) rc = count_damage(s, store);
    if (!rc) rc = isg_store_read_attempts(store, &attempts, &n);
    if (!rc) rc = isg_store_read_launches(store, &s->launches, &s->n_launches);
    if (!rc) rc = count_all(s);
    if (!rc) rc = add_data(s, store);
    if (!rc) {
        add_last_words(s, attempts, n);
        estimate(s, attempts, n);
    }
    free(attempts);
    isg_store_close(&store);
    return rc;
}

isg_err isg_status_gather(const char *path, bool verify, isg_status **out)
{
    isg_status *s = calloc(1, sizeof *s);
    *out = s;
    if (!s) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    s->path = path;
    s->now = isg_time_now();
    s->verified = verify;
    isg_err rc = gather(s, verify);
    if (rc) isg_status_destroy(out);
    return rc;
}

isg_err isg_status_verdict(const isg_status *s)
{
    const size_t *n = s->total.runs.by_state, *p = s->total.parts.by_state;
    static const isg_run_state open[] = {ISG_RUN_WAITING, ISG_RUN_READY, ISG_RUN_RUNNING,
                                         ISG_RUN_HELD};
    if (s->damaged) return ISG_ESTORE;
    for (size_t k = 0; k < sizeof open / sizeof *open; k++) {
        if (n[open[k]] + p[open[k]]) return ISG_EAGAIN;
    }
    return n[ISG_RUN_FAILED] + p[ISG_RUN_FAILED] ? ISG_ESOME : ISG_OK;
}
