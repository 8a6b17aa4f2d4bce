//! A run as an OTLP trace in JSON: the drill is the trace, its steps are spans, its judgements are events of the root
//! span. The ids follow from the run, so that sending it twice gives the same trace. Start with [`traces`].

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    event::StepEnd,
    history::Run,
    model::{Exit, Outcome, sha256},
    report::{StepLine, Story, story_of},
    verdict::{ReadRun, TOOL},
};

/// OTLP's span kind for work inside a program.
const INTERNAL: u8 = 1;

/// Converts times of the run's clock to times of day.
struct Clock {
    first: Timestamp,
    first_us: u64,
}

impl Clock {
    fn of(reading: &ReadRun) -> Self {
        Self {
            first: reading.span.map_or(Timestamp::UNIX_EPOCH, |(first, _)| first),
            first_us: reading.kept.first().map_or(0, |event| event.t_us),
        }
    }

    fn at_us(&self, us: u64) -> Timestamp {
        let after =
            i64::try_from(us).unwrap_or(i64::MAX).saturating_sub(i64::try_from(self.first_us).unwrap_or(i64::MAX));
        self.first.checked_add(SignedDuration::from_micros(after)).unwrap_or(self.first)
    }

    fn at(&self, seconds: f64) -> Timestamp {
        // The cast saturates.
        self.at_us((seconds.max(0.0) * 1e6).round() as u64)
    }
}

/// The run as an OTLP request.
pub fn traces(run: &Run, reading: &ReadRun) -> Value {
    let story = story_of(reading);
    let clock = Clock::of(reading);
    let trace = id(&["trace", &run.run], 16);
    let root = id(&["span", &run.run], 8);
    let mut spans = vec![drill(run, &story, reading, &clock, &trace, &root)];
    let steps = story.steps.iter().enumerate();
    spans.extend(steps.map(|(i, step)| span(run, step, i, reading, &clock, (&trace, &root))));
    let version = TOOL.rsplit(' ').next().unwrap_or(TOOL);
    json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", "drillmaster"), text("service.version", version)]},
        "scopeSpans": [{"scope": {"name": "drillmaster", "version": version}, "spans": spans}],
    }]})
}

fn drill(run: &Run, story: &Story, reading: &ReadRun, clock: &Clock, trace: &str, root: &str) -> Value {
    let (start, end) = reading.span.unwrap_or_default();
    let judged = story.judgements.iter().map(|j| {
        json!({"timeUnixNano": nanos(end), "name": "judgement", "attributes": [
            text("drillmaster.expectation", &j.expectation), text("drillmaster.outcome", &j.outcome.to_string()),
            text("drillmaster.because", &j.because)]})
    });
    let mut attributes = vec![
        text("drillmaster.run", &run.run),
        text("drillmaster.scenario", &run.scenario),
        text("drillmaster.result", run.result.label()),
        text("drillmaster.head", run.head.as_deref().unwrap_or("")),
        text("k8s.cluster.name", &run.cluster),
        text("k8s.cluster.uid", &run.cluster_uid),
        json!({"key": "drillmaster.rehearsal", "value": {"boolValue": run.rehearsal}}),
    ];
    if let Some(exit) = run.exit {
        attributes.push(json!({"key": "drillmaster.exit", "value": {"intValue": exit.code().to_string()}}));
    }
    let events: Vec<Value> = judged.chain(recoveries(story, clock)).collect();
    json!({"traceId": trace, "spanId": root, "parentSpanId": "", "name": format!("drill {}", run.scenario),
        "kind": INTERNAL, "startTimeUnixNano": nanos(start), "endTimeUnixNano": nanos(end), "attributes": attributes,
        "events": events, "status": status(run)})
}

/// The phases of each recovery. They count from the fault, which is a step.
fn recoveries<'a>(story: &'a Story, clock: &'a Clock) -> impl Iterator<Item = Value> + 'a {
    story.recoveries.iter().flat_map(move |recovery| {
        let fault = story.steps.iter().find(|step| step.name == recovery.of);
        recovery.phases.iter().filter_map(move |phase| {
            let at = clock.at(fault?.at + phase.at_us as f64 / 1e6);
            Some(json!({"timeUnixNano": nanos(at), "name": phase.name.to_string(), "attributes": [
                text("drillmaster.probe", &recovery.probe), text("drillmaster.fault", &recovery.of)]}))
        })
    })
}

/// An error only where something failed. What was not proven is neither an error nor a success.
fn status(run: &Run) -> Value {
    match run.exit {
        Some(Exit::Passed) if run.result == crate::history::Ended::Passed => json!({"code": 1}),
        Some(Exit::Failed | Exit::Residue | Exit::Left | Exit::Internal) => json!({"code": 2, "message": run.why}),
        _ => json!({"code": 0, "message": run.why}),
    }
}

fn span(run: &Run, step: &StepLine, i: usize, reading: &ReadRun, clock: &Clock, (trace, root): (&str, &str)) -> Value {
    let start = clock.at(step.at);
    let end = step.seconds.map_or_else(|| clock.at_us(reading.last_us), |seconds| clock.at(step.at + seconds));
    let status = match step.end {
        Some(StepEnd::Done) => json!({"code": 1}),
        Some(StepEnd::Failed | StepEnd::Panicked) => json!({"code": 2, "message": step.detail}),
        _ => json!({"code": 0, "message": step.detail}),
    };
    let ended = step.end.map_or_else(|| "not ended".to_owned(), |end| format!("{end:?}").to_lowercase());
    json!({"traceId": trace, "spanId": id(&["step", &run.run, &i.to_string()], 8), "parentSpanId": root,
        "name": format!("{} {}", step.verb, step.name), "kind": INTERNAL, "startTimeUnixNano": nanos(start),
        "endTimeUnixNano": nanos(end.max(start)), "attributes": [
            text("drillmaster.step", &step.name), text("drillmaster.verb", &step.verb), text("drillmaster.end", &ended)],
        "status": status})
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// Nanoseconds as text, because JSON numbers cannot hold them exactly.
fn nanos(at: Timestamp) -> String {
    at.as_nanosecond().max(0).to_string()
}

/// An id of this many bytes that follows from its parts.
fn id(parts: &[&str], bytes: usize) -> String {
    sha256(parts.join("\n"))[..2 * bytes].to_owned()
}

/// The worst outcome first, for messages.
pub(super) fn order(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Fail => 0,
        Outcome::Inconclusive => 1,
        Outcome::Pass => 2,
        Outcome::Waived | Outcome::Skipped => 3,
    }
}
