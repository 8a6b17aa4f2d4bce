//! Observes the machines that the drill took away, once a second, through their node host. If a machine is running
//! again and the drill did not start it, the fault has ended, and Kubernetes may never have noticed it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::authors::takes_away;
use crate::{
    event::Kind,
    journal::{FaultRecord, FaultState, Recorder},
    model::{Author, OutsideChange, OutsideWhat, PowerState, Revert},
    world::World,
};

const EVERY: Duration = Duration::from_secs(1);
/// The interval of requests that return all machines.
const ALL_EVERY: Duration = Duration::from_secs(5);

/// The last looks at one machine.
struct Looks {
    /// When it was last observed to be away, or when the act was acknowledged.
    away_us: u64,
    /// Whether it was running at the last look. A host may need a moment to show the truth, so two looks must agree.
    running: bool,
    told: bool,
}

pub(super) async fn watch(world: Arc<World>, recorder: Arc<Recorder>) {
    let Some(host) = &world.host else { return };
    let mut known: BTreeMap<String, Looks> = BTreeMap::new();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let away = taken(&recorder);
        known.retain(|node, _| away.contains_key(node));
        for (node, acknowledged_us) in away {
            let asked = recorder.now_us();
            let Ok(machine) = host.machine(&node).await else { continue };
            let looks =
                known.entry(node.clone()).or_insert(Looks { away_us: acknowledged_us, running: false, told: false });
            if machine.state != PowerState::Running {
                *looks = Looks { away_us: asked, running: false, told: false };
            } else if looks.running && !looks.told && taken(&recorder).contains_key(&node) {
                recorder.observe(Kind::MachineReturned { node, since_us: looks.away_us });
                looks.told = true;
            } else {
                looks.running = true;
            }
        }
    }
}

/// Observes the machines that the drill did not touch. If the node host reports a new start, others restarted
/// the machine. The boot id cannot be used for kind nodes, which share the boot of one machine; it is used if a host
/// cannot list its machines.
pub(super) async fn survivors(world: Arc<World>, recorder: Arc<Recorder>) {
    let Some(host) = &world.host else { return };
    let mut known: BTreeMap<String, Start> = BTreeMap::new();
    let mut tick = tokio::time::interval(ALL_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let asked = recorder.now_us();
        let Ok(machines) = host.machines().await else { continue };
        if machines.is_empty() {
            return;
        }
        for machine in machines.into_iter().filter(|m| !m.started.is_empty()) {
            let node = machine.node;
            let before = known.insert(node.clone(), Start { at: machine.started.clone(), seen_us: asked });
            if let Some(before) = before.filter(|before| before.at != machine.started)
                && !recorder.with(|state| takes_away(state, &node))
            {
                let change = Box::new(restarted(&node, before.seen_us));
                recorder.observe(Kind::ChangedOutside { change });
            }
        }
    }
}

/// When a machine was started according to its host, and when that was last observed.
struct Start {
    at: String,
    seen_us: u64,
}

/// A node that was restarted. `seen_us` is the last look at which it was still running before.
fn restarted(node: &str, seen_us: u64) -> OutsideChange {
    OutsideChange {
        seen_us,
        namespace: String::new(),
        object: format!("node/{node}"),
        uid: String::new(),
        workloads: vec![],
        what: OutsideWhat::NodeRestarted,
        by: Author::Unknown,
        as_before: true,
    }
}

/// Nodes that the drill keeps away and whose undo has not begun, with the time of the acknowledgement.
fn taken(recorder: &Recorder) -> BTreeMap<String, u64> {
    let away = |f: &FaultRecord| match (&f.revert, f.state, f.acknowledged_us) {
        (Revert::NodePower { node, .. }, FaultState::Applied, Some(at)) => Some((node.name.clone(), at)),
        _ => None,
    };
    recorder.with(|state| state.faults.iter().filter_map(away).collect())
}
