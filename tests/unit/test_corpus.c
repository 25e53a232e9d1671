/* The builder and the reader of a corpus, on text made here: split, dropping, shards, refusals. */
#define _GNU_SOURCE
#include "check.h"

#include "corpus/gather.h"
#include "isogloss/corpus.h"
#include "isogloss/corpus_build.h"
#include "isogloss/json.h"
#include "isogloss/os.h"
#include "isogloss/rng.h"

#include <stdlib.h>
#include <unistd.h>

enum { PAGES = 200, UNITS = 12 };

static char dir[] = "/tmp/isogloss-corpus-XXXXXX";

static const char *at(const char *name)
{
    static char path[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    (void)snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

static void put(const char *name, const void *text, size_t n)
{
    CHECK_OK(isg_file_write(at(name), text, n));
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

/* Words of a made-up language: letters from `first` on; the same for the same page and unit. */
static void sentence(uint32_t first, uint64_t page, uint64_t unit, isg_str *out)
{
    isg_rng r;
    isg_rng_at(&r, first, ISG_RNG_TEST, page * 1000 + unit);
    size_t words = 5 + isg_rng_below(&r, 6);
    for (size_t w = 0; w < words; w++) {
        size_t letters = 2 + isg_rng_below(&r, 7);
        if (w) CHECK_OK(isg_str_puts(out, " "));
        for (size_t i = 0; i < letters; i++) {
            uint32_t c = first + (uint32_t)isg_rng_below(&r, 24);
            char two[2] = {(char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3F))};
            CHECK_OK(c < 0x80 ? isg_str_add(out, &(char){(char)c}, 1) : isg_str_add(out, two, 2));
        }
    }
}

/* UNITS lines a page, all different. */
static void write_language(const char *name, uint32_t first)
{
    isg_str text = {0};
    for (uint64_t p = 0; p < PAGES; p++) {
        for (uint64_t u = 0; u < UNITS; u++) {
            CHECK_OK(isg_str_printf(&text, "page%03d#u%d\t", (int)p, (int)u));
            sentence(first, p, u, &text);
            CHECK_OK(isg_str_puts(&text, "\n"));
        }
    }
    put(name, text.data, text.len);
    isg_str_free(&text);
}

static const char *const file_aa[] = {"aa.txt"}, *const file_bb[] = {"bb.txt"};
static isg_corpus_source two[2] = {
    {.code = "aa", .name = "Aa", .script = "Latn", .family = "F", .licence = "none", .files = file_aa, .n_files = 1},
    {.code = "bb", .name = "Bb", .script = "Cyrl", .family = "G", .licence = "none", .files = file_bb, .n_files = 1},
};

static isg_corpus_recipe recipe_of_two(void)
{
    isg_corpus_recipe r;
    isg_corpus_recipe_defaults(&r);
    r.name = "two";
    r.base = dir;
    r.keys = ISG_KEYS_COLUMN;
    r.shards = 4;
    r.held_fraction = 0.1;
    r.languages = two;
    r.n_languages = 2;
    return r;
}

/* Offset of a whole line in a text, or -1. */
static long line_at(isg_bytes text, const char *line)
{
    char *wanted = isg_strf("\n%s\n", line);
    size_t n = strlen(line) + 1;
    const uint8_t *found = NULL;
    if (text.n >= n && !memcmp(text.data, wanted + 1, n)) found = text.data;
    else if (text.n) found = memmem(text.data, text.n, wanted, n + 1);
    long offset = !found ? -1 : found == text.data ? 0 : (long)(found - text.data) + 1;
    free(wanted);
    return offset;
}

static size_t shard_of(const isg_corpus *c, size_t language, long offset)
{
    size_t s = 0;
    while (s + 1 < c->n_shards && (long)c->languages[language].shard_offset[s + 1] <= offset) s++;
    return s;
}

/* The same pages are held out in both languages, whole, in the same shards; the rule can be recomputed. */
static void test_split(void)
{
    isg_corpus_built what;
    isg_corpus *c = NULL;
    isg_bytes train[2] = {0}, held[2] = {0};
    isg_corpus_recipe r = recipe_of_two();
    const uint32_t first[2] = {'a', 0x430};
    size_t n_held = 0, shards_seen = 0;

    CHECK_OK(isg_corpus_build(&r, at("two"), false, &what));
    CHECK(what == ISG_CORPUS_BUILT);
    CHECK_OK(isg_corpus_open(at("two"), &c));
    if (!c) return;
    CHECK_OK(isg_corpus_verify(c));
    CHECK_EQ_U64(isg_corpus_find(c, "bb"), 1);
    CHECK(isg_corpus_find(c, "cc") == (size_t)-1);
    for (size_t l = 0; l < 2; l++) {
        CHECK_OK(isg_corpus_map_train(c, l, &train[l]));
        CHECK_OK(isg_corpus_map_held(c, l, &held[l]));
    }
    for (uint64_t p = 0; p < PAGES; p++) {
        char key[32];
        int n = snprintf(key, sizeof key, "page%03d", (int)p);
        bool out = isg_page_hash(key, (size_t)n) < (uint64_t)(0.1 * 0x1p64);
        size_t shard[2] = {0};
        n_held += out;
        for (uint64_t u = 0; u < UNITS; u++) {
            for (size_t l = 0; l < 2; l++) {
                isg_str line = {0};
                sentence(first[l], p, u, &line);
                long offset = line_at(held[l], line.data);
                CHECK((offset >= 0) == out);
                CHECK((line_at(train[l], line.data) >= 0) == !out);
                if (out) shard[l] = shard_of(c, l, offset);
                isg_str_free(&line);
            }
            if (out) CHECK_EQ_U64(shard[0], shard[1]);
        }
        if (out) shards_seen |= (size_t)1 << shard[0];
    }
    CHECK(n_held > 8 && n_held < 40);
    CHECK_EQ_U64(shards_seen, 15); /* all four */
    for (size_t l = 0; l < 2; l++) {
        CHECK_EQ_U64(c->languages[l].train_lines + c->languages[l].held_lines, PAGES * UNITS);
        isg_bytes_unmap(&train[l]);
        isg_bytes_unmap(&held[l]);
    }
    isg_corpus_close(&c);
    CHECK(c == NULL);
}

/* Joined shards: the first bytes of each, and no divisor no answer. */
static void test_shards(void)
{
    isg_corpus *c = NULL;
    isg_bytes held = {0};
    uint8_t got[64];
    size_t n = 0;

    CHECK_OK(isg_corpus_open(at("two"), &c));
    if (!c) return;
    CHECK_OK(isg_corpus_map_held(c, 1, &held));
    const uint64_t *offset = c->languages[1].shard_offset;
    CHECK_EQ_U64(offset[4], held.n);
    CHECK_OK(isg_corpus_held_shard(c, 1, 1, 2, sizeof got, got, &n));
    CHECK_EQ_U64(n, sizeof got);
    CHECK(!memcmp(got, held.data + offset[2], sizeof got));
    uint8_t *all = malloc(held.n + 1);
    CHECK_OK(isg_corpus_held_shard(c, 1, 0, 1, held.n + 1, all, &n));
    CHECK_EQ_U64(n, held.n);
    CHECK(!memcmp(all, held.data, held.n));
    CHECK_FAILS(isg_corpus_held_shard(c, 1, 0, 3, 1, got, &n), ISG_EARG, "3 must divide");
    free(all);
    isg_bytes_unmap(&held);
    isg_corpus_close(&c);
}

/* A key whose page is held out (or not) at a tenth. */
static void key_like(bool held, int number, char key[32])
{
    for (int i = 0;; i++) {
        int n = snprintf(key, 32, "%c%d", "abcdefgh"[number], i);
        if ((isg_page_hash(key, (size_t)n) < (uint64_t)(0.1 * 0x1p64)) == held) return;
    }
}

static char *read_part(const char *corpus, const char *file)
{
    isg_str text = {0};
    char *path = isg_strf("%s/%s", at(corpus), file);
    CHECK_OK(isg_file_read(path, 1 << 20, &text));
    free(path);
    return text.data ? text.data : isg_strdup("");
}

static void check_part(const char *corpus, const char *file, const char *wanted)
{
    char *text = read_part(corpus, file);
    CHECK_STR(text, wanted);
    free(text);
}

/* What is held out leaves the training text, in every language. */
static void test_leaks(void)
{
    char h[32], t[32];
    isg_corpus_built what;
    isg_corpus_recipe r = recipe_of_two();
    key_like(true, 0, h);
    key_like(false, 1, t);
    char *aa = isg_strf("%s#1\tone held line, 12 of it\n%s#2\tsecond held line\n"
                        "%s#1\tone held line,  345 of it \n" /* folds to the first */
                        "%s#2\ta line kept once\n%s#3\ta line kept once\n"
                        "%s#4\tsecond held line\n"           /* equal to the second */
                        "%s#5\tthe last\n%s#6\ttranslated alike\n", h, h, t, t, t, t, t, t);
    char *bb = isg_strf("%s#1\tодин\n%s#1\tперевод первой\n%s#2\tстрока\n%s#4\tперевод второй\n"
                        "%s#5\tпоследняя\n%s#6\tперевод второй\n", h, t, t, t, t, t);
    put_text("aa.txt", aa);
    put_text("bb.txt", bb);
    CHECK_OK(isg_corpus_build(&r, at("leaks"), false, &what));
    check_part("leaks", "aa.held", "one held line, 12 of it\nsecond held line\n");
    check_part("leaks", "aa.train", "a line kept once\nthe last\ntranslated alike\n");
    check_part("leaks", "bb.held", "один\n");
    check_part("leaks", "bb.train", "строка\nпоследняя\n");
    char *index = read_part("leaks", "index.json");
    CHECK(strstr(index, "\"twin\": {\n     \"lines\": 2,") != NULL); /* #1; #4 and #6 are one text */
    free(index);
    free(aa);
    free(bb);
}

static void test_utf8(void)
{
    isg_corpus_built what;
    isg_corpus_recipe r = recipe_of_two();
    char h[32], t[32];
    key_like(true, 0, h);
    key_like(false, 1, t);
    char *bad = isg_strf("%s\theld line\n%s\tbroken \xC3 here\n", h, t);
    put_text("aa.txt", bad);
    char *wanted = isg_strf("byte 0xc3 at offset %zu (line 2)", strcspn(bad, "\xC3"));
    CHECK_FAILS(isg_corpus_build(&r, at("utf8"), false, &what), ISG_EINPUT, wanted);
    CHECK(!isg_path_exists(at("utf8")));
    r.clean_utf8 = true;
    CHECK_OK(isg_corpus_build(&r, at("utf8"), false, &what));
    check_part("utf8", "aa.train", "broken  here\n");
    char *index = read_part("utf8", "index.json");
    CHECK(strstr(index, "\"invalid_utf8\": {\n     \"bytes\": 1") != NULL);
    free(index);
    free(wanted);
    free(bad);
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    write_language("aa.txt", 'a');
    write_language("bb.txt", 0x430);
    test_split();
    test_shards();
    test_leaks();
    test_utf8();
    CHECK_OK(isg_path_remove(dir));
    return check_done();
}
