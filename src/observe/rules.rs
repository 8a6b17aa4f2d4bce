//! Whether Prometheus evaluates the rules that alerts are expected of. A rule that is not
//! evaluated fires never and resolves never, and Prometheus answers all the same: then it
//! counts as out of sight.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    event::Kind,
    journal::Recorder,
    model::{Expectation, Plan},
    told,
    world::{RuleInfo, World},
};

/// How often the rules are asked.
const EVERY: Duration = Duration::from_secs(5);
/// So many intervals of a group may pass, and this much besides.
const INTERVALS: f64 = 3.0;
const PATIENCE_US: u64 = 10_000_000;

/// As it stands in the journal: a part of Prometheus.
const SOURCE: &str = "prometheus-rules";

/// By name and expression: two groups may have a rule of one name.
type Known = BTreeMap<(String, String), Evaluated>;

/// When a rule was last seen to be evaluated anew.
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
        // That it does not answer is told by who asks it for alerts.
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

/// Since when a rule is not evaluated, and why that is said.
fn known_late(known: &mut Known, rule: &RuleInfo, now: u64) -> Option<(u64, String)> {
    // A Prometheus that does not say when says nothing of it.
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
    (now > since + allowed)
        .then(|| (since, format!("rule {name} was last evaluated at {}, by its own word", rule.last_evaluation)))
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
