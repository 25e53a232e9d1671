#include "optimiser.h"

#include "memory.h"

#include <math.h>
#include <stdlib.h>

isg_err isg_optimiser_open(const isg_net *net, isg_optimiser *out)
{
    size_t n = isg_net_params(isg_net_shape_of(net));
    *out = (isg_optimiser){.m = isg_floats_create(n), .v = isg_floats_create(n), .n = n};
    if (out->m && out->v) return ISG_OK;
    isg_optimiser_close(out);
    return ISG_FAIL(ISG_ENOMEM, "out of memory for the optimiser");
}

void isg_optimiser_close(isg_optimiser *o)
{
    free(o->m);
    free(o->v);
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

bool isg_optimiser_step(isg_optimiser *o, isg_net *net, const isg_job *job, double lr)
{
    const isg_kernels *k = isg_net_kernels(net);
    size_t n;
    const isg_tensor *tensors = isg_net_list(net, &n);
    const float *grads = isg_net_grads(net);
    double norm = sqrt(k->sum_squares(grads, o->n));
    if (!isfinite(norm)) return false;

    o->step++;
    isg_adamw a = {.lr = (float)lr,
                   .beta1 = (float)job->beta1,
                   .beta2 = (float)job->beta2,
                   .eps = 1e-8F,
                   .grad_scale = job->clip > 0 && norm > job->clip ? (float)(job->clip / norm) : 1,
                   .m_scale = (float)(1 / (1 - power(job->beta1, o->step))),
                   .v_scale = (float)(1 / (1 - power(job->beta2, o->step)))};
    for (size_t i = 0; i < n; i++) {
        const isg_tensor t = tensors[i];
        a.decay = t.rows > 1 ? (float)job->weight_decay : 0;
        k->adamw(isg_net_weights(net) + t.offset, o->m + t.offset, o->v + t.offset,
                 grads + t.offset, t.rows * t.cols, &a);
    }
    isg_net_changed(net);
    return true;
}
