//! Plots of frames, and files of both.

use super::{FRAME, Function, NONE, needed, optional};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "hist",
        summary: "how often values of a column occur, in bins",
        parameters: &[
            FRAME,
            needed("column", "numbers or times"),
            optional("bins", NONE, "so many, 1 to 200; as suits the values when absent"),
            optional("by", NONE, "a column of at most 8 values: the shares of each, side by side"),
        ],
        notes: "",
        example: "f.hist(\"income\", by=\"default\")",
    },
    Function {
        name: "scatter",
        summary: "a point for each row",
        parameters: &[
            FRAME,
            needed("x", "a column of numbers or times"),
            needed("y", "a column of numbers"),
            optional("by", NONE, "a column of at most 8 values, each with its colour"),
        ],
        notes: "",
        example: "f.scatter(\"age\", \"income\")",
    },
    Function {
        name: "line",
        summary: "a line through the rows in the order of a column",
        parameters: &[
            FRAME,
            needed("x", "a column of numbers or times"),
            needed("y", "a column of numbers, or a list of at most 8"),
            optional("by", NONE, "a column of at most 8 values, each with its line"),
        ],
        notes: "",
        example: "frame(\"rates.csv\").line(\"date\", \"rate\")",
    },
    Function {
        name: "bar",
        summary: "a bar for each row, of at most 60",
        parameters: &[
            FRAME,
            needed("x", "the column that names the bars"),
            needed("y", "the column of numbers that says how long they are"),
        ],
        notes: "",
        example: "f.value_counts(\"region\").bar(\"region\", \"count\")",
    },
    Function {
        name: "save",
        summary: "a frame, a plot, a reason table or a scorecard as a file",
        parameters: &[
            needed("value", "a frame, a plot, a reason table or a scorecard"),
            needed(
                "path",
                "it ends in .csv or .parquet, of a plot in .svg, of a reason table or a scorecard in \
                .csv",
            ),
        ],
        notes: "A file that is there is written over.",
        example: "f.hist(\"income\").save(\"income.svg\")",
    },
];
