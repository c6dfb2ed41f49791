//! The one table of magics: completion and help read it, and every example is run by the tests.

/// What is said to the session rather than in the language of the cells.
#[derive(Debug)]
pub struct Magic {
    /// Without its `%`.
    pub name: &'static str,
    /// What follows it.
    pub arguments: &'static str,
    pub summary: &'static str,
    pub notes: &'static str,
    /// A cell that works after those of the functions' examples.
    pub example: &'static str,
    /// Whether a notebook needs it to come to the same.
    pub(super) is_work: bool,
}

/// Every magic, in the order in which they are listed.
pub fn magics() -> &'static [Magic] {
    MAGICS
}

pub(super) fn find(name: &str) -> Option<&'static Magic> {
    MAGICS.iter().find(|magic| magic.name == name)
}

/// Every magic that there is.
pub(in crate::repl) fn names() -> impl Iterator<Item = &'static str> {
    MAGICS.iter().map(|magic| magic.name)
}

static MAGICS: &[Magic] = &[
    Magic {
        name: "time",
        arguments: "[CODE]",
        summary: "how long code takes, that behind it or the rest of the cell",
        notes: "",
        example: "%time len(loans.head(100))",
        is_work: true,
    },
    Magic {
        name: "timeit",
        arguments: "[CODE]",
        summary: "how long code takes that is run many times: the best and the mean of five rounds",
        notes: "Its value is not shown. To read the code is a part of it: put quick code into a \
                function that repeats it.",
        example: "%timeit sum([1, 2, 3])",
        is_work: false,
    },
    Magic {
        name: "run",
        arguments: "FILE",
        summary: "the cells of a script or a notebook, whose names are then there",
        notes: "A .star file, its cells parted by # %%, or a .ipynb. It ends with the first cell that \
                fails.",
        example: "%run more.star",
        is_work: true,
    },
    Magic {
        name: "save",
        arguments: "[-f] FILE [CELLS]",
        summary: "the session as a script (.star) or as a notebook with its results (.ipynb)",
        notes: "CELLS are numbers and ranges: 2-5 9. Without them it is every cell that did not fail \
                and was no question to the session. -f writes over a file that this session did not \
                save.",
        example: "%save session.ipynb",
        is_work: false,
    },
    Magic {
        name: "load",
        arguments: "FILE",
        summary: "a script's or a notebook's cells at the prompt, to be changed",
        notes: "",
        example: "%load more.star",
        is_work: false,
    },
    Magic {
        name: "edit",
        arguments: "[NUMBER]",
        summary: "the last cell, or that of a number, in $EDITOR, then at the prompt",
        notes: "",
        example: "%edit 1",
        is_work: false,
    },
    Magic {
        name: "history",
        arguments: "[-a] [TEXT]",
        summary: "the cells of this session, or those that hold a text",
        notes: "-a looks through those of earlier sessions, too.",
        example: "%history load",
        is_work: false,
    },
    Magic {
        name: "who",
        arguments: "",
        summary: "the names that cells have defined, and what they are",
        notes: "",
        example: "%who",
        is_work: false,
    },
    Magic {
        name: "last",
        arguments: "",
        summary: "the last result whole, in a pager where it is long",
        notes: "The pager is $PAGER, less when absent.",
        example: "%last",
        is_work: false,
    },
    Magic {
        name: "curl",
        arguments: "",
        summary: "the HTTP requests of the last cell that made some, as commands of a shell",
        notes: "They run as they stand where ACTUARY_KEY is a key. A body that is long or no text is \
                written to a file beside you. Repeated with its idempotency-key within a day, a \
                request gives the first answer.",
        example: "%curl",
        is_work: false,
    },
    Magic {
        name: "connect",
        arguments: "[URL [VARIABLE]]",
        summary: "talk to another server; without a URL, say to which one",
        notes: "The key is in the environment variable; ACTUARY_KEY when absent, for the same server or \
                the one that ACTUARY_URL names. What cells have defined stays.",
        example: "%connect",
        is_work: true,
    },
    Magic {
        name: "device",
        arguments: "[DEVICE]",
        summary: "where train() and search() train unless they say: auto, cpu or cuda:N",
        notes: "Without an argument it says where.",
        example: "%device auto",
        is_work: true,
    },
    Magic {
        name: "help",
        arguments: "[NAME]",
        summary: "this list, or what a magic or a function does",
        notes: "%time? and train? are short for it; two ?? say more of a value. %help shortcuts lists \
                the keys.",
        example: "%help save",
        is_work: false,
    },
    Magic {
        name: "reset",
        arguments: "",
        summary: "forget every name that cells have defined",
        notes: "",
        example: "%reset",
        is_work: true,
    },
];
