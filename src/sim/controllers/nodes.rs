//! The node lifecycle controller: it watches the leases of the nodes, waits for the grace period, and taints lost
//! nodes, one node of a zone at a time. The constants are those of
//! `pkg/controller/nodelifecycle/node_lifecycle_controller.go` in Kubernetes. It does not evict pods; see `taints`.
//! Read [`find_silent`] and [`turn`] first.

use std::{sync::Arc, time::Duration};

use super::{
    super::{
        fields,
        machines::boot_id,
        state::{SeenLease, State, Timer},
        value::{Value, json},
    },
    Changes, kubelets, of,
};
use crate::kubernetes::{ZoneState, zone_state};

const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// A zone with at most this many nodes evicts no pods while most of its nodes are away.
const LARGE_CLUSTER: usize = 50;
/// The time between two taints in a larger zone while most of its nodes are away.
const SECONDARY: Duration = Duration::from_secs(100);

fn zone_of(node: &Value) -> &str {
    node["metadata"]["labels"]["topology.kubernetes.io/zone"].as_str().unwrap_or("")
}

fn ready(node: &Value) -> bool {
    fields::condition(node, "Ready") == "True"
}

/// Runs once in a monitor period: finds the nodes whose lease has not changed for the grace period.
pub(super) fn find_silent(state: &mut State) {
    let (now, clocks) = (state.now_us, state.settings.clocks);
    state.schedule(clocks.period, Timer::Monitor);
    let nodes: Vec<Arc<Value>> = state.store.all("nodes").cloned().collect();
    for node in &nodes {
        let name = fields::name(node);
        let renewed = state.machines.renewed_us(name, now, clocks.renew);
        // The first check that could see this renewal. This is the present check, unless the description makes the
        // lease older.
        let looks = now.saturating_sub(renewed) / (clocks.period.as_micros() as u64).max(1);
        let seen_us = now - looks * clocks.period.as_micros() as u64;
        let fresh = SeenLease { renewed_us: renewed, seen_us: seen_us.max(state.control_plane.acts_from_us()) };
        let seen = match state.seen_leases.get_mut(name) {
            Some(seen) => seen,
            None => state.seen_leases.entry(name.to_owned()).or_insert(fresh),
        };
        if seen.renewed_us != renewed {
            *seen = fresh;
        }
        let grace_is_over = now >= seen.seen_us + clocks.grace.as_micros() as u64;
        if state.machines.reports(name, now) {
            // The controller removes the last taint of an outage at its next check.
            untaint(state, node, "NoExecute");
        } else if grace_is_over {
            lost(state, name);
        }
    }
}

/// Marks a node as lost: its state is Unknown, its pods are not Ready, and no new pods are scheduled on it.
fn lost(state: &mut State, name: &str) {
    let Some(node) = state.store.get("nodes", "", name).cloned() else { return };
    if fields::condition(&node, "Ready") == "Unknown" {
        return;
    }
    let now = state.wall();
    state.store.edit("nodes", "", name, |node| {
        fields::set_condition(node, "Ready", "Unknown", "NodeStatusUnknown", now);
        taint(node, "NoSchedule", &fields::stamp(now));
    });
    for pod in state.store.pods_on(name) {
        state.store.edit("pods", fields::namespace(&pod), fields::name(&pod), |pod| {
            if fields::condition(pod, "Ready") == "True" {
                fields::set_condition(pod, "Ready", "False", "NodeNotReady", now);
            }
        });
    }
    let zone = zone_of(&node).to_owned();
    let queue = state.queues.entry(zone.clone()).or_default();
    queue.nodes.push(name.to_owned());
    let at = queue.next_us;
    state.schedule_at(at, Timer::ZoneTurn(zone));
}

/// Lets a zone taint its next node, if the state of the zone allows it.
pub(super) fn turn(state: &mut State, zone: &str) {
    let count = |of_zone: bool| {
        state
            .store
            .all("nodes")
            .filter(|n| !of_zone || zone_of(n) == zone)
            .fold((0, 0), |(yes, no), n| if ready(n) { (yes + 1, no) } else { (yes, no + 1) })
    };
    let ((here, gone), (all, _)) = (count(true), count(false));
    let pace = match zone_state(here, gone) {
        // If all nodes are away, the controller assumes that it is cut off itself (full disruption).
        _ if all == 0 => return,
        ZoneState::Partial if here + gone > LARGE_CLUSTER => SECONDARY,
        ZoneState::Partial => return,
        _ => state.settings.clocks.eviction_interval,
    };
    let now = state.now_us;
    let next = now + pace.as_micros() as u64;
    let Some(queue) = state.queues.get_mut(zone).filter(|q| !q.nodes.is_empty()) else { return };
    if now < queue.next_us {
        return;
    }
    let name = queue.nodes.remove(0);
    queue.next_us = next;
    let more = !queue.nodes.is_empty();
    let stamp = fields::stamp(state.wall());
    if !state.machines.reports(&name, now) {
        state.store.edit("nodes", "", &name, |node| taint(node, "NoExecute", &stamp));
    }
    if more {
        state.schedule_at(next, Timer::ZoneTurn(zone.to_owned()));
    }
}

fn taint(node: &mut Value, effect: &str, stamp: &str) {
    let mut taints = fields::list(node, "/spec/taints").to_vec();
    if !taints.iter().any(|t| t["key"] == UNREACHABLE && t["effect"] == effect) {
        taints.push(json!({"key": UNREACHABLE, "effect": effect, "timeAdded": stamp}));
        node["spec"]["taints"] = taints.into();
    }
}

fn untaint(state: &mut State, node: &Value, effect: &str) {
    let has = |t: &Value| t["effect"] == effect && t["key"] == UNREACHABLE;
    if !fields::list(node, "/spec/taints").iter().any(has) {
        return;
    }
    state.store.edit("nodes", "", fields::name(node), |node| {
        let taints: Vec<Value> = fields::list(node, "/spec/taints").iter().filter(|t| !has(t)).cloned().collect();
        if taints.is_empty() {
            if let Some(spec) = node["spec"].as_object_mut() {
                spec.remove("taints");
            }
        } else {
            node["spec"]["taints"] = taints.into();
        }
    });
}

/// A kubelet reports again: the node becomes Ready, and its kubelet makes the surviving pods Ready again.
pub(super) fn reports(state: &mut State, name: &str) {
    if !state.machines.reports(name, state.now_us) {
        return;
    }
    let now = state.wall();
    let boot =
        state.machines.by_node.get(name).map(|m| boot_id(name, m.boots)).filter(|_| state.machines.has_started(name));
    let unnoticed = state.store.get("nodes", "", name).is_some_and(|n| fields::condition(n, "Ready") == "True");
    state.store.edit("nodes", "", name, |node| {
        fields::set_condition(node, "Ready", "True", "KubeletReady", now);
        if let Some(boot) = boot {
            node["status"]["nodeInfo"]["bootID"] = boot.into();
        }
    });
    if unnoticed {
        // The node did not change, so no controller reacts. Its kubelet must still look after its pods.
        kubelets::resume(state, name);
    }
    if let Some(node) = state.store.get("nodes", "", name).cloned() {
        untaint(state, &node, "NoSchedule");
    }
    for queue in state.queues.values_mut() {
        queue.nodes.retain(|waiting| waiting != name);
    }
    // A zone that had to wait while most of it was away may continue.
    let held: Vec<(u64, String)> =
        state.queues.iter().filter(|(_, q)| !q.nodes.is_empty()).map(|(zone, q)| (q.next_us, zone.clone())).collect();
    for (at, zone) in held {
        state.schedule_at(at, Timer::ZoneTurn(zone));
    }
}

/// Makes new nodes Ready, because their machines run.
pub(super) fn changed(state: &mut State, changes: &Changes) {
    let new: Vec<String> = of(changes, "nodes")
        .filter(|(_, node)| fields::condition(node, "Ready").is_empty())
        .map(|(key, _)| key.2.to_string())
        .collect();
    for name in new {
        if state.machines.reports(&name, state.now_us) {
            reports(state, &name);
        }
    }
}
