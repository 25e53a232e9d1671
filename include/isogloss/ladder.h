#ifndef ISOGLOSS_LADDER_H
#define ISOGLOSS_LADDER_H

/**
 * The shapes with a name, for campaigns and for the trainer.
 *
 * p0 to p9 grow by about 2 from 12k to 10.6M parameters; s0 to s19 are twenty
 * steps from 12k to 1M for grids that need many sizes. Width and depth grow
 * together (d / layers 12 to 64), or a fit would see an effect of depth.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct isg_rung {
    char name[16];
    uint32_t layers, d, heads;
} isg_rung;

enum { ISG_LADDER_P = 10, ISG_LADDER_S = 20, ISG_LADDER = ISG_LADDER_P + ISG_LADDER_S };

/** [ISG_LADDER]: p0 to p9, then s0 to s19. */
extern const isg_rung isg_ladder[ISG_LADDER];

/** What names a shape, in words, for messages. */
extern const char isg_ladder_words[];

/**
 * A shape from its name (p3, s12) or from numbers (LAYERSxDxHEADS, such as 4x96x3).
 * @param out  name is the word as given; whether such a shape can be trained is not looked at
 * @return false if the word is neither
 */
bool isg_ladder_shape(const char *word, isg_rung *out);

/** Non-embedding parameters: 12 layers d^2. */
double isg_rung_parameters(const isg_rung *rung);

#endif
