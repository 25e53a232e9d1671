#include "cli/cmd.h"
#include "isogloss/build.h"
#include "isogloss/err.h"
#include "isogloss/str.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Does nobody read standard output any more, as under "| head"? */
static bool reader_left(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return ferror(stdout) && poll(&out, 1, 0) == 1 && (out.revents & POLLERR);
}

static void print_overview(FILE *out)
{
    (void)fprintf(out, "Usage: isogloss COMMAND [OPTION]... [OPERAND]...\n\n"
                       "Run scaling-law campaigns and say how sure the answer is.\n\nCommands:\n");
    for (const isg_cmd *const *c = isg_cmds; *c; c++) {
        (void)fprintf(out, "  %-10s  %s\n", (*c)->name, (*c)->summary);
    }
    (void)fprintf(
        out, "\n`isogloss COMMAND --help` explains one. Exit status: 0 done, 1 failure, 2 usage\n"
             "or bad campaign, 3 finished but some runs failed for good, 4 store damaged,\n"
             "5 the data do not say, 75 work left (run the same command again).\n");
}

static const isg_cmd *find(const char *name)
{
    const char *names[64];
    size_t n = 0;
    for (const isg_cmd *const *c = isg_cmds; *c; c++) {
        if (!strcmp((*c)->name, name)) return *c;
        if (n < 64) names[n++] = (*c)->name;
    }
    const char *near = isg_str_nearest(name, names, n);
    if (near)
        (void)fprintf(stderr, "isogloss: unknown command '%s'; did you mean '%s'?\n", name, near);
    else
        (void)fprintf(stderr, "isogloss: unknown command '%s'; see 'isogloss --help'\n", name);
    return NULL;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error code, not a death */
    if (argc < 2) {
        print_overview(stderr);
        return isg_err_exit_status(ISG_EUSAGE);
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
        (argc == 2 && !strcmp(argv[1], "help"))) {
        print_overview(stdout);
        return 0;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        (void)printf("isogloss %s (%s, %s)\n", isg_build_version(), isg_build_commit(),
                     isg_build_compiler());
        return 0;
    }
    if (!strcmp(argv[1], "help")) { /* help COMMAND is COMMAND --help */
        static char option[] = "--help";
        argv[1] = argv[2];
        argv[2] = option;
    }
    const isg_cmd *cmd = find(argv[1]);
    if (!cmd) return isg_err_exit_status(ISG_EUSAGE);
    isg_err rc = cmd->run(argc - 1, argv + 1);
    if (rc == ISG_OK && fflush(stdout)) rc = ISG_FAIL(ISG_EIO, "cannot write to standard output");
    if (rc == ISG_EIO && reader_left()) return 128 + SIGPIPE; /* as if we had died of it */
    if (rc && isg_err_message()[0])
        (void)fprintf(stderr, "isogloss %s: %s\n", cmd->name, isg_err_message());
    return isg_err_exit_status(rc);
}
