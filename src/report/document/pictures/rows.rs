//! The rows of the time axis: steps, faults, nodes, ready pods, probes, alerts.

use std::collections::BTreeMap;

use super::{AxisRow, Bar, Group, State};
use crate::report::{
    document::context::{Context, short},
    words::{Word, Words, pictures as w, say},
};

/// At most this many rows of a group are drawn.
const MOST: usize = 60;

pub(super) fn groups(c: &Context<'_>, end_us: u64) -> Vec<Group> {
    let all = [steps(c, end_us), faults(c, end_us), nodes(c, end_us), pods(c), probes(c), alerts(c, end_us)];
    all.into_iter().filter(|g| !g.rows.is_empty() || !g.note.is_empty()).collect()
}

/// A group that draws the rows that changed, and counts the others.
fn group(words: &Words, title: Word, changed: Vec<AxisRow>, unchanged: Option<(usize, Word)>) -> Group {
    let more = changed.len().saturating_sub(MOST);
    let mut notes = vec![];
    if more > 0 {
        notes.push(say!(words, w::MORE_CHANGED, more));
    }
    if let Some((count, as_what)) = unchanged.filter(|(count, _)| *count > 0) {
        notes.push(say!(words, w::UNCHANGED, count, say!(words, as_what)));
    }
    Group { title: say!(words, title), rows: changed.into_iter().take(MOST).collect(), note: notes.join("; ") }
}

fn row(label: &str, bars: Vec<Bar>) -> AxisRow {
    AxisRow { label: short(label, 80), bars, values: vec![] }
}

fn steps(c: &Context<'_>, end_us: u64) -> Group {
    let mut steps: Vec<_> = c.history.steps.iter().collect();
    steps.sort_by_key(|(_, span)| span.from);
    let bar = |span: &crate::verdict::StepSpan| {
        let done = span.ended.is_some_and(|(_, how)| !how.is_failure());
        Bar {
            from_us: span.from,
            to_us: span.to().unwrap_or(end_us),
            state: if done { State::Done } else { State::Failed },
        }
    };
    let rows = steps.into_iter().map(|(name, span)| row(&name.0, vec![bar(span)]));
    group(c.words, w::STEPS, rows.collect(), None)
}

fn faults(c: &Context<'_>, end_us: u64) -> Group {
    let faults = c.history.state.faults.iter().filter(|f| f.revert.disturbs() && f.sent_us.is_some());
    let rows = faults.map(|f| {
        let to_us = f.closed.as_ref().map_or(end_us, |(t, _)| *t);
        let state = if f.state.is_open() { State::Failed } else { State::Fault };
        row(&f.id.0, vec![Bar { from_us: f.sent_us.unwrap_or(0), to_us, state }])
    });
    group(c.words, w::FAULTS, rows.collect(), None)
}

fn nodes(c: &Context<'_>, end_us: u64) -> Group {
    let mut all: Vec<(&str, &str)> =
        c.history.nodes.keys().map(|n| (c.history.zones.get(n).map_or("", String::as_str), n.as_str())).collect();
    all.sort_by_cached_key(|(zone, node)| (natural(zone), natural(node)));
    let (mut changed, mut unchanged) = (vec![], 0);
    for (zone, node) in all {
        let Some(series) = c.history.nodes.get(node) else { continue };
        if let [(_, 1)] = series.0[..] {
            unchanged += 1;
            continue;
        }
        let bars = series.0.iter().enumerate().map(|(i, (from, value))| Bar {
            from_us: *from,
            to_us: series.0.get(i + 1).map_or(end_us, |(t, _)| *t),
            state: if *value == 1 { State::Up } else { State::Down },
        });
        let label = if zone.is_empty() { node.to_owned() } else { format!("{zone}: {node}") };
        changed.push(row(&label, bars.collect()));
    }
    group(c.words, w::NODES, changed, Some((unchanged, w::NODES_SAME)))
}

/// Splits a name into words and numbers, so that node-2 comes before node-10.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts: Vec<(String, u64)> = vec![(String::new(), 0)];
    let mut in_digits = false;
    for c in name.chars() {
        if let Some(last) = parts.last_mut() {
            match c.to_digit(10) {
                Some(digit) => {
                    last.1 = last.1.saturating_mul(10).saturating_add(u64::from(digit));
                    in_digits = true;
                }
                None if in_digits => {
                    parts.push((c.to_string(), 0));
                    in_digits = false;
                }
                None => last.0.push(c),
            }
        }
    }
    parts
}

fn pods(c: &Context<'_>) -> Group {
    let of_scope = |namespace: &String| c.plan().is_none_or(|p| p.namespaces.contains(namespace));
    let (mut changed, mut unchanged) = (vec![], 0);
    let armed = c.history.armed_us.unwrap_or(0);
    for ((_, workload), series) in c.history.ready.iter().filter(|((ns, _), _)| of_scope(ns)) {
        if series.0.iter().all(|(t, _)| *t <= armed) {
            unchanged += 1;
            continue;
        }
        changed.push(AxisRow { label: short(workload, 80), bars: vec![], values: series.0.clone() });
    }
    group(c.words, w::PODS, changed, Some((unchanged, w::PODS_SAME)))
}

fn probes(c: &Context<'_>) -> Group {
    let (mut changed, mut unchanged) = (vec![], 0);
    for (probe, runs) in &c.history.probes {
        let mut bars: Vec<Bar> = vec![];
        for run in runs {
            let state = match (run.lost, run.ok) {
                (true, _) => State::NotTested,
                (_, true) => State::Up,
                _ => State::Down,
            };
            match bars.last_mut() {
                Some(last) if last.state == state => last.to_us = run.to_us,
                _ => bars.push(Bar { from_us: run.from_us, to_us: run.to_us, state }),
            }
        }
        if bars.iter().all(|b| b.state == State::Up) && !bars.is_empty() {
            unchanged += 1;
        } else {
            changed.push(row(probe, bars));
        }
    }
    group(c.words, w::PROBES, changed, Some((unchanged, w::PROBES_SAME)))
}

fn alerts(c: &Context<'_>, end_us: u64) -> Group {
    let mut rows: BTreeMap<(String, &str), Vec<(u64, &str)>> = BTreeMap::new();
    for point in &c.history.alerts {
        let of = ["node", "deployment", "statefulset"].iter().find_map(|label| point.labels.get(*label));
        let name = of.map_or_else(|| point.name.clone(), |n| format!("{} {n}", point.name));
        let source = if point.source == "prometheus" { "P" } else { "A" };
        rows.entry((name, source)).or_default().push((point.at, point.state.as_str()));
    }
    let armed = c.history.armed_us.unwrap_or(0);
    let (mut changed, mut unchanged) = (vec![], 0);
    for ((name, source), points) in rows {
        if points.iter().all(|(t, _)| *t <= armed) {
            unchanged += 1;
            continue;
        }
        let bars = points.iter().enumerate().filter_map(|(i, (from, state))| {
            let state = match *state {
                "" => return None,
                "pending" => State::Pending,
                "suppressed" => State::Suppressed,
                _ => State::Firing,
            };
            Some(Bar { from_us: *from, to_us: points.get(i + 1).map_or(end_us, |(t, _)| *t), state })
        });
        changed.push(row(&format!("{source} {name}"), bars.collect()));
    }
    group(c.words, w::ALERTS, changed, Some((unchanged, w::ALERTS_SAME)))
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn numbers_in_names_are_compared_as_numbers() {
        let mut names = ["node-10", "node-2", "node-1", "a", "node-2b"];
        names.sort_by_key(|n| natural(n));
        assert_eq!(names, ["a", "node-1", "node-2", "node-2b", "node-10"]);
    }
}
