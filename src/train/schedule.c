#include "schedule.h"

#include "isogloss/recipe.h"

#include <math.h>
#include <string.h>

isg_err isg_schedule_kind_of(const char *word, isg_schedule_kind *out)
{
    static const char *const words[] = {"wsd", "cosine", "constant"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], word)) continue;
        *out = (isg_schedule_kind)i;
        return ISG_OK;
    }
    return ISG_FAIL(ISG_EINPUT, "schedule is '%s'; wanted wsd, cosine or constant", word);
}

double isg_schedule_default_lr(size_t d, uint64_t batch)
{
    return 0.5 / (double)d * sqrt((double)batch / 4096);
}

/* sin(pi/2 x) on [0, 1] by Taylor to 1e-13. Not libm's, whose bits vary with the CPU. */
static double sine(double x)
{
    double y = x * 1.5707963267948966, y2 = y * y, sum = 1;
    for (int k = 16; k >= 2; k -= 2) sum = 1 - sum * y2 / (k * (k + 1));
    return y * sum;
}

static double decay_start(const isg_schedule *s)
{
    double N = (double)s->tokens;
    switch (s->kind) {
    case ISG_SCHEDULE_WSD:
        return fmax((double)isg_recipe_decay_start(s->tokens, s->decay, s->batch), s->warmup);
    case ISG_SCHEDULE_COSINE: return s->warmup;
    default: return N;
    }
}

double isg_schedule_at(const isg_schedule *s, double tokens)
{
    double N = (double)s->tokens, warm = s->warmup, from = decay_start(s);
    double t = fmin(tokens, N);
    if (t < warm) return s->lr * t / warm;
    if (t <= from) return s->lr;
    double left = (N - t) / (N - from);
    if (s->kind == ISG_SCHEDULE_WSD) return s->lr * left;
    return s->lr * (0.1 + 0.9 * sine(left) * sine(left));
}

const char *isg_schedule_state(const isg_schedule *s, uint64_t tokens)
{
    double t = (double)tokens, from = decay_start(s);
    if (t < s->warmup) return "warmup";
    if (t <= from) return "stable";
    return tokens < s->tokens ? "decay" : "end";
}
