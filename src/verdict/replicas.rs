//! Did a workload get its pods back in time, and how low did it fall?

use super::{Answer, History};
use crate::model::{Evidence, Outcome, ReplicasExpectation, Told};

/// Readiness that flickers is no recovery.
const HOLD_US: u64 = 3_000_000;

pub(super) fn answer(expected: &ReplicasExpectation, history: &History, now_us: u64) -> Answer {
    let Some((t0, end)) = history.window(expected.of.as_ref()) else {
        return Answer::new(Outcome::Inconclusive, format!("{}: its fault never happened", expected.workload));
    };
    let key = (history.namespace(expected.namespace.as_ref()), expected.workload.to_string());
    let Some(series) = history.ready.get(&key) else {
        return Answer::new(Outcome::Inconclusive, format!("{} was never seen", expected.workload));
    };
    let wanted = i64::from(expected.ready);
    let deadline = t0 + expected.within.micros();
    // Pods that are deleted are Ready for a moment longer: count from the fall on.
    let fall = series.0.iter().find(|(t, v)| *t >= t0 && *t <= end && *v < wanted).map_or(t0, |(t, _)| *t);
    let reached = series.reaches(wanted, fall, end, HOLD_US);
    let lowest = series.min(t0, end).unwrap_or(0);
    let evidence = Evidence {
        source: "watch pods (Ready, not Terminating, not on a node that was taken away)".into(),
        observed: Told::of_journal(format!(
            "lowest {lowest}, {}",
            reached.map_or("not reached again".into(), |t| format!(
                "{wanted} ready again after {:.1} s",
                (t - t0) as f64 / 1e6
            ))
        )),
        from_us: Some(t0),
        to_us: Some(end),
        uncertainty_us: None,
    };
    // What was seen last before nobody looked is not what was there.
    let unseen = reached.and_then(|t| history.blind_in(t, (t + HOLD_US).min(end)));
    // What had not fallen yet when the drill was interrupted might have.
    let cut = history.cut_short(expected.of.as_ref());
    let unseen = unseen.or_else(|| cut.clone().filter(|_| lowest >= wanted));
    let back = match reached {
        Some(_) if unseen.is_some() => {
            Answer::new(Outcome::Inconclusive, format!("{}: {}", expected.workload, unseen.unwrap_or_default()))
        }
        Some(t) if t <= deadline => Answer::new(
            Outcome::Pass,
            format!("{}: {wanted} ready {:.1} s after the fault", expected.workload, (t - t0) as f64 / 1e6),
        ),
        Some(t) => Answer::new(
            Outcome::Fail,
            format!("{}: {wanted} ready only {:.1} s after the fault", expected.workload, (t - t0) as f64 / 1e6),
        ),
        None if now_us < deadline => {
            Answer::open(format!("{} {}/{wanted} ready", expected.workload, series.at(end).unwrap_or(0)))
        }
        None => match history.blind_in(end.min(deadline).saturating_sub(1), end) {
            Some(blind) => Answer::new(Outcome::Inconclusive, format!("{}: {blind}", expected.workload)),
            // The next fault, or an interruption, came before its time was over.
            None if end < deadline => Answer::new(
                Outcome::Inconclusive,
                format!(
                    "{}: {} of {wanted} ready for the {:.1} s that could be seen",
                    expected.workload,
                    series.at(end).unwrap_or(0),
                    (end - t0) as f64 / 1e6
                ),
            ),
            None => Answer::new(
                Outcome::Fail,
                format!(
                    "{}: {} of {wanted} ready, {} after the fault",
                    expected.workload,
                    series.at(end.min(deadline)).unwrap_or(0),
                    expected.within
                ),
            ),
        },
    };
    let floor = expected.never_below.map(|floor| {
        if lowest < i64::from(floor) {
            Answer::new(Outcome::Fail, format!("{} fell to {lowest} ready, below {floor}", expected.workload))
        } else if let Some(blind) = history.blind_in(t0, end).or(cut) {
            Answer::new(Outcome::Inconclusive, format!("the lowest seen is {lowest}, but {blind}"))
        } else {
            Answer::new(Outcome::Pass, format!("never below {floor} (lowest {lowest})"))
        }
    });
    Answer::all([Some(back), floor].into_iter().flatten().collect()).with(evidence)
}
