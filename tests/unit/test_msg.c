/* Messages: every kind survives the wire; damaged bytes are refused, never believed. */

#include "check.h"
#include "isogloss/rng.h"
#include "run/msg.h"

#include <stdlib.h>

static isg_msg sample(isg_msg_kind kind)
{
    isg_msg m;
    memset(&m, 0, sizeof m);
    m.kind = kind;
    m.attempt = (isg_msg_attempt){7, 2};
    if (kind == ISG_MSG_HELLO) {
        m.hello = (isg_msg_hello){
            .host = "n1", .job = "abc", .numerics = "avx2-2", .slots = 2, .cores = 4, .pid = 9};
    } else if (kind == ISG_MSG_WELCOME) {
        m.welcome = (isg_msg_welcome){.beat_s = 5, .lease_s = 30, .accepted = 1};
    } else if (kind == ISG_MSG_START) {
        m.start = (isg_msg_start){.time_left_s = 1e300, .cores = 1, .n = 3};
        for (uint32_t i = 0; i < 3; i++) m.start.task[i] = (isg_msg_task){i, 1, 0, 4};
    } else if (kind == ISG_MSG_ENDED) {
        m.ended.cause = ISG_CAUSE_OK;
        m.ended.has_result = 1;
        m.ended.seconds = 1.5;
        strcpy(m.ended.text, "fine");
    } else if (kind == ISG_MSG_WRITTEN) {
        m.written.ok = 1;
        m.written.n = 5;
        memcpy(m.written.data, "bytes", 5);
    } else if (kind == ISG_MSG_BYE) {
        m.bye = (isg_msg_bye){.left = 1, .text = "drained"};
    } else if (kind == ISG_MSG_STOP) {
        m.stop = (isg_msg_stop){.of = {0, 0}, .how = ISG_STOP_KILL};
    } else if (kind == ISG_MSG_QUIT) {
        m.quit.alone = 1;
    }
    return m;
}

static void test_round_trip(void)
{
    for (int k = 1; k < ISG_MSG_KINDS; k++) {
        isg_msg in = sample((isg_msg_kind)k), out;
        uint8_t bytes[ISG_COMM_MAX_BYTES], again[ISG_COMM_MAX_BYTES];
        size_t n = 0, m = 0;
        isg_msg_encode(&in, bytes, &n);
        CHECK(n <= ISG_COMM_MAX_BYTES);
        CHECK_OK(isg_msg_decode(bytes, n, &out));
        CHECK_EQ_U64(out.kind, k);
        isg_msg_encode(&out, again, &m);
        CHECK(m == n && !memcmp(bytes, again, n));
        CHECK(strcmp(isg_msg_name((isg_msg_kind)k), "?") != 0);
        for (size_t cut = 0; cut < n; cut++) CHECK(isg_msg_decode(bytes, cut, &out) == ISG_EPROTO);
    }
    CHECK_STR(isg_msg_name(ISG_MSG_KINDS), "?");
}

static void refuse(isg_msg m, const char *part)
{
    uint8_t bytes[ISG_COMM_MAX_BYTES];
    size_t n = 0;
    isg_msg out;
    isg_msg_encode(&m, bytes, &n);
    CHECK_FAILS(isg_msg_decode(bytes, n, &out), ISG_EPROTO, part);
}

static void test_bad_values(void)
{
    isg_msg m = sample(ISG_MSG_GRANT);
    m.attempt.attempt = 0;
    refuse(m, "GRANT message with a value out of range");
    m = sample(ISG_MSG_START);
    m.start.task[1].attempt = 0;
    refuse(m, "START");
    m = sample(ISG_MSG_START);
    m.start.n = 0;
    refuse(m, "START");
    m = sample(ISG_MSG_ENDED);
    m.ended.cause = 99;
    refuse(m, "ENDED");
    m = sample(ISG_MSG_ENDED);
    m.ended.cause = ISG_CAUSE_CRASH; /* a crash has no result */
    refuse(m, "ENDED");
    m = sample(ISG_MSG_ENDED);
    m.ended.seconds = (double)NAN;
    refuse(m, "ENDED");
    m = sample(ISG_MSG_ENDED);
    memset(m.ended.text, 'x', sizeof m.ended.text);
    refuse(m, "ENDED");
    m = sample(ISG_MSG_HELLO);
    memset(m.hello.host, 'x', sizeof m.hello.host);
    refuse(m, "HELLO");
    m = sample(ISG_MSG_HELLO);
    m.hello.slots = 0;
    refuse(m, "HELLO");
    m = sample(ISG_MSG_WELCOME);
    m.welcome.lease_s = 0;
    refuse(m, "WELCOME");
    m = sample(ISG_MSG_STOP);
    m.stop.how = 7;
    refuse(m, "STOP");
}

/* Random damage: decoding ends, and what it accepts encodes to the same bytes. */
static void test_damage(void)
{
    isg_rng rng;
    isg_rng_at(&rng, 20261121, ISG_RNG_TEST, 1);
    size_t accepted = 0, refused = 0, changed = 0;
    for (int i = 0; i < 200000; i++) {
        isg_msg m = sample((isg_msg_kind)(1 + isg_rng_below(&rng, ISG_MSG_KINDS - 1))), out;
        uint8_t bytes[ISG_COMM_MAX_BYTES], again[ISG_COMM_MAX_BYTES];
        size_t n = 0, k = 0;
        isg_msg_encode(&m, bytes, &n);
        for (uint64_t hits = 1 + isg_rng_below(&rng, 4); hits; hits--) {
            bytes[isg_rng_below(&rng, n < 48 ? n : 48)] = (uint8_t)isg_rng_below(&rng, 256);
        }
        if (isg_msg_decode(bytes, n, &out)) {
            refused++;
            continue;
        }
        accepted++;
        isg_msg_encode(&out, again, &k);
        bytes[3] = again[3]; /* a reserved byte is not kept */
        if (k != n || memcmp(bytes, again, n)) changed++;
    }
    CHECK_EQ_U64(changed, 0);
    CHECK(accepted > 1000);
    CHECK(refused > 1000);
}

int main(void)
{
    test_round_trip();
    test_bad_values();
    test_damage();
    return check_done();
}
