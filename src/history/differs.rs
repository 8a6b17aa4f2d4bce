//! Compares two runs: verdicts, recovery times, data loss, phases. Start with [`compare`].

use std::{collections::BTreeSet, time::Duration};

use serde::{Serialize, Serializer};

use super::{Ended, Judged, Run, Threshold, Within};
use crate::model::{Dur, Exit, Measure, Measured, Outcome};

/// A run of a comparison.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// The name of its directory.
    pub dir: String,
    /// When it began.
    pub began: String,
    /// How it counts.
    pub result: Ended,
}

impl Side {
    fn of(run: &Run) -> Self {
        Self { dir: run.dir.clone(), began: run.date(), result: run.result }
    }
}

/// One line of a comparison.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// What is compared.
    pub what: String,
    /// In the first run.
    pub a: String,
    /// In the second run.
    pub b: String,
    /// The difference.
    pub change: String,
    /// What it means: `worse`, `better`, a threshold that is exceeded.
    pub said: String,
    /// `Failed` if it got worse than allowed, `Inconclusive` if that cannot be decided.
    #[serde(serialize_with = "code")]
    pub exit: Exit,
}

/// A comparison.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// The first run.
    pub a: Side,
    /// The second run.
    pub b: Side,
    /// What limits the comparison.
    pub notes: Vec<String>,
    /// Its lines.
    pub rows: Vec<Row>,
    /// `Passed` if nothing got worse than allowed.
    #[serde(serialize_with = "code")]
    pub exit: Exit,
}

/// Programs read the exit code as a number.
fn code<S: Serializer>(exit: &Exit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(exit.code())
}

/// Compares two runs. Each threshold says how much longer a recovery, or a loss of data, may be in the second one.
pub fn compare(a: &Run, b: &Run, rto: Option<Threshold>, rpo: Option<Threshold>) -> Compared {
    let ids = ids(a, b);
    let mut rows: Vec<Row> = ids.iter().map(|id| verdict(id, find(a, id), find(b, id))).collect();
    let times = [
        (Measured::Recovery, "RTO", rto),
        (Measured::Loss, "RPO", rpo),
        (Measured::Ready, "ready after", None),
        (Measured::Alert, "alert after", None),
        (Measured::Protection, "new backup after", None),
    ];
    for id in &ids {
        let own = (find(a, id), find(b, id));
        rows.extend(times.iter().filter_map(|(of, word, threshold)| time(id, word, *of, own, *threshold)));
    }
    let limits = [("--max-rto", Measured::Recovery, rto), ("--max-rpo", Measured::Loss, rpo)];
    rows.extend(limits.into_iter().filter_map(|(option, of, limit)| unmeasured([a, b], option, of, limit?)));
    rows.extend(phases(a, b));
    let decided = [a, b].iter().all(|run| run.result.is_conclusive());
    let least = if decided { Exit::Passed } else { Exit::Inconclusive };
    let exit = rows.iter().map(|row| row.exit).fold(least, Exit::worse);
    Compared { a: Side::of(a), b: Side::of(b), notes: notes(a, b), rows, exit }
}

/// The row for a threshold of a time that neither run measured.
fn unmeasured(runs: [&Run; 2], option: &str, of: Measured, limit: Threshold) -> Option<Row> {
    let mut all = runs.into_iter().flat_map(|run| &run.judgements).filter_map(|j| j.measured);
    let none = || "–".to_owned();
    (!all.any(|m| m.of == of)).then(|| Row {
        what: option.to_owned(),
        a: none(),
        b: none(),
        change: none(),
        said: format!("{option} {limit}: neither run measured it"),
        exit: Exit::Inconclusive,
    })
}

fn notes(a: &Run, b: &Run) -> Vec<String> {
    let mut notes = vec![];
    if a.scenario != b.scenario {
        notes.push(format!("the scenarios differ: {} and {}", a.scenario, b.scenario));
    } else if a.scenario_hash != b.scenario_hash {
        notes.push("the scenario file changed between the runs".into());
    }
    if a.cluster_uid != b.cluster_uid {
        notes.push(format!("the clusters differ: {} and {}", a.cluster, b.cluster));
    } else if a.kubernetes != b.kubernetes {
        notes.push(format!("the version of Kubernetes differs: {} and {}", a.kubernetes, b.kubernetes));
    }
    if a.rehearsal != b.rehearsal {
        notes.push("one of them is a rehearsal, which predicts and does not measure".into());
    }
    for run in [a, b].into_iter().filter(|run| !run.result.is_conclusive()) {
        notes.push(format!("{} is {}: {}", run.dir, run.result, run.why));
    }
    notes
}

/// The expectations of both, in the order of the first.
fn ids<'a>(a: &'a Run, b: &'a Run) -> Vec<&'a str> {
    let mut known = BTreeSet::new();
    let all = a.judgements.iter().chain(&b.judgements).map(|j| j.id.as_str());
    all.filter(|id| known.insert(*id)).collect()
}

fn find<'a>(run: &'a Run, id: &str) -> Option<&'a Judged> {
    run.judgements.iter().find(|j| j.id == id)
}

fn verdict(id: &str, a: Option<&Judged>, b: Option<&Judged>) -> Row {
    let word = |j: Option<&Judged>| j.map_or_else(|| "not expected".to_owned(), |j| j.outcome.to_string());
    let (said, exit) = match (a.map(|j| j.outcome), b.map(|j| j.outcome)) {
        (Some(a), Some(b)) if a == b => ("", Exit::Passed),
        (Some(Outcome::Pass), Some(Outcome::Fail)) => ("worse", Exit::Failed),
        (Some(Outcome::Pass), _) => ("not shown any more", Exit::Inconclusive),
        (_, Some(Outcome::Pass)) => ("better", Exit::Passed),
        (_, Some(Outcome::Fail)) => ("worse", Exit::Failed),
        _ => ("differs", Exit::Passed),
    };
    let changed = a.zip(b).is_some_and(|(a, b)| a.expectation != b.expectation);
    let said = if changed { format!("{said} (the expectation changed)").trim().to_owned() } else { said.to_owned() };
    Row { what: format!("verdict {id}"), a: word(a), b: word(b), change: String::new(), said, exit }
}

fn time(
    id: &str,
    word: &str,
    of: Measured,
    (a, b): (Option<&Judged>, Option<&Judged>),
    threshold: Option<Threshold>,
) -> Option<Row> {
    let own = |j: Option<&Judged>| j.and_then(|j| j.measured).filter(|m| m.of == of);
    let (a, b) = (own(a), own(b));
    if a.is_none() && b.is_none() {
        return None;
    }
    let shown = |m: Option<Measure>| m.map_or_else(|| "not measured".to_owned(), bar);
    let (change, mut said, mut exit) = match (a, b) {
        (Some(a), Some(b)) => (change(a.most_us, b.most_us), direction(a, b).to_owned(), Exit::Passed),
        _ => ("–".to_owned(), String::new(), Exit::Passed),
    };
    if let Some(threshold) = threshold {
        let (words, own) = match a.zip(b).map(|(a, b)| threshold.judge(a, b)) {
            Some(Within::Yes) => (format!("within {threshold}"), Exit::Passed),
            Some(Within::No) => (format!("MORE THAN {threshold}"), Exit::Failed),
            Some(Within::Undecided) => {
                (format!("{threshold} not decided: it lies in the error bars"), Exit::Inconclusive)
            }
            None => (format!("{threshold} not decided: not measured in both"), Exit::Inconclusive),
        };
        said = if said.is_empty() { words } else { format!("{said}, {words}") };
        exit = own;
    }
    Some(Row { what: format!("{word} {id}"), a: shown(a), b: shown(b), change, said, exit })
}

/// Better or worse only where the error bars do not overlap.
fn direction(a: Measure, b: Measure) -> &'static str {
    if b.most_us < a.least_us {
        "better"
    } else if b.least_us > a.most_us {
        "worse"
    } else {
        "no clear change"
    }
}

pub(super) fn bar(m: Measure) -> String {
    if m.least_us == m.most_us {
        seconds(worst(m))
    } else {
        format!("{} to {}", seconds(m.least_us), seconds(worst(m)))
    }
}

/// An objective, as a scenario writes it.
pub(super) fn objective(m: Measure) -> String {
    Dur(Duration::from_micros(m.objective_us)).to_string()
}

/// The worst case, rounded up to a tenth of a second, as in the reports.
pub(super) fn worst(m: Measure) -> u64 {
    m.most_us.div_ceil(100_000).saturating_mul(100_000)
}

/// A time in seconds.
pub(super) fn seconds(us: u64) -> String {
    format!("{:.1} s", us as f64 / 1e6)
}

fn change(a: u64, b: u64) -> String {
    let (a, b) = (a as f64 / 1e6, b as f64 / 1e6);
    let share = if a > 0.0 { format!(" ({:+.0} %)", (b - a) / a * 100.0) } else { String::new() };
    format!("{:+.1} s{share}", b - a)
}

/// The phases that both recoveries have.
fn phases(a: &Run, b: &Run) -> Vec<Row> {
    let mut rows = vec![];
    for ours in &a.recoveries {
        let Some(theirs) = b.recoveries.iter().find(|r| r.probe == ours.probe && r.of == ours.of) else { continue };
        for phase in &ours.phases {
            let Some(other) = theirs.phases.iter().find(|p| p.name == phase.name) else { continue };
            rows.push(Row {
                what: format!("{} ({}): {}", ours.probe, ours.of, phase.name),
                a: seconds(phase.at_us),
                b: seconds(other.at_us),
                change: change(phase.at_us, other.at_us),
                said: String::new(),
                exit: Exit::Passed,
            });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_time_is_compared() {
        let run = |of| {
            let judged = Judged {
                id: "x".into(),
                expectation: String::new(),
                of: None,
                outcome: Outcome::Pass,
                because: String::new(),
                measured: Some(Measure { of, least_us: 1, most_us: 1, objective_us: 1 }),
            };
            Run { judgements: vec![judged], ..Run::refused("a", "") }
        };
        for of in [Measured::Recovery, Measured::Ready, Measured::Alert, Measured::Protection, Measured::Loss] {
            let rows = compare(&run(of), &run(of), None, None).rows;
            assert_eq!(rows.len(), 2, "a verdict and a time: {of:?}");
        }
    }
}
