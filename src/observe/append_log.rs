//! Writes numbered lines to the append logs of the application, records which of them were acknowledged, and reads
//! back which of these the log contains.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::MissedTickBehavior;

use crate::{
    event::{Kind, LineRun, MOST_ROWS},
    journal::Recorder,
    model::{DataSpec, MOST_LINES, Told},
    told,
    world::{Http, World},
};

/// How often the log is read back. While it cannot be read, more often.
const READ: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(1);
/// The result of a read is recorded when it changes, and at least this often.
const TOLD: Duration = Duration::from_secs(10);

struct LogWriter {
    spec: DataSpec,
    http: Http,
    /// The text before the number in each line. The log may contain lines of others, and of other runs.
    mark: String,
    acknowledged: BTreeSet<u64>,
    runs: Vec<LineRun>,
    told: Option<(Vec<Kind>, u64)>,
}

/// Writes and reads until it is dropped.
pub(super) async fn keep(world: Arc<World>, recorder: Arc<Recorder>, spec: DataSpec, run: String) {
    let limit = spec.timeout.0;
    let http = world
        .simulated()
        .cloned()
        .map_or_else(|| Http::new(limit, &world.redactor), |backend| Http::simulated(backend, limit));
    let mut tick = tokio::time::interval(spec.every.0);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mark = format!("drillmaster {run} ");
    let mut writer = LogWriter { spec, http, mark, acknowledged: BTreeSet::new(), runs: vec![], told: None };
    let mut read_at = 0;
    for number in 1.. {
        tick.tick().await;
        if number <= MOST_LINES {
            writer.write(number, &recorder).await;
        } else if number == MOST_LINES + 1 {
            let text = told!(
                recorder,
                "log {}: the limit of {MOST_LINES} lines is reached, so the drill writes no more lines",
                writer.spec.name
            );
            recorder.observe(Kind::Noted { text });
        }
        if recorder.now_us() >= read_at {
            let readable = writer.read(&recorder).await;
            read_at = recorder.now_us() + if readable { READ } else { RETRY }.as_micros() as u64;
        }
    }
}

impl LogWriter {
    async fn write(&mut self, number: u64, recorder: &Recorder) {
        let sent_us = recorder.now_us();
        let answer = self.http.append(&self.spec.http.append, &format!("{}{number}", self.mark)).await;
        let error = answer.err().map(|e| e.why).unwrap_or_default();
        if error.is_empty() {
            self.acknowledged.insert(number);
        }
        match self.runs.last_mut() {
            Some(last) if last.error == error => (last.to, last.to_us) = (number, sent_us),
            _ => {
                // A change is recorded immediately, after what came before it.
                self.flush(recorder);
                self.runs.push(LineRun { from: number, to: number, from_us: sent_us, to_us: sent_us, error });
            }
        }
    }

    fn flush(&mut self, recorder: &Recorder) {
        if !self.runs.is_empty() {
            let runs = std::mem::take(&mut self.runs);
            recorder.observe(Kind::LinesWritten { data: self.spec.name.clone(), runs });
        }
    }

    /// Reads the log back. Returns whether that was possible.
    async fn read(&mut self, recorder: &Recorder) -> bool {
        self.flush(recorder);
        let (missing, damaged, error) = match self.http.bytes(&self.spec.http.read).await {
            Ok(bytes) => {
                let (held, damaged) = held(&String::from_utf8_lossy(&bytes), &self.mark, &self.acknowledged);
                (ranges(self.acknowledged.difference(&held).copied()), damaged, Told::default())
            }
            Err(error) => (vec![], 0, error.why),
        };
        let readable = error.is_empty();
        let found = reports(&self.spec.name, &missing, damaged, &error);
        let now = recorder.now_us();
        let old = self.told.as_ref().is_none_or(|(last, at)| *last != found || now > at + TOLD.as_micros() as u64);
        if old {
            found.iter().cloned().for_each(|report| recorder.observe(report));
            self.told = Some((found, now));
        }
        readable
    }
}

/// The acknowledged line numbers that a log contains, and how many lines of the drill are damaged: without a number,
/// or acknowledged and duplicated, or acknowledged and out of order. (A write that timed out may still be taken at any
/// later time.)
fn held(text: &str, mark: &str, acknowledged: &BTreeSet<u64>) -> (BTreeSet<u64>, u64) {
    let (mut held, mut damaged, mut last) = (BTreeSet::new(), 0, 0);
    for rest in text.lines().filter_map(|line| line.strip_prefix(mark)) {
        match rest.trim_end().parse::<u64>() {
            Ok(number) if !acknowledged.contains(&number) => {}
            Ok(number) if number > last => {
                held.insert(number);
                last = number;
            }
            _ => damaged += 1,
        }
    }
    (held, damaged)
}

/// The result of a read, in as many events as its list of missing lines needs.
fn reports(data: &str, missing: &[(u64, u64)], damaged: u64, error: &Told) -> Vec<Kind> {
    let mut rest = missing;
    let mut reports = vec![];
    loop {
        let (part, later) = rest.split_at(rest.len().min(MOST_ROWS));
        rest = later;
        let more = !rest.is_empty();
        reports.push(Kind::LinesRead {
            data: data.to_owned(),
            missing: part.to_vec(),
            damaged,
            error: error.clone(),
            more,
        });
        if !more {
            return reports;
        }
    }
}

/// Consecutive numbers as ranges from first to last.
fn ranges(numbers: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = vec![];
    for number in numbers {
        match ranges.last_mut() {
            Some((_, to)) if *to + 1 == number => *to = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_log_holds_of_ours() {
        let text = "somebody's line\nm 1\nm 2\nm 4\nother 3\nm 4\nm x\nm 7\nm 5\n";
        let acknowledged = BTreeSet::from([1, 2, 3, 4, 7]);
        let (held, damaged) = held(text, "m ", &acknowledged);
        // Line 5 had timed out and was written late.
        assert_eq!((ranges(held.into_iter()), damaged), (vec![(1, 2), (4, 4), (7, 7)], 2));
    }

    #[test]
    fn a_long_list_of_missing_lines_is_told_in_several_events() {
        let rows = |n: u64| (1..=n).map(|i| (2 * i, 2 * i)).collect::<Vec<_>>();
        let parts = |n| {
            let found = reports("orders", &rows(n), 1, &Told::default());
            let part = |kind: &Kind| match kind {
                Kind::LinesRead { missing, more, .. } => (missing.len(), *more),
                other => panic!("{other:?}"),
            };
            found.iter().map(part).collect::<Vec<_>>()
        };
        let most = MOST_ROWS as u64;
        assert_eq!(parts(0), [(0, false)]);
        assert_eq!(parts(most), [(MOST_ROWS, false)]);
        assert_eq!(parts(2 * most + 1), [(MOST_ROWS, true), (MOST_ROWS, true), (1, false)]);
    }
}
