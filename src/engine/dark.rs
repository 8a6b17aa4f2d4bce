//! A run that died while its own fault kept the API server away: nobody can be asked
//! which cluster this is before the machines under it have their power back. The
//! machine's own id, which the journal holds, says whose they are.

use std::time::Duration;

use super::{OpenError, Place, open};
use crate::{
    journal::{ReadJournal, RunState},
    model::Revert,
    world::{Clock, ConnectError, HostError, NodeHost, World},
};

/// How long an API server has to answer once its machine has its power back.
const PATIENCE: Duration = Duration::from_secs(180);
/// And where this run did not take it away: it may be starting again by itself.
const BY_ITSELF: Duration = Duration::from_secs(60);

/// Opens the world of a run; where its API server does not answer, the machines that
/// the run took away get their power back first. Nothing else is done to them yet.
pub(super) async fn open_again(place: &Place, clock: Clock, journal: &ReadJournal) -> Result<World, OpenError> {
    match open(place, clock).await {
        Ok((world, _)) => return Ok(world),
        Err(OpenError::Connect(ConnectError::Api { source, .. })) if source.is_transient() => {}
        Err(error) => return Err(error),
    }
    let given = match place.bindings.node_host.as_ref().map(NodeHost::new) {
        Some(host) => give_back(&host, journal).await?,
        None => false,
    };
    let (patience, began) = (if given { PATIENCE } else { BY_ITSELF }, clock.now_us());
    loop {
        match open(place, clock).await {
            Ok((world, _)) => return Ok(world),
            Err(error) if clock.since_us(began) > patience => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

/// Whether a machine got anything back. One that cannot does not keep the others waiting;
/// if none can, the first reason is the answer.
async fn give_back(host: &NodeHost, journal: &ReadJournal) -> Result<bool, HostError> {
    let open = RunState::of(&journal.events).map(|s| s.open()).unwrap_or_default();
    let (mut given, mut failed) = (false, None);
    for fault in open {
        let Revert::NodePower { node, machine, .. } = &fault.revert else { continue };
        match host.give_back(&node.name, machine).await {
            Ok(something) => given |= something,
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match failed {
        Some(error) if !given => Err(error),
        _ => Ok(given),
    }
}
