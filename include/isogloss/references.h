#ifndef ISOGLOSS_REFERENCES_H
#define ISOGLOSS_REFERENCES_H

/**
 * Published fits, for --reference. Exponents and what follows from them alone
 * (a = beta/(alpha+beta)) may be compared between data sets; A, B and E carry
 * the unit of the loss, the tokenizer and the text it was measured on.
 */

#include "isogloss/law.h"

/** A number as it was printed. */
typedef struct isg_reference_value {
    const char *name; /**< parameter or derived number of the law */
    double value;     /**< natural, as in the formula */
    double se;        /**< as printed; 0: none was */
} isg_reference_value;

enum { ISG_REFERENCE_VALUES = 8 };

typedef struct isg_reference {
    char name[32];      /**< as written after --reference */
    const char *law;    /**< whose parameters these are */
    const char *source; /**< paper, table */
    const char *data;   /**< what was fitted, and the unit of the loss */
    const char *unit;   /**< of the loss: "nat/token", or NULL: one that others do not have */
    isg_reference_value value[ISG_REFERENCE_VALUES]; /**< ended by a NULL name */
} isg_reference;

/**
 * hoffmann2022, besiroglu2024, atlas2025:LANGUAGE[:REGIME] with LANGUAGE one of EN FR RU ZH HI SW
 * (in any case) and REGIME mono (default: own vocabulary), multi (multilingual vocabulary, data of
 * the language alone) or unimax.
 * @return ISG_OK; ISG_EUSAGE with the names there are and the nearest
 */
isg_err isg_reference_find(const char *name, isg_reference *out);

/** Value of that name, or NULL. */
const isg_reference_value *isg_reference_get(const isg_reference *reference, const char *name);

typedef enum isg_comparable {
    ISG_COMPARABLE,
    ISG_COMPARABLE_NOT_UNITS, /**< carries the unit of loss, tokenizer and text */
    ISG_COMPARABLE_NOT_THERE  /**< nothing was printed */
} isg_comparable;

/** May this number of a fit be held against the reference's? */
isg_comparable isg_reference_comparable(const isg_reference *reference, const char *name);

/** Natural parameters [n_params] of its law, all of them. @return false: some were not printed */
bool isg_reference_parameters(const isg_reference *reference, const isg_law *law, double *natural);

#endif
