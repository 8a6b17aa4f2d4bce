//! What is kept of custom resources: Velero, monitoring, secrets, delivery, networks.

use super::{
    fields::Listed,
    keep::Keep::{All, Host, Shape, There, Value as Plain},
    reduce::{KindFields, kind},
};

/// What a backup includes, below its spec or the template of a schedule.
const SCOPE: &str = "includedNamespaces/* excludedNamespaces/* includedResources/* excludedResources/* \
     includedNamespaceScopedResources/* excludedNamespaceScopedResources/* includedClusterScopedResources/* \
     excludedClusterScopedResources/* defaultVolumesToFsBackup snapshotMoveData";

const COPY: &[Listed] = &[(Plain, "/status", "phase"), (There, "/status", "message")];
const VALID: Listed = (Plain, "/status", "valid");
const INVALID: Listed = (There, "/status", "error");

/// What a Prometheus or Alertmanager of the operator selects, and where it sends data.
const PROMETHEUS: &[Listed] = &[
    (Plain, "/spec", "replicas scrapeInterval retention scrapeClasses/*/name arbitraryFSAccessThroughSMs/deny"),
    (All, "/spec", "ruleSelector ruleNamespaceSelector serviceMonitorSelector serviceMonitorNamespaceSelector"),
    (All, "/spec", "podMonitorSelector podMonitorNamespaceSelector podMetadata/labels"),
    (Host, "/spec/remoteWrite/*", "url"),
    (There, "/spec", "alerting/alertmanagers thanos/objectStorageConfig storage/volumeClaimTemplate"),
];

/// Whether the operator accepted an object, according to its status.
const ACCEPTED: Listed = (Plain, "/status/bindings/*", "name namespace conditions/*/type conditions/*/status");
const REFUSAL: Listed = (There, "/status/bindings/*/conditions/*", "message");

/// Monitors: what they select, and the names of the Secrets and ConfigMaps of an endpoint.
const MONITOR: &[Listed] = &[
    (All, "/spec", "selector"),
    (Plain, "/spec", "namespaceSelector/any namespaceSelector/matchNames/* scrapeClass"),
    ACCEPTED,
    REFUSAL,
    (Plain, "/spec/endpoints/*", ENDPOINT),
    (There, "/spec/endpoints/*", FILES),
    (Plain, "/spec/podMetricsEndpoints/*", ENDPOINT),
    (There, "/spec/podMetricsEndpoints/*", FILES),
];
const ENDPOINT: &str = "port scrapeTimeout interval bearerTokenSecret/name basicAuth/username/name \
     basicAuth/password/name authorization/credentials/name oauth2/clientSecret/name tlsConfig/keySecret/name \
     oauth2/tlsConfig/keySecret/name oauth2/clientId/secret/name oauth2/clientId/configMap/name \
     tlsConfig/ca/secret/name tlsConfig/ca/configMap/name tlsConfig/cert/secret/name tlsConfig/cert/configMap/name \
     oauth2/tlsConfig/ca/secret/name oauth2/tlsConfig/ca/configMap/name oauth2/tlsConfig/cert/secret/name \
     oauth2/tlsConfig/cert/configMap/name";
const FILES: &str = "bearerTokenFile tlsConfig/caFile tlsConfig/certFile tlsConfig/keyFile";

const STORE: &[Listed] = &[
    (Host, "/spec/provider", "vault/server webhook/url conjur/url onepassword/connectHost azurekv/vaultUrl"),
    (Plain, "/spec/provider", "aws/region gcpsm/location"),
];

/// Secrets that an operator reads from Vault.
const FETCHED: &[Listed] = &[
    (Plain, "/spec", "destination/name"),
    (Plain, "/status", "valid lastGeneration expiration lastRenewalTime secretLease/duration"),
    (Plain, "/status/staticCredsMetaData", "rotationPeriod lastVaultRotation"),
    (There, "/status", "error"),
];

const FLUX: &[Listed] =
    &[(Plain, "/spec", "targetNamespace suspend"), (Plain, "/status", "lastAppliedRevision lastAttemptedRevision")];

/// What a policy selects, whether it has rules, and whether these name ports.
const CILIUM: &[Listed] = &[
    (All, "", "spec/endpointSelector specs/*/endpointSelector"),
    (Plain, "/spec/enableDefaultDeny", "ingress egress"),
    (Plain, "/specs/*/enableDefaultDeny", "ingress egress"),
    (There, "/spec", "ingress/*/* egress/*/* ingressDeny egressDeny"),
    (There, "/specs/*", "ingress/*/* egress/*/* ingressDeny egressDeny"),
];
const CALICO: &[Listed] = &[(Plain, "/spec", "types/* selector namespaceSelector"), (There, "/spec", "egress")];

/// The fields, by kind.
pub(super) const OPERATORS: &[KindFields] = &[
    kind(
        "BackupStorageLocation.velero.io",
        &[
            (Plain, "/spec", "default accessMode validationFrequency config/region"),
            (Host, "/spec/config", "s3Url"),
            (Plain, "/status", "phase lastValidationTime"),
            (There, "/status", "message"),
        ],
    ),
    kind(
        "Schedule.velero.io",
        &[
            (Plain, "/spec", "paused schedule"),
            (Plain, "/spec/template", SCOPE),
            (There, "/spec/template", "labelSelector orLabelSelectors"),
            (Plain, "/spec/template/hooks/resources/*", "includedNamespaces/* excludedNamespaces/*"),
            (All, "/spec/template/hooks/resources/*", "labelSelector"),
            // The command of a hook may contain a password.
            (There, "/spec/template/hooks/resources/*", "pre"),
            (Plain, "/status", "phase lastBackup"),
            (There, "/status", "validationErrors"),
        ],
    ),
    kind(
        "Backup.velero.io",
        &[
            (Plain, "/spec", SCOPE),
            (Plain, "/spec", "itemOperationTimeout"),
            (There, "/spec", "labelSelector"),
            (Plain, "/status", "phase startTimestamp completionTimestamp expiration errors warnings"),
            (Plain, "/status", "hookStatus/hooksFailed csiVolumeSnapshotsAttempted csiVolumeSnapshotsCompleted"),
        ],
    ),
    kind(
        "Restore.velero.io",
        &[
            (Plain, "/spec", "backupName includedNamespaces/* excludedNamespaces/*"),
            (Plain, "/status", "phase errors completionTimestamp"),
        ],
    ),
    kind(
        "PodVolumeBackup.velero.io",
        &[(Plain, "/spec", "tags/pvc-uid"), (Plain, "/status", "phase progress/bytesDone progress/totalBytes")],
    ),
    kind("BackupRepository.velero.io", COPY),
    kind("ETCDSnapshotFile.k3s.cattle.io", &[(Plain, "/status", "readyToUse")]),
    kind(
        "Cluster.postgresql.cnpg.io",
        &[
            (Plain, "/spec", "instances storage/storageClass replica/enabled"),
            (Plain, "/spec/plugins/*", "name isWALArchiver enabled"),
            (There, "/spec/backup", "barmanObjectStore volumeSnapshot"),
            (All, "/spec", "inheritedMetadata/labels"),
            (Plain, "/status", "lastSuccessfulBackup"),
        ],
    ),
    kind("ScheduledBackup.postgresql.cnpg.io", &[(Plain, "/spec", "cluster/name suspend")]),
    kind("Pooler.postgresql.cnpg.io", &[(All, "/spec", "template/metadata/labels")]),
    kind(
        "Kafka.kafka.strimzi.io",
        &[
            (Plain, "/spec", "kafka/replicas zookeeper/replicas kafka/storage/type kafka/storage/class"),
            (Plain, "/spec/kafka/storage/volumes/*", "type class"),
        ],
    ),
    kind(
        "KafkaNodePool.kafka.strimzi.io",
        &[
            (Plain, "/spec", "replicas roles/* storage/type storage/class"),
            (Plain, "/spec/storage/volumes/*", "type class"),
        ],
    ),
    kind(
        "RabbitmqCluster.rabbitmq.com",
        &[(Plain, "/spec", "replicas persistence/storage persistence/storageClassName")],
    ),
    kind("MongoDBCommunity.mongodbcommunity.mongodb.com", &[(Plain, "/spec", "members")]),
    kind("Grafana.grafana.integreatly.org", &[(All, "/spec", "deployment/spec/template/metadata/labels")]),
    kind("Prometheus.monitoring.coreos.com", PROMETHEUS),
    kind("PrometheusAgent.monitoring.coreos.com", PROMETHEUS),
    kind(
        "ThanosRuler.monitoring.coreos.com",
        &[(All, "/spec", "ruleSelector ruleNamespaceSelector podMetadata/labels")],
    ),
    kind(
        "Alertmanager.monitoring.coreos.com",
        &[
            (Plain, "/spec", "replicas configSecret alertmanagerConfiguration/name"),
            (All, "/spec", "alertmanagerConfigSelector alertmanagerConfigNamespaceSelector podMetadata/labels"),
        ],
    ),
    // Which integrations a receiver has, without their settings.
    kind(
        "AlertmanagerConfig.monitoring.coreos.com",
        &[(Plain, "/spec", "route/receiver receivers/*/name"), (There, "/spec", "receivers/*/*")],
    ),
    kind("ServiceMonitor.monitoring.coreos.com", MONITOR),
    kind("PodMonitor.monitoring.coreos.com", MONITOR),
    kind("PodMonitoring.monitoring.googleapis.com", &[(All, "/spec", "selector")]),
    kind(
        "PrometheusRule.monitoring.coreos.com",
        &[(Plain, "/spec/groups/*/rules/*", "alert record expr for labels/severity"), ACCEPTED, REFUSAL],
    ),
    kind("DatadogMonitor.datadoghq.com", &[(Plain, "/spec", "type")]),
    kind(
        "Elasticsearch.elasticsearch.k8s.elastic.co",
        &[
            (Plain, "/spec/nodeSets/*", "name count podTemplate/spec/volumes/*/name"),
            (Plain, "/spec/nodeSets/*/config", "node.master node.roles/* node/master node/roles/*"),
            (There, "/spec/nodeSets/*/podTemplate/spec/volumes/*", "emptyDir"),
            (Plain, "/status", "health"),
        ],
    ),
    kind("GrafanaDashboard.grafana.integreatly.org", &[(There, "/spec", "json")]),
    kind(
        "ExternalSecret.external-secrets.io",
        &[(Plain, "/spec", "refreshInterval refreshPolicy target/name"), (Plain, "/status", "refreshTime")],
    ),
    kind(
        "ClusterExternalSecret.external-secrets.io",
        &[
            (Plain, "/spec", "externalSecretName externalSecretSpec/target/name namespaces/*"),
            (All, "/spec", "namespaceSelector namespaceSelectors"),
        ],
    ),
    kind("SecretStore.external-secrets.io", STORE),
    kind("ClusterSecretStore.external-secrets.io", STORE),
    kind("VaultStaticSecret.secrets.hashicorp.com", FETCHED),
    kind("VaultDynamicSecret.secrets.hashicorp.com", FETCHED),
    kind("VaultPKISecret.secrets.hashicorp.com", FETCHED),
    kind("VaultConnection.secrets.hashicorp.com", &[(Host, "/spec", "address"), VALID, INVALID]),
    kind("VaultAuth.secrets.hashicorp.com", &[VALID, INVALID]),
    kind("SecretProviderClass.secrets-store.csi.x-k8s.io", &[(Plain, "/spec/secretObjects/*", "secretName")]),
    kind("SecretProviderClassPodStatus.secrets-store.csi.x-k8s.io", &[(Plain, "/status", "mounted")]),
    kind("SealedSecret.bitnami.com", &[(Plain, "/spec", "template/metadata/name")]),
    kind("Certificate.cert-manager.io", &[(Plain, "/spec", "secretName"), (Plain, "/status", "notAfter renewalTime")]),
    kind(
        "VulnerabilityReport.aquasecurity.github.io",
        &[
            (Plain, "/report", "artifact/digest updateTimestamp"),
            (Plain, "/report/vulnerabilities/*", "severity fixedVersion vulnerabilityID"),
        ],
    ),
    kind(
        "Application.argoproj.io",
        &[
            (Plain, "/spec", "syncPolicy/automated/selfHeal syncPolicy/automated/prune destination/namespace"),
            (Plain, "/status", "sync/status health/status"),
        ],
    ),
    kind("Kustomization.kustomize.toolkit.fluxcd.io", FLUX),
    kind("HelmRelease.helm.toolkit.fluxcd.io", FLUX),
    kind(
        "ScaledObject.keda.sh",
        &[(Plain, "/spec", "minReplicaCount maxReplicaCount scaleTargetRef/kind scaleTargetRef/name")],
    ),
    kind("CiliumNetworkPolicy.cilium.io", CILIUM),
    kind("CiliumClusterwideNetworkPolicy.cilium.io", CILIUM),
    kind("NetworkPolicy.crd.projectcalico.org", CALICO),
    kind("NetworkPolicy.projectcalico.org", CALICO),
    kind("GlobalNetworkPolicy.crd.projectcalico.org", CALICO),
    kind("GlobalNetworkPolicy.projectcalico.org", CALICO),
    kind(
        "PeerAuthentication.security.istio.io",
        &[
            (All, "/spec", "selector"),
            (There, "/spec", "targetRefs"),
            (Plain, "/spec", "mtls/mode portLevelMtls/*/mode"),
        ],
    ),
    kind(
        "AuthorizationPolicy.security.istio.io",
        &[
            (All, "/spec", "selector"),
            (Plain, "/spec", "action rules/*/from/*/source/principals/* rules/*/when/*/key"),
            (There, "/spec", "targetRefs"),
            (There, "/spec/rules/*/from/*/source", "notPrincipals namespaces notNamespaces serviceAccounts"),
            (There, "/spec/rules/*/to/*/operation", "ports paths methods"),
        ],
    ),
    kind(
        "DestinationRule.networking.istio.io",
        &[(There, "/spec/trafficPolicy", "loadBalancer/localityLbSetting outlierDetection")],
    ),
    kind(
        "ClusterPolicy.kyverno.io",
        &[
            (Plain, "/spec", "validationFailureAction rules/*/validate/failureAction"),
            (Shape, "/spec/rules/*", "validate/*"),
            (Plain, "/spec/rules/*", "verifyImages/*/failureAction"),
        ],
    ),
];
