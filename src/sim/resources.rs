//! The resources that the simulated API server serves.

/// One resource.
#[derive(Debug)]
pub(super) struct Resource {
    pub group: &'static str,
    pub version: &'static str,
    pub plural: &'static str,
    pub kind: &'static str,
    pub namespaced: bool,
}

impl Resource {
    /// Its name and its group, as Velero and kubectl write it.
    pub(super) fn full(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }
}

const fn namespaced(group: &'static str, version: &'static str, plural: &'static str, kind: &'static str) -> Resource {
    Resource { group, version, plural, kind, namespaced: true }
}

const fn wide(group: &'static str, version: &'static str, plural: &'static str, kind: &'static str) -> Resource {
    Resource { group, version, plural, kind, namespaced: false }
}

/// Plurals are unique here: they are the store's keys.
const ALL: [Resource; 35] = [
    wide("", "v1", "nodes", "Node"),
    wide("", "v1", "namespaces", "Namespace"),
    wide("", "v1", "persistentvolumes", "PersistentVolume"),
    wide("storage.k8s.io", "v1", "storageclasses", "StorageClass"),
    wide("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass"),
    namespaced("", "v1", "pods", "Pod"),
    namespaced("", "v1", "services", "Service"),
    namespaced("", "v1", "configmaps", "ConfigMap"),
    namespaced("", "v1", "secrets", "Secret"),
    namespaced("", "v1", "serviceaccounts", "ServiceAccount"),
    namespaced("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    namespaced("apps", "v1", "deployments", "Deployment"),
    namespaced("apps", "v1", "replicasets", "ReplicaSet"),
    namespaced("apps", "v1", "statefulsets", "StatefulSet"),
    namespaced("apps", "v1", "daemonsets", "DaemonSet"),
    namespaced("batch", "v1", "jobs", "Job"),
    namespaced("batch", "v1", "cronjobs", "CronJob"),
    namespaced("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    namespaced("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
    namespaced("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
    namespaced("networking.k8s.io", "v1", "ingresses", "Ingress"),
    namespaced("coordination.k8s.io", "v1", "leases", "Lease"),
    namespaced("rbac.authorization.k8s.io", "v1", "roles", "Role"),
    namespaced("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
    namespaced("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
    namespaced("velero.io", "v1", "backups", "Backup"),
    namespaced("velero.io", "v1", "restores", "Restore"),
    namespaced("velero.io", "v1", "schedules", "Schedule"),
    namespaced("velero.io", "v1", "backupstoragelocations", "BackupStorageLocation"),
    namespaced("velero.io", "v1", "downloadrequests", "DownloadRequest"),
    namespaced("velero.io", "v1", "serverstatusrequests", "ServerStatusRequest"),
    namespaced("velero.io", "v1", "deletebackuprequests", "DeleteBackupRequest"),
    namespaced("velero.io", "v1", "podvolumebackups", "PodVolumeBackup"),
    namespaced("velero.io", "v1", "podvolumerestores", "PodVolumeRestore"),
    namespaced("", "v1", "events", "Event"),
];

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Resource> {
    static TABLE: [Resource; 35] = ALL;
    TABLE.iter()
}

/// By its name in a path.
pub(super) fn find(group: &str, plural: &str) -> Option<&'static Resource> {
    all().find(|r| r.group == group && r.plural == plural)
}

/// By its kind, for objects of a description or a backup.
pub(super) fn of_kind(kind: &str) -> Option<&'static Resource> {
    all().find(|r| r.kind == kind)
}

/// One that is surely in the table.
pub(super) fn known(plural: &'static str) -> &'static Resource {
    all().find(|r| r.plural == plural).expect("the controllers name resources of the table only")
}
