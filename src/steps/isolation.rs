//! Restores a namespace beside production without any effect outside the new namespace: which objects are left out,
//! and which are changed. Objects that are left out are reported with the reason.
//!
//! Velero makes the changes according to rules that it reads from a ConfigMap (its "resource modifiers"). A rule
//! contains a resource, the namespace in the backup, possibly a name, and a JSON merge patch, in which null removes a
//! field.

use serde_json::{Map, Value, json};

use crate::{
    kubernetes::{is_derived, name_of},
    model::{Difference, Differs, ObjectName},
    world::Archived,
};

/// API groups of Kubernetes whose objects have no effect outside their namespace. All other objects are custom
/// resources: their controllers run outside the namespace, where no policy isolates them, and may create routes, DNS
/// records, certificates, monitors or machines.
const WITHIN: [&str; 8] = [
    "",
    "apps",
    "autoscaling",
    "batch",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
];
/// Velero itself needs these to restore volumes.
const OF_VOLUMES: [&str; 2] = ["snapshot.storage.k8s.io", "storage.k8s.io"];

/// Resources that are never restored beside production, whatever a backup contains, including cluster-scoped
/// resources.
const NEVER: [&str; 10] = [
    "events",
    "events.events.k8s.io",
    "ingresses.networking.k8s.io",
    "networkpolicies.networking.k8s.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "mutatingadmissionpolicies.admissionregistration.k8s.io",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
    "apiservices.apiregistration.k8s.io",
    "dnsendpoints.externaldns.k8s.io",
];

/// The label of the pods of a Job. Velero leaves out everything with it; without this, the pods would run again.
pub(super) const OF_A_JOB: &str = "batch.kubernetes.io/job-name";

/// Fields of a Service that are valid only for other types of Services, or that attract traffic for an external
/// address. The API server fills in some of them depending on the type.
const OF_OTHER_TYPES: [&str; 7] = [
    "allocateLoadBalancerNodePorts",
    "externalIPs",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
];

/// How a namespace is restored beside production.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Resources that Velero must not restore.
    pub excluded: Vec<String>,
    /// Velero's rules for everything else.
    pub rules: Vec<Value>,
    /// Objects that are not restored, and why.
    left_out: Vec<(ObjectName, &'static str)>,
    /// Workloads that use the network of their node, which no policy isolates.
    pub beyond: Vec<String>,
}

/// The plan for a namespace in a backup.
pub(super) fn plan(held: &[Archived], from: &str) -> Plan {
    let mut plan = Plan { excluded: NEVER.map(str::to_owned).to_vec(), ..Plan::default() };
    for suspended in ["cronjobs.batch", "jobs.batch"] {
        plan.rules.push(rule(suspended, from, None, &json!({"spec": {"suspend": true}})));
    }
    for item in held.iter().filter(|h| text(&h.object, "/metadata/namespace") == from) {
        let why = why_not(&item.resource, &item.object);
        // Objects that a controller creates from others, such as the endpoints of pods, are not counted.
        if let Some(why) = why.filter(|why| *why != CUSTOM || !is_derived(&item.object)) {
            plan.left_out.push((name_of(&item.object), why));
        }
        if why == Some(CUSTOM) && !plan.excluded.contains(&item.resource) {
            plan.excluded.push(item.resource.clone());
        }
        if item.resource == "services" {
            plan.rules.extend(service(&item.object, from));
        }
        if why.is_none() && is_on_the_nodes_network(&item.object) {
            plan.beyond.push(name_of(&item.object).to_string());
        }
    }
    plan
}

const CUSTOM: &str = "a custom resource, whose controller acts outside the namespace";

/// Why an object is not restored; none if it is restored.
fn why_not(resource: &str, object: &Value) -> Option<&'static str> {
    let group = resource.split_once('.').map_or("", |(_, group)| group);
    match resource {
        "networkpolicies.networking.k8s.io" => Some("it would allow traffic that the isolation forbids"),
        "ingresses.networking.k8s.io" => Some("it would direct traffic to the scratch namespace"),
        "jobs.batch" if !text(object, "/status/completionTime").is_empty() => {
            Some("it has finished, so Velero does not restore it")
        }
        "pods" if matches!(text(object, "/status/phase"), "Succeeded" | "Failed") => {
            Some("it has finished, so Velero does not restore it")
        }
        "pods" if object["metadata"]["labels"].get(OF_A_JOB).is_some() => Some("a Job's pod, which would run again"),
        // If a Job has no labels, the API server gives it those of its template. The selector that excludes the pods
        // matches such a Job too.
        _ if object["metadata"]["labels"].get(OF_A_JOB).is_some() => {
            Some("it has the label of a Job's pods, which would run again")
        }
        _ if NEVER.contains(&resource) => Some("it has effects outside the namespace"),
        _ if WITHIN.contains(&group) || OF_VOLUMES.contains(&group) => None,
        _ => Some(CUSTOM),
    }
}

/// Turns a Service into one that only pods in the namespace can use. Its annotations are removed, because they tell
/// external controllers what to do (DNS records, load balancers, meshes, scrapes).
fn service(object: &Value, from: &str) -> Option<Value> {
    let mut spec = Map::new();
    let outside = |field: &&&str| object["spec"].get(**field).is_some();
    let typed = matches!(text(object, "/spec/type"), "NodePort" | "LoadBalancer");
    for field in OF_OTHER_TYPES.iter().filter(outside) {
        spec.insert((*field).to_owned(), Value::Null);
    }
    if typed {
        let mut ports = object.pointer("/spec/ports").cloned().unwrap_or(json!([]));
        for port in ports.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            port.remove("nodePort");
        }
        spec.insert("type".to_owned(), "ClusterIP".into());
        spec.insert("ports".to_owned(), ports);
    }
    let keys = object.pointer("/metadata/annotations").and_then(Value::as_object).into_iter().flatten();
    let annotations: Map<String, Value> = keys.map(|(key, _)| (key.clone(), Value::Null)).collect();
    let mut patch = json!({});
    if !spec.is_empty() {
        patch["spec"] = spec.into();
    }
    if !annotations.is_empty() {
        patch["metadata"] = json!({ "annotations": annotations });
    }
    let name = text(object, "/metadata/name");
    (patch != json!({})).then(|| rule("services", from, Some(name), &patch))
}

/// Such a pod has the addresses of its node, and NetworkPolicies do not apply to it.
fn is_on_the_nodes_network(object: &Value) -> bool {
    ["/spec/hostNetwork", "/spec/template/spec/hostNetwork"].iter().any(|p| object.pointer(p) == Some(&json!(true)))
        && object.pointer("/metadata/ownerReferences").is_none()
}

/// One of Velero's rules. The namespace is that in the backup.
fn rule(resource: &str, from: &str, name: Option<&str>, patch: &Value) -> Value {
    let mut conditions = json!({"groupResource": resource, "namespaces": [from]});
    if let Some(name) = name {
        conditions["resourceNameRegex"] = format!("^{}$", name.replace('.', "\\.")).into();
    }
    json!({"conditions": conditions, "mergePatches": [{"patchData": patch.to_string()}]})
}

impl Plan {
    /// Whether the isolation itself causes a difference.
    pub(super) fn is_meant(&self, difference: &Difference, scratch: &str) -> bool {
        let object = &difference.object;
        let same =
            |name: &ObjectName| (&name.group, &name.kind, &name.name) == (&object.group, &object.kind, &object.name);
        match (object.group.as_str(), object.kind.as_str(), &difference.what) {
            // The drill creates this namespace, with its own labels.
            ("", "Namespace", _) => object.name == scratch,
            (_, _, Differs::Missing) => self.left_out.iter().any(|(name, _)| same(name)),
            ("batch", "CronJob" | "Job", Differs::ChangedAt(fields)) => fields.iter().all(|f| f == "/spec/suspend"),
            ("", "Service", Differs::ChangedAt(fields)) => fields.iter().all(|f| {
                f == "/spec/type"
                    || f.starts_with("/metadata/annotations")
                    || OF_OTHER_TYPES.iter().any(|field| *f == format!("/spec/{field}"))
            }),
            _ => false,
        }
    }

    /// What is not restored, as text: each object with its reason.
    pub(super) fn told(&self) -> Vec<String> {
        self.left_out.iter().map(|(name, why)| format!("{} ({why})", name.in_namespace())).collect()
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(resource: &str, kind: &str, name: &str, rest: Value) -> Archived {
        let version = resource.split_once('.').map_or("v1".to_owned(), |(_, group)| format!("{group}/v1"));
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}});
        json_patch::merge(&mut object, &rest);
        Archived { resource: resource.into(), object }
    }

    /// Applies the patches of the rules for a resource and a name to an object.
    fn restored(plan: &Plan, item: &Archived) -> Value {
        let mut object = item.object.clone();
        for rule in &plan.rules {
            let of = &rule["conditions"];
            let pattern = of["resourceNameRegex"].as_str().map(|r| regex::Regex::new(r).unwrap());
            if of["groupResource"] == item.resource.as_str()
                && pattern.is_none_or(|p| p.is_match(text(&item.object, "/metadata/name")))
            {
                let patch: Value = serde_json::from_str(text(rule, "/mergePatches/0/patchData")).unwrap();
                json_patch::merge(&mut object, &patch);
            }
        }
        object
    }

    #[test]
    fn what_acts_outside_is_not_restored() {
        let custom = [
            ("httproutes.gateway.networking.k8s.io", "HTTPRoute"),
            ("virtualservices.networking.istio.io", "VirtualService"),
            ("ingressroutes.traefik.io", "IngressRoute"),
            ("servicemonitors.monitoring.coreos.com", "ServiceMonitor"),
            ("vmservicescrapes.operator.victoriametrics.com", "VMServiceScrape"),
            ("dnsendpoints.externaldns.k8s.io", "DNSEndpoint"),
            ("ciliumnetworkpolicies.cilium.io", "CiliumNetworkPolicy"),
            ("certificates.cert-manager.io", "Certificate"),
            ("somethings.nobody.knows.example", "Something"),
        ];
        let mut all: Vec<Archived> = custom.iter().map(|(r, k)| held(r, k, "x", json!({}))).collect();
        all.push(held("networkpolicies.networking.k8s.io", "NetworkPolicy", "allow-all", json!({})));
        all.push(held("ingresses.networking.k8s.io", "Ingress", "web", json!({})));
        all.push(held("deployments.apps", "Deployment", "web", json!({})));
        all.push(held("configmaps", "ConfigMap", "web", json!({})));
        let owned = json!({"metadata": {"ownerReferences": [{"controller": true}]}});
        let endpoint = [held("ciliumendpoints.cilium.io", "CiliumEndpoint", "web-1", owned)];
        assert!(plan(&endpoint, "shop").left_out.is_empty(), "not named");
        assert!(plan(&endpoint, "shop").excluded.iter().any(|e| e == "ciliumendpoints.cilium.io"), "and not restored");
        let plan = plan(&all, "shop");
        for item in &all[..all.len() - 2] {
            assert!(plan.excluded.contains(&item.resource), "{}", item.resource);
        }
        assert!(!plan.excluded.iter().any(|e| e.starts_with("deployments") || e.starts_with("configmaps")));
        assert_eq!(plan.left_out.len(), all.len() - 2);
        let missing = |group: &str, kind: &str, name: &str| Difference {
            object: ObjectName { namespace: "s".into(), group: group.into(), kind: kind.into(), name: name.into() },
            what: Differs::Missing,
        };
        let routes = "gateway.networking.k8s.io";
        assert!(plan.is_meant(&missing(routes, "HTTPRoute", "x"), "s"));
        for (group, kind, name) in
            [(routes, "HTTPRoute", "another"), ("other.example", "HTTPRoute", "x"), ("apps", "Deployment", "web")]
        {
            assert!(!plan.is_meant(&missing(group, kind, name), "s"), "{group} {kind} {name}");
        }
    }

    #[test]
    fn a_service_is_known_inside_only() {
        let balanced = held(
            "services",
            "Service",
            "web.v1",
            json!({
            "metadata": {"annotations": {"external-dns.alpha.kubernetes.io/hostname": "shop.example"}},
            "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.7", "allocateLoadBalancerNodePorts": true,
                "externalTrafficPolicy": "Local", "healthCheckNodePort": 31000, "loadBalancerClass": "x/y",
                "loadBalancerIP": "192.0.2.7", "loadBalancerSourceRanges": ["192.0.2.0/24"],
                "externalIPs": ["192.0.2.8"], "internalTrafficPolicy": "Cluster", "sessionAffinity": "ClientIP",
                "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080}]}}),
        );
        let internal =
            held("services", "Service", "db", json!({"spec": {"type": "ClusterIP", "ports": [{"port": 1}]}}));
        let all = [balanced, internal];
        let plan = plan(&all, "shop");
        let web = restored(&plan, &all[0]);
        assert_eq!(
            web["spec"],
            json!({"type": "ClusterIP", "clusterIP": "10.96.0.7", "internalTrafficPolicy": "Cluster",
            "sessionAffinity": "ClientIP", "ports": [{"name": "http", "port": 80, "targetPort": "http"}]})
        );
        assert_eq!(web["metadata"]["annotations"], json!({}));
        assert_eq!(restored(&plan, &all[1]), all[1].object, "a ClusterIP Service is not changed");
        assert_eq!(plan.rules.len(), 3, "no rule without a change");
    }

    #[test]
    fn nothing_runs_once_more() {
        let pod = |labels: Value, phase: &str| {
            held("pods", "Pod", phase, json!({"metadata": {"labels": labels}, "status": {"phase": phase}}))
        };
        let all = [
            held("jobs.batch", "Job", "import", json!({"spec": {"completions": 1}})),
            held("jobs.batch", "Job", "done", json!({"status": {"completionTime": "2026-11-28T00:00:00Z"}})),
            held("cronjobs.batch", "CronJob", "nightly", json!({"spec": {"suspend": false}})),
            pod(json!({OF_A_JOB: "import"}), "Running"),
            pod(json!({"job-name": "not kubernetes' own label"}), "Pending"),
            pod(json!({}), "Succeeded"),
            held("jobs.batch", "Job", "plain", json!({"metadata": {"labels": {OF_A_JOB: "plain"}}})),
        ];
        let plan = plan(&all, "shop");
        assert_eq!(restored(&plan, &all[0])["spec"]["suspend"], true);
        assert_eq!(restored(&plan, &all[2])["spec"]["suspend"], true);
        let left: Vec<&str> = plan.left_out.iter().map(|(name, _)| name.name.as_str()).collect();
        assert_eq!(left, ["done", "Running", "Succeeded", "plain"]);
        let suspended = |at: &[&str]| Difference {
            object: ObjectName {
                namespace: "s".into(),
                group: "batch".into(),
                kind: "Job".into(),
                name: "import".into(),
            },
            what: Differs::ChangedAt(at.iter().map(|f| (*f).to_owned()).collect()),
        };
        assert!(plan.is_meant(&suspended(&["/spec/suspend"]), "s"));
        assert!(!plan.is_meant(&suspended(&["/spec/suspend", "/spec/completions"]), "s"));
    }

    #[test]
    fn what_no_policy_can_isolate_is_named() {
        let spec = json!({"spec": {"template": {"spec": {"hostNetwork": true}}}});
        let all = [
            held("daemonsets.apps", "DaemonSet", "agent", spec),
            held("deployments.apps", "Deployment", "web", json!({})),
        ];
        assert_eq!(plan(&all, "shop").beyond, ["shop/DaemonSet/agent"]);
        assert!(plan(&all, "other").beyond.is_empty(), "another namespace of the same backup");
    }
}
