/*
 * Every rank sends numbered messages of growing size to every rank, itself
 * included, and all must arrive whole and in order.
 *
 *   mpi_comm            exchange, then leave in order
 *   mpi_comm hold       exchange, print "ready PID", then wait to be killed
 *   mpi_comm survive R  rank R kills itself; the others still exchange and leave without it
 */
#define _GNU_SOURCE
#include "check.h"
#include "isogloss/comm.h"
#include "isogloss/os.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { MESSAGES = 50, MAX_RANKS = 64, LIMIT_S = 30 };

static size_t size_of(int message)
{
    return 8 + (size_t)message * (ISG_COMM_MAX_BYTES - 8) / (MESSAGES - 1);
}

static void send_all(isg_comm *comm, int dead)
{
    unsigned char data[ISG_COMM_MAX_BYTES];
    for (int m = 0; m < MESSAGES; m++) {
        for (int to = 0; to < isg_comm_size(comm); to++) {
            if (to == dead && m) continue; /* one letter to the dead: it is lost, not an error */
            memset(data, m + isg_comm_rank(comm), sizeof data);
            memcpy(data, &m, sizeof m);
            CHECK_OK(isg_comm_send(comm, to, data, size_of(m)));
        }
    }
}

static void receive_all(isg_comm *comm, int dead)
{
    unsigned char data[ISG_COMM_MAX_BYTES];
    int next[MAX_RANKS] = {0}, from = 0, number = 0;
    int left = MESSAGES * (isg_comm_size(comm) - (dead >= 0));
    size_t n = 0;
    bool got = false;
    double end = isg_time_mono() + LIMIT_S;
    while (left > 0 && isg_time_mono() < end) {
        CHECK_OK(isg_comm_poll(comm, &from, data, &n, &got));
        if (!got) {
            isg_nap(0.0002);
            continue;
        }
        left--;
        memcpy(&number, data, sizeof number);
        CHECK(number == next[from] && n == size_of(number));
        CHECK(data[n - 1] == (unsigned char)(number + from) || n <= 8);
        next[from]++;
    }
    CHECK_EQ_U64(left, 0);
}

/* Of the launcher's descriptors none may reach a child. */
static void check_close_on_exec(void)
{
    for (int fd = 3; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFD);
        CHECK(flags < 0 || (flags & FD_CLOEXEC));
    }
}

static void check_agreement(isg_comm *comm)
{
    int last = isg_comm_size(comm) - 1, rank = isg_comm_rank(comm), value = 100 - rank;
    isg_err mine = rank == last ? ISG_FAIL(ISG_ESPEC, "only here: %d", 42) : ISG_OK;
    CHECK_FAILS(isg_comm_agree(comm, mine), ISG_ESPEC, "only here: 42");
    CHECK_OK(isg_comm_agree(comm, ISG_OK));
    CHECK_OK(isg_comm_min_int(comm, &value));
    CHECK_EQ_U64(value, 100 - last);
}

int main(int argc, char **argv)
{
    isg_comm *comm = NULL;
    int dead = argc > 2 && !strcmp(argv[1], "survive") ? atoi(argv[2]) : -1;

    CHECK_OK(isg_comm_open(&comm));
    if (!comm) return check_done();
    CHECK(isg_comm_is_mpi(comm) && isg_comm_size(comm) <= MAX_RANKS);
    check_close_on_exec();
    check_agreement(comm);
    if (dead == isg_comm_rank(comm)) (void)raise(SIGKILL);
    if (dead >= 0) isg_nap(0.3);
    send_all(comm, dead);
    receive_all(comm, dead);
    if (argc > 1 && !strcmp(argv[1], "hold")) {
        (void)printf("ready %ld\n", (long)getpid());
        (void)fflush(stdout);
        for (;;) isg_nap(1);
    }
    isg_comm_close(&comm, dead < 0);
    return check_done();
}
