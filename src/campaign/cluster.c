/* Runs that the bootstrap must hold together. A trunk, its runs and their finetunes share what was
 * trained before them. Two runs may also be the same training and differ in what is measured of it
 * (points, held-out sets, pages): they draw from the same streams, their losses go up and down
 * together, and each of them would count as a repeat of the other. So all runs that begin with
 * equal trainings have one cluster, that of the first of them. */
#include "build.h"

#include <stdlib.h>

/* A run that goes on from no other. */
typedef struct root {
    isg_training_key key;
    size_t run;
} root;

static int compare_keys(const isg_training_key *a, const isg_training_key *b)
{
    if (a->init != b->init) return a->init < b->init ? -1 : 1;
    return (a->data > b->data) - (a->data < b->data);
}

static int by_key(const void *a, const void *b)
{
    const root *x = a, *y = b;
    int c = compare_keys(&x->key, &y->key);
    return c ? c : (x->run > y->run) - (x->run < y->run);
}

/* Equal keys are neighbours, the first run of them in front. */
static void join_roots(isg_plan *p, const root *roots, size_t n)
{
    for (size_t i = 0, first = 0; i < n; i++) {
        if (compare_keys(&roots[i].key, &roots[first].key) != 0) first = i;
        p->runs[roots[i].run].cluster = roots[first].run;
    }
}

isg_err isg_build_clusters(isg_build *b)
{
    isg_plan *p = b->plan;
    size_t n = 0;
    isg_err rc = ISG_OK;
    root *roots = malloc((p->n_runs + 1) * sizeof *roots);
    if (!roots) return isg_build_no_memory();
    for (size_t i = 0; i < p->n_runs && !rc; i++) {
        if (p->runs[i].parent != ISG_NO_RUN) continue;
        roots[n].run = i;
        rc = isg_build_training_key(b, &p->runs[i], &roots[n++].key);
    }
    if (!rc) {
        qsort(roots, n, sizeof *roots, by_key);
        join_roots(p, roots, n);
    }
    free(roots);
    for (size_t i = 0; i < p->n_runs && !rc; i++) { /* parents come first */
        const size_t parent = p->runs[i].parent;
        if (parent != ISG_NO_RUN) p->runs[i].cluster = p->runs[parent].cluster;
    }
    return rc;
}
