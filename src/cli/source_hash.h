#ifndef ISG_CLI_SOURCE_HASH_H
#define ISG_CLI_SOURCE_HASH_H

#include "isogloss/err.h"

/**
 * SHA-256 of a source of a fit: of a CSV file its bytes, of a store its results (not its
 * records of when they were made). @param out  64 hex digits
 * @return ISG_OK; ISG_EUSAGE for what is no file (a pipe); ISG_EIO; ISG_ESTORE
 */
isg_err source_hash(const char *path, char out[65]);

#endif
