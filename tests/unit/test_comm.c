#include "check.h"
#include "isogloss/comm.h"

#include <stdlib.h>

int main(void)
{
    isg_comm *comm = NULL;
    char data[ISG_COMM_MAX_BYTES], big[ISG_COMM_MAX_BYTES];
    size_t n = 0;
    int from = -1;
    bool got = true;

    (void)unsetenv("OMPI_COMM_WORLD_SIZE");
    (void)unsetenv("PMIX_RANK");
    (void)unsetenv("PMI_RANK");
    CHECK(!isg_comm_launched());
    CHECK_OK(isg_comm_open(&comm));
    CHECK(isg_comm_rank(comm) == 0 && isg_comm_size(comm) == 1 && !isg_comm_is_mpi(comm));

    CHECK_OK(isg_comm_poll(comm, &from, data, &n, &got));
    CHECK(!got);

    for (size_t i = 0; i < sizeof big; i++) big[i] = (char)(i * 7);
    CHECK_OK(isg_comm_send(comm, 0, "one", 3));
    CHECK_OK(isg_comm_send(comm, 0, NULL, 0));
    CHECK_OK(isg_comm_send(comm, 0, big, sizeof big));
    CHECK_OK(isg_comm_poll(comm, &from, data, &n, &got));
    CHECK(got && from == 0 && n == 3 && !memcmp(data, "one", 3));
    CHECK_OK(isg_comm_poll(comm, &from, data, &n, &got));
    CHECK(got && n == 0);
    CHECK_OK(isg_comm_send(comm, 0, "last", 4)); /* the queue goes on after it was nearly empty */
    CHECK_OK(isg_comm_poll(comm, &from, data, &n, &got));
    CHECK(got && n == sizeof big && !memcmp(data, big, n));
    CHECK_OK(isg_comm_poll(comm, &from, data, &n, &got));
    CHECK(got && n == 4 && !memcmp(data, "last", 4));
    CHECK_OK(isg_comm_poll(comm, &from, data, &n, &got));
    CHECK(!got && isg_comm_unsent(comm) == 0);

    int value = 7;
    CHECK_OK(isg_comm_min_int(comm, &value));
    CHECK_EQ_U64(value, 7);
    CHECK_FAILS(isg_comm_agree(comm, ISG_FAIL(ISG_EIO, "disk full")), ISG_EIO, "disk full");
    CHECK_OK(isg_comm_send(comm, 0, "unread", 6)); /* closing frees it */
    isg_comm_close(&comm, true);
    CHECK(comm == NULL);
    isg_comm_close(&comm, true);
    return check_done();
}
