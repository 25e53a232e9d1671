#include "events.h"

#include "lines.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROTOCOL = 1 };

struct isg_curve {
    const isg_plan *plan;
    const isg_run *run;
    uint64_t from;      /* tokens resumed from */
    uint64_t last;      /* tokens of the last point heard of */
    bool any;           /* there was one */
    isg_result *result; /* planned point i stands at row i */
};

/*
 * Python's json writes NaN, Infinity and -Infinity, which are not JSON. In a
 * point they mean divergence: outside strings they become null.
 */
static isg_err without_nan(const char *line, size_t n, isg_str *out)
{
    static const char *const words[] = {"-Infinity", "Infinity", "NaN"};
    bool quoted = false;
    size_t done = 0; /* bytes of the line already in `out` */
    for (size_t i = 0; i < n; i++) {
        if (line[i] == '"') quoted = !quoted;
        if (quoted && line[i] == '\\') i++;
        for (size_t w = 0; !quoted && i < n && w < sizeof words / sizeof *words; w++) {
            size_t length = strlen(words[w]);
            if (n - i < length || memcmp(line + i, words[w], length)) continue;
            ISG_TRY(isg_str_add(out, line + done, i - done));
            ISG_TRY(isg_str_puts(out, "null"));
            i += length - 1;
            done = i + 1;
            break;
        }
    }
    return isg_str_add(out, line + done, n - done);
}

/* An object with a string "event". */
static isg_err parse(const char *line, size_t n, json_t **root, const char **event)
{
    isg_str text = {0};
    isg_err rc = without_nan(line, n, &text);
    *root = NULL;
    if (!rc) rc = isg_json_parse(isg_str_c(&text), text.len, "trainer output", root);
    if (!rc && !json_is_object(*root))
        rc = ISG_FAIL(ISG_EINPUT, "trainer output: not a JSON object");
    if (!rc) rc = isg_json_string(*root, "event", event);
    isg_str_free(&text);
    return rc;
}

/* What is wrong with a line is the trainer's breach of protocol; show where. */
static isg_err blame(isg_err rc, const char *line, size_t n)
{
    char shown[84], why[512];
    if (!rc || rc == ISG_ENOMEM) return rc;
    (void)snprintf(why, sizeof why, "%s", isg_err_message());
    return ISG_FAIL(ISG_EPROTO, "%s, in line \"%s\"", why, isg_lines_show(line, n, 80, shown));
}

static isg_err copy_text(const json_t *root, const char *key, char *out, size_t cap)
{
    const char *text = NULL;
    if (!json_object_get(root, key)) return ISG_OK;
    ISG_TRY(isg_json_string(root, key, &text));
    if (strlen(text) >= cap)
        return ISG_FAIL(ISG_EPROTO, "key '%s': '%.40s...' is longer than %zu bytes", key, text,
                        cap - 1);
    memcpy(out, text, strlen(text) + 1);
    return ISG_OK;
}

static isg_err read_hello(const json_t *root, const char *event, isg_hello *out)
{
    uint64_t protocol = 0, lanes = 1;
    if (strcmp(event, "hello")) return ISG_FAIL(ISG_EPROTO, "event '%.40s' before hello", event);
    ISG_TRY(isg_json_u64(root, "protocol", &protocol));
    if (protocol != PROTOCOL) {
        return ISG_FAIL(ISG_EPROTO, "the trainer speaks protocol %llu, wanted %d",
                        (unsigned long long)protocol, PROTOCOL);
    }
    ISG_TRY(copy_text(root, "trainer", out->trainer, sizeof out->trainer));
    ISG_TRY(copy_text(root, "version", out->version, sizeof out->version));
    ISG_TRY(copy_text(root, "device", out->device, sizeof out->device));
    ISG_TRY(copy_text(root, "numerics", out->numerics, sizeof out->numerics));
    if (json_object_get(root, "exact")) ISG_TRY(isg_json_bool(root, "exact", &out->exact));
    if (json_object_get(root, "lanes")) ISG_TRY(isg_json_u64(root, "lanes", &lanes));
    if (lanes < 1 || lanes > 4096)
        return ISG_FAIL(ISG_EPROTO, "key 'lanes': wanted 1 to 4096, found %llu",
                        (unsigned long long)lanes);
    out->lanes = (uint32_t)lanes;
    return ISG_OK;
}

static isg_err demand(const char *what, const char *found, const char *wanted)
{
    if (!strcmp(found, wanted)) return ISG_OK;
    return ISG_FAIL(ISG_EPROTO, "the trainer's %s is '%s', the campaign was planned for '%s'", what,
                    found, wanted);
}

isg_err isg_hello_read(const isg_plan *plan, const char *line, size_t n, isg_hello *out)
{
    json_t *root = NULL;
    const char *event = NULL;
    *out = (isg_hello){0};
    isg_err rc = parse(line, n, &root, &event);
    if (!rc) rc = read_hello(root, event, out);
    if (!rc && plan->trainer == ISG_TRAINER_PROXY) {
        rc = demand("name", out->trainer, plan->trainer_name);
        if (!rc) rc = demand("version", out->version, plan->trainer_version);
        if (!rc) rc = demand("numerics", out->numerics, plan->numerics);
        if (!rc && !out->exact)
            rc = ISG_FAIL(ISG_EPROTO, "the trainer does not promise exact repetition");
    }
    json_decref(root);
    return blame(rc, line, n);
}

/* ---- the curve ----------------------------------------------------------- */

static size_t evaluation_of(const isg_plan *plan, const char *name)
{
    for (size_t e = 0; e < plan->n_evaluations; e++) {
        if (!strcmp(plan->evaluations[e].name, name)) return e;
    }
    return ISG_NO_RUN;
}

isg_err isg_curve_create(const isg_plan *plan, size_t run, uint64_t from, isg_curve **out)
{
    isg_curve *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    c->plan = plan;
    c->run = &plan->runs[run];
    c->from = from;
    isg_err rc = isg_result_create(plan, &c->result);
    if (rc) isg_curve_destroy(&c);
    *out = c;
    return rc;
}

void isg_curve_destroy(isg_curve **curve)
{
    if (!*curve) return;
    isg_result_destroy(&(*curve)->result);
    free(*curve);
    *curve = NULL;
}

/* A finite number; null (see without_nan) is divergence. */
static isg_err read_loss(const json_t *v, const char *what, double *out, bool *diverged)
{
    *out = 0;
    if (json_is_null(v))
        *diverged = true;
    else if (json_is_number(v))
        *out = json_number_value(v);
    else
        return ISG_FAIL(ISG_EPROTO, "%s: wanted a number", what);
    return ISG_OK;
}

static isg_err check_shards(const json_t *v, const char *key, const isg_evaluation *e)
{
    if (json_is_array(v) && json_array_size(v) == e->shards) return ISG_OK;
    return ISG_FAIL(ISG_EPROTO, "%s of '%s': wanted an array of %zu shards, found %zu", key,
                    e->name, e->shards, json_array_size(v));
}

/* {"de":[nats of each shard]} and the bytes beside it -> bit/byte */
static isg_err read_nats(isg_curve *c, size_t row, const json_t *root, bool *diverged)
{
    const isg_plan *p = c->plan;
    json_t *nats, *bytes, *list;
    const char *name;
    ISG_TRY(isg_json_object(root, "nats", &nats));
    ISG_TRY(isg_json_object(root, "bytes", &bytes));
    json_object_foreach(nats, name, list)
    {
        const size_t e = evaluation_of(p, name);
        if (e == ISG_NO_RUN) return ISG_FAIL(ISG_EPROTO, "unknown evaluation '%.64s'", name);
        const json_t *sizes = json_object_get(bytes, name);
        float *shard = c->result->shard_loss + (row * p->n_evaluations + e) * p->max_shards;
        double all_nats = 0, all_bytes = 0, x = 0, b = 0;
        ISG_TRY(check_shards(list, "nats", &p->evaluations[e]));
        ISG_TRY(check_shards(sizes, "bytes", &p->evaluations[e]));
        for (size_t s = 0; s < p->evaluations[e].shards; s++) {
            bool bad = false;
            ISG_TRY(read_loss(json_array_get(list, s), "nats", &x, diverged));
            ISG_TRY(read_loss(json_array_get(sizes, s), "bytes", &b, &bad));
            if (bad || b < 0)
                return ISG_FAIL(ISG_EPROTO, "bytes of '%s': wanted numbers of 0 or more", name);
            shard[s] = b > 0 ? (float)(x / b / M_LN2) : nanf("");
            all_nats += x;
            all_bytes += b;
        }
        if (!(all_bytes > 0)) return ISG_FAIL(ISG_EPROTO, "bytes of '%s': all are 0", name);
        c->result->loss[row * p->n_evaluations + e] = all_nats / all_bytes / M_LN2;
    }
    return ISG_OK;
}

/* {"de":3.21} in the campaign's unit: one shard */
static isg_err read_plain(isg_curve *c, size_t row, const json_t *root, bool *diverged)
{
    const isg_plan *p = c->plan;
    json_t *losses, *v;
    const char *name;
    ISG_TRY(isg_json_object(root, "loss", &losses));
    json_object_foreach(losses, name, v)
    {
        const size_t e = evaluation_of(p, name), at = row * p->n_evaluations + e;
        if (e == ISG_NO_RUN) return ISG_FAIL(ISG_EPROTO, "unknown evaluation '%.64s'", name);
        ISG_TRY(read_loss(v, "loss", &c->result->loss[at], diverged));
        c->result->shard_loss[at * p->max_shards] = (float)c->result->loss[at];
    }
    return ISG_OK;
}

static isg_err read_seen(isg_curve *c, size_t row, const json_t *root)
{
    const isg_plan *p = c->plan;
    double *seen = c->result->seen + row * p->n_languages;
    json_t *given, *v;
    const char *code;
    if (!json_object_get(root, "seen")) {
        /* With one language there is nothing to be told. */
        for (size_t l = 0; l < p->n_languages; l++) {
            if (c->run->weight[l] >= 1) seen[l] = (double)c->run->points[row];
        }
        return ISG_OK;
    }
    for (size_t l = 0; l < p->n_languages; l++) seen[l] = 0;
    ISG_TRY(isg_json_object(root, "seen", &given));
    json_object_foreach(given, code, v)
    {
        size_t l = 0;
        while (l < p->n_languages && strcmp(p->languages[l].code, code)) l++;
        if (l == p->n_languages)
            return ISG_FAIL(ISG_EPROTO, "seen: unknown language '%.64s'", code);
        if (!json_is_number(v) || json_number_value(v) < 0)
            return ISG_FAIL(ISG_EPROTO, "seen: tokens of '%s' are no number of 0 or more", code);
        seen[l] = json_number_value(v);
    }
    return ISG_OK;
}

static isg_err read_lr_state(isg_curve *c, size_t row, const json_t *root)
{
    const char *name = NULL;
    uint8_t *out = &c->result->lr_state[row];
    bool end = c->run->points[row] == c->run->tokens && !c->run->trunk;
    *out = end ? ISG_LR_END : ISG_LR_STABLE;
    if (!json_object_get(root, "lr_state")) return ISG_OK;
    ISG_TRY(isg_json_string(root, "lr_state", &name));
    for (int s = ISG_LR_WARMUP; s <= ISG_LR_END; s++) {
        if (strcmp(name, isg_lr_state_name((isg_lr_state)s))) continue;
        *out = (uint8_t)s;
        return ISG_OK;
    }
    return ISG_FAIL(ISG_EPROTO, "lr_state: wanted warmup, stable, decay or end, found '%.40s'",
                    name);
}

static void forget(isg_curve *c, size_t row)
{
    const isg_plan *p = c->plan;
    const size_t n = p->n_evaluations;
    c->result->tokens[row] = 0;
    for (size_t l = 0; l < p->n_languages; l++) c->result->seen[row * p->n_languages + l] = NAN;
    for (size_t e = 0; e < n; e++) c->result->loss[row * n + e] = NAN;
    for (size_t s = 0; s < n * p->max_shards; s++)
        c->result->shard_loss[row * n * p->max_shards + s] = nanf("");
}

/* Fill row `row`; on failure or divergence it is empty again. */
static isg_err fill(isg_curve *c, size_t row, const json_t *root, bool *diverged)
{
    const isg_plan *p = c->plan;
    bool nats = json_object_get(root, "nats") != NULL;
    isg_err rc = nats ? read_nats(c, row, root, diverged) : read_plain(c, row, root, diverged);
    if (!rc) rc = read_seen(c, row, root);
    if (!rc) rc = read_lr_state(c, row, root);
    for (size_t e = 0; !rc && e < p->n_evaluations; e++) {
        const double loss = c->result->loss[row * p->n_evaluations + e];
        if (isnan(loss) && c->run->evaluate[e])
            rc = ISG_FAIL(ISG_EPROTO, "evaluation '%s' is missing", p->evaluations[e].name);
    }
    c->result->tokens[row] = c->run->points[row];
    if (rc || *diverged) forget(c, row);
    return rc;
}

static size_t row_of(const isg_run *run, uint64_t tokens)
{
    for (size_t i = 0; i < run->n_points; i++) {
        if (run->points[i] == tokens) return i;
    }
    return ISG_NO_RUN;
}

static isg_err take_point(isg_curve *c, const json_t *root, isg_said *out)
{
    bool diverged = false;
    ISG_TRY(isg_json_u64(root, "tokens", &out->tokens));
    if (c->any && out->tokens <= c->last) {
        return ISG_FAIL(ISG_EPROTO, "a point at %llu tokens after one at %llu",
                        (unsigned long long)out->tokens, (unsigned long long)c->last);
    }
    c->any = true;
    c->last = out->tokens;
    size_t row = row_of(c->run, out->tokens);
    out->kind = ISG_SAID_EXTRA;
    if (row == ISG_NO_RUN || out->tokens <= c->from) return ISG_OK;
    ISG_TRY(fill(c, row, root, &diverged));
    out->kind = diverged ? ISG_SAID_DIVERGED : ISG_SAID_POINT;
    return ISG_OK;
}

static isg_err take_checkpoint(isg_curve *c, const json_t *root, isg_said *out)
{
    const char *name = NULL;
    out->kind = ISG_SAID_CHECKPOINT;
    ISG_TRY(isg_json_u64(root, "tokens", &out->tokens));
    ISG_TRY(isg_json_string(root, "name", &name));
    if (!isg_str_is_name(name)) {
        return ISG_FAIL(
            ISG_EPROTO,
            "checkpoint '%.80s': wanted a name inside the attempt directory, of at most 64 "
            "letters, digits, '_', '.', '-'",
            name);
    }
    if (out->tokens > c->run->tokens) {
        return ISG_FAIL(ISG_EPROTO, "a checkpoint at %llu of %llu tokens",
                        (unsigned long long)out->tokens, (unsigned long long)c->run->tokens);
    }
    memcpy(out->name, name, strlen(name) + 1);
    return ISG_OK;
}

/* Optional number: absent or null leaves -1. */
static isg_err optional(const json_t *root, const char *key, double *out)
{
    const json_t *v = json_object_get(root, key);
    *out = -1;
    if (!v || json_is_null(v)) return ISG_OK;
    return isg_json_number(root, key, out);
}

static isg_err take_end(isg_curve *c, const json_t *root, isg_said *out)
{
    static const char *const names[] = {"done", "diverged", "stopped"};
    const char *outcome = NULL;
    out->kind = ISG_SAID_END;
    ISG_TRY(isg_json_string(root, "outcome", &outcome));
    int k = 0;
    while (k < 3 && strcmp(outcome, names[k])) k++;
    if (k == 3)
        return ISG_FAIL(ISG_EPROTO, "outcome: wanted done, diverged or stopped, found '%.40s'",
                        outcome);
    out->outcome = (isg_end_outcome)k;
    out->tokens = out->outcome == ISG_END_DONE ? c->run->tokens : c->last;
    if (json_object_get(root, "tokens")) ISG_TRY(isg_json_u64(root, "tokens", &out->tokens));
    ISG_TRY(optional(root, "flops", &out->flops));
    ISG_TRY(optional(root, "seconds", &out->seconds));
    if (out->outcome == ISG_END_DONE && out->tokens != c->run->tokens) {
        return ISG_FAIL(ISG_EPROTO, "done at %llu of %llu tokens", (unsigned long long)out->tokens,
                        (unsigned long long)c->run->tokens);
    }
    c->result->flops = out->flops;
    return ISG_OK;
}

typedef isg_err take_fn(isg_curve *c, const json_t *root, isg_said *out);

static isg_err take_hello(isg_curve *c, const json_t *root, isg_said *out)
{
    isg_hello hello = {0};
    (void)c;
    out->kind = ISG_SAID_HELLO;
    return read_hello(root, "hello", &hello);
}

static const struct {
    const char *event;
    bool of_run; /* carries the run's id */
    take_fn *take;
} takers[] = {
    {"point", true, take_point},
    {"checkpoint", true, take_checkpoint},
    {"end", true, take_end},
    {"hello", false, take_hello},
};

static isg_err take(isg_curve *c, const json_t *root, const char *event, isg_said *out)
{
    const char *id = NULL;
    for (size_t i = 0; i < sizeof takers / sizeof *takers; i++) {
        if (strcmp(takers[i].event, event)) continue;
        if (takers[i].of_run) {
            ISG_TRY(isg_json_string(root, "run", &id));
            if (strcmp(id, c->run->id))
                return ISG_FAIL(ISG_EPROTO, "run '%.40s', but the current one is %s", id,
                                c->run->id);
        }
        return takers[i].take(c, root, out);
    }
    return ISG_FAIL(ISG_EPROTO, "unknown event '%.40s': wanted point, checkpoint or end", event);
}

isg_err isg_curve_take(isg_curve *curve, const char *line, size_t n, isg_said *out)
{
    json_t *root = NULL;
    const char *event = NULL;
    *out = (isg_said){.flops = -1, .seconds = -1};
    isg_err rc = parse(line, n, &root, &event);
    if (!rc) rc = take(curve, root, event, out);
    json_decref(root);
    return blame(rc, line, n);
}

/* A point up to `from` of an earlier attempt; anything else is not for us. */
static isg_err replay_line(isg_curve *c, const char *line, size_t n, isg_str *kept)
{
    json_t *root = NULL;
    const char *event = NULL;
    uint64_t tokens = 0;
    bool diverged = false;
    size_t row = ISG_NO_RUN;
    isg_err rc = parse(line, n, &root, &event);
    if (!rc && !strcmp(event, "point") && !isg_json_u64(root, "tokens", &tokens) &&
        tokens <= c->from) {
        row = row_of(c->run, tokens);
    }
    if (row != ISG_NO_RUN) rc = fill(c, row, root, &diverged);
    bool taken = row != ISG_NO_RUN && !rc && !diverged;
    json_decref(root);
    isg_err_clear();
    if (!taken) return ISG_OK;
    ISG_TRY(isg_str_add(kept, line, n));
    return isg_str_puts(kept, "\n");
}

isg_err isg_curve_replay(isg_curve *curve, const char *text, size_t n, isg_str *kept)
{
    for (const char *end; n && (end = memchr(text, '\n', n)) != NULL;) {
        size_t length = (size_t)(end - text);
        ISG_TRY(replay_line(curve, text, length, kept));
        text += length + 1;
        n -= length + 1;
    }
    for (size_t i = 0; i < curve->run->n_points; i++) {
        if (curve->run->points[i] <= curve->from && !curve->result->tokens[i]) {
            return ISG_FAIL(ISG_EDATA, "the point at %llu tokens is not among the kept events",
                            (unsigned long long)curve->run->points[i]);
        }
    }
    return ISG_OK;
}

isg_err isg_curve_finish(isg_curve *curve, bool diverged, isg_result **out)
{
    isg_result *r = curve->result;
    size_t n = 0;
    *out = NULL;
    while (n < curve->run->n_points && r->tokens[n]) n++;
    if (!diverged && n < curve->run->n_points) {
        return ISG_FAIL(ISG_EPROTO,
                        "ended as done, but the planned point at %llu tokens never came",
                        (unsigned long long)curve->run->points[n]);
    }
    for (size_t i = n; i < curve->run->n_points; i++) forget(curve, i);
    r->n_points = n;
    r->diverged = diverged;
    if (!(r->flops >= 0)) r->flops = curve->run->flops;
    *out = r;
    curve->result = NULL;
    return ISG_OK;
}
