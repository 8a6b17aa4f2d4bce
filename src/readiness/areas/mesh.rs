//! The service mesh: mutual TLS and authorization.

use serde_json::Value;

use crate::{
    inventory::Object,
    model::{Class, Severity, Subject},
    readiness::{
        check::{Check, NETPART, Needs, REGION, Say},
        picture::{Picture, Work},
        values::{is_everything, list, map, selector, text, words},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "NET-008",
        name: "mesh-mtls-strict",
        title: "Workloads in the mesh require mutual TLS",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[NETPART, REGION],
        needs: Needs::Manifests,
        rule: "Examined are workloads in the Istio mesh: with a proxy among their containers, or by the labels of their pods and of their namespace; pods with sidecar.istio.io/inject false, or istio.io/dataplane-mode none, are not in it. For each of them, the effective mode of mutual TLS is STRICT. The mode comes from the oldest PeerAuthentication that selects the workload, else from that of its namespace, else from that of istio-system. UNSET inherits, and without any PeerAuthentication the mode is PERMISSIVE. No PeerAuthentication that selects the workload sets portLevelMtls to PERMISSIVE or DISABLE for a target port of a Service. In ambient mode, DISABLE is also reported as a mistake.",
        fix: "Set a PeerAuthentication with mode STRICT in the root namespace; remove PERMISSIVE and DISABLE from single ports",
        why: "Without STRICT mutual TLS, a workload accepts unencrypted requests from any client, also during a partition.",
        run: mtls,
    },
    Check {
        id: "NET-009",
        name: "mesh-authz-default-deny",
        title: "Authorization in the mesh denies by default",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[NETPART],
        needs: Needs::Manifests,
        rule: "At least one AuthorizationPolicy with action ALLOW applies to each workload in the Istio mesh: a policy of its namespace or of istio-system, with or without a selector. A policy without rules allows nothing, and passes. Policies with targetRefs do not count: they apply to gateways and waypoints. No rule is {}, or has the principal `*` and no `to`. Each rule has an operation with ports, paths or methods (else medium). Rules use identities (principals, namespaces, service accounts) only if mutual TLS is STRICT as in NET-008 (ISTIO-SECURITY-2021-004).",
        fix: "Set mutual TLS to STRICT. Then add an AuthorizationPolicy that allows nothing to each namespace, and add rules with to.operation.ports",
        why: "If the mesh allows everything by default, the effect of a partition cannot be predicted.",
        run: authz,
    },
];

const ROOT: &str = "istio-system";

const PEER: &str = "PeerAuthentication.security.istio.io";

/// Whether a workload is in the mesh in ambient mode, without its own proxy.
fn ambient(p: &Picture<'_>, work: &Work<'_>) -> bool {
    let mode = |labels: &std::collections::BTreeMap<String, String>| {
        labels.get("istio.io/dataplane-mode").map(|v| v == "ambient")
    };
    if is_kept_out(work) {
        return false;
    }
    mode(&work.labels).or_else(|| mode(&p.labels_of_namespace(work.namespace()))).unwrap_or(false)
}

/// The ports of a workload that are target ports of a Service.
fn served(p: &Picture<'_>, work: &Work<'_>) -> Vec<String> {
    let ports = p.services(work).into_iter().flat_map(|s| s.list("/spec/ports"));
    let target = |port: &Value| {
        let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
        let named = work.containers().flat_map(|c| list(c.value, "/ports"));
        let number = named.into_iter().find(|p| p["name"] == *target).map(|p| &p["containerPort"]);
        number.unwrap_or(target).to_string()
    };
    ports.map(target).collect()
}

/// Whether the pods of a workload say that no proxy belongs to them. This wins over every label of their namespace, and
/// over their revision.
fn is_kept_out(work: &Work<'_>) -> bool {
    let refuses = |key: &str, value: &str| work.labels.get(key).is_some_and(|v| v == value);
    refuses("sidecar.istio.io/inject", "false")
        || work.pod_annotation("sidecar.istio.io/inject") == Some("false")
        || refuses("istio.io/dataplane-mode", "none") && !work.labels.contains_key("sidecar.istio.io/inject")
}

/// Whether a workload's pods are in the mesh.
fn meshed(p: &Picture<'_>, work: &Work<'_>) -> bool {
    if work.all_containers().iter().any(|c| c.name == "istio-proxy") {
        return true;
    }
    if is_kept_out(work) {
        return false;
    }
    let own = work.labels.get("sidecar.istio.io/inject").map(String::as_str);
    let own = own.or_else(|| work.pod_annotation("sidecar.istio.io/inject"));
    let space = p.object_set.find("Namespace", "", work.namespace());
    let label = |key: &str| space.and_then(|n| n.metadata.labels.get(key)).map(String::as_str);
    own != Some("false")
        && (own == Some("true")
            || work.labels.contains_key("istio.io/rev")
            || label("istio-injection") == Some("enabled")
            || label("istio.io/rev").is_some()
            || ambient(p, work))
}

/// The policies of a kind that apply to a workload: those that select it, those of its namespace,
/// those of the root namespace.
fn applying<'a>(p: &Picture<'a>, key: &str, work: &Work<'_>) -> [Vec<&'a Object>; 3] {
    // In the root namespace a selector selects from the whole mesh, except in a PeerAuthentication.
    let rooted = key != PEER;
    let mut found = [vec![], vec![], vec![]];
    for policy in p.object_set.any(key) {
        let chosen = selector(&policy.body, "/spec/selector");
        let own = policy.metadata.namespace == work.namespace();
        match chosen.filter(|s| !is_everything(s)) {
            Some(s) if (own || rooted && policy.metadata.namespace == ROOT) && s.matches(&work.labels) => {
                found[0].push(policy);
            }
            None if own && list(&policy.body, "/spec/targetRefs").is_empty() => found[1].push(policy),
            None if policy.metadata.namespace == ROOT && list(&policy.body, "/spec/targetRefs").is_empty() => {
                found[2].push(policy);
            }
            _ => {}
        }
    }
    for level in &mut found {
        // Of several policies, the oldest counts.
        level.sort_by_key(|o| (o.metadata.creation_timestamp.clone(), o.metadata.name.clone()));
    }
    found
}

/// The effective mode of mutual TLS of a workload, and the policy that sets it.
fn mode<'a>(p: &Picture<'a>, work: &Work<'_>) -> (&'a str, Option<&'a Object>) {
    for policy in applying(p, PEER, work).iter().filter_map(|level| level.first()) {
        let said = policy.text("/spec/mtls/mode");
        if !matches!(said, "" | "UNSET") {
            return (said, Some(*policy));
        }
    }
    ("PERMISSIVE", None)
}

fn in_mesh<'p, 'a>(p: &'p Picture<'a>, say: &mut Say, key: &str) -> Vec<&'p Work<'a>> {
    if let Err(gap) = p.object_set.all(key) {
        say.gap(gap);
        return vec![];
    }
    if p.is_cluster() && !p.object_set.serves(key) {
        say.skip(Subject::default(), "Istio is not installed");
        return vec![];
    }
    p.works.iter().filter(|w| meshed(p, w)).collect()
}

fn mtls(p: &Picture<'_>, say: &mut Say) {
    for work in in_mesh(p, say, PEER) {
        let (mode, by) = mode(p, work);
        let mut wrong = vec![];
        if mode != "STRICT" {
            let by = by.map_or("no PeerAuthentication sets it".to_owned(), |o| {
                format!("set by PeerAuthentication {}/{}", o.metadata.namespace, o.metadata.name)
            });
            wrong.push(format!("mutual TLS is {mode} ({by})"));
            if mode == "DISABLE" && ambient(p, work) {
                wrong.push("in ambient mode, mutual TLS cannot be disabled".into());
            }
        }
        let served = served(p, work);
        for policy in &applying(p, PEER, work)[0] {
            for (port, setting) in map(&policy.body, "/spec/portLevelMtls").into_iter().flatten() {
                if matches!(text(setting, "/mode"), "PERMISSIVE" | "DISABLE") && served.contains(port) {
                    wrong.push(format!(
                        "port {port} is {}, set by PeerAuthentication {}",
                        text(setting, "/mode"),
                        policy.metadata.name
                    ));
                }
            }
        }
        say.judge(work, "", &wrong);
    }
}

fn authz(p: &Picture<'_>, say: &mut Say) {
    const KEY: &str = "AuthorizationPolicy.security.istio.io";
    for work in in_mesh(p, say, KEY) {
        let allows: Vec<&Object> = applying(p, KEY, work)
            .into_iter()
            .flatten()
            .filter(|o| matches!(o.text("/spec/action"), "" | "ALLOW"))
            .collect();
        if allows.is_empty() {
            say.fail(work, "", "no AuthorizationPolicy with action ALLOW applies: everything is allowed");
            continue;
        }
        let strict = mode(p, work).0 == "STRICT";
        let (mut wrong, mut loose) = (vec![], vec![]);
        for policy in allows {
            for rule in policy.list("/spec/rules") {
                let name = &policy.metadata.name;
                let any = list(rule, "/from").iter().any(|f| words(f, "/source/principals").contains(&"*"));
                if rule.as_object().is_some_and(serde_json::Map::is_empty) || any && list(rule, "/to").is_empty() {
                    wrong.push(format!("a rule of {name} allows every client every operation"));
                } else if !list(rule, "/to").iter().any(names_operation) {
                    loose.push(format!("a rule of {name} names no port, path or method"));
                }
                if !strict && needs_identity(rule) {
                    wrong.push(format!("a rule of {name} uses identities, but mutual TLS is not STRICT here"));
                }
            }
        }
        if wrong.is_empty() && !loose.is_empty() {
            say.fail_as(Severity::Medium, work, "", loose.join("; "));
        } else {
            say.judge(work, "", &wrong);
        }
    }
}

fn names_operation(to: &Value) -> bool {
    ["ports", "paths", "methods"].iter().any(|field| !list(to, &format!("/operation/{field}")).is_empty())
}

fn needs_identity(rule: &Value) -> bool {
    let fields = ["principals", "notPrincipals", "namespaces", "notNamespaces", "serviceAccounts"];
    list(rule, "/from").iter().any(|f| fields.iter().any(|field| !list(f, &format!("/source/{field}")).is_empty()))
        || list(rule, "/when").iter().any(|w| matches!(text(w, "/key"), "source.principal" | "source.namespace"))
}
