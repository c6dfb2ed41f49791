//! Several answers to one row become one.

use crate::domain::model::Task;

/// The logits of the mean answer, `[rows, outputs]`: of the mean probability of the members
/// (binary, multiclass) or their mean (regression, forecast). `logits` is `[members, rows, outputs]`.
///
/// The mean is taken of probabilities, not of logits, as the members are trained each by itself
/// (Gorishniy et al. 2025, TabM).
pub(crate) fn averaged(task: Task, logits: &[f32], members: usize, outputs: usize) -> Vec<f64> {
    let each = logits.len() / members.max(1);
    if members <= 1 {
        return logits.iter().map(|z| f64::from(*z)).collect();
    }
    let mut averaged = Vec::with_capacity(each);
    let mut answers = vec![0.0; members];
    let mut row_logits = vec![0.0; outputs];
    for start in (0..each).step_by(outputs.max(1)) {
        let of = |member: usize, output: usize| f64::from(logits[member * each + start + output]);
        match task {
            Task::Binary => {
                averaged.push(
                    log_mean_sigmoid((0..members).map(|m| of(m, 0)), &mut answers)
                        - log_mean_sigmoid((0..members).map(|m| -of(m, 0)), &mut answers),
                );
            }
            Task::Multiclass => {
                let greatest_and_sum = |member: usize| {
                    let row = (0..outputs).map(|o| of(member, o));
                    log_sum_exp(row)
                };
                let normalisers: Vec<f64> = (0..members).map(greatest_and_sum).collect();
                for (output, logit) in row_logits.iter_mut().enumerate() {
                    let logs = (0..members).map(|m| of(m, output) - normalisers[m]);
                    *logit = log_sum_exp(logs) - (members as f64).ln();
                }
                averaged.extend(&row_logits);
            }
            Task::Regression | Task::Forecast => {
                let sums = (0..outputs).map(|o| (0..members).map(|m| of(m, o)).sum::<f64>());
                averaged.extend(sums.map(|sum| sum / members as f64));
            }
        }
    }
    averaged
}

/// Logarithm of the mean of 1 / (1 + exp(-z)).
fn log_mean_sigmoid(logits: impl Iterator<Item = f64>, logs: &mut [f64]) -> f64 {
    for (log, z) in logs.iter_mut().zip(logits) {
        // log s(z) = min(z, 0) - log(1 + exp(-|z|)).
        *log = z.min(0.0) - (-z.abs()).exp().ln_1p();
    }
    log_sum_exp(logs.iter().copied()) - (logs.len() as f64).ln()
}

fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let greatest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    greatest + values.map(|v| (v - greatest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sigmoid(z: f64) -> f64 {
        1.0 / (1.0 + (-z).exp())
    }

    #[test]
    fn the_mean_is_of_probabilities() {
        // Two members, two rows.
        let logits = [0.5, -2.0, 3.0, 1.0];
        let averaged = averaged(Task::Binary, &logits, 2, 1);
        for (row, found) in averaged.iter().enumerate() {
            let mean = (sigmoid(logits[row].into()) + sigmoid(logits[row + 2].into())) / 2.0;
            assert!((sigmoid(*found) - mean).abs() < 1e-12, "{found}");
        }
        let three = super::averaged(Task::Multiclass, &[1.0, 2.0, 0.0, 5.0, 0.0, -1.0], 2, 3);
        let softmax = |z: &[f64]| {
            let sum: f64 = z.iter().map(|z| z.exp()).sum();
            z.iter().map(|z| z.exp() / sum).collect::<Vec<f64>>()
        };
        let (a, b) = (softmax(&[1.0, 2.0, 0.0]), softmax(&[5.0, 0.0, -1.0]));
        for (class, found) in softmax(&three).into_iter().enumerate() {
            assert!((found - (a[class] + b[class]) / 2.0).abs() < 1e-12);
        }
        assert_eq!(super::averaged(Task::Regression, &[1.0, 2.0, 3.0, 6.0], 2, 1), [2.0, 4.0]);
    }

    #[test]
    fn huge_logits_stay_finite_and_one_member_stays_itself() {
        for z in [1e30_f32, -1e30] {
            for task in [Task::Binary, Task::Regression] {
                assert!(averaged(task, &[z, 0.0], 2, 1).iter().all(|z| z.is_finite()));
            }
            let averaged = averaged(Task::Multiclass, &[z, 0.0, 0.0, 1.0], 2, 2);
            assert!(averaged.iter().all(|z| !z.is_nan()), "{averaged:?}");
        }
        assert_eq!(averaged(Task::Binary, &[0.25, -1.0], 1, 1), [0.25, -1.0]);
    }
}
