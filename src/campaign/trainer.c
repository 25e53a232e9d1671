/* The trainer, its settings, and the sections that limit what it may use. */
#include "build.h"
#include "isogloss/command.h"
#include "isogloss/numerics.h"
#include "isogloss/recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What each kind is called in a run's identity. Raise a version when its results change. */
static const struct {
    const char *kind, *name, *version, *numerics;
} kinds[] = {
    [ISG_TRAINER_PROXY] = {"proxy", "proxy-cpu", ISG_PROXY_VERSION, NULL},
    [ISG_TRAINER_COMMAND] = {"command", "command", NULL, "external"},
    [ISG_TRAINER_SYNTHETIC] = {"synthetic", "synthetic", "1", "synthetic-1"},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* Keys that only some kinds of trainer understand. */
static const struct {
    const char *key;
    isg_trainer_kind kind;
} only[] = {
    {"device", ISG_TRAINER_PROXY},
    {"tags", ISG_TRAINER_PROXY},
    {"command", ISG_TRAINER_COMMAND},
    {"version", ISG_TRAINER_COMMAND},
    {"law", ISG_TRAINER_SYNTHETIC},
    {"laws", ISG_TRAINER_SYNTHETIC},
    {"noise", ISG_TRAINER_SYNTHETIC},
    {"speed", ISG_TRAINER_SYNTHETIC},
    {"seconds_per_run", ISG_TRAINER_SYNTHETIC},
};

static isg_err choose_numerics(isg_build *b)
{
    isg_plan *p = b->plan;
    const char *fixed = kinds[p->trainer].numerics, *wanted = b->options->numerics;
    if (fixed) {
        (void)snprintf(p->numerics, sizeof p->numerics, "%s", fixed);
    } else if (!wanted) {
        return isg_numerics_best(p->numerics);
    } else if (isg_numerics_level(wanted) < 0) {
        return ISG_FAIL(ISG_EUSAGE,
                        "numerics '%s' are not known to this build; best here: leave them out",
                        wanted);
    } else {
        (void)snprintf(p->numerics, sizeof p->numerics, "%s", wanted);
    }
    return ISG_OK;
}

static isg_err add_setting(isg_build *b, const char *name, const char *unit)
{
    isg_plan *p = b->plan;
    isg_setting *more = realloc(p->settings, (p->n_settings + 1) * sizeof *more);
    if (!more) return isg_build_no_memory();
    p->settings = more;
    more[p->n_settings] = (isg_setting){.name = isg_strdup(name), .unit = isg_strdup(unit)};
    p->n_settings++;
    return more[p->n_settings - 1].name && more[p->n_settings - 1].unit ? ISG_OK
                                                                        : isg_build_no_memory();
}

/* Table order, then the trainer's own. A command only has the settings it is given. */
static isg_err read_settings(isg_build *b)
{
    const isg_node *own = isg_node_get(b->trainer, "settings");
    for (const isg_field *f = isg_fields; f->key; f++) {
        bool has = b->plan->trainer != ISG_TRAINER_COMMAND || isg_node_get(b->trainer, f->key);
        if (f->setting && has) ISG_TRY(add_setting(b, f->key, f->unit));
    }
    if (own && b->plan->trainer == ISG_TRAINER_PROXY) {
        isg_diag_add(&b->diag, own,
                     "key 'settings': proxies have fixed settings; only for command and synthetic");
        own = NULL;
    }
    for (size_t i = 0; own && i < own->n; i++) {
        const isg_field *f = isg_field_find("trainer", own->key[i]->text);
        if (f) {
            isg_diag_add(&b->diag, own->key[i],
                         "setting '%s': this key belongs directly under 'trainer'", f->key);
        } else {
            ISG_TRY(add_setting(b, own->key[i]->text, "1"));
        }
    }
    b->settings_given = ISG_NEW(b, b->plan->n_settings, double);
    if (!b->settings_given) return isg_build_no_memory();
    for (size_t s = 0; s < b->plan->n_settings; s++) {
        const char *name = b->plan->settings[s].name;
        if (isg_field_find("trainer", name))
            b->settings_given[s] = isg_get_amount(b->trainer, "trainer", name);
        else
            (void)isg_value_real(isg_node_get(own, name), &b->settings_given[s]);
    }
    return ISG_OK;
}

static json_t *law_json(const isg_node *law)
{
    json_t *out = json_object();
    for (size_t i = 0; out && i < law->n; i++) {
        double v = 0;
        (void)isg_value_real(law->item[i], &v);
        if (json_object_set_new(out, law->key[i]->text, json_real(v))) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

/* Truth and noise: part of the identity. Durations are not. */
static isg_err read_truth(isg_build *b, json_t *settings)
{
    const isg_node *law = isg_node_get(b->trainer, "law"), *laws = isg_node_get(b->trainer, "laws");
    const isg_node *noise = isg_node_get(b->trainer, "noise");
    if (!law && !laws) {
        isg_diag_add(&b->diag, b->trainer,
                     "key 'law' is missing in trainer: what losses to draw, such as "
                     "{E: 1.5, A: 300, B: 900, alpha: 0.35, beta: 0.33}");
        return ISG_OK;
    }
    bool bad = law && json_object_set_new(settings, "law", law_json(law));
    if (laws) {
        json_t *map = json_object();
        bad = bad || json_object_set_new(settings, "laws", map);
        for (size_t i = 0; !bad && i < laws->n; i++) {
            if (isg_find_language(b, laws->key[i], laws->key[i]->text) == (size_t)-1) continue;
            bad = json_object_set_new(map, laws->key[i]->text, law_json(laws->item[i]));
        }
    }
    json_t *n = json_pack("{s:f,s:f}", "run", isg_get_real(noise, "noise", "run"), "point",
                          isg_get_real(noise, "noise", "point"));
    bad = bad || json_object_set_new(settings, "noise", n);
    if (bad) return isg_build_no_memory();
    char *line = json_dumps(settings, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    if (line) b->law_text = isg_arena_text(&b->arena, line, strlen(line));
    free(line);
    bad = json_object_set_new(settings, "seconds_per_run",
                              json_real(isg_get_time(b->trainer, "trainer", "seconds_per_run"))) ||
          json_object_set_new(settings, "speed",
                              json_real(isg_get_real(b->trainer, "trainer", "speed")));
    return bad || !b->law_text ? isg_build_no_memory() : ISG_OK;
}

static isg_err read_command(isg_build *b)
{
    const isg_node *argv = isg_node_get(b->trainer, "command");
    if (!argv) {
        isg_diag_add(&b->diag, b->trainer,
                     "key 'command' is missing in trainer: program and arguments, such as "
                     "[python3, train.py, --width, '{shape.d}']");
        return ISG_OK;
    }
    b->plan->command = calloc(argv->n + 1, sizeof *b->plan->command);
    if (!b->plan->command) return isg_build_no_memory();
    for (size_t i = 0; i < argv->n; i++) {
        b->plan->command[i] = isg_strdup(argv->item[i]->text);
        if (!b->plan->command[i]) return isg_build_no_memory();
        if (isg_command_check(b->plan, argv->item[i]->text) == ISG_ESPEC) {
            isg_diag_add(&b->diag, argv->item[i], "key 'command': %s", isg_err_message());
        }
    }
    return ISG_OK;
}

static void check_kind(isg_build *b)
{
    for (size_t i = 0; i < sizeof only / sizeof only[0]; i++) {
        const isg_node *given = isg_node_get(b->trainer, only[i].key);
        if (given && b->plan->trainer != only[i].kind) {
            isg_diag_add(&b->diag, given, "key '%s': only for trainers of kind %s", only[i].key,
                         kinds[only[i].kind].kind);
        }
    }
    if (b->plan->trainer == ISG_TRAINER_PROXY &&
        isg_get_count(b->trainer, "trainer", "vocab") != 256) {
        isg_diag_add(&b->diag, isg_node_get(b->trainer, "vocab"),
                     "key 'vocab': proxies read bytes, allowed: 256");
    }
    const isg_node *corpus = isg_node_get(b->top, "corpus");
    if (b->plan->trainer == ISG_TRAINER_PROXY && corpus->kind == ISG_NODE_MAP &&
        !b->options->corpus_override) {
        isg_diag_add(&b->diag, corpus,
                     "key 'corpus': proxies read the directory of a built corpus; stated languages "
                     "are for trainers of kind command and synthetic");
    }
}

static void read_limits(isg_build *b)
{
    static const char section[] = "retries";
    const isg_node *map = isg_node_get(b->top, "limits"), *r = isg_node_get(map, "retries");
    const isg_node *check = isg_node_get(b->top, "checkpoints"),
                   *silence = isg_node_get(map, "silence");
    isg_limits *l = &b->plan->limits;
    l->run_time_s = isg_get_time(map, "limits", "run_time");
    l->silence_s = b->plan->trainer == ISG_TRAINER_COMMAND ? 0 : 300;
    if (silence) (void)isg_value_time(silence, &l->silence_s);
    l->retry_crash = (uint32_t)isg_get_count(r, section, "crash");
    l->retry_exit = (uint32_t)isg_get_count(r, section, "exit");
    l->retry_protocol = (uint32_t)isg_get_count(r, section, "protocol");
    l->retry_silence = (uint32_t)isg_get_count(r, section, "silence");
    l->retry_time = (uint32_t)isg_get_count(r, section, "time");
    l->retry_memory = (uint32_t)isg_get_count(r, section, "memory");
    l->retry_killed = (uint32_t)isg_get_count(r, section, "killed");
    l->retry_diverged = (uint32_t)isg_get_count(r, section, "diverged");
    l->checkpoint_every_s = isg_get_time(check, "checkpoints", "every");
    l->keep_all_checkpoints = !strcmp(isg_get_text(check, "checkpoints", "keep"), "all");
}

static int by_up_to(const void *a, const void *b)
{
    const isg_resource *x = a, *y = b;
    return (x->up_to > y->up_to) - (x->up_to < y->up_to);
}

static isg_err read_resources(isg_build *b)
{
    const isg_node *list = isg_node_get(b->top, "resources");
    if (!list) return ISG_OK;
    b->resources = ISG_NEW(b, list->n, isg_resource);
    if (!b->resources) return isg_build_no_memory();
    for (size_t i = 0; i < list->n; i++) {
        isg_resource *r = &b->resources[i];
        if (!isg_value_count(isg_node_get(list->item[i], "up_to"), &r->up_to))
            r->up_to = UINT64_MAX;
        r->cores = (uint32_t)isg_get_count(list->item[i], "resource", "cores");
        r->gpus = (uint32_t)isg_get_count(list->item[i], "resource", "gpus");
    }
    b->n_resources = list->n;
    qsort(b->resources, list->n, sizeof *b->resources, by_up_to);
    return ISG_OK;
}

isg_err isg_build_trainer(isg_build *b)
{
    isg_plan *p = b->plan;
    const char *kind = isg_get_text(b->trainer, "trainer", "kind");
    for (size_t i = 0; i < KINDS; i++) {
        if (!strcmp(kinds[i].kind, kind)) p->trainer = (isg_trainer_kind)i;
    }
    const char *version = kinds[p->trainer].version;
    if (!version) version = isg_get_text(b->trainer, "trainer", "version");
    p->trainer_name = isg_strdup(kinds[p->trainer].name);
    p->trainer_version = isg_strdup(version);
    p->schedule = isg_strdup(isg_get_text(b->trainer, "trainer", "schedule"));
    p->unit = isg_strdup(isg_get_text(b->top, "", "unit"));
    p->trainer_settings = json_object();
    if (!p->trainer_name || !p->trainer_version || !p->schedule || !p->unit ||
        json_object_set_new(p->trainer_settings, "kind", json_string(kind))) {
        return isg_build_no_memory();
    }
    check_kind(b);
    ISG_TRY(choose_numerics(b));
    ISG_TRY(read_settings(b));
    if (p->trainer == ISG_TRAINER_COMMAND) ISG_TRY(read_command(b));
    if (p->trainer == ISG_TRAINER_SYNTHETIC) ISG_TRY(read_truth(b, p->trainer_settings));
    read_limits(b);
    return read_resources(b);
}
