//! On which nodes a pod may run, according to the pod and the node alone: taints, node selectors, required node
//! affinity, readiness. Other pods and free resources are handled in [`PodAffinity`](super::PodAffinity),
//! [`Spread`](super::SpreadRule) and [`FreeCapacity`](super::FreeCapacity).

use serde_json::{Value, json};

use super::{
    Selector,
    objects::{Node, PodSpec},
    taints::tolerates,
};

/// Whether a node may run a pod: taints, selectors, affinity, readiness.
pub fn may_run(spec: &PodSpec, node: &Node) -> bool {
    !node.spec.unschedulable && node.ready() == "True" && is_tolerated(spec, node) && is_chosen(spec, node)
}

/// Everything in a pod that concerns nodes, as a key: pods with the same key may run on the same nodes.
pub fn says_of_nodes(spec: &PodSpec) -> String {
    format!("{:?} {:?} {}", spec.node_selector, spec.tolerations, spec.affinity["nodeAffinity"])
}

/// Whether a pod tolerates the taints of a node.
pub fn is_tolerated(spec: &PodSpec, node: &Node) -> bool {
    let matters = node.spec.taints.iter().filter(|t| t.effect != "PreferNoSchedule");
    matters.into_iter().all(|taint| spec.tolerations.iter().any(|t| tolerates(t, taint)))
}

/// Whether a node is among those that the pod itself selects.
pub fn is_chosen(spec: &PodSpec, node: &Node) -> bool {
    let selected = spec.node_selector.iter().all(|(key, value)| node.metadata.labels.get(key) == Some(value));
    selected && required_affinity(spec, node)
}

fn required_affinity(spec: &PodSpec, node: &Node) -> bool {
    let terms = &spec.affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    terms.as_array().is_none_or(|terms| in_terms(terms, node))
}

/// Whether a node matches one of the terms of a node affinity, of a pod or of a volume. An empty term matches no node.
pub fn in_terms(terms: &[Value], node: &Node) -> bool {
    terms.iter().any(|term| {
        let of = |field: &str| term[field].as_array().is_some_and(|all| !all.is_empty());
        let fits = |field: &str, labels: &std::collections::BTreeMap<String, String>| {
            let wanted = json!({"matchExpressions": numbers_too(&term[field])});
            !of(field) || serde_json::from_value::<Selector>(wanted).is_ok_and(|s| s.matches(labels))
        };
        let own = [("metadata.name".to_owned(), node.metadata.name.clone())].into();
        (of("matchExpressions") || of("matchFields"))
            && fits("matchExpressions", &node.metadata.labels)
            && fits("matchFields", &own)
            && bounds(&term["matchExpressions"], node)
    })
}

/// The expressions without the operators that compare numbers, which label selectors do not have.
fn numbers_too(expressions: &Value) -> Vec<Value> {
    let all = expressions.as_array().into_iter().flatten();
    all.filter(|e| !matches!(e["operator"].as_str(), Some("Gt" | "Lt"))).cloned().collect()
}

/// `Gt` and `Lt`.
fn bounds(expressions: &Value, node: &Node) -> bool {
    expressions.as_array().into_iter().flatten().all(|e| {
        let number = |text: Option<&str>| text.and_then(|t| t.parse::<i64>().ok());
        let has = number(e["key"].as_str().and_then(|key| node.metadata.labels.get(key)).map(String::as_str));
        let bound = number(e["values"][0].as_str());
        match (e["operator"].as_str(), has.zip(bound)) {
            (Some("Gt"), Some((has, bound))) => has > bound,
            (Some("Lt"), Some((has, bound))) => has < bound,
            (Some("Gt" | "Lt"), None) => false,
            _ => true,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(value: Value) -> Node {
        let mut value = value;
        value["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
        serde_json::from_value(value).expect("a node")
    }

    fn spec(value: Value) -> PodSpec {
        serde_json::from_value(value).expect("a spec")
    }

    #[test]
    fn a_taint_keeps_out_who_does_not_tolerate_it() {
        let tainted = node(json!({"spec": {"taints": [{"key": "x", "effect": "NoSchedule"}]}}));
        assert!(!may_run(&PodSpec::default(), &tainted));
        assert!(may_run(&spec(json!({"tolerations": [{"operator": "Exists"}]})), &tainted));
    }

    #[test]
    fn terms_of_affinity() {
        let node = node(json!({"metadata": {"name": "a", "labels": {"zone": "z", "cores": "8"}}}));
        let wants = |term: Value| {
            let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}});
            may_run(&spec(json!({"affinity": {"nodeAffinity": required}})), &node)
        };
        let expression = |key: &str, operator: &str, value: &str| json!({"matchExpressions": [{"key": key, "operator": operator, "values": [value]}]});
        assert!(wants(expression("zone", "In", "z")) && !wants(expression("zone", "NotIn", "z")));
        assert!(wants(expression("cores", "Gt", "4")) && !wants(expression("cores", "Lt", "8")));
        assert!(!wants(expression("disk", "Gt", "4")), "no such label");
        assert!(wants(json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]})));
        assert!(!wants(json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]})));
        assert!(!wants(json!({})), "an empty term meets nothing");
    }
}
