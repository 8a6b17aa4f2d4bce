//! Checks the whole objects and the alerting rules of a description: kinds that the simulation does not know or does
//! not act on, the form of objects, expressions that it cannot evaluate.

use std::collections::BTreeMap;

use super::{fields, promql, resources, sense::Sense, value::Value, wellformed};
use crate::scenario::meant;

/// Kinds that the simulation keeps, backs up and restores, and that it does not act on.
const INERT: [(&str, &str); 3] = [
    ("CronJob", "nothing runs its jobs"),
    ("HorizontalPodAutoscaler", "nothing scales by it; an entry of `happens` with `autoscaler` does"),
    ("Ingress", "no request passes through it; probes reach a Service at http://SERVICE.NAMESPACE.svc"),
];

impl Sense<'_> {
    pub(super) fn objects(&mut self) {
        let mut inert: BTreeMap<&str, (usize, u32)> = BTreeMap::new();
        for (i, object) in self.of.objects.iter().enumerate() {
            let index = i.to_string();
            let mut object: Value = object.clone().into();
            let kind = fields::text(&object, "/kind").to_owned();
            let Some(resource) = resources::of_kind(&kind) else {
                let path = ["objects", &index, "kind"];
                if kind.is_empty() {
                    self.say(&path, "this object has no kind", "write it as in a manifest: apiVersion, kind, metadata");
                } else {
                    let meant = meant(&kind, resources::all().map(|r| r.kind));
                    let help = format!("{meant}remove the object: nothing in a rehearsal could use it");
                    self.say(&path, format!("the simulation does not support kind `{kind}`"), help);
                }
                continue;
            };
            if fields::name(&object).is_empty() {
                self.say(&["objects", &index], format!("an object of kind {kind} has no metadata.name"), "add it");
                continue;
            }
            wellformed::amounts_as_text(&mut object);
            if let Err(why) = wellformed::check(resource, &object) {
                self.say(&["objects", &index], why, "");
            }
            if let Some((kind, _)) = INERT.iter().find(|(inert, _)| *inert == kind) {
                inert.entry(*kind).or_insert((i, 0)).1 += 1;
            }
        }
        for (kind, (first, count)) in inert {
            let why = INERT.iter().find(|(inert, _)| *inert == kind).map_or("", |(_, why)| why);
            let what = format!("the simulation does not act on kind {kind} ({count} in this file): {why}");
            self.warn(&["objects", &first.to_string()], what, "backups and restores contain such objects all the same");
        }
    }

    pub(super) fn rules(&mut self) {
        for (i, rule) in self.of.rules.iter().enumerate() {
            let index = i.to_string();
            if rule.alert.is_empty() {
                self.say(&["rules", &index, "alert"], "the rule has no name", "write alert: NAME");
            }
            if let Err(why) = promql::parse(&rule.expr) {
                let what = format!("the simulated Prometheus cannot evaluate rule {}: {why}", rule.alert);
                self.say(&["rules", &index, "expr"], what, RULES);
            }
        }
    }
}

const RULES: &str = "remove the rule if no expectation needs its alert; the simulation knows comparisons of metrics and simple aggregations, for example kube_node_status_condition{condition=\"Ready\",status=\"true\"} == 0";
