//! Checks that Prometheus evaluates the rules of the expected alerts. A rule that is not evaluated neither fires nor
//! resolves, although Prometheus answers normally. During that time, Prometheus counts as unable to see.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    event::Kind,
    journal::Recorder,
    model::{Expectation, Plan},
    told,
    world::{RuleInfo, World},
};

/// How often the rules are requested.
const EVERY: Duration = Duration::from_secs(5);
/// How many intervals of a group may pass; below, the additional time.
const INTERVALS: f64 = 3.0;
const PATIENCE_US: u64 = 10_000_000;

/// The name of this source in the journal.
const SOURCE: &str = "prometheus-rules";

/// The rules that the drill needs, as Prometheus reported them.
struct Known {
    /// By name and expression, because two groups may have a rule with the same name.
    rules: BTreeMap<(String, String), Evaluated>,
    /// When Prometheus last answered.
    answered_us: u64,
}

/// When a rule was last observed to be evaluated.
struct Evaluated {
    by_its_word: String,
    seen_us: u64,
    /// When it was last in the answer.
    listed_us: u64,
}

/// Since when something was not seen, and why.
type Late = (u64, String);

pub(super) async fn watch(world: Arc<World>, recorder: Arc<Recorder>, plan: Arc<Plan>) {
    let mut known = Known { rules: BTreeMap::new(), answered_us: recorder.now_us() };
    let mut lost_from: Option<u64> = None;
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let expected = |rule: &RuleInfo| {
        plan.expectations().any(|e| matches!(e, Expectation::Alert(alert) if alert.name == rule.name))
    };
    loop {
        tick.tick().await;
        let Some(answer) = world.monitoring.rules().await else { return };
        let now = recorder.now_us();
        let late = match answer {
            Ok(rules) => known.update(&rules.into_iter().filter(expected).collect::<Vec<_>>(), now),
            Err(error) => known.unanswered(&error.to_string(), now),
        };
        match (late, lost_from) {
            (Some((since, why)), None) => {
                let why = told!(recorder, "{why}");
                recorder.observe(Kind::SourceLost { source: SOURCE.into(), why, blind_from_us: Some(since) });
                lost_from = Some(since);
            }
            (None, Some(blind_from_us)) => {
                recorder.observe(Kind::SourceRegained { source: SOURCE.into(), blind_from_us });
                lost_from = None;
            }
            _ => {}
        }
    }
}

impl Known {
    /// Adds an answer. Returns what it shows about the time before it: a rule that is not evaluated, or that somebody
    /// removed or changed. An alert without its rule is gone, but nothing shows that its cause is.
    fn update(&mut self, rules: &[RuleInfo], now: u64) -> Option<Late> {
        self.answered_us = now;
        let late: Vec<Late> = rules.iter().filter_map(|rule| known_late(&mut self.rules, rule, now)).collect();
        let removed = self.rules.iter().filter(|(_, last)| last.listed_us < now).map(|((name, _), last)| {
            (last.listed_us, format!("rule {name} was removed or changed, according to Prometheus"))
        });
        late.into_iter().chain(removed).min_by_key(|late| late.0)
    }

    /// Without an answer for some time, it is unknown whether the rules are evaluated.
    fn unanswered(&self, why: &str, now: u64) -> Option<Late> {
        let long = now > self.answered_us + PATIENCE_US;
        long.then(|| (self.answered_us, format!("Prometheus does not list its rules: {why}")))
    }
}

/// If a rule is not evaluated: since when, and the reason for that conclusion.
fn known_late(known: &mut BTreeMap<(String, String), Evaluated>, rule: &RuleInfo, now: u64) -> Option<Late> {
    let name = &rule.name;
    let seen = || Evaluated { by_its_word: rule.last_evaluation.clone(), seen_us: now, listed_us: now };
    let last = known.entry((name.clone(), rule.query.clone())).or_insert_with(seen);
    last.listed_us = now;
    if last.by_its_word != rule.last_evaluation {
        *last = seen();
    }
    // Without the time of the last evaluation, nothing can be concluded.
    if rule.last_evaluation.is_empty() {
        return None;
    }
    let allowed = (rule.interval_seconds * INTERVALS * 1e6) as u64 + PATIENCE_US;
    if !rule.healthy {
        return Some((last.seen_us, format!("rule {name} cannot be evaluated")));
    }
    let since = last.seen_us;
    (now > since + allowed).then(|| {
        (since, format!("rule {name} was last evaluated at {}, according to Prometheus", rule.last_evaluation))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_stands_still_is_out_of_sight_from_its_last_evaluation_on() {
        let mut known = BTreeMap::new();
        let rule = |at: &str, health: &str| RuleInfo {
            name: "NodeNotReady".into(),
            interval_seconds: 5.0,
            last_evaluation: at.into(),
            healthy: health == "ok",
            ..RuleInfo::default()
        };
        let mut late = |at, health, second: u64| known_late(&mut known, &rule(at, health), second * 1_000_000);
        assert!(late("a", "ok", 1).is_none() && late("b", "ok", 6).is_none());
        assert!(late("b", "ok", 31).is_none(), "three intervals and ten seconds");
        assert_eq!(late("b", "ok", 32).map(|l| l.0), Some(6_000_000));
        assert!(late("c", "ok", 40).is_none(), "it goes on");
        assert!(late("d", "err", 45).is_some());
        assert!(late("", "ok", 99).is_none());
    }

    #[test]
    fn a_rule_that_is_removed_or_changed_is_out_of_sight() {
        let mut known = Known { rules: BTreeMap::new(), answered_us: 0 };
        let rule =
            |query: &str| RuleInfo { name: "Down".into(), query: query.into(), healthy: true, ..RuleInfo::default() };
        let mut late =
            |rules: &[RuleInfo], second: u64| known.update(rules, second * 1_000_000).map(|l| l.0 / 1_000_000);
        assert_eq!(late(&[rule("up == 0")], 5), None);
        assert_eq!(late(&[rule("up == 0"), rule("another")], 10), None, "a second rule of this name");
        assert_eq!(late(&[rule("up == 0")], 15), Some(10));
        assert_eq!(late(&[rule("up == 0"), rule("another")], 20), None, "it is back");
        assert_eq!(late(&[rule("vector(0)"), rule("another")], 25), Some(20), "somebody changed it");
        assert_eq!(late(&[], 30), Some(20));
        assert_eq!(known.unanswered("500", 40_000_000), None);
        assert_eq!(known.unanswered("500", 41_000_000).map(|l| l.0), Some(30_000_000));
    }
}
