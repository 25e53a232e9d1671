/* What is text, and what a number looks like to people who write decimal commas. */
#include "table_internal.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

/* ---- kinds of files ------------------------------------------------------------- */

static const struct {
    const char *magic, *what;
    size_t bytes;
} kinds[] = {
    {"\x1f\x8b", "gzip-compressed; unpack it first: gunzip -k FILE", 2},
    {"\xfd"
     "7zXZ",
     "xz-compressed; unpack it first: unxz -k FILE", 5},
    {"\x28\xb5\x2f\xfd", "zstd-compressed; unpack it first: unzstd FILE", 4},
    {"BZh", "bzip2-compressed; unpack it first: bunzip2 -k FILE", 3},
    {"PK\x03\x04", "a spreadsheet (.xlsx) or a zip archive; save it as CSV, or unpack it", 4},
    {"PAR1", "a Parquet file; write it as CSV (pandas: read_parquet, to_csv)", 4},
    {"ARROW1", "an Arrow file; write it as CSV (pandas: read_feather, to_csv)", 6},
    {"\x93NUMPY", "a NumPy array; write it as CSV (numpy.savetxt)", 6},
    {"%PDF", "a PDF", 4},
    {"<!DOCTYPE", "a web page, such as a failed download leaves", 9},
    {"<html", "a web page, such as a failed download leaves", 5},
    {"<?xml", "XML; wanted CSV", 5},
    {"\xff\xfe", "UTF-16; save it as UTF-8", 2},
    {"\xfe\xff", "UTF-16; save it as UTF-8", 2},
};

/* Bytes of the UTF-8 character at p; 0 if it is none (RFC 3629). */
static size_t character(const unsigned char *p, const unsigned char *end)
{
    static const unsigned char least[5] = {0, 0, 0xc2, 0xe0, 0xf0};
    size_t n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

    if (n == 1) return 1;
    if (*p < least[n] || *p > 0xf4 || (size_t)(end - p) < n) return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
    }
    if (*p == 0xe0 && p[1] < 0xa0) return 0; /* could be shorter */
    if (*p == 0xed && p[1] > 0x9f) return 0; /* half of a pair of UTF-16 */
    if (*p == 0xf0 && p[1] < 0x90) return 0;
    return *p == 0xf4 && p[1] > 0x8f ? 0 : n;
}

/* Of the header: noise is seen there, before its bytes get into messages. */
static bool has_control_bytes(const char *text, size_t n)
{
    for (size_t i = 0; i < n && text[i] != '\n'; i++) {
        if ((unsigned char)text[i] < 0x20 && text[i] != '\t' && text[i] != '\r') return true;
    }
    return false;
}

isg_err isg_table_check_text(const char *path, const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + n, *line_at = p;
    size_t line = 1;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (n >= kinds[i].bytes && !memcmp(text, kinds[i].magic, kinds[i].bytes))
            return ISG_FAIL(ISG_EINPUT, "%s:1:1: the file is %s", path, kinds[i].what);
    }
    if (has_control_bytes(text, n))
        return ISG_FAIL(ISG_EINPUT, "%s: not a text file; wanted a store or a CSV file", path);
    while (p < end) {
        size_t bytes = *p ? character(p, end) : 0;
        if (!bytes)
            return ISG_FAIL(ISG_EINPUT, "%s:%zu:%zu: %s", path, line, (size_t)(p - line_at) + 1,
                            *p ? "not UTF-8 text; save the file as UTF-8"
                               : "a zero byte: this is not a text file");
        if (*p == '\n') {
            line++;
            line_at = p + 1;
        }
        p += bytes;
    }
    return ISG_OK;
}

/* ---- decimal commas ----------------------------------------------------------------- */

typedef enum look {
    OTHER,   /* no number */
    WHOLE,   /* digits alone, or a word for a missing or infinite number */
    POINT,   /* 1.5 */
    COMMA,   /* 1,234 which may be 1234 */
    DECIMAL, /* 1,5 or 0,123 or 1234,567 */
} look;

static size_t digits(const char **p)
{
    const char *from = *p;
    while (isdigit((unsigned char)**p)) ++*p;
    return (size_t)(*p - from);
}

static look look_at(const char *text)
{
    const char *p = text + (*text == '+' || *text == '-');
    const bool zero = *p == '0';
    size_t before = digits(&p), after = 0;
    double x;

    if (isg_table_number(text, &x)) return strchr(text, '.') ? POINT : WHOLE;
    if (*p != ',') return OTHER;
    p++;
    after = digits(&p);
    if (!before || !after) return OTHER;
    if (*p == 'e' || *p == 'E') {
        p += 1 + (p[1] == '+' || p[1] == '-');
        if (!digits(&p)) return OTHER;
        return *p ? OTHER : DECIMAL;
    }
    if (*p) return OTHER;
    return after != 3 || before > 3 || zero ? DECIMAL : COMMA;
}

/* What a column holds: the strongest evidence, or OTHER if a cell is no number or marks differ. */
static look look_at_column(const isg_table *t, const isg_column *c)
{
    look most = WHOLE;
    bool point = false, comma = false;
    for (size_t i = 0; i < t->n_rows; i++) {
        if (!c->text[i][0]) continue;
        look now = look_at(c->text[i]);
        if (now == OTHER) return OTHER;
        point = point || now == POINT;
        comma = comma || now > POINT;
        if (now > most) most = now;
    }
    return point && comma ? POINT : most;
}

void isg_table_decimal_commas(isg_table *t)
{
    bool sure = false;
    for (size_t j = 0; j < t->n_columns; j++) {
        look now = look_at_column(t, &t->columns[j]);
        if (now == POINT) return;
        sure = sure || now == DECIMAL;
    }
    for (size_t j = 0; j < t->n_columns && sure; j++) {
        if (look_at_column(t, &t->columns[j]) < COMMA) continue;
        for (size_t i = 0; i < t->n_rows; i++) {
            char *comma = strchr(t->columns[j].text[i], ',');
            if (comma) *comma = '.';
        }
    }
}
