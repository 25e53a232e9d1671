/* Driver of the fuzz targets for compilers without libFuzzer: the seeds as
 * they are, then a fixed number of deterministic mutations of them.
 *
 *   fuzz_NAME MUTATIONS SEED_FILE...
 *
 * With clang and -DISOGLOSS_FUZZER=ON libFuzzer takes this file's place. */
#include "isogloss/os.h"
#include "isogloss/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_SEEDS = 256, SEED_BYTES = 1 << 20, CHANGES = 6 };

static const char *const words[] = {
    ": ",       "- ",      "{",    "}",   "[",     "]",     ",",
    "\n",       "\"",      "'",    "&a ", "*a",    "!!x ",  "#",
    "---\n",    "~",       "-1",   "0",   "1e308", "1e999", "99999999999999999999",
    "0.5",      "20x",     "max(", "all", "null",  "true",  "\xff",
    "\xc3\xa9", "\\u0000", "%s",   "k",   "M",     "../"};

/* Replace `cut` bytes at `at` by `n` others. */
static isg_err splice(isg_str *s, size_t at, size_t cut, const char *text, size_t n)
{
    char *copy = malloc(n + 1); /* `text` may be inside `s` */
    if (!copy) return ISG_ENOMEM;
    if (n) memcpy(copy, text, n);
    isg_err rc = isg_str_reserve(s, n);
    if (!rc) {
        memmove(s->data + at + n, s->data + at + cut, s->len - at - cut + 1);
        if (n) memcpy(s->data + at, copy, n);
        s->len = s->len + n - cut;
    }
    free(copy);
    return rc;
}

static isg_err change(isg_rng *r, isg_str *s, const isg_str *other)
{
    size_t at = isg_rng_below(r, s->len + 1), most = s->len - at < 40 ? s->len - at : 40;
    size_t cut = isg_rng_below(r, most + 1), from, n;
    const char *word = words[isg_rng_below(r, sizeof words / sizeof words[0])];
    char byte = (char)isg_rng_below(r, 256);
    switch (isg_rng_below(r, 6)) {
    case 0: return splice(s, at, 0, word, strlen(word));
    case 1: return splice(s, at, cut, word, strlen(word));
    case 2: return splice(s, at, cut, "", 0);
    case 3: return splice(s, at, most > 0, &byte, 1);
    case 4: return splice(s, at, 0, s->data + at, cut);
    default:
        from = isg_rng_below(r, other->len + 1);
        n = isg_rng_below(r, (other->len - from < 60 ? other->len - from : 60) + 1);
        return splice(s, at, cut, isg_str_c(other) + from, n);
    }
}

static isg_err mutate_all(const isg_str *seed, size_t seeds, uint64_t mutations)
{
    isg_str s = {0};
    isg_err rc = ISG_OK;
    for (uint64_t i = 0; i < mutations && !rc; i++) {
        isg_rng r;
        isg_rng_at(&r, 1, ISG_RNG_TEST, i);
        const isg_str *from = &seed[isg_rng_below(&r, seeds)];
        isg_str_reset(&s);
        rc = isg_str_add(&s, isg_str_c(from), from->len);
        for (uint64_t k = isg_rng_below(&r, CHANGES) + 1; k > 0 && !rc; k--) {
            rc = change(&r, &s, &seed[isg_rng_below(&r, seeds)]);
        }
        if (!rc) (void)LLVMFuzzerTestOneInput((const uint8_t *)isg_str_c(&s), s.len);
    }
    isg_str_free(&s);
    return rc;
}

int main(int argc, char **argv)
{
    isg_str seed[MAX_SEEDS] = {{0}};
    size_t seeds = 0;
    uint64_t mutations = 0;
    if (argc < 3 || !isg_str_to_u64(argv[1], &mutations)) {
        (void)fprintf(stderr, "usage: %s MUTATIONS SEED_FILE...\n", argv[0]);
        return 2;
    }
    isg_err rc = ISG_OK;
    for (int i = 2; i < argc && seeds < MAX_SEEDS && !rc; i++) {
        rc = isg_file_read(argv[i], SEED_BYTES, &seed[seeds]);
        if (!rc)
            (void)LLVMFuzzerTestOneInput((const uint8_t *)isg_str_c(&seed[seeds]), seed[seeds].len);
        seeds++;
    }
    if (!rc) rc = mutate_all(seed, seeds, mutations);
    for (size_t i = 0; i < seeds; i++) isg_str_free(&seed[i]);
    if (rc)
        (void)fprintf(stderr, "%s\n", isg_err_message());
    else
        (void)printf("%zu seeds and %llu mutations passed\n", seeds, (unsigned long long)mutations);
    return rc != ISG_OK;
}
