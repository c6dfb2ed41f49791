//! Whether a forecast is worth more than repeating the last value, in words.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BaselineKind, ForecastMetrics, ForecastTest};

/// Chance explains a difference that comes by it more often than this.
pub const SIGNIFICANCE: f64 = 0.05;

/// A version held against the random walk, which repeats the last value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgainstRandomWalk {
    /// Whether its squared error is smaller, and by more than chance explains (p below 0.05).
    pub beats: bool,
    /// 1 - MSE / MSE of the random walk: above 0 the version errs by less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r2: Option<f64>,
    /// Of the test of Diebold and Mariano: negative where the version errs by less. Absent where the
    /// test is not defined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistic: Option<f64>,
    /// That differences so large come by chance where both err alike (two-sided).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// The same as a sentence.
    #[schema(example = "does not beat the random walk (Diebold-Mariano p = 0.41)")]
    pub text: String,
}

impl AgainstRandomWalk {
    /// Of mean squared errors on the same windows, and the test of their difference.
    pub fn of(mse: f64, walk: f64, test: Option<ForecastTest>) -> Self {
        let beats = test.is_some_and(|t| t.statistic < 0.0 && t.p_value < SIGNIFICANCE);
        let r2 = (walk > 0.0).then(|| 1.0 - mse / walk);
        let says = match test {
            Some(test) if beats => format!("beats the random walk ({})", chance(test.p_value)),
            Some(test) if test.p_value < SIGNIFICANCE => {
                format!("does not beat the random walk, it is worse ({})", chance(test.p_value))
            }
            Some(test) => format!("does not beat the random walk ({})", chance(test.p_value)),
            None => {
                "does not beat the random walk (the windows are too few, or too alike, for a test)"
                    .to_owned()
            }
        };
        Self {
            beats,
            r2,
            statistic: test.map(|test| test.statistic),
            p_value: test.map(|test| test.p_value),
            text: says,
        }
    }
}

/// `Diebold-Mariano p = 0.41`: two digits, and never 0.
fn chance(p: f64) -> String {
    match p {
        p if p < 0.001 => "Diebold-Mariano p < 0.001".to_owned(),
        p if p < 0.0995 => {
            let digits = if p < 0.00995 { 4 } else { 3 };
            format!("Diebold-Mariano p = {p:.digits$}")
        }
        p => format!("Diebold-Mariano p = {p:.2}"),
    }
}

impl ForecastMetrics {
    /// As it is kept with newer versions, and made of the figures of older ones.
    pub fn verdict(&self) -> AgainstRandomWalk {
        if let Some(kept) = &self.against_random_walk {
            return kept.clone();
        }
        match self.baselines.iter().find(|b| b.kind == BaselineKind::RandomWalk) {
            Some(walk) => AgainstRandomWalk::of(self.mse, walk.mse, walk.diebold_mariano),
            None => AgainstRandomWalk {
                beats: false,
                r2: None,
                statistic: None,
                p_value: None,
                text: "was not held against the random walk".to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(statistic: f64, p_value: f64) -> AgainstRandomWalk {
        AgainstRandomWalk::of(0.5, 1.0, Some(ForecastTest { statistic, p_value }))
    }

    #[test]
    fn the_sentence_says_what_the_test_says() {
        let beaten = of(-3.0, 0.003);
        assert!(beaten.beats);
        assert_eq!(beaten.text, "beats the random walk (Diebold-Mariano p = 0.0030)");
        assert_eq!(beaten.r2, Some(0.5));
        let open = of(-0.8, 0.412);
        assert!(!open.beats);
        assert_eq!(open.text, "does not beat the random walk (Diebold-Mariano p = 0.41)");
        assert_eq!(
            of(4.0, 1e-9).text,
            "does not beat the random walk, it is worse (Diebold-Mariano p < 0.001)"
        );
        assert_eq!(of(-2.0, 0.0499).text, "beats the random walk (Diebold-Mariano p = 0.050)");
        let untested = AgainstRandomWalk::of(0.0, 0.0, None);
        assert_eq!((untested.beats, untested.r2, untested.p_value), (false, None, None));
        assert!(untested.text.contains("too few"));
    }
}
