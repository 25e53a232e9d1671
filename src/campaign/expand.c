/* Families to runs. Order: families as listed; in each, mixtures, sizes,
 * unique bytes, budgets, varied settings, seeds, the last running fastest.
 * A run that exists already gains a membership instead of a twin. Parents
 * come before children because a family comes after the one it is `from`. */
#include "build.h"
#include "isogloss/recipe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RUNS = 10000000 };

/* One cell of a family's grid. */
typedef struct cell {
    const isg_mix *mix;
    const isg_shape *shape;
    uint64_t tokens, unique, seed;
    const double *setting; /* [n_settings] or NULL: the trainer's */
    const isg_row *row;    /* of a list, or NULL */
    size_t combination;    /* of the varied settings */
    size_t parent;
    size_t group;
} cell;

isg_err isg_build_new_run(const isg_plan *p, size_t n_points, isg_run *r)
{
    r->weight = calloc(p->n_languages + 1, sizeof *r->weight);
    r->unique = calloc(p->n_languages + 1, sizeof *r->unique);
    r->setting = calloc(p->n_settings + 1, sizeof *r->setting);
    r->points = calloc(n_points + 1, sizeof *r->points);
    r->member = calloc(p->n_families + 1, sizeof *r->member);
    r->evaluate = calloc(p->n_evaluations + 1, sizeof *r->evaluate);
    bool good = r->weight && r->unique && r->setting && r->points && r->member && r->evaluate;
    return good ? ISG_OK : isg_build_no_memory();
}

void isg_run_clear(isg_run *r)
{
    free(r->weight);
    free(r->unique);
    free(r->setting);
    free(r->points);
    free(r->member);
    free(r->evaluate);
    *r = (isg_run){.parent = ISG_NO_RUN};
}

static void place_points(const isg_points *at, isg_run *r)
{
    for (size_t i = 0; i < at->count; i++) {
        double rest = (double)(at->count - 1 - i);
        double share = at->linear      ? (double)(i + 1) / (double)at->count
                       : at->count > 1 ? pow(at->first, rest / (double)(at->count - 1))
                                       : 1;
        uint64_t t = rest > 0 ? (uint64_t)llround(share * (double)r->tokens) : r->tokens;
        uint64_t last = r->n_points ? r->points[r->n_points - 1] : 0;
        if (t > last && t <= r->tokens) r->points[r->n_points++] = t;
    }
}

/* Stated with the cell. */
static bool own_batch(const cell *c)
{
    return c->row && c->row->batch_at;
}

/* Where nobody states a batch proxies take whole sequences, whatever the context. */
static void place_default_batch(const isg_build *b, const isg_family_work *w, const cell *c,
                                isg_run *r)
{
    bool stated = own_batch(c) || b->batch.n || isg_node_get(b->trainer, "batch");
    for (size_t v = 0; v < w->n_vary; v++)
        stated = stated || (w->vary[v].what == ISG_VARY_SETTING && w->vary[v].setting == ISG_BATCH);
    if (b->plan->trainer == ISG_TRAINER_PROXY && !stated)
        r->setting[ISG_BATCH] = (double)isg_recipe_batch(r->shape.context);
}

/* Settings of the trainer, then of this combination of `vary`. */
static void place_settings(const isg_build *b, const isg_family_work *w, const cell *c, isg_run *r)
{
    const isg_plan *p = b->plan;
    const double *from = c->setting ? c->setting : b->settings_given;
    for (size_t s = 0; s < p->n_settings; s++) r->setting[s] = from[s];
    if (!own_batch(c)) isg_build_take_batch(b, r);
    r->data_seed = r->seed;
    size_t k = c->combination;
    for (size_t v = w->n_vary; v-- > 0;) {
        const isg_vary *vary = &w->vary[v];
        double value = vary->value[k % vary->n];
        k /= vary->n;
        if (vary->what == ISG_VARY_SETTING) r->setting[vary->setting] = value;
        if (vary->what == ISG_VARY_DATA_SEED) r->data_seed = (uint64_t)value;
        if (vary->what == ISG_VARY_CONTEXT) {
            uint64_t more = r->shape.n_total, plain;
            isg_shape hold = r->shape;
            isg_shape_count(&hold);
            plain = hold.n_total;
            hold.context = (uint32_t)value;
            isg_shape_count(&hold);
            r->shape.context = hold.context; /* positions are learned: they count */
            r->shape.n_total = more + hold.n_total - plain;
        }
    }
    place_default_batch(b, w, c, r);
}

static void place_resources(const isg_build *b, isg_run *r)
{
    r->cores = 1;
    for (size_t i = 0; i < b->n_resources; i++) {
        if (r->shape.n_total > b->resources[i].up_to) continue;
        r->cores = b->resources[i].cores;
        r->gpus = b->resources[i].gpus;
        break;
    }
}

static isg_err fill_run(isg_build *b, const isg_family_work *w, const cell *c, isg_run *r,
                        isg_branching *branching)
{
    const isg_plan *p = b->plan;
    ISG_TRY(isg_build_new_run(p, w->points.count, r));
    r->shape = *c->shape;
    r->tokens = c->tokens;
    r->seed = c->seed;
    r->parent = c->parent;
    if (c->parent != ISG_NO_RUN) r->depth = p->runs[c->parent].depth + 1;
    place_settings(b, w, c, r);
    for (size_t i = 0; i < c->mix->n; i++) {
        const isg_language *l = &p->languages[c->mix->language[i]];
        if (!l->train_bytes)
            isg_diag_add(&b->diag, w->node, "language '%s' has no training bytes", l->code);
    }
    ISG_TRY(isg_diag_result(&b->diag));
    isg_mix_weights(p, c->mix, c->tokens, c->unique, r->weight, r->unique);
    for (size_t e = 0; e < p->n_evaluations; e++) {
        r->evaluate[e] =
            w->evaluate[e] && (!w->trained_only || r->weight[p->evaluations[e].language] > 0);
    }
    ISG_TRY(isg_proxy_check(b, w, r, c->combination, c->row));
    place_points(&w->points, r);
    place_resources(b, r);
    ISG_TRY(isg_build_flops(b, r));
    ISG_TRY(isg_build_identify(b, r, ""));
    return isg_build_branching(b, w, c->mix->max_epochs > 0, r, branching);
}

/* ---- members ------------------------------------------------------------ */

static isg_err note_member(isg_build *b, isg_family_work *w, size_t run, size_t group)
{
    if (w->n_members == w->cap_members) {
        size_t cap = w->cap_members ? 2 * w->cap_members : 64;
        isg_member *more = ISG_NEW(b, cap, isg_member);
        if (!more) return isg_build_no_memory();
        if (w->n_members) memcpy(more, w->members, w->n_members * sizeof *more);
        w->members = more;
        w->cap_members = cap;
    }
    w->members[w->n_members++] = (isg_member){run, group};
    return ISG_OK;
}

static isg_err add_run(isg_build *b, isg_family_work *w, const cell *c)
{
    isg_run r = {0};
    isg_branching branching = {0};
    size_t index;
    isg_err rc = fill_run(b, w, c, &r, &branching);
    if (!rc) {
        r.member[w - b->families] = true;
        r.asked = w->checkpoint;
        r.keep_checkpoint = w->checkpoint || b->plan->limits.keep_all_checkpoints;
        rc = isg_build_add(b, &r, &index);
    }
    if (rc) {
        isg_run_clear(&r);
        return rc;
    }
    if (b->branching) b->branching[index] = branching;
    return note_member(b, w, index, c->group);
}

/* ---- grids -------------------------------------------------------------- */

static size_t combinations(const isg_family_work *w)
{
    size_t n = 1;
    for (size_t v = 0; v < w->n_vary; v++) n *= w->vary[v].n;
    return n;
}

/* Budgets, varied settings and seeds of one mixture, shape and unique budget.
 * @param parent_of  the parent for a seed and combination, or NULL for roots */
static isg_err expand_rest(isg_build *b, isg_family_work *w, cell c, size_t base,
                           isg_err (*parent_of)(isg_build *, const isg_family_work *, cell *,
                                                size_t),
                           size_t group)
{
    size_t n = combinations(w);
    for (size_t t = 0; t < w->n_budgets; t++) {
        if (!isg_budget_tokens(w->budgets[t], w->budgets_are_flops, c.shape, &b->diag, &c.tokens))
            continue;
        for (c.combination = 0; c.combination < n; c.combination++) {
            for (size_t s = 0; s < w->n_seeds; s++) {
                c.seed = w->seeds[s];
                c.group = base * n + c.combination;
                if (parent_of) ISG_TRY(parent_of(b, w, &c, group));
                ISG_TRY(add_run(b, w, &c));
            }
        }
    }
    return ISG_OK;
}

static isg_err expand_grid(isg_build *b, isg_family_work *w)
{
    cell c = {.parent = ISG_NO_RUN};
    size_t base = 0;
    for (size_t m = 0; m < w->n_mixes; m++) {
        c.mix = &w->mixes[m];
        for (size_t s = 0; s < w->n_shapes; s++) {
            c.shape = &w->shapes[s];
            for (size_t u = 0; u < w->n_unique; u++) {
                c.unique = w->unique[u];
                ISG_TRY(expand_rest(b, w, c, base++, NULL, 0));
            }
        }
    }
    return ISG_OK;
}

/* Among the parents that differ in tokens and seed only: same seed, most tokens. */
static isg_err find_parent(isg_build *b, const isg_family_work *w, cell *c, size_t group)
{
    const isg_family_work *from = &b->families[w->from];
    const isg_run *runs = b->plan->runs;
    size_t best = ISG_NO_RUN;
    for (size_t i = 0; i < from->n_members; i++) {
        const isg_member *m = &from->members[i];
        if (m->group != group || runs[m->run].seed != c->seed) continue;
        if (best == ISG_NO_RUN || runs[m->run].tokens > runs[best].tokens) best = m->run;
    }
    c->parent = best;
    if (best != ISG_NO_RUN) return ISG_OK;
    isg_diag_add(&b->diag, w->node,
                 "family '%s': no run of family '%s' has seed %llu; give both the same seeds",
                 b->plan->families[w - b->families].name, b->plan->families[w->from].name,
                 (unsigned long long)c->seed);
    return isg_diag_result(&b->diag);
}

static bool same_shape(const isg_shape *a, const isg_shape *b)
{
    return a->layers == b->layers && a->d == b->d && a->heads == b->heads;
}

/* Each size asked for must be there; without sizes, all of them. */
static bool size_wanted(const isg_family_work *w, const isg_shape *shape)
{
    for (size_t s = 0; s < w->n_shapes; s++) {
        if (same_shape(&w->shapes[s], shape)) return true;
    }
    return !w->n_shapes;
}

static void check_sizes(isg_build *b, const isg_family_work *w)
{
    const isg_family_work *from = &b->families[w->from];
    for (size_t s = 0; s < w->n_shapes; s++) {
        bool found = false;
        for (size_t i = 0; i < from->n_members && !found; i++) {
            found = same_shape(&w->shapes[s], &b->plan->runs[from->members[i].run].shape);
        }
        const isg_node *sizes = isg_node_get(w->node, "sizes");
        if (!found) {
            isg_diag_add(&b->diag, sizes->item[s],
                         "key 'sizes': no run of family '%s' has size '%s'; allowed: its sizes",
                         b->plan->families[w->from].name, isg_node_show(sizes->item[s]));
        }
    }
}

static isg_err expand_finetune(isg_build *b, isg_family_work *w)
{
    const isg_family_work *from = &b->families[w->from];
    size_t groups = 0, base = 0;
    for (size_t i = 0; i < from->n_members; i++) {
        if (from->members[i].group >= groups) groups = from->members[i].group + 1;
    }
    size_t *first = ISG_NEW(b, groups, size_t); /* a member of each group, + 1 */
    isg_shape *shape = ISG_NEW(b, 1, isg_shape);
    if (!first || !shape) return isg_build_no_memory();
    for (size_t i = from->n_members; i-- > 0;) first[from->members[i].group] = i + 1;
    check_sizes(b, w);
    ISG_TRY(isg_diag_result(&b->diag));
    for (size_t m = 0; m < w->n_mixes; m++) {
        for (size_t g = 0; g < groups; g++) {
            if (!first[g]) continue;
            *shape = b->plan->runs[from->members[first[g] - 1].run].shape; /* runs may move */
            if (!size_wanted(w, shape)) continue;
            for (size_t u = 0; u < w->n_unique; u++) {
                cell c = {.mix = &w->mixes[m], .shape = shape, .unique = w->unique[u]};
                ISG_TRY(expand_rest(b, w, c, base++, find_parent, g));
            }
        }
    }
    return ISG_OK;
}

static bool same_but_budget(const isg_plan *p, const isg_row *a, const isg_row *b)
{
    if (!same_shape(&a->shape, &b->shape) || a->unique != b->unique || a->mix.n != b->mix.n)
        return false;
    for (size_t i = 0; i < a->mix.n; i++) {
        if (a->mix.language[i] != b->mix.language[i] || a->mix.weight[i] != b->mix.weight[i])
            return false;
    }
    return !memcmp(a->setting, b->setting, p->n_settings * sizeof *a->setting);
}

/* Rows that differ in tokens and seed only are one group; only a finetune asks. */
static size_t group_of(const isg_build *b, const isg_family_work *w, size_t row)
{
    bool asked = false;
    for (size_t f = 0; f < b->plan->n_families; f++) {
        const isg_family_work *other = &b->families[f];
        asked = asked || (other->kind == ISG_FAMILY_FINETUNE && &b->families[other->from] == w);
    }
    size_t k = asked ? 0 : row;
    while (k < row && !same_but_budget(b->plan, &w->rows[k], &w->rows[row])) k++;
    return k;
}

static isg_err expand_list(isg_build *b, isg_family_work *w)
{
    for (size_t i = 0; i < w->n_rows; i++) {
        const isg_row *row = &w->rows[i];
        cell c = {.mix = &row->mix,
                  .shape = &row->shape,
                  .unique = row->unique,
                  .seed = row->seed,
                  .setting = row->setting,
                  .row = row,
                  .parent = ISG_NO_RUN,
                  .group = group_of(b, w, i)};
        if (!isg_budget_tokens(row->tokens, false, &row->shape, &b->diag, &c.tokens)) continue;
        ISG_TRY(add_run(b, w, &c));
    }
    return ISG_OK;
}

/* Upper bound of the runs of a family, before any is made. */
static double count_family(const isg_build *b, const isg_family_work *w, const double *count)
{
    if (w->kind == ISG_FAMILY_LIST) return (double)w->n_rows;
    double parents = w->kind == ISG_FAMILY_FINETUNE ? count[w->from] : (double)w->n_shapes;
    (void)b;
    double n = (double)w->n_mixes * parents * (double)w->n_unique * (double)w->n_budgets *
               (double)w->n_seeds;
    for (size_t v = 0; v < w->n_vary; v++) n *= (double)w->vary[v].n;
    return n;
}

static isg_err check_count(isg_build *b)
{
    double limit = b->options->max_runs ? (double)b->options->max_runs : MAX_RUNS, sum = 0;
    size_t n = b->plan->n_families;
    double *count = ISG_NEW(b, n, double);
    if (!count) return isg_build_no_memory();
    for (size_t f = 0; f < n; f++) {
        count[f] = count_family(b, &b->families[f], count);
        sum += count[f];
        if (sum > limit) {
            isg_diag_add(&b->diag, b->families[f].node,
                         "up to family '%s' the campaign has %.3g runs, allowed: %.3g; "
                         "cut an axis",
                         b->plan->families[f].name, sum, limit);
            break;
        }
    }
    return isg_diag_result(&b->diag);
}

/* A warm-up is tokens, or a share of the run below 1. */
static isg_err name_unit(const isg_plan *p, size_t s)
{
    size_t shares = 0;
    if (strcmp(p->settings[s].name, "warmup") != 0) return ISG_OK;
    for (size_t i = 0; i < p->n_runs; i++) {
        shares += p->runs[i].setting[s] > 0 && p->runs[i].setting[s] < 1;
    }
    if (!shares) return ISG_OK;
    free(p->settings[s].unit);
    p->settings[s].unit = isg_strdup(shares == p->n_runs ? "1" : "token, or 1 below 1");
    return p->settings[s].unit ? ISG_OK : isg_build_no_memory();
}

static void mark_varied(isg_plan *p)
{
    for (size_t s = 0; s < p->n_settings; s++) {
        for (size_t i = 1; i < p->n_runs && !p->settings[s].varied; i++) {
            p->settings[s].varied = p->runs[i].setting[s] != p->runs[0].setting[s];
        }
    }
}

isg_err isg_build_expand(isg_build *b)
{
    ISG_TRY(check_count(b));
    for (size_t f = 0; f < b->plan->n_families && !b->branching; f++) {
        if (!b->families[f].branches) continue;
        b->branching = calloc(1, sizeof *b->branching); /* grows with the runs */
        if (!b->branching) return isg_build_no_memory();
    }
    for (size_t f = 0; f < b->plan->n_families; f++) {
        isg_family_work *w = &b->families[f];
        isg_err rc = w->kind == ISG_FAMILY_LIST       ? expand_list(b, w)
                     : w->kind == ISG_FAMILY_FINETUNE ? expand_finetune(b, w)
                                                      : expand_grid(b, w);
        if (rc) return rc;
    }
    if (!b->plan->n_runs && !b->diag.n) {
        isg_diag_add(&b->diag, isg_node_get(b->top, "families"),
                     "the families have no runs; a pair needs two languages");
    }
    mark_varied(b->plan);
    b->plan->batch_by_tokens = b->batch.of_tokens;
    for (size_t s = 0; s < b->plan->n_settings; s++) ISG_TRY(name_unit(b->plan, s));
    return isg_diag_result(&b->diag);
}
