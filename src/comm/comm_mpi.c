/*
 * Messages over MPI that never block: buffered Isend, Iprobe before Recv. A
 * dead rank must not hang the others: after start-up nothing is collective; what
 * is collective before that looks whether the processes of this host still
 * live; and starting and leaving have limits of their own.
 */
#define _GNU_SOURCE
#include "transport.h"

#include "isogloss/os.h"
#include "isogloss/probe.h"
#include "segments.h"
#include "siblings.h"

#include <fcntl.h>
#include <mpi.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    TAG = 1,
    SIBLINGS_AFTER_S = 3,
    INIT_LIMIT_S = 300,
    AGREE_LIMIT_S = 3600,
    BARRIER_LIMIT_S = 20,
    FINALIZE_LIMIT_S = 10
};

typedef struct letter {
    struct letter *next;
    MPI_Request request;
    unsigned char data[];
} letter;

struct isg_transport {
    MPI_Comm comm;
    letter *sent; /* not yet taken by the network */
    size_t n_sent;
    isg_probe *mates; /* [n_mates] processes of this host */
    int n_mates;
    /* A call that is given up still has its buffers, so they live as long as we do. */
    struct {
        int value, rank;
    } mine, all;
    unsigned char text[512];
};

static isg_err check(int status, const char *call)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int n = 0;
    if (status == MPI_SUCCESS) return ISG_OK;
    (void)MPI_Error_string(status, text, &n);
    return ISG_FAIL(ISG_EMPI, "%s failed: %s", call, text);
}

/* Children must not inherit the launcher's sockets: they would outlive us there. */
static void close_on_exec(void)
{
    for (int fd = 3; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0) (void)fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
    }
}

static void nap_ms(long ms)
{
    struct timespec t = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&t, NULL);
}

/*
 * Threads that watch a call of MPI which may wait for a rank that never comes,
 * and leave in its stead. mpirun --enable-recovery does not end a job of which
 * a rank dies inside MPI_Init.
 */
static void *watch_init(void *unused)
{
    static const char text[] =
        "isogloss: a rank died or did not come while the job started: run the same command again\n";
    (void)unused;
    for (int s = 0; s < INIT_LIMIT_S && (s < SIBLINGS_AFTER_S || !isg_siblings_missing()); s++) {
        for (int i = 0; i < 10; i++) nap_ms(100);
    }
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) { /* nowhere left to say it */
    }
    _exit(isg_err_exit_status(ISG_EAGAIN));
}

static void *watch_finalize(void *unused)
{
    (void)unused;
    for (int i = 0; i < FINALIZE_LIMIT_S * 10; i++) nap_ms(100);
    _exit(isg_err_exit_status(ISG_EAGAIN));
}

static bool watch_begin(pthread_t *watch, void *(*what)(void *))
{
    return pthread_create(watch, NULL, what, NULL) == 0;
}

static void watch_end(pthread_t watch)
{
    (void)pthread_cancel(watch);
    (void)pthread_join(watch, NULL);
}

static bool mate_died(const isg_transport *t)
{
    for (int i = 0; i < t->n_mates; i++) {
        if (isg_probe_is_dead(&t->mates[i])) return true;
    }
    return false;
}

/* Wait for a collective call, but not for the dead. */
static isg_err finish_call(const isg_transport *t, MPI_Request *request, double limit_s,
                           const char *call)
{
    double start = isg_time_mono(), look = start + 0.5;
    for (long ms = 0;; ms = ms < 5 ? ms + 1 : 5) {
        int done = 0;
        ISG_TRY(check(MPI_Test(request, &done, MPI_STATUS_IGNORE), call));
        if (done) return ISG_OK;
        double now = isg_time_mono();
        if (now - start > limit_s) return ISG_FAIL(ISG_EAGAIN, "%s: some rank did not come", call);
        if (now > look && mate_died(t)) {
            return ISG_FAIL(ISG_EAGAIN,
                            "a rank on %s died during start-up: run the same command again",
                            isg_os_host());
        }
        if (now > look) look = now + 0.5;
        nap_ms(ms);
    }
}

/*
 * Let every pair of ranks of this node meet, so that each has mapped the
 * other's shared memory; after that its file has no use but to stay behind
 * when a job is killed. What they tell each other is their process id.
 */
static isg_err meet_and_unlink(isg_transport *t)
{
    MPI_Comm node = MPI_COMM_NULL;
    int n = 0;
    isg_err rc = check(MPI_Comm_split_type(t->comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node),
                       "MPI_Comm_split_type");
    if (rc) return rc;
    (void)MPI_Comm_size(node, &n);
    int *pids = calloc(2 * (size_t)n, sizeof *pids);
    t->mates = calloc((size_t)n, sizeof *t->mates);
    if (!pids || !t->mates) rc = ISG_FAIL(ISG_ENOMEM, "out of memory");
    for (int i = 0; i < n && !rc; i++) pids[i] = (int)getpid();
    if (!rc) rc = check(MPI_Alltoall(pids, 1, MPI_INT, pids + n, 1, MPI_INT, node), "MPI_Alltoall");
    for (int i = 0; i < n && !rc; i++) isg_probe_init(&t->mates[t->n_mates++], pids[n + i]);
    if (!rc) rc = check(MPI_Barrier(node), "MPI_Barrier");
    if (!rc) isg_segments_unlink_own();
    free(pids);
    (void)MPI_Comm_free(&node);
    return rc;
}

isg_err isg_transport_open(isg_transport **out, int *rank, int *size)
{
    isg_transport *t = calloc(1, sizeof *t);
    int provided = 0;
    isg_err rc = ISG_OK;

    *out = NULL;
    if (!t) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    isg_segments_clear_dead();
    /* Open MPI makes a named semaphore per file for shared file pointers, which HDF5 never uses. */
    (void)setenv("OMPI_MCA_sharedfp", "^sm", 0);
    pthread_t watch;
    bool watched = watch_begin(&watch, watch_init);
    rc = check(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
    if (rc) {
        free(t);
        return rc;
    }
    close_on_exec();
    (void)MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    (void)MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    t->comm = MPI_COMM_NULL;
    rc = check(MPI_Comm_dup(MPI_COMM_WORLD, &t->comm), "MPI_Comm_dup");
    if (!rc)
        rc = check(MPI_Comm_set_errhandler(t->comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    if (!rc) rc = meet_and_unlink(t);
    if (watched) watch_end(watch);
    if (!rc) rc = check(MPI_Comm_rank(t->comm, rank), "MPI_Comm_rank");
    if (!rc) rc = check(MPI_Comm_size(t->comm, size), "MPI_Comm_size");
    if (rc) isg_transport_close(&t, false);
    *out = t;
    return rc;
}

/* Forget what the network has taken. */
static void reap(isg_transport *t)
{
    for (letter **at = &t->sent; *at;) {
        letter *l = *at;
        int done = 0;
        if (MPI_Test(&l->request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && !done) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        t->n_sent--;
        free(l);
    }
}

isg_err isg_transport_send(isg_transport *t, int to, const void *data, size_t n)
{
    reap(t);
    letter *l = malloc(sizeof *l + n);
    if (!l) return ISG_FAIL(ISG_ENOMEM, "out of memory for a message of %zu bytes", n);
    if (n) memcpy(l->data, data, n);
    isg_err rc =
        check(MPI_Isend(l->data, (int)n, MPI_BYTE, to, TAG, t->comm, &l->request), "MPI_Isend");
    if (rc) {
        free(l);
        return rc;
    }
    l->next = t->sent;
    t->sent = l;
    t->n_sent++;
    return ISG_OK;
}

isg_err isg_transport_poll(isg_transport *t, int *from, void *data, size_t *n, bool *got)
{
    MPI_Status status;
    int there = 0, bytes = 0;

    *got = false;
    if (t->sent) reap(t);
    ISG_TRY(check(MPI_Iprobe(MPI_ANY_SOURCE, TAG, t->comm, &there, &status), "MPI_Iprobe"));
    if (!there) return ISG_OK;
    /* The probe found it, so receiving from that rank completes at once. */
    ISG_TRY(check(
        MPI_Recv(data, ISG_COMM_MAX_BYTES, MPI_BYTE, status.MPI_SOURCE, TAG, t->comm, &status),
        "MPI_Recv"));
    (void)MPI_Get_count(&status, MPI_BYTE, &bytes);
    *from = status.MPI_SOURCE;
    *n = (size_t)bytes;
    *got = true;
    return ISG_OK;
}

size_t isg_transport_unsent(const isg_transport *t)
{
    return t->n_sent;
}

isg_err isg_transport_max(isg_transport *t, int *value, int *rank)
{
    MPI_Request request;
    t->mine.value = *value;
    (void)MPI_Comm_rank(t->comm, &t->mine.rank);
    ISG_TRY(check(MPI_Iallreduce(&t->mine, &t->all, 1, MPI_2INT, MPI_MAXLOC, t->comm, &request),
                  "MPI_Iallreduce"));
    ISG_TRY(finish_call(t, &request, AGREE_LIMIT_S, "MPI_Iallreduce"));
    *value = t->all.value;
    *rank = t->all.rank;
    return ISG_OK;
}

isg_err isg_transport_spread(isg_transport *t, int root, void *data, int n)
{
    MPI_Request request;
    if (n < 0 || (size_t)n > sizeof t->text)
        return ISG_FAIL(ISG_EARG, "%d bytes are too many to spread", n);
    memcpy(t->text, data, (size_t)n);
    ISG_TRY(check(MPI_Ibcast(t->text, n, MPI_BYTE, root, t->comm, &request), "MPI_Ibcast"));
    ISG_TRY(finish_call(t, &request, AGREE_LIMIT_S, "MPI_Ibcast"));
    memcpy(data, t->text, (size_t)n);
    return ISG_OK;
}

/* True if every rank came within the limit. */
static bool all_arrived(const isg_transport *t)
{
    MPI_Request request;
    if (MPI_Ibarrier(t->comm, &request) != MPI_SUCCESS) return false;
    isg_err rc = finish_call(t, &request, BARRIER_LIMIT_S, "MPI_Ibarrier");
    if (rc) isg_err_clear(); /* else the message is that of the failure that ends the program */
    return !rc;
}

void isg_transport_close(isg_transport **transport, bool orderly)
{
    isg_transport *t = *transport;
    pthread_t watch;
    if (!t) return;
    bool together = orderly && all_arrived(t);
    reap(t);
    int rank = 0;
    (void)MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    isg_segments_put_back(rank);
    bool watched = watch_begin(&watch, watch_finalize);
    if (together) (void)MPI_Comm_free(&t->comm);
    if (together || watched) (void)MPI_Finalize();
    if (watched) watch_end(watch);
    free(t->mates);
    /* Letters to dead ranks stay: MPI may still read their bytes. */
    free(t);
    *transport = NULL;
}
