//! Portfolios of prices.

use super::{Function, NONE, Parameter, needed, optional};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "invest",
        summary: "a portfolio of prices for an investor's profile, with its reasons",
        parameters: &[
            PRICES,
            optional(
                "objective",
                "\"min_variance\"",
                "'max_sharpe', 'max_utility', 'target_return', 'max_return', 'min_cvar', \
                 'risk_parity', 'hrp', 'equal_weight'",
            ),
            PROFILE,
            VIEWS,
            COVARIANCE,
            DECAY,
            MEAN,
            optional("risk_aversion", "5", "of max_utility"),
            optional("target_return", NONE, "of target_return: a year, 0.08 is 8 %"),
            optional("level", "0.95", "of min_cvar"),
            optional("resamples", "100", "histories that are drawn anew for the ranges, to 1,000"),
            optional("block", NONE, "returns in a block of these; their count's cube root"),
            optional("seed", "0", "the same seed gives the same answer"),
            ASSET,
            PRICE,
            TIME,
            ASSETS,
            SINCE,
            UNTIL,
            VALUES,
            MISSING,
        ],
        notes: "p.weights is a dict, p.describe() lists the reasons, p.binding what holds it back and \
                what that costs, p.unknown what is not known; p.plot() and p.plot(\"risk\") draw it. \
                Constraints that can't be met are named with what they miss.",
        example: "funds = load(frame(\"rates.csv\").with_column(\"bond\", \"50 + sqrt(rate)\") \
                  .with_column(\"fund\", \"90 - rate\"), name=\"funds\"); \
                  p = invest(funds, profile={\"max_weight\": 0.6}, resamples=20); print(p); p.plot()",
    },
    Function {
        name: "walk_forward",
        summary: "strategies that decide on what was known, and earn what came after",
        parameters: &[
            PRICES,
            needed(
                "strategies",
                "objectives as invest() knows them, or dicts: {'name': 'mine', 'objective': \
                 'max_utility', 'risk_aversion': 8}",
            ),
            optional(
                "profile",
                NONE,
                "as invest() takes it, without current; cost is that of trades",
            ),
            optional("window", "252", "returns that each decision looks at"),
            optional("every", "21", "returns between decisions"),
            optional(
                "lag",
                "1",
                "returns between a decision and its trade; 0 is what nobody can do, and says so",
            ),
            optional("expanding", "False", "True lets decisions look at all returns before them"),
            optional("trials", NONE, "strategies that were tried in all, by which is deflated"),
            COVARIANCE,
            DECAY,
            MEAN,
            ASSET,
            PRICE,
            TIME,
            ASSETS,
            SINCE,
            UNTIL,
            VALUES,
            MISSING,
        ],
        notes: "Beside them stand equal_weight, buy_and_hold and cash. w.plot() draws wealth, \
                w.plot(\"drawdown\") falls from the high, w.plot(\"weights hrp\") a strategy's weights.",
        example: "w = walk_forward(funds, [\"min_variance\", \"hrp\"], window=60, \
                  profile={\"cost\": 0.001}); print(w); w.plot(\"weights hrp\")",
    },
    Function {
        name: "frontier",
        summary: "the portfolios of least risk for each return",
        parameters: &[
            PRICES,
            PROFILE,
            optional("points", "20", "from the least risk to the greatest return, 2 to 100"),
            VIEWS,
            COVARIANCE,
            DECAY,
            MEAN,
            ASSET,
            PRICE,
            TIME,
            ASSETS,
            SINCE,
            UNTIL,
            VALUES,
            MISSING,
        ],
        notes: "f.points are dicts with weights; f.plot() draws them beside the single assets, \
                f.plot(\"weights\") what they hold.",
        example: "f = frontier(funds, points=8); print(f); f.plot(); f.plot(\"weights\")",
    },
];

const PRICES: Parameter = needed("prices", "a dataset of prices or its name: wide, or see asset");
const PROFILE: Parameter = optional(
    "profile",
    NONE,
    "a dict: horizon, limits, exclude, min_weight, max_weight, bounds, groups, scores, current, \
     max_turnover, cost, risk_free_rate, periods_per_year",
);
const VIEWS: Parameter = optional(
    "views",
    NONE,
    "a dict: given ([{'assets': {'A': 1}, 'return': 0.1, 'confidence': 0.5}]), or model and version",
);
const COVARIANCE: Parameter = optional(
    "covariance",
    "\"ledoit_wolf\"",
    "or 'sample', or 'ewma', where newer ones count more",
);
const DECAY: Parameter = optional("decay", "0.94", "of ewma");
const MEAN: Parameter = optional("mean", "\"shrunk\"", "of past returns; or 'sample', or 'zero'");
const ASSET: Parameter =
    optional("asset", NONE, "of a long table: the column that names the asset");
const PRICE: Parameter = optional("price", NONE, "of a long table: the column of prices");
const TIME: Parameter = optional("time", NONE, "the column of times; the only one of timestamps");
const ASSETS: Parameter = optional("assets", NONE, "a list of those that are read; all");
const SINCE: Parameter = optional("since", NONE, "the first date that is read");
const UNTIL: Parameter = optional("until", NONE, "the last one");
const VALUES: Parameter =
    optional("values", "\"prices\"", "or 'returns', where they are that already");
const MISSING: Parameter = optional(
    "missing",
    "\"refuse\"",
    "where a price is missing; or 'drop_assets', 'drop_dates', 'forward_fill'",
);
