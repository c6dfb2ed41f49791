//! The command line.

use std::io::Write as _;
use std::process::ExitCode;

use crate::store::postgres;

pub fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|command| command == postgres::SUBCOMMAND) {
        let error = postgres::become_postgres(args);
        let _ = writeln!(std::io::stderr(), "{error}");
    }
    ExitCode::FAILURE
}
