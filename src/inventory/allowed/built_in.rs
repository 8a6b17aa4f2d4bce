//! What is kept of the kinds of Kubernetes itself.

use super::{
    fields::Listed,
    keep::Keep::{All, Certificates, Image, Keys, There, Value as Plain, Words},
    reduce::{KindFields, kind, workload},
};

const TEMPLATE: &str = "/spec/template/spec";

/// Fields of every kind that creates pods. A kind without one of these fields is not affected.
const WORKLOAD: &[Listed] = &[
    (Plain, "/spec", "replicas serviceName ordinals/start manualSelector"),
    (All, "/spec", "selector"),
    (Plain, "/spec", "strategy/type strategy/rollingUpdate/maxUnavailable strategy/rollingUpdate/maxSurge"),
    (Plain, "/spec", "updateStrategy/type persistentVolumeClaimRetentionPolicy/whenDeleted"),
    (Plain, "/spec/volumeClaimTemplates/*", "metadata/name spec/storageClassName"),
    (Plain, "/status", "replicas readyReplicas updatedReplicas availableReplicas observedGeneration"),
    (Plain, "/status", "currentRevision updateRevision numberReady desiredNumberScheduled lastSuccessfulTime"),
    (Plain, "/drillmaster.dev~1editors/*", "manager time"),
];

const WEBHOOKS: &[Listed] = &[
    (
        Plain,
        "/webhooks/*",
        "name failurePolicy timeoutSeconds rules/*/resources/* rules/*/apiGroups/* rules/*/operations/*",
    ),
    (Plain, "/webhooks/*/clientConfig/service", "namespace name"),
    (Certificates, "/webhooks/*/clientConfig", "caBundle"),
    (All, "/webhooks/*", "namespaceSelector objectSelector"),
    // Only whether it has conditions. Without this field, as in captures of before, it is judged as if it had none.
    (There, "/webhooks/*", "matchConditions"),
];

const SELECTED: &[Listed] = &[(All, "", "spec")];
const ROUTE: &[Listed] = &[
    (Plain, "/spec/rules/*/backendRefs/*", "kind group name namespace port"),
    (Plain, "/spec/rules/*/filters/*/requestMirror/backendRef", "kind group name namespace port"),
];
const BINDING: &[Listed] = &[(All, "", "roleRef subjects")];
const ROLE: &[Listed] = &[(All, "", "rules aggregationRule")];

/// Cluster-wide policies: what they deny, and which pods they select.
const CLUSTER_POLICY: &[Listed] = &[
    (All, "/spec", "subject"),
    (Plain, "/spec", "ingress/*/action egress/*/action"),
    (There, "/spec", "ingress/*/ports ingress/*/protocols egress/*/ports egress/*/protocols"),
    (All, "/spec", "ingress/*/from/*/namespaces egress/*/to/*/namespaces"),
];

/// The fields, by kind. A spec that the check DRF-002 compares is kept completely if its schema has no place for a
/// secret.
pub(super) const BUILT_IN: &[KindFields] = &[
    kind(
        "Node",
        &[
            (Plain, "/spec", "unschedulable providerID podCIDRs/*"),
            (Plain, "/spec/taints/*", "key value effect"),
            (Plain, "/status", "allocatable/* nodeInfo/kubeletVersion"),
            (Plain, "/status/addresses/*", "type address"),
        ],
    ),
    workload(
        "Pod",
        "/spec",
        &[
            (Plain, "/status", "phase"),
            (Plain, "/status/containerStatuses/*", "name restartCount state/waiting/reason"),
            (Plain, "/status/containerStatuses/*/lastState/terminated", "reason finishedAt"),
            (Image, "/status/containerStatuses/*", "imageID"),
        ],
    ),
    workload("Deployment.apps", TEMPLATE, WORKLOAD),
    workload("StatefulSet.apps", TEMPLATE, WORKLOAD),
    workload("DaemonSet.apps", TEMPLATE, WORKLOAD),
    workload("ReplicaSet.apps", TEMPLATE, WORKLOAD),
    workload("ReplicationController", TEMPLATE, WORKLOAD),
    workload("Rollout.argoproj.io", TEMPLATE, WORKLOAD),
    workload("DeploymentConfig.apps.openshift.io", TEMPLATE, WORKLOAD),
    workload("Job.batch", TEMPLATE, WORKLOAD),
    workload("CronJob.batch", "/spec/jobTemplate/spec/template/spec", WORKLOAD),
    // Only metadata is read of Secrets, except of those that the user names.
    kind("Secret", &[(Plain, "", "type drillmaster.dev~1repeated"), (Keys, "", "data stringData")]),
    kind("ConfigMap", &[(Keys, "", "data binaryData")]),
    kind("ServiceAccount", &[(Plain, "", "automountServiceAccountToken")]),
    kind("Service", &[(All, "", "spec"), (There, "/status", "loadBalancer/ingress")]),
    kind(
        "PersistentVolume",
        &[
            (Plain, "/spec", "claimRef/namespace claimRef/name csi/driver persistentVolumeReclaimPolicy"),
            (There, "/spec", "hostPath local"),
            (All, "/spec", "nodeAffinity"),
            (Plain, "/status", "phase"),
            (There, "/status", "message"),
        ],
    ),
    kind(
        "PersistentVolumeClaim",
        &[(Plain, "/spec", "volumeName storageClassName accessModes/*"), (Plain, "/status", "phase")],
    ),
    kind("ResourceQuota", &[(All, "", "spec"), (Plain, "/status", "hard/* used/*")]),
    kind("LimitRange", SELECTED),
    kind("HorizontalPodAutoscaler.autoscaling", &[(All, "", "spec"), (Plain, "/status", "currentReplicas")]),
    kind(
        "PodDisruptionBudget.policy",
        &[
            (All, "", "spec"),
            (Plain, "/status", "expectedPods observedGeneration disruptionsAllowed currentHealthy desiredHealthy"),
        ],
    ),
    kind("EndpointSlice.discovery.k8s.io", &[(Plain, "/endpoints/*", "nodeName zone conditions/ready")]),
    kind("Lease.coordination.k8s.io", &[(Plain, "/spec", "leaseDurationSeconds holderIdentity renewTime")]),
    kind("NetworkPolicy.networking.k8s.io", SELECTED),
    kind("ClusterNetworkPolicy.policy.networking.k8s.io", CLUSTER_POLICY),
    kind("AdminNetworkPolicy.policy.networking.k8s.io", CLUSTER_POLICY),
    kind("BaselineAdminNetworkPolicy.policy.networking.k8s.io", CLUSTER_POLICY),
    kind(
        "Ingress.networking.k8s.io",
        &[
            (Plain, "/spec", "ingressClassName"),
            (Plain, "/spec/defaultBackend/service", "name port/name port/number"),
            (Plain, "/spec/rules/*/http/paths/*/backend/service", "name port/name port/number"),
        ],
    ),
    kind("HTTPRoute.gateway.networking.k8s.io", ROUTE),
    kind("GRPCRoute.gateway.networking.k8s.io", ROUTE),
    kind("TLSRoute.gateway.networking.k8s.io", ROUTE),
    kind("TCPRoute.gateway.networking.k8s.io", ROUTE),
    kind("UDPRoute.gateway.networking.k8s.io", ROUTE),
    kind("Role.rbac.authorization.k8s.io", ROLE),
    kind("ClusterRole.rbac.authorization.k8s.io", ROLE),
    kind("RoleBinding.rbac.authorization.k8s.io", BINDING),
    kind("ClusterRoleBinding.rbac.authorization.k8s.io", BINDING),
    kind("StorageClass.storage.k8s.io", &[(Plain, "", "volumeBindingMode provisioner reclaimPolicy")]),
    kind("CSINode.storage.k8s.io", &[(Plain, "/spec/drivers/*", "name allocatable/count")]),
    kind("VolumeAttachment.storage.k8s.io", &[(There, "/status", "attachError/message")]),
    kind("VolumeSnapshotClass.snapshot.storage.k8s.io", &[(Plain, "", "driver")]),
    kind("ValidatingWebhookConfiguration.admissionregistration.k8s.io", WEBHOOKS),
    kind("MutatingWebhookConfiguration.admissionregistration.k8s.io", WEBHOOKS),
    // A check searches for policies about images.
    kind("ValidatingAdmissionPolicy.admissionregistration.k8s.io", &[(Words(&["image"]), "/spec", "validations")]),
    kind(
        "ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io",
        &[(Plain, "/spec", "policyName validationActions/*")],
    ),
    kind("APIService.apiregistration.k8s.io", &[(Certificates, "/spec", "caBundle")]),
    kind(
        "CustomResourceDefinition.apiextensions.k8s.io",
        &[
            (Plain, "/spec/versions/*", "name served storage"),
            (Certificates, "/spec/conversion/webhook/clientConfig", "caBundle"),
        ],
    ),
    kind("PodMetrics.metrics.k8s.io", &[(Plain, "/containers/*", "name usage/cpu usage/memory")]),
    kind(
        "VerticalPodAutoscaler.autoscaling.k8s.io",
        &[
            (Plain, "/spec/targetRef", "kind name"),
            (Plain, "/status/recommendation/containerRecommendations/*", "containerName target/cpu target/memory"),
        ],
    ),
];
