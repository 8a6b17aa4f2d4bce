//! Pod security admission, and the validation of Services, as far as requests of a drill can fail them. The messages
//! are those of Kubernetes. Read [`pod_refused`] and [`service_refused`] first.

use super::{
    fields::{list, text},
    value::{Value, json},
};

/// Why a namespace does not admit a pod, in the words of the API server. None if it does.
pub(super) fn pod_refused(namespace: &Value, pod: &Value) -> Option<String> {
    let level = text(namespace, "/metadata/labels/pod-security.kubernetes.io~1enforce");
    let mut wrong = vec![];
    if matches!(level, "baseline" | "restricted") {
        wrong.extend(baseline(pod));
    }
    if level == "restricted" {
        wrong.extend(restricted(pod));
    }
    (!wrong.is_empty()).then(|| {
        let name = text(pod, "/metadata/name");
        format!("pods \"{name}\" is forbidden: violates PodSecurity \"{level}:latest\": {}", wrong.join(", "))
    })
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    ["/spec/initContainers", "/spec/containers"].into_iter().flat_map(move |p| list(pod, p))
}

fn added(container: &Value) -> &[Value] {
    list(container, "/securityContext/capabilities/add")
}

fn baseline(pod: &Value) -> Vec<&'static str> {
    const ALLOWED: [&str; 13] = [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ];
    let on = |field: &str| pod["spec"][field] == true;
    let privileged = containers(pod).any(|c| c.pointer("/securityContext/privileged") == Some(&json!(true)));
    let more = containers(pod).flat_map(added).any(|c| !ALLOWED.contains(&c.as_str().unwrap_or("")));
    let host_path = list(pod, "/spec/volumes").iter().any(|v| !v["hostPath"].is_null());
    let all = [
        (on("hostNetwork") || on("hostPID") || on("hostIPC"), "host namespaces"),
        (privileged, "privileged"),
        (more, "non-default capabilities"),
        (host_path, "hostPath volumes"),
    ];
    all.into_iter().filter(|(wrong, _)| *wrong).map(|(_, what)| what).collect()
}

fn restricted(pod: &Value) -> Vec<&'static str> {
    let whole = &pod["spec"]["securityContext"];
    let every = |fits: &dyn Fn(&Value) -> bool| containers(pod).all(|c| fits(&c["securityContext"]));
    let either =
        |own: &Value, field: &str| if own[field].is_null() { whole[field].clone() } else { own[field].clone() };
    let seccomp = |own: &Value| {
        let profile = either(own, "seccompProfile");
        matches!(profile["type"].as_str(), Some("RuntimeDefault" | "Localhost"))
    };
    let dropped = |own: &Value| {
        let only = list(own, "/capabilities/add").iter().all(|c| c == "NET_BIND_SERVICE");
        only && list(own, "/capabilities/drop").contains(&json!("ALL"))
    };
    let all = [
        (every(&|own| own["allowPrivilegeEscalation"] == false), "allowPrivilegeEscalation != false"),
        (every(&dropped), "unrestricted capabilities"),
        (every(&|own| either(own, "runAsNonRoot") == true), "runAsNonRoot != true"),
        (every(&|own| either(own, "runAsUser") != 0), "runAsUser=0"),
        (every(&seccomp), "seccompProfile"),
    ];
    all.into_iter().filter(|(fits, _)| !fits).map(|(_, what)| what).collect()
}

/// Why a Service is not valid. None if it is.
pub(super) fn service_refused(service: &Value) -> Option<String> {
    let kind = text(service, "/spec/type");
    let is = |kinds: &[&str]| kinds.contains(&kind);
    let has = |field: &str| !service["spec"][field].is_null();
    let ports = list(service, "/spec/ports").iter().any(|p| p["nodePort"].as_u64().is_some_and(|n| n > 0));
    let outside = is(&["LoadBalancer", "NodePort"]) || has("externalIPs");
    let wrong = [
        (
            has("allocateLoadBalancerNodePorts") && !is(&["LoadBalancer"]),
            "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
        ),
        (
            has("loadBalancerClass") && !is(&["LoadBalancer"]),
            "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
        ),
        (
            has("loadBalancerSourceRanges") && !is(&["LoadBalancer"]),
            "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
        ),
        (
            has("externalTrafficPolicy") && !outside,
            "spec.externalTrafficPolicy: Invalid value: may only be set for externally-accessible services",
        ),
        (
            has("healthCheckNodePort") && !is(&["LoadBalancer"]),
            "spec.healthCheckNodePort: Invalid value: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
        ),
        (
            ports && !is(&["LoadBalancer", "NodePort"]),
            "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
        ),
    ];
    let (_, why) = wrong.into_iter().find(|(wrong, _)| *wrong)?;
    Some(format!("Service \"{}\" is invalid: {why}", text(service, "/metadata/name")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_admits_what_its_level_allows() {
        let namespace = |level: &str| json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
        let pod = |root: bool| {
            let add = if root { json!(["DAC_OVERRIDE"]) } else { json!([]) };
            json!({"metadata": {"name": "p"}, "spec": {
                "securityContext": {"runAsNonRoot": !root, "runAsUser": if root { 0 } else { 7 },
                    "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{"securityContext": {"allowPrivilegeEscalation": false,
                    "capabilities": {"drop": ["ALL"], "add": add}}}]}})
        };
        assert_eq!(pod_refused(&namespace("restricted"), &pod(false)), None);
        let why = pod_refused(&namespace("restricted"), &pod(true)).unwrap();
        assert!(why.contains("runAsUser=0") && why.contains("restricted:latest"), "{why}");
        assert_eq!(pod_refused(&namespace("baseline"), &pod(true)), None);
        let plain = json!({"spec": {"containers": [{"name": "main"}]}});
        assert!(pod_refused(&namespace("restricted"), &plain).is_some());
        assert_eq!(pod_refused(&namespace("privileged"), &plain), None);
        assert!(pod_refused(&namespace("baseline"), &json!({"spec": {"hostNetwork": true}})).is_some());
    }

    #[test]
    fn what_comes_with_a_type_goes_with_it() {
        let of = |spec: Value| service_refused(&json!({"metadata": {"name": "web"}, "spec": spec}));
        assert_eq!(of(json!({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": true})), None);
        let why = of(json!({"type": "ClusterIP", "allocateLoadBalancerNodePorts": true})).unwrap();
        assert!(why.contains("allocateLoadBalancerNodePorts: Forbidden"), "{why}");
        assert!(of(json!({"type": "ClusterIP", "externalTrafficPolicy": "Cluster"})).is_some());
        assert!(of(json!({"type": "ClusterIP", "ports": [{"nodePort": 30080}]})).is_some());
        assert_eq!(of(json!({"ports": [{"port": 80}]})), None);
    }
}
