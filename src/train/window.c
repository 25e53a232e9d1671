#include "window.h"

#include <assert.h>
#include <string.h>

size_t isg_window_lead(const isg_tag *tag)
{
    return tag->n ? tag->n - 1 : 0;
}

void isg_window_close(const isg_tag *tag, uint8_t before, size_t n, size_t context, uint8_t *input,
                      uint8_t *target)
{
    const size_t lead = isg_window_lead(tag), end = lead + n;
    assert(n && end <= context);
    if (lead) memcpy(target, tag->digit + 1, lead);
    memset(target + end, ISG_SEPARATOR, context - end);
    input[0] = tag->n ? tag->digit[0] : before;
    memcpy(input + 1, target, end - 1);
    memset(input + end, ISG_SEPARATOR, context - end);
}
