//! What operators will create from their resources: pods by their labels, Services, Secrets, ConfigMaps and service
//! accounts by their names. Each file of `operators/` names the module and the version from which it was read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use serde::Deserialize;

use crate::{
    inventory::{Object, ObjectSet},
    kubernetes::Selector,
};

/// One operator.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), expect(dead_code, reason = "the citations are for readers, and a test reads them"))]
struct Operator {
    operator: String,
    module: String,
    version: String,
    read: Vec<String>,
    kinds: Vec<Kind>,
}

/// What it creates for each object of a kind. In texts, `{name}` is the name of the object.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[derive(Default)]
struct Kind {
    kind: String,
    /// Where the object names further labels of the pods.
    labels: String,
    pods: Vec<PodLabels>,
    services: Vec<String>,
    secrets: Vec<String>,
    /// Where the object names a Secret that the operator creates.
    secrets_at: Vec<String>,
    /// Whether such a Secret has the name of the object if it is not named.
    or_name: bool,
    configs: Vec<String>,
    accounts: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PodLabels {
    labels: BTreeMap<String, String>,
    /// Labels whose values the operator chooses at run time.
    later: BTreeSet<String>,
}

static OPERATORS: LazyLock<Vec<Operator>> = LazyLock::new(|| {
    [
        include_str!("operators/cert-manager.yaml"),
        include_str!("operators/cloudnative-pg.yaml"),
        include_str!("operators/elastic.yaml"),
        include_str!("operators/external-secrets.yaml"),
        include_str!("operators/grafana.yaml"),
        include_str!("operators/prometheus-operator.yaml"),
        include_str!("operators/rabbitmq.yaml"),
        include_str!("operators/sealed-secrets.yaml"),
        include_str!("operators/strimzi.yaml"),
        include_str!("operators/vault-secrets.yaml"),
    ]
    .iter()
    .map(|text| serde_saphyr::from_str(text).expect("part of the program, and a test reads it"))
    .collect()
});

fn kinds() -> impl Iterator<Item = &'static Kind> {
    OPERATORS.iter().flat_map(|operator| &operator.kinds)
}

/// A pod that an operator will create.
#[derive(Debug)]
pub(crate) struct Operated {
    labels: BTreeMap<String, String>,
    later: &'static BTreeSet<String>,
}

impl Operated {
    /// Whether a selector may select it. A label that is set at run time may have any value.
    pub fn may_match(&self, selector: &Selector) -> bool {
        let mut known = selector.clone();
        known.match_labels.retain(|key, _| !self.later.contains(key));
        known.match_expressions.retain(|e| !self.later.contains(&e.key));
        known.matches(&self.labels)
    }
}

/// The pods that operators will create, by namespace.
pub(crate) fn operated_pods(object_set: &ObjectSet) -> BTreeMap<&str, Vec<Operated>> {
    let mut all: BTreeMap<&str, Vec<Operated>> = BTreeMap::new();
    for kind in kinds().filter(|kind| !kind.pods.is_empty()) {
        for object in object_set.any(&kind.kind) {
            all.entry(&object.metadata.namespace)
                .or_default()
                .extend(kind.pods.iter().map(|pod| pod_of(object, kind, pod)));
        }
    }
    all
}

fn pod_of(object: &Object, kind: &Kind, pod: &'static PodLabels) -> Operated {
    let own = if kind.labels == "/metadata/labels" { (*object.metadata.labels).clone() } else { BTreeMap::new() };
    let named = object.map(&kind.labels).into_iter().flatten();
    let named = named.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    let fixed = pod.labels.iter().map(|(key, value)| (key.clone(), filled(value, object)));
    Operated { labels: own.into_iter().chain(named).chain(fixed).collect(), later: &pod.later }
}

fn filled(text: &str, object: &Object) -> String {
    text.replace("{name}", &object.metadata.name)
}

/// The objects that operators will create: the key of the kind, the namespace and the name.
pub(crate) fn operated_objects(object_set: &ObjectSet) -> BTreeSet<(&'static str, &str, String)> {
    let mut all = BTreeSet::new();
    for kind in kinds() {
        for object in object_set.any(&kind.kind) {
            let namespace = object.metadata.namespace.as_str();
            for (key, names) in [
                ("Service", &kind.services),
                ("Secret", &kind.secrets),
                ("ConfigMap", &kind.configs),
                ("ServiceAccount", &kind.accounts),
            ] {
                all.extend(names.iter().map(|name| (key, namespace, filled(name, object))));
            }
            for pointer in &kind.secrets_at {
                let named = match object.text(pointer) {
                    "" if kind.or_name => object.metadata.name.as_str(),
                    name => name,
                };
                all.insert(("Secret", namespace, named.to_owned()));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::read_text;

    #[test]
    fn each_operator_names_where_it_was_read() {
        for operator in OPERATORS.iter() {
            let cited = [&operator.operator, &operator.module, &operator.version];
            assert!(cited.iter().all(|text| !text.is_empty()) && !operator.read.is_empty(), "{operator:?}");
            assert!(operator.kinds.iter().all(|kind| kind.kind.contains('.')), "{operator:?}");
        }
    }

    #[test]
    fn a_label_that_is_set_at_run_time_may_have_any_value() {
        let mut object_set = ObjectSet::default();
        let text = "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: pg, namespace: shop}\nspec: {instances: 3}\n";
        read_text(&mut object_set, "pg.yaml", text);
        let pods = operated_pods(&object_set);
        let selects = |labels: &[(&str, &str)]| {
            let match_labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            pods["shop"][0].may_match(&Selector { match_labels, match_expressions: vec![] })
        };
        assert!(selects(&[("cnpg.io/cluster", "pg"), ("role", "primary")]));
        assert!(!selects(&[("cnpg.io/cluster", "other"), ("role", "primary")]));
        assert!(!selects(&[("app", "pg")]));
        assert!(operated_objects(&object_set).contains(&("Secret", "shop", "pg-app".to_owned())));
    }
}
