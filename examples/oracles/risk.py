"""Writes src/finance/src/risk/fixtures/risk.json: inputs and the figures that src/finance has to give.

    python3 -m venv /tmp/oracles
    /tmp/oracles/bin/pip install arch==8.0.0 scipy==1.17.1 numpy==2.4.6 vartests==0.4.1 skfolio==1.12.2
    /tmp/oracles/bin/python examples/oracles/risk.py

GARCH models and exponentially weighted variances come from arch, historical figures from skfolio, the test
of Kupiec from vartests, quantiles and tails of distributions from SciPy. Christoffersen's test, the second
statistic of Acerbi and Szekely, Cornish and Fisher's expansion and the parts of a portfolio's risk are
written from the papers, the tail of the expansion by SciPy's quadrature.

With --sp500 it prints what arch says of the S&P 500 that it comes with, for a look beside; those prices are
no part of this program.
"""

import json
import pathlib
import sys

import numpy as np
from arch import arch_model
from arch.univariate import EWMAVariance, ZeroMean
from scipy import integrate, special, stats
from skfolio import measures
from vartests import kupiec_test


def simulated(rng, n, leverage=0.0):
    """Daily returns in percent with moving volatility and fat tails."""
    omega, alpha, beta, nu = 0.02, 0.08, 0.90 - leverage / 2, 6.0
    variance, returns = 1.0, []
    for _ in range(n):
        shock = rng.standard_t(nu) * np.sqrt((nu - 2) / nu)
        value = np.sqrt(variance) * shock
        returns.append(0.05 + value)
        variance = omega + (alpha + leverage * (value < 0)) * value**2 + beta * variance
    return np.round(returns, 4)


def garch(returns):
    models = {
        "normal": dict(dist="normal"),
        "student": dict(dist="t"),
        "leverage": dict(dist="normal", o=1),
    }
    found = {}
    for name, kind in models.items():
        made = arch_model(returns, mean="Constant", vol="GARCH", p=1, q=1, rescale=False, **kind)
        fit = made.fit(disp="off", tol=1e-12, options={"maxiter": 2000})
        forecast = fit.forecast(horizon=10, reindex=False).variance.to_numpy()[-1]
        found[name] = {
            "parameters": {
                {"alpha[1]": "alpha", "beta[1]": "beta", "gamma[1]": "gamma"}.get(k, k): float(v)
                for k, v in fit.params.items()
            },
            "log_likelihood": float(fit.loglikelihood),
            "next_variance": float(forecast[0]),
            "variance_of_ten": float(forecast.sum()),
        }
    return found


def cornish_fisher(z, s, k):
    return z + (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s**2 / 36


def figures(returns, calm, level):
    p = 1 - level
    z = stats.norm.ppf(p)
    mean, deviation = returns.mean(), returns.std(ddof=1)
    s, k = stats.skew(calm), stats.kurtosis(calm)
    tail, _ = integrate.quad(
        lambda x: cornish_fisher(x, s, k) * stats.norm.pdf(x), -12, z, epsabs=1e-14, epsrel=1e-13
    )
    calm_mean, calm_deviation = calm.mean(), calm.std(ddof=1)
    return {
        "level": level,
        "historical": [
            float(measures.value_at_risk(returns, beta=level)),
            float(measures.cvar(returns, beta=level)),
        ],
        "gaussian": [
            float(-(mean + deviation * z)),
            float(-(mean - deviation * stats.norm.pdf(z) / p)),
        ],
        "cornish_fisher": [
            float(-(calm_mean + calm_deviation * cornish_fisher(z, s, k))),
            float(-(calm_mean + calm_deviation * tail / p)),
        ],
    }


def student(nu, p):
    scale = np.sqrt((nu - 2) / nu)
    q = stats.t.ppf(p, nu)
    below = -(stats.t.pdf(q, nu) / p) * (nu + q * q) / (nu - 1)
    return {"nu": nu, "p": p, "quantile": float(q * scale), "mean_below": float(below * scale)}


def christoffersen(hits, level):
    """Independence as Christoffersen (1998) has it, and Kupiec's with it."""
    pairs = list(zip(hits[:-1], hits[1:]))
    n = {(a, b): pairs.count((a, b)) for a in (0, 1) for b in (0, 1)}
    n00, n01, n10, n11 = n[0, 0], n[0, 1], n[1, 0], n[1, 1]

    def likelihood(p, hits, misses):
        return special.xlogy(hits, p) + special.xlogy(misses, 1 - p)

    both = (n01 + n11) / len(pairs)
    after_none = n01 / (n00 + n01)
    after_one = n11 / (n10 + n11) if n10 + n11 else 0.0
    independence = -2 * (
        likelihood(both, n01 + n11, n00 + n10)
        - likelihood(after_none, n01, n00)
        - likelihood(after_one, n11, n10)
    )
    uc = kupiec_test(x=int(sum(hits)), n=len(hits), risk_conf_level=level)
    conditional = uc["statistic"] + independence
    return {
        "hits": [int(h) for h in hits],
        "level": level,
        "kupiec": [uc["statistic"], uc["p-value"]],
        "independence": [float(independence), float(stats.chi2.sf(independence, 1))],
        "conditional": [float(conditional), float(stats.chi2.sf(conditional, 2))],
    }


def z2(returns, level):
    scale = 0.8
    var = -scale * stats.norm.ppf(1 - level)
    shortfall = scale * stats.norm.pdf(stats.norm.ppf(1 - level)) / (1 - level)
    hits = returns < -var
    value = (returns * hits / shortfall).sum() / (len(returns) * (1 - level)) + 1
    return {"var": float(var), "shortfall": float(shortfall), "level": level, "z2": float(value)}


def contributions(rng, level):
    returns = np.round(rng.multivariate_normal([0, 0.1, 0.02], [[1, 0.3, 0.1], [0.3, 2, 0], [0.1, 0, 0.5]], 60), 4)
    weights = np.array([0.5, 0.7, -0.2])
    covariance, z = np.cov(returns.T), stats.norm.ppf(1 - level)
    parts = weights * (-returns.mean(axis=0) - z * covariance @ weights / np.sqrt(weights @ covariance @ weights))
    return {"returns": returns.ravel().tolist(), "weights": weights.tolist(), "level": level, "parts": parts.tolist()}


def backtest(returns, level, start):
    """One-step forecasts by an exponentially weighted variance, counted."""
    variance, losses = (returns[:start] ** 2).mean(), []
    for value in returns[start:]:
        losses.append(-value > -stats.norm.ppf(1 - level) * np.sqrt(variance))
        variance = 0.94 * variance + 0.06 * value**2
    return int(sum(losses))


def main():
    rng = np.random.default_rng(20260)
    returns = simulated(rng, 1500)
    leveraged = simulated(rng, 1500, leverage=0.1)
    calm = np.round(rng.standard_t(9, 400) + 0.3 * rng.exponential(1, 400), 4)
    ewma = ZeroMean(returns, volatility=EWMAVariance(0.94), rescale=False).fit(disp="off")
    next_ewma = ewma.forecast(horizon=1, reindex=False).variance.to_numpy()[-1, 0]
    hits = (rng.random(600) < np.where(np.arange(600) % 100 < 15, 0.15, 0.01)).astype(int)
    fixture = {
        "returns": returns.tolist(),
        "leveraged": leveraged.tolist(),
        "calm": calm.tolist(),
        "garch": garch(returns),
        "garch_leveraged": garch(leveraged),
        "ewma": [float(v) for v in ewma.conditional_volatility**2][:5] + [float(next_ewma)],
        "figures": [figures(returns[:997], calm, level) for level in (0.9, 0.95, 0.975, 0.99, 0.995)],
        "student": [student(nu, p) for nu in (2.3, 4.0, 6.6, 30.0, 400.0) for p in (0.0001, 0.01, 0.05, 0.3)],
        "coverage": [
            christoffersen(hits.tolist(), 0.95),
            christoffersen(hits.tolist(), 0.99),
            christoffersen([0] * 250, 0.99),
        ],
        "kupiec": [
            [x, n, level, *(kupiec_test(x=x, n=n, risk_conf_level=level)[k] for k in ("statistic", "p-value"))]
            for x, n, level in ((5, 250, 0.99), (0, 250, 0.99), (13, 1000, 0.99), (70, 1000, 0.95))
        ],
        "z2": z2(returns, 0.975),
        "contributions": contributions(rng, 0.975),
    }
    root = pathlib.Path(__file__).resolve().parents[2]
    path = root / "src/finance/src/risk/fixtures/risk.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(fixture) + "\n")
    print(path.relative_to(root))


def sp500():
    from arch.data import sp500

    returns = 100 * sp500.load()["Adj Close"].pct_change().dropna()
    print(json.dumps(garch(returns.to_numpy()), indent=1))


if __name__ == "__main__":
    sp500() if "--sp500" in sys.argv else main()
