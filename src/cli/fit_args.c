#include "fit_args.h"

#include <string.h>

const char *const fit_points_names[] = {"final", "stable", "all", NULL};
const char *const fit_objective_names[] = {"huber", "lad", "lsq", "log-lsq", NULL};
static const char *const resample_names[] = {"clusters", "rows", NULL};
static const char *const stages_names[] = {"joint", "two", NULL};
static const char *const compat_names[] = {"hoffmann", NULL};
const char *const fit_metric_names[] = {"bits-per-byte", "bits-per-character", "unigram", "page",
                                        NULL};
const char *const fit_terms_names[] = {"transfer", "other", "target", NULL};
const char *const fit_lambda_names[] = {"shared", "per-source", NULL};

const isg_opt fit_args_end = {0, NULL, ISG_OPT_FLAG, NULL, NULL, NULL, 0, 0, NULL};

fit_args fit_args_defaults(void)
{
    return (fit_args){.starts = 64, .bootstrap = 4000, .seed = 1, .level = 0.95};
}

static size_t append(const isg_opt *from, size_t n, isg_opt *rows, size_t at)
{
    memcpy(rows + at, from, n * sizeof *rows);
    return at + n;
}

#define APPEND(from) append(from, sizeof from / sizeof *from, rows, at)

static size_t select_rows(fit_args *a, isg_opt *rows, size_t at)
{
    const isg_opt opts[] = {
        {0, "n", ISG_OPT_STRING, &a->n, "COL",
         "Model size: total, nonembedding, a column or an expression. Default: total.", 0, 0, NULL},
        {0, "d", ISG_OPT_STRING, &a->d, "COL",
         "Training tokens: a column or an expression such as C/(6*N). Default: D_tokens.", 0, 0,
         NULL},
        {0, "loss", ISG_OPT_STRING, &a->loss, "COL",
         "Column of losses, or an expression. Default: loss.", 0, 0, NULL},
        {0, "unit", ISG_OPT_STRING, &a->unit, "UNIT", "Unit of the loss, for the report.", 0, 0,
         NULL},
        {0, "metric", ISG_OPT_STRING, &a->metric, "NAME",
         "Of losses in bits per byte whose text is known: bits-per-byte (default), "
         "bits-per-character, unigram (less the loss of byte frequencies), page (bits per parallel "
         "page).",
         0, 0, fit_metric_names},
        {0, "target", ISG_OPT_STRING, &a->target, "EVALUATION",
         "Fit the losses of this evaluation or language.", 0, 0, NULL},
        {0, "points", ISG_OPT_STRING, &a->points, "WHICH",
         "final: the last, cooled point of each run (default where run_id, is_final, "
         "lr_state or a name tell runs apart); stable: those at a constant learning rate; all.",
         0, 0, fit_points_names},
        {0, "where", ISG_OPT_LIST, &a->where, "COL=VALUE",
         "Keep only these rows; also !=, <, <=, >, >=, and COL=A|B for A or B. May be repeated.", 0,
         0, NULL},
        {0, "by", ISG_OPT_STRING, &a->by, "COL", "One fit for each value of the column.", 0, 0,
         NULL},
        {0, "drop-highest", ISG_OPT_U64, &a->drop_highest, "K",
         "Leave out the K rows of highest loss.", 0, 1e9, NULL},
        {0, "pool", ISG_OPT_FLAG, &a->pool, NULL,
         "Fit rows together that columns say are not comparable.", 0, 0, NULL},
        {0, "var", ISG_OPT_LIST, &a->var, "NAME=COL",
         "Column of a further variable of the law, or an expression, for instance K=languages. "
         "May be repeated.",
         0, 0, NULL},
        {0, "best-over", ISG_OPT_LIST, &a->best_over, "COL,...",
         "Settings that were swept, such as lr,batch: of the rows that agree in the variables of "
         "the law only the best is fitted, and every refit chooses again.",
         0, 0, NULL},
    };
    return APPEND(opts);
}

static size_t law_rows(fit_args *a, isg_opt *rows, size_t at)
{
    const isg_opt opts[] = {
        {0, "law", ISG_OPT_STRING, &a->law, "NAME",
         "Law to fit; isogloss laws lists them. Default: chinchilla, L = E + A/N^alpha + "
         "B/D^beta.",
         0, 0, NULL},
        {0, "objective", ISG_OPT_STRING, &a->objective, "NAME",
         "huber (default), lad or log-lsq, on log losses; lsq, on losses. "
         "Always a sum over rows.",
         0, 0, fit_objective_names},
        {0, "delta", ISG_OPT_STRING, &a->delta, "X",
         "Where huber turns from squares to absolute values; auto (default) is "
         "1.345 times the robust standard deviation of the residuals.",
         0, 0, NULL},
        {0, "compat", ISG_OPT_STRING, &a->compat, "PAPER", "hoffmann: huber with delta 0.001.", 0,
         0, compat_names},
        {0, "fix", ISG_OPT_LIST, &a->fix, "NAME=VALUE",
         "Hold a parameter, for instance alpha=0.35.", 0, 0, NULL},
        {0, "tie", ISG_OPT_LIST, &a->tie, "NAME=NAME",
         "Make two parameters equal, for instance alpha=beta.", 0, 0, NULL},
        {0, "terms", ISG_OPT_STRING, &a->terms, "WHICH",
         "Law atlas: what counts as data. transfer (default): the target, its sources and all "
         "others; other: the target and all others; target: the target alone.",
         0, 0, fit_terms_names},
        {0, "sources", ISG_OPT_STRING, &a->sources, "LANGS",
         "Law atlas: languages with a tau of their own, such as ru,es, or how many of those most "
         "sampled with the target. Default: 3.",
         0, 0, NULL},
        {0, "lambda", ISG_OPT_STRING, &a->lambda, "WHICH",
         "Law atlas: one decay of repeated tokens, shared (default), or one per-source.", 0, 0,
         fit_lambda_names},
        {0, "transfer", ISG_OPT_STRING, &a->transfer, "FILE",
         "Law atlas: bilingual transfer scores, whose BTS/(2-BTS) are starts of tau. A CSV matrix "
         "whose first column is called target or source, or columns source, target, bts.",
         0, 0, NULL},
        {0, "stages", ISG_OPT_STRING, &a->stages, "HOW",
         "joint (default): all parameters from all rows; two, for dcsl: those of single epochs "
         "first, then, with these held, those of repetition, in every refit.",
         0, 0, stages_names},
        {0, "starts", ISG_OPT_U64, &a->starts, "K",
         "Cold starts besides those of the scan. Default: 64.", 0, 1e6, NULL},
    };
    return APPEND(opts);
}

static size_t bootstrap_rows(fit_args *a, isg_opt *rows, size_t at)
{
    const isg_opt opts[] = {
        {0, "bootstrap", ISG_OPT_U64, &a->bootstrap, "B",
         "Refits for the intervals; 0 for none. Default: 4000.", 0, 1e7, NULL},
        {0, "starts-per-replicate", ISG_OPT_U64, &a->starts_per_replicate, "K",
         "Cold starts of every refit besides those from the full fit and its own scan. "
         "Default: 0.",
         0, 1e6, NULL},
        {0, "resample", ISG_OPT_STRING, &a->resample, "WHAT", "clusters (default) or rows.", 0, 0,
         resample_names},
        {0, "cluster", ISG_OPT_STRING, &a->cluster, "COL",
         "Rows that are resampled together. Default: cluster_id, else "
         "run_id or run, else rows equal in all but D, loss and what follows D.",
         0, 0, NULL},
        {0, "level", ISG_OPT_DOUBLE, &a->level, "P",
         "Level of the intervals, 0.5 to 0.9999. Default: 0.95.", 0, 0, NULL},
        {0, "seed", ISG_OPT_U64, &a->seed, "S", "Of the resamples. Default: 1.", 0, 9e15, NULL},
        {0, "profile", ISG_OPT_LIST, &a->profile, "NAME",
         "Also a profile interval of this parameter, or of all. May be repeated.", 0, 0, NULL},
    };
    return APPEND(opts);
}

size_t fit_args_rows(fit_args *a, int which, isg_opt *rows, size_t at)
{
    if (which & FIT_ARGS_LAW) at = law_rows(a, rows, at);
    if (which & FIT_ARGS_SELECT) at = select_rows(a, rows, at);
    if (which & FIT_ARGS_BOOTSTRAP) at = bootstrap_rows(a, rows, at);
    return at;
}

size_t fit_args_without(isg_opt *rows, size_t n, const char *const *names)
{
    size_t left = 0;

    for (size_t k = 0; k < n; k++) {
        const char *const *name = names;
        while (*name && strcmp(rows[k].name, *name) != 0) name++;
        if (!*name) rows[left++] = rows[k];
    }
    return left;
}

size_t fit_args_index(const char *word, const char *const *names)
{
    size_t i = 0;
    while (names[i] && strcmp(names[i], word) != 0) i++;
    return i;
}

static json_t *word(const char *s)
{
    return s ? json_string(s) : json_null();
}

json_t *fit_args_words(const isg_opt_list *list)
{
    json_t *a = json_array();
    for (size_t k = 0; a && k < list->n; k++)
        (void)json_array_append_new(a, json_string(list->item[k]));
    return a;
}

static json_t *whole(uint64_t n)
{
    return json_integer((json_int_t)n);
}

json_t *fit_args_json(const fit_args *a)
{
    const struct {
        const char *name;
        json_t *value;
    } options[] = {
        {"law", word(a->law)},
        {"terms", word(a->terms)},
        {"sources", word(a->sources)},
        {"lambda", word(a->lambda)},
        {"transfer", word(a->transfer)},
        {"n", word(a->n)},
        {"d", word(a->d)},
        {"loss", word(a->loss)},
        {"unit", word(a->unit)},
        {"metric", word(a->metric)},
        {"target", word(a->target)},
        {"points", word(a->points)},
        {"where", fit_args_words(&a->where)},
        {"by", word(a->by)},
        {"drop_highest", whole(a->drop_highest)},
        {"pool", json_boolean(a->pool)},
        {"objective", word(a->objective)},
        {"delta", word(a->delta)},
        {"compat", word(a->compat)},
        {"fix", fit_args_words(&a->fix)},
        {"tie", fit_args_words(&a->tie)},
        {"stages", word(a->stages)},
        {"var", fit_args_words(&a->var)},
        {"best_over", fit_args_words(&a->best_over)},
        {"starts", whole(a->starts)},
        {"starts_per_replicate", whole(a->starts_per_replicate)},
        {"bootstrap", whole(a->bootstrap)},
        {"resample", word(a->resample)},
        {"cluster", word(a->cluster)},
        {"level", isg_json_real(a->level)},
        {"seed", whole(a->seed)},
        {"profile", fit_args_words(&a->profile)},
    };
    json_t *o = json_object();

    for (size_t k = 0; k < sizeof options / sizeof *options; k++)
        (void)json_object_set_new(o, options[k].name, options[k].value);
    return o;
}
