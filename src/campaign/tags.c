/* Tags of the languages that some run trains on or is scored on. A tag is the rank of the
 * language among them in order of code: the order in a file does not matter, but a language more
 * changes the tags behind it, and so the runs. */
#include "build.h"

static void mark(const isg_build *b, bool *used)
{
    const isg_plan *p = b->plan;
    for (size_t f = 0; f < p->n_families; f++) {
        const isg_family_work *w = &b->families[f];
        for (size_t i = 0; i < w->n_mixes + w->n_rows; i++) {
            const isg_mix *m = i < w->n_mixes ? &w->mixes[i] : &w->rows[i - w->n_mixes].mix;
            for (size_t k = 0; k < m->n; k++) used[m->language[k]] = true;
        }
    }
    for (size_t e = 0; e < p->n_evaluations; e++) used[p->evaluations[e].language] = true;
}

/* Bytes of a tag: what tells apart losses with and without, once they are in a table. */
static isg_err say(isg_plan *p, size_t bytes)
{
    return json_object_set_new(p->trainer_settings, "tag_bytes", json_integer((json_int_t)bytes))
               ? isg_build_no_memory()
               : ISG_OK;
}

isg_err isg_build_tags(isg_build *b)
{
    isg_plan *p = b->plan;
    size_t n = 0, rank = 0;
    if (p->trainer != ISG_TRAINER_PROXY) return ISG_OK;
    if (!isg_get_bool(b->trainer, "trainer", "tags")) return say(p, 0);
    bool *used = ISG_NEW(b, p->n_languages + 1, bool);
    if (!used) return isg_build_no_memory();
    mark(b, used);
    for (size_t l = 0; l < p->n_languages; l++) n += used[l];
    for (size_t i = 0; i < p->n_languages; i++) {
        if (used[b->languages[i]]) p->languages[b->languages[i]].tag = isg_tag_of(rank++, n);
    }
    return say(p, n ? isg_tag_of(0, n).n : 0);
}
