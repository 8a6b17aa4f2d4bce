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

/// By name and expression, because two groups may have a rule with the same name.
type Known = BTreeMap<(String, String), Evaluated>;

/// When a rule was last observed to be evaluated.
struct Evaluated {
    by_its_word: String,
    seen_us: u64,
}

pub(super) async fn watch(world: Arc<World>, recorder: Arc<Recorder>, plan: Arc<Plan>) {
    let mut known: Known = BTreeMap::new();
    let mut lost_from: Option<u64> = None;
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        // The observer of alerts already reports that Prometheus does not answer.
        let Some(Ok(rules)) = world.monitoring.rules().await else { continue };
        let now = recorder.now_us();
        let expected = |rule: &&RuleInfo| {
            plan.expectations().any(|e| matches!(e, Expectation::Alert(alert) if alert.name == rule.name))
        };
        let late =
            rules.iter().filter(expected).filter_map(|rule| known_late(&mut known, rule, now)).min_by_key(|l| l.0);
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

/// If a rule is not evaluated: since when, and the reason for that conclusion.
fn known_late(known: &mut Known, rule: &RuleInfo, now: u64) -> Option<(u64, String)> {
    // Without the time of the last evaluation, nothing can be concluded.
    if rule.last_evaluation.is_empty() {
        return None;
    }
    let name = &rule.name;
    let last = known
        .entry((name.clone(), rule.query.clone()))
        .or_insert_with(|| Evaluated { by_its_word: rule.last_evaluation.clone(), seen_us: now });
    if last.by_its_word != rule.last_evaluation {
        *last = Evaluated { by_its_word: rule.last_evaluation.clone(), seen_us: now };
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
}
