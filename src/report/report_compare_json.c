/* schemas/compare.schema.json describes what is written here; a test compares them. */

#include "isogloss/report_compare.h"

#include "fields.h"

static json_t *score_of(const char *law, const isg_score *s)
{
    json_t *o = json_object();
    const bool any = s->rows > 0;

    (void)set(o, "law", json_string(law));
    (void)set(o, "r2", real_if(any, s->r2));
    (void)set(o, "r2_training_mean", real_if(any, s->r2_training));
    (void)set(o, "rmse", real_if(any, s->rmse));
    (void)set(o, "bias", real_if(any, s->bias));
    (void)set(o, "rows", whole(s->rows));
    (void)set(o, "runs", whole(s->runs));
    (void)set(o, "predictions", whole(s->scored));
    (void)set(o, "folds", whole(s->folds));
    (void)set(o, "failed", whole(s->failed));
    (void)set(o, "why", s->failed ? json_string(s->why) : json_null());
    return o;
}

static json_t *paired_of(const isg_compare_report *r, size_t k, const isg_paired *p)
{
    json_t *o = json_object();
    const bool interval = p->verdict != ISG_VERDICT_NONE;

    (void)set(o, "law", json_string(r->rivals[k].name));
    (void)set(o, "against", json_string(r->rivals[0].name));
    (void)set(o, "difference", real_if(p->rows > 0, p->difference));
    (void)set(o, "se", real_if(interval, p->se));
    (void)set(o, "lo", real_if(interval, p->lo));
    (void)set(o, "hi", real_if(interval, p->hi));
    (void)set(o, "predictions", whole(p->rows));
    (void)set(o, "clusters", whole(p->clusters));
    (void)set(o, "verdict", json_string(isg_verdict_name(p->verdict)));
    return o;
}

static json_t *split_of(const isg_compare_report *r, const isg_split *split,
                        const isg_comparison *c)
{
    json_t *o = json_object(), *scores = json_array(), *paired = json_array();

    for (size_t k = 0; c && k < c->n_rivals; k++) {
        (void)json_array_append_new(scores, score_of(r->rivals[k].name, &c->score[k]));
        if (k) (void)json_array_append_new(paired, paired_of(r, k, &c->paired[k]));
    }
    (void)set(o, "name", json_string(split->type->name));
    (void)set(o, "available", json_boolean(c != NULL));
    (void)set(o, "rule", json_string(split->rule));
    (void)set(o, "scores", scores);
    (void)set(o, "paired", paired);
    return o;
}

static json_t *law_of(const isg_rival *rival)
{
    json_t *o = json_object();
    (void)set(o, "name", json_string(rival->name));
    (void)set(o, "law", json_string(rival->fit.law->name));
    (void)set(o, "formula", json_string(rival->fit.law->formula));
    (void)set(o, "refitted", json_boolean(!rival->given));
    return o;
}

static json_t *bootstrap_of(const isg_compare_report *r)
{
    json_t *o = json_object();
    (void)set(o, "B", whole(r->replicates));
    (void)set(o, "unit", json_string(r->selection->cluster_unit));
    (void)set(o, "level", isg_json_real(r->level));
    (void)set(o, "seed", json_integer((json_int_t)r->seed));
    return o;
}

static json_t *objective_of(const isg_compare_report *r)
{
    json_t *o = json_object();
    (void)set(o, "name", json_string(isg_objective_name(r->objective)));
    (void)set(o, "delta", real_if(r->delta > 0, r->delta));
    return o;
}

isg_err isg_report_compare_json(const isg_compare_report *r, json_t **out)
{
    json_t *o = json_object(), *laws = json_array(), *splits = json_array(), *notes = json_array();

    *out = NULL;
    for (size_t k = 0; k < r->n_rivals; k++)
        (void)json_array_append_new(laws, law_of(&r->rivals[k]));
    for (size_t k = 0; k < r->n_splits; k++)
        (void)json_array_append_new(splits, split_of(r, r->splits[k], r->comparisons[k]));
    for (size_t k = 0; k < r->selection->n_notes; k++)
        (void)json_array_append_new(notes, json_string(r->selection->note[k]));
    for (size_t k = 0; k < r->n_notes; k++)
        (void)json_array_append_new(notes, json_string(r->notes[k]));
    bool good = set(o, "schema", json_string("isogloss-compare")) && set(o, "version", whole(1)) &&
                set(o, "source", json_string(r->source));
    good = good && set(o, "n_observations", whole(r->n_observations));
    good = good && set(o, "n_left_out", whole(r->n_left_out));
    good = good && set(o, "n_clusters", whole(r->selection->n_clusters));
    good = good && set(o, "target",
                       r->selection->target[0] ? json_string(r->selection->target) : json_null());
    good = good && set(o, "tokens_of", r->language ? json_string(r->language) : json_null());
    good = good && set(o, "laws", laws) && set(o, "objective", objective_of(r));
    good = good && set(o, "r2_denominator", json_string("mean of the held-out ln L"));
    good = good && set(o, "splits", splits) && set(o, "bootstrap", bootstrap_of(r));
    good = good && set(o, "notes", notes);
    if (good) {
        *out = o;
        return ISG_OK;
    }
    json_decref(o);
    return ISG_FAIL(ISG_ENOMEM, "no memory for the report");
}
