//! A reaper for places where the detached one would die together with its job. It runs anywhere that can reach the
//! cluster, and reads the Lease and the run record there.

use std::{path::Path, time::Duration};

use tokio::time::Instant;

use super::{ClusterAccess, Overrides, RecoverError, from_cluster::from_cluster, recover::recover};
use crate::{
    event::Actor,
    model::Exit,
    world::{Kube, Lease, LeasePulse, connect},
};

/// How often the Lease is read. Runners renew it about once a second.
const EVERY: Duration = Duration::from_secs(1);

/// Runs forever, and undoes every run of this cluster whose Lease is no longer renewed while it has something open.
/// Calls `tell` with what it does.
pub async fn stand_by(place: &ClusterAccess, runs: &Path, dead_after: Duration, tell: impl Fn(&str)) -> RecoverError {
    let (kube, identity) = match connect(&place.reach, &place.here).await {
        Ok(connected) => connected,
        Err(error) => return RecoverError::Open(error.into()),
    };
    tell(&format!("watching the runs on {} (kube-system {})", identity.context, identity.uid));
    let mut last: (Option<LeasePulse>, Instant) = (None, Instant::now());
    let mut trouble = String::new();
    loop {
        tokio::time::sleep(EVERY).await;
        match Lease::pulse(&kube).await {
            Ok(Some(pulse)) if last.0.as_ref() != Some(&pulse) => last = (Some(pulse), Instant::now()),
            // A run that takes the control plane away records how long it may be silent.
            Ok(Some(pulse)) if last.1.elapsed() > dead_after.max(pulse.lasts) => {
                trouble = take_over(&kube, place, runs, &trouble, &tell).await;
                last.1 = Instant::now();
            }
            Ok(Some(_)) => {}
            // No drill is running, or the API server cannot be reached, which does not mean that the runner is dead.
            Ok(None) | Err(_) => last = (None, Instant::now()),
        }
    }
}

async fn take_over(kube: &Kube, place: &ClusterAccess, runs: &Path, before: &str, tell: &impl Fn(&str)) -> String {
    let overrides = Overrides {
        context: Some(place.reach.context.clone()),
        kubeconfigs: place.reach.kubeconfigs.clone(),
        bindings: place.bindings_file.clone(),
        ..Overrides::default()
    };
    let taken = async {
        let dir = from_cluster(kube, runs, place).await?;
        tell(&format!(
            "a runner is dead or frozen, and its run left something open: undoing it in {}",
            dir.0.display()
        ));
        recover(&dir, Actor::Reaper, None, &overrides, |_, _| {}).await
    };
    let said = match taken.await {
        Ok(Exit::Aborted) => "undone: the cluster is as before".to_owned(),
        Ok(exit) => format!("ended with {}: {}", exit.code(), exit.meaning()),
        Err(RecoverError::NothingInCluster) => String::new(),
        Err(error) => error.to_string(),
    };
    if !said.is_empty() && said != before {
        tell(&said);
    }
    said
}
