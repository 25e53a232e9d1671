/* Transfer scores as starts of tau. With runs of target and source in halves, BTS = 2 - sigma/d
 * where sigma tokens of both reach the loss of d tokens of the target alone; if D_eff says it all,
 * sigma/2 (1 + tau) = d, so that tau = BTS/(2 - BTS). */

#include "isogloss/atlas.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static bool is_one_of(const char *name, const char *a, const char *b)
{
    return !strcasecmp(name, a) || !strcasecmp(name, b);
}

static isg_err score(const isg_table *t, const isg_column *c, size_t row, double *tau, bool *found)
{
    double bts;

    if (!c->text[row][0]) return ISG_OK;
    if (!isg_table_number(c->text[row], &bts) || !isfinite(bts) || bts >= 2)
        return ISG_FAIL(ISG_EINPUT,
                        "%s:%zu: column '%s': '%s' is no transfer score (a number below 2)",
                        t->source, t->line[row], c->name, c->text[row]);
    *tau = bts / (2 - bts);
    *found = true;
    return ISG_OK;
}

static isg_err from_pairs(const isg_table *t, const isg_column *source, const isg_column *target,
                          const isg_column *bts, const char *const pair[2], double *tau,
                          bool *found)
{
    for (size_t i = 0; i < t->n_rows && !*found; i++) {
        if (!strcmp(source->text[i], pair[0]) && !strcmp(target->text[i], pair[1]))
            ISG_TRY(score(t, bts, i, tau, found));
    }
    return ISG_OK;
}

isg_err isg_atlas_tau(const isg_table *t, const char *source, const char *target, double *tau,
                      bool *found)
{
    const isg_column *s = isg_table_column(t, "source"), *g = isg_table_column(t, "target");
    const isg_column *bts = isg_table_column(t, "bts");
    const char *const pair[] = {source, target};

    *tau = 0;
    *found = false;
    if (!bts) bts = isg_table_column(t, "score");
    if (s && g && bts) return from_pairs(t, s, g, bts, pair, tau, found);
    const char *head = t->n_columns ? t->columns[0].name : "";
    const bool targets = is_one_of(head, "target", "tgt");
    if (!targets && !is_one_of(head, "source", "src"))
        return ISG_FAIL(ISG_EUSAGE,
                        "%s: the first column of a transfer matrix is called target or source, for "
                        "what its rows are; here it is '%s'",
                        t->source, head);
    const isg_column *c = isg_table_column(t, targets ? source : target);
    for (size_t i = 0; c && i < t->n_rows; i++) {
        if (!strcmp(t->columns[0].text[i], targets ? target : source))
            return score(t, c, i, tau, found);
    }
    return ISG_OK;
}
