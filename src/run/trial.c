#include "trial.h"

#include "isogloss/log.h"
#include "isogloss/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVENTS_MAX = 1 << 28 };

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "out of memory");
}

char *isg_trial_path(const isg_trial *trial, const char *name)
{
    return isg_path_join(trial->dir, name);
}

/* {"dir","name","tokens"} of the checkpoint of an attempt */
static isg_err checkpoint_json(const char *work_dir, const char *id, uint32_t attempt,
                               uint64_t *tokens, json_t **out)
{
    char name[ISG_WORK_NAME];
    ISG_TRY(isg_work_checkpoint(work_dir, id, attempt, name, tokens));
    char *dir = isg_work_attempt_dir(work_dir, id, attempt);
    *out = dir ? json_pack("{s:s,s:s,s:I}", "dir", dir, "name", name, "tokens", (json_int_t)*tokens)
               : NULL;
    free(dir);
    return *out ? ISG_OK : no_memory();
}

static isg_err add_parent(isg_trial *t, const char *work_dir, uint32_t attempt)
{
    json_t *parent = NULL;
    uint64_t tokens = 0;
    const char *key = t->run->from ? "trunk" : "parent"; /* everything, or the weights alone */
    bool bad = json_object_set_new(t->object, "parent", json_null()) ||
               json_object_set_new(t->object, "trunk", json_null());
    if (bad) return no_memory();
    if (t->run->parent == ISG_NO_RUN) return ISG_OK;
    const isg_run *p = &t->plan->runs[t->run->parent];
    ISG_TRY(isg_err_context(checkpoint_json(work_dir, p->id, attempt, &tokens, &parent),
                            "checkpoint of the parent run %s", p->id));
    if (tokens != p->tokens) {
        json_decref(parent);
        return ISG_FAIL(ISG_EDATA, "the parent run %s has a checkpoint at %llu of %llu tokens only",
                        p->id, (unsigned long long)tokens, (unsigned long long)p->tokens);
    }
    bad = json_object_set_new(parent, "id", json_string(p->id)) != 0;
    return json_object_set_new(t->object, key, parent) || bad ? no_memory() : ISG_OK;
}

/* The points before the checkpoint, and the seconds they cost, out of the attempt resumed from. */
static isg_err replay(isg_trial *t, const char *dir, isg_str *kept)
{
    isg_str text = {0};
    json_t *note = NULL;
    char *events = isg_path_join(dir, "events.jsonl"),
         *mark = isg_path_join(dir, "checkpoint.json");
    isg_err rc = events && mark ? isg_file_read(events, EVENTS_MAX, &text) : no_memory();
    if (!rc) rc = isg_curve_replay(t->curve, isg_str_c(&text), text.len, kept);
    if (!rc) rc = isg_json_load(mark, &note);
    if (!rc) t->before_s = json_number_value(json_object_get(note, "seconds"));
    json_decref(note);
    free(mark);
    free(events);
    isg_str_free(&text);
    return rc;
}

static isg_err try_resume(isg_trial *t, const char *work_dir, uint32_t attempt, isg_str *kept)
{
    json_t *resume = NULL;
    const char *dir = NULL;
    ISG_TRY(checkpoint_json(work_dir, t->run->id, attempt, &t->from, &resume));
    isg_err rc = isg_curve_create(t->plan, t->of.task, t->from, &t->curve);
    if (!rc) rc = isg_json_string(resume, "dir", &dir);
    if (!rc) rc = replay(t, dir, kept);
    if (!rc && json_object_set(t->object, "resume", resume)) rc = no_memory();
    json_decref(resume);
    return rc;
}

/* With a curve at the end, from a checkpoint or from the beginning. */
static isg_err resume_or_begin(isg_trial *t, const char *work_dir, uint32_t attempt, isg_str *kept)
{
    if (attempt) {
        isg_err rc = try_resume(t, work_dir, attempt, kept);
        if (!rc || rc == ISG_ENOMEM) return rc;
        ISG_WARN("worker", "run %s begins anew, attempt %u cannot be resumed: %s", t->run->id,
                 (unsigned)attempt, isg_err_message());
        isg_err_clear();
        isg_curve_destroy(&t->curve);
        isg_str_reset(kept);
        t->from = 0;
        t->before_s = 0;
    }
    if (json_object_set_new(t->object, "resume", json_null())) return no_memory();
    return isg_curve_create(t->plan, t->of.task, 0, &t->curve);
}

static isg_err complete_object(isg_trial *t)
{
    const isg_run *r = t->run;
    const bool final = r->keep_checkpoint || t->plan->limits.keep_all_checkpoints;
    json_t *checkpoint =
        json_pack("{s:f,s:b}", "every_s", t->plan->limits.checkpoint_every_s, "final", (int) final);
    bool bad = json_object_set_new(t->object, "checkpoint", checkpoint) != 0;
    bad = bad || json_object_set_new(t->object, "attempt", json_integer((json_int_t)t->of.attempt));
    bad = bad || json_object_set_new(t->object, "dir", json_string(t->dir));
    return bad ? no_memory() : ISG_OK;
}

/* Not synced: an attempt that has no checkpoint yet is not worth a wait for the disk between two
 * runs. A checkpoint syncs the events before its mark and this directory with it; should a crash
 * take the events nevertheless, replay() misses a point and the run begins anew. */
static isg_err write_files(isg_trial *t, const isg_str *kept)
{
    char *text = isg_json_line(t->object), *object = isg_trial_path(t, "run.json");
    char *events = isg_trial_path(t, "events.jsonl");
    isg_err rc = text && object && events ? isg_file_put(object, text, strlen(text)) : no_memory();
    if (!rc) rc = isg_file_put(events, isg_str_c(kept), kept->len);
    if (!rc) {
        t->events = open(events, O_WRONLY | O_APPEND | O_CLOEXEC);
        if (t->events < 0) rc = ISG_FAIL(ISG_EIO, "cannot open '%s': %s", events, strerror(errno));
    }
    free(events);
    free(object);
    free(text);
    return rc;
}

isg_err isg_trial_create(const isg_plan *plan, const char *work_dir, const isg_msg_task *task,
                         isg_trial **out)
{
    isg_trial *t = calloc(1, sizeof *t);
    isg_str kept = {0};
    isg_err rc = ISG_OK;

    *out = NULL;
    if (!t) return no_memory();
    t->plan = plan;
    t->run = &plan->runs[task->task];
    t->of = (isg_msg_attempt){task->task, task->attempt};
    t->events = -1;
    t->run_dir = isg_work_run_dir(work_dir, t->run->id);
    t->dir = isg_work_attempt_dir(work_dir, t->run->id, task->attempt);
    if (!t->run_dir || !t->dir) rc = no_memory();
    if (!rc) rc = isg_path_remove(t->dir); /* of an attempt whose start was never recorded */
    if (!rc) rc = isg_dir_make(t->dir);
    if (!rc) rc = isg_plan_run_json(plan, task->task, &t->object);
    if (!rc) rc = complete_object(t);
    if (!rc) rc = add_parent(t, work_dir, task->parent_attempt);
    if (!rc) rc = resume_or_begin(t, work_dir, task->resume_attempt, &kept);
    if (!rc) rc = write_files(t, &kept);
    isg_str_free(&kept);
    if (rc) isg_trial_destroy(&t);
    *out = t;
    return rc;
}

void isg_trial_destroy(isg_trial **trial)
{
    isg_trial *t = *trial;
    if (!t) return;
    if (t->events >= 0) (void)close(t->events);
    isg_curve_destroy(&t->curve);
    json_decref(t->object);
    free(t->dir);
    free(t->run_dir);
    free(t);
    *trial = NULL;
}

isg_err isg_trial_note(isg_trial *trial, const char *line, size_t n)
{
    isg_str text = {0};
    isg_err rc = isg_str_add(&text, line, n);
    if (!rc) rc = isg_str_puts(&text, "\n");
    if (!rc && write(trial->events, text.data, text.len) != (ssize_t)text.len) {
        rc = ISG_FAIL(ISG_EIO, "cannot write '%s/events.jsonl': %s", trial->dir, strerror(errno));
    }
    isg_str_free(&text);
    return rc;
}

static isg_err remove_before(isg_trial *t, const char *name)
{
    if (!t->checkpoint[0] || !strcmp(t->checkpoint, name) || t->plan->limits.keep_all_checkpoints)
        return ISG_OK;
    char *old = isg_trial_path(t, t->checkpoint);
    isg_err rc = old ? isg_path_remove(old) : no_memory();
    free(old);
    return rc;
}

isg_err isg_trial_checkpoint(isg_trial *trial, const char *name, uint64_t tokens, double seconds)
{
    isg_trial *t = trial;
    char *data = isg_trial_path(t, name), *mark = isg_trial_path(t, "checkpoint.json"),
         *text = NULL;
    isg_err rc = data && mark ? ISG_OK : no_memory();

    if (!rc && !isg_path_exists(data))
        rc = ISG_FAIL(ISG_EPROTO, "checkpoint '%s' was announced, but is not in %s", name, t->dir);
    if (!rc && fdatasync(t->events))
        rc = ISG_FAIL(ISG_EIO, "cannot sync '%s/events.jsonl': %s", t->dir, strerror(errno));
    if (!rc)
        text = isg_strf("{\"name\":\"%s\",\"tokens\":%llu,\"seconds\":%.6f}\n", name,
                        (unsigned long long)tokens, t->before_s + seconds);
    if (!rc && !text) rc = no_memory();
    if (!rc) rc = isg_file_write(mark, text, strlen(text));
    if (!rc) rc = remove_before(t, name);
    if (!rc) {
        (void)snprintf(t->checkpoint, sizeof t->checkpoint, "%s", name);
        t->checkpoint_tokens = tokens;
    }
    free(text);
    free(mark);
    free(data);
    return rc;
}

isg_err isg_trial_keep_output(const isg_trial *trial, const isg_str *text)
{
    if (!text->len) return ISG_OK;
    char *path = isg_trial_path(trial, "stderr.txt");
    isg_err rc = path ? isg_file_write(path, text->data, text->len) : no_memory();
    free(path);
    return rc;
}

/* Remove everything in a directory but two names. */
static isg_err remove_others(const char *path, const char *keep, const char *keep_too)
{
    isg_err rc = ISG_OK;
    DIR *dir = opendir(path);
    if (!dir) return ISG_OK;
    for (struct dirent *d = readdir(dir); d && !rc; d = readdir(dir)) {
        if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..")) continue;
        if (!strcmp(d->d_name, keep) || !strcmp(d->d_name, keep_too)) continue;
        char *one = isg_path_join(path, d->d_name);
        rc = one ? isg_path_remove(one) : no_memory();
        free(one);
    }
    (void)closedir(dir);
    return rc;
}

/* A run that diverged has none, though its final one was to be kept. */
static bool has_checkpoint(const char *dir)
{
    char *path = isg_path_join(dir, "checkpoint.json");
    bool there = path && isg_path_exists(path);
    free(path);
    return there;
}

isg_err isg_trial_clean(const isg_plan *plan, const char *work_dir, isg_msg_attempt of)
{
    const isg_run *r = &plan->runs[of.task];
    char name[ISG_WORK_NAME], attempt[32];
    uint64_t tokens = 0;
    char *run_dir = isg_work_run_dir(work_dir, r->id),
         *dir = isg_work_attempt_dir(work_dir, r->id, of.attempt);
    isg_err rc = run_dir && dir ? ISG_OK : no_memory();
    bool all = plan->limits.keep_all_checkpoints, keep = false;

    (void)snprintf(attempt, sizeof attempt, "attempt-%u", (unsigned)of.attempt);
    if (!rc && (all || r->keep_checkpoint)) keep = has_checkpoint(dir);
    if (!rc && !keep) rc = isg_path_remove(run_dir);
    if (!rc && keep) rc = remove_others(run_dir, attempt, attempt);
    if (!rc && keep && !all) { /* one that cannot be read now may be read later: touch nothing */
        bool readable = !isg_work_checkpoint(work_dir, r->id, of.attempt, name, &tokens);
        if (readable)
            rc = remove_others(dir, name, "checkpoint.json");
        else
            isg_err_clear();
    }
    free(dir);
    free(run_dir);
    return rc;
}
