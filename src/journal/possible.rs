//! Checks that the numbers in an event are possible. Readers of a journal add times, subtract them and count lines one
//! by one. A forged journal must not make these calculations overflow or run forever.

use crate::{
    event::{Event, Kind, MOST_ROWS, ProbeRun, Unseen},
    model::{MOST_LINES, OutsideWhat, StepResult},
};

/// The longest possible run: a hundred years.
const LONGEST_US: u64 = 100 * 365 * 24 * 60 * 60 * 1_000_000;

/// Returns what is impossible in an event.
pub(super) fn check(event: &Event) -> Result<(), String> {
    let late = |us: u64| us > LONGEST_US;
    if late(event.t_us) || times(&event.event).into_iter().any(late) {
        return Err("it contains a time more than 100 years after the start of the run".to_owned());
    }
    let rows: Vec<(u64, u64)> = match &event.event {
        Kind::LinesWritten { runs, .. } => runs.iter().map(|r| (r.from, r.to)).collect(),
        Kind::LinesRead { missing, .. } => missing.clone(),
        Kind::ProbeSegment { runs, .. } => runs.iter().map(|r| (1, u64::from(r.n))).collect(),
        _ => vec![],
    };
    let wrong = |(from, to): &(u64, u64)| *to > MOST_LINES || *from > to.saturating_add(1);
    if rows.len() > MOST_ROWS || rows.iter().any(wrong) {
        return Err("it contains a count that is larger than possible, or a range that runs backwards".to_owned());
    }
    Ok(())
}

/// The times that an event contains, besides its own.
fn times(kind: &Kind) -> Vec<u64> {
    match kind {
        Kind::Armed { unwind_deadline_us } => vec![*unwind_deadline_us],
        Kind::StepStarted { expected_us, .. } => expected_us.iter().copied().collect(),
        Kind::StepResult { result, .. } => found(result),
        Kind::GateOpened { times_out_us, .. } => vec![*times_out_us],
        Kind::FaultApplied { sent_us, acknowledged_us, .. } => vec![*sent_us, *acknowledged_us],
        Kind::MachineReturned { since_us, .. } => vec![*since_us],
        Kind::ContactLost { last_proof_us, .. } => vec![*last_proof_us],
        Kind::ContactRegained { blind_from_us, .. } | Kind::SourceRegained { blind_from_us, .. } => {
            vec![*blind_from_us]
        }
        Kind::SourceLost { blind_from_us, .. } => blind_from_us.iter().copied().collect(),
        Kind::WatchGap { from_us, .. } | Kind::OutsideUnseen(Unseen { from_us, .. }) => vec![*from_us],
        Kind::ChangedOutside { change } => match &change.what {
            OutsideWhat::Silenced { group_wait_us, group_interval_us, .. } => {
                [change.seen_us].into_iter().chain(*group_wait_us).chain(*group_interval_us).collect()
            }
            _ => vec![change.seen_us],
        },
        Kind::AuthorFound { at_us, .. } => vec![*at_us],
        Kind::ProbeSegment { from_us, to_us, runs, .. } => {
            let of = |r: &ProbeRun| [r.from_us, r.to_us, r.first_took_us, r.last_took_us, r.longest_unseen_us];
            [*from_us, *to_us].into_iter().chain(runs.iter().flat_map(of)).collect()
        }
        Kind::LinesWritten { runs, .. } => runs.iter().flat_map(|r| [r.from_us, r.to_us]).collect(),
        _ => vec![],
    }
}

fn found(result: &StepResult) -> Vec<u64> {
    match result {
        StepResult::Restore(r) => vec![r.sent_us, r.completed_us, r.ready_us],
        StepResult::Deletion(deletion) => deletion.unseen_us.iter().copied().collect(),
        StepResult::Reprotected(r) => vec![r.sent_us, r.completed_us],
        StepResult::Backup(_) | StepResult::Drain(_) => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn event(kind: Value) -> Event {
        let line = json!({"seq": 1, "at": "2026-01-01T00:00:00Z", "t_us": 1, "epoch": 1, "prev": "", "must": false,
            "event": kind});
        serde_json::from_value(line).expect("it is an event")
    }

    /// One event of each kind that contains a time.
    fn timed() -> Vec<Value> {
        let run = json!({"from_us": 1, "to_us": 2, "n": 1, "ok": true, "lost": false, "error": "",
            "first_took_us": 1, "last_took_us": 1, "longest_unseen_us": 0});
        let change = json!({"seen_us": 1, "object": "silence/a", "by": {"kind": "unknown"}, "as_before": false,
            "what": {"kind": "silenced", "matchers": "", "comment": "", "until": "", "group_wait_us": 1}});
        vec![
            json!({"kind": "Armed", "unwind_deadline_us": 1}),
            json!({"kind": "StepStarted", "step": "a", "verb": "wait", "does": "", "expected_us": 1}),
            json!({"kind": "GateOpened", "step": "a", "prompt": "", "times_out_us": 1}),
            json!({"kind": "FaultApplied", "fault": "a", "sent_us": 1, "acknowledged_us": 1}),
            json!({"kind": "MachineReturned", "node": "a", "since_us": 1}),
            json!({"kind": "ContactLost", "cluster": "a", "last_proof_us": 1, "why": ""}),
            json!({"kind": "ContactRegained", "cluster": "a", "blind_from_us": 1}),
            json!({"kind": "SourceLost", "source": "a", "why": "", "blind_from_us": 1}),
            json!({"kind": "SourceRegained", "source": "a", "blind_from_us": 1}),
            json!({"kind": "WatchGap", "what": "a", "from_us": 1, "why": ""}),
            json!({"kind": "OutsideUnseen", "resource": "services", "namespace": "a", "from_us": 1, "why": "a"}),
            json!({"kind": "ChangedOutside", "change": change}),
            json!({"kind": "AuthorFound", "namespace": "", "object": "a", "by": {"kind": "unknown"}, "at_us": 1}),
            json!({"kind": "LinesWritten", "data": "a", "runs": [{"from": 1, "to": 1, "from_us": 1, "to_us": 1, "error": ""}]}),
            json!({"kind": "ProbeSegment", "probe": "a", "file": "", "sha256": "", "from_us": 1, "to_us": 2, "n": 1,
                "failed": 0, "max_ms": 1, "late": 0, "runs": [run]}),
        ]
    }

    /// The same event, once for each of its times, with an impossible value there.
    fn impossible(value: &Value) -> Vec<Value> {
        let replaced = |copy: &dyn Fn(Value) -> Value, inner: &Value| -> Vec<Value> {
            impossible(inner).into_iter().map(copy).collect()
        };
        match value {
            Value::Object(fields) => {
                let with = |key: &str, new: Value| {
                    let mut copy = fields.clone();
                    copy.insert(key.to_owned(), new);
                    Value::Object(copy)
                };
                let each = fields.iter().flat_map(|(key, inner)| {
                    if key.ends_with("_us") {
                        vec![with(key, json!(u64::MAX - 1))]
                    } else {
                        replaced(&|new| with(key, new), inner)
                    }
                });
                each.collect()
            }
            Value::Array(items) => {
                let with = |at: usize, new: Value| {
                    let mut copy = items.clone();
                    copy[at] = new;
                    Value::Array(copy)
                };
                items.iter().enumerate().flat_map(|(at, inner)| replaced(&|new| with(at, new), inner)).collect()
            }
            _ => vec![],
        }
    }

    #[test]
    fn no_time_of_an_event_can_be_out_of_this_world() {
        for kind in timed() {
            assert_eq!(check(&event(kind.clone())), Ok(()), "{kind}");
            let wrong = impossible(&kind);
            assert!(!wrong.is_empty(), "{kind}");
            for kind in wrong {
                assert!(check(&event(kind.clone())).is_err(), "{kind}");
            }
        }
    }
}
