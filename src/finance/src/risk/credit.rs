//! Losses of a book of loans by one common factor (Vasicek 2002), simulated.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::distributions::{normal_cdf, normal_quantile};
use super::precision::Precision;
use super::predictive::{Predictive, Shape, tail_count};
use crate::{Fault, Result};

/// Most loans, simulations, and loans times simulations.
pub const MAX_EXPOSURES: usize = 100_000;
pub const MAX_SIMULATIONS: usize = 1_000_000;
pub const MAX_DRAWS: usize = 250_000_000;
/// Simulations between two looks at whether to go on.
const BETWEEN_LOOKS: usize = 64;

/// A loan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exposure {
    /// Probability of default within the time that is looked at, from 0 to 1.
    pub default_probability: f64,
    /// Share of the exposure that is lost at default, from 0 to 1.
    pub loss_given_default: f64,
    /// What is owed at default.
    pub exposure: f64,
    /// Correlation of the borrower's assets with those of any other, in [0, 1).
    pub correlation: f64,
}

impl Exposure {
    /// # Errors
    /// A [`Fault`] for the first number that is not within its bounds, with a pointer such as `/exposure`.
    pub fn check(&self) -> Result<()> {
        for (pointer, value, most) in [
            ("/default_probability", self.default_probability, 1.0),
            ("/loss_given_default", self.loss_given_default, 1.0),
            ("/correlation", self.correlation, 0.99),
            ("/exposure", self.exposure, 1e15),
        ] {
            if !(0.0..=most).contains(&value) {
                return Err(Fault::new(pointer, format!("{value} is not from 0 to {most}")));
            }
        }
        Ok(())
    }

    fn at_default(&self) -> f64 {
        self.exposure * self.loss_given_default
    }

    /// What is lost of it on average, in the unit of the exposure.
    pub fn expected_loss(&self) -> f64 {
        self.default_probability * self.at_default()
    }

    /// The probability of default where the common factor is at a value; bad times are below 0.
    fn given(&self, threshold: f64, factor: f64) -> f64 {
        let rest = (1.0 - self.correlation).sqrt();
        normal_cdf((threshold - self.correlation.sqrt() * factor) / rest)
    }
}

/// Loans with what is looked up of each.
#[derive(Debug, Clone)]
pub struct Book {
    exposures: Vec<Exposure>,
    /// Of the assets, below which a borrower defaults; infinite where that is certain or can't be.
    thresholds: Vec<f64>,
    /// The kinds of loans: those of one kind have the same probability in all times.
    kinds: Vec<usize>,
    kind_of: Vec<usize>,
}

/// How losses are simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditSettings {
    pub simulations: usize,
    pub seed: u64,
}

/// Losses beyond one level, in the unit of the exposures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossFigure {
    pub level: f64,
    pub value_at_risk: f64,
    /// By how many simulations there were.
    pub precision: Precision,
    pub expected_shortfall: f64,
    pub shortfall_error: f64,
    /// What a book of the same risks would lose if it had infinitely many small loans.
    pub large_pool: f64,
}

/// The distribution of losses.
#[derive(Debug, Clone, PartialEq)]
pub struct CreditLosses {
    /// Exact.
    pub expected_loss: f64,
    /// The mean of the simulations, with its standard error.
    pub simulated_loss: f64,
    pub simulated_error: f64,
    /// Standard deviation of the simulated losses.
    pub deviation: f64,
    pub figures: Vec<LossFigure>,
    /// Ascending, one for each simulation.
    pub losses: Vec<f64>,
}

impl Book {
    /// # Errors
    /// A [`Fault`] for the first loan whose numbers are not within their bounds, with a pointer such as
    /// `/3/default_probability`, and for no loans or too many.
    pub fn new(exposures: Vec<Exposure>) -> Result<Self> {
        if exposures.is_empty() || exposures.len() > MAX_EXPOSURES {
            let detail =
                format!("1 to {MAX_EXPOSURES} loans are simulated, not {}", exposures.len());
            return Err(Fault::new("", detail));
        }
        for (at, one) in exposures.iter().enumerate() {
            one.check().map_err(|f| Fault::new(format!("/{at}{}", f.pointer), f.detail))?;
        }
        let threshold = |one: &Exposure| match one.default_probability {
            0.0 => f64::NEG_INFINITY,
            1.0 => f64::INFINITY,
            p => normal_quantile(p),
        };
        let thresholds = exposures.iter().map(threshold).collect();
        let mut kinds = Vec::new();
        let mut known = std::collections::HashMap::new();
        let mut kind_of = Vec::with_capacity(exposures.len());
        for (at, one) in exposures.iter().enumerate() {
            let key = (one.default_probability.to_bits(), one.correlation.to_bits());
            kind_of.push(*known.entry(key).or_insert_with(|| {
                kinds.push(at);
                kinds.len() - 1
            }));
        }
        Ok(Self { exposures, thresholds, kinds, kind_of })
    }

    pub fn exposures(&self) -> &[Exposure] {
        &self.exposures
    }

    /// The sum of what is owed.
    pub fn exposure(&self) -> f64 {
        self.exposures.iter().map(|one| one.exposure).sum()
    }

    /// The loss with so many infinitely small loans that only the common factor is left: each loan's
    /// expected loss where the factor is at its `1 - level` quantile (Gordy 2003).
    pub fn large_pool(&self, level: f64) -> f64 {
        self.parts_of_large_pool(level).iter().sum()
    }

    /// What each loan adds to that.
    pub fn parts_of_large_pool(&self, level: f64) -> Vec<f64> {
        let factor = normal_quantile(1.0 - level);
        let pairs = self.exposures.iter().zip(&self.thresholds);
        pairs.map(|(one, threshold)| one.at_default() * one.given(*threshold, factor)).collect()
    }

    /// How concentrated the book is: the sum of squared shares of what may be lost, which is 1 for a single
    /// loan and 1 / n for n alike; None where nothing may be lost.
    pub fn concentration(&self) -> Option<f64> {
        let all: f64 = self.exposures.iter().map(Exposure::at_default).sum();
        let square = |one: &Exposure| (one.at_default() / all).powi(2);
        (all > 0.0).then(|| self.exposures.iter().map(square).sum())
    }

    /// One year's loss.
    fn draw(&self, random: &mut ChaCha8Rng, probabilities: &mut Vec<f64>) -> f64 {
        let factor: f64 = random.sample(StandardNormal);
        probabilities.clear();
        let kinds = self.kinds.iter();
        probabilities
            .extend(kinds.map(|at| self.exposures[*at].given(self.thresholds[*at], factor)));
        let mut loss = 0.0;
        for (one, kind) in self.exposures.iter().zip(&self.kind_of) {
            if random.random::<f64>() < probabilities[*kind] {
                loss += one.at_default();
            }
        }
        loss
    }
}

/// The share that a homogeneous book of infinitely many loans loses at most, with probability `level`
/// (Vasicek 2002).
pub fn large_pool_loss(probability: f64, correlation: f64, level: f64) -> f64 {
    let one = Exposure {
        default_probability: probability,
        loss_given_default: 1.0,
        exposure: 1.0,
        correlation,
    };
    one.given(normal_quantile(probability), normal_quantile(1.0 - level))
}

/// Simulates losses; the same seed gives the same ones.
///
/// # Errors
/// A [`Fault`] for a number of simulations that is none to simulate; what `go_on` says, which is asked
/// again and again.
pub fn simulate(
    book: &Book,
    levels: &[f64],
    settings: &CreditSettings,
    go_on: &mut dyn FnMut() -> Result<()>,
) -> Result<CreditLosses> {
    let (n, loans) = (settings.simulations, book.exposures.len());
    let most = MAX_SIMULATIONS.min(MAX_DRAWS / loans);
    if n < 1000 || n > most {
        let detail = format!("{n} is not from 1000 to {most}, the most for {loans} loans");
        return Err(Fault::new("/simulations", detail));
    }
    let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
    let mut probabilities = Vec::new();
    let mut losses = Vec::with_capacity(n);
    for at in 0..n {
        if at % BETWEEN_LOOKS == 0 {
            go_on()?;
        }
        losses.push(book.draw(&mut random, &mut probabilities));
    }
    losses.sort_by(f64::total_cmp);
    let mean = losses.iter().sum::<f64>() / n as f64;
    let square = losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>();
    let deviation = (square / (n as f64 - 1.0)).sqrt();
    let shape = Shape::Empirical(losses.iter().rev().map(|loss| -loss).collect());
    let simulated = Predictive { place: 0.0, scale: 1.0, shape };
    let figure = |level: &f64| LossFigure {
        level: *level,
        value_at_risk: simulated.value_at_risk(*level),
        precision: Precision::of_order_statistics(&simulated, *level),
        expected_shortfall: simulated.expected_shortfall(*level),
        shortfall_error: shortfall_error(&losses, *level),
        large_pool: book.large_pool(*level),
    };
    Ok(CreditLosses {
        expected_loss: book.exposures.iter().map(Exposure::expected_loss).sum(),
        simulated_loss: mean,
        simulated_error: deviation / (n as f64).sqrt(),
        deviation,
        figures: levels.iter().map(figure).collect(),
        losses,
    })
}

/// The standard error of a mean over the tail, whose place is uncertain too (Manistre and Hancock 2005).
fn shortfall_error(ascending: &[f64], level: f64) -> f64 {
    let n = ascending.len();
    let count = (tail_count(n, level).ceil() as usize).clamp(1, n);
    let tail = &ascending[n - count..];
    let mean = tail.iter().sum::<f64>() / count as f64;
    let variance = tail.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / count as f64;
    ((variance + level * (mean - tail[0]).powi(2)) / count as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loan(default_probability: f64, correlation: f64) -> Exposure {
        Exposure { default_probability, loss_given_default: 0.45, exposure: 100.0, correlation }
    }

    fn go_on() -> impl FnMut() -> Result<()> {
        || Ok(())
    }

    #[test]
    fn a_large_homogeneous_book_nears_the_closed_form() {
        let book = Book::new(vec![loan(0.02, 0.15); 5000]).unwrap();
        let settings = CreditSettings { simulations: 20_000, seed: 7 };
        let found = simulate(&book, &[0.95, 0.99], &settings, &mut go_on()).unwrap();
        let whole = book.exposure() * 0.45;
        assert!((found.expected_loss - 0.02 * whole).abs() < 1e-6);
        let off = (found.simulated_loss - found.expected_loss).abs();
        assert!(off < 4.0 * found.simulated_error, "{off}");
        for figure in &found.figures {
            let closed = large_pool_loss(0.02, 0.15, figure.level) * whole;
            assert!((figure.large_pool / closed - 1.0).abs() < 1e-12);
            let (low, high) = figure.precision.interval.unwrap();
            // Half a percent is left of 5,000 loans for themselves.
            assert!(low * 0.995 < closed && closed < high * 1.005, "{figure:?} {closed}");
            assert!(
                figure.expected_shortfall > figure.value_at_risk && figure.shortfall_error > 0.0
            );
        }
    }

    #[test]
    fn without_correlation_defaults_are_binomial() {
        let book = Book::new(vec![loan(0.1, 0.0); 20]).unwrap();
        let settings = CreditSettings { simulations: 50_000, seed: 1 };
        let found = simulate(&book, &[0.99], &settings, &mut go_on()).unwrap();
        // scipy.stats.binom.ppf(0.99, 20, 0.1) is 6.
        assert!((found.figures[0].value_at_risk - 6.0 * 45.0).abs() < 1e-9);
        assert_eq!(simulate(&book, &[0.99], &settings, &mut go_on()).unwrap(), found);
        let other = CreditSettings { seed: 2, ..settings };
        assert_ne!(simulate(&book, &[0.99], &other, &mut go_on()).unwrap().losses, found.losses);
    }

    #[test]
    fn certain_loans_lose_what_they_must() {
        let book = Book::new(vec![loan(0.0, 0.3), loan(1.0, 0.3)]).unwrap();
        let settings = CreditSettings { simulations: 1000, seed: 1 };
        let found = simulate(&book, &[0.5], &settings, &mut go_on()).unwrap();
        assert!(found.losses.iter().all(|loss| *loss == 45.0));
        assert_eq!((found.deviation, book.concentration()), (0.0, Some(0.5)));
    }

    #[test]
    fn what_can_not_be_simulated_is_refused() {
        let pointer = |made: Result<Book>| made.map_err(|fault| fault.pointer).err();
        assert_eq!(pointer(Book::new(Vec::new())).as_deref(), Some(""));
        let bad = |one: Exposure| pointer(Book::new(vec![loan(0.1, 0.1), one]));
        assert_eq!(bad(loan(1.1, 0.1)).as_deref(), Some("/1/default_probability"));
        assert_eq!(bad(loan(0.1, 1.0)).as_deref(), Some("/1/correlation"));
        let amount = Exposure { exposure: f64::NAN, ..loan(0.1, 0.1) };
        assert_eq!(bad(amount).as_deref(), Some("/1/exposure"));
        let book = Book::new(vec![loan(0.1, 0.1); 1000]).unwrap();
        let settings = CreditSettings { simulations: 250_001, seed: 1 };
        let refused = simulate(&book, &[0.9], &settings, &mut go_on()).unwrap_err();
        assert!(refused.detail.contains("1000 to 250000"), "{refused}");
    }
}
