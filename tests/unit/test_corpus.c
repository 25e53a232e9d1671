/* The builder and the reader of a corpus, on text made here: split, dropping, shards, refusals. */
#define _GNU_SOURCE
#include "check.h"

#include "corpus/gather.h"
#include "corpus/text.h"
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
    {.code = "aa",
     .name = "Aa",
     .script = "Latn",
     .family = "F",
     .licence = "none",
     .files = file_aa,
     .n_files = 1},
    {.code = "bb",
     .name = "Bb",
     .script = "Cyrl",
     .family = "G",
     .licence = "none",
     .files = file_bb,
     .n_files = 1},
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
    if (text.n >= n && !memcmp(text.data, wanted + 1, n))
        found = text.data;
    else if (text.n)
        found = memmem(text.data, text.n, wanted, n + 1);
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
                        "%s#4\tsecond held line\n" /* equal to the second */
                        "%s#5\tthe last\n%s#6\ttranslated alike\n",
                        h, h, t, t, t, t, t, t);
    char *bb = isg_strf("%s#1\tодин\n%s#1\tперевод первой\n%s#2\tстрока\n%s#4\tперевод второй\n"
                        "%s#5\tпоследняя\n%s#6\tперевод второй\n",
                        h, t, t, t, t, t);
    put_text("aa.txt", aa);
    put_text("bb.txt", bb);
    CHECK_OK(isg_corpus_build(&r, at("leaks"), false, &what));
    check_part("leaks", "aa.held", "one held line, 12 of it\nsecond held line\n");
    check_part("leaks", "aa.train", "a line kept once\nthe last\ntranslated alike\n");
    check_part("leaks", "bb.held", "один\n");
    check_part("leaks", "bb.train", "строка\nпоследняя\n");
    char *index = read_part("leaks", "index.json");
    CHECK(strstr(index, "\"twin\": {\n     \"lines\": 2,") !=
          NULL); /* #1; #4 and #6 are one text */
    free(index);
    free(aa);
    free(bb);
}

/* Lines of a held-out page stand together however they were read, and the index says where; a page
 * end follows each page, and other text is as without one. */
static void test_pages(void)
{
    isg_corpus_built what;
    isg_corpus_recipe r = recipe_of_two();
    char h[32], k[32], t[32], u[32], wanted[256];
    key_like(true, 0, h);
    key_like(true, 2, k);
    key_like(false, 1, t);
    key_like(false, 3, u);
    char *text = isg_strf("%s\tfirst\n%s\tother\n%s\tthird\n%s\tone\n%s\ttwo\n%s\tthree\n", h, k, h,
                          t, t, u);
    put_text("aa.txt", text);
    put_text("bb.txt", text);
    r.shards = 1;
    CHECK_OK(isg_corpus_build(&r, at("pages"), false, &what));
    check_part("pages", "aa.held", "first\nthird\nother\n");
    check_part("pages", "aa.train", "one\ntwo\nthree\n");
    (void)snprintf(wanted, sizeof wanted, "%016llx 0 12 2\n%016llx 12 6 1\n",
                   (unsigned long long)isg_page_hash(h, strlen(h)),
                   (unsigned long long)isg_page_hash(k, strlen(k)));
    check_part("pages", "aa.pages", wanted);

    r.page_end = true;
    CHECK_FAILS(isg_corpus_build(&r, at("pages"), false, &what), ISG_EBUSY,
                "other text or options");
    CHECK_OK(isg_corpus_build(&r, at("ends"), false, &what));
    check_part("ends", "aa.held",
               "first\nthird\n\xff"
               "other\n\xff");
    check_part("ends", "aa.train",
               "one\ntwo\n\xff"
               "three\n\xff");
    (void)snprintf(wanted, sizeof wanted, "%016llx 0 12 2\n%016llx 13 6 1\n",
                   (unsigned long long)isg_page_hash(h, strlen(h)),
                   (unsigned long long)isg_page_hash(k, strlen(k)));
    check_part("ends", "aa.pages", wanted);
    isg_corpus *c = NULL;
    CHECK_OK(isg_corpus_open(at("ends"), &c));
    if (c) CHECK_OK(isg_corpus_verify(c));
    if (c) CHECK_EQ_U64(c->languages[1].held_pages, 2);
    isg_corpus_close(&c);
    put_text("ends/aa.pages", "0000000000000000 0 12 2\n0000000000000000 13 6 1\n");
    CHECK_OK(isg_corpus_open(at("ends"), &c));
    if (c) CHECK_FAILS(isg_corpus_verify(c), ISG_EINPUT, "aa.pages' was changed");
    isg_corpus_close(&c);
    free(text);
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

/* A corpus is replaced only when asked, and its fingerprint follows its content alone. */
static void test_rebuild(void)
{
    isg_corpus_built what;
    isg_corpus *first = NULL, *second = NULL;
    isg_corpus_recipe r = recipe_of_two();

    CHECK_OK(isg_corpus_build(&r, at("again/"), false, &what));
    CHECK_OK(isg_corpus_build(&r, at("again"), false, &what));
    CHECK(what == ISG_CORPUS_UP_TO_DATE);
    CHECK_OK(isg_corpus_open(at("again"), &first));
    write_language("bb.txt", 0x430 + 1);
    CHECK_FAILS(isg_corpus_build(&r, at("again"), false, &what), ISG_EBUSY, "--rebuild");
    CHECK_OK(isg_corpus_verify(first));
    CHECK_OK(isg_corpus_build(&r, at("again"), true, &what));
    CHECK(what == ISG_CORPUS_BUILT);
    CHECK_OK(isg_corpus_open(at("again"), &second));
    CHECK(strcmp(first->fingerprint, second->fingerprint) != 0);
    isg_corpus_close(&second);
    write_language("bb.txt", 0x430);
    isg_corpus_source swapped[2] = {two[1], two[0]};
    r.languages = swapped; /* the order of the manifest does not matter */
    CHECK_OK(isg_corpus_build(&r, at("swapped"), false, &what));
    CHECK_OK(isg_corpus_open(at("swapped"), &second));
    CHECK_STR(second->fingerprint, first->fingerprint);
    isg_corpus_close(&first);
    isg_corpus_close(&second);
    CHECK_OK(isg_dir_make(at("other")));
    CHECK_FAILS(isg_corpus_build(&r, at("other"), true, &what), ISG_EBUSY, "is not a corpus");
}

/* The same text packed, and as a tree of one file a page, is the same corpus. */
static void test_inputs(void)
{
    static const struct {
        const char *program, *suffix;
    } packers[] = {{"xz", "xz"}, {"gzip", "gz"}, {"zstd", "zst"}, {"bzip2", "bz2"}};
    isg_corpus_built what;
    isg_corpus *plain = NULL, *packed = NULL;
    isg_corpus_recipe r = recipe_of_two();
    isg_corpus_source one[2] = {two[0], two[1]};
    r.languages = one;
    CHECK_OK(isg_corpus_open(at("swapped"), &plain));
    for (size_t i = 0; i < sizeof packers / sizeof packers[0]; i++) {
        char name[16], command[1200];
        const char *const file[] = {name};
        (void)snprintf(name, sizeof name, "aa.txt.%s", packers[i].suffix);
        (void)snprintf(command, sizeof command, "command -v %s >/dev/null", packers[i].program);
        if (system(command)) {
            printf("no %s here: its part is left out\n", packers[i].program);
            continue;
        }
        (void)snprintf(command, sizeof command, "%s -c <%s >%s", packers[i].program, at("aa.txt"),
                       at(name));
        CHECK(system(command) == 0);
        one[0].files = file;
        CHECK_OK(isg_corpus_build(&r, at(packers[i].suffix), false, &what));
        CHECK_OK(isg_corpus_open(at(packers[i].suffix), &packed));
        if (packed && plain) CHECK_STR(packed->fingerprint, plain->fingerprint);
        isg_corpus_close(&packed);
    }
    put_text("broken.xz", "this was never packed");
    one[0].files = (const char *const[]){"broken.xz"};
    CHECK_FAILS(isg_corpus_build(&r, at("none"), false, &what), ISG_EINPUT, "could not unpack");
    one[0].files = (const char *const[]){"absent.txt"};
    CHECK_FAILS(isg_corpus_build(&r, at("none"), false, &what), ISG_EINPUT, "does not exist");
    one[0].files = (const char *const[]){"absent*.txt"};
    CHECK_FAILS(isg_corpus_build(&r, at("none"), false, &what), ISG_EINPUT, "no file matches");
    CHECK(!isg_path_exists(at("none")));
    isg_corpus_close(&plain);
}

static void test_trees_and_blocks(void)
{
    isg_corpus_built what;
    isg_corpus *c = NULL;
    isg_corpus_recipe r = recipe_of_two();
    isg_corpus_source one = two[0];
    uint64_t held = 0;
    r.languages = &one;
    r.n_languages = 1;
    r.keys = ISG_KEYS_FILE;
    one.files = (const char *const[]){"tree"};
    CHECK_OK(isg_dir_make(at("tree/sub")));
    for (int i = 0; i < 100; i++) {
        char name[64], text[64];
        int n = snprintf(name, sizeof name, "tree/sub/p%02d.txt", i);
        bool out = isg_page_hash(name + 5, (size_t)n - 5) < (uint64_t)(0.1 * 0x1p64);
        n = snprintf(text, sizeof text, "text of page %c%c\n", 'a' + i / 10, 'a' + i % 10);
        held += out ? (uint64_t)n : 0;
        put(name, text, (size_t)n);
    }
    CHECK_OK(isg_corpus_build(&r, at("from-tree"), false, &what));
    CHECK_OK(isg_corpus_open(at("from-tree"), &c));
    if (c) CHECK_EQ_U64(c->languages[0].held_bytes, held);
    isg_corpus_close(&c);
    one.files = (const char *const[]){
        "tree/*/p??.txt"}; /* another way to the same pages, with shorter keys */
    CHECK_OK(isg_corpus_build(&r, at("from-glob"), false, &what));
    one.files = file_aa;
    CHECK_FAILS(isg_corpus_build(&r, at("one-page"), false, &what), ISG_EINPUT, "keys: block");
    r.keys = ISG_KEYS_BLOCK;
    r.block_lines = 10;
    CHECK_OK(isg_corpus_build(&r, at("blocks"), false, &what));
    CHECK_OK(isg_corpus_open(at("blocks"), &c));
    if (c) CHECK_EQ_U64(c->languages[0].held_lines % 10, 0); /* 2400 lines: whole blocks */
    isg_corpus_close(&c);
    r.keys = ISG_KEYS_COLUMN;
    r.held_bytes = 40000;
    CHECK_OK(isg_corpus_build(&r, at("more-held"), false, &what));
    CHECK_OK(isg_corpus_open(at("more-held"), &c));
    if (c) CHECK(c->languages[0].held_bytes >= 40000 && c->languages[0].held_bytes < 42000);
    isg_corpus_close(&c);
}

/* Untranslated lines, lines that many share, foreign script, few letters, short lines. */
static void test_rules(void)
{
    char h[32], t[32];
    isg_corpus_built what;
    isg_corpus_recipe r = recipe_of_two();
    isg_corpus_source three[3] = {two[0], two[1], two[1]};
    three[1].not_in = (const char *const[]){"aa"};
    three[1].n_not_in = 1;
    three[2].code = "cc";
    three[2].script = "Latn";
    three[2].files = (const char *const[]){"cc.txt"};
    r.languages = three;
    r.n_languages = 3;
    r.shared_by = 3;
    r.min_line_bytes = 8;
    r.min_letters = 0.6;
    r.own_script = 0.5;
    key_like(true, 0, h);
    key_like(false, 1, t);
    char *aa = isg_strf(
        "%s\theld out aa\n%s\tleft in English\n%s\tStock GmbH\n%s\tshort\n%s\t1234567 (a) 89\n"
        "%s\tonly in aa\n",
        h, t, t, t, t, t);
    char *bb = isg_strf("%s\tотложено\n%s\tсвоя строка\n%s\tleft in English\n%s\tно more English\n",
                        h, t, t, t);
    char *cc = isg_strf(
        "%s\theld out cc\n%s\tStock GmbH\n%s\tленивый\n%s\tleft in English\n%s\tmine alone\n", h, t,
        t, t, t);
    put_text("aa.txt", aa);
    put_text("bb.txt", bb);
    put_text("cc.txt", cc);
    CHECK_OK(isg_corpus_build(&r, at("rules"), false, &what));
    check_part("rules", "aa.train", "left in English\nStock GmbH\nonly in aa\n");
    check_part("rules", "bb.train", "своя строка\n");
    check_part("rules", "cc.train", "Stock GmbH\nleft in English\nmine alone\n");
    r.shared_by = 2;
    CHECK_OK(isg_corpus_build(&r, at("rules2"), false, &what));
    check_part("rules2", "cc.train", "mine alone\n");
    three[1].not_in = (const char *const[]){"xx"};
    CHECK_FAILS(isg_corpus_build(&r, at("none"), false, &what), ISG_ESPEC, "names 'xx'");
    free(aa);
    free(bb);
    free(cc);
}

static void test_text(void)
{
    static const struct {
        const char *a, *b;
        bool same;
    } folds[] = {
        {"page 7 of 12", " page  345\u00a0of 1 ", true},
        {"a1b", "a22b", true},
        {"ab", "a b", false},
        {"a1", "a", false},
        {"पृष्ठ १२", "पृष्ठ 3", true},
        {"ក\u200bខ", "ក ខ", true},
        {"x1 2", "x12", false},
    };
    for (size_t i = 0; i < sizeof folds / sizeof folds[0]; i++) {
        bool same = isg_text_hash_folded(folds[i].a, strlen(folds[i].a)) ==
                    isg_text_hash_folded(folds[i].b, strlen(folds[i].b));
        if (same != folds[i].same) fprintf(stderr, "'%s' and '%s':\n", folds[i].a, folds[i].b);
        CHECK(same == folds[i].same);
    }
    static const struct {
        const char *text;
        size_t bad; /* offset of the first invalid byte */
    } bytes[] = {
        {"aé語😀", 10},    {"\xC0\x80", 0},         {"a\xED\xA0\x80", 1}, {"\xF4\x90\x80\x80", 0},
        {"é\xE8\xAA", 2}, {"\xF4\x8F\xBF\xBF", 4}, {"\x80", 0},          {"ab\xE0\x9F\xBF", 2}};
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        CHECK_EQ_U64(isg_text_valid(bytes[i].text, strlen(bytes[i].text)), bytes[i].bad);
    }
    isg_text_shape s = isg_text_measure("日本語 ABC 12。", strlen("日本語 ABC 12。"), "Jpan");
    CHECK_EQ_U64(s.visible, 9);
    CHECK_EQ_U64(s.letters, 6);
    CHECK_EQ_U64(s.own, 3);
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    write_language("aa.txt", 'a');
    write_language("bb.txt", 0x430);
    test_split();
    test_shards();
    test_rebuild();
    test_inputs();
    test_trees_and_blocks();
    test_leaks();
    test_pages();
    test_utf8();
    test_rules();
    test_text();
    CHECK_OK(isg_path_remove(dir));
    return check_done();
}
