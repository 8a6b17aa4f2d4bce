//! Whether an alert was kept from people: silenced, inhibited, or answered by a person with a silence.

use super::{
    alerts::{Chain, is_manager, latest},
    history::AlertPoint,
    proof::Bound,
    seconds,
};
use crate::model::{OutsideChange, OutsideWhat};

/// A silence is seen at most this long after it began.
const SILENCES_EVERY_US: u64 = 3_000_000;

impl<'h> Chain<'h> {
    /// The silence that somebody created after people were notified: if a page is answered in this way, it was
    /// delivered. Alertmanager's configuration shows how long it waits before it notifies people. The silence may be as
    /// old as the request before the one that found it.
    pub(super) fn acknowledged(&self) -> Option<&'h OutsideChange> {
        let state = |state: &'static str| self.own().find(move |a| is_manager(a) && a.state == state);
        let (active, suppressed) = (state("active")?, state("suppressed")?);
        self.history.state.outside.iter().find(|change| {
            suppressed.suppressed_by == [change.uid.as_str()]
                && !self.history.source_blind_in("alertmanager", active.at, change.seen_us)
                && self.told_after(&change.what, active).is_some_and(|wait| {
                    change.seen_us >= active.at.saturating_add(wait).saturating_add(SILENCES_EVERY_US)
                })
        })
    }

    /// How long Alertmanager may wait before it notifies people of an alert. It is longer for an alert that joins a
    /// group of which it has already notified them.
    fn told_after(&self, what: &OutsideWhat, active: &AlertPoint) -> Option<u64> {
        let OutsideWhat::Silenced { group_wait_us, group_interval_us, grouped_by_name, .. } = what else { return None };
        let wait = (*group_wait_us)?;
        let interval = group_interval_us.unwrap_or(u64::MAX / 2);
        let others = self.history.alerts.iter().filter(|a| {
            let same = a.name == active.name && a.labels == active.labels;
            is_manager(a) && !same && (!grouped_by_name || a.name == active.name)
        });
        let joins = is_joined(others, active.at, interval);
        Some(if joins { wait.max(interval) } else { wait })
    }

    pub(super) fn suppression(&self) -> Option<Bound> {
        let of = |state: &'static str| self.own().filter(move |a| is_manager(a) && a.state == state);
        let (active, suppressed) = (of("active").next(), of("suppressed").next());
        match (self.expected.suppressed, active, suppressed) {
            (true, Some(active), _) => Some(Bound::Refuted(format!(
                "it should have been suppressed, but was active {} after the fault, so people were notified",
                seconds(active.at.saturating_sub(self.window.t0))
            ))),
            (false, None, Some(by)) => {
                Some(Bound::Refuted(format!("it fired, but was suppressed by {}", self.silences(by))))
            }
            // Another of its label sets, or another Alertmanager, or after a silence that ended.
            (false, Some(first), Some(by)) if by.at < first.at => Some(Bound::Between(format!(
                "it was suppressed by {} first, and active only {} after the fault, so delivery is neither shown nor disproved",
                self.silences(by),
                seconds(first.at.saturating_sub(self.window.t0))
            ))),
            (false, Some(_), Some(_)) if self.acknowledged().is_some() => None,
            (false, Some(_), Some(by)) => Some(Bound::Between(format!(
                "it was active first, then suppressed by {}, so delivery is neither shown nor disproved",
                self.silences(by)
            ))),
            _ => None,
        }
    }

    /// What suppresses the alert, with the author of a silence that began during the drill.
    fn silences(&self, point: &AlertPoint) -> String {
        let author = |id: &String| {
            let mut changes = self.history.state.outside.iter();
            let made = changes.find(|c| c.uid == *id && matches!(c.what, OutsideWhat::Silenced { .. }));
            made.map_or_else(|| id.clone(), |c| format!("{id} ({})", c.timed()))
        };
        point.suppressed_by.iter().map(author).collect::<Vec<_>>().join(", ")
    }
}

/// Whether one of these alerts existed at an instant, or so shortly before that its group may still have existed.
fn is_joined<'h>(points: impl Iterator<Item = &'h AlertPoint>, at: u64, interval: u64) -> bool {
    let last = latest(points.filter(|p| p.at <= at));
    last.iter().any(|p| !p.state.is_empty() || p.at.saturating_add(interval) >= at)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{
        super::{
            History,
            window::{EndedBy, Window},
        },
        *,
    };
    use crate::model::AlertExpectation;

    #[test]
    fn an_alert_joins_a_group_that_is_there_or_may_have_been() {
        let point = |at: u64, name: &str, state: &str| AlertPoint {
            at,
            source: "alertmanager-0".into(),
            name: name.into(),
            state: state.into(),
            ..AlertPoint::default()
        };
        let (there, later) = (point(5, "a", "active"), point(30, "a", "active"));
        let over = [point(5, "a", "active"), point(8, "a", "")];
        assert!(is_joined([&there].into_iter(), 20, 1));
        assert!(!is_joined([&later].into_iter(), 20, 1));
        assert!(is_joined(over.iter(), 10, 5) && !is_joined(over.iter(), 20, 5));
    }

    /// Alertmanager has the alert from 20 s on, and alice silences it at 60 s.
    fn delivered(blind: Option<(u64, u64)>, another: Option<&str>) -> Bound {
        const S: u64 = 1_000_000;
        let point = |at: u64, source: &str, name: &str, state: &str| AlertPoint {
            at: at * S,
            source: source.into(),
            name: name.into(),
            state: state.into(),
            suppressed_by: if state == "suppressed" { vec!["s1".into()] } else { vec![] },
            ..AlertPoint::default()
        };
        let silence = OutsideWhat::Silenced {
            matchers: "m".into(),
            comment: "".into(),
            until: String::new(),
            group_wait_us: Some(30 * S),
            group_interval_us: Some(300 * S),
            grouped_by_name: false,
        };
        let change = OutsideChange {
            seen_us: 60 * S,
            namespace: String::new(),
            object: "silence/s1".into(),
            uid: "s1".into(),
            workloads: vec![],
            what: silence,
            by: crate::model::Author::Unknown,
            as_before: false,
        };
        let mut history = History::default();
        history.state.outside.add(&crate::event::Kind::ChangedOutside { change: Box::new(change) });
        history.alerts.extend(another.map(|name| point(5, "alertmanager-0", name, "active")));
        history.alerts.push(point(20, "prometheus", "Down", "firing"));
        history.alerts.push(point(20, "alertmanager-0", "Down", "active"));
        history.alerts.push(point(61, "alertmanager-0", "Down", "suppressed"));
        let blind = blind.map(|(from, to)| (from * S, to * S));
        history.source_blind.entry("alertmanager-0".into()).or_default().extend(blind);
        let expected: AlertExpectation =
            serde_json::from_value(serde_json::json!({"name": "Down", "firesWithin": "2m"})).unwrap();
        let step = crate::model::StepName("fault".into());
        let (t0, end) = (10 * S, 200 * S);
        let window = Window { step, t0, acknowledged: t0, end, by: EndedBy::Journal, last: end, hit_until: end };
        Chain::of(&expected, &BTreeMap::new(), &history, &window, u64::MAX).in_time(t0 + 120 * S)
    }

    #[test]
    fn a_silence_is_an_answer_where_people_had_surely_been_told() {
        assert!(matches!(delivered(None, None), Bound::Met(_)), "{:?}", delivered(None, None));
        // It is unknown when the silence began.
        assert!(matches!(delivered(Some((25, 59)), None), Bound::Between(_)));
        // It joined a group of which people had been notified, and may be reported only after 5 minutes.
        assert!(matches!(delivered(None, Some("Watchdog")), Bound::Between(_)));
    }
}
