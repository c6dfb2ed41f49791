//! Adverse answers are attributed, and what adds most to them is put into words.

use std::cmp::Ordering;
use std::collections::HashMap;

use actuary_finance::{LEAST_SHARE, principal_reasons};

use super::wording::{self, Fact, Hurts, Subject};
use crate::domain::prediction::Row;
use crate::domain::reason::{
    BaselineSource, Reason, ReasonBaseline, ReasonDirections, ReasonEntry, ReasonMethod,
};
use crate::domain::schema::Cell;
use crate::engine::{
    Adverse, Asked, Attributed, AttributedColumn, Attributing, Baseline, Explainer, Quantity,
    Standing, Swap, Typical, most_lack,
};
use crate::error::Result;
use crate::frame::Frame;

/// Log odds that are lower by less are as good as equal: two ways through the same network differ by as much.
const EVEN: f64 = 1e-4;

/// How reasons are found and told.
pub(super) struct Way {
    pub(super) method: ReasonMethod,
    pub(super) directions: ReasonDirections,
    /// At most so many of a row.
    pub(super) max: usize,
    pub(super) language: Option<String>,
}

/// Tells the reasons of a version's answers.
pub(super) struct Teller<'a> {
    explainer: &'a Explainer,
    way: Way,
    /// The columns of the version in the order in which it reads them.
    columns: Vec<&'a str>,
    entries: Vec<ReasonEntry>,
    /// Which entries are for a set of columns that the version reads.
    by_columns: HashMap<Vec<String>, Vec<usize>>,
    /// Columns that are told as one, as the table names them.
    groups: Vec<Vec<String>>,
}

/// The reasons of adverse answers, row by row.
pub(super) struct Told {
    pub(super) rows: Vec<Vec<Reason>>,
    pub(super) baseline: ReasonBaseline,
    /// Whether the contributions of all add up.
    pub(super) holds: bool,
}

/// What adverse answers were attributed to, and what is known of those that they are compared with.
struct Found {
    baseline: Baseline,
    attributed: Vec<Attributed>,
    /// Of each row the places of its reasons among what it was attributed to.
    principal: Vec<Vec<usize>>,
    /// Of each column; none of versions that carry no values.
    typical: Vec<Option<Typical>>,
    /// Of each column of such versions, for each row.
    sides: Vec<Vec<Ordering>>,
    /// By row and column; of those that were scored.
    hurts: HashMap<(usize, usize), Hurts>,
    /// By row and the first of those columns of a group that lie on one side and were found to hurt: the side, and
    /// by how much the log odds fall without them.
    groups: HashMap<(usize, usize), (Ordering, f64)>,
}

/// What is known by scoring a row once more, if the log odds fall by enough.
struct Trial {
    /// Of a group the first of those that are other than they were.
    column: usize,
    least: f64,
    of: Of,
}

#[derive(Clone, Copy)]
enum Of {
    Usual,
    Named,
    None,
    /// All values of a group on one side.
    Group(Ordering),
}

impl<'a> Teller<'a> {
    pub(super) fn new(explainer: &'a Explainer, entries: Vec<ReasonEntry>, way: Way) -> Self {
        let columns = explainer.columns();
        let mut by_columns: HashMap<Vec<String>, Vec<usize>> = HashMap::new();
        let mut groups = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let group = of_version(entry, &columns);
            let known = by_columns.entry(group).or_insert_with_key(|group| {
                if group.len() > 1 {
                    groups.push(group.clone());
                }
                Vec::new()
            });
            known.push(at);
        }
        Self { explainer, way, columns, entries, by_columns, groups }
    }

    /// The reasons of the rows of a frame, all of which are answered adversely.
    ///
    /// # Errors
    /// As [`Explainer::explain`] and [`Explainer::baseline`].
    pub(super) fn tell(
        &self,
        frame: &Frame,
        adverse: Adverse<'_>,
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<Told> {
        let values = frame.to_rows()?;
        let found = self.found((frame, &values), adverse, stop)?;
        let rows = values.iter().enumerate().map(|(row, values)| {
            let told = found.told(row);
            told.map(|told| self.reason(&found, (row, values), told)).collect()
        });
        let rows = rows.collect();
        let holds = found.attributed.iter().all(|one| one.holds);
        Ok(Told { rows, baseline: found.baseline.described, holds })
    }

    fn found(
        &self,
        (frame, values): (&Frame, &[Row]),
        adverse: Adverse<'_>,
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<Found> {
        let explainer = self.explainer;
        let baseline = explainer.baseline(adverse)?;
        let quantity = adverse.quantity();
        let of = |_: usize| -> Quantity { quantity };
        let method = match self.way.method {
            ReasonMethod::ExpectedGradients => Attributing::Expected,
            ReasonMethod::Shapley => Attributing::Shapley,
        };
        let asked =
            Asked { groups: &self.groups, against: Some(&baseline), ..Asked::by(method, &of) };
        let attributed = explainer.explain(frame, &asked, stop)?;
        let principal = attributed.iter().map(|one| {
            let adds: Vec<f64> = one.columns.iter().map(|column| column.attribution).collect();
            principal_reasons(&adds, self.way.max)
        });
        let principal = principal.collect();
        let typical =
            self.columns.iter().map(|column| explainer.typical(&baseline, column)).collect();
        let sides = match baseline.described.source {
            BaselineSource::Applicants => Vec::new(),
            BaselineSource::ReferenceRows => explainer.sides(frame, &baseline)?,
        };
        let (hurts, groups) = (HashMap::new(), HashMap::new());
        let mut found = Found { baseline, attributed, principal, typical, sides, hurts, groups };
        if self.way.directions == ReasonDirections::Scored {
            self.score(&mut found, (frame, values), adverse, stop)?;
        }
        Ok(found)
    }

    /// Scores the rows once more, each with what the baseline has in the column of each reason, or in those of a
    /// group that lie on one side of it.
    fn score(
        &self,
        found: &mut Found,
        (frame, values): (&Frame, &[Row]),
        adverse: Adverse<'_>,
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        let (swaps, trials) = self.trials(found, values);
        let quantity = adverse.quantity();
        let instead = self.explainer.instead(frame, &swaps, &found.baseline, quantity, stop)?;
        for ((swap, trial), instead) in swaps.iter().zip(trials).zip(instead) {
            let row = swap.row;
            let Some(one) = found.attributed.get(row) else { continue };
            let fall = one.value - instead;
            let does = fall >= trial.least && adverse.eases(one.value, instead);
            let at = (row, trial.column);
            let known = found.hurts.get_mut(&at);
            match (trial.of, known) {
                (Of::Group(side), _) if does => {
                    found.groups.insert(at, (side, fall));
                }
                (Of::Usual, Some(known)) => known.usual &= does,
                (Of::Named, Some(known)) => known.named &= does,
                (Of::None, Some(known)) => known.none &= does,
                _ => {}
            }
        }
        Ok(())
    }

    fn trials(&self, found: &mut Found, values: &[Row]) -> (Vec<Swap>, Vec<Trial>) {
        let standing = self.explainer.standing(&found.baseline, &found.typical);
        let mut trials = Vec::new();
        let mut hurts = HashMap::new();
        for (row, values) in values.iter().enumerate() {
            for told in found.told(row) {
                let least = (LEAST_SHARE * told.attribution).max(EVEN);
                let mut add = |with: Vec<(usize, usize)>, of| {
                    let Some(&(column, _)) = with.first() else { return };
                    trials.push((Swap { row, with }, Trial { column, least, of }));
                };
                let Some(column) = self.place(told) else {
                    for (side, with) in self.on_sides(found, (row, values), told, &standing) {
                        add(with, Of::Group(side));
                    }
                    continue;
                };
                let Some(Standing { usual, named, none }) = standing.get(column) else { continue };
                let known = Hurts { usual: usual.is_some(), named: true, none: none.is_some() };
                hurts.insert((row, column), known);
                usual.iter().for_each(|with| add(vec![(column, *with)], Of::Usual));
                named.iter().for_each(|with| add(vec![(column, *with)], Of::Named));
                none.iter().for_each(|with| add(vec![(column, *with)], Of::None));
            }
        }
        found.hurts = hurts;
        trials.into_iter().unzip()
    }

    /// The columns of a group whose values lie above the baseline, and those below, each with the row that stands
    /// for it there; none where no entry of the group is for a side.
    fn on_sides(
        &self,
        found: &Found,
        (row, values): (usize, &Row),
        told: &AttributedColumn,
        standing: &[Standing],
    ) -> [(Ordering, Vec<(usize, usize)>); 2] {
        let entries = self.by_columns.get(&told.columns).map_or(&[][..], Vec::as_slice);
        let has_side = |at: &usize| self.entries.get(*at).is_some_and(wording::has_side);
        let asked = entries.iter().any(has_side);
        let of = |side| {
            let with = told.columns.iter().filter(|_| asked).filter_map(|name| {
                let column = self.column(name)?;
                let cell = values.get(name).unwrap_or(&Cell::Null);
                let lies = found.side((row, column), cell);
                (lies == side).then(|| Some((column, standing.get(column)?.usual?)))?
            });
            (side, with.collect())
        };
        [of(Ordering::Greater), of(Ordering::Less)]
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|known| *known == name)
    }

    /// The place of the one column that something is told of; None of a group.
    fn place(&self, told: &AttributedColumn) -> Option<usize> {
        told.columns.is_empty().then(|| self.column(&told.name)).flatten()
    }

    fn reason(
        &self,
        found: &Found,
        (row, values): (usize, &Row),
        told: &AttributedColumn,
    ) -> Reason {
        let columns = match told.columns.as_slice() {
            [] => std::slice::from_ref(&told.name),
            several => several,
        };
        let entries = self.by_columns.get(columns).map_or(&[][..], Vec::as_slice);
        let entries: Vec<&ReasonEntry> =
            entries.iter().filter_map(|at| self.entries.get(*at)).collect();
        let cell = values.get(&told.name).unwrap_or(&Cell::Null);
        let fact = self.place(told).map(|place| self.fact(found, (row, place), (&told.name, cell)));
        let subject = fact.map_or_else(|| self.group(found, row, told), Subject::Column);
        let entry = wording::entry_for(&entries, subject, self.way.language.as_deref());
        let (code, text) = match (entry, fact) {
            (Some(entry), _) => (entry.code.clone(), entry.text.clone()),
            (None, Some(fact)) => (fact.column.to_owned(), wording::default_text(fact)),
            // A group has an entry for all values at least.
            (None, None) => (columns.join(" + "), columns.join(", ")),
        };
        Reason { code, text, columns: columns.to_vec(), contribution: told.attribution }
    }

    fn group(&self, found: &Found, row: usize, told: &AttributedColumn) -> Subject<'static> {
        let known =
            told.columns.iter().filter_map(|name| found.groups.get(&(row, self.column(name)?)));
        let known = known.max_by(|a, b| a.1.total_cmp(&b.1));
        Subject::Group(known.map_or(Ordering::Equal, |(side, _)| *side))
    }

    fn fact<'f>(
        &self,
        found: &'f Found,
        (row, place): (usize, usize),
        (column, cell): (&'f str, &'f Cell),
    ) -> Fact<'f> {
        let hurts = match self.way.directions {
            ReasonDirections::Placed => Hurts::UNSCORED,
            ReasonDirections::Scored => {
                found.hurts.get(&(row, place)).copied().unwrap_or(Hurts::UNKNOWN)
            }
        };
        let typical = found.typical.get(place).and_then(Option::as_ref);
        // What most lack is missing as it is of most.
        let is_scored = self.way.directions == ReasonDirections::Scored;
        let lacks = typical.is_some_and(|typical| most_lack(typical.present()));
        let is_usual = is_scored && lacks && *cell == Cell::Null;
        let hurts = Hurts { usual: hurts.usual && !is_usual, ..hurts };
        let side = if hurts.usual { found.side((row, place), cell) } else { Ordering::Equal };
        Fact { column, cell, typical, side, hurts }
    }
}

impl Found {
    /// On which side of the baseline a row's value in a column lies.
    fn side(&self, (row, place): (usize, usize), cell: &Cell) -> Ordering {
        match self.typical.get(place).and_then(Option::as_ref) {
            Some(typical) => wording::side(cell, typical),
            None => {
                let of_inputs = self.sides.get(place).and_then(|sides| sides.get(row));
                of_inputs.copied().unwrap_or(Ordering::Equal)
            }
        }
    }

    /// What the reasons of a row are of, the strongest first.
    fn told(&self, row: usize) -> impl Iterator<Item = &AttributedColumn> {
        let one = self.attributed.get(row).zip(self.principal.get(row));
        one.into_iter()
            .flat_map(|(one, places)| places.iter().filter_map(|place| one.columns.get(*place)))
    }
}

/// Those of an entry's columns that a version reads, in its order.
fn of_version(entry: &ReasonEntry, columns: &[&str]) -> Vec<String> {
    let is_of = |name: &&&str| entry.columns.iter().any(|of| of == **name);
    columns.iter().filter(is_of).map(|name| (*name).to_owned()).collect()
}
