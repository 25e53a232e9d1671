/* The data frame: good and bad CSV files, building, writing and reading back. */

#include "check.h"
#include "isogloss/os.h"
#include "isogloss/table.h"

#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/isg-table-XXXXXX";

static void put(const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f)) {
        perror(path);
        exit(1);
    }
}

typedef struct good {
    const char *text;
    size_t rows, columns;
    const char *name, *cell; /* of the last column; cell of its last row */
    double number;           /* of that cell; NaN: the column is text or the cell is empty */
    size_t line;             /* of the last row */
} good;

static const good goods[] = {
    {"a,b\n1,2\n3,4\n", 2, 2, "b", "4", 4, 3},
    {"a;b\n1;2.5\n", 1, 2, "b", "2.5", 2.5, 2},
    {"a\tb\n1\t2e3\n", 1, 2, "b", "2e3", 2000, 2},
    {"\xef\xbb\xbfrun,b\r\n1,2\r\n", 1, 2, "b", "2", 2, 2},
    {"a,b\n1,2", 1, 2, "b", "2", 2, 2},
    {"a,b\r\n1,2\r", 1, 2, "b", "2", 2, 2},
    {"a,b\n1,\n", 1, 2, "b", "", NAN, 2},
    {"a,b\n1,2\n2,\n", 2, 2, "b", "", NAN, 3},
    {"a , b\n 1 , 2 \n", 1, 2, "b", "2", 2, 2},
    {"a,\"b,c\"\n1,\"x \"\"y\"\"\nz\"\n", 1, 2, "b,c", "x \"y\"\nz", NAN, 2},
    {"a,\"b\"\n\"1\n2\",3\n4,5\n", 2, 2, "b", "5", 5, 4},
    {"\n\na,b\n\n1,2\n  \n\n", 1, 2, "b", "2", 2, 5},
    {"x\n1\n2\n", 2, 1, "x", "2", 2, 3},
    {"a,b\n", 0, 2, "b", NULL, NAN, 0},
    {"a,b\n1,inf\n", 1, 2, "b", "inf", INFINITY, 2},
    {"a,\n1,2\n", 1, 2, "column 2", "2", 2, 2},
    {"a\r1\r2\r", 2, 1, "a", "2", 2, 3},
    {"a,b\r1,2\r\r3,4", 2, 2, "b", "4", 4, 4},
    {"sep=;\r\na;b\r\n1;2\r\n", 1, 2, "b", "2", 2, 3},
    {"a\tb\n1\t\n\t2\n", 2, 2, "b", "2", 2, 3},
    {"a;b\n1;2,5\n", 1, 2, "b", "2.5", 2.5, 2}, /* decimal commas, said by this cell */
    {"a;b\n1;-0,123e-2\n", 1, 2, "b", "-0.123e-2", -0.00123, 2},
    {"a\tb\n2,5\t1,234\n", 1, 2, "b", "1.234", 1.234, 2}, /* as the other column says */
    {"a;b\n1;1,234\n", 1, 2, "b", "1,234", NAN, 2},       /* or a thousand: text */
    {"a;b\n2.5;2,5\n", 1, 2, "b", "2,5", NAN, 2},         /* two ways of writing in a file */
    {"a;b\n1;2.5\n2;2,5\n", 2, 2, "b", "2,5", NAN, 3},
    {"a;b\n1;2,5\n2;x\n", 2, 2, "b", "x", NAN, 3},
    {"a;b\n2,5;1,000,000\n", 1, 2, "b", "1,000,000", NAN, 2},
    {"a,b\n1,\"2,5\"\n", 1, 2, "b", "2,5", NAN, 2},
    {"a,b\n1,12%\n", 1, 2, "b", "12%", NAN, 2},
    {"a,b\n1,1_000\n", 1, 2, "b", "1_000", NAN, 2},
    {"a,b\n1,1e999\n", 1, 2, "b", "1e999", NAN, 2},
    {"a,b\n1,0x10\n", 1, 2, "b", "0x10", NAN, 2},
};

static void test_good(void)
{
    for (size_t k = 0; k < sizeof goods / sizeof goods[0]; k++) {
        const good *g = &goods[k];
        isg_table *t = NULL;
        put(g->text, strlen(g->text));
        CHECK_OK(isg_table_read_csv(path, &t));
        if (!t) continue;
        CHECK_EQ_U64(t->n_rows, g->rows);
        CHECK_EQ_U64(t->n_columns, g->columns);
        const isg_column *c = isg_table_column(t, g->name);
        CHECK(c && c == &t->columns[t->n_columns - 1]);
        if (c && g->rows) {
            CHECK_STR(c->text[g->rows - 1], g->cell);
            CHECK_EQ_U64(t->line[g->rows - 1], g->line);
            if (!isnan(g->number))
                CHECK(c->numeric && c->number[g->rows - 1] == g->number);
            else
                CHECK(!c->numeric || isnan(c->number[g->rows - 1]));
        }
        isg_table_destroy(&t);
        CHECK(!t);
    }
}

static void test_bad(void)
{
    static const struct {
        const char *text, *says;
    } bads[] = {
        {"", "the file is empty"},
        {"\n\n", "the file is empty"},
        {"a,b\n1,2\n3\n", ":3:1: fewer cells"},
        {"a,b\n1,2\n3,4,5\n", ":3:5: more cells"},
        {"a,b\n1,\"2\n3,4\n", ":2:3: this quote is never closed"},
        {"a,b\n1,\"2\"x\n", ":2:6: text after a closing quote"},
        {"a,b,a\n1,2,3\n", ":1:5: the header has the column 'a' twice"},
        {"a\xe9,b\n1,2\n", ":1:2: not UTF-8 text"},
        {"a,b\n1,x\xed\xa0\x80\n", ":2:4: not UTF-8 text"},
        {"a,b\n1,\xf4\x90\x80\x80\n", ":2:3: not UTF-8 text"},
        {"a,b\n1,\xc3", ":2:3: not UTF-8 text"},
        {"a,b\n1,2\n3\r4,5\n", ":3:2: a carriage return inside a line"},
        {"\x1f\x8b\x08", ":1:1: the file is gzip-compressed; unpack it first: gunzip"},
        {"PK\x03\x04", "a spreadsheet (.xlsx) or a zip archive; save it as CSV"},
        {"PAR1", "a Parquet file; write it as CSV"},
        {"<!DOCTYPE html>", "a web page"},
        {"a\x01,b\n1,2\n", "not a text file"},
        {"\xff\xfe"
         "a,b",
         ":1:1: the file is UTF-16"},
    };
    isg_table *t = NULL;

    for (size_t k = 0; k < sizeof bads / sizeof bads[0]; k++) {
        put(bads[k].text, strlen(bads[k].text));
        CHECK_FAILS(isg_table_read_csv(path, &t), ISG_EINPUT, bads[k].says);
        CHECK(!t);
    }
    put("a,b\n1,\0002\n", 9);
    CHECK_FAILS(isg_table_read_csv(path, &t), ISG_EINPUT, ":2:3: a zero byte");
    put("a,b\n1,\"2\0003\"\n", 12);
    CHECK_FAILS(isg_table_read_csv(path, &t), ISG_EINPUT, ":2:5: a zero byte");
    CHECK(isg_table_read_csv("/nonexistent/x.csv", &t) == ISG_EIO);
}

/* Every cut of a valid file is read or refused, never read past its end (run under sanitizers). */
static void test_truncated(void)
{
    static const char text[] = "\xef\xbb\xbf"
                               "a,\"b \"\"c\"\r\n\"1\n2\", 3 \r\n4,\"5\"\r\n";
    for (size_t n = 0; n < sizeof text; n++) {
        isg_table *t = NULL;
        put(text, n);
        isg_err rc = isg_table_read_csv(path, &t);
        CHECK((rc == ISG_OK) == (t != NULL));
        isg_table_destroy(&t);
    }
}

/* What is said when a column should hold numbers. */
static void test_hints(void)
{
    static const struct {
        const char *cell, *says;
    } rows[] = {
        {"\"1,000,000\"", ":2: column 'b' should hold numbers; '1,000,000' is none (write numbers "
                          "without thousands separators"},
        {"1 000 000", "(write numbers without thousands separators)"},
        {"1'000'000.5", "(write numbers without thousands separators)"},
        {"1_000_000", "(write numbers without thousands separators)"},
        {"10_00", "(write it without underscores)"},
        {"\"2,5\"", "(write decimals with a point)"},
        {"12%", "(write it without the percent sign)"},
        {"\xe2\x88\x92"
         "1.5",
         "(write the minus sign as '-')"},
        {"70M", "(write it in full, such as 70e6)"},
        {"three", "'three' is none"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        char text[64];
        isg_table *t = NULL;
        (void)snprintf(text, sizeof text, "a,b\n1,%s\n", rows[k].cell);
        put(text, strlen(text));
        CHECK_OK(isg_table_read_csv(path, &t));
        if (t)
            CHECK_FAILS(isg_table_all_numbers(t, isg_table_column(t, "b")), ISG_EINPUT,
                        rows[k].says);
        isg_table_destroy(&t);
    }
}

/* Big files take seconds on the slowest machine, not minutes. */
static void test_big(void)
{
    static const struct {
        size_t rows, columns;
        double most_s; /* CPU; a tenth of it without sanitizers */
    } sizes[] = {{300, 5000, 10}, {1000000, 4, 20}};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        FILE *f = fopen(path, "w");
        isg_table *t = NULL;
        CHECK(f != NULL);
        if (!f) return;
        for (size_t j = 0; j < sizes[k].columns; j++) (void)fprintf(f, j ? ",c%zu" : "c%zu", j);
        for (size_t i = 0; i < sizes[k].rows; i++) {
            for (size_t j = 0; j < sizes[k].columns; j++)
                (void)fprintf(f, "%s%zu.25", j ? "," : "\n", i + j);
        }
        (void)fclose(f);
        const double start = isg_time_cpu();
        CHECK_OK(isg_table_read_csv(path, &t));
        const double took = isg_time_cpu() - start;
        (void)printf("%zu rows of %zu columns: %.2f s\n", sizes[k].rows, sizes[k].columns, took);
        CHECK(took < sizes[k].most_s);
        CHECK(t && t->n_rows == sizes[k].rows && t->columns[1].numeric &&
              t->columns[1].number[t->n_rows - 1] == (double)t->n_rows + 0.25);
        isg_table_destroy(&t);
    }
}

static void test_wide(void)
{
    enum { COLUMNS = 5000 };
    FILE *f = fopen(path, "w");
    isg_table *t = NULL;

    CHECK(f != NULL);
    if (!f) return;
    for (int row = 0; row < 3; row++) {
        for (int j = 0; j < COLUMNS; j++)
            (void)fprintf(f, row ? "%s%d" : "%sc%d", j ? "," : "", j * (row ? row : 1));
        (void)fputc('\n', f);
    }
    (void)fclose(f);
    CHECK_OK(isg_table_read_csv(path, &t));
    if (!t) return;
    const isg_column *c = isg_table_column(t, "c4999");
    CHECK(c && c->numeric && c->number[1] == 9998);
    isg_table_destroy(&t);
}

static void test_round_trip(void)
{
    static const double x[3] = {0.1, NAN, 1.0 / 3};
    static const char *const words[3] = {"plain", "a,\"b\"\nc", " edge "};
    isg_table *t = NULL, *back = NULL;

    CHECK_OK(isg_table_create("memory", 3, &t));
    CHECK_OK(isg_table_add_numbers(t, "x", x));
    CHECK_OK(isg_table_add_text(t, "w", words));
    CHECK_FAILS(isg_table_add_text(t, "w", words), ISG_EARG, "'w' is there already");
    CHECK_STR(t->columns[0].text[0], "0.1");
    FILE *f = fopen(path, "w");
    CHECK(f != NULL);
    if (f) CHECK_OK(isg_table_write_csv(t, f));
    if (f) (void)fclose(f);
    CHECK_OK(isg_table_read_csv(path, &back));
    if (back) {
        const isg_column *c = isg_table_column(back, "x"), *w = isg_table_column(back, "w");
        CHECK(c && c->numeric && c->number[0] == x[0] && isnan(c->number[1]) &&
              c->number[2] == x[2]);
        for (size_t i = 0; w && i < 3; i++) CHECK_STR(w->text[i], words[i]);
    }
    isg_table_destroy(&t);
    isg_table_destroy(&back);
}

/* Rows that repeat the one before have its text: a column that is one number needs no room for many. */
static void test_repeated(void)
{
    static const double x[] = {0.0, -0.0, 2.5, 2.5, NAN, NAN, 2.5};
    static const char *const said[] = {"0", "-0", "2.5", "2.5", "", "", "2.5"};
    static const char *const words[] = {"", "", "7", "7", "7", "", "8"};
    enum { ROWS = sizeof x / sizeof *x };
    isg_table *t = NULL;

    CHECK_OK(isg_table_create("memory", ROWS, &t));
    CHECK_OK(isg_table_add_numbers(t, "x", x));
    CHECK_OK(isg_table_add_text(t, "w", words));
    const isg_column *c = &t->columns[0], *w = &t->columns[1];
    CHECK(c->numeric && w->numeric);
    for (size_t i = 0; i < ROWS; i++) {
        CHECK_STR(c->text[i], said[i]);
        CHECK_STR(w->text[i], words[i]);
        CHECK(isnan(x[i]) ? isnan(c->number[i]) : c->number[i] == x[i]);
        CHECK(*words[i] ? w->number[i] == words[i][0] - '0' : isnan(w->number[i]));
    }
    CHECK(c->text[2] == c->text[3] && w->text[2] == w->text[4]);
    isg_table_destroy(&t);
}

/* Rows of a file have lines, those of a store runs: by name, or the first digits of an id. */
static void test_places(void)
{
    const char *const run[] = {"0123456789abcdef0123456789abcdef", "baseline", ""};
    const char *const loss[] = {"2.5", "2.4", "2.3"};
    char place[ISG_PLACE_BYTES];
    isg_table *file = NULL, *store = NULL, *both = NULL;

    CHECK_OK(isg_table_create("a.csv", 3, &file));
    CHECK_OK(isg_table_create("b.h5", 3, &store));
    CHECK_OK(isg_table_add_text(file, "run_id", run));
    CHECK_OK(isg_table_add_text(store, "run_id", run));
    CHECK_OK(isg_table_add_text(store, "loss", loss));
    isg_table_forget_lines(store);
    CHECK_STR(isg_table_place(file, 1, place), "line 2");
    CHECK_STR(isg_table_place(store, 0, place), "run 01234567");
    CHECK_STR(isg_table_place(store, 1, place), "run baseline");
    CHECK_STR(isg_table_place(store, 2, place), "row 3");
    CHECK(!isg_table_run(file, 0) && !strcmp(isg_table_run(store, 0), run[0]));

    const isg_table *const tables[] = {file, store};
    CHECK_OK(isg_table_join(tables, 2, &both));
    CHECK_EQ_U64(both->n_files, 2);
    CHECK_STR(isg_table_place(both, 2, place), "line 3 of a.csv");
    CHECK_STR(isg_table_place(both, 3, place), "run 01234567");
    CHECK_STR(both->files[both->file[3]], "b.h5");
    isg_table_destroy(&file);
    isg_table_destroy(&store);
    isg_table_destroy(&both);
}

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0) {
        perror(path);
        return 1;
    }
    (void)close(fd);
    test_good();
    test_bad();
    test_truncated();
    test_hints();
    test_big();
    test_wide();
    test_round_trip();
    test_repeated();
    test_places();
    (void)unlink(path);
    return check_done();
}
