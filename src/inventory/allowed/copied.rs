//! What the copy of a cluster for rehearsals contains: the fields that the simulation reads.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::{Value, json};

use super::{
    fields::{Fields, Listed},
    keep::Keep::{All, Host, Image, Keys, There, Value as Plain},
};

/// Fields of every object.
const OF_ALL: &[Listed] = &[(Plain, "/metadata", "name namespace labels/*")];

const CLAIM: &str = "accessModes/* resources/requests/* storageClassName volumeName volumeMode";

/// Fields of a pod spec, below its template.
const POD: &[Listed] = &[
    (Plain, "/metadata", "labels/*"),
    (Plain, "/spec", "priorityClassName priority preemptionPolicy terminationGracePeriodSeconds restartPolicy"),
    (Plain, "/spec", "nodeName hostNetwork nodeSelector/* overhead/* readinessGates/*/conditionType"),
    (Plain, "/spec/tolerations/*", "key operator value effect tolerationSeconds"),
    (All, "/spec", "affinity topologySpreadConstraints resources"),
    (Plain, "/spec/volumes/*", "name persistentVolumeClaim/claimName"),
    (There, "/spec/volumes/*", "emptyDir hostPath"),
    (Plain, "/spec/containers/*", CONTAINER),
    (Image, "/spec/containers/*", "image"),
    (All, "/spec/containers/*", "resources"),
    (Plain, "/spec/initContainers/*", CONTAINER),
    (Image, "/spec/initContainers/*", "image"),
    (All, "/spec/initContainers/*", "resources"),
];
const CONTAINER: &str = "name restartPolicy ports/*/name ports/*/containerPort ports/*/hostPort ports/*/protocol \
     volumeMounts/*/name volumeMounts/*/mountPath";

const WORKLOAD: &[Listed] = &[
    (Plain, "/spec", "replicas serviceName podManagementPolicy"),
    (All, "/spec", "selector"),
    (Plain, "/spec", "strategy/type strategy/rollingUpdate/maxUnavailable strategy/rollingUpdate/maxSurge"),
    (Plain, "/spec/volumeClaimTemplates/*/metadata", "name labels/*"),
    (Plain, "/spec/volumeClaimTemplates/*/spec", CLAIM),
];

/// The fields, by kind.
const COPIED: &[(&str, &[Listed])] = &[
    (
        "Node",
        &[
            (Plain, "/spec", "providerID unschedulable"),
            (Plain, "/spec/taints/*", "key value effect"),
            (Plain, "/status", "capacity/* allocatable/* addresses/*/type addresses/*/address"),
        ],
    ),
    ("Namespace", &[]),
    ("StorageClass", &[(Plain, "", "provisioner reclaimPolicy volumeBindingMode")]),
    ("PriorityClass", &[(Plain, "", "value globalDefault preemptionPolicy")]),
    (
        "PersistentVolume",
        &[
            (Plain, "/spec", "capacity/* accessModes/* persistentVolumeReclaimPolicy storageClassName volumeMode"),
            (Plain, "/spec", "claimRef/kind claimRef/namespace claimRef/name csi/driver"),
            (There, "/spec", "hostPath local"),
            (All, "/spec", "nodeAffinity"),
        ],
    ),
    ("PersistentVolumeClaim", &[(Plain, "/spec", CLAIM)]),
    (
        "Service",
        &[
            (Plain, "/spec", "type clusterIP selector/* externalTrafficPolicy internalTrafficPolicy"),
            (Plain, "/spec/ports/*", "name port targetPort nodePort protocol"),
        ],
    ),
    ("ConfigMap", &[(Keys, "", "data binaryData")]),
    ("Deployment", WORKLOAD),
    ("StatefulSet", WORKLOAD),
    ("DaemonSet", WORKLOAD),
    (
        "PodDisruptionBudget",
        &[(All, "/spec", "selector"), (Plain, "/spec", "minAvailable maxUnavailable unhealthyPodEvictionPolicy")],
    ),
    (
        "BackupStorageLocation",
        &[(Plain, "/spec", "default accessMode provider config/region"), (Host, "/spec/config", "s3Url")],
    ),
    (
        "Schedule",
        &[
            (Plain, "/spec", "schedule paused useOwnerReferencesInBackup"),
            (Plain, "/spec/template", "includedNamespaces/* excludedNamespaces/* includedResources/*"),
            (Plain, "/spec/template", "excludedResources/* includeClusterResources storageLocation ttl"),
            (Plain, "/spec/template", "defaultVolumesToFsBackup snapshotVolumes snapshotMoveData"),
            (Plain, "/spec/template", "csiSnapshotTimeout itemOperationTimeout"),
            (All, "/spec/template", "labelSelector orLabelSelectors"),
        ],
    ),
];

static FIELDS: LazyLock<BTreeMap<&str, Fields>> = LazyLock::new(|| {
    let of = |kind: &str, listed: &[Listed]| {
        let mut fields = Fields::default();
        fields.list("", OF_ALL);
        fields.list("", listed);
        if matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet") {
            fields.list("/spec/template", POD);
        }
        fields
    };
    COPIED.iter().map(|(kind, listed)| (*kind, of(kind, listed))).collect()
});

/// What the copy contains of an object; nothing for an unknown kind.
pub(in super::super) fn copied(kind: &str, object: &Value) -> Value {
    let mut kept = FIELDS.get(kind).and_then(|fields| fields.of(object)).unwrap_or_else(|| json!({}));
    kept["kind"] = kind.into();
    if object["apiVersion"].is_string() {
        kept["apiVersion"] = object["apiVersion"].clone();
    }
    kept
}
