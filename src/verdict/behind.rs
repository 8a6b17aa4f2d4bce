//! The workloads that the scenario names as those that answer a probe (`backedBy`). Start with [`falls`].

use super::{History, Series, outside, window::Window};
use crate::model::ProbeSpec;

/// Their names.
pub(super) fn workloads(spec: &ProbeSpec) -> Vec<String> {
    spec.backed_by.iter().map(ToString::to_string).collect()
}

/// Those that lost a ready pod by `until`, each with why that was not the fault; none if it was.
pub(super) fn falls(
    history: &History,
    window: &Window,
    spec: &ProbeSpec,
    until: u64,
) -> Vec<(String, Option<&'static str>)> {
    let namespaces: Vec<&String> = history.state.plan.iter().flat_map(|p| &p.namespaces).collect();
    let backed = workloads(spec);
    let keys = backed.iter().flat_map(|w| namespaces.iter().map(move |ns| ((*ns).clone(), w.clone())));
    let fell = keys.filter_map(|key| {
        let believed = history.believed(&key, |_| true);
        let before = believed.at(window.t0).unwrap_or(0);
        let less = |(t, n): &&(u64, i64)| *t >= window.t0 && *t <= until && *n < before;
        let at = believed.0.iter().find(less)?.0;
        let other = outside::other_cause(history, window, &key, (at, until));
        Some((key.1, other))
    });
    fell.collect()
}

/// Whether each of them had as many ready pods at an instant as before the fault, on nodes that were not taken away.
pub(super) fn is_whole(history: &History, window: &Window, spec: &ProbeSpec, at: u64) -> bool {
    let before = window.t0.saturating_sub(1);
    let has_all = |ready: &Series| ready.at(before).is_some_and(|had| had > 0 && ready.at(at) >= Some(had));
    let is_whole = |workload: &String| {
        let mut own = history.ready.iter().filter(|((_, name), _)| name == workload).peekable();
        own.peek().is_some() && own.all(|(_, ready)| has_all(ready))
    };
    let backed = workloads(spec);
    !backed.is_empty() && backed.iter().all(is_whole)
}
