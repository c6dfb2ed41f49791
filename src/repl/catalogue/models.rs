//! Models, and what their versions answer.

use super::{Function, LIMIT, NONE, Parameter, needed, optional};

const LAYERS: Parameter = optional("layers", NONE, "names of layers, as ['hidden.0']");

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "models",
        summary: "the models",
        parameters: &[LIMIT],
        notes: "",
        example: "models()",
    },
    Function {
        name: "model",
        summary: "a model by its name",
        parameters: &[needed("name", "its name")],
        notes: "",
        example: "model(\"default\").versions()",
    },
    Function {
        name: "versions",
        summary: "the versions of a model, the newest first",
        parameters: &[
            needed("model", "a model, a version of it, or its name"),
            optional("limit", "20", "at most so many, 1 to 500"),
        ],
        notes: "",
        example: "versions(\"default\")",
    },
    Function {
        name: "version",
        summary: "one version of a model",
        parameters: &[
            needed("model", "a model or its name, or name and number: 'default 3'"),
            optional("version", NONE, "a number or an alias; 'champion' when absent"),
        ],
        notes: "v.metrics, v.curve, v.signature, v.provenance and v.warnings say how it came about.",
        example: "version(\"default\", 1).metrics[\"auc\"]",
    },
    Function {
        name: "promote",
        summary: "let an alias point at a version",
        parameters: &[
            needed("version", "a version; or a model or its name, with n"),
            optional("n", NONE, "the version's number"),
            optional("alias", "\"champion\"", "the alias"),
            optional("reason", NONE, "kept in the history"),
        ],
        notes: "Moves it from where it points now; when someone else is faster, it is refused.",
        example: "m.promote(reason=\"first\")",
    },
    Function {
        name: "aliases",
        summary: "the aliases of a model and where they point",
        parameters: &[needed("model", "a model, a version of it, or its name")],
        notes: "A list of dicts.",
        example: "aliases(\"default\")",
    },
    Function {
        name: "history",
        summary: "every move of an alias, the newest first",
        parameters: &[
            needed("model", "a model, a version of it, or its name"),
            optional("alias", "\"champion\"", "the alias"),
            LIMIT,
        ],
        notes: "A list of dicts.",
        example: "history(\"default\")",
    },
    Function {
        name: "predict",
        summary: "probabilities and labels, or numbers, for rows",
        parameters: &[
            needed("model", "a version, a model, or a model's name"),
            needed(
                "rows",
                "a dict, a list of dicts, a frame, a dataset, or a local file; of the last three \
                at most 10,000 rows",
            ),
            optional("version", NONE, "a number or an alias; 'champion' when absent"),
            optional("record", "False", "keep the answer; its id is p.id"),
        ],
        notes: "Columns that the model does not read are left out of a dataset, of a file, and of \
                dicts where its training data had them; others are refused. p.labels, p.scores (probability of the positive class) and p.values are lists.",
        example: "predict(\"default\", loans.head(3)).labels",
    },
    Function {
        name: "forecast",
        summary: "the rows to come of series",
        parameters: &[
            needed("model", "a version, a model, or a model's name"),
            needed(
                "rows",
                "the history: a dataset, which stays on the server, a dict, a list of dicts, or a \
                local file of at most 10,000 rows",
            ),
            optional("horizon", NONE, "rows ahead; as many as the version forecasts when absent"),
            optional("quantiles", NONE, "levels among those of the version; all when absent"),
            optional("version", NONE, "a number or an alias; 'champion' when absent"),
        ],
        notes: "Reads the newest rows of each series. f.values are lists of numbers, one for each \
                of f.forecasts.",
        example: "rates = load(\"rates.csv\"); r = train(rates, \"rate\", window={\"time\": \
                  \"date\", \"look_back\": 20, \"horizon\": 5}); len(forecast(r, rates).values[0])",
    },
    Function {
        name: "explain",
        summary: "what each column adds to the answers to rows",
        parameters: &[
            needed("model", "a version, a model, or a model's name"),
            needed("rows", "as predict() takes them, at most 1,000; of windows, the newest rows"),
            optional(
                "method",
                "\"expected_gradients\"",
                "expected_gradients, from 64 reference rows, or integrated_gradients, from the \
                 average one",
            ),
            optional(
                "of",
                NONE,
                "the class; the positive one, or of several the one that is answered",
            ),
            optional("step", NONE, "of a forecast the row ahead; the first one"),
            optional("target", NONE, "of a forecast the column; the first one"),
            optional("quantile", NONE, "of a forecast the level; the median"),
            optional("version", NONE, "a number or an alias; 'champion' when absent"),
        ],
        notes: "What columns add leads from what reference rows are answered to what this row is, in \
                log odds or in the target's unit. e.attributions are dicts, one for each row; e.plot() \
                draws them, e.describe() lists each row's.",
        example: "explain(\"default\", loans.head(1)).plot()",
    },
    Function {
        name: "counterfactual",
        summary: "the smallest changes of rows that lead to another answer",
        parameters: &[
            needed("model", "a version, a model, or a model's name"),
            needed("rows", "as predict() takes them, at most 100"),
            needed(
                "change",
                "the columns that may change, as a list or with how: min, max, direction \
                (increase, decrease, either), step, scale; of categories and booleans values",
            ),
            optional("of", NONE, "the class that is sought; of two the one that is not answered"),
            optional("at_least", NONE, "its probability, or the number, is to be as much"),
            optional("below", NONE, "its probability, or the number, is to be less"),
            optional("max_changes", "3", "most columns that change at once, 1 to 8"),
            optional("alternatives", "3", "most alternatives for a row, 1 to 10"),
            optional("version", NONE, "a number or an alias; 'champion' when absent"),
        ],
        notes: "What is found was scored by the version. No other column changes, and none that is \
                missing in a row. c.changes are dicts of the smallest change of each row.",
        example: "counterfactual(\"default\", loans.head(1), change={\"income\": {\"max\": 90000}})",
    },
    Function {
        name: "activations",
        summary: "what each layer makes of rows, and where attention looks",
        parameters: &[
            needed("model", "a version, a model, or a model's name"),
            needed("rows", "as predict() takes them, at most 200; of windows, the newest rows"),
            LAYERS,
            optional("attention", "True", "False leaves attention maps and their flow out"),
            optional("version", NONE, "a number or an alias; 'champion' when absent"),
        ],
        notes: "Layers of at most 256 numbers are answered in full, others in short unless they are \
                named. a.activations[0][\"layers\"] has them, a.plot(what=\"hidden.0\") draws one. \
                Attention flow is where the network looks, not what an answer is owed to: that is \
                explain().",
        example: "activations(\"default\", loans.head(2))",
    },
];
