#include "isogloss/corpus.h"

#include "format.h"
#include "isogloss/hash.h"
#include "isogloss/json.h"
#include "isogloss/os.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static isg_err copy_string(const json_t *object, const char *key, char **out)
{
    const char *text = NULL;
    ISG_TRY(isg_json_string(object, key, &text));
    *out = isg_strdup(text);
    return *out ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
}

static isg_err copy_file_name(const json_t *part, char **out)
{
    ISG_TRY(copy_string(part, "file", out));
    if (!isg_str_is_name(*out)) return ISG_FAIL(ISG_EINPUT, "'%s' is not a plain file name", *out);
    return ISG_OK;
}

static isg_err read_shards(const json_t *held, size_t n_shards, isg_corpus_language *l)
{
    json_t *list = NULL;
    ISG_TRY(isg_json_array(held, "shard_offset", &list));
    if (json_array_size(list) != n_shards + 1) {
        return ISG_FAIL(ISG_EINPUT, "'shard_offset' has %zu entries, not shards + 1 = %zu",
                        json_array_size(list), n_shards + 1);
    }
    l->shard_offset = calloc(n_shards + 1, sizeof *l->shard_offset);
    if (!l->shard_offset) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    uint64_t last = 0;
    for (size_t s = 0; s <= n_shards; s++) {
        json_int_t v = json_integer_value(json_array_get(list, s));
        if (v < 0 || (uint64_t)v < last || (s == 0 && v != 0)) {
            return ISG_FAIL(ISG_EINPUT, "'shard_offset' must start at 0 and never fall");
        }
        l->shard_offset[s] = last = (uint64_t)v;
    }
    if (last != l->held_bytes) {
        return ISG_FAIL(ISG_EINPUT, "'shard_offset' must end at the held-out bytes");
    }
    return ISG_OK;
}

static isg_err read_pages(const json_t *object, isg_corpus_language *l)
{
    json_t *pages = NULL;
    ISG_TRY(isg_json_object(object, "held_pages", &pages));
    ISG_TRY(copy_file_name(pages, &l->pages_file));
    ISG_TRY(copy_string(pages, "sha256", &l->pages_sha256));
    ISG_TRY(isg_json_u64(pages, "bytes", &l->pages_bytes));
    return isg_json_u64(pages, "lines", &l->held_pages);
}

static isg_err read_language(const json_t *object, size_t n_shards, isg_corpus_language *l)
{
    json_t *train = NULL, *held = NULL;
    ISG_TRY(copy_string(object, "code", &l->code));
    ISG_TRY(copy_string(object, "name", &l->name));
    ISG_TRY(copy_string(object, "script", &l->script));
    ISG_TRY(copy_string(object, "family", &l->family));
    ISG_TRY(copy_string(object, "licence", &l->licence));
    ISG_TRY(isg_json_object(object, "train", &train));
    ISG_TRY(isg_json_object(object, "held", &held));
    ISG_TRY(copy_file_name(train, &l->train_file));
    ISG_TRY(copy_file_name(held, &l->held_file));
    ISG_TRY(copy_string(train, "sha256", &l->train_sha256));
    ISG_TRY(copy_string(held, "sha256", &l->held_sha256));
    ISG_TRY(isg_json_u64(train, "bytes", &l->train_bytes));
    ISG_TRY(isg_json_u64(held, "bytes", &l->held_bytes));
    ISG_TRY(isg_json_u64(train, "lines", &l->train_lines));
    ISG_TRY(isg_json_u64(held, "lines", &l->held_lines));
    if (json_object_get(object, "held_pages")) ISG_TRY(read_pages(object, l));
    return read_shards(held, n_shards, l);
}

static isg_err read_index(const json_t *index, isg_corpus *c)
{
    uint64_t version = 0, shards = 0;
    json_t *list = NULL;
    ISG_TRY(isg_json_u64(index, "isogloss_corpus", &version));
    if (version != ISG_CORPUS_FORMAT) {
        return ISG_FAIL(ISG_EINPUT,
                        "corpus format %" PRIu64 ", but this program reads format %d: "
                        "build the corpus again",
                        version, ISG_CORPUS_FORMAT);
    }
    ISG_TRY(copy_string(index, "name", &c->name));
    ISG_TRY(copy_string(index, "fingerprint", &c->fingerprint));
    ISG_TRY(isg_json_u64(index, "shards", &shards));
    if (shards < 1 || shards > ISG_CORPUS_MAX_SHARDS) {
        return ISG_FAIL(ISG_EINPUT, "'shards' is %" PRIu64 ", not within 1 to %d", shards,
                        ISG_CORPUS_MAX_SHARDS);
    }
    c->n_shards = (size_t)shards;
    ISG_TRY(isg_json_array(index, "languages", &list));
    c->languages = calloc(json_array_size(list) + 1, sizeof *c->languages);
    if (!c->languages) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    c->n_languages = json_array_size(list);
    for (size_t i = 0; i < c->n_languages; i++) {
        isg_err rc = read_language(json_array_get(list, i), c->n_shards, &c->languages[i]);
        if (rc) return isg_err_context(rc, "language %zu", i + 1);
    }
    return ISG_OK;
}

static isg_err check_size(const isg_corpus *c, const char *file, uint64_t bytes)
{
    struct stat st;
    char *path = isg_path_join(c->dir, file);
    if (!path) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = ISG_OK;
    if (stat(path, &st)) {
        rc = ISG_FAIL(ISG_EIO, "cannot read '%s': %s", path, strerror(errno));
    } else if ((uint64_t)st.st_size != bytes) {
        rc = ISG_FAIL(ISG_EINPUT,
                      "'%s' has %jd bytes, but index.json says %" PRIu64 ": build the corpus again",
                      path, (intmax_t)st.st_size, bytes);
    }
    free(path);
    return rc;
}

isg_err isg_corpus_open(const char *dir, isg_corpus **out)
{
    json_t *index = NULL;
    char *path = isg_path_join(dir, "index.json");
    isg_corpus *c = calloc(1, sizeof *c);
    isg_err rc = ISG_OK;

    *out = NULL;
    if (c) c->dir = isg_strdup(dir);
    if (!c || !c->dir || !path) {
        rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
        goto done;
    }
    if (!isg_path_exists(path)) {
        rc = ISG_FAIL(ISG_EINPUT,
                      "'%s' is not a built corpus (no index.json in it): make one with "
                      "'isogloss corpus build'",
                      dir);
        goto done;
    }
    rc = isg_json_load(path, &index);
    if (rc) goto done;
    rc = isg_err_context(read_index(index, c), "%s", path);
    for (size_t i = 0; !rc && i < c->n_languages; i++) {
        rc = check_size(c, c->languages[i].train_file, c->languages[i].train_bytes);
        if (!rc) rc = check_size(c, c->languages[i].held_file, c->languages[i].held_bytes);
    }
    if (rc) goto done;
    *out = c;
    c = NULL;
done:
    isg_corpus_close(&c);
    json_decref(index);
    free(path);
    return rc;
}

void isg_corpus_language_clear(isg_corpus_language *l)
{
    char *text[] = {l->code,        l->name,       l->script,      l->family,
                    l->licence,     l->train_file, l->held_file,   l->train_sha256,
                    l->held_sha256, l->pages_file, l->pages_sha256};
    for (size_t t = 0; t < sizeof text / sizeof text[0]; t++) free(text[t]);
    free(l->shard_offset);
    *l = (isg_corpus_language){0};
}

void isg_corpus_close(isg_corpus **corpus)
{
    if (!corpus || !*corpus) return;
    isg_corpus *c = *corpus;
    for (size_t i = 0; i < c->n_languages; i++) isg_corpus_language_clear(&c->languages[i]);
    free(c->languages);
    free(c->dir);
    free(c->name);
    free(c->fingerprint);
    free(c);
    *corpus = NULL;
}

size_t isg_corpus_find(const isg_corpus *corpus, const char *code)
{
    for (size_t i = 0; i < corpus->n_languages; i++) {
        if (!strcmp(corpus->languages[i].code, code)) return i;
    }
    return (size_t)-1;
}

static isg_err map_file(const isg_corpus *c, const char *file, uint64_t bytes, isg_bytes *out)
{
    *out = (isg_bytes){0};
    if (!bytes) return ISG_OK;
    ISG_TRY(check_size(c, file, bytes)); /* a shorter file would be a SIGBUS later */
    char *path = isg_path_join(c->dir, file);
    if (!path) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = ISG_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        rc = ISG_FAIL(ISG_EIO, "cannot map '%s': %s", path, strerror(errno));
    else
        *out = (isg_bytes){.data = map, .n = (size_t)bytes};
    if (fd >= 0) (void)close(fd);
    free(path);
    return rc;
}

isg_err isg_corpus_map_train(const isg_corpus *corpus, size_t language, isg_bytes *out)
{
    const isg_corpus_language *l = &corpus->languages[language];
    return map_file(corpus, l->train_file, l->train_bytes, out);
}

isg_err isg_corpus_map_held(const isg_corpus *corpus, size_t language, isg_bytes *out)
{
    const isg_corpus_language *l = &corpus->languages[language];
    return map_file(corpus, l->held_file, l->held_bytes, out);
}

void isg_bytes_unmap(isg_bytes *bytes)
{
    if (!bytes || !bytes->data) return;
    (void)munmap((void *)(uintptr_t)bytes->data, bytes->n);
    *bytes = (isg_bytes){0};
}

isg_err isg_corpus_held_range(const isg_corpus *corpus, size_t language, size_t shard,
                              size_t shards, uint64_t bytes, isg_range *out)
{
    *out = (isg_range){0};
    if (!shards || corpus->n_shards % shards || shard >= shards) {
        return ISG_FAIL(ISG_EARG,
                        "shard %zu of %zu: the corpus has %zu shards, which %zu must divide", shard,
                        shards, corpus->n_shards, shards);
    }
    const isg_corpus_language *l = &corpus->languages[language];
    size_t k = corpus->n_shards / shards;
    uint64_t from = l->shard_offset[shard * k], to = l->shard_offset[shard * k + k];
    *out = (isg_range){.offset = from, .bytes = to - from < bytes ? to - from : bytes};
    return ISG_OK;
}

isg_err isg_corpus_held_shard(const isg_corpus *corpus, size_t language, size_t shard,
                              size_t shards, size_t bytes, uint8_t *out, size_t *got)
{
    isg_range range;
    isg_bytes map = {0};
    *got = 0;
    ISG_TRY(isg_corpus_held_range(corpus, language, shard, shards, bytes, &range));
    if (!range.bytes) return ISG_OK;
    ISG_TRY(isg_corpus_map_held(corpus, language, &map));
    memcpy(out, map.data + range.offset, (size_t)range.bytes);
    isg_bytes_unmap(&map);
    *got = (size_t)range.bytes;
    return ISG_OK;
}

static void count_bytes(const uint8_t *data, size_t n, uint64_t *count)
{
    for (size_t i = 0; i < n; i++) count[data[i]]++;
}

isg_err isg_corpus_count_train(const isg_corpus *corpus, size_t language, uint64_t *count)
{
    isg_bytes map = {0};
    ISG_TRY(isg_corpus_map_train(corpus, language, &map));
    count_bytes(map.data, map.n, count);
    isg_bytes_unmap(&map);
    return ISG_OK;
}

isg_err isg_corpus_count_held(const isg_corpus *corpus, size_t language, const isg_range *ranges,
                              size_t n, uint64_t *count)
{
    isg_bytes map = {0};
    isg_err rc = ISG_OK;
    ISG_TRY(isg_corpus_map_held(corpus, language, &map));
    for (size_t i = 0; !rc && i < n; i++) {
        if (ranges[i].offset > map.n || ranges[i].bytes > map.n - ranges[i].offset)
            rc = ISG_FAIL(ISG_EINPUT, "held-out text of '%s' ends before byte %" PRIu64,
                          corpus->languages[language].code, ranges[i].offset + ranges[i].bytes);
        else
            count_bytes(map.data + ranges[i].offset, (size_t)ranges[i].bytes, count);
    }
    isg_bytes_unmap(&map);
    return rc;
}

static void sha256_hex(const void *data, size_t n, char hex[ISG_CORPUS_HEX])
{
    isg_sha256 s;
    uint8_t digest[32];
    isg_sha256_init(&s);
    isg_sha256_add(&s, data, n);
    isg_sha256_end(&s, digest);
    isg_str_hex(digest, sizeof digest, hex);
}

static isg_err verify_part(const isg_corpus *c, const char *file, uint64_t bytes,
                           const char *sha256)
{
    isg_bytes map = {0};
    char hex[ISG_CORPUS_HEX];
    ISG_TRY(map_file(c, file, bytes, &map));
    sha256_hex(map.data, map.n, hex);
    isg_bytes_unmap(&map);
    if (!strcmp(hex, sha256)) return ISG_OK;
    return ISG_FAIL(ISG_EINPUT,
                    "'%s/%s' was changed: its SHA-256 is %.12s..., index.json says %.12s...: "
                    "build the corpus again",
                    c->dir, file, hex, sha256);
}

isg_err isg_corpus_verify(const isg_corpus *corpus)
{
    for (size_t i = 0; i < corpus->n_languages; i++) {
        const isg_corpus_language *l = &corpus->languages[i];
        ISG_TRY(verify_part(corpus, l->train_file, l->train_bytes, l->train_sha256));
        ISG_TRY(verify_part(corpus, l->held_file, l->held_bytes, l->held_sha256));
        if (l->pages_file)
            ISG_TRY(verify_part(corpus, l->pages_file, l->pages_bytes, l->pages_sha256));
    }
    char hex[ISG_CORPUS_HEX];
    ISG_TRY(isg_corpus_fingerprint(corpus, hex));
    if (!strcmp(hex, corpus->fingerprint)) return ISG_OK;
    return ISG_FAIL(ISG_EINPUT,
                    "%s/index.json was changed: its fingerprint does not fit the files: "
                    "build the corpus again",
                    corpus->dir);
}

static int by_code(const void *a, const void *b)
{
    const isg_corpus_language *const *x = a, *const *y = b;
    return strcmp((*x)->code, (*y)->code);
}

isg_err isg_corpus_fingerprint(const isg_corpus *corpus, char hex[ISG_CORPUS_HEX])
{
    isg_str text = {0};
    isg_err rc = ISG_OK;
    const isg_corpus_language **sorted = calloc(corpus->n_languages + 1, sizeof *sorted);
    if (!sorted) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t i = 0; i < corpus->n_languages; i++) sorted[i] = &corpus->languages[i];
    qsort(sorted, corpus->n_languages, sizeof *sorted, by_code);
    for (size_t i = 0; !rc && i < corpus->n_languages; i++) {
        const isg_corpus_language *l = sorted[i];
        rc = isg_str_printf(&text, "%s %s %s", l->code, l->train_sha256, l->held_sha256);
        for (size_t s = 0; !rc && s <= corpus->n_shards; s++) {
            rc = isg_str_printf(&text, " %" PRIu64, l->shard_offset[s]);
        }
        if (!rc) rc = isg_str_puts(&text, "\n");
    }
    if (!rc) sha256_hex(isg_str_c(&text), text.len, hex);
    free(sorted);
    isg_str_free(&text);
    return rc;
}
