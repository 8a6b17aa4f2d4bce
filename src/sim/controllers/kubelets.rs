//! The kubelets: they start the containers of pods, probe them and stop them. The kubelet of a machine without power
//! does nothing, and no other component does its work. Read [`changed`] first.

use std::{collections::BTreeSet, time::Duration};

use super::{
    super::{
        fields::{self, text},
        happens::set_containers,
        state::{State, Timer},
        value::Value,
    },
    Changes, of,
};
use crate::model::SIMULATED_START;

/// How long the containers take to answer again after their node is back (measured on KWOK).
const AGAIN: Duration = Duration::from_secs(1);

/// From the end of the grace period until the pod is gone.
const CLEANUP: Duration = Duration::from_secs(1);

fn start_of(pod: &Value, default: Duration) -> Duration {
    let written = pod["metadata"]["annotations"][SIMULATED_START].as_str();
    written.and_then(|text| text.parse::<crate::model::Dur>().ok()).map_or(default, |d| d.0)
}

fn id(pod: &Value) -> (String, String, String) {
    (fields::namespace(pod).to_owned(), fields::name(pod).to_owned(), fields::uid(pod).to_owned())
}

pub(super) fn changed(state: &mut State, changes: &Changes) {
    let mut touched: Vec<std::sync::Arc<Value>> = vec![];
    for (key, _) in of(changes, "pods") {
        touched.extend(state.store.get("pods", &key.1, &key.2).cloned());
    }
    for (key, node) in of(changes, "nodes") {
        if fields::condition(node, "Ready") == "True" {
            touched.extend(state.store.pods_on(&key.2).into_iter().map(|p| p.object));
        }
    }
    let filled = of(changes, "podvolumerestores").map(|(_, r)| text(r, "/spec/pod/namespace"));
    let claimed: BTreeSet<&str> =
        of(changes, "persistentvolumeclaims").map(|(key, _)| key.1.as_str()).chain(filled).collect();
    for namespace in claimed {
        let waiting = state.store.within("pods", namespace).filter(|p| text(p, "/status/phase") == "Pending");
        touched.extend(waiting.cloned());
    }
    for pod in touched {
        attend(state, &pod);
    }
}

/// Makes a kubelet that was away look after its pods again.
pub(super) fn resume(state: &mut State, node: &str) {
    for pod in state.store.pods_on(node) {
        attend(state, &pod.object);
    }
}

/// Does what a kubelet has to do for a pod.
fn attend(state: &mut State, pod: &Value) {
    let node = text(pod, "/spec/nodeName");
    if node.is_empty() || !state.lives(node) {
        return;
    }
    let (namespace, name, uid) = id(pod);
    if fields::is_terminating(pod) {
        let grace = Duration::from_secs(fields::number(pod, "/metadata/deletionGracePeriodSeconds").max(0) as u64);
        // Containers that do not stop in time are killed, and their pod is then cleaned up.
        let stop = state.settings.stop;
        let gone = if stop > grace && !grace.is_zero() { grace + CLEANUP } else { stop.min(grace) };
        state.schedule(gone, Timer::PodStopped(namespace, name, uid));
        return;
    }
    let ready = fields::condition(pod, "Ready");
    match (text(pod, "/status/phase"), ready) {
        ("Pending", _) if !waits_for_claims(state, pod) => {
            let started = state.wall();
            let after = start_of(pod, state.settings.start);
            let address = format!("10.244.{}.{}", state.dice.below(250), state.dice.below(250));
            state.store.edit("pods", &namespace, &name, |p| {
                p["status"]["phase"] = "Running".into();
                p["status"]["podIP"] = address.into();
                fields::set_condition(p, "Ready", "False", "ContainersNotReady", started);
            });
            state.schedule(after, Timer::PodReady(namespace, name, uid));
        }
        ("Running", "False") if unready_because(pod) == "NodeNotReady" => {
            state.schedule(AGAIN, Timer::PodReady(namespace, name, uid));
        }
        _ => {}
    }
}

/// The reason of the condition Ready.
fn unready_because(pod: &Value) -> &str {
    fields::list(pod, "/status/conditions").iter().find(|c| c["type"] == "Ready").map_or("", |c| text(c, "/reason"))
}

fn waits_for_claims(state: &State, pod: &Value) -> bool {
    fields::list(pod, "/spec/volumes").iter().any(|v| {
        let claim = text(v, "/persistentVolumeClaim/claimName");
        let bound = || {
            let found = state.store.get("persistentvolumeclaims", fields::namespace(pod), claim);
            found.is_some_and(|c| text(c, "/status/phase") == "Bound")
        };
        !claim.is_empty()
            && (!bound() || state.filling.contains(&(fields::namespace(pod).to_owned(), claim.to_owned())))
    })
}

/// The pod for which a timer was set, if it still exists and its machine runs.
fn still(state: &State, namespace: &str, name: &str, uid: &str) -> Option<std::sync::Arc<Value>> {
    let pod = state.store.get("pods", namespace, name)?;
    (fields::uid(pod) == uid && state.lives(text(pod, "/spec/nodeName"))).then(|| pod.clone())
}

/// The containers of a pod answer. If the pod should run only once, it has ended.
pub(super) fn ready(state: &mut State, namespace: &str, name: &str, uid: &str) {
    let Some(pod) = still(state, namespace, name, uid) else { return };
    let now = state.wall();
    let never = text(&pod, "/metadata/annotations/drillmaster.dev~1simulated-ready") == "never";
    let fails = state.fails_its_probe(&pod);
    let once = matches!(text(&pod, "/spec/restartPolicy"), "Never" | "OnFailure");
    if !once {
        super::volumes::write_first(state, &pod);
    }
    state.store.edit("pods", namespace, name, |p| {
        if once {
            p["status"]["phase"] = "Succeeded".into();
            fields::set_condition(p, "Ready", "False", "PodCompleted", now);
        } else if !never {
            if fails {
                fields::set_condition(p, "Ready", "False", "ContainersNotReady", now);
            } else {
                fields::set_condition(p, "Ready", "True", "", now);
            }
            let containers: Vec<Value> = fields::list(p, "/spec/containers")
                .iter()
                .map(|c| {
                    let running = Value::object([("startedAt", fields::stamp(now).into())]);
                    Value::object([
                        ("image", c["image"].clone()),
                        ("name", c["name"].clone()),
                        ("ready", true.into()),
                        ("restartCount", 0.into()),
                        ("state", Value::object([("running", running)])),
                    ])
                })
                .collect();
            p["status"]["containerStatuses"] = containers.into();
            set_containers(p, !fails);
        }
    });
}

/// The containers of a pod have ended, so its object is removed.
pub(super) fn stopped(state: &mut State, namespace: &str, name: &str, uid: &str) {
    if still(state, namespace, name, uid).is_some_and(|pod| fields::is_terminating(&pod)) {
        state.store.remove("pods", namespace, name);
    }
}
