#include "cmd.h"

#include <stdio.h>
#include <string.h>

static bool silent; /* this is not the rank that speaks */

void isg_cmd_hush(bool hushed)
{
    silent = hushed;
}

static void print_help(const char *usage, const char *about, const isg_opt *opts)
{
    const char *lead = "Usage: isogloss ";
    for (const char *p = usage; *p;) {
        size_t n = strcspn(p, "\n");
        (void)printf("%s%.*s\n", lead, (int)n, p);
        lead = "       isogloss ";
        p += n + (p[n] == '\n');
    }
    if (about) (void)printf("\n%s\n", about);
    (void)printf("\nOptions:\n");
    isg_opt_help(opts, stdout);
    (void)printf("  -h, --help              Print this help.\n");
}

isg_err isg_cmd_parse(const char *usage, const char *about, const isg_opt *opts, int argc,
                      char **argv, int *operands, bool *done)
{
    *done = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            if (!silent) print_help(usage, about, opts);
            *done = true;
            return ISG_OK;
        }
    }
    return isg_opt_parse(opts, argc, argv, operands);
}

isg_err isg_cmd_wants(bool met, const char *what, int got)
{
    return met ? ISG_OK : ISG_FAIL(ISG_EUSAGE, "wanted %s, got %d; see --help", what, got);
}
