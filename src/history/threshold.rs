//! How much worse a measurement may get. Both ends of the error bars count. Start with [`Threshold::judge`].

use std::{fmt, str::FromStr};

use crate::model::{Dur, Measure};

/// How much longer a time may become, such as `+20%` or `+30s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// A share of the earlier time, in percent.
    Percent(f64),
    /// A time.
    Time(Dur),
}

/// Whether a measurement is within a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// It is, at both ends of the error bars.
    Yes,
    /// It is not, at both ends.
    No,
    /// The error bars do not decide it.
    Undecided,
}

impl Threshold {
    /// The latest time that is allowed after this one.
    fn limit(self, us: u64) -> f64 {
        match self {
            Self::Percent(percent) => us as f64 * (1.0 + percent / 100.0),
            Self::Time(time) => us as f64 + time.0.as_micros() as f64,
        }
    }

    /// Compares two measurements.
    pub fn judge(self, a: Measure, b: Measure) -> Within {
        if b.most_us as f64 <= self.limit(a.least_us) {
            Within::Yes
        } else if b.least_us as f64 > self.limit(a.most_us) {
            Within::No
        } else {
            Within::Undecided
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "+{percent}%"),
            Self::Time(time) => write!(f, "+{}", time.exact()),
        }
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a threshold: write how much more is allowed, such as +20% or +30s");
        let more = text.strip_prefix('+').ok_or_else(wrong)?;
        match more.strip_suffix('%') {
            Some(number) if number.starts_with(|c: char| c.is_ascii_digit()) => {
                let percent: f64 = number.parse().map_err(|_| wrong())?;
                if (0.0..=10_000.0).contains(&percent) { Ok(Self::Percent(percent)) } else { Err(wrong()) }
            }
            Some(_) => Err(wrong()),
            None => more.parse().map(Self::Time).map_err(|_| wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Measured;

    fn measure(least: u64, most: u64) -> Measure {
        Measure { of: Measured::Recovery, least_us: least, most_us: most, objective_us: 0 }
    }

    #[test]
    fn the_error_bars_decide() {
        let limit: Threshold = "+20%".parse().expect("a threshold");
        let a = measure(100, 110);
        for (b, within) in
            [(measure(90, 120), Within::Yes), (measure(121, 125), Within::Undecided), (measure(133, 140), Within::No)]
        {
            assert_eq!(limit.judge(a, b), within, "{b:?}");
        }
        let time: Threshold = "+1ms".parse().expect("a threshold");
        assert_eq!(time.judge(measure(0, 0), measure(1000, 1000)), Within::Yes);
        assert_eq!(time.judge(measure(0, 0), measure(1001, 1001)), Within::No);
    }

    #[test]
    fn a_threshold_says_how_much_more() {
        for text in ["", "20%", "+", "+%", "+-5%", "+5", "-5%", "+inf%", "+nan%", "+1e9%", "+20 %"] {
            assert!(text.parse::<Threshold>().is_err(), "{text}");
        }
        assert_eq!("+30s".parse::<Threshold>().map(|t| t.to_string()), Ok("+30s".into()));
    }
}
