/* Everything rests on two functions: the incomplete gamma function (series below
 * its mean, continued fraction above; Abramowitz and Stegun 6.5.29, 6.5.31) and the
 * incomplete beta function (continued fraction 26.5.8). Quantiles are found by
 * bisection: a few hundred evaluations at most, never one that runs away. */

#include "dist.h"

#include "isogloss/law.h"

#include <math.h>

static const double TINY = 1e-300, ENOUGH = 1e-15;

/* ln Gamma(x), x > 0 (Lanczos with g = 7, nine terms). */
static double log_gamma(double x)
{
    static const double c[] = {0.99999999999980993,  676.5203681218851,     -1259.1392167224028,
                               771.32342877765313,   -176.61502916214059,   12.507343278686905,
                               -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7};
    double sum = c[0], t = x + 6.5;

    for (int k = 1; k < 9; k++) sum += c[k] / (x - 1 + k);
    return 0.91893853320467274178 + (x - 0.5) * isg_ln(t) - t + isg_ln(sum);
}

static double safe(double x)
{
    return fabs(x) < TINY ? TINY : x;
}

/* P(a, x) and, more exactly where it is small, 1 - P. */
static double gamma_p(double a, double x, double *upper)
{
    if (!(x > 0)) {
        *upper = 1;
        return 0;
    }
    double front = isg_exp(a * isg_ln(x) - x - log_gamma(a));
    if (x < a + 1) {
        double term = 1 / a, sum = term;
        for (int k = 1; k < 100000 && term > ENOUGH * sum; k++) {
            term *= x / (a + k);
            sum += term;
        }
        *upper = 1 - front * sum;
        return front * sum;
    }
    double b = x + 1 - a, c = 1 / TINY, d = 1 / b, h = d;
    for (int k = 1; k < 100000; k++) {
        double an = -k * (k - a);
        b += 2;
        d = 1 / safe(an * d + b);
        c = safe(b + an / c);
        h *= c * d;
        if (fabs(c * d - 1) < ENOUGH) break;
    }
    *upper = front * h;
    return 1 - *upper;
}

static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 / safe(1 - (a + b) * x / (a + 1)), h = d;

    for (int k = 1; k < 100000; k++) {
        double even = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k));
        double odd = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1));
        d = 1 / safe(1 + even * d);
        c = safe(1 + even / c);
        h *= c * d;
        d = 1 / safe(1 + odd * d);
        c = safe(1 + odd / c);
        h *= c * d;
        if (fabs(c * d - 1) < ENOUGH) break;
    }
    return h;
}

/* I_x(a, b); y = 1 - x is given beside x so that neither loses digits. */
static double beta_i(double a, double b, double x, double y)
{
    if (!(x > 0)) return 0;
    if (!(y > 0)) return 1;
    double front =
        isg_exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * isg_ln(x) + b * isg_ln(y));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                     : 1 - front * beta_fraction(b, a, y) / b;
}

double isg_normal_cdf(double z)
{
    double upper, lower;

    if (fabs(z) > 38) return z > 0;
    lower = gamma_p(0.5, 0.5 * z * z, &upper);
    return z > 0 ? 0.5 + 0.5 * lower : 0.5 * upper;
}

double isg_t_cdf(double t, double df)
{
    double s = df + t * t, tail = 0.5 * beta_i(0.5 * df, 0.5, df / s, t * t / s);
    return t > 0 ? 1 - tail : tail;
}

double isg_chi2_cdf(double x, double df)
{
    double upper;
    return gamma_p(0.5 * df, 0.5 * x, &upper);
}

/* ---- quantiles ------------------------------------------------------------------ */

/* Where the rising function reaches p, between lo and hi. */
static double bisect(double (*cdf)(double x, double df), double df, double p, double lo, double hi)
{
    for (int k = 0; k < 200 && hi - lo > 1e-14 * (fabs(lo) + fabs(hi)); k++) {
        double middle = 0.5 * (lo + hi);
        if (cdf(middle, df) < p)
            lo = middle;
        else
            hi = middle;
    }
    return 0.5 * (lo + hi);
}

static double normal_of(double z, double df)
{
    (void)df;
    return isg_normal_cdf(z);
}

/* In the lower half, where the function has all its digits. */
double isg_normal_quantile(double p)
{
    return p > 0.5 ? -bisect(normal_of, 0, 1 - p, -40, 0) : bisect(normal_of, 0, p, -40, 0);
}

double isg_t_quantile(double p, double df)
{
    double tail = fmin(p, 1 - p), lo = -1;

    if (tail >= 0.5) return 0;
    while (isg_t_cdf(lo, df) > tail && lo > -1e150) lo *= 4;
    lo = bisect(isg_t_cdf, df, tail, lo, 0);
    return p > 0.5 ? -lo : lo;
}

double isg_chi2_quantile(double p, double df)
{
    double hi = df + 1;

    while (isg_chi2_cdf(hi, df) < p && hi < 1e150) hi *= 2;
    return bisect(isg_chi2_cdf, df, p, 0, hi);
}
