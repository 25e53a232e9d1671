#include "check.h"
#include "isogloss/err.h"
#include "isogloss/hash.h"
#include "isogloss/json.h"
#include "isogloss/opt.h"
#include "isogloss/os.h"
#include "isogloss/str.h"

#include <stdlib.h>

static void test_err(void)
{
    CHECK_EQ_U64(isg_err_exit_status(ISG_ESPEC), 2);
    CHECK_EQ_U64(isg_err_exit_status(ISG_EAGAIN), 75);
    isg_err rc = ISG_FAIL(ISG_EIO, "disk %d", 3);
    rc = isg_err_context(rc, "run %s", "x");
    CHECK_STR(isg_err_message(), "run x: disk 3");
    CHECK(rc == ISG_EIO);
    CHECK(isg_err_context(ISG_OK, "nothing") == ISG_OK);
    isg_err_clear();
    CHECK_STR(isg_err_message(), "");
}

static void sha(const char *text, char hex[65])
{
    isg_sha256 s;
    uint8_t out[32];
    isg_sha256_init(&s);
    isg_sha256_add(&s, text, strlen(text));
    isg_sha256_end(&s, out);
    isg_str_hex(out, 32, hex);
}

static void test_hash(void)
{
    char hex[65];
    sha("abc", hex); /* FIPS 180-4 examples */
    CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha("", hex);
    CHECK_STR(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", hex);
    CHECK_STR(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK_EQ_U64(isg_crc32c(0, "123456789", 9), 0xe3069283); /* RFC 3720 */
    uint32_t part = isg_crc32c(0, "1234", 4);
    CHECK_EQ_U64(isg_crc32c(part, "56789", 5), 0xe3069283);
}

static void test_str(void)
{
    char buf[64];
    const char *names[] = {"tokens", "sizes", "seed"};
    CHECK_STR(isg_str_nearest("tokns", names, 3), "tokens");
    CHECK_STR(isg_str_nearest("sede", names, 3), "seed");
    CHECK(isg_str_nearest("xyzzy", names, 3) == NULL);
    CHECK(isg_str_nearest("params", (const char *[]){"terms"}, 1) == NULL); /* three of six */
    CHECK(isg_str_nearest("run-id", (const char *[]){"unit"}, 1) == NULL);
    CHECK_STR(isg_str_nearest("boostrp", (const char *[]){"bootstrap"}, 1), "bootstrap");
    CHECK(isg_str_is_name("en-US_1.x"));
    CHECK(!isg_str_is_name("..") && !isg_str_is_name("a/b") && !isg_str_is_name(""));
    CHECK_STR(isg_str_count(1.5e6, buf, sizeof buf), "1.5M");
    CHECK_STR(isg_str_count(98304, buf, sizeof buf), "98.3k");
    CHECK_STR(isg_str_count(7, buf, sizeof buf), "7");
    CHECK_STR(isg_str_duration(200, buf, sizeof buf), "3m 20s");
    CHECK_STR(isg_str_plural(1, "family", "families"), "family");
    CHECK_STR(isg_str_plural(0, "family", "families"), "families");
    const char *const word[][2] = {
        {"runs/a-1.h5", "runs/a-1.h5"}, {"", "''"}, {"a b", "'a b'"}, {"it's $x", "'it'\\''s $x'"}};
    for (size_t i = 0; i < sizeof word / sizeof *word; i++) {
        char *quoted = isg_str_shell(word[i][0]);
        CHECK_STR(quoted, word[i][1]);
        free(quoted);
    }
    double d;
    CHECK(isg_str_to_double("1e3", &d) && d == 1000);
    CHECK(!isg_str_to_double("nan", &d) && !isg_str_to_double("1x", &d) &&
          !isg_str_to_double("", &d));
    uint64_t u;
    CHECK(isg_str_to_u64("18446744073709551615", &u) && u == UINT64_MAX);
    CHECK(!isg_str_to_u64("18446744073709551616", &u) && !isg_str_to_u64("-7", &u));
}

static void test_opt(void)
{
    bool flag = false;
    uint64_t n = 5;
    const char *name = NULL;
    isg_opt_list list = {0};
    const isg_opt table[] = {
        {.letter = 'j', .name = "json", .kind = ISG_OPT_FLAG, .dest = &flag, .help = "x"},
        {.letter = 'n',
         .name = "count",
         .kind = ISG_OPT_U64,
         .dest = &n,
         .value = "N",
         .help = "x",
         .min = 1,
         .max = 9},
        {.name = "name", .kind = ISG_OPT_STRING, .dest = &name, .value = "S", .help = "x"},
        {.name = "where", .kind = ISG_OPT_LIST, .dest = &list, .value = "E", .help = "x"},
        {0},
    };
    char *argv[] = {"cmd",
                    (char[]){"a"},
                    (char[]){"-jn7"},
                    (char[]){"--name=q"},
                    (char[]){"--where"},
                    (char[]){"x=1"},
                    (char[]){"--"},
                    (char[]){"-b"},
                    NULL};
    int operands = 0;
    CHECK_OK(isg_opt_parse(table, 8, argv, &operands));
    CHECK(flag && n == 7 && operands == 2 && list.n == 1);
    CHECK_STR(name, "q");
    CHECK_STR(argv[2], "-b");
    char *bad[] = {"cmd", (char[]){"--cuont=3"}, NULL};
    CHECK_FAILS(isg_opt_parse(table, 2, bad, &operands), ISG_EUSAGE, "did you mean '--count'");
    char *range[] = {"cmd", (char[]){"-n"}, (char[]){"12"}, NULL};
    CHECK_FAILS(isg_opt_parse(table, 3, range, &operands), ISG_EUSAGE, "outside 1 to 9");
}

static void test_os_and_json(void)
{
    char dir[] = "/tmp/isg-base-XXXXXX";
    CHECK(mkdtemp(dir) != NULL);
    char *path = isg_path_join(dir, "a/b/c.json");
    char *sub = isg_path_dir(path);
    json_t *v = NULL;
    uint64_t u = 0;
    CHECK_OK(isg_dir_make(sub));
    CHECK_OK(isg_file_write(path, "{\"n\":3,\"s\":\"x\"}", 15));
    CHECK_OK(isg_json_load(path, &v));
    CHECK_OK(isg_json_u64(v, "n", &u));
    CHECK_EQ_U64(u, 3);
    CHECK_FAILS(isg_json_u64(v, "s", &u), ISG_EINPUT,
                "key 's': wanted an integer of 0 or more, found a string \"x\"");
    json_decref(v);
    CHECK_FAILS(isg_json_parse("{\"a\":1,\"a\":2}", 13, "t", &v), ISG_EINPUT, "duplicate");
    CHECK_OK(isg_path_remove(dir));
    CHECK(!isg_path_exists(dir));
    free(path);
    free(sub);
}

/* Printed numbers read back to the bit, short where they can be; text is left alone. */
static void test_json_text(void)
{
    static const double values[] = {0.95,   1e-3, 0.1 + 0.2, 1.0 / 3, 6.02214076e23,     5e-324,
                                    -1e100, 2.0,  123456.75, 1e5,     4503599627370497.5};
    json_t *all = json_array();
    for (size_t k = 0; k < sizeof values / sizeof *values; k++)
        (void)json_array_append_new(all, json_real(values[k]));
    (void)json_array_append_new(all,
                                json_string("0.10000000000000000555 \"1.50000000000000000\" \\"));
    (void)json_array_append_new(all, json_integer(12345678901234567));
    char *text = isg_json_text(all);
    json_t *again = NULL;
    CHECK(text && strstr(text, " 0.95,") && strstr(text, "0.30000000000000004") &&
          strstr(text, "2.0,"));
    CHECK(text && strstr(text, "0.10000000000000000555 \\\"1.50000000000000000\\\"") &&
          strstr(text, "12345678901234567"));
    CHECK_OK(isg_json_parse(text ? text : "", text ? strlen(text) : 0, "text", &again));
    CHECK(again && json_equal(again, all));
    free(text);
    json_decref(all);
    json_decref(again);
}

static void test_memory(void)
{
    const uint64_t bytes = isg_os_memory();
    CHECK(bytes > 64 << 20 && bytes < (uint64_t)1 << 50);
}

int main(void)
{
    test_memory();
    test_err();
    test_hash();
    test_str();
    test_opt();
    test_os_and_json();
    test_json_text();
    return check_done();
}
