/* Windows that a run trains on, byte by byte, of files whose bytes are all different. */
#include "check.h"
#include "isogloss/os.h"
#include "train/stream.h"
#include "train/window.h"

#include <stdlib.h>
#include <unistd.h>

enum { CONTEXT = 8, BYTES = 61 };

static char dir[] = "/tmp/isogloss-stream-XXXXXX";

static void make_file(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    for (int i = 0; f && i < BYTES; i++) (void)fputc(i, f);
    CHECK(f && !fclose(f));
}

/* One window: text of the file from some place on, after the byte before it or the tag. */
static uint8_t check_window(const isg_tag *tag, const uint8_t *input, const uint8_t *target)
{
    const size_t lead = isg_window_lead(tag);
    const uint8_t at = target[lead];
    CHECK(at < BYTES);
    for (size_t i = 0; i < lead; i++) CHECK(target[i] == tag->digit[i + 1]);
    for (size_t i = lead; i < CONTEXT; i++) CHECK(target[i] == (at + i - lead) % BYTES);
    for (size_t i = 1; i < CONTEXT; i++) CHECK(input[i] == target[i - 1]);
    CHECK(input[0] == (tag->n ? tag->digit[0] : at ? at - 1 : ISG_SEPARATOR));
    return at;
}

/* A pass takes windows that lie side by side, each once; the next one the same. @return windows
 * that begin the file */
static size_t check_passes(const isg_corpus *corpus, const isg_tag *tag, uint64_t seed)
{
    isg_job_language language = {.code = "aa", .weight = 1, .unique_bytes = BYTES, .tag = *tag};
    isg_job job = {.shape.context = CONTEXT,
                   .languages = &language,
                   .n_languages = 1,
                   .seed = seed,
                   .data_seed = seed};
    isg_stream *s = NULL;
    uint8_t input[CONTEXT], target[CONTEXT], first[2][BYTES] = {{0}};
    const size_t text = CONTEXT - isg_window_lead(tag), windows = BYTES / text;
    size_t begin = 0;
    CHECK_OK(isg_stream_open(&job, corpus, &s));
    for (size_t k = 0; s && k < 2 * windows; k++) {
        CHECK_OK(isg_stream_next(s, input, target));
        uint8_t at = check_window(tag, input, target);
        first[k / windows][at]++;
        begin += at == 0;
    }
    size_t n = 0, linked = 0;
    for (size_t i = 0; i < BYTES; i++) {
        CHECK(first[0][i] <= 1 && first[0][i] == first[1][i]);
        n += first[0][i];
        linked += first[0][i] && first[0][(i + text) % BYTES];
    }
    CHECK_EQ_U64(n, windows);
    CHECK_EQ_U64(linked, windows - 1); /* the rest of the file is shorter than a window */
    isg_stream_close(&s);
    return begin;
}

int main(void)
{
    static const isg_tag tags[] = {
        {{0}, 0}, {{0xf5}, 1}, {{0xc0, 0xfe}, 2}, {{0xc0, 0xc1, 0xf7}, 3}};
    char code[] = "aa", file[] = "aa.train";
    isg_corpus_language language = {.code = code, .train_file = file, .train_bytes = BYTES};
    CHECK(mkdtemp(dir) != NULL);
    make_file(file);
    isg_corpus corpus = {.dir = dir, .n_shards = 1, .languages = &language, .n_languages = 1};
    for (size_t t = 0; t < sizeof tags / sizeof tags[0]; t++) {
        size_t begin = 0;
        for (uint64_t seed = 0; seed < 40; seed++) begin += check_passes(&corpus, &tags[t], seed);
        CHECK(begin > 0); /* some window began the file, with no byte before it */
    }
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    CHECK(!unlink(path) && !rmdir(dir));
    return check_done();
}
