//! Quantities with units, as a person writes them. A number without a unit is refused: "5" could mean seconds or
//! minutes, and a drill must not guess.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest duration that is accepted: ten years.
const LONGEST: Duration = Duration::from_secs(3650 * 24 * 60 * 60);

/// A duration written with units: `250ms`, `90s`, `8m`, `1h30m`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Dur(pub Duration);

impl Dur {
    /// A whole number of seconds.
    pub const fn secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The duration to write to files, exact to the millisecond. Display rounds for people.
    pub fn exact(self) -> String {
        let ms = self.0.as_millis();
        if ms.is_multiple_of(1000) { self.to_string() } else { format!("{ms}ms") }
    }

    /// Microseconds, the journal's unit of time.
    pub fn micros(self) -> u64 {
        u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX)
    }
}

impl FromStr for Dur {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a duration: write a number with a unit, such as 250ms, 90s, 8m or 1h30m");
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(wrong());
        }
        let mut total = 0f64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
            let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
            let unit = &rest[digits..];
            let end = unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len());
            total += number
                * match &unit[..end] {
                    "ms" => 0.001,
                    "s" => 1.0,
                    "m" => 60.0,
                    "h" => 3600.0,
                    "d" => 86400.0,
                    _ => return Err(wrong()),
                };
            rest = &unit[end..];
        }
        // Longer durations could overflow when they are added. Shorter ones are finer than the timers.
        let shortest = total == 0.0 || total >= 0.001;
        match Duration::try_from_secs_f64(total) {
            Ok(duration) if duration <= LONGEST && shortest => Ok(Self(duration)),
            Ok(_) if !shortest => Err(format!("`{text}` is shorter than 1ms: write 1ms or more")),
            _ => Err(format!("`{text}` is longer than ten years: write a shorter time")),
        }
    }
}

impl fmt::Display for Dur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        if ms == 0 {
            return f.write_str("0s");
        }
        if !ms.is_multiple_of(1000) {
            return if ms < 1000 { write!(f, "{ms}ms") } else { write!(f, "{}.{}s", ms / 1000, ms % 1000 / 100) };
        }
        let s = ms / 1000;
        for (unit, count) in [("h", s / 3600), ("m", s % 3600 / 60), ("s", s % 60)] {
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Dur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Dur {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.exact())
    }
}

impl<'de> Deserialize<'de> for Dur {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Dur {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "duration-with-unit",
            "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d))+$|^\$\{.+\}$",
            "description": "A duration with a unit: 250ms, 90s, 8m, 1h30m.",
        })
    }
}

/// A share of a whole, written `34%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub u8);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_suffix('%')
            .and_then(|n| n.parse().ok())
            .filter(|n| *n <= 100)
            .map(Percent)
            .ok_or_else(|| format!("`{text}` is not a percentage: write 0% to 100%, with the sign"))
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}%", self.0))
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Percent {
    fn schema_name() -> Cow<'static, str> {
        "Percent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "percent",
            "pattern": r"^(100|\d{1,2})%$|^\$\{.+\}$",
            "description": "A percentage with its sign: 34%.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!("90s".parse::<Dur>().map(|d| d.to_string()), Ok("1m30s".into()));
        assert_eq!("1h30m".parse::<Dur>().map(|d| d.to_string()), Ok("1h30m".into()));
        assert_eq!("250ms".parse::<Dur>().map(|d| d.micros()), Ok(250_000));
        for wrong in
            ["5", "", "5 apples", "m", "1h30", "-5s", "0.0001ms", "3651d", "99999999999999999999d", "1e9s", "NaNs"]
        {
            assert!(wrong.parse::<Dur>().is_err(), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_written_duration_reads_back(ms in 0u64..10_000_000) {
            let dur = Dur(Duration::from_millis(ms));
            let text = serde_json::to_string(&dur).expect("a string");
            let back: Dur = serde_json::from_str(&text).expect("what we wrote");
            proptest::prop_assert_eq!(dur, back);
        }
    }
}
