/* Which languages a family mixes, and with which weights. */
#include "build.h"

#include <stdlib.h>
#include <string.h>

size_t isg_entries(const isg_node *node)
{
    return !node ? 0 : node->kind == ISG_NODE_LIST ? node->n : 1;
}

const isg_node *isg_entry(const isg_node *node, size_t i)
{
    return node->kind == ISG_NODE_LIST ? node->item[i] : node;
}

/* A list of codes to language indices, `all` to every one. n is 0 after an error. */
static isg_err languages_of(isg_build *b, const isg_node *node, size_t **out, size_t *n)
{
    size_t count = isg_entries(node), total = b->plan->n_languages;
    bool all = count == 1 && !strcmp(isg_entry(node, 0)->text, "all");
    *n = 0;
    *out = ISG_NEW(b, all ? total : count, size_t);
    if (!*out) return isg_build_no_memory();
    for (size_t i = 0; i < (all ? total : count); i++) {
        size_t l = all ? i : isg_find_language(b, isg_entry(node, i), isg_entry(node, i)->text);
        if (l == (size_t)-1) continue;
        for (size_t k = 0; k < *n; k++) {
            if ((*out)[k] == l)
                isg_diag_add(&b->diag, isg_entry(node, i), "language '%s' is given twice",
                             isg_entry(node, i)->text);
        }
        (*out)[(*n)++] = l;
    }
    return ISG_OK;
}

/* Sorted by language, so that equal mixtures are equal whatever the order they are written in. */
static isg_err add_mix(isg_build *b, isg_family_work *w, size_t n, const size_t *language,
                       const double *weight)
{
    size_t at = w->n_mixes;
    if (at == 0 || (at & (at - 1)) == 0) {
        isg_mix *more = ISG_NEW(b, at ? 2 * at : 1, isg_mix);
        if (!more) return isg_build_no_memory();
        if (at) memcpy(more, w->mixes, at * sizeof *more);
        w->mixes = more;
    }
    isg_mix *m = &w->mixes[at];
    *m = (isg_mix){.language = ISG_NEW(b, n, size_t), .weight = ISG_NEW(b, n, double)};
    if (!m->language || !m->weight) return isg_build_no_memory();
    for (size_t i = 0; i < n; i++) {
        double share = weight ? weight[i] : 1.0 / (double)n;
        if (share <= 0) continue;
        size_t k = m->n++;
        for (; k > 0 && m->language[k - 1] > language[i]; k--) {
            m->language[k] = m->language[k - 1];
            m->weight[k] = m->weight[k - 1];
        }
        m->language[k] = language[i];
        m->weight[k] = share;
    }
    w->n_mixes++;
    return ISG_OK;
}

static const isg_node *wanted(isg_build *b, const isg_family_work *w, const char *key)
{
    const isg_node *node = isg_node_get(w->node, key);
    if (!node) {
        isg_diag_add(&b->diag, w->node, "key '%s' is missing in this family: %s", key,
                     isg_field_find("family", key)->help);
    }
    return node;
}

static isg_err monolingual(isg_build *b, isg_family_work *w)
{
    size_t *l, n;
    const isg_node *node = wanted(b, w, "languages");
    if (!node) return ISG_OK;
    ISG_TRY(languages_of(b, node, &l, &n));
    for (size_t i = 0; i < n; i++) ISG_TRY(add_mix(b, w, 1, &l[i], NULL));
    return ISG_OK;
}

static isg_err add_pair(isg_build *b, isg_family_work *w, size_t target, size_t source)
{
    const isg_node *shares = isg_node_get(w->node, "share");
    for (size_t i = 0; i < (shares ? isg_entries(shares) : 1); i++) {
        double share = isg_get_real(NULL, "family", "share");
        if (shares) (void)isg_value_real(isg_entry(shares, i), &share);
        size_t l[2] = {target, source};
        double weight[2] = {share, 1 - share};
        ISG_TRY(add_mix(b, w, 2, l, weight));
    }
    return ISG_OK;
}

static isg_err bilingual(isg_build *b, isg_family_work *w)
{
    const isg_node *pairs = isg_node_get(w->node, "pairs");
    for (size_t i = 0; i < isg_entries(pairs); i++) {
        size_t *l, n;
        ISG_TRY(languages_of(b, pairs->item[i], &l, &n));
        if (n == 2)
            ISG_TRY(add_pair(b, w, l[0], l[1]));
        else
            isg_diag_add(&b->diag, pairs->item[i],
                         "key 'pairs': allowed: two languages, [target, source]");
    }
    if (pairs && !isg_node_get(w->node, "targets") && !isg_node_get(w->node, "sources"))
        return ISG_OK;

    size_t *t, *s, nt, ns;
    const isg_node *targets = wanted(b, w, "targets"), *sources = wanted(b, w, "sources");
    if (!targets || !sources) return ISG_OK;
    ISG_TRY(languages_of(b, targets, &t, &nt));
    ISG_TRY(languages_of(b, sources, &s, &ns));
    for (size_t i = 0; i < nt; i++) {
        for (size_t k = 0; k < ns; k++) {
            if (t[i] != s[k]) ISG_TRY(add_pair(b, w, t[i], s[k]));
        }
    }
    return ISG_OK;
}

/* uniform and unimax: one mixture of `languages`, and one of each of `sets`. */
static isg_err sets(isg_build *b, isg_family_work *w, bool unimax)
{
    const isg_node *named = isg_node_get(w->node, "sets"),
                   *list = isg_node_get(w->node, "languages");
    if (!named && !wanted(b, w, "languages")) return ISG_OK;
    for (size_t i = 0; i < (list ? 1 : 0) + (named ? named->n : 0); i++) {
        size_t *l, n;
        const isg_node *set = list && i == 0 ? list : named->item[i - (list ? 1 : 0)];
        ISG_TRY(languages_of(b, set, &l, &n));
        if (n) ISG_TRY(add_mix(b, w, n, l, NULL));
    }
    for (size_t i = 0; unimax && i < w->n_mixes; i++) {
        w->mixes[i].max_epochs = isg_get_real(w->node, "family", "max_epochs");
    }
    return ISG_OK;
}

static isg_err custom(isg_build *b, isg_family_work *w)
{
    const isg_node *weights = wanted(b, w, "weights");
    if (!weights) return ISG_OK;
    size_t *l = ISG_NEW(b, weights->n, size_t);
    double *share = ISG_NEW(b, weights->n, double), sum = 0;
    if (!l || !share) return isg_build_no_memory();
    for (size_t i = 0; i < weights->n; i++) {
        l[i] = isg_find_language(b, weights->key[i], weights->key[i]->text);
        if (l[i] == (size_t)-1) return ISG_OK;
        (void)isg_value_real(weights->item[i], &share[i]);
        sum += share[i];
    }
    if (!(sum > 0)) {
        isg_diag_add(&b->diag, weights, "key 'weights': all are 0, allowed: a sum above 0");
        return ISG_OK;
    }
    for (size_t i = 0; i < weights->n; i++) share[i] /= sum;
    return add_mix(b, w, weights->n, l, share);
}

isg_err isg_build_mixes(isg_build *b, isg_family_work *w)
{
    const isg_node *mixture = isg_node_get(w->node, "mixture");
    const char *kind =
        mixture ? mixture->text : "monolingual"; /* a finetune takes one language each */
    if (!strcmp(kind, "bilingual")) return bilingual(b, w);
    if (!strcmp(kind, "uniform")) return sets(b, w, false);
    if (!strcmp(kind, "unimax")) return sets(b, w, true);
    if (!strcmp(kind, "custom")) return custom(b, w);
    return monolingual(b, w);
}

bool isg_mix_of_text(isg_build *b, const isg_node *node, isg_diag *diag, isg_mix *out)
{
    enum { MAX = 512 };
    size_t l[MAX], n = 0;
    double share[MAX], sum = 0;
    char word[128];
    isg_family_work hold = {0};
    isg_diag outer = b->diag;
    for (const char *p = node->text; *p; p += strspn(p, " ")) {
        size_t len = strcspn(p, " ");
        if (len >= sizeof word || n == MAX) break;
        memcpy(word, p, len);
        word[len] = '\0';
        p += len;
        char *colon = strchr(word, ':');
        if (colon) *colon = '\0';
        share[n] = 1;
        if (colon && (!isg_str_to_double(colon + 1, &share[n]) || share[n] <= 0)) {
            n = 0;
            break;
        }
        b->diag = *diag; /* say it with the name of the list */
        l[n] = isg_find_language(b, node, word);
        *diag = b->diag;
        b->diag = outer;
        if (l[n] == (size_t)-1) return false;
        sum += share[n++];
    }
    for (size_t i = 0; i < n; i++) share[i] /= sum;
    if (n && !add_mix(b, &hold, n, l, share)) {
        *out = hold.mixes[0];
        return true;
    }
    isg_diag_add(diag, node,
                 "column 'mixture': found '%.60s', allowed: languages with weights such as 'de' or "
                 "'de:0.5 ru:0.5'",
                 node->text);
    return false;
}

/* Unimax (Chung et al. 2023): the budget is spread evenly, least language
 * first; what a language cannot take within max_epochs goes to the others. */
static void unimax(const isg_mix *mix, uint64_t tokens, const uint64_t *used, double *weight)
{
    double left = (double)tokens, taken = 0;
    size_t open = mix->n;
    for (size_t i = 0; i < mix->n; i++) weight[mix->language[i]] = -1;
    while (open) {
        size_t least = (size_t)-1;
        for (size_t i = 0; i < mix->n; i++) {
            size_t l = mix->language[i];
            if (weight[l] < 0 && (least == (size_t)-1 || used[l] < used[least])) least = l;
        }
        double even = left / (double)open, most = mix->max_epochs * (double)used[least];
        weight[least] = even < most ? even : most;
        left -= weight[least];
        taken += weight[least];
        open--;
    }
    for (size_t i = 0; i < mix->n; i++) weight[mix->language[i]] /= taken;
}

void isg_mix_weights(const isg_plan *plan, const isg_mix *mix, uint64_t tokens, uint64_t unique,
                     double *weight, uint64_t *used)
{
    for (size_t i = 0; i < mix->n; i++) {
        size_t l = mix->language[i];
        uint64_t has = plan->languages[l].train_bytes;
        used[l] = unique < has ? unique : has;
        weight[l] = mix->weight[i];
    }
    if (mix->max_epochs > 0) unimax(mix, tokens, used, weight);
}
