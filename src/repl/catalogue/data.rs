//! Datasets: loaded and looked at.

use super::{Function, LIMIT, NONE, needed, optional};

pub(super) static FUNCTIONS: &[Function] = &[
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
        notes: "Its columns are d.columns, its rows d.rows (a number), d.head(n) and d.row(0). What frames \
                have it has too: d.filter(...), d.group(...), d.hist(...). Each fetches all of its \
                rows; f = frame(d) fetches them once.",
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
        name: "row",
        summary: "one row of a dataset or a frame, as a dict",
        parameters: &[
            needed("dataset", "a dataset, its name, or a frame"),
            needed("number", "which one, counted from 0"),
        ],
        notes: "predict(), explain() and reasons() take it as it is.",
        example: "loans.row(17)[\"income\"]",
    },
    Function {
        name: "describe",
        summary: "what there is to say of a value, as a table",
        parameters: &[needed("value", "a dataset, frame, model, version, job or predictions")],
        notes: "Of a dataset its columns with their statistics, of a version its metrics on the \
                rows that training never saw.",
        example: "loans.describe()",
    },
];
