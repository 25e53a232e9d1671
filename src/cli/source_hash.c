#include "source_hash.h"

#include "isogloss/hash.h"
#include "isogloss/store.h"
#include "isogloss/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static isg_err hash_file(const char *path, char out[65])
{
    unsigned char buffer[65536];
    uint8_t hash[32];
    isg_sha256 sha;
    struct stat st;

    if (stat(path, &st)) return ISG_FAIL(ISG_EIO, "cannot open '%s': %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) /* opening a pipe again would wait for ever */
        return ISG_FAIL(ISG_EUSAGE, "'%s' is no file that can be read again", path);
    FILE *f = fopen(path, "rb");
    if (!f) return ISG_FAIL(ISG_EIO, "cannot open '%s': %s", path, strerror(errno));
    isg_sha256_init(&sha);
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, f)) > 0;) isg_sha256_add(&sha, buffer, n);
    isg_err rc =
        ferror(f) ? ISG_FAIL(ISG_EIO, "cannot read '%s': %s", path, strerror(errno)) : ISG_OK;
    (void)fclose(f);
    isg_sha256_end(&sha, hash);
    isg_str_hex(hash, sizeof hash, out);
    return rc;
}

/* Of a store the results, not its records of when they were made. */
isg_err source_hash(const char *path, char out[65])
{
    isg_store *store = NULL;
    struct stat st;
    bool is = false;
    if (!stat(path, &st) && S_ISREG(st.st_mode)) ISG_TRY(isg_store_is_hdf5(path, &is));
    if (!is) return hash_file(path, out);
    ISG_TRY(isg_store_open(path, ISG_STORE_READ, false, &store));
    isg_err rc = isg_store_digest(store, out, NULL);
    isg_store_close(&store);
    return rc;
}
