//! Surrogates: a tree and a line that can be read, fitted to what a version answers.

mod columns;

use self::columns::{Columns, Read};
use super::answer::Looked;
use super::{Work, undone};
use crate::domain::analysis::{
    SurrogateFidelity, SurrogateLinear, SurrogateNode, SurrogatePart, SurrogateResult,
    SurrogateRule, SurrogateSpec, SurrogateSplit, SurrogateTerm, SurrogateTree,
};
use crate::domain::schema::Cell;
use crate::engine::random::{Purpose, keyed, shuffle};
use crate::error::Result;
use crate::stats::surrogate::{
    self, Column, FAITHFUL, Fidelity, Linear, Part, Test, Tree, TreeOptions,
};

const STAGE: &str = "surrogate";
const UNFIT: &str = "no surrogate can be fitted to these answers";

/// Fits both to one half of the rows, and holds them against the answers to the other half. Warnings say
/// where they tell little.
pub(super) fn surrogate(
    work: &mut Work<'_, '_>,
    spec: &SurrogateSpec,
) -> Result<(SurrogateResult, Vec<String>)> {
    let looked = Looked::at(&work.version.signature, spec.class.as_deref()).map_err(undone)?;
    let rows = work.held.frame.rows();
    let answers = looked.of(&work.answers((STAGE, rows as u64), |_, _| {})?);
    let (fitted, held_out) = halves(rows, work.seed);
    let names: Vec<&str> = work.features.names().collect();
    let columns = Columns::of(&work.held.frame, &names, &fitted)?;
    let of = |rows: &[usize]| rows.iter().map(|&row| answers[row]).collect::<Vec<f64>>();
    let (target, wanted) = (of(&fitted), of(&held_out));
    let learnt = columns.read(&fitted);
    let asked = columns.read(&held_out);
    let options = TreeOptions { max_depth: spec.depth as usize, min_leaf: spec.leaf as usize };
    let unfit = || undone(UNFIT);
    let (learnt, asked) = (views(&learnt), views(&asked));
    let tree = surrogate::fit_tree(&learnt, &target, None, options).ok_or_else(unfit)?;
    let linear = surrogate::fit_linear(&learnt, &target, spec.penalty).ok_or_else(unfit)?;
    let measured = |predictions: Option<Vec<f64>>| {
        let found = surrogate::fidelity(&predictions?, &wanted, looked.threshold);
        found.map(said)
    };
    let of_tree = measured(tree.predict(&asked)).ok_or_else(unfit)?;
    let of_line = measured(linear.predict(&asked)).ok_or_else(unfit)?;
    let warnings = [("tree", &of_tree), ("linear surrogate", &of_line)];
    let warnings = warnings.into_iter().filter_map(|(what, found)| warning(what, found)).collect();
    let result = SurrogateResult {
        class: looked.class,
        threshold: looked.threshold,
        fitted_rows: fitted.len() as u64,
        held_out_rows: held_out.len() as u64,
        tree: told_tree(&columns, &tree, of_tree),
        linear: told_line(&columns, &linear, of_line),
    };
    Ok((result, warnings))
}

/// Two halves of so many rows, by the seed.
fn halves(rows: usize, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..rows).collect();
    shuffle(&mut keyed(seed, Purpose::Analysis, 1, 0), &mut order);
    let held_out = order.split_off(rows.div_ceil(2));
    (order, held_out)
}

fn views(read: &[Read]) -> Vec<Column<'_>> {
    read.iter().map(Read::view).collect()
}

fn said(found: Fidelity) -> SurrogateFidelity {
    let is_faithful = found.is_faithful();
    SurrogateFidelity { r2: found.r2, agreement: found.agreement, is_faithful }
}

fn warning(what: &str, found: &SurrogateFidelity) -> Option<String> {
    let r2 = found.r2.map(|r2| format!("an R2 of {r2:.2}"));
    let agreement = found.agreement.map(|a| format!("{:.0} % of equal labels", a * 100.0));
    let figures: Vec<String> = r2.into_iter().chain(agreement).collect();
    (!found.is_faithful).then(|| {
        format!(
            "the {what} stands in for the version with {} on rows that it was not fitted to: below \
             {FAITHFUL} it tells little of the version",
            figures.join(" and ")
        )
    })
}

fn told_tree(columns: &Columns, tree: &Tree, fidelity: SurrogateFidelity) -> SurrogateTree {
    let names = columns.names();
    let rule = |rule: surrogate::Rule| SurrogateRule {
        conditions: rule.conditions,
        mean: rule.mean,
        rows: rule.rows as u64,
    };
    let node = |node: &surrogate::Node| SurrogateNode {
        mean: node.mean,
        rows: node.rows as u64,
        split: node.split.as_ref().map(|split| told_split(columns, split)),
    };
    SurrogateTree {
        fidelity,
        rules: tree.rules(&names).into_iter().map(rule).collect(),
        text: tree.indented(&names),
        nodes: tree.nodes().iter().map(node).collect(),
    }
}

fn told_split(columns: &Columns, split: &surrogate::Split) -> SurrogateSplit {
    let mut said = SurrogateSplit {
        column: columns.name(split.column).to_owned(),
        below: None,
        among: Vec::new(),
        missing: false,
        others: false,
        left: u32::try_from(split.left).unwrap_or(u32::MAX),
        right: u32::try_from(split.right).unwrap_or(u32::MAX),
    };
    match &split.test {
        Test::Below { threshold, missing } => {
            said.below = Some(columns.bound(split.column, *threshold));
            said.missing = *missing;
        }
        Test::Missing => said.missing = true,
        Test::In { levels } => {
            for level in levels {
                match columns.level(split.column, *level) {
                    Level::Known(cell) => said.among.push(cell),
                    Level::Missing => said.missing = true,
                    Level::Others => said.others = true,
                }
            }
        }
    }
    said
}

/// A category of a column.
#[derive(Debug, Clone, PartialEq)]
enum Level {
    Known(Cell),
    Missing,
    /// Rare ones, and those that no fitted row has, which are not told apart.
    Others,
}

fn told_line(columns: &Columns, linear: &Linear, fidelity: SurrogateFidelity) -> SurrogateLinear {
    let term = |term: &surrogate::Term| {
        let (part, category) = match term.part {
            Part::Number => (SurrogatePart::Number, None),
            Part::Missing => (SurrogatePart::Missing, None),
            Part::Level(level) => match columns.level(term.column, level) {
                Level::Known(cell) => (SurrogatePart::Category, Some(cell)),
                Level::Missing => (SurrogatePart::Missing, None),
                Level::Others => (SurrogatePart::Others, None),
            },
        };
        SurrogateTerm {
            column: columns.name(term.column).to_owned(),
            part,
            category,
            coefficient: term.original,
            standardised: term.standardised,
            mean: term.mean,
        }
    };
    let mut terms: Vec<SurrogateTerm> = linear.terms.iter().map(term).collect();
    terms.sort_by(|a, b| b.standardised.abs().total_cmp(&a.standardised.abs()));
    SurrogateLinear { fidelity, intercept: linear.intercept, terms }
}
