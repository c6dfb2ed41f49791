"""Counts exceedances as examples/investor/var.star does, by pandas, skfolio, SciPy and arch alone.

    python3 -m venv /tmp/peers
    /tmp/peers/bin/pip install arch==8.0.0 skfolio==1.12.2 scipy==1.17.1 vartests==0.4.1 pandas==3.1.1
    /tmp/peers/bin/python examples/investor/peers.py prices.csv --asset name --stocks 100

The counts should be those of the program for the same file: the same stocks, window and days.
"""

import argparse

import numpy as np
import pandas as pd
from arch import arch_model
from scipy import stats
from skfolio import measures
from vartests import kupiec_test


def ewma(past):
    weights = 0.94 ** np.arange(min(75, len(past)))
    variances = [(past[:75] ** 2 * weights).sum() / weights.sum()]
    for value in past:
        variances.append(0.94 * variances[-1] + 0.06 * value * value)
    return np.array(variances)


def portfolio(options):
    prices = pd.read_csv(options.file).dropna(subset=[options.price])
    counts = prices.groupby(options.asset)[options.price].count()
    names = sorted(counts[counts == counts.max()].index)[: options.stocks]
    chosen = prices[prices[options.asset].isin(names)]
    wide = chosen.pivot(index=options.time, columns=options.asset, values=options.price).sort_index()
    return wide.pct_change().dropna().mean(axis=1).to_numpy()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    for name, default in (("time", "date"), ("asset", "name"), ("price", "close")):
        parser.add_argument(f"--{name}", default=default)
    parser.add_argument("--stocks", type=int, default=100)
    parser.add_argument("--window", type=int, default=500)
    parser.add_argument("--refit-every", type=int, default=20)
    options = parser.parse_args()
    returns = portfolio(options)
    # The first date after the middle, as the script has it.
    first, level = len(returns) // 2, 0.99
    z = stats.norm.ppf(1 - level)
    beyond = dict.fromkeys(["historical", "filtered_historical", "gaussian", "ewma", "garch", "garch_t"], 0)
    fits = {}
    for day in range(first, len(returns)):
        past, loss = returns[day - options.window : day], -returns[day]
        variances = ewma(past)
        residuals = past / np.sqrt(variances[:-1])
        figures = {
            "historical": measures.value_at_risk(past, beta=level),
            "filtered_historical": measures.value_at_risk(residuals, beta=level) * np.sqrt(variances[-1]),
            "gaussian": -(past.mean() + z * past.std(ddof=1)),
            "ewma": -z * np.sqrt(variances[-1]),
        }
        for name, dist in (("garch", "normal"), ("garch_t", "t")):
            model = arch_model(100 * past, mean="Constant", dist=dist, rescale=False)
            if (day - first) % options.refit_every == 0:
                fits[name] = model.fit(disp="off").params
            found = fits[name]
            forecast = model.fix(found).forecast(horizon=1, reindex=False).variance.to_numpy()[-1, 0]
            quantile = z
            if dist == "t":
                quantile = stats.t.ppf(1 - level, found["nu"]) * np.sqrt((found["nu"] - 2) / found["nu"])
            figures[name] = -(found["mu"] + quantile * np.sqrt(forecast)) / 100
        for name, figure in figures.items():
            beyond[name] += int(loss > figure)
    days = len(returns) - first
    for name, count in beyond.items():
        p = kupiec_test(x=count, n=days, risk_conf_level=level)["p-value"]
        print(f"{name}: {count} exceedances of {days} days; Kupiec p {p:.4f}")


if __name__ == "__main__":
    main()
