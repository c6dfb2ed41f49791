//! Holds ARCHITECTURE.md to the files that there are.

use std::collections::BTreeSet;
use std::path::Path;

use super::{label, read, repository, rust_files};

#[test]
fn the_page_names_every_module_and_no_file_that_is_gone() {
    let root = repository();
    let page = root.join("ARCHITECTURE.md");
    assert!(page.exists(), "ARCHITECTURE.md is missing");
    let page = read(&page);

    let files: Vec<String> = ["src", "tests"]
        .iter()
        .flat_map(|folder| rust_files(&root.join(folder)))
        .map(|file| label(&root, &file))
        .collect();
    let mut found: Vec<String> = top_level(&files)
        .into_iter()
        .filter(|module| !mentions(&page, module))
        .map(|module| format!("the module {module} is not mentioned"))
        .collect();
    found.extend(
        named_files(&page)
            .into_iter()
            .filter(|name| !exists(&root, &files, name))
            .map(|name| format!("`{name}` does not exist")),
    );
    assert!(found.is_empty(), "\nARCHITECTURE.md: {}\n", found.join("\nARCHITECTURE.md: "));
}

/// Modules right below src, the two roots left out.
fn top_level(files: &[String]) -> BTreeSet<&str> {
    files
        .iter()
        .filter_map(|file| file.strip_prefix("src/")?.split('/').next())
        .map(|module| module.trim_end_matches(".rs"))
        .filter(|module| !["lib", "main"].contains(module))
        .collect()
}

/// Whether the page has `module`, `module/`, or `module.rs` as a name of its own.
fn mentions(page: &str, module: &str) -> bool {
    page.match_indices(module).any(|(at, _)| {
        let before = page[..at].chars().next_back();
        let after = &page[at + module.len()..];
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            && ["`", "/", ".rs"].iter().any(|end| after.starts_with(end))
    })
}

/// What stands in backticks outside fenced blocks and is written like a file or a folder.
fn named_files(page: &str) -> BTreeSet<&str> {
    let prose = page.split("```").step_by(2);
    let spans = prose.flat_map(|text| text.split('`').skip(1).step_by(2));
    spans
        .filter(|span| span.chars().all(|c| c.is_alphanumeric() || "_-./".contains(c)))
        .filter(|span| {
            let below_root = span.starts_with("src/") || span.starts_with("tests/");
            below_root || span.ends_with(".rs") || (span.ends_with('/') && !span.starts_with('/'))
        })
        .collect()
}

/// Whether a name is there: from the root, from src or tests/it, or as a file's last part.
fn exists(root: &Path, files: &[String], name: &str) -> bool {
    ["", "src", "tests/it"].iter().any(|folder| root.join(folder).join(name).exists())
        || (!name.contains('/') && files.iter().any(|file| file.ends_with(&format!("/{name}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_count_as_mentioned_by_their_own_name_only() {
        for page in ["the `http` layer", "`http/problem.rs`", "src/http.rs"] {
            assert!(mentions(page, "http"), "{page}");
        }
        for page in ["http is a protocol", "`actix_http`", "`https`"] {
            assert!(!mentions(page, "http"), "{page}");
        }
    }

    #[test]
    fn names_of_files_are_found_in_prose() {
        let page = "See `http/old.rs`, `src/app.rs` and `engine/`, not `GET /models/`, `/docs/`,\n\
                    `cargo test` or `Error`.\n```\nsrc/\n  `gone.rs`\n```\nThen `mod.rs`.";
        let found: Vec<&str> = named_files(page).into_iter().collect();
        assert_eq!(found, ["engine/", "http/old.rs", "mod.rs", "src/app.rs"]);
    }

    #[test]
    fn a_file_is_looked_for_where_it_may_be() {
        let root = repository();
        let files = vec!["src/stats/ranking.rs".to_owned()];
        for name in ["src/stats/", "stats/ranking.rs", "ranking.rs", "architecture/page.rs"] {
            assert!(exists(&root, &files, name), "{name}");
        }
        for name in ["src/gone/", "stats/gone.rs", "gone.rs", "king.rs"] {
            assert!(!exists(&root, &files, name), "{name}");
        }
    }
}
