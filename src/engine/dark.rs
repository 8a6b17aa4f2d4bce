//! A run that died while its own fault kept the API server away: nobody can be asked
//! which cluster this is before the machines under it have their power back. The
//! machine's own id, which the journal holds, says whose they are.

use std::time::Duration;

use super::{OpenError, Place, open};
use crate::{
    journal::{ReadJournal, RunState},
    model::{NodeHow, PowerState, Revert},
    world::{Clock, ConnectError, NodeHost, World},
};

/// How long an API server has to answer once its machine has its power back.
const PATIENCE: Duration = Duration::from_secs(180);

/// Opens the world of a run; where its API server does not answer, the machines that
/// the run took away get their power back first. Nothing else is done to them yet.
pub(super) async fn open_again(place: &Place, clock: Clock, journal: &ReadJournal) -> Result<World, OpenError> {
    let error = match open(place, clock).await {
        Ok((world, _)) => return Ok(world),
        Err(error @ OpenError::Connect(ConnectError::Api { .. })) => error,
        Err(error) => return Err(error),
    };
    let Some(host) = place.bindings.node_host.as_ref().map(NodeHost::new) else { return Err(error) };
    if give_power(&host, journal).await == 0 {
        return Err(error);
    }
    let began = clock.now_us();
    loop {
        match open(place, clock).await {
            Ok((world, _)) => return Ok(world),
            Err(error) if clock.since_us(began) > PATIENCE => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

/// How many machines got something back.
async fn give_power(host: &NodeHost, journal: &ReadJournal) -> usize {
    let open = RunState::of(&journal.events).map(|s| s.open()).unwrap_or_default();
    let mut given = 0;
    for fault in open {
        let Revert::NodePower { node, machine, addresses, .. } = &fault.revert else { continue };
        let Ok(now) = host.machine(&node.name).await else { continue };
        let how = match now.state {
            PowerState::Paused => NodeHow::Pause,
            PowerState::Isolated => NodeHow::Partition,
            PowerState::Off => NodeHow::Kill,
            PowerState::Running | PowerState::Other(_) => continue,
        };
        // Only the very machine that the run took away.
        if now.id != *machine {
            continue;
        }
        if let Ok(argv) = host.bring_back(&node.name, how, addresses)
            && host.run(&argv).await.is_ok()
        {
            given += 1;
        }
    }
    given
}
