//! Observes alerts in Prometheus and in each Alertmanager every second. A source that does not answer is lost: what it
//! would have reported is unknown.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    event::Kind,
    journal::Recorder,
    told,
    world::{ActiveAlert, World},
};

type Known = BTreeMap<BTreeMap<String, String>, ActiveAlert>;

struct AlertSource {
    name: String,
    known: Known,
    /// Its last answer. Most answers repeat the one before.
    last: Vec<u8>,
    last_us: u64,
    lost: bool,
}

pub(super) async fn watch(world: Arc<World>, recorder: Arc<Recorder>) {
    let mut prometheus = AlertSource::new("prometheus".into(), &recorder);
    let mut managers: Vec<(String, AlertSource)> = world
        .monitoring
        .alertmanagers
        .iter()
        .enumerate()
        .map(|(i, base)| (base.clone(), AlertSource::new(format!("alertmanager-{i}"), &recorder)))
        .collect();
    if let Some(Ok(time)) = world.monitoring.time().await {
        let own = world.clock.wall().as_millisecond();
        let offset_ms = (time * 1000.0) as i64 - own;
        recorder.observe(Kind::ClockOffset { source: "prometheus".into(), offset_ms });
    }
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let sent = recorder.now_us();
        if let Some(answer) = world.monitoring.firing_anew(&mut prometheus.last).await {
            prometheus.update(&recorder, sent, answer.map_err(|e| e.to_string()));
        }
        for (base, source) in &mut managers {
            let sent = recorder.now_us();
            let answer = world.monitoring.received_anew(base, &mut source.last).await;
            source.update(&recorder, sent, answer.map_err(|e| e.to_string()));
        }
    }
}

impl AlertSource {
    fn new(name: String, recorder: &Recorder) -> Self {
        Self { name, known: Known::new(), last: vec![], last_us: recorder.now_us(), lost: false }
    }

    fn update(&mut self, recorder: &Recorder, sent: u64, answer: Result<Option<Vec<ActiveAlert>>, String>) {
        let alerts = match answer {
            Ok(alerts) => alerts,
            Err(why) => {
                if !self.lost {
                    recorder.observe(Kind::SourceLost {
                        source: self.name.clone(),
                        why: told!(recorder, "{why}"),
                        blind_from_us: Some(self.last_us),
                    });
                    self.lost = true;
                }
                return;
            }
        };
        if self.lost {
            recorder.observe(Kind::SourceRegained { source: self.name.clone(), blind_from_us: self.last_us });
            self.lost = false;
        }
        self.last_us = sent;
        let Some(alerts) = alerts else { return };
        let now: Known = alerts.into_iter().map(|a| (a.labels.clone(), a)).collect();
        for (labels, alert) in &now {
            if self.known.get(labels).is_none_or(|k| {
                k.state != alert.state || k.suppressed_by != alert.suppressed_by || k.receivers != alert.receivers
            }) {
                recorder.observe(seen(&self.name, alert));
            }
        }
        for (labels, alert) in &self.known {
            if !now.contains_key(labels) {
                recorder.observe(Kind::AlertGone {
                    source: self.name.clone(),
                    name: alert.name.clone(),
                    labels: labels.clone(),
                });
            }
        }
        self.known = now;
    }
}

fn seen(source: &str, alert: &ActiveAlert) -> Kind {
    Kind::AlertSeen {
        source: source.to_owned(),
        name: alert.name.clone(),
        labels: alert.labels.clone(),
        state: alert.state.clone(),
        since: alert.since,
        receivers: alert.receivers.clone(),
        suppressed_by: alert.suppressed_by.clone(),
    }
}
