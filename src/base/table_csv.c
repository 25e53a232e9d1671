/* A CSV file is parsed in place: cells point into the bytes of the file, which the table keeps.
 * Thousands of columns cost one pointer and one number a cell. */

#include "isogloss/os.h"
#include "isogloss/str.h"
#include "table_internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
            if (*r->p == '\r')
                return at(r, r->p,
                          "a carriage return inside a line; save the file with one kind of "
                          "line ends");
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

typedef struct heading {
    const char *name, *cell;
} heading;

static int by_name(const void *a, const void *b)
{
    const heading *x = a, *y = b;
    int c = strcmp(x->name, y->name);
    return c ? c : (x->cell > y->cell) - (x->cell < y->cell);
}

/* @param start  the reader where the header begins */
static isg_err check_names(const reader *start, const isg_table *table, const cells *header)
{
    heading *sorted = malloc(table->n_columns * sizeof *sorted);
    isg_err rc = ISG_OK;

    if (!sorted) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu columns", table->n_columns);
    for (size_t j = 0; j < table->n_columns; j++)
        sorted[j] = (heading){table->columns[j].name, header->cell[j]};
    qsort(sorted, table->n_columns, sizeof *sorted, by_name);
    for (size_t j = 1; j < table->n_columns && !rc; j++) {
        if (strcmp(sorted[j].name, sorted[j - 1].name) != 0) continue;
        rc = ISG_FAIL(ISG_EINPUT, "%s:%zu:%zu: the header has the column '%.60s' twice; rename one",
                      start->path, start->line, (size_t)(sorted[j].cell - start->line_at) + 1,
                      sorted[j].name);
    }
    free(sorted);
    return rc;
}

static isg_err name_columns(const reader *start, isg_table *table, const cells *header)
{
    table->columns = calloc(header->n, sizeof *table->columns);
    if (!table->columns) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu columns", header->n);
    table->n_columns = header->n;
    for (size_t j = 0; j < header->n; j++) {
        const char *name = header->cell[j];
        table->columns[j].name = name[0] ? isg_strdup(name) : isg_strf("column %zu", j + 1);
        if (!table->columns[j].name) return ISG_FAIL(ISG_ENOMEM, "no memory for column names");
    }
    return check_names(start, table, header);
}

static isg_err fill_columns(const reader *r, isg_table *table, const cells *body)
{
    for (size_t j = 0; j < table->n_columns; j++) {
        isg_column *column = &table->columns[j];
        column->text = malloc((table->n_rows ? table->n_rows : 1) * sizeof *column->text);
        if (!column->text) return ISG_FAIL(ISG_ENOMEM, "no memory for column '%s'", column->name);
        for (size_t i = 0; i < table->n_rows; i++)
            column->text[i] = body->cell[i * table->n_columns + j];
    }
    if (r->separator != ',') isg_table_decimal_commas(table);
    for (size_t j = 0; j < table->n_columns; j++)
        ISG_TRY(isg_column_find_numbers(&table->columns[j], table->n_rows));
    return ISG_OK;
}

/* Lines of old that end in a carriage return alone get our ends. */
static void mend_line_ends(const reader *r)
{
    if (memchr(r->p, '\n', (size_t)(r->end - r->p))) return;
    for (char *p = r->p; p < r->end; p++) {
        if (*p == '\r') *p = '\n';
    }
}

/* "sep=;", as spreadsheets write it before the header. */
static bool says_separator(reader *r)
{
    const char *p = r->p;
    if (r->end - p < 6 || strncmp(p, "sep=", 4) != 0 || !strchr(",;\t", p[4])) return false;
    size_t n = p[5] == '\r' ? 6 : 5;
    if (p[n] != '\n') return false;
    r->separator = p[4];
    r->p += n + 1;
    r->line++;
    r->line_at = r->p;
    return true;
}

static isg_err check_text(reader *r)
{
    size_t n = (size_t)(r->end - r->p);
    ISG_TRY(isg_table_check_text(r->path, r->p, n));
    if (n >= 3 && !memcmp(r->p, "\xef\xbb\xbf", 3)) r->p += 3;
    r->line_at = r->p;
    mend_line_ends(r);
    return ISG_OK;
}

static isg_err parse(reader *r, isg_table *table)
{
    cells header = {0}, body = {0};
    isg_err rc = check_text(r);
    if (rc) goto done;

    skip_empty_lines(r);
    bool said = says_separator(r);
    if (said) skip_empty_lines(r);
    if (r->p == r->end) {
        rc = ISG_FAIL(ISG_EINPUT,
                      "%s: the file is empty; a header line with column names is needed", r->path);
        goto done;
    }
    if (!said) r->separator = find_separator(r);
    const reader start = *r;
    rc = read_record(r, &header, 0);
    if (!rc) rc = name_columns(&start, table, &header);
    for (skip_empty_lines(r); !rc && r->p < r->end; skip_empty_lines(r))
        rc = read_record(r, &body, header.n);
    if (rc) goto done;
    table->n_rows = body.rows;
    table->line = body.line;
    body.line = NULL;
    rc = fill_columns(r, table, &body);
done:
    free(header.cell);
    free(header.line);
    free(body.cell);
    free(body.line);
    return rc;
}

isg_err isg_table_parse_csv(isg_str *text, const char *source, isg_table **out)
{
    isg_table *table = NULL;

    *out = NULL;
    isg_err rc = isg_str_reserve(text, 1); /* an empty file still needs its '\0' */
    if (!rc) rc = isg_table_create(source, 0, &table);
    if (rc) goto done;
    text->data[text->len] = '\0';
    table->bytes = text->data;
    reader r = {.path = table->source,
                .p = text->data,
                .end = text->data + text->len,
                .line_at = text->data,
                .line = 1};
    *text = (isg_str){0};
    rc = parse(&r, table);
    if (rc) goto done;
    *out = table;
    table = NULL;
done:
    isg_table_destroy(&table);
    isg_str_free(text);
    return rc;
}

isg_err isg_table_read_csv(const char *path, isg_table **out)
{
    isg_str text = {0};
    *out = NULL;
    ISG_TRY(isg_file_read(path, MAX_FILE_BYTES, &text));
    return isg_table_parse_csv(&text, path, out);
}
