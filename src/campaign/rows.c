/* A `runs:` file: comma-separated, one run a line, names in the first line.
 * Cells become nodes with line and column, so that errors read as elsewhere. */
#include "build.h"
#include "isogloss/os.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 256 << 20, MAX_COLUMNS = 256 };

typedef struct csv {
    const char *p;
    size_t line;
    const char *line_start;
} csv;

/* One cell; quotes as in RFC 4180, without line breaks inside. */
static isg_node *next_cell(isg_build *b, csv *c)
{
    isg_node *cell = ISG_NEW(b, 1, isg_node);
    size_t cap = strcspn(c->p, "\n") + 1, n = 0;
    char *text = ISG_NEW(b, cap, char);
    if (!cell || !text) return NULL;
    while (*c->p == ' ') c->p++;
    cell->line = c->line;
    cell->column = (size_t)(c->p - c->line_start) + 1;
    bool quoted = *c->p == '"';
    for (c->p += quoted; *c->p && *c->p != '\n' && (quoted || (*c->p != ',' && *c->p != '\r'));
         c->p++) {
        if (quoted && *c->p == '"' && *++c->p != '"') {
            quoted = false;
            if (*c->p == ',' || *c->p == '\n' || *c->p == '\r' || !*c->p) break;
        }
        text[n++] = *c->p;
    }
    while (n && text[n - 1] == ' ') text[--n] = '\0';
    cell->text = text;
    return cell;
}

/* The cells of a line; false at the end of the file. */
static isg_err next_line(isg_build *b, csv *c, const isg_node **cell, size_t *n, bool *more)
{
    *n = 0;
    while (*c->p == '\n' || *c->p == '\r') {
        c->line += *c->p == '\n';
        c->p++;
    }
    c->line_start = c->p;
    *more = *c->p != '\0';
    while (*more && *n < MAX_COLUMNS) {
        cell[*n] = next_cell(b, c);
        if (!cell[(*n)++]) return isg_build_no_memory();
        if (*c->p != ',') break;
        c->p++;
    }
    c->p += strcspn(c->p, "\n");
    return ISG_OK;
}

/* Column of each known name, and of each setting; (size_t)-1 where absent. */
typedef struct columns {
    size_t size, tokens, mixture, unique, seed;
    size_t *setting;
    size_t n;
} columns;

static isg_err read_header(isg_build *b, csv *c, isg_diag *diag, columns *out)
{
    const isg_plan *p = b->plan;
    const isg_node *cell[MAX_COLUMNS];
    static const char *const fixed[] = {"size", "tokens", "mixture", "unique", "seed"};
    size_t *at[] = {&out->size, &out->tokens, &out->mixture, &out->unique, &out->seed};
    bool more;
    for (size_t i = 0; i < 5; i++) *at[i] = (size_t)-1;
    out->setting = ISG_NEW(b, p->n_settings, size_t);
    if (!out->setting) return isg_build_no_memory();
    for (size_t s = 0; s < p->n_settings; s++) out->setting[s] = (size_t)-1;
    ISG_TRY(next_line(b, c, cell, &out->n, &more));
    for (size_t i = 0; i < out->n; i++) {
        size_t *place = NULL;
        for (size_t k = 0; k < 5; k++) {
            if (!strcmp(cell[i]->text, fixed[k])) place = at[k];
        }
        for (size_t s = 0; s < p->n_settings; s++) {
            if (!strcmp(cell[i]->text, p->settings[s].name)) place = &out->setting[s];
        }
        if (!place) {
            const char *near = isg_str_nearest(cell[i]->text, fixed, 5);
            isg_diag_add(
                diag, cell[i],
                "unknown column '%.40s', allowed: size, tokens, mixture, unique, seed and settings"
                "%s%s%s",
                cell[i]->text, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        } else {
            *place = i;
        }
    }
    for (size_t k = 0; k < 3; k++) {
        if (*at[k] == (size_t)-1) isg_diag_add(diag, NULL, "column '%s' is missing", fixed[k]);
    }
    return ISG_OK;
}

static bool bad_cell(isg_diag *diag, const isg_node *cell, const char *column, const char *allowed)
{
    isg_diag_add(diag, cell, "column '%s': found '%.60s', allowed: %s", column, cell->text,
                 allowed);
    return false;
}

static bool fill_row(isg_build *b, const columns *col, const isg_node **cell, isg_diag *diag,
                     isg_row *row)
{
    const isg_plan *p = b->plan;
    uint64_t tokens;
    row->at = cell[0];
    row->tokens = cell[col->tokens];
    row->unique = ISG_ALL_BYTES;
    row->seed = p->seed;
    if (!isg_shape_of(b, cell[col->size], diag, &row->shape)) return false;
    if (!isg_budget_tokens(row->tokens, false, &row->shape, diag, &tokens)) return false;
    if (!isg_mix_of_text(b, cell[col->mixture], diag, &row->mix)) return false;
    const isg_node *unique = col->unique == (size_t)-1 ? NULL : cell[col->unique];
    const isg_node *seed = col->seed == (size_t)-1 ? NULL : cell[col->seed];
    if (unique && *unique->text && strcmp(unique->text, "all") != 0 &&
        !isg_value_count(unique, &row->unique)) {
        return bad_cell(diag, unique, "unique", isg_ftypes[ISG_F_UNIQUE].word);
    }
    if (seed && *seed->text && !isg_value_count(seed, &row->seed))
        return bad_cell(diag, seed, "seed", "a whole number");
    row->setting = ISG_NEW(b, p->n_settings, double);
    for (size_t s = 0; row->setting && s < p->n_settings; s++) {
        const char *name = p->settings[s].name;
        const isg_field *f = isg_field_find("trainer", name);
        const isg_node *given = col->setting[s] == (size_t)-1 ? NULL : cell[col->setting[s]];
        row->setting[s] = b->settings_given[s];
        if (!given || !*given->text) continue;
        if (!strcmp(name, "batch")) row->batch_at = given;
        if (!isg_value_amount(given, &row->setting[s]))
            return bad_cell(diag, given, name, isg_ftypes[ISG_F_AMOUNT].word);
        if (f && (row->setting[s] < f->min || row->setting[s] > f->max)) {
            return bad_cell(diag, given, name, "a number in the range of this setting");
        }
    }
    return row->setting != NULL;
}

static isg_err read_rows(isg_build *b, const char *text, isg_diag *diag, isg_family_work *w)
{
    csv c = {.p = text, .line = 1};
    columns col = {0};
    const isg_node *cell[MAX_COLUMNS];
    size_t lines = 1, n;
    bool more;
    if (!strncmp(text, "\xef\xbb\xbf", 3)) c.p += 3;
    for (const char *p = text; *p; p++) lines += *p == '\n';
    w->rows = ISG_NEW(b, lines, isg_row);
    if (!w->rows) return isg_build_no_memory();
    ISG_TRY(read_header(b, &c, diag, &col));
    if (diag->n) return ISG_OK;
    for (;;) {
        ISG_TRY(next_line(b, &c, cell, &n, &more));
        if (!more) break;
        if (n != col.n) {
            isg_diag_add(diag, cell[0], "found %zu cells, allowed: %zu as in the first line", n,
                         col.n);
        } else if (fill_row(b, &col, cell, diag, &w->rows[w->n_rows])) {
            w->n_rows++;
        }
    }
    if (!w->n_rows && !diag->n) isg_diag_add(diag, NULL, "no runs");
    return ISG_OK;
}

isg_err isg_build_rows(isg_build *b, isg_family_work *w)
{
    const isg_node *at = isg_node_get(w->node, "runs");
    isg_str text = {0};
    char *path = isg_build_path(b, at->text);
    if (!path) return isg_build_no_memory();
    isg_diag diag = {.file = path};
    isg_err rc = isg_file_read(path, MAX_BYTES, &text);
    if (rc == ISG_EIO || rc == ISG_EINPUT) {
        isg_diag_add(&b->diag, at, "key 'runs': %s", isg_err_message());
        rc = ISG_OK;
    } else if (!rc) {
        rc = read_rows(b, isg_str_c(&text), &diag, w);
        if (!rc && diag.n) isg_diag_add(&b->diag, at, "key 'runs': %s", isg_str_c(&diag.text));
    }
    isg_str_free(&diag.text);
    isg_str_free(&text);
    free(path);
    return rc;
}
