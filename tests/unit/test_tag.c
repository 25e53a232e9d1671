/* Tags of languages, and windows byte by byte. */
#include "check.h"
#include "train/window.h"

#include <string.h>

static void test_digits(void)
{
    size_t n = 0;
    for (unsigned b = 0; b < 256; b++) {
        /* bytes that no UTF-8 text has, but for the last, which separates */
        bool never = b == 0xc0 || b == 0xc1 || (b >= 0xf5 && b < 0xff);
        CHECK(isg_tag_is_digit(b) == never);
        n += never;
    }
    CHECK_EQ_U64(n, ISG_TAG_BASE);
    CHECK(!isg_tag_is_digit(256 + 0xc0));
}

static void check_tag(size_t rank, size_t languages, const char *digits)
{
    isg_tag tag = isg_tag_of(rank, languages);
    CHECK_EQ_U64(tag.n, strlen(digits));
    CHECK(!memcmp(tag.digit, digits, tag.n));
}

static void test_tags(void)
{
    check_tag(0, 1, "\xc0");
    check_tag(2, 8, "\xf5");
    check_tag(11, 12, "\xfe");
    check_tag(0, 13, "\xc0\xc0");
    check_tag(12, 13, "\xc1\xc0");
    check_tag(143, 144, "\xfe\xfe");
    check_tag(144, 145, "\xc1\xc0\xc0");
    for (size_t n = 1; n < 400; n += 37) { /* all apart */
        for (size_t a = 0; a < n; a++) {
            isg_tag x = isg_tag_of(a, n);
            for (size_t b = 0; b < a; b++) {
                isg_tag y = isg_tag_of(b, n);
                CHECK(x.n == y.n && memcmp(x.digit, y.digit, x.n) != 0);
            }
        }
    }
}

enum { CONTEXT = 6 };

static void check_window(const char *digits, uint8_t before, const char *text, const char *input,
                         const char *target)
{
    isg_tag tag = {.n = strlen(digits)};
    uint8_t in[CONTEXT], out[CONTEXT];
    memcpy(tag.digit, digits, tag.n);
    memset(in, '?', sizeof in);
    memset(out, '?', sizeof out);
    memcpy(out + isg_window_lead(&tag), text, strlen(text));
    isg_window_close(&tag, before, strlen(text), CONTEXT, in, out);
    CHECK(!memcmp(in, input, CONTEXT));
    CHECK(!memcmp(out, target, CONTEXT));
}

static void test_windows(void)
{
    check_window("", 'x', "abcdef", "xabcde", "abcdef");
    check_window("", ISG_SEPARATOR, "abcdef",
                 "\xff"
                 "abcde",
                 "abcdef");
    check_window("", 'x', "abc", "xab\xff\xff\xff", "abc\xff\xff\xff");
    check_window("", 'x', "a", "x\xff\xff\xff\xff\xff", "a\xff\xff\xff\xff\xff");
    check_window("\xf5", 'x', "abcdef",
                 "\xf5"
                 "abcde",
                 "abcdef");
    check_window("\xf5", ISG_SEPARATOR, "ab",
                 "\xf5"
                 "a\xff\xff\xff\xff",
                 "ab\xff\xff\xff\xff");
    check_window("\xc1\xf6", 'x', "abcde",
                 "\xc1\xf6"
                 "abcd",
                 "\xf6"
                 "abcde");
    check_window("\xc1\xf6", 'x', "ab",
                 "\xc1\xf6"
                 "a\xff\xff\xff",
                 "\xf6"
                 "ab\xff\xff\xff");
    check_window("\xc1\xf6\xfe", 'x', "abcd",
                 "\xc1\xf6\xfe"
                 "abc",
                 "\xf6\xfe"
                 "abcd");
}

int main(void)
{
    test_digits();
    test_tags();
    test_windows();
    return check_done();
}
