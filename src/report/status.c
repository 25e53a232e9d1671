#include "isogloss/status.h"
#include "isogloss/os.h"
#include "text.h"

#include <string.h>

enum { SHOWN_CASUALTIES = 5, SHOWN_LANGUAGES = 4, SHORT_ID = 12, NUMBER_BYTES = 32 };

static size_t left_of(const isg_tally *t)
{
    return t->by_state[ISG_RUN_WAITING] + t->by_state[ISG_RUN_READY] + t->by_state[ISG_RUN_HELD];
}

static double share_of(const isg_progress *p)
{
    return p->flops > 0 ? 100 * p->flops_done / p->flops : 0;
}

static void print_tally(const char *name, const isg_tally *t, FILE *out)
{
    const size_t *n = t->by_state;
    (void)fprintf(out, "  %-22.22s %6zu %6zu %8zu %6zu %8zu %6zu", name, t->n, n[ISG_RUN_DONE],
                  n[ISG_RUN_DIVERGED], n[ISG_RUN_FAILED], n[ISG_RUN_RUNNING], left_of(t));
}

static void print_progress(const isg_progress *p, FILE *out)
{
    print_tally(p->name ? p->name : "all", &p->runs, out);
    (void)fprintf(out, "  %6.1f %%\n", share_of(p));
}

/* Its shape, its settings, what it was trained on. */
static void print_run(const isg_status *s, const isg_casualty *c, FILE *out)
{
    const isg_overview *o = s->overview;
    char n[NUMBER_BYTES], d[NUMBER_BYTES];
    isg_str text = {0};
    size_t shown = 0;
    isg_err rc = isg_str_printf(&text, "N %s without embeddings, D %s, ",
                                isg_str_count((double)c->n_nonembedding, n, sizeof n),
                                isg_str_count((double)c->tokens, d, sizeof d));
    for (size_t k = 0; k < o->n_settings && !rc; k++)
        rc = isg_str_printf(&text, "%s %.6g, ", o->setting[k], o->value[k * o->n_runs + c->slot]);
    if (!rc) rc = isg_str_printf(&text, "seed %llu", (unsigned long long)c->seed);
    for (size_t l = 0; l < o->n_languages && !rc; l++) {
        if (!(c->share[l] > 0) || shown++ >= SHOWN_LANGUAGES) continue;
        rc = isg_str_printf(&text, "%s%s:%.3g", shown == 1 ? ", " : " ", o->language[l],
                            c->share[l]);
    }
    if (!rc && shown > SHOWN_LANGUAGES)
        rc = isg_str_printf(&text, " and %zu more", shown - SHOWN_LANGUAGES);
    if (!rc) isg_text_paragraph(out, "      ", isg_str_c(&text));
    isg_str_free(&text);
}

static void print_casualty(const isg_status *s, const isg_casualty *c, FILE *out)
{
    const isg_attempt *a = &c->last;
    char point[NUMBER_BYTES];
    (void)fprintf(out, "  %.*s  %s (%s)%s, %u %s", SHORT_ID, c->id, isg_run_state_name(c->state),
                  c->family, c->part ? ", part of a trunk" : "", c->attempts,
                  isg_str_plural(c->attempts, "attempt", "attempts"));
    if (a->number) {
        bool signalled = a->cause == ISG_CAUSE_CRASH || a->cause == ISG_CAUSE_KILLED;
        if (a->cause != ISG_CAUSE_DIVERGED) (void)fprintf(out, ": %s", isg_cause_name(a->cause));
        if (a->code) (void)fprintf(out, " (%s %d)", signalled ? "signal" : "code", a->code);
        if (a->host[0]) (void)fprintf(out, " on %s", a->host);
        if (a->message[0]) {
            (void)fputc('\n', out);
            isg_text_paragraph(out, "      ", a->message);
        }
    } else {
        (void)fprintf(out, ": no attempt is recorded");
    }
    if (!a->number || !a->message[0]) (void)fputc('\n', out);
    if (c->point)
        (void)fprintf(out, "      its last loss is at %s tokens\n",
                      isg_str_count((double)c->point, point, sizeof point));
    print_run(s, c, out);
}

/* Nothing to mend: what another campaign would do otherwise. */
static void print_diverged(const isg_status *s, FILE *out)
{
    if (s->total.runs.by_state[ISG_RUN_DIVERGED] + s->total.parts.by_state[ISG_RUN_DIVERGED] == 0)
        return;
    isg_text_paragraph(out, "  ",
                       "diverged is an outcome: it is kept, left out of fits and not trained "
                       "again, also not by --retry-failed. Other settings (a lower lr, a longer "
                       "warmup) make other runs: in the campaign beside these, or in a campaign "
                       "with a store of its own");
}

static void print_failed(const isg_status *s, FILE *out)
{
    const char *name = isg_path_base(s->path);
    size_t n = strlen(name);
    if (s->total.runs.by_state[ISG_RUN_FAILED] + s->total.parts.by_state[ISG_RUN_FAILED] == 0)
        return;
    if (n > 3 && !strcmp(name + n - 3, ".h5")) n -= 3;
    (void)fprintf(out,
                  "  what a trainer said is beside the store, in\n"
                  "      %.*s.work/runs/RUN/attempt-K/stderr.txt\n"
                  "  once the cause is gone: isogloss run --retry-failed CAMPAIGN\n",
                  (int)n, name);
}

static void print_launch(const isg_status *s, FILE *out)
{
    char start[ISG_TIME_BYTES], end[ISG_TIME_BYTES], text[NUMBER_BYTES];
    if (s->n_launches) {
        const isg_launch *l = &s->launches[s->n_launches - 1];
        (void)fprintf(out, "launch %zu of %zu: %s, %d %s, host %s%s%s, isogloss %s (%s)\n",
                      s->n_launches, s->n_launches, isg_time_iso(l->start, start), l->ranks,
                      isg_str_plural((size_t)l->ranks, "rank", "ranks"), l->host,
                      l->job[0] ? ", job " : "", l->job, l->version, l->commit);
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
    (void)fprintf(out, "  %-22s %6s %6s %8s %6s %8s %6s  %8s\n", "family", "runs", "done",
                  "diverged", "failed", "running", "left", "FLOPs");
    for (size_t f = 0; f < s->overview->n_families; f++) print_progress(&s->family[f], out);
    print_progress(&s->total, out);
    if (s->total.parts.n) {
        print_tally("and parts of trunks", &s->total.parts, out);
        (void)fputc('\n', out);
    }
    if (s->n_casualties) (void)fprintf(out, "without a full result:\n");
    size_t shown =
        all_failed || s->n_casualties <= SHOWN_CASUALTIES ? s->n_casualties : SHOWN_CASUALTIES;
    for (size_t i = 0; i < shown; i++) print_casualty(s, &s->casualty[i], out);
    if (shown < s->n_casualties) {
        (void)fprintf(out, "  ... and %zu more (--failed shows all)\n", s->n_casualties - shown);
    }
    print_diverged(s, out);
    print_failed(s, out);
    if (s->verified && !s->damaged) (void)fprintf(out, "verified: every mark fits its result\n");
    if (s->damaged) {
        const bool one = s->damaged == 1;
        (void)fprintf(out,
                      "DAMAGED: %zu %s; %s as not done\n"
                      "  and the next launch makes %s again\n",
                      s->damaged,
                      one ? "mark does not fit its result" : "marks do not fit their results",
                      one ? "this run counts" : "these runs count", one ? "it" : "them");
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

static json_t *states_json(const isg_tally *t)
{
    json_t *states = json_object();
    for (int i = 0; i < ISG_RUN_STATES; i++) {
        json_object_set_new(states, isg_run_state_name((isg_run_state)i),
                            count_json(t->by_state[i]));
    }
    return states;
}

static json_t *progress_json(const isg_progress *p)
{
    json_t *o =
        json_pack("{s:o, s:o, s:{s:o, s:o}, s:f, s:f}", "runs", count_json(p->runs.n), "states",
                  states_json(&p->runs), "trunk_parts", "parts", count_json(p->parts.n), "states",
                  states_json(&p->parts), "flops", p->flops, "flops_done", p->flops_done);
    if (p->name) json_object_set_new(o, "family", json_string(p->name));
    return o;
}

static json_t *casualty_json(const isg_status *s, const isg_casualty *c)
{
    const isg_overview *of = s->overview;
    const isg_attempt *a = &c->last;
    json_t *mixture = json_object(), *settings = json_object();
    for (size_t l = 0; l < of->n_languages; l++) {
        if (c->share[l] > 0) json_object_set_new(mixture, of->language[l], json_real(c->share[l]));
    }
    for (size_t k = 0; k < of->n_settings; k++) {
        json_object_set_new(settings, of->setting[k],
                            isg_json_real(of->value[k * of->n_runs + c->slot]));
    }
    json_t *o = json_pack(
        "{s:s, s:s, s:b, s:I, s:I, s:I, s:o, s:o, s:s, s:i, s:o}", "run", c->id, "family",
        c->family, "trunk_part", c->part, "N_nonembedding", (json_int_t)c->n_nonembedding, "tokens",
        (json_int_t)c->tokens, "seed", (json_int_t)c->seed, "settings", settings, "mixture",
        mixture, "state", isg_run_state_name(c->state), "attempts", (int)c->attempts,
        "last_loss_tokens", c->point ? json_integer((json_int_t)c->point) : json_null());
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
        json_array_append_new(casualties, casualty_json(s, &s->casualty[i]));
    }
    json_t *launch = s->n_launches ? launch_json(&s->launches[s->n_launches - 1]) : json_null();
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "store", s->path,
        "campaign", s->overview->campaign, "uuid", s->overview->uuid, "created",
        s->overview->created, "verdict", isg_err_text(isg_status_verdict(s)), "exit_status",
        isg_err_exit_status(isg_status_verdict(s)), "total", progress_json(&s->total), "families",
        families, "not_done_well", casualties, "launches", count_json(s->n_launches), "last_launch",
        launch, "running", s->held ? running_json(s) : json_null(), "damaged",
        s->verified ? count_json(s->damaged) : json_null());
}
