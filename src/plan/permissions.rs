//! The permissions that a run needs: for every act, every undo and every observation. The pre-flight asks the API
//! server for these permissions, and `rbac` prints them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    inventory::BESIDE,
    model::{Bindings, Capture, Into, Permission, PlannedStep, Verb},
    scenario::Scenario,
    world::NAMESPACE,
};

struct Rights {
    all: BTreeSet<Permission>,
    purpose: String,
}

impl Rights {
    fn add(&mut self, group: &str, resource: &str, namespace: &str, verbs: &[&str]) {
        for verb in verbs {
            self.all.insert(Permission {
                group: group.to_owned(),
                resource: resource.to_owned(),
                verb: (*verb).to_owned(),
                namespace: namespace.to_owned(),
                purpose: self.purpose.clone(),
            });
        }
    }

    /// Lists each permission once, for the first purpose that needs it.
    fn once(self) -> Vec<Permission> {
        let mut seen = BTreeSet::new();
        let same = |p: &Permission| (p.group.clone(), p.resource.clone(), p.verb.clone(), p.namespace.clone());
        self.all.into_iter().filter(|p| seen.insert(same(p))).collect()
    }

    fn read(&mut self, group: &str, resource: &str, namespace: &str) {
        self.add(group, resource, namespace, &["get", "list", "watch"]);
    }
}

/// Everything that a run of these steps needs.
pub(super) fn needed(steps: &[PlannedStep], scenario: &Scenario, bindings: &Bindings) -> Vec<Permission> {
    let velero = bindings.velero.as_deref().unwrap_or("velero");
    let mut rights = Rights { all: BTreeSet::new(), purpose: "observe".into() };
    for resource in ["nodes", "pods", "namespaces", "persistentvolumes"] {
        rights.read("", resource, "");
    }
    for namespace in &scenario.scope.namespaces {
        rights.read("policy", "poddisruptionbudgets", namespace);
        rights.read("", "persistentvolumeclaims", namespace);
        for resource in ["services", "configmaps"] {
            rights.read("", resource, namespace);
        }
        for resource in ["deployments", "statefulsets", "daemonsets"] {
            rights.read("apps", resource, namespace);
        }
    }
    rights.purpose = "run record and lease".into();
    rights.add("", "namespaces", "", &["create"]);
    rights.add("", "configmaps", NAMESPACE, &["get", "list", "create", "patch", "delete"]);
    rights.add("coordination.k8s.io", "leases", NAMESPACE, &["get", "create", "patch"]);
    if scenario.expect.iter().any(|e| matches!(e, crate::model::Expectation::Budgets(b) if b.while_degraded.is_some()))
    {
        rights.purpose = "dry-run evictions".into();
        for namespace in &scenario.scope.namespaces {
            rights.add("", "pods/eviction", namespace, &["create"]);
        }
    }
    for planned in steps {
        rights.purpose = format!("step `{}`", planned.name);
        if let Some(verb) = planned.verb() {
            of_verb(&mut rights, verb, scenario, bindings, velero);
        }
    }
    rights.once()
}

/// What the same run needs in the second cluster: the restores, and the verification that they are complete, for every
/// kind. Nothing if no step restores into it.
pub(super) fn needed_there(steps: &[PlannedStep], scenario: &Scenario, bindings: &Bindings) -> Vec<Permission> {
    let velero = bindings.velero.as_deref().unwrap_or("velero");
    let mut rights = Rights { all: BTreeSet::new(), purpose: String::new() };
    for planned in steps {
        rights.purpose = format!("step `{}`", planned.name);
        let Some(Verb::Restore(spec)) = planned.verb() else { continue };
        if spec.into != Some(Into::Recovery) {
            continue;
        }
        backup_store(&mut rights, velero);
        restores(&mut rights, velero);
        rights.add("velero.io", "restores", velero, &["delete"]);
        rights.add("", "namespaces", "", &["get", "create", "delete"]);
        rights.add("", "persistentvolumes", "", &["list"]);
        for namespace in spec.namespace.iter().chain(scenario.scope.namespaces.iter()) {
            rights.add("*", "*", namespace, &["list"]);
            if readers(&mut rights, bindings, namespace) {
                // The drill observes nothing there, so these permissions are needed for no other purpose.
                rights.add("", "pods", namespace, &["get"]);
                rights.add("", "nodes", "", &["list"]);
            }
        }
    }
    rights.once()
}

fn of_verb(rights: &mut Rights, verb: &Verb, scenario: &Scenario, bindings: &Bindings, velero: &str) {
    match verb {
        Verb::Backup(spec) => {
            backup_store(rights, velero);
            rights.add("velero.io", "backups", velero, &["create", "delete", "patch"]);
            if spec.volumes != Capture::None {
                for namespace in &spec.namespaces {
                    readers(rights, bindings, namespace);
                }
            }
        }
        // `patch` also labels the backup that the restore used.
        Verb::Reprotected(_) => {
            backup_store(rights, velero);
            rights.add("velero.io", "backups", velero, &["create", "delete", "patch"]);
        }
        // That happens in the second cluster (`needed_there`).
        Verb::Restore(spec) if spec.into == Some(Into::Recovery) => {}
        Verb::Restore(spec) => {
            backup_store(rights, velero);
            restores(rights, velero);
            for namespace in spec.namespace.iter().chain(scenario.scope.namespaces.iter()) {
                rights.add("*", "*", namespace, &["list"]);
                readers(rights, bindings, namespace);
            }
            if spec.into.is_some() {
                // The name of the scratch namespace is not known before the run.
                rights.add("", "namespaces", "", &["create", "delete"]);
                rights.add("networking.k8s.io", "networkpolicies", "", &["create"]);
                rights.add("", "configmaps", velero, &["get", "create", "delete"]);
                rights.add("velero.io", "restores", velero, &["delete"]);
                rights.add("*", "*", "", &["list"]);
                if readers(rights, bindings, "") {
                    // The pods that test the isolation wait for their service account.
                    rights.add("", "serviceaccounts", "", &["get"]);
                }
            }
        }
        Verb::FenceNode(_) => rights.add("", "nodes", "", &["patch"]),
        Verb::KillNodes(_) | Verb::KillZone(_) | Verb::LoseCluster(_) | Verb::ImpairNodes(_) => {
            rights.add("coordination.k8s.io", "leases", "kube-node-lease", &["get"]);
        }
        Verb::Drain(_) => {
            rights.add("", "nodes", "", &["patch"]);
            rights.add("", "pods/eviction", "", &["create"]);
            // To name the budgets of a pod that the Eviction API can never evict.
            rights.add("policy", "poddisruptionbudgets", "", &["list"]);
        }
        Verb::DeletePods(_) | Verb::ForceDeletePods(_) => {
            scenario.scope.namespaces.iter().for_each(|ns| rights.add("", "pods", ns, &["delete"]));
        }
        Verb::DeleteNamespace(spec) => {
            backup_store(rights, velero);
            restores(rights, velero);
            // `patch`: a session that takes over touches the namespace, so that a late delete is refused.
            rights.add("", "namespaces", "", &["delete", "patch"]);
            rights.add("", "pods", &spec.name, &["delete"]);
            rights.add("*", "*", &spec.name, &["list"]);
            // Objects outside the namespace that belong to it are named before it is deleted.
            BESIDE.iter().for_each(|(group, resource)| rights.add(group, resource, "", &["list"]));
        }
        Verb::Scale(spec) => {
            let plural = spec.workload.plural();
            scenario.scope.namespaces.iter().for_each(|ns| rights.add("apps", plural, ns, &["patch"]));
        }
        _ => {}
    }
}

fn backup_store(rights: &mut Rights, velero: &str) {
    for resource in ["backups", "backupstoragelocations", "schedules"] {
        rights.add("velero.io", resource, velero, &["get", "list"]);
    }
    for resource in ["downloadrequests", "serverstatusrequests"] {
        rights.add("velero.io", resource, velero, &["get", "create", "delete"]);
    }
}

fn restores(rights: &mut Rights, velero: &str) {
    rights.add("velero.io", "restores", velero, &["get", "list", "create"]);
    rights.add("velero.io", "podvolumerestores", velero, &["list"]);
}

/// Adds the permissions for pods that read volumes or test the isolation. Returns false if there are no such pods.
fn readers(rights: &mut Rights, bindings: &Bindings, namespace: &str) -> bool {
    if bindings.volumes.reader_image.is_none() {
        return false;
    }
    rights.add("", "pods", namespace, &["create", "delete"]);
    rights.add("", "pods/log", namespace, &["get"]);
    true
}

/// Manifests that grant exactly these permissions to a service account, in each namespace only what is needed there.
/// Roles in a namespace that the drill deletes would be deleted too, and would come back only with the restore; so for
/// such a namespace the permissions are cluster-wide. In the second cluster (`there`), this applies to every namespace
/// of the drill, because none of them exists before the drill.
pub fn rbac(plan: &crate::model::Plan, account: &str, there: bool) -> Vec<Value> {
    let mut places: BTreeMap<&str, BTreeMap<(&str, &str), BTreeSet<&str>>> = BTreeMap::new();
    for p in if there { &plan.recovery_permissions } else { &plan.permissions } {
        let lost = plan.steps.iter().any(|s| s.deletes() == Some(&p.namespace));
        let absent = lost || (there && plan.namespaces.contains(&p.namespace));
        let place = if absent { "" } else { p.namespace.as_str() };
        places.entry(place).or_default().entry((&p.group, &p.resource)).or_default().insert(&p.verb);
    }
    let labels = json!({"app.kubernetes.io/managed-by": "drillmaster"});
    let mut manifests = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE,
            "labels": {"app.kubernetes.io/managed-by": "drillmaster", "velero.io/exclude-from-backup": "true"}}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": NAMESPACE, "labels": labels}}),
    ];
    let name = format!("drillmaster-{}", plan.scenario);
    for (place, rules) in places {
        let rules: Vec<Value> = rules
            .into_iter()
            .map(|((group, resource), verbs)| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs}))
            .collect();
        let mut metadata = json!({"name": name, "labels": labels});
        let role = if place.is_empty() { "ClusterRole" } else { "Role" };
        if !place.is_empty() {
            metadata["namespace"] = place.into();
        }
        manifests.push(
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": role, "metadata": metadata, "rules": rules}),
        );
        manifests.push(
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": format!("{role}Binding"), "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]}),
        );
    }
    manifests
}

/// The ConfigMap that a reaper in the cluster reads its bindings from, in the file of the same name.
pub const REAPER_BINDINGS: &str = "drillmaster-bindings";

/// The reaper as a Deployment, for runs whose detached reaper would die with their CI job.
pub fn reaper(image: &str, account: &str) -> Value {
    let labels = json!({"app.kubernetes.io/name": "drillmaster-reaper", "app.kubernetes.io/managed-by": "drillmaster"});
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "drillmaster-reaper", "namespace": NAMESPACE, "labels": labels},
        "spec": {"replicas": 1, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            "spec": {"serviceAccountName": account,
                "containers": [{"name": "reaper", "image": image,
                    "args": ["standby", "--in-cluster", "--bindings", format!("/bindings/{REAPER_BINDINGS}"), "--runs", "/runs"],
                    "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}},
                    "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
                    "volumeMounts": [{"name": "runs", "mountPath": "/runs"}, {"name": "bindings", "mountPath": "/bindings", "readOnly": true}]}],
                "volumes": [{"name": "runs", "emptyDir": {}}, {"name": "bindings", "configMap": {"name": REAPER_BINDINGS}}]}}}})
}
