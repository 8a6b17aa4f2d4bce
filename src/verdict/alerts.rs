//! Judges whether an alert reached people: firing in Prometheus, received by Alertmanager, routed, not suppressed,
//! resolved. These are different facts, each with its own time. An alert counts for a fault only if it was not pending
//! before it and did not begin with the next fault.

use std::collections::BTreeMap;

use super::{
    Answer, History,
    history::AlertPoint,
    outside::Others,
    proof::{Bound, Own, Part, Proof, Sight},
    seconds,
    window::{EndedBy, Window},
};
use crate::{
    event::is_alertmanager,
    model::{AlertExpectation, Evidence, Expectation, ForEach, Measure, Measured, Outcome, StepName, Told},
};

/// The time between two requests to a source.
const LOOK_US: u64 = 1_000_000;

/// The position of something relative to a deadline. It may have happened up to one second before it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Before,
    Either,
    After,
}

fn side(seen: u64, deadline: u64) -> Side {
    if seen <= deadline {
        Side::Before
    } else if seen.saturating_sub(LOOK_US) <= deadline {
        Side::Either
    } else {
        Side::After
    }
}

pub(super) fn answer(expected: &AlertExpectation, history: &History, now_us: u64) -> Answer {
    let Some(window) = Window::of(history, expected.of.as_ref()) else {
        return Answer::new(
            Outcome::Inconclusive,
            format!("{}: the fault of this expectation did not happen", expected.name),
        );
    };
    let targets = targets(expected, history, &window);
    if targets.is_empty() {
        let why = format!("{}: the fault has no target for which this alert is expected", expected.name);
        return Answer::new(Outcome::Inconclusive, why);
    }
    let one = |labels: &BTreeMap<String, String>| {
        let chain = Chain::of(expected, labels, history, &window, now_us);
        let delivered = chain.delivered().conclude(&chain.who);
        let resolved = chain.resolved().map(|proof| proof.conclude(&chain.who));
        let answers = [Some(delivered), resolved].into_iter().flatten().collect();
        Answer::all(answers).measuring(chain.measure()).with(chain.evidence())
    };
    Answer::all(targets.iter().map(one).collect())
}

/// Whether it is still undecided if the alert is delivered.
pub(super) fn undelivered(expected: &AlertExpectation, history: &History, now_us: u64) -> Option<String> {
    let window = Window::of(history, expected.of.as_ref())?;
    targets(expected, history, &window).iter().find_map(|labels| {
        let chain = Chain::of(expected, labels, history, &window, now_us);
        let delivered = chain.delivered().conclude(&chain.who);
        delivered.is_open().then_some(delivered.because)
    })
}

/// When Alertmanager first had one of the alerts that are expected of a fault. Any other alert may have another cause.
pub(super) fn first_received(history: &History, step: &StepName) -> Option<u64> {
    let alerts = history.state.plan.iter().flat_map(|p| p.expectations()).filter_map(|e| match e {
        Expectation::Alert(alert) if history.fault_step(alert.of.as_ref()).as_ref() == Some(step) => Some(alert),
        _ => None,
    });
    let received = |alert: &AlertExpectation| {
        let window = Window::of(history, alert.of.as_ref())?;
        let chain = |labels| Chain::of(alert, labels, history, &window, u64::MAX).received().map(|a| a.at);
        targets(alert, history, &window).iter().filter_map(chain).min()
    };
    alerts.filter_map(received).min()
}

fn targets(expected: &AlertExpectation, history: &History, window: &Window) -> Vec<BTreeMap<String, String>> {
    match expected.for_each {
        None => vec![expected.labels.clone()],
        Some(ForEach::TargetNode) => {
            let with = |node: String| {
                let mut labels = expected.labels.clone();
                labels.insert("node".into(), node);
                labels
            };
            window.targets(history).into_iter().map(with).collect()
        }
    }
}

/// One alert, from pending until it is gone.
pub(super) struct Chain<'h> {
    pub(super) expected: &'h AlertExpectation,
    pub(super) history: &'h History,
    pub(super) window: &'h Window,
    who: String,
    node: Option<String>,
    points: Vec<&'h AlertPoint>,
    now_us: u64,
}

impl<'h> Chain<'h> {
    pub(super) fn of(
        expected: &'h AlertExpectation,
        labels: &BTreeMap<String, String>,
        history: &'h History,
        window: &'h Window,
        now_us: u64,
    ) -> Self {
        let mine = |a: &&AlertPoint| a.name == expected.name && labels.iter().all(|(k, v)| a.labels.get(k) == Some(v));
        let node = expected.for_each.and_then(|_| labels.get("node").cloned());
        Self {
            expected,
            history,
            window,
            who: node.as_ref().map_or_else(|| expected.name.clone(), |n| format!("{} for {n}", expected.name)),
            node,
            points: history.alerts.iter().filter(mine).collect(),
            now_us,
        }
    }

    fn evidence(&self) -> Evidence {
        let said = |at: Option<u64>| at.map_or("not seen".to_owned(), |t| seconds(t - self.window.t0));
        Evidence {
            source: "Prometheus /api/v1/alerts, Alertmanager /api/v2/alerts, asked every second".into(),
            observed: Told::of_journal(format!(
                "{}: firing {}, received {} after the fault",
                self.who,
                said(self.firing().map(|a| a.at)),
                said(self.received().map(|a| a.at))
            )),
            from_us: Some(self.window.t0),
            to_us: Some(self.history.end_us),
            uncertainty_us: Some(LOOK_US),
        }
    }

    /// When Alertmanager had received it. It was seen up to one request later.
    fn measure(&self) -> Option<Measure> {
        let most_us = self.received()?.at.checked_sub(self.window.t0)?;
        let objective_us = self.expected.fires_within.micros();
        Some(Measure { of: Measured::Alert, least_us: most_us.saturating_sub(LOOK_US), most_us, objective_us })
    }

    /// The points that belong to this fault: after it, and before the next one.
    pub(super) fn own(&self) -> impl Iterator<Item = &&'h AlertPoint> {
        self.points.iter().filter(|a| a.at >= self.window.t0 && a.at <= self.window.last)
    }

    pub(super) fn firing(&self) -> Option<&'h AlertPoint> {
        self.own().find(|a| a.source == "prometheus" && a.state == "firing").copied()
    }

    /// An unprocessed alert is not received yet, and neither is an alert that another sender had sent.
    fn received(&self) -> Option<&'h AlertPoint> {
        self.held().find(|a| self.is_sent(a))
    }

    /// An alert that was pending, firing or silenced before the fault is not a baseline. Neither is one that was active
    /// before the fault according to its source.
    fn baseline(&self) -> Part {
        let t0 = self.window.t0;
        if let Some(point) = active_before(&self.points, t0) {
            return Part::Missing(format!("it was already {} before the fault", point.state));
        }
        let zero = self.history.zero;
        let since = |a: &AlertPoint| {
            let since = a.since?.duration_since(zero?);
            u64::try_from(since.as_micros()).ok().filter(|us| us + 1_000_000 < t0)
        };
        if self.own().any(|a| a.source == "prometheus" && since(a).is_some()) {
            return Part::Missing("according to Prometheus, it was already active before the fault".into());
        }
        Part::Shown("it was inactive before the fault".into())
    }

    fn sight(&self, until: u64) -> Sight {
        let t0 = self.window.t0;
        for source in ["prometheus", "alertmanager"] {
            if self.history.source_blind_in(source, t0, until) {
                return Sight::Missing(format!("{source} gave no usable answer for some time"));
            }
        }
        if let Some(name) = self.history.state.plan.as_ref().and_then(|p| p.watchdog.as_ref()) {
            let mine = |a: &&AlertPoint| a.name == *name && a.source == "prometheus";
            let at = self.history.alerts.iter().filter(mine).rfind(|a| a.at <= t0);
            let gone =
                self.history.alerts.iter().filter(mine).find(|a| a.at > t0 && a.at <= until && a.state.is_empty());
            if at.is_none_or(|a| a.state.is_empty()) || gone.is_some() {
                return Sight::Missing(format!(
                    "{name}, which always fires, did not fire: the monitoring was not working"
                ));
            }
        }
        Sight::Shown("Prometheus and Alertmanager answered the whole time".into())
    }

    /// The watch of the nodes shows when the target was back.
    fn sight_of_return(&self, until: u64) -> Sight {
        let healed = self.history.reverts.iter().map(|(at, _)| *at).find(|at| *at >= self.window.t0);
        let blind = self.node.as_ref().and(healed).and_then(|from| self.history.blind_in(from, until));
        blind.map_or_else(|| self.sight(until), Sight::Missing)
    }

    fn denominator(&self) -> Part {
        Part::Shown(self.node.clone().map_or("the alert".into(), |node| format!("target {node}")))
    }

    fn delivered(&self) -> Proof {
        let deadline = self.window.t0 + self.expected.fires_within.micros();
        let until = self.received().map_or(deadline, |a| a.at).min(self.window.last);
        Proof {
            baseline: self.baseline(),
            reach: Part::NotAsked("the alert itself shows the effect of the fault"),
            sight: self.sight(until),
            denominator: self.denominator(),
            bound: self.in_time(deadline),
            own: Own::NotAsked("the alert must come while the fault lasts"),
            // Silences from outside are part of the delivery.
            others: Others::NotAsked,
        }
    }

    pub(super) fn in_time(&self, deadline: u64) -> Bound {
        let within = self.expected.fires_within;
        let Some(received) = self.received() else {
            return self.sent_elsewhere().unwrap_or_else(|| self.missing(deadline));
        };
        let after = seconds(received.at.saturating_sub(self.window.t0));
        if self.began_after_the_end() {
            return Bound::Between(format!(
                "received {after} after the fault, but it became active only later: {}",
                self.window.how()
            ));
        }
        match side(received.at, deadline) {
            Side::Before => {}
            Side::Either => {
                return Bound::Between(format!(
                    "received {after} after the fault, or up to 1 s earlier: it is unknown whether the limit of {within} is met"
                ));
            }
            Side::After => {
                return Bound::Refuted(format!("received only {after} after the fault, but the limit is {within}"));
            }
        }
        if let Some(bound) = self.suppression() {
            return bound;
        }
        if let Some(wanted) = &self.expected.receiver
            && !self.held().any(|a| self.is_sent(a) && a.receivers.contains(wanted))
        {
            return Bound::Refuted(format!("it is routed to {}, not to {wanted}", received.receivers.join(", ")));
        }
        let acknowledged = self.acknowledged().map(|c| format!("; then {}", c.timed())).unwrap_or_default();
        Bound::Met(format!("received {after} after the fault{acknowledged}"))
    }

    fn missing(&self, deadline: u64) -> Bound {
        let within = self.expected.fires_within;
        if self.now_us < deadline && self.window.end > self.now_us.min(self.history.end_us) {
            return Bound::Open("not received yet".into());
        }
        if self.now_us < deadline && self.window.by == EndedBy::Journal {
            return Bound::Open("not received yet".into());
        }
        // The absence of an alert is known only if the fault lasted, and was observed, for long enough.
        if self.window.end < deadline {
            return Bound::Between(format!(
                "not received, but {}: that is less than the allowed {within}, so the alert was not tested",
                self.window.how()
            ));
        }
        let fired = self.firing().map_or("it never fired".to_owned(), |a| {
            format!(
                "it fired in Prometheus {} after the fault, but never arrived",
                seconds(a.at.saturating_sub(self.window.t0))
            )
        });
        Bound::Refuted(format!("not received within {within}: {fired}"))
    }

    /// Gone in every Alertmanager and inactive in Prometheus, after its target is back.
    fn resolved(&self) -> Option<Proof> {
        let within = self.expected.resolves_within?;
        let received = self.received()?;
        let healed = match self.back() {
            Ok(at) => at,
            Err(why) => return Some(self.resolution(received.at, Bound::Open(why))),
        };
        let deadline = healed + within.micros();
        let bound = match self.gone(received.at) {
            Some(at) if at < healed => {
                Bound::Between(format!("it was gone {} before its target was back", seconds(healed - at)))
            }
            Some(at) => {
                let after = seconds(at - healed);
                match side(at, deadline) {
                    Side::Before => Bound::Met(format!("resolved {after} after the heal")),
                    Side::Either => Bound::Between(format!(
                        "resolved {after} after the heal, or up to 1 s earlier: it is unknown whether the limit of {within} is met"
                    )),
                    Side::After => Bound::Refuted(format!("resolved only {after} after the heal")),
                }
            }
            None if self.now_us < deadline => Bound::Open("not resolved yet".into()),
            None if self.history.end_us < deadline => Bound::Between("not resolved when the drill ended".into()),
            None => Bound::Refuted(format!("not resolved within {within} after the heal")),
        };
        Some(self.resolution(self.gone(received.at).unwrap_or(deadline), bound))
    }

    fn resolution(&self, until: u64, bound: Bound) -> Proof {
        Proof {
            baseline: Part::Shown("it was received".into()),
            reach: Part::NotAsked("the alert itself shows the effect of the fault"),
            sight: self.sight_of_return(until.min(self.history.end_us)),
            denominator: self.denominator(),
            bound,
            own: Own::NotAsked("the heal resolves it"),
            // Silences from outside are part of the delivery.
            others: Others::NotAsked,
        }
    }

    /// When the target was Ready again after the heal; the time of the heal if there is no target.
    fn back(&self) -> Result<u64, String> {
        let heal = self.history.healed(&self.window.step).ok_or(self.history.unhealed())?;
        let began =
            self.history.reverts.iter().map(|(at, _)| *at).filter(|at| *at >= self.window.t0).min().unwrap_or(heal);
        let Some(node) = &self.node else { return Ok(began) };
        let series = self.history.nodes.get(node).ok_or("its node was never observed")?;
        if series.at(began) == Some(1) {
            return Ok(began);
        }
        let ready = series.0.iter().find(|(t, ready)| *t >= began && *ready == 1).map(|(t, _)| *t);
        ready.ok_or_else(|| "its node is not Ready yet".to_owned())
    }

    /// Since when all of its label sets have been gone, in all sources.
    fn gone(&self, from: u64) -> Option<u64> {
        let last = latest(self.points.iter().copied().filter(|a| a.at >= self.window.t0));
        let all_gone = last.iter().all(|a| a.state.is_empty());
        let at = last.iter().map(|a| a.at).max()?;
        (all_gone && at >= from).then_some(at)
    }
}

pub(super) fn is_manager(point: &AlertPoint) -> bool {
    is_alertmanager(&point.source)
}

/// The last of these points for each alert (name and labels) in each source.
pub(super) fn latest<'h>(points: impl Iterator<Item = &'h AlertPoint>) -> Vec<&'h AlertPoint> {
    let mut last = BTreeMap::new();
    for point in points {
        last.insert((&point.source, &point.name, &point.labels), point);
    }
    last.into_values().collect()
}

/// A label set of the alert that was not gone before the fault, in Prometheus or in an Alertmanager.
fn active_before<'h>(points: &[&'h AlertPoint], t0: u64) -> Option<&'h AlertPoint> {
    latest(points.iter().copied().filter(|a| a.at < t0)).into_iter().rfind(|a| !a.state.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_active_before_the_fault_is_no_baseline() {
        let point = |source: &str, at: u64, state: &str| AlertPoint {
            at,
            source: source.to_owned(),
            state: state.to_owned(),
            ..AlertPoint::default()
        };
        let pending = point("prometheus", 5, "pending");
        let told = point("alertmanager-1", 5, "active");
        let over = point("alertmanager-1", 8, "");
        let of_another_pod = AlertPoint { labels: BTreeMap::from([("pod".into(), "b".into())]), ..over.clone() };
        assert_eq!(active_before(&[&pending], 10).map(|a| a.at), Some(5));
        assert_eq!(active_before(&[&told], 10).map(|a| a.at), Some(5), "nobody but an Alertmanager has it");
        assert!(active_before(&[&told, &over], 10).is_none(), "it was resolved in time");
        assert!(active_before(&[&told], 5).is_none(), "it came with the fault");
        assert!(active_before(&[&told, &of_another_pod], 10).is_some(), "another one was resolved");
    }

    #[test]
    fn a_look_tells_up_to_a_second_late() {
        let deadline = 60_000_000;
        let cases = [(60_000_000, Side::Before), (60_000_001, Side::Either), (61_000_000, Side::Either)];
        for (seen, wanted) in cases.into_iter().chain([(61_000_001, Side::After), (0, Side::Before)]) {
            assert_eq!(side(seen, deadline), wanted, "{seen}");
        }
    }
}
