//! Asked of every drill, written in none: is the application whole again? An
//! undo that was seen to be done says nothing of the pods that it disturbed. The
//! collateral is asked too: a drill that ends without DNS is not at its end.

use super::History;
use crate::model::{Evidence, Judgement, Outcome};

/// After the last undo, the application has this long to be whole again.
const PATIENCE_US: u64 = 300_000_000;

/// As many workloads as are named with their numbers.
const NAMED: usize = 10;

/// Each workload with its ready pods, when the drill armed itself and now.
fn counts(history: &History, armed: u64) -> impl Iterator<Item = (String, i64, i64)> {
    let collateral = |key: &(String, String)| history.state.plan.iter().any(|p| p.collateral.contains(&key.0));
    let scope = history.ready.iter().filter(move |(key, _)| !collateral(key));
    let others = history.ready.iter().filter(move |(key, _)| collateral(key));
    scope.chain(others).map(move |((namespace, workload), series)| {
        let at = |time| series.at(time).unwrap_or(0);
        (format!("{namespace}/{workload}"), at(armed), at(history.end_us))
    })
}

/// Workloads with fewer ready pods than when the drill armed itself.
fn short(history: &History) -> Option<Vec<String>> {
    let less = counts(history, history.armed_us?).filter(|(_, before, now)| now < before);
    Some(less.map(|(name, before, now)| format!("{name} has {now} of {before} ready")).collect())
}

/// The numbers that the judgement rests on.
fn numbers(history: &History) -> String {
    let all = counts(history, history.armed_us.unwrap_or_default());
    let mut said: Vec<String> =
        all.take(NAMED).map(|(name, before, now)| format!("{name} {before} before, {now} now")).collect();
    if history.ready.len() > NAMED {
        said.push(format!("{} more", history.ready.len() - NAMED));
    }
    said.join("; ")
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

/// The collateral is said to be whole only where it was looked at.
fn around(history: &History) -> &'static str {
    let looked = |namespace: &String| history.ready.keys().any(|(of, _)| of == namespace);
    if history.state.plan.iter().any(|p| p.collateral.iter().any(looked)) { " and of its collateral" } else { "" }
}

/// The judgement that every drill gets.
pub(super) fn judgement(history: &History) -> Option<Judgement> {
    let short = short(history)?;
    if history.state.faults.is_empty() || history.ready.is_empty() {
        return None;
    }
    // First: what somebody saw before that is no word over the end.
    let (outcome, because) = if let Some(blind) = last_look(history, history.end_us) {
        (Outcome::Inconclusive, blind)
    } else if !short.is_empty() {
        (Outcome::Fail, short.join("; "))
    } else {
        (Outcome::Pass, format!("{} workloads have as many ready pods as before", history.ready.len()))
    };
    Some(Judgement {
        expectation: format!("afterwards every workload of the scope{} is whole again", around(history)),
        of: None,
        outcome,
        because,
        evidence: vec![Evidence {
            source: "watch pods, when armed and at the end".into(),
            observed: numbers(history),
            from_us: history.armed_us,
            to_us: Some(history.end_us),
            uncertainty_us: None,
        }],
    })
}
