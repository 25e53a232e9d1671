#include "isogloss/report_compare.h"
#include "isogloss/str.h"

#include "text.h"

#include <stdlib.h>

static void print_scores(const isg_compare_report *r, const isg_comparison *c, FILE *out)
{
    (void)fprintf(out, "%-28s %7s %9s %9s %6s %6s\n", "law", "R2", "RMSE", "bias", "rows", "runs");
    for (size_t k = 0; k < c->n_rivals; k++) {
        const isg_score *s = &c->score[k];
        (void)fprintf(out, "%-28s", r->rivals[k].name);
        if (!s->rows)
            (void)fprintf(out, " %s", "could not be fitted to the rows that are left *");
        else
            (void)fprintf(out, " %7.3f %9.4f %+9.4f %6zu %6zu", s->r2, s->rmse, s->bias, s->rows,
                          s->runs);
        if (s->rows && s->failed) (void)fprintf(out, " *");
        (void)fputc('\n', out);
    }
    for (size_t k = 0; k < c->n_rivals; k++) {
        const isg_score *s = &c->score[k];
        if (!s->failed) continue;
        isg_text_say(out, "* ",
                     isg_strf("%s: %zu of %zu refits failed and count nowhere: %s",
                              r->rivals[k].name, s->failed, s->folds, s->why));
    }
}

static void print_paired(const isg_compare_report *r, const isg_comparison *c, FILE *out)
{
    if (c->n_rivals < 2) return;
    isg_text_say(out, "",
                 isg_strf("Mean squared error minus that of %s, %g %% intervals over held-out "
                          "clusters:",
                          r->rivals[0].name, 100 * r->level));
    for (size_t k = 1; k < c->n_rivals; k++) {
        const isg_paired *p = &c->paired[k];
        char range[64] = "";
        if (p->verdict != ISG_VERDICT_NONE)
            (void)snprintf(range, sizeof range, "[%.2e, %.2e]", p->lo, p->hi);
        if (!p->rows) {
            (void)fprintf(out, "  %-26s nothing in common\n", r->rivals[k].name);
            continue;
        }
        (void)fprintf(out, "  %-26s %+10.2e %-24s %s\n", r->rivals[k].name, p->difference, range,
                      p->verdict != ISG_VERDICT_NONE ? isg_verdict_name(p->verdict)
                      : r->replicates < 2            ? "no bootstrap"
                                                     : "few clusters");
    }
}

isg_err isg_report_compare_text(const isg_compare_report *r, FILE *out)
{
    const isg_selection *s = r->selection;

    isg_text_say(out, "source     ",
                 isg_strf("%s: %zu rows read, %zu used; clusters: %s", r->source, s->n_read,
                          r->n_observations, s->cluster_unit));
    if (s->target[0]) isg_text_paragraph(out, "target     ", s->target);
    if (r->n_left_out)
        isg_text_say(
            out, "left out   ",
            isg_strf("%zu rows that not all of these laws can be fitted to", r->n_left_out));
    for (size_t k = 0; k < r->n_rivals; k++)
        isg_text_say(out, k ? "           " : "laws       ",
                     isg_strf("%s: %s%s", r->rivals[k].name, r->rivals[k].fit.law->formula,
                              r->rivals[k].given ? " (as published, not refitted)" : ""));
    isg_text_say(out, "objective  ", isg_strf("%s", isg_objective_name(r->objective)));
    isg_text_paragraph(out, "errors     ",
                       "ln L - ln L_pred of rows that the law was not fitted to; R2 is about the "
                       "mean of the held-out ln L");
    for (size_t k = 0; k < s->n_notes; k++) isg_text_paragraph(out, "note       ", s->note[k]);
    if (r->language)
        isg_text_say(out, "note       ",
                     isg_strf("Laws of one language see the tokens of %s alone.", r->language));
    for (size_t k = 0; k < r->n_notes; k++) isg_text_paragraph(out, "note       ", r->notes[k]);
    for (size_t k = 0; k < r->n_splits; k++) {
        const isg_split *split = r->splits[k];
        (void)fputc('\n', out);
        isg_text_say(out, "",
                     isg_strf("%s: %s%s", split->type->name,
                              r->comparisons[k] ? "held out " : "no such split: ", split->rule));
        if (!r->comparisons[k]) continue;
        print_scores(r, r->comparisons[k], out);
        print_paired(r, r->comparisons[k], out);
    }
    return ferror(out) ? ISG_FAIL(ISG_EIO, "cannot write the report") : ISG_OK;
}
