//! What Datadog's monitors tell the checks of alerts, where they do what Prometheus and
//! Alertmanager do elsewhere.

use super::alarms::no_data;
use crate::{
    model::{Severity, Subject},
    readiness::{check::Say, picture::Picture},
    world::MonitorInfo,
};

/// The monitors; none where no Datadog was named. Says so where it did not answer.
pub(super) fn monitors<'a>(p: &Picture<'a>, say: &mut Say) -> Option<&'a [MonitorInfo]> {
    match p.shelf.readings.datadog.as_ref()? {
        Ok(monitors) => Some(monitors),
        Err(why) => {
            no_data(say, why);
            Some(&[])
        }
    }
}

/// Whether Datadog stands in for Prometheus here.
pub(super) fn instead(p: &Picture<'_>) -> bool {
    p.shelf.readings.prometheus.is_none() && p.shelf.readings.datadog.is_some()
}

fn subject(monitor: &MonitorInfo) -> Subject {
    Subject::named("Monitor", "", &monitor.name)
}

/// What a monitor of each family of alerts asks.
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

/// Whether some monitor is of a family of alerts.
pub(super) fn covers(monitors: &[MonitorInfo], family: &str) -> bool {
    let asks = FAMILIES.iter().find(|(name, _)| *name == family).map_or(&[][..], |(_, asks)| asks);
    monitors.iter().any(|m| asks.iter().any(|word| m.query.contains(word)))
}

/// Whether monitors reach somebody. What Datadog's notification rules add is not seen.
pub(super) fn routing(p: &Picture<'_>, say: &mut Say) {
    let Some(monitors) = monitors(p, say).filter(|all| !all.is_empty()) else { return };
    if !monitors.iter().any(|m| m.tells) {
        let text = format!("none of {} monitors names anybody in its message (@…)", monitors.len());
        return say.fail(Subject::named("Datadog", "", "monitors"), "", text);
    }
    for monitor in monitors {
        if monitor.tells {
            say.pass(subject(monitor));
        } else {
            let text = "its message names nobody (@…); a notification rule may, which is not seen here";
            say.fail_as(Severity::Medium, subject(monitor), "", text);
        }
    }
}

/// Whether silence is noticed: Datadog is outside of the cluster by itself.
pub(super) fn dead_man(p: &Picture<'_>, say: &mut Say) {
    let Some(monitors) = monitors(p, say).filter(|all| !all.is_empty()) else { return };
    match monitors.iter().find(|m| m.notices_silence && m.tells) {
        Some(monitor) => say.pass(subject(monitor)),
        None => say.fail(
            Subject::named("Datadog", "", "monitors"),
            "",
            "no monitor that names somebody tells of data that stay away (notify_no_data)",
        ),
    }
}

/// Whether a monitor may be about the scope: it is tagged for no namespace, or for one of it.
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
