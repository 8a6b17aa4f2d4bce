//! The catalogue of the resources that the simulated API server serves. Read [`Resource`] first. What a resource does
//! is the concern of the controllers.

/// A resource.
#[derive(Debug)]
pub(super) struct Resource {
    pub group: &'static str,
    pub version: &'static str,
    pub plural: &'static str,
    pub kind: &'static str,
    pub namespaced: bool,
}

impl Resource {
    /// Its plural and its group, as Velero and kubectl write them.
    pub(super) fn full(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Whether this is its API version. Every request is compared with all resources.
    pub(super) fn has_version(&self, api_version: &str) -> bool {
        match api_version.split_once('/') {
            Some((group, version)) => !group.is_empty() && group == self.group && version == self.version,
            None => self.group.is_empty() && api_version == self.version,
        }
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

/// Plurals must be unique here because they are the keys of the store.
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

/// All resources.
pub(super) fn all() -> impl Iterator<Item = &'static Resource> {
    static TABLE: [Resource; 35] = ALL;
    TABLE.iter()
}

/// Finds a resource by its group and plural, as in the path of a request.
pub(super) fn find(group: &str, plural: &str) -> Option<&'static Resource> {
    all().find(|r| r.group == group && r.plural == plural)
}

/// Finds a resource by its kind, as in the objects of a description or a backup.
pub(super) fn of_kind(kind: &str) -> Option<&'static Resource> {
    all().find(|r| r.kind == kind)
}

/// Returns a resource of which the code knows that it is in the table.
pub(super) fn known(plural: &'static str) -> &'static Resource {
    all().find(|r| r.plural == plural).expect("the code only names resources that are in the table")
}
