//! Attention flow (Abnar and Zuidema 2020): where the places of all blocks have looked, put together.

use crate::engine::networks::observer::AnsweredBy;

/// The product over blocks, the first one first, of `(A + 1) / 2` with lines that sum to 1, where A
/// `[places, places]` is the mean of the heads' maps: `[places (behind the last block), places (before the
/// first)]`. None where there is no block, or a map is not square.
pub(super) fn rollout(blocks: &[Vec<f64>], places: usize) -> Option<Vec<f64>> {
    if blocks.is_empty() || blocks.iter().any(|map| map.len() != places * places) {
        return None;
    }
    let mut flow: Vec<f64> =
        (0..places * places).map(|at| f64::from(u8::from(at % (places + 1) == 0))).collect();
    for map in blocks {
        let mut next = vec![0.0; places * places];
        let lines = map.chunks_exact(places).zip(next.chunks_exact_mut(places));
        for (line, (map, next)) in lines.enumerate() {
            let sum = map.iter().sum::<f64>() + 1.0;
            for (from, weight) in map.iter().enumerate() {
                let weight = (weight + f64::from(u8::from(from == line))) / sum;
                let of = &flow[from * places..(from + 1) * places];
                next.iter_mut().zip(of).for_each(|(to, of)| *to += weight * of);
            }
        }
        flow = next;
    }
    Some(flow)
}

/// The flow of the places from which an answer is read.
pub(super) fn to_answer(flow: &[f64], places: usize, answered_by: AnsweredBy) -> Vec<f64> {
    let mut lines = flow.chunks_exact(places.max(1));
    match answered_by {
        AnsweredBy::First => lines.next().map(<[f64]>::to_vec).unwrap_or_default(),
        AnsweredBy::Last => lines.next_back().map(<[f64]>::to_vec).unwrap_or_default(),
        AnsweredBy::All => {
            let mut mean = vec![0.0; places];
            for line in lines {
                mean.iter_mut().zip(line).for_each(|(mean, v)| *mean += v / places as f64);
            }
            mean
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flow_of_identities_is_the_identity() {
        let identity: Vec<f64> = (0..9).map(|at| f64::from(u8::from(at % 4 == 0))).collect();
        let flow = rollout(&[identity.clone(), identity.clone(), identity.clone()], 3).unwrap();
        assert_eq!(flow, identity);
        assert_eq!(to_answer(&flow, 3, AnsweredBy::First), [1.0, 0.0, 0.0]);
        assert_eq!(to_answer(&flow, 3, AnsweredBy::Last), [0.0, 0.0, 1.0]);
        assert!(to_answer(&flow, 3, AnsweredBy::All).iter().all(|v| (v - 1.0 / 3.0).abs() < 1e-15));
    }

    #[test]
    fn two_blocks_are_multiplied_by_hand() {
        // Halves with the identity: [[.75, .25], [.5, .5]], then [[.5, .5], [0, 1]].
        let blocks = [vec![0.5, 0.5, 1.0, 0.0], vec![0.0, 1.0, 0.0, 1.0]];
        let flow = rollout(&blocks, 2).unwrap();
        let expected = [0.625, 0.375, 0.5, 0.5];
        assert!(flow.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{flow:?}");
        assert!(rollout(&[], 2).is_none() && rollout(&[vec![1.0; 3]], 2).is_none());
    }
}
