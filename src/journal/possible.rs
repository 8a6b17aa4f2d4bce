//! Numbers in an event that can be. Whoever reads a journal adds times, subtracts them and
//! counts lines one by one: a journal that somebody made up must not make that overflow,
//! or last for ever.

use crate::event::{Event, Kind};

/// No run lasts a hundred years.
const LONGEST_US: u64 = 100 * 365 * 24 * 60 * 60 * 1_000_000;
/// No drill writes as many lines, or asks as often between two looks.
const MOST: u64 = 1_000_000;
/// Nor are there as many rows of them in one event.
const ROWS: usize = 4_000;

/// Says what of an event cannot be.
pub(super) fn check(event: &Event) -> Result<(), String> {
    let late = |us: u64| us > LONGEST_US;
    if late(event.t_us) || times(&event.event).into_iter().any(late) {
        return Err("a time in it is more than 100 years after the run began".to_owned());
    }
    let rows: Vec<(u64, u64)> = match &event.event {
        Kind::LinesWritten { runs, .. } => runs.iter().map(|r| (r.from, r.to)).collect(),
        Kind::LinesRead { missing, .. } => missing.clone(),
        Kind::ProbeSegment { runs, .. } => runs.iter().map(|r| (1, u64::from(r.n))).collect(),
        _ => vec![],
    };
    let wrong = |(from, to): &(u64, u64)| *to > MOST || *from > to.saturating_add(1);
    if rows.len() > ROWS || rows.iter().any(wrong) {
        return Err("it counts more than a drill can have done, or backwards".to_owned());
    }
    Ok(())
}

/// Times in it, besides that of the event.
fn times(kind: &Kind) -> Vec<u64> {
    match kind {
        Kind::FaultApplied { sent_us, acknowledged_us, .. } => vec![*sent_us, *acknowledged_us],
        Kind::MachineReturned { since_us, .. } => vec![*since_us],
        Kind::ContactRegained { blind_from_us, .. } | Kind::SourceRegained { blind_from_us, .. } => {
            vec![*blind_from_us]
        }
        Kind::WatchGap { from_us, .. } => vec![*from_us],
        Kind::ProbeSegment { from_us, to_us, runs, .. } => {
            let of =
                |r: &crate::event::ProbeRun| [r.from_us, r.to_us, r.first_took_us, r.last_took_us, r.longest_unseen_us];
            [*from_us, *to_us].into_iter().chain(runs.iter().flat_map(of)).collect()
        }
        Kind::LinesWritten { runs, .. } => runs.iter().flat_map(|r| [r.from_us, r.to_us]).collect(),
        _ => vec![],
    }
}
