#!/usr/bin/python3
"""Bootstrap refits a second beside SciPy's BFGS with a hand-written gradient.

    scipy_refits.py BENCH_FIT

Both refit the same 240 observations (huber, delta 0.001, multinomial weights) from the full fit,
on one core, in turns; CPU time. Prints the median of five turns and of their ratios.
"""
import csv
import io
import statistics
import subprocess
import sys
import time

import numpy
import scipy.optimize

TURNS, SCIPY_REFITS, DELTA = 5, 60, 1e-3


def objective(theta, ln_n, ln_d, ln_loss, weight):
    """Sum of Huber losses of ln L and its gradient by (a, b, e, alpha, beta)."""
    a, b, e, alpha, beta = theta
    u, v = a - alpha * ln_n, b - beta * ln_d
    top = numpy.maximum(numpy.maximum(u, v), e)
    p, q, r = numpy.exp(u - top), numpy.exp(v - top), numpy.exp(e - top)
    total = p + q + r
    residual = ln_loss - top - numpy.log(total)
    psi = numpy.clip(residual, -DELTA, DELTA)
    pull = -weight * psi / total
    value = numpy.sum(weight * psi * (residual - 0.5 * psi))
    gp, gq = pull * p, pull * q
    return value, numpy.array([gp.sum(), gq.sum(), (pull * r).sum(), -(gp * ln_n).sum(), -(gq * ln_d).sum()])


def main():
    program = sys.argv[1]
    text = subprocess.run([program, "data"], check=True, capture_output=True, text=True).stdout
    rows = [[float(x) for x in r.values()] for r in csv.DictReader(io.StringIO(text))]
    ln_n, ln_d, ln_loss = numpy.log(numpy.array(rows)).T
    ones = numpy.ones(len(rows))
    start = numpy.log([478, 2143, 1.817]).tolist() + [0.347, 0.367]
    options = {"gtol": 1e-9, "maxiter": 2000}
    full = scipy.optimize.minimize(objective, start, (ln_n, ln_d, ln_loss, ones), "BFGS", jac=True,
                                   options=options).x
    random = numpy.random.default_rng(1)
    rates = {"scipy": []}
    for _ in range(TURNS):
        weights = random.multinomial(len(rows), ones / len(rows), SCIPY_REFITS).astype(float)
        began = time.process_time()
        for weight in weights:
            scipy.optimize.minimize(objective, full, (ln_n, ln_d, ln_loss, weight), "BFGS", jac=True, options=options)
        rates["scipy"].append(SCIPY_REFITS / (time.process_time() - began))
        for numerics in ("avx512-2", "avx2-2", "generic-2"):
            own = subprocess.run([program, "warm", numerics], capture_output=True, text=True, check=False)
            if own.returncode == 0:
                rates.setdefault(numerics, []).append(float(own.stdout))
    print(f"fit: scipy BFGS, analytic gradient: {statistics.median(rates['scipy']):.0f} refits/s a core "
          f"(scipy {scipy.__version__}, numpy {numpy.__version__})")
    for numerics, rate in rates.items():
        if numerics == "scipy":
            continue
        ratio = [r / s for r, s in zip(rate, rates["scipy"])]
        print(f"fit: {numerics:9} {statistics.median(rate):6.0f} refits/s a core from the full fit, "
              f"{statistics.median(ratio):.0f}x scipy ({min(ratio):.0f} to {max(ratio):.0f})")


main()
