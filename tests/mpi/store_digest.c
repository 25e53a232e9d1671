/* Prints the digest of a store's results and how many runs are in it: equal stores, equal lines. */

#include "isogloss/store.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    isg_store *store;
    char digest[65];
    size_t n = 0;
    if (argc != 2) return 2;
    isg_err rc = isg_store_open(argv[1], ISG_STORE_READ, false, &store);
    if (!rc) rc = isg_store_digest(store, digest, &n);
    if (rc)
        (void)fprintf(stderr, "%s: %s\n", argv[1], isg_err_message());
    else
        (void)printf("%s %zu\n", digest, n);
    if (!rc) isg_store_close(&store);
    return isg_err_exit_status(rc);
}
