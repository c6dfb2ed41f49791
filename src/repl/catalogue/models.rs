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
            optional("explain", "False", "also what each column adds: p.explanations"),
            optional(
                "reasons",
                "False",
                "also why answers are adverse: p.reasons; True, or a dict of how",
            ),
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
            optional(
                "coverage",
                NONE,
                "of intervals: 0.8, 0.9, 0.95 or a list of them; 0.9 when absent",
            ),
            optional("version", NONE, "a number or an alias; 'champion' when absent"),
        ],
        notes: "Reads the newest rows of each series. f.values are lists of numbers, one for each \
                of f.forecasts; f.intervals say how often such intervals held on the test part; \
                f.plot() draws values and intervals.",
        example: "rates = load(\"rates.csv\"); r = train(rates, \"rate\", window={\"time\": \
                  \"date\", \"look_back\": 20, \"horizon\": 5}); f = forecast(r, rates, coverage=[0.8, 0.9]); \
                  len(f.values[0]); f.plot()",
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
                "expected_gradients, from 64 reference rows, integrated_gradients, from the average \
                 one, or shapley, of few rows",
            ),
            optional("groups", NONE, "columns that are told as one: [['age', 'zip']]"),
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
        example: "e = explain(\"default\", loans.head(1)); e.plot(); e.plot(row=0)",
    },
    Function {
        name: "reasons",
        summary: "why answers are adverse, as codes and sentences",
        parameters: &[
            needed("model", "a version, a model, or a model's name; of tables and two classes"),
            needed("rows", "as predict() takes them, at most 1,000"),
            optional("max", "4", "at most so many for each answer, 1 to 4"),
            optional(
                "method",
                "\"expected_gradients\"",
                "expected_gradients or shapley, of few rows",
            ),
            optional("table", NONE, "number of a reason table; the newest one"),
            optional("adverse", NONE, "the class that is adverse; the positive one"),
            optional("language", NONE, "a language of the table; that of its first entry"),
            optional("version", NONE, "a number or an alias; 'champion' when absent"),
            optional("record", "False", "keep the answer with its reasons; its id is r.id"),
        ],
        notes: "Compared with approved applicants nearest above the cut-off. r.codes and r.letters are \
                lists of texts, one for each row, empty where the answer is favourable; r.describe() \
                lists every reason with what it adds to the log odds.",
        example: "reasons(\"default\", loans.head(20)).letters[0]",
    },
    Function {
        name: "reason_table",
        summary: "the codes and sentences of a model's reasons",
        parameters: &[
            needed("model", "a model, a version of it, or its name"),
            optional(
                "entries",
                NONE,
                "a CSV file (code,columns,when,text,language) or a list of dicts: kept as a new table",
            ),
            optional("number", NONE, "which one is shown; the newest"),
        ],
        notes: "told.save(\"reasons.csv\") writes what imports again as the same table. An entry is for one \
                column or for several that are told as one; when is high, low, missing or categories, of several \
                high or low.",
        example: "told = reason_table(\"default\", [{\"code\": \"R01\", \"columns\": [\"income\"], \
                  \"text\": \"Low income.\"}]); told.save(\"reasons.csv\"); \
                  reason_table(\"default\", \"reasons.csv\")",
    },
    Function {
        name: "scorecard",
        summary: "the points of a version of the network scorecard",
        parameters: &[
            needed("model", "a version, a model, its name, or a policy, whose scale is taken"),
            optional("points", "600", "at these odds of the favourable class"),
            optional("points_to_double", "20", "so many more stand for twice the odds"),
            optional("odds", "50", "to 1"),
            optional("rounded", "True", "whether points are whole numbers"),
            optional(
                "adverse",
                NONE,
                "the class that costs points; a policy's, or the positive one",
            ),
            optional("version", NONE, "a number or an alias; 'champion' when absent"),
        ],
        notes: "card.plot() shows points, card.plot(what=\"income\") a column's weights of evidence; \
                card.save(\"card.csv\") keeps the table. train(..., network=\"scorecard\") makes one.",
        example: "card = train(loans, target=\"default\", model=\"card\", network=\"scorecard\"); \
                  points = card.scorecard(); points.save(\"card.csv\"); points\n\
                  points.plot(what=\"income\")",
    },
    Function {
        name: "bin",
        summary: "columns in bins: weights of evidence and information values",
        parameters: &[
            needed("data", "a dataset, its name, or a frame"),
            optional("columns", NONE, "a column or a list; all but the target, the best first"),
            optional("target", NONE, "the column of the outcome, of two classes; has to be named"),
            optional("adverse", NONE, "the class of which rates are; the positive one"),
            optional("bins", "6", "most bins beside that of missing values, 2 to 20"),
            optional("least_share", "0.05", "fewest rows of a bin, as a share"),
            optional(
                "trend",
                "\"auto\"",
                "of rates: 'rising', 'falling', 'peak', 'valley', 'free'",
            ),
            optional("trends", NONE, "the same by column, as a dict"),
            optional("edges", NONE, "where a number is cut, by column: {'age': [30, 50]}"),
        ],
        notes: "One column shows its bins; several show which tells most, b.describe() all bins, \
                b.plot(what=\"income\") a column's weights of evidence. b.columns has all.",
        example: "evidence = bin(loans, \"income\", target=\"default\"); print(evidence); evidence.plot()\n\
                  bin(loans, target=\"default\", bins=4)",
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
