//! The kinds of objects that a readiness review reads from a cluster. Each is one list request, so this table also
//! gives the minimal permissions of `check`.

/// One kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindOf {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// The versions that drillmaster can read, best first.
    pub versions: &'static [&'static str],
    /// The plural name, as in API paths.
    pub plural: &'static str,
    /// The kind, as in objects.
    pub kind: &'static str,
    /// Whether only the metadata is requested.
    pub metadata_only: bool,
}

const fn kind(
    group: &'static str,
    versions: &'static [&'static str],
    plural: &'static str,
    kind: &'static str,
) -> KindOf {
    KindOf { group, versions, plural, kind, metadata_only: false }
}

/// All kinds. If a cluster does not serve a group, objects of that group are known not to exist.
pub const KINDS: &[KindOf] = &[
    kind("", &["v1"], "nodes", "Node"),
    kind("", &["v1"], "pods", "Pod"),
    kind("", &["v1"], "namespaces", "Namespace"),
    kind("", &["v1"], "services", "Service"),
    kind("", &["v1"], "serviceaccounts", "ServiceAccount"),
    kind("", &["v1"], "configmaps", "ConfigMap"),
    KindOf { metadata_only: true, ..kind("", &["v1"], "secrets", "Secret") },
    kind("", &["v1"], "persistentvolumes", "PersistentVolume"),
    kind("", &["v1"], "persistentvolumeclaims", "PersistentVolumeClaim"),
    kind("", &["v1"], "resourcequotas", "ResourceQuota"),
    kind("", &["v1"], "limitranges", "LimitRange"),
    kind("", &["v1"], "replicationcontrollers", "ReplicationController"),
    kind("apps", &["v1"], "deployments", "Deployment"),
    kind("apps", &["v1"], "statefulsets", "StatefulSet"),
    kind("apps", &["v1"], "daemonsets", "DaemonSet"),
    kind("batch", &["v1"], "jobs", "Job"),
    kind("batch", &["v1"], "cronjobs", "CronJob"),
    kind("autoscaling", &["v2"], "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
    kind("policy", &["v1"], "poddisruptionbudgets", "PodDisruptionBudget"),
    kind("discovery.k8s.io", &["v1"], "endpointslices", "EndpointSlice"),
    kind("coordination.k8s.io", &["v1"], "leases", "Lease"),
    kind("networking.k8s.io", &["v1"], "networkpolicies", "NetworkPolicy"),
    kind("networking.k8s.io", &["v1"], "ingresses", "Ingress"),
    kind("rbac.authorization.k8s.io", &["v1"], "roles", "Role"),
    kind("rbac.authorization.k8s.io", &["v1"], "clusterroles", "ClusterRole"),
    kind("rbac.authorization.k8s.io", &["v1"], "rolebindings", "RoleBinding"),
    kind("rbac.authorization.k8s.io", &["v1"], "clusterrolebindings", "ClusterRoleBinding"),
    kind("storage.k8s.io", &["v1"], "storageclasses", "StorageClass"),
    kind("storage.k8s.io", &["v1"], "csinodes", "CSINode"),
    kind("storage.k8s.io", &["v1"], "volumeattachments", "VolumeAttachment"),
    kind("scheduling.k8s.io", &["v1"], "priorityclasses", "PriorityClass"),
    kind("node.k8s.io", &["v1"], "runtimeclasses", "RuntimeClass"),
    kind("admissionregistration.k8s.io", &["v1"], "validatingwebhookconfigurations", "ValidatingWebhookConfiguration"),
    kind("admissionregistration.k8s.io", &["v1"], "mutatingwebhookconfigurations", "MutatingWebhookConfiguration"),
    kind("admissionregistration.k8s.io", &["v1"], "validatingadmissionpolicies", "ValidatingAdmissionPolicy"),
    kind(
        "admissionregistration.k8s.io",
        &["v1"],
        "validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
    ),
    kind("apiregistration.k8s.io", &["v1"], "apiservices", "APIService"),
    kind("apiextensions.k8s.io", &["v1"], "customresourcedefinitions", "CustomResourceDefinition"),
    kind("snapshot.storage.k8s.io", &["v1"], "volumesnapshotclasses", "VolumeSnapshotClass"),
    kind("velero.io", &["v1"], "backupstoragelocations", "BackupStorageLocation"),
    kind("velero.io", &["v1"], "schedules", "Schedule"),
    kind("velero.io", &["v1"], "backups", "Backup"),
    kind("velero.io", &["v1"], "restores", "Restore"),
    kind("velero.io", &["v1"], "podvolumebackups", "PodVolumeBackup"),
    kind("velero.io", &["v1"], "backuprepositories", "BackupRepository"),
    kind("monitoring.coreos.com", &["v1"], "prometheuses", "Prometheus"),
    kind("monitoring.coreos.com", &["v1"], "alertmanagers", "Alertmanager"),
    kind("monitoring.coreos.com", &["v1"], "servicemonitors", "ServiceMonitor"),
    kind("monitoring.coreos.com", &["v1"], "podmonitors", "PodMonitor"),
    kind("monitoring.coreos.com", &["v1"], "prometheusrules", "PrometheusRule"),
    kind("monitoring.coreos.com", &["v1alpha1", "v1beta1"], "alertmanagerconfigs", "AlertmanagerConfig"),
    kind("external-secrets.io", &["v1", "v1beta1"], "externalsecrets", "ExternalSecret"),
    kind("external-secrets.io", &["v1", "v1beta1"], "clusterexternalsecrets", "ClusterExternalSecret"),
    kind("external-secrets.io", &["v1", "v1beta1"], "secretstores", "SecretStore"),
    kind("external-secrets.io", &["v1", "v1beta1"], "clustersecretstores", "ClusterSecretStore"),
    kind("secrets.hashicorp.com", &["v1beta1"], "vaultstaticsecrets", "VaultStaticSecret"),
    kind("secrets.hashicorp.com", &["v1beta1"], "vaultdynamicsecrets", "VaultDynamicSecret"),
    kind("secrets.hashicorp.com", &["v1beta1"], "vaultpkisecrets", "VaultPKISecret"),
    kind("secrets.hashicorp.com", &["v1beta1"], "vaultconnections", "VaultConnection"),
    kind("secrets.hashicorp.com", &["v1beta1"], "vaultauths", "VaultAuth"),
    kind("secrets-store.csi.x-k8s.io", &["v1"], "secretproviderclasses", "SecretProviderClass"),
    kind("secrets-store.csi.x-k8s.io", &["v1"], "secretproviderclasspodstatuses", "SecretProviderClassPodStatus"),
    kind("bitnami.com", &["v1alpha1"], "sealedsecrets", "SealedSecret"),
    kind("cert-manager.io", &["v1"], "certificates", "Certificate"),
    kind("aquasecurity.github.io", &["v1alpha1"], "vulnerabilityreports", "VulnerabilityReport"),
    kind("security.istio.io", &["v1", "v1beta1"], "peerauthentications", "PeerAuthentication"),
    kind("security.istio.io", &["v1", "v1beta1"], "authorizationpolicies", "AuthorizationPolicy"),
    kind("argoproj.io", &["v1alpha1"], "applications", "Application"),
    kind("argoproj.io", &["v1alpha1"], "rollouts", "Rollout"),
    kind("kustomize.toolkit.fluxcd.io", &["v1"], "kustomizations", "Kustomization"),
    kind("helm.toolkit.fluxcd.io", &["v2"], "helmreleases", "HelmRelease"),
    kind("keda.sh", &["v1alpha1"], "scaledobjects", "ScaledObject"),
    kind("cilium.io", &["v2"], "ciliumnetworkpolicies", "CiliumNetworkPolicy"),
    kind("cilium.io", &["v2"], "ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy"),
    kind("crd.projectcalico.org", &["v1"], "networkpolicies", "NetworkPolicy"),
    kind("crd.projectcalico.org", &["v1"], "globalnetworkpolicies", "GlobalNetworkPolicy"),
    kind("loki.grafana.com", &["v1"], "lokistacks", "LokiStack"),
    kind("loki.grafana.com", &["v1"], "alertingrules", "AlertingRule"),
    kind("grafana.integreatly.org", &["v1beta1"], "grafanadashboards", "GrafanaDashboard"),
    kind("postgresql.cnpg.io", &["v1"], "clusters", "Cluster"),
    kind("k3s.cattle.io", &["v1"], "etcdsnapshotfiles", "ETCDSnapshotFile"),
    kind("datadoghq.com", &["v1alpha1"], "datadogmonitors", "DatadogMonitor"),
    kind("datadoghq.com", &["v2alpha1"], "datadogagents", "DatadogAgent"),
    kind("grafana.integreatly.org", &["v1beta1"], "grafanaalertrulegroups", "GrafanaAlertRuleGroup"),
    kind("metrics.k8s.io", &["v1beta1"], "pods", "PodMetrics"),
    kind("autoscaling.k8s.io", &["v1"], "verticalpodautoscalers", "VerticalPodAutoscaler"),
    kind("networking.k8s.io", &["v1"], "ingressclasses", "IngressClass"),
    kind("kyverno.io", &["v1"], "clusterpolicies", "ClusterPolicy"),
    kind("policy.networking.k8s.io", &["v1beta1", "v1alpha2"], "clusternetworkpolicies", "ClusterNetworkPolicy"),
    kind("policy.networking.k8s.io", &["v1alpha1"], "adminnetworkpolicies", "AdminNetworkPolicy"),
    kind("policy.networking.k8s.io", &["v1alpha1"], "baselineadminnetworkpolicies", "BaselineAdminNetworkPolicy"),
    kind("networking.istio.io", &["v1", "v1beta1"], "destinationrules", "DestinationRule"),
    kind("gateway.networking.k8s.io", &["v1"], "httproutes", "HTTPRoute"),
    kind("gateway.networking.k8s.io", &["v1"], "grpcroutes", "GRPCRoute"),
    kind("gateway.networking.k8s.io", &["v1", "v1alpha3", "v1alpha2"], "tlsroutes", "TLSRoute"),
    kind("gateway.networking.k8s.io", &["v1alpha2"], "tcproutes", "TCPRoute"),
    kind("gateway.networking.k8s.io", &["v1alpha2"], "udproutes", "UDPRoute"),
    kind("monitoring.coreos.com", &["v1alpha1"], "prometheusagents", "PrometheusAgent"),
    kind("monitoring.coreos.com", &["v1alpha1"], "scrapeconfigs", "ScrapeConfig"),
    kind("monitoring.coreos.com", &["v1"], "thanosrulers", "ThanosRuler"),
    kind("monitoring.googleapis.com", &["v1"], "podmonitorings", "PodMonitoring"),
    kind("elasticsearch.k8s.elastic.co", &["v1"], "elasticsearches", "Elasticsearch"),
    kind("apps.openshift.io", &["v1"], "deploymentconfigs", "DeploymentConfig"),
    kind("postgresql.cnpg.io", &["v1"], "scheduledbackups", "ScheduledBackup"),
    kind("postgresql.cnpg.io", &["v1"], "poolers", "Pooler"),
    kind("kafka.strimzi.io", &["v1", "v1beta2"], "kafkas", "Kafka"),
    kind("kafka.strimzi.io", &["v1", "v1beta2"], "kafkanodepools", "KafkaNodePool"),
    kind("rabbitmq.com", &["v1beta1"], "rabbitmqclusters", "RabbitmqCluster"),
    kind("mongodbcommunity.mongodb.com", &["v1"], "mongodbcommunity", "MongoDBCommunity"),
    kind("grafana.integreatly.org", &["v1beta1"], "grafanas", "Grafana"),
];

/// Kinds of Kubernetes that files often put into a wrong or a removed group, and the group that has them.
const HOMES: [(&str, &str); 16] = [
    ("Deployment", "apps"),
    ("StatefulSet", "apps"),
    ("DaemonSet", "apps"),
    ("ReplicaSet", "apps"),
    ("Job", "batch"),
    ("CronJob", "batch"),
    ("HorizontalPodAutoscaler", "autoscaling"),
    ("PodDisruptionBudget", "policy"),
    ("Ingress", "networking.k8s.io"),
    ("NetworkPolicy", "networking.k8s.io"),
    ("Pod", ""),
    ("Service", ""),
    ("Secret", ""),
    ("ConfigMap", ""),
    ("ServiceAccount", ""),
    ("PersistentVolumeClaim", ""),
];

/// The group under which an object is kept. A group without a dot belongs to Kubernetes, so a Deployment of `extensions`
/// or of a misspelt group is the Deployment of `apps` for everybody who looks for Deployments.
pub(super) fn home<'a>(kind: &str, group: &'a str) -> &'a str {
    let of = || HOMES.iter().find(|(k, _)| *k == kind).map(|(_, home)| *home);
    if group.contains('.') { group } else { of().unwrap_or(group) }
}

/// The kinds, as `kind.group`, that a simulated cluster contains completely.
pub const SIMULATED: &[&str] = &[
    "Node",
    "Pod",
    "Namespace",
    "Service",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment.apps",
    "StatefulSet.apps",
    "DaemonSet.apps",
    "PodDisruptionBudget.policy",
    "EndpointSlice.discovery.k8s.io",
    "Lease.coordination.k8s.io",
    "StorageClass.storage.k8s.io",
    "PriorityClass.scheduling.k8s.io",
    "BackupStorageLocation.velero.io",
    "Schedule.velero.io",
    "Backup.velero.io",
    "Restore.velero.io",
    "PodVolumeBackup.velero.io",
];

impl KindOf {
    /// `kind.group`, which reviews use as a key.
    pub fn key(&self) -> String {
        key(self.kind, self.group)
    }
}

/// `kind.group`, or only the kind for the core group.
pub fn key(kind: &str, group: &str) -> String {
    if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") }
}

/// The kind of a key: `Deployment` of `Deployment.apps`.
pub fn kind_of(key: &str) -> &str {
    key.split_once('.').map_or(key, |(kind, _)| kind)
}
