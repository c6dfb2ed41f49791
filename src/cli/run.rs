//! `actuary run`

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::repl::{Connected, Connection};
use crate::config::Config;
use crate::error::{Code, Context, Error, Result};
use crate::repl::{Detail, Document, Format, Settings, run_script};

#[derive(Args)]
#[command(
    after_help = "Exit codes: 0, what exit() said, 1 after a cell that failed, 130 after an interrupt. \
                       NO_COLOR is heeded."
)]
pub(super) struct Run {
    #[command(flatten)]
    connection: Connection,
    /// The script (.star, cells parted by # %%), the notebook (.ipynb), or - for standard input.
    /// Printed are what print() gives and the value of each cell's last expression
    #[arg(value_name = "FILE", required_unless_present = "code")]
    file: Option<PathBuf>,
    /// Run this text instead of a file
    #[arg(short, value_name = "CODE", conflicts_with = "file")]
    code: Option<String>,
    /// Set a name in a cell of its own, behind the one tagged parameters, else before the first;
    /// the value is JSON, or else a text
    #[arg(short, value_name = "NAME=VALUE")]
    parameter: Vec<String>,
    /// Write it with what its cells gave (.ipynb), or as it was run (.star), also where a cell fails
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How values are written
    #[arg(long, value_enum, default_value_t)]
    format: FormatName,
}

#[derive(Clone, Copy, Default, ValueEnum)]
pub(super) enum FormatName {
    /// As at the prompt
    #[default]
    Table,
    /// One JSON document a line
    Json,
    /// Tables as CSV, other values as text
    Csv,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Table => Self::Table,
            FormatName::Json => Self::Json,
            FormatName::Csv => Self::Csv,
        }
    }
}

pub(super) async fn run(config: &Config, run: Run) -> Result<ExitCode> {
    // Read first: a script that is not there needs no server.
    let mut document = match (run.code, run.file) {
        (Some(source), _) => Document::of_text("-c", &source)?,
        (None, Some(file)) => read(&file)?,
        (None, None) => return Err(Error::new(Code::InvalidRequest, "there is no script to run")),
    };
    document.set(&run.parameter)?;
    if let Some(output) = &run.output {
        // Whether it can be written is better known before hours of work.
        Document::check_output(output)?;
    }
    carry_out(config, &run.connection, document, run.format.into(), run.output).await
}

/// Runs a document and ends.
pub(super) async fn carry_out(
    config: &Config,
    connection: &Connection,
    mut document: Document,
    format: Format,
    output: Option<PathBuf>,
) -> Result<ExitCode> {
    let connected = Connected::open(config, connection).await?;
    let detail = if format == Format::Table { Detail::Short } else { Detail::Whole };
    let settings = Settings { detail, allow_shell: connection.allow_shell, ..Settings::default() };
    connected
        .use_for(settings, move |mut session| {
            let code = run_script(&mut session, &mut document, format);
            match &output {
                Some(output) => document.write(output).map(|()| code),
                None => Ok(code),
            }
        })
        .await
}

fn read(file: &Path) -> Result<Document> {
    if file == Path::new("-") {
        let mut source = String::new();
        std::io::stdin().read_to_string(&mut source).context("reading standard input")?;
        return Document::of_text("standard input", &source);
    }
    Document::read(file)
}
