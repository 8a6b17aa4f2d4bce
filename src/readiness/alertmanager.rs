//! Whether Alertmanager notifies anybody of the expected alerts: silences, inhibitions,
//! and how long it waits before it sends the first notification.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Case,
    alerts::{label_sets, soonest},
    values::fits,
};
use crate::{
    inventory::yaml_mistake,
    model::{AlertExpectation, Finding},
    world::Silence,
};

const NO_PEER: &str = "the bindings name no Alertmanager";
const NAME_ONE: &str = "name one: alertmanager: [URL]";
const REACH: &str = "Alertmanager must be reachable from here";
/// The default of `group_wait` in Alertmanager, in seconds.
const GROUP_WAIT: f64 = 30.0;

/// The configuration of each peer.
fn configurations(case: &Case<'_>) -> Result<Vec<Configuration>, String> {
    let read = |text: &String| {
        serde_saphyr::from_str(text)
            .map_err(|e| format!("Alertmanager's configuration cannot be read: {}", yaml_mistake(&e)))
    };
    case.facts.alertmanager.iter().map(|answer| answer.as_ref().map_err(Clone::clone).and_then(read)).collect()
}

/// Alertmanager does not notify anybody as soon as it receives an alert: it first waits for
/// others of the same group. The check does not work out which route an alert takes, so the
/// longest wait of any route counts.
pub(super) fn told(case: &Case<'_>, expected: &[AlertExpectation]) -> Finding {
    let configs = match configurations(case) {
        Ok(configs) if configs.is_empty() => {
            return Finding::unknown("alerts-told", NO_PEER, NAME_ONE).advisory();
        }
        Ok(configs) => configs,
        Err(why) => return Finding::unknown("alerts-told", why, REACH).advisory(),
    };
    let wait = configs.iter().map(|c| c.route.longest(GROUP_WAIT)).fold(0.0, f64::max);
    let rules = case.facts.rules.iter().flatten().flatten();
    let late: Vec<String> = expected
        .iter()
        .filter_map(|alert| {
            let rule = rules.clone().find(|r| r.name == alert.name)?;
            let (_, fires) = soonest(case, alert, rule);
            let within = alert.fires_within.0.as_secs_f64();
            (fires + wait > within).then(|| {
                format!("{} fires after {fires} s at the earliest, and its receiver may be notified {wait} s later: this is more than {}", alert.name, alert.fires_within)
            })
        })
        .collect();
    if late.is_empty() {
        Finding::pass(
            "alerts-told",
            format!("Alertmanager notifies receivers within {wait} s (group_wait) after it receives an alert"),
        )
    } else {
        Finding::fail("alerts-told", late.join("; "), "shorten group_wait, or allow more time (firesWithin)").advisory()
    }
}

pub(super) fn silenced(case: &Case<'_>, expected: &[AlertExpectation]) -> Finding {
    let mut hits = vec![];
    if case.facts.silences.is_empty() {
        return Finding::unknown("alerts-not-silenced", NO_PEER, NAME_ONE).advisory();
    }
    for answer in &case.facts.silences {
        let silences = match answer {
            Ok(silences) => silences,
            Err(why) => {
                return Finding::unknown("alerts-not-silenced", why.clone(), REACH);
            }
        };
        for alert in expected.iter().filter(|a| !a.suppressed) {
            for labels in label_sets(alert, case.plan) {
                hits.extend(
                    silences
                        .iter()
                        .filter(|s| may_match(s, &labels))
                        .map(|s| format!("silence {} of {} may hide {}", s.id, s.by, alert.name)),
                );
            }
        }
    }
    hits.sort();
    hits.dedup();
    if hits.is_empty() {
        Finding::pass("alerts-not-silenced", "no silence hides the expected alerts")
    } else {
        Finding::fail("alerts-not-silenced", hits.join("; "), "expire the silence, or expect `suppressed: true`")
    }
}

/// Labels that are not known before the drill can have any value: only a known label can
/// rule out a match.
fn may_match(silence: &Silence, labels: &BTreeMap<String, String>) -> bool {
    silence.matchers.iter().all(|(name, value, regex, equal)| match labels.get(name) {
        None => name != "alertname",
        Some(known) if *regex => anchored(value, known).is_none_or(|m| m == *equal),
        Some(known) => (known == value) == *equal,
    })
}

/// Whether a simple alternation matches; none if the expression is more complex than that.
fn anchored(expression: &str, text: &str) -> Option<bool> {
    if expression == ".*" || expression == ".+" {
        return Some(true);
    }
    let plain = expression.chars().all(|c| c.is_ascii_alphanumeric() || "_-|".contains(c));
    plain.then(|| expression.split('|').any(|word| word == text))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Configuration {
    route: Route,
    inhibit_rules: Vec<InhibitRule>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Route {
    group_wait: Option<String>,
    routes: Vec<Route>,
}

impl Route {
    /// The longest wait of the route and its children. A child inherits the wait of its parent.
    fn longest(&self, inherited: f64) -> f64 {
        let own = self.group_wait.as_deref().and_then(seconds).unwrap_or(inherited);
        self.routes.iter().map(|route| route.longest(own)).fold(own, f64::max)
    }
}

/// A duration in the notation of Prometheus: `1m30s`.
fn seconds(text: &str) -> Option<f64> {
    let (mut sum, mut number) = (0.0, String::new());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter.is_ascii_digit() {
            number.push(letter);
            continue;
        }
        let milli = letter == 'm' && letters.next_if_eq(&'s').is_some();
        let unit = match letter {
            'm' if milli => 0.001,
            's' => 1.0,
            'm' => 60.0,
            'h' => 3600.0,
            'd' => 86_400.0,
            'w' => 604_800.0,
            _ => return None,
        };
        sum += std::mem::take(&mut number).parse::<f64>().ok()? * unit;
    }
    (number.is_empty() || text == "0").then_some(sum)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InhibitRule {
    source_match: BTreeMap<String, String>,
    source_match_re: BTreeMap<String, String>,
    source_matchers: Vec<String>,
    target_match: BTreeMap<String, String>,
    target_match_re: BTreeMap<String, String>,
    target_matchers: Vec<String>,
}

/// An inhibition can be predicted if its source fires already.
pub(super) fn inhibited(case: &Case<'_>, expected: &[AlertExpectation]) -> Finding {
    let mut hits = vec![];
    let configs = match configurations(case) {
        Ok(configs) if configs.is_empty() => {
            return Finding::unknown("alerts-not-inhibited", NO_PEER, NAME_ONE).advisory();
        }
        Ok(configs) => configs,
        Err(why) => return Finding::unknown("alerts-not-inhibited", why, REACH),
    };
    for config in configs {
        let firing = case.facts.firing.iter().flatten().flatten();
        for source in firing {
            for rule in &config.inhibit_rules {
                let is_source =
                    matches_all((&rule.source_match, &rule.source_match_re), &rule.source_matchers, &source.labels);
                for alert in expected.iter().filter(|a| !a.suppressed) {
                    let target = label_sets(alert, case.plan)
                        .into_iter()
                        .any(|l| matches_all((&rule.target_match, &rule.target_match_re), &rule.target_matchers, &l));
                    if is_source && target {
                        hits.push(format!("{} fires and inhibits {}", source.name, alert.name));
                    }
                }
            }
        }
    }
    if hits.is_empty() {
        Finding::pass("alerts-not-inhibited", "no active alert inhibits the expected alerts")
    } else {
        Finding::fail(
            "alerts-not-inhibited",
            hits.join("; "),
            "resolve the inhibiting alert, or expect `suppressed: true`",
        )
    }
}

type Labels = BTreeMap<String, String>;

/// Whether the parts of an inhibition rule match: texts and expressions by label, and matchers. Without any part, a rule
/// matches nothing.
fn matches_all((equal, like): (&Labels, &Labels), matchers: &[String], labels: &Labels) -> bool {
    equal.iter().all(|(k, v)| labels.get(k) == Some(v))
        && like.iter().all(|(k, v)| labels.get(k).is_some_and(|label| fits(v, label)))
        && matchers.iter().all(|m| match m.split_once('=') {
            Some((name, value))
                if !name.ends_with(['!', '~']) && !value.starts_with('~') && !m.contains(['{', ',']) =>
            {
                labels.get(name.trim()).is_some_and(|l| l == value.trim().trim_matches('"'))
            }
            // A matcher other than plain equality may match, so the match is not ruled out.
            _ => true,
        })
        && !(equal.is_empty() && like.is_empty() && matchers.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_prometheus_writes_them() {
        let all = [("30s", 30.0), ("1m30s", 90.0), ("2h", 7200.0), ("500ms", 0.5), ("1d", 86_400.0), ("0", 0.0)];
        assert!(all.iter().all(|(text, want)| seconds(text) == Some(*want)));
        assert!(["30", "s", "1x", ""].iter().take(3).all(|text| seconds(text).is_none()));
    }

    #[test]
    fn a_child_route_waits_as_its_parent_unless_it_says() {
        let config: Configuration = serde_saphyr::from_str(
            "route: {receiver: a, group_wait: 10s, routes: [{receiver: b}, {receiver: c, group_wait: 1m}]}",
        )
        .expect("a configuration");
        assert_eq!(config.route.longest(GROUP_WAIT), 60.0);
        assert_eq!(Route::default().longest(GROUP_WAIT), 30.0);
    }
}
