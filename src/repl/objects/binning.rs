//! Columns in bins.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::{counted, grouped};
use crate::domain::binning::{BinningAnswer, ColumnBinning};
use crate::plot::Plot;

/// `income against default (22.1 % 1)   IV 0.210 medium   5 bins of 19,200 rows`, or how many columns tell what.
pub(super) fn text(found: &BinningAnswer) -> String {
    let share = 100.0 * found.adverse_rows as f64 / found.rows.max(1) as f64;
    let against = format!("against {} ({share:.1} % {})", found.target, found.adverse_class);
    let mut text = match found.columns.as_slice() {
        [one] => format!(
            "{} {against}   IV {:.3} {}   {} of {} rows",
            one.column,
            one.iv,
            one.strength.as_str(),
            counted(one.bins.iter().filter(|bin| bin.rows > 0).count() as u64, "bin"),
            grouped(found.rows)
        ),
        several => format!(
            "{} {against}   {} with an IV of 0.02 or more   {} rows",
            counted(several.len() as u64, "column"),
            several.iter().filter(|column| column.iv >= 0.02).count(),
            grouped(found.rows)
        ),
    };
    for one in &found.left_out {
        text.push_str(&format!("\n! without {}: {}", one.column, one.reason));
    }
    for warning in &found.warnings {
        text.push_str(&format!("\n! {warning}"));
    }
    text
}

/// A row for each bin.
pub(super) fn described(found: &BinningAnswer) -> Vec<Map<String, Json>> {
    let of = format!("rows of {}", found.adverse_class);
    let rate = format!("rate of {}", found.adverse_class);
    let bins = found.columns.iter().flat_map(|c| c.bins.iter().map(move |bin| (c, bin)));
    let row = |(column, bin): (&ColumnBinning, &crate::domain::binning::ColumnBin)| {
        Map::from_iter([
            ("column".to_owned(), column.column.clone().into()),
            ("column IV".to_owned(), column.iv.into()),
            ("strength".to_owned(), column.strength.as_str().into()),
            ("bin".to_owned(), bin.label.clone().into()),
            ("rows".to_owned(), bin.rows.into()),
            (of.clone(), bin.adverse_rows.into()),
            (rate.clone(), bin.adverse_rate.into()),
            ("WoE".to_owned(), bin.woe.into()),
            ("IV".to_owned(), bin.iv.into()),
        ])
    };
    bins.map(row).collect()
}

/// The bins of one column, or a line for each of several; bins that no row is in are left out.
pub(super) fn table(found: &BinningAnswer) -> Table {
    let [one] = found.columns.as_slice() else { return screened(found) };
    let of = format!("of {}", found.adverse_class);
    let heading = format!("% {}", found.adverse_class);
    let columns = [
        ("bin", false),
        ("rows", true),
        (of.as_str(), true),
        (heading.as_str(), true),
        ("WoE", true),
        ("IV", true),
    ];
    let bins = one.bins.iter().filter(|bin| bin.rows > 0);
    let rows = bins.map(|bin| {
        vec![
            bin.label.clone(),
            grouped(bin.rows),
            grouped(bin.adverse_rows),
            bin.adverse_rate.map(|rate| format!("{:.1}", 100.0 * rate)).unwrap_or_default(),
            format!("{:.3}", bin.woe),
            format!("{:.3}", bin.iv),
        ]
    });
    Table::new(&columns, rows.collect())
}

fn screened(found: &BinningAnswer) -> Table {
    let columns =
        [("column", false), ("IV", true), ("strength", false), ("bins", true), ("missing", true)];
    let row = |column: &ColumnBinning| {
        let filled = column.bins.iter().filter(|bin| bin.rows > 0 && !bin.is_missing).count();
        let missing: u64 = column.bins.iter().filter(|bin| bin.is_missing).map(|b| b.rows).sum();
        vec![
            column.column.clone(),
            format!("{:.3}", column.iv),
            column.strength.as_str().to_owned(),
            filled.to_string(),
            grouped(missing),
        ]
    };
    Table::new(&columns, found.columns.iter().map(row).collect())
}

/// The weights of evidence of a column's bins, or the information values of several columns.
///
/// # Errors
/// Where there is no such column, in words.
pub(in crate::repl) fn plot(found: &BinningAnswer, of: Option<&str>) -> Result<Plot, String> {
    let column = match (of, found.columns.as_slice()) {
        (None, [one]) => one,
        (None, several) => {
            let named = several.iter().map(|column| (column.column.clone(), column.iv)).collect();
            let title = format!("what columns tell of {}", found.target);
            return Ok(super::analyses::bars(title, ("column", "information value"), named));
        }
        (Some(name), several) => {
            several.iter().find(|column| column.column == name).ok_or_else(|| {
                let names: Vec<&str> = several.iter().map(|c| c.column.as_str()).collect();
                format!("is none of its columns: {}", names.join(", "))
            })?
        }
    };
    let bins = column.bins.iter().filter(|bin| bin.rows > 0);
    let named = bins.map(|bin| (bin.label.clone(), bin.woe)).collect();
    let title = format!("{} against {}", column.column, found.target);
    Ok(super::analyses::bars(title, ("bin", "weight of evidence"), named))
}
