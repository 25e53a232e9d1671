#include "isogloss/corpus_build.h"

#include "decide.h"
#include "format.h"
#include "gather.h"
#include "isogloss/hash.h"
#include "isogloss/json.h"
#include "isogloss/log.h"
#include "isogloss/os.h"
#include "source.h"
#include "write.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Two passes. The first reads each language once into a spool file and keeps
 * 40 bytes a line in memory; then everything is decided on hashes (decide.c);
 * the second copies the spools into CODE.train and CODE.held. Text is never in
 * memory as a whole, apart from the held-out part of one language (write.c).
 */

const char *const isg_corpus_keys_names[] = {"file", "column", "block", NULL};

static const char *const fate_names[ISG_FATES] = {
#define X(sym, text) [ISG_FATE_##sym] = (text),
    ISG_FATE_LIST(X)
#undef X
};

void isg_corpus_recipe_defaults(isg_corpus_recipe *recipe)
{
    *recipe = (isg_corpus_recipe){.base = ".",
                                  .keys = ISG_KEYS_FILE,
                                  .block_lines = 32,
                                  .shards = 16,
                                  .held_fraction = 0.08,
                                  .min_line_bytes = 1};
}

/* ---- the recipe ----------------------------------------------------------- */

static isg_err check_language(const isg_corpus_recipe *r, size_t l)
{
    const isg_corpus_source *s = &r->languages[l];
    if (!isg_str_is_name(s->code)) {
        return ISG_FAIL(ISG_ESPEC, "language code '%s' must match [A-Za-z0-9_.-]{1,64}", s->code);
    }
    if (!s->n_files) return ISG_FAIL(ISG_ESPEC, "language '%s' has no files", s->code);
    for (size_t o = 0; o < l; o++) {
        if (!strcmp(r->languages[o].code, s->code)) {
            return ISG_FAIL(ISG_ESPEC, "language '%s' is listed twice", s->code);
        }
    }
    for (size_t k = 0; k < s->n_not_in; k++) {
        bool known = false;
        for (size_t o = 0; o < r->n_languages; o++)
            known |= !strcmp(r->languages[o].code, s->not_in[k]);
        if (!known) {
            return ISG_FAIL(ISG_ESPEC,
                            "not_in of language '%s' names '%s', which is not in this corpus",
                            s->code, s->not_in[k]);
        }
    }
    return ISG_OK;
}

static isg_err check_recipe(const isg_corpus_recipe *r)
{
    if (!r->n_languages) return ISG_FAIL(ISG_ESPEC, "no languages");
    if (r->shards < 1 || r->shards > ISG_CORPUS_MAX_SHARDS) {
        return ISG_FAIL(ISG_ESPEC, "shards is %zu, must be within 1 to %d", r->shards,
                        ISG_CORPUS_MAX_SHARDS);
    }
    if (!(r->held_fraction > 0 && r->held_fraction <= 0.5)) {
        return ISG_FAIL(ISG_ESPEC, "held_fraction is %g, must be above 0 and at most 0.5",
                        r->held_fraction);
    }
    if (!(r->min_letters >= 0 && r->min_letters <= 1 && r->own_script >= 0 && r->own_script <= 1)) {
        return ISG_FAIL(ISG_ESPEC,
                        "min_letters is %g and own_script is %g: both must be within 0 to 1",
                        r->min_letters, r->own_script);
    }
    if (!r->block_lines) return ISG_FAIL(ISG_ESPEC, "block_lines is 0, must be at least 1");
    for (size_t l = 0; l < r->n_languages; l++) ISG_TRY(check_language(r, l));
    return ISG_OK;
}

/* ---- what went in --------------------------------------------------------- */

static isg_err hash_file(const char *path, isg_sha256 *s)
{
    static const size_t piece = 1 << 16;
    isg_err rc = ISG_OK;
    char *buffer = malloc(piece);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (!buffer || fd < 0) rc = ISG_FAIL(ISG_EIO, "cannot open '%s': %s", path, strerror(errno));
    while (!rc) {
        ssize_t n = read(fd, buffer, piece);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) rc = ISG_FAIL(ISG_EIO, "cannot read '%s': %s", path, strerror(errno));
        if (n <= 0) break;
        isg_sha256_add(s, buffer, (size_t)n);
    }
    if (fd >= 0) (void)close(fd);
    free(buffer);
    return rc;
}

static void hash_text(isg_sha256 *s, const char *text)
{
    isg_sha256_add(s, text, strlen(text) + 1); /* with its end, so that no two lists look alike */
}

/* Everything that decides the result: version, options, languages, file keys and contents. */
static isg_err hash_inputs(const isg_corpus_recipe *r, const isg_source_list *files,
                           char hex[ISG_CORPUS_HEX])
{
    isg_sha256 s;
    uint8_t digest[32];
    isg_sha256_init(&s);
    char *options =
        isg_strf("%d %d %zu %zu %.17g %" PRIu64 " %zu %.17g %.17g %zu %d", ISG_CORPUS_FORMAT,
                 (int)r->keys, r->block_lines, r->shards, r->held_fraction, r->held_bytes,
                 r->min_line_bytes, r->min_letters, r->own_script, r->shared_by, r->clean_utf8);
    if (!options) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    hash_text(&s, options);
    free(options);
    if (r->page_end)
        hash_text(&s, "page_end"); /* absent, the sum is that of before it was thought of */
    hash_text(&s, r->name);
    for (size_t l = 0; l < r->n_languages; l++) {
        const isg_corpus_source *g = &r->languages[l];
        const char *text[] = {g->code, g->name, g->script, g->family, g->licence};
        for (size_t t = 0; t < sizeof text / sizeof text[0]; t++) hash_text(&s, text[t]);
        for (size_t k = 0; k < g->n_not_in; k++) hash_text(&s, g->not_in[k]);
        hash_text(&s, "");
        for (size_t f = 0; f < files[l].n; f++) {
            hash_text(&s, files[l].file[f].key);
            ISG_TRY(hash_file(files[l].file[f].path, &s));
        }
    }
    isg_sha256_end(&s, digest);
    isg_str_hex(digest, sizeof digest, hex);
    return ISG_OK;
}

/* ---- index.json ------------------------------------------------------------ */

static double share_of(const isg_gather *a, const isg_gather *b)
{
    size_t both = 0;
    for (size_t i = 0, j = 0; i < a->n_set && j < b->n_set;) {
        if (a->set[i] == b->set[j]) both++;
        if (a->set[i] <= b->set[j])
            i++;
        else
            j++;
    }
    return a->n_set ? (double)both / (double)a->n_set : 0;
}

static json_t *part_json(const char *code, const char *suffix, uint64_t bytes, uint64_t lines,
                         const char *sha)
{
    json_t *p = json_object();
    char *file = isg_strf("%s.%s", code, suffix);
    if (file) json_object_set_new(p, "file", json_string(file));
    json_object_set_new(p, "bytes", json_integer((json_int_t)bytes));
    json_object_set_new(p, "lines", json_integer((json_int_t)lines));
    json_object_set_new(p, "sha256", json_string(sha));
    free(file);
    return p;
}

static json_t *dropped_json(const isg_gather *g)
{
    json_t *all = json_object();
    for (size_t f = ISG_FATE_HELD + 1; f < ISG_FATES; f++) {
        json_t *one = json_object();
        json_object_set_new(one, "lines", json_integer((json_int_t)g->lines[f]));
        json_object_set_new(one, "bytes", json_integer((json_int_t)g->bytes[f]));
        json_object_set_new(all, fate_names[f], one);
    }
    json_t *bad = json_object();
    json_object_set_new(bad, "bytes", json_integer((json_int_t)g->bad_bytes));
    json_object_set_new(all, "invalid_utf8", bad);
    return all;
}

/* Shares below one line in a thousand are left out: names and numbers. */
static json_t *shared_json(const isg_gather *g, size_t n, size_t language)
{
    json_t *all = json_object();
    for (size_t o = 0; o < n; o++) {
        double share = o == language ? 0 : share_of(&g[language], &g[o]);
        if (share >= 0.001) json_object_set_new(all, g[o].source->code, isg_json_real(share));
    }
    return all;
}

static json_t *language_json(const isg_corpus_recipe *r, const isg_gather *g, size_t l,
                             const isg_corpus_language *built)
{
    const isg_corpus_source *s = g[l].source;
    json_t *o = json_object(), *offset = json_array();
    json_t *held =
        part_json(s->code, "held", built->held_bytes, built->held_lines, built->held_sha256);
    for (size_t k = 0; k <= r->shards; k++) {
        json_array_append_new(offset, json_integer((json_int_t)built->shard_offset[k]));
    }
    json_object_set_new(held, "shard_offset", offset);
    json_object_set_new(o, "code", json_string(s->code));
    json_object_set_new(o, "name", json_string(s->name));
    json_object_set_new(o, "script", json_string(s->script));
    json_object_set_new(o, "family", json_string(s->family));
    json_object_set_new(o, "licence", json_string(s->licence));
    json_object_set_new(
        o, "train",
        part_json(s->code, "train", built->train_bytes, built->train_lines, built->train_sha256));
    json_object_set_new(o, "held", held);
    json_object_set_new(
        o, "held_pages",
        part_json(s->code, "pages", built->pages_bytes, built->held_pages, built->pages_sha256));
    json_object_set_new(o, "dropped", dropped_json(&g[l]));
    json_object_set_new(o, "shared", shared_json(g, r->n_languages, l));
    return o;
}

static json_t *options_json(const isg_corpus_recipe *r)
{
    json_t *o = json_object();
    json_object_set_new(o, "keys", json_string(isg_corpus_keys_names[r->keys]));
    json_object_set_new(o, "block_lines", json_integer((json_int_t)r->block_lines));
    json_object_set_new(o, "held_fraction", isg_json_real(r->held_fraction));
    json_object_set_new(o, "held_bytes", json_integer((json_int_t)r->held_bytes));
    json_object_set_new(o, "min_line_bytes", json_integer((json_int_t)r->min_line_bytes));
    json_object_set_new(o, "min_letters", isg_json_real(r->min_letters));
    json_object_set_new(o, "own_script", isg_json_real(r->own_script));
    json_object_set_new(o, "shared_by", json_integer((json_int_t)r->shared_by));
    json_object_set_new(o, "clean_utf8", json_boolean(r->clean_utf8));
    json_object_set_new(o, "page_end", json_boolean(r->page_end));
    return o;
}

static json_t *pages_json(const isg_decision *d)
{
    json_t *o = json_object();
    json_object_set_new(o, "all", json_integer((json_int_t)d->pages));
    json_object_set_new(o, "in_several_languages", json_integer((json_int_t)d->shared_pages));
    json_object_set_new(o, "held", json_integer((json_int_t)d->n_held));
    json_object_set_new(o, "held_fraction", isg_json_real(d->held_fraction));
    return o;
}

/* jansson refuses NULL values, so one check of the finished text finds every shortage of memory. */
static isg_err write_index(const isg_corpus_recipe *r, const isg_gather *g, const isg_decision *d,
                           const isg_corpus *built, const char *inputs, const char *dir)
{
    json_t *index = json_object(), *languages = json_array();
    json_object_set_new(index, "isogloss_corpus", json_integer(ISG_CORPUS_FORMAT));
    json_object_set_new(index, "name", json_string(r->name));
    json_object_set_new(index, "fingerprint", json_string(built->fingerprint));
    json_object_set_new(index, "inputs", json_string(inputs));
    json_object_set_new(index, "shards", json_integer((json_int_t)r->shards));
    json_object_set_new(index, "options", options_json(r));
    json_object_set_new(index, "pages", pages_json(d));
    for (size_t l = 0; l < r->n_languages; l++) {
        json_array_append_new(languages, language_json(r, g, l, &built->languages[l]));
    }
    json_object_set_new(index, "languages", languages);
    char *text = json_dumps(index, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    char *path = isg_path_join(dir, "index.json");
    isg_err rc = text && path ? isg_file_write(path, text, strlen(text))
                              : ISG_FAIL(ISG_ENOMEM, "out of memory");
    json_decref(index);
    free(text);
    free(path);
    return rc;
}

/* ---- building --------------------------------------------------------------- */

static isg_err fill(const isg_corpus_recipe *r, const isg_source_list *files, const char *inputs,
                    const char *dir)
{
    char hex[ISG_CORPUS_HEX];
    isg_decision d = {0};
    isg_corpus built = {.n_shards = r->shards, .n_languages = r->n_languages, .fingerprint = hex};
    isg_gather *g = calloc(r->n_languages, sizeof *g);
    built.languages = calloc(r->n_languages, sizeof *built.languages);
    isg_err rc = g && built.languages ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t l = 0; !rc && l < r->n_languages; l++) {
        rc = isg_gather_language(r, &r->languages[l], &files[l], dir, &g[l]);
        rc = isg_err_context(rc, "language '%s'", r->languages[l].code);
    }
    if (!rc) rc = isg_decide(r, g, &d);
    for (size_t l = 0; !rc && l < r->n_languages; l++) {
        rc = isg_corpus_write_language(r, &g[l], &d, dir, &built.languages[l]);
        if (!rc) rc = isg_path_remove(g[l].spool);
    }
    if (!rc) rc = isg_corpus_fingerprint(&built, hex);
    if (!rc) rc = write_index(r, g, &d, &built, inputs, dir);
    if (!rc && d.shared_pages * 2 < d.pages && r->n_languages > 1) {
        ISG_WARN("corpus",
                 "only %zu of %zu page keys occur in more than one language: if the languages are "
                 "translations, held-out text may be trained on in translation",
                 d.shared_pages, d.pages);
    }
    isg_decision_free(&d);
    for (size_t l = 0; l < r->n_languages; l++) {
        if (g) isg_gather_free(&g[l]);
        if (built.languages) isg_corpus_language_clear(&built.languages[l]);
    }
    free(g);
    free(built.languages);
    return rc;
}

/* Is there a corpus already, and is it this one? */
static isg_err look_before(const char *dir, const char *inputs, bool rebuild,
                           isg_corpus_built *what)
{
    *what = ISG_CORPUS_BUILT;
    if (!isg_path_exists(dir)) return ISG_OK;
    json_t *index = NULL;
    const char *made_from = NULL;
    char *path = isg_path_join(dir, "index.json");
    if (!path) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = ISG_OK;
    if (!isg_path_exists(path)) {
        rc = ISG_FAIL(ISG_EBUSY,
                      "'%s' exists and is not a corpus: choose another name or remove it", dir);
    }
    if (!rc) rc = isg_json_load(path, &index);
    if (!rc) rc = isg_json_string(index, "inputs", &made_from);
    if (!rc && !rebuild && strcmp(made_from, inputs) != 0) {
        rc = ISG_FAIL(ISG_EBUSY,
                      "'%s' was built from other text or options, and runs may refer to it: "
                      "choose another name, or replace it with --rebuild",
                      dir);
    }
    if (!rc && !rebuild) *what = ISG_CORPUS_UP_TO_DATE;
    json_decref(index);
    free(path);
    return rc;
}

static isg_err move_into_place(const char *tmp, const char *dir)
{
    isg_err rc = ISG_OK;
    char *old = isg_strf("%s.old.%ld", dir, (long)getpid());
    if (!old) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    bool replaced = isg_path_exists(dir);
    if ((replaced && rename(dir, old)) || rename(tmp, dir)) {
        rc = ISG_FAIL(ISG_EIO, "cannot rename '%s' to '%s': %s", tmp, dir, strerror(errno));
        if (replaced && !isg_path_exists(dir)) (void)rename(old, dir);
    }
    if (!rc) rc = isg_dir_sync_of(dir);
    if (!rc && replaced) rc = isg_path_remove(old);
    free(old);
    return rc;
}

static isg_err build(const isg_corpus_recipe *recipe, const isg_source_list *files, const char *dir,
                     bool rebuild, isg_corpus_built *what)
{
    char inputs[ISG_CORPUS_HEX];
    ISG_TRY(hash_inputs(recipe, files, inputs));
    ISG_TRY(look_before(dir, inputs, rebuild, what));
    if (*what == ISG_CORPUS_UP_TO_DATE) return ISG_OK;
    char *tmp = isg_strf("%s.tmp.%ld", dir, (long)getpid());
    if (!tmp) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_err rc = isg_dir_make(tmp);
    if (!rc) rc = fill(recipe, files, inputs, tmp);
    if (!rc) rc = move_into_place(tmp, dir);
    if (rc) { /* keep the message of what went wrong first */
        char *message = isg_strdup(isg_err_message());
        (void)isg_path_remove(tmp);
        if (message) (void)ISG_FAIL(rc, "%s", message);
        free(message);
    }
    free(tmp);
    return rc;
}

isg_err isg_corpus_build(const isg_corpus_recipe *recipe, const char *dir, bool rebuild,
                         isg_corpus_built *what)
{
    ISG_TRY(check_recipe(recipe));
    size_t n = recipe->n_languages, length = strlen(dir);
    while (length > 1 && dir[length - 1] == '/') length--;
    char *plain = strndup(dir, length);
    isg_source_list *files = calloc(n, sizeof *files);
    isg_err rc = files && plain ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (size_t l = 0; !rc && l < n; l++) {
        const isg_corpus_source *s = &recipe->languages[l];
        for (size_t f = 0; !rc && f < s->n_files; f++)
            rc = isg_source_find(&files[l], recipe->base, s->files[f]);
        rc = isg_err_context(rc, "language '%s'", s->code);
    }
    if (!rc) rc = build(recipe, files, plain, rebuild, what);
    for (size_t l = 0; files && l < n; l++) isg_source_list_free(&files[l]);
    free(files);
    free(plain);
    return rc;
}
