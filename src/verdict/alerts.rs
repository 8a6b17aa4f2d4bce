//! Did the page go out? Firing in Prometheus, received by Alertmanager, routed,
//! not suppressed, resolved: different facts, each with its own time
//! (correctness 57–67).

use std::collections::BTreeMap;

use super::{Answer, History, history::AlertPoint};
use crate::model::{AlertExpectation, Evidence, ForEach, Outcome, Told};

pub(super) fn answer(expected: &AlertExpectation, history: &History, now_us: u64) -> Answer {
    let Some((t0, _)) = history.window(expected.of.as_ref()) else {
        return Answer::new(Outcome::Inconclusive, format!("{}: its fault never happened", expected.name));
    };
    let targets = targets(expected, history);
    if targets.is_empty() {
        return Answer::new(
            Outcome::Inconclusive,
            format!("{}: the fault has no target to expect it for", expected.name),
        );
    }
    Answer::all(targets.iter().map(|labels| one(expected, labels, history, t0, now_us)).collect())
}

fn targets(expected: &AlertExpectation, history: &History) -> Vec<BTreeMap<String, String>> {
    let step = history.fault_step(expected.of.as_ref());
    match expected.for_each {
        None => vec![expected.labels.clone()],
        Some(ForEach::TargetNode) => history
            .state
            .plan
            .iter()
            .flat_map(|p| &p.steps)
            .filter(|s| Some(&s.name) == step.as_ref())
            .flat_map(|s| &s.nodes)
            .map(|n| {
                let mut labels = expected.labels.clone();
                labels.insert("node".into(), n.name.clone());
                labels
            })
            .collect(),
    }
}

fn one(
    expected: &AlertExpectation,
    labels: &BTreeMap<String, String>,
    history: &History,
    t0: u64,
    now_us: u64,
) -> Answer {
    let mine = |a: &&AlertPoint| a.name == expected.name && labels.iter().all(|(k, v)| a.labels.get(k) == Some(v));
    let who = labels.get("node").map_or_else(|| expected.name.clone(), |n| format!("{} for {n}", expected.name));
    let points: Vec<&AlertPoint> = history.alerts.iter().filter(mine).collect();
    // What fired before the fault is no evidence (correctness 59).
    for source in ["prometheus", "alertmanager"] {
        let before = points.iter().rfind(|a| a.source.starts_with(source) && a.at < t0);
        if before.is_some_and(|a| !a.state.is_empty() && a.state != "pending") {
            return Answer::new(Outcome::Inconclusive, format!("{who} fired before the fault already"));
        }
    }
    let firing = points.iter().find(|a| a.source == "prometheus" && a.at >= t0 && a.state == "firing");
    let received = points.iter().find(|a| a.source.starts_with("alertmanager") && a.at >= t0 && !a.state.is_empty());
    let deadline = t0 + expected.fires_within.micros();
    let Some(received) = received else {
        return missing(expected, &who, firing.map(|a| a.at), history, t0, deadline, now_us);
    };
    let mut answers = vec![delivered(expected, &who, received, &points, t0, deadline)];
    answers.push(resolved(expected, &who, &points, history, now_us));
    let evidence = Evidence {
        source: "Prometheus /api/v1/alerts, Alertmanager /api/v2/alerts, asked every second".into(),
        observed: Told::of_journal(format!(
            "{who}: firing {}, received {:.1} s after the fault, receivers {}",
            firing.map_or("not seen".into(), |a| format!("{:.1} s", (a.at - t0) as f64 / 1e6)),
            (received.at - t0) as f64 / 1e6,
            received.receivers.join(", ")
        )),
        from_us: Some(t0),
        to_us: Some(history.end_us),
        uncertainty_us: Some(1_000_000),
    };
    Answer::all(answers).with(evidence)
}

fn missing(
    expected: &AlertExpectation,
    who: &str,
    fired: Option<u64>,
    history: &History,
    t0: u64,
    deadline: u64,
    now_us: u64,
) -> Answer {
    if now_us < deadline {
        return Answer::open(format!("{who} was not received yet"));
    }
    // Absence is only known where somebody looked all the time, long enough.
    if history.end_us < deadline {
        let waited = (history.end_us - t0) as f64 / 1e6;
        return Answer::new(
            Outcome::Inconclusive,
            format!(
                "{who} was not received in the {waited:.0} s that the drill looked, fewer than the {} allowed",
                expected.fires_within
            ),
        );
    }
    for source in ["prometheus", "alertmanager"] {
        if history.source_blind_in(source, t0, deadline) {
            return Answer::new(
                Outcome::Inconclusive,
                format!("{who} was not received, but {source} was out of sight for a time"),
            );
        }
    }
    let fired = fired.map_or("it never fired".to_owned(), |t| {
        format!("it fired in Prometheus after {:.1} s and never arrived", (t - t0) as f64 / 1e6)
    });
    Answer::new(Outcome::Fail, format!("{who} was not received within {}: {fired}", expected.fires_within))
}

fn delivered(
    expected: &AlertExpectation,
    who: &str,
    received: &AlertPoint,
    points: &[&AlertPoint],
    t0: u64,
    deadline: u64,
) -> Answer {
    let after = (received.at - t0) as f64 / 1e6;
    if received.at > deadline {
        return Answer::new(
            Outcome::Fail,
            format!("{who} was received only {after:.1} s after the fault, allowed are {}", expected.fires_within),
        );
    }
    let managers: Vec<&&AlertPoint> =
        points.iter().filter(|a| a.source.starts_with("alertmanager") && a.at >= t0 && !a.state.is_empty()).collect();
    let swallowed = managers.iter().find(|a| a.state == "suppressed");
    match (swallowed, expected.suppressed) {
        (Some(a), false) => {
            return Answer::new(
                Outcome::Fail,
                format!("{who} fired and was swallowed: suppressed by {}", a.suppressed_by.join(", ")),
            );
        }
        (None, true) => return Answer::new(Outcome::Fail, format!("{who} was meant to be suppressed and was not")),
        _ => {}
    }
    if let Some(wanted) = &expected.receiver
        && !managers.iter().any(|a| a.receivers.contains(wanted))
    {
        return Answer::new(Outcome::Fail, format!("{who} goes to {}, not to {wanted}", received.receivers.join(", ")));
    }
    Answer::new(Outcome::Pass, format!("{who}: received {after:.1} s after the fault"))
}

fn resolved(expected: &AlertExpectation, who: &str, points: &[&AlertPoint], history: &History, now_us: u64) -> Answer {
    let Some(within) = expected.resolves_within else {
        return Answer::new(Outcome::Pass, "its resolution is not asked for");
    };
    let healed = history.fault_step(expected.of.as_ref()).and_then(|s| history.healed(&s));
    let Some(healed) = healed else {
        return Answer::open(format!("{who}: the fault is not healed yet"));
    };
    let deadline = healed + within.micros();
    let last = points.iter().rfind(|a| a.source.starts_with("alertmanager"));
    let gone = last.filter(|a| a.state.is_empty()).map(|a| a.at);
    match gone {
        // A dead Prometheus resolves alerts too, in a way (correctness 63).
        Some(at) if history.source_blind_in("prometheus", healed, at) => {
            Answer::new(Outcome::Inconclusive, format!("{who} is gone, but Prometheus was out of sight meanwhile"))
        }
        Some(at) if at <= deadline => Answer::new(
            Outcome::Pass,
            format!("resolved {:.1} s after the heal", at.saturating_sub(healed) as f64 / 1e6),
        ),
        Some(at) => Answer::new(
            Outcome::Fail,
            format!("{who} was resolved only {:.1} s after the heal", (at - healed) as f64 / 1e6),
        ),
        None if now_us < deadline => Answer::open(format!("{who} is not resolved yet")),
        None if history.end_us < deadline => {
            Answer::new(Outcome::Inconclusive, format!("{who} was not resolved when the drill ended"))
        }
        None => Answer::new(Outcome::Fail, format!("{who} was not resolved within {within} after the heal")),
    }
}
