//! The second cluster, or the other environment: whether it can take the workloads, and where
//! it differs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    plan::minor,
    resources::{packing_state, volumes},
};
use crate::{
    inventory::{Object, ObjectSet, kind_of},
    kubernetes::{Candidate, Incoming, objects::PodSpec},
    model::{Class, Severity, Subject},
    readiness::{
        check::{Check, Needs, REGION, RESTORE, Say},
        pattern::matches,
        picture::{Picture, Work},
        values::{list, no_data, text},
    },
};

pub(crate) const TARGET: &[Check] = &[Check {
    id: "DRP-003",
    name: "target-compatible",
    title: "The second cluster can take the workloads",
    severity: Severity::Critical,
    class: Class::Blocks,
    gates: &[RESTORE, REGION],
    needs: Needs::Cluster,
    rule: "The second cluster (--context recovery=NAME, or a capture by --target FILE) differs by at most one minor version and serves every kind that is in use in scope. It has each CustomResourceDefinition of this cluster and serves its storage version. It has each VolumeSnapshotClass of this cluster, and each StorageClass (or a mapping for Velero), IngressClass, PriorityClass and RuntimeClass that is in use in scope. All pods of replicated workloads in scope fit on its nodes by their requests. Without a second cluster the check is skipped, or unknown before a region drill.",
    fix: "Install the missing parts there, map storage classes (ConfigMap velero.io/change-storage-class), add nodes",
    why: "In a disaster, the second cluster must take the workloads at the first attempt.",
    run: target,
}];

pub(crate) const PARITY: &[Check] = &[Check {
    id: "DRF-002",
    name: "environment-parity",
    title: "The other environment has the same configuration",
    severity: Severity::High,
    class: Class::Gate,
    gates: &[REGION, RESTORE],
    needs: Needs::Manifests,
    rule: "Each object in scope exists in both environments: Deployments, StatefulSets, DaemonSets, CronJobs, Services, ConfigMaps, Secrets, PodDisruptionBudgets, NetworkPolicies, HorizontalPodAutoscalers, ResourceQuotas, LimitRanges, ServiceAccounts, Roles and RoleBindings. The containers of a workload have the same images, names of variables, requests and limits. ConfigMaps have the same keys. The other kinds, except Secrets and ServiceAccounts, have the same spec, rules, roleRef and subjects. Replicas, cluster IPs, node ports and the traffic policies of Services may differ. Values of ConfigMaps and Secrets are not compared. Objects that another object owns are left out, and so are those that every namespace or a Helm release has. Differences of objects in checks.parameters.allowedDifferences are skipped.",
    fix: "Update the other environment, or add the difference to allowedDifferences",
    why: "A change that was made only here is missing in the other environment.",
    run: parity,
}];

/// The second cluster or other environment. If none was named, reports it.
fn other<'a>(p: &Picture<'a>, say: &mut Say) -> Option<&'a ObjectSet> {
    const NONE: &str = "no second cluster or environment was named (--context recovery=NAME, --target FILE)";
    let found = p.object_set.target.as_deref();
    match found {
        Some(_) => {}
        None if p.settings.drills.contains(REGION) => no_data(say, NONE),
        None => say.skip(Subject::default(), NONE),
    }
    found
}

fn target(p: &Picture<'_>, say: &mut Say) {
    let Some(there) = other(p, say) else { return };
    if there.version.is_empty() {
        return no_data(say, "manifests do not show what a cluster can take: name the cluster, or a capture of it");
    }
    let mut wrong = vec![];
    match (minor(&p.object_set.version), minor(&there.version)) {
        (Some(here), Some(far)) if (here - far).abs() > 1 => {
            wrong.push(format!("it runs {}, but this cluster runs {}", there.version, p.object_set.version));
        }
        _ => {}
    }
    say.judge(Subject::named("Cluster", "", "version"), "", &wrong);
    served(p, there, say);
    classes(p, there, say);
    room(p, there, say);
}

const CRD: &str = "CustomResourceDefinition.apiextensions.k8s.io";

fn served(p: &Picture<'_>, there: &ObjectSet, say: &mut Say) {
    let missing: Vec<String> = p
        .object_set
        .objects
        .iter()
        .filter(|(key, all)| !there.serves(key) && all.iter().any(|o| p.in_scope(&o.metadata.namespace)))
        .map(|(key, _)| format!("it does not serve {key}"))
        .collect();
    say.judge(Subject::named("Cluster", "", "kinds"), "", &missing);
    if let Err(gap) = there.all(CRD) {
        return say.gap(gap);
    }
    for crd in p.object_set.any(CRD) {
        let storage = crd.list("/spec/versions").iter().find(|v| v["storage"] == true).map_or("", |v| text(v, "/name"));
        let wrong = match there.find(CRD, "", &crd.metadata.name) {
            None => vec!["it does not exist there".to_owned()],
            Some(far)
                if far.list("/spec/versions").iter().any(|v| text(v, "/name") == storage && v["served"] != false) =>
            {
                vec![]
            }
            Some(_) => vec![format!("its storage version {storage} is not served there")],
        };
        say.judge(crd, "", &wrong);
    }
}

const SNAPSHOTS: &str = "VolumeSnapshotClass.snapshot.storage.k8s.io";

fn classes(p: &Picture<'_>, there: &ObjectSet, say: &mut Say) {
    let mapped: BTreeSet<&str> = there
        .any("ConfigMap")
        .iter()
        .filter(|c| c.metadata.labels.contains_key("velero.io/change-storage-class"))
        .flat_map(|c| c.map("/data").into_iter().flatten().map(|(k, _)| k.as_str()))
        .collect();
    let scoped =
        |key: &str| p.object_set.any(key).iter().filter(|o| p.in_scope(&o.metadata.namespace)).collect::<Vec<_>>();
    let claims = scoped("PersistentVolumeClaim").into_iter().map(|o| o.text("/spec/storageClassName"));
    let templates = p
        .works
        .iter()
        .flat_map(|w| w.object.list("/spec/volumeClaimTemplates"))
        .map(|t| text(t, "/spec/storageClassName"));
    let of_pods = |field: &'static str| p.works.iter().map(|w| text(w.spec(), field)).collect::<Vec<_>>();
    let storage: Vec<&str> = claims.chain(templates).filter(|name| !mapped.contains(name)).collect();
    let ingress = scoped("Ingress.networking.k8s.io").into_iter().map(|o| o.text("/spec/ingressClassName")).collect();
    let snapshots = p.object_set.any(SNAPSHOTS).iter().map(|c| c.metadata.name.as_str()).collect();
    for (key, used) in [
        ("StorageClass.storage.k8s.io", storage),
        (SNAPSHOTS, snapshots),
        ("IngressClass.networking.k8s.io", ingress),
        ("PriorityClass.scheduling.k8s.io", of_pods("/priorityClassName")),
        ("RuntimeClass.node.k8s.io", of_pods("/runtimeClassName")),
    ] {
        let used: BTreeSet<&str> = used.into_iter().filter(|n| !n.is_empty() && !n.starts_with("system-")).collect();
        let kind = kind_of(key);
        for name in used {
            let subject = Subject::named(kind, "", name);
            match there.all(key) {
                Err(gap) => say.gap(gap),
                Ok(all) if all.iter().any(|o| o.metadata.name == name) => say.pass(subject),
                Ok(_) => say.fail(subject, "", "it is in use here, but does not exist there"),
            }
        }
    }
}

fn room(p: &Picture<'_>, there: &ObjectSet, say: &mut Say) {
    if let Err(gap) = there.all("Node").and(there.all("Pod")) {
        return say.gap(gap);
    }
    let volumes = volumes(there);
    let mut packing = packing_state(there, &volumes);
    let works: Vec<(&Work<'_>, PodSpec)> =
        p.works.iter().filter(|w| w.is_replicated_kind()).map(|w| (w, w.pod_spec())).collect();
    let mut waiting = vec![];
    for (work, spec) in &works {
        let wanted = usize::try_from(work.replicas.unwrap_or(1)).unwrap_or(usize::MAX).min(10_000);
        for _ in 0..wanted {
            let pod = Incoming { namespace: work.namespace(), labels: &work.labels, spec };
            // Its volumes are created again there, wherever the pod is.
            let candidate = Candidate::bound(format!("{}/{}", work.namespace(), work.name()), pod, &[], &volumes, true);
            waiting.push(packing.place(candidate, "", false));
        }
    }
    let outcome = packing.receive(waiting);
    let unplaced: BTreeMap<&String, &str> = outcome.unplaced.iter().map(|(name, why)| (name, *why)).collect();
    let wrong: Vec<String> = unplaced.iter().map(|(name, why)| format!("not all pods of {name} fit ({why})")).collect();
    say.judge(Subject::named("Cluster", "", "room").part(format!("{} pods", outcome.wanted)), "", &wrong);
}

/// Kinds whose objects are compared.
const COMPARED: [&str; 15] = [
    "Deployment.apps",
    "StatefulSet.apps",
    "DaemonSet.apps",
    "CronJob.batch",
    "Service",
    "ConfigMap",
    "Secret",
    "PodDisruptionBudget.policy",
    "NetworkPolicy.networking.k8s.io",
    "HorizontalPodAutoscaler.autoscaling",
    "ResourceQuota",
    "LimitRange",
    "ServiceAccount",
    "Role.rbac.authorization.k8s.io",
    "RoleBinding.rbac.authorization.k8s.io",
];

fn parity(p: &Picture<'_>, say: &mut Say) {
    let Some(there) = other(p, say) else { return };
    for key in COMPARED {
        if let Err(gap) = p.object_set.all(key).and(there.all(key)) {
            say.gap(gap);
            continue;
        }
        let ours = p.object_set.any(key).iter().filter(|o| p.in_scope(&o.metadata.namespace) && is_ours(o));
        for object in ours {
            let wrong = match there.find(key, &object.metadata.namespace, &object.metadata.name) {
                None => vec!["it does not exist there".to_owned()],
                Some(far) => differences(p, object, far),
            };
            report_differences(p, say, object, &wrong);
        }
        let theirs = there.any(key).iter().filter(|o| p.in_scope(&o.metadata.namespace) && is_ours(o));
        for object in theirs.filter(|o| p.object_set.find(key, &o.metadata.namespace, &o.metadata.name).is_none()) {
            report_differences(p, say, object, &["it exists only there".to_owned()]);
        }
    }
}

fn report_differences(p: &Picture<'_>, say: &mut Say, object: &Object, wrong: &[String]) {
    let name = format!("{}/{}/{}", object.metadata.namespace, object.kind, object.metadata.name);
    let allowed =
        p.settings.parameters.allowed_differences.iter().find(|a| matches(std::slice::from_ref(&a.object), &name));
    match allowed {
        Some(allowed) if !wrong.is_empty() => say.skip(object, format!("an allowed difference: {}", allowed.reason)),
        _ => say.judge(object, "", wrong),
    }
}

/// Whether an object is compared: not one that every cluster creates or that a controller owns.
fn is_ours(object: &Object) -> bool {
    let meta = &object.metadata;
    let made = ["kube-root-ca.crt", "istio-ca-root-cert"].contains(&meta.name.as_str())
        || meta.name == "default" && &*object.kind == "ServiceAccount"
        || meta.name.starts_with("sh.helm.release.");
    !made && meta.owner_references.is_empty()
}

fn differences(p: &Picture<'_>, here: &Object, there: &Object) -> Vec<String> {
    let keys = |o: &Object| -> BTreeSet<String> {
        ["/data", "/binaryData"].iter().flat_map(|f| o.map(f).into_iter().flatten().map(|(k, _)| k.clone())).collect()
    };
    match &*here.kind {
        "Secret" | "ServiceAccount" => vec![],
        "ConfigMap" => {
            let (a, b) = (keys(here), keys(there));
            let apart: Vec<&str> = a.symmetric_difference(&b).map(String::as_str).collect();
            if apart.is_empty() { vec![] } else { vec![format!("keys differ: {}", apart.join(", "))] }
        }
        "Deployment" | "StatefulSet" | "DaemonSet" | "CronJob" => {
            let work = p.works.iter().find(|w| std::ptr::eq(w.object, here));
            work.map_or_else(Vec::new, |work| containers(work, there))
        }
        _ => {
            let parts = ["spec", "rules", "roleRef", "subjects"];
            let same = parts.iter().all(|part| plain(&here.body[*part]) == plain(&there.body[*part]));
            if same { vec![] } else { vec!["its spec differs".into()] }
        }
    }
}

/// A spec without the fields that each cluster sets itself, and without replicas.
fn plain(spec: &Value) -> Value {
    let mut spec = spec.clone();
    if let Some(map) = spec.as_object_mut() {
        [
            "clusterIP",
            "clusterIPs",
            "healthCheckNodePort",
            "ipFamilies",
            "ipFamilyPolicy",
            "internalTrafficPolicy",
            "sessionAffinity",
            "externalTrafficPolicy",
            "allocateLoadBalancerNodePorts",
            "minReplicas",
            "maxReplicas",
        ]
        .iter()
        .for_each(|f| drop(map.remove(*f)));
        for port in map.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(port) = port.as_object_mut() {
                port.remove("nodePort");
            }
        }
    }
    spec
}

fn containers(work: &Work<'_>, there: &Object) -> Vec<String> {
    let mut wrong = vec![];
    let far = |name: &str| {
        let pods = there.at(work.pointer);
        let all = list(pods, "/containers").iter().chain(list(pods, "/initContainers"));
        all.clone().find(|c| text(c, "/name") == name).cloned()
    };
    for container in work.all_containers() {
        let Some(other) = far(container.name) else {
            wrong.push(format!("container {} does not exist there", container.name));
            continue;
        };
        let (image, other_image) = (text(container.value, "/image"), text(&other, "/image"));
        if image != other_image {
            wrong.push(format!("container {}: {image} here, {other_image} there", container.name));
        }
        let names =
            |c: &Value| -> BTreeSet<String> { list(c, "/env").iter().map(|e| text(e, "/name").to_owned()).collect() };
        let apart: Vec<String> = names(container.value).symmetric_difference(&names(&other)).cloned().collect();
        if !apart.is_empty() {
            wrong.push(format!("container {}: variables differ: {}", container.name, apart.join(", ")));
        }
        if container.value["resources"] != other["resources"] {
            wrong.push(format!("container {}: requests or limits differ", container.name));
        }
    }
    wrong
}
