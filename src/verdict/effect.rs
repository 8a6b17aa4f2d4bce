//! Decides whether a fault had its effect, according to something other than the acknowledgement of its act: that the
//! drill took a node away is not evidence.

use std::sync::Arc;

use super::{History, proof::Part, seconds, window::Window};
use crate::{
    event::Kind,
    model::{Impairment, ObjectRef, OutsideChange, OutsideWhat, Revert, StepResult},
};

/// The effect of the fault of a window.
pub(super) fn effect(history: &History, window: &Window) -> Part {
    let faults = history.state.faults_of(&window.step);
    let mut missing = "the fault did not happen".to_owned();
    for fault in faults {
        let seen = match &fault.revert {
            Revert::NodePower { node, .. } => gone(history, window, &node.name),
            Revert::Impairment { node, what, .. } => impaired(history, window, &node.name, what),
            Revert::Cordon { .. } => evicted(history, window),
            Revert::PodsReplaced { .. } | Revert::Restore { .. } => deleted(history, window),
            Revert::Scale { object, .. } => scaled(history, window, object),
            Revert::OwnNamespace { .. } => restored(history, window),
            Revert::Fence { .. } => Err("the effect of a fence on pods is not observed".to_owned()),
            Revert::OwnPods { .. } => Err("pods of the drill that only read have no effect".to_owned()),
            Revert::ExecUndo { .. } => Err("the effect of a program is not observed".to_owned()),
        };
        match seen {
            Ok(how) => return Part::Shown(how),
            Err(why) => missing = why,
        }
    }
    Part::Missing(missing)
}

fn gone(history: &History, window: &Window, node: &str) -> Result<String, String> {
    let went = |(t, ready): &&(u64, i64)| *t >= window.t0 && *t < window.end && *ready == 0;
    match history.nodes.get(node).and_then(|series| series.0.iter().find(went)) {
        Some((at, _)) => {
            Ok(format!("node {node} was reported as not Ready {} after the fault", seconds(at - window.t0)))
        }
        // A control plane that is away cannot report its nodes as not Ready.
        None if history.blind().any(|(from, to)| from < window.end && to > window.t0) => {
            Ok("the API server could not be observed".into())
        }
        None => Err(format!("node {node} was reported as Ready for as long as the fault lasted")),
    }
}

fn impaired(history: &History, window: &Window, node: &str, what: &Impairment) -> Result<String, String> {
    match what {
        Impairment::Packets { .. } | Impairment::Delay { .. } | Impairment::Disk { .. } => {
            // It must be read in the step itself: a later effect belongs to another fault on this node.
            let read = |(t, on, _): &&(u64, String, String)| *t >= window.t0 && *t <= window.last && on == node;
            if let Some((_, _, how)) = history.effects.iter().find(read) {
                return Ok(how.clone());
            }
            let failed = history.probes.values().flatten();
            let mut failed = failed.filter(|r| !r.ok && !r.lost && r.from_us >= window.t0 && r.from_us < window.end);
            match failed.next() {
                Some(_) => Ok("samples of a probe failed".into()),
                None => gone(history, window, node),
            }
        }
        _ => gone(history, window, node),
    }
}

fn evicted(history: &History, window: &Window) -> Result<String, String> {
    let let_go = |(t, kind): &&(u64, Kind)| {
        *t >= window.t0 && matches!(kind, Kind::EvictionAnswered { dry_run: false, code: 200..=299, .. })
    };
    match history.evictions.iter().filter(let_go).count() {
        0 => Err("no pod was evicted".into()),
        n => Ok(format!("{n} pods were evicted")),
    }
}

/// Whether the watch of the workload reported another number of wanted pods.
fn scaled(history: &History, window: &Window, object: &ObjectRef) -> Result<String, String> {
    let workload = object.workload().ok_or("the scaled object is not a workload")?;
    let wanted = history.wanted.get(&(workload.namespace, workload.workload.to_string()));
    let changed = wanted.and_then(|series| series.0.iter().find(|(t, _)| *t >= window.t0 && *t <= window.end));
    changed
        .map(|(_, wants)| format!("its wanted number of pods changed to {wants}"))
        .ok_or("its wanted number of pods did not change".into())
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

fn deleted(history: &History, window: &Window) -> Result<String, String> {
    let elses = |uid: &str| {
        let deleted = |c: &OutsideChange| c.uid == uid && matches!(c.what, OutsideWhat::Deleted | OutsideWhat::Evicted);
        history.state.outside.iter().any(deleted)
    };
    let went = |(at, uid): &&(u64, Arc<str>)| *at >= window.t0 && *at <= window.last && !elses(uid);
    match history.pods.disappeared().iter().filter(went).count() {
        0 => Err("no pod disappeared".into()),
        n => Ok(format!("{n} pods disappeared")),
    }
}
