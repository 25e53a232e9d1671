/* Refits given resamples, for the script that replays published ones.
 *
 *   replay_tool ROWS REPLICATES
 *
 * stdin: ROWS times "N D loss", then REPLICATES times ROWS counts. stdout: the parameters of every
 * refit (huber, delta 0.001, best of warm start and own scan), one line each. */
#include "isogloss/fit.h"
#include "isogloss/str.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct replay {
    size_t n;
    double *n_params, *d_tokens, *loss, *weights;
    isg_problem *problem;
    isg_workspace *w;
    isg_fit fit;
} replay;

static isg_err read_numbers(double *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (scanf("%lf", &to[i]) != 1) return ISG_FAIL(ISG_EINPUT, "number %zu is missing", i);
    }
    return ISG_OK;
}

static isg_err make_fit(replay *r)
{
    isg_fit_options options = isg_fit_defaults();
    options.delta = 1e-3;
    for (size_t i = 0; i < r->n; i++) {
        double row[3];
        ISG_TRY(read_numbers(row, 3));
        r->n_params[i] = row[0];
        r->d_tokens[i] = row[1];
        r->loss[i] = row[2];
    }
    const isg_obs obs = {.n = r->n, .var = {r->n_params, r->d_tokens}, .loss = r->loss};
    ISG_TRY(isg_problem_create(&options, &obs, &r->problem));
    ISG_TRY(isg_workspace_create(r->problem, &r->w));
    return isg_fit_full(r->problem, r->w, &r->fit);
}

static isg_err refit(replay *r)
{
    const isg_refit_options both = {.start = ISG_START_BOTH};
    double natural[ISG_LAW_PARAMS];
    isg_refit end;

    ISG_TRY(read_numbers(r->weights, r->n));
    ISG_TRY(isg_fit_refit(r->problem, r->w, &r->fit, r->weights, &both, &end));
    if (!end.converged) return ISG_FAIL(ISG_EDATA, "a refit did not converge");
    isg_problem_natural(r->problem, end.theta, natural);
    for (size_t k = 0; k < 5; k++) (void)printf("%.17g%c", natural[k], k < 4 ? ' ' : '\n');
    return ISG_OK;
}

int main(int argc, char **argv)
{
    double rows = 0, replicates = 0;
    replay r = {0};
    bool good = argc == 3 && isg_str_to_double(argv[1], &rows) &&
                isg_str_to_double(argv[2], &replicates) && rows >= 1 && rows < 1e6;

    if (!good) return 2;
    r.n = (size_t)rows;
    r.n_params = calloc(r.n, sizeof(double));
    r.d_tokens = calloc(r.n, sizeof(double));
    r.loss = calloc(r.n, sizeof(double));
    r.weights = calloc(r.n, sizeof(double));
    isg_err rc = r.n_params && r.d_tokens && r.loss && r.weights ? make_fit(&r) : ISG_ENOMEM;
    for (size_t b = 0; b < (size_t)replicates && !rc; b++) rc = refit(&r);
    if (rc) (void)fprintf(stderr, "replay_tool: %s\n", isg_err_message());
    isg_workspace_destroy(&r.w);
    isg_problem_destroy(&r.problem);
    free(r.n_params);
    free(r.d_tokens);
    free(r.loss);
    free(r.weights);
    return rc != ISG_OK;
}
