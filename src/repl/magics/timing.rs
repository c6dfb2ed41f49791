//! `%time` and `%timeit`.

use std::time::{Duration, Instant};

use super::super::context::interrupted;
use super::super::evaluator::{Evaluation, Given};
use super::super::text::precise;
use super::{Carried, invalid, own};

/// Rounds, of which the best and the mean are told.
const ROUNDS: u32 = 5;
/// A round of quick code takes about so long.
const ROUND: Duration = Duration::from_millis(200);
/// Most times in a round.
const MOST: u128 = 10_000;

pub(super) fn time(evaluation: &Evaluation<'_, '_>, code: &str) -> Carried {
    if code.trim().is_empty() {
        return Err(own(invalid("%time needs code behind it, or below it")));
    }
    let began = Instant::now();
    let given = evaluation.code(code);
    evaluation.context.print(&format!("took {}", precise(began.elapsed())));
    given
}

pub(super) fn timeit(evaluation: &Evaluation<'_, '_>, code: &str) -> Carried {
    if code.trim().is_empty() {
        return Err(own(invalid("%timeit needs code behind it, or below it")));
    }
    let began = Instant::now();
    evaluation.code_alone(code)?;
    let once = began.elapsed().max(Duration::from_nanos(1));
    let times = (ROUND.as_nanos() / once.as_nanos()).clamp(1, MOST) as u32;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..times {
            if evaluation.context.is_to_end() {
                return Err(own(interrupted("interrupted")));
            }
            evaluation.code_alone(code)?;
        }
        rounds.push(began.elapsed() / times);
    }
    let best = rounds.iter().min().copied().unwrap_or_default();
    let mean = rounds.iter().sum::<Duration>() / ROUNDS;
    evaluation.context.print(&format!(
        "{} at best, {} on average, of {ROUNDS} rounds of {times}",
        precise(best),
        precise(mean)
    ));
    Ok(Given::default())
}
