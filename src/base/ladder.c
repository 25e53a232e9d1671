#include "isogloss/ladder.h"
#include "isogloss/str.h"

#include <stdio.h>
#include <string.h>

const isg_rung isg_ladder[ISG_LADDER] = {
    {"p0", 1, 32, 1},  {"p1", 2, 32, 1},   {"p2", 1, 64, 2},   {"p3", 2, 64, 2},
    {"p4", 4, 64, 2},  {"p5", 4, 96, 3},   {"p6", 5, 128, 4},  {"p7", 5, 192, 6},
    {"p8", 6, 256, 8}, {"p9", 6, 384, 12},

    {"s0", 1, 32, 1},  {"s1", 2, 32, 1},   {"s2", 1, 48, 3},   {"s3", 2, 48, 3},
    {"s4", 3, 48, 3},  {"s5", 2, 64, 2},   {"s6", 4, 48, 3},   {"s7", 3, 64, 2},
    {"s8", 2, 80, 5},  {"s9", 4, 64, 2},   {"s10", 2, 96, 3},  {"s11", 3, 80, 5},
    {"s12", 5, 64, 2}, {"s13", 4, 80, 5},  {"s14", 3, 96, 3},  {"s15", 5, 80, 5},
    {"s16", 6, 80, 5}, {"s17", 4, 112, 7}, {"s18", 4, 128, 4}, {"s19", 5, 128, 4},
};

const char isg_ladder_words[] = "p0 to p9, s0 to s19, LAYERSxDxHEADS such as 4x96x3";

/* "4x96x3": three whole numbers of at most six digits. */
static bool from_numbers(const char *word, isg_rung *out)
{
    uint32_t *part[] = {&out->layers, &out->d, &out->heads};
    const char *p = word;
    for (size_t i = 0; i < 3; i++) {
        size_t n = strspn(p, "0123456789");
        if (n < 1 || n > 6 || p[n] != (i < 2 ? 'x' : '\0')) return false;
        for (*part[i] = 0; n; n--) *part[i] = 10 * *part[i] + (uint32_t)(*p++ - '0');
        p++;
    }
    return out->layers && out->d && out->heads;
}

bool isg_ladder_shape(const char *word, isg_rung *out)
{
    for (size_t i = 0; i < ISG_LADDER; i++) {
        if (strcmp(isg_ladder[i].name, word) != 0) continue;
        *out = isg_ladder[i];
        return true;
    }
    isg_rung own = {0};
    if (strlen(word) >= sizeof own.name || !from_numbers(word, &own)) return false;
    (void)snprintf(own.name, sizeof own.name, "%s", word);
    *out = own;
    return true;
}

double isg_rung_parameters(const isg_rung *rung)
{
    return 12.0 * rung->layers * rung->d * rung->d;
}
