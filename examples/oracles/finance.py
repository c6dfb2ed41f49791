"""Holds what is answered of loans, risk, investments and forecasts against the libraries that practitioners
trust, figure by figure.

    python3 -m venv /tmp/oracles
    /tmp/oracles/bin/pip install optbinning==1.0.0 arch==8.0.0 statsmodels==0.15.0 scipy==1.17.1 \
        vartests==0.4.1 dieboldmariano==1.1.0 scikit-learn==1.9.1 skfolio==1.12.2 PyPortfolioOpt==1.6.0 \
        numpy==2.4.6 pandas==3.1.1 requests==2.34.2
    cargo build --release
    /tmp/oracles/bin/python examples/oracles/finance.py [PROGRAM] [PRICES.csv]

It starts the program (target/release/actuary when none is named) on a data directory of its own, uploads
prices and loans, asks over HTTP, and prints both figures' difference and how large it may be. PRICES.csv has
the columns date, close and Name, a row for each stock and day; without it prices are drawn. Loans are drawn
in any case. It ends with 1 when anything is too far off.
"""

import os
import sys
import tempfile
import warnings

import numpy as np
import pandas as pd
from arch import arch_model
from asking import PROJECT, Server, ended, held
from dieboldmariano import dm_test
from optbinning import BinningProcess, OptimalBinning, Scorecard
from pypfopt import BlackLittermanModel, HRPOpt
from scipy import special, stats
from skfolio import RiskMeasure, measures
from skfolio.optimization import MeanRisk, ObjectiveFunction, RiskBudgeting
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from vartests import kupiec_test

LEVEL = 0.99
WINDOW = 500
TIGHT = {"tol_gap_abs": 1e-13, "tol_gap_rel": 1e-13, "tol_feas": 1e-12, "max_iter": 1000}


def drawn_prices(rng, days=1_258, assets=20):
    """Stocks that share a market and its moving volatility."""
    market, variance, moves = [], 1e-4, rng.standard_t(6, days)
    for move in moves:
        market.append(3e-4 + np.sqrt(variance) * move * np.sqrt(4 / 6))
        variance = 2e-6 + 0.08 * market[-1] ** 2 + 0.90 * variance
    own = rng.normal(0, rng.uniform(0.006, 0.018, assets), (days, assets))
    returns = np.outer(market, rng.uniform(0.6, 1.4, assets)) + own + rng.normal(2e-4, 2e-4, assets)
    dates = pd.bdate_range("2020-01-01", periods=days).strftime("%Y-%m-%d")
    return pd.DataFrame(100 * np.cumprod(1 + returns, axis=0), dates, [f"S{n:02}" for n in range(assets)])


def read_prices(path, assets=20):
    """The first stocks by name whose prices are complete."""
    wide = pd.read_csv(path).pivot(index="date", columns="Name", values="close")
    return wide.dropna(axis=1).iloc[:, :assets]


def risk(server, prices, returns):
    """Figures of one portfolio, of equal weights."""
    of = {"dataset": {"name": "prices"}, "time": "date", "asset": "name", "price": "close"}
    answer = server.post("/risk/assessments", {"prices": of, "levels": [0.95, LEVEL]})
    methods = {one["method"]: one for one in answer["methods"]}
    portfolio = returns.mean(axis=1).to_numpy()

    def figures(method, what):
        return [figure[what] for figure in methods[method]["figures"]]

    levels = [0.95, LEVEL]
    held("historical value at risk, skfolio", figures("historical", "value_at_risk"),
         [measures.value_at_risk(portfolio, beta=level) for level in levels], 1e-9)
    held("historical expected shortfall, skfolio", figures("historical", "expected_shortfall"),
         [measures.cvar(portfolio, beta=level) for level in levels], 1e-9)
    tails = [stats.norm.ppf(1 - level) for level in levels]
    deviation = portfolio.std(ddof=1)
    held("Gaussian value at risk, scipy", figures("gaussian", "value_at_risk"),
         [-(portfolio.mean() + z * deviation) for z in tails], 1e-9)
    made = arch_model(100 * portfolio, mean="Constant", vol="GARCH", p=1, q=1, rescale=False)
    fit = made.fit(disp="off", tol=1e-12, options={"maxiter": 2000})
    ours = methods["garch"]["parameters"]
    # In percent a density is a hundredth as high.
    likelihood = ours["log_likelihood"] - len(portfolio) * np.log(100)
    held("GARCH log-likelihood, arch", likelihood / fit.loglikelihood, 1, 1e-3, "relative")
    ahead = fit.forecast(horizon=1, reindex=False)
    mean, spread = ahead.mean.to_numpy()[-1, 0], np.sqrt(ahead.variance.to_numpy()[-1, 0])
    theirs = [-(mean + z * spread) / 100 for z in tails]
    held("GARCH value at risk, arch", np.divide(figures("garch", "value_at_risk"), theirs), 1, 1e-3, "relative")
    gaussian = next(one for one in answer["contributions"] if one["method"] == "gaussian" and one["level"] == LEVEL)
    parts = sum(one["value_at_risk"] for one in gaussian["assets"])
    held("parts of the Gaussian value at risk, the whole", parts, figures("gaussian", "value_at_risk")[1], 1e-12)


def likelihood(p, hits, misses):
    return special.xlogy(hits, p) + special.xlogy(misses, 1 - p)


def risk_backtests(server, returns):
    """Exceedances of each method, counted again, and their tests."""
    of = {"dataset": {"name": "prices"}, "time": "date", "asset": "name", "price": "close"}
    answer = server.post("/risk/backtests", {
        "prices": of, "level": LEVEL, "window": WINDOW, "series": True,
        "methods": ["historical", "filtered_historical", "gaussian", "ewma", "garch", "garch_t"],
    })
    found = np.array(answer["series"]["returns"])
    portfolio = returns.mean(axis=1).to_numpy()[-len(found):]
    held("returns of the backtest, pandas", found, portfolio, 1e-12)
    for one in answer["methods"]:
        method, result = one["method"], one["result"]
        bounds = np.array(answer["series"]["value_at_risk"][method])
        hits = (found < -bounds).astype(int)
        held(f"exceedances of {method}, counted", result["exceedances"], hits.sum(), 0)
        uc = kupiec_test(x=int(hits.sum()), n=len(hits), risk_conf_level=LEVEL)
        held(f"Kupiec of {method}, vartests", list(result["kupiec"].values()),
             [uc["statistic"], uc["p-value"]], 1e-9)
        n = np.histogram2d(hits[:-1], hits[1:], bins=2, range=[[0, 1], [0, 1]])[0]
        both = n[:, 1].sum() / n.sum()
        after = np.divide(n[:, 1], n.sum(axis=1), where=n.sum(axis=1) > 0, out=np.zeros(2))
        statistic = -2 * (likelihood(both, n[:, 1].sum(), n[:, 0].sum())
                          - sum(likelihood(after[k], n[k, 1], n[k, 0]) for k in (0, 1)))
        held(f"Christoffersen of {method}, scipy", list(result["independence"].values()),
             [statistic, stats.chi2.sf(statistic, 1)], 1e-9)
        together = statistic + uc["statistic"]
        held(f"conditional coverage of {method}, scipy", list(result["conditional_coverage"].values()),
             [together, stats.chi2.sf(together, 2)], 1e-9)
    at = int(np.nonzero(returns.index == answer["from"][:10])[0][0])
    history = returns.mean(axis=1).to_numpy()[at - WINDOW:at]
    held("the first day's historical bound, of the days before", answer["series"]["value_at_risk"]["historical"][0],
         measures.value_at_risk(history, beta=LEVEL), 1e-9)


def investments(server, returns):
    """Weights by every objective that others know."""
    of = {"dataset": {"name": "prices"}, "time": "date", "asset": "name", "price": "close"}

    def ours(objective, covariance="sample", mean="sample", views=None, **profile):
        body = {"prices": of, "goal": {"objective": objective}, "resamples": 0, "profile": profile,
                "estimates": {"covariance": covariance, "mean": mean}}
        if views:
            # They take the place of the history's means.
            body |= {"views": views, "estimates": {"covariance": covariance}}
        answer = server.post("/investments/portfolios", body)
        weights = {one["asset"]: one["weight"]["value"] for one in answer["holdings"]}
        return np.array([weights[name] for name in returns.columns]), answer

    def theirs(model):
        return model.fit(returns).weights_

    def mean_risk(objective, risk_measure=RiskMeasure.VARIANCE, **more):
        return theirs(MeanRisk(objective_function=objective, risk_measure=risk_measure, solver="CLARABEL",
                               solver_params=TIGHT, **more))

    least, best = ObjectiveFunction.MINIMIZE_RISK, ObjectiveFunction.MAXIMIZE_RATIO
    held("least variance, skfolio", ours("min_variance")[0], mean_risk(least), 1e-4)
    held("least variance, 15 % at most, skfolio", ours("min_variance", max_weight=0.15)[0],
         mean_risk(least, max_weights=0.15), 1e-4)
    held("greatest Sharpe ratio, skfolio", ours("max_sharpe")[0], mean_risk(best), 1e-4)
    held("least CVaR, skfolio", ours("min_cvar")[0], mean_risk(least, RiskMeasure.CVAR, cvar_beta=0.95), 1e-4)
    held("risk parity, skfolio", ours("risk_parity")[0],
         theirs(RiskBudgeting(solver="CLARABEL", solver_params=TIGHT)), 1e-4)
    sample = returns.cov()
    hierarchical = HRPOpt(cov_matrix=sample).optimize()
    held("hierarchical risk parity, PyPortfolioOpt", ours("hrp")[0],
         [hierarchical[name] for name in returns.columns], 1e-8)
    shrunk = LedoitWolf().fit(returns)
    _, answer = ours("min_variance", covariance="ledoit_wolf")
    held("Ledoit and Wolf's shrinkage, scikit-learn", answer["universe"]["shrinkage"], shrunk.shrinkage_, 1e-12)
    names = sorted(returns.columns)
    volatility = {one["asset"]: one["volatility"] for one in answer["holdings"]}
    deviations = dict(zip(returns.columns, np.sqrt(252 * np.diag(shrunk.covariance_))))
    held("its deviations, scikit-learn", [volatility[n] for n in names], [deviations[n] for n in names], 1e-12)
    first, second = returns.columns[:2]
    market = {name: 1 / len(returns.columns) for name in returns.columns}
    prior = 2.5 * 252 * sample @ np.array(list(market.values()))
    views = {"given": [{"assets": {first: 1}, "return": 0.10, "confidence": 0.5},
                       {"assets": {first: 1, second: -1}, "return": 0.04, "confidence": 0.5}],
             "market": market, "risk_aversion": 2.5, "tau": 0.05}
    _, answer = ours("min_variance", views=views)
    picks = np.zeros((2, len(returns.columns)))
    picks[0, 0], picks[1, 0], picks[1, 1] = 1, 1, -1
    model = BlackLittermanModel(252 * sample, pi=prior.to_numpy(), P=picks, Q=np.array([0.10, 0.04]), tau=0.05)
    expected = {one["asset"]: one["expected_return"] for one in answer["holdings"]}
    held("Black and Litterman's returns, PyPortfolioOpt", [expected[n] for n in returns.columns],
         model.bl_returns(), 1e-6)


def scorecard(server, rng):
    """A points scorecard of given cuts."""
    rows = 6_000
    frame = pd.DataFrame({
        "income": np.round(rng.lognormal(10.3, 0.5, rows)),
        "debt": np.round(rng.beta(2, 4, rows), 4),
        "late": rng.poisson(0.6, rows),
    })
    logit = -1 - 1.2 * np.log(frame.income / 30_000) + 3 * (frame.debt - 0.33) + 0.8 * frame.late
    frame["bad"] = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)
    frame["part"] = np.where(np.arange(rows) < 4_000, "train", np.where(np.arange(rows) < 5_000, "validation", "test"))
    server.upload("cards", frame)
    edges = {"income": [18_000, 26_000, 36_000, 52_000], "debt": [0.15, 0.3, 0.45], "late": [0.5, 1.5]}
    version = server.train("card", target="bad", positive_class="1", dataset={"name": "cards"}, baselines=False,
                           features=list(edges), parts={"by": "column", "column": "part"},
                           network={"kind": "scorecard", "edges": edges, "l2": 1})["version"]
    ours = server.get(f"/models/card/versions/{version}/scorecard?points=600&points_to_double=20&odds=50&rounded=false")
    train = frame[frame.part == "train"]
    process = BinningProcess(list(edges), binning_fit_params={
        name: {"user_splits": cuts, "user_splits_fixed": [True] * len(cuts)} for name, cuts in edges.items()})
    card = Scorecard(binning_process=process, scaling_method="pdo_odds",
                     estimator=LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-13, max_iter=1000),
                     scaling_method_params={"pdo": 20, "odds": 50, "scorecard_points": 600})
    card.fit(train[list(edges)], train.bad)
    table = card.table(style="detailed")
    for column in ours["columns"]:
        name = column["column"]
        one = OptimalBinning(dtype="numerical", user_splits=edges[name], user_splits_fixed=[True] * len(edges[name]))
        one.fit(train[name], train.bad)
        built = one.binning_table.build().iloc[:len(edges[name]) + 1]
        bins = [b for b in column["bins"] if not b.get("is_missing")]
        held(f"weights of evidence of {name}, optbinning", [b["woe"] for b in bins], built["WoE"].to_numpy(float), 1e-6)
        held(f"information value of {name}, optbinning", column["iv"], one.binning_table.iv, 1e-6)
        theirs = table[(table["Variable"] == name) & ~table["Bin"].astype(str).isin(["Special", "Missing"])]
        points = theirs["Points"].to_numpy(float)
        held(f"points of {name}, optbinning", [b["points"] for b in bins] / points, np.ones(len(points)), 1e-6,
             "relative: coefficients are served as f32")


def forecasts(server, rng):
    """The test of one forecast against the random walk, of errors from several origins."""
    values, level = [], 0.0
    for _ in range(1_200):
        level = 0.7 * level + rng.normal()
        values.append(level)
    times = pd.date_range("2023-01-01", periods=len(values), freq="D").strftime("%Y-%m-%d")
    server.upload("series", pd.DataFrame({"day": times, "value": np.round(values, 5)}))
    version = server.train("forecaster", dataset={"name": "series"}, target="value", epochs=5,
                           window={"time": "day", "look_back": 16, "horizon": 2})["version"]
    result = server.analyse("forecaster", version, {"kind": "rolling_origin", "origins": 40, "step": 2,
                                                    "refit_every": 20})
    walk = next(one for one in result["baselines"] if one["kind"] == "random_walk")
    ours = [one["mse"] for one in result["origins"]]
    theirs = [one["baselines"]["random_walk"] for one in result["origins"]]
    # Losses themselves are compared, and no rows of two origins overlap.
    statistic, p = dm_test([0.0] * len(ours), ours, theirs, loss=lambda _, loss: loss, h=1)
    held("Diebold and Mariano, dieboldmariano", list(walk["diebold_mariano"].values()), [statistic, p], 1e-9)


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else str(PROJECT / "target/release/actuary")
    warnings.filterwarnings("ignore")
    rng = np.random.default_rng(20261126)
    prices = read_prices(sys.argv[2]) if len(sys.argv) > 2 else drawn_prices(rng)
    with tempfile.TemporaryDirectory(prefix="actuary-oracles-") as place:
        os.chmod(place, 0o755)
        server = Server(program, os.path.join(place, "data"))
        try:
            long = prices.rename_axis(index="date", columns="name").stack().rename("close").reset_index()
            server.upload("prices", long)
            returns = prices.pct_change().dropna()
            risk(server, prices, returns)
            risk_backtests(server, returns)
            investments(server, returns)
            scorecard(server, rng)
            forecasts(server, rng)
        finally:
            server.process.terminate()
            server.process.wait()
    ended()


if __name__ == "__main__":
    main()
