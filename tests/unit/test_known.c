/* A number is known exactly where no parameter that it is made of is unknown: for every law. */

#include "check.h"
#include "isogloss/known.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Is `name` a word of the formula before the colon? Names of derived numbers stand for theirs. */
static bool made_of(const isg_law *law, const char *formula, const char *name)
{
    const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    const char *end = strchr(formula, ':');

    for (const char *p = formula; p < end;) {
        size_t n = strspn(p, letters);
        if (n && n == strlen(name) && !strncmp(p, name, n)) return true;
        for (size_t k = 0; n && k < law->n_derived; k++) {
            const isg_law_derived *d = &law->derived[k];
            if (strlen(d->name) > 1 && strlen(d->name) == n && !strncmp(p, d->name, n) &&
                made_of(law, d->meaning, name))
                return true;
        }
        p += n ? n : 1;
    }
    return false;
}

static void test_laws(void)
{
    size_t known = 0, unknown = 0;

    for (const isg_law *const *l = isg_laws; *l; l++) {
        const isg_law *law = *l;
        isg_fit fit = {.n_null = 1};
        for (size_t p = 0; p < law->n_params; p++) {
            fit.natural[p] = .3 + .07 * (double)p;
            fit.identified[p] = true;
        }
        for (size_t p = 0; p < law->n_params; p++) {
            for (size_t k = 0; k < law->n_derived; k++) {
                CHECK(isg_known_derived(law, &fit, k));
                fit.identified[p] = false;
                const bool is = isg_known_derived(law, &fit, k);
                if (is == made_of(law, law->derived[k].meaning, law->params[p].name))
                    (void)fprintf(stderr, "%s: %s by %s\n", law->name, law->derived[k].name,
                                  law->params[p].name);
                CHECK(is != made_of(law, law->derived[k].meaning, law->params[p].name));
                fit.identified[p] = true;
                known += is;
                unknown += !is;
            }
        }
    }
    CHECK(known > 20);
    CHECK(unknown > 20);
}

/* A loss where a term plays no part does not rest on its parameters. */
static double loss(const void *ctx, const double *natural)
{
    const isg_law *law = NULL;
    CHECK_OK(isg_law_find("dcsl", &law));
    return isg_law_loss(law, natural, ctx);
}

static void test_place(void)
{
    const isg_law *law = NULL;
    isg_fit fit = {.natural = {480, 2100, 1.8, .35, .37, 15, 5},
                   .identified = {true, true, true, true, true, false, true}};
    const double once[] = {1e7, 4e10, 4e10}, repeated[] = {1e8, 4e10, 1e9};

    CHECK_OK(isg_law_find("dcsl", &law));
    CHECK(isg_known(law, &fit, loss, once));
    CHECK(!isg_known(law, &fit, loss, repeated));
}

int main(void)
{
    test_laws();
    test_place();
    return check_done();
}
