//! Rights: what roles and bindings allow, and whether the API server writes an audit log.

use serde_json::Value;

use super::roles::{GROUP, bindings, bound, is_everything, is_system, subject_name, touches};
use crate::{
    inventory::Object,
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{Check, Needs, Say},
        picture::{Picture, Work},
        values::{list, text, words},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "RBAC-001",
        name: "rbac-cluster-admin",
        title: "Only break-glass accounts have all rights",
        severity: Severity::Critical,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No subject is bound to the role cluster-admin, or to a role with `*` for groups, resources and verbs in one rule (by a RoleBinding: high). Allowed are Group/system:masters, the subjects of the parameter breakGlass, and subjects of Kubernetes itself (system:kube-*, system:node*, kubeadm:*, service accounts of kube-system). Default bindings of Kubernetes are not examined.",
        fix: "Bind a scoped role instead; keep cluster-admin for the break-glass group",
        why: "In an outage, an account with all rights can damage everything by mistake.",
        run: cluster_admin,
    },
    Check {
        id: "RBAC-002",
        name: "rbac-wildcard",
        title: "Roles name the verbs, resources and API groups that they allow",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No rule of a role has `*` for verbs, resources (or `*/*`) or apiGroups; a rule with `*` for all three belongs to RBAC-001. Medium if the role is bound only by RoleBindings, low if no subject in scope is bound to it. Aggregated roles and default roles of Kubernetes are not examined.",
        fix: "Name apiGroups, resources and verbs",
        why: "A wildcard also allows everything that is added later, for example the resources of a new CRD.",
        run: |p, say| {
            rules(p, say, &|rule| {
                let star = |field: &str| words(rule, field).contains(&"*") || words(rule, field).contains(&"*/*");
                let found: Vec<&str> = [("/verbs", "verbs"), ("/resources", "resources"), ("/apiGroups", "apiGroups")]
                    .into_iter()
                    .filter(|(field, _)| star(field))
                    .map(|(_, name)| name)
                    .collect();
                (!found.is_empty() && found.len() < 3)
                    .then(|| (Severity::High, format!("wildcard in {}", found.join(", "))))
            })
        },
    },
    Check {
        id: "RBAC-003",
        name: "rbac-secret-read",
        title: "No role allows reading Secrets",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No rule of a role allows get, list or watch on secrets. Medium if the role is bound only by RoleBindings; low if the rule has resourceNames, or if no subject in scope is bound to the role. Aggregated roles and default roles of Kubernetes are not examined.",
        fix: "Remove list and watch; use get with resourceNames",
        why: "A subject that can read all Secrets can act as every account whose credentials they hold.",
        run: |p, say| {
            rules(p, say, &|rule| {
                let named = !list(rule, "/resourceNames").is_empty();
                let reads = touches(rule, &[""], &["secrets"], &["get", "list", "watch"]);
                reads.then(|| (if named { Severity::Low } else { Severity::High }, "may read Secrets".to_owned()))
            })
        },
    },
    Check {
        id: "RBAC-004",
        name: "rbac-escalation",
        title: "No role lets its subjects gain more rights",
        severity: Severity::Critical,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No rule of a role allows one of these: escalate or bind on roles; impersonate; create, update or patch on webhook configurations; update or patch on certificatesigningrequests/approval; create on serviceaccounts/token; get or create on nodes/proxy; create on persistentvolumes; create, update or patch on pods or on workloads that create pods. High if the role is bound only by RoleBindings, low if no subject in scope is bound to it. Aggregated roles and default roles of Kubernetes are not examined. For a service account, the finding names a workload that runs as it.",
        fix: "Remove the verb, or give it to a dedicated and audited identity",
        why: "With each of these rights, a subject can gain all other rights.",
        run: |p, say| rules(p, say, &escalates),
    },
    Check {
        id: "RBAC-005",
        name: "rbac-exec",
        title: "No role allows access to running pods",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No rule of a role allows get, create, update or patch on pods/exec, pods/attach, pods/portforward or pods/ephemeralcontainers. Medium if the role is bound only by RoleBindings, low if no subject in scope is bound to it. Aggregated roles and default roles of Kubernetes are not examined.",
        fix: "Remove exec and attach from the role; give access for a limited time when it is needed",
        why: "A subject inside a pod can use the data, the token and the network access of the pod.",
        run: |p, say| {
            rules(p, say, &|rule| {
                let into = ["pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers"];
                touches(rule, &[""], &into, &["get", "create", "update", "patch"])
                    .then(|| (Severity::High, "may access running pods".to_owned()))
            })
        },
    },
    Check {
        id: "RBAC-006",
        name: "rbac-broad-subject",
        title: "No binding gives rights to everybody",
        severity: Severity::Critical,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No binding names system:anonymous or system:unauthenticated (critical; except with the role system:public-info-viewer), system:authenticated or system:serviceaccounts (high), or a service account named default outside kube-system (high). Default bindings of Kubernetes are not examined.",
        fix: "Bind named groups and service accounts; create a service account for each workload",
        why: "An attacker in any pod has the rights that everybody has.",
        run: broad,
    },
    Check {
        id: "RBAC-009",
        name: "audit-enabled",
        title: "The API server writes an audit log",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Cluster,
        rule: "Each pod kube-apiserver-* in kube-system has, in command or args, --audit-policy-file and either --audit-webhook-config-file or --audit-log-path; with the log file, --audit-log-maxage is at least 30 or not set. Without such a pod (managed control plane) the result is unknown until it is attested.",
        fix: "Set --audit-policy-file and a log file or webhook, or attest the audit log of the managed control plane",
        why: "Without an audit log, nobody can tell the changes of the drill from the changes of others.",
        run: audit,
    },
];

pub(super) fn escalates(rule: &Value) -> Option<(Severity, String)> {
    const MAKERS: [&str; 8] = [
        "pods",
        "deployments",
        "statefulsets",
        "daemonsets",
        "replicasets",
        "jobs",
        "cronjobs",
        "replicationcontrollers",
    ];
    let write = ["create", "update", "patch"];
    let found = [
        (touches(rule, &[GROUP], &["roles", "clusterroles"], &["escalate", "bind"]), "may escalate or bind roles"),
        (
            touches(
                rule,
                &["", "authentication.k8s.io"],
                &["users", "groups", "serviceaccounts", "userextras"],
                &["impersonate"],
            ),
            "may impersonate",
        ),
        (
            touches(
                rule,
                &["admissionregistration.k8s.io"],
                &["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
                &write,
            ),
            "may change webhooks",
        ),
        (
            touches(rule, &["certificates.k8s.io"], &["certificatesigningrequests/approval"], &["update", "patch"]),
            "may approve certificates",
        ),
        (touches(rule, &[""], &["serviceaccounts/token"], &["create"]), "may create tokens of service accounts"),
        (touches(rule, &[""], &["nodes/proxy"], &["get", "create"]), "may use the proxy of nodes"),
        (touches(rule, &[""], &["persistentvolumes"], &["create"]), "may create volumes of any host path"),
        (touches(rule, &["", "apps", "batch"], &MAKERS, &write), "may create pods"),
    ];
    let said: Vec<&str> = found.iter().filter(|(is, _)| *is).map(|(_, text)| *text).collect();
    (!said.is_empty()).then(|| (Severity::Critical, said.join(", ")))
}

/// Examines the rules of all roles. The severity is one step lower if only RoleBindings bind the
/// role, and low if no subject is bound to it.
fn rules(p: &Picture<'_>, say: &mut Say, wrong: &dyn Fn(&Value) -> Option<(Severity, String)>) {
    for bound in bound(p, say) {
        let aggregated = bound.role.at("/aggregationRule").is_object();
        let found: Vec<(usize, Severity, String)> = bound
            .role
            .list("/rules")
            .iter()
            .enumerate()
            .filter_map(|(i, rule)| wrong(rule).map(|(severity, text)| (i, severity, text)))
            .collect();
        if found.is_empty() || aggregated {
            say.pass(bound.role);
            continue;
        }
        for (i, severity, text) in found {
            let pointer = format!("/rules/{i}");
            if bound.subjects.is_empty() {
                say.fail_as(Severity::Low, bound.role, pointer, format!("{text}; no subject in scope is bound to it"));
                continue;
            }
            let severity = match (bound.wide, severity) {
                (false, Severity::Critical) => Severity::High,
                (false, Severity::High) => Severity::Medium,
                (_, severity) => severity,
            };
            let mut who = bound.subjects.clone();
            who.sort();
            who.dedup();
            who.iter_mut().for_each(|name| runs_as(p, name));
            let more = if who.len() > 3 { format!(" and {} more", who.len() - 3) } else { String::new() };
            who.truncate(3);
            say.fail_as(severity, bound.role, pointer, format!("{text}: {}{more}", who.join(", ")));
        }
    }
}

/// Adds a workload that runs as the service account: whoever breaks into its pods has the rights.
fn runs_as(p: &Picture<'_>, who: &mut String) {
    let Some((namespace, account)) = who.strip_prefix("ServiceAccount ").and_then(|name| name.split_once('/')) else {
        return;
    };
    let own = |w: &&Work<'_>| match text(w.spec(), "/serviceAccountName") {
        "" => account == "default",
        name => account == name,
    };
    if let Some(work) = p.in_namespace(namespace).into_iter().find(own) {
        *who = format!("{who} ({} {} runs as it)", work.kind, work.name());
    }
}

fn cluster_admin(p: &Picture<'_>, say: &mut Say) {
    let all: Vec<&Object> =
        ["ClusterRole", "Role"].iter().flat_map(|k| p.object_set.any(&format!("{k}.{GROUP}"))).collect();
    for (binding, wide) in bindings(p, say) {
        let name = binding.text("/roleRef/name");
        let kind = binding.text("/roleRef/kind");
        let role = all.iter().find(|r| {
            r.metadata.name == name
                && *r.kind == *kind
                && (kind == "ClusterRole" || r.metadata.namespace == binding.metadata.namespace)
        });
        if name != "cluster-admin" && !role.is_some_and(|r| is_everything(r)) {
            say.pass(binding);
            continue;
        }
        for (i, subject) in binding.list("/subjects").iter().enumerate() {
            let who = subject_name(subject, &binding.metadata.namespace);
            let allowed =
                who == "Group/system:masters" || p.settings.parameters.break_glass.contains(&who) || is_system(subject);
            if allowed {
                continue;
            }
            let severity = if wide { Severity::Critical } else { Severity::High };
            say.fail_as(
                severity,
                binding,
                format!("/subjects/{i}"),
                format!("{who} has all rights through {kind} {name}"),
            );
        }
    }
}

fn broad(p: &Picture<'_>, say: &mut Say) {
    for (binding, _) in bindings(p, say) {
        let mut fine = true;
        for (i, subject) in binding.list("/subjects").iter().enumerate() {
            let name = text(subject, "/name");
            let severity = match name {
                "system:anonymous" | "system:unauthenticated"
                    if binding.text("/roleRef/name") != "system:public-info-viewer" =>
                {
                    Severity::Critical
                }
                "system:authenticated" | "system:serviceaccounts" => Severity::High,
                "default" if text(subject, "/kind") == "ServiceAccount" && !is_system(subject) => Severity::High,
                _ => continue,
            };
            fine = false;
            let role = binding.text("/roleRef/name");
            say.fail_as(
                severity,
                binding,
                format!("/subjects/{i}"),
                format!("{} has {role}", subject_name(subject, &binding.metadata.namespace)),
            );
        }
        if fine {
            say.pass(binding);
        }
    }
}

fn audit(p: &Picture<'_>, say: &mut Say) {
    let servers: Vec<&Object> = p
        .object_set
        .any("Pod")
        .iter()
        .filter(|o| o.metadata.namespace == "kube-system" && o.metadata.name.starts_with("kube-apiserver-"))
        .collect();
    if let Err(gap) = p.object_set.all("Pod") {
        return say.gap(gap);
    }
    if servers.is_empty() {
        return say.unknown(
            Subject::default(),
            Unseen::NoData,
            "no kube-apiserver pod can be seen: attest the audit log of the control plane",
        );
    }
    for server in servers {
        let flags: Vec<&str> = server
            .list("/spec/containers")
            .iter()
            .flat_map(|c| words(c, "/command").into_iter().chain(words(c, "/args")))
            .collect();
        let value = |name: &str| flags.iter().find_map(|f| f.strip_prefix(name)?.strip_prefix('='));
        let mut wrong = vec![];
        if value("--audit-policy-file").is_none() {
            wrong.push("no --audit-policy-file: the API server writes no audit log".to_owned());
        } else if value("--audit-webhook-config-file").is_none() {
            match (value("--audit-log-path"), value("--audit-log-maxage").and_then(|n| n.parse::<u64>().ok())) {
                (None, _) => wrong.push("no --audit-log-path and no --audit-webhook-config-file".into()),
                (Some(_), Some(days)) if days < 30 => wrong.push(format!("the audit log is kept for {days} days")),
                _ => {}
            }
        }
        say.judge(server, "/spec/containers/0/command", &wrong);
    }
}
