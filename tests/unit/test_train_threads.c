/* The same bits from any number of threads: training, evaluation, going on, in every table. */

#include "check.h"
#include "isogloss/hash.h"
#include "train/optimiser.h"
#include "train_support.h"

#include <string.h>

/* Odd: the last micro-batch is short where it takes two; and more than one for a team of two. */
enum { STEPS = 2, SEQUENCES = 7, MOST_CONTEXT = 416 };

static const size_t threads_of[] = {2, 3, 5};
enum { TEAMS = sizeof threads_of / sizeof *threads_of };
static isg_team *teams[TEAMS];

static const isg_net_shape shapes[] = {
    {2, 32, 1, 64},  /* more threads than heads or units of columns */
    {1, 112, 7, 96}, /* nothing divides evenly */
    {1, 96, 3, 128}, /* two sequences at a time */
    {1, 16, 1, 256}, /* one column of lanes */
    {1, 32, 2, 416}, /* a sequence in pieces of rows, whose length goes with the threads */
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct model {
    isg_net *net;
    isg_optimiser optimiser;
    isg_job job;
} model;

static void model_open(model *m, const isg_kernels *k, isg_net_shape shape, isg_team *team)
{
    *m = (model){
        .job = {.shape = shape, .beta1 = 0.9, .beta2 = 0.95, .weight_decay = 0.1, .clip = 0.5}};
    CHECK_OK(isg_net_create_team(&shape, k, team, SEQUENCES, &m->net));
    CHECK_OK(isg_optimiser_open(m->net, &m->optimiser));
    isg_net_init(m->net, 11);
}

static void model_close(model *m)
{
    isg_optimiser_close(&m->optimiser);
    isg_net_destroy(&m->net);
}

static void draw_text(uint8_t *text, size_t n, uint64_t step)
{
    isg_rng r;
    isg_rng_at(&r, 9, ISG_RNG_TEST, step);
    for (size_t i = 0; i < n; i++) text[i] = (uint8_t)(97 + isg_rng_below(&r, 9) * i % 7);
}

/* A step on its own text. @return CRC of the loss of every byte, and of the gradients */
static uint32_t train_step(model *m, uint64_t step)
{
    const size_t T = m->job.shape.context, micro = isg_net_micro(m->net), bytes = SEQUENCES * T;
    uint8_t text[SEQUENCES * MOST_CONTEXT + 1];
    float nats[SEQUENCES * MOST_CONTEXT];
    uint32_t crc = 0;
    draw_text(text, bytes + 1, step);
    isg_net_zero_grads(m->net);
    for (size_t i = 0; i < SEQUENCES; i += micro) {
        size_t n = SEQUENCES - i < micro ? SEQUENCES - i : micro;
        isg_net_forward(m->net, text + i * T, n);
        isg_net_nats(m->net, text + i * T + 1, n, nats);
        isg_net_backward(m->net, text + i * T, text + i * T + 1, n, 1 / (float)bytes);
        crc = isg_crc32c(crc, nats, n * T * sizeof *nats);
    }
    crc = isg_crc32c(crc, isg_net_grads(m->net), m->optimiser.n * sizeof(float));
    CHECK(isg_optimiser_step(&m->optimiser, m->net, &m->job, 0.01));
    return crc;
}

static uint32_t state(const model *m)
{
    size_t bytes = m->optimiser.n * sizeof(float);
    uint32_t crc = isg_crc32c(0, isg_net_weights(m->net), bytes);
    crc = isg_crc32c(crc, m->optimiser.m, bytes);
    return isg_crc32c(crc, m->optimiser.v, bytes);
}

/* What a checkpoint keeps, or a parent's weights alone. */
static void go_on_from(model *m, const model *from, bool weights_alone)
{
    size_t bytes = m->optimiser.n * sizeof(float);
    memcpy(isg_net_weights(m->net), isg_net_weights(from->net), bytes);
    isg_net_changed(m->net);
    if (weights_alone) return;
    memcpy(m->optimiser.m, from->optimiser.m, bytes);
    memcpy(m->optimiser.v, from->optimiser.v, bytes);
    m->optimiser.step = from->optimiser.step;
}

static void test_shape(const isg_kernels *k, isg_net_shape shape)
{
    uint32_t steps[STEPS], half = 0;
    model one, child;
    model_open(&one, k, shape, NULL);
    for (uint64_t s = 0; s < STEPS; s++) {
        steps[s] = train_step(&one, s);
        if (s + 1 == STEPS / 2) half = state(&one);
    }
    const uint32_t whole = state(&one);
    model_open(&child, k, shape, NULL);
    go_on_from(&child, &one, true);
    const uint32_t first = train_step(&child, 77), tuned = state(&child);
    model_close(&child);

    for (size_t t = 0; t < TEAMS; t++) {
        model many, other;
        model_open(&many, k, shape, teams[t]);
        for (uint64_t s = 0; s < STEPS / 2; s++) CHECK_EQ_U64(train_step(&many, s), steps[s]);
        CHECK_EQ_U64(state(&many), half);
        model_open(&other, k, shape, teams[(t + 1) % TEAMS]); /* goes on with other threads */
        go_on_from(&other, &many, false);
        for (uint64_t s = STEPS / 2; s < STEPS; s++) CHECK_EQ_U64(train_step(&other, s), steps[s]);
        CHECK_EQ_U64(state(&other), whole);
        model_close(&many);

        model_open(&child, k, shape, teams[t]);
        go_on_from(&child, &other, true);
        CHECK_EQ_U64(train_step(&child, 77), first);
        CHECK_EQ_U64(state(&child), tuned);
        model_close(&child);
        model_close(&other);
    }
    model_close(&one);
}

/* Room for what a step has, whole pairs where two go together, and none for threads beyond it. */
static void test_room(const isg_kernels *k)
{
    static const struct {
        isg_net_shape shape;
        size_t step, micro;
    } rows[] = {
        {{1, 16, 1, 64}, 0, 10}, /* 5 threads with 128 rows each */
        {{1, 16, 1, 64}, 1, 1},      {{1, 16, 1, 64}, 7, 7},      {{1, 16, 1, 64}, 11, 10},
        {{1, 96, 3, 128}, 0, 10},    {{1, 96, 3, 128}, 1, 2},     {{1, 96, 3, 128}, 3, 4},
        {{1, 96, 3, 128}, 1000, 10}, {{1, 16, 1, 2048}, 1000, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        isg_net *net = NULL;
        CHECK_OK(isg_net_create_team(&rows[i].shape, k, teams[TEAMS - 1], rows[i].step, &net));
        CHECK_EQ_U64(net ? isg_net_micro(net) : 0, rows[i].micro);
        isg_net_destroy(&net);
    }
}

static void test_kernels(const isg_kernels *k)
{
    for (size_t i = 0; i < SHAPES; i++) test_shape(k, shapes[i]);
    test_room(k);
}

int main(void)
{
    isg_kernels_flush_subnormals();
    for (size_t t = 0; t < TEAMS; t++) CHECK_OK(isg_team_create(threads_of[t], &teams[t]));
    CHECK(for_each_kernels(test_kernels) >= 1);
    for (size_t t = 0; t < TEAMS; t++) isg_team_destroy(&teams[t]);
    return check_done();
}
