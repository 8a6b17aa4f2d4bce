//! Judges how the ready pods of a workload are spread during the fault. After a zone returns, Kubernetes does not
//! spread them again.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Answer, History, Series,
    effect::effect,
    outside::{self, Others},
    pods::PodPoint,
    proof::{Bound, Own, Part, Proof, Sight},
    window::{EndedBy, Window},
};
use crate::model::{Evidence, Outcome, PlacementExpectation, Spread, Told};

/// The spread at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spreading {
    at: u64,
    /// Ready pods in each domain that is up.
    domains: BTreeMap<String, u32>,
}

impl Spreading {
    fn skew(&self) -> u32 {
        let (least, most) = (self.domains.values().min(), self.domains.values().max());
        most.copied().unwrap_or(0) - least.copied().unwrap_or(0)
    }

    fn placed(&self) -> u32 {
        self.domains.values().sum()
    }

    fn said(&self) -> String {
        self.domains.iter().map(|(d, n)| format!("{d}:{n}")).collect::<Vec<_>>().join(" ")
    }
}

pub(super) fn answer(expected: &PlacementExpectation, history: &History, now_us: u64) -> Answer {
    let owner = expected.workload.to_string();
    let Some(window) = Window::of(history, expected.of.as_ref()) else {
        return Answer::new(
            Outcome::Inconclusive,
            format!("placement of {owner}: the fault of this expectation did not happen"),
        );
    };
    let key = (history.namespace(expected.namespace.as_ref()), owner.clone());
    // The spread must hold until the undo begins. For a drain it is judged after the drain, when all nodes are
    // available again.
    let end = window.end;
    let spreads = spreads(history, &key, expected.by, window.t0, end);
    let deadline = window.clock(history) + expected.within.micros();
    // From this time until the end, the spread is as required.
    let wrong = |s: &Spreading| s.skew() > expected.max_skew || s.placed() == 0;
    let good_since = match spreads.iter().rposition(&wrong) {
        Some(last) => spreads.get(last + 1).map(|s| s.at),
        None => spreads.first().map(|s| s.at),
    };
    let last = spreads.last();
    let said = last.map(Spreading::said).unwrap_or_default();
    let skew = last.map_or(0, Spreading::skew);
    let bound = match good_since {
        Some(at) if at <= deadline => Bound::Met(format!("skew {skew} ({said})")),
        Some(at) => Bound::Refuted(format!(
            "spread only {:.1} s after the fault, but the limit is {} ({said})",
            (at - window.t0) as f64 / 1e6,
            expected.within
        )),
        None if now_us < deadline && window.by == EndedBy::Journal => Bound::Open(format!("skew {skew} ({said})")),
        None if end < deadline => Bound::Between(format!("skew {skew} ({said}), and {}", window.how())),
        None if last.is_none_or(|s| s.placed() == 0) => Bound::Refuted("it has no ready pod".into()),
        None => Bound::Refuted(format!("skew {skew}, but the limit is {} ({said})", expected.max_skew)),
    };
    let domains = last.map_or(0, |s| s.domains.len());
    let denominator = if domains < 2 {
        Part::Missing(format!("{domains} domain(s) were up: with fewer than two, there is nothing to spread"))
    } else {
        Part::Shown(format!("{domains} domains were up"))
    };
    let blind = history.blind_in(window.t0, end);
    let proof = Proof {
        baseline: Part::Shown(format!("{} ready pods before the fault", before(history, &key, window.t0))),
        reach: effect(history, &window),
        sight: blind.map_or(Sight::Shown("pods and nodes could be watched the whole time".into()), Sight::Missing),
        denominator,
        bound,
        own: Own::NotAsked("it is judged before anything is undone"),
        others: Others::of(history, |c| outside::touches(history, c, &key), window.t0, (end, deadline.min(end))),
    };
    let evidence = Evidence {
        source: "watch pods and nodes, until the undo began".into(),
        observed: Told::of_journal(said),
        from_us: Some(window.t0),
        to_us: Some(end),
        uncertainty_us: None,
    };
    proof.conclude(&owner).with(evidence)
}

fn before(history: &History, key: &(String, String), t0: u64) -> i64 {
    history.believed(key, |_| true).at(t0).unwrap_or(0)
}

/// Each change of the spread in an interval, beginning with the spread at its start.
fn spreads(history: &History, key: &(String, String), by: Spread, from: u64, to: u64) -> Vec<Spreading> {
    let domain = |node: &str| -> Option<String> {
        let zone = &history.state.nodes.get(node)?.zone;
        let name = if by == Spread::Zone { zone.as_str() } else { node };
        (!name.is_empty()).then(|| name.to_owned())
    };
    let own = || history.pods.of(key).iter().filter(|p| p.own);
    let nodes = history.nodes.values().flat_map(|s| s.0.iter().map(|(t, _)| *t));
    let faults = history.state.faults.iter().flat_map(|f| f.sent_us.into_iter().chain(f.closed.as_ref().map(|c| c.0)));
    let taints = history.reserved.values().flat_map(|s| s.0.iter().map(|(t, _)| *t));
    let inside = |t: &u64| *t > from && *t < to;
    let turns: BTreeSet<u64> = nodes.chain(faults).chain(taints).filter(inside).chain([from]).collect();
    let times: BTreeSet<u64> = own().map(|p| p.at).filter(inside).chain(turns.iter().copied()).collect();
    // The workload cannot use a node that is reserved for others, unless its pods tolerate that.
    let used: BTreeSet<&str> = own().map(|p| &*p.node).collect();
    let usable = |node: &str, at: u64| !history.is_reserved(node, at) || used.contains(node);
    let mut ready = ReadyAt { rest: history.pods.of(key), now: BTreeMap::new() };
    let (mut empty, mut away): (BTreeMap<String, u32>, BTreeSet<&str>) = Default::default();
    let mut all: Vec<Spreading> = vec![];
    for at in times {
        if turns.contains(&at) {
            // A domain without a node that is up does not count, whoever took it away.
            away = history.nodes_away_at(at);
            let up = |node: &str, series: &Series| series.at(at) == Some(1) && !away.contains(node) && usable(node, at);
            let there = history.nodes.iter().filter(|(node, series)| up(node, series));
            empty = there.filter_map(|(node, _)| Some((domain(node)?, 0))).collect();
        }
        let mut domains = empty.clone();
        for node in ready.at(at, &away) {
            if let Some(count) = domain(node).and_then(|d| domains.get_mut(&d)) {
                *count += 1;
            }
        }
        if all.last().is_none_or(|last| last.domains != domains) {
            all.push(Spreading { at, domains });
        }
    }
    all
}

/// The nodes of a workload's ready pods, at one instant after another.
struct ReadyAt<'h> {
    /// The changes of its pods after the last instant.
    rest: &'h [PodPoint],
    now: BTreeMap<&'h str, &'h PodPoint>,
}

impl<'h> ReadyAt<'h> {
    /// The nodes at an instant, without those that the drill keeps away: a pod on such a node is not running, even if the
    /// API server does not know that yet.
    fn at(&mut self, at: u64, away: &BTreeSet<&str>) -> Vec<&'h str> {
        while let Some((point, rest)) = self.rest.split_first().filter(|(point, _)| point.at <= at) {
            self.now.insert(&point.uid, point);
            self.rest = rest;
        }
        let there = self.now.values().filter(|p| p.own && p.ready && !away.contains(&*p.node));
        there.map(|p| &*p.node).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::PodView,
        journal::{FaultRecord, FaultState, NodeView},
        model::{FaultId, NodeHow, NodeTarget, Revert, StepName},
    };

    fn killed(node: &str, sent_us: u64) -> FaultRecord {
        let target = NodeTarget {
            name: node.into(),
            uid: "u".into(),
            provider_id: String::new(),
            zone: "a".into(),
            pool: String::new(),
        };
        FaultRecord {
            id: FaultId(format!("fault/{node}")),
            step: StepName("fault".into()),
            target: node.into(),
            revert: Revert::NodePower {
                node: target,
                host: "kind".into(),
                machine: "m".into(),
                how: NodeHow::Kill,
                addresses: BTreeMap::new(),
                routes: vec![],
                command: vec![],
            },
            state: FaultState::Applied,
            sent_us: Some(sent_us),
            acknowledged_us: Some(sent_us),
            closed: None,
            left: vec![],
        }
    }

    fn view(node: &str) -> NodeView {
        NodeView { uid: node.into(), zone: String::new(), ready: "True".into(), unschedulable: false }
    }

    #[test]
    fn pods_run_and_may_run_on_nodes_that_are_there_for_them() {
        let key = ("shop".to_owned(), "deployment/web".to_owned());
        let pod = |node: &str| PodView::ready_in_shop(node, &key.1, node);
        let mut history = History::default();
        ["a-0", "b-0"].iter().for_each(|node| history.pods.seen(1, &pod(node)));
        history.state.faults.push(killed("a-0", 10));
        // No pod can be placed on a control plane, so it is not counted as an empty domain.
        for node in ["b-0", "c-0", "control"] {
            history.nodes.entry(node.into()).or_default().push(0, 1);
            history.state.nodes.insert(node.into(), view(node));
        }
        history.reserved.entry("control".into()).or_default().push(0, 1);
        let spread = spreads(&history, &key, Spread::Node, 20, 30);
        assert_eq!(spread.iter().map(Spreading::said).collect::<Vec<_>>(), ["b-0:1 c-0:0"]);
        // The API server still reports both as Ready.
        let mut ready = ReadyAt { rest: history.pods.of(&key), now: BTreeMap::new() };
        assert_eq!(ready.at(9, &history.nodes_away_at(9)), ["a-0", "b-0"]);
        assert_eq!(ready.at(10, &history.nodes_away_at(10)), ["b-0"]);
    }
}
