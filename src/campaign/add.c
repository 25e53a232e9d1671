/* The runs of a plan as a set: equal ids are one run. Ids are found in an open-addressed table, which
 * grows with the runs. */
#include "build.h"

#include <stdlib.h>
#include <string.h>

static size_t home(const isg_build *b, const char *id)
{
    char word[17];
    memcpy(word, id, 16);
    word[16] = '\0';
    return (size_t)strtoull(word, NULL, 16) & (b->n_slots - 1);
}

static size_t *slot_of(const isg_build *b, const char *id)
{
    size_t i = home(b, id);
    while (b->slot[i] && strcmp(b->plan->runs[b->slot[i] - 1].id, id) != 0)
        i = (i + 1) & (b->n_slots - 1);
    return &b->slot[i];
}

static isg_err make_room(isg_build *b)
{
    isg_plan *p = b->plan;
    if (p->n_runs < b->cap_runs) return ISG_OK;
    size_t cap = b->cap_runs ? 2 * b->cap_runs : 256;
    isg_run *runs = realloc(p->runs, cap * sizeof *runs);
    if (!runs) return isg_build_no_memory();
    p->runs = runs;
    if (b->branching) {
        isg_branching *more = realloc(b->branching, cap * sizeof *more);
        if (!more) return isg_build_no_memory();
        b->branching = more;
    }
    size_t *slot = calloc(4 * cap, sizeof *slot);
    if (!slot) return isg_build_no_memory();
    free(b->slot);
    b->slot = slot;
    b->n_slots = 4 * cap;
    b->cap_runs = cap;
    for (size_t i = 0; i < p->n_runs; i++) *slot_of(b, runs[i].id) = i + 1;
    return ISG_OK;
}

isg_err isg_build_add(isg_build *b, isg_run *r, size_t *index)
{
    isg_plan *p = b->plan;
    ISG_TRY(make_room(b));
    size_t *slot = slot_of(b, r->id);
    const bool twin = *slot;
    *index = twin ? *slot - 1 : p->n_runs;
    if (!twin) {
        p->runs[p->n_runs++] = *r;
        *slot = p->n_runs;
        if (r->n_points > p->max_points) p->max_points = r->n_points;
    }
    isg_run *run = &p->runs[*index];
    for (size_t f = 0; f < p->n_families; f++) {
        bool joins = r->member[f] && !(twin && run->member[f]);
        if (joins && !r->trunk) p->families[f].n_runs++;
        run->member[f] = run->member[f] || r->member[f];
    }
    run->keep_checkpoint = run->keep_checkpoint || r->keep_checkpoint;
    run->asked = run->asked || r->asked;
    if (run->parent != ISG_NO_RUN) p->runs[run->parent].keep_checkpoint = true;
    if (twin) isg_run_clear(r);
    return ISG_OK;
}
