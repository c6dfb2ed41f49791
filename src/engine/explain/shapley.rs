//! Shapley values of columns and of groups of them: what is read of a row is mixed with what is read of
//! reference rows, column by column.

use super::Quantity;
use super::gradients::Differentiable;
use super::paths::{Integrated, go_on};
use super::players::Player;
use crate::domain::network::NetworkSpec;
use crate::engine::features::Layout;
use crate::error::{Code, Error, Result};
use crate::stats::shapley::{
    Coalition, EXACT_PLAYERS, Game, Shapley, default_samples, exact, kernel,
};

/// Of the coalitions that are drawn where they are too many: the same for every request.
const SEED: u64 = 1;
/// What is scored for a request, at most: rows, and multiply-adds of these, about half a minute of a core.
const SCORED: f64 = (1 << 24) as f64;
const MULTIPLY_ADDS: f64 = 4e11;

/// Coalitions of so many players that are valued.
fn coalitions(players: usize) -> usize {
    match players {
        0..=EXACT_PLAYERS => 1 << players,
        more => default_samples(more) + 2,
    }
}

/// Multiply-adds of a network of so many weights on one row, about.
pub(super) fn work(spec: &NetworkSpec, layout: &Layout, weights: usize) -> f64 {
    let each = match (spec, layout) {
        (NetworkSpec::Tabm(tabm), _) => tabm.members.unwrap_or(1) as usize,
        (NetworkSpec::Transformer(_), Layout::Table(groups)) => groups.len() + 1,
        (_, Layout::Sequence { steps, .. }) => *steps,
        _ => 1,
    };
    (weights * each.max(1)) as f64
}

/// Refuses more rows than may be asked about at once.
///
/// # Errors
/// [`Code::InvalidRequest`], naming how many may be asked.
pub(super) fn check_work(
    rows: usize,
    players: usize,
    references: usize,
    multiply_adds: f64,
) -> Result<()> {
    let refuse = |pointer: &str, detail| Err(Error::field(Code::InvalidRequest, pointer, detail));
    let most_players = Coalition::BITS as usize;
    if players > most_players {
        let detail = format!(
            "{players} columns are more than {most_players}: tell some as one by groups, or ask for \
             expected_gradients"
        );
        return refuse("/groups", detail);
    }
    let of_row = (coalitions(players) * references).max(1) as f64;
    let most = (SCORED / of_row).min(MULTIPLY_ADDS / (of_row * multiply_adds.max(1.0)));
    if rows as f64 > most.floor() {
        let scored = coalitions(players) * references;
        let way = match most.floor() as usize {
            0 => "tell more columns as one by groups".to_owned(),
            1 => "send 1 row at most, or fewer columns by groups".to_owned(),
            most => format!("send {most} at most, or fewer columns by groups"),
        };
        let detail = format!(
            "{rows} rows are too many: Shapley values of {players} columns score {scored} rows for each \
             of them; {way}, or ask for expected_gradients"
        );
        return refuse("/rows", detail);
    }
    Ok(())
}

/// The values of the players, with their standard errors.
///
/// # Errors
/// As [`Differentiable::values`]; [`Code::Cancelled`] when `stop` says so; internal where a value is not
/// finite.
pub(super) fn shapley(
    networks: &Differentiable,
    row: &[f32],
    references: &[f32],
    players: &[Player],
    of: Quantity,
    stop: &mut dyn FnMut() -> bool,
) -> Result<(Integrated, Option<Vec<f64>>)> {
    let undefined = || Error::internal("explaining", "a Shapley value is not defined");
    let groups: Vec<Vec<usize>> = players.iter().map(|player| player.inputs.clone()).collect();
    let game = Game::new(row, references, &groups).ok_or_else(undefined)?;
    let batch = game.batch(networks.at_once());
    let mut score = |rows: &[f32]| networks.values(rows, row.len(), of);
    let mut value_of = |coalitions: &[Coalition]| {
        go_on(stop)?;
        game.values(coalitions, &mut score)
    };
    let found = match players.len() {
        0..=EXACT_PLAYERS => exact(players.len(), batch, &mut value_of)?,
        more => kernel(more, default_samples(more), SEED, batch, &mut value_of)?,
    };
    let Shapley { base, full, values, standard_errors, coalitions } =
        found.ok_or_else(undefined)?;
    let points = coalitions * (references.len() / row.len().max(1));
    let integrated =
        Integrated { attributions: values, value: full, base, points, unit: of.unit() };
    Ok((integrated, standard_errors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_rows_may_be_asked_about() {
        assert!(check_work(10, 12, 64, 1e5).is_ok());
        let refused = check_work(100, 12, 64, 1e5).unwrap_err().to_string();
        let says = "send 15 at most";
        assert!(refused.contains(says), "{refused}");
        assert!(check_work(15, 12, 64, 1e5).is_ok());
        assert!(check_work(16, 12, 64, 1e5).is_err());
        let refused = check_work(1, 23, 64, 1e8).unwrap_err().to_string();
        assert!(refused.contains("tell more columns as one"), "{refused}");
        let refused = check_work(1, 129, 64, 1.0).unwrap_err().to_string();
        assert!(refused.contains("129 columns are more than 128"), "{refused}");
    }
}
