//! How the pods of web are spread over the zones, or over the nodes, that are up.

use std::collections::BTreeMap;

use drillmaster::model::Judgement;

use super::{
    super::takeover::Chance,
    Moments, So,
    cluster::{Look, Looks},
    holds,
};

/// Looks happen twice a second, and a watch needs a moment.
const ERROR_US: i64 = 800_000;
/// The drill notices within two looks, one second apart, that a target is back.
const RETURN_US: i64 = 2_500_000;

pub struct Asked {
    most: u32,
    by_zone: bool,
    within: u64,
}

impl Asked {
    pub fn of(chance: &mut Chance) -> Self {
        Self { most: chance.below(3) as u32, by_zone: chance.below(3) > 0, within: chance.of(&[1, 50, 58, 900]) }
    }

    pub fn expect(&self) -> String {
        let by = if self.by_zone { "zone" } else { "node" };
        let (most, within) = (self.most, self.within);
        format!(
            "  - placement: {{id: spread, workload: deployment/web, maxSkew: {most}, by: {by}, within: {within}s}}\n"
        )
    }

    pub fn check(&self, judgement: &Judgement, looks: &Looks, when: &Moments, complete: bool, said: &str) {
        let end = looks.returned(when).map_or((when.undo, when.undo), |at| (at - RETURN_US, at));
        // The end may be reported a little earlier or later, and a change since the last look before it is only seen by
        // the next. If these ends give different results, the result is unknown.
        let tried = [end.0 - ERROR_US, end.1, end.1 + ERROR_US].map(|end| self.spread(looks, when, end));
        let so = if tried.iter().all(|so| *so == tried[0]) { tried[0] } else { So::Unknown };
        holds(judgement, so, complete, &(tried, self.seen(looks, when)), said);
    }

    /// Whether the pods were spread in time, and until the end of the fault.
    fn spread(&self, looks: &Looks, when: &Moments, end: i64) -> So {
        let looks = looks.all();
        let during: Vec<&Look> = looks.iter().filter(|look| look.at >= when.t0 && look.at < end).collect();
        let good = match during.iter().rposition(|look| self.is_wrong(look, when)) {
            None => return if during.is_empty() { So::Unknown } else { So::Yes },
            Some(last) => during.get(last + 1).map(|good| (during[last].at, good.at)),
        };
        let deadline = when.t0 + self.within as i64 * 1_000_000;
        match good {
            Some((wrong, _)) if wrong > deadline + ERROR_US => So::No,
            Some((_, good)) if good < deadline - ERROR_US => So::Yes,
            None if end > deadline + ERROR_US => So::No,
            _ => So::Unknown,
        }
    }

    fn is_wrong(&self, look: &Look, when: &Moments) -> bool {
        let domains = self.domains(look, when);
        let (least, most) = (domains.values().min(), domains.values().max());
        let placed: u32 = domains.values().sum();
        placed == 0 || most.unwrap_or(&0) - least.unwrap_or(&0) > self.most
    }

    /// The ready pods in each domain that is up. Pods on a machine that is off do not run.
    fn domains(&self, look: &Look, when: &Moments) -> BTreeMap<String, u32> {
        let away = |node: &str| when.dark && when.targets.iter().any(|t| t == node);
        let up = look.nodes.iter().filter(|node| node.ready && !away(&node.name));
        let mut domains: BTreeMap<String, u32> = BTreeMap::new();
        let domain = |node: &str| look.node(node).map(|n| if self.by_zone { n.zone.clone() } else { n.name.clone() });
        for node in up {
            domains.entry(domain(&node.name).unwrap()).or_default();
        }
        for pod in look.ready(|node| !away(node)) {
            if let Some(count) = domain(&pod.node).and_then(|d| domains.get_mut(&d)) {
                *count += 1;
            }
        }
        domains
    }

    /// Each change of the spread, to explain a failure.
    fn seen(&self, looks: &Looks, when: &Moments) -> Vec<(f64, String)> {
        let mut seen: Vec<(f64, String)> = vec![];
        for look in looks.all().iter().filter(|l| l.at >= when.t0) {
            let now = format!("{:?}", self.domains(look, when));
            if seen.last().is_none_or(|(_, last)| *last != now) {
                seen.push(((look.at - when.t0) as f64 / 1e6, now));
            }
        }
        seen
    }
}
