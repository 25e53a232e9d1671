/* Finding columns, and what to say about one that is not there or does not hold what it should. */
#include "isogloss/table.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN = 20, NAME_CHARS = 64 };

bool isg_column_is_filled(const isg_table *t, const isg_column *c)
{
    for (size_t i = 0; i < t->n_rows; i++) {
        if (c->text[i][0]) return true;
    }
    return false;
}

const isg_column *isg_table_first(const isg_table *t, const char *names)
{
    char name[NAME_CHARS];
    for (const char *p = names; *p;) {
        size_t n = strcspn(p, " ");
        (void)snprintf(name, sizeof name, "%.*s", (int)n, p);
        const isg_column *c = isg_table_column(t, name);
        if (c && isg_column_is_filled(t, c)) return c;
        p += n + (p[n] == ' ');
    }
    return NULL;
}

isg_err isg_table_list_columns(const isg_table *t, isg_str *out)
{
    for (size_t j = 0; j < t->n_columns && j < SHOWN; j++) {
        ISG_TRY(isg_str_printf(out, "%s%s", j ? ", " : "", t->columns[j].name));
    }
    return isg_str_puts(out, t->n_columns > SHOWN ? ", ..." : "");
}

isg_err isg_table_unknown(const isg_table *t, const char *name, const char *option)
{
    const char **names = malloc((t->n_columns + 1) * sizeof *names);
    isg_str list = {0};

    if (!names) return ISG_FAIL(ISG_ENOMEM, "no memory for column names");
    for (size_t j = 0; j < t->n_columns; j++) names[j] = t->columns[j].name;
    const char *near = isg_str_nearest(name, names, t->n_columns);
    isg_err rc = isg_table_list_columns(t, &list);
    if (!rc && near) {
        rc = ISG_FAIL(ISG_EUSAGE, "%s has no column '%s' (%s); did you mean '%s'?", t->source, name,
                      option, near);
    } else if (!rc) {
        rc = ISG_FAIL(ISG_EUSAGE, "%s has no column '%s' (%s). Its columns: %s", t->source, name,
                      option, isg_str_c(&list));
    }
    isg_str_free(&list);
    free(names);
    return rc;
}

static const char minus[] = "\xe2\x88\x92"; /* U+2212 */

/* 1,000,000 or 1 000 000.5: digits in groups of three. */
static bool has_groups(const char *text)
{
    const char *p = text + (*text == '-' || *text == '+');
    size_t n = strspn(p, "0123456789");
    const char mark = p[n];
    bool any = false;

    if (!n || n > 3) return false;
    for (p += n; *p && *p == mark && strchr(", _'", mark) && strspn(p + 1, "0123456789") == 3;
         p += 4)
        any = true;
    return any && (!*p || (*p == '.' && mark != '.'));
}

/* How to write a number that is none yet. */
static const char *hint(const char *text)
{
    const size_t n = strlen(text);
    if (has_groups(text))
        return strchr(text, ',')
                   ? " (write numbers without thousands separators, and decimals with "
                     "a point)"
                   : " (write numbers without thousands separators)";
    if (strchr(text, ',')) return " (write decimals with a point)";
    if (n > 1 && text[n - 1] == '%') return " (write it without the percent sign)";
    if (strchr(text, '_')) return " (write it without underscores)";
    if (!strncmp(text, minus, sizeof minus - 1)) return " (write the minus sign as '-')";
    if (n > 1 && strchr("kKmMbBgGtT", text[n - 1])) return " (write it in full, such as 70e6)";
    return "";
}

isg_run_columns isg_table_run_columns(const isg_table *t)
{
    return (isg_run_columns){isg_table_column(t, "name"), isg_table_column(t, "run_id")};
}

const char *isg_table_run_by(const isg_table *t, isg_run_columns c, size_t row)
{
    if (t->line[row]) return NULL;
    if (c.name && c.name->text[row][0]) return c.name->text[row];
    return c.id && c.id->text[row][0] ? c.id->text[row] : NULL;
}

const char *isg_table_run(const isg_table *t, size_t row)
{
    return isg_table_run_by(t, isg_table_run_columns(t), row);
}

int isg_table_run_digits(const char *run)
{
    enum { ID = 32, SHOWN_DIGITS = 8 };
    const size_t n = strlen(run);
    if (n == ID && strspn(run, "0123456789abcdef") == n) return SHOWN_DIGITS;
    return n < NAME_CHARS ? (int)n : NAME_CHARS;
}

const char *isg_table_place(const isg_table *t, size_t row, char *out)
{
    const char *run = isg_table_run(t, row);

    if (run)
        (void)snprintf(out, ISG_PLACE_BYTES, "run %.*s", isg_table_run_digits(run), run);
    else if (!t->line[row])
        (void)snprintf(out, ISG_PLACE_BYTES, "row %zu", row + 1);
    else
        (void)snprintf(out, ISG_PLACE_BYTES, "line %zu%s%.80s", t->line[row],
                       t->files ? " of " : "", t->files ? t->files[t->file[row]] : "");
    return out;
}

const char *isg_table_at(const isg_table *t, size_t row, char *out)
{
    const char *file = t->files ? t->files[t->file[row]] : t->source;
    char place[ISG_PLACE_BYTES];

    if (t->line[row])
        (void)snprintf(out, ISG_PLACE_BYTES, "%.400s:%zu", file, t->line[row]);
    else
        (void)snprintf(out, ISG_PLACE_BYTES, "%.400s: %.100s", file,
                       isg_table_place(t, row, place));
    return out;
}

isg_err isg_table_all_numbers(const isg_table *t, const isg_column *c)
{
    char place[ISG_PLACE_BYTES];
    double x;

    if (c->numeric) return ISG_OK;
    for (size_t i = 0; i < t->n_rows; i++) {
        if (!c->text[i][0] || isg_table_number(c->text[i], &x)) continue;
        return ISG_FAIL(ISG_EINPUT, "%s: column '%s' should hold numbers; '%.40s' is none%s",
                        isg_table_at(t, i, place), c->name, c->text[i], hint(c->text[i]));
    }
    return ISG_OK;
}
