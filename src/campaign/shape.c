/* Sizes of a campaign to shapes, and budgets to tokens. */
#include "build.h"
#include "isogloss/ladder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tied head; learned positions; a layer has 2 norms (4d), qkv (3d^2 + 3d),
 * projection (d^2 + d) and a 4x MLP (8d^2 + 5d); a last norm (2d). */
static uint64_t count_total(const isg_shape *s)
{
    uint64_t d = s->d;
    return (s->vocab + (uint64_t)s->context) * d + s->layers * (12 * d * d + 13 * d) + 2 * d;
}

void isg_shape_count(isg_shape *s)
{
    s->n_nonembedding = 12 * (uint64_t)s->layers * s->d * s->d;
    s->n_total = count_total(s);
}

double isg_shape_flops(const isg_shape *s)
{
    double d = s->d;
    return 6 * ((double)s->n_nonembedding + (double)s->vocab * d) +
           6 * (double)s->layers * (double)s->context * d;
}

static void fill(const isg_build *b, const char *label, uint32_t layers, uint32_t d, uint32_t heads,
                 isg_shape *out)
{
    *out = (isg_shape){.layers = layers, .d = d, .heads = heads};
    (void)snprintf(out->label, sizeof out->label, "%s", label);
    out->context = (uint32_t)isg_get_count(b->trainer, "trainer", "context");
    out->vocab = (uint32_t)isg_get_count(b->trainer, "trainer", "vocab");
    isg_shape_count(out);
}

static bool from_map(const isg_build *b, const isg_node *map, const char *label, isg_diag *diag,
                     isg_shape *out)
{
    uint32_t d = (uint32_t)isg_get_count(map, "shape", "d");
    uint32_t heads = (uint32_t)isg_get_count(map, "shape", "heads");
    const isg_node *own = isg_node_get(map, "n_nonembedding"),
                   *total = isg_node_get(map, "n_total");
    fill(b, label, (uint32_t)isg_get_count(map, "shape", "layers"), d, heads, out);
    if (b->plan->trainer == ISG_TRAINER_PROXY && (own || total)) {
        isg_diag_add(diag, own ? own : total,
                     "proxies count their own parameters; only for command and synthetic");
        return false;
    }
    if (own) (void)isg_value_count(own, &out->n_nonembedding);
    if (total) (void)isg_value_count(total, &out->n_total);
    if (out->n_total < out->n_nonembedding) {
        isg_diag_add(diag, total ? total : map,
                     "key 'n_total': fewer parameters than n_nonembedding");
        return false;
    }
    return true;
}

static bool from_label(const isg_build *b, const isg_node *node, isg_diag *diag, isg_shape *out)
{
    const isg_node *own = isg_node_get(isg_node_get(b->top, "shapes"), node->text);
    if (own) return from_map(b, own, node->text, diag, out);
    isg_rung rung;
    if (isg_ladder_shape(node->text, &rung)) {
        fill(b, rung.name, rung.layers, rung.d, rung.heads, out);
        return true;
    }
    isg_diag_add(diag, node,
                 "key 'sizes': found '%.60s', allowed: parameters such as 98k, %s, a name under "
                 "'shapes'",
                 node->text, isg_ladder_words);
    return false;
}

static bool find_shape(isg_build *b, const isg_node *node, isg_diag *diag, isg_shape *out)
{
    uint64_t count;
    if (node->kind == ISG_NODE_MAP) return from_map(b, node, "", diag, out);
    if (!isg_value_count(node, &count)) return from_label(b, node, diag, out);
    if (count == 0) {
        isg_diag_add(diag, node, "key 'sizes': found '%s', allowed: 1 parameter or more",
                     node->text);
        return false;
    }
    const isg_rung *best = &isg_ladder[0];
    double least = INFINITY;
    for (size_t i = 0; i < ISG_LADDER_P; i++) {
        double off = fabs(log((double)count / isg_rung_parameters(&isg_ladder[i])));
        if (off < least) {
            least = off;
            best = &isg_ladder[i];
        }
    }
    fill(b, best->name, best->layers, best->d, best->heads, out);
    return true;
}

bool isg_shape_of(isg_build *b, const isg_node *node, isg_diag *diag, isg_shape *out)
{
    const isg_node *map = node;
    if (!find_shape(b, node, diag, out)) return false;
    if (b->plan->trainer != ISG_TRAINER_PROXY) return true;
    if (map->kind != ISG_NODE_MAP) map = isg_node_get(isg_node_get(b->top, "shapes"), node->text);
    const bool here = diag == &b->diag; /* a `runs:` file has lines of its own */
    return isg_proxy_shape(here ? map : NULL, node, diag, out);
}

/* One term of a budget: 4M, or 20x (tokens per non-embedding parameter). */
static bool term_tokens(const char *text, size_t n, const isg_shape *shape, double *tokens)
{
    char word[64];
    uint64_t count;
    if (n == 0 || n >= sizeof word) return false;
    memcpy(word, text, n);
    word[n] = '\0';
    if (word[n - 1] == 'x') {
        word[n - 1] = '\0';
        if (!isg_str_to_double(word, tokens)) return false;
        *tokens *= (double)shape->n_nonembedding;
        return true;
    }
    isg_node node = {.kind = ISG_NODE_SCALAR, .text = word};
    if (!isg_value_count(&node, &count)) return false;
    *tokens = (double)count;
    return true;
}

static bool expression_tokens(const char *text, const isg_shape *shape, double *tokens)
{
    bool max = !strncmp(text, "max(", 4), min = !strncmp(text, "min(", 4);
    if (!max && !min) return term_tokens(text, strlen(text), shape, tokens);
    bool first = true;
    for (const char *p = text + 4; *p; p++) {
        p += strspn(p, " ");
        size_t n = strcspn(p, " ,)");
        double t;
        if (!term_tokens(p, n, shape, &t)) return false;
        if (first || (max ? t > *tokens : t < *tokens)) *tokens = t;
        first = false;
        p += n;
        p += strspn(p, " ");
        if (*p == ')' || !*p) return *p == ')';
    }
    return false;
}

bool isg_budget_tokens(const isg_node *node, bool flops, const isg_shape *shape, isg_diag *diag,
                       uint64_t *tokens)
{
    double t = 0;
    bool good = flops ? isg_value_real(node, &t) : expression_tokens(node->text, shape, &t);
    if (flops) t /= isg_shape_flops(shape);
    if (good && t >= 1 && t <= 1e18) {
        *tokens = (uint64_t)llround(t);
        return true;
    }
    isg_diag_add(diag, node,
                 "key '%s': found '%.60s', which is %.3g tokens for a model of %llu parameters; "
                 "allowed: 1 to 1e18",
                 flops ? "flops" : "tokens", node->text, t,
                 (unsigned long long)shape->n_nonembedding);
    return false;
}

void isg_shape_table(FILE *out)
{
    for (size_t i = 0; i < ISG_LADDER; i++) {
        const isg_rung *r = &isg_ladder[i];
        (void)fprintf(out, "| `%s` | %u x %u | %u | %.0f |\n", r->name, r->layers, r->d, r->heads,
                      isg_rung_parameters(r));
    }
}
