#include "optimiser.h"

#include "memory.h"

#include <math.h>
#include <stdlib.h>

isg_err isg_optimiser_open(const isg_net *net, isg_optimiser *out)
{
    size_t n = isg_net_params(isg_net_shape_of(net));
    *out = (isg_optimiser){.m = isg_floats_create(n),
                           .v = isg_floats_create(n),
                           .blocks = calloc(n / ISG_SUM_BLOCK + 1, sizeof(double)),
                           .n = n};
    if (out->m && out->v && out->blocks) return ISG_OK;
    isg_optimiser_close(out);
    return ISG_FAIL(ISG_ENOMEM, "out of memory for the optimiser");
}

void isg_optimiser_close(isg_optimiser *o)
{
    free(o->m);
    free(o->v);
    free(o->blocks);
    *o = (isg_optimiser){0};
}

/* x^n by squaring. Not libm's, whose bits vary with the CPU. */
static double power(double x, uint64_t n)
{
    double result = 1;
    for (; n; n >>= 1, x *= x) {
        if (n & 1) result *= x;
    }
    return result;
}

struct adamw_work {
    isg_optimiser *o;
    isg_net *net;
    const isg_adamw *a;
    float decay; /* of matrices */
};

/* A range of every tensor. */
static void adamw_part(void *ctx, size_t part, size_t parts)
{
    const struct adamw_work *w = ctx;
    size_t n;
    const isg_tensor *tensors = isg_net_list(w->net, &n);
    isg_adamw a = *w->a;
    for (size_t i = 0; i < n; i++) {
        const isg_tensor t = tensors[i];
        isg_share r = isg_team_share(t.rows * t.cols, 16, part, parts);
        size_t at = t.offset + r.first;
        a.decay = t.rows > 1 ? w->decay : 0;
        isg_net_kernels(w->net)->adamw(isg_net_weights(w->net) + at, w->o->m + at, w->o->v + at,
                                       isg_net_grads(w->net) + at, r.end - r.first, &a);
    }
}

bool isg_optimiser_step(isg_optimiser *o, isg_net *net, const isg_job *job, double lr)
{
    const isg_parallel *p = isg_net_parallel(net);
    double norm = sqrt(isg_par_sum_squares(p, isg_net_grads(net), o->n, o->blocks));
    if (!isfinite(norm)) return false;

    o->step++;
    isg_adamw a = {.lr = (float)lr,
                   .beta1 = (float)job->beta1,
                   .beta2 = (float)job->beta2,
                   .eps = 1e-8F,
                   .grad_scale = job->clip > 0 && norm > job->clip ? (float)(job->clip / norm) : 1,
                   .m_scale = (float)(1 / (1 - power(job->beta1, o->step))),
                   .v_scale = (float)(1 / (1 - power(job->beta2, o->step)))};
    isg_team_run(p->team, adamw_part, &(struct adamw_work){o, net, &a, (float)job->weight_decay});
    isg_net_changed(net);
    return true;
}
