//! Frames: rows explored here.

use super::{FRAME, Function, NONE, needed, optional};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "frame",
        summary: "rows to explore here: of a file, which is not uploaded, or of a dataset",
        parameters: &[needed("dataset", "a path, a dataset or its name")],
        notes: "Its values have the types that the server would give them. What is made of it is a \
                frame again; load(f, name=\"clean\") uploads one. It is in memory as a whole. \
                f[\"age\"] is the list of a column's values, len(f) the number of rows.",
        example: "f = frame(\"loans.csv\"); f",
    },
    Function {
        name: "check",
        summary: "what is missing, always the same, or tells a target all alone",
        parameters: &[FRAME, optional("target", NONE, "the column that is to be predicted")],
        notes: "A column that alone tells the target with an AUC of 0.95 or more, or a correlation of \
                0.99, may be known only afterwards: leave it out of the training then.",
        example: "f.check(\"default\")",
    },
    Function {
        name: "filter",
        summary: "the rows for which a condition in SQL holds",
        parameters: &[FRAME, needed("condition", "\"income > 40000 AND region = 'north'\"")],
        notes: "Texts stand in single quotes. Names of columns keep their case; those that are no \
                plain word stand in double quotes. Of a function and a list it gives the items for which that is true.",
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
        name: "drop",
        summary: "the columns but some",
        parameters: &[FRAME, needed("columns", "a column's name or a list of names")],
        notes: "",
        example: "f.drop(\"zip\").train(\"default\", network=\"linear\", epochs=1, model=\"of-rows\")",
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
        summary: "the rows in groups of which agg() works something out",
        parameters: &[FRAME, needed("by", "a column's name or a list of names")],
        notes: "",
        example: "g = f.group(\"default\")",
    },
    Function {
        name: "agg",
        summary: "a row for each group, with what is worked out of its rows",
        parameters: &[
            needed("groups", "what group() gives"),
            optional(
                "**values",
                "",
                "an expression for each new column: age=mean('age'), most='max(income)'",
            ),
        ],
        notes: "count(), mean(x), median(x) and sd(x) are such expressions. All others in SQL: \
                'count(DISTINCT x)', 'sum(x)', 'min(x)', 'max(x)', 'corr(x, y)', \
                'approx_percentile_cont(x, 0.9)'.",
        example: "f.group(\"default\").agg(n=\"count(*)\", mean=\"avg(income)\")",
    },
    Function {
        name: "count",
        summary: "for agg(): the number of rows, or of those in which a column is known",
        parameters: &[optional("column", NONE, "its name; all rows when absent")],
        notes: "The expression, as a text: count(*).",
        example: "f.group(\"region\").agg(n=count())",
    },
    Function {
        name: "mean",
        summary: "for agg(): the mean of a column",
        parameters: &[needed("column", "its name")],
        notes: "The expression, as a text: avg(income).",
        example: "f.group(\"region\").agg(income=mean(\"income\"))",
    },
    Function {
        name: "median",
        summary: "for agg(): the median of a column",
        parameters: &[needed("column", "its name")],
        notes: "The expression, as a text: median(income).",
        example: "f.group(\"region\").agg(income=median(\"income\"))",
    },
    Function {
        name: "sd",
        summary: "for agg(): the standard deviation of a column",
        parameters: &[needed("column", "its name")],
        notes: "The expression, as a text: stddev(income).",
        example: "f.group(\"region\").agg(income=sd(\"income\"))",
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
        example: "means = f.group(\"default\").agg(mean=\"avg(income)\")\n\
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
        name: "split",
        summary: "two frames: the rows to learn from, and those to try on",
        parameters: &[
            FRAME,
            optional("test", "0.2", "the share of the rows to try on"),
            optional("seed", "0", "the same seed parts the rows in the same way"),
            optional("by", NONE, "a column of times or numbers, whose greatest are tried on"),
        ],
        notes: "train() parts its rows by itself; this is for rows that no training is to see.",
        example: "kept, tried = f.split(0.1, seed=1); (kept.rows, tried.rows)",
    },
    Function {
        name: "sql",
        summary: "a query over the frames that the session has names for",
        parameters: &[needed("query", "'SELECT avg(income) FROM f'")],
        notes: "It can only read. Names of columns keep their case.",
        example: "sql(\"SELECT count(*) AS n, max(income) AS most FROM f\")",
    },
];
