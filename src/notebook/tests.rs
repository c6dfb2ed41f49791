//! Round trips between cells, scripts and `.ipynb`, and what is refused.

mod ipynb;
mod percent;
mod round_trips;

use super::*;

/// The parts of cells that both forms hold.
fn told(notebook: &Notebook) -> Vec<(CellKind, String, String)> {
    let cells = notebook.cells.iter();
    cells.map(|cell| (cell.kind, cell.source.clone(), options(cell))).collect()
}

/// A cell's metadata in the order of its keys.
fn options(cell: &Cell) -> String {
    let mut metadata = cell.metadata.clone();
    metadata.sort();
    let pairs: Vec<String> = metadata
        .iter()
        .map(|(key, value)| format!("{key}={}", json::one_line(value.get())))
        .collect();
    pairs.join(" ")
}

fn script(text: &str) -> Notebook {
    Notebook::from_percent("x.star", text).unwrap()
}

fn file(text: &str) -> Notebook {
    Notebook::from_ipynb("x.ipynb", text).unwrap()
}

fn code(source: &str) -> Cell {
    Cell::new(CellKind::Code, source)
}

fn notebook(cells: Vec<Cell>) -> Notebook {
    Notebook { cells, ..Notebook::default() }
}
