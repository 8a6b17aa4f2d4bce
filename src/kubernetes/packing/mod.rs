//! Whether nodes have capacity for the pods that a fault displaces, or that come from elsewhere. It applies the
//! scheduler's filters to a copy of a cluster and takes the first node that fits; pods with higher priority come
//! first, and among equals the larger ones. A pod that does not fit may preempt pods with lower priority, which then
//! need a place themselves. Scores, extended schedulers and images are not modelled. Start with [`PackingState`].

mod state;

use std::{cmp::Reverse, collections::BTreeSet};

use state::PackedPod;
pub use state::PackingState;

use super::{
    candidate::Candidate,
    demand::{Demand, FreeCapacity},
    objects::Node,
    pod_affinity::{self, PodAffinity, SpreadRule},
    scheduling::in_terms,
};

/// How nodes disappear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeExit {
    /// Their pods are evicted, and are gone before their replacements are scheduled.
    Drained,
    /// Their pods stay Terminating. Their anti-affinity still keeps other pods away.
    Dead,
}

/// The result for the pods that needed a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackingResult {
    /// How many pods needed a place.
    pub wanted: usize,
    /// The pods without a place, each with the reason.
    pub unplaced: Vec<(String, &'static str)>,
    /// The pods that were preempted by pods with higher priority.
    pub preempted: Vec<String>,
    /// Free CPU and memory of the nodes, in percent.
    pub left: (i64, i64),
}

impl PackingResult {
    /// The pods without a place as text; at most this many are named.
    pub fn named(&self, most: usize) -> String {
        let one = |(name, why): &(String, &str)| format!("{name} ({why})");
        let mut text = self.unplaced.iter().take(most).map(one).collect::<Vec<_>>().join(", ");
        if self.unplaced.len() > most {
            text.push_str(" …");
        }
        text
    }
}

impl<'a> PackingState<'a> {
    /// What happens to the pods on these nodes when the nodes disappear. Afterwards, the packing is unchanged.
    pub fn lose(&mut self, gone: &BTreeSet<&str>, how: NodeExit) -> PackingResult {
        self.lose_of(gone, how, &|_| true)
    }

    /// The same, but only for the pods that `asked` selects; other pods on these nodes just disappear.
    pub fn lose_of(
        &mut self,
        gone: &BTreeSet<&str>,
        how: NodeExit,
        asked: &dyn Fn(&Candidate<'a>) -> bool,
    ) -> PackingResult {
        let nodes: Vec<usize> = gone.iter().filter_map(|name| self.by_name.get(name).copied()).collect();
        let mut moved = vec![];
        let mut waiting = vec![];
        for node in &nodes {
            self.slots[*node].gone = true;
            for index in self.slots[*node].on.clone() {
                moved.push((index, Some(*node)));
                self.move_to(index, None);
                let packed_pod = &mut self.packed_pods[index];
                packed_pod.ghost = (how == NodeExit::Dead).then_some(*node);
                if packed_pod.candidate.returns && asked(&packed_pod.candidate) {
                    waiting.push(index);
                }
            }
        }
        let outcome = self.settle(waiting, &mut moved);
        for (index, at) in moved.into_iter().rev() {
            self.packed_pods[index].ghost = None;
            self.move_to(index, at);
        }
        for node in nodes {
            self.slots[node].gone = false;
        }
        outcome
    }

    /// Whether these pods, which have no node yet, find one.
    pub fn receive(&mut self, waiting: Vec<usize>) -> PackingResult {
        let mut moved = vec![];
        let outcome = self.settle(waiting, &mut moved);
        moved.into_iter().rev().for_each(|(index, at)| self.move_to(index, at));
        outcome
    }

    fn settle(&mut self, waiting: Vec<usize>, moved: &mut Vec<(usize, Option<usize>)>) -> PackingResult {
        let mut outcome = PackingResult { wanted: waiting.len(), ..PackingResult::default() };
        let rank = |packed_pods: &[PackedPod<'a>], index: usize| {
            let candidate = &packed_pods[index].candidate;
            (
                Reverse(candidate.priority()),
                Reverse(candidate.demand.memory),
                Reverse(candidate.demand.cpu),
                candidate.name.clone(),
                index,
            )
        };
        let mut queue: BTreeSet<_> = waiting.into_iter().map(|index| rank(&self.packed_pods, index)).collect();
        while let Some((.., index)) = queue.pop_first() {
            match self.node_for(index) {
                Ok(node) => {
                    moved.push((index, None));
                    self.move_to(index, Some(node));
                }
                Err(why) => match self.make_room(index) {
                    Some((node, victims)) => {
                        for victim in victims {
                            moved.push((victim, Some(node)));
                            self.move_to(victim, None);
                            outcome.preempted.push(self.packed_pods[victim].candidate.name.clone());
                            if self.packed_pods[victim].candidate.returns {
                                queue.insert(rank(&self.packed_pods, victim));
                            }
                        }
                        moved.push((index, None));
                        self.move_to(index, Some(node));
                    }
                    None => outcome.unplaced.push((self.packed_pods[index].candidate.name.clone(), why)),
                },
            }
        }
        outcome.left = self.left();
        outcome
    }

    /// Free resources in percent of what is allocatable on the remaining nodes.
    fn left(&self) -> (i64, i64) {
        let slots = || self.slots.iter().filter(|s| !s.gone);
        let share = |left: i64, all: i64| if all > 0 { left.max(0) * 100 / all } else { 0 };
        let all = slots().fold((0, 0), |sum, s| (sum.0 + s.all.0, sum.1 + s.all.1));
        let left = slots().fold((0, 0), |sum, s| (sum.0 + s.free.cpu.max(0), sum.1 + s.free.memory.max(0)));
        (share(left.0, all.0), share(left.1, all.1))
    }

    /// The requirements of other pods that apply to this pod.
    fn filters(&mut self, index: usize) -> Filters {
        let spread = {
            let spec = self.packed_pods[index].candidate.pod.spec;
            let hard = spec.topology_spread_constraints.iter().any(|c| c.when_unsatisfiable != "ScheduleAnyway");
            hard.then(|| self.domains(index))
        };
        let pod = self.packed_pods[index].candidate.pod;
        let spreads = spread.map_or_else(Vec::new, |at| pod_affinity::spreads(&pod, self, &self.domains[at]));
        Filters { pod_affinity: pod_affinity::demands(&pod, self), spreads }
    }

    /// The first node that fits, or the reason why the pod fits nowhere. The reason is that of the node that came
    /// closest.
    fn node_for(&mut self, index: usize) -> Result<usize, &'static str> {
        let filters = self.filters(index);
        let candidate = &self.packed_pods[index].candidate;
        let mut furthest = 0;
        for at in self.eligible[self.packed_pods[index].kind].iter().copied().filter(|i| !self.slots[*i].gone) {
            let slot = &self.slots[at];
            let stage = filters.stage(candidate, slot.node);
            if stage == HINDRANCES.len() - 1 && slot.free.holds(&candidate.demand) {
                return Ok(at);
            }
            furthest = furthest.max(stage);
        }
        Err(HINDRANCES[furthest])
    }

    /// The node on which pods with lower priority would make room for this pod.
    fn make_room(&mut self, index: usize) -> Option<(usize, Vec<usize>)> {
        let priority = self.packed_pods[index].candidate.priority();
        if priority <= self.least_priority || self.packed_pods[index].candidate.pod.spec.preemption_policy == "Never" {
            return None;
        }
        let filters = self.filters(index);
        let candidate = &self.packed_pods[index].candidate;
        let open = self.eligible[self.packed_pods[index].kind].iter().copied().filter(|i| !self.slots[*i].gone);
        let choices = open.filter(|i| filters.stage(candidate, self.slots[*i].node) == HINDRANCES.len() - 1);
        let choices = choices.filter_map(|at| {
            let lower = self.slots[at].on.iter().filter(|i| self.packed_pods[**i].candidate.priority() < priority);
            let lower = lower
                .map(|i| (self.packed_pods[*i].candidate.priority(), &self.packed_pods[*i].candidate.demand, *i))
                .collect();
            let victims = victims(lower, &self.slots[at].free, &candidate.demand)?;
            let worth = |i: &usize| self.packed_pods[*i].candidate.priority();
            let highest = victims.iter().map(worth).max()?;
            let sum: i64 = victims.iter().map(worth).sum();
            Some(((highest, sum, victims.len(), at), victims))
        });
        let ((.., at), victims) = choices.min_by(|a, b| a.0.cmp(&b.0))?;
        Some((at, victims))
    }
}

/// Which pods with lower priority must leave so that a pod fits: as few as possible, and those with the lowest
/// priority. None if that would not be enough, or if nothing must leave.
pub fn victims<T>(mut lower: Vec<(i64, &Demand, T)>, free: &FreeCapacity, demand: &Demand) -> Option<Vec<T>> {
    let mut free = free.clone();
    lower.iter().for_each(|(_, asks, _)| free.release(asks));
    if lower.is_empty() || !free.holds(demand) {
        return None;
    }
    // The most important pods first, so that they are kept if possible.
    lower.sort_by_key(|(priority, ..)| Reverse(*priority));
    free.reserve(demand);
    let mut found = vec![];
    for (_, asks, who) in lower {
        if free.holds(asks) {
            free.reserve(asks);
        } else {
            found.push(who);
        }
    }
    Some(found)
}

struct Filters {
    pod_affinity: Vec<PodAffinity>,
    spreads: Vec<SpreadRule>,
}

/// The reason for a pod that could run if a node had more free resources.
pub const NO_ROOM: &str = "no room";

/// The reasons, in the order in which they are checked.
const HINDRANCES: [&str; 5] = [
    "no remaining node may run it",
    "its volume cannot follow it",
    "affinity to other pods",
    "its topology spread constraint",
    NO_ROOM,
];

impl Filters {
    /// How many of the checks a pod passes on a node, without checking resources.
    fn stage(&self, candidate: &Candidate<'_>, node: &Node) -> usize {
        if !candidate.places.iter().all(|terms| in_terms(terms, node)) {
            1
        } else if !self.pod_affinity.iter().all(|c| c.suits(node)) {
            2
        } else if !self.spreads.iter().all(|s| s.allows(node)) {
            3
        } else {
            4
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        super::{candidate::Volumes, objects::Pod},
        *,
    };

    fn node(name: &str, zone: &str, cpu: &str) -> Node {
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone}},
            "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "10"},
                       "conditions": [{"type": "Ready", "status": "True"}]},
        }))
        .expect("a node")
    }

    fn pod(name: &str, on: &str, cpu: &str, more: Value) -> Pod {
        let mut spec = json!({"nodeName": on, "containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]});
        for (key, value) in more.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "shop", "labels": {"app": name.split('-').next()},
                         "ownerReferences": [{"kind": "ReplicaSet", "name": "r", "controller": true}]},
            "spec": spec,
        }))
        .expect("a pod")
    }

    /// Removes nodes from a packing with these pods.
    fn lose(nodes: &[Node], pods: &[Pod], gone: &[&str], how: NodeExit) -> PackingResult {
        let mut packing = PackingState::new(nodes);
        for pod in pods {
            packing.place(Candidate::of(pod, &Volumes::default()), &pod.spec.node_name, false);
        }
        let first = packing.lose(&gone.iter().copied().collect(), how);
        assert_eq!(packing.lose(&gone.iter().copied().collect(), how), first, "the packing is as before");
        first
    }

    fn unplaced(outcome: &PackingResult) -> Vec<&str> {
        outcome.unplaced.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn what_fits_nowhere_is_named_with_the_reason() {
        let nodes = [node("a", "a", "4"), node("b", "b", "1"), node("c", "c", "2")];
        let pods: Vec<Pod> =
            [("x", "1500m"), ("y", "1"), ("z", "600m")].iter().map(|(n, cpu)| pod(n, "a", cpu, json!({}))).collect();
        let outcome = lose(&nodes, &pods, &["a"], NodeExit::Drained);
        assert_eq!((outcome.wanted, outcome.named(3)), (3, "shop/z (no room)".into()));
        assert_eq!(outcome.left, (16, 100));
    }

    #[test]
    fn a_spread_keeps_replacements_out_while_the_dark_zone_counts() {
        let nodes = [node("a", "a", "4"), node("b", "b", "4"), node("c", "c", "4")];
        let spread = |policy: &str| {
            json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "DoNotSchedule", "nodeTaintsPolicy": policy, "labelSelector": {"matchLabels": {"app": "web"}}}]})
        };
        let pods = |policy: &str| -> Vec<Pod> {
            ["a", "b", "c"].iter().map(|n| pod(&format!("web-{n}"), n, "100m", spread(policy))).collect()
        };
        let outcome = lose(&nodes, &pods("Ignore"), &["a"], NodeExit::Dead);
        assert_eq!(outcome.unplaced, [("shop/web-a".to_owned(), "its topology spread constraint")]);
        // With the taint that the node controller sets, the dead node is no longer a domain.
        let mut tainted = nodes.clone();
        tainted[0].spec.taints = serde_json::from_value(json!([{"key": "x", "effect": "NoExecute"}])).expect("taints");
        assert_eq!(unplaced(&lose(&tainted, &pods("Honor"), &["a"], NodeExit::Dead)), Vec::<&str>::new());
    }

    #[test]
    fn anti_affinity_counts_both_ways_and_beyond_death() {
        let alone = json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": {"matchLabels": {"app": "web"}}}]}}});
        let nodes = [node("a", "a", "4"), node("a2", "a", "4"), node("b", "b", "4")];
        let pods = [pod("web-1", "a", "100m", alone.clone()), pod("web-2", "b", "100m", alone.clone())];
        assert_eq!(unplaced(&lose(&nodes, &pods, &["a"], NodeExit::Drained)), Vec::<&str>::new());
        let dead = lose(&nodes, &pods, &["a"], NodeExit::Dead);
        assert_eq!(dead.unplaced, [("shop/web-1".to_owned(), "affinity to other pods")], "its dead twin is in zone a");
        // A pod without an affinity of its own is refused by pods that have one.
        let candidate = [
            pod("web-3", "a", "100m", json!({})),
            pod("web-2", "b", "100m", alone.clone()),
            pod("web-4", "a2", "100m", alone),
        ];
        assert_eq!(unplaced(&lose(&nodes, &candidate, &["a"], NodeExit::Drained)), ["shop/web-3"]);
    }

    #[test]
    fn the_important_take_the_place_of_others() {
        let nodes = [node("a", "a", "1"), node("b", "b", "1")];
        let high = json!({"priority": 1000});
        let pods = [
            pod("db", "a", "800m", high.clone()),
            pod("cache", "b", "300m", json!({})),
            pod("batch", "b", "600m", json!({"priority": -1})),
        ];
        let outcome = lose(&nodes, &pods, &["a"], NodeExit::Drained);
        assert_eq!(
            (unplaced(&outcome), outcome.preempted.clone()),
            (vec!["shop/cache", "shop/batch"], vec!["shop/cache".to_owned(), "shop/batch".into()])
        );
        let never = json!({"priority": 1000, "preemptionPolicy": "Never"});
        let pods = [pod("db", "a", "800m", never), pods[1].clone(), pods[2].clone()];
        assert_eq!(unplaced(&lose(&nodes, &pods, &["a"], NodeExit::Drained)), ["shop/db"]);
    }

    #[test]
    fn volumes_hold_pods_back() {
        let nodes = [node("a", "a", "4"), node("b", "b", "4")];
        let claim = json!({"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}]});
        let pods = [pod("db-0", "a", "100m", claim)];
        let volume = |zone: &str| {
            json!({"spec": {"claimRef": {"namespace": "shop", "name": "data"}, "csi": {"driver": "csi.example.com"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone, "b"]}]}]}}}})
        };
        let outcome = |volume: &Value, slots: i64| {
            let mut volumes = Volumes::default();
            volumes.add(volume);
            let mut packing = PackingState::new(&nodes);
            packing.attaches("b", "csi.example.com", slots);
            packing.place(Candidate::of(&pods[0], &volumes), "a", false);
            packing.lose(&["a"].into(), NodeExit::Drained).unplaced
        };
        assert_eq!(outcome(&volume("b"), 1), []);
        assert_eq!(outcome(&volume("b"), 0), [("shop/db-0".to_owned(), "no room")], "no slot to attach it");
        let elsewhere = json!({"spec": {"claimRef": {"namespace": "shop", "name": "data"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}]}]}}}});
        assert_eq!(outcome(&elsewhere, 1), [("shop/db-0".to_owned(), "its volume cannot follow it")]);
    }
}
