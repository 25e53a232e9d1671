#ifndef ISG_CAMPAIGN_FIELD_H
#define ISG_CAMPAIGN_FIELD_H

/**
 * The one table of everything a campaign file may say. It checks files, gives
 * defaults, and prints schemas/campaign.schema.json and docs/campaign.md, so
 * that none of them can disagree.
 */

#include "node.h"

#include <stdint.h>
#include <stdio.h>

typedef enum isg_ftype {
    ISG_F_NONE,   /**< only the section `sub` is allowed */
    ISG_F_INT,    /**< whole number */
    ISG_F_COUNT,  /**< whole number, or text with a suffix: 250k, 1.5M, 16Ki */
    ISG_F_REAL,   /**< number */
    ISG_F_AMOUNT, /**< number, or a count with a suffix */
    ISG_F_TIME,   /**< seconds, or 90s, 30m, 4h, 2d, off */
    ISG_F_BOOL,   /**< true, false */
    ISG_F_NAME,   /**< a word that may reach a path */
    ISG_F_CODE,   /**< a language code */
    ISG_F_TEXT,   /**< any text */
    ISG_F_CHOICE, /**< one of `choices` */
    ISG_F_SIZE,   /**< a count or the name of a shape */
    ISG_F_BUDGET, /**< a count, 20x, max(4M, 20x), min(..) */
    ISG_F_UNIQUE, /**< a count or all */
    ISG_FTYPES
} isg_ftype;

typedef enum isg_arity {
    ISG_ONE,
    ISG_LIST,
    ISG_ONE_OR_LIST,
    ISG_LISTS,       /**< list of lists */
    ISG_MAP,         /**< name: value */
    ISG_MAP_OF_LISTS /**< name: [value, ...] */
} isg_arity;

typedef struct isg_field {
    const char *section; /**< "" is the top of the file */
    const char *key;     /**< NULL ends the table */
    isg_ftype type;
    isg_arity arity;
    const char *sub; /**< a map with the keys of this section is allowed too */
    bool required;
    bool setting;     /**< a numeric setting of trainers: a column of the store, may be varied */
    const char *def;  /**< as one would write it, or NULL */
    const char *unit; /**< or NULL */
    double min, max;  /**< of numbers; both 0: any */
    const char *const *choices; /**< NULL-ended */
    const char *help;
} isg_field;

/** Facts about a type: what is accepted, in words and as a pattern for its texts. */
typedef struct isg_ftype_info {
    const char *word;    /**< "a whole number" */
    bool number, whole;  /**< plain numbers are accepted; only whole ones */
    bool text;           /**< texts are accepted ... */
    const char *pattern; /**< ... that match this regular expression (POSIX extended and ECMA alike;
                            NULL: any) */
} isg_ftype_info;

extern const isg_field isg_fields[];
extern const isg_ftype_info isg_ftypes[ISG_FTYPES];

/** Title and one paragraph about a section, in the order of the documentation. */
typedef struct isg_section {
    const char *name, *title, *help;
} isg_section;

extern const isg_section isg_sections[]; /**< ends with a NULL name */

const isg_field *isg_field_find(const char *section, const char *key);

/**
 * Note every error of shape below `map`: unknown or missing keys, wrong
 * types, numbers out of range.
 * @param values  also check the values of texts (ranges of "1.5M"), which a JSON Schema cannot
 */
void isg_field_check(const isg_node *map, const char *section, bool values, isg_diag *diag);

/** The ladders as rows of a Markdown table (shape.c). */
void isg_shape_table(FILE *out);

/* Values of nodes that were checked. Absent nodes give false or NULL. */

/** Count, size or budget term: 250k, 1.5M, 16Ki, 1e6. False if not whole or above 2^63. */
bool isg_value_count(const isg_node *node, uint64_t *out);
bool isg_value_real(const isg_node *node, double *out);

/** A number, or a count: 0.05, 50k, 1Ki. */
bool isg_value_amount(const isg_node *node, double *out);
bool isg_value_time(const isg_node *node, double *seconds);

/* A key of a section: what the file says or the table's default, which must exist. */
double isg_get_real(const isg_node *map, const char *section, const char *key);
double isg_get_amount(const isg_node *map, const char *section, const char *key);
uint64_t isg_get_count(const isg_node *map, const char *section, const char *key);
double isg_get_time(const isg_node *map, const char *section, const char *key);
bool isg_get_bool(const isg_node *map, const char *section, const char *key);
const char *isg_get_text(const isg_node *map, const char *section, const char *key);

#endif
