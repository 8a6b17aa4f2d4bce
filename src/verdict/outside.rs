//! Changes from outside that affect the subject of an expectation. Their results are neither an effect of the fault
//! nor the subject's own recovery, so they make neither a pass nor a failure of the fault. Start with [`Others`].

use std::collections::BTreeSet;

use super::{History, window::Window};
use crate::model::{OutsideChange, OutsideWhat, Revert, few};

/// How long before the fault a change may be and still have an effect after it.
const BEFORE_US: u64 = 60_000_000;

/// Changes from outside that may explain the state of a subject.
#[derive(Clone, Debug)]
pub(super) enum Others {
    /// They were searched for.
    Seen {
        /// What may have helped the subject.
        helped: Option<String>,
        /// What may have harmed the subject.
        harmed: Option<String>,
    },
    /// The question does not apply here.
    NotAsked,
}

impl Others {
    /// There were no changes from outside.
    #[cfg(test)]
    pub(super) fn nobody() -> Self {
        Self::Seen { helped: None, harmed: None }
    }

    /// Changes to some workloads until they recovered, and until they had failed. An objective that was missed before a
    /// change from outside remains missed.
    pub(super) fn of(
        history: &History,
        touches: impl Fn(&OutsideChange) -> bool,
        from: u64,
        (recovered, failed): (u64, u64),
    ) -> Self {
        let before = from.saturating_sub(BEFORE_US);
        let within = |until: u64, may| sentence(seen(history, (before, until), may).filter(|c| touches(c)));
        Self::Seen { helped: within(recovered, may_help), harmed: within(failed, may_harm) }
    }

    /// Changes within a time, and only those.
    pub(super) fn within(history: &History, touches: impl Fn(&OutsideChange) -> bool, time: (u64, u64)) -> Self {
        let all = |may| sentence(seen(history, time, may).filter(|c| touches(c)));
        Self::Seen { helped: all(may_help), harmed: all(may_harm) }
    }
}

/// At most this many changes are named.
const NAMED: usize = 3;

fn sentence<'h>(changes: impl Iterator<Item = &'h OutsideChange>) -> Option<String> {
    let all: Vec<String> = changes.map(OutsideChange::timed).collect();
    (!all.is_empty()).then(|| few(all.iter(), NAMED, (", ", ", and")))
}

/// Whether a change may make a subject recover, or keep it running.
fn may_help(what: &OutsideWhat) -> bool {
    match what {
        OutsideWhat::Scaled { from, to } => to > from,
        OutsideWhat::Restarted
        | OutsideWhat::Edited
        | OutsideWhat::Created
        | OutsideWhat::Deleted
        | OutsideWhat::Evicted
        | OutsideWhat::Uncordoned
        | OutsideWhat::Untainted { .. }
        | OutsideWhat::NodeRestarted => true,
        // The return of a machine ends the window of the fault.
        OutsideWhat::MachineReturned
        | OutsideWhat::Cordoned
        | OutsideWhat::Tainted { .. }
        | OutsideWhat::Silenced { .. }
        | OutsideWhat::SilenceEnded => false,
    }
}

/// Whether a change may bring a subject down, or keep it down.
fn may_harm(what: &OutsideWhat) -> bool {
    match what {
        OutsideWhat::Scaled { from, to } => to < from,
        OutsideWhat::Restarted
        | OutsideWhat::Edited
        | OutsideWhat::Deleted
        | OutsideWhat::Evicted
        | OutsideWhat::Cordoned
        | OutsideWhat::Tainted { .. }
        | OutsideWhat::NodeRestarted => true,
        OutsideWhat::Created
        | OutsideWhat::Uncordoned
        | OutsideWhat::Untainted { .. }
        | OutsideWhat::MachineReturned
        | OutsideWhat::Silenced { .. }
        | OutsideWhat::SilenceEnded => false,
    }
}

/// Whether a change affects a workload: it is about the workload, its pods or its nodes.
pub(super) fn touches(history: &History, change: &OutsideChange, key: &(String, String)) -> bool {
    match change.object.strip_prefix("node/") {
        Some(node) => runs_on(history, node, key, change) || opens(&change.what),
        None => change.namespace == key.0 && change.workloads.contains(&key.1),
    }
}

/// Cordoning or uncordoning a node affects every workload.
fn opens(what: &OutsideWhat) -> bool {
    matches!(
        what,
        OutsideWhat::Cordoned | OutsideWhat::Uncordoned | OutsideWhat::Tainted { .. } | OutsideWhat::Untainted { .. }
    )
}

/// Whether a pod of the workload was on the node at about the time of the change.
fn runs_on(history: &History, node: &str, key: &(String, String), change: &OutsideChange) -> bool {
    let mut there = BTreeSet::new();
    let mut found = false;
    for point in history.pods.of(key).iter().take_while(|p| p.at <= change.seen_us.saturating_add(BEFORE_US)) {
        let on = point.own && *point.node == *node;
        if on {
            there.insert(&*point.uid);
        } else {
            there.remove(&*point.uid);
        }
        found |= on && point.at >= change.seen_us;
        if point.at <= change.seen_us {
            found = !there.is_empty();
        }
    }
    found
}

/// Whether a change affects something that may answer for a service: Services, and the workloads behind it if they are
/// named, otherwise all workloads of the scope.
pub(super) fn touches_service(history: &History, change: &OutsideChange, workloads: &[String]) -> bool {
    let mut scope = history.state.plan.iter().flat_map(|p| &p.namespaces);
    if change.object.starts_with("service/") {
        return scope.any(|namespace| *namespace == change.namespace);
    }
    if workloads.is_empty() {
        let known = change.object.starts_with("node/") || !change.workloads.is_empty();
        return known && (change.namespace.is_empty() || scope.any(|namespace| *namespace == change.namespace));
    }
    scope.any(|namespace| workloads.iter().any(|w| touches(history, change, &(namespace.clone(), w.clone()))))
}

/// Whether a ready pod of the workload disappeared where the fault acted: on one of its nodes, in a namespace that it
/// deleted, or because the drill deleted the pod.
pub(super) fn own_fall(history: &History, window: &Window, key: &(String, String), until: u64) -> bool {
    let steps = history.state.plan.iter().flat_map(|p| &p.steps).filter(|s| s.name == window.step);
    let nodes: BTreeSet<&str> = steps.flat_map(|s| &s.nodes).map(|n| n.name.as_str()).collect();
    let lost = history.state.faults_of(&window.step).any(|f| f.revert.restores(&key.0));
    let mut ready: BTreeSet<&str> = BTreeSet::new();
    for point in history.pods.of(key).iter().take_while(|p| p.at <= until) {
        let struck = lost || history.state.taken.contains(&*point.uid);
        if point.own && point.ready {
            if struck || nodes.contains(&*point.node) {
                ready.insert(&point.uid);
            }
        } else if ready.remove(&*point.uid) && point.at >= window.t0 {
            return true;
        }
    }
    false
}

/// Why a workload that lost a ready pod does not show the effect of a fault; none if it does. Its pods on the nodes of
/// the fault may all have stayed Ready, or a change from outside may have taken the pod away.
pub(super) fn other_cause(
    history: &History,
    window: &Window,
    key: &(String, String),
    (fall, until): (u64, u64),
) -> Option<&'static str> {
    let targets: BTreeSet<String> = window.targets(history).into_iter().collect();
    let there = history.believed(key, |p| targets.contains(&*p.node));
    if there.at(window.t0).is_some_and(|n| n > 0) && !own_fall(history, window, key, until) {
        return Some("its pods on the nodes of the fault stayed Ready, but other pods did not");
    }
    let by_others = harm(history, key, window.t0, fall).is_some() && !own_fall(history, window, key, window.last);
    by_others.then_some("it had fewer ready pods only after a change from outside")
}

/// The first change that affects a workload, may have harmed it after a fault, and was seen by `to`.
pub(super) fn harm<'h>(history: &'h History, key: &(String, String), t0: u64, to: u64) -> Option<&'h OutsideChange> {
    seen(history, (t0.saturating_sub(BEFORE_US), to), may_harm).find(|c| touches(history, c, key))
}

/// Changes of one kind that were seen in a time.
fn seen(
    history: &History,
    (from, to): (u64, u64),
    may: fn(&OutsideWhat) -> bool,
) -> impl Iterator<Item = &OutsideChange> {
    history.state.outside.iter().filter(move |c| c.seen_us >= from && c.seen_us <= to && may(&c.what))
}

/// When a fault was undone from outside, and the text for it.
pub(super) fn undone(history: &History, window: &Window) -> Option<(u64, String)> {
    let undoes = |change: &&OutsideChange| {
        change.seen_us >= window.t0
            && history.state.faults_of(&window.step).any(|f| match (&f.revert, &change.what) {
                (Revert::Scale { object, .. }, OutsideWhat::Scaled { .. }) => object
                    .workload()
                    .is_some_and(|w| w.namespace == change.namespace && w.workload.to_string() == change.object),
                // Whoever creates a workload again while its namespace is deleted restores it.
                (revert, OutsideWhat::Created) => {
                    revert.restores(&change.namespace) && change.workloads.contains(&change.object)
                }
                _ => false,
            })
    };
    let change = history.state.outside.iter().filter(undoes).min_by_key(|c| c.seen_us)?;
    Some((change.seen_us, change.timed()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Event, Kind},
        model::{Author, Role, Told},
    };

    fn change(seconds: u64, object: &str, what: OutsideWhat) -> Event {
        let change = OutsideChange {
            seen_us: seconds * 1_000_000,
            namespace: "shop".into(),
            object: object.into(),
            uid: String::new(),
            workloads: vec![object.into()],
            what,
            by: Author::Manager { name: Told::fixed("kubectl-scale"), role: Role::Person },
            as_before: false,
        };
        Event {
            seq: seconds,
            at: jiff::Timestamp::UNIX_EPOCH,
            t_us: seconds * 1_000_000,
            epoch: 1,
            prev: String::new(),
            must: false,
            event: Kind::ChangedOutside { change: Box::new(change) },
        }
    }

    #[test]
    fn only_what_came_in_time_and_may_have_done_it_counts() {
        let web = ("shop".to_owned(), "deployment/web".to_owned());
        let history = History::of(&[
            change(100, "deployment/web", OutsideWhat::Scaled { from: 3, to: 2 }),
            change(110, "deployment/web", OutsideWhat::Scaled { from: 2, to: 4 }),
            change(112, "deployment/other", OutsideWhat::Restarted),
        ]);
        let seen = |from: u64, recovered: u64, failed: u64| {
            let us = |s: u64| s * 1_000_000;
            let touches = |c: &OutsideChange| touches(&history, c, &web);
            match Others::of(&history, touches, us(from), (us(recovered), us(failed))) {
                Others::Seen { helped, harmed } => (helped.is_some(), harmed.is_some()),
                Others::NotAsked => (false, false),
            }
        };
        assert_eq!(seen(90, 120, 120), (true, true));
        assert_eq!(seen(90, 105, 120), (false, true), "it had recovered before it was scaled up");
        assert_eq!(seen(90, 105, 99), (false, false), "it had failed before somebody came");
        assert_eq!(seen(300, 400, 400), (false, false), "long before the fault");
    }
}
