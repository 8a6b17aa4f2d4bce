//! Who deleted a pod? The API server does not record it. A controller deletes pods that its workload has too many of,
//! or that a rollout replaces. For evictions and taints, Kubernetes records the reason. A pod that disappears without
//! any of these reasons, and that the drill did not delete, was deleted by others.

use super::authors::{GRACE_US, by_program};
use crate::{
    event::PodView,
    journal::{FaultRecord, RunState},
    model::{Author, OutsideChange, OutsideWhat, PlannedStep, Revert, Role, StepName},
};

/// The reason in the condition DisruptionTarget after an eviction by the Eviction API.
const EVICTED: &str = "EvictionByEvictionAPI";

/// A workload with a changed template replaces its pods within this time.
const ROLLOUT_US: u64 = 600_000_000;

/// Who is responsible for a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeper {
    /// A controller creates it again.
    Controller,
    /// The drill created it, and deletes it.
    Drill,
    /// It has no owner.
    Nobody,
}

/// A pod that disappeared and is not classified yet.
#[derive(Clone)]
pub(super) struct Pending {
    /// Its last observed state.
    pub pod: PodView,
    /// Who is responsible for it.
    pub keeper: Keeper,
    /// Whether it was created after the drill had deleted its namespace.
    pub later: bool,
    /// How many pods its workload had left.
    pub left: i64,
    /// When its disappearance was observed.
    pub seen_us: u64,
}

impl Pending {
    pub(super) fn is_due(&self, now_us: u64) -> bool {
        now_us >= self.seen_us + GRACE_US
    }
}

/// Why a pod disappeared, according to the watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It was deleted outside the drill.
    Deleted,
    /// The Eviction API evicted it, and not for the drill.
    Evicted,
    /// Its controller had a reason to delete it. Whether it did is not known.
    Controller,
    /// The drill deleted it, or a program of the drill was running, or Kubernetes recorded that it did it.
    Known,
}

/// Classifies a pod. `rolled`: when the template of its workload was changed; `workload_gone`: its workload does not
/// exist any more.
pub(super) fn cause(state: &RunState, pending: &Pending, rolled: Option<u64>, workload_gone: bool) -> Cause {
    let Pending { pod, seen_us, keeper, .. } = pending;
    let evicted = match pod.disruption.as_str() {
        "" => false,
        EVICTED => true,
        // Taints, preemption, or a node that shuts down or is gone.
        _ => return Cause::Known,
    };
    if *keeper == Keeper::Drill || by_drill(state, pending, evicted) || by_program(state, *seen_us) {
        Cause::Known
    } else if evicted {
        Cause::Evicted
    } else if workload_gone || by_controller(state, pending, rolled) {
        Cause::Controller
    } else {
        Cause::Deleted
    }
}

/// A pod that disappeared, and why.
pub(super) struct Went {
    pub pending: Pending,
    pub cause: Cause,
}

impl Went {
    /// The deletion as a change from outside; none if the drill or a controller made it.
    pub(super) fn change(&self) -> Option<OutsideChange> {
        match self.cause {
            Cause::Deleted => Some(self.changed(OutsideWhat::Deleted, Author::Unknown)),
            Cause::Evicted => Some(self.changed(OutsideWhat::Evicted, Author::Unknown)),
            Cause::Controller | Cause::Known => None,
        }
    }

    /// The change, if it seemed to be made by the controller but was made by an author with this role. Operators are
    /// responsible for the pods that they own.
    pub(super) fn not_by_controller(&self, role: Role, what: OutsideWhat, by: Author) -> Option<OutsideChange> {
        let kept = role == Role::Other && self.is_of_an_operator();
        (self.cause == Cause::Controller && !kept).then(|| self.changed(what, by))
    }

    fn is_of_an_operator(&self) -> bool {
        self.pending.keeper == Keeper::Controller && self.pending.pod.owner.is_empty()
    }

    fn changed(&self, what: OutsideWhat, by: Author) -> OutsideChange {
        let Pending { pod, seen_us, keeper, .. } = &self.pending;
        OutsideChange {
            seen_us: *seen_us,
            namespace: pod.namespace.clone(),
            object: format!("pod/{}", pod.name),
            uid: pod.uid.clone(),
            workloads: Some(pod.owner.clone()).filter(|o| !o.is_empty()).into_iter().collect(),
            what,
            by,
            // Its controller creates another one.
            as_before: *keeper == Keeper::Controller,
        }
    }
}

/// Whether the drill deleted it, evicted it, or is deleting its namespace.
fn by_drill(state: &RunState, Pending { pod, later, .. }: &Pending, evicted: bool) -> bool {
    let lost = |f: &FaultRecord| !later && f.state.is_open() && f.revert.restores(&pod.namespace);
    let drained = |f: &FaultRecord| match &f.revert {
        Revert::Cordon { node, .. } => evicted && node.name == pod.node && drains(state, &f.step),
        _ => false,
    };
    state.taken.contains(&pod.uid) || state.faults.iter().any(|f| lost(f) || drained(f))
}

fn drains(state: &RunState, step: &StepName) -> bool {
    state.plan.as_ref().and_then(|p| p.step(step)).is_some_and(PlannedStep::drains)
}

/// Whether its controller had a reason to delete it.
fn by_controller(state: &RunState, pending: &Pending, rolled: Option<u64>) -> bool {
    let Pending { pod, left, seen_us, keeper, .. } = pending;
    let Some((kind, name)) = pod.owner.split_once('/') else {
        // It is not known which pods a Job or an operator keeps.
        return *keeper != Keeper::Nobody;
    };
    let Some(wanted) = state.wanted.get(&(pod.namespace.clone(), pod.owner.clone())) else { return true };
    if rolled.is_some_and(|at| at <= *seen_us && *seen_us <= at + ROLLOUT_US) {
        return true;
    }
    match kind {
        // The pods with the highest numbers are deleted first, whether they are ready or not.
        "statefulset" => {
            let number = pod.name.strip_prefix(name).and_then(|n| n.strip_prefix('-')?.parse::<u32>().ok());
            number.is_none_or(|n| n >= *wanted)
        }
        "deployment" => *left >= i64::from(*wanted),
        // A DaemonSet's pods depend on the nodes: its controller has no known reason on a healthy node.
        "daemonset" => state.nodes.get(&pod.node).is_none_or(|n| n.ready != "True" || n.unschedulable),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Event, Kind},
        model::FaultId,
    };

    fn pending(name: &str, owner: &str, left: i64) -> Pending {
        let pod = PodView { uid: "u".into(), terminating: true, ..PodView::ready_in_shop(name, owner, "node-a-0") };
        Pending { pod, keeper: Keeper::Controller, later: false, left, seen_us: 20_000_000 }
    }

    fn state(owner: &str, wanted: u32) -> RunState {
        let mut state = RunState::default();
        state.wanted.insert(("shop".into(), owner.into()), wanted);
        state
    }

    fn what(state: &RunState, pending: &Pending, rolled: Option<u64>) -> Option<OutsideWhat> {
        let cause = cause(state, pending, rolled, false);
        Went { pending: pending.clone(), cause }.change().map(|c| c.what)
    }

    #[test]
    fn a_pod_that_its_workload_wanted_was_deleted_by_somebody() {
        let web = state("deployment/web", 3);
        assert_eq!(what(&web, &pending("web-1", "deployment/web", 2), None), Some(OutsideWhat::Deleted));
        // The controller deletes a pod that is one too many, and a pod that a rollout replaces.
        assert_eq!(what(&web, &pending("web-1", "deployment/web", 3), None), None);
        assert_eq!(what(&web, &pending("web-1", "deployment/web", 2), Some(19_000_000)), None);
        // The last pods of a StatefulSet are deleted first, whichever are ready.
        let orders = state("statefulset/orders", 2);
        assert_eq!(what(&orders, &pending("orders-2", "statefulset/orders", 1), None), None);
        assert_eq!(what(&orders, &pending("orders-1", "statefulset/orders", 5), None), Some(OutsideWhat::Deleted));
    }

    #[test]
    fn what_kubernetes_or_the_drill_did_is_nobody_elses() {
        let mut web = state("deployment/web", 3);
        let mut pod = pending("web-1", "deployment/web", 2);
        pod.pod.disruption = "DeletionByTaintManager".into();
        assert_eq!(what(&web, &pod, None), None);
        pod.pod.disruption = EVICTED.into();
        assert_eq!(what(&web, &pod, None), Some(OutsideWhat::Evicted), "no drain of the drill's is under way");
        pod.pod.disruption = String::new();
        web.taken.insert("u".into());
        assert_eq!(what(&web, &pod, None), None);
        // Pods without an owner: the drill's reader pods, and others.
        let web = RunState::default();
        let mut bare = pending("reader", "", 0);
        assert_eq!(what(&web, &bare, None), None, "an operator may keep it");
        bare.keeper = Keeper::Nobody;
        let went = Went { pending: bare.clone(), cause: cause(&web, &bare, None, false) };
        assert_eq!(went.change().map(|c| c.as_before), Some(false), "nobody makes it again");
        bare.keeper = Keeper::Drill;
        assert_eq!(what(&web, &bare, None), None);
    }

    #[test]
    fn what_a_program_of_the_drill_deleted_last_is_its_own() {
        let fault = || FaultId("run/run".into());
        let revert = Revert::ExecUndo { step: "run".into() };
        let events = [
            (1, Kind::FaultIntended { fault: fault(), step: "run".into(), target: String::new(), revert }),
            (2, Kind::FaultApplied { fault: fault(), sent_us: 1_000_000, acknowledged_us: 2_000_000 }),
            (17, Kind::RevertStarted { fault: fault(), attempt: 1 }),
            (20, Kind::FaultReverted { fault: fault(), evidence: "".into() }),
        ];
        let mut web = state("deployment/web", 3);
        for (seconds, event) in events {
            let at = jiff::Timestamp::UNIX_EPOCH;
            let event =
                Event { seq: 0, at, t_us: seconds * 1_000_000, epoch: 1, prev: String::new(), must: false, event };
            web.add(&event).expect("it may come now");
        }
        let seen = |us: u64| what(&web, &Pending { seen_us: us, ..pending("web-1", "deployment/web", 2) }, None);
        // It is classified when the program has ended.
        assert_eq!((seen(18_000_000), seen(20_500_000)), (None, None));
        let others = Some(OutsideWhat::Deleted);
        assert_eq!((seen(16_900_000), seen(22_000_000)), (others.clone(), others));
    }
}
