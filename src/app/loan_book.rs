//! A synthetic book of consumer loans whose true probabilities of default are known.
//!
//! Whoever trains on it can hold the result to the truth: [`LoanBook::best_auc`] is what no model
//! can beat but by chance, and [`Loan::probability`] what a calibrated one approaches. The truth
//! has thresholds and interactions ([`Loan::true_logit`]) that a logistic regression can't follow.
//!
//! Nobody's data went into it. The marginal distributions are shaped like those of instalment
//! lending: lognormal incomes, zero-inflated late payments, a default rate of about 13.5 %. The
//! truth has an AUC of about 0.82, a logistic regression one of about 0.79.

use std::io::{BufWriter, Write};

use chrono::{DateTime, Days, NaiveDate};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Exp1, StandardNormal};

use crate::error::{Context, Result};
use crate::stats;

/// Column names in the order of the CSV; the last is the target.
pub const COLUMNS: [&str; 14] = [
    "application_date",
    "amount",
    "term_months",
    "purpose",
    "income",
    "employment_years",
    "age",
    "home_ownership",
    "region",
    "existing_loans",
    "utilisation",
    "late_payments_12m",
    "debt_to_income",
    "default",
];

/// The target's column: 1 for a loan that defaulted, else 0.
pub const TARGET: &str = "default";

/// Days from 1970-01-01 to the first application, 2022-01-01, and the days that follow on it.
const FIRST_DAY: u64 = 18_993;
const DAYS: usize = 1_096;

const MISSING_INCOME: f64 = 0.03;
const MISSING_EMPLOYMENT: f64 = 0.05;

const PURPOSES: [(&str, f64); 6] = [
    ("debt_consolidation", 0.40),
    ("car", 0.19),
    ("home_improvement", 0.15),
    ("business", 0.11),
    ("medical", 0.08),
    ("education", 0.07),
];
const REGIONS: [(&str, f64); 5] =
    [("north", 0.18), ("east", 0.17), ("south", 0.26), ("west", 0.22), ("capital", 0.17)];
const TERMS: [(u32, f64); 5] = [(12, 0.12), (24, 0.20), (36, 0.36), (48, 0.14), (60, 0.18)];

/// One loan as it was known at application, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Loan {
    pub application_date: NaiveDate,
    /// Lent sum, in whole units of currency.
    pub amount: u32,
    pub term_months: u32,
    pub purpose: &'static str,
    /// Yearly gross income in whole units of currency; unknown for 3 %.
    pub income: Option<u32>,
    /// Years with the present employer, to a tenth; unknown for 5 %.
    pub employment_years: Option<f64>,
    pub age: u32,
    /// `rent`, `mortgage` or `own`.
    pub home_ownership: &'static str,
    pub region: &'static str,
    pub existing_loans: u32,
    /// Share of the credit lines in use, from 0 to 1.
    pub utilisation: f64,
    /// Payments over 30 days late in the last twelve months.
    pub late_payments_12m: u32,
    /// Share of the monthly income that all instalments take, this loan's included.
    pub debt_to_income: f64,
    pub default: bool,
}

impl Loan {
    /// The true probability of default: the logistic function of [`Self::true_logit`].
    pub fn probability(&self) -> f64 {
        1.0 / (1.0 + (-self.true_logit()).exp())
    }

    /// The log-odds of default, a function of the recorded columns alone:
    ///
    /// | term | effect |
    /// |---|---|
    /// | base | -4.15 |
    /// | age | U-shaped: ((age - 46) / 20)^2, at most 1.8 |
    /// | income | -0.8 per doubling of 40,000; nothing where unknown |
    /// | employment | 0.7 below two years, -0.4 from eight on; 0.2 where unknown |
    /// | home | rent 0.4, but -0.2 in the capital; own -0.4, but 0.2 in the south |
    /// | late payments | 0.7 each up to three; 1.3 each at a utilisation above 0.6 |
    /// | utilisation | 1.6 times the share, 0.5 more above 0.8; 0.5 at exactly 0 (no history) |
    /// | existing loans | 0.4 for none under 30 years of age, 0.25 for each above three |
    /// | debt to income | 4 times what is above 0.2, at most 2.5 |
    /// | term | 0.015 a month above 36 |
    /// | purpose | business 1.2 below two years of employment, else 0.1; medical 0.5; car -0.4 |
    pub fn true_logit(&self) -> f64 {
        -4.15 + self.of_person() + self.of_credit_history() + self.of_contract()
    }

    fn of_person(&self) -> f64 {
        let age = ((f64::from(self.age) - 46.0) / 20.0).powi(2).min(1.8);
        let income = self.income.map_or(0.0, |income| -0.8 * (f64::from(income) / 40_000.0).log2());
        let employment = match self.employment_years {
            None => 0.2,
            Some(years) if years < 2.0 => 0.7,
            Some(years) if years >= 8.0 => -0.4,
            Some(_) => 0.0,
        };
        let home = match (self.home_ownership, self.region) {
            ("rent", "capital") => -0.2,
            ("rent", _) => 0.4,
            ("own", "south") => 0.2,
            ("own", _) => -0.4,
            _ => 0.0,
        };
        age + income + employment + home
    }

    fn of_credit_history(&self) -> f64 {
        let late = f64::from(self.late_payments_12m.min(3));
        let each = if self.utilisation > 0.6 { 1.3 } else { 0.7 };
        let utilisation = match self.utilisation {
            0.0 => 0.5,
            share if share > 0.8 => 1.6 * share + 0.5,
            share => 1.6 * share,
        };
        let loans = match self.existing_loans {
            0 if self.age < 30 => 0.4,
            loans => 0.25 * f64::from(loans.saturating_sub(3)),
        };
        late * each + utilisation + loans
    }

    fn of_contract(&self) -> f64 {
        let burden = (4.0 * (self.debt_to_income - 0.2)).clamp(0.0, 2.5);
        let long = 0.015 * f64::from(self.term_months.saturating_sub(36));
        let is_new_in_job = self.employment_years.is_some_and(|years| years < 2.0);
        let purpose = match self.purpose {
            "business" if is_new_in_job => 1.2,
            "business" => 0.1,
            "medical" => 0.5,
            "car" => -0.4,
            _ => 0.0,
        };
        burden + long + purpose
    }
}

/// Loans in the order of their application.
#[derive(Debug, Clone, PartialEq)]
pub struct LoanBook {
    loans: Vec<Loan>,
}

/// A book of `rows` loans of the years 2022 to 2024; the same for the same seed.
pub fn generate(rows: usize, seed: u64) -> LoanBook {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let loans = (0..rows).map(|row| draw(&mut rng, row * DAYS / rows)).collect();
    LoanBook { loans }
}

impl LoanBook {
    pub fn loans(&self) -> &[Loan] {
        &self.loans
    }

    /// The true probability of default of each loan.
    pub fn true_probabilities(&self) -> Vec<f64> {
        self.loans.iter().map(Loan::probability).collect()
    }

    /// The AUC of the true probabilities: the best that a model can attain but for chance. `None`
    /// if no loan or every loan defaulted.
    pub fn best_auc(&self) -> Option<f64> {
        self.best_auc_of_last(self.loans.len())
    }

    /// The same for the `count` newest loans, on which a model may be tested.
    pub fn best_auc_of_last(&self, count: usize) -> Option<f64> {
        let loans = self.loans.get(self.loans.len().saturating_sub(count)..)?;
        let truth: Vec<f64> = loans.iter().map(Loan::probability).collect();
        let defaults: Vec<bool> = loans.iter().map(|loan| loan.default).collect();
        stats::auc(&truth, &defaults)
    }

    /// Writes a header of [`COLUMNS`] and one line per loan; what is unknown is left empty.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_csv(&self, out: &mut impl Write) -> Result<()> {
        let mut out = BufWriter::new(out);
        let mut write = || -> std::io::Result<()> {
            writeln!(out, "{}", COLUMNS.join(","))?;
            for loan in &self.loans {
                write_line(&mut out, loan)?;
            }
            out.flush()
        };
        write().context("writing a loan book as CSV")
    }
}

fn write_line(out: &mut impl Write, loan: &Loan) -> std::io::Result<()> {
    let or_empty = |value: Option<String>| value.unwrap_or_default();
    writeln!(
        out,
        "{},{},{},{},{},{},{},{},{},{},{:.3},{},{:.3},{}",
        loan.application_date,
        loan.amount,
        loan.term_months,
        loan.purpose,
        or_empty(loan.income.map(|income| income.to_string())),
        or_empty(loan.employment_years.map(|years| format!("{years:.1}"))),
        loan.age,
        loan.home_ownership,
        loan.region,
        loan.existing_loans,
        loan.utilisation,
        loan.late_payments_12m,
        loan.debt_to_income,
        u8::from(loan.default),
    )
}

fn draw(rng: &mut ChaCha8Rng, day: usize) -> Loan {
    // The sum of three uniforms: young borrowers are more frequent than old ones, none is over 75.
    let spread = (rng.random::<f64>() + rng.random::<f64>() + rng.random::<f64>()) / 3.0;
    let age = (19.0 + 56.0 * spread.powf(1.25)) as u32;
    let employment = round(6.0 * rng.sample::<f64, _>(Exp1), 1).min(f64::from(age - 18));
    let region = pick(rng, &REGIONS);
    let income = lognormal(rng, 33_000.0 * (1.0 + 0.02 * employment.min(20.0)), 0.42)
        * if region == "capital" { 1.25 } else { 1.0 };
    let income = round(income.clamp(9_000.0, 400_000.0), -2);
    let amount = round(lognormal(rng, 0.24 * income, 0.6).clamp(1_000.0, 60_000.0), -2);
    let term_months = pick(rng, &TERMS);
    let existing_loans = poisson(rng, 1.2);
    let utilisation = if rng.random_bool(0.07) {
        0.0
    } else {
        round(1.0 / (1.0 + (0.5 - 1.3 * rng.sample::<f64, _>(StandardNormal)).exp()), 3)
    };
    // Most never pay late; those who do, do so again.
    let late_payments_12m = if rng.random_bool(0.72) { 0 } else { poisson(rng, 1.1) };
    let instalments = amount / f64::from(term_months)
        + f64::from(existing_loans) * lognormal(rng, 0.055, 0.5) * income / 12.0
        + utilisation * lognormal(rng, 0.06, 0.5) * income / 12.0;
    let mut loan = Loan {
        application_date: DateTime::UNIX_EPOCH.date_naive() + Days::new(FIRST_DAY + day as u64),
        amount: amount as u32,
        term_months,
        purpose: pick(rng, &PURPOSES),
        income: rng.random_bool(1.0 - MISSING_INCOME).then_some(income as u32),
        employment_years: rng.random_bool(1.0 - MISSING_EMPLOYMENT).then_some(employment),
        age,
        home_ownership: home(rng, age),
        region,
        existing_loans,
        utilisation,
        late_payments_12m,
        debt_to_income: round(instalments / (income / 12.0), 3),
        default: false,
    };
    loan.default = rng.random_bool(loan.probability());
    loan
}

fn home(rng: &mut ChaCha8Rng, age: u32) -> &'static str {
    let settled = (f64::from(age) - 19.0) / 56.0;
    let own = 0.05 + 0.45 * settled;
    pick(rng, &[("own", own), ("mortgage", 0.35), ("rent", 0.65 - own)])
}

fn lognormal(rng: &mut ChaCha8Rng, median: f64, sigma: f64) -> f64 {
    median * (sigma * rng.sample::<f64, _>(StandardNormal)).exp()
}

/// Arrivals of rate 1 within the time `mean`.
fn poisson(rng: &mut ChaCha8Rng, mean: f64) -> u32 {
    let mut time: f64 = rng.sample(Exp1);
    let mut count = 0;
    while time < mean {
        count += 1;
        time += rng.sample::<f64, _>(Exp1);
    }
    count
}

/// One of the values by its share; the shares add up to 1.
fn pick<T: Copy, const N: usize>(rng: &mut ChaCha8Rng, values: &[(T, f64); N]) -> T {
    let mut left: f64 = rng.random();
    let mut chosen = values[0].0;
    for &(value, share) in values {
        chosen = value;
        left -= share;
        if left < 0.0 {
            break;
        }
    }
    chosen
}

fn round(value: f64, decimals: i32) -> f64 {
    let unit = 10_f64.powi(decimals);
    (value * unit).round() / unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_alone_decides() {
        assert_eq!(generate(500, 1), generate(500, 1));
        assert_ne!(generate(500, 1), generate(500, 2));
        assert_eq!(generate(0, 1).loans(), []);
        assert_eq!(generate(0, 1).best_auc(), None);
    }

    #[test]
    fn the_book_has_the_promised_rates() {
        let book = generate(20_000, 7);
        let share = |what: fn(&Loan) -> bool| {
            book.loans().iter().filter(|loan| what(loan)).count() as f64 / 20_000.0
        };
        let rates = [
            (share(|loan| loan.default), 0.12..0.15),
            (share(|loan| loan.income.is_none()), 0.025..0.035),
            (share(|loan| loan.employment_years.is_none()), 0.044..0.056),
            (share(|loan| loan.late_payments_12m == 0), 0.78..0.84),
            (share(|loan| loan.utilisation == 0.0), 0.06..0.08),
            (book.best_auc().unwrap(), 0.81..0.83),
        ];
        for (index, (rate, range)) in rates.into_iter().enumerate() {
            assert!(range.contains(&rate), "rate {index} is {rate}");
        }
    }

    #[test]
    fn the_true_probabilities_are_calibrated() {
        let book = generate(20_000, 3);
        let mut rows: Vec<(f64, bool)> = book
            .true_probabilities()
            .into_iter()
            .zip(book.loans().iter().map(|loan| loan.default))
            .collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        for tenth in rows.chunks(2_000) {
            let expected = tenth.iter().map(|row| row.0).sum::<f64>();
            let found = tenth.iter().filter(|row| row.1).count() as f64;
            assert!((found - expected).abs() < 4.0 * expected.sqrt(), "{found} for {expected}");
        }
    }

    #[test]
    fn values_stay_within_their_bounds() {
        let book = generate(5_000, 11);
        for loan in book.loans() {
            assert!((19..=75).contains(&loan.age), "{loan:?}");
            assert!((1_000..=60_000).contains(&loan.amount), "{loan:?}");
            assert!((0.0..=1.0).contains(&loan.utilisation), "{loan:?}");
            assert!(loan.debt_to_income > 0.0, "{loan:?}");
            let employed = loan.employment_years.unwrap_or(0.0);
            assert!((0.0..=f64::from(loan.age - 18)).contains(&employed), "{loan:?}");
        }
        assert!(book.loans().is_sorted_by_key(|loan| loan.application_date));
        assert_eq!(book.loans()[0].application_date.to_string(), "2022-01-01");
        assert_eq!(book.loans()[4_999].application_date.to_string(), "2024-12-31");
    }

    #[test]
    fn the_csv_has_all_columns_and_leaves_the_unknown_empty() {
        let book = generate(300, 5);
        let mut out = Vec::new();
        book.write_csv(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(lines.len(), 301);
        assert_eq!(lines[0], COLUMNS);
        assert_eq!(COLUMNS.last(), Some(&TARGET));
        for (line, loan) in lines[1..].iter().zip(book.loans()) {
            assert_eq!(line.len(), COLUMNS.len());
            assert_eq!(line[4].parse().ok(), loan.income);
            assert_eq!(line[5].parse().ok(), loan.employment_years);
            assert_eq!(line[10].parse(), Ok(loan.utilisation));
            assert_eq!(line[12].parse(), Ok(loan.debt_to_income));
            assert_eq!(line[13] == "1", loan.default);
        }
        assert!(lines[1..].iter().any(|line| line[4].is_empty()));
    }
}
