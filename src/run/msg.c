/*
 * Messages travel as the structs they are: all ranks of a job run the same
 * program on the same kind of machine. One table says how long each kind is and
 * how to check it; START and WRITTEN are cut after their last used element.
 */

#include "msg.h"

#include <math.h>
#include <string.h>

typedef struct wire_head {
    uint8_t mark;    /* 'I' */
    uint8_t version; /* ISG_MSG_VERSION */
    uint8_t kind;
    uint8_t reserved;
    uint32_t size; /* of what follows [byte] */
} wire_head;

_Static_assert(sizeof(wire_head) == 8, "the body stays aligned to 8 bytes");
_Static_assert(sizeof(wire_head) + sizeof(isg_msg_written) <= ISG_COMM_MAX_BYTES, "WRITTEN fits");
_Static_assert(sizeof(wire_head) + sizeof(isg_msg_start) <= ISG_COMM_MAX_BYTES, "START fits");

/* No hidden padding: every byte on the wire is a byte somebody set. */
_Static_assert(sizeof(isg_msg_attempt) == 8, "packed");
_Static_assert(sizeof(isg_msg_hello) == 64 + 72 + 32 + 16, "packed");
_Static_assert(sizeof(isg_msg_welcome) == 16 + ISG_MSG_TEXT, "packed");
_Static_assert(sizeof(isg_msg_start) == 24 + 16 * ISG_MSG_BUNDLE, "packed");
_Static_assert(sizeof(isg_msg_checkpoint) == 16, "packed");
_Static_assert(sizeof(isg_msg_ended) == 16 + 24 + 32 + ISG_MSG_TEXT, "packed");
_Static_assert(sizeof(isg_msg_written) == 16 + ISG_MSG_TEXT + ISG_MSG_DATA, "packed");
_Static_assert(sizeof(isg_msg_stop) == 12, "packed");
_Static_assert(sizeof(isg_msg_quit) == 4, "packed");

static bool ends(const char *text, size_t cap)
{
    return memchr(text, '\0', cap) != NULL;
}

static bool check_attempt(const isg_msg *m)
{
    return m->attempt.attempt >= 1;
}

static bool check_hello(const isg_msg *m)
{
    const isg_msg_hello *h = &m->hello;
    return ends(h->host, sizeof h->host) && ends(h->job, sizeof h->job) &&
           ends(h->numerics, sizeof h->numerics) && h->slots >= 1 && h->cores >= 1;
}

static bool check_welcome(const isg_msg *m)
{
    const isg_msg_welcome *w = &m->welcome;
    return w->accepted <= 1 && ends(w->text, sizeof w->text) && isfinite(w->beat_s) &&
           w->beat_s > 0 && isfinite(w->lease_s) && w->lease_s > 0;
}

static bool check_start(const isg_msg *m)
{
    const isg_msg_start *s = &m->start;
    if (s->n < 1 || s->n > ISG_MSG_BUNDLE || isnan(s->time_left_s)) return false;
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->task[i].attempt < 1) return false;
    }
    return true;
}

static bool check_ended(const isg_msg *m)
{
    const isg_msg_ended *e = &m->ended;
    bool result = e->cause == ISG_CAUSE_OK || e->cause == ISG_CAUSE_DIVERGED;
    return e->of.attempt >= 1 && e->cause > ISG_CAUSE_NONE && e->cause <= ISG_CAUSE_DIVERGED &&
           e->has_result <= 1 && (result || !e->has_result) && isfinite(e->seconds) &&
           e->seconds >= 0 && isfinite(e->own_seconds) && e->own_seconds >= 0 &&
           isfinite(e->flops) && e->flops >= 0 && ends(e->device, sizeof e->device) &&
           ends(e->text, sizeof e->text);
}

static bool check_written(const isg_msg *m)
{
    const isg_msg_written *w = &m->written;
    return w->of.attempt >= 1 && w->ok <= 1 && w->n <= ISG_MSG_DATA &&
           ends(w->text, sizeof w->text);
}

static bool check_bye(const isg_msg *m)
{
    return m->bye.left <= 1 && ends(m->bye.text, sizeof m->bye.text);
}

static bool check_stop(const isg_msg *m)
{
    return m->stop.how <= ISG_STOP_KILL;
}

static bool check_quit(const isg_msg *m)
{
    return m->quit.alone <= 1;
}

typedef struct kind_row {
    const char *name;
    bool for_leader;
    size_t size;                    /* of the body [byte] */
    bool (*check)(const isg_msg *); /* NULL: nothing to check */
} kind_row;

static const kind_row kinds[ISG_MSG_KINDS] = {
    [ISG_MSG_HELLO] = {"HELLO", true, sizeof(isg_msg_hello), check_hello},
    [ISG_MSG_STARTED] = {"STARTED", true, sizeof(isg_msg_attempt), check_attempt},
    [ISG_MSG_CHECKPOINT] = {"CHECKPOINT", true, sizeof(isg_msg_checkpoint), check_attempt},
    [ISG_MSG_ENDED] = {"ENDED", true, sizeof(isg_msg_ended), check_ended},
    [ISG_MSG_WRITTEN] = {"WRITTEN", true, sizeof(isg_msg_written), check_written},
    [ISG_MSG_BYE] = {"BYE", true, sizeof(isg_msg_bye), check_bye},
    [ISG_MSG_WELCOME] = {"WELCOME", false, sizeof(isg_msg_welcome), check_welcome},
    [ISG_MSG_START] = {"START", false, sizeof(isg_msg_start), check_start},
    [ISG_MSG_GRANT] = {"GRANT", false, sizeof(isg_msg_attempt), check_attempt},
    [ISG_MSG_DENY] = {"DENY", false, sizeof(isg_msg_attempt), check_attempt},
    [ISG_MSG_COMMITTED] = {"COMMITTED", false, sizeof(isg_msg_attempt), check_attempt},
    [ISG_MSG_STOP] = {"STOP", false, sizeof(isg_msg_stop), check_stop},
    [ISG_MSG_QUIT] = {"QUIT", false, sizeof(isg_msg_quit), check_quit},
    [ISG_MSG_BEAT_TO_LEADER] = {"BEAT_TO_LEADER", true, 0, NULL},
    [ISG_MSG_BEAT_TO_WORKER] = {"BEAT_TO_WORKER", false, 0, NULL},
};

static bool is_kind(unsigned kind)
{
    return kind < ISG_MSG_KINDS && kinds[kind].name;
}

const char *isg_msg_name(isg_msg_kind kind)
{
    return is_kind((unsigned)kind) ? kinds[kind].name : "?";
}

bool isg_msg_is_for_leader(isg_msg_kind kind)
{
    return is_kind((unsigned)kind) && kinds[kind].for_leader;
}

/* Bytes of the body that are used. */
static size_t body_size(const isg_msg *msg)
{
    switch (msg->kind) {
    case ISG_MSG_START:
        return offsetof(isg_msg_start, task) + msg->start.n * sizeof msg->start.task[0];
    case ISG_MSG_WRITTEN: return offsetof(isg_msg_written, data) + msg->written.n;
    default: return kinds[msg->kind].size;
    }
}

void isg_msg_encode(const isg_msg *msg, uint8_t *out, size_t *n)
{
    size_t size = body_size(msg);
    wire_head head = {'I', ISG_MSG_VERSION, (uint8_t)msg->kind, 0, (uint32_t)size};
    memcpy(out, &head, sizeof head);
    memcpy(out + sizeof head, &msg->attempt, size); /* all members of the union begin here */
    *n = sizeof head + size;
}

isg_err isg_msg_decode(const uint8_t *data, size_t n, isg_msg *out)
{
    wire_head head;
    if (n < sizeof head) return ISG_FAIL(ISG_EPROTO, "message of %zu bytes is too short", n);
    memcpy(&head, data, sizeof head);
    if (head.mark != 'I' || head.version != ISG_MSG_VERSION) {
        return ISG_FAIL(ISG_EPROTO,
                        "message of version %u, wanted %d: do all ranks run the same program?",
                        head.version, ISG_MSG_VERSION);
    }
    if (!is_kind(head.kind)) return ISG_FAIL(ISG_EPROTO, "message of unknown kind %u", head.kind);
    const kind_row *row = &kinds[head.kind];
    if (head.size != n - sizeof head || head.size > row->size) {
        return ISG_FAIL(ISG_EPROTO, "%s message of %zu bytes, its head says %u", row->name, n,
                        head.size);
    }
    memset(out, 0, sizeof *out);
    out->kind = (isg_msg_kind)head.kind;
    memcpy(&out->attempt, data + sizeof head, head.size);
    if (row->check && !row->check(out)) {
        return ISG_FAIL(ISG_EPROTO, "%s message with a value out of range", row->name);
    }
    if (body_size(out) != head.size) {
        return ISG_FAIL(ISG_EPROTO, "%s message of %u bytes, its count says %zu", row->name,
                        head.size, body_size(out));
    }
    return ISG_OK;
}
