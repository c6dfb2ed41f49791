//! Notebooks: cells of code, Markdown and raw text, as a percent script or as `.ipynb`.

mod ipynb;
mod json;
mod marker;
mod output;
mod percent;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

pub use json::Metadata;
pub use output::{Bundle, Output};

/// The tag of the cell whose assignments are defaults.
const PARAMETERS: &str = "parameters";
/// The tag of the cell that overrides them.
const INJECTED: &str = "injected-parameters";
/// Hexadecimal digits of an id that is made here.
const ID_DIGITS: usize = 8;
/// Longest id that the format allows.
const LONGEST_ID: usize = 64;

/// A notebook: its cells in order and what else its file holds.
#[derive(Debug, Clone, Default)]
pub struct Notebook {
    pub cells: Vec<Cell>,
    /// The notebook's own metadata, with the head of a percent script as `actuary.header`.
    pub metadata: Metadata,
    /// Fields of the file that have no meaning here.
    extra: Metadata,
    /// The minor version of the file, where it is newer than 5.
    minor: u32,
    /// Whether the lines of the script end as on Windows.
    windows: bool,
}

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    Code,
    Markdown,
    Raw,
}

/// One cell.
#[derive(Debug, Clone)]
pub struct Cell {
    pub kind: CellKind,
    /// Unique in the notebook; empty until [`Notebook::name_cells`] gives one.
    pub id: String,
    pub source: String,
    /// All of the cell's metadata, its tags and its title too.
    pub metadata: Metadata,
    /// Each as it stood in the file, or as [`Output::to_raw`] makes it.
    pub outputs: Vec<Box<RawValue>>,
    pub execution_count: Option<u32>,
    /// The line of a percent script at which its source began, from 1; 0 where it was in none.
    pub line: usize,
    /// Fields of the file that have no meaning here, such as `attachments`.
    extra: Metadata,
    /// The cell as a percent script had it, to put it back unchanged.
    text: Option<String>,
}

/// Why a file is no notebook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct NotebookError {
    /// The name of the file.
    pub name: String,
    /// The line at fault, counted from 1.
    pub line: Option<usize>,
    pub problem: String,
    pub way_out: Option<String>,
}

impl fmt::Display for NotebookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no notebook: ", self.name)?;
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.problem)?;
        match &self.way_out {
            Some(way_out) => write!(f, "; {way_out}"),
            None => Ok(()),
        }
    }
}

impl Cell {
    /// A cell without id, metadata and outputs.
    pub fn new(kind: CellKind, source: impl Into<String>) -> Self {
        Self {
            kind,
            id: String::new(),
            source: source.into(),
            metadata: Metadata::default(),
            outputs: Vec::new(),
            execution_count: None,
            line: 0,
            extra: Metadata::default(),
            text: None,
        }
    }

    /// The tags in the cell's metadata; none where they are no list of strings.
    pub fn tags(&self) -> Vec<String> {
        self.metadata.read("tags").unwrap_or_default()
    }

    fn has_tag(&self, tag: &str) -> bool {
        self.tags().iter().any(|own| own == tag)
    }
}

impl Notebook {
    /// Gives an id to each cell that has none, one that the format forbids, or another cell's.
    ///
    /// A new id follows from the cell's place and source, so that a notebook always gets the
    /// same ids.
    pub fn name_cells(&mut self) {
        let ids = self.ids();
        for (cell, id) in self.cells.iter_mut().zip(ids) {
            cell.id = id;
        }
    }

    /// The ids of the cells, each valid and unique.
    fn ids(&self) -> Vec<String> {
        let mut used: HashSet<String> = HashSet::new();
        // What a cell has goes before what another would get.
        let kept: Vec<bool> =
            self.cells.iter().map(|cell| is_id(&cell.id) && used.insert(cell.id.clone())).collect();
        let cells = self.cells.iter().zip(kept).enumerate();
        cells
            .map(
                |(at, (cell, kept))| {
                    if kept { cell.id.clone() } else { new_id(at, cell, &mut used) }
                },
            )
            .collect()
    }

    /// Sets parameters, each a name and its value as source text, as papermill does.
    ///
    /// A cell tagged `injected-parameters` is put after the one tagged `parameters`, or else
    /// before the first code cell. An earlier such cell goes.
    pub fn inject_parameters(&mut self, values: &[(&str, &str)]) {
        let mut lines = vec!["# Parameters".to_owned()];
        lines.extend(values.iter().map(|(name, value)| format!("{name} = {value}")));
        let mut cell = Cell::new(CellKind::Code, lines.join("\n"));
        cell.metadata.set("tags", &[INJECTED]);
        let earlier = self.cells.iter().position(|cell| cell.has_tag(INJECTED));
        if let Some(old) = earlier.and_then(|at| self.cells.get(at)) {
            cell.id.clone_from(&old.id);
        }
        self.cells.retain(|cell| !cell.has_tag(INJECTED));
        let after = self.cells.iter().position(|cell| cell.has_tag(PARAMETERS)).map(|at| at + 1);
        let first = || self.cells.iter().position(|cell| cell.kind == CellKind::Code);
        let at = after.or(earlier).or_else(first).unwrap_or(self.cells.len());
        self.cells.insert(at.min(self.cells.len()), cell);
        self.name_cells();
    }
}

/// Whether the format allows the id.
fn is_id(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(allowed)
}

fn new_id(at: usize, cell: &Cell, used: &mut HashSet<String>) -> String {
    let mut attempt = 0_u64;
    loop {
        let digest = Sha256::digest(format!("{at}\n{attempt}\n{}", cell.source));
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let id: String = digits.chars().take(ID_DIGITS).collect();
        if used.insert(id.clone()) {
            return id;
        }
        attempt += 1;
    }
}
