//! What portfolios and books of loans may lose.

use super::{Function, NONE, Parameter, needed, optional};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "risk",
        summary: "what a portfolio may lose, by several methods and under stress",
        parameters: &[
            PRICES,
            WEIGHTS,
            optional("levels", "[0.95, 0.99]", "probabilities that a loss is not exceeded"),
            optional("horizon", "1", "rows of prices ahead, 1 to 250"),
            METHODS,
            TIME,
            ASSET,
            PRICE,
            ASSETS,
            START,
            END,
            MISSING,
            VALUES,
            optional("window", NONE, "the newest returns alone, so many"),
            optional("positions", NONE, "units by asset at the last prices, in place of weights"),
            optional("value", NONE, "what the whole is worth, for amounts; goes with weights"),
            optional("scenarios", NONE, "shocks: [{'name': 'crash', 'groups': {'tech': -0.3}}]"),
            optional("groups", NONE, "the group of each asset, for scenarios"),
            optional("windows", NONE, "spans of the past: [{'name': .., 'from': .., 'to': ..}]"),
            optional("worst", NONE, "the worst spans: {'lengths': [1, 5, 20], 'count': 1}"),
            NETWORK,
            DECAY,
            FILTER,
            SEED,
        ],
        notes: "Losses are positive shares of the value. k.value_at_risk is a dict by method and level; \
                k.methods, k.contributions, k.stress and k.warnings have all; k.plot(), k.plot(what=\"stress\") and \
                k.plot(what=\"contributions\") draw.",
        example: "k = risk(rates, levels=0.95, methods=[\"historical\", \"gaussian\", \"ewma\"]); print(k); \
                  k.plot(what=\"stress\")",
    },
    Function {
        name: "backtest_risk",
        summary: "forecasts of risk as they would have been, held against what came",
        parameters: &[
            PRICES,
            WEIGHTS,
            optional("level", "0.99", "probability that a loss is not exceeded"),
            METHODS,
            optional("window", "500", "returns before each day that its forecast is made of"),
            optional("refit_every", "20", "days after which models are estimated anew"),
            optional("first", NONE, "the first day that is forecast; after the window"),
            NETWORK,
            TIME,
            ASSET,
            PRICE,
            ASSETS,
            START,
            END,
            MISSING,
            VALUES,
            DECAY,
            FILTER,
            SEED,
        ],
        notes: "Tests of Kupiec, Christoffersen, Acerbi and Szekely, and the Basel traffic light. v.plot() \
                draws returns, the value at risk and the days beyond; v.plot(what=\"garch\") another method. \
                With a network all days come after what it has learnt from (v.network).",
        example: "v = backtest_risk(rates, level=0.95, window=100, methods=[\"historical\", \"ewma\"]); \
                  print(v); v.plot()",
    },
    Function {
        name: "credit_losses",
        summary: "the distribution of what a book of loans loses",
        parameters: &[
            needed("loans", "a dataset, its name, a frame, or a list of dicts"),
            needed("correlation", "of any two borrowers' assets, 0 to 0.99; or a column of it"),
            optional("exposure", NONE, "the column of what is owed at default"),
            optional("default_probability", NONE, "the column of probabilities of default"),
            optional("model", NONE, "a model, or version, that tells them, in place of the column"),
            optional("loss_given_default", NONE, "the share that is lost; a number or a column"),
            optional("levels", "[0.95, 0.99, 0.999]", "probabilities that a loss is not exceeded"),
            optional("simulations", "20000", "at least 1,000"),
            optional("name", NONE, "the column that names each loan"),
            optional("of", NONE, "the class that is default; the model's positive one"),
            optional("version", NONE, "of the model: a number or an alias"),
            SEED,
        ],
        notes: "A dict of the list has default_probability, exposure, and may have name, \
                loss_given_default and correlation. One factor is common to all borrowers (Vasicek); \
                l.figures has each level, l.plot() draws the distribution.",
        example: "l = credit_losses(loans, 0.15, exposure=\"income\", model=\"default\", \
                  loss_given_default=0.45, simulations=1000); print(l); l.plot()",
    },
];

const PRICES: Parameter = needed("prices", "a dataset of prices, its name, or a frame");
const WEIGHTS: Parameter = optional("weights", NONE, "shares by asset, as a dict; equal ones");
const METHODS: Parameter = optional(
    "methods",
    NONE,
    "'historical', 'filtered_historical', 'gaussian', 'cornish_fisher', 'ewma', 'garch', 'garch_t', \
     'gjr_garch'; all of them",
);
const NETWORK: Parameter = optional(
    "network",
    NONE,
    "a model's forecast: {'model': .., 'dataset': {'name': ..}, 'means': 'return'} or 'volatility'",
);
const TIME: Parameter = optional("time", NONE, "the column of times; the only one of timestamps");
const ASSET: Parameter = optional("asset", NONE, "the column of names, of a row for each price");
const PRICE: Parameter = optional("price", NONE, "the column of prices, likewise");
const ASSETS: Parameter = optional("assets", NONE, "those that are read; all");
const START: Parameter = optional("start", NONE, "the first time that is read");
const END: Parameter = optional("end", NONE, "the last time that is read");
const MISSING: Parameter = optional(
    "missing",
    "\"refuse\"",
    "prices that are not there: 'refuse', 'drop_assets', 'drop_dates', 'forward_fill'",
);
const VALUES: Parameter = optional("values", "\"prices\"", "'returns' where they are returns");
const DECAY: Parameter = optional("decay", "0.94", "of exponentially weighted variances");
const FILTER: Parameter =
    optional("filter", "\"ewma\"", "'ewma' or 'garch', of the filtered historical method");
const SEED: Parameter = optional("seed", "0", "the same seed: the same numbers");
