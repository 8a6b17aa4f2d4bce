//! Nodes and pods by zone, before the first act, at the worst moment, and at the end. Start with [`zones`].

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::{
    document::{
        Row, Table,
        context::{Context, clock},
    },
    words::{Word, Words, pictures as w, say},
};

/// At most this many zones are drawn.
const MOST: usize = 12;

/// The picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Zones {
    /// The moments.
    pub moments: Vec<Moment>,
}

/// The zones at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// Its name.
    pub name: String,
    /// When it was, in microseconds since the run began.
    pub at_us: u64,
    /// The zones.
    pub zones: Vec<Zone>,
}

/// One zone at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// How many of its nodes are Ready and have power.
    pub up: usize,
    /// How many nodes it has.
    pub nodes: usize,
    /// How many ready pods of the scope it has.
    pub pods: usize,
}

/// The picture and its table; none if no node has a zone, or the drill changed nothing.
pub(in crate::report::document) fn zones(c: &Context<'_>) -> Option<(Zones, Table)> {
    let names: BTreeSet<&str> = c.history.zones.values().map(String::as_str).filter(|z| !z.is_empty()).collect();
    let armed = c.history.armed_us.filter(|_| !names.is_empty() && c.has_acted())?;
    let worst = worst(c, armed);
    let moments = [(w::BEFORE, armed), (w::DURING, worst), (w::AFTER, c.history.end_us)];
    let at = |(name, at_us): (Word, u64)| Moment { name: say!(c.words, name), at_us, zones: state(c, &names, at_us) };
    let moments: Vec<Moment> = moments.into_iter().map(at).collect();
    let table = table(c.words, &moments, names.len());
    Some((Zones { moments }, table))
}

/// The end of a step, or the moment before an undo, with the fewest ready pods.
fn worst(c: &Context<'_>, armed: u64) -> u64 {
    let ends = c.history.steps.values().filter_map(crate::verdict::StepSpan::to);
    let undos = c.history.reverts.iter().map(|(at, _)| at.saturating_sub(1)).min();
    let ready = |at: &u64| -> i64 {
        let of_scope = |ns: &String| c.plan().is_none_or(|p| p.namespaces.contains(ns));
        let all = c.history.ready.iter().filter(|((ns, _), _)| of_scope(ns));
        all.filter_map(|(_, series)| series.at(*at)).sum()
    };
    let away = |at: &u64| c.history.nodes.values().filter(|s| s.at(*at) == Some(1)).count();
    ends.chain(undos).filter(|at| *at >= armed).min_by_key(|at| (ready(at), away(at))).unwrap_or(armed)
}

fn state(c: &Context<'_>, names: &BTreeSet<&str>, at: u64) -> Vec<Zone> {
    let of_scope = |ns: &String| c.plan().is_none_or(|p| p.namespaces.contains(ns));
    // A pod that changes its workload stands in the lists of both.
    let mut on: Vec<&str> = vec![];
    for (_, points) in c.history.pods.workloads().filter(|((ns, _), _)| of_scope(ns)) {
        let mut ready: BTreeMap<&str, &str> = BTreeMap::new();
        for point in points.iter().filter(|p| p.at <= at) {
            if point.own && point.ready {
                ready.insert(&point.uid, &point.node);
            } else {
                ready.remove(&*point.uid);
            }
        }
        on.extend(ready.into_values());
    }
    let zone_of = |node: &str| c.history.zones.get(node).map_or("", String::as_str);
    let away = c.history.nodes_away_at(at);
    let up = |node: &str| c.history.nodes.get(node).and_then(|s| s.at(at)) == Some(1) && !away.contains(node);
    let mut zones: BTreeMap<&str, Zone> = names
        .iter()
        .take(MOST)
        .map(|name| (*name, Zone { name: (*name).to_owned(), up: 0, nodes: 0, pods: 0 }))
        .collect();
    for node in c.history.nodes.keys() {
        if let Some(zone) = zones.get_mut(zone_of(node)) {
            zone.nodes += 1;
            zone.up += usize::from(up(node));
        }
    }
    for node in on.into_iter().filter(|node| !away.contains(node)) {
        if let Some(zone) = zones.get_mut(zone_of(node)) {
            zone.pods += 1;
        }
    }
    zones.into_values().collect()
}

fn table(words: &Words, moments: &[Moment], zones: usize) -> Table {
    let heads: Vec<String> = std::iter::once(say!(words, w::ZONE))
        .chain(moments.iter().map(|m| say!(words, w::MOMENT, m.name, clock(m.at_us))))
        .collect();
    let first = moments.first().map(|m| m.zones.as_slice()).unwrap_or_default();
    let rows = first.iter().enumerate().map(|(i, zone)| {
        let cells = moments.iter().filter_map(|m| m.zones.get(i));
        let cells = cells.map(|z| say!(words, w::ZONE_SAYS, z.up, z.nodes, z.pods));
        Row::new(std::iter::once(zone.name.clone()).chain(cells))
    });
    let mut table = Table::new("", heads, rows.collect());
    if zones > MOST {
        table.note = say!(words, w::MORE_ZONES, zones - MOST);
    }
    table
}
