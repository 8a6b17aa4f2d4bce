//! Who took a pod away? The API server keeps no author of a deletion. A controller deletes a
//! pod that its workload has too many of, or that a rollout replaces; Kubernetes says of
//! evictions and taints what they were. A pod that went without any of that, and not by the
//! drill, was deleted by somebody else.

use super::authors::by_program;
use crate::{
    event::PodView,
    journal::{FaultRecord, RunState},
    model::{Author, OutsideChange, OutsideWhat, PlannedStep, Revert, Role, StepName},
};

/// What other watches tell of the same moment has arrived by then.
pub(super) const GRACE_US: u64 = 1_500_000;

/// Reason of condition DisruptionTarget, where the Eviction API let a pod go.
const EVICTED: &str = "EvictionByEvictionAPI";

/// A workload whose template changed replaces its pods within this time.
const ROLLOUT_US: u64 = 600_000_000;

/// Whose a pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeper {
    /// A controller makes it again.
    Controller,
    /// The drill made it, and takes it away.
    Drill,
    /// It has no owner.
    Nobody,
}

/// A pod that went, and is to be decided about.
#[derive(Clone)]
pub(super) struct Pending {
    /// As it was seen last.
    pub pod: PodView,
    /// Whose it is.
    pub keeper: Keeper,
    /// It came after the drill had deleted its namespace.
    pub later: bool,
    /// How many pods its workload had left.
    pub left: i64,
    /// When it was seen to go.
    pub seen_us: u64,
}

impl Pending {
    pub(super) fn is_due(&self, now_us: u64) -> bool {
        now_us >= self.seen_us + GRACE_US
    }
}

/// Why a pod went, by what watches tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Somebody else deleted it.
    Deleted,
    /// The Eviction API let it go, and not for the drill.
    Evicted,
    /// Its controller had a reason to delete it. Who did is not known.
    Controller,
    /// The drill did it, or a program of the drill's ran, or Kubernetes says that it did.
    Known,
}

/// `rolled`: when the template of its workload changed; `workload_gone`: its workload is not
/// there any more.
pub(super) fn cause(state: &RunState, pending: &Pending, rolled: Option<u64>, workload_gone: bool) -> Cause {
    let Pending { pod, seen_us, keeper, .. } = pending;
    let evicted = match pod.disruption.as_str() {
        "" => false,
        EVICTED => true,
        // Taints, preemption, a node that shuts down or is gone.
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

/// A pod that went, and why.
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

    /// The change, where its controller seemed to have made it and somebody of this role did.
    /// An operator answers for the pods that it keeps.
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
            // Its controller makes another.
            as_before: *keeper == Keeper::Controller,
        }
    }
}

/// Whether the drill deleted it, evicted it, or deletes its namespace.
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
        // Of what a Job or an operator keeps nothing is known.
        return *keeper != Keeper::Nobody;
    };
    let Some(wanted) = state.wanted.get(&(pod.namespace.clone(), pod.owner.clone())) else { return true };
    if rolled.is_some_and(|at| at <= *seen_us && *seen_us <= at + ROLLOUT_US) {
        return true;
    }
    match kind {
        // The last ones by number go first, ready or not.
        "statefulset" => {
            let number = pod.name.strip_prefix(name).and_then(|n| n.strip_prefix('-')?.parse::<u32>().ok());
            number.is_none_or(|n| n >= *wanted)
        }
        "deployment" => *left >= i64::from(*wanted),
        // It follows the nodes: only of a node that is well nothing of that kind is known.
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
        let pod = PodView {
            namespace: "shop".into(),
            name: name.into(),
            uid: "u".into(),
            owner: owner.into(),
            node: "node-a-0".into(),
            phase: "Running".into(),
            ready: true,
            terminating: true,
            disruption: String::new(),
            aside: false,
        };
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
        // One too many goes by its controller, and so does one that a rollout replaces.
        assert_eq!(what(&web, &pending("web-1", "deployment/web", 3), None), None);
        assert_eq!(what(&web, &pending("web-1", "deployment/web", 2), Some(19_000_000)), None);
        // A StatefulSet's last ones go first, whatever is ready.
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
        // Bare pods: the drill's readers, and others.
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
            web.take(&event).expect("it may come now");
        }
        let seen = |us: u64| what(&web, &Pending { seen_us: us, ..pending("web-1", "deployment/web", 2) }, None);
        // It is decided when the program has ended.
        assert_eq!((seen(18_000_000), seen(20_500_000)), (None, None));
        let others = Some(OutsideWhat::Deleted);
        assert_eq!((seen(16_900_000), seen(22_000_000)), (others.clone(), others));
    }
}
