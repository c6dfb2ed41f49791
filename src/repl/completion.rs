//! What may stand at the cursor: names, attributes, arguments, datasets, models, files.

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use starlark::environment::Module;

use super::catalogue;
use super::context::Context;
use super::magics;
use super::objects::{Object, object_of};
use super::source::{At, at_end, is_word, unmasked};
use crate::domain::model::Model;
use crate::domain::page::{MAX_LIMIT, PageQuery};
use crate::error::Result;

/// The server's names are asked for again after this time.
const FRESH: Duration = Duration::from_secs(20);
/// Nobody waits longer for a completion.
const PATIENCE: Duration = Duration::from_millis(700);
pub(super) const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "break", "continue", "def", "elif", "else", "for", "if", "in",
    "lambda", "not", "or", "pass", "return",
];

const DATA: &[&str] = &["csv", "tsv", "jsonl", "ndjson", "parquet"];
const DOCUMENTS: &[&str] = &["star", "ipynb"];
/// Functions whose texts name columns.
const OF_COLUMNS: &[&str] = &[
    "agg",
    "bar",
    "check",
    "corr",
    "count",
    "drop",
    "filter",
    "group",
    "hist",
    "join",
    "line",
    "mean",
    "median",
    "scatter",
    "sd",
    "select",
    "sort",
    "split",
    "value_counts",
    "with_column",
];
/// Versions of a model that are offered.
const VERSIONS: u32 = 5;
/// Models whose aliases are asked for.
const ALIASED: usize = 8;

/// Candidates for the text from `start` on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Completed {
    pub(super) start: usize,
    pub(super) candidates: Vec<String>,
}

/// Remembers the server's names for a while.
#[derive(Default)]
pub(super) struct Completer {
    known: Option<(Instant, Names)>,
}

#[derive(Debug, Clone, Default)]
struct Names {
    datasets: Vec<String>,
    models: Vec<String>,
    /// `default 3`: the newest of each model.
    versions: Vec<String>,
    aliases: Vec<String>,
}

impl Completer {
    pub(super) fn complete(
        &mut self,
        module: &Module<'_>,
        context: &Context,
        before: &str,
    ) -> Completed {
        let (start, mut candidates) = match at_end(before) {
            At::Nothing => return Completed { start: before.len(), candidates: Vec::new() },
            At::Name { start, call } => (start, names(module, context, call.as_deref())),
            At::Attribute { start, of } => {
                let value = module.get(&of);
                let mut found = value.map(|value| value.dir_attr()).unwrap_or_default();
                found.retain(|name| !name.starts_with('_'));
                (start, found)
            }
            At::Text { start, call, of, first } => {
                let typed = &before[start..];
                match call.as_deref() {
                    // A table behind FROM and JOIN, else a column of any of them.
                    Some("sql") => {
                        let word = typed.chars().rev().take_while(|c| is_word(*c));
                        let start = before.len() - word.map(char::len_utf8).sum::<usize>();
                        let last = before[..start].split_whitespace().next_back();
                        let is_table = last.is_some_and(|word| {
                            word.eq_ignore_ascii_case("from") || word.eq_ignore_ascii_case("join")
                        });
                        (start, if is_table { frames(module) } else { columns(module, None) })
                    }
                    Some(call) if OF_COLUMNS.contains(&call) => {
                        // Of a condition, the word that is being typed.
                        let word = typed.chars().rev().take_while(|c| is_word(*c));
                        let start = before.len() - word.map(char::len_utf8).sum::<usize>();
                        (start, columns(module, of.as_deref()))
                    }
                    call => {
                        let mut found = self.texts(context, call, first, typed);
                        if !first
                            && matches!(
                                call,
                                Some(
                                    "train"
                                        | "search"
                                        | "advise"
                                        | "dependence"
                                        | "importance"
                                        | "bin"
                                        | "risk"
                                        | "backtest_risk"
                                        | "credit_losses"
                                )
                            )
                        {
                            found.extend(columns(module, of.as_deref()));
                        }
                        (start, found)
                    }
                }
            }
            At::Magic { start, name } => (start, magic(name.as_deref(), &before[start..])),
        };
        let typed = &before[start..];
        candidates.retain(|candidate| candidate.starts_with(typed));
        candidates.sort();
        candidates.dedup();
        Completed { start, candidates }
    }

    fn texts(
        &mut self,
        context: &Context,
        call: Option<&str>,
        first: bool,
        typed: &str,
    ) -> Vec<String> {
        let Some(call) = call else { return Vec::new() };
        let names = self.names(context);
        match (call, first) {
            ("load" | "frame", true) => {
                files(typed, DATA).into_iter().chain(names.datasets).collect()
            }
            (
                "dataset" | "head" | "row" | "describe" | "check" | "advise" | "train" | "search",
                true,
            ) => names.datasets,
            ("model" | "models" | "versions" | "promote" | "aliases" | "history", true)
            | ("train", false) => names.models,
            (
                "predict" | "forecast" | "version" | "prune" | "distil" | "quantise" | "importance"
                | "dependence" | "surrogate" | "units" | "fairness" | "rolling_origin"
                | "activations" | "analyses" | "analysis",
                true,
            ) => names.models.into_iter().chain(names.versions).collect(),
            ("predict" | "forecast", false) => {
                let named = names.datasets.into_iter().chain(names.aliases);
                files(typed, DATA).into_iter().chain(named).collect()
            }
            ("version" | "promote" | "history" | "prune" | "distil" | "quantise", false) => {
                names.aliases
            }
            ("compare", _) => names.versions,
            ("help", _) => catalogue::functions().map(|f| f.name.to_owned()).collect(),
            _ => names.datasets.into_iter().chain(names.models).collect(),
        }
    }

    /// The server's names; those of before, or none, where it does not answer in time.
    fn names(&mut self, context: &Context) -> Names {
        if let Some((at, names)) = &self.known
            && at.elapsed() < FRESH
        {
            return names.clone();
        }
        // Made within the runtime, whose clock it needs.
        let asked = async { tokio::time::timeout(PATIENCE, ask(context)).await };
        let answer = context.runtime.block_on(asked);
        if let Ok(Ok(names)) = answer {
            self.known = Some((Instant::now(), names));
        }
        self.known.as_ref().map(|(_, names)| names.clone()).unwrap_or_default()
    }
}

async fn ask(context: &Context) -> Result<Names> {
    let query = PageQuery { limit: Some(MAX_LIMIT), cursor: None };
    let client = context.client();
    let (datasets, models) =
        tokio::try_join!(client.list_datasets(&query), client.list_models(&query))?;
    let newest = models.items.iter().flat_map(|model| {
        let last = model.latest_version;
        let numbers = last.saturating_sub(VERSIONS - 1).max(1)..=last;
        numbers.map(|number| format!("{} {number}", model.name))
    });
    let of_model = |model: &Model| {
        let (client, name) = (client.clone(), model.name.clone());
        async move { client.list_aliases(&name).await }
    };
    // Those of the models that are listed first have to do.
    let asked = models.items.iter().take(ALIASED).map(of_model);
    let aliases = stream::iter(asked).buffered(ALIASED).try_collect::<Vec<_>>().await?;
    Ok(Names {
        datasets: datasets.items.into_iter().map(|d| d.name).collect(),
        versions: newest.collect(),
        models: models.items.iter().map(|m| m.name.clone()).collect(),
        aliases: aliases.into_iter().flatten().map(|alias| alias.alias).collect(),
    })
}

/// The names of frames.
fn frames(module: &Module<'_>) -> Vec<String> {
    let is_frame = |name: &str| {
        module.get(name).and_then(object_of).is_some_and(|of| matches!(of, Object::Frame(_)))
    };
    let names = module.names().map(|name| name.as_str().to_owned());
    names.filter(|name| !name.starts_with('_') && is_frame(name)).collect()
}

/// Columns of the frame or the dataset that a name stands for, or of all where it is none.
fn columns(module: &Module<'_>, of: Option<&str>) -> Vec<String> {
    let of_value = |name: &str| match object_of(module.get(name)?)? {
        Object::Frame(frame) => {
            Some(frame.columns().iter().map(|column| column.name.clone()).collect::<Vec<_>>())
        }
        Object::Groups(groups) => {
            Some(groups.frame.columns().iter().map(|column| column.name.clone()).collect())
        }
        Object::Dataset(dataset) => {
            Some(dataset.columns.iter().map(|column| column.name.clone()).collect())
        }
        _ => None,
    };
    match of.and_then(of_value) {
        Some(columns) => columns,
        None => module.names().filter_map(|name| of_value(name.as_str())).flatten().collect(),
    }
}

/// What may follow a magic, or its name.
fn magic(name: Option<&str>, typed: &str) -> Vec<String> {
    match name {
        None => magics::names().map(str::to_owned).collect(),
        Some("run" | "load" | "save") => files(typed, DOCUMENTS),
        Some("device") => ["auto", "cpu", "cuda:0"].map(str::to_owned).to_vec(),
        Some("help") => {
            let functions = catalogue::functions().map(|f| f.name);
            let all = magics::names().chain(functions).chain(["shortcuts"]);
            all.map(str::to_owned).collect()
        }
        Some(_) => Vec::new(),
    }
}

fn names(module: &Module<'_>, context: &Context, call: Option<&str>) -> Vec<String> {
    let globals = context.globals.names().map(|name| unmasked(name.as_str()));
    let defined = module.names().map(|name| name.as_str().to_owned());
    let keywords = KEYWORDS.iter().map(|word| (*word).to_owned());
    let function = call.and_then(catalogue::find);
    let arguments = function.into_iter().flat_map(|f| f.parameters).map(|p| format!("{}=", p.name));
    let mut all: Vec<String> = globals.chain(defined).chain(keywords).chain(arguments).collect();
    all.retain(|name| !name.starts_with('_'));
    all
}

/// Folders, and files with these endings, whose path begins as typed.
fn files(typed: &str, endings: &[&str]) -> Vec<String> {
    let folder = typed.rfind('/').map_or("", |at| &typed[..=at]);
    let place = match folder.strip_prefix("~/") {
        Some(rest) => std::env::home_dir().unwrap_or_default().join(rest),
        None if folder.is_empty() => Path::new(".").to_owned(),
        None => Path::new(folder).to_owned(),
    };
    let hidden_too = typed.rsplit('/').next().is_some_and(|name| name.starts_with('.'));
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is_folder = entry.path().is_dir();
            let path = entry.path();
            let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            let is_data = endings.contains(&ending.as_str());
            let is_wanted = (is_folder || is_data) && (hidden_too || !name.starts_with('.'));
            is_wanted.then(|| format!("{folder}{name}{}", if is_folder { "/" } else { "" }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_data_files_are_offered() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["loans.csv", "notes.txt", ".hidden.csv"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("more")).unwrap();
        let typed = format!("{}/", dir.path().display());
        let mut found = files(&typed, DATA);
        found.sort();
        assert_eq!(found, [format!("{typed}loans.csv"), format!("{typed}more/")]);
        assert!(files(&format!("{typed}.h"), DATA).contains(&format!("{typed}.hidden.csv")));
        assert!(files("/no/such/place/", DATA).is_empty());
    }
}
