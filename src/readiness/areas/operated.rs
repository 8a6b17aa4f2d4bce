//! Databases and queues that an operator runs: what their resources say of instances, storage and backups.

use std::collections::BTreeMap;

use serde_json::Value;

use super::stateful::{STORAGE_CLASS, local_class};
use crate::{
    inventory::Object,
    kubernetes::quantity,
    model::{Class, Severity, State},
    readiness::{
        check::{Check, DRAIN, NODE, Needs, REGION, RESTORE, Say, ZONE},
        picture::Picture,
        values::{list, text, words},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "OPS-001",
        name: "operated-instances",
        title: "Databases and queues of operators have enough instances to lose one",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[DRAIN, NODE, ZONE],
        needs: Needs::Manifests,
        rule: "A Cluster of CloudNativePG has at least 2 instances. A Kafka of Strimzi (also its ZooKeeper, and for each role all its KafkaNodePools together), a RabbitmqCluster, an Elasticsearch (also of its nodes that may be master) and a MongoDBCommunity have at least 3, because they need a majority.",
        fix: "Raise the number of instances: 2 or more for PostgreSQL, 3 for what needs a majority",
        why: "With one instance, or without a majority, the database is down as long as its node is.",
        run: instances,
    },
    Check {
        id: "OPS-002",
        name: "operated-storage",
        title: "Databases and queues of operators keep their data on volumes",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[DRAIN, NODE, ZONE],
        needs: Needs::Manifests,
        rule: "The storage of a Kafka or KafkaNodePool is not ephemeral, that of a RabbitmqCluster is not 0, and no node set of an Elasticsearch puts elasticsearch-data into an emptyDir. The StorageClass that one of these, or a Cluster of CloudNativePG, names does not make volumes on one node (see STO-003; low for CloudNativePG with several instances, because it copies the data itself).",
        fix: "Use persistent-claim storage with a class whose volumes other nodes can mount",
        why: "Data on a node or in an emptyDir is lost with the node or the pod.",
        run: storage,
    },
    Check {
        id: "OPS-003",
        name: "operated-backups",
        title: "Databases of operators are backed up",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[RESTORE, REGION],
        needs: Needs::Manifests,
        rule: "Each Cluster of CloudNativePG has spec.backup with an object store or volume snapshots, or a plugin that archives the log; and a ScheduledBackup that is not suspended names it. A Cluster that is a replica of another one is skipped.",
        fix: "Set spec.backup.barmanObjectStore (or the Barman Cloud plugin), and create a ScheduledBackup",
        why: "The volumes of a database alone may not be consistent, and they hold no earlier state.",
        run: backups,
    },
];

const POSTGRES: &str = "Cluster.postgresql.cnpg.io";
const KAFKA: &str = "Kafka.kafka.strimzi.io";
const POOL: &str = "KafkaNodePool.kafka.strimzi.io";
const RABBIT: &str = "RabbitmqCluster.rabbitmq.com";
const ELASTIC: &str = "Elasticsearch.elasticsearch.k8s.elastic.co";
const MONGO: &str = "MongoDBCommunity.mongodbcommunity.mongodb.com";

/// Kinds with a number of instances: where it is, its default, and how many are needed.
const NUMBERED: [(&str, &str, u64, u64); 5] = [
    (POSTGRES, "/spec/instances", 1, 2),
    (KAFKA, "/spec/kafka/replicas", 0, 3),
    (KAFKA, "/spec/zookeeper/replicas", 0, 3),
    (RABBIT, "/spec/replicas", 1, 3),
    (MONGO, "/spec/members", 1, 3),
];

fn instances(p: &Picture<'_>, say: &mut Say) {
    for (key, pointer, default, least) in NUMBERED {
        for object in p.each(key, say) {
            match object.at(pointer).as_u64().unwrap_or(default) {
                // The node pools of a Kafka have the number, or it has no ZooKeeper.
                0 => {}
                n if n < least => {
                    say.fail(object, pointer, format!("{n} instances; at least {least} are needed"));
                }
                _ => say.pass(object),
            }
        }
    }
    node_pools(p, say);
    for cluster in p.each(ELASTIC, say) {
        let counted = |sets: &dyn Fn(&Value) -> bool| -> u64 {
            let sets = cluster.list("/spec/nodeSets").iter().filter(|set| sets(set));
            sets.filter_map(|set| set["count"].as_u64()).sum()
        };
        let (nodes, masters) = (counted(&|_| true), counted(&may_be_master));
        if nodes < 3 {
            say.fail(cluster, "/spec/nodeSets", format!("{nodes} nodes; at least 3 are needed"));
        } else if masters < 3 {
            let text = format!("{masters} of its {nodes} nodes may be master; at least 3 are needed");
            say.fail(cluster, "/spec/nodeSets", text);
        } else {
            say.pass(cluster);
        }
    }
}

/// Whether the nodes of a node set of Elasticsearch may be master. Without roles, a node has all of them.
fn may_be_master(set: &Value) -> bool {
    let roles = [&set["config"]["node.roles"], &set["config"]["node"]["roles"]].into_iter().find(|r| r.is_array());
    let old = [&set["config"]["node.master"], &set["config"]["node"]["master"]].into_iter().any(|is| *is == false);
    !old && roles.is_none_or(|roles| list(roles, "").iter().any(|role| role == "master"))
}

/// The pools of a Kafka share its work, for example with a pool for each zone: for each role, the nodes of all of them
/// count. Without roles, as in an older capture, each pool stands for itself.
fn node_pools(p: &Picture<'_>, say: &mut Say) {
    let pools = p.each(POOL, say);
    let of = |pool: &Object| pool.metadata.labels.get("strimzi.io/cluster").cloned().unwrap_or_default();
    let nodes = |pool: &Object| pool.at("/spec/replicas").as_u64().unwrap_or(0);
    let mut all: BTreeMap<(&str, String, &str), u64> = BTreeMap::new();
    for pool in &pools {
        for role in words(&pool.body, "/spec/roles") {
            *all.entry((pool.metadata.namespace.as_str(), of(pool), role)).or_default() += nodes(pool);
        }
    }
    for pool in &pools {
        let roles = words(&pool.body, "/spec/roles").into_iter();
        let fewest = roles
            .map(|role| (all.get(&(pool.metadata.namespace.as_str(), of(pool), role)).copied().unwrap_or(0), role))
            .min();
        match fewest {
            // A pool that is scaled to 0 while its Kafka is being set up.
            None if nodes(pool) == 0 => {}
            Some((0, _)) => {}
            None if nodes(pool) < 3 => {
                let text = format!("{} instances; at least 3 are needed", nodes(pool));
                say.fail(*pool, "/spec/replicas", text);
            }
            Some((n, role)) if n < 3 => {
                let text = format!("{n} instances in all pools with the role {role}; at least 3 are needed");
                say.fail(*pool, "/spec/replicas", text);
            }
            _ => say.pass(*pool),
        }
    }
}

fn storage(p: &Picture<'_>, say: &mut Say) {
    for (key, pointer) in [(KAFKA, "/spec/kafka/storage"), (POOL, "/spec/storage")] {
        for object in p.each(key, say).into_iter().filter(|o| o.at(pointer).is_object()) {
            let mut wrong = vec![];
            kafka_storage(p, object.at(pointer), &mut wrong);
            say.judge(object, pointer, &wrong);
        }
    }
    for object in p.each(RABBIT, say) {
        let size = object.at("/spec/persistence/storage");
        let none = size == 0 || size.as_str().and_then(quantity) == Some(0.0);
        let mut wrong = vec![];
        if none {
            wrong.push("its storage is 0: its messages are lost with its pods".to_owned());
        }
        wrong.extend(on_one_node(p, object.text("/spec/persistence/storageClassName")));
        say.judge(object, "/spec/persistence", &wrong);
    }
    for object in p.each(ELASTIC, say) {
        let fleeting = |set: &&Value| {
            let volumes = list(set, "/podTemplate/spec/volumes").iter();
            volumes.into_iter().any(|v| text(v, "/name") == "elasticsearch-data" && !v["emptyDir"].is_null())
        };
        let sets = object.list("/spec/nodeSets").iter().filter(fleeting);
        let wrong: Vec<String> =
            sets.map(|set| format!("node set {} keeps its data in an emptyDir", text(set, "/name"))).collect();
        say.judge(object, "/spec/nodeSets", &wrong);
    }
    for object in p.each(POSTGRES, say) {
        match on_one_node(p, object.text("/spec/storage/storageClass")) {
            None => say.pass(object),
            Some(why) if object.at("/spec/instances").as_u64().unwrap_or(1) > 1 => {
                say.fail_as(Severity::Low, object, "/spec/storage/storageClass", why);
            }
            Some(why) => say.fail(object, "/spec/storage/storageClass", why),
        }
    }
    // What passes may have a class that could not be read.
    if say.found.iter().any(|found| found.state == State::Pass)
        && let Err(gap) = p.object_set.all(STORAGE_CLASS)
    {
        say.gap(gap);
    }
}

fn kafka_storage(p: &Picture<'_>, storage: &Value, wrong: &mut Vec<String>) {
    match text(storage, "/type") {
        "ephemeral" => wrong.push("its storage is ephemeral: its messages are lost with its pods".into()),
        "jbod" => list(storage, "/volumes").iter().for_each(|volume| kafka_storage(p, volume, wrong)),
        _ => wrong.extend(on_one_node(p, text(storage, "/class"))),
    }
}

fn on_one_node(p: &Picture<'_>, class: &str) -> Option<String> {
    local_class(p, class).map(|by| format!("its volumes are on one node each ({by})"))
}

fn backups(p: &Picture<'_>, say: &mut Say) {
    let scheduled = match p.object_set.all("ScheduledBackup.postgresql.cnpg.io") {
        Ok(all) => all,
        Err(gap) => return say.gap(gap),
    };
    for cluster in p.each(POSTGRES, say) {
        if cluster.at("/spec/replica/enabled") == true {
            say.skip(cluster, "it is a replica of another cluster");
            continue;
        }
        let archives = |plugin: &Value| plugin["isWALArchiver"] == true && plugin["enabled"] != false;
        let stored = ["barmanObjectStore", "volumeSnapshot"]
            .iter()
            .any(|kind| !cluster.at(&format!("/spec/backup/{kind}")).is_null());
        let mut wrong = vec![];
        if !stored && !cluster.list("/spec/plugins").iter().any(archives) {
            wrong.push("it has no spec.backup, and no plugin archives its log".to_owned());
        } else if !scheduled.iter().any(|backup| is_of(backup, cluster)) {
            wrong.push("no ScheduledBackup names it".into());
        }
        say.judge(cluster, "/spec/backup", &wrong);
    }
}

fn is_of(backup: &Object, cluster: &Object) -> bool {
    backup.metadata.namespace == cluster.metadata.namespace
        && backup.text("/spec/cluster/name") == cluster.metadata.name
        && backup.at("/spec/suspend") != true
}
