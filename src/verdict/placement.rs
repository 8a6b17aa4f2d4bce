//! Judges how the ready pods of a workload are spread during the fault. After a zone returns, Kubernetes does not
//! spread them again.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Answer, HOLD_US, History, Series,
    effect::effect,
    outside::{self, Others},
    pods::PodPoint,
    proof::{Bound, Own, Part, Proof, Sight},
    seconds,
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
    let clock = window.clock(history);
    let deadline = clock + expected.within.micros();
    // From this time until the end, the spread is as required.
    let wrong = |s: &Spreading| s.skew() > expected.max_skew || s.placed() == 0;
    let good_since = match spreads.iter().rposition(&wrong) {
        Some(last) => spreads.get(last + 1).map(|s| s.at),
        None => spreads.first().map(|s| s.at),
    };
    let last = spreads.last();
    let said = last.map(Spreading::said).unwrap_or_default();
    let skew = last.map_or(0, Spreading::skew);
    let held = good_since.is_some_and(|at| at <= window.t0 || end >= at + HOLD_US);
    let bound = match good_since {
        Some(at) if at <= deadline && held => Bound::Met(format!("skew {skew} ({said})")),
        Some(at) if at <= deadline && now_us < at + HOLD_US => {
            Bound::Open(format!("skew {skew} ({said}), but not for 3 s yet"))
        }
        Some(at) if at <= deadline => {
            Bound::Between(format!("skew {skew} ({said}), but for less than 3 s, and {}", window.how()))
        }
        Some(at) => Bound::Refuted(format!(
            "spread only {} {}, but the limit is {} ({said})",
            seconds(at - clock),
            window.since(history),
            expected.within
        )),
        None if now_us < deadline && window.by == EndedBy::Journal => Bound::Open(format!("skew {skew} ({said})")),
        None if end < deadline => Bound::Between(format!("skew {skew} ({said}), and {}", window.how())),
        None if last.is_none_or(|s| s.placed() == 0) => Bound::Refuted("it has no ready pod".into()),
        None => Bound::Refuted(format!("skew {skew}, but the limit is {} ({said})", expected.max_skew)),
    };
    let denominator = denominator(last, expected.max_skew, wanted(history, &key, end));
    let before = before(history, &key, window.t0);
    let blind = history.blind_in(window.t0, end);
    let proof = Proof {
        baseline: if before > 0 {
            Part::Shown(format!("{before} ready pods before the fault"))
        } else {
            Part::Missing("it had no ready pod before the fault, so there is no baseline".into())
        },
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

/// Whether there are domains to spread over, and pods to spread: one pod of six is always spread well.
fn denominator(last: Option<&Spreading>, max_skew: u32, wanted: Option<i64>) -> Part {
    let (domains, placed) = last.map_or((0, 0), |s| (s.domains.len(), i64::from(s.placed())));
    if domains < 2 {
        return Part::Missing(format!("{domains} domain(s) were up: with fewer than two, there is nothing to spread"));
    }
    let Some(wanted) = wanted else {
        return Part::Missing("it is unknown how many pods it should have".into());
    };
    let missing = (wanted - placed).max(0);
    // Wherever a missing pod is placed, it lowers the skew by one at most. If that cannot be enough, the skew is a fail
    // without these pods.
    let least_skew = last.map_or(0, |s| i64::from(s.skew())) - missing;
    if missing > 0 && least_skew <= i64::from(max_skew) {
        return Part::Missing(format!(
            "only {placed} of {wanted} pods were ready, so nothing shows how all of them would be spread"
        ));
    }
    Part::Shown(format!("{domains} domains were up, and {placed} pods were ready"))
}

/// How many pods it should have just before an instant.
fn wanted(history: &History, key: &(String, String), at: u64) -> Option<i64> {
    history.wanted.get(key)?.at(at.saturating_sub(1))
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
    use serde_json::json;

    use super::{super::small_journal::SmallJournal, *};
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

    /// Nodes a, b and c, each in its own zone, until a is killed at 10 s. Web wants two pods on b and c.
    fn two_left() -> SmallJournal {
        let journal = SmallJournal::killed("a").node(5, "b", true).node(5, "c", true).node(50, "a", false).wants(5, 2);
        let journal = journal.pod(5, "w1", "a", true).pod(5, "w2", "b", true);
        journal
            .expects(json!({"placement": {"workload": "deployment/web", "by": "zone", "maxSkew": 1, "within": "2m"}}))
    }

    #[test]
    fn few_pods_or_pods_for_a_moment_are_not_spread() {
        let whole = |ready: u64, heal: u64| two_left().pod(ready, "w3", "c", true).healed(heal).judged(200);
        assert_eq!(whole(60, 100).0, Outcome::Pass, "{}", whole(60, 100).1);
        let (short, said) = two_left().healed(100).judged(200);
        assert_eq!(short, Outcome::Inconclusive);
        assert!(said.contains("only 1 of 2 pods were ready"), "{said}");
        // Ready for two seconds before the undo.
        let strict = json!({"placement": {"workload": "deployment/web", "by": "zone", "maxSkew": 0, "within": "2m"}});
        let moment =
            |ready: u64| two_left().expects(strict.clone()).pod(ready, "w3", "c", true).healed(100).judged(200).0;
        assert_eq!((moment(60), moment(98)), (Outcome::Pass, Outcome::Inconclusive));
    }

    #[test]
    fn a_skew_that_missing_pods_cannot_make_up_for_is_one() {
        let crowded = |wanted: u32| {
            let journal = ["w3", "w4", "w5"].iter().fold(two_left(), |j, name| j.pod(60, name, "b", true));
            journal.wants(61, wanted).healed(300).judged(400).0
        };
        assert_eq!((crowded(5), crowded(6), crowded(7)), (Outcome::Fail, Outcome::Fail, Outcome::Inconclusive));
    }

    #[test]
    fn a_workload_without_a_ready_pod_has_no_baseline() {
        let journal = SmallJournal::killed("a").node(5, "b", true).node(5, "c", true).node(50, "a", false).wants(5, 2);
        let journal = journal.pod(60, "w1", "b", true).pod(60, "w2", "c", true);
        let asked = json!({"placement": {"workload": "deployment/web", "by": "zone", "maxSkew": 1, "within": "2m"}});
        assert_eq!(journal.expects(asked).healed(100).judged(200).0, Outcome::Inconclusive);
    }
}
