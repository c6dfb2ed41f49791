//! Measures what the default settings reach on a data set, by cross-validation through the HTTP
//! interface: every fold is uploaded with a column that names each row's part, trained on, and
//! judged by the metrics of its test part.
//!
//! ```text
//! cargo run --release --example quality -- loans.csv --target default
//! cargo run --release --example quality -- DATA --set german-credit --set taiwan-default --json
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod folds;
mod images;
mod measure;
mod series;
mod sets;
mod state;
mod table;
mod texts;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::ExitCode;

use actuary::app::App;
use actuary::client::Client;
use actuary::config::{Config, Flags, environment};
use actuary::domain::key::{NewKey, Scope};
use actuary::error::{Code, Context, Error, Result};
use clap::Parser;

use images::Images;
use measure::Outcome;
use series::Series;
use sets::Set;
use texts::Texts;

/// As in the program itself: its children are this binary, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Cross-validated quality of the default settings.
#[derive(Parser)]
struct Arguments {
    /// A CSV file (or its .gz), or the folder that holds the known sets
    path: PathBuf,
    /// Known set of the folder, as often as wanted; every one when absent
    #[arg(long = "set", conflicts_with = "target")]
    sets: Vec<String>,
    /// The column of the file to predict
    #[arg(long)]
    target: Option<String>,
    /// The class whose probability is the score
    #[arg(long, requires = "target")]
    positive: Option<String>,
    /// Columns of the file to leave out
    #[arg(long, requires = "target")]
    exclude: Vec<String>,
    /// Number of folds; 5, or the known set's own, when absent
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=100))]
    folds: Option<u32>,
    /// Every fold is trained on with so many seeds: 0, 1, ...
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Finished folds are kept here, and not done again
    #[arg(long)]
    state: Option<PathBuf>,
    /// One JSON object a set instead of a table
    #[arg(long)]
    json: bool,
    /// A running server instead of one of its own
    #[arg(long, requires = "key")]
    url: Option<String>,
    /// A key for it with the scopes read and train
    #[arg(long, requires = "url")]
    key: Option<String>,
}

fn main() -> ExitCode {
    // The server starts its children from the executable that runs, which is this one.
    if std::env::args().nth(1).is_some_and(|argument| argument.starts_with("internal-")) {
        return actuary::cli::main();
    }
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: starting the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if let Error::Problem { errors, .. } = &error {
                errors.iter().for_each(|e| eprintln!("  {}: {}", e.pointer, e.detail));
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let chosen = Chosen::of(&arguments)?;
    if let (Some(url), Some(key)) = (&arguments.url, &arguments.key) {
        return all(&Client::new(url, key)?, &chosen, &arguments).await;
    }
    // Started by root, PostgreSQL runs as another user, who must be able to enter.
    let directory = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
        .context("making a directory")?;
    let app = App::start(&settings(directory.path())?).await?;
    let service = app.service();
    let new = NewKey {
        name: "quality".to_owned(),
        scopes: vec![Scope::Read, Scope::Train],
        expires_in_hours: None,
    };
    let key = service.create_key(&service.operator()?, None, new).await?;
    let client = Client::new(&app.url(), &key.secret)?;
    let result = tokio::select! {
        result = all(&client, &chosen, &arguments) => result,
        _ = tokio::signal::ctrl_c() => Err(Error::new(Code::Cancelled, "interrupted")),
    };
    result.and(app.stop().await)
}

/// An own server on a free port, with an embedded database in a directory of its own.
fn settings(directory: &std::path::Path) -> Result<Config> {
    let mut flags = Flags::default();
    flags.values.insert("data_dir", directory.display().to_string());
    flags.values.insert("http.address", "127.0.0.1:0".to_owned());
    let mut environment = environment();
    environment.retain(|name, _| !name.contains("DATABASE_URL"));
    Config::load(flags, &environment)
}

/// What is to be measured.
struct Chosen {
    sets: Vec<Set>,
    series: Vec<Series>,
    texts: Vec<Texts>,
    images: Vec<Images>,
}

impl Chosen {
    fn of(arguments: &Arguments) -> Result<Self> {
        let names = &arguments.sets;
        let mut chosen = match &arguments.target {
            Some(target) => Self {
                sets: vec![Set::of_file(
                    &arguments.path,
                    target,
                    arguments.positive.clone(),
                    arguments.exclude.clone(),
                )],
                series: Vec::new(),
                texts: Vec::new(),
                images: Vec::new(),
            },
            None => {
                let mut others = names.clone();
                let mut taken = |known: &mut dyn Iterator<Item = &'static str>| -> Vec<String> {
                    let known: Vec<&str> = known.collect();
                    others.extract_if(.., |name| known.contains(&name.as_str())).collect()
                };
                let of_series = taken(&mut series::names());
                let of_texts = taken(&mut texts::names());
                let of_images = taken(&mut images::names());
                let is_wanted = |of: &[String]| names.is_empty() || !of.is_empty();
                let path = &arguments.path;
                let mut chosen = Self {
                    sets: Vec::new(),
                    series: Vec::new(),
                    texts: Vec::new(),
                    images: Vec::new(),
                };
                if is_wanted(&others) {
                    chosen.sets = sets::known(path, &others)?;
                }
                if is_wanted(&of_series) {
                    chosen.series = series::known(path, &of_series);
                }
                if is_wanted(&of_texts) {
                    chosen.texts = texts::known(path, &of_texts);
                }
                if is_wanted(&of_images) {
                    chosen.images = images::known(path, &of_images);
                }
                chosen
            }
        };
        if let Some(folds) = arguments.folds {
            chosen.sets.iter_mut().for_each(|set| set.folds = folds);
        }
        if names.is_empty() && arguments.target.is_none() {
            chosen.sets.retain(|set| is_there(&set.name, &set.file));
            chosen.series.retain(|series| is_there(series.name, &series.file));
            chosen.texts.retain(|texts| is_there(texts.name, &texts.train));
            chosen.images.retain(|images| is_there(images.name, &images.files[0].1));
        }
        Ok(chosen)
    }
}

/// Says so where a known set's file is missing.
fn is_there(name: &str, file: &std::path::Path) -> bool {
    let is_there = file.exists();
    if !is_there {
        eprintln!("skipped: {name}, since {} is not there", file.display());
    }
    is_there
}

async fn all(client: &Client, chosen: &Chosen, arguments: &Arguments) -> Result<()> {
    if !arguments.json {
        println!("{}", Outcome::HEADING);
    }
    let show = |outcome: &Outcome| {
        println!("{}", if arguments.json { outcome.json() } else { outcome.line() });
    };
    for set in &chosen.sets {
        let state = arguments.state.as_deref();
        show(&measure::measure(client, set, arguments.seeds, state).await?);
    }
    for series in &chosen.series {
        show(&series::measure(client, series).await?);
    }
    for texts in &chosen.texts {
        texts::measure(client, texts).await?.iter().for_each(show);
    }
    for images in &chosen.images {
        show(&images::measure(client, images).await?);
    }
    Ok(())
}
