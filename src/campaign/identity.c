/* What a run is. The canonical text below is hashed; anything that may change
 * a result is in it, and nothing else. Changing one byte of it orphans every
 * store, so tests pin ids. Keys are in ASCII order, reals are %.17g. */
#include "build.h"
#include "isogloss/hash.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Indices 0..n-1 in order of name. */
static isg_err sorted(isg_build *b, size_t n, const char *(*name)(const isg_plan *, size_t),
                      size_t **out)
{
    const isg_plan *p = b->plan;
    const char **names = ISG_NEW(b, n, const char *);
    *out = ISG_NEW(b, n, size_t);
    if (!names || !*out) return isg_build_no_memory();
    for (size_t i = 0; i < n; i++) names[i] = name(p, i);
    qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            if (name(p, k) == names[i]) (*out)[i] = k;
        }
    }
    return ISG_OK;
}

static const char *language_name(const isg_plan *p, size_t i)
{
    return p->languages[i].code;
}

static const char *setting_name(const isg_plan *p, size_t i)
{
    return p->settings[i].name;
}

static const char *evaluation_name(const isg_plan *p, size_t i)
{
    return p->evaluations[i].name;
}

static char *json_text(isg_build *b, const char *text)
{
    json_t *value = json_string(text);
    char *line = value ? isg_json_line(value) : NULL;
    char *copy = line ? isg_arena_text(&b->arena, line, strlen(line)) : NULL;
    free(line);
    json_decref(value);
    return copy;
}

isg_err isg_build_orders(isg_build *b)
{
    const isg_plan *p = b->plan;
    ISG_TRY(sorted(b, p->n_languages, language_name, &b->languages));
    ISG_TRY(sorted(b, p->n_settings, setting_name, &b->settings));
    ISG_TRY(sorted(b, p->n_evaluations, evaluation_name, &b->evaluations));
    b->version_text = json_text(b, p->trainer_version);
    b->fingerprint_text = json_text(b, p->corpus_fingerprint);
    return b->version_text && b->fingerprint_text ? ISG_OK : isg_build_no_memory();
}

/* "tag":[245], before `sep`; nothing for languages without one. */
static isg_err add_tag(const isg_tag *tag, const char *before, const char *behind, isg_str *s)
{
    if (!tag->n) return ISG_OK;
    ISG_TRY(isg_str_printf(s, "%s\"tag\":[", before));
    for (size_t i = 0; i < tag->n; i++)
        ISG_TRY(isg_str_printf(s, "%s%u", i ? "," : "", tag->digit[i]));
    return isg_str_printf(s, "]%s", behind);
}

static isg_err add_evaluations(const isg_build *b, const isg_run *r, isg_str *s)
{
    const isg_plan *p = b->plan;
    const char *sep = "";
    for (size_t i = 0; i < p->n_evaluations; i++) {
        size_t e = b->evaluations[i];
        if (!r->evaluate[e]) continue;
        const isg_evaluation *v = &p->evaluations[e];
        ISG_TRY(isg_str_printf(s, "%s{\"bytes\":%llu,\"language\":\"%s\",", sep, (ull)v->bytes,
                               p->languages[v->language].code));
        if (v->pages) ISG_TRY(isg_str_printf(s, "\"pages\":\"%s\",", v->pages_sha256));
        ISG_TRY(isg_str_printf(s, "\"shards\":%zu", v->shards));
        ISG_TRY(add_tag(&p->languages[v->language].tag, ",", "", s));
        ISG_TRY(isg_str_puts(s, "}"));
        sep = ",";
    }
    return ISG_OK;
}

static isg_err add_mixture(const isg_build *b, const isg_run *r, isg_str *s)
{
    const char *sep = "";
    for (size_t i = 0; i < b->plan->n_languages; i++) {
        size_t l = b->languages[i];
        if (!(r->weight[l] > 0)) continue;
        ISG_TRY(isg_str_printf(s, "%s{\"language\":\"%s\",", sep, b->plan->languages[l].code));
        ISG_TRY(add_tag(&b->plan->languages[l].tag, "", ",", s));
        ISG_TRY(isg_str_printf(s, "\"unique_bytes\":%llu,\"weight\":%.17g}", (ull)r->unique[l],
                               r->weight[l]));
        sep = ",";
    }
    return ISG_OK;
}

/* A trunk is cut before the decay: until there wsd is constant. */
static const char *schedule_of(const isg_plan *p, const isg_run *r)
{
    return r->trunk ? "constant" : p->schedule;
}

/* How a finetuned proxy finds its streams; raise it when that changes. 1 (not written) hashed the
 * parent's id, and with it what was measured of the parent and on which instruction set. */
enum { TUNED_STREAMS = 2 };

/* Of a run, or of all runs that differ from it in the budget only. */
static isg_err canonical_text(const isg_build *b, const isg_run *r, bool budget, isg_str *s)
{
    const isg_plan *p = b->plan;
    ISG_TRY(isg_str_printf(s, "{\"corpus\":%s,\"data_seed\":%llu,\"evaluations\":[",
                           b->fingerprint_text, (ull)r->data_seed));
    ISG_TRY(add_evaluations(b, r, s));
    ISG_TRY(isg_str_puts(s, "],\"mixture\":["));
    ISG_TRY(add_mixture(b, r, s));
    ISG_TRY(isg_str_printf(s, "],\"numerics\":\"%s\",\"parent\":", p->numerics));
    bool root = r->parent == ISG_NO_RUN || r->from;
    ISG_TRY(root ? isg_str_puts(s, "null") : isg_str_printf(s, "\"%s\"", p->runs[r->parent].id));
    const bool tuned_proxy = !root && p->trainer == ISG_TRAINER_PROXY;
    ISG_TRY(isg_str_puts(s, ",\"points\":["));
    for (size_t i = 0; i < r->n_points && budget; i++) {
        ISG_TRY(isg_str_printf(s, "%s%llu", i ? "," : "", (ull)r->points[i]));
    }
    ISG_TRY(isg_str_printf(s, "],\"schedule\":\"%s\",\"seed\":%llu,\"settings\":{",
                           schedule_of(p, r), (ull)r->seed));
    for (size_t i = 0; i < p->n_settings; i++) {
        size_t k = b->settings[i];
        ISG_TRY(
            isg_str_printf(s, "%s\"%s\":%.17g", i ? "," : "", p->settings[k].name, r->setting[k]));
    }
    ISG_TRY(isg_str_printf(
        s, "},\"shape\":{\"context\":%u,\"d\":%u,\"heads\":%u,\"layers\":%u,\"vocab\":%u}",
        r->shape.context, r->shape.d, r->shape.heads, r->shape.layers, r->shape.vocab));
    if (tuned_proxy) ISG_TRY(isg_str_printf(s, ",\"streams\":%d", TUNED_STREAMS));
    ISG_TRY(isg_str_printf(s, ",\"tokens\":%llu,\"trainer\":{\"name\":\"%s\"",
                           (ull)(budget ? r->tokens : 0), p->trainer_name));
    if (b->law_text) ISG_TRY(isg_str_printf(s, ",\"truth\":%s", b->law_text));
    ISG_TRY(isg_str_printf(s, ",\"version\":%s}", b->version_text));
    if (r->from) ISG_TRY(isg_str_printf(s, ",\"trunk\":\"%s\"", p->runs[r->parent].id));
    return isg_str_puts(s, "}");
}

/* For the training a finetune begins with: the streams of its parent hash what decided that, and
 * its seeds; those of a run from a trunk know no budget. */
static isg_err add_parent(const isg_plan *p, const isg_run *r, isg_str *s)
{
    if (r->parent == ISG_NO_RUN) return ISG_OK;
    const isg_run *up = &p->runs[r->parent];
    return isg_str_printf(s, "%llu/%llu/%llu", (ull)up->init_stream, (ull)up->data_stream,
                          (ull)up->tokens);
}

/* What decides a training, without its own seeds, and without measurements and instruction set, its
 * own or a parent's; of a trunk, whose length is not known for good, without the budget. */
static isg_err training_text(const isg_build *b, const isg_run *r, isg_str *s)
{
    const isg_plan *p = b->plan;
    ISG_TRY(isg_str_printf(s, "%s [", b->fingerprint_text));
    ISG_TRY(add_mixture(b, r, s));
    ISG_TRY(isg_str_printf(s, "] %s ", schedule_of(p, r)));
    ISG_TRY(add_parent(p, r, s));
    for (size_t i = 0; i < p->n_settings; i++) {
        size_t k = b->settings[i];
        ISG_TRY(isg_str_printf(s, " %s=%.17g", p->settings[k].name, r->setting[k]));
    }
    return isg_str_printf(s, " %ux%ux%u@%u/%u %llu", r->shape.layers, r->shape.d, r->shape.heads,
                          r->shape.context, r->shape.vocab, (ull)(r->trunk ? 0 : r->tokens));
}

/* 53 bits: every JSON reader takes them. */
static uint64_t stream_of(const isg_str *training, const char *of, uint64_t seed)
{
    char more[48];
    isg_sha256 sum;
    uint8_t out[32];
    uint64_t stream = 0;
    (void)snprintf(more, sizeof more, "\n%s %llu", of, (ull)seed);
    isg_sha256_init(&sum);
    isg_sha256_add(&sum, isg_str_c(training), training->len);
    isg_sha256_add(&sum, more, strlen(more));
    isg_sha256_end(&sum, out);
    for (int i = 0; i < 7; i++) stream = stream << 8 | out[i];
    return stream >> 3;
}

/*
 * Two runs of one seed would begin with the same weights and read the same
 * windows: until the decay a run of 1M tokens would be the one of 2M, bit for
 * bit, and their losses would go up and down together, while intervals resample
 * them as if they did not. So proxies draw from streams of their own, and only
 * what goes on from a trunk draws from its streams.
 */
static isg_err place_streams(const isg_build *b, isg_run *r)
{
    isg_str text = {0};
    r->init_stream = r->seed;
    r->data_stream = r->data_seed;
    if (b->plan->trainer != ISG_TRAINER_PROXY) return ISG_OK;
    if (r->from) {
        r->init_stream = b->plan->runs[r->parent].init_stream;
        r->data_stream = b->plan->runs[r->parent].data_stream;
        return ISG_OK;
    }
    isg_err rc = training_text(b, r, &text);
    if (!rc) {
        r->init_stream = stream_of(&text, "init", r->seed);
        r->data_stream = stream_of(&text, "data", r->data_seed);
    }
    isg_str_free(&text);
    return rc;
}

isg_err isg_build_training_key(const isg_build *b, const isg_run *r, isg_training_key *out)
{
    isg_str text = {0};
    if (b->plan->trainer == ISG_TRAINER_PROXY) {
        *out = (isg_training_key){r->init_stream, r->data_stream};
        return ISG_OK;
    }
    isg_err rc = training_text(b, r, &text);
    if (!rc) {
        *out = (isg_training_key){stream_of(&text, "init", r->seed),
                                  stream_of(&text, "data", r->data_seed)};
    }
    isg_str_free(&text);
    return rc;
}

static void hash_text(const isg_str *text, const char *more, char *id)
{
    isg_sha256 sum;
    uint8_t out[32];
    isg_sha256_init(&sum);
    isg_sha256_add(&sum, isg_str_c(text), text->len);
    isg_sha256_add(&sum, more, strlen(more));
    isg_sha256_end(&sum, out);
    isg_str_hex(out, ISG_RUN_ID_CHARS / 2, id);
}

isg_err isg_build_identify(const isg_build *b, isg_run *run, const char *more)
{
    isg_str text = {0};
    isg_err rc = canonical_text(b, run, true, &text);
    if (!rc) hash_text(&text, more, run->id);
    if (!rc) rc = place_streams(b, run);
    isg_str_free(&text);
    return rc;
}

isg_err isg_build_group(const isg_build *b, const isg_run *run, const char *more, char *key)
{
    isg_str text = {0};
    isg_err rc = canonical_text(b, run, false, &text);
    if (!rc) hash_text(&text, more, key);
    isg_str_free(&text);
    return rc;
}

/* Everything that shapes the store or a result, in the order of the store. */
static isg_err plan_text(const isg_plan *p, isg_str *s, isg_sha256 *sum)
{
    ISG_TRY(isg_str_printf(s, "isogloss plan 1\n%s\n%s\n%s\n%s\n%zu %zu\n", p->name, p->numerics,
                           p->unit, p->corpus_fingerprint, p->max_points, p->max_shards));
    for (size_t i = 0; i < p->n_languages; i++)
        ISG_TRY(isg_str_printf(s, "language %s\n", p->languages[i].code));
    for (size_t i = 0; i < p->n_evaluations; i++)
        ISG_TRY(isg_str_printf(s, "evaluation %s\n", p->evaluations[i].name));
    for (size_t i = 0; i < p->n_families; i++) {
        ISG_TRY(isg_str_printf(s, "family %s %s\n", p->families[i].name, p->families[i].mixture));
    }
    for (size_t i = 0; i < p->n_settings; i++)
        ISG_TRY(isg_str_printf(s, "setting %s\n", p->settings[i].name));
    isg_sha256_add(sum, isg_str_c(s), s->len);
    for (size_t i = 0; i < p->n_runs; i++) {
        isg_str_reset(s);
        ISG_TRY(isg_str_puts(s, p->runs[i].id));
        for (size_t f = 0; f < p->n_families; f++)
            ISG_TRY(isg_str_puts(s, p->runs[i].member[f] ? "1" : "0"));
        isg_sha256_add(sum, isg_str_c(s), s->len);
    }
    return ISG_OK;
}

isg_err isg_build_hash(isg_build *b)
{
    isg_sha256 sum;
    uint8_t out[32];
    isg_str text = {0};
    isg_sha256_init(&sum);
    isg_err rc = plan_text(b->plan, &text, &sum);
    isg_sha256_end(&sum, out);
    isg_str_hex(out, 32, b->plan->hash);
    isg_str_free(&text);
    return rc;
}

/* ---- the run object of the trainer protocol ------------------------------ */

/* True when out of memory. */
static bool put_tag(json_t *row, const isg_tag *tag)
{
    if (!tag->n) return false;
    json_t *out = json_array();
    bool bad = json_object_set_new(row, "tag", out);
    for (size_t i = 0; i < tag->n && !bad; i++)
        bad = json_array_append_new(out, json_integer(tag->digit[i]));
    return bad;
}

static json_t *mixture_json(const isg_plan *p, const isg_run *r)
{
    json_t *out = json_array();
    for (size_t l = 0; out && l < p->n_languages; l++) {
        if (!(r->weight[l] > 0)) continue;
        json_t *entry = json_pack("{s:s,s:f,s:I}", "language", p->languages[l].code, "weight",
                                  r->weight[l], "unique_bytes", (json_int_t)r->unique[l]);
        bool bad = put_tag(entry, &p->languages[l].tag);
        if (json_array_append_new(out, entry) || bad) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *settings_json(const isg_plan *p, const isg_run *r)
{
    json_t *out = json_object();
    for (size_t i = 0; out && i < p->n_settings; i++) {
        if (json_object_set_new(out, p->settings[i].name, json_real(r->setting[i]))) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

/* One list of [offset, bytes] for each shard. */
static json_t *ranges_json(const isg_evaluation *v)
{
    json_t *out = json_array();
    for (size_t s = 0; s < v->shards; s++) {
        json_t *list = json_array();
        for (size_t i = s; i < v->n_pages; i += v->shards) {
            (void)json_array_append_new(list, json_pack("[I,I]", (json_int_t)v->pages[i].offset,
                                                        (json_int_t)v->pages[i].bytes));
        }
        if (json_array_append_new(out, list)) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *evaluations_json(const isg_plan *p, const isg_run *r)
{
    json_t *out = json_array();
    for (size_t e = 0; out && e < p->n_evaluations; e++) {
        const isg_evaluation *v = &p->evaluations[e];
        if (!r->evaluate[e]) continue;
        json_t *entry = json_pack("{s:s,s:s,s:I,s:I}", "name", v->name, "language",
                                  p->languages[v->language].code, "bytes", (json_int_t)v->bytes,
                                  "shards", (json_int_t)v->shards);
        bool bad = put_tag(entry, &p->languages[v->language].tag) ||
                   (v->pages && json_object_set_new(entry, "ranges", ranges_json(v)));
        if (json_array_append_new(out, entry) || bad) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *points_json(const isg_run *r)
{
    json_t *out = json_array();
    for (size_t i = 0; out && i < r->n_points; i++) {
        if (json_array_append_new(out, json_integer((json_int_t)r->points[i]))) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

isg_err isg_plan_run_json(const isg_plan *p, size_t run, json_t **out)
{
    const isg_run *r = &p->runs[run];
    const isg_shape *s = &r->shape;
    json_t *shape =
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "layers", (json_int_t)s->layers, "d",
                  (json_int_t)s->d, "heads", (json_int_t)s->heads, "context",
                  (json_int_t)s->context, "vocab", (json_int_t)s->vocab, "n_nonembedding",
                  (json_int_t)s->n_nonembedding, "n_total", (json_int_t)s->n_total);
    /* json_pack takes the parts over, and fails as a whole if one is missing. */
    *out = json_pack("{s:s,s:o,s:I,s:o,s:s,s:o,s:I,s:I,s:o,s:o,s:s,s:s}", "id", r->id, "shape",
                     shape, "tokens", (json_int_t)r->tokens, "mixture", mixture_json(p, r),
                     "schedule", schedule_of(p, r), "settings", settings_json(p, r), "seed",
                     (json_int_t)r->init_stream, "data_seed", (json_int_t)r->data_stream,
                     "evaluations", evaluations_json(p, r), "points", points_json(r), "numerics",
                     p->numerics, "corpus", p->corpus);
    return *out ? ISG_OK : isg_build_no_memory();
}
