/* What is known of the corpus: from its index.json, or stated in the campaign
 * or a manifest. */
#include "build.h"
#include "isogloss/hash.h"
#include "isogloss/os.h"

#include <stdlib.h>
#include <string.h>

enum { INDEX_VERSION = 1 };

static bool set_text(char **field, const char *text)
{
    *field = isg_strdup(text);
    return *field != NULL;
}

static isg_err new_languages(isg_plan *plan, size_t n)
{
    plan->languages = calloc(n ? n : 1, sizeof *plan->languages);
    if (!plan->languages) return isg_build_no_memory();
    plan->n_languages = n;
    return ISG_OK;
}

static isg_err fill_language(isg_language *l, const char *code, const char *const text[4])
{
    bool good = set_text(&l->code, code) && set_text(&l->name, text[0]) &&
                set_text(&l->script, text[1]) && set_text(&l->family, text[2]) &&
                set_text(&l->licence, text[3]);
    return good ? ISG_OK : isg_build_no_memory();
}

static isg_err set_fingerprint(isg_language *l, char *of)
{
    isg_sha256 s;
    uint8_t sum[32];
    char hex[65];
    if (!of) return isg_build_no_memory();
    isg_sha256_init(&s);
    isg_sha256_add(&s, of, strlen(of));
    isg_sha256_end(&s, sum);
    free(of);
    isg_str_hex(sum, 32, hex);
    return set_text(&l->fingerprint, hex) ? ISG_OK : isg_build_no_memory();
}

static const char *optional_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static isg_err index_language(isg_language *l, const json_t *entry)
{
    const char *code;
    ISG_TRY(isg_json_string(entry, "code", &code));
    const char *text[4] = {optional_text(entry, "name"), optional_text(entry, "script"),
                           optional_text(entry, "family"), optional_text(entry, "licence")};
    if (!isg_str_is_name(code))
        return ISG_FAIL(ISG_EINPUT, "language code '%s' is not a name", code);
    ISG_TRY(fill_language(l, code, text));
    json_t *train, *held;
    ISG_TRY(isg_json_object(entry, "train", &train));
    ISG_TRY(isg_json_object(entry, "held", &held));
    ISG_TRY(isg_json_u64(train, "bytes", &l->train_bytes));
    return isg_json_u64(held, "bytes", &l->held_bytes);
}

/* Of its files and where its shards begin, whatever other languages the corpus has. */
static isg_err index_fingerprint(const isg_plan *p, isg_language *l, const json_t *entry)
{
    const json_t *held = json_object_get(entry, "held"),
                 *cuts = json_object_get(held, "shard_offset");
    const char *train_sha = optional_text(json_object_get(entry, "train"), "sha256"),
               *held_sha = optional_text(held, "sha256");
    char *list = cuts ? json_dumps(cuts, JSON_COMPACT) : NULL;
    char *of = *train_sha && *held_sha && list ? isg_strf("%s %s %s", train_sha, held_sha, list)
                                               : isg_strf("%s %s", p->corpus_fingerprint, l->code);
    free(list);
    return set_fingerprint(l, of);
}

/* Where the held-out pages are listed; a corpus of an earlier version does not say. */
static isg_err index_pages(isg_build *b, size_t language, const json_t *entry)
{
    const json_t *pages = json_object_get(entry, "held_pages");
    const char *file;
    if (!pages) return ISG_OK;
    ISG_TRY(isg_json_string(pages, "file", &file));
    if (!isg_str_is_name(file)) return ISG_FAIL(ISG_EINPUT, "'%s' is not a plain file name", file);
    b->pages_file[language] = isg_arena_text(&b->arena, file, strlen(file));
    return b->pages_file[language] ? ISG_OK : isg_build_no_memory();
}

/* Where shards begin. What is no list of them the trainer refuses, with the rest of the index. */
static isg_err index_shards(isg_build *b, size_t language, const json_t *entry)
{
    const json_t *list = json_object_get(json_object_get(entry, "held"), "shard_offset");
    if (!b->corpus_shards || json_array_size(list) != b->corpus_shards + 1) return ISG_OK;
    uint64_t *offset = b->shard_offset[language] = ISG_NEW(b, b->corpus_shards + 1, uint64_t);
    if (!offset) return isg_build_no_memory();
    for (size_t s = 0; s <= b->corpus_shards; s++)
        offset[s] = (uint64_t)json_integer_value(json_array_get(list, s));
    return ISG_OK;
}

static isg_err read_index(isg_build *b, const json_t *index)
{
    const char *fingerprint;
    uint64_t version, shards;
    json_t *list;
    ISG_TRY(isg_json_u64(index, "isogloss_corpus", &version));
    if (version != INDEX_VERSION) {
        return ISG_FAIL(ISG_EINPUT, "version %llu of the format, wanted %d: build the corpus again",
                        (unsigned long long)version, INDEX_VERSION);
    }
    ISG_TRY(isg_json_string(index, "fingerprint", &fingerprint));
    ISG_TRY(isg_json_u64(index, "shards", &shards));
    ISG_TRY(isg_json_array(index, "languages", &list));
    b->corpus_shards = (size_t)shards;
    const char *keys =
        json_string_value(json_object_get(json_object_get(index, "options"), "keys"));
    b->corpus_blocks = keys && !strcmp(keys, "block");
    if (!set_text(&b->plan->corpus_fingerprint, fingerprint)) return isg_build_no_memory();
    ISG_TRY(new_languages(b->plan, json_array_size(list)));
    b->pages_file = ISG_NEW(b, b->plan->n_languages + 1, const char *);
    b->shard_offset = ISG_NEW(b, b->plan->n_languages + 1, uint64_t *);
    if (!b->pages_file || !b->shard_offset) return isg_build_no_memory();
    for (size_t i = 0; i < b->plan->n_languages; i++) {
        isg_err rc = index_language(&b->plan->languages[i], json_array_get(list, i));
        if (!rc) rc = index_fingerprint(b->plan, &b->plan->languages[i], json_array_get(list, i));
        if (!rc) rc = index_pages(b, i, json_array_get(list, i));
        if (!rc) rc = index_shards(b, i, json_array_get(list, i));
        if (rc) return isg_err_context(rc, "language %zu", i);
    }
    return ISG_OK;
}

static isg_err from_directory(isg_build *b, const isg_node *at, const char *dir)
{
    json_t *index = NULL;
    char *path = NULL;
    isg_err rc;
    b->plan->corpus = at ? isg_build_path(b, dir) : isg_path_absolute(dir);
    if (b->plan->corpus) path = isg_path_join(b->plan->corpus, "index.json");
    if (!path) return isg_build_no_memory();
    if (!isg_path_exists(path)) {
        isg_diag_add(&b->diag, at,
                     "key 'corpus': there is no corpus at '%s' (no index.json); make one with "
                     "'isogloss corpus build', or name one with --corpus DIR",
                     b->plan->corpus);
        free(path);
        return ISG_OK;
    }
    rc = isg_json_load(path, &index);
    if (!rc) rc = isg_err_context(read_index(b, index), "'%s'", path);
    if (rc == ISG_EINPUT) {
        isg_diag_add(&b->diag, at, "key 'corpus': %s", isg_err_message());
        rc = ISG_OK;
    }
    json_decref(index);
    free(path);
    return rc;
}

/* Of one language: what is stated of all, else of it. */
static isg_err state_language(isg_language *l, const isg_node *print)
{
    return set_fingerprint(l, print ? isg_strf("%s %s", print->text, l->code)
                                    : isg_strf("%s %llu %llu", l->code,
                                               (unsigned long long)l->train_bytes,
                                               (unsigned long long)l->held_bytes));
}

/* Stated languages have the fingerprint of what is stated, whatever their order. */
static isg_err state_fingerprint(isg_build *b)
{
    isg_sha256 s;
    uint8_t sum[32];
    char hex[65];
    isg_str line = {0};
    const isg_plan *p = b->plan;
    const isg_language *last = NULL;
    isg_err rc = ISG_OK;
    isg_sha256_init(&s);
    for (size_t k = 0; k < p->n_languages && !rc; k++) {
        const isg_language *next = NULL; /* least code above `last` */
        for (size_t i = 0; i < p->n_languages; i++) {
            const isg_language *l = &p->languages[i];
            bool above = !last || strcmp(l->code, last->code) > 0;
            if (above && (!next || strcmp(l->code, next->code) < 0)) next = l;
        }
        isg_str_reset(&line);
        rc = isg_str_printf(&line, "%s %llu %llu\n", next->code,
                            (unsigned long long)next->train_bytes,
                            (unsigned long long)next->held_bytes);
        isg_sha256_add(&s, isg_str_c(&line), line.len);
        last = next;
    }
    isg_str_free(&line);
    if (rc) return rc;
    isg_sha256_end(&s, sum);
    isg_str_hex(sum, 32, hex);
    return set_text(&b->plan->corpus_fingerprint, hex) ? ISG_OK : isg_build_no_memory();
}

static isg_err from_map(isg_build *b, const isg_node *map)
{
    const isg_node *languages = isg_node_get(map, "languages"),
                   *print = isg_node_get(map, "fingerprint");
    isg_plan *plan = b->plan;
    b->corpus_shards = (size_t)isg_get_count(map, "corpus", "shards");
    ISG_TRY(new_languages(plan, languages->n));
    for (size_t i = 0; i < languages->n; i++) {
        const isg_node *l = languages->item[i];
        const char *text[4] = {
            isg_get_text(l, "language", "name"), isg_get_text(l, "language", "script"),
            isg_get_text(l, "language", "family"), isg_get_text(l, "language", "licence")};
        ISG_TRY(fill_language(&plan->languages[i], languages->key[i]->text, text));
        (void)isg_value_count(isg_node_get(l, "train_bytes"), &plan->languages[i].train_bytes);
        (void)isg_value_count(isg_node_get(l, "held_bytes"), &plan->languages[i].held_bytes);
        ISG_TRY(state_language(&plan->languages[i], print));
    }
    if (print)
        return set_text(&plan->corpus_fingerprint, print->text) ? ISG_OK : isg_build_no_memory();
    return state_fingerprint(b);
}

static isg_err from_manifest(isg_build *b, const isg_node *at)
{
    isg_str text = {0};
    isg_node *map = NULL;
    char *path = isg_build_path(b, at->text);
    if (!path) return isg_build_no_memory();
    isg_err rc = isg_file_read(path, ISG_CAMPAIGN_MAX_BYTES, &text);
    if (!rc) rc = isg_node_parse(isg_str_c(&text), text.len, path, &b->arena, &map);
    if (rc == ISG_EIO || rc == ISG_ESPEC || rc == ISG_EINPUT) {
        isg_diag_add(&b->diag, at, "key 'manifest': %s", isg_err_message());
        rc = ISG_OK;
    } else if (!rc) {
        isg_diag diag = {.file = path};
        isg_field_check(map, "corpus", true, &diag);
        if (!diag.n && !isg_node_get(map, "languages"))
            isg_diag_add(&diag, map, "key 'languages' is missing");
        if (diag.n)
            isg_diag_add(&b->diag, at, "key 'manifest': %s", isg_str_c(&diag.text));
        else
            rc = from_map(b, map);
        isg_str_free(&diag.text);
    }
    isg_str_free(&text);
    free(path);
    return rc;
}

isg_err isg_build_languages(isg_build *b)
{
    const isg_node *corpus = isg_node_get(b->top, "corpus");
    const char *override = b->options->corpus_override;
    b->plan->corpus_given = override != NULL;
    if (override) return from_directory(b, NULL, override);
    if (corpus->kind == ISG_NODE_SCALAR) return from_directory(b, corpus, corpus->text);

    const isg_node *manifest = isg_node_get(corpus, "manifest"),
                   *languages = isg_node_get(corpus, "languages");
    if (!manifest == !languages) {
        isg_diag_add(&b->diag, corpus, "key 'corpus': give one of 'manifest' and 'languages'");
        return ISG_OK;
    }
    if (!set_text(&b->plan->corpus, isg_get_text(corpus, "corpus", "path")))
        return isg_build_no_memory();
    return manifest ? from_manifest(b, manifest) : from_map(b, corpus);
}

size_t isg_find_language(isg_build *b, const isg_node *node, const char *code)
{
    const isg_plan *p = b->plan;
    for (size_t i = 0; i < p->n_languages; i++) {
        if (!strcmp(p->languages[i].code, code)) return i;
    }
    const char *names[512] = {NULL};
    size_t n = p->n_languages < 512 ? p->n_languages : 512;
    for (size_t i = 0; i < n; i++) names[i] = p->languages[i].code;
    isg_str all = {0};
    for (size_t i = 0; i < n && i < 12; i++)
        (void)isg_str_printf(&all, "%s%s", i ? ", " : "", names[i]);
    const char *near = isg_str_nearest(code, names, n);
    isg_diag_add(&b->diag, node, "language '%.40s' is not in the corpus (%s%s)%s%s%s", code,
                 isg_str_c(&all), n > 12 ? ", .." : "", near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
    isg_str_free(&all);
    return (size_t)-1;
}
