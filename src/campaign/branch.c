/* Trunks. Families were expanded as if every run were trained by itself; here runs that differ in
 * the budget only get a trunk in common. With budgets D1 < D2 < .. and cuts b_i, where the decay of
 * D_i begins, the trunk has the parts S_1 (up to b_1), S_2 (from S_1 to b_2), .. and the run of D_i
 * goes on from S_i. All of it is what the run would have done by itself, so nothing but the cost
 * and the dependence between runs changes.
 *
 * A point of the list of D_i is measured by S_i if it is between b_(i-1) and b_i, and by the run if
 * it is later; S_i also ends with a point. So a part depends on smaller budgets and its own, and
 * stays what it is when a larger one is added to the campaign.
 *
 * Runs of all families are sorted into trunks together: a grid that two families share is trained
 * once, as without branches. */
#include "build.h"
#include "isogloss/recipe.h"

#include <stdlib.h>
#include <string.h>

/* ---- one run, while families are expanded ------------------------------------------------ */

/* Value of a setting, or `other` if this trainer has none of that name. */
static double setting(const isg_plan *p, const isg_run *r, const char *name, double other)
{
    const size_t s = isg_plan_setting(p, name);
    return s < p->n_settings ? r->setting[s] : other;
}

isg_err isg_build_branching(isg_build *b, const isg_family_work *w, bool weights_follow, isg_run *r,
                            isg_branching *out)
{
    char more[128];
    const double warmup = setting(b->plan, r, "warmup", 0), decay = setting(b->plan, r, "decay", 0);

    *out = (isg_branching){.weights = weights_follow};
    if (!w->branches) return ISG_OK;
    if (!(decay > 0)) {
        isg_diag_add(&b->diag, w->branches,
                     "key 'branches': runs branch off where their decay begins, but 'decay' is 0 "
                     "or not given; allowed: a decay above 0");
    } else if (warmup > 0 && warmup < 1) {
        isg_diag_add(&b->diag, w->branches,
                     "key 'branches': 'warmup' is %g, a share of each run, so runs of two budgets "
                     "differ from the start; allowed: a warmup in tokens, such as 50000, or 0",
                     warmup);
    }
    ISG_TRY(isg_diag_result(&b->diag));
    out->cut = isg_recipe_decay_start(r->tokens, decay, (uint64_t)setting(b->plan, r, "batch", 1));
    out->brief = !out->cut || isg_recipe_warmup(warmup, out->cut) < warmup;
    (void)snprintf(more, sizeof more, "branches %zu %d %.17g", w->points.count, w->points.linear,
                   w->points.first);
    ISG_TRY(isg_build_group(b, r, more, out->group));
    return isg_build_identify(b, r, out->group); /* until its trunk is known */
}

/* ---- all runs ------------------------------------------------------------------------------ */

typedef struct sorting {
    isg_build *b;
    isg_run *run; /* [n] as expanded; moved to the plan one by one */
    const isg_branching *branching;
    size_t n;
    size_t *order; /* [n] by group and tokens */
    size_t *at;    /* [n] place of a run in `order` */
    size_t *first; /* [n] by place: where its group begins */
    size_t *end;   /* [n] by place: where it ends; first if its runs share no trunk */
    size_t *part;  /* [n] by place: run of the plan that is the part up to its cut, + 1 */
    size_t *map;   /* [n] run of the plan */
} sorting;

static int compare(const sorting *s, size_t x, size_t y)
{
    int c = strcmp(s->branching[x].group, s->branching[y].group);
    if (!c && s->branching[x].brief != s->branching[y].brief) c = s->branching[x].brief ? 1 : -1;
    if (!c) c = (s->run[x].tokens > s->run[y].tokens) - (s->run[x].tokens < s->run[y].tokens);
    return c ? c : (x > y) - (x < y);
}

/* Heap sort: qsort() has no context argument. */
static void sift(const sorting *s, size_t i, size_t n)
{
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && compare(s, s->order[child + 1], s->order[child]) > 0) child++;
        if (compare(s, s->order[i], s->order[child]) >= 0) return;
        size_t hold = s->order[i];
        s->order[i] = s->order[child];
        s->order[child] = hold;
    }
}

static void sort_runs(const sorting *s)
{
    for (size_t i = 0; i < s->n; i++) s->order[i] = i;
    for (size_t i = s->n / 2; i-- > 0;) sift(s, i, s->n);
    for (size_t n = s->n; n-- > 1;) {
        size_t hold = s->order[0];
        s->order[0] = s->order[n];
        s->order[n] = hold;
        sift(s, 0, n);
    }
    for (size_t i = 0; i < s->n; i++) s->at[s->order[i]] = i;
}

static bool may_share(const sorting *s, size_t run)
{
    return s->branching[run].group[0] && !s->branching[run].brief;
}

/* Neighbours of one group share a trunk if there are two budgets among them. */
static void find_groups(const sorting *s)
{
    for (size_t i = 0, end; i < s->n; i = end) {
        const size_t run = s->order[i];
        for (end = i + 1; end < s->n; end++) {
            const size_t other = s->order[end];
            if (!may_share(s, run) || !may_share(s, other) ||
                strcmp(s->branching[run].group, s->branching[other].group) != 0)
                break;
        }
        bool shares = s->run[run].tokens < s->run[s->order[end - 1]].tokens;
        for (size_t k = i; k < end; k++) {
            s->first[k] = i;
            s->end[k] = shares ? end : i;
        }
    }
}

static bool has_trunk(const sorting *s, size_t run)
{
    const size_t at = s->at[run];
    return s->end[at] > s->first[at];
}

static isg_err identify_and_add(isg_build *b, isg_run *r, size_t *index)
{
    r->depth = r->parent == ISG_NO_RUN ? 0 : b->plan->runs[r->parent].depth + 1;
    ISG_TRY(isg_build_flops(b, r));
    ISG_TRY(isg_build_identify(b, r, ""));
    return isg_build_add(b, r, index);
}

/* The part of a trunk up to the cut of a run, from an earlier part or the run's own parent. */
static isg_err fill_part(const sorting *s, size_t run, size_t before, isg_run *out)
{
    const isg_plan *p = s->b->plan;
    const isg_run *r = &s->run[run];
    const uint64_t cut = s->branching[run].cut;
    isg_run part = *r;

    ISG_TRY(isg_build_new_run(p, r->n_points + 1, out));
    part.weight = out->weight;
    part.unique = out->unique;
    part.setting = out->setting;
    part.points = out->points;
    part.member = out->member;
    part.evaluate = out->evaluate;
    memcpy(part.weight, r->weight, p->n_languages * sizeof *part.weight);
    memcpy(part.unique, r->unique, p->n_languages * sizeof *part.unique);
    memcpy(part.setting, r->setting, p->n_settings * sizeof *part.setting);
    memcpy(part.evaluate, r->evaluate, p->n_evaluations * sizeof *part.evaluate);
    part.trunk = true;
    part.tokens = cut;
    part.from = before ? p->runs[before - 1].tokens : 0;
    part.parent = before ? before - 1 : r->parent == ISG_NO_RUN ? ISG_NO_RUN : s->map[r->parent];
    part.n_points = 0;
    for (size_t i = 0; i < r->n_points; i++) {
        if (r->points[i] > part.from && r->points[i] < cut)
            part.points[part.n_points++] = r->points[i];
    }
    part.points[part.n_points++] = cut;
    *out = part;
    return ISG_OK;
}

/* The parts of its trunk that a run needs and that are not there yet. @param part  the last */
static isg_err grow_trunk(const sorting *s, size_t run, size_t *part)
{
    size_t before = 0;
    for (size_t k = s->first[s->at[run]]; k <= s->at[run]; k++) {
        const size_t of = s->order[k];
        bool same = k > s->first[k] && s->branching[s->order[k - 1]].cut == s->branching[of].cut;
        if (!s->part[k] && same) s->part[k] = before;
        if (!s->part[k]) {
            isg_run r = {0};
            isg_err rc = fill_part(s, of, before, &r);
            if (!rc) rc = identify_and_add(s->b, &r, &s->part[k]);
            if (rc) {
                isg_run_clear(&r);
                return rc;
            }
            s->part[k]++;
        }
        before = s->part[k];
    }
    *part = before - 1;
    return ISG_OK;
}

/* A part belongs to the families of the runs that go on from it. */
static void join_families(isg_plan *p, size_t part, const bool *member)
{
    for (isg_run *r = &p->runs[part];; r = &p->runs[r->parent]) {
        for (size_t f = 0; f < p->n_families; f++) r->member[f] = r->member[f] || member[f];
        if (!r->from) return;
    }
}

static void drop_points(isg_run *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_points; i++) {
        if (r->points[i] > r->from) r->points[n++] = r->points[i];
    }
    r->n_points = n;
}

static isg_err move_run(const sorting *s, size_t run)
{
    isg_plan *p = s->b->plan;
    size_t part = 0;

    if (has_trunk(s, run)) ISG_TRY(grow_trunk(s, run, &part));
    isg_run *r = &s->run[run];
    if (has_trunk(s, run)) {
        join_families(p, part, r->member);
        r->parent = part;
        r->from = s->branching[run].cut;
        drop_points(r);
    } else {
        if (r->parent != ISG_NO_RUN) r->parent = s->map[r->parent];
        p->alone.brief += s->branching[run].group[0] && s->branching[run].brief;
        p->alone.weights += may_share(s, run) && s->branching[run].weights;
        p->alone.budget += may_share(s, run) && !s->branching[run].weights;
    }
    isg_run hold = *r;
    *r = (isg_run){.tokens = hold.tokens};
    isg_err rc = identify_and_add(s->b, &hold, &s->map[run]);
    if (rc) isg_run_clear(&hold);
    return rc;
}

static isg_err move_runs(sorting *s)
{
    s->order = calloc(s->n + 1, sizeof *s->order);
    s->at = calloc(s->n + 1, sizeof *s->at);
    s->first = calloc(s->n + 1, sizeof *s->first);
    s->end = calloc(s->n + 1, sizeof *s->end);
    s->part = calloc(s->n + 1, sizeof *s->part);
    s->map = calloc(s->n + 1, sizeof *s->map);
    if (!s->order || !s->at || !s->first || !s->end || !s->part || !s->map)
        return isg_build_no_memory();
    sort_runs(s);
    find_groups(s);
    for (size_t i = 0; i < s->n; i++) ISG_TRY(move_run(s, i));
    return ISG_OK;
}

isg_err isg_build_branches(isg_build *b)
{
    isg_plan *p = b->plan;
    if (!b->branching) return ISG_OK;
    sorting s = {.b = b, .run = p->runs, .branching = b->branching, .n = p->n_runs};
    isg_branching *held = b->branching;

    b->branching = NULL; /* the plan begins anew; ids are final from here */
    p->runs = NULL;
    p->n_runs = p->max_points = b->cap_runs = 0;
    for (size_t f = 0; f < p->n_families; f++) p->families[f].n_runs = 0;
    isg_err rc = move_runs(&s);
    for (size_t i = 0; i < s.n; i++) isg_run_clear(&s.run[i]);
    free(s.run);
    free(s.order);
    free(s.at);
    free(s.first);
    free(s.end);
    free(s.part);
    free(s.map);
    free(held);
    return rc;
}
