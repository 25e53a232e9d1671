#include "subset.h"

#include <stdlib.h>

isg_err isg_subset_take(const isg_obs *all, size_t n_vars, const unsigned char *held,
                        const size_t *cluster, isg_subset *out)
{
    size_t n = 0, m = 0, last = 0;

    *out = (isg_subset){0};
    for (size_t i = 0; i < all->n; i++) n += !held[i];
    out->memory = malloc(((n_vars + 1) * n + 1) * sizeof(double));
    out->row = malloc((n + 1) * sizeof *out->row);
    if (cluster) out->cluster = malloc((n + 1) * sizeof *out->cluster);
    if (!out->memory || !out->row || (cluster && !out->cluster))
        return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", n);
    out->obs = (isg_obs){.n = n, .loss = out->memory + n_vars * n};
    for (size_t i = 0; i < all->n; i++) {
        if (held[i]) continue;
        for (size_t k = 0; k < n_vars; k++) out->memory[k * n + m] = all->var[k][i];
        out->memory[n_vars * n + m] = all->loss[i];
        out->row[m] = i;
        if (cluster) {
            out->n_clusters += !m || cluster[i] != last;
            last = cluster[i];
            out->cluster[m] = out->n_clusters - 1;
        }
        m++;
    }
    for (size_t k = 0; k < n_vars; k++) out->obs.var[k] = out->memory + k * n;
    return ISG_OK;
}

void isg_subset_clear(isg_subset *s)
{
    free(s->memory);
    free(s->row);
    free(s->cluster);
    *s = (isg_subset){0};
}
