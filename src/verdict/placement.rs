//! How the ready pods of a workload are spread. Nothing spreads them again by
//! itself when a zone returns (correctness 23).

use std::collections::BTreeMap;

use super::{Answer, History};
use crate::model::{Evidence, Outcome, PlacementExpectation, Spread, Told};

pub(super) fn answer(expected: &PlacementExpectation, history: &History, now_us: u64) -> Answer {
    let Some((t0, _)) = history.window(expected.of.as_ref()) else {
        return Answer::new(
            Outcome::Inconclusive,
            format!("placement of {}: its fault never happened", expected.workload),
        );
    };
    let namespace = history.namespace(expected.namespace.as_ref());
    let owner = expected.workload.to_string();
    let state = &history.state;
    let mut domains: BTreeMap<&str, u32> = BTreeMap::new();
    for (name, node) in state.nodes.iter().filter(|(_, n)| n.ready == "True" && !n.unschedulable) {
        let domain = if expected.by == Spread::Zone { node.zone.as_str() } else { name.as_str() };
        if !domain.is_empty() {
            domains.entry(domain).or_default();
        }
    }
    let mut placed = 0;
    for pod in state.pods.values().filter(|p| p.namespace == namespace && p.owner == owner && p.ready && !p.terminating)
    {
        let Some(node) = state.nodes.get(&pod.node) else { continue };
        let domain = if expected.by == Spread::Zone { node.zone.as_str() } else { pod.node.as_str() };
        *domains.entry(domain).or_default() += 1;
        placed += 1;
    }
    let (least, most) = (domains.values().min().copied().unwrap_or(0), domains.values().max().copied().unwrap_or(0));
    let said = domains.iter().map(|(d, n)| format!("{d}:{n}")).collect::<Vec<_>>().join(" ");
    let evidence = Evidence {
        source: "watch pods and nodes, at the end".into(),
        observed: Told::of_journal(said.clone()),
        from_us: Some(t0),
        to_us: Some(history.end_us),
        uncertainty_us: None,
    };
    let skew = most - least;
    let answer = if placed == 0 {
        Answer::new(Outcome::Fail, format!("{owner} has no ready pod"))
    } else if skew <= expected.max_skew {
        Answer::new(Outcome::Pass, format!("{owner}: skew {skew} ({said})"))
    } else if now_us < t0 + expected.within.micros() {
        Answer::open(format!("{owner}: skew {skew} ({said})"))
    } else {
        Answer::new(Outcome::Fail, format!("{owner}: skew {skew}, allowed {} ({said})", expected.max_skew))
    };
    match history.blind_in(history.end_us.saturating_sub(2_000_000), history.end_us) {
        Some(blind) => Answer::new(Outcome::Inconclusive, blind).with(evidence),
        None => answer.with(evidence),
    }
}
