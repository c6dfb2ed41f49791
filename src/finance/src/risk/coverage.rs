//! Whether forecasts of risk held: tests on when, how often and by how much losses went beyond them.

use super::distributions::normal_cdf;

/// A test whose statistic has a chi-squared distribution where the forecasts are right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LikelihoodRatio {
    pub statistic: f64,
    /// The probability of so great a statistic where the forecasts are right.
    pub p_value: f64,
}

/// How often losses went beyond the value at risk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    pub exceedances: usize,
    pub days: usize,
    pub kupiec: LikelihoodRatio,
}

/// Whether exceedances follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Independence {
    /// Days by what the day before and the day itself were, without and with an exceedance: 00, 01, 10, 11.
    pub transitions: [usize; 4],
    pub test: LikelihoodRatio,
}

/// P(X > x) of a chi-squared distribution with 1 or 2 degrees of freedom.
pub fn chi_squared_tail(x: f64, freedom: u8) -> f64 {
    match freedom {
        1 => (2.0 * normal_cdf(-x.max(0.0).sqrt())).min(1.0),
        _ => (-0.5 * x.max(0.0)).exp(),
    }
}

/// `count ln p`, 0 where nothing is counted.
fn log_power(p: f64, count: usize) -> f64 {
    if count == 0 { 0.0 } else { count as f64 * p.ln() }
}

/// The logarithm of the likelihood of so many hits among trials with a probability of `p` each.
fn bernoulli(p: f64, hits: usize, trials: usize) -> f64 {
    log_power(1.0 - p, trials - hits) + log_power(p, hits)
}

fn share(hits: usize, trials: usize) -> f64 {
    if trials == 0 { 0.0 } else { hits as f64 / trials as f64 }
}

fn ratio(under: f64, free: f64, freedom: u8) -> LikelihoodRatio {
    let statistic = (-2.0 * (under - free)).max(0.0);
    LikelihoodRatio { statistic, p_value: chi_squared_tail(statistic, freedom) }
}

/// The proportion of failures (Kupiec 1995): whether exceedances are as many as `1 - level` of the days.
pub fn kupiec(exceedances: usize, days: usize, level: f64) -> LikelihoodRatio {
    let under = bernoulli(1.0 - level, exceedances, days);
    ratio(under, bernoulli(share(exceedances, days), exceedances, days), 1)
}

/// Independence against a chain of first order (Christoffersen 1998).
pub fn independence(exceeded: &[bool]) -> Independence {
    let mut transitions = [0; 4];
    for pair in exceeded.windows(2) {
        transitions[2 * usize::from(pair[0]) + usize::from(pair[1])] += 1;
    }
    let [n00, n01, n10, n11] = transitions;
    let all = n00 + n01 + n10 + n11;
    let under = bernoulli(share(n01 + n11, all), n01 + n11, all);
    let free = bernoulli(share(n01, n00 + n01), n01, n00 + n01)
        + bernoulli(share(n11, n10 + n11), n11, n10 + n11);
    Independence { transitions, test: ratio(under, free, 1) }
}

/// Both at once: the statistics add up.
pub fn conditional_coverage(
    kupiec: &LikelihoodRatio,
    independence: &LikelihoodRatio,
) -> LikelihoodRatio {
    let statistic = kupiec.statistic + independence.statistic;
    LikelihoodRatio { statistic, p_value: chi_squared_tail(statistic, 2) }
}

/// Below it the expected shortfall is refused at 5 %, whatever the distribution within reason; for 250 days
/// at a level of 0.975 (Acerbi and Szekely 2014).
pub const Z2_CRITICAL_5_PERCENT: f64 = -0.70;
/// The same at 0.01 %.
pub const Z2_CRITICAL_HUNDREDTH_PERCENT: f64 = -1.8;

/// The second statistic of Acerbi and Szekely (2014): 0 is expected of right forecasts, and less where the
/// tail is worse than they say. Of the losses of days, their values at risk and expected shortfalls; None
/// without days, or where an expected shortfall is not above 0.
pub fn z2(losses: &[f64], value_at_risk: &[f64], shortfall: &[f64], level: f64) -> Option<f64> {
    if losses.is_empty() || shortfall.iter().any(|value| *value <= 0.0) {
        return None;
    }
    let days = losses.iter().zip(value_at_risk).zip(shortfall);
    let beyond = days.filter(|((loss, var), _)| loss > var);
    let sum: f64 = beyond.map(|((loss, _), shortfall)| loss / shortfall).sum();
    Some(1.0 - sum / (losses.len() as f64 * (1.0 - level)))
}

/// What a supervisor makes of exceptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    Green,
    Yellow,
    Red,
}

/// The traffic light of the Basel committee (MAR32) of 250 days at a level of 0.99.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrafficLight {
    pub exceptions: usize,
    pub zone: Zone,
    /// What capital is multiplied by: 1.5 and more.
    pub multiplier: f64,
}

/// By the number of exceptions in the newest 250 days; None of fewer days.
pub fn traffic_light(exceeded: &[bool]) -> Option<TrafficLight> {
    const DAYS: usize = 250;
    let newest = &exceeded[exceeded.len().checked_sub(DAYS)?..];
    let exceptions = newest.iter().filter(|exceeded| **exceeded).count();
    let (zone, multiplier) = match exceptions {
        0..=4 => (Zone::Green, 1.5),
        5 => (Zone::Yellow, 1.70),
        6 => (Zone::Yellow, 1.76),
        7 => (Zone::Yellow, 1.83),
        8 => (Zone::Yellow, 1.88),
        9 => (Zone::Yellow, 1.92),
        _ => (Zone::Red, 2.0),
    };
    Some(TrafficLight { exceptions, zone, multiplier })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_traffic_light_counts_the_newest_250_days() {
        let mut days = vec![true; 50];
        days.extend(vec![false; 250]);
        assert_eq!(traffic_light(&days).map(|l| (l.exceptions, l.zone)), Some((0, Zone::Green)));
        for (at, (zone, multiplier)) in [
            (4, (Zone::Green, 1.5)),
            (5, (Zone::Yellow, 1.7)),
            (9, (Zone::Yellow, 1.92)),
            (10, (Zone::Red, 2.0)),
        ] {
            let mut days = vec![false; 250];
            days.iter_mut().take(at).for_each(|day| *day = true);
            let light = traffic_light(&days).unwrap();
            assert_eq!((light.zone, light.multiplier), (zone, multiplier), "{at}");
        }
        assert!(traffic_light(&[true; 249]).is_none());
    }

    #[test]
    fn z2_is_nothing_where_shortfall_is_as_expected() {
        // One day of ten beyond, by just the expected shortfall.
        let losses: Vec<f64> = (0..10).map(|day| if day == 3 { 2.0 } else { -1.0 }).collect();
        assert!(z2(&losses, &[1.0; 10], &[2.0; 10], 0.9).unwrap().abs() < 1e-12);
        assert!((z2(&losses, &[1.0; 10], &[1.0; 10], 0.9).unwrap() + 1.0).abs() < 1e-12);
        assert_eq!(z2(&losses, &[1.0; 10], &[0.0; 10], 0.9), None);
    }
}
