/* The table itself. Order is the order of the documentation. */
#include "field.h"
#include "isogloss/recipe.h"

#define COUNT_PATTERN "[0-9]+(\\.[0-9]+)?(k|M|G|T|Ki|Mi|Gi)?"
#define TERM_PATTERN "[0-9]+(\\.[0-9]+)?(k|M|G|T|Ki|Mi|Gi|x)?"

const isg_ftype_info isg_ftypes[ISG_FTYPES] = {
    [ISG_F_NONE] = {"a map", false, false, false, NULL},
    [ISG_F_INT] = {"a whole number", true, true, false, NULL},
    [ISG_F_COUNT] = {"a whole number such as 500, 250k, 1.5M or 16Ki", true, true, true,
                     "^" COUNT_PATTERN "$"},
    [ISG_F_REAL] = {"a number", true, false, false, NULL},
    [ISG_F_AMOUNT] = {"a number such as 0.05, or a count such as 50k", true, false, true,
                      "^" COUNT_PATTERN "$"},
    [ISG_F_TIME] = {"a time such as 90s, 30m, 4h, or off", true, false, true,
                    "^([0-9]+(\\.[0-9]+)?(s|m|h|d)|off)$"},
    [ISG_F_BOOL] = {"true or false", false, false, false, NULL},
    [ISG_F_NAME] = {"a name of at most 64 of A-Z a-z 0-9 _ . -", false, false, true,
                    "^[A-Za-z0-9_.-]{1,64}$"},
    [ISG_F_CODE] = {"a language code such as de or zh-Hant", false, false, true,
                    "^[A-Za-z0-9]{1,8}([_-][A-Za-z0-9]{1,8}){0,4}$"},
    [ISG_F_TEXT] = {"text", true, false, true, NULL},
    [ISG_F_CHOICE] = {"one of its choices", false, false, true, NULL},
    [ISG_F_SIZE] = {"a number of parameters such as 98k, or the name of a shape such as p3", true,
                    true, true, "^[A-Za-z0-9_.-]{1,15}$"},
    [ISG_F_BUDGET] =
        {"tokens such as 4M, 20x (per parameter), 'max(4M, 20x)' (in quotes inside a list)", true,
         true, true,
         "^(" TERM_PATTERN "|(max|min)\\( *" TERM_PATTERN "( *, *" TERM_PATTERN ")+ *\\))$"},
    [ISG_F_UNIQUE] = {"unique bytes such as 500k, or all", true, true, true,
                      "^(" COUNT_PATTERN "|all)$"},
};

static const char *const kinds[] = {"proxy", "command", "synthetic", NULL};
static const char *const schedules[] = {"wsd", "cosine", "constant", NULL};
static const char *const devices[] = {"cpu", NULL};
static const char *const spacings[] = {"log", "linear", NULL};
static const char *const scopes[] = {"all", "trained", NULL};
static const char *const keeps[] = {"parents", "all", NULL};
static const char *const mixtures[] = {"monolingual", "bilingual", "uniform",
                                       "unimax",      "custom",    NULL};

#define F(section_, key_, type_, ...)                                                              \
    {                                                                                              \
        .section = section_, .key = key_, .type = ISG_F_##type_, __VA_ARGS__                       \
    }
#define RANGE(a, b) .min = (a), .max = (b)
#define HELP(text) .help = text
#define TOKENS_MAX 1e18
#define TEXT_OF(number) #number
#define DEFAULT_OF(number) TEXT_OF(number)
#define ONE_SETTING(key_, def_, unit_, lo, hi, help_)                                              \
    F("trainer", key_, AMOUNT, .setting = true, .def = def_, .unit = unit_, RANGE(lo, hi),         \
      HELP(help_))

const isg_field isg_fields[] = {
    F("", "isogloss", INT, .required = true, RANGE(1, 1), HELP("Version of this format.")),
    F("", "name", NAME, .required = true,
      HELP("Name of the campaign; the store is NAME.h5 unless told otherwise.")),
    F("", "title", TEXT, .def = "", HELP("One line for people, copied into the store.")),
    F("", "seed", INT, .def = "1", RANGE(0, 9e15),
      HELP("First seed; run k of `seeds: K` has seed + k.")),
    F("", "corpus", TEXT, .sub = "corpus", .required = true,
      HELP("Directory made by `isogloss corpus build`, or a map that states the languages. "
           "Relative paths are "
           "resolved against the directory of the campaign file.")),
    F("", "trainer", NONE, .sub = "trainer", .required = true, HELP("What trains.")),
    F("", "shapes", NONE, .arity = ISG_MAP, .sub = "shape",
      HELP("Shapes with a name of their own, for `sizes`.")),
    F("", "sizes", SIZE, .arity = ISG_LIST, .sub = "shape", .unit = "parameter",
      RANGE(1, TOKENS_MAX),
      HELP(
          "Model sizes: non-embedding parameters (the nearest shape of the ladder p0 to p9 is "
          "used and recorded), "
          "names of shapes (p0 to p9, s0 to s19, or from `shapes`), LAYERSxDxHEADS such as 4x96x3, or shapes.")),
    F("", "tokens", BUDGET, .arity = ISG_ONE_OR_LIST, .unit = "token", RANGE(1, TOKENS_MAX),
      HELP("Training tokens of a run, in total. `20x` is 20 tokens per non-embedding parameter.")),
    F("", "flops", REAL, .arity = ISG_ONE_OR_LIST, .unit = "FLOP", RANGE(1, 1e30),
      HELP("Instead of `tokens`: training FLOPs of a run; tokens = FLOPs / FLOPs per token of the "
           "shape.")),
    F("", "seeds", INT, .arity = ISG_ONE_OR_LIST, .def = "1", RANGE(0, 9e15),
      HELP("A number K of seeds (seed, seed + 1, ..), or a list of seeds.")),
    F("", "unique", UNIQUE, .arity = ISG_ONE_OR_LIST, .def = "all", .unit = "byte",
      RANGE(1, TOKENS_MAX),
      HELP("Unique training bytes of each language of a run; at most what the corpus has.")),
    F("", "evaluate", NONE, .sub = "evaluate", HELP("Held-out sets and when they are scored.")),
    F("", "families", NONE, .arity = ISG_LIST, .sub = "family", .required = true,
      HELP("Groups of runs.")),
    F("", "resources", NONE, .arity = ISG_LIST, .sub = "resource",
      HELP("What a run of which size takes.")),
    F("", "limits", NONE, .sub = "limits",
      HELP("When an attempt is ended, and how often it is tried again.")),
    F("", "checkpoints", NONE, .sub = "checkpoints", HELP("How often, and what is kept.")),
    F("", "unit", TEXT, .def = "bit/byte",
      HELP("Unit of every loss; trainers of kind command may report another.")),

    F("corpus", "manifest", TEXT,
      HELP("YAML file with `languages` (and `shards`, `fingerprint`) as below.")),
    F("corpus", "languages", NONE, .arity = ISG_MAP, .sub = "language",
      HELP("The languages, by code.")),
    F("corpus", "path", TEXT, .def = "",
      HELP("Given to the trainer as it is; isogloss does not open it.")),
    F("corpus", "shards", INT, .def = "0", RANGE(0, 4096),
      HELP("Shards of the held-out text; 0: not known.")),
    F("corpus", "fingerprint", TEXT,
      HELP("Changes when the data change; default: a hash of what is stated here.")),

    F("language", "name", TEXT, .def = "", HELP("Name.")),
    F("language", "script", TEXT, .def = "", HELP("Script (ISO 15924).")),
    F("language", "family", TEXT, .def = "", HELP("Language family.")),
    F("language", "licence", TEXT, .def = "", HELP("Licence of the text.")),
    F("language", "train_bytes", COUNT, .required = true, .unit = "byte", RANGE(0, TOKENS_MAX),
      HELP("Unique training bytes (tokens, if the trainer counts tokens).")),
    F("language", "held_bytes", COUNT, .required = true, .unit = "byte", RANGE(0, TOKENS_MAX),
      HELP("Held-out bytes (or tokens).")),

    F("trainer", "kind", CHOICE, .choices = kinds, .required = true,
      HELP("proxy: byte-level language models trained by isogloss-train. command: your own "
           "program. synthetic: "
           "losses drawn from a stated law, for tests and studies.")),
    F("trainer", "context", COUNT, .def = "128", .unit = "token", RANGE(1, 1e7),
      HELP("Sequence length; for proxies a multiple of 32 that divides the batch.")),
    F("trainer", "vocab", COUNT, .def = "256", RANGE(2, 1e7),
      HELP("Vocabulary; proxies read bytes, so 256.")),
    F("trainer", "schedule", CHOICE, .choices = schedules, .def = "wsd",
      HELP("Learning rate: wsd is warm-up, stable, decay.")),
    F("trainer", "branches", BOOL, .def = "false",
      HELP("Runs that differ in the tokens only share a trunk, which is trained once at a constant "
           "learning rate; each goes on from there with its own decay (wsd). Intervals take a "
           "trunk and its runs as one.")),
    F("trainer", "device", CHOICE, .choices = devices, .def = "cpu", HELP("Where proxies train.")),
    F("trainer", "tags", BOOL, .def = "false",
      HELP(
          "Proxies: every window begins with the tag of its language (docs/trainer.md), in training "
          "and evaluation.")),
    ONE_SETTING("batch", DEFAULT_OF(ISG_RECIPE_BATCH), "token", 1, 1e9,
                "Tokens of an optimiser step; where none is given, whole sequences: with context "
                "2048 one of them."),
    F("trainer", "batch_by_tokens", NONE, .arity = ISG_LIST, .sub = "batch_step",
      HELP("A batch that follows the budget: each run takes the batch of the largest `from` that "
           "its tokens reach. It bends the exponent of D.")),
    F("trainer", "batch_by_size", NONE, .arity = ISG_LIST, .sub = "batch_step",
      HELP("The same by non-embedding parameters.")),
    ONE_SETTING("lr", "1", "1", 1e-6, 1e6,
                "Peak learning rate as multiple of (0.5/d) sqrt(batch/4096)."),
    ONE_SETTING("warmup", DEFAULT_OF(ISG_RECIPE_WARMUP), "token", 0, 1e15,
                "Tokens with rising learning rate; below 1: a share of the run. Proxies hold it at "
                "half of the run."),
    ONE_SETTING("decay", "0.15", "1", 0, 1,
                "Share of the run with falling learning rate, at its end (wsd)."),
    ONE_SETTING("beta1", "0.9", "1", 0, 0.999999, "AdamW."),
    ONE_SETTING("beta2", "0.95", "1", 0, 0.999999, "AdamW."),
    ONE_SETTING("weight_decay", "0.1", "1", 0, 10, "AdamW, decoupled."),
    ONE_SETTING("clip", "1", "1", 0, 1e9, "Largest norm of the gradient; 0: no clipping."),
    F("trainer", "settings", REAL, .arity = ISG_MAP,
      HELP("Further numbers for trainers of kind command and synthetic; each is a column and may "
           "be varied.")),
    F("trainer", "command", TEXT, .arity = ISG_LIST,
      HELP("kind command: program and arguments, never a shell. Words may hold {run.id}, "
           "{shape.d}, {gpus} and the like.")),
    F("trainer", "version", TEXT, .def = "1",
      HELP("kind command: raise it when the program's results change; part of every run id.")),
    F("trainer", "law", NONE, .sub = "law", HELP("kind synthetic: L = E + A/N^alpha + B/D^beta.")),
    F("trainer", "laws", NONE, .arity = ISG_MAP, .sub = "law",
      HELP("kind synthetic: laws of single languages.")),
    F("trainer", "noise", NONE, .sub = "noise",
      HELP("kind synthetic: relative noise of the losses.")),
    F("trainer", "seconds_per_run", TIME, .def = "0", .unit = "s", RANGE(0, 1e6),
      HELP("kind synthetic: least duration of a run.")),
    F("trainer", "speed", REAL, .def = "0", .unit = "FLOP/s", RANGE(0, 1e30),
      HELP("kind synthetic: a run also lasts FLOPs / speed; 0: no time.")),

    F("batch_step", "from", COUNT, .required = true, .unit = "token or parameter",
      RANGE(1, TOKENS_MAX), HELP("For runs of at least so many; below the first, `batch`.")),
    F("batch_step", "batch", AMOUNT, .required = true, .unit = "token", RANGE(1, 1e9),
      HELP("Tokens of an optimiser step.")),

    F("law", "E", REAL, .required = true, RANGE(0, 1e6), HELP("Irreducible loss.")),
    F("law", "A", REAL, .required = true, RANGE(0, 1e30), HELP("Weight of the parameters.")),
    F("law", "B", REAL, .required = true, RANGE(0, 1e30), HELP("Weight of the data.")),
    F("law", "alpha", REAL, .required = true, RANGE(0, 10),
      HELP("Exponent of N (all parameters).")),
    F("law", "beta", REAL, .required = true, RANGE(0, 10),
      HELP("Exponent of D (tokens of the language).")),

    F("noise", "run", REAL, .def = "0", RANGE(0, 1),
      HELP("Standard deviation of log loss, common to a run.")),
    F("noise", "point", REAL, .def = "0", RANGE(0, 1),
      HELP("Standard deviation of log loss, of each point.")),

    F("shape", "layers", INT, .required = true, RANGE(1, 1000), HELP("Layers.")),
    F("shape", "d", INT, .required = true, RANGE(8, 1e6),
      HELP("Width; for proxies a multiple of 16.")),
    F("shape", "heads", INT, .required = true, RANGE(1, 10000),
      HELP("Attention heads; for proxies d / heads is a multiple of 16.")),
    F("shape", "n_nonembedding", COUNT, .unit = "parameter", RANGE(1, TOKENS_MAX),
      HELP("kind command: if not 12 layers d^2.")),
    F("shape", "n_total", COUNT, .unit = "parameter", RANGE(1, TOKENS_MAX),
      HELP("kind command: if not that of isogloss-train.")),

    F("evaluate", "languages", CODE, .arity = ISG_ONE_OR_LIST,
      HELP("Languages to score, or all. Default: every language that a family trains.")),
    F("evaluate", "scope", CHOICE, .choices = scopes, .def = "all",
      HELP("all: every run is scored on every listed language. trained: only on those it trains "
           "on.")),
    F("evaluate", "points", INT, .sub = "points", .def = "8", RANGE(1, 1000),
      HELP("Evaluations during a run.")),
    F("evaluate", "bytes", COUNT, .def = "16Ki", .unit = "byte", RANGE(1, TOKENS_MAX),
      HELP("Held-out bytes scored each time, over all shards; at most what the corpus has.")),
    F("evaluate", "pages", INT, .def = "0", RANGE(0, 256),
      HELP("Also score so many whole held-out pages that every scored language has, as evaluation "
           "CODE.pages: the same pages in each, for bits per page. Built corpora only.")),
    F("evaluate", "page_bytes", COUNT, .def = "2Ki", .unit = "byte", RANGE(1, 1e9),
      HELP("Longest page that is taken, in the language in which it is longest.")),
    F("evaluate", "page_bytes_min", COUNT, .def = "128", .unit = "byte", RANGE(1, 1e9),
      HELP("Shortest page that is taken, in the language in which it is longest.")),
    F("evaluate", "shards", INT, .def = "16", RANGE(1, 1024),
      HELP("Parts with a loss of their own.")),

    F("points", "count", INT, .def = "8", RANGE(1, 1000),
      HELP("How many, the end of the run included.")),
    F("points", "spacing", CHOICE, .choices = spacings, .def = "log",
      HELP("log or linear in tokens.")),
    F("points", "first", REAL, .def = "0.0625", RANGE(1e-6, 1),
      HELP("spacing log: share of the run at the first point.")),

    F("family", "name", NAME, .required = true, HELP("Name.")),
    F("family", "mixture", CHOICE, .choices = mixtures,
      HELP("What is mixed. Exactly one of `mixture`, `from`, `runs`. monolingual: each of "
           "`languages`. bilingual: "
           "`targets` x `sources`, or `pairs`. uniform: equal shares. unimax: equal shares as far "
           "as `max_epochs` "
           "allows. custom: `weights`.")),
    F("family", "from", NAME,
      HELP("Finetune: go on from the final checkpoints of this family, listed earlier, one "
           "language each. For each "
           "size and seed the parent is the run of that shape and seed with most tokens; by "
           "default every size of "
           "the parents is taken.")),
    F("family", "runs", TEXT,
      HELP("A CSV file with the columns size, tokens, mixture (`de` or `de:0.5 ru:0.5`) and "
           "optionally unique, "
           "seed and settings.")),
    F("family", "languages", CODE, .arity = ISG_ONE_OR_LIST, HELP("Languages, or all.")),
    F("family", "targets", CODE, .arity = ISG_ONE_OR_LIST, HELP("bilingual: languages, or all.")),
    F("family", "sources", CODE, .arity = ISG_ONE_OR_LIST, HELP("bilingual: languages, or all.")),
    F("family", "pairs", CODE, .arity = ISG_LISTS, HELP("bilingual: [target, source] each.")),
    F("family", "share", REAL, .arity = ISG_ONE_OR_LIST, .def = "0.5", RANGE(1e-6, 0.999999),
      HELP("bilingual: share of the target.")),
    F("family", "sets", CODE, .arity = ISG_MAP_OF_LISTS,
      HELP("uniform, unimax: named sets, one mixture each.")),
    F("family", "weights", REAL, .arity = ISG_MAP, RANGE(0, 1e9),
      HELP("custom: weight of each language.")),
    F("family", "max_epochs", REAL, .def = "4", RANGE(0.01, 1e6),
      HELP("unimax: most passes over a language.")),
    F("family", "checkpoint", BOOL, .def = "false",
      HELP("Keep the final checkpoints, those of trunks too.")),
    F("family", "branches", BOOL, HELP("Instead of the trainer's.")),
    F("family", "sizes", SIZE, .arity = ISG_LIST, .sub = "shape", .unit = "parameter",
      RANGE(1, TOKENS_MAX), HELP("Instead of the campaign's.")),
    F("family", "tokens", BUDGET, .arity = ISG_ONE_OR_LIST, .unit = "token", RANGE(1, TOKENS_MAX),
      HELP("Instead of the campaign's.")),
    F("family", "flops", REAL, .arity = ISG_ONE_OR_LIST, .unit = "FLOP", RANGE(1, 1e30),
      HELP("Instead of the campaign's.")),
    F("family", "unique", UNIQUE, .arity = ISG_ONE_OR_LIST, .unit = "byte", RANGE(1, TOKENS_MAX),
      HELP("Instead of the campaign's.")),
    F("family", "seeds", INT, .arity = ISG_ONE_OR_LIST, RANGE(0, 9e15),
      HELP("Instead of the campaign's.")),
    F("family", "points", INT, .sub = "points", RANGE(1, 1000), HELP("Instead of the campaign's.")),
    F("family", "evaluate", CODE, .arity = ISG_ONE_OR_LIST,
      HELP("Languages to score instead of the campaign's.")),
    F("family", "scope", CHOICE, .choices = scopes, HELP("Instead of the campaign's.")),
    F("family", "vary", AMOUNT, .arity = ISG_MAP_OF_LISTS,
      HELP("Settings with several values, every combination: settings of the trainer, `context`, "
           "`data_seed`.")),

    F("resource", "up_to", COUNT, .unit = "parameter", RANGE(1, TOKENS_MAX),
      HELP("For runs of at most so many parameters (all of them); absent: for the rest.")),
    F("resource", "cores", INT, .def = "1", RANGE(1, 4096),
      HELP("Cores of a run; so many threads train a proxy.")),
    F("resource", "gpus", INT, .def = "0", RANGE(0, 64), HELP("GPUs of a run.")),

    F("limits", "run_time", TIME, .def = "off", .unit = "s", RANGE(0, 1e9),
      HELP("Longest attempt.")),
    F("limits", "silence", TIME, .unit = "s", RANGE(0, 1e9),
      HELP("Longest time without an event. Default: 5m; off for trainers of kind command.")),
    F("limits", "retries", NONE, .sub = "retries", HELP("Further attempts, by cause.")),

    F("retries", "crash", INT, .def = "2", RANGE(0, 1000), HELP("Ended by a signal of its own.")),
    F("retries", "exit", INT, .def = "1", RANGE(0, 1000), HELP("Left with a status other than 0.")),
    F("retries", "protocol", INT, .def = "0", RANGE(0, 1000), HELP("Broke the protocol.")),
    F("retries", "silence", INT, .def = "1", RANGE(0, 1000), HELP("Was silent for too long.")),
    F("retries", "time", INT, .def = "0", RANGE(0, 1000), HELP("Took too long.")),
    F("retries", "memory", INT, .def = "0", RANGE(0, 1000), HELP("Passed our limit of memory.")),
    F("retries", "killed", INT, .def = "5", RANGE(0, 1000),
      HELP("Killed from outside: node, job, another program.")),
    F("retries", "diverged", INT, .def = "0", RANGE(0, 1000), HELP("Loss was not a number.")),

    F("checkpoints", "every", TIME, .def = "10m", .unit = "s", RANGE(0, 1e9),
      HELP("Between checkpoints of a run.")),
    F("checkpoints", "keep", CHOICE, .choices = keeps, .def = "parents",
      HELP("Final checkpoints to keep: of parents (of trunks only until their runs are done) and "
           "of families with `checkpoint: true`, or all.")),

    {.key = NULL},
};

const isg_section isg_sections[] = {
    {"", "Top of the file", "A campaign says what to train, on what, and how to judge it."},
    {"corpus", "`corpus`",
     "For trainers that do not read a built corpus. One of `manifest` and `languages`."},
    {"language", "`corpus: languages: CODE`", "What is known of a language."},
    {"trainer", "`trainer`",
     "What trains, and its settings. Numeric settings are columns of the store."},
    {"batch_step", "`batch_by_tokens`, `batch_by_size`",
     "Batches by the budget or by the size of a run. A batch that a family varies, or a `runs:` file states, wins."},
    {"law", "`law`, `laws`",
     "The truth a synthetic trainer draws from. N counts all parameters, D the tokens of the "
     "language."},
    {"noise", "`noise`", "Relative noise of a synthetic trainer."},
    {"shape", "`shapes`, `sizes`", "A decoder-only transformer with a 4x MLP and a tied head."},
    {"evaluate", "`evaluate`", "What is scored. Its cost is part of the FLOPs of a run."},
    {"points", "`points`", "When it is scored."},
    {"family", "`families`",
     "A family is every combination of its mixtures, sizes, unique bytes, tokens, varied settings "
     "and seeds. Runs of equal content are trained once and belong to several families."},
    {"resource", "`resources`", "The first entry that fits is taken, smallest `up_to` first."},
    {"limits", "`limits`", "Limits are no part of a run's identity: change them at any time."},
    {"retries", "`limits: retries`",
     "A budget for each cause, refilled when an attempt passes a later checkpoint."},
    {"checkpoints", "`checkpoints`", "For resuming a run and for its children."},
    {NULL, NULL, NULL},
};
