#include "isogloss/str.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void isg_str_free(isg_str *s)
{
    if (!s) return;
    free(s->data);
    *s = (isg_str){0};
}

void isg_str_reset(isg_str *s)
{
    s->len = 0;
    if (s->data) s->data[0] = '\0';
}

isg_err isg_str_reserve(isg_str *s, size_t more)
{
    if (more >= SIZE_MAX / 2 - s->len) return ISG_FAIL(ISG_ENOMEM, "string too long");
    size_t need = s->len + more + 1;
    if (need <= s->cap) return ISG_OK;
    size_t cap = s->cap ? s->cap : 64;
    while (cap < need) cap *= 2;
    char *data = realloc(s->data, cap);
    if (!data) return ISG_FAIL(ISG_ENOMEM, "out of memory for a string of %zu bytes", cap);
    s->data = data;
    s->cap = cap;
    s->data[s->len] = '\0';
    return ISG_OK;
}

isg_err isg_str_add(isg_str *s, const void *bytes, size_t n)
{
    ISG_TRY(isg_str_reserve(s, n));
    if (n) memcpy(s->data + s->len, bytes, n);
    s->len += n;
    s->data[s->len] = '\0';
    return ISG_OK;
}

isg_err isg_str_puts(isg_str *s, const char *text)
{
    return isg_str_add(s, text, strlen(text));
}

__attribute__((format(printf, 2, 0))) static isg_err add_vprintf(isg_str *s, const char *fmt,
                                                                 va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0) return ISG_FAIL(ISG_EARG, "bad format '%s'", fmt);
    ISG_TRY(isg_str_reserve(s, (size_t)n));
    (void)vsnprintf(s->data + s->len, (size_t)n + 1, fmt, ap);
    s->len += (size_t)n;
    return ISG_OK;
}

isg_err isg_str_printf(isg_str *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    isg_err rc = add_vprintf(s, fmt, ap);
    va_end(ap);
    return rc;
}

const char *isg_str_c(const isg_str *s)
{
    return s->data ? s->data : "";
}

char *isg_strf(const char *fmt, ...)
{
    isg_str s = {0};
    va_list ap;
    va_start(ap, fmt);
    isg_err rc = add_vprintf(&s, fmt, ap);
    va_end(ap);
    if (rc) isg_str_free(&s);
    return s.data;
}

char *isg_strdup(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* Optimal string alignment distance of words of at most 64 bytes. */
static size_t distance(const char *a, const char *b)
{
    enum { MAX = 64 };
    size_t n = strlen(a), m = strlen(b);
    if (n > MAX || m > MAX) return SIZE_MAX;
    size_t d[MAX + 1][MAX + 1];
    for (size_t i = 0; i <= n; i++) d[i][0] = i;
    for (size_t j = 0; j <= m; j++) d[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        for (size_t j = 1; j <= m; j++) {
            size_t best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && d[i - 2][j - 2] + 1 < best) best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[n][m];
}

const char *isg_str_nearest(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    const size_t most = strlen(word) / 3; /* one error in three letters, at least one */
    size_t least = most > 1 ? most + 1 : 2;

    for (size_t i = 0; i < n; i++) {
        if (!names[i]) continue;
        size_t d = distance(word, names[i]);
        if (d < least) {
            least = d;
            best = names[i];
        }
    }
    return best;
}

bool isg_str_is_name(const char *name)
{
    size_t n = strlen(name);
    if (n < 1 || n > 64 || !strcmp(name, ".") || !strcmp(name, "..")) return false;
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == n;
}

void isg_str_hex(const uint8_t *bytes, size_t n, char *out)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digit[bytes[i] >> 4];
        out[2 * i + 1] = digit[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

static const char *scaled(double value, const char *const *unit, size_t units, char *buf,
                          size_t cap)
{
    size_t u = 0;
    double v = fabs(value);
    while (v >= 999.5 && u + 1 < units) {
        v /= 1000;
        u++;
    }
    if (value < 0) v = -v;
    int digits = (u == 0 && v == floor(v)) || fabs(v) >= 99.95 ? 0 : fabs(v) >= 9.995 ? 1 : 2;
    (void)snprintf(buf, cap, "%.*f", digits, v);
    if (digits && strchr(buf, '.')) { /* 1.50 -> 1.5, 2.00 -> 2 */
        char *end = buf + strlen(buf) - 1;
        while (*end == '0') *end-- = '\0';
        if (*end == '.') *end = '\0';
    }
    size_t at = strlen(buf);
    (void)snprintf(buf + at, cap - at, "%s", unit[u]);
    return buf;
}

const char *isg_str_count(double value, char *buf, size_t cap)
{
    static const char *const unit[] = {"", "k", "M", "G", "T", "P", "E"};
    return scaled(value, unit, 7, buf, cap);
}

const char *isg_str_bytes(double bytes, char *buf, size_t cap)
{
    static const char *const unit[] = {" B", " kB", " MB", " GB", " TB", " PB"};
    return scaled(bytes, unit, 6, buf, cap);
}

const char *isg_str_duration(double seconds, char *buf, size_t cap)
{
    if (!isfinite(seconds)) {
        (void)snprintf(buf, cap, "unknown");
    } else if (seconds < 10) {
        (void)snprintf(buf, cap, "%.1fs", seconds);
    } else if (seconds < 60) {
        (void)snprintf(buf, cap, "%.0fs", seconds);
    } else if (seconds < 3600) {
        long s = lround(seconds);
        (void)snprintf(buf, cap, "%ldm %02lds", s / 60, s % 60);
    } else if (seconds < 48 * 3600.0) {
        long m = lround(seconds / 60);
        (void)snprintf(buf, cap, "%ldh %02ldm", m / 60, m % 60);
    } else {
        (void)snprintf(buf, cap, "%.1f days", seconds / 86400);
    }
    return buf;
}

const char *isg_str_plural(size_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

char *isg_str_shell(const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "_./-+:,=@%";
    isg_str s = {0};
    if (*word && strspn(word, plain) == strlen(word)) return isg_strdup(word);
    isg_err rc = isg_str_puts(&s, "'");
    for (const char *p = word; *p && !rc; p++) {
        rc = *p == '\'' ? isg_str_puts(&s, "'\\''") : isg_str_add(&s, p, 1);
    }
    if (!rc) rc = isg_str_puts(&s, "'");
    if (rc) isg_str_free(&s);
    return s.data;
}

bool isg_str_to_double(const char *text, double *out)
{
    char *end = NULL;
    if (!text || !*text || strspn(text, "0123456789+-.eE") != strlen(text)) return false;
    errno = 0;
    double v = strtod(text, &end);
    if (*end || end == text || !isfinite(v)) return false;
    *out = v;
    return true;
}

bool isg_str_to_u64(const char *text, uint64_t *out)
{
    char *end = NULL;
    if (!text || !*text || strspn(text, "0123456789") != strlen(text)) return false;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (*end || end == text || errno == ERANGE) return false;
    *out = v;
    return true;
}
