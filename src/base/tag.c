#include "isogloss/tag.h"

#include <assert.h>

static const uint8_t digits[ISG_TAG_BASE] = {0xc0, 0xc1, 0xf5, 0xf6, 0xf7, 0xf8,
                                             0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe};

isg_tag isg_tag_of(size_t rank, size_t languages)
{
    isg_tag tag = {.n = 1};
    assert(rank < languages);
    for (size_t can = ISG_TAG_BASE; can < languages; can *= ISG_TAG_BASE) tag.n++;
    assert(tag.n <= ISG_TAG_DIGITS);
    for (size_t i = tag.n; i-- > 0; rank /= ISG_TAG_BASE)
        tag.digit[i] = digits[rank % ISG_TAG_BASE];
    return tag;
}

bool isg_tag_is_digit(uint64_t byte)
{
    for (size_t i = 0; i < ISG_TAG_BASE; i++) {
        if (digits[i] == byte) return true;
    }
    return false;
}
