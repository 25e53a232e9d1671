/* Is what is in the file the fit that was asked for? */
#include "fits.h"

#include <stdlib.h>
#include <string.h>

static isg_err say_request(hid_t group, const isg_fitfile_plan *plan, isg_str *say)
{
    char *text = NULL;
    json_t *was = NULL, *is = NULL;
    ISG_TRY(isg_h5_get_text(group, "request", &text));
    isg_err rc = isg_json_parse(text, strlen(text), "the request in the file", &was);
    if (rc) rc = ISG_FAIL(ISG_ESTORE, "its request is no JSON");
    if (!rc) rc = isg_json_parse(plan->request, strlen(plan->request), "the request", &is);
    if (!rc) isg_say_difference("", was, is, say);
    json_decref(was);
    json_decref(is);
    free(text);
    return rc;
}

static isg_err say_sources(hid_t group, const isg_fitfile_plan *plan, isg_str *say)
{
    char **path = NULL, **sha = NULL;
    size_t n = 0, m = 0;
    isg_err rc = isg_fits_read_names(group, ISG_FITS_SOURCE, &path, &n);
    if (!rc) rc = isg_fits_read_names(group, ISG_FITS_SHA256, &sha, &m);
    if (!rc && n != m) rc = ISG_FAIL(ISG_ESTORE, "it has %zu sources and %zu hashes", n, m);
    if (!rc && n != plan->n_sources)
        rc = isg_str_printf(say, "\n  sources: were %zu, are %zu", n, plan->n_sources);
    for (size_t i = 0; i < n && i < plan->n_sources && !rc; i++) {
        const isg_fitfile_source *s = &plan->sources[i];
        if (!strcmp(sha[i], s->sha256)) continue;
        rc = isg_str_printf(say,
                            "\n  %s: its content has changed (SHA-256 was %.12s..., is %.12s...)",
                            s->path, sha[i], s->sha256);
    }
    isg_names_free(&path, n);
    isg_names_free(&sha, m);
    return rc;
}

static isg_err say_parameters(hid_t group, const isg_fitfile_plan *plan, bool complete,
                              isg_str *say)
{
    char **name = NULL, *version = NULL;
    size_t n = 0;
    double *theta = calloc(plan->n_params, sizeof *theta);
    isg_err rc = theta ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory");
    if (!rc) rc = isg_fits_read_names(group, ISG_FITS_PARAMETER, &name, &n);
    if (!rc) rc = isg_h5_get_text(group, "version", &version);
    bool same = !rc && n == plan->n_params;
    for (size_t k = 0; same && k < n; k++) same = !strcmp(name[k], plan->param[k]);
    if (!rc && !same) rc = isg_str_puts(say, "\n  parameters: others");
    if (!rc && same) rc = isg_fits_read(group, ISG_FITS_FULL, n, theta);
    if (!rc && same && memcmp(theta, plan->theta, n * sizeof *theta) != 0)
        rc = isg_str_puts(say, "\n  the full fit: comes out otherwise");
    if (!rc && strcmp(version, plan->version) != 0 && (!complete || say->len))
        rc = isg_str_printf(say, "\n  program: was isogloss %s, is %s", version, plan->version);
    isg_names_free(&name, n);
    free(version);
    free(theta);
    return rc;
}

static isg_err say_sets(hid_t group, const isg_fitfile_plan *plan, isg_str *say)
{
    char *sets = NULL;
    isg_err rc = isg_h5_get_text(group, "sets", &sets);
    bool same = !rc;
    for (size_t i = 0; i <= plan->n_sets && same; i++) {
        char word[80] = "";
        bool there = isg_fits_word(sets, i, word);
        same = there == (i < plan->n_sets) && (!there || !strcmp(word, plan->sets[i].name));
    }
    for (size_t i = 0; i < plan->n_sets && same && !rc; i++) {
        uint64_t n = 0, k = 0;
        hid_t own = plan->n_sets == 1 ? group : H5Gopen2(group, plan->sets[i].name, H5P_DEFAULT);
        rc = isg_h5_get_u64(own, "replicates", &n);
        if (!rc) rc = isg_h5_get_u64(own, "replicates_per_block", &k);
        same = n == plan->sets[i].replicates && k == plan->sets[i].per_block;
        if (own >= 0 && own != group) (void)H5Gclose(own);
    }
    if (!rc && !same && !say->len) rc = isg_str_puts(say, "\n  bootstraps: others");
    free(sets);
    return rc;
}

isg_err isg_fits_check(hid_t group, const isg_fitfile_plan *plan, bool complete)
{
    isg_str say = {0};
    isg_err rc = say_request(group, plan, &say);
    if (!rc) rc = say_sources(group, plan, &say);
    if (!rc) rc = say_parameters(group, plan, complete, &say);
    if (!rc) rc = say_sets(group, plan, &say);
    if (!rc && say.len) {
        rc = ISG_FAIL(ISG_EUSAGE,
                      "'%s' is another fit there:%s\n"
                      "Keep both (--save OTHER), or put this one in its place (--replace)",
                      plan->name, isg_str_c(&say));
    }
    isg_str_free(&say);
    return rc;
}
