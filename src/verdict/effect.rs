//! Decides whether a fault had its effect, according to something other than the acknowledgement of its act: that the
//! drill took a node away is not evidence.

use std::{collections::BTreeSet, sync::Arc};

use super::{History, history::SLOW_US, pods::Key, proof::Part, seconds, window::Window};
use crate::{
    event::{Kind, ProbeRun},
    model::{Impairment, ObjectRef, Revert, StepResult},
};

/// The effect of the fault of a window. If it acts on several targets, it must have had its effect on each of them: half
/// of a zone is not a zone.
pub(super) fn effect(history: &History, window: &Window) -> Part {
    let mut shown = None;
    for fault in history.state.faults_of(&window.step) {
        let seen = match &fault.revert {
            Revert::NodePower { node, .. } => gone(history, window, &node.name),
            Revert::Impairment { node, what, .. } => impaired(history, window, &node.name, what),
            Revert::Cordon { .. } => evicted(history, window),
            Revert::PodsReplaced { .. } => deleted(history, window, |_, uid| history.state.taken.contains(uid)),
            Revert::Restore { namespace, .. } => deleted(history, window, |(of, _), _| of == namespace),
            Revert::Scale { object, written, .. } => scaled(history, window, object, i64::from(*written)),
            Revert::OwnNamespace { .. } => restored(history, window),
            Revert::Fence { .. } => Err("the effect of a fence on pods is not observed".to_owned()),
            Revert::OwnPods { .. } => Err("pods of the drill that only read have no effect".to_owned()),
            Revert::ExecUndo { .. } => Err("the effect of a program is not observed".to_owned()),
        };
        match seen {
            Ok(how) => shown = shown.or(Some(how)),
            Err(why) => return Part::Missing(why),
        }
    }
    shown.map_or_else(|| Part::Missing("the fault did not happen".into()), Part::Shown)
}

fn gone(history: &History, window: &Window, node: &str) -> Result<String, String> {
    let went = |(t, ready): &&(u64, i64)| *t >= window.t0 && *t < window.end && *ready == 0;
    match history.nodes.get(node).and_then(|series| series.0.iter().find(went)) {
        Some((at, _)) => {
            Ok(format!("node {node} was reported as not Ready {} after the fault", seconds(at - window.t0)))
        }
        // A control plane that is away cannot report its nodes as not Ready. For any other fault, it shows nothing that the
        // drill could not see.
        None if window.takes_control_plane(history) && lost_contact(history, window) => {
            Ok("the API server did not answer any more".into())
        }
        None => Err(format!("node {node} was reported as Ready for as long as the fault lasted")),
    }
}

/// Whether the API server stopped answering during the fault. A watch that broke does not show that.
fn lost_contact(history: &History, window: &Window) -> bool {
    let open = history.state.blind_since.map(|since| (since, history.end_us));
    let mut lost = history.contact_lost.iter().copied().chain(open);
    lost.any(|(from, to)| from < window.end && to > window.t0 && to.saturating_sub(from) > SLOW_US)
}

fn impaired(history: &History, window: &Window, node: &str, what: &Impairment) -> Result<String, String> {
    match what {
        Impairment::Packets { .. } | Impairment::Delay { .. } | Impairment::Disk { .. } => {
            // It must be read in the step itself: a later effect belongs to another fault on this node.
            let read = |(t, on, _): &&(u64, String, String)| *t >= window.t0 && *t <= window.last && on == node;
            if let Some((_, _, how)) = history.effects.iter().find(read) {
                return Ok(how.clone());
            }
            // A probe that failed before the fault as well shows nothing.
            let breaks = |runs: &Vec<ProbeRun>| {
                let was_up = runs.iter().rfind(|r| r.to_us < window.t0).is_some_and(|r| r.ok);
                was_up && runs.iter().any(|r| !r.ok && !r.lost && r.from_us >= window.t0 && r.from_us < window.end)
            };
            if history.probes.values().any(breaks) {
                return Ok("samples of a probe failed".into());
            }
            gone(history, window, node)
        }
        _ => gone(history, window, node),
    }
}

/// Whether this drain evicted a pod. Another drain may have evicted others.
fn evicted(history: &History, window: &Window) -> Result<String, String> {
    let let_go = |(t, kind): &&(u64, Kind)| match kind {
        Kind::EvictionAnswered { step, dry_run: false, code: 200..=299, .. } => {
            *t >= window.t0 && *step == window.step.0
        }
        _ => false,
    };
    match history.evictions.iter().filter(let_go).count() {
        0 => Err("no pod was evicted".into()),
        n => Ok(format!("{n} pods were evicted")),
    }
}

/// Whether the watch of the workload reported the number of wanted pods that the drill wrote. Any other number was
/// written by others.
fn scaled(history: &History, window: &Window, object: &ObjectRef, written: i64) -> Result<String, String> {
    let workload = object.workload().ok_or("the scaled object is not a workload")?;
    let wanted = history.wanted.get(&(workload.namespace, workload.workload.to_string()));
    let in_time = |(t, wants): &&(u64, i64)| *t >= window.t0 && *t <= window.end && *wants == written;
    match wanted.and_then(|series| series.0.iter().find(in_time)) {
        Some(_) => Ok(format!("its wanted number of pods changed to {written}")),
        None => Err(format!("its wanted number of pods did not change to {written}")),
    }
}

/// Whether objects of the backup were found in the scratch namespace.
fn restored(history: &History, window: &Window) -> Result<String, String> {
    match history.state.results.get(&window.step).and_then(StepResult::restored) {
        Some(restored) if restored.objects > 0 => {
            Ok(format!("{} objects were restored beside the original namespace", restored.objects))
        }
        _ => Err("nothing was restored beside the original namespace".to_owned()),
    }
}

/// Whether pods that the fault acted on disappeared: those that the drill deleted, or those of its namespace.
fn deleted(history: &History, window: &Window, is_struck: impl Fn(&Key, &str) -> bool) -> Result<String, String> {
    let mut gone: BTreeSet<&Arc<str>> = BTreeSet::new();
    for (key, points) in history.pods.workloads() {
        let went = points.iter().filter(|p| !p.own && p.at >= window.t0 && p.at <= window.last);
        gone.extend(went.filter(|p| is_struck(key, &p.uid)).map(|p| &p.uid));
    }
    match gone.len() {
        0 => Err("no pod on which the fault acted disappeared".into()),
        n => Ok(format!("{n} pods disappeared")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::verdict::small_journal::{S, SmallJournal, power};

    /// The effect of the fault of a small journal, at 60 s.
    fn shown(journal: SmallJournal) -> bool {
        let history = journal.history(60);
        let window = Window::of(&history, None).expect("the fault happened");
        matches!(effect(&history, &window), Part::Shown(_))
    }

    #[test]
    fn what_the_drill_could_not_see_is_no_effect_unless_it_took_the_control_plane() {
        let gap = || Kind::WatchGap { what: "/api/v1/nodes".into(), from_us: 20 * S, why: "410".into() };
        let contact = || Kind::ContactRegained { cluster: "c".into(), blind_from_us: 20 * S };
        assert!(shown(SmallJournal::killed("a").node(50, "a", false)));
        assert!(!shown(SmallJournal::killed("a")));
        assert!(!shown(SmallJournal::killed("a").at(30, gap())));
        assert!(!shown(SmallJournal::killed("a").at(40, contact())), "the control plane was not a target");
        let verb = json!({"killNodes": {"nodes": ["a"], "how": "kill", "controlPlane": true}});
        let away = || SmallJournal::new(&verb, &["a"]).node(5, "a", true).fault(10, &power("a"));
        assert!(shown(away().at(40, contact())));
        assert!(!shown(away().at(30, gap())), "only a watch broke");
        assert!(!shown(away().at(21, contact())), "one slow request");
    }

    #[test]
    fn half_of_a_zone_is_not_a_zone() {
        let zone = || {
            let verb = json!({"killZone": {"zone": "a", "how": "kill"}});
            let journal = SmallJournal::new(&verb, &["a", "b"]).node(5, "a", true).node(5, "b", true);
            journal.fault(10, &power("a")).fault(10, &power("b"))
        };
        assert!(shown(zone().node(50, "a", false).node(51, "b", false)));
        for only in ["a", "b"] {
            assert!(!shown(zone().node(50, only, false)), "{only}");
        }
    }

    #[test]
    fn what_others_did_is_no_effect() {
        let object = json!({"path": "/apis/apps/v1/namespaces/shop/deployments/web", "uid": "u"});
        let scaled = json!({"type": "scale", "object": object, "before": 3, "written": 0});
        let scale = |to: u32| {
            let journal = SmallJournal::new(&json!({"scale": {"workload": "deployment/web", "to": 0}}), &[]);
            shown(journal.wants(2, 3).fault(10, &scaled).wants(12, to))
        };
        assert!(scale(0) && !scale(5), "an autoscaler wrote 5");

        let replaced = json!({"type": "podsReplaced", "namespace": "shop", "ready": []});
        let deleted = |gone: &str| {
            let journal = SmallJournal::new(&json!({"deletePods": {"workload": "deployment/web"}}), &[]);
            let journal = journal.pod(5, "w1", "a", true).pod(5, "w2", "a", true).fault(10, &replaced);
            let (namespace, name, uid) = ("shop".to_owned(), "w1".to_owned(), "w1".to_owned());
            shown(journal.at(10, Kind::PodTaken { namespace, name, uid }).pod_gone(20, gone))
        };
        assert!(deleted("w1") && !deleted("w2"), "a rollout replaced another pod");

        let cordon = json!({"type": "cordon", "node": {"name": "a", "uid": "a", "provider_id": "", "zone": ""}, "before": false});
        let drained = |step: &str| {
            let journal = SmallJournal::new(&json!({"drain": {"nodes": ["a"]}}), &["a"]).fault(10, &cordon);
            shown(journal.at(20, evicted(step)))
        };
        assert!(drained("fault") && !drained("another drain"));
    }

    fn evicted(step: &str) -> Kind {
        let answer: Value = json!({"kind": "EvictionAnswered", "step": step, "namespace": "shop", "pod": "w1",
            "owner": "deployment/web", "dry_run": false, "code": 201, "reason": "", "message": ""});
        serde_json::from_value(answer).expect("an answer")
    }
}
