#include "ready.h"

#include <stdlib.h>

static isg_err group_find(isg_ready *r, const isg_sched_task *task, uint64_t key, size_t *cap,
                          uint32_t *out)
{
    for (size_t g = r->n_groups; g-- > 0;) {
        const isg_ready_group *group = &r->groups[g];
        if (group->key == key && group->cores == task->cores && group->gpus == task->gpus) {
            *out = (uint32_t)g;
            return ISG_OK;
        }
    }
    if (r->n_groups == *cap) {
        *cap = *cap ? *cap * 2 : 8;
        isg_ready_group *more = realloc(r->groups, *cap * sizeof *more);
        if (!more) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu groups of tasks", *cap);
        r->groups = more;
    }
    r->groups[r->n_groups] =
        (isg_ready_group){.key = key, .cores = task->cores, .gpus = task->gpus};
    *out = (uint32_t)r->n_groups++;
    return ISG_OK;
}

isg_err isg_ready_init(isg_ready *r, const isg_sched_task *tasks, size_t n, bool bundles,
                       const double *level)
{
    size_t cap = 0;
    *r = (isg_ready){.level = level};
    r->group_of = malloc((n ? n : 1) * sizeof *r->group_of);
    if (!r->group_of) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu tasks", n);
    for (size_t t = 0; t < n; t++) {
        ISG_TRY(group_find(r, &tasks[t], bundles ? tasks[t].key : 0, &cap, &r->group_of[t]));
        r->groups[r->group_of[t]].n++; /* counts first, then serves as fill */
    }
    for (size_t g = 0; g < r->n_groups; g++) {
        isg_ready_group *group = &r->groups[g];
        group->heap = malloc(group->n * sizeof *group->heap);
        if (!group->heap)
            return ISG_FAIL(ISG_ENOMEM, "no memory for a queue of %zu tasks", group->n);
        group->n = 0;
    }
    return ISG_OK;
}

void isg_ready_free(isg_ready *r)
{
    for (size_t g = 0; g < r->n_groups; g++) free(r->groups[g].heap);
    free(r->groups);
    free(r->group_of);
    *r = (isg_ready){0};
}

static bool before(const isg_ready *r, uint32_t a, uint32_t b)
{
    if (r->level[a] > r->level[b]) return true;
    if (r->level[a] < r->level[b]) return false;
    return a < b;
}

isg_ready_group *isg_ready_push(isg_ready *r, uint32_t task)
{
    isg_ready_group *group = &r->groups[r->group_of[task]];
    uint32_t *heap = group->heap;
    size_t i = group->n++;
    for (size_t up; i > 0 && before(r, task, heap[up = (i - 1) / 2]); i = up) heap[i] = heap[up];
    heap[i] = task;
    return group;
}

uint32_t isg_ready_pop(isg_ready *r, isg_ready_group *group)
{
    uint32_t *heap = group->heap, first = heap[0], last = heap[--group->n];
    size_t i = 0, n = group->n;
    for (size_t down; (down = 2 * i + 1) < n; i = down) {
        if (down + 1 < n && before(r, heap[down + 1], heap[down])) down++;
        if (!before(r, heap[down], last)) break;
        heap[i] = heap[down];
    }
    heap[i] = last;
    return first;
}
