//! The Pod Security Standards of Kubernetes.

use crate::{
    model::{Class, Severity},
    readiness::{
        check::{Check, Needs, Say},
        picture::{Picture, Work},
        standards::{Level, PodOf, violations},
        versions::target,
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "PSS-001",
        name: "pod-security-baseline",
        title: "Pods keep to the baseline of the Pod Security Standards",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "The pods of each workload keep to the level baseline of the Pod Security Standards, in the version of the cluster or of --kubernetes-version: no privileged container, no namespaces, paths, ports or processes of the host, no capabilities beyond the default ones, and no other seccomp, AppArmor, SELinux, procMount or sysctl settings than the standard allows. A DaemonSet is medium, because agents of nodes need some of them.",
        fix: "Remove the setting; if an agent needs it, keep it in a namespace of its own that admits it",
        why: "Whoever breaks into such a pod has the node, and with the node every pod and Secret on it.",
        run: |p, say| judge(p, say, Level::Baseline),
    },
    Check {
        id: "PSS-002",
        name: "pod-security-restricted",
        title: "Pods keep to the restricted level of the Pod Security Standards",
        severity: Severity::Low,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "The pods of each workload keep to the level restricted of the Pod Security Standards, in the version of the cluster or of --kubernetes-version: runAsNonRoot, no user 0, allowPrivilegeEscalation false, all capabilities dropped, a seccomp profile, and only volumes of Kubernetes itself. A workload that does not keep to the baseline is skipped (see PSS-001). Medium in a namespace whose label pod-security.kubernetes.io/enforce demands restricted, because it does not admit the pods.",
        fix: "Set the securityContext of the pod and of its containers; the finding names the fields",
        why: "A restore into a namespace that demands this level does not start the pods.",
        run: |p, say| judge(p, say, Level::Restricted),
    },
];

fn judge(p: &Picture<'_>, say: &mut Say, level: Level) {
    let minor = target(p);
    for work in &p.works {
        let pod = PodOf { annotations: work.pod_annotations(), spec: work.spec(), minor };
        let wrong = violations(&pod, level);
        if wrong.is_empty() {
            say.pass(work);
        } else if level == Level::Restricted && !violations(&pod, Level::Baseline).is_empty() {
            say.skip(work, "it does not keep to the baseline (see PSS-001)");
        } else {
            say.fail_as(severity(p, work, level), work, work.pointer, wrong.join("; "));
        }
    }
}

fn severity(p: &Picture<'_>, work: &Work<'_>, level: Level) -> Severity {
    const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
    let demands = |name: &str| p.labels_of_namespace(work.namespace()).get(ENFORCE).is_some_and(|v| v == name);
    match level {
        Level::Baseline if work.kind == "DaemonSet" => Severity::Medium,
        Level::Baseline => Severity::High,
        Level::Restricted if demands("restricted") => Severity::Medium,
        Level::Restricted => Severity::Low,
    }
}
