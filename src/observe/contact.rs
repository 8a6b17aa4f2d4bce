//! Confirms every second, with a separate request, that the API server can be reached. A watch without events does not
//! confirm that: a frozen server keeps its connections open.

use std::{sync::Arc, time::Duration};

use crate::{event::Kind, journal::Recorder, told, world::World};

const EVERY: Duration = Duration::from_secs(1);
/// A runner that was itself suspended for longer than this has observed nothing in that time.
const SLEPT_US: u64 = 4_000_000;

pub(super) async fn watch(world: Arc<World>, recorder: Arc<Recorder>) {
    let mut last_proof_us = recorder.now_us();
    let mut lost = false;
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        // When the request was sent: the answer shows a state that is newer than this.
        let sent = recorder.now_us();
        let answer = world.kube.get_once("/version", EVERY).await;
        let slept = !lost && sent.saturating_sub(last_proof_us) > SLEPT_US;
        if let Err(error) = &answer {
            if !lost {
                lose(&world, &recorder, last_proof_us, &error.to_string());
                lost = true;
            }
            continue;
        }
        if slept {
            lose(&world, &recorder, last_proof_us, "the runner itself was suspended");
            lost = true;
        }
        if lost {
            recorder
                .observe(Kind::ContactRegained { cluster: world.identity.name.clone(), blind_from_us: last_proof_us });
            lost = false;
        }
        last_proof_us = sent;
    }
}

fn lose(world: &World, recorder: &Recorder, last_proof_us: u64, why: &str) {
    recorder.observe(Kind::ContactLost {
        cluster: world.identity.name.clone(),
        last_proof_us,
        why: told!(recorder, "{why}"),
    });
}
