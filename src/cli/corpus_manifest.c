#include "corpus_manifest.h"

#include "campaign/field.h"
#include "campaign/node.h"
#include "isogloss/os.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { COUNT, BYTES, SHARE, TRUTH, KEYS } kind;

typedef struct option {
    const char *name;
    kind kind;
    size_t at; /* offset in the recipe */
    const char *help;
} option;

#define AT(field) offsetof(isg_corpus_recipe, field)

static const option options[] = {
    {"keys", KEYS, AT(keys), "file: each is a page; column: KEY<TAB>TEXT; block: line runs"},
    {"block_lines", COUNT, AT(block_lines), "lines of a page with keys: block (32)"},
    {"shards", COUNT, AT(shards), "parts of the held-out text, 1 to 1024 (16)"},
    {"held_fraction", SHARE, AT(held_fraction), "least share of pages held out, to 0.5 (0.08)"},
    {"held_bytes", BYTES, AT(held_bytes), "hold out more until every language has so many (0)"},
    {"min_line_bytes", COUNT, AT(min_line_bytes), "drop shorter lines (1)"},
    {"min_letters", SHARE, AT(min_letters),
     "drop lines with fewer letters among their characters (0)"},
    {"own_script", SHARE, AT(own_script),
     "drop lines with fewer letters of the language's script (0)"},
    {"shared_by", COUNT, AT(shared_by), "drop lines that so many languages have (0: none)"},
    {"page_end", TRUTH, AT(page_end), "a byte FF after every page (false)"},
    {"clean_utf8", TRUTH, AT(clean_utf8), "drop invalid bytes instead of refusing a file (false)"},
};

enum { N_OPTIONS = sizeof options / sizeof options[0] };

static const char *const other_keys[] = {"name", "licence", "not_in", "languages"};
static const char *const language_keys[] = {"code",    "name",  "script", "family",
                                            "licence", "files", "not_in"};

enum {
    N_OTHER = sizeof other_keys / sizeof other_keys[0],
    N_LANGUAGE = sizeof language_keys / sizeof language_keys[0]
};

typedef struct reader {
    isg_manifest *m;
    isg_diag diag;
} reader;

void isg_manifest_help(void)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        (void)printf("  %-15s %s\n", options[i].name, options[i].help);
}

static isg_err no_memory(void)
{
    return ISG_FAIL(ISG_ENOMEM, "out of memory for the manifest");
}

static void unknown_key(reader *r, const isg_node *key, const char *const *names, size_t n)
{
    const char *near = isg_str_nearest(key->text, names, n);
    isg_diag_add(&r->diag, key, "unknown key '%s'%s%s%s", key->text, near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
}

static bool in_list(const char *word, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(word, names[i])) return true;
    }
    return false;
}

static void read_option(reader *r, const option *o, const isg_node *v)
{
    char *at = (char *)&r->m->recipe + o->at;
    uint64_t count = 0;
    double share = 0;
    const char *wanted = NULL;
    if (o->kind == COUNT || o->kind == BYTES) {
        if (!isg_value_count(v, &count))
            wanted = "a count such as 16 or 64k";
        else if (o->kind == COUNT)
            *(size_t *)at = (size_t)count;
        else
            *(uint64_t *)at = count;
    } else if (o->kind == SHARE) {
        if (isg_value_real(v, &share) && share >= 0 && share <= 1)
            *(double *)at = share;
        else
            wanted = "a share within 0 to 1";
    } else if (o->kind == TRUTH) {
        bool yes = v->kind == ISG_NODE_SCALAR && !strcmp(v->text, "true");
        bool no = v->kind == ISG_NODE_SCALAR && !strcmp(v->text, "false");
        if (yes || no)
            *(bool *)at = yes;
        else
            wanted = "true or false";
    } else {
        wanted = "file, column or block";
        for (int k = 0; k < ISG_KEYS_COUNT && v->kind == ISG_NODE_SCALAR; k++) {
            if (strcmp(v->text, isg_corpus_keys_names[k]) != 0) continue;
            *(isg_corpus_keys *)at = (isg_corpus_keys)k;
            wanted = NULL;
        }
    }
    if (wanted)
        isg_diag_add(&r->diag, v, "%s: wanted %s, found '%s'", o->name, wanted, isg_node_show(v));
}

/* Text of a key of `map`, or `otherwise`; noted as an error if it is missing or no text. */
static const char *text_of(reader *r, const isg_node *map, const char *key, const char *otherwise)
{
    const isg_node *v = isg_node_get(map, key);
    if (v && v->kind == ISG_NODE_SCALAR && v->text[0]) return v->text;
    if (v)
        isg_diag_add(&r->diag, v, "%s: wanted text, found %s", key, isg_node_show(v));
    else if (!otherwise)
        isg_diag_add(&r->diag, map, "key '%s' is missing", key);
    return otherwise ? otherwise : "";
}

/* A text or a list of texts. */
static isg_err texts_of(reader *r, const isg_node *v, const char *key, const char *const **out,
                        size_t *n)
{
    const isg_node *const *item = v->kind == ISG_NODE_LIST ? (const isg_node *const *)v->item : &v;
    size_t count = v->kind == ISG_NODE_LIST ? v->n : 1;
    const char **text = isg_arena_alloc(&r->m->arena, count + 1, sizeof *text);
    if (!text) return no_memory();
    for (size_t i = 0; i < count; i++) {
        if (item[i]->kind != ISG_NODE_SCALAR)
            isg_diag_add(&r->diag, item[i], "%s: wanted text or a list of texts", key);
        else
            text[(*n)++] = item[i]->text;
    }
    *out = text;
    return ISG_OK;
}

static isg_err read_language(reader *r, const isg_node *top, const isg_node *node,
                             isg_corpus_source *s)
{
    if (node->kind != ISG_NODE_MAP) {
        isg_diag_add(&r->diag, node, "wanted a language such as {code: de, ...}, found %s",
                     isg_node_show(node));
        return ISG_OK;
    }
    for (size_t i = 0; i < node->n; i++) {
        if (!in_list(node->key[i]->text, language_keys, N_LANGUAGE)) {
            unknown_key(r, node->key[i], language_keys, N_LANGUAGE);
        }
    }
    s->code = text_of(r, node, "code", NULL);
    s->name = text_of(r, node, "name", s->code);
    s->script = text_of(r, node, "script", NULL);
    s->family = text_of(r, node, "family", "unknown");
    s->licence = text_of(r, node, "licence", text_of(r, top, "licence", "unknown"));
    const isg_node *files = isg_node_get(node, "files"), *not_in = isg_node_get(node, "not_in");
    if (!not_in) not_in = isg_node_get(top, "not_in");
    if (files)
        ISG_TRY(texts_of(r, files, "files", &s->files, &s->n_files));
    else
        isg_diag_add(&r->diag, node, "language '%s': key 'files' is missing", s->code);
    if (not_in) ISG_TRY(texts_of(r, not_in, "not_in", &s->not_in, &s->n_not_in));
    return ISG_OK;
}

static isg_err read_languages(reader *r, const isg_node *top)
{
    const isg_node *list = isg_node_get(top, "languages");
    if (!list || list->kind != ISG_NODE_LIST) {
        isg_diag_add(&r->diag, list ? list : top, "wanted a list under 'languages'");
        return ISG_OK;
    }
    isg_corpus_source *s = isg_arena_alloc(&r->m->arena, list->n + 1, sizeof *s);
    if (!s) return no_memory();
    for (size_t i = 0; i < list->n; i++) ISG_TRY(read_language(r, top, list->item[i], &s[i]));
    r->m->recipe.languages = s;
    r->m->recipe.n_languages = list->n;
    return ISG_OK;
}

static isg_err read_top(reader *r, const isg_node *top)
{
    const char *names[N_OPTIONS + N_OTHER];
    for (size_t i = 0; i < N_OPTIONS; i++) names[i] = options[i].name;
    for (size_t i = 0; i < N_OTHER; i++) names[N_OPTIONS + i] = other_keys[i];
    if (top->kind != ISG_NODE_MAP) {
        isg_diag_add(&r->diag, top,
                     "a manifest is a map with the keys name, languages and options");
        return ISG_OK;
    }
    for (size_t k = 0; k < top->n; k++) {
        bool known = in_list(top->key[k]->text, other_keys, N_OTHER);
        for (size_t o = 0; o < N_OPTIONS && !known; o++) {
            if (strcmp(top->key[k]->text, options[o].name) != 0) continue;
            read_option(r, &options[o], top->item[k]);
            known = true;
        }
        if (!known) unknown_key(r, top->key[k], names, N_OPTIONS + N_OTHER);
    }
    r->m->recipe.name = text_of(r, top, "name", NULL);
    return read_languages(r, top);
}

isg_err isg_manifest_read(const char *path, isg_manifest *out)
{
    isg_str text = {0};
    isg_node *top = NULL;
    reader r = {.m = out, .diag = {.file = path}};

    *out = (isg_manifest){0};
    isg_corpus_recipe_defaults(&out->recipe);
    char *dir = isg_path_dir(path);
    isg_err rc = dir ? isg_file_read(path, ISG_CAMPAIGN_MAX_BYTES, &text) : no_memory();
    if (!rc) rc = isg_node_parse(isg_str_c(&text), text.len, path, &out->arena, &top);
    if (!rc) out->recipe.base = isg_arena_text(&out->arena, dir, strlen(dir));
    if (!rc && !out->recipe.base) rc = no_memory();
    if (!rc) rc = read_top(&r, top);
    if (!rc) rc = isg_diag_result(&r.diag);
    isg_str_free(&r.diag.text);
    isg_str_free(&text);
    free(dir);
    if (rc) isg_manifest_free(out);
    return rc;
}

void isg_manifest_free(isg_manifest *manifest)
{
    isg_arena_free(&manifest->arena);
    *manifest = (isg_manifest){0};
}
