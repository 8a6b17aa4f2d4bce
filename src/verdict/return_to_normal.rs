//! Asked of every drill, written in none: is the application whole again? An
//! undo that was seen to be done says nothing of the pods that it disturbed.

use super::History;
use crate::model::{Evidence, Judgement, Outcome};

/// After the last undo, the application has this long to be whole again.
const PATIENCE_US: u64 = 300_000_000;

/// Workloads with fewer ready pods than when the drill armed itself.
fn short(history: &History) -> Option<Vec<String>> {
    let armed = history.armed_us?;
    Some(
        history
            .ready
            .iter()
            .filter_map(|((namespace, workload), series)| {
                let before = series.at(armed).unwrap_or(0);
                let now = series.at(history.end_us).unwrap_or(0);
                (now < before).then(|| format!("{namespace}/{workload} has {now} of {before} ready"))
            })
            .collect(),
    )
}

/// What is still waited for.
pub(super) fn waiting(history: &History, now_us: u64) -> Vec<String> {
    let undone = history.state.faults.iter().filter_map(|f| f.closed.as_ref().map(|(t, _)| *t)).max().unwrap_or(0);
    if now_us > undone + PATIENCE_US {
        return vec![];
    }
    let mut waiting = short(history).unwrap_or_default();
    // What came back into sight just now has yet to be looked at.
    waiting.extend(last_look(history, now_us));
    waiting
}

/// Why the last look at the application may have seen too little.
fn last_look(history: &History, now_us: u64) -> Option<String> {
    history.blind_in(now_us.saturating_sub(2_000_000), now_us)
}

/// The judgement that every drill gets.
pub(super) fn judgement(history: &History) -> Option<Judgement> {
    let short = short(history)?;
    if history.state.faults.is_empty() || history.ready.is_empty() {
        return None;
    }
    let (outcome, because) = if !short.is_empty() {
        (Outcome::Fail, short.join("; "))
    } else if let Some(blind) = last_look(history, history.end_us) {
        (Outcome::Inconclusive, blind)
    } else {
        (Outcome::Pass, format!("{} workloads have as many ready pods as before", history.ready.len()))
    };
    Some(Judgement {
        expectation: "afterwards every workload of the scope is whole again".into(),
        of: None,
        outcome,
        because,
        evidence: vec![Evidence {
            source: "watch pods, when armed and at the end".into(),
            observed: String::new(),
            from_us: history.armed_us,
            to_us: Some(history.end_us),
            uncertainty_us: None,
        }],
    })
}
