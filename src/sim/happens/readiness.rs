//! Pods that run but are not Ready: their readiness is lost, or comes and goes. Read [`begin`] and
//! `State::fails_its_probe` first.

use super::{super::value::Value, Readiness, ReadinessDoes, What, objects::ApiPath};
use crate::{
    kubernetes::Selector,
    sim::{
        fields::{self, text},
        pods::Pod,
        state::{State, Timer},
    },
};

/// The reason that a kubelet gives if a probe fails.
const UNREADY: &str = "ContainersNotReady";
/// The reason that the node controller gives. The kubelet looks after such a pod when it is back.
const DARK: &str = "NodeNotReady";

fn selector(state: &State, it: &Readiness) -> Option<Selector> {
    let workload = ApiPath::of(&it.workload, &it.namespace)?;
    fields::selector(workload.find(state)?.pointer("/spec/selector"))
}

fn pods(state: &State, it: &Readiness) -> Vec<Pod> {
    selector(state, it).map(|s| state.store.pods_selected(&it.namespace, &s)).unwrap_or_default()
}

/// Whether the containers of a pod have started. Before that there is nothing to probe.
fn runs(pod: &Value) -> bool {
    pod.pointer("/status/containerStatuses").is_some() && text(pod, "/status/phase") == "Running"
}

/// Makes the probes of the pods fail.
pub(super) fn begin(state: &mut State, it: &Readiness) {
    let now = state.wall();
    for pod in pods(state, it) {
        let ready = fields::condition(&pod, "Ready") == "True";
        if ready && state.lives(text(&pod, "/spec/nodeName")) {
            state.store.edit("pods", &it.namespace, fields::name(&pod), |p| {
                fields::set_condition(p, "Ready", "False", UNREADY, now);
                set_containers(p, false);
            });
        }
    }
}

/// Makes the probes of the pods succeed again.
pub(super) fn come_back(state: &mut State, it: &Readiness) {
    let now = state.wall();
    for pod in pods(state, it).iter().filter(|p| runs(p) && fields::condition(p, "Ready") != "True") {
        if state.lives(text(pod, "/spec/nodeName")) {
            let (name, uid) = (fields::name(pod).to_owned(), fields::uid(pod).to_owned());
            state.schedule_at(0, Timer::PodReady(it.namespace.clone(), name, uid));
        } else {
            state.store.edit("pods", &it.namespace, fields::name(pod), |p| {
                fields::set_condition(p, "Ready", "False", DARK, now);
            });
        }
    }
}

/// Reverses the readiness of the pods.
pub(super) fn flap(state: &mut State, entry: usize, it: &Readiness) {
    if state.script.counted(entry) % 2 == 1 { come_back(state, it) } else { begin(state, it) }
}

/// Sets the readiness of the containers of a pod.
pub(in crate::sim) fn set_containers(pod: &mut Value, ready: bool) {
    let containers = pod.pointer_mut("/status/containerStatuses").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        container["ready"] = ready.into();
    }
}

impl State {
    /// Whether the readiness probe of a pod fails at this instant.
    pub(in crate::sim) fn fails_its_probe(&self, pod: &Value) -> bool {
        self.script.in_force().any(|(entry, what)| match what {
            What::Readiness(it) if it.namespace == fields::namespace(pod) => {
                let turns = self.script.count.get(&entry).copied().unwrap_or(0);
                let down = it.does == ReadinessDoes::Lost || turns % 2 == 0;
                down && selector(self, it).is_some_and(|s| fields::selects(&s, pod))
            }
            _ => false,
        })
    }
}
