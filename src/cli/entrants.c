#include "entrants.h"

#include "isogloss/str.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is asked for ---------------------------------------------------------------------- */

/* NAME=NUMBER fixes, NAME=NAME ties. */
static isg_err add_constraint(entrant *e, const char *word)
{
    const char *value = strchr(word, '=');
    double number;

    if (!value)
        return ISG_FAIL(ISG_EUSAGE, "--laws %s: '%s': wanted NAME=VALUE or NAME=NAME", e->name,
                        word);
    isg_opt_list *to = isg_str_to_double(value + 1, &number) ? &e->args.fix : &e->args.tie;
    if (to->n == sizeof to->item / sizeof *to->item)
        return ISG_FAIL(ISG_EUSAGE, "--laws %s: too many constraints", e->name);
    to->item[to->n++] = word;
    return ISG_OK;
}

/* "law[alpha=beta,E=0]" */
static isg_err parse_one(const fit_job *job, const char *text, size_t n, entrant *e)
{
    e->name = isg_strf("%.*s", (int)n, text);
    e->words = isg_strdup(e->name);
    if (!e->name || !e->words) return ISG_FAIL(ISG_ENOMEM, "no memory for a law");
    e->args = *job->args;
    e->args.fix.n = e->args.tie.n = 0;
    char *inside = strchr(e->words, '[');
    e->args.law = e->words;
    if (!inside) return ISG_OK;
    *inside++ = '\0';
    size_t length = strlen(inside);
    if (length < 2 || inside[length - 1] != ']')
        return ISG_FAIL(ISG_EUSAGE, "--laws %s: wanted LAW[NAME=VALUE,...]", e->name);
    inside[length - 1] = '\0';
    for (char *word = inside; word;) {
        char *next = strchr(word, ',');
        if (next) *next++ = '\0';
        ISG_TRY(add_constraint(e, word));
        word = next;
    }
    return ISG_OK;
}

static size_t length_of(const char *text)
{
    size_t depth = 0, n = 0;
    for (; text[n] && (depth || text[n] != ','); n++) {
        depth += text[n] == '[';
        if (text[n] == ']' && depth) depth--;
    }
    return n;
}

static isg_err parse(const fit_job *job, const char *laws, entrants *out)
{
    for (const char *p = laws;; p++) {
        size_t n = length_of(p);
        if (!n) return ISG_FAIL(ISG_EUSAGE, "--laws %s: a name is missing", laws);
        if (out->n == MAX_ENTRANTS)
            return ISG_FAIL(ISG_EUSAGE, "--laws: at most %d laws", MAX_ENTRANTS);
        entrant *e = &out->one[out->n++];
        ISG_TRY(parse_one(job, p, n, e));
        ISG_TRY(isg_err_context(fit_job_again(job, &e->args, &e->job), "--laws %s", e->name));
        for (size_t k = 0; k + 1 < out->n; k++) {
            if (!strcmp(out->one[k].name, e->name))
                return ISG_FAIL(ISG_EUSAGE, "--laws: %s stands there twice", e->name);
        }
        p += n;
        if (!*p) return ISG_OK;
    }
}

/* ---- the common rows --------------------------------------------------------------------------- */

/* @param count  [n_rows of the table] in how many selections each row is */
static isg_err count_selections(entrants *out, const isg_table *t, size_t *count)
{
    for (size_t k = 0; k < out->n; k++) {
        entrant *e = &out->one[k];
        ISG_TRY(isg_err_context(isg_select(t, &e->job.select, &e->selection), "%s", e->name));
        for (size_t i = 0; i < e->selection->n; i++) count[e->selection->row[i]]++;
    }
    for (size_t r = 0; r < t->n_rows; r++) {
        out->rows += count[r] == out->n;
        out->left_out += count[r] && count[r] < out->n;
    }
    return out->rows
               ? ISG_OK
               : ISG_FAIL(ISG_EDATA, "there is no row that all of these laws can be fitted to");
}

static isg_err copy_common(const isg_table *t, const size_t *count, entrants *out)
{
    const isg_selection *s = out->one[0].selection;
    const isg_column *d = isg_table_column(t, s->d_column);
    size_t m = 0, last = 0;

    out->row = malloc(out->rows * sizeof *out->row);
    out->cluster = malloc(out->rows * sizeof *out->cluster);
    out->size = malloc(out->rows * sizeof *out->size);
    out->tokens = malloc(out->rows * sizeof *out->tokens);
    if (!out->row || !out->cluster || !out->size || !out->tokens)
        return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", out->rows);
    for (size_t i = 0; i < s->n; i++) {
        if (count[s->row[i]] < out->n) continue;
        out->n_clusters += !m || s->cluster[i] != last; /* rows are in order of clusters */
        last = s->cluster[i];
        out->row[m] = s->row[i];
        out->cluster[m] = out->n_clusters - 1;
        out->size[m] = s->var[0][i];
        out->tokens[m] =
            d && d->numeric && d->number[s->row[i]] > 0 ? d->number[s->row[i]] : s->var[1][i];
        m++;
    }
    return ISG_OK;
}

/* The rival's rows in the order of the first selection. @param at  [n_rows of the table] scratch */
static isg_err make_rival(const entrants *all, entrant *e, size_t *at, isg_rival *out)
{
    const isg_selection *s = e->selection;
    const size_t n = all->rows, n_vars = e->job.fit.law->n_vars;

    for (size_t k = 0; k < n_vars; k++) {
        if (!s->var[k])
            return ISG_FAIL(ISG_EUSAGE, "%s: the source has no %s: %s", e->name,
                            e->job.fit.law->vars[k].name, e->job.fit.law->vars[k].meaning);
    }
    e->memory = malloc((n_vars + 1) * n * sizeof *e->memory);
    if (!e->memory) return ISG_FAIL(ISG_ENOMEM, "no memory for %zu rows", n);
    for (size_t i = 0; i < s->n; i++) at[s->row[i]] = i;
    for (size_t i = 0; i < n; i++) {
        size_t from = at[all->row[i]];
        for (size_t k = 0; k < n_vars; k++) e->memory[k * n + i] = s->var[k][from];
        e->memory[n_vars * n + i] = s->loss[from];
    }
    *out = (isg_rival){.name = e->name, .fit = e->job.fit};
    out->obs = (isg_obs){.n = n, .loss = e->memory + n_vars * n};
    for (size_t k = 0; k < n_vars; k++) out->obs.var[k] = e->memory + k * n;
    return ISG_OK;
}

isg_err entrants_load(const fit_job *job, const char *laws, entrants *out)
{
    const isg_table *t = job->table;
    size_t *count = NULL;
    isg_err rc;

    *out = (entrants){.one = calloc(MAX_ENTRANTS, sizeof *out->one)};
    count = calloc(t->n_rows + 1, sizeof *count);
    rc = out->one && count ? parse(job, laws, out) : ISG_FAIL(ISG_ENOMEM, "no memory for laws");
    if (!rc) rc = count_selections(out, t, count);
    if (!rc) rc = copy_common(t, count, out);
    for (size_t k = 0; !rc && k < out->n; k++)
        rc = make_rival(out, &out->one[k], count, &out->rival[k]);
    free(count);
    return rc;
}

void entrants_clear(entrants *e)
{
    for (size_t k = 0; e->one && k < e->n; k++) {
        isg_selection_destroy(&e->one[k].selection);
        free(e->one[k].name);
        free(e->one[k].words);
        free(e->one[k].memory);
    }
    free(e->one);
    free(e->row);
    free(e->cluster);
    free(e->size);
    free(e->tokens);
    *e = (entrants){0};
}
