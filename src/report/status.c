#include "isogloss/status.h"
#include "isogloss/os.h"

#include <string.h>

enum { SHOWN_CASUALTIES = 5, SHORT_ID = 12, NUMBER_BYTES = 32 };

static size_t left_of(const isg_progress *p)
{
    return p->by_state[ISG_RUN_WAITING] + p->by_state[ISG_RUN_READY] + p->by_state[ISG_RUN_HELD];
}

static double share_of(const isg_progress *p)
{
    return p->flops > 0 ? 100 * p->flops_done / p->flops : 0;
}

static void print_progress(const isg_progress *p, FILE *out)
{
    const size_t *n = p->by_state;
    (void)fprintf(out, "  %-24.24s %6zu %6zu %8zu %6zu %8zu %6zu  %6.1f %%\n",
                  p->name ? p->name : "all", p->runs, n[ISG_RUN_DONE], n[ISG_RUN_DIVERGED],
                  n[ISG_RUN_FAILED], n[ISG_RUN_RUNNING], left_of(p), share_of(p));
}

static void print_casualty(const isg_casualty *c, FILE *out)
{
    const isg_attempt *a = &c->last;
    char n[NUMBER_BYTES], d[NUMBER_BYTES];
    (void)fprintf(out, "  %.*s  %s (%s), %u attempt%s", SHORT_ID, c->id,
                  isg_run_state_name(c->state), c->family, c->attempts,
                  c->attempts == 1 ? "" : "s");
    if (a->number) {
        bool signalled = a->cause == ISG_CAUSE_CRASH || a->cause == ISG_CAUSE_KILLED;
        (void)fprintf(out, ": %s", isg_cause_name(a->cause));
        if (a->code) (void)fprintf(out, " (%s %d)", signalled ? "signal" : "code", a->code);
        if (a->host[0]) (void)fprintf(out, " on %s", a->host);
        if (a->message[0]) (void)fprintf(out, "\n      %s", a->message);
    } else {
        (void)fprintf(out, ": no attempt is recorded");
    }
    (void)fprintf(out, "\n      N %s without embeddings, D %s, seed %llu\n",
                  isg_str_count((double)c->n_nonembedding, n, sizeof n),
                  isg_str_count((double)c->tokens, d, sizeof d), (unsigned long long)c->seed);
}

static void print_launch(const isg_status *s, FILE *out)
{
    char start[ISG_TIME_BYTES], end[ISG_TIME_BYTES], text[NUMBER_BYTES];
    if (s->n_launches) {
        const isg_launch *l = &s->launches[s->n_launches - 1];
        (void)fprintf(out, "launch %zu of %zu: %s, %d rank%s, host %s%s%s, isogloss %s (%s)\n",
                      s->n_launches, s->n_launches, isg_time_iso(l->start, start), l->ranks,
                      l->ranks == 1 ? "" : "s", l->host, l->job[0] ? ", job " : "", l->job,
                      l->version, l->commit);
        if (l->end > 0) {
            (void)fprintf(out, "  ended %s with exit status %d\n", isg_time_iso(l->end, end),
                          l->exit_status);
        } else if (!s->held) {
            (void)fprintf(out, "  did not end in order: the same run command goes on\n");
        }
    }
    if (!s->held) return;
    (void)fprintf(out, "running: pid %ld on %s%s%s, last sign of life %s ago", s->holder.pid,
                  s->holder.host, s->holder.job[0] ? ", job " : "", s->holder.job,
                  isg_str_duration(s->now - s->holder.heartbeat, text, sizeof text));
    if (s->rate > 0) {
        (void)fprintf(out, "\n  %.3g FLOP/s, ", s->rate);
        (void)fprintf(out, "about %s left", isg_str_duration(s->eta, text, sizeof text));
    }
    (void)fputc('\n', out);
}

isg_err isg_status_print(const isg_status *s, bool all_failed, FILE *out)
{
    (void)fprintf(out, "campaign %s, store %s: %.1f %% of %.3g FLOP done\n", s->overview->campaign,
                  s->path, share_of(&s->total), s->total.flops);
    (void)fprintf(out, "  %-24s %6s %6s %8s %6s %8s %6s  %8s\n", "family", "runs", "done",
                  "diverged", "failed", "running", "left", "FLOPs");
    for (size_t f = 0; f < s->overview->n_families; f++) print_progress(&s->family[f], out);
    print_progress(&s->total, out);
    if (s->overview->n_parts)
        (void)fprintf(out, "  %zu of these are parts of trunks\n", s->overview->n_parts);
    if (s->n_casualties) (void)fprintf(out, "without a full result:\n");
    size_t shown =
        all_failed || s->n_casualties <= SHOWN_CASUALTIES ? s->n_casualties : SHOWN_CASUALTIES;
    for (size_t i = 0; i < shown; i++) print_casualty(&s->casualty[i], out);
    if (shown < s->n_casualties) {
        (void)fprintf(out, "  ... and %zu more (--failed shows all)\n", s->n_casualties - shown);
    }
    if (s->total.by_state[ISG_RUN_FAILED]) {
        const char *name = isg_path_base(s->path);
        size_t n = strlen(name);
        if (n > 3 && !strcmp(name + n - 3, ".h5")) n -= 3;
        (void)fprintf(out,
                      "  what a trainer said is beside the store, in\n"
                      "      %.*s.work/runs/RUN/attempt-K/stderr.txt\n"
                      "  once the cause is gone: isogloss run --retry-failed CAMPAIGN\n",
                      (int)n, name);
    }
    if (s->verified && !s->damaged) (void)fprintf(out, "verified: every mark fits its result\n");
    if (s->damaged) {
        (void)fprintf(out,
                      "DAMAGED: %zu marks do not fit their results; these runs count as not done "
                      "and the next launch makes them again\n",
                      s->damaged);
    }
    print_launch(s, out);
    return ferror(out) ? ISG_FAIL(ISG_EIO, "cannot write the status") : ISG_OK;
}

/* ---- JSON ------------------------------------------------------------------- */

static json_t *count_json(size_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *time_json(double t)
{
    char text[ISG_TIME_BYTES];
    return t > 0 ? json_string(isg_time_iso(t, text)) : json_null();
}

static json_t *progress_json(const isg_progress *p)
{
    json_t *states = json_object();
    for (int i = 0; i < ISG_RUN_STATES; i++) {
        json_object_set_new(states, isg_run_state_name((isg_run_state)i),
                            count_json(p->by_state[i]));
    }
    json_t *o = json_pack("{s:o, s:o, s:f, s:f}", "runs", count_json(p->runs), "states", states,
                          "flops", p->flops, "flops_done", p->flops_done);
    if (p->name) json_object_set_new(o, "family", json_string(p->name));
    return o;
}

static json_t *casualty_json(const isg_casualty *c)
{
    const isg_attempt *a = &c->last;
    json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:i}", "run", c->id, "family", c->family,
                          "N_nonembedding", (json_int_t)c->n_nonembedding, "tokens",
                          (json_int_t)c->tokens, "seed", (json_int_t)c->seed, "state",
                          isg_run_state_name(c->state), "attempts", (int)c->attempts);
    if (!a->number) return o;
    json_object_set_new(o, "last",
                        json_pack("{s:i, s:s, s:i, s:s, s:o, s:s}", "attempt", (int)a->number,
                                  "cause", isg_cause_name(a->cause), "code", a->code, "host",
                                  a->host, "end", time_json(a->end), "message", a->message));
    return o;
}

static json_t *launch_json(const isg_launch *l)
{
    return json_pack("{s:o, s:o, s:i, s:s, s:s, s:i, s:s, s:s}", "start", time_json(l->start),
                     "end", time_json(l->end), "ranks", l->ranks, "host", l->host, "job", l->job,
                     "exit_status", l->exit_status, "version", l->version, "commit", l->commit);
}

static json_t *running_json(const isg_status *s)
{
    json_t *rate = s->rate > 0 ? json_real(s->rate) : json_null();
    json_t *eta = s->rate > 0 ? json_real(s->eta) : json_null();
    return json_pack("{s:s, s:I, s:s, s:o, s:o, s:o}", "host", s->holder.host, "pid",
                     (json_int_t)s->holder.pid, "job", s->holder.job, "heartbeat",
                     time_json(s->holder.heartbeat), "flops_per_s", rate, "eta_s", eta);
}

json_t *isg_status_json(const isg_status *s)
{
    json_t *families = json_array(), *casualties = json_array();
    for (size_t f = 0; f < s->overview->n_families; f++) {
        json_array_append_new(families, progress_json(&s->family[f]));
    }
    for (size_t i = 0; i < s->n_casualties; i++) {
        json_array_append_new(casualties, casualty_json(&s->casualty[i]));
    }
    json_t *launch = s->n_launches ? launch_json(&s->launches[s->n_launches - 1]) : json_null();
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "store", s->path, "campaign", s->overview->campaign, "uuid", s->overview->uuid,
                     "created", s->overview->created, "verdict",
                     isg_err_text(isg_status_verdict(s)), "exit_status",
                     isg_err_exit_status(isg_status_verdict(s)), "total", progress_json(&s->total),
                     "trunk_parts", count_json(s->overview->n_parts), "families", families,
                     "not_done_well", casualties, "launches", count_json(s->n_launches),
                     "last_launch", launch, "running", s->held ? running_json(s) : json_null(),
                     "damaged", s->verified ? count_json(s->damaged) : json_null());
}
