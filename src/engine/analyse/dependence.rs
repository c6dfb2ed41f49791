//! Partial dependence: how the answers change with a column while all others stay.

use super::answer::Looked;
use super::grid::{self, Grid};
use super::{Work, undone};
use crate::domain::analysis::{
    ColumnDependence, DependenceLine, DependencePoint, DependenceResult, DependenceSpec,
    PairDependence,
};
use crate::error::{Code, Error, Result};
use crate::stats;

const STAGE: &str = "dependence";
/// Rows that are answered in all, at most: about an hour of a network of the usual size.
const MOST_ANSWERS: u64 = 500_000_000;

/// A column, its grid, and what the network reads of each point.
struct Axis {
    grid: Grid,
    /// Which inputs are the column's.
    inputs: Vec<usize>,
    /// Of each point, the values of these.
    read: Vec<Vec<f32>>,
}

impl Axis {
    fn of(work: &Work<'_, '_>, name: &str, points: usize) -> Result<Self> {
        let frame = &work.held.frame;
        let grid = Grid::of(frame, name, points)?;
        let columns = work.features.inputs_of_columns();
        let inputs = columns.into_iter().find(|(known, _)| *known == name);
        let inputs = inputs.map(|(_, inputs)| inputs).unwrap_or_default();
        // All columns are there to be read; of the others the values do not matter.
        let rows = frame.take(&vec![0; grid.cells.len()])?;
        let rows = rows.with_values(name, grid.values()?)?;
        let made = work.features.transform(&rows)?;
        let point = |row: &[f32]| inputs.iter().map(|&input| row[input]).collect();
        let read = made.data.chunks_exact(made.width.max(1)).map(point).collect();
        Ok(Self { grid, inputs, read })
    }

    fn points(&self) -> usize {
        self.grid.cells.len()
    }

    fn set(&self, point: usize, row: &mut [f32]) {
        for (&input, value) in self.inputs.iter().zip(&self.read[point]) {
            row[input] = *value;
        }
    }
}

/// Answers every row at every point of the grids.
///
/// # Errors
/// [`Code::InvalidRequest`] for a column that has no value, and for more work than is done.
pub(super) fn dependence(
    work: &mut Work<'_, '_>,
    spec: &DependenceSpec,
) -> Result<DependenceResult> {
    let looked = Looked::at(&work.version.signature, spec.class.as_deref()).map_err(undone)?;
    let points = spec.points as usize;
    let axes: Vec<Axis> =
        spec.columns.iter().map(|name| Axis::of(work, name, points)).collect::<Result<_>>()?;
    let of_pair = |pair: &Vec<String>| {
        pair.iter()
            .map(|name| Axis::of(work, name, (points / 2).max(2)))
            .collect::<Result<Vec<_>>>()
    };
    let pairs: Vec<Vec<Axis>> = spec.pairs.iter().map(of_pair).collect::<Result<_>>()?;
    let rows = work.held.frame.rows();
    let combined = |pair: &Vec<Axis>| pair.iter().map(Axis::points).product::<usize>();
    let times = 1
        + axes.iter().map(Axis::points).sum::<usize>()
        + pairs.iter().map(combined).sum::<usize>();
    let total = rows as u64 * times as u64;
    if total > MOST_ANSWERS {
        let detail = format!(
            "{rows} rows would be answered {times} times, which is more than {MOST_ANSWERS} answers: \
             look at fewer rows, points or columns"
        );
        return Err(Error::field(Code::InvalidRequest, "/rows", detail));
    }
    let as_they_are = looked.of(&work.answers((STAGE, total), |_, _| {})?);
    let mean = stats::mean(&as_they_are).ok_or_else(|| undone("the answers have no mean"))?;
    let columns = axes
        .iter()
        .map(|axis| of_column(work, axis, (&looked, spec, total)))
        .collect::<Result<_>>()?;
    let pairs =
        pairs.iter().map(|pair| of_two(work, pair, (&looked, total))).collect::<Result<_>>()?;
    Ok(DependenceResult { class: looked.class, mean, centred: spec.centred, columns, pairs })
}

fn of_column(
    work: &mut Work<'_, '_>,
    axis: &Axis,
    (looked, spec, total): (&Looked, &DependenceSpec, u64),
) -> Result<ColumnDependence> {
    let (rows, points) = (work.held.frame.rows(), axis.points());
    let mut answers = vec![0.0; rows * points];
    for point in 0..points {
        let found = work.answers((STAGE, total), |_, row| axis.set(point, row))?;
        for (row, answer) in looked.of(&found).into_iter().enumerate() {
            answers[row * points + point] = answer;
        }
    }
    let lines = spec.lines as usize;
    let found = stats::partial_dependence(&answers, points, spec.centred, lines);
    let found = found.ok_or_else(|| undone("the answers have no mean"))?;
    let band = found.band.ok_or_else(|| undone("there is one row"))?;
    let point = |((value, mean), band): ((_, f64), stats::Band)| DependencePoint {
        value,
        mean,
        low: band.low,
        high: band.high,
    };
    let cells = axis.grid.cells.iter().cloned();
    let own = grid::cells(&work.held.frame, &axis.grid.column)?;
    let lines = found
        .lines
        .into_iter()
        .map(|line| DependenceLine { value: own[line.row].clone(), answers: line.scores });
    Ok(ColumnDependence {
        column: axis.grid.column.clone(),
        kind: axis.grid.kind,
        points: cells.zip(found.mean).zip(band).map(point).collect(),
        lines: lines.collect(),
    })
}

fn of_two(
    work: &mut Work<'_, '_>,
    pair: &[Axis],
    (looked, total): (&Looked, u64),
) -> Result<PairDependence> {
    let [first, second] = pair else { return Err(undone("a pair has two columns")) };
    let mut means = Vec::with_capacity(first.points());
    for one in 0..first.points() {
        let mut row_of_means = Vec::with_capacity(second.points());
        for other in 0..second.points() {
            let found = work.answers((STAGE, total), |_, row| {
                first.set(one, row);
                second.set(other, row);
            })?;
            let mean = stats::mean(&looked.of(&found));
            row_of_means.push(mean.ok_or_else(|| undone("the answers have no mean"))?);
        }
        means.push(row_of_means);
    }
    Ok(PairDependence {
        columns: pair.iter().map(|axis| axis.grid.column.clone()).collect(),
        first: first.grid.cells.clone(),
        second: second.grid.cells.clone(),
        means,
    })
}
