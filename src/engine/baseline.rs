//! The baseline before the first fault: every probe is up by its own rule, and every source answers. Without a
//! baseline, a recovery cannot be distinguished from the state before.

use std::time::Duration;

use crate::{
    journal::{ProbeState, Recorder, RunState},
    model::{Finding, Plan, ProbeSpec},
    observe::watches,
    verdict::HOLD_US,
};

/// The minimum time for observing the application: a second for the first lists, and then as long as the verdict asks of
/// ready pods.
const SEEN_US: u64 = 1_000_000 + HOLD_US;

/// The time limit for the first list of every watch. A large cluster needs some seconds, because only a few lists are
/// read at the same time.
const LISTED_US: u64 = 60_000_000;

/// Waits for the baseline.
pub(super) async fn baseline(recorder: &Recorder, plan: &Plan) -> Vec<Finding> {
    let longest = plan.probes.iter().map(|p| p.up.over.0).max().unwrap_or_default();
    let began = recorder.now_us();
    let limit = began + (longest * 3 + Duration::from_secs(10)).as_micros() as u64;
    let listed = limit.max(began + LISTED_US);
    let watches = watches(plan);
    loop {
        let missing = recorder.with(|state| missing(state, plan));
        let unlisted = recorder.with(|s| unlisted(s, &watches));
        // The pods must be observed as ready for some seconds before a fault.
        if missing.is_empty() && unlisted.is_none() && recorder.now_us() >= began + SEEN_US {
            return vec![Finding::pass(
                "baseline",
                format!("{} probe(s) are up by their rule{}; the watches are open", plan.probes.len(), logs(plan)),
            )];
        }
        let now = recorder.now_us();
        if now > limit && !missing.is_empty() || now > listed {
            let said: Vec<String> = missing.into_iter().chain(unlisted).collect();
            return vec![Finding::fail(
                "baseline",
                said.join(", "),
                "every service must be up before the fault: check the service, and the address and the expected answer of its probe",
            )];
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What cannot be seen yet.
fn unlisted(state: &RunState, watches: &[String]) -> Option<String> {
    if state.blind_since.is_some() {
        return Some("the API server does not answer".to_owned());
    }
    let first = watches.iter().find(|watch| !state.watching.contains(*watch))?;
    Some(format!("the watch of {first} has not started"))
}

/// What is still missing, one line for each.
fn missing(state: &RunState, plan: &Plan) -> Vec<String> {
    let probes = plan.probes.iter().filter_map(|p| probe(state.probes.get(&p.name), p));
    let logs = plan.data.iter().filter_map(|d| match state.logs.get(&d.name) {
        None => Some(format!("{} (not read yet)", d.name)),
        Some(why) if !why.is_empty() => Some(format!("{} ({why})", d.name)),
        // What was written must be readable, or a later loss would show nothing.
        Some(_) => state
            .short
            .get(&d.name)
            .filter(|n| **n > 0)
            .map(|n| format!("{} ({n} acknowledged lines cannot be read back)", d.name)),
    });
    probes.chain(logs).collect()
}

fn probe(state: Option<&ProbeState>, spec: &ProbeSpec) -> Option<String> {
    let name = &spec.name;
    let Some(seen) = state else { return Some(format!("{name} (no sample)")) };
    let error = if seen.error.is_empty() { String::new() } else { format!(": {}", seen.error) };
    let counted = format!("{} of {} samples failed{error}", seen.failures, seen.samples);
    if spec.starts_down {
        // A service that must come up after the fault must be down now, or coming up would show nothing.
        let down = seen.up_since.is_none() && seen.samples >= 8 && seen.failures == seen.samples;
        return (!down).then(|| format!("{name} must be down before the fault ({counted})"));
    }
    seen.up_since.is_none().then(|| format!("{name} ({counted})"))
}

fn logs(plan: &Plan) -> String {
    if plan.data.is_empty() { String::new() } else { format!(", {} append log(s) written and read", plan.data.len()) }
}
