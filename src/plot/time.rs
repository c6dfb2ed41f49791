//! Ticks of a time axis, at whole units of the calendar.

use super::range::Range;
use super::ticks::Tick;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 1970-01-05, a Monday, where weeks begin.
const MONDAY: i64 = 4 * DAY;
const MEAN_MONTH: f64 = 2_629_746.0;
/// Times beyond some 8,000 years of 1970 are shown as numbers.
const LIMIT: f64 = 2.5e11;

#[derive(Clone, Copy)]
enum Step {
    Seconds(i64),
    Months(i64),
}

const STEPS: [Step; 35] = [
    Step::Seconds(1),
    Step::Seconds(2),
    Step::Seconds(5),
    Step::Seconds(10),
    Step::Seconds(15),
    Step::Seconds(30),
    Step::Seconds(MINUTE),
    Step::Seconds(2 * MINUTE),
    Step::Seconds(5 * MINUTE),
    Step::Seconds(10 * MINUTE),
    Step::Seconds(15 * MINUTE),
    Step::Seconds(30 * MINUTE),
    Step::Seconds(HOUR),
    Step::Seconds(2 * HOUR),
    Step::Seconds(3 * HOUR),
    Step::Seconds(6 * HOUR),
    Step::Seconds(12 * HOUR),
    Step::Seconds(DAY),
    Step::Seconds(2 * DAY),
    Step::Seconds(7 * DAY),
    Step::Seconds(14 * DAY),
    Step::Months(1),
    Step::Months(2),
    Step::Months(3),
    Step::Months(6),
    Step::Months(12),
    Step::Months(2 * 12),
    Step::Months(5 * 12),
    Step::Months(10 * 12),
    Step::Months(20 * 12),
    Step::Months(50 * 12),
    Step::Months(100 * 12),
    Step::Months(200 * 12),
    Step::Months(500 * 12),
    Step::Months(1000 * 12),
];

impl Step {
    fn seconds(self) -> f64 {
        match self {
            Self::Seconds(seconds) => seconds as f64,
            Self::Months(months) => months as f64 * MEAN_MONTH,
        }
    }

    fn instants(self, range: Range) -> Vec<i64> {
        let (low, high) = (range.low.ceil() as i64, range.high.floor() as i64);
        match self {
            Self::Seconds(step) => {
                let origin = if step % (7 * DAY) == 0 { MONDAY } else { 0 };
                let first = low + (origin - low).rem_euclid(step);
                (0..).map(|i| first + i * step).take_while(|t| *t <= high).collect()
            }
            Self::Months(step) => {
                let (year, month, _) = date(low.div_euclid(DAY));
                let first = (year * 12 + month - 1).div_euclid(step) * step;
                let start = |months: i64| day(months.div_euclid(12), months.rem_euclid(12) + 1);
                (0..)
                    .map(|i| start(first + i * step) * DAY)
                    .skip_while(|t| *t < low)
                    .take_while(|t| *t <= high)
                    .collect()
            }
        }
    }

    fn labels(self, instants: &[i64]) -> Vec<String> {
        let on_days = instants.iter().any(|t| t.rem_euclid(DAY) == 0);
        let label = |(at, t): (usize, &i64)| {
            let (year, month, day) = date(t.div_euclid(DAY));
            let second = t.rem_euclid(DAY);
            let date = format!("{year:04}-{month:02}-{day:02}");
            match self {
                Self::Months(step) if step % 12 == 0 => format!("{year:04}"),
                Self::Months(_) => format!("{year:04}-{month:02}"),
                Self::Seconds(_) if second == 0 => date,
                // The day is said once, at its beginning or with the first label.
                Self::Seconds(step) => {
                    let mut text = format!("{:02}:{:02}", second / HOUR, second / MINUTE % 60);
                    if step < MINUTE {
                        text.push_str(&format!(":{:02}", second % MINUTE));
                    }
                    if at == 0 && !on_days { format!("{date} {text}") } else { text }
                }
            }
        };
        instants.iter().enumerate().map(label).collect()
    }
}

/// Whether the calendar covers the range.
pub(super) fn covers(range: Range) -> bool {
    range.low.abs() <= LIMIT && range.high.abs() <= LIMIT
}

/// At most `most` ticks, by the smallest step.
pub(super) fn ticks(range: Range, most: usize) -> Vec<Tick> {
    for step in STEPS {
        if range.span() / step.seconds() > most as f64 + 1.0 {
            continue;
        }
        let instants = step.instants(range);
        if instants.len() <= most {
            let labels = step.labels(&instants);
            let ticks = instants.iter().zip(labels);
            return ticks.map(|(at, label)| Tick { at: *at as f64, label }).collect();
        }
    }
    Vec::new()
}

/// Year, month and day of a day since 1970-01-01, in the proleptic Gregorian calendar. The year
/// is taken to begin in March, so that a leap day is its last.
fn date(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let january = i64::from(month >= 10);
    (era * 400 + year + january, month + 3 - 12 * january, day)
}

/// The first day of a month, since 1970-01-01.
fn day(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    let of_era = year.rem_euclid(400);
    let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    year.div_euclid(400) * 146_097 + days - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2013-05-07.
    const MAY: f64 = 1_367_884_800.0;

    fn labels(low: f64, high: f64, most: usize) -> Vec<String> {
        let range = Range { low, high, whole: true };
        ticks(range, most).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn the_label_follows_from_the_step() {
        let day = DAY as f64;
        assert_eq!(
            labels(MAY, MAY + 5.0 * 366.0 * day, 6),
            ["2014", "2015", "2016", "2017", "2018"]
        );
        assert_eq!(labels(MAY, MAY + 100.0 * day, 4), ["2013-06", "2013-07", "2013-08"]);
        assert_eq!(labels(MAY, MAY + 2.5 * day, 4), ["2013-05-07", "2013-05-08", "2013-05-09"]);
        assert_eq!(labels(MAY, MAY + 20.0 * day, 4), ["2013-05-13", "2013-05-20", "2013-05-27"]);
        assert_eq!(labels(MAY, MAY + day, 3), ["2013-05-07", "12:00", "2013-05-08"]);
        let hours = labels(MAY + 14.2 * 3600.0, MAY + 15.1 * 3600.0, 2);
        assert_eq!(hours, ["2013-05-07 14:30", "15:00"]);
        let seconds = labels(MAY + 1.0, MAY + 29.0, 3);
        assert_eq!(seconds, ["2013-05-07 00:00:10", "00:00:20"]);
    }

    #[test]
    fn a_month_begins_on_its_first_day() {
        for (year, month) in [(1969, 12), (1900, 3), (2000, 2), (2000, 3), (2024, 12), (-4, 1)] {
            assert_eq!(date(day(year, month)), (year, month, 1));
        }
        assert_eq!(day(2013, 5) * DAY, MAY as i64 - 6 * DAY);
        assert_eq!(date(11_016), (2000, 2, 29));
    }
}
