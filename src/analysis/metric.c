#include "isogloss/metric.h"

#include <stddef.h>

const isg_metric_def isg_metrics[ISG_METRICS] = {
    [ISG_METRIC_AS_STORED] = {NULL, "", NULL},
    [ISG_METRIC_BYTE] = {"bits-per-byte", "bit/byte", NULL},
    [ISG_METRIC_CHARACTER] = {"bits-per-character", "bit/character", "bytes_per_character"},
    [ISG_METRIC_UNIGRAM] = {"unigram", "bit/byte minus unigram", "unigram_loss"},
    [ISG_METRIC_PAGE] = {"page", "bit/page", "bytes_per_page"},
};
