/* The axes of each family, and the held-out sets they are scored on. */
#include "build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A family's own value or the campaign's. */
static const isg_node *axis(const isg_build *b, const isg_family_work *w, const char *key)
{
    const isg_node *own = isg_node_get(w->node, key);
    return own ? own : isg_node_get(b->top, key);
}

static isg_err read_sizes(isg_build *b, isg_family_work *w)
{
    const isg_node *sizes = isg_node_get(w->node, "sizes");
    if (!sizes && w->kind == ISG_FAMILY_FINETUNE) return ISG_OK; /* every size of the parents */
    if (!sizes) sizes = isg_node_get(b->top, "sizes");
    if (!sizes) {
        isg_diag_add(&b->diag, w->node, "key 'sizes' is missing, here and at the top: %s",
                     isg_field_find("", "sizes")->help);
        return ISG_OK;
    }
    w->shapes = ISG_NEW(b, sizes->n, isg_shape);
    if (!w->shapes) return isg_build_no_memory();
    for (size_t i = 0; i < sizes->n; i++) {
        if (isg_shape_of(b, sizes->item[i], &b->diag, &w->shapes[w->n_shapes])) w->n_shapes++;
    }
    return ISG_OK;
}

static isg_err read_budgets(isg_build *b, isg_family_work *w)
{
    const isg_node *tokens = isg_node_get(w->node, "tokens"),
                   *flops = isg_node_get(w->node, "flops");
    const isg_node *at = w->node;
    if (!tokens && !flops) {
        at = b->top;
        tokens = isg_node_get(b->top, "tokens");
        flops = isg_node_get(b->top, "flops");
    }
    if (!tokens == !flops) {
        isg_diag_add(&b->diag, tokens ? flops : at,
                     tokens ? "give one of 'tokens' and 'flops', not both"
                            : "key 'tokens' (or 'flops') is missing");
        return ISG_OK;
    }
    const isg_node *given = tokens ? tokens : flops;
    w->budgets_are_flops = flops != NULL;
    w->n_budgets = isg_entries(given);
    w->budgets = ISG_NEW(b, w->n_budgets, const isg_node *);
    if (!w->budgets) return isg_build_no_memory();
    for (size_t i = 0; i < w->n_budgets; i++) w->budgets[i] = isg_entry(given, i);
    return ISG_OK;
}

static isg_err read_unique(isg_build *b, isg_family_work *w)
{
    const isg_node *given = axis(b, w, "unique");
    size_t n = given ? isg_entries(given) : 1;
    w->unique = ISG_NEW(b, n, uint64_t);
    if (!w->unique) return isg_build_no_memory();
    w->n_unique = n;
    for (size_t i = 0; i < n; i++) {
        w->unique[i] = ISG_ALL_BYTES;
        if (given && strcmp(isg_entry(given, i)->text, "all") != 0) {
            (void)isg_value_count(isg_entry(given, i), &w->unique[i]);
        }
    }
    return ISG_OK;
}

static isg_err read_seeds(isg_build *b, isg_family_work *w)
{
    const isg_node *given = axis(b, w, "seeds");
    bool list = given && given->kind == ISG_NODE_LIST;
    uint64_t count = 1;
    if (list)
        count = given->n;
    else if (given)
        (void)isg_value_count(given, &count);
    if (count < 1 || count > 1000000) {
        isg_diag_add(&b->diag, given,
                     "key 'seeds': found '%s', allowed: 1 to 1000000 seeds, or a list of seeds",
                     isg_node_show(given));
        return ISG_OK;
    }
    w->seeds = ISG_NEW(b, count, uint64_t);
    if (!w->seeds) return isg_build_no_memory();
    w->n_seeds = count;
    for (size_t i = 0; i < count; i++) {
        w->seeds[i] = b->plan->seed + i;
        if (list) (void)isg_value_count(given->item[i], &w->seeds[i]);
    }
    return ISG_OK;
}

static bool vary_target(isg_build *b, const isg_node *key, isg_vary *out)
{
    const char *names[512];
    size_t n = 0;
    const isg_plan *p = b->plan;
    for (; n < p->n_settings && n < 500; n++) {
        names[n] = p->settings[n].name;
        if (strcmp(names[n], key->text) != 0) continue;
        out->what = ISG_VARY_SETTING;
        out->setting = n;
        return true;
    }
    bool context = !strcmp(key->text, "context");
    if (context || !strcmp(key->text, "data_seed")) {
        out->what = context ? ISG_VARY_CONTEXT : ISG_VARY_DATA_SEED;
        return true;
    }
    names[n++] = "context";
    names[n++] = "data_seed";
    isg_str all = {0};
    for (size_t i = 0; i < n && i < 16; i++)
        (void)isg_str_printf(&all, "%s%s", i ? ", " : "", names[i]);
    const char *near = isg_str_nearest(key->text, names, n);
    isg_diag_add(&b->diag, key, "key 'vary': '%.40s' is not a setting of this trainer (%s)%s%s%s",
                 key->text, isg_str_c(&all), near ? "; did you mean '" : "", near ? near : "",
                 near ? "'?" : "");
    isg_str_free(&all);
    return false;
}

static bool vary_value(isg_build *b, const isg_vary *v, const isg_node *key, const isg_node *node,
                       double *out)
{
    const isg_field *f = isg_field_find("trainer", key->text);
    double lo = f ? f->min : 0, hi = f ? f->max : 0;
    (void)isg_value_amount(node, out);
    bool whole = v->what != ISG_VARY_SETTING;
    if (v->what == ISG_VARY_DATA_SEED) hi = 9e15;
    if ((lo == 0 && hi == 0) ||
        (*out >= lo && *out <= hi && (!whole || *out == (double)(uint64_t)*out)))
        return true;
    isg_diag_add(&b->diag, node, "key '%s': found '%s', allowed: %s%.9g to %.9g", key->text,
                 node->text, whole ? "a whole number, " : "", lo, hi);
    return false;
}

static isg_err read_vary(isg_build *b, isg_family_work *w)
{
    const isg_node *map = isg_node_get(w->node, "vary");
    if (!map) return ISG_OK;
    w->vary = ISG_NEW(b, map->n, isg_vary);
    if (!w->vary) return isg_build_no_memory();
    for (size_t i = 0; i < map->n; i++) {
        isg_vary *v = &w->vary[w->n_vary];
        if (!vary_target(b, map->key[i], v)) continue;
        v->value = ISG_NEW(b, map->item[i]->n, double);
        v->at = ISG_NEW(b, map->item[i]->n, const isg_node *);
        if (!v->value || !v->at) return isg_build_no_memory();
        for (size_t k = 0; k < map->item[i]->n; k++) {
            v->at[v->n] = map->item[i]->item[k];
            if (vary_value(b, v, map->key[i], v->at[v->n], &v->value[v->n])) v->n++;
        }
        w->n_vary++;
    }
    return ISG_OK;
}

/* `points: 8` or a map; a family's own, then the campaign's. */
static void read_points(const isg_build *b, isg_family_work *w)
{
    const isg_node *node = isg_node_get(w->node, "points");
    if (!node) node = isg_node_get(isg_node_get(b->top, "evaluate"), "points");
    const isg_node *map = node && node->kind == ISG_NODE_MAP ? node : NULL;
    w->points.count = isg_get_count(map, "points", "count");
    if (node && !map) (void)isg_value_count(node, &w->points.count);
    w->points.linear = !strcmp(isg_get_text(map, "points", "spacing"), "linear");
    w->points.first = isg_get_real(map, "points", "first");
}

/* A family's own, then the trainer's. */
static void read_branches(isg_build *b, isg_family_work *w)
{
    const isg_node *own = isg_node_get(w->node, "branches");
    const isg_node *given = own ? own : isg_node_get(b->trainer, "branches");
    if (!given || strcmp(given->text, "true") != 0) return;
    w->branches = given;
    if (!strcmp(b->plan->schedule, "wsd")) return;
    isg_diag_add(&b->diag, given,
                 "key 'branches': runs with the schedule '%s' cannot share a trunk: %s; allowed "
                 "with: wsd",
                 b->plan->schedule,
                 strcmp(b->plan->schedule, "cosine") != 0
                     ? "they have no decay to branch off for"
                     : "their learning rate follows from the budget from the start");
}

/* Keys that would be ignored are errors: a campaign must mean what it shows. */
static void check_keys(isg_build *b, const isg_family_work *w)
{
    static const struct {
        const char *key, *mixtures; /* "from" and "runs" stand for the other two kinds */
    } rows[] = {
        {"languages", "monolingual uniform unimax from"},
        {"targets", "bilingual"},
        {"sources", "bilingual"},
        {"pairs", "bilingual"},
        {"share", "bilingual"},
        {"sets", "uniform unimax"},
        {"weights", "custom"},
        {"max_epochs", "unimax"},
        {"sizes", "monolingual bilingual uniform unimax custom from"},
        {"tokens", "monolingual bilingual uniform unimax custom from"},
        {"flops", "monolingual bilingual uniform unimax custom from"},
        {"unique", "monolingual bilingual uniform unimax custom from"},
        {"seeds", "monolingual bilingual uniform unimax custom from"},
        {"vary", "monolingual bilingual uniform unimax custom from"},
    };
    const isg_node *mixture = isg_node_get(w->node, "mixture");
    const char *kind = mixture ? mixture->text : w->kind == ISG_FAMILY_LIST ? "runs" : "from";
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const isg_node *given = isg_node_get(w->node, rows[i].key);
        if (given && !strstr(rows[i].mixtures, kind)) {
            isg_diag_add(&b->diag, given,
                         "key '%s': has no meaning in a family of kind '%s'; allowed with: %s",
                         rows[i].key, kind, rows[i].mixtures);
        }
    }
}

static bool read_kind(isg_build *b, size_t index, isg_family_work *w)
{
    const isg_node *mixture = isg_node_get(w->node, "mixture"),
                   *from = isg_node_get(w->node, "from");
    const isg_node *runs = isg_node_get(w->node, "runs");
    if (!!mixture + !!from + !!runs != 1) {
        isg_diag_add(&b->diag, w->node,
                     "a family has exactly one of 'mixture', 'from' and 'runs', found %d",
                     !!mixture + !!from + !!runs);
        return false;
    }
    w->kind = runs ? ISG_FAMILY_LIST : from ? ISG_FAMILY_FINETUNE : ISG_FAMILY_MIXTURE;
    if (mixture && !strcmp(mixture->text, "monolingual")) w->kind = ISG_FAMILY_MONO;
    if (mixture && !strcmp(mixture->text, "bilingual")) w->kind = ISG_FAMILY_BILINGUAL;
    if (!from) return true;
    const char *names[512];
    size_t n = 0;
    for (; n < index && n < 512; n++) {
        names[n] = b->plan->families[n].name;
        if (strcmp(names[n], from->text) != 0) continue;
        w->from = n;
        return true;
    }
    const char *near = isg_str_nearest(from->text, names, n);
    isg_diag_add(&b->diag, from,
                 "key 'from': found '%s', allowed: a family listed before this one%s%s%s",
                 from->text, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return false;
}

static isg_err read_family(isg_build *b, size_t index)
{
    isg_family_work *w = &b->families[index];
    isg_family *f = &b->plan->families[index];
    for (size_t i = 0; i < index; i++) {
        if (!strcmp(b->plan->families[i].name, f->name)) {
            isg_diag_add(&b->diag, isg_node_get(w->node, "name"), "family '%s' is given twice",
                         f->name);
        }
    }
    if (!read_kind(b, index, w)) return ISG_OK;
    const isg_node *mixture = isg_node_get(w->node, "mixture");
    f->kind = w->kind;
    f->mixture = isg_strdup(mixture                      ? mixture->text
                            : w->kind == ISG_FAMILY_LIST ? "list"
                                                         : "finetune");
    if (!f->mixture) return isg_build_no_memory();
    check_keys(b, w);
    w->checkpoint = isg_get_bool(w->node, "family", "checkpoint");
    read_branches(b, w);
    read_points(b, w);
    if (w->kind == ISG_FAMILY_LIST) return isg_build_rows(b, w);
    ISG_TRY(isg_build_mixes(b, w));
    ISG_TRY(read_sizes(b, w));
    ISG_TRY(read_budgets(b, w));
    ISG_TRY(read_unique(b, w));
    ISG_TRY(read_seeds(b, w));
    return read_vary(b, w);
}

isg_err isg_build_families(isg_build *b)
{
    const isg_node *list = isg_node_get(b->top, "families");
    b->plan->families = calloc(list->n, sizeof *b->plan->families);
    b->families = ISG_NEW(b, list->n, isg_family_work);
    if (!b->plan->families || !b->families) return isg_build_no_memory();
    b->plan->n_families = list->n;
    for (size_t i = 0; i < list->n; i++) {
        b->families[i].node = list->item[i];
        b->plan->families[i].name = isg_strdup(isg_get_text(list->item[i], "family", "name"));
        if (!b->plan->families[i].name) return isg_build_no_memory();
        ISG_TRY(read_family(b, i));
    }
    return ISG_OK;
}

/* Languages to score: [n_languages] flags from a list, or from what is trained. */
static isg_err scored(isg_build *b, const isg_node *list, bool **out)
{
    const isg_plan *p = b->plan;
    *out = ISG_NEW(b, p->n_languages, bool);
    if (!*out) return isg_build_no_memory();
    for (size_t i = 0; i < isg_entries(list); i++) {
        const isg_node *code = isg_entry(list, i);
        bool all = !strcmp(code->text, "all");
        size_t l = all ? 0 : isg_find_language(b, code, code->text);
        for (size_t k = 0; all && k < p->n_languages; k++) (*out)[k] = true;
        if (l != (size_t)-1 && l < p->n_languages) (*out)[l] = true;
    }
    for (size_t f = 0; !list && f < p->n_families; f++) {
        const isg_family_work *w = &b->families[f];
        for (size_t i = 0; i < w->n_mixes + w->n_rows; i++) {
            const isg_mix *m = i < w->n_mixes ? &w->mixes[i] : &w->rows[i - w->n_mixes].mix;
            for (size_t k = 0; k < m->n; k++) (*out)[m->language[k]] = true;
        }
    }
    return ISG_OK;
}

/* Number of the first shard without text if held-out text is cut into `shards`; shards: none. */
static size_t empty_shard(const isg_build *b, size_t language, size_t shards)
{
    const uint64_t *offset = b->shard_offset[language];
    const size_t k = b->corpus_shards / shards;
    size_t s = 0;
    while (s < shards && offset[s * k] < offset[(s + 1) * k]) s++;
    return s;
}

/* Bytes of the least shard if held-out text is cut into `shards`; equal ones if that is not known. */
static uint64_t smallest_shard(const isg_build *b, size_t language, size_t shards)
{
    const uint64_t *offset = b->shard_offset ? b->shard_offset[language] : NULL;
    const size_t k = b->corpus_shards / shards;
    if (!offset || b->corpus_shards % shards)
        return b->plan->languages[language].held_bytes / shards;
    uint64_t least = UINT64_MAX;
    for (size_t s = 0; s < shards; s++) {
        const uint64_t bytes = offset[(s + 1) * k] - offset[s * k];
        if (bytes < least) least = bytes;
    }
    return least;
}

/* Few pages may leave a shard without one: a proxy would have nothing to score there. */
static void check_shards(isg_build *b, size_t language, const isg_node *section, size_t shards)
{
    const isg_node *own = isg_node_get(section, "shards");
    if (b->plan->trainer != ISG_TRAINER_PROXY || !b->shard_offset || !b->shard_offset[language] ||
        b->corpus_shards % shards)
        return;
    const size_t empty = empty_shard(b, language, shards);
    if (empty == shards) return;
    size_t fewer = shards - 1;
    while (fewer > 1 && (b->corpus_shards % fewer || empty_shard(b, language, fewer) < fewer))
        fewer--;
    if (!own) own = section ? section : b->top;
    isg_diag_add(&b->diag, own,
                 "key 'shards': language '%s' has no held-out text in shard %zu of %zu; allowed "
                 "for it: at most %zu, or a corpus with more held-out text ('held_fraction')",
                 b->plan->languages[language].code, empty, shards, fewer);
}

static isg_err add_evaluation(isg_build *b, size_t language, const isg_node *section)
{
    isg_plan *p = b->plan;
    const isg_language *l = &p->languages[language];
    uint64_t bytes = p->evaluation_bytes;
    size_t shards = isg_get_count(section, "evaluate", "shards");
    if (bytes > l->held_bytes) bytes = l->held_bytes;
    if (bytes < shards) {
        isg_diag_add(&b->diag, section,
                     "language '%s' has %llu held-out bytes, too few for %zu shards", l->code,
                     (unsigned long long)l->held_bytes, shards);
    } else {
        check_shards(b, language, section, shards);
    }
    const json_t *truth = p->trainer_settings;
    if (p->trainer == ISG_TRAINER_SYNTHETIC && !json_object_get(truth, "law") &&
        !json_object_get(json_object_get(truth, "laws"), l->code)) {
        isg_diag_add(
            &b->diag, b->trainer,
            "key 'laws': language '%s' is evaluated but has no law; add it, or 'law' for all",
            l->code);
    }
    isg_evaluation *e = &p->evaluations[p->n_evaluations++];
    *e = (isg_evaluation){.name = isg_strdup(l->code),
                          .language = language,
                          .bytes = bytes,
                          .shards = shards,
                          .shard_text = smallest_shard(b, language, shards),
                          .metric = isg_strdup("cross_entropy"),
                          .unit = isg_strdup(p->unit)};
    if (!strcmp(p->unit, "bit/byte") && e->metric) {
        free(e->metric);
        e->metric = isg_strdup("bits_per_byte");
    }
    e->shard_bytes = bytes / shards < e->shard_text ? bytes / shards : e->shard_text;
    if (shards > p->max_shards) p->max_shards = shards;
    return e->name && e->metric && e->unit ? ISG_OK : isg_build_no_memory();
}

isg_err isg_build_evaluations(isg_build *b)
{
    isg_plan *p = b->plan;
    const isg_node *section = isg_node_get(b->top, "evaluate");
    size_t shards = isg_get_count(section, "evaluate", "shards");
    p->evaluation_bytes = isg_get_count(section, "evaluate", "bytes");
    if (b->corpus_shards && b->corpus_shards % shards) {
        isg_diag_add(&b->diag,
                     isg_node_get(section, "shards") ? isg_node_get(section, "shards") : b->top,
                     "key 'shards': found '%zu', allowed: a divisor of the corpus' %zu shards",
                     shards, b->corpus_shards);
    }
    bool **flags = ISG_NEW(b, p->n_families + 1, bool *);
    p->evaluations = calloc(2 * p->n_languages + 1, sizeof *p->evaluations); /* pages, too */
    if (!flags || !p->evaluations) return isg_build_no_memory();
    for (size_t f = 0; f < p->n_families; f++) {
        const isg_node *own = isg_node_get(b->families[f].node, "evaluate");
        ISG_TRY(scored(b, own ? own : isg_node_get(section, "languages"), &flags[f]));
    }
    for (size_t l = 0; l < p->n_languages; l++) {
        bool any = false;
        for (size_t f = 0; f < p->n_families; f++) any = any || flags[f][l];
        if (any) ISG_TRY(add_evaluation(b, l, section));
    }
    ISG_TRY(isg_build_pages(b, section));
    for (size_t f = 0; f < p->n_families; f++) {
        isg_family_work *w = &b->families[f];
        const isg_node *scope = isg_node_get(w->node, "scope");
        const char *text = scope ? scope->text : isg_get_text(section, "evaluate", "scope");
        w->trained_only = !strcmp(text, "trained");
        w->evaluate = ISG_NEW(b, p->n_evaluations, bool);
        if (!w->evaluate) return isg_build_no_memory();
        for (size_t e = 0; e < p->n_evaluations; e++)
            w->evaluate[e] = flags[f][p->evaluations[e].language];
    }
    return ISG_OK;
}
