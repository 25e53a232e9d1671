/*
 * An attempt is at work until it has a verdict (a cause), and over when the
 * verdict may be told: at once if the trainer goes on to serve other runs,
 * else when its whole family is gone. Whatever comes first is the verdict:
 *
 *   end done / diverged / stopped   ok, diverged, stopped
 *   a loss that is no number        diverged
 *   a line that is not protocol     protocol
 *   run_time, silence               time, silence
 *   exit code, signal, exec         exit, crash or killed, exit
 *
 * For silence every byte counts, on stdout, stderr or in the events file.
 */
#include "slot.h"

#include "isogloss/command.h"
#include "isogloss/log.h"
#include "isogloss/os.h"
#include "leftover.h"
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVENTS_CHUNK = 65536 };

static const double grace_s = 2;        /* from TERM to KILL */
static const double guard_limit_s = 10; /* a stopped guard holds no slot for ever */
static const double hello_limit_s = 60; /* a proxy's first word */
static const double exit_limit_s = 60;  /* a command's exit after its end event */
static const double stop_limit_s = 120; /* a checkpoint after it was asked for */
static const double closing_wait_s = 0.002, events_wait_s = 0.02, most_wait_s = 0.2;

struct isg_slot {
    const isg_slot_site *site;
    isg_child *child;
    uint32_t cores; /* of the child's surroundings */
    char gpus[128];
    isg_hello hello;
    bool ready; /* hello was read */
    isg_lines lines;
    int events; /* a command's events file, for reading; -1: none */

    isg_trial *trial;
    bool sent;           /* the run object is on its way */
    double began, heard; /* monotonic [s] */
    double ended_at;     /* when a command sent its end; 0: not yet */
    double asked_at;     /* when a stop was asked for; 0: not */
    isg_said end;        /* valid once ended_at */
    uint64_t tokens;     /* farthest heard of */
    isg_cause verdict;   /* ISG_CAUSE_NONE: none yet */
    int code;
    char text[ISG_MSG_TEXT];
    isg_result *result;
};

isg_err isg_slot_create(const isg_slot_site *site, isg_slot **out)
{
    *out = calloc(1, sizeof **out);
    if (!*out) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    (*out)->site = site;
    (*out)->events = -1;
    return ISG_OK;
}

/* Leave nothing of the trainer; waits for its end. */
static void drop_child(isg_slot *s)
{
    isg_child_destroy(&s->child);
    if (s->events >= 0) (void)close(s->events);
    s->events = -1;
    s->ready = false;
    isg_lines_free(&s->lines);
}

void isg_slot_kill(isg_slot *slot)
{
    if (slot->child) isg_child_end(slot->child, false);
}

void isg_slot_destroy(isg_slot **slot)
{
    if (!*slot) return;
    drop_child(*slot);
    isg_trial_destroy(&(*slot)->trial);
    isg_result_destroy(&(*slot)->result);
    free(*slot);
    *slot = NULL;
}

const isg_trial *isg_slot_trial(const isg_slot *slot)
{
    return slot->trial;
}

static bool is_command(const isg_slot *s)
{
    return s->site->plan->trainer == ISG_TRAINER_COMMAND;
}

/* The first verdict stands. */
__attribute__((format(printf, 4, 5))) static void judge(isg_slot *s, isg_cause cause, int code,
                                                        const char *fmt, ...)
{
    va_list ap;
    if (!s->trial || s->verdict != ISG_CAUSE_NONE) return;
    s->verdict = cause;
    s->code = code;
    va_start(ap, fmt);
    (void)vsnprintf(s->text, sizeof s->text, fmt, ap);
    va_end(ap);
}

/* A verdict after which the trainer cannot stay. */
static void judge_and_end(isg_slot *s, isg_cause cause, bool gently, const char *text)
{
    judge(s, cause, 0, "%s", text);
    isg_err_clear();
    if (!s->child) return;
    isg_child_deafen(s->child);
    isg_child_end(s->child, gently);
}

/* ---- beginning ---------------------------------------------------------- */

static isg_err add_env(char **env, size_t *n, const char *name, const char *value)
{
    env[*n] = isg_strf("%s=%s", name, value);
    if (!env[*n]) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    (*n)++;
    return ISG_OK;
}

static isg_err add_path(char **env, size_t *n, const char *name, const isg_trial *t,
                        const char *file)
{
    char *path = isg_trial_path(t, file);
    isg_err rc = path ? add_env(env, n, name, path) : ISG_FAIL(ISG_ENOMEM, "out of memory");
    free(path);
    return rc;
}

/* @param env  [8], NULL-ended on success and failure */
static isg_err make_env(const isg_slot *s, const char *gpus, char **env)
{
    char cores[16];
    size_t n = 0;
    (void)snprintf(cores, sizeof cores, "%u", (unsigned)s->cores);
    isg_err rc = add_env(env, &n, "OMP_NUM_THREADS", cores);
    if (!rc) rc = add_env(env, &n, ISG_LEFTOVER_VARIABLE, s->site->work_dir);
    if (!rc && gpus) rc = add_env(env, &n, "CUDA_VISIBLE_DEVICES", gpus);
    if (!is_command(s)) {
        if (!rc) rc = add_env(env, &n, "ISOGLOSS_NUMERICS", s->site->plan->numerics);
        return rc;
    }
    if (!rc) rc = add_env(env, &n, "ISOGLOSS_RUN_ID", s->trial->run->id);
    if (!rc) rc = add_path(env, &n, "ISOGLOSS_RUN", s->trial, "run.json");
    if (!rc) rc = add_path(env, &n, "ISOGLOSS_EVENTS", s->trial, "said.jsonl");
    if (!rc) rc = add_path(env, &n, "ISOGLOSS_STOP", s->trial, "stop");
    return rc;
}

static isg_err open_events(isg_slot *s)
{
    char *path = isg_trial_path(s->trial, "said.jsonl");
    if (!path) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    s->events = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0666);
    isg_err rc =
        s->events < 0 ? ISG_FAIL(ISG_EIO, "cannot create '%s': %s", path, strerror(errno)) : ISG_OK;
    free(path);
    return rc;
}

static isg_err start_child(isg_slot *s, const char *gpus, uint32_t n_gpus)
{
    char *env[8] = {0}, *proxy[2] = {s->site->train, NULL}, **command = NULL;
    isg_err rc = make_env(s, gpus, env);
    if (!rc && is_command(s)) {
        const isg_command_site site = {s->trial->dir, s->trial->of.attempt, s->cores, n_gpus};
        rc = isg_command_expand(s->site->plan, s->trial->of.task, &site, &command);
        if (!rc) rc = open_events(s);
    }
    const isg_child_spec spec = {.guard = s->site->guard,
                                 .argv = command ? command : proxy,
                                 .env = (const char *const *)env,
                                 .grace_s = grace_s,
                                 .guard_limit_s = guard_limit_s,
                                 .talk = !is_command(s),
                                 .dir = is_command(s) ? s->site->campaign_dir : s->trial->dir};
    if (!rc) rc = isg_child_start(&spec, &s->child);
    isg_command_free(&command);
    for (char **e = env; *e; e++) free(*e);
    return rc;
}

/* An idle trainer serves again if its surroundings are still right and it lives. */
static bool can_reuse(const isg_slot *s, uint32_t cores, const char *gpus)
{
    int code;
    return s->child && s->ready && s->cores == cores && !strcmp(s->gpus, gpus ? gpus : "") &&
           isg_child_how(s->child, &code) == ISG_CHILD_RUNS && !isg_child_closing(s->child);
}

void isg_slot_begin(isg_slot *slot, isg_trial *trial, uint32_t cores, const char *gpus,
                    uint32_t n_gpus)
{
    isg_slot *s = slot;
    isg_err rc = ISG_OK;
    s->trial = trial;
    s->began = s->heard = isg_time_mono();
    s->ended_at = s->asked_at = 0;
    s->tokens = trial->from > trial->run->from ? trial->from : trial->run->from;
    s->verdict = ISG_CAUSE_NONE;
    s->sent = false;
    s->text[0] = '\0';
    if (!can_reuse(s, cores, gpus)) {
        drop_child(s);
        s->cores = cores;
        (void)snprintf(s->gpus, sizeof s->gpus, "%s", gpus ? gpus : "");
        rc = start_child(s, gpus, n_gpus);
    }
    if (rc) judge_and_end(s, ISG_CAUSE_KILLED, false, isg_err_message());
}

/* ---- listening ---------------------------------------------------------- */

static void take_checkpoint(isg_slot *s, const isg_said *e, isg_slot_checkpoint *checkpoint,
                            void *ctx)
{
    isg_err rc = isg_trial_checkpoint(s->trial, e->name, e->tokens, isg_time_mono() - s->began);
    if (rc)
        judge_and_end(s, rc == ISG_EPROTO ? ISG_CAUSE_PROTOCOL : ISG_CAUSE_KILLED, false,
                      isg_err_message());
    else
        checkpoint(ctx, s->trial->of, e->tokens);
}

/* A result, or the reason why there is none. */
static void conclude(isg_slot *s, bool diverged)
{
    const isg_run *r = s->trial->run;
    if (!diverged && r->keep_checkpoint && s->trial->checkpoint_tokens != r->tokens) {
        judge_and_end(s, ISG_CAUSE_PROTOCOL, false,
                      "ended without the final checkpoint that was asked for");
        return;
    }
    if (isg_curve_finish(s->trial->curve, diverged, &s->result)) {
        judge_and_end(s, ISG_CAUSE_PROTOCOL, false, isg_err_message());
        return;
    }
    s->result->seconds = s->trial->before_s + (isg_time_mono() - s->began);
    if (diverged)
        judge(s, ISG_CAUSE_DIVERGED, 0, "the loss diverged after %llu tokens",
              (unsigned long long)s->tokens);
    else
        judge(s, ISG_CAUSE_OK, 0, "%s", "");
}

/* The end event of a run, once the trainer has nothing more to do for it. */
static void take_end(isg_slot *s)
{
    switch (s->end.outcome) {
    case ISG_END_DONE: conclude(s, false); break;
    case ISG_END_DIVERGED: conclude(s, true); break;
    case ISG_END_STOPPED:
        if (s->asked_at > 0)
            judge(s, ISG_CAUSE_STOPPED, 0, "stopped after %llu tokens",
                  (unsigned long long)s->end.tokens);
        else
            judge_and_end(s, ISG_CAUSE_PROTOCOL, false, "it stopped without being asked");
        break;
    }
}

static void take_event(isg_slot *s, const isg_said *e, isg_slot_checkpoint *checkpoint, void *ctx)
{
    if (e->tokens > s->tokens && e->tokens <= s->trial->run->tokens) s->tokens = e->tokens;
    switch (e->kind) {
    case ISG_SAID_CHECKPOINT: take_checkpoint(s, e, checkpoint, ctx); break;
    case ISG_SAID_DIVERGED:
        conclude(s, true);
        judge_and_end(s, ISG_CAUSE_DIVERGED, false, "");
        break;
    case ISG_SAID_END:
        s->end = *e;
        s->ended_at = isg_time_mono();
        if (!is_command(s)) take_end(s);
        break;
    case ISG_SAID_HELLO:
    case ISG_SAID_POINT:
    case ISG_SAID_EXTRA: break;
    }
}

static void take_line(isg_slot *s, const char *line, size_t n, isg_slot_checkpoint *checkpoint,
                      void *ctx)
{
    isg_said e;
    if (!is_command(s) && !s->ready) {
        s->ready = isg_hello_read(s->site->plan, line, n, &s->hello) == ISG_OK;
        if (!s->ready) judge_and_end(s, ISG_CAUSE_PROTOCOL, false, isg_err_message());
        return;
    }
    if (!s->trial || s->verdict != ISG_CAUSE_NONE || s->ended_at > 0) {
        if (s->child) judge_and_end(s, ISG_CAUSE_PROTOCOL, false, "it went on after its end event");
        return;
    }
    isg_err rc = isg_curve_take(s->trial->curve, line, n, &e);
    if (!rc && e.kind != ISG_SAID_EXTRA) rc = isg_trial_note(s->trial, line, n);
    if (rc)
        judge_and_end(s, rc == ISG_EPROTO ? ISG_CAUSE_PROTOCOL : ISG_CAUSE_KILLED, false,
                      isg_err_message());
    else
        take_event(s, &e, checkpoint, ctx);
}

typedef struct listener {
    isg_slot *slot;
    isg_slot_checkpoint *checkpoint;
    void *ctx;
} listener;

/* Bytes of protocol, from stdout or the events file. */
static void take_bytes(void *ctx, const char *bytes, size_t n)
{
    listener *l = ctx;
    isg_slot *s = l->slot;
    const char *line;
    size_t length;
    if (isg_lines_add(&s->lines, bytes, n))
        judge_and_end(s, ISG_CAUSE_KILLED, false, isg_err_message());
    for (;;) {
        if (isg_lines_next(&s->lines, &line, &length)) {
            judge_and_end(s, ISG_CAUSE_PROTOCOL, false, isg_err_message());
            isg_lines_free(&s->lines);
            return;
        }
        if (!line) return;
        take_line(s, line, length, l->checkpoint, l->ctx);
    }
}

/* @return bytes read from a command's events file */
static size_t read_events(isg_slot *s, listener *l)
{
    char buf[EVENTS_CHUNK];
    bool spoilt = s->verdict != ISG_CAUSE_NONE;
    if (s->events < 0 || spoilt) return 0;
    ssize_t n = read(s->events, buf, sizeof buf);
    if (n <= 0) return 0;
    take_bytes(l, buf, (size_t)n);
    return (size_t)n;
}

/* ---- limits and ends ----------------------------------------------------- */

static void check_limits(isg_slot *s, double now)
{
    const isg_limits *limits = &s->site->plan->limits;
    char text[ISG_MSG_TEXT];
    const struct {
        bool on;
        double since, limit;
        isg_cause cause;
        const char *what;
    } rules[] = {
        {limits->run_time_s > 0 && s->asked_at <= 0, s->began, limits->run_time_s, ISG_CAUSE_TIME,
         "ran longer than its run_time"},
        {limits->silence_s > 0, s->heard, limits->silence_s, ISG_CAUSE_SILENCE,
         "was silent for longer than allowed"},
        {!is_command(s) && !s->ready, s->began, hello_limit_s, ISG_CAUSE_SILENCE,
         "never said hello"},
        {s->ended_at > 0, s->ended_at, exit_limit_s, ISG_CAUSE_SILENCE,
         "did not exit after its end event"},
        {s->asked_at > 0, s->asked_at, stop_limit_s, ISG_CAUSE_STOPPED,
         "did not stop when asked to"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules && s->verdict == ISG_CAUSE_NONE; i++) {
        if (!rules[i].on || now - rules[i].since <= rules[i].limit) continue;
        (void)snprintf(text, sizeof text, "%s (%.0f s)", rules[i].what, rules[i].limit);
        judge_and_end(s, rules[i].cause, true, text);
    }
}

/* Its last words, for the message of an attempt. */
static const char *last_words(isg_slot *s, char buf[164])
{
    const isg_str *tail = isg_child_tail(s->child);
    const char *text = isg_str_c(tail), *end = text + tail->len;
    while (end > text && (end[-1] == '\n' || end[-1] == ' ')) end--;
    const char *from = end;
    while (from > text && from[-1] != '\n') from--;
    return isg_lines_show(from, (size_t)(end - from), 150, buf);
}

static void judge_exit(isg_slot *s)
{
    int code;
    char words[164];
    const char *program = is_command(s) ? "the command" : "the trainer",
               *said = last_words(s, words);
    const char *colon = *said ? ": " : "";
    if (s->verdict != ISG_CAUSE_NONE) return;
    switch (isg_child_how(s->child, &code)) {
    case ISG_CHILD_EXITED:
        if (code)
            judge(s, ISG_CAUSE_EXIT, code, "exit status %d%s%s", code, colon, said);
        else if (s->ended_at > 0)
            take_end(s);
        else
            judge(s, ISG_CAUSE_PROTOCOL, 0, "exit status 0 without an end event%s%s", colon, said);
        break;
    case ISG_CHILD_SIGNALED:
        judge(s, code == SIGKILL || code == SIGTERM ? ISG_CAUSE_KILLED : ISG_CAUSE_CRASH, code,
              "killed by signal %d (%s)%s%s", code, strsignal(code), colon, said);
        break;
    case ISG_CHILD_UNSTARTED:
        judge(s, ISG_CAUSE_EXIT, 127, "cannot start %s '%.100s': %s", program,
              is_command(s) ? s->site->plan->command[0] : s->site->train, strerror(code));
        break;
    case ISG_CHILD_RUNS:
    case ISG_CHILD_LOST:
        judge(s, ISG_CAUSE_KILLED, SIGKILL,
              "its guard was killed or hung, and %s was killed with it", program);
        break;
    }
}

static void fill_end(isg_slot *s, isg_slot_end *end)
{
    const isg_run *r = s->trial->run;
    const uint64_t from = s->trial->from > r->from ? s->trial->from : r->from;
    const uint64_t to = s->verdict == ISG_CAUSE_OK ? r->tokens : s->tokens;
    *end = (isg_slot_end){
        .said = {.of = s->trial->of, .cause = (uint32_t)s->verdict, .code = s->code}};
    end->said.own_seconds = isg_time_mono() - s->began;
    end->said.seconds = s->trial->before_s + end->said.own_seconds;
    end->said.flops = r->flops * ((double)(to - from) / (double)(r->tokens - r->from));
    end->said.has_result = s->result != NULL;
    (void)snprintf(end->said.device, sizeof end->said.device, "%.30s",
                   is_command(s) ? "" : s->hello.device);
    memcpy(end->said.text, s->text, sizeof end->said.text);
    end->result = s->result;
    s->result = NULL;
}

/* A trainer that did as it should stays for the next run. */
static bool trainer_stays(const isg_slot *s)
{
    int code;
    bool well = s->verdict == ISG_CAUSE_OK || s->verdict == ISG_CAUSE_STOPPED ||
                s->verdict == ISG_CAUSE_DIVERGED;
    return well && s->child && !is_command(s) && s->ended_at > 0 &&
           isg_child_how(s->child, &code) == ISG_CHILD_RUNS;
}

static void finish(isg_slot *s, isg_slot_end *end)
{
    bool bad = s->verdict != ISG_CAUSE_OK && s->verdict != ISG_CAUSE_STOPPED;
    if (bad && s->child && isg_trial_keep_output(s->trial, isg_child_tail(s->child))) {
        ISG_WARN("worker", "%s", isg_err_message());
        isg_err_clear();
    }
    char *said = is_command(s) ? isg_trial_path(s->trial, "said.jsonl") : NULL;
    if (said) (void)unlink(said); /* what was accepted of it stands in events.jsonl */
    free(said);
    fill_end(s, end);
    if (!trainer_stays(s)) drop_child(s);
    isg_trial_destroy(&s->trial);
}

static isg_err send_run(isg_slot *s)
{
    json_t *line = json_pack("{s:O}", "run", s->trial->object);
    char *text = line ? isg_json_line(line) : NULL;
    isg_err rc = text ? isg_child_write(s->child, text) : ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (!rc) rc = isg_child_write(s->child, "\n");
    free(text);
    json_decref(line);
    s->sent = true;
    return rc;
}

isg_err isg_slot_step(isg_slot *slot, isg_slot_checkpoint *checkpoint, void *ctx, isg_slot_end *end,
                      bool *ended)
{
    isg_slot *s = slot;
    listener l = {s, checkpoint, ctx};
    bool heard = false;

    *ended = false;
    if (s->child) {
        ISG_TRY(isg_child_pump(s->child, take_bytes, &l, &heard));
        if (read_events(s, &l) || heard) s->heard = isg_time_mono();
        if (s->trial && s->ready && !s->sent && s->verdict == ISG_CAUSE_NONE) ISG_TRY(send_run(s));
        if (isg_child_over(s->child)) {
            while (read_events(s, &l)) continue;
            if (s->trial)
                judge_exit(s);
            else
                drop_child(s); /* an idle trainer left: nobody misses it */
        }
    }
    if (!s->trial) return ISG_OK;
    check_limits(s, isg_time_mono());
    bool told =
        s->verdict != ISG_CAUSE_NONE && (!s->child || isg_child_over(s->child) || trainer_stays(s));
    if (!told) return ISG_OK;
    finish(s, end);
    *ended = true;
    return ISG_OK;
}

/* ---- the rest ------------------------------------------------------------ */

void isg_slot_stop(isg_slot *slot, isg_stop_how how)
{
    isg_slot *s = slot;
    if (!s->trial || s->verdict != ISG_CAUSE_NONE) return;
    if (how == ISG_STOP_KILL) {
        judge_and_end(s, ISG_CAUSE_STOPPED, false, "ended at once, as ordered");
        return;
    }
    if (s->asked_at > 0) return;
    s->asked_at = isg_time_mono();
    if (!is_command(s) && !s->sent) {
        judge_and_end(s, ISG_CAUSE_STOPPED, false, "stopped before it began");
        return;
    }
    if (!is_command(s)) {
        if (isg_child_write(s->child, "{\"stop\":\"checkpoint\"}\n"))
            judge_and_end(s, ISG_CAUSE_STOPPED, false, isg_err_message());
        return;
    }
    char *path = isg_trial_path(s->trial, "stop");
    if (!path || isg_file_write(path, "", 0))
        judge_and_end(s, ISG_CAUSE_STOPPED, false, "its stop file cannot be written");
    free(path);
}

size_t isg_slot_fds(const isg_slot *slot, struct pollfd fds[ISG_CHILD_FDS])
{
    return slot->child ? isg_child_fds(slot->child, fds) : 0;
}

double isg_slot_wait(const isg_slot *slot)
{
    const isg_slot *s = slot;
    if (!s->child) return s->trial ? 0 : most_wait_s;
    if (isg_child_closing(s->child)) return closing_wait_s;
    if (!s->trial) return most_wait_s;
    return s->events >= 0 ? events_wait_s : most_wait_s;
}
