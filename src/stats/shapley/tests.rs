use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

type Answer = Result<Vec<f64>, Infallible>;

/// Shapley values of a model of rows, each column a player.
fn explain(row: &[f64], background: &[f64], model: impl Fn(&[f64]) -> f64) -> Shapley {
    let groups: Vec<Vec<usize>> = (0..row.len()).map(|column| vec![column]).collect();
    grouped(row, background, &groups, model)
}

fn grouped(
    row: &[f64],
    background: &[f64],
    groups: &[Vec<usize>],
    model: impl Fn(&[f64]) -> f64,
) -> Shapley {
    let game = Game::new(row, background, groups).unwrap();
    let mut score = |rows: &[f64]| -> Answer { Ok(rows.chunks(row.len()).map(&model).collect()) };
    let mut value_of = |masks: &[Coalition]| game.values(masks, &mut score);
    exact(game.players(), game.batch(50), &mut value_of).unwrap().unwrap()
}

fn close(found: f64, wanted: f64) {
    assert!((found - wanted).abs() <= 1e-12 * (1.0 + wanted.abs()), "{found} is not {wanted}");
}

#[test]
fn a_linear_model_gives_each_column_its_share() {
    let background = [0.0, 1.0, 5.0, 2.0, 3.0, 4.0];
    let shapley =
        explain(&[1.0, 2.0, 3.0], &background, |x| 7.0 + 2.0 * x[0] - 3.0 * x[1] + 0.5 * x[2]);
    let wanted = [2.0 * (1.0 - 1.0), -3.0 * (2.0 - 2.0), 0.5 * (3.0 - 4.5)];
    shapley.values.iter().zip(wanted).for_each(|(found, wanted)| close(*found, wanted));
    assert_eq!(shapley.coalitions, 8);
    assert_eq!(shapley.standard_errors, Some(vec![0.0; 3]));
}

#[test]
fn columns_that_only_act_together_share_alike() {
    let xor = |x: &[f64]| f64::from((x[0] > 0.5) != (x[1] > 0.5));
    let shapley = explain(&[1.0, 0.0], &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], xor);
    assert_eq!((shapley.base, shapley.full), (0.5, 1.0));
    assert_eq!(shapley.values, [0.25, 0.25]);
}

#[test]
fn a_player_may_be_many_columns() {
    let row = [1.0, 2.0, 3.0];
    let model = |x: &[f64]| x[0] * x[1] + x[2];
    let shapley = grouped(&row, &[0.0; 3], &[vec![2], vec![0, 1]], model);
    assert_eq!(shapley.values, [3.0, 2.0]);
}

#[test]
fn what_is_not_defined_is_none() {
    let ok = &mut |masks: &[Coalition]| -> Answer { Ok(vec![0.0; masks.len()]) };
    assert!(exact(0, 10, ok).unwrap().is_none());
    assert!(exact(EXACT_PLAYERS + 1, 10, ok).unwrap().is_none());
    assert!(exact(1, 0, ok).unwrap().is_some());
    assert!(exact(2, 10, &mut |_| -> Answer { Ok(vec![]) }).unwrap().is_none());
    let nan = &mut |masks: &[Coalition]| -> Answer { Ok(vec![f64::NAN; masks.len()]) };
    assert!(exact(2, 10, nan).unwrap().is_none());
    let great = &mut |masks: &[Coalition]| -> Answer {
        Ok(masks.iter().map(|m| if *m == 0 { f64::MIN } else { f64::MAX }).collect())
    };
    assert!(exact(2, 10, great).unwrap().is_none());
    assert_eq!(exact(2, 10, &mut |_| Err("broken")), Err("broken"));

    let both = [vec![0], vec![1]];
    assert!(Game::new(&[1.0, 2.0], &[1.0, 2.0], &both).is_some());
    assert!(Game::<f64>::new(&[], &[], &[]).is_none());
    assert!(Game::new(&[1.0, 2.0], &[], &both).is_none());
    assert!(Game::new(&[1.0, 2.0], &[1.0], &both).is_none());
    assert!(Game::new(&[1.0, 2.0], &[1.0, 2.0], &[vec![0]]).is_none());
    assert!(Game::new(&[1.0, 2.0], &[1.0, 2.0], &[vec![0, 1], vec![1]]).is_none());
    assert!(Game::new(&[1.0, 2.0], &[1.0, 2.0], &[vec![0, 1, 2]]).is_none());
    let game = Game::new(&[1.0, 2.0], &[1.0, 2.0], &both).unwrap();
    assert!(game.batch(usize::MAX) > 0);
    assert!(game.values(&[0], &mut |_| -> Answer { Ok(vec![]) }).unwrap().is_empty());
}

proptest! {
    #[test]
    fn values_add_up_and_know_equals_from_idlers(
        players in 3..8_usize,
        row in prop::collection::vec(-3.0..3.0_f64, 8),
        background in prop::collection::vec(-3.0..3.0_f64, 24),
    ) {
        let mut row = row[..players].to_vec();
        let mut background = background[..3 * players].to_vec();
        row[1] = row[0];
        background.chunks_mut(players).for_each(|b| b[1] = b[0]);
        // The last column is not used, the first two are used alike.
        let model = |x: &[f64]| {
            let used = &x[..players - 1];
            (used.iter().sum::<f64>()).tanh() + used[0] * used[1] * used[players - 2]
        };
        let shapley = explain(&row, &background, model);
        let sum: f64 = shapley.values.iter().sum();
        prop_assert!((sum - (shapley.full - shapley.base)).abs() < 1e-12 * (1.0 + sum.abs()));
        prop_assert!(shapley.values[players - 1].abs() < 1e-12);
        // With three players the second is the last that is used, and so not like the first.
        if players > 3 {
            prop_assert!((shapley.values[0] - shapley.values[1]).abs() < 1e-12);
        }
    }
}

#[test]
fn calls_are_no_greater_than_asked() {
    let items: Vec<u32> = (0..10).collect();
    for (most, wanted) in [(0, vec![1; 10]), (4, vec![4, 4, 2]), (usize::MAX, vec![10])] {
        let mut sizes = Vec::new();
        let mut ask = |part: &[u32]| -> Result<Vec<f64>, ()> {
            sizes.push(part.len());
            Ok(part.iter().map(|item| f64::from(*item)).collect())
        };
        let answers = in_batches(&items, most, &mut ask).unwrap().unwrap();
        assert_eq!(answers, (0..10).map(f64::from).collect::<Vec<f64>>());
        assert_eq!(sizes, wanted);
    }
}
