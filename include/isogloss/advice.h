#ifndef ISOGLOSS_ADVICE_H
#define ISOGLOSS_ADVICE_H

/** What a good plan should make its owner think of before it is run: said by `check` and `plan`. */

#include "isogloss/plan.h"

typedef enum isg_advice_kind {
    ISG_ADVICE_NOTE,   /**< what is worth knowing */
    ISG_ADVICE_WARNING /**< the answer may suffer */
} isg_advice_kind;

typedef struct isg_advice {
    isg_advice_kind kind;
    bool at_run; /**< said by `run`, too: the user chose what bends the answer */
    char *text;  /**< one paragraph: what, how many runs, the remedy */
} isg_advice;

typedef struct isg_advice_list {
    isg_advice *item; /**< [n] in a fixed order, each kind of advice once */
    size_t n;
} isg_advice_list;

/** "note" or "warning". */
const char *isg_advice_word(isg_advice_kind kind);

/**
 * Look through a plan. Pure.
 * @param workers  that are to make it; 0: not known
 * @return ISG_ENOMEM
 */
isg_err isg_plan_advise(const isg_plan *plan, size_t workers, isg_advice_list *out);
void isg_advice_free(isg_advice_list *list);

#endif
