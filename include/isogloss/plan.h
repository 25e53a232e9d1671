#ifndef ISOGLOSS_PLAN_H
#define ISOGLOSS_PLAN_H

/**
 * The plan: a campaign expanded to an ordered list of runs.
 *
 * Pure data, the same on every rank: it depends on the campaign text, the
 * corpus index and the chosen numerics, nothing else. Runs of equal content
 * are one run that belongs to several families.
 */

#include "isogloss/err.h"
#include "isogloss/json.h"
#include "isogloss/tag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ISG_NO_RUN ((size_t)-1)
enum { ISG_RUN_ID_CHARS = 32, ISG_NUMERICS_CHARS = 31 };

typedef enum isg_trainer_kind {
    ISG_TRAINER_PROXY,
    ISG_TRAINER_COMMAND,
    ISG_TRAINER_SYNTHETIC,
    ISG_TRAINER_IMPORT /**< runs made elsewhere (import.h): no campaign file says this */
} isg_trainer_kind;

typedef enum isg_family_kind {
    ISG_FAMILY_MONO, /**< monolingual */
    ISG_FAMILY_BILINGUAL,
    ISG_FAMILY_MIXTURE, /**< uniform, unimax, custom */
    ISG_FAMILY_FINETUNE,
    ISG_FAMILY_LIST /**< runs: file.csv */
} isg_family_kind;

typedef struct isg_family {
    char *name;
    isg_family_kind kind;
    char *mixture; /**< "monolingual", "bilingual", "uniform", "unimax", "custom", ... */
    size_t n_runs; /**< runs that belong to it (shared ones counted, parts of trunks not) */
} isg_family;

typedef struct isg_language {
    char *code, *name, *script, *family, *licence; /**< BCP-47 code; names may be "" */
    uint64_t train_bytes;                          /**< unique training bytes [byte] */
    uint64_t held_bytes;                           /**< held-out bytes [byte] */
    isg_tag tag;       /**< of proxies with `tags: true`, where some run trains or scores it */
    char *fingerprint; /**< SHA-256 (hex) of what is known of its text; NULL: nothing */
} isg_language;

/** A whole page of a language's held-out text [byte]. */
typedef struct isg_page {
    uint64_t offset, bytes;
} isg_page;

/** A named held-out set. */
typedef struct isg_evaluation {
    char *name;
    size_t language; /**< index into plan->languages */
    char *metric;    /**< "bits_per_byte" for proxies */
    char *unit;      /**< "bit/byte", "nat/token", ... */
    uint64_t bytes;  /**< evaluated bytes, all shards [byte] */
    size_t shards;
    uint64_t shard_text;  /**< held-out text of the smallest shard [byte]; not of pages */
    uint64_t shard_bytes; /**< what is evaluated of it, at most [byte]; not of pages */
    isg_page *pages;      /**< [n_pages] page i belongs to shard i % shards; NULL: not of pages */
    size_t n_pages;
    char pages_sha256[65]; /**< of their places; "" without pages */
} isg_evaluation;

/** Decoder-only transformer; N_nonembedding = 12 layers d^2 unless the campaign states otherwise. */
typedef struct isg_shape {
    char label[16]; /**< ladder name ("p3") or "" */
    uint32_t layers, d, heads, context, vocab;
    uint64_t n_nonembedding; /**< parameters without embeddings */
    uint64_t n_total;        /**< all parameters (tied head counted once) */
} isg_shape;

/** A varied or fixed numeric setting: one column of /runs each. */
typedef struct isg_setting {
    char *name; /**< "lr", "batch", "warmup", "decay", "weight_decay", "clip", ... */
    char *unit;
    bool varied; /**< takes more than one value over the plan */
} isg_setting;

typedef struct isg_run {
    char id[ISG_RUN_ID_CHARS + 1]; /**< hash of what changes the result (docs/architecture.md) */
    isg_shape shape;
    uint64_t tokens;    /**< total training tokens of the run, those of its trunk included */
    uint64_t seed;      /**< as written in the campaign (model initialisation and default data) */
    uint64_t data_seed; /**< order of data; equal to seed unless varied */
    /** What the trainer is told to draw from; proxies have streams of their own (identity.c). */
    uint64_t init_stream, data_stream;
    size_t parent;  /**< run index, or ISG_NO_RUN */
    bool trunk;     /**< a part of a trunk: ends at a constant learning rate, for its children */
    uint64_t from;  /**< tokens at which it goes on from its parent, a trunk; 0: of its own */
    size_t cluster; /**< cluster_id: the run index of the trunk or root parent, or of the first run
                         of the same training if several measure it (cluster.c) */
    size_t depth;   /**< 0 for a root */
    bool keep_checkpoint; /**< the final checkpoint is needed (parent of another, or asked for) */
    bool asked;           /**< the campaign asks for the final checkpoint: `checkpoint: true` */
    double *weight;       /**< [n_languages] sampling share, sums to 1 */
    uint64_t *unique;     /**< [n_languages] unique bytes used; 0 where weight is 0 */
    double *setting;      /**< [n_settings] */
    uint64_t *points;     /**< [n_points] tokens at evaluations, strictly increasing, above `from`,
                           last == tokens */
    size_t n_points;
    bool *member;         /**< [n_families] */
    bool *evaluate;       /**< [n_evaluations] scored on this held-out set */
    double flops;         /**< predicted, training from `from` on and evaluation
                               (docs/architecture.md) */
    uint32_t cores, gpus; /**< what it takes (resources:) */
} isg_run;

typedef struct isg_limits {
    double run_time_s; /**< 0: none */
    double silence_s;  /**< 0: off */
    uint32_t retry_crash, retry_exit, retry_protocol, retry_silence, retry_time, retry_memory,
        retry_killed, retry_diverged;
    double checkpoint_every_s; /**< 0: off */
    bool keep_all_checkpoints; /**< checkpoints: {keep: all}; default keeps parents' */
} isg_limits;

/** Runs of families with `branches: true` that share no trunk, by reason. */
typedef struct isg_alone {
    size_t budget;  /**< the only budget of their kind */
    size_t weights; /**< the weights of their mixture follow from the budget */
    size_t brief;   /**< warm-up takes more than half of what is before the decay */
} isg_alone;

typedef struct isg_plan {
    char *name;  /**< campaign name */
    char *title; /**< one line for people, or "" */
    char *text;  /**< the YAML as given */
    char *path;  /**< of the campaign file, absolute */
    uint64_t seed;
    isg_trainer_kind trainer;
    char *trainer_name; /**< "proxy-cpu", "synthetic", "command" */
    char *trainer_version;
    char numerics[ISG_NUMERICS_CHARS + 1]; /**< part of every run id */
    char **command;           /**< argv templates, NULL-ended; only for ISG_TRAINER_COMMAND */
    bool batch_by_tokens;     /**< the batch follows the budget, as the campaign asks */
    char *schedule;           /**< "wsd", "cosine", "constant" */
    json_t *trainer_settings; /**< resolved `trainer:` section (synthetic: its law), an object */
    char *corpus;             /**< absolute path of the corpus directory, or "" */
    bool corpus_given;        /**< by the options, in place of the campaign's */
    char *corpus_fingerprint;
    char *unit; /**< of every loss: "bit/byte" unless the campaign says otherwise */
    isg_language *languages;
    size_t n_languages;
    uint64_t evaluation_bytes; /**< asked for of each evaluation; its own are at most what it has */
    isg_evaluation *evaluations;
    size_t n_evaluations;
    isg_family *families;
    size_t n_families;
    isg_setting *settings;
    size_t n_settings;
    isg_run *runs;
    size_t n_runs;
    size_t *by_id;                    /**< [n_runs] run indices in order of id, for isg_plan_find */
    size_t max_points;                /**< over runs */
    size_t max_shards;                /**< over evaluations */
    size_t pages_asked, pages_usable; /**< parallel pages, and how many there would be; 0: none */
    size_t pages_alike;               /**< of those taken: with as many lines in every language */
    isg_alone alone;
    isg_limits limits;
    char hash[65]; /**< SHA-256 over everything that shapes store or results */
} isg_plan;

/** What a plan needs to know of the machine. */
typedef struct isg_plan_options {
    const char *numerics; /**< of proxies; NULL: best of this CPU. Other kinds have their own */
    const char *corpus_override; /**< corpus directory instead of the campaign's, or NULL */
    size_t max_runs;             /**< refuse larger plans before expanding them; 0: 10^7 */
} isg_plan_options;

/**
 * Read and check a campaign file and expand it.
 *
 * Reads the campaign, the corpus index and `runs:` files; executes nothing.
 * Relative paths are resolved against the directory of the campaign file.
 *
 * @param path     campaign.yaml
 * @param options  NULL: defaults
 * @param out      now the caller's; isg_plan_destroy()
 *
 * Collective: no. @return ISG_OK; ISG_ESPEC with file:line:column, key, value,
 * allowed range and nearest key; ISG_EIO; ISG_ENOMEM.
 */
isg_err isg_plan_load(const char *path, const isg_plan_options *options, isg_plan **out);

/**
 * The same from a text, such as the one a store keeps.
 * @param name  file name for messages; relative paths inside the campaign are
 *              resolved against its directory
 */
isg_err isg_plan_parse_text(const char *text, const char *name, const isg_plan_options *options,
                            isg_plan **out);

/** Takes the address, nulls it, accepts NULL and half-built plans. */
void isg_plan_destroy(isg_plan **plan);

/**
 * The `run` object of the trainer protocol for one run, without the parts that
 * only a worker knows (attempt, dir, resume, parent checkpoint). New reference.
 */
isg_err isg_plan_run_json(const isg_plan *plan, size_t run, json_t **out);

/** Training FLOPs per token of a shape (docs/architecture.md). */
double isg_shape_flops(const isg_shape *shape);

/** What trunks save. */
typedef struct isg_branches {
    size_t runs;       /**< that go on from a trunk */
    size_t trunks;     /**< clusters of them */
    size_t parts;      /**< runs of the plan that are parts of trunks */
    double unbranched; /**< FLOPs of training if every run were trained by itself */
    double training;   /**< FLOPs of training as planned */
} isg_branches;

void isg_plan_branches(const isg_plan *plan, isg_branches *out);

/** Runs of the plan that are no parts of trunks. */
size_t isg_plan_own_runs(const isg_plan *plan);

/** "12 runs and 6 parts of trunks in 2 families", in `buf`. */
const char *isg_plan_runs_text(const isg_plan *plan, char *buf, size_t cap);

enum { ISG_RUNS_TEXT = 96 };

/**
 * "12 runs", "3 parts of trunks" or "12 runs and 3 parts of trunks", for people.
 * @param what  before both nouns, such as "finished "; "" for nothing
 * @param buf   [ISG_RUNS_TEXT], returned
 */
const char *isg_runs_text(size_t runs, size_t parts, const char *what, char *buf);

/** How fast a core is. The plan does not depend on it; both 0: a proxy's on a core of 2024. */
typedef struct isg_speed {
    double
        flops;   /**< the same for every run [FLOP/s]; 0: what a proxy makes of the peak, by size */
    double peak; /**< isg_fma_peak() of the plan's numerics [FLOP/s]; 0: not measured */
} isg_speed;

/** What a plan will take, by a simulation of the scheduler's order on equal workers. */
typedef struct isg_estimate {
    double
        speed; /**< of a run on the workers it occupies, mean over the time of all runs [FLOP/s] */
    double least_share, most_share; /**< of the peak, over the training of runs; 0: not by peak */
    double flops;                   /**< of all runs, training and evaluation */
    double evaluation_flops;
    double work_s;     /**< sum over runs and the workers they occupy [s] */
    double makespan_s; /**< on `workers`, parents of long chains first, then longest first; 0 if
                             some runs are too wide */
    double chain_s;    /**< longest chain of parents and children: no number of workers beats it */
    double longest_s;  /**< longest run */
    size_t longest;    /**< its index */
    size_t depth;      /**< runs and parts of trunks in the deepest chain (1: no parents) */
    size_t waiting, waiting_parts; /**< runs, and parts of trunks, that have a parent */
    size_t wide;                   /**< runs and parts that occupy more than one worker */
    size_t widest;                 /**< most workers that one occupies */
    size_t too_wide;               /**< runs and parts that occupy more than there are */
    double store_bytes;            /**< about */
} isg_estimate;

/**
 * @param workers  at least 1; a run occupies isg_plan_run_workers() of them
 * @param speed    of a worker; without one: 1e12 for trainers we do not know
 */
isg_err isg_plan_estimate(const isg_plan *plan, size_t workers, isg_speed speed, isg_estimate *out);

/** Workers that a run occupies: its cores, or one if it takes GPUs. */
size_t isg_plan_run_workers(const isg_plan *plan, size_t run);

/** Predicted seconds of one run at `speed`, that of one core for proxies. */
double isg_plan_run_seconds(const isg_plan *plan, size_t run, isg_speed speed);

/** Index of a setting, or n_settings: this trainer has none of that name. */
size_t isg_plan_setting(const isg_plan *plan, const char *name);

/** Index of a run id, or ISG_NO_RUN. */
size_t isg_plan_find(const isg_plan *plan, const char *id);

#endif
