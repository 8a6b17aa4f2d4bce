//! Small functions that read values, shared by many checks.

use regex::Regex;
use serde_json::{Map, Value};

use crate::{
    inventory::{LEFT_OUT, Object, lead},
    kubernetes::Selector,
    model::{Subject, Unseen},
    readiness::check::Say,
};

/// Reports unknown because of missing data.
pub(crate) fn no_data(say: &mut Say, why: impl Into<String>) {
    say.unknown(Subject::default(), Unseen::NoData, why);
}

/// A text field; empty if it is missing.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    lead(value, pointer).and_then(Value::as_str).unwrap_or("")
}

/// A list field; empty if it is missing.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    lead(value, pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A map field.
pub(crate) fn map<'a>(value: &'a Value, pointer: &str) -> Option<&'a Map<String, Value>> {
    lead(value, pointer).and_then(Value::as_object)
}

/// The texts of a list.
pub(crate) fn words<'a>(value: &'a Value, pointer: &str) -> Vec<&'a str> {
    list(value, pointer).iter().filter_map(Value::as_str).collect()
}

/// A label selector; none if the field is missing. A selector that cannot be read selects
/// nothing, because it must not be taken for one that selects everything.
pub(crate) fn selector(value: &Value, pointer: &str) -> Option<Selector> {
    let found = lead(value, pointer).filter(|v| !v.is_null())?;
    Some(serde_json::from_value(found.clone()).unwrap_or_else(|_| Selector::nothing()))
}

/// Whether a selector selects everything.
pub(crate) fn is_everything(selector: &Selector) -> bool {
    selector.match_labels.is_empty() && selector.match_expressions.is_empty()
}

/// A number, or a percentage of `whole`, rounded up or down.
pub(crate) fn share(value: &Value, whole: u64, up: bool) -> Option<u64> {
    match value {
        Value::Number(n) => n.as_u64(),
        Value::String(s) => {
            let Some(percent) = s.strip_suffix('%') else { return s.parse().ok() };
            let part = percent.parse::<u64>().ok()?.checked_mul(whole)?;
            Some(if up { part.div_ceil(100) } else { part / 100 })
        }
        _ => None,
    }
}

/// Whether a regular expression matches the whole text. An invalid expression matches nothing.
pub(crate) fn fits(expression: &str, text: &str) -> bool {
    Regex::new(&format!("^(?:{expression})$")).is_ok_and(|e| e.is_match(text))
}

/// Whether a capture left out the value of a wanted entry of a ConfigMap.
pub(crate) fn is_withheld(config: &Object, wanted: impl Fn(&str) -> bool) -> bool {
    config.map("/data").into_iter().flatten().any(|(key, value)| value == LEFT_OUT && wanted(key))
}

/// The value of a flag of a pod's containers, as `--flag=value` or `--flag value`.
pub(crate) fn flag<'a>(pod: &'a Object, name: &str) -> Option<&'a str> {
    let containers = pod.list("/spec/containers").iter();
    let words: Vec<&str> = containers.flat_map(|c| words(c, "/command").into_iter().chain(words(c, "/args"))).collect();
    let joined = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let apart = || words.windows(2).find(|pair| pair[0] == name).map(|pair| pair[1]);
    joined.or_else(apart)
}

/// The host of a URL, without user and password; empty if there is none.
pub(crate) fn host(url: &str) -> &str {
    let authority = url.split("://").nth(1).unwrap_or(url).split('/').next().unwrap_or("");
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    host.split(':').next().unwrap_or("").trim_end_matches('.')
}

/// The seconds of a duration in the notation of Kubernetes and Prometheus: `1h30m`, `15d`, `500ms`.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    let (mut sum, mut rest) = (0.0, text.trim());
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let factor = match &unit[..end] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            "y" => 31_536_000.0,
            "" if number == 0.0 => 0.0,
            _ => return None,
        };
        sum += number * factor;
        rest = &unit[end..];
    }
    Some(sum)
}

/// Seconds as a text for reports: `90 s`, `15 min`, `3 h`, `2 d`.
pub(crate) fn ago(seconds: i64) -> String {
    match seconds.abs() {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn shares_and_durations() {
        assert_eq!(share(&json!("50%"), 3, true), Some(2));
        assert_eq!(share(&json!("25%"), 3, false), Some(0));
        assert_eq!(share(&json!(2), 3, true), Some(2));
        assert_eq!(share(&json!("x%"), 3, true), None);
        assert_eq!(share(&json!(format!("{}%", u64::MAX)), 3, true), None);
        assert_eq!(seconds("1h30m"), Some(5400.0));
        assert_eq!(seconds("15d"), Some(1_296_000.0));
        assert_eq!(seconds("0"), Some(0.0));
        assert!(["", "5", "m", "1x", "--"].iter().all(|t| seconds(t).is_none()));
    }
}
