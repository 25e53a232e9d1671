#ifndef ISG_CLI_PLACE_H
#define ISG_CLI_PLACE_H

/** "N=7e10,D=1.4e12,K=50": where a law is asked. */

#include "isogloss/law.h"

enum { PLACE_ITEMS = ISG_LAW_VARS + 4 };

typedef struct place {
    const char *text; /**< as given; borrowed */
    char name[PLACE_ITEMS][32];
    double value[PLACE_ITEMS];
    size_t n;
} place;

/** Numbers may have suffixes (70G, 1.4T). @param option  for messages */
isg_err place_parse(const char *option, const char *text, place *out);

/** Value of that name, or NULL. */
const double *place_get(const place *place, const char *name);

/** The same place with another value; a name that was not there is added. */
void place_set(place *place, const char *name, double value);

/** Every name is a variable of the law or "C". @return ISG_EUSAGE with those there are */
isg_err place_check(const char *option, const place *place, const isg_law *law);

/**
 * Natural values of the law's variables [n_vars]: as given, else from the law's own expressions
 * over N and D (M = D/N), else zero where optional.
 * @return name of the first variable that is missing, or NULL
 */
const char *place_vars(const place *place, const isg_law *law, double *var);

#endif
