#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes closed_forms.txt, what tests/unit/test_closed_forms.c compares with.

Lambert W comes from Newton's iteration on w + log(w/x) in 60 decimal digits, at the exact value of each double, and is
compared with scipy.special.lambertw here. The temperatures are evaluated in the same precision from their definitions.
Run with --series to print the coefficients of the branch-point series in lib/kernels/closed_forms.c.
"""
import math
import pathlib
import sys
from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
from scipy.special import lambertw

getcontext().prec = 60
ONE = Decimal(1)
MINUS_INVERSE_E = -1 / ONE.exp()


def lambert_w0(x):
    """W0 of a Decimal x > -1/e, to about 50 digits."""
    if x == 0:
        return Decimal(0)
    w = Decimal(float(lambertw(float(x)).real))
    if w <= -1:  # the double was rounded to the branch point: start from sqrt(2 (e x + 1))
        w = -1 + (2 * (ONE.exp() * x + 1)).sqrt()
    for _ in range(200):
        power = w.exp()
        residual = w * power - x
        step = residual / (power * (w + 1) - (w + 2) * residual / (2 * w + 2))  # Halley
        w -= step
        if abs(step) <= abs(w) * Decimal("1e-50"):
            return w
    raise ArithmeticError(f"no convergence at {x}")


def arguments():
    branch = -math.exp(-1.0)
    yield from (branch + 2.0 ** -k for k in range(2, 54))
    yield from (float(x) for x in -np.geomspace(1e-300, 0.36, 60))
    yield from (float(x) for x in np.geomspace(1e-300, 1.7e308, 200))
    yield from (float(x) for x in np.linspace(-0.3678, 3.0, 400))


def write_lambert(out):
    points = sorted(set(arguments()))
    out.write(f"lambert {2 * len(points)}")
    for x in points:
        w = lambert_w0(Decimal(x))
        reference = float(lambertw(x).real)
        distance = abs(Decimal(x) - MINUS_INVERSE_E)
        if distance > Decimal("1e-3") and abs(x) > 1e-290:
            assert abs(reference - float(w)) <= 1e-14 * abs(reference), (x, reference, w)
        out.write(f"\n{x!r} {float(w)!r}")
    out.write("\n")


def tau0_eq34(delta, spread, log_ratio):
    radicand = delta * delta + 2 * spread * log_ratio
    return (delta + max(radicand, Decimal(0)).sqrt()) / (2 * log_ratio)


def write_temperatures(out):
    random = np.random.default_rng(34)
    out.write("eq34 1800")
    for k in range(300):
        mean_positive, mean_all = random.uniform(-1, 1, 2)
        variance_positive, variance_all = random.uniform(0, 0.2, 2)
        if k % 3 == 0:  # nearly equal variances, where a difference of roots would cancel
            variance_positive = variance_all * (1 + 1e-9)
        log_ratio = random.uniform(0.5, 12)
        exact = [Decimal(float(v)) for v in (mean_positive, mean_all, variance_positive, variance_all, log_ratio)]
        # Differences as doubles round them: what is tested is the formula that follows.
        delta, spread = Decimal(mean_positive - mean_all), Decimal(variance_positive - variance_all)
        tau = tau0_eq34(delta, spread, exact[4])
        value = float(tau) if tau > 0 else math.nan
        out.write("\n" + "".join(f"{float(v)!r} " for v in exact) + f"{value!r}")
    out.write("\n")
    for name in ("eq16", "eq15"):
        out.write(f"{name} 1500")
        for _ in range(300):
            tau0, loss, threshold = random.uniform(0.03, 0.3), random.uniform(2, 12), random.uniform(4, 9)
            divisor = float(random.choice([0.25, 0.6, 1, 1.5, 2]))
            exact = [Decimal(float(v)) for v in (tau0, loss, threshold, divisor)]
            argument = (exact[1] - exact[2]) / exact[3] / (exact[0] if name == "eq15" else 1)
            w = Decimal(-1) if argument <= MINUS_INVERSE_E else lambert_w0(argument)
            out.write("\n" + "".join(f"{float(v)!r} " for v in exact) + f"{float(exact[0] * w.exp())!r}")
        out.write("\n")


def series(n):
    """Coefficients of W0 in powers of p = sqrt(2 (e x + 1)): Corless et al. (1996), Eq. 4.23 and 4.24."""
    mu, alpha = [Fraction(-1), Fraction(1)], [Fraction(2), Fraction(-1)]
    for k in range(2, n):
        alpha.append(sum((mu[j] * mu[k + 1 - j] for j in range(2, k)), Fraction(0)))
        mu.append(Fraction(k - 1, k + 1) * (mu[k - 2] / 2 + alpha[k - 2] / 4) - alpha[k] / 2 - mu[k - 1] / (k + 1))
    return [float(c) for c in mu]


if __name__ == "__main__":
    if "--series" in sys.argv:
        print(*series(25), sep=",\n")
    else:
        with open(pathlib.Path(__file__).with_suffix(".txt"), "w", encoding="ascii") as file:
            write_lambert(file)
            write_temperatures(file)
