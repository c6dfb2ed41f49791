//! Holds the source to its layers: who may name whom, and which crate lives in which layer.
//!
//! `src/LAYER/...` belongs to LAYER, tests inside it too. The tables below are the whole rule;
//! ARCHITECTURE.md tells why.

mod page;
mod paths;

use std::fs;
use std::path::{Path, PathBuf};

use paths::{Target, named};
use walkdir::WalkDir;

/// Every layer, and the layers that it may name besides itself and [`EVERYWHERE`].
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("error", &["domain"]),
    ("stats", &["domain"]),
    ("frame", &["domain", "stats"]),
    ("engine", &["frame", "domain", "stats"]),
    ("store", &["domain"]),
    ("service", &["store", "engine", "frame", "stats", "domain"]),
    ("jobs", &["service", "domain"]),
    ("http", &["service", "domain"]),
    ("client", &["domain"]),
    ("notebook", &[]),
    ("plot", &[]),
    ("repl", &["client", "frame", "notebook", "plot", "stats", "domain"]),
    ("kernel", &["notebook", "repl", "domain"]),
    ("telemetry", &["domain"]),
    ("config", &["store", "engine", "service", "jobs", "http", "domain"]),
    (
        "app",
        &[
            "config", "store", "engine", "frame", "stats", "service", "jobs", "http", "client",
            "repl", "domain",
        ],
    ),
    ("cli", &["app", "config", "client", "kernel", "repl", "domain"]),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// Layers that every other may name.
const EVERYWHERE: &[&str] = &["error", "telemetry"];

/// Families of crates (`burn` and every `burn_*`), and the only layers that may name them.
const CONFINED: &[(&str, &[&str])] = &[
    ("actuary_finance", &["service", "engine"]),
    ("burn", &["engine"]),
    ("cubecl", &["engine"]),
    ("sqlx", &["store"]),
    ("actix", &["http"]),
    ("utoipa_swagger_ui", &["http"]),
    ("utoipa_actix_web", &["http"]),
    ("rustyline", &["repl"]),
    ("starlark", &["repl"]),
    ("allocative", &["repl"]),
    ("comfy_table", &["repl", "cli"]),
    ("indicatif", &["repl", "cli"]),
    ("plotters", &["plot"]),
    ("arrow", &["frame"]),
    ("flatbuffers", &["frame"]),
    ("parquet", &["frame"]),
    ("csv", &["frame"]),
    ("flate2", &["frame"]),
    ("image", &["frame"]),
    ("datafusion", &["frame"]),
    ("reqwest", &["client"]),
    ("clap", &["cli", "config"]),
    ("nvml_wrapper", &["engine"]),
];

const LONGEST_FILE: usize = 600;

#[test]
fn every_layer_names_only_what_it_may() {
    let root = repository();
    let mut found = Vec::new();
    for file in rust_files(&root.join("src")) {
        let label = label(&root, &file);
        let module = module_of(&label);
        let layer = layer_of(&module, &label);
        found.extend(violations(&layer, &module, &label, &read(&file)));
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let root = repository();
    let files = ["src", "tests"].iter().flat_map(|folder| rust_files(&root.join(folder)));
    let found: Vec<String> = files
        .map(|file| (label(&root, &file), read(&file).lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(label, lines)| format!("{label}: {lines} lines; split it at {LONGEST_FILE}"))
        .collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// The document names a schema by the last part of its type's name: of two with one name, one would take
/// the other's place without a word.
#[test]
fn no_two_values_that_travel_have_one_name() {
    let root = repository();
    let mut seen = std::collections::BTreeMap::new();
    let mut found = Vec::new();
    for file in
        ["domain", "http"].iter().flat_map(|layer| rust_files(&root.join("src").join(layer)))
    {
        let text = read(&file);
        let names = text.lines().filter_map(|line| {
            let rest =
                line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "))?;
            rest.split(|c: char| !c.is_alphanumeric()).next().map(str::to_owned)
        });
        for name in names {
            if let Some(other) = seen.insert(name.clone(), label(&root, &file)) {
                found.push(format!("{name}: {other} and {}", label(&root, &file)));
            }
        }
    }
    assert!(found.is_empty() && seen.len() > 100, "\n{}\n", found.join("\n"));
}

/// What in the text of one file breaks the tables, as `file:line: arrow: rule`.
fn violations(layer: &str, module: &[String], label: &str, source: &str) -> Vec<String> {
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return vec![format!("{label}: `{layer}` is no layer; add it to the table in {}", file!())];
    };
    match named(source, module) {
        Err(error) => vec![format!("{label}:{}: {error}", error.span().start().line)],
        Ok(paths) => paths
            .iter()
            .filter_map(|path| {
                let complaint = match &path.target {
                    Target::Own(own) => judge_own(layer, allowed, own),
                    Target::Foreign(name) => judge_foreign(layer, name, path.exported),
                };
                complaint.map(|complaint| format!("{label}:{}: {layer} -> {complaint}", path.line))
            })
            .collect(),
    }
}

fn judge_own(layer: &str, allowed: &[&str], own: &[String]) -> Option<String> {
    let Some(target) = own.first() else {
        return Some("the crate's root: name the layer that you mean".to_owned());
    };
    // What is no layer is an item of lib.rs, which may name no layer itself.
    let is_layer = LAYERS.iter().any(|(name, _)| name == target);
    let may = |name: &str| name == target;
    if !is_layer || may(layer) || allowed.iter().chain(EVERYWHERE).copied().any(may) {
        return None;
    }
    let rule = allowed.iter().chain(EVERYWHERE).copied().collect::<Vec<_>>().join(", ");
    Some(format!("{target} (crate::{}): {layer} may name {rule}", own.join("::")))
}

fn judge_foreign(layer: &str, name: &str, exported: bool) -> Option<String> {
    let (family, layers) = CONFINED.iter().find(|(family, _)| {
        name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    })?;
    if !layers.contains(&layer) {
        return Some(format!("{name}: only {} may name {family}", layers.join(" and ")));
    }
    exported.then(|| format!("{name}: `pub use` hands it on to other layers"))
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Rust files below `folder`, in order; a member crate that lives there is not looked into.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let files: Vec<PathBuf> = WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| !entry.path().join("Cargo.toml").exists())
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    assert!(!files.is_empty(), "no Rust file below {}", folder.display());
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap()
}

fn label(root: &Path, file: &Path) -> String {
    file.strip_prefix(root).unwrap().to_string_lossy().into_owned()
}

/// `src/http/problem.rs` is `["http", "problem"]`, `src/http/mod.rs` is `["http"]`.
fn module_of(label: &str) -> Vec<String> {
    let path = label.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    match path {
        "lib" | "main" => Vec::new(),
        path => path.split('/').map(str::to_owned).collect(),
    }
}

fn layer_of(module: &[String], label: &str) -> String {
    let root = || label.trim_start_matches("src/").trim_end_matches(".rs").to_owned();
    module.first().cloned().unwrap_or_else(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(layer: &str, source: &str) -> Vec<String> {
        violations(layer, &[layer.to_owned(), "noun".to_owned()], "src/x.rs", source)
    }

    #[test]
    fn what_breaks_a_rule_is_caught() {
        let cases = [
            ("http", "fn f() { crate::store::x() }"),
            ("http", "use crate::store::Models;"),
            ("http", "use crate::{domain, store as s};"),
            ("http", "use super::super::store;"),
            ("http", "use self::super::super::store::{self as s};"),
            ("http", "mod inner { use super::super::super::store::*; }"),
            ("http", "#[cfg(test)] mod tests { fn f() { crate::engine::x(); } }"),
            ("http", "fn f(x: Vec<crate::store::Row>) {}"),
            ("http", "fn f(x: X) { if let crate::store::Row::Empty = x {} }"),
            ("http", "fn f() { <crate::store::Row as Default>::default(); }"),
            ("http", "fn f() { let x = vec![(1, Vec::<crate::store::Row>::new())]; }"),
            ("http", "macro_rules! m { () => { $crate::store::x() }; }"),
            ("http", "m! { use crate::{domain as d, store::{blobs}}; }"),
            ("http", "#[openapi(paths(crate::store::x))] struct S;"),
            ("http", "#[serde(with = \"crate::store::x\")] struct S;"),
            ("http", "use crate as root;"),
            ("http", "use super::super::*;"),
            ("domain", "use crate::stats::auc;"),
            ("jobs", "use crate::store::jobs;"),
            ("service", "fn f() { sqlx::query!(\"SELECT 1\"); }"),
            ("service", "fn f() { let x = json!({ \"a\": sqlx::types::Uuid::nil() }); }"),
            ("service", "fn f() { m!(::sqlx::query) }"),
            ("service", "use ::sqlx;"),
            ("service", "use sqlx as db;"),
            ("service", "extern crate sqlx;"),
            ("service", "#[derive(sqlx::FromRow)] struct S;"),
            ("store", "pub use sqlx::PgPool;"),
            ("store", "use burn_flex::Flex;"),
            ("http", "use arrow_array::Array;"),
            ("repl", "mod t { use super::csv; } fn f() { csv::Reader::new() }"),
            ("wrong", "fn f() {}"),
        ];
        for (layer, source) in cases {
            let found = check(layer, source);
            assert_eq!(found.len(), 1, "{layer}: {source}: {found:?}");
        }
    }

    #[test]
    fn the_root_hands_no_layer_on() {
        for source in ["mod store; pub use store::Row;", "mod store; fn f() { store::x() }"] {
            assert_eq!(violations("lib", &[], "src/lib.rs", source).len(), 1, "{source}");
        }
        let fine = "pub mod store; pub mod error; pub const VERSION: &str = env!(\"V\");";
        assert_eq!(violations("lib", &[], "src/lib.rs", fine), [""; 0]);
    }

    #[test]
    fn what_keeps_the_rules_passes() {
        let cases = [
            ("http", "use crate::VERSION; pub use crate::service::Upload;"),
            ("http", "use crate::service::{self, models}; use crate::error::Error;"),
            ("http", "use super::problem; pub use crate::domain::job::Job;"),
            ("http", "mod tests { use super::*; use super::super::problem; }"),
            ("http", "pub(in crate::http) fn f() { println!(\"crate::store::x\"); }"),
            ("http", "/// See [`crate::store::x`].\n#[doc = \"crate::store\"] fn f() {}"),
            ("http", "mod csv; fn f() { csv::write() } use csv::write;"),
            ("http", "use super::csv; fn f() { csv::write(); m!(csv::write) }"),
            ("http", "fn f(csv: &str, store: u8) { g(csv, store); m!(csv, store) }"),
            ("http", "fn f() { service::store::x(); self.store.x(); m!(self.store.x()) }"),
            ("store", "fn f() { sqlx::query!(\"SELECT 1\") } pub(crate) use self::row::Row;"),
            ("service", "use sqlxtra::X; use crate::telemetry::span;"),
            ("main", "fn main() { actuary::cli::main() }"),
            ("cli", "use clap::Parser; use clap_complete::Shell;"),
        ];
        for (layer, source) in cases {
            assert_eq!(check(layer, source), [""; 0], "{layer}: {source}");
        }
    }

    #[test]
    fn the_message_names_the_place_the_arrow_and_the_rule() {
        let found = check("jobs", "\nfn f() {\n    crate::store::jobs::claim();\n}");
        let expected = "src/x.rs:3: jobs -> store (crate::store::jobs::claim): \
                        jobs may name service, domain, error, telemetry";
        assert_eq!(found, [expected]);
        let found = check("service", "use sqlx::PgPool;");
        assert_eq!(found, ["src/x.rs:1: service -> sqlx: only store may name sqlx"]);
        assert!(check("http", "fn f( {")[0].starts_with("src/x.rs:1: "));
    }

    #[test]
    fn files_are_modules() {
        let of = |label: &str| (layer_of(&module_of(label), label), module_of(label).join("::"));
        assert_eq!(of("src/http/problem.rs"), ("http".into(), "http::problem".into()));
        assert_eq!(of("src/http/mod.rs"), ("http".into(), "http".into()));
        assert_eq!(of("src/error.rs"), ("error".into(), "error".into()));
        assert_eq!(of("src/lib.rs"), ("lib".into(), String::new()));
    }
}
