#include "law_parts.h"

bool isg_balance(double a, double alpha, double b, double beta, double log_nd, double *n, double *d)
{
    const double sum = alpha + beta;

    if (!(a > 0 && b > 0 && alpha > 0 && beta > 0)) return false;
    const double log_g = (isg_ln(alpha * a) - isg_ln(beta * b)) / sum;
    *n = isg_exp(log_g + beta / sum * log_nd);
    *d = isg_exp(alpha / sum * log_nd - log_g);
    return true;
}

double isg_size_exponent(const isg_law *law, const double *p)
{
    (void)law;
    return p[4] / (p[3] + p[4]);
}

double isg_data_exponent(const isg_law *law, const double *p)
{
    (void)law;
    return p[3] / (p[3] + p[4]);
}
