/* From rows to observations: what the user asks for, which points, what is excluded and why. */

#include "isogloss/select.h"

#include "columns.h"
#include "selecting.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const isg_column *isg_selecting_filled(const isg_table *t, const char *name)
{
    const isg_column *c = isg_table_column(t, name);
    for (size_t i = 0; c && i < t->n_rows; i++) {
        if (c->text[i][0]) return c;
    }
    return NULL;
}

isg_err isg_selecting_note(isg_selecting *w, char *text)
{
    if (!text) return ISG_FAIL(ISG_ENOMEM, "no memory for a note");
    if (w->s->n_notes == ISG_SELECT_NOTES)
        free(text);
    else
        w->s->note[w->s->n_notes++] = text;
    return ISG_OK;
}

isg_err isg_selecting_warn(isg_selecting *w, char *text)
{
    char *before = w->s->warning;

    if (before && text) {
        w->s->warning = isg_strf("%s %s", before, text);
        free(before);
        free(text);
    } else if (text) {
        w->s->warning = text;
    }
    return text && w->s->warning ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for a warning");
}

size_t isg_selecting_kept(const isg_selecting *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->t->n_rows; i++) n += w->state[i] == ISG_ROW_KEPT;
    return n;
}

const char *isg_selecting_language(const isg_selecting *w, const isg_column *language, size_t row)
{
    return language ? language->text[row] : w->o->target ? w->o->target : "";
}

isg_err isg_select_groups(const isg_table *t, const isg_select_options *options, const char ***out,
                          size_t *n)
{
    isg_selecting w = {.t = t, .o = options, .state = calloc(t->n_rows + 1, 1)};
    const isg_column *c = isg_table_column(t, options->by);
    isg_err rc = w.state ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "no memory for --by");

    *out = NULL;
    if (!rc && !c) rc = isg_columns_unknown(t, options->by, "--by");
    if (!rc) rc = isg_selecting_where(&w);
    if (!rc) rc = isg_selecting_target(&w);
    if (!rc) rc = isg_columns_values(t, c, w.state, out, n);
    free(w.state);
    return rc;
}

/* ---- order ------------------------------------------------------------------------------ */

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

int isg_item_by_run(const void *a, const void *b)
{
    const isg_item *x = a, *y = b;
    int c = strcmp(x->run, y->run);

    if (!c) c = compare_numbers(x->n, y->n);
    if (!c) c = compare_numbers(x->d, y->d);
    if (!c) c = compare_numbers(x->loss, y->loss);
    for (size_t k = 0; !c && k < x->of->law->n_vars; k++)
        c = compare_numbers(x->of->var[k][x->row], y->of->var[k][y->row]);
    return c;
}

static int by_cluster(const void *a, const void *b)
{
    const isg_item *x = a, *y = b;
    int c = strcmp(x->cluster, y->cluster);
    return c ? c : isg_item_by_run(a, b);
}

bool isg_item_same_point(const isg_item *a, const isg_item *b)
{
    return !strcmp(a->run, b->run) && !compare_numbers(a->n, b->n) && !compare_numbers(a->d, b->d);
}

/* ---- result ------------------------------------------------------------------------------ */

/* Rows of one run taken for runs of their own would make intervals too narrow. */
static isg_err warn_apart(isg_selecting *w, size_t runs)
{
    const char *name = w->guess.alike->name;

    return isg_selecting_warn(
        w, isg_strf("There is no run_id, and nearly every row counts as a run of its own (%zu "
                    "runs), although %s repeats: the rows of one %s differ in %s. %s%s%s",
                    runs, name, name, w->guess.apart,
                    w->guess.swapped
                        ? "D does not change inside them, but N does: are --n and --d swapped?"
                        : "If they are points of one run, give --cluster ",
                    w->guess.swapped ? "" : name,
                    w->guess.swapped ? "" : ": without it the intervals are too narrow."));
}

/* A run has one size: names that stand for several runs, perhaps of several files, are said. */
static isg_err warn_sizes(isg_selecting *w, const isg_item *items, size_t n)
{
    size_t runs = 0;
    const isg_item *example = NULL;

    for (size_t i = 1, last = 0; i < n; i++) { /* last: of the run counted last */
        if (strcmp(items[i].run, items[i - 1].run) != 0 || !(items[i].n > items[i - 1].n)) continue;
        if (!runs || strcmp(items[last].run, items[i].run) != 0) runs++;
        if (!example) example = &items[i];
        last = i;
    }
    if (!example || !w->run) return ISG_OK;
    return isg_selecting_warn(
        w, isg_strf("%zu value%s of %s stand%s for rows of different N, for instance %s for %.6g "
                    "and %.6g: are they different runs, perhaps of different files? They are "
                    "resampled together.",
                    runs, runs > 1 ? "s" : "", w->run->name, runs > 1 ? "" : "s", example->run,
                    example[-1].n, example->n));
}

static isg_err note_runs(isg_selecting *w, const isg_item *items, size_t n)
{
    size_t runs = 0;
    for (size_t i = 0; i < n; i++) runs += !i || strcmp(items[i].run, items[i - 1].run) != 0;
    if (w->o->rows && runs < n) {
        return isg_selecting_note(
            w, isg_strf("Rows are resampled one by one, although %zu rows come from %zu "
                        "runs: intervals are "
                        "too narrow if the rows of a run err together.",
                        n, runs));
    }
    ISG_TRY(warn_sizes(w, items, n));
    if (w->cluster || w->o->rows || !w->pseudo_runs) return ISG_OK;
    if (w->guess.alike) return warn_apart(w, runs);
    if (w->guess.name && w->o->points != ISG_POINTS_ALL) return ISG_OK; /* said with the points */
    if (runs == n && !*w->guess.along) return ISG_OK;
    return isg_selecting_note(
        w, isg_strf("There is no run_id: rows equal in all but D and loss%s%s%s count as one run "
                    "(%zu rows, %zu runs).%s",
                    *w->guess.along ? " (and " : "", w->guess.along,
                    *w->guess.along ? ", following D)" : "", n, runs,
                    runs == n ? ""
                    : w->guess.name
                        ? ""
                        : " If each row is a run of its own, give --resample rows; "
                          "if they are points of one run, --points final takes its last."));
}

static const char *cluster_unit(const isg_selecting *w)
{
    return w->o->rows                            ? "row"
           : w->o->n_best_over && !w->o->cluster ? "sweep"
           : w->cluster                          ? w->cluster->name
           : w->run                              ? w->run->name
           : w->guess.name                       ? w->guess.name->name
                                                 : "run";
}

/* The unit of the rows: what the user says, else their column. */
static isg_err find_unit(isg_selecting *w)
{
    const isg_column *c = isg_table_column(w->t, "unit");
    const char **v = NULL, *unit = w->o->unit;
    size_t n = 0;
    isg_err rc = c ? isg_columns_values(w->t, c, w->state, &v, &n) : ISG_OK;

    if (w->o->metric != ISG_METRIC_AS_STORED) {
        unit = isg_metrics[w->o->metric].unit;
        n = 0;
    }
    for (size_t k = 0; k < n && !rc; k++) {
        if (!v[k][0]) continue;
        if (w->o->unit && strcmp(v[k], w->o->unit) != 0 && !w->o->pool)
            rc = ISG_FAIL(ISG_EUSAGE, "--unit %s: the column unit of %s says '%s'", w->o->unit,
                          w->t->source, v[k]);
        unit = w->o->unit ? w->o->unit : unit ? "mixed" : v[k];
    }
    if (!rc) w->s->unit = isg_strdup(unit ? unit : "");
    if (!rc && !w->s->unit) rc = ISG_FAIL(ISG_ENOMEM, "no memory for a unit");
    free(v);
    return rc;
}

static const char *size_kind(const char *column)
{
    static const char *const total[] = {"N_total", "N_params"};
    static const char *const without[] = {"nonemb", "non_emb", "non-emb", "no_emb", "noemb"};

    for (size_t k = 0; k < sizeof total / sizeof total[0]; k++) {
        if (!strcmp(column, total[k])) return "total";
    }
    for (size_t k = 0; k < sizeof without / sizeof without[0]; k++) {
        if (strstr(column, without[k])) return "non-embedding";
    }
    return "";
}

static isg_err fill_words(isg_selecting *w)
{
    isg_selection *s = w->s;

    ISG_TRY(find_unit(w));
    s->n_kind = size_kind(w->n.text);

    s->n_column = isg_strdup(w->n.text);
    s->d_column = isg_strdup(w->no_d ? "" : w->d.text);
    s->loss_column = isg_strdup(w->loss.text);
    s->target = isg_strdup(w->o->target ? w->o->target : "");
    s->cluster_unit = isg_strdup(cluster_unit(w));
    if (!s->n_column || !s->d_column || !s->loss_column || !s->target || !s->cluster_unit)
        return ISG_FAIL(ISG_ENOMEM, "no memory for names");
    return ISG_OK;
}

static isg_err fill(isg_selecting *w, isg_item *items, size_t n)
{
    isg_selection *s = w->s;

    qsort(items, n, sizeof *items, by_cluster);
    s->n = n;
    s->n_read = w->t->n_rows;
    s->loss = malloc(n * sizeof *s->loss);
    s->cluster = malloc(n * sizeof *s->cluster);
    s->line = malloc(n * sizeof *s->line);
    s->row = malloc(n * sizeof *s->row);
    s->setting = calloc(n, sizeof *s->setting);
    bool good = s->loss && s->cluster && s->line && s->row && s->setting;
    for (size_t k = 0; k < w->law->n_vars; k++) {
        s->var[k] = malloc(n * sizeof *s->var[k]);
        good = good && s->var[k];
    }
    if (!good) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu observations", n);
    ISG_TRY(fill_words(w));
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < w->law->n_vars; k++) s->var[k][i] = w->var[k][items[i].row];
        s->loss[i] = items[i].loss;
        s->line[i] = w->t->line[items[i].row];
        ISG_TRY(isg_selecting_name_row(w, items[i].row, i, n, &s->run));
        s->row[i] = items[i].row;
        bool opens = !i || w->o->rows || strcmp(items[i].cluster, items[i - 1].cluster) != 0;
        s->n_clusters += opens;
        s->cluster[i] = s->n_clusters - 1;
    }
    ISG_TRY(isg_selecting_offset(w, s->row, n));
    ISG_TRY(isg_selecting_settings(w, s->setting));
    return isg_selecting_groupings(w, items, n);
}

size_t isg_items_collect(const isg_selecting *w, isg_item *items)
{
    size_t m = 0;

    for (size_t i = 0; i < w->t->n_rows; i++) {
        if (w->state[i] != ISG_ROW_KEPT) continue;
        const char *cluster =
            w->cluster && w->cluster->text[i][0] ? w->cluster->text[i] : w->run_key[i];
        items[m++] = (isg_item){.of = w,
                                .cluster = cluster,
                                .run = w->run_key[i],
                                .row = i,
                                .n = w->n.number[i],
                                .d = w->d.number[i],
                                .loss = w->loss.number[i]};
    }
    return m;
}

/* Every run of a campaign, so that it has no final loss. */
static bool all_diverged(const isg_table *t)
{
    const isg_column *c = isg_selecting_filled(t, "diverged");
    for (size_t i = 0; c && i < t->n_rows; i++) {
        if (!c->numeric || !(c->number[i] > 0)) return false;
    }
    return c != NULL;
}

/* Parts of trunks were asked for, and final points. */
static bool of_trunks(const isg_selecting *w)
{
    return isg_selecting_asks_for(w, "is_trunk") && w->asked && w->o->points != ISG_POINTS_STABLE &&
           w->o->points != ISG_POINTS_ALL;
}

static isg_err nothing_left(const isg_selecting *w)
{
    isg_str list = {0};
    isg_err rc = ISG_OK;
    bool mixed = false;

    if (all_diverged(w->t))
        return ISG_FAIL(ISG_EDATA,
                        "%s: nothing can be fitted: every run diverged before its last loss. Try a "
                        "lower lr or a longer warmup, in a campaign with a store of its own",
                        w->t->source);

    for (size_t i = 0; i < w->t->n_rows; i++) mixed = mixed || w->state[i] == ISG_ROW_MIXED;
    for (size_t k = 0; k < w->s->n_excluded && !rc; k++) {
        const isg_excluded *e = &w->s->excluded[k];
        rc = isg_str_printf(&list, "%s%zu: %s (", k ? "; " : ". Left out are ", e->n, e->reason);
        if (!rc) rc = isg_select_places(e->line, e->run, NULL, e->n, 1, &list);
        if (!rc) rc = isg_str_puts(&list, ")");
    }
    if (!rc && of_trunks(w))
        rc =
            isg_str_puts(&list, ". A trunk ends at a constant learning rate, so none of its points "
                                "is final: --points stable takes them");
    if (!rc)
        rc = ISG_FAIL(ISG_EDATA, "%s: no row is left to fit of %zu read%s%s", w->t->source,
                      w->t->n_rows, isg_str_c(&list),
                      mixed ? ". Runs of several languages are for a law of mixtures (--law msl, "
                              "atlas or curse); --pool takes them as they are"
                            : "");
    isg_str_free(&list);
    return rc;
}

static isg_err gather(isg_selecting *w)
{
    size_t n = isg_selecting_kept(w);
    isg_item *items = malloc((n + 1) * sizeof *items);

    if (!items) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", n);
    (void)isg_items_collect(w, items);
    isg_err rc = n ? isg_selecting_crossed(w, items, n) : nothing_left(w);
    if (!rc) rc = isg_selecting_comparable(w, items, n);
    if (!rc) qsort(items, n, sizeof *items, isg_item_by_run);
    if (!rc) rc = note_runs(w, items, n);
    if (!rc && w->o->n_best_over) rc = isg_selecting_sweeps(w, items, &n);
    if (!rc) rc = fill(w, items, n);
    if (!rc && w->o->n_best_over) {
        for (size_t i = 0; i < n; i++) w->s->sweeps->kept[w->sweep_of[w->s->row[i]]] = i;
    }
    free(items);
    return rc;
}

/* ---- all of it ---------------------------------------------------------------------------- */

static isg_err find_cluster(isg_selecting *w)
{
    if (!w->o->cluster) {
        w->cluster = isg_selecting_filled(w->t, "cluster_id");
        return ISG_OK;
    }
    w->cluster = isg_table_column(w->t, w->o->cluster);
    return w->cluster ? ISG_OK : isg_columns_unknown(w->t, w->o->cluster, "--cluster");
}

static isg_err select_rows(isg_selecting *w)
{
    ISG_TRY(isg_selecting_find(w));
    ISG_TRY(find_cluster(w));
    w->campaign = isg_selecting_is_campaign(w);
    w->names = isg_table_run_columns(w->t);
    ISG_TRY(isg_selecting_find_own(w));
    ISG_TRY(isg_selecting_by(w));
    ISG_TRY(isg_selecting_where(w));
    ISG_TRY(isg_selecting_target(w));
    ISG_TRY(isg_selecting_main(w));
    ISG_TRY(isg_selecting_metric(w));
    ISG_TRY(isg_selecting_name_runs(w));
    w->asked = isg_selecting_kept(w);
    ISG_TRY(isg_selecting_points(w));
    isg_selecting_exclude_losses(w);
    ISG_TRY(isg_selecting_monolingual(w));
    ISG_TRY(isg_selecting_vars(w));
    isg_selecting_exclude_vars(w);
    ISG_TRY(isg_selecting_note_repeats(w));
    if (!w->o->pool && !(w->o->rows && w->pseudo_runs))
        ISG_TRY(isg_selecting_leave_out_repeated(w));
    ISG_TRY(isg_selecting_drop_highest(w));
    ISG_TRY(isg_selecting_list_excluded(w));
    return gather(w);
}

static void clear(isg_selecting *w)
{
    isg_quantity *const quantity[] = {&w->n, &w->d, &w->loss};

    for (size_t k = 0; k < 3; k++) {
        free(quantity[k]->text);
        free(quantity[k]->number);
    }
    for (size_t k = 0; k < ISG_LAW_VARS; k++) free(w->var[k]);
    free(w->sweep_of);
    free(w->of_size);
    free(w->of_run);
    free(w->of_law);
    free(w->crossed);
    free(w->state);
    free(w->run_key);
    free(w->made);
    free(w->own);
    isg_runs_clear(&w->guess);
}

isg_err isg_select(const isg_table *table, const isg_select_options *options, isg_selection **out)
{
    isg_selecting w = {.t = table, .o = options, .law = options->law};
    isg_err rc = ISG_OK;

    *out = NULL;
    if (!w.law) ISG_TRY(isg_law_find("chinchilla", &w.law));
    w.s = calloc(1, sizeof *w.s);
    w.state = calloc(table->n_rows + 1, 1);
    w.of_size = calloc(table->n_columns + 1, sizeof *w.of_size);
    w.of_run = calloc(table->n_columns + 1, sizeof *w.of_run);
    w.of_law = calloc(table->n_columns + 1, sizeof *w.of_law);
    if (!w.s || !w.state || !w.of_size || !w.of_run || !w.of_law)
        rc = ISG_FAIL(ISG_ENOMEM, "no memory to select from %zu rows", table->n_rows);
    if (!rc) rc = select_rows(&w);
    if (rc) isg_selection_destroy(&w.s);
    *out = w.s;
    clear(&w);
    return rc;
}

void isg_selection_destroy(isg_selection **selection)
{
    isg_selection *s = *selection;
    if (!s) return;
    for (size_t k = 0; k < ISG_LAW_VARS; k++) {
        free(s->var[k]);
        free(s->var_from[k]);
    }
    for (size_t k = 0; k < s->n_groupings; k++) {
        free(s->grouping[k].name);
        free(s->grouping[k].unit);
        free(s->grouping[k].cluster);
    }
    for (size_t k = 0; k < s->n_excluded; k++) {
        free(s->excluded[k].reason);
        free(s->excluded[k].line);
        free(s->excluded[k].run);
    }
    for (size_t k = 0; k < s->n_notes; k++) free(s->note[k]);
    isg_sweeps_destroy(&s->sweeps);
    free(s->loss);
    free(s->cluster);
    free(s->setting);
    free(s->line);
    free(s->run);
    free(s->row);
    free(s->n_column);
    free(s->d_column);
    free(s->loss_column);
    free(s->unit);
    free(s->target);
    free(s->cluster_unit);
    free(s->points);
    free(s->warning);
    free(s);
    *selection = NULL;
}
