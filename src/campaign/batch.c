/* Batches that follow the size or the budget of a run. */
#include "build.h"

#include <stdlib.h>
#include <string.h>

static int by_from(const void *a, const void *b)
{
    const isg_batch_step *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

static isg_err read_steps(isg_build *b, const isg_node *list, isg_batch_rule *out)
{
    if (!list) return ISG_OK;
    out->step = ISG_NEW(b, list->n, isg_batch_step);
    if (!out->step) return isg_build_no_memory();
    for (size_t i = 0; i < list->n; i++) {
        isg_batch_step *s = &out->step[i];
        (void)isg_value_count(isg_node_get(list->item[i], "from"), &s->from);
        s->batch = isg_get_amount(list->item[i], "batch_step", "batch");
        s->at = isg_node_get(list->item[i], "batch");
        for (size_t k = 0; k < i; k++) {
            if (out->step[k].from == s->from)
                isg_diag_add(&b->diag, list->item[i], "'from: %llu' is given twice",
                             (unsigned long long)s->from);
        }
    }
    out->n = list->n;
    qsort(out->step, out->n, sizeof *out->step, by_from);
    return ISG_OK;
}

isg_err isg_build_batch(isg_build *b)
{
    const isg_node *tokens = isg_node_get(b->trainer, "batch_by_tokens"),
                   *size = isg_node_get(b->trainer, "batch_by_size");
    if (!tokens && !size) return ISG_OK;
    if (tokens && size)
        isg_diag_add(&b->diag, size, "give one of 'batch_by_tokens' and 'batch_by_size', not both");
    const size_t s = isg_plan_setting(b->plan, "batch");
    if (s == b->plan->n_settings) {
        isg_diag_add(&b->diag, tokens ? tokens : size,
                     "key '%s': this trainer is given no 'batch' to begin with",
                     tokens ? "batch_by_tokens" : "batch_by_size");
        return ISG_OK;
    }
    b->batch.setting = s;
    b->batch.of_tokens = tokens != NULL;
    return read_steps(b, tokens ? tokens : size, &b->batch);
}

/* The last step that a run reaches, or NULL. */
static const isg_batch_step *step_of(const isg_build *b, const isg_run *r)
{
    const isg_batch_rule *rule = &b->batch;
    const uint64_t value = rule->of_tokens ? r->tokens : r->shape.n_nonembedding;
    const isg_batch_step *step = NULL;
    for (size_t i = 0; i < rule->n && rule->step[i].from <= value; i++) step = &rule->step[i];
    return step;
}

void isg_build_take_batch(const isg_build *b, isg_run *r)
{
    const isg_batch_step *step = step_of(b, r);
    if (step) r->setting[b->batch.setting] = step->batch;
}

const isg_node *isg_build_batch_at(const isg_build *b, const isg_run *r)
{
    const isg_batch_step *step = step_of(b, r);
    if (step || !b->batch.n) return step ? step->at : NULL;
    const isg_node *own = isg_node_get(b->trainer, "batch");
    return own ? own
               : isg_node_get(b->trainer, b->batch.of_tokens ? "batch_by_tokens" : "batch_by_size");
}
