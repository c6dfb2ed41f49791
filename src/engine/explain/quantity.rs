//! The number of an answer that is explained.

/// One number of what a version answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// The logit of the mean probability of the positive class, or its negative (binary).
    Positive { negative: bool },
    /// The logit of the mean probability of a class, among several.
    Class(usize),
    /// An output that stands for a number, times a factor, plus an offset.
    Number { output: usize, factor: f64, offset: f64 },
}

impl Quantity {
    /// How much of it is one of what the networks answer.
    pub(super) fn unit(self) -> f64 {
        match self {
            Self::Positive { .. } | Self::Class(_) => 1.0,
            Self::Number { factor, .. } => factor.abs(),
        }
    }

    /// The quantity, of `members` answers of `outputs` logits each, and its slopes by each of these
    /// logits, `[members, outputs]`.
    pub(super) fn at(
        self,
        (members, outputs): (usize, usize),
        logit: &dyn Fn(usize, usize) -> f64,
        slopes: &mut [f64],
    ) -> f64 {
        slopes.fill(0.0);
        match self {
            Self::Positive { negative } => {
                let sign = if negative { -1.0 } else { 1.0 };
                let logits = (0..members).map(|member| logit(member, 0));
                sign * binary(logits, outputs, sign, slopes)
            }
            Self::Class(class) => of_class((members, outputs), class, logit, slopes),
            Self::Number { output, factor, offset } => {
                let share = factor / members.max(1) as f64;
                let sum: f64 = (0..members).map(|member| logit(member, output)).sum();
                for member in 0..members {
                    slopes[member * outputs + output] = share;
                }
                share * sum + offset
            }
        }
    }
}

/// Of probabilities p of the members with the mean P: log P - log(1 - P), whose slope by a member's
/// logit is p (1 - p) / (n P (1 - P)).
fn binary(
    logits: impl Iterator<Item = f64> + Clone,
    outputs: usize,
    sign: f64,
    slopes: &mut [f64],
) -> f64 {
    let members = logits.clone().count();
    let one = logits.clone().next().filter(|_| members == 1);
    if let Some(logit) = one {
        slopes[0] = sign;
        return logit;
    }
    // The greatest of the shares, so that no sum of their exponentials overflows or is nothing.
    let ends = logits
        .clone()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), z| (low.min(z), high.max(z)));
    let (likeliest, unlikeliest) = (log_sigmoids(ends.1).0, log_sigmoids(ends.0).1);
    let (mut yes, mut no) = (0.0, 0.0);
    for (member, z) in logits.enumerate() {
        let (p, q) = log_sigmoids(z);
        yes += (p - likeliest).exp();
        no += (q - unlikeliest).exp();
        slopes[member * outputs] = p + q;
    }
    let count = (members as f64).ln();
    let (yes, no) = (yes.ln() + likeliest - count, no.ln() + unlikeliest - count);
    for slope in slopes.iter_mut().step_by(outputs.max(1)) {
        *slope = sign * (*slope - yes - no - count).exp();
    }
    yes - no
}

/// Of several classes: the logit of the mean probability P of one. By the logit of class j of a member
/// the slope is `p (δ - p_j) / (n P (1 - P))`, where p is the member's probability of the class.
fn of_class(
    (members, outputs): (usize, usize),
    class: usize,
    logit: &dyn Fn(usize, usize) -> f64,
    slopes: &mut [f64],
) -> f64 {
    let count = (members.max(1) as f64).ln();
    let norms: Vec<f64> =
        (0..members).map(|m| log_sum_exp((0..outputs).map(|o| logit(m, o)))).collect();
    let log_share = |member: usize, output: usize| logit(member, output) - norms[member];
    let log_rest = |member: usize| {
        log_sum_exp((0..outputs).filter(|o| *o != class).map(|o| log_share(member, o)))
    };
    let yes = log_sum_exp((0..members).map(|m| log_share(m, class))) - count;
    let no = log_sum_exp((0..members).map(log_rest)) - count;
    for member in 0..members {
        let common = log_share(member, class) - yes - no - count;
        for output in 0..outputs {
            slopes[member * outputs + output] = match output == class {
                true => (common + log_rest(member)).exp(),
                false => -(common + log_share(member, output)).exp(),
            };
        }
    }
    yes - no
}

/// log p and log (1 - p) of p = 1 / (1 + e^-z), the one min(z, 0) - log(1 + e^-|z|).
fn log_sigmoids(z: f64) -> (f64, f64) {
    let rest = (-z.abs()).exp().ln_1p();
    (z.min(0.0) - rest, (-z).min(0.0) - rest)
}

fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let greatest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    greatest + values.map(|v| (v - greatest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::model::Task;
    use crate::engine::networks::members::averaged;

    fn at(of: Quantity, logits: &[f64], outputs: usize) -> (f64, Vec<f64>) {
        let members = logits.len() / outputs;
        let mut slopes = vec![0.0; logits.len()];
        let value = of.at((members, outputs), &|m, o| logits[m * outputs + o], &mut slopes);
        (value, slopes)
    }

    /// Slopes by small differences.
    fn check(of: Quantity, logits: &[f64], outputs: usize) {
        let (_, slopes) = at(of, logits, outputs);
        for place in 0..logits.len() {
            let moved = |by: f64| {
                let mut logits = logits.to_vec();
                logits[place] += by;
                at(of, &logits, outputs).0
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slopes[place] - slope).abs() < 1e-6, "{of:?} {logits:?}: {slopes:?} {slope}");
        }
    }

    proptest! {
        #[test]
        fn slopes_are_those_of_the_quantity(logits in prop::collection::vec(-6.0_f64..6.0, 6)) {
            for of in [Quantity::Positive { negative: false }, Quantity::Positive { negative: true }] {
                check(of, &logits, 1);
                check(of, &logits[..1], 1);
            }
            for class in 0..3 {
                check(Quantity::Class(class), &logits, 3);
                check(Quantity::Class(class), &logits[..3], 3);
            }
            check(Quantity::Number { output: 1, factor: -2.5, offset: 3.0 }, &logits, 2);
        }

        #[test]
        fn it_is_the_logit_of_what_is_served(logits in prop::collection::vec(-6.0_f32..6.0, 6)) {
            let wide: Vec<f64> = logits.iter().map(|z| f64::from(*z)).collect();
            let served = averaged(Task::Binary, &logits, 6, 1)[0];
            let (value, _) = at(Quantity::Positive { negative: false }, &wide, 1);
            prop_assert!((value - served).abs() < 1e-9);
            let served = averaged(Task::Multiclass, &logits, 2, 3);
            let sum: f64 = served.iter().map(|z| z.exp()).sum();
            for (class, served) in served.iter().enumerate() {
                let share = served.exp() / sum;
                let (value, _) = at(Quantity::Class(class), &wide, 3);
                prop_assert!((value - (share / (1.0 - share)).ln()).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn far_out_slopes_stay_numbers() {
        let (value, slopes) = at(Quantity::Positive { negative: false }, &[800.0, 900.0], 1);
        assert!(value.is_finite() && slopes.iter().all(|slope| slope.is_finite()), "{slopes:?}");
        let (value, slopes) = at(Quantity::Class(0), &[-900.0, 900.0, 0.0], 3);
        assert!(value.is_finite() && slopes.iter().all(|slope| slope.is_finite()), "{slopes:?}");
    }
}
