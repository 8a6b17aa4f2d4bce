//! What earlier runs left in the cluster, by the records that they keep there.

use super::facts::Answer;
use crate::{
    model::PowerState,
    world::{Found, OpenFault, RunRecord, World},
};

/// What an earlier run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OtherRun {
    /// Undos that are still to be done.
    Open {
        /// The run.
        run: String,
        /// How many.
        undos: usize,
    },
    /// A record that cannot be read: it must be taken for open.
    Damaged {
        /// The ConfigMap.
        name: String,
        /// Why.
        why: String,
    },
    /// Undone, but a session that nobody saw the end of may have acted since. `wrong` is
    /// what is not as it should be now.
    Unconfirmed {
        /// The run.
        run: String,
        /// Empty where all is well.
        wrong: Vec<String>,
    },
}

/// Looks at what other runs left. Their machines are looked at where a node host is named.
pub async fn other_runs(world: &World, run: &str) -> Answer<Vec<OtherRun>> {
    let records = match RunRecord::all(&world.kube).await {
        Ok(records) => records,
        // The namespace comes with the first run.
        Err(error) if error.is_not_found() => return Ok(vec![]),
        Err(error) => return Err(error.to_string()),
    };
    let mut left = vec![];
    for record in records {
        match record {
            Found::Damaged { name, why } => left.push(OtherRun::Damaged { name, why }),
            Found::Record(record) if record.run == run => {}
            Found::Record(record) if !record.open.is_empty() => {
                left.push(OtherRun::Open { run: record.run, undos: record.open.len() });
            }
            Found::Record(record) if !record.unconfirmed.is_empty() => {
                let wrong = wrong(world, &record.unconfirmed).await;
                left.push(OtherRun::Unconfirmed { run: record.run, wrong });
            }
            Found::Record(_) => {}
        }
    }
    Ok(left)
}

/// Machines that do not run, or cannot be looked at.
async fn wrong(world: &World, unconfirmed: &[OpenFault]) -> Vec<String> {
    let mut wrong = vec![];
    for fault in unconfirmed {
        let Some(node) = fault.revert.takes_away() else { continue };
        let Some(host) = &world.host else {
            wrong.push(format!("node {}: no node host is named that could tell whether it runs", node.name));
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
