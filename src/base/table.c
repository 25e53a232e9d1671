#include "isogloss/table.h"

#include "isogloss/os.h"
#include "isogloss/str.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A CSV file is parsed in place: cells point into the bytes of the file, which
 * the table keeps. Thousands of columns cost one pointer and one number a cell. */

enum { NUMBER_BYTES = 32 };
static const size_t MAX_FILE_BYTES = (size_t)4 << 30;

typedef struct reader {
    const char *path;
    char *p, *end;       /* next byte; one past the last, where a '\0' stands */
    const char *line_at; /* first byte of the current line */
    size_t line;
    char separator;
} reader;

static isg_err at(const reader *r, const char *where, const char *what)
{
    return ISG_FAIL(ISG_EINPUT, "%s:%zu:%zu: %s", r->path, r->line,
                    (size_t)(where - r->line_at) + 1, what);
}

/* ---- cells -------------------------------------------------------------- */

bool isg_table_number(const char *text, double *out)
{
    static const struct {
        const char *name;
        double value;
    } names[] = {{"nan", NAN},
                 {"na", NAN},
                 {"n/a", NAN},
                 {"<na>", NAN},
                 {"none", NAN},
                 {"null", NAN},
                 {"inf", INFINITY},
                 {"+inf", INFINITY},
                 {"-inf", -INFINITY},
                 {"infinity", INFINITY},
                 {"-infinity", -INFINITY}};

    if (isg_str_to_double(text, out)) return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!strcasecmp(text, names[i].name)) {
            *out = names[i].value;
            return true;
        }
    }
    return false;
}

/* Decide whether a column is numeric and keep its numbers if so. */
static isg_err find_numbers(isg_column *column, size_t n_rows)
{
    bool filled = false;

    column->number = malloc((n_rows ? n_rows : 1) * sizeof *column->number);
    if (!column->number) return ISG_FAIL(ISG_ENOMEM, "no memory for column '%s'", column->name);
    column->numeric = true;
    for (size_t i = 0; i < n_rows && column->numeric; i++) {
        column->number[i] = NAN;
        if (!column->text[i][0]) continue;
        filled = true;
        column->numeric = isg_table_number(column->text[i], &column->number[i]);
    }
    column->numeric = column->numeric && filled;
    if (!column->numeric) {
        free(column->number);
        column->number = NULL;
    }
    return ISG_OK;
}

/* Shortest text that reads back as the same number. */
static void number_text(double x, char out[NUMBER_BYTES])
{
    out[0] = '\0';
    if (isnan(x)) return;
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(out, NUMBER_BYTES, "%.*g", digits, x);
        if (!(strtod(out, NULL) < x || strtod(out, NULL) > x)) return;
    }
}

/* ---- reading ------------------------------------------------------------ */

static bool ends_cell(const reader *r, const char *p)
{
    return p == r->end || *p == r->separator || *p == '\n' ||
           (*p == '\r' && (p + 1 == r->end || p[1] == '\n'));
}

/* "..." with "" for a quote; compacted in place. */
static isg_err read_quoted(reader *r, char **cell, char **cell_end)
{
    const reader start = *r;
    const char *open = r->p;
    char *to = ++r->p;

    *cell = to;
    for (;;) {
        if (r->p == r->end) return at(&start, open, "this quote is never closed");
        if (*r->p == '"') {
            if (r->p[1] != '"') break;
            r->p++;
        } else if (*r->p == '\n') {
            r->line++;
            r->line_at = r->p + 1;
        }
        *to++ = *r->p++;
    }
    r->p++;
    while (r->p < r->end && (*r->p == ' ' || (*r->p == '\t' && r->separator != '\t'))) r->p++;
    if (!ends_cell(r, r->p))
        return at(r, r->p, "text after a closing quote; write a quote inside a cell as \"\"");
    *cell_end = to;
    return ISG_OK;
}

/* One cell; its end mark is eaten. @param last  the record ended with it */
static isg_err read_cell(reader *r, char **cell, bool *last)
{
    char *cell_end = r->p;

    while (*r->p == ' ' || (*r->p == '\t' && r->separator != '\t')) r->p++;
    if (*r->p == '"') {
        ISG_TRY(read_quoted(r, cell, &cell_end));
    } else {
        *cell = r->p;
        while (!ends_cell(r, r->p)) {
            if (*r->p == '\0') return at(r, r->p, "a zero byte: this is not a text file");
            r->p++;
        }
        cell_end = r->p;
        while (cell_end > *cell && (cell_end[-1] == ' ' || cell_end[-1] == '\t')) cell_end--;
    }
    *last = r->p == r->end || *r->p != r->separator;
    if (r->p < r->end) {
        if (*r->p == '\r') r->p++;
        if (r->p < r->end && *r->p == '\n') {
            r->line++;
            r->line_at = r->p + 1;
        }
        if (r->p < r->end) r->p++;
    }
    *cell_end = '\0';
    return ISG_OK;
}

static void skip_empty_lines(reader *r)
{
    for (char *p = r->p;; p++) {
        while (p < r->end && (*p == ' ' || *p == '\r')) p++;
        if (p == r->end) r->p = p;
        if (p == r->end || *p != '\n') return;
        r->p = p + 1;
        r->line++;
        r->line_at = r->p;
    }
}

/* The separator that occurs most often in the header, outside quotes. */
static char find_separator(const reader *r)
{
    static const char candidates[] = ",;\t";
    size_t count[3] = {0};
    bool quoted = false;
    size_t best = 0;

    for (const char *p = r->p; p < r->end && (quoted || *p != '\n'); p++) {
        const char *found = *p ? strchr(candidates, *p) : NULL;
        if (*p == '"')
            quoted = !quoted;
        else if (found && !quoted)
            count[found - candidates]++;
    }
    for (size_t i = 1; i < 3; i++) {
        if (count[i] > count[best]) best = i;
    }
    return candidates[best];
}

typedef struct cells {
    char **cell; /* row-major, header excluded */
    size_t *line;
    size_t n, cap, rows, rows_cap;
} cells;

/* `array` with room for `need` elements, perhaps moved; NULL when out of memory. */
static void *grown(void *array, size_t *cap, size_t need, size_t size)
{
    size_t wanted = *cap ? *cap : 64;
    if (need <= *cap) return array;
    while (wanted < need) wanted *= 2;
    void *more = realloc(array, wanted * size);
    if (more) *cap = wanted;
    return more;
}

static isg_err add_cell(cells *c, char *cell)
{
    char **more = grown(c->cell, &c->cap, c->n + 1, sizeof *c->cell);
    if (!more) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu cells", c->n);
    c->cell = more;
    c->cell[c->n++] = cell;
    return ISG_OK;
}

static isg_err add_row(cells *c, size_t line)
{
    size_t *more = grown(c->line, &c->rows_cap, c->rows + 1, sizeof *c->line);
    if (!more) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", c->rows);
    c->line = more;
    c->line[c->rows++] = line;
    return ISG_OK;
}

/* @param columns  wanted, or 0: any number (the header) */
static isg_err read_record(reader *r, cells *c, size_t columns)
{
    const reader start = *r;
    const char *too_many = NULL;
    bool last = false;
    size_t n = 0;

    ISG_TRY(add_row(c, r->line));
    while (!last && !too_many) {
        char *cell = NULL;
        ISG_TRY(read_cell(r, &cell, &last));
        ISG_TRY(add_cell(c, cell));
        if (++n > columns && columns) too_many = cell;
    }
    if (!columns || n == columns) return ISG_OK;
    return ISG_FAIL(ISG_EINPUT,
                    "%s:%zu:%zu: %s cells than the header has (%zu); a cell that holds the "
                    "separator needs quotes",
                    r->path, start.line, too_many ? (size_t)(too_many - start.p) + 1 : (size_t)1,
                    too_many ? "more" : "fewer", columns);
}

static int by_name(const void *a, const void *b)
{
    const isg_column *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static isg_err check_names(const isg_table *table)
{
    const isg_column **sorted = malloc(table->n_columns * sizeof *sorted);
    isg_err rc = ISG_OK;

    if (!sorted) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu columns", table->n_columns);
    for (size_t j = 0; j < table->n_columns; j++) sorted[j] = &table->columns[j];
    qsort(sorted, table->n_columns, sizeof *sorted, by_name);
    for (size_t j = 1; j < table->n_columns && !rc; j++) {
        if (!strcmp(sorted[j]->name, sorted[j - 1]->name)) {
            rc = ISG_FAIL(ISG_EINPUT, "%s:1: the header has the column '%s' twice; rename one",
                          table->source, sorted[j]->name);
        }
    }
    free(sorted);
    return rc;
}

static isg_err name_columns(isg_table *table, const cells *header)
{
    table->columns = calloc(header->n, sizeof *table->columns);
    if (!table->columns) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu columns", header->n);
    table->n_columns = header->n;
    for (size_t j = 0; j < header->n; j++) {
        const char *name = header->cell[j];
        table->columns[j].name = name[0] ? isg_strdup(name) : isg_strf("column %zu", j + 1);
        if (!table->columns[j].name) return ISG_FAIL(ISG_ENOMEM, "no memory for column names");
    }
    return check_names(table);
}

static isg_err fill_columns(isg_table *table, const cells *body)
{
    for (size_t j = 0; j < table->n_columns; j++) {
        isg_column *column = &table->columns[j];
        column->text = malloc((table->n_rows ? table->n_rows : 1) * sizeof *column->text);
        if (!column->text) return ISG_FAIL(ISG_ENOMEM, "no memory for column '%s'", column->name);
        for (size_t i = 0; i < table->n_rows; i++)
            column->text[i] = body->cell[i * table->n_columns + j];
        ISG_TRY(find_numbers(column, table->n_rows));
    }
    return ISG_OK;
}

/* Of the header: a file of another kind is seen there, before its bytes get into messages. */
static bool has_control_bytes(const reader *r)
{
    for (const char *p = r->p; p < r->end && *p != '\n'; p++) {
        if ((unsigned char)*p < 0x20 && *p != '\t' && *p != '\r') return true;
    }
    return false;
}

static isg_err check_encoding(reader *r)
{
    size_t n = (size_t)(r->end - r->p);
    if (n >= 2 && (!memcmp(r->p, "\xff\xfe", 2) || !memcmp(r->p, "\xfe\xff", 2))) {
        return at(r, r->p, "the file is UTF-16; save it as UTF-8");
    }
    if (n >= 3 && !memcmp(r->p, "\xef\xbb\xbf", 3)) r->p += 3;
    if (has_control_bytes(r)) {
        return ISG_FAIL(ISG_EINPUT, "%s: not a text file; wanted a store or a CSV file", r->path);
    }
    return ISG_OK;
}

static isg_err parse(reader *r, isg_table *table)
{
    cells header = {0}, body = {0};
    isg_err rc = check_encoding(r);
    if (rc) goto done;

    skip_empty_lines(r);
    if (r->p == r->end) {
        rc = ISG_FAIL(ISG_EINPUT,
                      "%s: the file is empty; a header line with column names is needed", r->path);
        goto done;
    }
    r->separator = find_separator(r);
    rc = read_record(r, &header, 0);
    if (!rc) rc = name_columns(table, &header);
    for (skip_empty_lines(r); !rc && r->p < r->end; skip_empty_lines(r))
        rc = read_record(r, &body, header.n);
    if (rc) goto done;
    table->n_rows = body.rows;
    table->line = body.line;
    body.line = NULL;
    rc = fill_columns(table, &body);
done:
    free(header.cell);
    free(header.line);
    free(body.cell);
    free(body.line);
    return rc;
}

isg_err isg_table_read_csv(const char *path, isg_table **out)
{
    isg_str text = {0};
    isg_table *table = NULL;

    *out = NULL;
    isg_err rc = isg_file_read(path, MAX_FILE_BYTES, &text);
    if (!rc) rc = isg_str_reserve(&text, 1); /* an empty file still needs its '\0' */
    if (!rc) rc = isg_table_create(path, 0, &table);
    if (rc) goto done;
    text.data[text.len] = '\0';
    table->bytes = text.data;
    reader r = {
        .path = path, .p = text.data, .end = text.data + text.len, .line_at = text.data, .line = 1};
    text = (isg_str){0};
    rc = parse(&r, table);
    if (rc) goto done;
    *out = table;
    table = NULL;
done:
    isg_table_destroy(&table);
    isg_str_free(&text);
    return rc;
}

/* ---- building ------------------------------------------------------------ */

isg_err isg_table_create(const char *source, size_t n_rows, isg_table **out)
{
    isg_table *table = calloc(1, sizeof *table);

    *out = NULL;
    if (!table) return ISG_FAIL(ISG_ENOMEM, "no memory for a table");
    table->source = isg_strdup(source);
    table->n_rows = n_rows;
    if (n_rows) table->line = malloc(n_rows * sizeof *table->line);
    if (!table->source || (n_rows && !table->line)) {
        isg_table_destroy(&table);
        return ISG_FAIL(ISG_ENOMEM, "no memory for a table of %zu rows", n_rows);
    }
    for (size_t i = 0; i < n_rows; i++) table->line[i] = i + 1;
    *out = table;
    return ISG_OK;
}

/* A new last column with `bytes` of room for its texts. */
static isg_err add_column(isg_table *table, const char *name, size_t bytes, isg_column **out)
{
    if (isg_table_column(table, name)) {
        return ISG_FAIL(ISG_EARG, "%s: a column '%s' is there already", table->source, name);
    }
    isg_column *more = realloc(table->columns, (table->n_columns + 1) * sizeof *more);
    if (!more) return ISG_FAIL(ISG_ENOMEM, "no memory for column '%s'", name);
    table->columns = more;
    isg_column *column = &more[table->n_columns++]; /* from here on destroy() frees it */
    *column = (isg_column){.name = isg_strdup(name)};
    column->text = malloc((table->n_rows ? table->n_rows : 1) * sizeof *column->text);
    column->bytes = malloc(bytes ? bytes : 1);
    if (!column->name || !column->text || !column->bytes) {
        return ISG_FAIL(ISG_ENOMEM, "no memory for column '%s'", name);
    }
    *out = column;
    return ISG_OK;
}

isg_err isg_table_add_numbers(isg_table *table, const char *name, const double *number)
{
    isg_column *column = NULL;
    size_t n = table->n_rows;

    ISG_TRY(add_column(table, name, n * NUMBER_BYTES, &column));
    column->number = malloc((n ? n : 1) * sizeof *number);
    if (!column->number) return ISG_FAIL(ISG_ENOMEM, "no memory for column '%s'", name);
    column->numeric = true;
    if (n) memcpy(column->number, number, n * sizeof *number);
    for (size_t i = 0; i < n; i++) {
        column->text[i] = column->bytes + i * NUMBER_BYTES;
        number_text(number[i], column->text[i]);
    }
    return ISG_OK;
}

isg_err isg_table_add_text(isg_table *table, const char *name, const char *const *text)
{
    isg_column *column = NULL;
    size_t bytes = 0, used = 0;

    for (size_t i = 0; i < table->n_rows; i++) bytes += strlen(text[i]) + 1;
    ISG_TRY(add_column(table, name, bytes, &column));
    for (size_t i = 0; i < table->n_rows; i++) {
        size_t n = strlen(text[i]) + 1;
        column->text[i] = memcpy(column->bytes + used, text[i], n);
        used += n;
    }
    return find_numbers(column, table->n_rows);
}

const isg_column *isg_table_column(const isg_table *table, const char *name)
{
    for (size_t j = 0; j < table->n_columns; j++) {
        if (table->columns[j].name && !strcmp(table->columns[j].name, name))
            return &table->columns[j];
    }
    return NULL;
}

static isg_err join_column(const isg_table *const *tables, size_t n, const char *name,
                           isg_table *to)
{
    const char **text = malloc((to->n_rows + 1) * sizeof *text);
    size_t m = 0;

    if (!text) return ISG_FAIL(ISG_ENOMEM, "no memory for column '%s'", name);
    for (size_t k = 0; k < n; k++) {
        const isg_column *c = isg_table_column(tables[k], name);
        for (size_t i = 0; i < tables[k]->n_rows; i++) text[m++] = c ? c->text[i] : "";
    }
    isg_err rc = isg_table_add_text(to, name, text);
    free(text);
    return rc;
}

isg_err isg_table_join(const isg_table *const *tables, size_t n, isg_table **out)
{
    isg_str source = {0};
    isg_table *t = NULL;
    size_t rows = 0, at = 0;
    isg_err rc = ISG_OK;

    *out = NULL;
    for (size_t k = 0; k < n && !rc; k++) {
        rc = isg_str_printf(&source, "%s%s", k ? ", " : "", tables[k]->source);
        rows += tables[k]->n_rows;
    }
    if (!rc) rc = isg_table_create(isg_str_c(&source), rows, &t);
    for (size_t k = 0; k < n && !rc; k++) {
        for (size_t i = 0; i < tables[k]->n_rows; i++) t->line[at++] = tables[k]->line[i];
        for (size_t j = 0; j < tables[k]->n_columns && !rc; j++) {
            const char *name = tables[k]->columns[j].name;
            if (!isg_table_column(t, name)) rc = join_column(tables, n, name, t);
        }
    }
    isg_str_free(&source);
    if (rc) isg_table_destroy(&t);
    *out = t;
    return rc;
}

void isg_table_destroy(isg_table **table)
{
    isg_table *t = *table;
    if (!t) return;
    for (size_t j = 0; j < t->n_columns; j++) {
        free(t->columns[j].name);
        free(t->columns[j].number);
        free(t->columns[j].text);
        free(t->columns[j].bytes);
    }
    free(t->columns);
    free(t->line);
    free(t->source);
    free(t->bytes);
    free(t);
    *table = NULL;
}

/* ---- writing ------------------------------------------------------------- */

static void write_cell(const char *text, FILE *out)
{
    size_t n = strlen(text);
    bool plain =
        !text[strcspn(text, ",;\t\"\r\n")] && !(n && (text[0] == ' ' || text[n - 1] == ' '));

    if (plain) {
        (void)fputs(text, out);
        return;
    }
    (void)fputc('"', out);
    for (; *text; text++) {
        if (*text == '"') (void)fputc('"', out);
        (void)fputc(*text, out);
    }
    (void)fputc('"', out);
}

isg_err isg_table_write_csv(const isg_table *table, FILE *out)
{
    for (size_t j = 0; j < table->n_columns; j++) {
        if (j) (void)fputc(',', out);
        write_cell(table->columns[j].name, out);
    }
    (void)fputc('\n', out);
    for (size_t i = 0; i < table->n_rows; i++) {
        for (size_t j = 0; j < table->n_columns; j++) {
            if (j) (void)fputc(',', out);
            write_cell(table->columns[j].text[i], out);
        }
        (void)fputc('\n', out);
    }
    if (fflush(out) || ferror(out))
        return ISG_FAIL(ISG_EIO, "cannot write the table of %s", table->source);
    return ISG_OK;
}
