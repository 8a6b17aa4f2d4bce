//! Which workloads keep data: by the name of their image, and by the ports and volumes that they declare. A part of a
//! name is not enough: an express front end, an exporter or an operator of a database keeps nothing.

use serde_json::Value;

use super::{
    images::parse,
    storage::{is_of_node, only_read},
};
use crate::{
    inventory::Object,
    readiness::{
        picture::{Picture, Work},
        values::{list, text, words},
    },
};

/// What a workload keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    /// A database.
    Database,
    /// A queue, a log or an object store.
    Store,
    /// Something that is often only a cache.
    Perhaps,
    Nothing,
}

const DATABASES: [&str; 41] = [
    "postgres",
    "postgresql",
    "postgis",
    "timescaledb",
    "spilo",
    "mysql",
    "mariadb",
    "percona",
    "mongo",
    "mongodb",
    "cassandra",
    "scylla",
    "elasticsearch",
    "opensearch",
    "etcd",
    "cockroach",
    "couchdb",
    "couchbase",
    "neo4j",
    "influxdb",
    "clickhouse",
    "arangodb",
    "rethinkdb",
    "tidb",
    "tikv",
    "yugabyte",
    "mssql",
    "cockroachdb",
    "pgvector",
    "scylladb",
    "yugabytedb",
    "dgraph",
    "questdb",
    "surrealdb",
    "ravendb",
    "solr",
    "qdrant",
    "weaviate",
    "meilisearch",
    "foundationdb",
    "vertica",
];

const STORES: [&str; 8] = ["rabbitmq", "kafka", "zookeeper", "minio", "pulsar", "activemq", "seaweedfs", "redpanda"];

/// Caches, and NATS, which keeps messages only with JetStream.
const CACHES: [&str; 5] = ["redis", "valkey", "keydb", "dragonfly", "nats"];

/// Words in the names of images that may stand beside the name of a database.
const NEUTRAL: [&str; 33] = [
    "server",
    "ha",
    "cluster",
    "community",
    "enterprise",
    "sharded",
    "repmgr",
    "galera",
    "replica",
    "alpine",
    "debian",
    "ubi",
    "ubi8",
    "ubi9",
    "oss",
    "official",
    "db",
    "database",
    "node",
    "cp",
    "jetstream",
    "alternator",
    "stack",
    "xtradb",
    "server2",
    "bullseye",
    "bookworm",
    "standalone",
    "single",
    "broker",
    "management",
    "artemis",
    "docker",
];

/// What an image keeps, by the words of its name. Each word must be a known one, and one of them the name of a store.
pub(super) fn image_keeps(image: &str) -> Keeps {
    let path = parse(image).path;
    let name = path.rsplit('/').next().unwrap_or(&path).to_lowercase();
    let mut keeps = Keeps::Nothing;
    for word in name.split(['-', '_', '.']).filter(|word| !word.is_empty()) {
        let found = if DATABASES.contains(&word) {
            Keeps::Database
        } else if STORES.contains(&word) {
            Keeps::Store
        } else if CACHES.contains(&word) {
            Keeps::Perhaps
        } else if NEUTRAL.contains(&word) || word.chars().all(|c| c.is_ascii_digit()) {
            continue;
        } else {
            return Keeps::Nothing;
        };
        if keeps == Keeps::Nothing || found == Keeps::Database {
            keeps = found;
        }
    }
    keeps
}

/// The ports on which databases listen.
const PORTS: [u64; 9] = [5432, 3306, 27017, 9042, 1433, 1521, 26257, 8086, 5984];

/// What a workload keeps.
pub(super) fn keeps(work: &Work<'_>) -> Keeps {
    let images = work.containers().map(|c| match image_keeps(text(c.value, "/image")) {
        Keeps::Perhaps if stores_streams(c.value) => Keeps::Store,
        found => found,
    });
    let best = images.min_by_key(|keeps| match keeps {
        Keeps::Database => 0,
        Keeps::Store => 1,
        Keeps::Perhaps => 2,
        Keeps::Nothing => 3,
    });
    match best {
        Some(Keeps::Nothing) | None if listens_like_a_database(work) => Keeps::Database,
        Some(keeps) => keeps,
        None => Keeps::Nothing,
    }
}

/// Whether a NATS server keeps messages: it was started with JetStream.
fn stores_streams(container: &Value) -> bool {
    let said = words(container, "/command").into_iter().chain(words(container, "/args"));
    said.into_iter().any(|word| matches!(word, "-js" | "--js" | "-jetstream" | "--jetstream"))
}

/// Whether a workload with claims of its own listens on the port of a database.
fn listens_like_a_database(work: &Work<'_>) -> bool {
    let port = |port: &Value| port["containerPort"].as_u64().is_some_and(|n| PORTS.contains(&n));
    let claims = !work.object.list("/spec/volumeClaimTemplates").is_empty();
    claims && work.containers().any(|c| list(c.value, "/ports").iter().any(port))
}

/// Whether a workload is a database.
pub(super) fn is_database(work: &Work<'_>) -> bool {
    matches!(keeps(work), Keeps::Database | Keeps::Perhaps)
}

/// Types of volumes that outlive a pod. `csi` is not among them: a volume that a pod defines in this way is made for it,
/// such as one with Secrets of a vault, and is deleted with it. The same applies to `ephemeral`.
const LASTING: [&str; 20] = [
    "persistentVolumeClaim",
    "nfs",
    "iscsi",
    "rbd",
    "cephfs",
    "awsElasticBlockStore",
    "gcePersistentDisk",
    "azureDisk",
    "azureFile",
    "glusterfs",
    "hostPath",
    "fc",
    "portworxVolume",
    "cinder",
    "vsphereVolume",
    "flexVolume",
    "quobyte",
    "storageos",
    "scaleIO",
    "photonPersistentDisk",
];

/// Those that only one node at a time can write.
const DISKS: [&str; 10] = [
    "awsElasticBlockStore",
    "gcePersistentDisk",
    "azureDisk",
    "cinder",
    "vsphereVolume",
    "rbd",
    "iscsi",
    "fc",
    "scaleIO",
    "photonPersistentDisk",
];

/// Whether a volume of a pod is a disk that two nodes cannot write at the same time.
pub(super) fn is_disk(volume: &Value) -> bool {
    DISKS.iter().any(|kind| !volume[*kind].is_null() && volume[*kind]["readOnly"] != true)
}

/// Whether a volume outlives the pod. A path of the node does if it can hold state.
fn outlives(volume: &Value) -> bool {
    LASTING.iter().any(|kind| !volume[*kind].is_null()) && (volume["hostPath"].is_null() || is_of_node(volume))
}

/// Whether the pods of a workload have a volume that outlives them and that they can write.
pub(super) fn is_kept(work: &Work<'_>) -> bool {
    let written = |volume: &Value| outlives(volume) && !only_read(work, text(volume, "/name"));
    !work.object.list("/spec/volumeClaimTemplates").is_empty() || list(work.spec(), "/volumes").iter().any(written)
}

/// Whether a workload keeps data of its own, by its image, its ports or its volumes.
pub(in crate::readiness) fn is_a_store(work: &Work<'_>) -> bool {
    let lasting = !work.object.list("/spec/volumeClaimTemplates").is_empty();
    keeps(work) != Keeps::Nothing || lasting || list(work.spec(), "/volumes").iter().any(outlives)
}

/// Provisioners whose volumes are disks or folders of one node.
const LOCAL: [&str; 13] = [
    "rancher.io/local-path",
    "kubernetes.io/no-provisioner",
    "docker.io/hostpath",
    "k8s.io/minikube-hostpath",
    "microk8s.io/hostpath",
    "hostpath.csi.k8s.io",
    "openebs.io/local",
    "local.csi.openebs.io",
    "zfs.csi.openebs.io",
    "topolvm.io",
    "topolvm.cybozu.com",
    "lvm.csi.metal-stack.io",
    "kubevirt.io.hostpath-provisioner",
];

/// The key of storage classes.
pub(super) const STORAGE_CLASS: &str = "StorageClass.storage.k8s.io";

/// Whether a storage class makes volumes on one node; the name is that of its provisioner.
pub(super) fn local_class<'a>(p: &Picture<'a>, class: &str) -> Option<&'a str> {
    let default = |o: &&Object| {
        o.metadata.annotations.get("storageclass.kubernetes.io/is-default-class").is_some_and(|v| v == "true")
    };
    let found = match class {
        "" => p.object_set.any(STORAGE_CLASS).iter().find(default),
        name => p.object_set.find(STORAGE_CLASS, "", name),
    };
    found.map(|class| class.text("/provisioner")).filter(|by| LOCAL.contains(by))
}

/// Whether only one node at a time can mount a claim.
pub(super) fn is_for_one_node(claim: &Value) -> bool {
    words(claim, "/spec/accessModes").iter().all(|mode| mode.starts_with("ReadWriteOnce"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_name_is_no_database() {
        for image in
            ["mongo-express:1.0.2", "quay.io/opstree/redis-operator:v0.15.0", "prom/mysqld-exporter", "a/pgbouncer"]
        {
            assert_eq!(image_keeps(image), Keeps::Nothing, "{image}");
        }
        let databases =
            ["postgres:16", "bitnami/postgresql:16", "percona/percona-server-mongodb:7", "a/mariadb-galera:11"];
        for image in
            databases.into_iter().chain(["pgvector/pgvector:pg16", "r.example:5000/solr@sha256:ab", "a/scylladb"])
        {
            assert_eq!(image_keeps(image), Keeps::Database, "{image}");
        }
        assert_eq!(image_keeps("rabbitmq:3.13"), Keeps::Store);
        assert_eq!(image_keeps("minio/minio:RELEASE.2024"), Keeps::Store);
        assert_eq!(image_keeps("docker.io/library/redis"), Keeps::Perhaps);
    }
}
