/* A file of fits in one process: begun, filled in any order, resumed, complete, damaged, refused. */
#include "check.h"
#include "isogloss/fitfile.h"
#include "isogloss/os.h"
#include "isogloss/rng.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { P = 3, B = 100, PER = 8, BLOCKS = (B + PER - 1) / PER, OTHER_B = 10 };

static char dir[] = "/tmp/isogloss-fits-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[2][256];
    static int turn;
    turn = !turn;
    (void)snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

static const char *const param[P] = {"E", "A", "alpha"};
static const char *const meaning[P] = {"floor [nat]", "scale", "exponent"};
static const char *const derived[1] = {"a"};
static const char *const derived_meaning[1] = {"how N_opt grows with C"};
static const double estimate[P] = {1.5, 400, 0.35}, theta[P] = {0.4, 6, 0.35};
static const bool yes[P] = {true, true, true}, no[P] = {false, false, false};
static const isg_fitfile_source source[1] = {{"runs.csv", "aaaa"}};
static const isg_fitfile_set one[1] = {{"clusters", B, PER}};
static const isg_fitfile_set two[2] = {{"by_run", B, PER}, {"by_size", OTHER_B, 4}};
static const isg_fitfile_note notes[2] = {{"law", "chinchilla", 0, false}, {"seed", NULL, 7, true}};

static isg_fitfile_plan plan_of(const char *name)
{
    return (isg_fitfile_plan){.name = name,
                              .request = "{\"level\": 0.95, \"law\": null}",
                              .version = "1.0",
                              .sources = source,
                              .n_sources = 1,
                              .n_params = P,
                              .param = param,
                              .meaning = meaning,
                              .estimate = estimate,
                              .theta = theta,
                              .identified = yes,
                              .at_bound = no,
                              .sets = one,
                              .n_sets = 1,
                              .status_names = "missing converged stalled",
                              .notes = notes,
                              .n_notes = 2,
                              .ranks = 1};
}

typedef struct rows {
    double theta[PER * P], natural[PER * P];
    uint8_t status[PER];
} rows;

static rows rows_of(size_t set, size_t block)
{
    isg_rng r;
    rows out;
    isg_rng_at(&r, set + 1, ISG_RNG_TEST, block);
    for (size_t i = 0; i < PER * P; i++) out.theta[i] = (double)isg_rng_below(&r, 1000000) / 7;
    for (size_t i = 0; i < PER * P; i++) out.natural[i] = 2 * out.theta[i];
    for (size_t i = 0; i < PER; i++) out.status[i] = (uint8_t)(1 + isg_rng_below(&r, 2));
    return out;
}

static void put(isg_fitfile *f, size_t set, size_t block)
{
    rows r = rows_of(set, block);
    CHECK_OK(isg_fitfile_put(f, set, block, r.theta, r.natural, r.status));
}

static isg_fitfile *open_fit(const char *path, const isg_fitfile_plan *plan, isg_fitfile_state was)
{
    isg_fitfile *f = NULL;
    CHECK_OK(isg_fitfile_open(path, plan, false, &f));
    if (f) CHECK_EQ_U64(isg_fitfile_was(f), was);
    return f;
}

static size_t count(const isg_fitfile *f, size_t set)
{
    size_t n = 0;
    for (size_t k = 0; k < isg_fitfile_blocks(f, set); k++) n += isg_fitfile_has(f, set, k);
    return n;
}

static void check_block(const isg_fitfile *f, size_t set, size_t block, size_t n)
{
    rows want = rows_of(set, block), got = {0};
    CHECK_OK(isg_fitfile_get(f, set, block, got.theta, got.natural, got.status));
    CHECK(!memcmp(got.theta, want.theta, n * P * sizeof(double)));
    CHECK(!memcmp(got.natural, want.natural, n * P * sizeof(double)));
    CHECK(!memcmp(got.status, want.status, n));
}

static const double se[P] = {0.1, 20, 0.01}, lo[P] = {1.3, 360, 0.33}, hi[P] = {1.7, 440, 0.37};
static const char *const method[P] = {"percentile", "percentile", "none"};
static const isg_fitfile_intervals interval[2] = {{se, lo, hi, se, method, param},
                                                  {lo, se, hi, NULL, method, method}};

static isg_fitfile_result result_of(const char *report)
{
    return (isg_fitfile_result){.n_derived = 1,
                                .derived = derived,
                                .derived_meaning = derived_meaning,
                                .derived_estimate = estimate,
                                .param = interval[0],
                                .of_derived = interval[0],
                                .set_param = interval,
                                .set_derived = interval,
                                .report = report};
}

static void finish(isg_fitfile *f, char digest[65])
{
    isg_fitfile_result r = result_of("{\"law\": \"chinchilla\"}");
    CHECK_OK(isg_fitfile_finish(f, &r));
    CHECK_OK(isg_fitfile_digest(f, digest));
}

static bool alone(void) /* neither lock nor temporary file is left */
{
    return !isg_path_exists(path_of("a.h5.lock")) && !isg_path_exists(path_of("a.h5.tmp"));
}

/* In order and at once; backwards, with a stop in between: the same digest. */
static void test_order(void)
{
    isg_fitfile_plan plan = plan_of("x");
    char straight[65], crooked[65], again[65], *report = NULL;
    isg_fitfile *f = open_fit(path_of("a.h5"), &plan, ISG_FITFILE_NEW);
    CHECK_EQ_U64(isg_fitfile_blocks(f, 0), BLOCKS);
    isg_fitfile_result r = result_of("{}");
    for (size_t k = 0; k < BLOCKS; k++) put(f, 0, k);
    finish(f, straight);
    isg_fitfile_close(&f);
    CHECK(alone());

    plan.name = "y";
    f = open_fit(path_of("a.h5"), &plan, ISG_FITFILE_NEW);
    for (size_t k = BLOCKS; k-- > 5;) put(f, 0, k);
    CHECK_OK(isg_fitfile_sync(f));
    put(f, 0, 2); /* neither synced nor marked */
    isg_fitfile_close(&f);
    f = open_fit(path_of("a.h5"), &plan, ISG_FITFILE_BEGUN);
    CHECK_EQ_U64(count(f, 0), BLOCKS - 5);
    CHECK(!isg_fitfile_has(f, 0, 2) && isg_fitfile_has(f, 0, BLOCKS - 1));
    for (size_t k = 0; k < 5; k++) put(f, 0, k);
    CHECK_OK(isg_fitfile_finish(f, &r));
    isg_fitfile_close(&f);

    f = open_fit(path_of("a.h5"), &plan, ISG_FITFILE_COMPLETE);
    CHECK_EQ_U64(count(f, 0), BLOCKS);
    CHECK_OK(isg_fitfile_digest(f, crooked));
    CHECK_STR(crooked, straight);
    for (size_t k = 0; k < BLOCKS; k++) check_block(f, 0, k, k + 1 < BLOCKS ? PER : B % PER);
    CHECK_OK(isg_fitfile_report(f, &report));
    CHECK_STR(report, "{}");
    free(report);
    rows x = rows_of(0, 0);
    CHECK_FAILS(isg_fitfile_put(f, 0, 0, x.theta, x.natural, x.status), ISG_EARG, "complete");
    isg_fitfile_close(&f);

    plan.name = "x"; /* still there, untouched */
    f = open_fit(path_of("a.h5"), &plan, ISG_FITFILE_COMPLETE);
    CHECK_OK(isg_fitfile_digest(f, again));
    CHECK_STR(again, straight);
    isg_fitfile_close(&f);
    CHECK(alone());
}

static void test_unfinished(void)
{
    isg_fitfile_plan plan = plan_of("x");
    isg_fitfile_result r = result_of("{}");
    isg_fitfile *f = open_fit(path_of("u.h5"), &plan, ISG_FITFILE_NEW), *second = NULL;
    put(f, 0, 0);
    CHECK_FAILS(isg_fitfile_finish(f, &r), ISG_EARG, "12 blocks of 'clusters' are missing");
    CHECK_FAILS(isg_fitfile_open(path_of("u.h5"), &plan, false, &second), ISG_EBUSY, "pid");
    isg_fitfile_close(&f);
}

static void test_several(void)
{
    isg_fitfile_plan plan = plan_of("x");
    isg_fitfile_result r = result_of("{}");
    char a[65], b[65];
    plan.sets = two;
    plan.n_sets = 2;
    isg_fitfile *f = open_fit(path_of("s.h5"), &plan, ISG_FITFILE_NEW);
    CHECK_EQ_U64(isg_fitfile_blocks(f, 1), 3);
    for (size_t k = 0; k < BLOCKS; k++) put(f, 0, k);
    put(f, 1, 1);
    CHECK_OK(isg_fitfile_sync(f));
    isg_fitfile_close(&f);
    f = open_fit(path_of("s.h5"), &plan, ISG_FITFILE_BEGUN);
    CHECK(count(f, 0) == BLOCKS && count(f, 1) == 1 && isg_fitfile_has(f, 1, 1));
    put(f, 1, 2);
    put(f, 1, 0);
    r.headline = 1;
    CHECK_OK(isg_fitfile_finish(f, &r));
    CHECK_OK(isg_fitfile_digest(f, a));
    check_block(f, 1, 2, 2);
    isg_fitfile_close(&f);
    f = open_fit(path_of("s.h5"), &plan, ISG_FITFILE_COMPLETE);
    CHECK_OK(isg_fitfile_digest(f, b));
    CHECK_STR(a, b);
    isg_fitfile_close(&f);

    plan.n_sets = 0; /* no interval at all */
    plan.name = "none";
    f = open_fit(path_of("s.h5"), &plan, ISG_FITFILE_NEW);
    r.headline = 0;
    CHECK_OK(isg_fitfile_finish(f, &r));
    isg_fitfile_close(&f);
    f = open_fit(path_of("s.h5"), &plan, ISG_FITFILE_COMPLETE);
    isg_fitfile_close(&f);
}

/* Anything else under the same name is refused, and says what. */
static void test_refused(void)
{
    isg_fitfile_plan plan = plan_of("x"), other;
    isg_fitfile *f = NULL;
    const char *path = path_of("r.h5");
    f = open_fit(path, &plan, ISG_FITFILE_NEW);
    isg_fitfile_close(&f);
    other = plan;
    other.request = "{\"level\": 0.9, \"law\": null}";
    CHECK_FAILS(isg_fitfile_open(path, &other, false, &f), ISG_EUSAGE, "level: was 0.95, is 0.9");
    CHECK(f == NULL && strstr(isg_err_message(), "--save OTHER"));
    other = plan;
    const isg_fitfile_source changed = {"runs.csv", "bbbb"};
    other.sources = &changed;
    CHECK_FAILS(isg_fitfile_open(path, &other, false, &f), ISG_EUSAGE, "runs.csv: its content");
    other = plan;
    const double theta2[P] = {0.4, 6, 0.36};
    other.theta = theta2;
    CHECK_FAILS(isg_fitfile_open(path, &other, false, &f), ISG_EUSAGE, "the full fit");
    other = plan;
    other.version = "2.0";
    CHECK_FAILS(isg_fitfile_open(path, &other, false, &f), ISG_EUSAGE, "was isogloss 1.0, is 2.0");
    other = plan;
    const isg_fitfile_set larger = {"clusters", B + 1, PER};
    other.sets = &larger;
    CHECK_FAILS(isg_fitfile_open(path, &other, false, &f), ISG_EUSAGE, "bootstraps");
    other = plan;
    other.name = "a/b";
    CHECK_FAILS(isg_fitfile_open(path, &other, false, &f), ISG_EUSAGE, "cannot name a fit");
    other = plan;
    other.request = "{\"level\": 0.9, \"law\": null}";
    CHECK_OK(isg_fitfile_open(path, &other, true, &f)); /* --replace */
    CHECK(f && isg_fitfile_was(f) == ISG_FITFILE_NEW);
    isg_fitfile_close(&f);
    f = open_fit(path, &other, ISG_FITFILE_BEGUN);
    isg_fitfile_close(&f);
}

/* Change one byte of the file where these bytes stand. */
static void spoil(const char *path, const void *bytes, size_t n)
{
    isg_str s = {0};
    size_t times = 0;
    CHECK_OK(isg_file_read(path, 1 << 24, &s));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    for (size_t at = 0; at + n <= s.len && fd >= 0; at++) {
        if (memcmp(s.data + at, bytes, n) != 0) continue;
        char flipped = (char)(s.data[at] ^ 1);
        CHECK(pwrite(fd, &flipped, 1, (off_t)at) == 1);
        times++;
    }
    CHECK(fd >= 0 && times >= 1);
    (void)close(fd);
    isg_str_free(&s);
}

static void test_damage(void)
{
    isg_fitfile_plan plan = plan_of("x");
    char digest[65];
    const char *path = path_of("d.h5");
    rows r = rows_of(0, 3);
    isg_fitfile *f = open_fit(path, &plan, ISG_FITFILE_NEW);
    for (size_t k = 0; k < 6; k++) put(f, 0, k);
    CHECK_OK(isg_fitfile_sync(f));
    isg_fitfile_close(&f);
    spoil(path, r.theta, sizeof r.theta); /* a torn block is made again */
    f = open_fit(path, &plan, ISG_FITFILE_BEGUN);
    CHECK_EQ_U64(isg_fitfile_torn(f), 1);
    CHECK(count(f, 0) == 5 && !isg_fitfile_has(f, 0, 3));
    for (size_t k = 0; k < BLOCKS; k++) {
        if (!isg_fitfile_has(f, 0, k)) put(f, 0, k);
    }
    finish(f, digest);
    isg_fitfile_close(&f);
    spoil(path, lo, sizeof lo); /* a complete fit with another number is no fit */
    CHECK_FAILS(isg_fitfile_open(path, &plan, false, &f), ISG_ESTORE, "damaged");
    CHECK_EQ_U64(isg_err_exit_status(ISG_ESTORE), 4);
    CHECK_OK(isg_fitfile_open(path, &plan, true, &f));
    isg_fitfile_close(&f);

    CHECK(truncate(path, 3000) == 0);
    CHECK_FAILS(isg_fitfile_open(path, &plan, false, &f), ISG_ESTORE, "d.h5");
    CHECK(truncate(path, 0) == 0);
    CHECK_FAILS(isg_fitfile_open(path, &plan, false, &f), ISG_ESTORE, "not an HDF5 file");
    CHECK_FAILS(isg_fitfile_open("/nonexistent/x.h5", &plan, false, &f), ISG_EIO, "/nonexistent");
}

static void test_rest(void)
{
    isg_fitfile_plan plan = plan_of("x");
    bool is = true;
    const char *path = path_of("l.h5");
    char tmp[300];
    (void)snprintf(tmp, sizeof tmp, "%s.tmp", path);
    CHECK_OK(isg_file_write(tmp, "left by a killed one", 20));
    isg_fitfile *f = open_fit(path, &plan, ISG_FITFILE_NEW);
    isg_fitfile_close(&f);
    CHECK(!isg_path_exists(tmp));
    CHECK_OK(isg_fitfile_is(path, &is));
    CHECK(is);
    CHECK_OK(isg_file_write(tmp, "N_params,D_tokens,loss\n", 23));
    CHECK_OK(isg_fitfile_is(tmp, &is));
    CHECK(!is);
    for (int launch = 0; launch < 70; launch++) { /* more than there are rows for */
        f = open_fit(path, &plan, ISG_FITFILE_BEGUN);
        isg_fitfile_close(&f);
    }
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    test_order();
    test_unfinished();
    test_several();
    test_refused();
    test_damage();
    test_rest();
    CHECK_OK(isg_path_remove(dir));
    return check_done();
}
