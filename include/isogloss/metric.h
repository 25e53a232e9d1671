#ifndef ISOGLOSS_METRIC_H
#define ISOGLOSS_METRIC_H

/**
 * Metrics of held-out loss. Stored is bits per byte; with one byte vocabulary the others are linear
 * in it, with constants of the evaluated text that stand in columns of the table (schemas/store.md):
 *
 *   bits per character = bits per byte * bytes_per_character
 *   unigram            = bits per byte - unigram_loss
 *   bits per page      = bits per byte * bytes_per_page
 */

typedef enum isg_metric {
    ISG_METRIC_AS_STORED, /**< whatever unit the losses have */
    ISG_METRIC_BYTE,
    ISG_METRIC_CHARACTER,
    ISG_METRIC_UNIGRAM, /**< negative for any model better than byte frequencies: its fit is that of
                             bits per byte with E less the constant */
    ISG_METRIC_PAGE,
    ISG_METRICS
} isg_metric;

typedef struct isg_metric_def {
    const char *name;   /**< as written after --metric; NULL for ISG_METRIC_AS_STORED */
    const char *unit;   /**< of the loss */
    const char *column; /**< with the constant; NULL: none is needed */
} isg_metric_def;

extern const isg_metric_def isg_metrics[ISG_METRICS];

#endif
