/* What isogloss-train would refuse, said before anything is started: at the key that says it, with the
 * condition that fails and what is nearest. */
#include "build.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { UNIT = 16, CONTEXT_UNIT = 32, MOST_CONTEXT = 4096, TEXT = 96 };

/* The multiples of `step` about a value, at most `most`: "48 or 64". There is one. */
static const char *about(double value, uint64_t step, uint64_t most, char text[TEXT])
{
    const uint64_t last = most / step * step;
    uint64_t below = value < (double)last ? (uint64_t)value / step * step : last;
    const uint64_t above = below + step;
    if (!below || above > last)
        (void)snprintf(text, TEXT, "%llu", (unsigned long long)(below ? below : above));
    else
        (void)snprintf(text, TEXT, "%llu or %llu", (unsigned long long)below,
                       (unsigned long long)above);
    return text;
}

/* ---- shapes --------------------------------------------------------------------------------- */

/* Numbers of heads of a width that is a multiple of 16: ", or heads 3 or 6". */
static const char *other_heads(const isg_shape *s, char text[TEXT])
{
    const uint32_t all = s->d / UNIT;
    uint32_t below = s->heads < all ? s->heads : all, above = s->heads + 1;
    while (all % below) below--;
    while (above < all && all % above) above++;
    if (above > all)
        (void)snprintf(text, TEXT, ", or heads %u", below);
    else
        (void)snprintf(text, TEXT, ", or heads %u or %u", below, above);
    return text;
}

static bool check_width(const isg_node *at, isg_diag *diag, const isg_shape *s)
{
    char what[TEXT], width[TEXT], heads[TEXT] = "";
    if (s->d % UNIT)
        (void)snprintf(what, TEXT, "d %u is not a multiple of %d", s->d, UNIT);
    else if (s->d % s->heads)
        (void)snprintf(what, TEXT, "d %u is not divisible by heads %u", s->d, s->heads);
    else if (s->d / s->heads % UNIT)
        (void)snprintf(what, TEXT, "d %u by heads %u is %u, not a multiple of %d", s->d, s->heads,
                       s->d / s->heads, UNIT);
    else
        return true;
    (void)about(s->d, (uint64_t)UNIT * s->heads, 4096, width);
    isg_diag_add(diag, at, "%s; nearest for proxies: d %s for %u head%s%s", what, width, s->heads,
                 s->heads == 1 ? "" : "s", s->d % UNIT ? "" : other_heads(s, heads));
    return false;
}

bool isg_proxy_shape(const isg_node *map, const isg_node *node, isg_diag *diag, const isg_shape *s)
{
    const struct {
        const char *key;
        uint32_t value, most;
    } rows[] = {{"layers", s->layers, 64}, {"d", s->d, 4096}, {"heads", s->heads, 256}};
    const isg_node *d = isg_node_get(map, "d");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const isg_node *own = isg_node_get(map, rows[i].key);
        if (rows[i].value <= rows[i].most) continue;
        isg_diag_add(diag, own ? own : node, "%s %u is too many for proxies; nearest: %u",
                     rows[i].key, rows[i].value, rows[i].most);
        return false;
    }
    return check_width(d ? d : node, diag, s);
}

/* ---- context, batch, text of a run ---------------------------------------------------------- */

/* The value that a combination of `vary` takes, or NULL: the family does not vary it. */
static const isg_node *varied(const isg_family_work *w, size_t combination, bool context)
{
    size_t k = combination;
    for (size_t v = w->n_vary; v-- > 0;) {
        const isg_vary *vary = &w->vary[v];
        const bool is = context ? vary->what == ISG_VARY_CONTEXT
                                : vary->what == ISG_VARY_SETTING && vary->setting == ISG_BATCH;
        if (is) return vary->at[k % vary->n];
        k /= vary->n;
    }
    return NULL;
}

static const isg_node *context_at(const isg_build *b, const isg_family_work *w, size_t combination)
{
    const isg_node *at = varied(w, combination, true);
    return at ? at : isg_node_get(b->trainer, "context");
}

/* A rule gives way to what a family varies, and the trainer's batch to the rule. */
static const isg_node *batch_at(const isg_build *b, const isg_family_work *w, size_t combination,
                                const isg_run *r)
{
    const isg_node *at = varied(w, combination, false);
    if (!at) at = isg_build_batch_at(b, r);
    return at ? at : isg_node_get(b->trainer, "batch");
}

static void refuse_batch(isg_build *b, const isg_family_work *w, const isg_run *r,
                         size_t combination, const isg_row *row)
{
    char near[TEXT], place[2 * TEXT] = "key 'batch'";
    const isg_node *at = batch_at(b, w, combination, r);
    if (row && row->batch_at) {
        at = isg_node_get(w->node, "runs");
        (void)snprintf(place, sizeof place, "key 'runs': %.100s:%zu:%zu: column 'batch'", at->text,
                       row->batch_at->line, row->batch_at->column);
    }
    isg_diag_add(&b->diag, at ? at : b->trainer,
                 "%s: %.15g is not a multiple of the context, %u; nearest: %s", place,
                 r->setting[ISG_BATCH], r->shape.context,
                 about(r->setting[ISG_BATCH], r->shape.context, UINT32_MAX, near));
}

/* Too little text for one window: because the campaign says so, or because there is no more. */
static void refuse_text(isg_build *b, const isg_family_work *w, const isg_run *r, size_t language,
                        size_t combination)
{
    char remedy[TEXT] = "more text";
    const isg_node *own = isg_node_get(w->node, "unique"),
                   *given = own ? own : isg_node_get(b->top, "unique"),
                   *at = context_at(b, w, combination);
    const uint64_t bytes = r->unique[language], all = b->plan->languages[language].train_bytes;
    const uint64_t shorter = bytes / CONTEXT_UNIT * CONTEXT_UNIT;
    const bool longer = all >= r->shape.context; /* there is text for a larger `unique` */
    if (given && bytes < all) at = given;
    if (longer && shorter)
        (void)snprintf(remedy, TEXT, "unique %u, or context %llu", r->shape.context,
                       (unsigned long long)shorter);
    else if (longer || shorter)
        (void)snprintf(remedy, TEXT, "%s %llu", longer ? "unique" : "context",
                       longer ? r->shape.context : (unsigned long long)shorter);
    isg_diag_add(&b->diag, at ? at : w->node,
                 "language '%s' has %llu unique bytes in family '%s', fewer than one context of "
                 "%u; nearest: %s",
                 b->plan->languages[language].code, (unsigned long long)bytes,
                 b->plan->families[w - b->families].name, r->shape.context, remedy);
}

isg_err isg_proxy_check(isg_build *b, const isg_family_work *w, const isg_run *r,
                        size_t combination, const isg_row *row)
{
    const uint32_t context = r->shape.context;
    char near[TEXT];
    if (b->plan->trainer != ISG_TRAINER_PROXY) return ISG_OK;
    if (context % CONTEXT_UNIT || context > MOST_CONTEXT)
        isg_diag_add(&b->diag, context_at(b, w, combination),
                     "key 'context': found %u, allowed for proxies: a multiple of %d, at most %d; "
                     "nearest: %s",
                     context, CONTEXT_UNIT, MOST_CONTEXT,
                     about(context, CONTEXT_UNIT, MOST_CONTEXT, near));
    else if (fmod(r->setting[ISG_BATCH], context) != 0)
        refuse_batch(b, w, r, combination, row);
    for (size_t l = 0; l < b->plan->n_languages && !b->diag.n; l++) {
        if (r->weight[l] > 0 && r->unique[l] < context) refuse_text(b, w, r, l, combination);
    }
    return isg_diag_result(&b->diag);
}
