#ifndef ISG_CAMPAIGN_BUILD_H
#define ISG_CAMPAIGN_BUILD_H

/** What the stages of making a plan share; each stage is one file. */

#include "field.h"
#include "isogloss/plan.h"

#define ISG_ALL_BYTES UINT64_MAX

/** The first setting of a proxy: it has all of the table (test_plan holds it there). */
enum { ISG_BATCH = 0 };

/** One mixture of languages, before the budget is known. */
typedef struct isg_mix {
    size_t n;
    size_t *language;  /**< [n] ascending */
    double *weight;    /**< [n], sums to 1 */
    double max_epochs; /**< unimax: weights follow from the budget; else 0 */
} isg_mix;

/** One varied setting of a family. */
typedef struct isg_vary {
    enum { ISG_VARY_SETTING, ISG_VARY_CONTEXT, ISG_VARY_DATA_SEED } what;
    size_t setting;
    size_t n;
    double *value;       /**< [n] */
    const isg_node **at; /**< [n] where it stands */
} isg_vary;

/** Evaluations during a run. */
typedef struct isg_points {
    size_t count;
    bool linear;
    double first;
} isg_points;

/** One row of a `runs:` file. */
typedef struct isg_row {
    const isg_node *at;
    const isg_node *tokens;
    isg_shape shape;
    isg_mix mix;
    uint64_t unique, seed;
    double *setting;          /**< [n_settings] */
    const isg_node *batch_at; /**< the cell, if the file states it, or NULL */
} isg_row;

/** A run as a member of a family: what a finetune looks for. */
typedef struct isg_member {
    size_t run;
    size_t group; /**< the same for runs that differ in tokens and seed only */
} isg_member;

/** A family with its axes resolved. */
typedef struct isg_family_work {
    const isg_node *node;
    isg_family_kind kind;
    size_t from; /**< finetune: index of the parents' family */
    isg_mix *mixes;
    size_t n_mixes;
    isg_row *rows;
    size_t n_rows;
    isg_shape *shapes;
    size_t n_shapes;
    const isg_node **budgets; /**< [n_budgets] */
    size_t n_budgets;
    bool budgets_are_flops;
    uint64_t *unique;
    size_t n_unique;
    uint64_t *seeds;
    size_t n_seeds;
    isg_vary *vary;
    size_t n_vary;
    isg_points points;
    bool trained_only;
    bool *evaluate; /**< [n_evaluations] */
    bool checkpoint;
    const isg_node *branches; /**< says that runs share trunks, or NULL */
    isg_member *members;
    size_t n_members, cap_members;
} isg_family_work;

typedef struct isg_resource {
    uint64_t up_to;
    uint32_t cores, gpus;
} isg_resource;

/** What a run brings to the search for trunks. */
typedef struct isg_branching {
    char group[ISG_RUN_ID_CHARS +
               1];       /**< the same for runs that differ in the budget only; "": none */
    uint64_t cut;        /**< tokens at which its decay begins */
    bool brief, weights; /**< shares no trunk: see isg_alone */
} isg_branching;

/** From so many tokens (or parameters) on, this batch. */
typedef struct isg_batch_step {
    uint64_t from;
    double batch;
    const isg_node *at; /**< of the batch */
} isg_batch_step;

typedef struct isg_batch_rule {
    bool of_tokens;       /**< else of non-embedding parameters */
    size_t setting;       /**< index of `batch` */
    isg_batch_step *step; /**< [n] in order of `from` */
    size_t n;             /**< 0: the batch follows nothing */
} isg_batch_rule;

typedef struct isg_build {
    isg_arena arena;
    isg_diag diag;
    const isg_plan_options *options;
    const isg_node *top, *trainer;
    const char *base; /**< directory of the campaign file */
    isg_plan *plan;
    isg_family_work *families; /**< [plan->n_families] */
    isg_resource *resources;
    size_t n_resources;
    size_t corpus_shards; /**< 0: not known */
    bool corpus_blocks;   /**< its pages are blocks of lines, no translations of each other */
    isg_batch_rule batch;
    /** [n_languages] in the corpus directory, NULL in an old corpus; NULL: no such directory */
    const char **pages_file;
    /** [n_languages][corpus_shards + 1] into the held-out text [byte]; NULL as above */
    uint64_t **shard_offset;
    double *settings_given; /**< [n_settings] of the trainer, before a family varies them */
    char *law_text;         /**< canonical JSON of a synthetic trainer's truth, or NULL */
    size_t *languages, *settings,
        *evaluations;                      /**< indices in order of name, for canonical texts */
    char *version_text, *fingerprint_text; /**< as JSON strings */
    double *scored; /**< [n_evaluations] tokens that one costs at a point, in runs of this context */
    uint32_t scored_context;
    size_t *slot; /**< [n_slots] open-addressed set of run ids: run index + 1 */
    size_t n_slots;
    size_t cap_runs;
    isg_branching
        *branching; /**< [cap_runs] of runs that may share trunks; NULL: no family wants it */
} isg_build;

isg_err isg_build_no_memory(void);

/** Zeroed memory of the build's arena, NULL when there is none. */
#define ISG_NEW(build, n, type) ((type *)isg_arena_alloc(&(build)->arena, (n), sizeof(type)))

/* The entries of a value that may be single or a list. */
size_t isg_entries(const isg_node *node);
const isg_node *isg_entry(const isg_node *node, size_t i);

/** A path of the campaign file made absolute. Caller frees; NULL when out of memory. */
char *isg_build_path(const isg_build *b, const char *path);

/* Stages, in order. Errors of the campaign are noted in b->diag; a returned
 * failure is one that ends the reading. */
isg_err isg_build_languages(isg_build *b);   /* languages.c: corpus facts */
isg_err isg_build_trainer(isg_build *b);     /* trainer.c: kind, settings, law, limits, resources */
isg_err isg_build_batch(isg_build *b);       /* batch.c: batches that follow size or budget */
isg_err isg_build_families(isg_build *b);    /* family.c: axes and mixtures of each family */
isg_err isg_build_evaluations(isg_build *b); /* family.c: held-out sets */
isg_err isg_build_pages(isg_build *b, const isg_node *section); /* pages.c: those of whole pages */
isg_err isg_build_orders(isg_build *b);                         /* identity.c: canonical orders */
isg_err isg_build_tags(isg_build *b);                           /* tags.c: of languages */
isg_err isg_build_expand(isg_build *b);                         /* expand.c: runs */
isg_err isg_build_branches(isg_build *b);                       /* branch.c: trunks */
isg_err isg_build_clusters(isg_build *b);                       /* cluster.c: run->cluster */
isg_err isg_build_hash(isg_build *b);                           /* identity.c: fills plan->hash */

/** Fill run->id; `more` is hashed too. */
isg_err isg_build_identify(const isg_build *b, isg_run *run, const char *more);

/** The same of all but tokens and points. @param key  [ISG_RUN_ID_CHARS + 1] */
isg_err isg_build_group(const isg_build *b, const isg_run *run, const char *more, char *key);

/** The same for runs of one training, whatever is measured of it. */
typedef struct isg_training_key {
    uint64_t init, data;
} isg_training_key;

/** Of a run that goes on from no other. */
isg_err isg_build_training_key(const isg_build *b, const isg_run *run, isg_training_key *out);

/** An empty run with room for its points. */
isg_err isg_build_new_run(const isg_plan *plan, size_t n_points, isg_run *run);
void isg_run_clear(isg_run *run);

/** cost.c: fill run->flops from its tokens, points and evaluations. */
isg_err isg_build_flops(isg_build *b, isg_run *run);

/** add.c: put an identified run into the plan, or add what it is needed for to its twin. Takes it over. */
isg_err isg_build_add(isg_build *b, isg_run *run, size_t *index);

/** branch.c: fill `out` for a run, whose id becomes one for runs that may share trunks. */
isg_err isg_build_branching(isg_build *b, const isg_family_work *w, bool weights_follow,
                            isg_run *run, isg_branching *out);

/** The batch of a run by the campaign's rule, if it has one. */
void isg_build_take_batch(const isg_build *b, isg_run *run);

/** Where the rule says that batch, its list for runs before the first step; NULL: there is no rule. */
const isg_node *isg_build_batch_at(const isg_build *b, const isg_run *run);

/** proxy.c: note what isogloss-train would refuse in a shape, at its keys in `map` or else at `node`.
 * @return false if something */
bool isg_proxy_shape(const isg_node *map, const isg_node *node, isg_diag *diag,
                     const isg_shape *shape);

/** The same of context, batch and text of a run. @param row  of a list of runs, or NULL */
isg_err isg_proxy_check(isg_build *b, const isg_family_work *w, const isg_run *run,
                        size_t combination, const isg_row *row);

/** Index of a language; notes an error at `node` and gives (size_t)-1 if there is none. */
size_t isg_find_language(isg_build *b, const isg_node *node, const char *code);

/** Fill a shape from a size; false (with a note) if it is none. */
bool isg_shape_of(isg_build *b, const isg_node *node, isg_diag *diag, isg_shape *out);

/** Derived counts after context changed. */
void isg_shape_count(isg_shape *shape);

/** Tokens of a budget for a shape; false (with a note) if it is none. */
bool isg_budget_tokens(const isg_node *node, bool flops, const isg_shape *shape, isg_diag *diag,
                       uint64_t *tokens);

/** Mixtures of one family into w->mixes. */
isg_err isg_build_mixes(isg_build *b, isg_family_work *w);

/** Weights of a mix for a budget: `weight` and `unique` are [n_languages], zeroed. */
void isg_mix_weights(const isg_plan *plan, const isg_mix *mix, uint64_t tokens, uint64_t unique,
                     double *weight, uint64_t *used);

/** Rows of a `runs:` file into w->rows. */
isg_err isg_build_rows(isg_build *b, isg_family_work *w);

/** Mixture text of a row, `de` or `de:0.5 ru:0.5`. */
bool isg_mix_of_text(isg_build *b, const isg_node *node, isg_diag *diag, isg_mix *out);

#endif
