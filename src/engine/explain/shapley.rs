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

/// Who asks for Shapley values: whose fields a refusal names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A request for explanations, with rows and groups of its own.
    Explanation,
    /// A prediction whose adverse answers are given reasons: its groups are those of a reason table.
    Reasons,
}

/// Refuses more rows than may be asked about at once.
///
/// # Errors
/// [`Code::InvalidRequest`], naming how many may be asked.
pub(super) fn check_work(
    asker: Asker,
    (rows, players): (usize, usize),
    references: usize,
    multiply_adds: f64,
) -> Result<()> {
    let most_players = Coalition::BITS as usize;
    let (groups, fewer) = match asker {
        Asker::Explanation => ("groups", "send"),
        Asker::Reasons => ("groups of the reason table", "ask for the reasons of"),
    };
    let refuse = |pointer: &str, detail| {
        let pointer = match asker {
            Asker::Explanation => pointer,
            Asker::Reasons => "/reasons/method",
        };
        Err(Error::field(Code::InvalidRequest, pointer, detail))
    };
    if players > most_players {
        let detail = format!(
            "{players} columns are more than {most_players}: tell some as one by {groups}, or ask for \
             expected_gradients"
        );
        return refuse("/groups", detail);
    }
    let of_row = (coalitions(players) * references).max(1) as f64;
    let most = (SCORED / of_row).min(MULTIPLY_ADDS / (of_row * multiply_adds.max(1.0)));
    if rows as f64 > most.floor() {
        let scored = coalitions(players) * references;
        let way = match most.floor() as usize {
            0 => format!("tell more columns as one by {groups}"),
            1 => format!("{fewer} 1 at most, or fewer columns by {groups}"),
            most => format!("{fewer} {most} at most, or fewer columns by {groups}"),
        };
        let what = match asker {
            Asker::Explanation => "rows",
            Asker::Reasons => "adverse answers",
        };
        let detail = format!(
            "{rows} {what} are too many: Shapley values of {players} columns score {scored} rows for each \
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
        let check = |rows, players, multiply_adds| {
            check_work(Asker::Explanation, (rows, players), 64, multiply_adds)
        };
        assert!(check(10, 12, 1e5).is_ok());
        let refused = check(100, 12, 1e5).unwrap_err().to_string();
        assert!(refused.contains("send 15 at most"), "{refused}");
        assert!(check(15, 12, 1e5).is_ok());
        assert!(check(16, 12, 1e5).is_err());
        let refused = check(1, 23, 1e8).unwrap_err().to_string();
        assert!(refused.contains("tell more columns as one"), "{refused}");
        let refused = check(1, 129, 1.0).unwrap_err().to_string();
        assert!(refused.contains("129 columns are more than 128"), "{refused}");
    }

    /// A prediction has no groups, and may have no rows either but columns.
    #[test]
    fn reasons_are_refused_by_their_method() {
        for (rows, players, multiply_adds, way) in [
            (100, 12, 1e5, "15 at most"),
            (1, 23, 1e8, "tell more columns as one by groups of the reason table"),
            (1, 129, 1.0, "129 columns are more than 128"),
        ] {
            let refused =
                check_work(Asker::Reasons, (rows, players), 64, multiply_adds).unwrap_err();
            let Error::Problem { errors, .. } = refused else { panic!("{refused}") };
            assert_eq!(errors[0].pointer, "/reasons/method");
            let detail = &errors[0].detail;
            assert!(
                detail.contains(way) && detail.contains("ask for expected_gradients"),
                "{detail}"
            );
        }
    }
}
