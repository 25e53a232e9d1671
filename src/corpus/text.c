#include "text.h"

#include "isogloss/rng.h"

#include <string.h>

/* Length of the valid sequence at s, or 0. */
static size_t sequence(const unsigned char *s, size_t n)
{
    unsigned char a = s[0];
    if (a < 0x80) return 1;
    if (a < 0xC2 || a > 0xF4) return 0;
    size_t len = a < 0xE0 ? 2 : a < 0xF0 ? 3 : 4;
    if (n < len) return 0;
    unsigned char lo = 0x80,
                  hi = 0xBF; /* bounds of the second byte: no overlong forms, no surrogates */
    if (a == 0xE0) lo = 0xA0;
    if (a == 0xED) hi = 0x9F;
    if (a == 0xF0) lo = 0x90;
    if (a == 0xF4) hi = 0x8F;
    if (s[1] < lo || s[1] > hi) return 0;
    for (size_t i = 2; i < len; i++) {
        if ((s[i] & 0xC0) != 0x80) return 0;
    }
    return len;
}

size_t isg_text_valid(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t i = 0;
    while (i < n) {
        size_t len = p[i] < 0x80 ? 1 : sequence(p + i, n - i);
        if (!len) return i;
        i += len;
    }
    return n;
}

size_t isg_text_clean(char *s, size_t n)
{
    size_t to = 0;
    for (size_t i = 0; i < n;) {
        size_t len = sequence((const unsigned char *)s + i, n - i);
        if (len) memmove(s + to, s + i, len);
        to += len;
        i += len ? len : 1;
    }
    return to;
}

/* Decode one character of valid UTF-8. @return its bytes */
static size_t decode(const char *s, uint32_t *out)
{
    const unsigned char *p = (const unsigned char *)s;
    if (p[0] < 0x80) {
        *out = p[0];
        return 1;
    }
    if (p[0] < 0xE0) {
        *out = (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
        return 2;
    }
    if (p[0] < 0xF0) {
        *out = (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
        return 3;
    }
    *out = (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
           (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
    return 4;
}

size_t isg_text_encode(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* FNV-1a, finished with a stronger mix: the low bits are used as they come. */
static const uint64_t fnv_start = 0xcbf29ce484222325u, fnv_prime = 0x100000001b3u;

uint64_t isg_text_hash(const char *s, size_t n)
{
    uint64_t h = fnv_start;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * fnv_prime;
    return isg_mix64(h);
}

size_t isg_text_space(const char *s, size_t n)
{
    unsigned char a = (unsigned char)s[0];
    if (a == ' ' || (a >= '\t' && a <= '\r')) return 1;
    if (a == 0xC2 && n >= 2 && (unsigned char)s[1] == 0xA0) return 2;
    if (n < 3) return 0;
    if (!memcmp(s, "\xE2\x80\x8B", 3) || !memcmp(s, "\xEF\xBB\xBF", 3)) return 3;
    return 0;
}

/* Zeros of the decimal digits outside ASCII (Unicode general category Nd, living scripts). */
static bool is_digit(uint32_t c)
{
    static const uint32_t zero[] = {0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66,
                                    0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20,
                                    0x1040, 0x1090, 0x17E0, 0x1810, 0x1C50, 0xFF10};
    if (c < 0x80) return c >= '0' && c <= '9';
    for (size_t i = 0; i < sizeof zero / sizeof zero[0]; i++) {
        if (c - zero[i] < 10) return true;
    }
    return false;
}

uint64_t isg_text_hash_folded(const char *s, size_t n)
{
    enum { OTHER, SPACE, DIGIT } last = SPACE; /* white space at the ends does not count */
    uint64_t h = fnv_start;
    bool blank = false;
    for (size_t i = 0; i < n;) {
        size_t len = isg_text_space(s + i, n - i);
        if (len) {
            blank = last != SPACE || blank;
            last = SPACE;
            i += len;
            continue;
        }
        uint32_t c = 0;
        len = decode(s + i, &c);
        bool digit = is_digit(c);
        if (blank) h = (h ^ ' ') * fnv_prime;
        blank = false;
        if (digit && last != DIGIT) h = (h ^ '0') * fnv_prime;
        for (size_t k = 0; !digit && k < len; k++) h = (h ^ (unsigned char)s[i + k]) * fnv_prime;
        last = digit ? DIGIT : OTHER;
        i += len;
    }
    return isg_mix64(h);
}

bool isg_text_is_alpha(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

typedef struct script_range {
    const char *script; /* ISO 15924 */
    uint32_t lo, hi;
} script_range;

/* Blocks that matter for running text; compound codes (Jpan, Kore, Hans, Hant) list their parts. */
static const script_range ranges[] = {
    {"Latn", 'A', 'Z'},       {"Latn", 'a', 'z'},         {"Latn", 0x00AA, 0x00AA},
    {"Latn", 0x00BA, 0x00BA}, {"Latn", 0x00C0, 0x02AF},   {"Latn", 0x0300, 0x036F},
    {"Latn", 0x1E00, 0x1EFF}, {"Latn", 0x2C60, 0x2C7F},   {"Latn", 0xA720, 0xA7FF},
    {"Latn", 0xFB00, 0xFB06}, {"Grek", 0x0370, 0x03FF},   {"Grek", 0x1F00, 0x1FFF},
    {"Grek", 0x0300, 0x036F}, {"Cyrl", 0x0400, 0x052F},   {"Cyrl", 0x1C80, 0x1C8F},
    {"Cyrl", 0x2DE0, 0x2DFF}, {"Cyrl", 0xA640, 0xA69F},   {"Cyrl", 0x0300, 0x036F},
    {"Armn", 0x0531, 0x058F}, {"Hebr", 0x0591, 0x05F4},   {"Hebr", 0xFB1D, 0xFB4F},
    {"Arab", 0x0600, 0x06FF}, {"Arab", 0x0750, 0x077F},   {"Arab", 0x08A0, 0x08FF},
    {"Arab", 0xFB50, 0xFDFF}, {"Arab", 0xFE70, 0xFEFE},   {"Syrc", 0x0700, 0x074F},
    {"Thaa", 0x0780, 0x07BF}, {"Nkoo", 0x07C0, 0x07FF},   {"Deva", 0x0900, 0x097F},
    {"Deva", 0xA8E0, 0xA8FF}, {"Beng", 0x0980, 0x09FF},   {"Guru", 0x0A00, 0x0A7F},
    {"Gujr", 0x0A80, 0x0AFF}, {"Orya", 0x0B00, 0x0B7F},   {"Taml", 0x0B80, 0x0BFF},
    {"Telu", 0x0C00, 0x0C7F}, {"Knda", 0x0C80, 0x0CFF},   {"Mlym", 0x0D00, 0x0D7F},
    {"Sinh", 0x0D80, 0x0DFF}, {"Thai", 0x0E00, 0x0E7F},   {"Laoo", 0x0E80, 0x0EFF},
    {"Tibt", 0x0F00, 0x0FFF}, {"Mymr", 0x1000, 0x109F},   {"Mymr", 0xA9E0, 0xA9FF},
    {"Mymr", 0xAA60, 0xAA7F}, {"Geor", 0x10A0, 0x10FF},   {"Geor", 0x1C90, 0x1CBF},
    {"Ethi", 0x1200, 0x139F}, {"Ethi", 0x2D80, 0x2DDF},   {"Ethi", 0xAB00, 0xAB2F},
    {"Cher", 0x13A0, 0x13FF}, {"Cans", 0x1400, 0x167F},   {"Khmr", 0x1780, 0x17FF},
    {"Mong", 0x1800, 0x18AF}, {"Olck", 0x1C50, 0x1C7F},   {"Tfng", 0x2D30, 0x2D7F},
    {"Mtei", 0xABC0, 0xABFF}, {"Yiii", 0xA000, 0xA4CF},   {"Jpan", 0x3005, 0x3007},
    {"Jpan", 0x3040, 0x30FF}, {"Jpan", 0x3400, 0x9FFF},   {"Jpan", 0xF900, 0xFAFF},
    {"Jpan", 0xFF66, 0xFF9F}, {"Jpan", 0x20000, 0x3FFFF}, {"Kore", 0x1100, 0x11FF},
    {"Kore", 0x3130, 0x318F}, {"Kore", 0xAC00, 0xD7FF},   {"Kore", 0x3400, 0x9FFF},
    {"Kore", 0xF900, 0xFAFF}, {"Hans", 0x3005, 0x3007},   {"Hans", 0x3100, 0x312F},
    {"Hans", 0x3400, 0x9FFF}, {"Hans", 0xF900, 0xFAFF},   {"Hans", 0x20000, 0x3FFFF},
    {"Hant", 0x3005, 0x3007}, {"Hant", 0x3100, 0x312F},   {"Hant", 0x3400, 0x9FFF},
    {"Hant", 0xF900, 0xFAFF}, {"Hant", 0x20000, 0x3FFFF},
};

enum { N_RANGES = sizeof ranges / sizeof ranges[0] };

/* Punctuation, symbols and private use outside ASCII; everything else there counts as a letter. */
static bool is_letter(uint32_t c)
{
    if (c < 0x80) return (c | 0x20) - 'a' < 26;
    if (c < 0xC0) return c == 0xAA || c == 0xB5 || c == 0xBA;
    if (c == 0xD7 || c == 0xF7 || is_digit(c)) return false;
    if (c == 0x0964 || c == 0x0965 || (c >= 0x17D4 && c <= 0x17DB)) return false;
    if (c >= 0x0F04 && c <= 0x0F17) return false; /* Tibetan marks of division */
    if (c >= 0x0F20 && c <= 0x0F34) return false;
    if (c >= 0x2000 && c <= 0x2BFF) return c == 0x200C || c == 0x200D;
    if (c >= 0x2E00 && c <= 0x2E7F) return false;
    if (c >= 0x3000 && c <= 0x303F) return c >= 0x3005 && c <= 0x3007;
    if (c >= 0xFF00 && c <= 0xFF65)
        return (c >= 0xFF21 && c <= 0xFF3A) || (c >= 0xFF41 && c <= 0xFF5A);
    if (c >= 0xE000 && c <= 0xF8FF) return false;
    return !((c >= 0xFE00 && c <= 0xFE6F) || c >= 0xFFE0) || (c >= 0x10000 && c < 0x1D000) ||
           (c >= 0x20000 && c < 0x40000);
}

isg_text_shape isg_text_measure(const char *s, size_t n, const char *script)
{
    const script_range *own[N_RANGES];
    size_t n_own = 0;
    for (size_t r = 0; r < N_RANGES; r++) {
        if (!strcmp(ranges[r].script, script)) own[n_own++] = &ranges[r];
    }
    isg_text_shape shape = {0};
    for (size_t i = 0; i < n;) {
        size_t len = isg_text_space(s + i, n - i);
        if (len) {
            i += len;
            continue;
        }
        uint32_t c = 0;
        i += decode(s + i, &c);
        shape.visible++;
        if (!is_letter(c)) continue;
        shape.letters++;
        bool mine = !n_own;
        for (size_t r = 0; r < n_own && !mine; r++) mine = c >= own[r]->lo && c <= own[r]->hi;
        shape.own += mine;
    }
    return shape;
}
