//! What may stand at the cursor: names, attributes, arguments, datasets, models, files.

use std::path::Path;
use std::time::{Duration, Instant};

use starlark::environment::Module;

use super::catalogue;
use super::context::Context;
use super::source::{At, at_end, unmasked};
use crate::domain::page::{MAX_LIMIT, PageQuery};
use crate::error::Result;

/// The server's names are asked for again after this time.
const FRESH: Duration = Duration::from_secs(20);
/// Nobody waits longer for a completion.
const PATIENCE: Duration = Duration::from_millis(700);
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "break", "continue", "def", "elif", "else", "for", "if", "in",
    "lambda", "not", "or", "pass", "return",
];

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
            At::Text { start, call, first } => {
                let typed = &before[start..];
                (start, self.texts(context, call.as_deref(), first, typed))
            }
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
            ("load", true) => files(typed).into_iter().chain(names.datasets).collect(),
            ("dataset" | "head" | "describe" | "advise" | "train", true) => names.datasets,
            (
                "model" | "models" | "versions" | "version" | "promote" | "aliases" | "history",
                true,
            )
            | ("train", false) => names.models,
            ("predict", true) => names.models.into_iter().chain(files(typed)).collect(),
            ("predict", false) => files(typed).into_iter().chain(names.datasets).collect(),
            ("help", _) => catalogue::functions().iter().map(|f| f.name.to_owned()).collect(),
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
    let (datasets, models) =
        tokio::try_join!(context.client.list_datasets(&query), context.client.list_models(&query))?;
    Ok(Names {
        datasets: datasets.items.into_iter().map(|d| d.name).collect(),
        models: models.items.into_iter().map(|m| m.name).collect(),
    })
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

/// Files and folders whose path begins as typed.
fn files(typed: &str) -> Vec<String> {
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
            let is_data = ["csv", "tsv", "jsonl", "ndjson", "parquet"].contains(&ending.as_str());
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
        let mut found = files(&typed);
        found.sort();
        assert_eq!(found, [format!("{typed}loans.csv"), format!("{typed}more/")]);
        assert!(files(&format!("{typed}.h")).contains(&format!("{typed}.hidden.csv")));
        assert!(files("/no/such/place/").is_empty());
    }
}
