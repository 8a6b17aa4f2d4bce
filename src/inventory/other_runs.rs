//! What earlier runs left in the cluster, according to the records that they keep there.

use super::Reply;
use crate::{
    model::PowerState,
    world::{FoundRecord, OpenFault, RunRecord, World},
};

/// What an earlier run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OtherRun {
    /// Some undos are not done.
    Open {
        /// The run.
        run: String,
        /// The number of these undos.
        undos: usize,
    },
    /// The record cannot be read, so the run is assumed to be open.
    Damaged {
        /// The ConfigMap.
        name: String,
        /// The reason.
        why: String,
    },
    /// Everything was undone, but a session whose end nobody could confirm may have acted since. `wrong` lists what is
    /// not in its expected state now.
    Unconfirmed {
        /// The run.
        run: String,
        /// Empty if everything is in its expected state.
        wrong: Vec<String>,
    },
}

/// Reads what other runs left. The machines are checked if the bindings name a node host.
pub async fn other_runs(world: &World, run: &str) -> Reply<Vec<OtherRun>> {
    let records = match RunRecord::all(&world.kube).await {
        Ok(records) => records,
        // The first run creates the namespace.
        Err(error) if error.is_not_found() => return Ok(vec![]),
        Err(error) => return Err(error.to_string()),
    };
    let mut left = vec![];
    for record in records {
        match record {
            FoundRecord::Damaged { name, why } => left.push(OtherRun::Damaged { name, why }),
            FoundRecord::Record(record) if record.run == run => {}
            FoundRecord::Record(record) if !record.open.is_empty() => {
                left.push(OtherRun::Open { run: record.run, undos: record.open.len() });
            }
            FoundRecord::Record(record) if !record.unconfirmed.is_empty() => {
                let wrong = wrong(world, &record.unconfirmed).await;
                left.push(OtherRun::Unconfirmed { run: record.run, wrong });
            }
            FoundRecord::Record(_) => {}
        }
    }
    Ok(left)
}

/// Machines that do not run, or whose state cannot be read.
async fn wrong(world: &World, unconfirmed: &[OpenFault]) -> Vec<String> {
    let mut wrong = vec![];
    for fault in unconfirmed {
        let Some(node) = fault.revert.takes_away() else { continue };
        let Some(host) = &world.host else {
            wrong.push(format!("node {}: its state is unknown, because the bindings name no node host", node.name));
            continue;
        };
        match host.machine(&node.name).await {
            Ok(machine) if machine.state == PowerState::Running => {}
            Ok(machine) => wrong.push(format!("node {} is {:?}", node.name, machine.state)),
            Err(error) => wrong.push(format!("node {}: {error}", node.name)),
        }
    }
    wrong
}
