/* Which of the intervals of a number speaks. */

#include "isogloss/report_fit.h"

#include "isogloss/known.h"

static const isg_constraint *constraint_of(const isg_fit_report *r, size_t param)
{
    for (size_t k = 0; k < r->n_constraints; k++) {
        if (r->constraints[k].param == param) return &r->constraints[k];
    }
    return NULL;
}

bool isg_report_fit_held(const isg_fit_report *r, size_t param)
{
    const isg_constraint *c = constraint_of(r, param);
    for (size_t k = 0; c && c->tied && k < r->n_constraints; k++) c = constraint_of(r, c->other);
    return c && !c->tied;
}

const char *isg_report_fit_method(const isg_interval *i)
{
    return i->bounded ? "percentile, one-sided" : "percentile";
}

/* The percentile interval of the way that speaks. */
static void choose(const isg_fit_report *r, isg_report_number *n)
{
    n->method = n->held ? "fixed" : "none";
    if (n->held || !n->known) return;
    n->way = r->way_chosen && n->by[0] ? 0 : isg_boot_headline(n->by, r->n_ways);
    const isg_interval *i = n->interval = r->n_ways ? n->by[n->way] : NULL;
    if (!i) return;
    n->has_interval = true;
    n->se = i->se;
    n->lo = i->lo + n->offset;
    n->hi = i->hi + n->offset;
    n->method = isg_report_fit_method(i);
}

isg_report_number isg_report_fit_param(const isg_fit_report *r, size_t k)
{
    const double offset = k == isg_law_offset_param(r->law) ? r->selection->offset : 0;
    isg_report_number n = {.name = r->law->params[k].name,
                           .meaning = r->law->params[k].meaning,
                           .estimate = r->fit->natural[k] + offset,
                           .offset = offset,
                           .known = r->fit->identified[k],
                           .held = isg_report_fit_held(r, k)};

    for (size_t w = 0; w < r->n_ways && n.known && !n.held; w++)
        n.by[w] = r->ways[w].boot ? &r->ways[w].boot->param[k] : NULL;
    if (r->profile && r->profile[k].done && n.known && !n.held) n.profile = &r->profile[k];
    choose(r, &n);
    return n;
}

isg_report_number isg_report_fit_derived(const isg_fit_report *r, size_t k)
{
    isg_report_number n = {.name = r->law->derived[k].name,
                           .meaning = r->law->derived[k].meaning,
                           .estimate = r->law->derived[k].value(r->law, r->fit->natural),
                           .known = isg_known_derived(r->law, r->fit, k)};

    for (size_t w = 0; w < r->n_ways && n.known; w++) {
        if (!r->ways[w].boot) continue;
        const isg_interval *i = &r->ways[w].boot->derived[k];
        n.held = n.held || (r->n_constraints && !(i->hi > i->lo));
        n.by[w] = i;
    }
    for (size_t w = 0; w < r->n_ways && n.held; w++) n.by[w] = NULL;
    choose(r, &n);
    return n;
}
