//! Explanations: what each column adds to an answer, or on average to several.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::{counted, figure};
use crate::domain::explanation::{Explanation, ExplanationResponse, ExplanationScale};
use crate::error::Result;
use crate::plot::{Axis, Layer, Mark, Plot, Scale};

/// `1 answer by default 3   default: 0.60, log odds 0.41 from -1.27`.
pub(super) fn text(answer: &ExplanationResponse) -> String {
    let count = counted(answer.explanations.len() as u64, "answer");
    let mut text = format!("{count} by {} {}", answer.model, answer.version);
    if let [one] = answer.explanations.as_slice() {
        text.push_str(&format!("   {}", led(one)));
    }
    let rough = answer.explanations.iter().filter(|one| !one.holds).count();
    if rough > 0 {
        let of = counted(rough as u64, "explanation");
        text.push_str(&format!("\n! {of} did not add up within its limit: too coarse to rely on"));
    }
    text
}

/// Where the columns lead from and to.
fn led(one: &Explanation) -> String {
    let (base, value) = (figure(one.base), figure(one.value));
    let whose = one.entity.as_ref().map(|entity| format!("{entity}, ")).unwrap_or_default();
    match (one.scale, &one.class, one.probability) {
        (ExplanationScale::LogOdds, Some(class), Some(probability)) => {
            format!("{whose}{class}: {}, log odds {value} from {base}", figure(probability))
        }
        _ => format!("{whose}{value} from {base}"),
    }
}

pub(super) fn fields(answer: &ExplanationResponse) -> Result<Map<String, Json>> {
    let mut fields = super::object(answer)?;
    let of_row = |one: &Explanation| -> Map<String, Json> {
        let pairs = one.attributions.iter();
        pairs.map(|c| (c.column.clone(), c.attribution.into())).collect()
    };
    let all: Vec<Json> = answer.explanations.iter().map(|one| of_row(one).into()).collect();
    fields.insert("attributions".to_owned(), all.into());
    Ok(fields)
}

/// A row for each column of each answer; of a text, for each of its words.
pub(super) fn described(answer: &ExplanationResponse) -> Vec<Map<String, Json>> {
    let mut rows = Vec::new();
    for (number, one) in answer.explanations.iter().enumerate() {
        for (name, value, attribution) in parts(one) {
            let mut row = Map::new();
            if answer.explanations.len() > 1 {
                row.insert("answer".to_owned(), number.into());
            }
            row.insert("column".to_owned(), name.into());
            row.insert("value".to_owned(), value);
            row.insert("adds".to_owned(), attribution.into());
            rows.push(row);
        }
    }
    rows
}

/// What is told apart in an answer: its columns, or the words of its text.
fn parts(one: &Explanation) -> Vec<(String, Json, f64)> {
    if let [column] = one.attributions.as_slice()
        && !column.words.is_empty()
    {
        let words = column.words.iter();
        return words.map(|word| (word.word.clone(), Json::Null, word.attribution)).collect();
    }
    let columns = one.attributions.iter();
    columns
        .map(|c| {
            let value = c.value.as_ref().and_then(|value| serde_json::to_value(value).ok());
            (c.column.clone(), value.unwrap_or_default(), c.attribution)
        })
        .collect()
}

/// The parts of one answer with the strongest first; of several answers, how much each adds on
/// average, by its size and with its sign.
pub(super) fn table(answer: &ExplanationResponse) -> Table {
    if let [one] = answer.explanations.as_slice() {
        let mut parts = parts(one);
        parts.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()));
        let has_values = parts.iter().any(|(_, value, _)| !value.is_null());
        let mut columns = vec![("column", false), ("adds", true), ("value", false)];
        columns.truncate(if has_values { 3 } else { 2 });
        let row = |(name, value, adds): (String, Json, f64)| {
            let mut cells = vec![name, signed(adds), super::cell_of(&value)];
            cells.truncate(columns.len());
            cells
        };
        return Table::new(&columns, parts.into_iter().map(row).collect());
    }
    let row = |(name, size, mean): (String, f64, f64)| vec![name, figure(size), signed(mean)];
    let columns = [("column", false), ("adds, either way", true), ("adds on average", true)];
    Table::new(&columns, means(answer).into_iter().map(row).collect())
}

fn signed(number: f64) -> String {
    let text = figure(number);
    if number > 0.0 { format!("+{text}") } else { text }
}

/// Of each column the mean size and the mean of what it adds, the strongest first.
fn means(answer: &ExplanationResponse) -> Vec<(String, f64, f64)> {
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for column in answer.explanations.iter().flat_map(|one| &one.attributions) {
        let (size, sum) = sums.entry(column.column.clone()).or_default();
        *size += column.attribution.abs();
        *sum += column.attribution;
    }
    let count = answer.explanations.len().max(1) as f64;
    let mut means: Vec<(String, f64, f64)> =
        sums.into_iter().map(|(name, (size, sum))| (name, size / count, sum / count)).collect();
    means.sort_by(|a, b| b.1.total_cmp(&a.1));
    means
}

/// Bars of the strongest parts of one answer, of the steps of its one column, or of how much columns add
/// on average.
pub(in crate::repl) fn plot(answer: &ExplanationResponse) -> Plot {
    let title = format!("{} {}, explanation", answer.model, answer.version);
    let (label, bars): (&str, Vec<(String, f64)>) = match answer.explanations.as_slice() {
        [one] => {
            if let [column] = one.attributions.as_slice()
                && !column.steps.is_empty()
            {
                return of_steps(title, &column.column, &column.steps);
            }
            let mut parts = parts(one);
            parts.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()));
            ("adds", parts.into_iter().map(|(name, _, adds)| (name, adds)).collect())
        }
        _ => {
            let means = means(answer).into_iter();
            ("adds, either way", means.map(|(name, size, _)| (name, size)).collect())
        }
    };
    super::analyses::bars(title, ("column", label), bars)
}

/// Columns of a waterfall that have a bar of their own.
const FALLS: usize = 12;

/// How the parts of one answer lead from its base to its value, the strongest first, with the values of the row;
/// the weakest are one bar. What raises and what lowers are layers of their own.
pub(in crate::repl) fn waterfall(title: String, one: &Explanation) -> Plot {
    let named = |(name, value, adds): (String, Json, f64)| match value {
        Json::Null => (name, adds),
        value => (format!("{name} = {}", super::cell_of(&value)), adds),
    };
    let mut parts: Vec<(String, f64)> = parts(one).into_iter().map(named).collect();
    parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let shown = if parts.len() > FALLS { FALLS - 1 } else { parts.len() };
    let others: Vec<(String, f64)> = parts.split_off(shown);
    if !others.is_empty() {
        let sum = others.iter().map(|(_, adds)| adds).sum();
        parts.push((format!("{} others", others.len()), sum));
    }
    let (mut names, mut at) = (vec!["base".to_owned()], one.base);
    let (mut raises, mut lowers) = (Spans::default(), Spans::default());
    for (name, adds) in parts {
        let spans = if adds < 0.0 { &mut lowers } else { &mut raises };
        spans.add(names.len(), (at, at + adds));
        names.push(name);
        at += adds;
    }
    let mut ends = Spans::default();
    ends.add(0, (0.0, one.base));
    ends.add(names.len(), (0.0, one.value));
    names.push("value".to_owned());
    let label = match (&one.class, one.scale) {
        (Some(class), ExplanationScale::LogOdds) => format!("log odds of {class}"),
        _ => "value".to_owned(),
    };
    Plot {
        title,
        x: Axis { label: "column".to_owned(), scale: Scale::Category(names) },
        y: Axis { label, scale: Scale::Number },
        layers: vec![ends.layer("base and value"), raises.layer("raises"), lowers.layer("lowers")],
    }
}

/// Bars of a waterfall that are drawn alike.
#[derive(Default)]
struct Spans {
    from: Vec<f64>,
    points: Vec<(f64, f64)>,
}

impl Spans {
    fn add(&mut self, place: usize, (from, to): (f64, f64)) {
        self.from.push(from);
        self.points.push((place as f64, to));
    }

    fn layer(self, name: &str) -> Layer {
        let mark = Mark::Spans { width: 0.8, from: self.from, is_range: false };
        Layer { name: name.to_owned(), mark, points: self.points }
    }
}

/// What each step of a window adds, the newest at the right.
fn of_steps(title: String, column: &str, steps: &[f64]) -> Plot {
    let back = |at: usize| at as f64 - (steps.len() - 1) as f64;
    let points = steps.iter().enumerate().map(|(at, adds)| (back(at), *adds)).collect();
    Plot {
        title: format!("{title}, {column}"),
        x: Axis { label: "steps before the newest".to_owned(), scale: Scale::Number },
        y: Axis { label: "adds".to_owned(), scale: Scale::Number },
        layers: vec![Layer { name: column.to_owned(), mark: Mark::Line, points }],
    }
}
