//! Whether an alert in Alertmanager is the one that Prometheus sent because of the fault. Other clusters and other
//! programs send alerts of the same name, and Alertmanager may still have an older one.

use super::{
    alerts::{Chain, is_manager},
    history::AlertPoint,
    proof::Bound,
    seconds,
};

/// Two Prometheus servers that evaluate the same rules may differ by one interval of evaluation, which is usually a
/// minute or less. Alertmanager has the alert from the first of them.
const INTERVAL_US: u64 = 60_000_000;

/// Prometheus is asked once a second.
const TURN_US: u64 = 2_000_000;

impl<'h> Chain<'h> {
    /// What Alertmanagers have of it, whoever sent it.
    pub(super) fn held(&self) -> impl Iterator<Item = &'h AlertPoint> {
        let there = |a: &&&AlertPoint| is_manager(a) && matches!(a.state.as_str(), "active" | "suppressed");
        self.own().filter(there).copied()
    }

    /// Whether Prometheus was seen to fire an alert that can be this one: by its labels, and by its times.
    pub(super) fn is_sent(&self, held: &AlertPoint) -> bool {
        let mut fired = self.own().filter(|a| a.source == "prometheus" && a.state == "firing");
        fired.any(|a| agree(a, held) && a.at <= held.at.saturating_add(INTERVAL_US) && !is_older(held, a))
    }

    /// If an Alertmanager has such an alert, why it is not the one of this fault.
    pub(super) fn sent_elsewhere(&self) -> Option<Bound> {
        let held = self.held().next()?;
        let after = seconds(held.at.saturating_sub(self.window.t0));
        Some(Bound::Between(match self.firing() {
            None => {
                format!("Alertmanager had it {after} after the fault, but it was not observed to fire in Prometheus")
            }
            Some(_) => format!(
                "Alertmanager had an alert of this name {after} after the fault, but by its labels or times it is not the one that fired in Prometheus: another sender may have sent it"
            ),
        }))
    }

    /// Whether Prometheus first had it after the time of the fault. Then something else may have caused it.
    pub(super) fn began_after_the_end(&self) -> bool {
        let first = self.own().find(|a| a.source == "prometheus" && !a.state.is_empty());
        first.is_some_and(|a| a.at > self.window.end.saturating_add(TURN_US))
    }
}

/// Whether no label has two values. Alertmanager's alert may have more labels, and may lack some.
fn agree(fired: &AlertPoint, held: &AlertPoint) -> bool {
    fired.labels.iter().all(|(name, value)| held.labels.get(name).is_none_or(|other| other == value))
}

/// Whether Alertmanager's alert began to fire long before Prometheus' alert became active. Both times are by the clock
/// of a Prometheus.
fn is_older(held: &AlertPoint, fired: &AlertPoint) -> bool {
    let both = held.since.zip(fired.since);
    both.is_some_and(|(began, active)| active.duration_since(began).as_micros() > i128::from(INTERVAL_US))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{
        Milestone, phases,
        small_journal::{S, SmallJournal, at},
    };
    use crate::{event::Kind, model::Outcome};

    fn seen(source: &str, labels: &Value, state: &str, since: u64) -> Kind {
        let mut labels = labels.clone();
        labels["alertname"] = "Down".into();
        let alert = json!({"kind": "AlertSeen", "source": source, "name": "Down", "labels": labels, "state": state,
            "since": at(since * S).to_string(), "receivers": ["oncall"], "suppressed_by": []});
        serde_json::from_value(alert).expect("an alert")
    }

    /// Node a was killed at 10 s. Its alert is pending from 100 s on and fires at 120 s; `Down` must arrive until 310 s.
    fn journal() -> SmallJournal {
        let web = json!({"job": "web"});
        SmallJournal::killed("a")
            .expects(json!({"alert": {"name": "Down", "firesWithin": "5m"}}))
            .at(100, seen("prometheus", &web, "pending", 100))
            .at(120, seen("prometheus", &web, "firing", 100))
    }

    #[test]
    fn an_alert_of_the_same_name_is_not_yet_the_one_that_fired() {
        let of = |second: u64, labels: Value, since: u64| {
            journal().at(second, seen("alertmanager-0", &labels, "active", since)).judged(400)
        };
        let web = || json!({"job": "web"});
        assert_eq!(of(121, web(), 120).0, Outcome::Pass);
        assert_eq!(of(90, web(), 90).0, Outcome::Pass, "a second Prometheus evaluates earlier");
        // Prometheus adds labels of its own when it sends, and may drop some.
        assert_eq!(of(121, json!({"job": "web", "cluster": "one"}), 120).0, Outcome::Pass);
        assert_eq!(of(121, json!({}), 120).0, Outcome::Pass);
        for (told, why) in [
            (of(121, json!({"job": "db"}), 120), "another label"),
            (of(45, web(), 44), "Alertmanager had it long before it fired"),
            (of(121, web(), 30), "it had begun to fire long before it became active here"),
        ] {
            assert_eq!(told.0, Outcome::Inconclusive, "{why}: {}", told.1);
            assert!(told.1.contains("another sender"), "{}", told.1);
        }
        // If Alertmanager has nothing at all, it is missing.
        assert_eq!(journal().judged(400).0, Outcome::Fail);
        // Ours came as well.
        let both = journal().at(45, seen("alertmanager-0", &json!({"job": "db"}), "active", 44));
        let both = both.at(122, seen("alertmanager-0", &web(), "active", 120)).judged(400);
        assert_eq!((both.0, both.1.contains("received 112.0 s")), (Outcome::Pass, true), "{}", both.1);
    }

    #[test]
    fn the_first_alert_of_an_outage_is_one_that_is_expected_of_it() {
        let mut watchdog = seen("alertmanager-0", &json!({}), "active", 20);
        if let Kind::AlertSeen { name, .. } = &mut watchdog {
            *name = "Watchdog".into();
        }
        let history =
            journal().at(20, watchdog).at(121, seen("alertmanager-0", &json!({}), "active", 120)).history(400);
        let alerted = phases("web", None, &history).into_iter().find(|p| p.name == Milestone::Alerted);
        assert_eq!(alerted.map(|p| p.at_us), Some(111 * S));
    }

    #[test]
    fn an_alert_that_begins_after_the_undo_is_not_of_the_fault() {
        let web = json!({"job": "web"});
        let of = |undo: u64| {
            let journal = journal().healed(undo).at(121, seen("alertmanager-0", &web, "active", 120));
            journal.judged(400)
        };
        assert_eq!(of(110).0, Outcome::Pass, "it was pending when the undo began");
        let late = of(40);
        assert_eq!(late.0, Outcome::Inconclusive);
        assert!(late.1.contains("undone after 30.0 s"), "{}", late.1);
    }

    #[test]
    fn one_alertmanager_or_one_alert_of_several_may_be_silenced() {
        let suppressed = |source: &str, pod: &str| {
            let mut alert = seen(source, &json!({"pod": pod}), "suppressed", 120);
            if let Kind::AlertSeen { suppressed_by, .. } = &mut alert {
                suppressed_by.push("s1".into());
            }
            alert
        };
        let active = |source: &str, pod: &str| seen(source, &json!({"pod": pod}), "active", 120);
        let of = |one: Kind, other: Option<Kind>| {
            let journal = journal().at(121, one);
            let journal = if let Some(other) = other { journal.at(122, other) } else { journal };
            journal.judged(400).0
        };
        assert_eq!(of(suppressed("alertmanager-0", "p1"), None), Outcome::Fail);
        assert_eq!(of(suppressed("alertmanager-0", "p1"), Some(active("alertmanager-0", "p1"))), Outcome::Inconclusive);
        // People are told about the other pod, or by the other Alertmanager.
        assert_eq!(of(suppressed("alertmanager-0", "p1"), Some(active("alertmanager-0", "p2"))), Outcome::Inconclusive);
        assert_eq!(of(suppressed("alertmanager-0", "p1"), Some(active("alertmanager-1", "p1"))), Outcome::Inconclusive);
    }
}
