//! Tables that fit a given width: numbers to the right, what does not fit is counted.

use comfy_table::{Cell, CellAlignment, ContentArrangement};
use minijinja::HtmlEscape;

use super::text::{counted, folded, grouped, shortened};
use crate::error::Result;
use crate::frame::texts_as_csv;

/// So many rows are shown of a long table.
pub(super) const SHOWN_ROWS: usize = 20;
/// Longest cell.
const CELL: usize = 40;
const GAP: usize = 2;
/// Texts that get less room stand below their row, so far to the right.
const LEAST_TEXT: usize = 40;
const INDENT: usize = 5;

/// A table that any front end can show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub headings: Vec<String>,
    /// Whether a column's values stand to the right.
    pub numeric: Vec<bool>,
    pub rows: Vec<Vec<String>>,
    /// Rows there are, of which `rows` may be the first.
    pub total: u64,
    /// Whether the last column is of texts, one a line, which are shown whole.
    pub texts: bool,
}

impl Table {
    /// A table of all its rows.
    pub(super) fn new(columns: &[(&str, bool)], rows: Vec<Vec<String>>) -> Self {
        Self {
            headings: columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
            numeric: columns.iter().map(|(_, numeric)| *numeric).collect(),
            total: rows.len() as u64,
            rows,
            texts: false,
        }
    }

    /// The same, the last column one of texts: what a row says is wrapped, not cut.
    pub(super) fn with_texts(self) -> Self {
        Self { texts: self.headings.len() > 1, ..self }
    }

    /// The table in lines of at most `width` characters. `strong` is put round the headings.
    pub fn render(&self, width: usize, strong: impl Fn(&str) -> String) -> String {
        // One of two columns may take what there is.
        let most = if self.headings.len() <= 2 { width } else { CELL };
        self.lines(SHOWN_ROWS, width, most, strong)
    }

    /// All of the rows and columns, however wide.
    pub(super) fn render_whole(&self, strong: impl Fn(&str) -> String) -> String {
        self.lines(usize::MAX, usize::MAX, usize::MAX, strong)
    }

    /// As a table of HTML.
    pub(super) fn html(&self) -> String {
        let line = |tag: &str, cells: &[String]| {
            let cells = cells.iter().enumerate().map(|(at, text)| {
                let right = self.numeric.get(at).copied().unwrap_or(false);
                let side = if right { " style=\"text-align: right\"" } else { "" };
                let mut text = HtmlEscape(text).to_string();
                if self.is_text(at) {
                    text = text.replace('\n', "<br>");
                }
                format!("<{tag}{side}>{text}</{tag}>")
            });
            format!("<tr>{}</tr>", cells.collect::<String>())
        };
        let rows: String =
            self.rows.iter().take(SHOWN_ROWS).map(|row| line("td", row) + "\n").collect();
        let head = line("th", &self.headings);
        let shown = self.rows.len().min(SHOWN_ROWS);
        let remark = self.remark(shown as u64, &[]).unwrap_or_default();
        let remark = if remark.is_empty() { remark } else { format!("<p>{remark}</p>") };
        format!("<table>\n<thead>{head}</thead>\n<tbody>\n{rows}</tbody>\n</table>{remark}")
    }

    /// As CSV, with a line of headings.
    pub(super) fn csv(&self) -> Result<String> {
        if !self.texts {
            return texts_as_csv(&self.headings, &self.rows);
        }
        let row = |row: &Vec<String>| {
            let cells = row.iter().enumerate();
            cells
                .map(|(at, cell)| match self.is_text(at) {
                    true => cell.replace('\n', "; "),
                    false => cell.clone(),
                })
                .collect()
        };
        texts_as_csv(&self.headings, &self.rows.iter().map(row).collect::<Vec<_>>())
    }

    fn is_text(&self, at: usize) -> bool {
        self.texts && at + 1 == self.headings.len()
    }

    /// At most so many rows, in lines of at most `width` characters and cells of at most `most`.
    fn lines(
        &self,
        shown: usize,
        width: usize,
        most: usize,
        strong: impl Fn(&str) -> String,
    ) -> String {
        let (mut lines, hidden) = match self.texts {
            true => self.beside_texts(shown, width, most),
            false => {
                let (lines, columns) = self.grid(shown, width, most);
                (lines, &self.headings[columns..])
            }
        };
        if let Some(first) = lines.first_mut() {
            *first = strong(first);
        }
        lines.extend(self.remark(self.rows.len().min(shown) as u64, hidden));
        lines.join("\n")
    }

    /// Texts beside the other columns, or below each row where these leave too little room; and the columns
    /// that are left out.
    fn beside_texts(&self, shown: usize, width: usize, most: usize) -> (Vec<String>, &[String]) {
        let last = self.headings.len() - 1;
        let others = Self {
            headings: self.headings[..last].to_vec(),
            rows: self.rows.iter().map(|row| row.iter().take(last).cloned().collect()).collect(),
            texts: false,
            ..self.clone()
        };
        let (grid, columns) = others.grid(shown, width, most);
        let used = grid.iter().map(|line| line.chars().count()).max().unwrap_or(0) + GAP;
        let is_beside = width.saturating_sub(used) >= LEAST_TEXT;
        let indent = if is_beside { used } else { INDENT };
        let room = width.saturating_sub(indent);
        let texts = [&self.headings].into_iter().chain(&self.rows);
        let texts = texts.map(|row| row.last().map(String::as_str).unwrap_or_default());
        let mut lines = Vec::new();
        for (line, text) in grid.into_iter().zip(texts) {
            let mut parts = text.lines().flat_map(|part| folded(part, room));
            let beside = if is_beside { parts.next() } else { None };
            let gap = " ".repeat(indent.saturating_sub(line.chars().count()));
            lines.push(match beside {
                Some(part) => format!("{line}{gap}{part}"),
                None => line,
            });
            lines.extend(parts.map(|part| format!("{}{part}", " ".repeat(indent))));
        }
        (lines, &self.headings[columns..last])
    }

    /// The heading and at most so many rows, a line each, and of how many of the first columns.
    fn grid(&self, shown: usize, width: usize, most: usize) -> (Vec<String>, usize) {
        let rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .take(shown)
            .map(|row| row.iter().map(|cell| shortened(cell, most)).collect())
            .collect();
        let headings: Vec<String> =
            self.headings.iter().map(|h| shortened(h, CELL.max(most))).collect();
        let (rows, columns) = match headings.len() {
            2 => (last_cut(rows, &headings, width), 2),
            _ => {
                let columns = fitting(&headings, &rows, width);
                (rows, columns)
            }
        };
        let mut table = comfy_table::Table::new();
        table
            .load_style(comfy_table::presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(self.line(&headings, columns, width));
        for row in &rows {
            table.add_row(self.line(row, columns, width));
        }
        let last = columns.saturating_sub(1);
        for (at, column) in table.column_iter_mut().enumerate() {
            let gap = if at == last { 0 } else { GAP };
            column.set_padding((0, u16::try_from(gap).unwrap_or(0)));
        }
        let text = table.to_string();
        (text.lines().map(|line| line.trim_end().to_owned()).collect(), columns)
    }

    fn line(&self, cells: &[String], columns: usize, width: usize) -> Vec<Cell> {
        let cut = |text: &String| shortened(text, width.max(1));
        cells
            .iter()
            .take(columns)
            .enumerate()
            .map(|(at, text)| {
                let right = self.numeric.get(at).copied().unwrap_or(false);
                let side = if right { CellAlignment::Right } else { CellAlignment::Left };
                Cell::new(cut(text)).set_alignment(side)
            })
            .collect()
    }

    /// What is not shown where so many rows are, and all columns but some.
    fn remark(&self, shown: u64, left_out: &[String]) -> Option<String> {
        let mut parts = Vec::new();
        if shown < self.total {
            parts.push(format!("{} of {}", grouped(shown), counted(self.total, "row")));
        }
        if !left_out.is_empty() {
            let named: Vec<&str> = left_out.iter().take(4).map(String::as_str).collect();
            let more = if left_out.len() > named.len() { ", …" } else { "" };
            let all = self.headings.len();
            parts.push(format!(
                "{} of {all} columns (not shown: {}{more})",
                all - left_out.len(),
                named.join(", ")
            ));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// Cuts the second of two columns to what the first leaves.
fn last_cut(mut rows: Vec<Vec<String>>, headings: &[String], width: usize) -> Vec<Vec<String>> {
    let first = rows.iter().filter_map(|row| row.first()).chain(headings.first());
    let used = first.map(|cell| cell.chars().count()).max().unwrap_or(0) + GAP;
    for cell in rows.iter_mut().filter_map(|row| row.get_mut(1)) {
        *cell = shortened(cell, width.saturating_sub(used).max(1));
    }
    rows
}

/// So many of the first columns fit; the first is always shown.
fn fitting(headings: &[String], rows: &[Vec<String>], width: usize) -> usize {
    let mut used = 0;
    for (at, heading) in headings.iter().enumerate() {
        let cells = rows.iter().filter_map(|row| row.get(at)).chain([heading]);
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        used += widest + if at == 0 { 0 } else { GAP };
        if at > 0 && used > width {
            return at;
        }
    }
    headings.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(table: &Table, width: usize) -> String {
        table.render(width, str::to_owned)
    }

    fn table(rows: usize) -> Table {
        let rows = (0..rows)
            .map(|i| vec![format!("row {i}"), (i * 1000).to_string(), "x".repeat(30)])
            .collect();
        Table::new(&[("name", false), ("value", true), ("long", false)], rows)
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let expected =
            format!("name   value  long\nrow 0      0  {0}\nrow 1   1000  {0}", "x".repeat(30));
        assert_eq!(plain(&table(2), 80), expected);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let text = plain(&table(25), 30);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 22, "{text}");
        assert_eq!(lines[0], "name    value");
        assert_eq!(lines[21], "20 of 25 rows, 2 of 3 columns (not shown: long)");
        assert!(lines[..21].iter().all(|line| line.chars().count() <= 30), "{text}");
    }

    #[test]
    fn the_second_of_two_columns_takes_what_is_left() {
        let rows = vec![vec!["name".to_owned(), "x".repeat(200)]];
        let table = Table::new(&[("field", false), ("value", false)], rows);
        let text = plain(&table, 60);
        assert_eq!(text, format!("field  value\nname   {}…", "x".repeat(52)));
    }

    #[test]
    fn the_whole_table_has_all_rows_as_text_html_and_csv() {
        let whole = table(25).render_whole(str::to_owned);
        assert_eq!(whole.lines().count(), 26, "{whole}");
        let csv = table(2).csv().unwrap();
        assert_eq!(csv.lines().nth(2), Some(format!("row 1,1000,{}", "x".repeat(30)).as_str()));
        let rows = vec![vec!["<b>".to_owned(), "1".to_owned()]];
        let html = Table::new(&[("a", false), ("n", true)], rows).html();
        assert!(
            html.contains("<td>&lt;b&gt;</td><td style=\"text-align: right\">1</td>"),
            "{html}"
        );
        assert!(table(25).html().ends_with("<p>20 of 25 rows</p>"));
    }

    fn told() -> Table {
        let long =
            "R01: income is 15,000 and those who pay have more than that as a rule\nR02: short";
        let row = |at: &str, text: &str| vec![at.to_owned(), "decline".to_owned(), text.to_owned()];
        let rows = vec![row("0", long), row("1", ""), row("2", "x")];
        let mut table = Table::new(&[("row", true), ("decision", false), ("reasons", false)], rows)
            .with_texts();
        table.total = 600;
        table
    }

    #[test]
    fn texts_are_wrapped_beside_their_row() {
        let expected = "row  decision  reasons\n  \
             0  decline   R01: income is 15,000 and those who pay\n                 \
             have more than that as a rule\n               \
             R02: short\n  1  decline\n  2  decline   x\n3 of 600 rows";
        assert_eq!(plain(&told(), 56), expected);
    }

    #[test]
    fn texts_without_room_stand_below_their_row() {
        let expected = [
            "row  decision",
            "     reasons",
            "  0  decline",
            "     R01: income is 15,000 and",
            "       those who pay have more",
            "       than that as a rule",
            "     R02: short",
            "  1  decline",
            "  2  decline",
            "     x",
            "3 of 600 rows",
        ];
        assert_eq!(plain(&told(), 30).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn texts_are_one_cell_elsewhere() {
        let csv = told().csv().unwrap();
        assert_eq!(csv.lines().count(), 4, "{csv}");
        assert!(csv.contains("as a rule; R02: short"), "{csv}");
        assert!(told().html().contains("as a rule<br>R02: short</td>"));
        let whole = told().render_whole(str::to_owned);
        assert_eq!(whole.lines().count(), 6, "{whole}");
    }

    #[test]
    fn a_narrow_place_still_shows_the_first_column() {
        let text = plain(&table(1), 4);
        assert!(text.starts_with("name\nrow…\n"), "{text}");
    }
}
