use std::convert::Infallible;

use super::*;
use crate::stats::shapley::exact;

type Answer = Result<Vec<f64>, Infallible>;

/// A game with single, pair and triple effects.
fn game(players: usize) -> impl FnMut(&[Coalition]) -> Answer {
    move |masks| {
        let value = |mask: &Coalition| {
            let is_in = |player: usize| f64::from(mask >> (player % players) & 1 == 1);
            let single: f64 = (0..players).map(|p| is_in(p) * (p as f64 - 2.0)).sum();
            let pairs: f64 = (0..players).map(|p| is_in(p) * is_in(p + 1)).sum();
            let triples: f64 = (0..players).map(|p| is_in(p) * is_in(p + 2) * is_in(p + 5)).sum();
            0.3 + single + 1.5 * pairs - 0.7 * triples + (single * 0.2).tanh()
        };
        Ok(masks.iter().map(value).collect())
    }
}

fn run(players: usize, samples: usize, seed: u64) -> Shapley {
    kernel(players, samples, seed, 100, &mut game(players)).unwrap().unwrap()
}

#[test]
fn it_is_exact_where_all_coalitions_fit() {
    for players in 1..=11 {
        let found = run(players, default_samples(players), 1);
        let wanted = exact(players, 100, &mut game(players)).unwrap().unwrap();
        assert_eq!(found.coalitions, wanted.coalitions);
        assert_eq!(found.standard_errors, Some(vec![0.0; players]));
        for (found, wanted) in found.values.iter().zip(&wanted.values) {
            assert!((found - wanted).abs() < 1e-9, "{found} is not {wanted}");
        }
    }
}

#[test]
fn it_is_exact_for_an_additive_game() {
    let additive = &mut |masks: &[Coalition]| -> Answer {
        Ok(masks.iter().map(|m| members(*m).map(|p| p as f64).sum::<f64>() - 4.0).collect())
    };
    for players in [13, 40, 127, 128] {
        let found = kernel(players, default_samples(players), 3, 1000, additive).unwrap().unwrap();
        assert!(found.coalitions <= default_samples(players) + 2);
        for (player, value) in found.values.iter().enumerate() {
            assert!((value - player as f64).abs() < 1e-9, "{value} is not {player}");
        }
    }
}

#[test]
fn it_adds_up_and_repeats() {
    for players in [12, 13, 20, 64] {
        let found = run(players, default_samples(players), 7);
        let sum: f64 = found.values.iter().sum();
        assert!((sum - (found.full - found.base)).abs() < 1e-9);
        assert_eq!(found, run(players, default_samples(players), 7));
        assert_ne!(found.values, run(players, default_samples(players), 8).values);
    }
}

#[test]
fn the_standard_error_is_about_that_of_many_seeds() {
    let players = 12;
    let wanted = exact(players, 100, &mut game(players)).unwrap().unwrap();
    let runs: Vec<Shapley> = (0..200).map(|seed| run(players, 300, seed)).collect();
    let (mut squares, mut claimed) = (0.0, 0.0);
    for run in &runs {
        for player in 0..players {
            squares += (run.values[player] - wanted.values[player]).powi(2);
            claimed += run.standard_errors.as_ref().unwrap()[player].powi(2);
        }
    }
    let ratio = (squares / claimed).sqrt();
    assert!((0.8..1.25).contains(&ratio), "{ratio}");
}

#[test]
fn every_coalition_of_a_size_is_enumerated_once() {
    let plan = Plan::new(13, 2074, 0);
    assert!(plan.masks.iter().all(|mask| *mask > 0 && *mask < everyone(13)));
    assert!((plan.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let mut masks = plan.masks.clone();
    masks.sort_unstable();
    masks.dedup();
    assert_eq!(masks.len(), plan.masks.len());
    let of_size = |size| plan.masks.iter().filter(|m| m.count_ones() == size).count();
    assert_eq!([1, 2, 3, 10, 11, 12].map(of_size), [13, 78, 286, 286, 78, 13]);
    assert!(plan.masks.iter().all(|mask| masks.binary_search(&(everyone(13) ^ mask)).is_ok()));
}

#[test]
fn what_is_not_defined_is_none() {
    let ok = &mut |masks: &[Coalition]| -> Answer { Ok(vec![0.0; masks.len()]) };
    assert!(kernel(0, 100, 0, 10, ok).unwrap().is_none());
    assert!(kernel(129, 100, 0, 10, ok).unwrap().is_none());
    for few in 0..12 {
        assert!(kernel(20, few, 0, 10, ok).unwrap().is_none(), "{few}");
    }
    assert!(kernel(9, usize::MAX, 0, 0, ok).unwrap().is_some());
    assert!(kernel(20, 100, 0, 10, &mut |_| -> Answer { Ok(vec![]) }).unwrap().is_none());
    assert_eq!(kernel(20, 100, 0, 10, &mut |_| Err("broken")), Err("broken"));
}
