/* Messages through comm. */

#include "isogloss/log.h"
#include "msg.h"

isg_err isg_msg_send(isg_comm *comm, int to, const isg_msg *msg)
{
    uint8_t bytes[ISG_COMM_MAX_BYTES];
    size_t n;
    isg_msg_encode(msg, bytes, &n);
    return isg_comm_send(comm, to, bytes, n);
}

isg_err isg_msg_poll(isg_comm *comm, int *from, isg_msg *out, bool *got)
{
    uint8_t bytes[ISG_COMM_MAX_BYTES];
    size_t n = 0;
    for (;;) {
        ISG_TRY(isg_comm_poll(comm, from, bytes, &n, got));
        if (!*got || !isg_msg_decode(bytes, n, out)) return ISG_OK;
        ISG_WARN("msg", "dropped a message from rank %d: %s", *from, isg_err_message());
        isg_err_clear();
    }
}
