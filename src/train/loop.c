#include "loop.h"

#include "checkpoint.h"
#include "held.h"
#include "isogloss/numerics.h"
#include "isogloss/os.h"
#include "net.h"
#include "optimiser.h"
#include "stream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct training {
    const isg_job *job;
    isg_corpus *corpus;
    isg_stream *stream;
    isg_held *held;
    isg_net *net;
    isg_optimiser optimiser;
    uint8_t *input, *target; /* [batch] */
    size_t point;            /* next to measure */
    double started, saved;   /* monotonic clock, s */
    const char *outcome;     /* NULL while training */
};

static void training_close(struct training *t)
{
    isg_stream_close(&t->stream);
    isg_held_close(&t->held);
    isg_corpus_close(&t->corpus);
    isg_net_destroy(&t->net);
    isg_optimiser_close(&t->optimiser);
    free(t->input);
    free(t->target);
}

/* Tokens trained on, all attempts together. */
static uint64_t tokens_done(const struct training *t)
{
    uint64_t windows = 0;
    for (size_t i = 0; i < t->job->n_languages; i++) windows += isg_stream_windows(t->stream, i);
    uint64_t tokens = windows * t->job->shape.context;
    /* The last sequence is whole even if the budget ends inside it. */
    return tokens < t->job->tokens ? tokens : t->job->tokens;
}

static isg_err start_weights(struct training *t)
{
    switch (t->job->start) {
    case ISG_START_RESUME:
    case ISG_START_TRUNK: return isg_checkpoint_resume(t->job, t->net, &t->optimiser, t->stream);
    case ISG_START_PARENT: return isg_checkpoint_weights(t->job, t->net);
    default: isg_net_init(t->net, t->job->seed); return ISG_OK;
    }
}

static isg_err training_open(const isg_job *job, isg_team *team, struct training *t)
{
    const isg_kernels *kernels = isg_kernels_find(job->numerics);
    *t = (struct training){.job = job, .started = isg_time_mono()};
    if (!kernels || !isg_numerics_supported(job->numerics)) {
        return ISG_FAIL(ISG_EINPUT, "numerics '%s' is not available on this CPU in this build",
                        job->numerics);
    }
    ISG_TRY(isg_corpus_open(job->corpus, &t->corpus));
    ISG_TRY(isg_stream_open(job, t->corpus, &t->stream));
    ISG_TRY(isg_held_open(job, t->corpus, &t->held));
    const uint64_t step = job->batch < job->tokens ? job->batch : job->tokens;
    const size_t sequences = ((size_t)step + job->shape.context - 1) / job->shape.context;
    ISG_TRY(isg_net_create_team(&job->shape, kernels, team, sequences, &t->net));
    ISG_TRY(isg_optimiser_open(t->net, &t->optimiser));
    t->input = malloc(job->batch);
    t->target = malloc(job->batch);
    if (!t->input || !t->target) return ISG_FAIL(ISG_ENOMEM, "out of memory for a batch");
    ISG_TRY(start_weights(t));
    if (tokens_done(t) < job->from ||
        (job->start == ISG_START_TRUNK && tokens_done(t) != job->from)) {
        return ISG_FAIL(ISG_EINPUT, "%s: it has seen %llu tokens; the trunk ends at %llu",
                        job->start_path, (unsigned long long)tokens_done(t),
                        (unsigned long long)job->from);
    }
    while (t->point < job->n_points && job->points[t->point] <= tokens_done(t)) t->point++;
    t->saved = isg_time_mono();
    return ISG_OK;
}

/* One optimiser step; *finite: so was the gradient. */
static isg_err step(struct training *t, bool *finite)
{
    const isg_job *job = t->job;
    const size_t T = job->shape.context;
    const uint64_t done = tokens_done(t), left = job->tokens - done;
    const size_t tokens = left < job->batch ? (size_t)left : (size_t)job->batch;
    const size_t n = (tokens + T - 1) / T;

    for (size_t i = 0; i < n; i++)
        ISG_TRY(isg_stream_next(t->stream, t->input + i * T, t->target + i * T));
    isg_net_zero_grads(t->net);
    for (size_t i = 0; i < n; i += isg_net_micro(t->net)) {
        size_t sequences = n - i < isg_net_micro(t->net) ? n - i : isg_net_micro(t->net);
        isg_net_forward(t->net, t->input + i * T, sequences);
        isg_net_backward(t->net, t->input + i * T, t->target + i * T, sequences,
                         1 / (float)(n * T));
    }
    double lr = isg_schedule_at(&job->schedule, (double)done + (double)tokens / 2);
    *finite = isg_optimiser_step(&t->optimiser, t->net, job, lr);
    return ISG_OK;
}

static json_t *seen_json(const struct training *t)
{
    json_t *seen = json_object();
    for (size_t i = 0; i < t->job->n_languages; i++) {
        uint64_t bytes = isg_stream_windows(t->stream, i) * t->job->shape.context;
        json_object_set_new(seen, t->job->languages[i].code, json_integer((json_int_t)bytes));
    }
    return seen;
}

/* Losses of one evaluation as two arrays; *finite turns false if one is not a number. */
static isg_err measure(struct training *t, size_t evaluation, json_t *nats, json_t *bytes,
                       bool *finite)
{
    const isg_job_evaluation *e = &t->job->evaluations[evaluation];
    json_t *nats_row = json_array(), *bytes_row = json_array();
    double *sum = calloc(e->shards, sizeof *sum);
    uint64_t *n = calloc(e->shards, sizeof *n);
    isg_err rc = ISG_OK;
    bool room = !json_object_set_new(nats, e->name, nats_row) &&
                !json_object_set_new(bytes, e->name, bytes_row) && sum && n;
    if (!room) rc = ISG_FAIL(ISG_ENOMEM, "out of memory for an event");
    if (!rc) rc = isg_held_measure(t->held, t->net, evaluation, sum, n);
    for (size_t s = 0; s < e->shards && !rc; s++) {
        *finite = *finite && isfinite(sum[s]);
        json_array_append_new(nats_row, isg_json_real(sum[s]));
        json_array_append_new(bytes_row, json_integer((json_int_t)n[s]));
    }
    free(sum);
    free(n);
    return rc;
}

static isg_err send_point(struct training *t)
{
    const uint64_t tokens = t->job->points[t->point];
    json_t *nats = json_object(), *bytes = json_object();
    bool finite = true;
    isg_err rc = nats && bytes ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory for an event");
    for (size_t e = 0; !rc && e < t->job->n_evaluations; e++)
        rc = measure(t, e, nats, bytes, &finite);
    if (rc || !finite) {
        json_decref(nats);
        json_decref(bytes);
        if (!rc) t->outcome = "diverged";
        return rc;
    }
    t->point++;
    return isg_event_send(json_pack("{s:s,s:s,s:I,s:s,s:o,s:o,s:o}", "event", "point", "run",
                                    t->job->id, "tokens", (json_int_t)tokens, "lr_state",
                                    isg_schedule_state(&t->job->schedule, tokens), "seen",
                                    seen_json(t), "nats", nats, "bytes", bytes));
}

static isg_err save(struct training *t)
{
    char name[32];
    const unsigned long long tokens = tokens_done(t);
    (void)snprintf(name, sizeof name, "ckpt-%llu", tokens);
    ISG_TRY(isg_checkpoint_save(t->job, name, t->net, &t->optimiser, t->stream));
    t->saved = isg_time_mono();
    return isg_event_send(json_pack("{s:s,s:s,s:I,s:s}", "event", "checkpoint", "run", t->job->id,
                                    "tokens", (json_int_t)tokens, "name", name));
}

/* By the convention of docs/architecture.md, for the run so far, without its trunk. */
static double flops(const struct training *t)
{
    const double evaluated = (double)isg_held_tokens(t->held);
    return isg_net_flops(&t->job->shape) *
           ((double)(tokens_done(t) - t->job->from) + (double)t->point * evaluated / 3);
}

static isg_err train(struct training *t, isg_inbox *inbox)
{
    const isg_job *job = t->job;
    while (!t->outcome && tokens_done(t) < job->tokens) {
        bool finite;
        ISG_TRY(step(t, &finite));
        if (!finite) t->outcome = "diverged";
        while (!t->outcome && t->point < job->n_points && job->points[t->point] <= tokens_done(t))
            ISG_TRY(send_point(t));
        if (t->outcome || tokens_done(t) == job->tokens) break;

        ISG_TRY(isg_inbox_poll(inbox, false));
        bool due =
            job->checkpoint_every_s > 0 && isg_time_mono() - t->saved >= job->checkpoint_every_s;
        if (due || inbox->stop) ISG_TRY(save(t));
        if (inbox->stop) t->outcome = "stopped";
    }
    if (t->outcome) return ISG_OK;
    t->outcome = "done";
    return job->checkpoint_final ? save(t) : ISG_OK;
}

isg_err isg_train(const isg_job *job, isg_inbox *inbox, isg_team *team)
{
    struct training t;
    isg_err rc = training_open(job, team, &t);
    if (!rc) rc = train(&t, inbox);
    if (!rc) {
        rc = isg_event_send(json_pack("{s:s,s:s,s:s,s:I,s:f,s:f}", "event", "end", "run", job->id,
                                      "outcome", t.outcome, "tokens", (json_int_t)tokens_done(&t),
                                      "flops", flops(&t), "seconds", isg_time_mono() - t.started));
    }
    training_close(&t);
    return isg_err_context(rc, "run %s", job->id);
}
