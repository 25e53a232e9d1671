#include "isogloss/known.h"

#include <math.h>
#include <string.h>

static bool differs(double a, double b)
{
    if (!isfinite(a) || !isfinite(b)) return isfinite(a) != isfinite(b);
    return fabs(a - b) > 1e-6 * fmax(fabs(a), fabs(b));
}

bool isg_known(const isg_law *law, const isg_fit *fit,
               double (*value)(const void *ctx, const double *natural), const void *ctx)
{
    static const double factor[] = {1.5, 1 / 1.5}, step[] = {0.3, -0.3};
    double moved[ISG_LAW_PARAMS];
    const double here = value(ctx, fit->natural);

    memcpy(moved, fit->natural, sizeof moved);
    for (size_t k = 0; k < law->n_params; k++) {
        if (fit->identified[k]) continue;
        for (size_t side = 0; side < 2; side++) {
            moved[k] =
                law->params[k].log ? fit->natural[k] * factor[side] : fit->natural[k] + step[side];
            if (differs(here, value(ctx, moved))) return false;
        }
        moved[k] = fit->natural[k];
    }
    return true;
}

typedef struct derived_of {
    const isg_law *law;
    size_t k;
} derived_of;

static double derived_value(const void *ctx, const double *natural)
{
    const derived_of *d = ctx;
    return d->law->derived[d->k].value(d->law, natural);
}

bool isg_known_derived(const isg_law *law, const isg_fit *fit, size_t derived)
{
    const derived_of d = {law, derived};
    return isg_known(law, fit, derived_value, &d);
}
