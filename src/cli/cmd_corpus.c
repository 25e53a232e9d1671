#include "cmd.h"
#include "corpus_manifest.h"
#include "isogloss/corpus.h"
#include "isogloss/corpus_build.h"
#include "isogloss/corpus_extract.h"
#include "isogloss/json.h"
#include "isogloss/os.h"
#include "isogloss/str.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table ------------------------------------------------------------- */

/* Text in a column of `width` characters (not bytes), cut if longer. */
static void cell(const char *text, int width)
{
    int shown = 0;
    for (const char *p = text; *p && shown < width; shown++) {
        do (void)putchar(*p++);
        while (((unsigned char)*p & 0xC0) == 0x80);
    }
    (void)printf("%*s", width - shown, "");
}

static uint64_t smallest_shard(const isg_corpus *c, const isg_corpus_language *l)
{
    uint64_t least = UINT64_MAX;
    for (size_t s = 0; s < c->n_shards; s++) {
        uint64_t n = l->shard_offset[s + 1] - l->shard_offset[s];
        if (n < least) least = n;
    }
    return least;
}

/* Bytes that were dropped, and the language that shares most lines, from index.json. */
static void facts(const json_t *language, double *dropped, const char **other, double *share)
{
    const char *key;
    json_t *value;
    *dropped = *share = 0;
    *other = "";
    json_object_foreach(json_object_get(language, "dropped"), key, value)
    {
        *dropped += json_number_value(json_object_get(value, "bytes"));
    }
    json_object_foreach(json_object_get(language, "shared"), key, value)
    {
        if (json_number_value(value) <= *share) continue;
        *share = json_number_value(value);
        *other = key;
    }
}

static void print_language(const isg_corpus *c, size_t i, const json_t *index)
{
    const isg_corpus_language *l = &c->languages[i];
    char train[16], held[16], shard[16];
    double dropped = 0, share = 0;
    const char *other = "";
    facts(json_array_get(json_object_get(index, "languages"), i), &dropped, &other, &share);
    double all = dropped + (double)l->train_bytes + (double)l->held_bytes;
    cell(l->code, 8);
    (void)putchar(' ');
    cell(l->name, 21);
    (void)printf(" %-6s ", l->script);
    cell(l->family, 22);
    (void)printf(
        " %8s %8s %8s %4.0f %%", isg_str_bytes((double)l->train_bytes, train, sizeof train),
        isg_str_bytes((double)l->held_bytes, held, sizeof held),
        isg_str_bytes((double)smallest_shard(c, l), shard, sizeof shard), 100 * dropped / all);
    if (share > 0) (void)printf("  %4.1f %% %s", 100 * share, other);
    (void)putchar('\n');
}

/* The keys of blocks are numbers: alike in all languages, and mean nothing. */
static bool has_blocks(const json_t *index)
{
    const char *keys =
        json_string_value(json_object_get(json_object_get(index, "options"), "keys"));
    return keys && !strcmp(keys, "block");
}

static void print_table(const isg_corpus *c, const json_t *index)
{
    double train = 0, held = 0;
    char t[16], h[16];
    size_t low = 0;
    for (size_t i = 0; i < c->n_languages; i++) {
        train += (double)c->languages[i].train_bytes;
        held += (double)c->languages[i].held_bytes;
    }
    (void)printf("corpus %s: %zu %s, %s of training and %s of held-out text in %zu %s\n", c->name,
                 c->n_languages, isg_str_plural(c->n_languages, "language", "languages"),
                 isg_str_bytes(train, t, sizeof t), isg_str_bytes(held, h, sizeof h), c->n_shards,
                 isg_str_plural(c->n_shards, "shard", "shards"));
    const json_t *pages = json_object_get(index, "pages");
    (void)printf("pages %" PRId64 ", held out %" PRId64 ", ",
                 (int64_t)json_integer_value(json_object_get(pages, "all")),
                 (int64_t)json_integer_value(json_object_get(pages, "held")));
    if (has_blocks(index))
        (void)printf("blocks of lines, which no language shares with another\n");
    else
        (void)printf("in several languages %" PRId64 "\n",
                     (int64_t)json_integer_value(json_object_get(pages, "in_several_languages")));
    (void)printf("fingerprint %s\n\n", c->fingerprint);
    (void)printf("%-8s %-21s %-6s %-22s %8s %8s %8s %6s  %s\n", "code", "language", "script",
                 "family", "train", "held", "shard >=", "drop", "most lines shared");
    for (size_t i = 0; i < c->n_languages; i++) {
        print_language(c, i, index);
        low += smallest_shard(c, &c->languages[i]) < 1024;
    }
    if (low) {
        (void)printf(
            "\nLanguages with a held-out shard below 1 kB: %zu. A larger held_fraction or fewer shards\n"
            "make evaluations of single shards less noisy.\n",
            low);
    }
}

static isg_err show(const char *dir, bool as_json)
{
    isg_corpus *c = NULL;
    json_t *index = NULL;
    ISG_TRY(isg_corpus_open(dir, &c));
    char *path = isg_path_join(dir, "index.json");
    isg_err rc = path ? isg_json_load(path, &index) : ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (!rc && as_json)
        rc = isg_json_print(index, stdout);
    else if (!rc)
        print_table(c, index);
    json_decref(index);
    free(path);
    isg_corpus_close(&c);
    return rc;
}

/* ---- verbs ----------------------------------------------------------------- */

static isg_err run_build(int argc, char **argv)
{
    const char *out = NULL, *base = NULL;
    bool rebuild = false, as_json = false, done = false;
    int operands = 0;
    const isg_opt opts[] = {
        {'o', "output", ISG_OPT_STRING, &out, "DIR", "Directory to make.", 0, 0, NULL},
        {'C', "base", ISG_OPT_STRING, &base, "DIR",
         "Directory that file names of the manifest start from (default: the manifest's).", 0, 0,
         NULL},
        {0, "rebuild", ISG_OPT_FLAG, &rebuild, NULL,
         "Replace a corpus made from other text or options.", 0, 0, NULL},
        {0, "json", ISG_OPT_FLAG, &as_json, NULL, "Print the index instead of a table.", 0, 0,
         NULL},
        {0},
    };
    ISG_TRY(isg_cmd_parse("corpus build [OPTION]... -o DIR MANIFEST",
                          "Build a corpus directory from the text files of a manifest (YAML).",
                          opts, argc, argv, &operands, &done));
    if (done) {
        (void)printf("\nOptions in the manifest, with their defaults:\n");
        isg_manifest_help();
        return ISG_OK;
    }
    ISG_TRY(isg_cmd_wants(operands == 1, "one manifest", operands));
    if (!out) return ISG_FAIL(ISG_EUSAGE, "where to? name the directory with -o DIR");

    isg_manifest m;
    isg_corpus_built what = ISG_CORPUS_BUILT;
    ISG_TRY(isg_manifest_read(argv[1], &m));
    if (base) m.recipe.base = base;
    isg_err rc = isg_corpus_build(&m.recipe, out, rebuild, &what);
    isg_manifest_free(&m);
    ISG_TRY(rc);
    if (what == ISG_CORPUS_UP_TO_DATE) (void)fprintf(stderr, "'%s' is up to date\n", out);
    return show(out, as_json);
}

static isg_err run_extract(int argc, char **argv)
{
    const char *out = ".", *only = NULL;
    bool done = false;
    int operands = 0;
    const isg_opt opts[] = {
        {'o', "output", ISG_OPT_STRING, &out, "DIR", "Directory for LANGUAGE.txt (default: here).",
         0, 0, NULL},
        {0, "only", ISG_OPT_STRING, &only, "LIST",
         "Languages to write, separated by commas, as the archive names them (default: all).", 0, 0,
         NULL},
        {0},
    };
    ISG_TRY(
        isg_cmd_parse("corpus extract [--only LIST] [-o DIR] FORMAT <ARCHIVE.tar",
                      "Read a tar archive from standard input and write its text as KEY<TAB>TEXT\n"
                      "lines, one file a language, for a manifest with 'keys: column'.",
                      opts, argc, argv, &operands, &done));
    if (done) {
        (void)printf("\nFormats:\n");
        for (const isg_extract_format *f = isg_extract_formats; f->name; f++) {
            (void)printf("  %-18s %s\n", f->name, f->summary);
        }
        return ISG_OK;
    }
    ISG_TRY(isg_cmd_wants(operands == 1, "one format", operands));
    isg_extract_counts n;
    ISG_TRY(isg_corpus_extract(argv[1], stdin, only, out, &n));
    (void)printf("%zu %s read, %" PRIu64 " %s of %zu %s\n", n.members,
                 isg_str_plural(n.members, "file", "files"), n.lines,
                 isg_str_plural(n.lines, "line", "lines"), n.languages,
                 isg_str_plural(n.languages, "language", "languages"));
    return ISG_OK;
}

static isg_err run_show(int argc, char **argv)
{
    bool as_json = false, done = false;
    int operands = 0;
    const isg_opt opts[] = {
        {0, "json", ISG_OPT_FLAG, &as_json, NULL, "Print the index instead of a table.", 0, 0,
         NULL},
        {0},
    };
    ISG_TRY(isg_cmd_parse("corpus show [--json] DIR",
                          "What is in a corpus: languages, sizes, overlaps.", opts, argc, argv,
                          &operands, &done));
    if (done) return ISG_OK;
    ISG_TRY(isg_cmd_wants(operands == 1, "one corpus directory", operands));
    return show(argv[1], as_json);
}

static isg_err run_verify(int argc, char **argv)
{
    bool done = false;
    int operands = 0;
    const isg_opt opts[] = {{0}};
    ISG_TRY(isg_cmd_parse("corpus verify DIR", "Hash every file again and compare with index.json.",
                          opts, argc, argv, &operands, &done));
    if (done) return ISG_OK;
    ISG_TRY(isg_cmd_wants(operands == 1, "one corpus directory", operands));
    isg_corpus *c = NULL;
    isg_err rc = isg_corpus_open(argv[1], &c);
    if (!rc) rc = isg_corpus_verify(c);
    if (!rc)
        (void)printf("%zu %s as built, fingerprint %s\n", c->n_languages,
                     isg_str_plural(c->n_languages, "language", "languages"), c->fingerprint);
    isg_corpus_close(&c);
    return rc;
}

static const isg_cmd verbs[] = {
    {"build", "make a corpus from text files", run_build},
    {"show", "languages, sizes and overlaps of a corpus", run_show},
    {"verify", "hash every file of a corpus again", run_verify},
    {"extract", "text out of well-known archives", run_extract},
};

static isg_err run_corpus(int argc, char **argv)
{
    const char *names[sizeof verbs / sizeof verbs[0]];
    const size_t n = sizeof verbs / sizeof verbs[0];
    const char *verb = argc > 1 ? argv[1] : "--help";
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(verb, verbs[i].name)) return verbs[i].run(argc - 1, argv + 1);
        names[i] = verbs[i].name;
    }
    if (!strcmp(verb, "--help") || !strcmp(verb, "-h")) {
        FILE *to = argc > 1 ? stdout : stderr;
        (void)fprintf(to, "Usage: isogloss corpus VERB [OPTION]... [OPERAND]...\n\n"
                          "Prepare text for campaigns.\n\nVerbs:\n");
        for (size_t i = 0; i < n; i++)
            (void)fprintf(to, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
        (void)fprintf(to, "\n`isogloss corpus VERB --help` explains one.\n");
        return argc > 1 ? ISG_OK : ISG_FAIL(ISG_EUSAGE, "which verb?");
    }
    const char *near = isg_str_nearest(verb, names, n);
    if (near) return ISG_FAIL(ISG_EUSAGE, "unknown verb '%s'; did you mean '%s'?", verb, near);
    return ISG_FAIL(ISG_EUSAGE, "unknown verb '%s'; see 'isogloss corpus --help'", verb);
}

const isg_cmd isg_cmd_corpus = {"corpus", "prepare text: build, show, verify, extract", run_corpus};
