#include "check.h"
#include "isogloss/os.h"
#include "run/work.h"

#include <stdlib.h>

static char root[] = "/tmp/isg-work-XXXXXX";
static const char id[] = "00112233445566778899aabbccddeeff";

static void put(uint32_t attempt, const char *file, const char *text)
{
    char *dir = isg_work_attempt_dir(root, id, attempt);
    char *path = isg_path_join(dir, file);
    CHECK_OK(isg_dir_make(dir));
    CHECK_OK(isg_file_write(path, text, strlen(text)));
    free(path);
    free(dir);
}

static void test_paths(void)
{
    char *a = isg_work_dir("/x/run.h5"), *b = isg_work_dir("plain"), *c = isg_work_dir(".h5");
    CHECK_STR(a, "/x/run.work");
    CHECK_STR(b, "plain.work");
    CHECK_STR(c, ".h5.work");
    free(a);
    free(b);
    free(c);
}

static void test_scan(void)
{
    isg_work_state s = {9, 9, 9};
    char name[ISG_WORK_NAME];
    uint64_t tokens = 0;

    CHECK_OK(isg_work_scan(root, id, &s));
    CHECK(s.last_attempt == 0 && s.checkpoint_attempt == 0 && s.checkpoint_tokens == 0);

    put(1, "checkpoint.json", "{\"name\":\"ckpt-500\",\"tokens\":500}");
    put(1, "ckpt-500", "x");
    put(2, "checkpoint.json",
        "{\"name\":\"ckpt-900\",\"tokens\":900}");   /* its data were never written */
    put(3, "checkpoint.json", "{\"name\":\"ckpt-7"); /* torn */
    put(4, "checkpoint.json", "{\"name\":\"../../etc\",\"tokens\":99999}");
    put(12, "run.json", "{}");
    CHECK_OK(isg_work_scan(root, id, &s));
    CHECK_EQ_U64(s.last_attempt, 12);
    CHECK_EQ_U64(s.checkpoint_attempt, 1);
    CHECK_EQ_U64(s.checkpoint_tokens, 500);

    put(2, "ckpt-900", "x");
    CHECK_OK(isg_work_scan(root, id, &s));
    CHECK(s.checkpoint_attempt == 2 && s.checkpoint_tokens == 900);
    CHECK_OK(isg_work_checkpoint(root, id, 2, name, &tokens));
    CHECK_STR(name, "ckpt-900");
    CHECK_EQ_U64(tokens, 900);
    CHECK_FAILS(isg_work_checkpoint(root, id, 4, name, &tokens), ISG_EINPUT,
                "is not a checkpoint's name");
    CHECK_FAILS(isg_work_checkpoint(root, id, 12, name, &tokens), ISG_EIO, "checkpoint.json");
}

int main(void)
{
    CHECK(mkdtemp(root) != NULL);
    test_paths();
    test_scan();
    CHECK_OK(isg_path_remove(root));
    return check_done();
}
