//! Scripts and notebooks: read from files, run cell by cell, written with what their cells gave.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::functions::svg;
use super::outcome::{Outcome, Shown, Then, WIDTH};
use super::source::is_word;
use super::transcript::Entry;
use crate::error::{Code, Error, Result};
use crate::notebook::{Bundle, Cell, CellKind, Notebook, Output};

/// A script or a notebook.
#[derive(Debug, Clone)]
pub struct Document {
    /// Stands in errors: the file, or `-c`.
    name: String,
    notebook: Notebook,
    /// Whether errors name cells instead of lines of the file.
    has_cells_only: bool,
}

impl Document {
    /// A text in the percent form, or of one cell.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] naming the line that can't be read.
    pub fn of_text(name: &str, text: &str) -> Result<Self> {
        let notebook = Notebook::from_percent(name, text).map_err(invalid)?;
        Ok(Self { name: name.to_owned(), notebook, has_cells_only: false })
    }

    /// A file: a notebook where it ends in `.ipynb`, else a script.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a file that can't be read or is none.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| invalid(format!("{name} can't be read: {error}")))?;
        if !is_notebook(path) {
            return Self::of_text(&name, &text);
        }
        let notebook = Notebook::from_ipynb(&name, &text).map_err(invalid)?;
        Ok(Self { name, notebook, has_cells_only: true })
    }

    /// Sets parameters, each as `name=value`: the value is JSON, or else a text.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for one that is none.
    pub fn set(&mut self, parameters: &[String]) -> Result<()> {
        if parameters.is_empty() {
            return Ok(());
        }
        let mut values = Vec::new();
        for parameter in parameters {
            let pair = parameter.split_once('=').filter(|(name, _)| is_name(name));
            let (name, value) = pair.ok_or_else(|| {
                invalid(format!("'{parameter}' is no parameter: it is name=value, as in rows=100"))
            })?;
            let json = serde_json::from_str(value).unwrap_or_else(|_| Json::from(value));
            values.push((name, literal(&json)));
        }
        let values: Vec<(&str, &str)> =
            values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.notebook.inject_parameters(&values);
        Ok(())
    }

    /// The numbers of its cells of code, from 0.
    pub(super) fn code_cells(&self) -> Vec<usize> {
        let cells = self.notebook.cells.iter().enumerate();
        cells.filter(|(_, cell)| cell.kind == CellKind::Code).map(|(at, _)| at).collect()
    }

    /// What stands in errors of a cell, and its text, whose lines are those of the file.
    pub(super) fn cell(&self, at: usize) -> (String, String) {
        let Some(cell) = self.notebook.cells.get(at) else { return Default::default() };
        if self.has_cells_only {
            return (format!("{}, cell {}", self.name, at + 1), cell.source.clone());
        }
        let before = "\n".repeat(cell.line.saturating_sub(1));
        (self.name.clone(), format!("{before}{}", cell.source))
    }

    /// Keeps what a cell gave.
    pub(super) fn keep(&mut self, at: usize, outcome: &Outcome) {
        if let Some(cell) = self.notebook.cells.get_mut(at) {
            cell.outputs = outputs(outcome);
            cell.execution_count = Some(outcome.number);
        }
    }

    /// Forgets what cells gave before.
    pub(super) fn clear(&mut self) {
        for cell in &mut self.notebook.cells {
            cell.outputs.clear();
            cell.execution_count = None;
        }
    }

    /// The cells of a session.
    pub(super) fn of_entries<'a>(entries: impl Iterator<Item = &'a Entry>) -> Self {
        let mut notebook = Notebook::default();
        for Entry { source, outcome } in entries {
            let mut cell = Cell::new(CellKind::Code, source.trim_start_matches('\n').trim_end());
            cell.outputs = outputs(outcome);
            cell.execution_count = Some(outcome.number);
            notebook.cells.push(cell);
        }
        notebook.name_cells();
        Self { name: String::new(), notebook, has_cells_only: true }
    }

    /// In the percent form.
    pub(super) fn text(&self) -> String {
        self.notebook.to_percent()
    }

    /// Writes it as a notebook with what its cells gave where the file ends in `.ipynb`, else as a
    /// script.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a file that can't be written, or ends in something else.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = match ending(path)? {
            Ending::Notebook => self.notebook.to_ipynb(),
            Ending::Script => self.notebook.to_percent(),
        };
        written(path, &text)
            .map_err(|error| invalid(format!("{} can't be written: {error}", path.display())))
    }

    /// Whether [`Self::write`] could write to a file, which stays as it is.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn check_output(path: &Path) -> Result<()> {
        ending(path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let tried = match path.exists() {
            true => std::fs::OpenOptions::new().append(true).open(path).map(|_| ()),
            false => tempfile::tempfile_in(folder.unwrap_or(Path::new("."))).map(|_| ()),
        };
        tried.map_err(|error| invalid(format!("{} can't be written: {error}", path.display())))
    }
}

/// What a file holds by its name.
enum Ending {
    Notebook,
    Script,
}

fn ending(path: &Path) -> Result<Ending> {
    match path.extension().unwrap_or_default().to_str() {
        Some("ipynb") => Ok(Ending::Notebook),
        Some("star") => Ok(Ending::Script),
        _ => {
            let detail = "has to end in .star for a script or in .ipynb for a notebook";
            Err(invalid(format!("{} {detail}", path.display())))
        }
    }
}

/// Writes a file as a whole or not at all: what was in it may be all that there is.
fn written(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o644))
        .tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    if let Ok(before) = path.metadata() {
        file.as_file().set_permissions(before.permissions())?;
    }
    file.persist(path).map(|_| ()).map_err(|error| error.error)
}

fn is_notebook(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "ipynb")
}

fn invalid(detail: impl ToString) -> Error {
    Error::new(Code::InvalidRequest, detail.to_string())
}

fn is_name(text: &str) -> bool {
    text.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_') && text.chars().all(is_word)
}

/// A value as the language has it.
fn literal(value: &Json) -> String {
    match value {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Number(_) | Json::String(_) => value.to_string(),
        Json::Array(items) => {
            format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", "))
        }
        Json::Object(fields) => {
            let field = |(name, value): (&String, &Json)| {
                format!("{}: {}", Json::from(name.as_str()), literal(value))
            };
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
    }
}

/// What a cell gave, as a notebook has it.
fn outputs(outcome: &Outcome) -> Vec<Box<RawValue>> {
    let mut found = Vec::new();
    if !outcome.printed.is_empty() {
        found.push(Output::Stream { text: outcome.printed.clone() });
    }
    if let Some(shown) = &outcome.value {
        found.push(Output::Result { execution_count: outcome.number, bundle: bundle(shown) });
    } else if let Some(shown) = &outcome.assigned {
        found.push(Output::Display { bundle: bundle(shown) });
    }
    if let Some(Then::Page(shown)) = &outcome.then {
        found.push(Output::Display { bundle: bundle(shown) });
    }
    if let Some(fault) = &outcome.fault {
        let text = fault.render(str::to_owned);
        found.push(Output::Error {
            ename: if fault.interrupted { "Interrupted" } else { "Error" }.to_owned(),
            evalue: fault.message.clone(),
            traceback: text.lines().map(str::to_owned).collect(),
        });
    }
    found.iter().map(Output::to_raw).collect()
}

/// A value in the forms in which a notebook can show it.
pub fn bundle(shown: &Shown) -> Bundle {
    let text = shown.lines(WIDTH);
    let html = shown.table.as_ref().map(|table| {
        let head = if shown.text.starts_with(['[', '{']) { "" } else { shown.text.as_str() };
        let head = minijinja::HtmlEscape(head).to_string().replace('\n', "<br>\n");
        format!("<p>{head}</p>\n{}", table.html())
    });
    // A plot that can't be drawn still has its text.
    let svg = shown.plot.as_ref().and_then(|plot| svg(plot).ok());
    Bundle { text, html, svg, json: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_json_or_texts() {
        let text = "# %% tags=[\"parameters\"]\nn = 1\nname = \"a\"\n# %%\nn";
        let mut document = Document::of_text("x.star", text).unwrap();
        let given = ["n=3", "name=it's", "on=true", "xs=[1, {\"a\": null}]"].map(str::to_owned);
        document.set(&given).unwrap();
        let (_, injected) = document.cell(document.code_cells()[1]);
        let expected = "n = 3\nname = \"it's\"\non = True\nxs = [1, {\"a\": None}]";
        assert!(injected.ends_with(expected), "{injected}");
        let error = document.set(&["3".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("name=value"), "{error}");
    }

    #[test]
    fn a_cells_lines_are_those_of_the_file() {
        let document =
            Document::of_text("x.star", "# %%\nx = 1\n\n# %% [markdown]\n# a\n\n# %%\ny").unwrap();
        let (name, source) = document.cell(document.code_cells()[1]);
        assert_eq!(name, "x.star");
        assert_eq!(source.lines().position(|line| line == "y"), Some(7), "{source:?}");
    }
}
