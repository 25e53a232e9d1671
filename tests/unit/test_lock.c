/* One campaign, one writer: between two processes, after a kill, and from another host. */
#include "check.h"
#include "isogloss/os.h"
#include "isogloss/store.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/isogloss-lock-XXXXXX";
static char store[64], lock_path[96];

/* A child that takes the lock, says so, and sleeps until it is killed. */
static pid_t start_holder(void)
{
    int ready[2];
    char said = 0;
    if (pipe(ready)) return -1;
    pid_t pid = fork();
    if (pid == 0) {
        isg_lock *l = NULL;
        char word = isg_lock_take(store, &l) ? 'n' : 'y';
        if (write(ready[1], &word, 1) != 1) _exit(1);
        (void)sleep(60);
        _exit(0);
    }
    CHECK(read(ready[0], &said, 1) == 1 && said == 'y');
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

static void end_holder(pid_t pid)
{
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, NULL, 0) == pid);
}

static void test_contention(void)
{
    isg_lock *l = NULL;
    isg_lock_info info;
    bool held = true;
    char text[64];
    CHECK_OK(isg_lock_holder(store, &info, &held));
    CHECK(!held);
    pid_t pid = start_holder();
    (void)snprintf(text, sizeof text, "pid %ld on host", (long)pid);
    CHECK_FAILS(isg_lock_take(store, &l), ISG_EBUSY, text);
    CHECK(!l);
    CHECK_OK(isg_lock_holder(store, &info, &held));
    CHECK(held && info.pid == (long)pid && info.epoch == 1);
    end_holder(pid);
    CHECK(isg_path_exists(lock_path)); /* what a killed holder leaves ... */
    CHECK_OK(isg_lock_holder(store, &info, &held));
    CHECK(!held);
    CHECK_OK(isg_lock_take(store, &l)); /* ... does not block */
    CHECK_OK(isg_lock_check(l));
    isg_lock_release(&l);
    CHECK(!l && !isg_path_exists(lock_path));
    isg_lock_release(&l);
}

/* A lock as another host left it; its flock cannot be seen here. */
static void plant(const char *job, double beat_age, int epoch)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"host\":\"elsewhere\",\"pid\":77,\"job\":\"%s\",\"restart\":0,"
                   "\"epoch\":%d,\"owner\":\"0123\",\"since\":%.3f,\"heartbeat\":%.3f}\n",
                   job, epoch, isg_time_now() - 1000, isg_time_now() - beat_age);
    CHECK_OK(isg_file_write(lock_path, text, strlen(text)));
}

static void test_other_host(void)
{
    isg_lock *l = NULL;
    isg_lock_info info;
    bool held = false;
    plant("", 30, 4);
    CHECK_FAILS(isg_lock_take(store, &l), ISG_EBUSY, "pid 77 on host elsewhere");
    CHECK_OK(isg_lock_holder(store, &info, &held));
    CHECK(held && info.pid == 77);
    plant("", 130, 4);
    CHECK_OK(isg_lock_take(store, &l));
    isg_lock_release(&l);

    /* The epoch goes up with every taking; a leader that lost the lock notices. */
    plant("", 130, 4);
    CHECK_OK(isg_lock_take(store, &l));
    isg_str text = {0};
    CHECK_OK(isg_file_read(lock_path, 4096, &text));
    CHECK(strstr(isg_str_c(&text), "\"epoch\":5,") != NULL);
    isg_str_free(&text);
    FILE *f = fopen(lock_path, "r+"); /* the same file, as a network file system would show it */
    CHECK(f && fprintf(f,
                       "{\"host\":\"thief\",\"pid\":9,\"job\":\"\",\"restart\":0,\"epoch\":6,"
                       "\"owner\":\"ff\",\"since\":1.0,\"heartbeat\":1.0}%200s\n",
                       "") > 0);
    CHECK(f && fclose(f) == 0);
    CHECK_FAILS(isg_lock_check(l), ISG_EBUSY, "pid 9 on host thief (epoch 6, ours was 5)");
    isg_lock_release(&l);
    CHECK(isg_path_exists(lock_path)); /* the thief's file is not ours to remove */
    CHECK_OK(isg_path_remove(lock_path));
}

/* A squeue that answers what $ANSWER says. */
static void fake_squeue(void)
{
    char path[128], env[4096];
    const char *script = "#!/bin/sh\n[ -n \"$ANSWER\" ] && echo \"$ANSWER\"\n"
                         "[ \"$ANSWER\" != broken ]\n";
    (void)snprintf(path, sizeof path, "%s/squeue", dir);
    CHECK_OK(isg_file_write(path, script, strlen(script)));
    CHECK(chmod(path, 0755) == 0);
    (void)snprintf(env, sizeof env, "%s:%s", dir, getenv("PATH"));
    CHECK(setenv("PATH", env, 1) == 0);
}

static void test_slurm(void)
{
    static const struct {
        const char *answer;
        double age;
        bool taken;
    } rows[] = {
        {"RUNNING", 500, false},
        {"COMPLETING", 500, false},
        {"", 5, true},
        {"PENDING", 5, true}, /* requeued */
        {"broken", 5, false},
        {"broken", 500, true},
        {"slurm_load_jobs error: Invalid job id specified", 5, true},
    };
    fake_squeue();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        isg_lock *l = NULL;
        CHECK(setenv("ANSWER", rows[i].answer, 1) == 0);
        plant("4711", rows[i].age, 1);
        isg_err rc = isg_lock_take(store, &l);
        if (!check_note(rc == (rows[i].taken ? ISG_OK : ISG_EBUSY), __FILE__, __LINE__)) {
            fprintf(stderr, "squeue says '%s', age %g: %s\n", rows[i].answer, rows[i].age,
                    isg_err_text(rc));
        }
        isg_lock_release(&l);
        CHECK_OK(isg_path_remove(lock_path));
    }
    /* Our own job number after a requeue: the former self is dead, whatever squeue says. */
    isg_lock *l = NULL;
    CHECK(setenv("ANSWER", "RUNNING", 1) == 0);
    CHECK(setenv("SLURM_JOB_ID", "4711", 1) == 0 && setenv("SLURM_RESTART_COUNT", "1", 1) == 0);
    plant("4711", 5, 1);
    CHECK_OK(isg_lock_take(store, &l));
    isg_lock_release(&l);
    CHECK(unsetenv("SLURM_JOB_ID") == 0 && unsetenv("SLURM_RESTART_COUNT") == 0);
}

/* Garbage in the file is no holder. */
static void test_garbage(void)
{
    isg_lock *l = NULL;
    CHECK_OK(isg_file_write(lock_path, "{\"host\":", 8));
    CHECK_OK(isg_lock_take(store, &l));
    CHECK_OK(isg_lock_check(l));
    CHECK_OK(isg_path_remove(lock_path)); /* somebody removes it by hand */
    CHECK_FAILS(isg_lock_check(l), ISG_EBUSY, "must not write any more");
    isg_lock_release(&l);
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    (void)unsetenv("SLURM_JOB_ID");
    (void)snprintf(store, sizeof store, "%s/s.h5", dir);
    (void)snprintf(lock_path, sizeof lock_path, "%s.lock", store);
    test_contention();
    test_other_host();
    test_slurm();
    test_garbage();
    CHECK_OK(isg_path_remove(dir));
    return check_done();
}
