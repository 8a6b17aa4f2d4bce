//! Monitors of Datadog in the checks of alerts, for clusters that use Datadog in place of
//! Prometheus and Alertmanager.

use crate::{
    model::{Severity, Subject},
    readiness::{check::Say, picture::Picture, values::no_data},
    world::MonitorInfo,
};

/// The monitors; none if no Datadog was named. Reports unknown if it did not answer.
pub(super) fn monitors<'a>(p: &Picture<'a>, say: &mut Say) -> Option<&'a [MonitorInfo]> {
    match p.object_set.readings.datadog.as_ref()? {
        Ok(monitors) => Some(monitors),
        Err(why) => {
            no_data(say, why);
            Some(&[])
        }
    }
}

/// Whether Datadog replaces Prometheus.
pub(super) fn instead(p: &Picture<'_>) -> bool {
    p.object_set.readings.prometheus.is_none() && p.object_set.readings.datadog.is_some()
}

fn subject(monitor: &MonitorInfo) -> Subject {
    Subject::named("Monitor", "", &monitor.name)
}

/// Parts of the queries of monitors, by family of alerts.
const FAMILIES: [(&str, &[&str]); 10] = [
    ("nodes", &["kubernetes_state.node.", "kubernetes_state.nodes.", "kubernetes_state.node.ready"]),
    ("pods", &["kubernetes_state.container.status_report", "kubernetes.containers.restarts", "kubernetes_state.pod."]),
    ("rollouts", &["kubernetes_state.deployment.", "kubernetes_state.statefulset.", "kubernetes_state.daemonset."]),
    ("capacity", &["kubernetes_state.hpa.", "kubernetes.cpu.capacity", "_allocatable", "kubernetes.memory.capacity"]),
    ("budgets", &["kubernetes_state.pdb."]),
    ("volumes", &["kubernetes.kubelet.volume.stats"]),
    ("API server", &["kube_apiserver"]),
    ("certificates", &["tls.", "cert_manager", "certmanager", "certificate"]),
    ("monitoring", &["datadog.agent.", "datadog.cluster_agent."]),
    ("backups", &["velero"]),
];

/// Whether a monitor belongs to a family of alerts.
pub(super) fn covers(monitors: &[MonitorInfo], family: &str) -> bool {
    let asks = FAMILIES.iter().find(|(name, _)| *name == family).map_or(&[][..], |(_, asks)| asks);
    monitors.iter().any(|m| asks.iter().any(|word| m.query.contains(word)))
}

/// Whether monitors reach a recipient. Datadog's notification rules cannot be seen.
pub(super) fn routing(p: &Picture<'_>, say: &mut Say) {
    let Some(monitors) = monitors(p, say).filter(|all| !all.is_empty()) else { return };
    if !monitors.iter().any(|m| m.tells) {
        let text = format!("none of the {} monitors names a recipient in its message (@…)", monitors.len());
        return say.fail(Subject::named("Datadog", "", "monitors"), "", text);
    }
    for monitor in monitors {
        if monitor.tells {
            say.pass(subject(monitor));
        } else {
            let text = "its message names no recipient (@…); a notification rule may name one, but cannot be seen";
            say.fail_as(Severity::Medium, subject(monitor), "", text);
        }
    }
}

/// Whether missing data is noticed. Datadog itself is outside the cluster.
pub(super) fn dead_man(p: &Picture<'_>, say: &mut Say) {
    let Some(monitors) = monitors(p, say).filter(|all| !all.is_empty()) else { return };
    match monitors.iter().find(|m| m.notices_silence && m.tells) {
        Some(monitor) => say.pass(subject(monitor)),
        None => say.fail(
            Subject::named("Datadog", "", "monitors"),
            "",
            "no monitor that names a recipient reports missing data (notify_no_data)",
        ),
    }
}

/// Whether a monitor concerns the scope: it is tagged for a namespace in scope, or for none.
fn concerns(p: &Picture<'_>, monitor: &MonitorInfo) -> bool {
    let spaces: Vec<&str> = monitor.tags.iter().filter_map(|t| t.strip_prefix("kube_namespace:")).collect();
    spaces.is_empty() || spaces.iter().any(|space| p.in_scope(space))
}

pub(super) fn firing(p: &Picture<'_>, say: &mut Say) {
    let Some(monitors) = monitors(p, say).filter(|all| !all.is_empty()) else { return };
    let mut quiet = true;
    for monitor in monitors.iter().filter(|m| m.state == "Alert" && concerns(p, m)) {
        quiet = false;
        say.fail(subject(monitor), "", "it is in state Alert");
    }
    if quiet {
        say.pass(Subject::named("Datadog", "", "monitors"));
    }
}

pub(super) fn muted(p: &Picture<'_>, say: &mut Say) {
    let Some(monitors) = monitors(p, say).filter(|all| !all.is_empty()) else { return };
    let mut heard = true;
    for monitor in monitors.iter().filter(|m| m.muted && concerns(p, m)) {
        heard = false;
        say.fail(subject(monitor), "", "it is muted");
    }
    if heard {
        say.pass(Subject::named("Datadog", "", "monitors"));
    }
}
