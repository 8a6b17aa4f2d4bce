//! Which pods budgets cover, and what the Eviction API must answer, given the pods that exist.

use std::collections::BTreeMap;

use drillmaster::model::Judgement;
use serde_json::Value;

use super::{
    super::takeover::Chance,
    Moments, So,
    cluster::{Look, Looks, Pod},
    holds,
};

/// The budget of web in the text of the shop.
const OWN: &str = ", budget: {minAvailable: 2}, service: true}\n  - {name: statefulset/orders";
/// How long the drill asks again while the status of a budget does not count the existing pods.
const ASKS_FOR_US: i64 = 34_000_000;
const EDGE_US: i64 = 1_200_000;

pub struct Asked {
    /// The budget named web, in the words of a description. None if it has none.
    own: Option<&'static str>,
    /// A second budget.
    more: Option<&'static str>,
    pub critical: Vec<&'static str>,
}

impl Asked {
    pub fn of(chance: &mut Chance) -> Self {
        let own = chance.of(&[
            None,
            Some("minAvailable: 2"),
            Some("minAvailable: 2"),
            Some("minAvailable: 3"),
            Some("minAvailable: 1"),
            Some("minAvailable: 50%"),
            Some("minAvailable: 67%"),
            Some("minAvailable: 100%"),
            Some("maxUnavailable: 1"),
            Some("maxUnavailable: 0"),
            Some("maxUnavailable: 34%"),
            Some("maxUnavailable: 2, unhealthyPodEvictionPolicy: AlwaysAllow"),
            Some("minAvailable: 3, unhealthyPodEvictionPolicy: AlwaysAllow"),
        ]);
        let more = chance.of(&[
            None,
            None,
            None,
            // Another budget that covers web, too.
            Some("namespace: shop}, spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}"),
            Some("namespace: shop}, spec: {minAvailable: 1, selector: {matchExpressions: [{key: app, operator: In, values: [web, api]}]}}"),
            Some("namespace: shop}, spec: {maxUnavailable: 1, selector: {matchExpressions: [{key: app, operator: NotIn, values: [orders, sessions]}]}}"),
            // A budget for all pods of the namespace.
            Some("namespace: shop}, spec: {minAvailable: 4, selector: {}}"),
            // A budget that covers no pod.
            Some("namespace: shop}, spec: {minAvailable: 1, selector: {matchLabels: {app: wep}}}"),
            Some("namespace: shop}, spec: {minAvailable: 1}"),
            Some("namespace: shop}, spec: {minAvailable: 1, selector: {matchExpressions: [{key: tier, operator: Exists}]}}"),
            // A budget for web in another namespace.
            Some("namespace: velero}, spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}"),
        ]);
        let critical =
            if chance.below(3) == 0 { vec!["deployment/web", "statefulset/orders"] } else { vec!["deployment/web"] };
        Self { own, more, critical }
    }

    /// The shop with these budgets.
    pub fn cluster(&self, small: &str) -> String {
        assert!(small.contains(OWN), "the text of the shop has changed, so the replacement would have no effect");
        let own = self.own.map(|words| format!(", budget: {{{words}}}")).unwrap_or_default();
        let shop = small.replacen(OWN, &OWN.replacen(", budget: {minAvailable: 2}", &own, 1), 1);
        let more = self.more.map(|words| {
            format!(
                "objects:\n  - {{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {{name: more, {words}}}\n"
            )
        });
        more.map_or(shop.clone(), |more| shop.replacen("objects:\n", &more, 1))
    }

    pub fn expect(&self) -> String {
        "  - budgets: {id: covered, everyCriticalPodCovered: true}\n  \
         - budgets: {id: budgeted, whileDegraded: asBudgeted}\n"
            .to_owned()
    }

    pub fn lies(&self) -> Vec<String> {
        let mut lies = vec![
            "{budgetLags: {budget: orders, namespace: shop}}",
            "{delete: {object: poddisruptionbudget/orders, namespace: shop}}",
            "{readiness: {workload: statefulset/orders, namespace: shop, does: flaps, every: 7s}}",
            "{watches: {does: stall, of: poddisruptionbudgets}}",
            "{scale: {workload: deployment/web, namespace: shop, replicas: 4}}",
        ];
        if self.own.is_some() {
            lies.extend([
                "{budgetLags: {budget: web, namespace: shop}}",
                "{budgetLags: {budget: web, namespace: shop}}",
                "{delete: {object: poddisruptionbudget/web, namespace: shop}}",
            ]);
        }
        lies.into_iter().map(str::to_owned).collect()
    }

    pub fn check(&self, of: [&Judgement; 2], looks: &Looks, when: &Moments, complete: bool, said: &str) {
        let looks = looks.all();
        let budgets = format!("web's own: {:?}, more: {:?}\n{said}", self.own, self.more);
        let before = looks.iter().rfind(|look| look.at < when.t0 && look.fresh).unwrap();
        let bare: Vec<_> = self.pods(before).filter(|p| covering(before, p).len() != 1).map(|p| &p.name).collect();
        holds(of[0], if bare.is_empty() { So::Yes } else { So::No }, true, &bare, &budgets);
        let (so, told) = self.budgeted(&looks, when);
        holds(of[1], so, complete, &told, &budgets);
    }

    fn pods<'a>(&'a self, look: &'a Look) -> impl Iterator<Item = &'a Pod> {
        let critical = |pod: &Pod| self.critical.iter().any(|w| pod.is_of(w.rsplit('/').next().unwrap_or_default()));
        look.pods.iter().filter(move |p| critical(p))
    }

    /// Whether the Eviction API must answer as the budgets demand, counted from the pods themselves.
    fn budgeted(&self, looks: &[Look], when: &Moments) -> (So, Vec<String>) {
        let dark = |look: &&Look| when.targets.iter().all(|t| look.node(t).is_some_and(|n| !n.ready));
        let Some(from) = looks.iter().filter(|l| l.at >= when.t0 && l.at < when.undo).find(dark).map(|l| l.at) else {
            return (So::Unknown, vec!["not degraded".into()]);
        };
        let to = when.undo.min(from + ASKS_FOR_US);
        let wrong = |from: i64, to: i64| -> Vec<Vec<String>> {
            let own = looks.iter().filter(|l| l.fresh && l.at >= from && l.at <= to);
            own.map(|look| self.wrong(look)).collect()
        };
        // The drill may miss a wrong status that lasts for a moment, but not one that lasts longer.
        let (wide, narrow) = (wrong(from - EDGE_US, to + EDGE_US), wrong(from, to + EDGE_US));
        let first = wide.iter().find(|w| !w.is_empty()).cloned().unwrap_or_default();
        let so = if wide.iter().all(Vec::is_empty) {
            So::Yes
        } else if !narrow.is_empty() && narrow.iter().all(|w| !w.is_empty()) {
            So::No
        } else {
            So::Unknown
        };
        (so, first)
    }

    fn wrong(&self, look: &Look) -> Vec<String> {
        let asked = self.pods(look).filter(|p| !p.leaves && !matches!(p.phase.as_str(), "Succeeded" | "Failed"));
        let wrong = asked.filter_map(|pod| match covering(look, pod)[..] {
            [] => Some(format!("{} has no budget", pod.name)),
            [budget] => {
                let (by_status, by_pods) = (Count::told(budget), Count::true_of(budget, look));
                let stands = by_status.lets_go(budget, pod) == by_pods.lets_go(budget, pod);
                (!stands).then(|| format!("{}: the status says {by_status:?}, and so is {by_pods:?}", pod.name))
            }
            // If two budgets cover a pod, the API correctly answers with 500.
            _ => None,
        });
        wrong.collect()
    }
}

/// The numbers of a budget.
#[derive(Debug)]
struct Count {
    healthy: i64,
    desired: i64,
    allowed: i64,
}

impl Count {
    fn told(budget: &Value) -> Self {
        let number = |key: &str| budget["status"][key].as_i64().unwrap_or(0);
        Self {
            healthy: number("currentHealthy"),
            desired: number("desiredHealthy"),
            allowed: number("disruptionsAllowed"),
        }
    }

    /// The true numbers, counted from the pods themselves.
    fn true_of(budget: &Value, look: &Look) -> Self {
        let mine = || look.pods.iter().filter(|p| selects(&budget["spec"]["selector"], &p.labels));
        let healthy = mine().filter(|p| p.ready && !p.leaves).count() as i64;
        // The replicas that the owners should have, of which percentages are computed. Only web is ever scaled.
        let owners = [("web", look.wanted as i64), ("orders", 3), ("sessions", 2)];
        let wanted: i64 = owners.iter().filter(|(w, _)| mine().any(|p| p.is_of(w))).map(|(_, n)| n).sum();
        let of = |value: &Value| match value.as_str().and_then(|text| text.strip_suffix('%')) {
            Some(percent) => (wanted * percent.parse::<i64>().unwrap() + 99) / 100,
            None => value.as_i64().unwrap(),
        };
        let (min, max) = (&budget["spec"]["minAvailable"], &budget["spec"]["maxUnavailable"]);
        let desired = if max.is_null() { of(min) } else { (wanted - of(max)).max(0) };
        let expected = if min.is_number() { mine().count() as i64 } else { wanted };
        Self { healthy, desired, allowed: if expected == 0 { 0 } else { (healthy - desired).max(0) } }
    }

    /// Whether the Eviction API lets a pod go, given these numbers.
    fn lets_go(&self, budget: &Value, pod: &Pod) -> bool {
        let always = budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow";
        let as_unhealthy = !pod.ready && (always || self.healthy >= self.desired && self.desired > 0);
        pod.phase == "Pending" || as_unhealthy || self.allowed > 0
    }
}

fn covering<'a>(look: &'a Look, pod: &Pod) -> Vec<&'a Value> {
    look.budgets.iter().filter(|b| selects(&b["spec"]["selector"], &pod.labels)).collect()
}

/// Selects as policy/v1 of Kubernetes does: an empty selector selects everything, a missing one nothing.
fn selects(selector: &Value, labels: &BTreeMap<String, String>) -> bool {
    let Some(selector) = selector.as_object() else { return false };
    let exact = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let rules = selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
    let rule = |rule: &Value| {
        let own = labels.get(rule["key"].as_str().unwrap_or_default());
        let listed =
            || rule["values"].as_array().is_some_and(|v| v.iter().any(|v| v.as_str() == own.map(String::as_str)));
        match rule["operator"].as_str() {
            Some("In") => own.is_some() && listed(),
            Some("NotIn") => !listed(),
            Some("Exists") => own.is_some(),
            _ => own.is_none(),
        }
    };
    exact.into_iter().all(|(k, v)| labels.get(k).map(String::as_str) == v.as_str()) && rules.into_iter().all(rule)
}
