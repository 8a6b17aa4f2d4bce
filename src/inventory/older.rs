//! What a capture of an older drillmaster does not hold. The kinds that it did not read are unseen; what depends on a
//! field that it left out is in `readiness/lacking.rs`.

use super::{
    kinds::{KINDS, KindOf},
    object::Object,
    object_set::{Gap, ObjectSet},
};
use crate::model::Unseen;

/// The revision of what captures hold. Raise it when a check begins to read a kind or a field that earlier captures do
/// not hold. Then add the kind to [`NEW_KINDS`], or the field to `readiness/lacking.rs`. A capture that names no
/// revision has revision 0.
pub(super) const REVISION: u32 = 1;

/// Kinds that were not read before a revision.
const NEW_KINDS: &[(u32, &[&str])] = &[(
    1,
    &[
        "GRPCRoute.gateway.networking.k8s.io",
        "TLSRoute.gateway.networking.k8s.io",
        "TCPRoute.gateway.networking.k8s.io",
        "UDPRoute.gateway.networking.k8s.io",
        "DeploymentConfig.apps.openshift.io",
        "ScheduledBackup.postgresql.cnpg.io",
        "Pooler.postgresql.cnpg.io",
        "Kafka.kafka.strimzi.io",
        "KafkaNodePool.kafka.strimzi.io",
        "RabbitmqCluster.rabbitmq.com",
        "MongoDBCommunity.mongodbcommunity.mongodb.com",
        "Grafana.grafana.integreatly.org",
    ],
)];

/// Marks the kinds that an older capture does not hold as unseen. `settle` must have been called.
pub(super) fn mark_unread_kinds(object_set: &mut ObjectSet) {
    let unread = NEW_KINDS.iter().filter(|(since, _)| object_set.is_older_than(*since));
    let unread: Vec<&str> = unread.flat_map(|(_, keys)| keys.iter().copied()).collect();
    for kind in KINDS.iter().filter(|kind| unread.contains(&kind.key().as_str())) {
        let (why, text) = if is_not_served(object_set, kind) {
            (Unseen::NotInstalled, format!("the cluster does not serve {} of {}", kind.plural, kind.group))
        } else {
            let text = "the capture was written by an older drillmaster, which did not read them: make a new capture";
            (Unseen::NoData, format!("{} of {}: {text}", kind.plural, kind.group))
        };
        object_set.gaps.entry(kind.key()).or_insert(Gap { why, text });
    }
}

/// Whether the cluster did not serve a kind when the capture was made. Each group that an API server serves has an
/// APIService, and each kind of custom resources has a CustomResourceDefinition.
fn is_not_served(object_set: &ObjectSet, kind: &KindOf) -> bool {
    let services = object_set.any("APIService.apiregistration.k8s.io");
    let Ok(definitions) = object_set.all("CustomResourceDefinition.apiextensions.k8s.io") else { return false };
    let definition = format!("{}.{}", kind.plural, kind.group);
    if definitions.iter().any(|o| o.metadata.name == definition) {
        return false;
    }
    let of_group = |o: &Object| o.metadata.name.split_once('.').is_some_and(|(_, group)| group == kind.group);
    // If other kinds of the group are custom resources, this one would be, too.
    definitions.iter().any(of_group) || !services.is_empty() && !services.iter().any(of_group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::read_text;

    #[test]
    fn a_kind_that_an_older_capture_did_not_read_is_unseen_unless_the_cluster_did_not_serve_it() {
        let service = |name: &str| {
            format!("apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {{name: {name}}}\n---\n")
        };
        let definition = |name: &str| {
            let kind = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n";
            format!("{kind}metadata: {{name: {name}}}\n---\n")
        };
        let why = |revision: u32, text: &str, key: &str| {
            let mut object_set = ObjectSet { revision: Some(revision), ..ObjectSet::default() };
            read_text(&mut object_set, "x", text);
            object_set.settle();
            mark_unread_kinds(&mut object_set);
            object_set.gaps.get(key).map(|gap| gap.why)
        };
        let (kafka, grpc) = ("Kafka.kafka.strimzi.io", "GRPCRoute.gateway.networking.k8s.io");
        let cluster = service("v1.apps")
            + &service("v1.gateway.networking.k8s.io")
            + &definition("httproutes.gateway.networking.k8s.io");
        assert_eq!(why(0, &cluster, kafka), Some(Unseen::NotInstalled));
        assert_eq!(why(0, &cluster, grpc), Some(Unseen::NotInstalled), "the group is served, this kind is not");
        let with_kafka =
            cluster.clone() + &service("v1beta2.kafka.strimzi.io") + &definition("kafkas.kafka.strimzi.io");
        assert_eq!(why(0, &with_kafka, kafka), Some(Unseen::NoData));
        let openshift = cluster.clone() + &service("v1.apps.openshift.io");
        assert_eq!(why(0, &openshift, "DeploymentConfig.apps.openshift.io"), Some(Unseen::NoData));
        assert_eq!(why(0, "", kafka), Some(Unseen::NoData), "nothing says which groups were served");
        assert_eq!(why(REVISION, &with_kafka, kafka), None);
    }
}
