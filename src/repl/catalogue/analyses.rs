//! How a version answers over many rows.

use super::{Function, NONE, Parameter, needed, optional};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "importance",
        summary: "how much worse a version answers when a column is shuffled",
        parameters: &[
            MODEL,
            DATA,
            optional(
                "metric",
                NONE,
                "'log_loss' (default of classes), 'auc', 'pr_auc', 'brier', 'ks', 'gini', 'accuracy', \
                'macro_f1'; 'rmse' (default of numbers), 'mae', 'mse' (default of forecasts), 'r2'",
            ),
            optional("repeats", "10", "how often each column is shuffled, 2 to 1,000"),
            optional("groups", NONE, "columns that are shuffled together: [['income', 'debt']]"),
            ROWS,
            SEED,
            VERSION,
            DETACH,
        ],
        notes: "i.importances is a dict of what each column matters, in the metric's unit, beside its \
                standard error in i.result; i.plot() draws it. Columns that tell the same hide each \
                other: shuffle them together.",
        example: "i = m.importance(metric=\"auc\", repeats=4); print(i); i.plot()",
    },
    Function {
        name: "dependence",
        summary: "how the answers change with a column while all others stay",
        parameters: &[
            MODEL,
            optional("columns", NONE, "a column or a list of columns"),
            DATA,
            optional("pairs", NONE, "columns that are changed two at once: [['income', 'age']]"),
            CLASS,
            optional("points", "20", "of a grid, 2 to 200; of a pair half as many of each column"),
            optional("lines", "20", "rows whose own lines are kept, at most 1,000"),
            optional("centred", "False", "True lets each row's line start at 0"),
            ROWS,
            SEED,
            VERSION,
            DETACH,
        ],
        notes: "Partial dependence with a band of 95 %, and the lines of single rows. d.points is a dict \
                of lists, d.plot(\"age\") draws one of several columns, or a pair as fields of its means.",
        example: "d = dependence(m, \"income\", points=6, rows=60); print(d); d.plot()",
    },
    Function {
        name: "surrogate",
        summary: "a small tree and a line that answer nearly as a version does",
        parameters: &[
            MODEL,
            DATA,
            CLASS,
            optional("depth", "4", "conditions from the root of the tree to a leaf, 1 to 8"),
            optional("leaf", "50", "rows of a leaf, at least"),
            optional("penalty", "1.0", "of the line's squared coefficients"),
            ROWS,
            SEED,
            VERSION,
            DETACH,
        ],
        notes: "Fitted to what the version answers to one half of the rows; R2 and equal labels are of \
                the other half, and below 0.8 it warns. print(s.tree) shows the tree, s.rules its leaves, \
                s.plot() the line's terms.",
        example: "s = surrogate(m, leaf=10); print(s); print(s.tree)",
    },
    Function {
        name: "units",
        summary: "dead and saturated units of a version, and the rows that activate each",
        parameters: &[
            MODEL,
            DATA,
            optional("layers", NONE, "names of layers, as ['hidden.0']; all when absent"),
            optional("strongest", "10", "rows that are named of each unit, at most 100"),
            ROWS,
            SEED,
            VERSION,
            DETACH,
        ],
        notes: "u.layers has the statistics, u.verdict what stands out; u.describe() lists each unit, \
                u.plot(what=\"hidden.0\") draws those of a layer.",
        example: "units(t).verdict",
    },
    Function {
        name: "fairness",
        summary: "how decisions fall on groups of a column that a version does not read",
        parameters: &[
            MODEL,
            needed("column", "the column of groups; one that the version reads is refused"),
            DATA,
            optional("bins", NONE, "of numbers, where groups end: [25, 40, 60]"),
            optional("reference", NONE, "the group that others are compared with; the largest"),
            optional(
                "favourable",
                NONE,
                "the class that is good for whoever is decided on; not the positive one",
            ),
            optional("threshold", NONE, "of a positive label; the version's own"),
            optional("least_rows", "30", "of a group that is judged; smaller ones are shown"),
            ROWS,
            SEED,
            VERSION,
            DETACH,
        ],
        notes: "Rates, AUC and calibration of each group, each against the reference, and the distances \
                between groups, with 95 % intervals; f.groups are dicts, f.plot() draws the rates. \
                Monitoring of differences, not a legal opinion.",
        example: "b = train(loans, \"default\", model=\"blind\", exclude=[\"region\"], \
                  network=\"linear\")\nfairness(b, \"region\")",
    },
    Function {
        name: "rolling_origin",
        summary: "how a forecast would have done, trained anew as time went on",
        parameters: &[
            MODEL,
            optional(
                "data",
                NONE,
                "a dataset, its name, or a frame, which is uploaded as MODEL-rows; the version's own \
                 dataset when absent",
            ),
            optional("origins", "12", "times from which is forecast, 2 to 1,000"),
            optional("step", NONE, "rows from one origin to the next; the version's horizon"),
            optional("training", "\"expanding\"", "on all rows before, or 'sliding': the newest"),
            optional("training_rows", NONE, "times that a sliding training reads"),
            optional("refit_every", "1", "origins from one training to the next"),
            optional("validation", "0.2", "share of the rows before an origin that validate"),
            SEED,
            VERSION,
            DETACH,
        ],
        notes: "Each origin's networks, baselines and intervals know no row after it. b.origins are \
                dicts, b.baselines the simplest forecasts with their tests, b.plot() draws the errors \
                from origin to origin.",
        example: "b = rolling_origin(r, origins=3, refit_every=3); print(b); b.plot()",
    },
    Function {
        name: "analyses",
        summary: "what was found of a model, the newest first",
        parameters: &[
            MODEL,
            optional(
                "kind",
                NONE,
                "'importance', 'dependence', 'surrogate', 'activations', 'fairness' or \
                 'rolling_origin'",
            ),
            optional("limit", "20", "at most so many, 1 to 500"),
        ],
        notes: "A list of dicts; a[0][\"id\"] is what analysis() takes.",
        example: "analyses(m)",
    },
    Function {
        name: "analysis",
        summary: "one of the analyses of a model",
        parameters: &[MODEL, needed("id", "its id, as analyses() lists it")],
        notes: "It stays when its version and its rows are deleted.",
        example: "analysis(m, analyses(m, kind=\"importance\")[0][\"id\"])",
    },
];

const MODEL: Parameter = needed("model", "a version, a model or a model's name");
const DATA: Parameter = optional(
    "data",
    NONE,
    "a dataset, its name, or a frame, which is uploaded as MODEL-rows; the version's own test rows when \
     absent",
);
const CLASS: Parameter =
    optional("of", NONE, "the class; the positive one of two, of more one has to be named");
const ROWS: Parameter = optional("rows", "10000", "rows that are looked at, at most");
const SEED: Parameter = optional("seed", "0", "the same seed, version and rows: the same numbers");
const VERSION: Parameter =
    optional("version", NONE, "a number or an alias; the champion when absent");
const DETACH: Parameter =
    optional("detach", "False", "True gives the job at once, of which wait() gives what it found");
