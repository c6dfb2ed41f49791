//! Scorecards.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::{counted, figure, grouped};
use crate::domain::scorecard::{Scorecard, ScorecardBin, ScorecardColumn};
use crate::plot::Plot;

/// `card 1   6 columns   412 to 655 points, 600 at 50 to 1, 20 to double   19,200 rows, 22 % default`.
pub(super) fn text(card: &Scorecard) -> String {
    let rows = card.favourable_rows + card.adverse_rows;
    let share = 100.0 * card.adverse_rows as f64 / rows.max(1) as f64;
    let mut text = format!(
        "{} {}   {}   {} to {} points, {} at {} to 1, {} to double   {} rows, {} % {}",
        card.model,
        card.version,
        counted(card.columns.len() as u64, "column"),
        points(card, card.least_score),
        points(card, card.greatest_score),
        figure(card.points),
        figure(card.odds),
        figure(card.points_to_double),
        grouped(rows),
        figure((share * 10.0).round() / 10.0),
        card.adverse_class,
    );
    if !card.left_out.is_empty() {
        let names = card.left_out.join(", ");
        text.push_str(&format!("\n! without {names}: beside the others the sign was wrong"));
    }
    text
}

fn points(card: &Scorecard, value: f64) -> String {
    if card.rounded { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn bins(card: &Scorecard) -> impl Iterator<Item = (&ScorecardColumn, &ScorecardBin)> {
    card.columns.iter().flat_map(|column| column.bins.iter().map(move |bin| (column, bin)))
}

/// A row for each bin.
pub(super) fn described(card: &Scorecard) -> Vec<Map<String, Json>> {
    let rate = format!("rate of {}", card.adverse_class);
    let row = |(column, bin): (&ScorecardColumn, &ScorecardBin)| {
        Map::from_iter([
            ("column".to_owned(), column.column.clone().into()),
            ("iv".to_owned(), column.iv.into()),
            ("strength".to_owned(), column.strength.as_str().into()),
            ("coefficient".to_owned(), column.coefficient.into()),
            ("standard error".to_owned(), column.standard_error.into()),
            ("bin".to_owned(), bin.label.clone().into()),
            ("rows".to_owned(), bin.rows.into()),
            (rate.clone(), bin.adverse_rate.into()),
            ("woe".to_owned(), bin.woe.into()),
            ("points".to_owned(), bin.points.into()),
        ])
    };
    bins(card).map(row).collect()
}

/// What is said of a column stands beside its first bin; bins that no training row is in are left out.
pub(super) fn table(card: &Scorecard) -> Table {
    let heading = format!("% {}", card.adverse_class);
    let columns = [
        ("column", false),
        ("IV", true),
        ("coefficient", false),
        ("bin", false),
        ("rows", true),
        (heading.as_str(), true),
        ("WoE", true),
        ("points", true),
    ];
    let mut rows = Vec::new();
    for column in &card.columns {
        let error = column.standard_error.map(|error| format!(" ± {error:.2}"));
        let mut head = vec![
            column.column.clone(),
            format!("{:.3} {}", column.iv, column.strength.as_str()),
            format!("{:.2}{}", column.coefficient, error.unwrap_or_default()),
        ];
        for bin in column.bins.iter().filter(|bin| bin.rows > 0) {
            let mut line = std::mem::replace(&mut head, vec![String::new(); 3]);
            line.extend([
                bin.label.clone(),
                grouped(bin.rows),
                bin.adverse_rate.map(|rate| format!("{:.1}", 100.0 * rate)).unwrap_or_default(),
                format!("{:.2}", bin.woe),
                points(card, bin.points),
            ]);
            rows.push(line);
        }
    }
    Table::new(&columns, rows)
}

/// The points of all bins, or the weights of evidence of a column's.
///
/// # Errors
/// Where there is no such column, in words.
pub(in crate::repl) fn plot(card: &Scorecard, of: Option<&str>) -> Result<Plot, String> {
    let title = format!("{} {}", card.model, card.version);
    let Some(name) = of else {
        let named = bins(card).filter(|(_, bin)| bin.rows > 0);
        let named = named.map(|(c, bin)| (format!("{}: {}", c.column, bin.label), bin.points));
        let title = format!("{title}, points");
        return Ok(super::analyses::bars(title, ("bin", "points"), named.collect()));
    };
    let column = card.columns.iter().find(|column| column.column == name);
    let column = column.ok_or_else(|| {
        let names: Vec<&str> = card.columns.iter().map(|column| column.column.as_str()).collect();
        format!("is none of its columns: {}", names.join(", "))
    })?;
    let named = column.bins.iter().filter(|bin| bin.rows > 0);
    let named = named.map(|bin| (bin.label.clone(), bin.woe)).collect();
    let what = ("bin", "weight of evidence");
    Ok(super::analyses::bars(format!("{title}, {name}"), what, named))
}
