//! How often a schedule runs, in the syntax of Velero and CronJobs: five fields, macros such as `@daily`, `@every 6h`,
//! and an optional time zone before it.

use std::str::FromStr;

use croner::Cron;
use jiff::{Timestamp, tz::TimeZone};

/// Seconds between the previous run and the next run.
///
/// # Errors
/// What is wrong with the expression.
pub fn cron_interval(expression: &str, now: Timestamp) -> Result<i64, String> {
    let mut text = expression.trim();
    let mut zone = TimeZone::UTC;
    for prefix in ["CRON_TZ=", "TZ="] {
        if let Some((name, rest)) = text.strip_prefix(prefix).and_then(|t| t.split_once(' ')) {
            zone = TimeZone::get(name).map_err(|_| format!("`{name}` is not a time zone"))?;
            text = rest.trim();
        }
    }
    if let Some(every) = text.strip_prefix("@every ") {
        return every_seconds(every.trim()).ok_or_else(|| format!("`{every}` is not a duration such as 6h or 30m"));
    }
    if !text.starts_with('@') && text.split_whitespace().count() != 5 {
        return Err(format!("`{text}` does not have five fields"));
    }
    let wrong = |e: croner::errors::CronError| format!("`{text}` is not a valid schedule: {e}");
    let cron = Cron::from_str(text).map_err(wrong)?;
    let now = now.to_zoned(zone);
    let last = cron.find_previous_occurrence(&now, true).map_err(wrong)?;
    let next = cron.find_next_occurrence(&now, false).map_err(wrong)?;
    Ok(next.timestamp().as_second() - last.timestamp().as_second())
}

/// Durations in Go's syntax: `1h30m`.
fn every_seconds(text: &str) -> Option<i64> {
    let (mut sum, mut rest) = (0, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let factor = match rest.as_bytes()[digits] {
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        sum += number.checked_mul(factor)?;
        rest = &rest[digits + 1..];
    }
    (sum > 0).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_often() {
        let of = |text: &str| cron_interval(text, "2026-11-26T12:00:00Z".parse().expect("a time"));
        assert_eq!(of("0 1 * * *"), Ok(86_400));
        assert_eq!(of("*/15 * * * *"), Ok(900));
        assert_eq!(of("@hourly"), Ok(3600));
        assert_eq!(of("@every 1h30m"), Ok(5400));
        assert_eq!(of("TZ=Europe/Berlin 0 3 * * 0"), Ok(7 * 86_400));
        for text in ["", "0 1 * *", "61 * * * *", "@every often", "@sometimes", "TZ=Nowhere 0 3 * * *", "0 0 30 2 *"] {
            assert!(of(text).is_err(), "{text}");
        }
    }
}
