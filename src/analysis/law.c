#include "isogloss/law.h"

#include "isogloss/str.h"

#include <string.h>

extern const isg_law isg_law_chinchilla, isg_law_dcsl, isg_law_msl, isg_law_atlas, isg_law_curse,
    isg_law_gadre, isg_law_clark;

const isg_law *const isg_laws[] = {
    &isg_law_chinchilla, &isg_law_dcsl,  &isg_law_msl,   &isg_law_atlas,
    &isg_law_curse,      &isg_law_gadre, &isg_law_clark, NULL};

/* "a, b, c" of at most 32 names, then the failure. */
static isg_err unknown(const char *what, const char *word, const char *const *names, size_t n)
{
    isg_str list = {0};
    isg_err rc = ISG_OK;
    const char *near = isg_str_nearest(word, names, n);

    for (size_t i = 0; i < n && !rc; i++)
        rc = isg_str_printf(&list, "%s%s", i ? ", " : "", names[i]);
    if (!rc && near)
        rc = ISG_FAIL(ISG_EUSAGE, "unknown %s '%s'; did you mean '%s'?", what, word, near);
    else if (!rc)
        rc = ISG_FAIL(ISG_EUSAGE, "unknown %s '%s'; there are: %s", what, word, isg_str_c(&list));
    isg_str_free(&list);
    return rc;
}

isg_err isg_law_find(const char *name, const isg_law **out)
{
    const char *names[32];
    size_t n = 0;

    for (const isg_law *const *law = isg_laws; *law && n < 32; law++) {
        if (!strcmp((*law)->name, name)) {
            *out = *law;
            return ISG_OK;
        }
        names[n++] = (*law)->name;
    }
    return unknown("law", name, names, n);
}

isg_err isg_law_param_find(const isg_law *law, const char *name, size_t *out)
{
    const char *names[ISG_LAW_PARAMS];

    for (size_t i = 0; i < law->n_params; i++) {
        names[i] = law->params[i].name;
        if (!strcmp(names[i], name)) {
            *out = i;
            return ISG_OK;
        }
    }
    return unknown("parameter", name, names, law->n_params);
}

isg_err isg_law_var_find(const isg_law *law, const char *name, size_t *out)
{
    const char *names[ISG_LAW_VARS];

    for (size_t i = 0; i < law->n_vars; i++) {
        names[i] = law->vars[i].name;
        if (!strcmp(names[i], name)) {
            *out = i;
            return ISG_OK;
        }
    }
    return unknown("variable", name, names, law->n_vars);
}

bool isg_law_can_be_zero(const isg_law *law, size_t param)
{
    const isg_law_param *p = &law->params[param];

    if (!p->log || p->free_scale) return false;
    return !law->no_zero_terms || !strcmp(p->name, "E");
}

size_t isg_law_offset_param(const isg_law *law)
{
    size_t k = 0;

    if (strncmp(law->formula, "L = E + ", 8) != 0) return law->n_params;
    while (k < law->n_params && strcmp(law->params[k].name, "E") != 0) k++;
    return k;
}

double isg_law_loss(const isg_law *law, const double *natural, const double *var)
{
    double theta[ISG_LAW_PARAMS], x[ISG_LAW_VARS];

    for (size_t k = 0; k < law->n_params; k++) {
        theta[k] = natural[k];
        if (law->params[k].log) theta[k] = natural[k] > 1e-299 ? isg_ln(natural[k]) : ISG_LOG_ZERO;
    }
    for (size_t k = 0; k < law->n_vars; k++)
        x[k] = law->vars[k].kind == ISG_VAR_LOG ? isg_ln(var[k]) : var[k];
    return isg_exp(law->log_loss(law, theta, x, NULL));
}
