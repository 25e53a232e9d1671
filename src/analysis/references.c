/* Published figures only, as printed; e^a and e^b where a paper prints logs. */

#include "isogloss/references.h"

#include "isogloss/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const isg_reference papers[] = {
    {.name = "hoffmann2022",
     .law = "chinchilla",
     .source = "Hoffmann et al. 2022, arXiv 2203.15556, approach 3 (unrounded exponents and E as "
               "in its source, quoted by Besiroglu et al. 2024)",
     .data = "smoothed training loss of English text, nats per token",
     .unit = "nat/token",
     .value = {{"A", 406.4, 0},
               {"B", 410.7, 0},
               {"E", 1.6934, 0},
               {"alpha", 0.33917, 0},
               {"beta", 0.28491, 0}}},
    {.name = "besiroglu2024",
     .law = "chinchilla",
     .source = "Besiroglu et al. 2024, arXiv 2404.10102, table 1 (alpha, beta to four digits as in "
               "its text; standard errors by its bootstrap)",
     .data = "240 points read from Hoffmann et al.'s figure 4, nats per token",
     .unit = "nat/token",
     .value = {{"A", 482.01, 124.58},
               {"B", 2085.43, 1293.23},
               {"E", 1.8172, 0.03},
               {"alpha", 0.3478, 0.02},
               {"beta", 0.3658, 0.02}}},
};

/* Longpre et al. 2025, arXiv 2510.22037, table C.1: L = E + e^a/N^alpha + e^b/D^beta. The exponents
 * of N and D are equal in all of them. */
typedef struct atlas_row {
    const char *regime, *language;
    double e, a, b, exponent;
} atlas_row;

static const atlas_row atlas[] = {
    {"mono", "EN", 0.67, 6.18, 8.25, 0.41},   {"mono", "FR", 0.76, 10.11, 13.24, 0.64},
    {"mono", "RU", 0.82, 10.07, 13.28, 0.63}, {"mono", "ZH", 1.08, 8.20, 10.37, 0.46},
    {"mono", "HI", 0.52, 6.03, 8.03, 0.39},   {"mono", "SW", 0.00, 4.13, 5.51, 0.26},
    {"multi", "EN", 0.83, 9.91, 13.06, 0.63}, {"multi", "FR", 0.66, 7.12, 8.94, 0.45},
    {"multi", "RU", 0.76, 7.97, 9.91, 0.49},  {"multi", "ZH", 1.18, 8.87, 10.90, 0.49},
    {"multi", "HI", 0.63, 6.99, 8.69, 0.43},  {"multi", "SW", 0.00, 4.99, 6.43, 0.30},
    {"unimax", "EN", 0.00, 3.03, 3.15, 0.16}, {"unimax", "FR", 0.00, 3.63, 3.94, 0.19},
    {"unimax", "RU", 0.00, 3.90, 4.28, 0.20}, {"unimax", "ZH", 0.39, 4.58, 5.47, 0.21},
    {"unimax", "HI", 0.00, 3.46, 3.89, 0.18}, {"unimax", "SW", 0.00, 3.52, 3.74, 0.18},
};

static const char *regime_in_words(const char *regime)
{
    if (!strcmp(regime, "mono"))
        return "vocabulary and data of the language alone, loss that does not depend on the "
               "vocabulary";
    if (!strcmp(regime, "multi"))
        return "multilingual vocabulary, data of the language alone, loss that does not depend on "
               "the vocabulary";
    return "multilingual vocabulary, Unimax mixture of 420 languages, loss that does not depend on "
           "the vocabulary";
}

static void make_atlas(const atlas_row *row, isg_reference *out)
{
    *out = (isg_reference){
        .law = "chinchilla",
        .source = "Longpre et al. 2025, arXiv 2510.22037, table C.1",
        .data = regime_in_words(row->regime),
        .value = {{"A", isg_exp(row->a), 0},
                  {"B", isg_exp(row->b), 0},
                  {"E", row->e, 0},
                  {"alpha", row->exponent, 0},
                  {"beta", row->exponent, 0}},
    };
    (void)snprintf(out->name, sizeof out->name, "atlas2025:%s%s%s", row->language,
                   strcmp(row->regime, "mono") != 0 ? ":" : "",
                   strcmp(row->regime, "mono") != 0 ? row->regime : "");
}

static bool same(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return false;
    }
    return *a == *b;
}

static isg_err unknown(const char *name)
{
    char made[sizeof atlas / sizeof *atlas][32];
    const char *names[sizeof papers / sizeof *papers + sizeof atlas / sizeof *atlas];
    size_t n = 0;

    for (size_t k = 0; k < sizeof papers / sizeof *papers; k++) names[n++] = papers[k].name;
    for (size_t k = 0; k < sizeof atlas / sizeof *atlas; k++) {
        isg_reference r;
        make_atlas(&atlas[k], &r);
        (void)snprintf(made[k], sizeof made[k], "%s", r.name);
        names[n++] = made[k];
    }
    const char *near = isg_str_nearest(name, names, n);
    if (near && strncmp(name, "atlas2025", 9) != 0)
        return ISG_FAIL(ISG_EUSAGE, "unknown reference '%s'; did you mean '%s'?", name, near);
    return ISG_FAIL(ISG_EUSAGE,
                    "unknown reference '%s'; there are hoffmann2022, besiroglu2024 and "
                    "atlas2025:LANGUAGE[:REGIME] with EN, FR, RU, ZH, HI, SW and mono (default), "
                    "multi, unimax",
                    name);
}

isg_err isg_reference_find(const char *name, isg_reference *out)
{
    for (size_t k = 0; k < sizeof papers / sizeof *papers; k++) {
        if (!same(name, papers[k].name)) continue;
        *out = papers[k];
        return ISG_OK;
    }
    for (size_t k = 0; k < sizeof atlas / sizeof *atlas; k++) {
        char full[32];
        make_atlas(&atlas[k], out);
        (void)snprintf(full, sizeof full, "atlas2025:%s:%s", atlas[k].language, atlas[k].regime);
        if (same(name, out->name) || same(name, full)) return ISG_OK;
    }
    return unknown(name);
}

const isg_reference_value *isg_reference_get(const isg_reference *r, const char *name)
{
    for (size_t k = 0; k < ISG_REFERENCE_VALUES && r->value[k].name; k++) {
        if (!strcmp(r->value[k].name, name)) return &r->value[k];
    }
    return NULL;
}

isg_comparable isg_reference_comparable(const isg_reference *r, const char *name)
{
    static const char *const of_units[] = {"A", "B", "E"};

    if (!isg_reference_get(r, name)) return ISG_COMPARABLE_NOT_THERE;
    for (size_t k = 0; k < sizeof of_units / sizeof *of_units; k++) {
        if (!strcmp(name, of_units[k])) return ISG_COMPARABLE_NOT_UNITS;
    }
    return ISG_COMPARABLE;
}

bool isg_reference_parameters(const isg_reference *r, const isg_law *law, double *natural)
{
    for (size_t k = 0; k < law->n_params; k++) {
        const isg_reference_value *v = isg_reference_get(r, law->params[k].name);
        if (!v) return false;
        natural[k] = v->value;
    }
    return !strcmp(r->law, law->name);
}
