//! The terminal's notebook: cells of Starlark over the HTTP client, for people and for scripts.
//!
//! | file | what it does |
//! |---|---|
//! | `session` | evaluates cells on a thread of its own, keeps what they define; knows no terminal |
//! | `evaluator` | what that thread does: one module, a cell at a time |
//! | `outcome`, `fault` | what a cell gave: a value, a text, an error with its place |
//! | `context`, `interrupt` | requests and running jobs, which Ctrl-C breaks off |
//! | `catalogue` | the one table of functions: arguments, help, examples |
//! | `functions/` | what they do, one file per noun |
//! | `arguments` | the arguments of a call, checked against the catalogue |
//! | `magics/` | lines for the session: `%time`, `%save`, `!ls`, `train?` |
//! | `transcript` | the cells of a session and what they gave |
//! | `objects/` | the values they give: text, table, attributes, methods |
//! | `source` | strings, comments and open blocks of a cell's text |
//! | `completion` | names, arguments, datasets and files at the cursor |
//! | `table`, `text`, `progress` | how things look |
//! | `terminal/` | the prompt: the only rustyline |
//! | `document` | scripts and notebooks as files |
//! | `script` | documents that are run to their end |

mod arguments;
mod catalogue;
mod completion;
mod context;
mod document;
mod evaluator;
mod fault;
mod functions;
mod interrupt;
mod magics;
mod objects;
mod outcome;
mod progress;
mod script;
mod session;
mod source;
mod table;
mod terminal;
mod text;
mod transcript;
mod wording;

pub use catalogue::{Function, Parameter, functions};
pub use document::{Document, bundle};
pub use fault::{Fault, Place};
pub use functions::documentation;
pub use interrupt::Interrupt;
pub use magics::{Magic, magics};
pub use outcome::{Detail, JobUpdate, Observer, Outcome, Shown, Then};
pub use progress::{Progress, progress_line};
pub use script::run_script;
pub use session::{Session, Settings};
pub use source::is_open;
pub use table::Table;
pub use terminal::{Format, Terminal, run_terminal};
pub use text::{duration, grouped};

#[cfg(test)]
mod tests;
