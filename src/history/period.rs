//! The time that a report over several runs covers. Start with [`Period`].

use std::{fmt, str::FromStr};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// A year, a quarter or a month, in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    said: String,
    from: Timestamp,
    /// The first instant after it.
    to: Timestamp,
}

impl Period {
    /// Whether a time is in it.
    pub fn has(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// Whether a time is before it.
    pub fn is_after(&self, at: Timestamp) -> bool {
        at < self.from
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is not a period: write a year, a quarter or a month, such as 2026, 2026-Q3 or 2026-09")
        };
        let (year, rest) = text.split_once('-').map_or((text, None), |(year, rest)| (year, Some(rest)));
        let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) {
            return Err(wrong());
        }
        let year: i16 = year.parse().map_err(|_| wrong())?;
        let (first, months) = match rest {
            None => (1, 12),
            Some("Q1" | "q1") => (1, 3),
            Some("Q2" | "q2") => (4, 3),
            Some("Q3" | "q3") => (7, 3),
            Some("Q4" | "q4") => (10, 3),
            Some(month) if digits(month, 2) => (month.parse().map_err(|_| wrong())?, 1),
            Some(_) => return Err(wrong()),
        };
        let end = first + months;
        let (end_year, end) = if end > 12 { (year + 1, end - 12) } else { (year, end) };
        let at = |year: i16, month: i8| -> Result<Timestamp, String> {
            let day = Date::new(year, month, 1).map_err(|_| wrong())?;
            day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|_| wrong())
        };
        Ok(Self { said: text.to_uppercase(), from: at(year, first)?, to: at(end_year, end)? })
    }
}

/// The day on which a run began, by its name, which begins with the time. A name is a claim.
pub(super) fn day_of(run: &str) -> Option<Timestamp> {
    let text = run.get(..9).filter(|text| text.ends_with('t'))?;
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i16>().ok();
    let date = Date::new(number(0..4)?, i8::try_from(number(4..6)?).ok()?, i8::try_from(number(6..8)?).ok()?).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_has_its_first_instant_and_not_the_first_of_the_next() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        for (text, inside, outside) in [
            (
                "2026",
                ["2026-01-01T00:00:00Z", "2026-12-31T23:59:59Z"],
                ["2025-12-31T23:59:59Z", "2027-01-01T00:00:00Z"],
            ),
            (
                "2026-q4",
                ["2026-10-01T00:00:00Z", "2026-12-31T23:59:59Z"],
                ["2026-09-30T23:59:59Z", "2027-01-01T00:00:00Z"],
            ),
            (
                "2024-02",
                ["2024-02-01T00:00:00Z", "2024-02-29T23:59:59Z"],
                ["2024-01-31T23:59:59Z", "2024-03-01T00:00:00Z"],
            ),
        ] {
            let period: Period = text.parse().expect("a period");
            assert!(inside.iter().all(|t| period.has(at(t))), "{text}");
            assert!(!outside.iter().any(|t| period.has(at(t))), "{text}");
        }
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for text in
            ["", "26", "2026-", "2026-13", "2026-00", "2026-Q5", "2026-1", "+026", "２０２６", "2026-09-01", "-2026"]
        {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_name_of_a_run_tells_its_day() {
        assert_eq!(day_of("20261128t113558214-x").map(|t| t.to_string()), Some("2026-11-28T00:00:00Z".into()));
        for name in ["", "zone-outage-small-shop-seed-1", "20261328t1", "2026112", "ééééé"] {
            assert_eq!(day_of(name), None, "{name}");
        }
    }
}
