/* Losses in the metric that is asked for. */

#include "columns.h"
#include "selecting.h"

#include <math.h>
#include <string.h>

bool isg_selecting_is_constant(const char *column)
{
    for (size_t m = 0; m < ISG_METRICS; m++) {
        if (isg_metrics[m].column && !strcmp(column, isg_metrics[m].column)) return true;
    }
    return false;
}

/* Every row that is asked for must be in bits per byte. */
static isg_err check_unit(const isg_selecting *w, const isg_metric_def *m)
{
    const isg_column *unit = isg_table_column(w->t, "unit");
    char place[1][ISG_PLACE_BYTES];
    const char *byte = isg_metrics[ISG_METRIC_BYTE].unit;

    if (w->o->unit || w->o->loss)
        return ISG_FAIL(ISG_EUSAGE, "--metric %s: leave out --%s, the metric says it", m->name,
                        w->o->unit ? "unit" : "loss");
    for (size_t i = 0; i < w->t->n_rows; i++) {
        if (w->state[i] != ISG_ROW_KEPT || (unit && !strcmp(unit->text[i], byte))) continue;
        return ISG_FAIL(ISG_EUSAGE,
                        "--metric %s is made of losses in %s; in %s of %s the unit %s%s", m->name,
                        byte, isg_table_place(w->t, i, place[0]), w->t->source,
                        unit ? "is " : "is not given (column unit)", unit ? unit->text[i] : "");
    }
    return ISG_OK;
}

/* Rows whose text has no constant are not asked for; some row must have one. */
static isg_err find_constant(isg_selecting *w, const isg_metric_def *m, const isg_column **out)
{
    const isg_column *c = *out = isg_selecting_filled(w->t, m->column);
    size_t kept = 0;

    for (size_t i = 0; c && c->numeric && i < w->t->n_rows; i++) {
        if (w->state[i] != ISG_ROW_KEPT) continue;
        if (c->number[i] > 0)
            kept++;
        else
            w->state[i] = ISG_ROW_OTHER;
    }
    if (kept) return ISG_OK;
    return ISG_FAIL(
        ISG_EUSAGE, "--metric %s: %s has no %s %s", m->name, w->t->source, m->column,
        !strcmp(m->name, isg_metrics[ISG_METRIC_PAGE].name)
            ? "for these rows. Only evaluations of whole pages have it (evaluate: {pages: ...} in "
              "the campaign; --target LANGUAGE.pages)"
            : "for these rows. Only stores of the built-in trainer know the text that was scored: "
              "other trainers and imported tables do not say it, and a store of an earlier version "
              "has it after isogloss extend");
}

isg_err isg_selecting_metric(isg_selecting *w)
{
    const isg_metric_def *m = &isg_metrics[w->o->metric];
    const isg_column *c = NULL;

    if (w->o->metric == ISG_METRIC_AS_STORED) return ISG_OK;
    ISG_TRY(check_unit(w, m));
    if (!m->column) return ISG_OK;
    ISG_TRY(find_constant(w, m, &c));
    if (w->o->metric == ISG_METRIC_UNIGRAM) return ISG_OK;
    for (size_t i = 0; i < w->t->n_rows; i++) w->loss.number[i] *= c->number[i];
    return ISG_OK;
}

isg_err isg_selecting_offset(isg_selecting *w, const size_t *row, size_t n)
{
    const isg_column *c = NULL;
    char place[2][ISG_PLACE_BYTES];

    w->s->metric = w->o->metric;
    if (w->o->metric != ISG_METRIC_UNIGRAM) return ISG_OK;
    c = isg_table_column(w->t, isg_metrics[ISG_METRIC_UNIGRAM].column);
    for (size_t i = 0; i < n; i++) {
        if (c->number[row[i]] < c->number[row[0]] || c->number[row[i]] > c->number[row[0]])
            return ISG_FAIL(ISG_EINPUT,
                            "%s: %s and %s are of texts with another %s: --metric unigram "
                            "is for one evaluation; choose it with --target",
                            w->t->source, isg_table_place(w->t, row[0], place[0]),
                            isg_table_place(w->t, row[i], place[1]), c->name);
    }
    w->s->offset = -c->number[row[0]];
    return ISG_OK;
}
