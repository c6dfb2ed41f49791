//! What is done about prices that are missing.

use super::grid::{Grid, listed};
use super::{Prices, refuse};
use crate::domain::prices::{MissingPrices, PriceValues, PricesRequest};
use crate::error::Result;

/// A grid without gaps, closed as the request says.
pub(super) fn closed(
    mut grid: Grid,
    request: &PricesRequest,
    is_timestamp: bool,
) -> Result<Prices> {
    let mut dropped_assets = Vec::new();
    let (mut dropped_dates, mut filled, mut sparsest) = (0, 0, Vec::new());
    if grid.values.iter().any(|value| value.is_nan()) {
        match request.missing {
            MissingPrices::Refuse => return Err(gaps(&grid)),
            MissingPrices::DropAssets => dropped_assets = drop_assets(&mut grid),
            MissingPrices::DropDates => {
                sparsest = lacking_most(&grid);
                dropped_dates = drop_dates(&mut grid);
            }
            MissingPrices::ForwardFill if request.values == PriceValues::Returns => {
                let detail = "returns can't be filled in with the last one; leave out assets \
                              (drop_assets) or times (drop_dates)";
                return Err(refuse("missing", detail));
            }
            MissingPrices::ForwardFill => filled = forward_fill(&mut grid)?,
        }
    }
    Ok(Prices {
        times: grid.times,
        is_timestamp,
        assets: grid.assets,
        values: grid.values,
        holds: request.values,
        dropped_assets,
        dropped_dates,
        sparsest,
        filled,
    })
}

/// The places of assets that lack a price.
fn lacking(grid: &Grid) -> Vec<bool> {
    let width = grid.assets.len();
    let mut lacks = vec![false; width];
    for (at, value) in grid.values.iter().enumerate() {
        lacks[at % width] |= value.is_nan();
    }
    lacks
}

fn gaps(grid: &Grid) -> crate::error::Error {
    let lacks = lacking(grid);
    let names: Vec<String> =
        grid.assets.iter().zip(&lacks).filter(|(_, l)| **l).map(|(n, _)| n.clone()).collect();
    let complete = grid.assets.len() - names.len();
    let detail = format!(
        "{} of {} assets have no price at some of {} times: {}; say in missing whether to leave out \
         these assets (drop_assets, which leaves {complete}), the times (drop_dates), or to let the \
         last price stand (forward_fill)",
        names.len(),
        grid.assets.len(),
        grid.times.len(),
        listed(&names)
    );
    refuse("missing", detail)
}

fn drop_assets(grid: &mut Grid) -> Vec<String> {
    let lacks = lacking(grid);
    let width = lacks.len();
    let mut at = 0;
    grid.values.retain(|_| {
        at += 1;
        !lacks[(at - 1) % width]
    });
    let (dropped, kept): (Vec<_>, Vec<_>) =
        std::mem::take(&mut grid.assets).into_iter().zip(lacks).partition(|(_, lacks)| *lacks);
    grid.assets = kept.into_iter().map(|(name, _)| name).collect();
    dropped.into_iter().map(|(name, _)| name).collect()
}

/// The assets that lack most prices, by name, the worst first.
fn lacking_most(grid: &Grid) -> Vec<String> {
    const MOST: usize = 5;
    let width = grid.assets.len();
    let mut counts = vec![0_usize; width];
    for (at, value) in grid.values.iter().enumerate() {
        counts[at % width] += usize::from(value.is_nan());
    }
    let mut places: Vec<usize> = (0..width).filter(|at| counts[*at] > 0).collect();
    places.sort_by_key(|at| std::cmp::Reverse(counts[*at]));
    places.into_iter().take(MOST).map(|at| grid.assets[at].clone()).collect()
}

fn drop_dates(grid: &mut Grid) -> usize {
    let width = grid.assets.len();
    let before = grid.times.len();
    let rows = grid.times.iter().zip(grid.values.chunks_exact(width));
    let complete = rows.filter(|(_, row)| row.iter().all(|value| !value.is_nan()));
    let (times, rows): (Vec<f64>, Vec<&[f64]>) = complete.unzip();
    let values = rows.concat();
    grid.times = times;
    grid.values = values;
    before - grid.times.len()
}

/// How many prices were filled in.
fn forward_fill(grid: &mut Grid) -> Result<usize> {
    let width = grid.assets.len();
    let late: Vec<String> = (0..width.min(grid.values.len()))
        .filter(|at| grid.values[*at].is_nan())
        .map(|at| grid.assets[at].clone())
        .collect();
    if !late.is_empty() {
        let detail = format!(
            "{} assets have no price at the first time, so that there is none to stand: {}; begin \
             later (from), or leave them out (assets)",
            late.len(),
            listed(&late)
        );
        return Err(refuse("missing", detail));
    }
    let mut filled = 0;
    for at in width..grid.values.len() {
        if grid.values[at].is_nan() {
            grid.values[at] = grid.values[at - width];
            filled += 1;
        }
    }
    Ok(filled)
}
