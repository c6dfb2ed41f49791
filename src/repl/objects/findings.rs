//! What a look at rows has found.

use serde::Serialize;

use super::super::table::Table;
use super::super::text::counted;

/// Something about a column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::repl) struct Finding {
    pub(in crate::repl) column: String,
    /// `leakage`, `rare`, `missing`, `constant` or `identifier`.
    pub(in crate::repl) kind: &'static str,
    pub(in crate::repl) text: String,
}

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(in crate::repl) struct Findings {
    pub(in crate::repl) rows: u64,
    pub(in crate::repl) columns: u64,
    pub(in crate::repl) found: Vec<Finding>,
}

impl Findings {
    pub(super) fn text(&self) -> String {
        let of = format!("{} × {}", counted(self.rows, "row"), counted(self.columns, "column"));
        match self.found.len() {
            0 => format!("nothing was found in {of}"),
            n => format!("{} in {of}", counted(n as u64, "finding")),
        }
    }

    pub(super) fn table(&self) -> Option<Table> {
        let rows: Vec<Vec<String>> = self
            .found
            .iter()
            .map(|finding| {
                let mark = if finding.kind == "leakage" { "! " } else { "" };
                vec![finding.column.clone(), format!("{mark}{}", finding.text)]
            })
            .collect();
        let columns = [("column", false), ("finding", false)];
        (!rows.is_empty()).then(|| Table::new(&columns, rows))
    }
}
