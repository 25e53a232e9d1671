#include "tar.h"

#include <string.h>

enum { BLOCK = 512, MAX_MEMBER = 256 << 20 };

typedef struct header { /* POSIX ustar */
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
    char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
} header;

_Static_assert(sizeof(header) == BLOCK, "a tar header is one block");

static isg_err cut_short(void)
{
    return ISG_FAIL(ISG_EINPUT, "the tar archive on standard input is cut short");
}

static isg_err skip(isg_tar *tar)
{
    char waste[8192];
    while (tar->left) {
        size_t n = tar->left < sizeof waste ? (size_t)tar->left : sizeof waste;
        if (fread(waste, 1, n, tar->in) != n) return cut_short();
        tar->left -= n;
    }
    return ISG_OK;
}

static bool octal(const char *text, size_t n, uint64_t *out)
{
    size_t i = 0;
    *out = 0;
    while (i < n && text[i] == ' ') i++;
    for (; i < n && text[i] >= '0' && text[i] <= '7'; i++)
        *out = *out * 8 + (uint64_t)(text[i] - '0');
    return i == n || text[i] == '\0' || text[i] == ' ';
}

static bool checksum_fits(const header *h)
{
    const unsigned char *p = (const unsigned char *)h;
    const size_t at = offsetof(header, checksum);
    uint64_t sum = 0, told = 0;
    for (size_t i = 0; i < BLOCK; i++) sum += i >= at && i < at + sizeof h->checksum ? ' ' : p[i];
    return octal(h->checksum, sizeof h->checksum, &told) && told == sum;
}

static isg_err name_of(const header *h, isg_str *out)
{
    isg_str_reset(out);
    size_t prefix = !memcmp(h->magic, "ustar\0", 6) ? strnlen(h->prefix, sizeof h->prefix) : 0;
    ISG_TRY(isg_str_add(out, h->prefix, prefix));
    if (prefix) ISG_TRY(isg_str_puts(out, "/"));
    return isg_str_add(out, h->name, strnlen(h->name, sizeof h->name));
}

/* Records of a pax header: "LENGTH KEY=VALUE\n". Only the path matters here. */
static isg_err pax_path(const isg_str *records, isg_str *out)
{
    for (size_t i = 0; i < records->len;) {
        size_t length = 0, k = i;
        while (k < records->len && records->data[k] >= '0' && records->data[k] <= '9' &&
               length < records->len) {
            length = length * 10 + (size_t)(records->data[k++] - '0');
        }
        if (length < 5 || length > records->len - i || k >= i + length) {
            return ISG_FAIL(ISG_EINPUT, "the tar archive has a damaged pax header");
        }
        const char *key = records->data + k + 1;
        size_t n = i + length - (k + 1);
        if (n > 6 && !memcmp(key, "path=", 5)) {
            isg_str_reset(out);
            ISG_TRY(isg_str_add(out, key + 5, n - 6));
        }
        i += length;
    }
    return ISG_OK;
}

isg_err isg_tar_next(isg_tar *tar, bool *got)
{
    header h;
    isg_str extra = {0}, long_name = {0};
    isg_err rc = skip(tar);

    *got = false;
    while (!rc) {
        size_t n = fread(&h, 1, BLOCK, tar->in);
        if (n == 0 && feof(tar->in)) break; /* some writers leave out the two empty blocks */
        if (n != BLOCK) rc = cut_short();
        if (rc || !h.name[0]) break;
        if (!checksum_fits(&h) || !octal(h.size, sizeof h.size, &tar->size)) {
            rc = ISG_FAIL(ISG_EINPUT,
                          "standard input is not a tar archive (a header's checksum does not fit)");
            break;
        }
        tar->left = (tar->size + BLOCK - 1) / BLOCK * BLOCK;
        if (h.type == 'L' || h.type == 'x') {
            rc = isg_tar_read(tar, &extra);
            if (!rc && h.type == 'x') rc = pax_path(&extra, &long_name);
            isg_str_reset(h.type == 'L' ? &long_name : &extra);
            if (!rc && h.type == 'L') rc = isg_str_puts(&long_name, isg_str_c(&extra));
            continue;
        }
        *got = h.type == '0' || h.type == '\0';
        if (!*got) {
            isg_str_reset(&long_name);
            rc = skip(tar);
            continue;
        }
        rc = name_of(&h, &tar->name);
        if (!rc && long_name.len) {
            isg_str_reset(&tar->name);
            rc = isg_str_add(&tar->name, long_name.data, long_name.len);
        }
        break;
    }
    isg_str_free(&extra);
    isg_str_free(&long_name);
    return rc;
}

isg_err isg_tar_read(isg_tar *tar, isg_str *out)
{
    isg_str_reset(out);
    if (tar->size > MAX_MEMBER) {
        return ISG_FAIL(ISG_EINPUT, "'%s' in the tar archive is larger than 256 MiB",
                        isg_str_c(&tar->name));
    }
    size_t n = (size_t)tar->size;
    ISG_TRY(isg_str_reserve(out, n));
    if (fread(out->data, 1, n, tar->in) != n) return cut_short();
    out->len = n;
    out->data[n] = '\0';
    tar->left -= n;
    return skip(tar);
}

void isg_tar_free(isg_tar *tar)
{
    isg_str_free(&tar->name);
}
