//! Jobs, and the session itself.

use super::{Function, NONE, needed, optional};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "jobs",
        summary: "the jobs, the newest first",
        parameters: &[
            optional(
                "kind",
                NONE,
                "'ingestion', 'training', 'simplification', 'analysis', 'assessment', \
                 'reject_inference' or 'sweep'",
            ),
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
        example: "j = train(loans, \"default\", network=\"linear\", epochs=2, detach=True); job(j.id)",
    },
    Function {
        name: "wait",
        summary: "what a job made, once it is done",
        parameters: &[needed("job", "a job or its id")],
        notes: "Gives the version or the dataset; a job that failed is an error. Ctrl-C cancels it.",
        example: "j.wait()",
    },
    Function {
        name: "log",
        summary: "what has happened to a job up to now",
        parameters: &[needed("job", "a job or its id")],
        notes: "A list of dicts. j.plot() draws the losses of a training.",
        example: "log(j)",
    },
    Function {
        name: "cancel",
        summary: "cancel a job and wait for its end",
        parameters: &[needed("job", "a job or its id")],
        notes: "Gives the job as it ended; one that was done before is an error.",
        example: "train(loans, \"default\", epochs=1000, patience=0, detach=True).cancel()",
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
    use crate::domain::job::{JobKind, JobState};

    #[test]
    fn every_kind_and_state_of_jobs_is_named() {
        let about =
            |name: &str| FUNCTIONS[0].parameters.iter().find(|p| p.name == name).unwrap().about;
        for kind in JobKind::ALL {
            assert!(about("kind").contains(&format!("'{}'", kind.as_str())), "{kind:?}");
        }
        for state in JobState::ALL {
            assert!(about("state").contains(&format!("'{}'", state.as_str())), "{state:?}");
        }
    }
}
