#ifndef ISG_CAMPAIGN_NODE_H
#define ISG_CAMPAIGN_NODE_H

/** A campaign file as a tree that remembers lines and columns, and the list of what is wrong with
 * it. */

#include "arena.h"
#include "isogloss/err.h"
#include "isogloss/str.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum isg_node_kind { ISG_NODE_SCALAR, ISG_NODE_LIST, ISG_NODE_MAP } isg_node_kind;

typedef struct isg_node {
    isg_node_kind kind;
    size_t line, column;    /**< from 1 */
    const char *text;       /**< scalars; never NULL there */
    bool quoted;            /**< a scalar in quotes is text, whatever it looks like */
    size_t n;               /**< entries of a list or map */
    struct isg_node **item; /**< [n] entries, or values of a map */
    struct isg_node **key;  /**< [n] scalars; maps only, all different */
} isg_node;

/**
 * Read one YAML document. Refused, because a campaign must mean what it
 * shows: aliases and anchors, tags, duplicate keys, depth over 16, several
 * documents, more than 4 MiB, invalid UTF-8, NUL bytes.
 *
 * @param name  file name for messages
 * @return ISG_OK; ISG_ESPEC "NAME:LINE:COLUMN: ..."; ISG_ENOMEM
 */
isg_err isg_node_parse(const char *text, size_t n, const char *name, isg_arena *arena,
                       isg_node **out);

enum { ISG_CAMPAIGN_MAX_BYTES = 4 << 20 };

/** Value of a key, or NULL if the map (or key) is absent. */
const isg_node *isg_node_get(const isg_node *map, const char *key);

/** What a value looks like in a message: its text, or "a list" and the like. */
const char *isg_node_show(const isg_node *node);

/** Errors of one file, gathered so that one reading reports several. */
typedef struct isg_diag {
    const char *file;
    isg_str text;
    size_t n;
} isg_diag;

/** Note "FILE:LINE:COLUMN: message". */
void isg_diag_add(isg_diag *diag, const isg_node *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** ISG_OK if nothing was noted, else ISG_ESPEC with all of it as the message. */
isg_err isg_diag_result(const isg_diag *diag);

#endif
