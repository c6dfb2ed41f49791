//! A tree and a line in place of a version.

use serde_json::{Map, Value as Json};

use super::super::super::table::Table;
use super::super::super::text::{counted, figure};
use super::shown;
use crate::domain::analysis::{
    SurrogateFidelity, SurrogatePart, SurrogateResult, SurrogateRule, SurrogateTerm,
};
use crate::plot::Plot;

/// `p(yes): tree R2 0.93, 97 % of equal labels; line R2 0.81, 92 % of equal labels`.
pub(super) fn text(found: &SurrogateResult) -> String {
    let of = found.class.as_ref().map_or_else(String::new, |class| format!("p({class}): "));
    let (tree, line) = (fidelity(&found.tree.fidelity), fidelity(&found.linear.fidelity));
    format!("{of}tree {tree}; line {line}")
}

fn fidelity(found: &SurrogateFidelity) -> String {
    let r2 = found.r2.map_or_else(|| "without an R2".to_owned(), |r2| format!("R2 {r2:.2}"));
    let agreement = found.agreement.map(|a| format!(", {:.0} % of equal labels", a * 100.0));
    r2 + &agreement.unwrap_or_default()
}

fn conditions(rule: &SurrogateRule) -> String {
    match rule.conditions.as_slice() {
        [] => "all".to_owned(),
        conditions => conditions.join(" and "),
    }
}

/// One line for each leaf.
pub(super) fn rules(found: &SurrogateResult) -> Vec<String> {
    let line = |rule: &SurrogateRule| {
        format!("{}: {}, {}", conditions(rule), figure(rule.mean), counted(rule.rows, "row"))
    };
    found.tree.rules.iter().map(line).collect()
}

/// The rules, then the terms.
pub(super) fn described(found: &SurrogateResult) -> Vec<Map<String, Json>> {
    let row = |of: &str, what: String, value: f64| {
        Map::from_iter([
            ("of".to_owned(), of.into()),
            ("what".to_owned(), what.into()),
            ("value".to_owned(), value.into()),
        ])
    };
    let rules = found.tree.rules.iter().map(|rule| row("tree", conditions(rule), rule.mean));
    let intercept = row("line", "intercept".to_owned(), found.linear.intercept);
    let terms = found.linear.terms.iter().map(|term| row("line", name(term), term.coefficient));
    rules.chain([intercept]).chain(terms).collect()
}

/// The rules, from the lowest answer to the highest.
pub(super) fn table(found: &SurrogateResult) -> Table {
    let mut rules: Vec<&SurrogateRule> = found.tree.rules.iter().collect();
    rules.sort_by(|a, b| a.mean.total_cmp(&b.mean));
    let row =
        |rule: &&SurrogateRule| vec![figure(rule.mean), rule.rows.to_string(), conditions(rule)];
    let columns = [("answer", true), ("rows", true), ("where", false)];
    Table::new(&columns, rules.iter().map(row).collect())
}

fn name(term: &SurrogateTerm) -> String {
    let column = &term.column;
    match (term.part, &term.category) {
        (SurrogatePart::Missing, _) => format!("{column} is missing"),
        (SurrogatePart::Others, _) => format!("{column} is rare"),
        (_, Some(category)) => format!("{column} is {}", shown(category)),
        _ => column.clone(),
    }
}

/// What the strongest terms of the line add, for one standard deviation.
pub(super) fn plot(title: String, found: &SurrogateResult) -> Plot {
    let named = found.linear.terms.iter().map(|term| (name(term), term.standardised)).collect();
    super::bars(title, ("term", "adds for one standard deviation"), named)
}
