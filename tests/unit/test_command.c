#include "check.h"
#include "isogloss/command.h"

static char lr[] = "lr", unit[] = "1", schedule[] = "wsd", corpus[] = "/data/corpus";
static isg_setting settings[] = {{.name = lr, .unit = unit}};
static double values[] = {0.25};
static isg_run run = {.id = "00112233445566778899aabbccddeeff",
                      .shape = {.layers = 2, .d = 64, .heads = 4, .n_total = 123456},
                      .tokens = 18446744073709551615u,
                      .seed = 7,
                      .setting = values};
static isg_plan plan = {.schedule = schedule,
                        .corpus = corpus,
                        .settings = settings,
                        .n_settings = 1,
                        .runs = &run,
                        .n_runs = 1};
static const isg_command_site site = {.dir = "/w/attempt-3", .attempt = 3, .cores = 2, .gpus = 1};

static void expand(const char *word, const char *wanted)
{
    char *words[] = {(char *)(size_t)word, NULL}, **argv = NULL;
    plan.command = words;
    CHECK_OK(isg_command_check(&plan, word));
    CHECK_OK(isg_command_expand(&plan, 0, &site, &argv));
    if (argv) {
        CHECK_STR(argv[0], wanted);
        CHECK(argv[1] == NULL);
    }
    isg_command_free(&argv);
    CHECK(argv == NULL);
}

static void refuse(const char *word, const char *part)
{
    char *words[] = {(char *)(size_t)word, NULL}, **argv = NULL;
    plan.command = words;
    CHECK_FAILS(isg_command_check(&plan, word), ISG_ESPEC, part);
    CHECK_FAILS(isg_command_expand(&plan, 0, &site, &argv), ISG_ESPEC, part);
    CHECK(argv == NULL);
}

int main(void)
{
    expand("python3", "python3");
    expand("", "");
    expand("{run.id}", "00112233445566778899aabbccddeeff");
    expand("--d={shape.d},{shape.layers}x{shape.heads}", "--d=64,2x4");
    expand("{tokens}/{seed}", "18446744073709551615/7");
    expand("{dir}/log-{attempt} {cores} {gpus}", "/w/attempt-3/log-3 2 1");
    expand("{setting.lr}", "0.25");
    expand("{{\"a\": {shape.n_total}}}", "{\"a\": 123456}");
    expand("$(reboot); {corpus}", "$(reboot); /data/corpus"); /* no shell ever sees it */
    refuse("{shape.dd}", "did you mean '{shape.d}'");
    refuse("{settings.lr}", "did you mean '{setting.lr}'");
    refuse("{}", "unknown template '{}'");
    refuse("{tokens", "single '{'");
    refuse("tokens}", "single '}'");
    refuse("{a{b}}", "single '{'");
    plan.command = NULL;
    char **argv = NULL;
    CHECK_FAILS(isg_command_expand(&plan, 0, &site, &argv), ISG_ESPEC, "names no command");
    return check_done();
}
