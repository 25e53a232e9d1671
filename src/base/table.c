#include "table_internal.h"

#include "isogloss/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NUMBER_BYTES = 32 };

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
                 {"#n/a", NAN},
                 {"#na", NAN},
                 {"#div/0!", NAN},
                 {"#value!", NAN},
                 {"-", NAN},
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

isg_err isg_column_find_numbers(isg_column *column, size_t n_rows)
{
    bool filled = false;

    column->number = malloc((n_rows ? n_rows : 1) * sizeof *column->number);
    if (!column->number) return ISG_FAIL(ISG_ENOMEM, "no memory for column '%s'", column->name);
    column->numeric = true;
    for (size_t i = 0; i < n_rows && column->numeric; i++) {
        if (i && column->text[i] == column->text[i - 1]) {
            column->number[i] = column->number[i - 1];
            continue;
        }
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

/* What is the same as in the row before shares its text: most columns of a store's runs are. */
static bool is_again(const double *number, size_t row)
{
    return row && !memcmp(&number[row], &number[row - 1], sizeof *number);
}

isg_err isg_table_add_numbers(isg_table *table, const char *name, const double *number)
{
    isg_column *column = NULL;
    size_t n = table->n_rows, texts = 0;

    for (size_t i = 0; i < n; i++) texts += !is_again(number, i);
    ISG_TRY(add_column(table, name, texts * NUMBER_BYTES, &column));
    column->number = malloc((n ? n : 1) * sizeof *number);
    if (!column->number) return ISG_FAIL(ISG_ENOMEM, "no memory for column '%s'", name);
    column->numeric = true;
    if (n) memcpy(column->number, number, n * sizeof *number);
    char *next = column->bytes;
    for (size_t i = 0; i < n; i++) {
        if (is_again(number, i)) {
            column->text[i] = column->text[i - 1];
            continue;
        }
        number_text(number[i], next);
        column->text[i] = next;
        next += NUMBER_BYTES;
    }
    return ISG_OK;
}

isg_err isg_table_add_text(isg_table *table, const char *name, const char *const *text)
{
    isg_column *column = NULL;
    size_t bytes = 0, used = 0;

    for (size_t i = 0; i < table->n_rows; i++) {
        if (!i || strcmp(text[i], text[i - 1]) != 0) bytes += strlen(text[i]) + 1;
    }
    ISG_TRY(add_column(table, name, bytes, &column));
    for (size_t i = 0; i < table->n_rows; i++) {
        if (i && !strcmp(text[i], text[i - 1])) {
            column->text[i] = column->text[i - 1];
            continue;
        }
        size_t n = strlen(text[i]) + 1;
        column->text[i] = memcpy(column->bytes + used, text[i], n);
        used += n;
    }
    return isg_column_find_numbers(column, table->n_rows);
}

const isg_column *isg_table_column(const isg_table *table, const char *name)
{
    for (size_t j = 0; j < table->n_columns; j++) {
        if (table->columns[j].name && !strcmp(table->columns[j].name, name))
            return &table->columns[j];
    }
    return NULL;
}

void isg_table_forget_lines(isg_table *table)
{
    for (size_t i = 0; i < table->n_rows; i++) table->line[i] = 0;
}

/* Which table each row came from, and what that was called. */
static isg_err join_files(const isg_table *const *tables, size_t n, isg_table *to)
{
    size_t at = 0;

    to->files = calloc(n, sizeof *to->files);
    to->file = calloc(to->n_rows + 1, sizeof *to->file);
    if (!to->files || !to->file) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu files", n);
    to->n_files = n;
    for (size_t k = 0; k < n; k++) {
        if (!(to->files[k] = isg_strdup(tables[k]->source)))
            return ISG_FAIL(ISG_ENOMEM, "no memory for %zu files", n);
        for (size_t i = 0; i < tables[k]->n_rows; i++) to->file[at++] = k;
    }
    return ISG_OK;
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
    if (!rc) rc = join_files(tables, n, t);
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
    for (size_t k = 0; k < t->n_files; k++) free(t->files[k]);
    free(t->files);
    free(t->file);
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
