//! The mesh: mutual TLS and who may do what.

use serde_json::Value;

use crate::{
    inventory::Object,
    model::{Class, Severity, Subject},
    readiness::{
        check::{Check, NETPART, Needs, REGION, Say},
        look::{is_everything, list, map, selector, text, words},
        picture::{Picture, Work},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "NET-008",
        name: "mesh-mtls-strict",
        title: "Workloads in the mesh demand mutual TLS",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[NETPART, REGION],
        needs: Needs::Manifests,
        rule: "The effective mode of each workload in the Istio mesh (a PeerAuthentication that selects it, else the namespace's, else istio-system's; UNSET inherits; none is PERMISSIVE) is STRICT, and no portLevelMtls of a port that a Service leads to is PERMISSIVE or DISABLE. In ambient mode nothing can be disabled: DISABLE there is a mistake.",
        fix: "Set PeerAuthentication STRICT in the root namespace; remove PERMISSIVE and DISABLE of single ports",
        why: "In a partition, plain text from anywhere is taken for a friend.",
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
        rule: "An AuthorizationPolicy with action ALLOW applies to each workload in the mesh (of its own namespace, or of istio-system, with or without a selector; one without rules allows nothing, which passes); no rule is {} or admits any principal to everything; a rule names ports, paths or methods (else medium); rules that need identities do so only under STRICT mutual TLS (ISTIO-SECURITY-2021-004).",
        fix: "Add an allow-nothing AuthorizationPolicy to each namespace, then rules with to.operation.ports; enforce STRICT first",
        why: "Default allow in the mesh makes a partition's effect a guess.",
        run: authz,
    },
];

const ROOT: &str = "istio-system";

const PEER: &str = "PeerAuthentication.security.istio.io";

/// Whether a workload is in the mesh without a proxy of its own.
fn ambient(p: &Picture<'_>, work: &Work<'_>) -> bool {
    let mode = |labels: &std::collections::BTreeMap<String, String>| {
        labels.get("istio.io/dataplane-mode").map(|v| v == "ambient")
    };
    mode(&work.labels).or_else(|| mode(&p.labels_of_namespace(work.namespace()))).unwrap_or(false)
}

/// The ports of a workload that a Service leads to.
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

/// Whether a workload's pods are in the mesh.
fn meshed(p: &Picture<'_>, work: &Work<'_>) -> bool {
    if work.all_containers().iter().any(|c| c.name == "istio-proxy") || work.labels.contains_key("istio.io/rev") {
        return true;
    }
    let own = work.labels.get("sidecar.istio.io/inject").map(String::as_str);
    let space = p.shelf.find("Namespace", "", work.namespace());
    let label = |key: &str| space.and_then(|n| n.metadata.labels.get(key)).map(String::as_str);
    own != Some("false")
        && (own == Some("true")
            || label("istio-injection") == Some("enabled")
            || label("istio.io/rev").is_some()
            || ambient(p, work))
}

/// The policies of a kind that apply to a workload: of its own, of its namespace, of the root.
fn applying<'a>(p: &Picture<'a>, key: &str, work: &Work<'_>) -> [Vec<&'a Object>; 3] {
    // In the root namespace a selector means the whole mesh, but not of a PeerAuthentication.
    let rooted = key != PEER;
    let mut found = [vec![], vec![], vec![]];
    for policy in p.shelf.any(key) {
        let chosen = selector(&policy.body, "/spec/selector");
        let own = policy.metadata.namespace == work.namespace();
        match chosen.filter(|s| !is_everything(s)) {
            Some(s) if (own || rooted && policy.metadata.namespace == ROOT) && s.matches(&work.labels) => {
                found[0].push(policy);
            }
            None if own && list(&policy.body, "/spec/targetRefs").is_empty() => found[1].push(policy),
            None if policy.metadata.namespace == ROOT => found[2].push(policy),
            _ => {}
        }
    }
    for level in &mut found {
        // Of several, the oldest counts.
        level.sort_by_key(|o| (o.metadata.creation_timestamp.clone(), o.metadata.name.clone()));
    }
    found
}

/// The mode of mutual TLS that holds for a workload, and where it is said.
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
    if let Err(gap) = p.shelf.all(key) {
        say.gap(gap);
        return vec![];
    }
    if p.is_cluster() && !p.shelf.serves(key) {
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
            let by = by.map_or("no PeerAuthentication says otherwise".to_owned(), |o| {
                format!("by PeerAuthentication {}/{}", o.metadata.namespace, o.metadata.name)
            });
            wrong.push(format!("mutual TLS is {mode} ({by})"));
            if mode == "DISABLE" && ambient(p, work) {
                wrong.push("in ambient mode it cannot be disabled".into());
            }
        }
        let served = served(p, work);
        for policy in &applying(p, PEER, work)[0] {
            for (port, setting) in map(&policy.body, "/spec/portLevelMtls").into_iter().flatten() {
                if matches!(text(setting, "/mode"), "PERMISSIVE" | "DISABLE") && served.contains(port) {
                    wrong.push(format!("port {port} is {} by {}", text(setting, "/mode"), policy.metadata.name));
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
                    wrong.push(format!("a rule of {name} admits anybody to everything"));
                } else if !list(rule, "/to").iter().any(names_operation) {
                    loose.push(format!("a rule of {name} names no port, path or method"));
                }
                if !strict && needs_identity(rule) {
                    wrong.push(format!("a rule of {name} rests on identities, which mutual TLS does not prove here"));
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
