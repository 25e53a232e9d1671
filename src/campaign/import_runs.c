/* Sorted rows to a plan with its results. A run's id is a hash of where it comes from (files and
 * map) and of its name there: the same import gives the same ids, another file never does. What a
 * foreign run does not tell (shape, points planned) is 0 and said to be unknown in schemas/store.md;
 * exact sizes and tokens go into columns beside the whole numbers of the format. */
#include "import_runs.h"
#include "isogloss/build.h"
#include "isogloss/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "out of memory for the runs of an import");
}

size_t isg_foreign_cells(const isg_plan *p, isg_level level)
{
    switch (level) {
    case ISG_LEVEL_RUN: return p->n_runs;
    case ISG_LEVEL_EVALUATION: return p->n_evaluations;
    case ISG_LEVEL_POINT: return p->n_runs * p->max_points;
    case ISG_LEVEL_OBSERVATION: break;
    }
    return p->n_runs * p->max_points * p->n_evaluations;
}

typedef struct import_build {
    import_rows rows;
    const isg_import_map *map;
    const isg_import_source *source;
    isg_foreign *f;
    isg_plan *p;
} import_build;

/* ---- identity ----------------------------------------------------------------------- */

static isg_err hash_texts(const char *const *texts, size_t n, char *hex, size_t chars)
{
    uint8_t digest[32];
    char all[65];
    isg_sha256 s;
    isg_sha256_init(&s);
    for (size_t i = 0; i < n; i++) isg_sha256_add(&s, texts[i], strlen(texts[i]) + 1);
    isg_sha256_end(&s, digest);
    isg_str_hex(digest, sizeof digest, all);
    memcpy(hex, all, chars);
    hex[chars] = '\0';
    return ISG_OK;
}

static isg_err set_texts(import_build *b)
{
    isg_plan *p = b->p;
    const char *const what[] = {"import", b->source->fingerprint};
    const isg_column *unit = isg_table_column(b->rows.t, "unit");
    const char *one = isg_import_text(unit, b->rows.first_of_evaluation[0]);

    for (size_t e = 1; e < b->rows.n_evaluations; e++) {
        if (strcmp(isg_import_text(unit, b->rows.first_of_evaluation[e]), one) != 0) one = "mixed";
    }
    p->trainer = ISG_TRAINER_IMPORT;
    p->name = isg_strdup(b->source->name);
    p->title = isg_strdup("");
    p->text = isg_strdup(b->map->text);
    p->path = isg_strdup(b->rows.t->source);
    p->trainer_name = isg_strdup("import");
    p->trainer_version = isg_strdup(isg_build_version());
    p->schedule = isg_strdup("");
    p->corpus = isg_strdup("");
    p->corpus_fingerprint = isg_strdup("");
    p->unit = isg_strdup(*one ? one : "unknown");
    (void)snprintf(p->numerics, sizeof p->numerics, "external");
    p->trainer_settings = json_pack("{s:s}", "fingerprint", b->source->fingerprint);
    if (!p->name || !p->title || !p->text || !p->path || !p->trainer_name || !p->trainer_version ||
        !p->schedule || !p->corpus || !p->corpus_fingerprint || !p->unit || !p->trainer_settings)
        return no_memory();
    return hash_texts(what, 2, p->hash, 64);
}

/* ---- languages, evaluations, families -------------------------------------------------- */

static isg_err add_language(isg_plan *p, const char *code, size_t *index)
{
    for (size_t l = 0; l < p->n_languages; l++) {
        if (index) *index = l;
        if (!strcmp(p->languages[l].code, code)) return ISG_OK;
    }
    isg_language *more = realloc(p->languages, (p->n_languages + 1) * sizeof *more);
    if (!more) return no_memory();
    p->languages = more;
    isg_language *l = &more[p->n_languages];
    *l = (isg_language){.code = isg_strdup(code),
                        .name = isg_strdup(""),
                        .script = isg_strdup(""),
                        .family = isg_strdup(""),
                        .licence = isg_strdup("")};
    if (index) *index = p->n_languages;
    p->n_languages++;
    return l->code && l->name && l->script && l->family && l->licence ? ISG_OK : no_memory();
}

static const isg_column *of_language(const isg_table *t, const char *prefix, const char *code)
{
    char *name = isg_strf("%s%s", prefix, code);
    const isg_column *c = name ? isg_table_column(t, name) : NULL;
    free(name);
    return c;
}

static bool is_language_of(const isg_import_map *map, const char *name)
{
    for (size_t i = 0; i < map->n_items; i++) {
        if (map->items[i].language && !strcmp(map->items[i].name, name)) return true;
    }
    return false;
}

/* tokens_LANG of the map, or of an exported store, which has unique_LANG and weight_LANG too. */
static isg_err add_languages(import_build *b)
{
    const isg_table *t = b->rows.t;
    for (size_t j = 0; j < t->n_columns; j++) {
        const isg_column *c = &t->columns[j];
        if (strncmp(c->name, "tokens_", 7) != 0 || !c->numeric || !isg_str_is_name(c->name + 7))
            continue;
        const char *code = c->name + 7;
        if (is_language_of(b->map, c->name) ||
            (of_language(t, "unique_", code) && of_language(t, "weight_", code)))
            ISG_TRY(add_language(b->p, code, NULL));
    }
    return ISG_OK;
}

/* The name of an evaluation: its set, else its language. */
static const char *label_of(const isg_table *t, size_t row)
{
    static const char *const names[] = {"evaluation", "eval_set", "eval_language"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const char *text = isg_import_text(isg_table_column(t, names[k]), row);
        if (*text) return text;
    }
    return "loss";
}

static isg_err name_evaluation(import_build *b, size_t e)
{
    const isg_table *t = b->rows.t;
    const size_t row = b->rows.first_of_evaluation[e];
    const char *label = label_of(t, row);
    const char *code = isg_import_text(isg_table_column(t, "eval_language"), row);
    bool unique = true;
    isg_evaluation *now = &b->p->evaluations[e];

    for (size_t k = 0; k < b->rows.n_evaluations; k++) {
        if (k != e && !strcmp(label, label_of(t, b->rows.first_of_evaluation[k]))) unique = false;
    }
    now->name = unique  ? isg_strdup(label)
                : *code ? isg_strf("%s/%s", label, code)
                        : isg_strf("%s/%zu", label, e + 1);
    for (size_t k = 0; k < e && now->name; k++) {
        if (strcmp(b->p->evaluations[k].name, now->name) != 0) continue;
        free(now->name); /* the same set and language in two units */
        now->name = isg_strf("%s/%zu", label, e + 1);
    }
    now->metric = isg_strdup("loss");
    now->unit = isg_strdup(isg_import_text(isg_table_column(t, "unit"), row));
    now->shards = 1;
    if (!now->name || !now->metric || !now->unit) return no_memory();
    return add_language(b->p, *code ? code : "und", &now->language);
}

static isg_err add_evaluations(import_build *b)
{
    b->p->evaluations = calloc(b->rows.n_evaluations, sizeof *b->p->evaluations);
    if (!b->p->evaluations) return no_memory();
    b->p->n_evaluations = b->rows.n_evaluations;
    b->p->max_shards = 1;
    for (size_t e = 0; e < b->rows.n_evaluations; e++) ISG_TRY(name_evaluation(b, e));
    return ISG_OK;
}

static isg_err find_family(isg_plan *p, const char *name, size_t *out)
{
    for (*out = 0; *out < p->n_families; ++*out) {
        if (!strcmp(p->families[*out].name, name)) return ISG_OK;
    }
    isg_family *more = realloc(p->families, (p->n_families + 1) * sizeof *more);
    if (!more) return no_memory();
    p->families = more;
    more[p->n_families++] = (isg_family){
        .name = isg_strdup(name), .kind = ISG_FAMILY_LIST, .mixture = isg_strdup("unknown")};
    return more[*out].name && more[*out].mixture ? ISG_OK : no_memory();
}

/* Only after all families are known: members have room for them. */
static isg_err add_families(import_build *b)
{
    const isg_column *c = isg_table_column(b->rows.t, "family");
    isg_plan *p = b->p;
    size_t f;

    for (size_t i = 0; i < b->rows.t->n_rows; i++) {
        if (b->rows.left[i] == ISG_TAKEN && *isg_import_text(c, i))
            ISG_TRY(find_family(p, c->text[i], &f));
    }
    if (!p->n_families) ISG_TRY(find_family(p, p->name, &f));
    for (size_t r = 0; r < p->n_runs; r++) {
        if (!(p->runs[r].member = calloc(p->n_families, 1))) return no_memory();
    }
    for (size_t i = 0; i < b->rows.t->n_rows; i++) {
        if (b->rows.left[i] != ISG_TAKEN) continue;
        f = 0;
        if (*isg_import_text(c, i)) ISG_TRY(find_family(p, c->text[i], &f));
        p->runs[b->rows.run_of[i]].member[f] = true;
    }
    return ISG_OK;
}

/* ---- runs ------------------------------------------------------------------------------- */

static uint64_t whole(const isg_column *c, size_t row)
{
    double x = c && c->numeric ? c->number[row] : 0;
    return x >= 0.5 && x < 9.2e18 ? (uint64_t)llround(x) : 0;
}

static isg_err add_run(import_build *b, size_t run)
{
    const import_rows *rows = &b->rows;
    const size_t row = rows->first_of_run[run], n = rows->n_points[run];
    isg_run *r = &b->p->runs[run];
    const char *name = rows->run->text[row];
    const char *const what[] = {b->source->fingerprint, name};

    b->f->name[run] = name;
    r->shape.n_total = whole(rows->total, row);
    r->shape.n_nonembedding = whole(rows->rest, row);
    r->seed = r->data_seed = whole(isg_table_column(rows->t, "seed"), row);
    r->parent = ISG_NO_RUN;
    r->cluster = run;
    r->n_points = n;
    r->points = calloc(n, sizeof *r->points);
    r->weight = calloc(b->p->n_languages, sizeof *r->weight);
    r->unique = calloc(b->p->n_languages, sizeof *r->unique);
    r->evaluate = calloc(b->p->n_evaluations, sizeof *r->evaluate);
    if (!r->points || !r->weight || !r->unique || !r->evaluate) return no_memory();
    for (size_t i = 0; i < n; i++) r->points[i] = (uint64_t)llround(rows->tokens[run][i]);
    r->tokens = r->points[n - 1];
    double size = (double)(r->shape.n_total ? r->shape.n_total : r->shape.n_nonembedding);
    r->flops = 6 * size * (double)r->tokens;
    return hash_texts(what, 2, r->id, ISG_RUN_ID_CHARS);
}

typedef struct named {
    const char *name;
    size_t run;
} named;

static int by_name(const void *a, const void *b)
{
    const named *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* The last taken row of a run that names a parent wins over none; two parents are refused. */
static isg_err find_parents(import_build *b, const isg_column *c, const named *sorted)
{
    const import_rows *rows = &b->rows;
    isg_plan *p = b->p;

    for (size_t i = 0; i < rows->t->n_rows; i++) {
        named wanted = {.name = c->text[i]};
        if (rows->left[i] != ISG_TAKEN || !*wanted.name) continue;
        isg_run *r = &p->runs[rows->run_of[i]];
        const named *found = bsearch(&wanted, sorted, p->n_runs, sizeof *sorted, by_name);
        if (!found || found->run == rows->run_of[i])
            return ISG_FAIL(ISG_EINPUT, "%s:%zu: the parent '%s' of run '%s' is %s",
                            rows->t->source, rows->t->line[i], wanted.name, rows->run->text[i],
                            found ? "itself" : "no run of the table");
        if (r->parent != ISG_NO_RUN && r->parent != found->run)
            return ISG_FAIL(ISG_EINPUT, "%s:%zu: run '%s' has two parents ('%s' and '%s')",
                            rows->t->source, rows->t->line[i], rows->run->text[i],
                            b->f->name[r->parent], wanted.name);
        r->parent = found->run;
    }
    return ISG_OK;
}

static isg_err link_parents(import_build *b)
{
    const isg_column *c = isg_table_column(b->rows.t, "parent_run");
    isg_plan *p = b->p;
    named *sorted = c ? malloc(p->n_runs * sizeof *sorted) : NULL;

    if (!c) return ISG_OK;
    if (!sorted) return no_memory();
    for (size_t r = 0; r < p->n_runs; r++) sorted[r] = (named){b->f->name[r], r};
    qsort(sorted, p->n_runs, sizeof *sorted, by_name);
    isg_err rc = find_parents(b, c, sorted);
    free(sorted);
    for (size_t r = 0; r < p->n_runs && !rc; r++) {
        size_t root = r;
        while (p->runs[root].parent != ISG_NO_RUN && p->runs[r].depth <= p->n_runs) {
            root = p->runs[root].parent;
            p->runs[r].depth++;
        }
        p->runs[r].cluster = root;
        if (p->runs[r].depth > p->n_runs)
            rc = ISG_FAIL(ISG_EINPUT, "%s: run '%s' is its own ancestor (column parent)",
                          b->rows.t->source, b->f->name[r]);
    }
    return rc;
}

/* ---- results ----------------------------------------------------------------------------- */

static isg_err fill_seen(import_build *b)
{
    isg_plan *p = b->p;
    const import_rows *rows = &b->rows;
    const size_t n = p->n_runs * p->max_points * p->n_languages;

    b->f->seen = malloc(n * sizeof *b->f->seen);
    if (!b->f->seen) return no_memory();
    for (size_t i = 0; i < n; i++) b->f->seen[i] = NAN;
    for (size_t l = 0; l < p->n_languages; l++) {
        const isg_column *c = of_language(rows->t, "tokens_", p->languages[l].code);
        const isg_column *unique = of_language(rows->t, "unique_", p->languages[l].code);
        for (size_t i = 0; i < rows->t->n_rows; i++) {
            if (rows->left[i] != ISG_TAKEN || !c || !c->numeric) continue;
            size_t at = rows->run_of[i] * p->max_points + rows->point_of[i];
            b->f->seen[at * p->n_languages + l] = c->number[i];
            uint64_t different = whole(unique, i), *most = &p->runs[rows->run_of[i]].unique[l];
            if (different > *most) *most = different;
        }
    }
    return ISG_OK;
}

/* Shares of the languages at the last point; unknown if the table does not say. */
static void fill_weights(import_build *b)
{
    isg_plan *p = b->p;
    for (size_t r = 0; r < p->n_runs; r++) {
        const double *last =
            b->f->seen + (r * p->max_points + p->runs[r].n_points - 1) * p->n_languages;
        double sum = 0;
        for (size_t l = 0; l < p->n_languages; l++) sum += isnan(last[l]) ? 0 : last[l];
        for (size_t l = 0; l < p->n_languages; l++)
            p->runs[r].weight[l] = sum > 0 ? (isnan(last[l]) ? 0 : last[l] / sum) : (double)NAN;
    }
}

static isg_err fill_losses(import_build *b)
{
    const size_t n = isg_foreign_cells(b->p, ISG_LEVEL_OBSERVATION);
    const size_t of_run = b->p->max_points * b->p->n_evaluations;

    b->f->loss = malloc(n * sizeof *b->f->loss);
    if (!b->f->loss) return no_memory();
    for (size_t i = 0; i < n; i++) {
        size_t row = b->rows.owner[i];
        b->f->loss[i] = row == ISG_NO_RUN ? (double)NAN : b->rows.loss->number[row];
        if (row != ISG_NO_RUN) b->p->runs[i / of_run].evaluate[i % b->p->n_evaluations] = true;
    }
    return ISG_OK;
}

/* ---- columns ------------------------------------------------------------------------------ */

static size_t cell_of(const import_rows *r, isg_level level, size_t row)
{
    const size_t point = r->run_of[row] * r->max_points + r->point_of[row];
    switch (level) {
    case ISG_LEVEL_RUN: return r->run_of[row];
    case ISG_LEVEL_EVALUATION: return r->evaluation_of[row];
    case ISG_LEVEL_POINT: return point;
    case ISG_LEVEL_OBSERVATION: break;
    }
    return point * r->n_evaluations + r->evaluation_of[row];
}

/* Fill the cells of a level. @return false if two rows of a cell differ: the level is too coarse */
static bool fill_cells(const import_rows *r, const isg_column *c, isg_level level,
                       const char **text)
{
    for (size_t i = 0; i < r->t->n_rows; i++) {
        if (r->left[i] != ISG_TAKEN) continue;
        const char **cell = &text[cell_of(r, level, i)];
        if (*cell && strcmp(*cell, c->text[i]) != 0) return false;
        *cell = c->text[i];
    }
    return true;
}

static bool tells_evaluations(const char *name)
{
    static const char *const names[] = {"evaluation", "eval_set", "eval_language", "unit",
                                        "metric"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        if (!strcmp(names[k], name)) return true;
    }
    return false;
}

/* Names stay as they are written: "01" is not the number 1. */
static bool is_name(const char *column)
{
    static const char *const names[] = {"family", "parent_run", "cluster_id"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        if (!strcmp(names[k], column)) return true;
    }
    return tells_evaluations(column);
}

/* The least that a column depends on. */
static isg_err add_column(import_build *b, const isg_column *c)
{
    static const isg_level orders[2][4] = {
        {ISG_LEVEL_RUN, ISG_LEVEL_EVALUATION, ISG_LEVEL_POINT, ISG_LEVEL_OBSERVATION},
        {ISG_LEVEL_EVALUATION, ISG_LEVEL_RUN, ISG_LEVEL_POINT, ISG_LEVEL_OBSERVATION}};
    const isg_level *order = orders[tells_evaluations(c->name)];
    isg_foreign_column *to = &b->f->columns[b->f->n_columns++];
    bool done = false;
    size_t n = 0;

    *to = (isg_foreign_column){.name = c->name};
    for (size_t k = 0; k < 4 && !done; k++) {
        to->level = order[k];
        n = isg_foreign_cells(b->p, to->level);
        free(to->text);
        to->text = calloc(n, sizeof *to->text);
        if (!to->text) return no_memory();
        done = fill_cells(&b->rows, c, to->level, to->text);
    }
    for (size_t i = 0; i < n; i++) {
        if (!to->text[i]) to->text[i] = "";
    }
    if (!c->numeric || is_name(c->name)) return ISG_OK;
    to->number = malloc(n * sizeof *to->number);
    if (!to->number) return no_memory();
    for (size_t i = 0; i < n; i++) {
        to->number[i] = NAN;
        if (*to->text[i]) (void)isg_table_number(to->text[i], &to->number[i]);
    }
    free(to->text);
    to->text = NULL;
    return ISG_OK;
}

static isg_err add_columns(import_build *b)
{
    const isg_table *t = b->rows.t;

    b->f->columns = calloc(t->n_columns + 1, sizeof *b->f->columns);
    if (!b->f->columns) return no_memory();
    for (size_t j = 0; j < t->n_columns; j++) {
        if (strcmp(t->columns[j].name, "run_id") != 0 && strcmp(t->columns[j].name, "loss") != 0)
            ISG_TRY(add_column(b, &t->columns[j]));
    }
    return ISG_OK;
}

/* ---- what is said ----------------------------------------------------------------------------- */

static isg_err list_left(import_build *b)
{
    isg_foreign *f = b->f;
    f->n_rows = b->rows.t->n_rows;
    f->n_taken = b->rows.n_taken;
    for (size_t k = 0; k < ISG_IMPORT_REASONS; k++) {
        size_t n = 0;
        for (size_t i = 0; i < f->n_rows; i++) n += b->rows.left[i] == k + 1;
        if (!n) continue;
        isg_import_left *left = &f->left[f->n_left++];
        left->reason = isg_import_reasons[k];
        if (!(left->line = malloc(n * sizeof *left->line))) return no_memory();
        for (size_t i = 0; i < f->n_rows; i++) {
            if (b->rows.left[i] == k + 1) left->line[left->n++] = b->rows.t->line[i];
        }
    }
    return ISG_OK;
}

static isg_err doubt(import_build *b)
{
    const isg_plan *p = b->p;
    uint64_t size = 0, tokens = 0;
    for (size_t r = 0; r < p->n_runs; r++) {
        const isg_shape *s = &p->runs[r].shape;
        if (s->n_total > size) size = s->n_total;
        if (s->n_nonembedding > size) size = s->n_nonembedding;
        if (p->runs[r].tokens > tokens) tokens = p->runs[r].tokens;
    }
    bool small = size < 1000, few = tokens < 100000;
    if (!small && !few) return ISG_OK;
    b->f->warning = isg_strf("The largest %s is %llu: is it counted in millions or billions? An "
                             "expression such as --%s \"COLUMN*1e9\" gives it in full.",
                             few ? "D_tokens" : "N", (unsigned long long)(few ? tokens : size),
                             few ? "d" : "n");
    return b->f->warning ? ISG_OK : no_memory();
}

static isg_err build(import_build *b)
{
    isg_plan *p = b->p;

    ISG_TRY(set_texts(b));
    p->runs = calloc(b->rows.n_runs, sizeof *p->runs);
    b->f->name = calloc(b->rows.n_runs, sizeof *b->f->name);
    if (!p->runs || !b->f->name) return no_memory();
    p->n_runs = b->rows.n_runs;
    p->max_points = b->rows.max_points;
    ISG_TRY(add_languages(b));
    ISG_TRY(add_evaluations(b));
    for (size_t r = 0; r < p->n_runs; r++) ISG_TRY(add_run(b, r));
    ISG_TRY(add_families(b));
    ISG_TRY(link_parents(b));
    ISG_TRY(fill_seen(b));
    fill_weights(b);
    ISG_TRY(fill_losses(b));
    ISG_TRY(add_columns(b));
    ISG_TRY(doubt(b));
    return list_left(b);
}

isg_err isg_import_runs(const isg_table *table, const isg_import_map *map,
                        const isg_import_source *source, isg_foreign **out)
{
    import_build b = {.map = map, .source = source};
    isg_err rc = ISG_OK;

    *out = NULL;
    b.f = calloc(1, sizeof *b.f);
    if (!b.f || !(b.p = b.f->plan = calloc(1, sizeof *b.p))) rc = no_memory();
    if (!rc) rc = isg_import_sort(table, &b.rows);
    if (!rc) rc = build(&b);
    isg_import_rows_clear(&b.rows);
    if (rc) isg_foreign_destroy(&b.f);
    *out = b.f;
    return rc;
}

void isg_foreign_destroy(isg_foreign **foreign)
{
    isg_foreign *f = *foreign;
    if (!f) return;
    for (size_t j = 0; j < f->n_columns; j++) {
        free(f->columns[j].number);
        free(f->columns[j].text);
    }
    for (size_t k = 0; k < f->n_left; k++) free(f->left[k].line);
    free(f->columns);
    free(f->name);
    free(f->loss);
    free(f->seen);
    free(f->warning);
    isg_plan_destroy(&f->plan);
    free(f);
    *foreign = NULL;
}
