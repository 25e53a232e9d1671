/* Windows that a run is scored on, byte by byte: the loss is that of windows put together by hand. */
#include "check.h"
#include "train/held.h"
#include "train/window.h"

#include <stdlib.h>
#include <unistd.h>

/* 150 bytes in two shards, a separator at the end of a page in the second. */
enum { CONTEXT = 32, BYTES = 150, CUT = 70, PAGE_END = 119 };

static char dir[] = "/tmp/isogloss-held-XXXXXX";
static uint8_t text[BYTES];

static void make_text(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    for (int i = 0; i < BYTES; i++)
        text[i] = (uint8_t)(i == PAGE_END ? ISG_SEPARATOR : 32 + i % 90);
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(text, 1, BYTES, f) == BYTES && !fclose(f));
}

/* Loss of text[from .. to), by one window at a time. @param bytes  what is scored */
static double by_hand(isg_net *net, const isg_tag *tag, size_t from, size_t to, uint64_t *bytes)
{
    const size_t lead = tag->n ? tag->n - 1 : 0, room = CONTEXT - lead;
    double sum = 0;
    *bytes = 0;
    for (size_t at = from; at < to; at += room) {
        uint8_t input[CONTEXT], target[CONTEXT];
        float nats[CONTEXT];
        const size_t n = to - at < room ? to - at : room;
        for (size_t i = 0; i < CONTEXT; i++) {
            const bool is_text = i >= lead && i < lead + n;
            target[i] = is_text ? text[at + i - lead] : i < lead ? tag->digit[i + 1] : 0xff;
            const bool read = i > lead && i < lead + n;
            input[i] = read ? text[at + i - lead - 1] : i < tag->n ? tag->digit[i] : 0xff;
        }
        if (!tag->n && at > from) input[0] = text[at - 1];
        isg_net_forward(net, input, 1);
        isg_net_nats(net, target, 1, nats);
        for (size_t i = 0; i < n; i++) {
            if (text[at + i] == ISG_SEPARATOR) continue;
            sum += (double)nats[lead + i];
            (*bytes)++;
        }
    }
    return sum;
}

static void check_tag(const isg_corpus *corpus, isg_net *net, const isg_tag *tag)
{
    isg_job_evaluation e = {.name = "aa", .language = "aa", .bytes = 160, .shards = 2, .tag = *tag};
    isg_job job = {.shape = *isg_net_shape_of(net), .evaluations = &e, .n_evaluations = 1};
    const size_t cut[] = {0, CUT, BYTES};
    isg_held *held = NULL;
    double nats[2];
    uint64_t bytes[2];
    CHECK_OK(isg_held_open(&job, corpus, &held));
    if (!held) return;
    CHECK_OK(isg_held_measure(held, net, 0, nats, bytes));
    for (size_t s = 0; s < 2; s++) {
        uint64_t scored;
        double wanted = by_hand(net, tag, cut[s], cut[s + 1], &scored);
        CHECK_NEAR(nats[s], wanted, 0); /* the same bits */
        CHECK_EQ_U64(bytes[s], scored);
    }
    CHECK_EQ_U64(bytes[0] + bytes[1], BYTES - 1);
    isg_held_close(&held);
}

int main(void)
{
    static const isg_tag tags[] = {
        {{0}, 0}, {{0xf5}, 1}, {{0xc0, 0xfe}, 2}, {{0xc0, 0xc1, 0xf7}, 3}};
    static const isg_net_shape shapes[] = {{1, 16, 1, CONTEXT},
                                           {1, 80, 5, CONTEXT}}; /* micro 1, 2 */
    char code[] = "aa", file[] = "aa.held";
    uint64_t cut[] = {0, CUT, BYTES};
    isg_corpus_language language = {
        .code = code, .held_file = file, .held_bytes = BYTES, .shard_offset = cut};
    CHECK(mkdtemp(dir) != NULL);
    make_text(file);
    isg_corpus corpus = {.dir = dir, .n_shards = 2, .languages = &language, .n_languages = 1};
    for (size_t s = 0; s < 2; s++) {
        isg_net *net = NULL;
        CHECK_OK(isg_net_create(&shapes[s], isg_kernels_at(0), &net));
        if (!net) break;
        isg_net_init(net, 5);
        for (size_t t = 0; t < sizeof tags / sizeof tags[0]; t++) check_tag(&corpus, net, &tags[t]);
        isg_net_destroy(&net);
    }
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    CHECK(!unlink(path) && !rmdir(dir));
    return check_done();
}
