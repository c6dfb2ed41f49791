//! The one table of functions. Calls are checked against it, help and completion read it, and
//! every example is run by the tests.

/// A function of the cells.
#[derive(Debug)]
pub struct Function {
    pub name: &'static str,
    pub summary: &'static str,
    pub parameters: &'static [Parameter],
    /// What it gives and what else is worth knowing.
    pub notes: &'static str,
    /// Cells that work as they stand where `loans.csv` is, with the target `default`, and
    /// `rates.csv`, with a `rate` for each `date`; they come
    /// after those of the functions above it in the table.
    pub example: &'static str,
}

/// A parameter of a function.
#[derive(Debug)]
pub struct Parameter {
    pub name: &'static str,
    /// None: it must be given.
    pub default: Option<&'static str>,
    pub about: &'static str,
}

impl Function {
    /// `load(source, name=None, types=None)`.
    pub fn signature(&self) -> String {
        let parameters: Vec<String> = self
            .parameters
            .iter()
            .map(|p| match p.default {
                Some(default) => format!("{}={default}", p.name),
                None => p.name.to_owned(),
            })
            .collect();
        format!("{}({})", self.name, parameters.join(", "))
    }
}

/// Every function, in the order of the work.
pub fn functions() -> &'static [Function] {
    FUNCTIONS
}

pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|f| f.name == name)
}

const fn needed(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, default: None, about }
}

const fn optional(name: &'static str, default: &'static str, about: &'static str) -> Parameter {
    Parameter { name, default: Some(default), about }
}

const NONE: &str = "None";
const FRAME: Parameter = needed("frame", "a frame or a dataset");
const LIMIT: Parameter = optional("limit", "50", "at most so many, 1 to 500");

static FUNCTIONS: &[Function] = &[
    Function {
        name: "load",
        summary: "a dataset: from a file, which is uploaded, or by its name on the server",
        parameters: &[
            needed(
                "source",
                "a path (.csv, .tsv, .jsonl, .ndjson, .parquet, or a folder of images: \
                'photos/'), 'loans', 'loans 3', or a frame, which is uploaded",
            ),
            optional(
                "name",
                NONE,
                "the dataset's name; the file's when absent; needed for a frame",
            ),
            optional(
                "types",
                NONE,
                "a dict of column to bool, int64, float64, string, timestamp or image",
            ),
        ],
        notes: "A file becomes the next version of the dataset. A text that ends like a file or \
                has a / in it is a path. The images of a folder are labelled by the folder below it \
                that they are in (photos/cat/1.png), or by a labels.csv with a column file; train, \
                validation and test above these become the column part; MNIST's files are read too.",
        example: "loans = load(\"loans.csv\", types={\"zip\": \"string\"})",
    },
    Function {
        name: "dataset",
        summary: "a dataset of the server",
        parameters: &[
            needed("name", "its name, or name and number: 'loans 3'"),
            optional("version", NONE, "its number; the newest when absent"),
        ],
        notes: "Its columns are d.columns, its rows d.rows (a number) and d.head(n).",
        example: "dataset(\"loans\", 1).columns[0][\"name\"]",
    },
    Function {
        name: "datasets",
        summary: "the datasets, each in its newest version",
        parameters: &[LIMIT],
        notes: "",
        example: "datasets()",
    },
    Function {
        name: "head",
        summary: "the first rows of a dataset or a frame",
        parameters: &[
            needed("dataset", "a dataset, its name, or a frame"),
            optional("n", "10", "so many rows, 1 to 10,000"),
            optional("offset", "0", "rows to pass over"),
        ],
        notes: "A list of dicts, which predict() takes as rows.",
        example: "loans.head(3)",
    },
    Function {
        name: "describe",
        summary: "what there is to say of a value, as a table",
        parameters: &[needed("value", "a dataset, frame, model, version, job or predictions")],
        notes: "Of a dataset its columns with their statistics, of a version its metrics on the \
                rows that training never saw.",
        example: "loans.describe()",
    },
    Function {
        name: "frame",
        summary: "rows to explore here: of a file, which is not uploaded, or of a dataset",
        parameters: &[needed("dataset", "a path, a dataset or its name")],
        notes: "Its values have the types that the server would give them. What is made of it is a \
                frame again; load(f, name=\"clean\") uploads one. It is in memory as a whole.",
        example: "f = frame(\"loans.csv\"); f",
    },
    Function {
        name: "filter",
        summary: "the rows for which a condition in SQL holds",
        parameters: &[FRAME, needed("condition", "'income > 40000 AND region = \'north\''")],
        notes: "Names of columns keep their case; those that are no plain word stand in \
                double quotes. Of a function and a list it gives the items for which that is true.",
        example: "f.filter(\"income > 40000\").rows",
    },
    Function {
        name: "select",
        summary: "some of the columns, in the order in which they are named",
        parameters: &[FRAME, needed("columns", "a column's name or a list of names")],
        notes: "",
        example: "f.select([\"income\", \"default\"])",
    },
    Function {
        name: "sort",
        summary: "the rows in the order of columns, what is missing last",
        parameters: &[
            FRAME,
            needed("by", "a column's name or a list of names"),
            optional("descending", "False", "the greatest first"),
        ],
        notes: "",
        example: "f.sort(\"income\", descending=True)",
    },
    Function {
        name: "group",
        summary: "a row for each group of rows, with what is worked out of them",
        parameters: &[
            FRAME,
            needed("by", "a column's name or a list of names"),
            needed("values", "a dict of a name to an expression: {'mean': 'avg(income)'}"),
        ],
        notes: "Among the functions are count(*), count(DISTINCT x), sum, avg, min, max, median, \
                stddev, corr(x, y) and approx_percentile_cont(x, 0.9).",
        example: "f.group(\"default\", {\"n\": \"count(*)\", \"mean\": \"avg(income)\"})",
    },
    Function {
        name: "with_column",
        summary: "the frame with a column more, or with another one in its place",
        parameters: &[
            FRAME,
            needed("name", "the column's name"),
            needed("value", "an expression in SQL: 'income / 12'"),
        ],
        notes: "Of two whole numbers / gives a whole one: income / 12.0.",
        example: "f.with_column(\"monthly\", \"income / 12.0\")",
    },
    Function {
        name: "join",
        summary: "rows of two frames that have the same in some columns, side by side",
        parameters: &[
            FRAME,
            needed("other", "a frame or a dataset"),
            needed("on", "the column's name, or names, that both have"),
            optional("how", "'inner'", "'left' keeps the first's rows, 'outer' those of both"),
        ],
        notes: "Of other columns that both have, those of the first are kept.",
        example: "means = f.group(\"default\", {\"mean\": \"avg(income)\"})\n\
                  f.join(means, \"default\")",
    },
    Function {
        name: "value_counts",
        summary: "how often each value of a column occurs, the most frequent first",
        parameters: &[FRAME, needed("column", "its name")],
        notes: "",
        example: "f.value_counts(\"default\")",
    },
    Function {
        name: "corr",
        summary: "Pearson's correlation of each two columns of numbers",
        parameters: &[
            FRAME,
            optional("columns", NONE, "2 to 40 names; all columns of numbers when absent"),
        ],
        notes: "Of the rows in which both are known.",
        example: "f.corr()",
    },
    Function {
        name: "sample",
        summary: "rows that chance picks, in the order in which they stand",
        parameters: &[
            FRAME,
            optional("n", "10", "so many, or all where there are fewer"),
            optional("seed", "0", "the same seed picks the same rows"),
        ],
        notes: "",
        example: "f.sample(5, seed=1)",
    },
    Function {
        name: "sql",
        summary: "a query over the frames that the session has names for",
        parameters: &[needed("query", "'SELECT avg(income) FROM f'")],
        notes: "It can only read. Names of columns keep their case.",
        example: "sql(\"SELECT count(*) AS n, max(income) AS most FROM f\")",
    },
    Function {
        name: "advise",
        summary: "what to train on a dataset, what it takes, and why",
        parameters: &[
            needed("dataset", "a dataset or its name"),
            needed("target", "the column to predict"),
            optional("task", NONE, "'binary', 'multiclass', 'regression' or 'forecast'"),
            optional("time", NONE, "the column that orders the rows"),
            optional("entity", NONE, "the column that says which series a row is of"),
            optional("horizon", "1", "rows ahead, where a series is forecast"),
            optional("exclude", NONE, "columns that are not to be read"),
            optional("minutes", "10", "that the training may take"),
        ],
        notes: "Measures each network on rows of the dataset for a few seconds. a.spec is what \
                train takes; a.reasons and a.warnings say why, a.alternatives what else there is.",
        example: "a = advise(loans, \"default\"); a.network",
    },
    Function {
        name: "train",
        summary: "a new version of a model",
        parameters: &[
            needed("dataset", "a dataset or its name"),
            optional("target", NONE, "the column to predict; needed where spec names none"),
            optional("model", NONE, "the model's name; the target's when absent"),
            optional(
                "features",
                NONE,
                "the columns to predict from; all but the target when absent",
            ),
            optional("exclude", NONE, "columns to leave out, when features is absent"),
            optional(
                "task",
                NONE,
                "'binary', 'multiclass', 'regression' or 'forecast'; inferred when absent",
            ),
            optional("positive_class", NONE, "the class whose probability is the score"),
            optional(
                "network",
                NONE,
                "'tabm' (default), 'mlp', 'linear', 'transformer', or a dict: {'kind': 'mlp', \
                'hidden': [64, 32], 'dropout': 0.2}; for a text 'text_cnn' (default where the one \
                feature is free text), 'text_attention'; with a window 'nlinear' (default of \
                forecasts), 'dlinear', 'lstm', 'attention'",
            ),
            optional(
                "optimiser",
                NONE,
                "'adamw' (default), 'adam', 'sgd', 'rmsprop', or a dict: {'kind': \
                'adam', 'learning_rate': 0.01}",
            ),
            optional(
                "schedule",
                NONE,
                "how the learning rate moves: 'cosine' (default), 'one_cycle', 'constant', or a \
                dict: {'kind': 'step', 'epochs': 10, 'factor': 0.3}",
            ),
            optional("gradient_clip", NONE, "longest gradient of a step; 0 never shortens it"),
            optional("average", NONE, "serves a running mean of the weights: 0.999, say"),
            optional(
                "loss",
                NONE,
                "label smoothing, or a dict: {'focal_gamma': 2}, {'label_smoothing': 0.1}",
            ),
            optional(
                "monitor",
                NONE,
                "what decides which epoch is best: 'loss' (default), 'auc', 'accuracy', \
                'macro_f1', 'r2'",
            ),
            optional(
                "divergence",
                NONE,
                "'keep_best' serves the best epoch before a training diverges; it fails when absent",
            ),
            optional(
                "ensemble",
                NONE,
                "folds of a cross-fitting whose networks are averaged, or a dict: {'folds': 5, \
                'seeds': 2}",
            ),
            optional("baselines", "True", "False trains no simpler networks beside it"),
            optional(
                "refit",
                NONE,
                "True trains once more at the end, on the validation rows too; by default where \
                rows are parted by time",
            ),
            optional("accumulation", NONE, "slices into which a step is cut, to save memory"),
            optional("epochs", NONE, "how often every training row is seen, at most"),
            optional("batch_size", NONE, "rows per step"),
            optional("seed", NONE, "same seed, data and build: same weights (CPU)"),
            optional("device", NONE, "'auto' (default), 'cpu' or 'cuda:N'"),
            optional(
                "precision",
                NONE,
                "'f32' (default), or 'bf16' for faster matrix products on a CUDA device",
            ),
            optional(
                "parts",
                NONE,
                "'random' (default) or a dict: {'by': 'time', 'column': \
                'month'}, {'by': 'column', 'column': 'part'}",
            ),
            optional(
                "window",
                NONE,
                "makes windows of series: the column of time, or a dict: {'time': 'date', \
                'entity': 'currency', 'look_back': 336, 'horizon': 24, 'quantiles': [0.1, 0.5, 0.9]}",
            ),
            optional("patience", NONE, "epochs without improvement before it stops; 0 never stops"),
            optional(
                "class_weights",
                NONE,
                "'none' (default), 'balanced', or a dict of class to \
                weight",
            ),
            optional(
                "preprocessing",
                NONE,
                "'quantile' (default), 'standard', or a dict: \
                {'scaling': 'standard', 'max_categories': 64, 'min_category_count': 5}, for \
                tables parted by time {'drift': 'keep'}, for images {'image': {'height': 32, \
                'width': 32, 'channels': 1}}, for texts {'text': {'max_words': 256, 'buckets': \
                131072}}",
            ),
            optional(
                "augmentation",
                NONE,
                "how training images are changed, a dict of some of {'shift': 2, 'rotate': 10, \
                'scale': 0.1, 'noise': 0.1, 'mixup': 0.2}",
            ),
            optional(
                "threshold",
                NONE,
                "'f1' (default), a number, or a dict: {'by': 'cost', \
                'false_positive': 1, 'false_negative': 5}",
            ),
            optional(
                "search",
                NONE,
                "searches for a better configuration first: True, minutes, or a dict: {'minutes': 5, \
                'trials': 27, 'space': {'/optimiser/learning_rate': {'by': 'log_uniform', 'low': \
                0.0003, 'high': 0.03}, '/network/hidden': {'by': 'choice', 'values': [[64], [128, \
                64]]}}}",
            ),
            optional(
                "start",
                NONE,
                "begins with the weights that a training had before it diverged: that job's id",
            ),
            optional("wait", "True", "False gives the job at once"),
            optional(
                "spec",
                NONE,
                "what the other arguments change: an advice, its a.spec, or a dict of a version's \
                provenance",
            ),
        ],
        notes: "Gives the version with its metrics on test rows. Ctrl-C cancels the job.",
        example: "m = train(loans, \"default\", network=\"linear\", epochs=3, seed=1)",
    },
    Function {
        name: "simplify",
        summary: "a new version, made simpler from one that is there",
        parameters: &[
            needed("model", "a version, a model or a model's name"),
            needed("by", "'prune', 'distil' or 'quantise'"),
            optional("version", NONE, "a number or an alias; the champion when absent"),
            optional("sparsity", "0.5", "prune: the share of the layers' weights that become 0"),
            optional(
                "epochs",
                NONE,
                "prune: for how many the others are trained on, 3 when absent, or 0; distil: as \
                suits the student",
            ),
            optional("learning_rate", NONE, "prune: the parent's when absent"),
            optional(
                "network",
                NONE,
                "distil: the student, 'mlp' or {'kind': 'mlp', 'hidden': [32]}; a smaller one of \
                the parent's kind, or a simpler kind, when absent",
            ),
            optional("temperature", "2.0", "distil: the higher, the more unlikely classes tell"),
            optional("share", "0.5", "distil: how much of the loss is the parent's"),
            optional("wait", "True", "whether to wait for it"),
        ],
        notes: "It is asked beside its parent for the same test rows, and timed beside it: \
                v.simplification. It becomes the champion only by promote().",
        example: "simplify(m, \"quantise\")",
    },
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
                "a dict, a list of dicts, a dataset, or a local file; of the last two \
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
        name: "jobs",
        summary: "the jobs, the newest first",
        parameters: &[
            optional("kind", NONE, "'ingestion', 'training' or 'sweep'"),
            optional(
                "state",
                NONE,
                "'queued', 'running', 'cancel_pending', 'cancelled', 'done' \
                or 'failed'",
            ),
            optional("limit", "20", "at most so many, 1 to 500"),
        ],
        notes: "",
        example: "jobs(kind=\"training\")",
    },
    Function {
        name: "job",
        summary: "a job as it is now",
        parameters: &[needed("id", "its id, or a job")],
        notes: "",
        example: "j = train(loans, \"default\", network=\"linear\", epochs=2, wait=False); job(j.id)",
    },
    Function {
        name: "wait",
        summary: "what a job made, once it is done",
        parameters: &[needed("job", "a job or its id")],
        notes: "Gives the version or the dataset; a job that failed is an error. Ctrl-C cancels it.",
        example: "j.wait()",
    },
    Function {
        name: "cancel",
        summary: "cancel a job and wait for its end",
        parameters: &[needed("job", "a job or its id")],
        notes: "Gives the job as it ended; one that was done before is an error.",
        example: "train(loans, \"default\", epochs=1000, patience=0, wait=False).cancel()",
    },
    Function {
        name: "help",
        summary: "this list, or what a function does",
        parameters: &[optional("of", NONE, "a function, its name, or a value")],
        notes: "At the prompt, train? is short for help(train).",
        example: "help(train)",
    },
    Function {
        name: "exit",
        summary: "end the session or the script",
        parameters: &[optional("code", "0", "the exit code, 0 to 255")],
        notes: "quit() is the same. Ctrl-D on an empty line, too.",
        example: "exit()",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_may_be_typed() {
        let load = find("load").map(Function::signature);
        assert_eq!(load.as_deref(), Some("load(source, name=None, types=None)"));
    }

    #[test]
    fn needed_parameters_come_first_and_no_name_twice() {
        for function in functions() {
            let names: Vec<_> = function.parameters.iter().map(|p| p.name).collect();
            let mut unique = names.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), names.len(), "{}", function.name);
            let optional = function.parameters.iter().skip_while(|p| p.default.is_none());
            assert!(optional.into_iter().all(|p| p.default.is_some()), "{}", function.name);
            assert!(function.example.contains(function.name), "{}", function.name);
        }
    }
}
