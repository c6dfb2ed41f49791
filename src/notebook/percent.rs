//! Notebooks as scripts, in jupytext's percent format.

use serde::{Deserialize, Serialize};

use super::marker::{self, Marker};
use super::scan::{self, Scanner};
use super::{Cell, CellKind, Metadata, Notebook, NotebookError};

/// The key of the notebook's metadata that is ours.
const OURS: &str = "actuary";

/// What the notebook's metadata keeps for us.
#[derive(Default, Serialize, Deserialize)]
struct Ours {
    /// What stands before the first cell of a script, with its line ends.
    #[serde(default)]
    header: String,
}

impl Notebook {
    /// Reads a percent script; `name` is the file's, for errors.
    ///
    /// Text before the first marker is a code cell, but for a line `#!` and a YAML header.
    ///
    /// # Errors
    /// Where the tags of a marker cannot be read.
    pub fn from_percent(name: &str, text: &str) -> Result<Self, NotebookError> {
        // Carriage returns are the sources' own unless all lines end in them.
        let windows =
            text.contains('\n') && text.split('\n').rev().skip(1).all(|line| line.ends_with('\r'));
        let text = if windows { &*text.replace("\r\n", "\n") } else { text };
        let (header, rest) = text.split_at(header_end(text));
        let mut notebook = Self { windows, ..Self::default() };
        if !header.is_empty() {
            notebook.metadata.set(OURS, &Ours { header: header.to_owned() });
        }
        let mut line = 1 + header.matches('\n').count();
        for chunk in chunks(rest) {
            let cell = read_cell(chunk).map_err(|problem| NotebookError {
                name: name.to_owned(),
                line: Some(line),
                problem,
                way_out: None,
            })?;
            let has_marker = marker::is_marker(first_line(chunk));
            let first = cell.source.split('\n').next().unwrap_or_default();
            let mut lines = chunk.lines().enumerate().skip(usize::from(has_marker));
            let begins = line + lines.find(|(_, line)| *line == first).map_or(0, |(at, _)| at);
            line += chunk.matches('\n').count();
            if has_marker || !cell.source.is_empty() {
                notebook.cells.push(Cell { text: Some(chunk.to_owned()), line: begins, ..cell });
            }
        }
        notebook.name_cells();
        Ok(notebook)
    }

    /// The notebook as a percent script, without outputs and ids.
    ///
    /// A cell that was read from a script and not changed since stays byte for byte.
    pub fn to_percent(&self) -> String {
        let header = self.metadata.read::<Ours>(OURS).unwrap_or_default().header;
        let mut out = if header_end(&header) == header.len() { header } else { String::new() };
        let mut as_read = true;
        for (at, cell) in self.cells.iter().enumerate() {
            let text = cell.text_as_read(at == 0, at + 1 == self.cells.len());
            if !out.is_empty() && !out.ends_with('\n') {
                out.push('\n');
            }
            let joined = as_read && text.is_some();
            if !out.is_empty() && !joined && !out.ends_with("\n\n") {
                out.push('\n');
            }
            as_read = text.is_some();
            out.push_str(&text.map_or_else(|| cell.to_text(), str::to_owned));
        }
        if self.windows { out.replace('\n', "\r\n") } else { out }
    }
}

impl Cell {
    /// The text that the cell was read from, if it still says the same where the cell stands.
    fn text_as_read(&self, first: bool, last: bool) -> Option<&str> {
        let text = self.text.as_deref()?;
        let read = read_cell(text).ok()?;
        let marker = |cell: &Self| Marker::of(cell.kind, false, &cell.metadata);
        let same = read.source == self.source && marker(&read).same(&marker(self));
        let begins = first || marker::is_marker(first_line(text));
        // What follows an open string would be part of it.
        let code = text.strip_suffix('\n').unwrap_or(text);
        let ends = last || is_commented(text) || !scan::ends_in_string(code);
        (same && begins && ends).then_some(text)
    }

    fn to_text(&self) -> String {
        let is_code = self.kind == CellKind::Code;
        let commented = is_code && scan::ends_in_string(&self.source);
        let mut lines = vec![Marker::of(self.kind, commented, &self.metadata).write()];
        if is_code && !commented {
            let mut scanner = Scanner::default();
            for line in trimmed(self.source.split('\n').collect()) {
                let in_string = scanner.in_string();
                scanner.read(line);
                lines.push(if in_string { line.to_owned() } else { marker::escaped(line) });
            }
        } else if !self.source.is_empty() {
            let comments = self.source.split('\n').map(|line| match line {
                "" => "#".to_owned(),
                line => marker::escaped(&format!("# {line}")),
            });
            lines.extend(comments);
        }
        lines.join("\n") + "\n"
    }
}

/// Where the header ends: a line `#!`, one with the encoding, a YAML block in comments, blank
/// lines.
fn header_end(text: &str) -> usize {
    let mut end = 0;
    let mut lines = text.split_inclusive('\n').peekable();
    if let Some(shebang) = lines.next_if(|line| line.starts_with("#!")) {
        end += shebang.len();
    }
    // jupytext writes one where a notebook that is no Python holds more than ASCII.
    if let Some(encoding) = lines.next_if(|line| line.starts_with("# -*- coding:")) {
        end += encoding.len();
    }
    let fence = |line: &str| line.trim_end() == "# ---";
    let mut block = 0;
    let mut rest = lines.clone();
    if let Some(open) = rest.next_if(|line| fence(line)) {
        block += open.len();
        while let Some(line) = rest.next_if(|line| line.starts_with('#')) {
            block += line.len();
            if fence(line) {
                end += block;
                lines = rest;
                break;
            }
        }
    }
    if end > 0 {
        end += lines.take_while(|line| line.trim().is_empty()).map(str::len).sum::<usize>();
    }
    end
}

/// The text of each cell, from its marker to the next.
fn chunks(text: &str) -> Vec<&str> {
    let mut chunks = Vec::new();
    let (mut start, mut at) = (0, 0);
    let mut scanner = Scanner::default();
    let mut is_code = true;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches('\n');
        if !scanner.in_string() && marker::is_marker(bare) {
            chunks.extend(text.get(start..at));
            start = at;
            is_code = !is_commented(bare);
            scanner = Scanner::default();
        } else if is_code {
            scanner.read(bare);
        }
        at += line.len();
    }
    chunks.extend(text.get(start..));
    chunks.retain(|chunk| !chunk.is_empty());
    chunks
}

/// A cell from its text. An error is a sentence.
fn read_cell(text: &str) -> Result<Cell, String> {
    let mut lines: Vec<&str> = text.split('\n').collect();
    let marker = match Marker::read(first_line(text)) {
        Some(marker) => {
            lines.remove(0);
            marker?
        }
        None => Marker::of(CellKind::Code, false, &Metadata::default()),
    };
    let lines = trimmed(lines);
    let source: Vec<String> = if marker.is_commented() {
        lines.into_iter().map(|line| uncommented(&marker::unescaped(line))).collect()
    } else {
        let mut scanner = Scanner::default();
        let read = |line: &str| {
            let in_string = scanner.in_string();
            scanner.read(line);
            if in_string { line.to_owned() } else { marker::unescaped(line) }
        };
        lines.into_iter().map(read).collect()
    };
    let mut cell = Cell::new(marker.kind, source.join("\n"));
    cell.metadata = marker.metadata;
    Ok(cell)
}

/// Whether the text of a cell has a marker that says that its lines are comments.
fn is_commented(text: &str) -> bool {
    matches!(Marker::read(first_line(text)), Some(Ok(marker)) if marker.is_commented())
}

fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default()
}

/// A line without the `# ` or the `#` that it begins with.
fn uncommented(line: &str) -> String {
    line.strip_prefix("# ").or_else(|| line.strip_prefix('#')).unwrap_or(line).to_owned()
}

/// The lines without blank ones at both ends.
fn trimmed(mut lines: Vec<&str>) -> Vec<&str> {
    let blank = |line: &&str| line.trim().is_empty();
    while lines.pop_if(|line| line.trim().is_empty()).is_some() {}
    let first = lines.iter().position(|line| !blank(line)).unwrap_or(lines.len());
    lines.split_off(first)
}
