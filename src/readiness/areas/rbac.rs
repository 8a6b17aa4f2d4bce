//! Rights: what roles and bindings allow, and whether the API server writes an audit log.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    inventory::Object,
    model::{Class, Severity},
    readiness::{
        check::{Check, Needs, Say},
        picture::{Picture, Work},
        rights::{Binding, GROUP, Role, Rule, Subject, is_everything},
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
        rule: "No subject has every right: by a role with every verb on every resource of every API group (cluster-admin is one; the verbs may be `*`, or get, list, watch, create, update, patch and delete together, also in several rules, aggregated roles or ClusterRoleBindings). By a RoleBinding the severity is high. Allowed are the groups system:masters and kubeadm:cluster-admins, and the subjects of the parameter breakGlass. Nodes (system:nodes), other components of Kubernetes and service accounts are not exempt. The default bindings of Kubernetes are not examined: a binding needs their label, a name that begins with system: and subjects of Kubernetes to be one.",
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
        rule: "No rule of a role has `*` for verbs, resources (or `*/*`) or apiGroups; a rule with `*` for all three belongs to RBAC-001. `*/exec` names a subresource and does not count as a wildcard (see RBAC-004 and RBAC-005). Medium if the role is bound only by RoleBindings, low if no subject is bound to it. The rules that a role aggregates count, and so do the bindings of all namespaces. A default role of Kubernetes is examined if a binding gives it to a subject outside Kubernetes; the finding then names the binding. A role that is aggregated into a default role fails if it adds such a right to it. cluster-admin belongs to RBAC-001.",
        fix: "Name apiGroups, resources and verbs",
        why: "A wildcard also allows everything that is added later, for example the resources of a new CRD.",
        run: |p, say| {
            rules(p, say, &|rule| {
                let found = rule.wildcards();
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
        rule: "No rule of a role allows get, list or watch on secrets. Medium if the role is bound only by RoleBindings; low if the rule has resourceNames, or if no subject is bound to the role. The rules that a role aggregates count, and so do the bindings of all namespaces. A default role of Kubernetes is examined if a binding gives it to a subject outside Kubernetes; the finding then names the binding. A role that is aggregated into a default role fails if it adds such a right to it. cluster-admin belongs to RBAC-001.",
        fix: "Remove list and watch; use get with resourceNames",
        why: "A subject that can read all Secrets can act as every account whose credentials they hold.",
        run: |p, say| {
            rules(p, say, &|rule| {
                let severity = if rule.names.is_empty() { Severity::High } else { Severity::Low };
                let reads = rule.touches(&[""], &["secrets"], &["get", "list", "watch"]);
                reads.then(|| (severity, "may read Secrets".to_owned()))
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
        rule: "No rule of a role allows one of these: escalate or bind on roles and clusterroles; impersonate users, groups, service accounts or extra fields; create, update or patch webhook configurations, or mutating admission policies and their bindings; update or patch certificatesigningrequests/approval; create serviceaccounts/token; get or create nodes/proxy; create persistentvolumes; create, update or patch pods or workloads that create pods (such a pod can mount every Secret and use every service account of its namespace). High if the role is bound only by RoleBindings, low if no subject is bound to it. The rules that a role aggregates count, and so do the bindings of all namespaces. A default role of Kubernetes is examined if a binding gives it to a subject outside Kubernetes; the finding then names the binding. A role that is aggregated into a default role fails if it adds such a right to it. cluster-admin belongs to RBAC-001. For a service account, the finding names a workload that runs as it.",
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
        rule: "No rule of a role allows get, create, update or patch on pods/exec, pods/attach, pods/portforward or pods/ephemeralcontainers. Medium if the role is bound only by RoleBindings, low if no subject is bound to it. The rules that a role aggregates count, and so do the bindings of all namespaces. A default role of Kubernetes is examined if a binding gives it to a subject outside Kubernetes; the finding then names the binding. A role that is aggregated into a default role fails if it adds such a right to it. cluster-admin belongs to RBAC-001.",
        fix: "Remove exec and attach from the role; give access for a limited time when it is needed",
        why: "A subject inside a pod can use the data, the token and the network access of the pod.",
        run: |p, say| {
            rules(p, say, &|rule| {
                let into = ["pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers"];
                rule.touches(&[""], &into, &["get", "create", "update", "patch"])
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
        rule: "No binding names system:anonymous or system:unauthenticated (critical; except with the role system:public-info-viewer), system:authenticated, system:serviceaccounts or system:serviceaccounts:NAMESPACE (high), or a service account named default (high). Default bindings of Kubernetes are not examined.",
        fix: "Bind named groups and service accounts; create a service account for each workload",
        why: "An attacker in any pod has the rights that everybody has.",
        run: broad,
    },
];

pub(super) fn escalates(rule: &Rule<'_>) -> Option<(Severity, String)> {
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
    const WRITE: &[&str] = &["create", "update", "patch"];
    type Power = (&'static [&'static str], &'static [&'static str], &'static [&'static str], &'static str);
    const POWERS: [Power; 9] = [
        (&[GROUP], &["roles", "clusterroles"], &["escalate", "bind"], "may escalate or bind roles"),
        (
            &["", "authentication.k8s.io"],
            &["users", "groups", "serviceaccounts", "userextras", "userextras/scopes", "uids"],
            &["impersonate"],
            "may impersonate",
        ),
        (
            &["admissionregistration.k8s.io"],
            &["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
            WRITE,
            "may change webhooks",
        ),
        (
            &["admissionregistration.k8s.io"],
            &["mutatingadmissionpolicies", "mutatingadmissionpolicybindings"],
            WRITE,
            "may change what admission writes into objects",
        ),
        (
            &["certificates.k8s.io"],
            &["certificatesigningrequests/approval"],
            &["update", "patch"],
            "may approve certificates",
        ),
        (&[""], &["serviceaccounts/token"], &["create"], "may create tokens of service accounts"),
        (&[""], &["nodes/proxy"], &["get", "create"], "may use the proxy of nodes"),
        (&[""], &["persistentvolumes"], &["create"], "may create volumes of any host path"),
        (&["", "apps", "batch", "extensions"], &MAKERS, WRITE, "may create pods"),
    ];
    let held = POWERS.iter().filter(|(groups, resources, verbs, _)| rule.touches(groups, resources, verbs));
    let said: Vec<&str> = held.map(|(.., text)| *text).collect();
    (!said.is_empty()).then(|| (Severity::Critical, said.join(", ")))
}

/// Whether the objects of RBAC in this namespace are judged. Rights reach further than a namespace, so those of the
/// platform are judged, too, unless the user named the namespaces.
fn judged(p: &Picture<'_>, object: &Object) -> bool {
    let namespace = &object.metadata.namespace;
    namespace.is_empty() || p.settings.namespaces.is_empty() || p.in_scope(namespace)
}

/// Reports what could not be read; the roles are examined only if all of it was.
fn all_seen(p: &Picture<'_>, say: &mut Say) -> bool {
    let kinds = ["ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding"];
    let gaps: Vec<_> = kinds.iter().filter_map(|kind| p.object_set.all(&format!("{kind}.{GROUP}")).err()).collect();
    gaps.iter().for_each(|gap| say.gap(gap));
    gaps.is_empty()
}

/// The bindings that are judged: all but the default ones.
fn bindings<'p, 'a>(p: &'p Picture<'a>) -> impl Iterator<Item = &'p Binding<'a>> {
    p.rights().bindings.iter().filter(|b| !b.default && judged(p, b.object))
}

/// Judges a rule: how serious it is, and why.
type Wrong<'w> = &'w dyn Fn(&Rule<'_>) -> Option<(Severity, String)>;

/// Examines the rules of all roles. The severity is one step lower if only RoleBindings bind the
/// role, and low if no subject is bound to it.
fn rules(p: &Picture<'_>, say: &mut Say, wrong: Wrong<'_>) {
    if !all_seen(p, say) {
        return;
    }
    for role in p.rights().roles() {
        if let Some(object) = role.object.filter(|object| !role.default && judged(p, object)) {
            own_role(p, say, role, object, wrong);
        } else if role.default {
            for binding in p.rights().bindings_of(role).filter(|b| judged(p, b.object)) {
                default_role(p, say, role, binding, wrong);
            }
        }
    }
}

/// A role that the input contains.
fn own_role(p: &Picture<'_>, say: &mut Say, role: &Role<'_>, object: &Object, wrong: Wrong<'_>) {
    let found: Vec<(&Rule<'_>, Severity, String)> =
        role.rules.iter().filter_map(|rule| wrong(rule).map(|(severity, text)| (rule, severity, text))).collect();
    let (mut wide, mut who) = (false, BTreeSet::new());
    for binding in p.rights().bindings_of(role) {
        for (_, subject) in binding.subjects().filter(|(_, s)| !s.is_central()) {
            wide |= binding.wide;
            who.insert(subject);
        }
    }
    if found.is_empty() {
        return say.pass(object);
    }
    if who.is_empty() && role.is_part {
        return part(p, say, role, object, wrong);
    }
    for (rule, severity, text) in found {
        let (pointer, text) = match rule.from {
            None => (format!("/rules/{}", rule.index), text),
            Some(part) => ("/aggregationRule".to_owned(), format!("{text} (a rule of ClusterRole {part})")),
        };
        if who.is_empty() {
            say.fail_as(Severity::Low, object, pointer, format!("{text}; no subject is bound to it"));
        } else {
            say.fail_as(lowered(severity, wide), object, pointer, format!("{text}: {}", named(p, &who)));
        }
    }
}

/// A role that others aggregate. Its rules are judged there; but a default role gives them to whoever has it, also in
/// namespaces that this input does not contain.
fn part(p: &Picture<'_>, say: &mut Say, role: &Role<'_>, object: &Object, wrong: Wrong<'_>) {
    for parent in p.rights().roles().filter(|parent| parent.default) {
        let (own, others): (Vec<&Rule<'_>>, Vec<&Rule<'_>>) =
            parent.rules.iter().partition(|rule| rule.from == Some(role.name));
        let before: BTreeSet<String> = others.into_iter().filter_map(wrong).map(|(_, text)| text).collect();
        let found = own.into_iter().filter_map(|rule| wrong(rule).map(|(severity, text)| (rule, severity, text)));
        if let Some((rule, severity, text)) = found.into_iter().find(|(.., text)| !before.contains(text)) {
            let text = format!("{text}: the default role {} gives this right to all its subjects", parent.name);
            return say.fail_as(lowered(severity, false), object, format!("/rules/{}", rule.index), text);
        }
    }
    say.skip(object, "other roles aggregate it, and its rules are judged there");
}

/// A default role of Kubernetes that a binding gives to somebody.
fn default_role(p: &Picture<'_>, say: &mut Say, role: &Role<'_>, binding: &Binding<'_>, wrong: Wrong<'_>) {
    // Kubernetes makes roles of this name for its components, and older clusters bind them by other bindings.
    let of_components = role.name.starts_with("system:");
    let may_have = |s: &Subject<'_>| if of_components { s.is_system() } else { s.is_central() };
    let who: BTreeSet<Subject<'_>> = binding.subjects().map(|(_, s)| s).filter(|s| !may_have(s)).collect();
    if who.is_empty() {
        return;
    }
    if is_everything(role.rules.iter()) {
        return say.skip(binding.object, "it gives every right (see RBAC-001)");
    }
    let mut found: BTreeMap<String, Severity> = BTreeMap::new();
    for (severity, text) in role.rules.iter().filter_map(wrong) {
        let worst = found.entry(text).or_insert(severity);
        *worst = severity.min(*worst);
    }
    let Some(worst) = found.values().min() else { return say.pass(binding.object) };
    let texts: Vec<&str> = found.keys().map(String::as_str).collect();
    let text = format!("role {}: {}: {}", role.name, texts.join(", "), named(p, &who));
    say.fail_as(lowered(*worst, binding.wide), binding.object, "/roleRef", text);
}

fn lowered(severity: Severity, wide: bool) -> Severity {
    match (wide, severity) {
        (false, Severity::Critical) => Severity::High,
        (false, Severity::High) => Severity::Medium,
        (_, severity) => severity,
    }
}

/// At most three of the subjects, with a workload that runs as each service account.
fn named(p: &Picture<'_>, who: &BTreeSet<Subject<'_>>) -> String {
    let more = if who.len() > 3 { format!(" and {} more", who.len() - 3) } else { String::new() };
    let shown: Vec<String> = who.iter().take(3).map(|subject| runs_as(p, subject)).collect();
    format!("{}{more}", shown.join(", "))
}

/// The subject, with a workload that runs as it: whoever breaks into its pods has the rights.
fn runs_as(p: &Picture<'_>, subject: &Subject<'_>) -> String {
    let own = |w: &&Work<'_>| w.account() == subject.name;
    let account = subject.kind == "ServiceAccount";
    match p.in_namespace(subject.namespace).into_iter().filter(|_| account).find(own) {
        Some(work) => format!("{subject} ({} {} runs as it)", work.kind, work.name()),
        None => subject.to_string(),
    }
}

fn cluster_admin(p: &Picture<'_>, say: &mut Say) {
    if !all_seen(p, say) {
        return;
    }
    let allowed = |s: &Subject<'_>| s.is_break_glass() || p.settings.parameters.break_glass.contains(&s.to_string());
    let mut told = BTreeSet::new();
    for binding in bindings(p) {
        let role = p.rights().role(binding);
        if !role.is_some_and(|role| is_everything(role.rules.iter())) {
            continue;
        }
        let severity = if binding.wide { Severity::Critical } else { Severity::High };
        for (i, who) in binding.subjects().filter(|(_, s)| !allowed(s)) {
            let (kind, name) = (binding.object.text("/roleRef/kind"), binding.object.text("/roleRef/name"));
            let text = format!("{who} has all rights through {kind} {name}");
            say.fail_as(severity, binding.object, format!("/subjects/{i}"), text);
            told.insert(who);
        }
    }
    together(p, say, &told, &allowed);
}

/// Subjects that several bindings together give every right.
fn together(p: &Picture<'_>, say: &mut Say, told: &BTreeSet<Subject<'_>>, allowed: &dyn Fn(&Subject<'_>) -> bool) {
    let mut held: BTreeMap<Subject<'_>, Vec<&Rule<'_>>> = BTreeMap::new();
    for binding in bindings(p).filter(|b| b.wide) {
        for (_, who) in binding.subjects() {
            let role = p.rights().role(binding);
            // Only a rule with wildcards can be a part of every right.
            let wild = |rule: &&Rule<'_>| rule.wildcards().len() > 1;
            held.entry(who).or_default().extend(role.into_iter().flat_map(|role| &role.rules).filter(wild));
        }
    }
    for binding in bindings(p) {
        let mut fine = true;
        for (i, who) in binding.subjects() {
            fine &= !told.contains(&who);
            let rules = if binding.wide { held.remove(&who) } else { None };
            let rules = rules.filter(|_| !told.contains(&who) && !allowed(&who));
            if rules.is_some_and(|rules| is_everything(rules.iter().copied())) {
                fine = false;
                let text = format!("{who} has all rights through several ClusterRoleBindings together");
                say.fail(binding.object, format!("/subjects/{i}"), text);
            }
        }
        if fine {
            say.pass(binding.object);
        }
    }
}

fn broad(p: &Picture<'_>, say: &mut Say) {
    if !all_seen(p, say) {
        return;
    }
    for binding in bindings(p) {
        let mut fine = true;
        let role = binding.object.text("/roleRef/name");
        for (i, subject) in binding.subjects() {
            let severity = match subject.name {
                "system:anonymous" | "system:unauthenticated" if role != "system:public-info-viewer" => {
                    Severity::Critical
                }
                "system:authenticated" | "system:serviceaccounts" => Severity::High,
                name if name.starts_with("system:serviceaccounts:") => Severity::High,
                "default" if subject.kind == "ServiceAccount" => Severity::High,
                _ => continue,
            };
            fine = false;
            say.fail_as(severity, binding.object, format!("/subjects/{i}"), format!("{subject} has {role}"));
        }
        if fine {
            say.pass(binding.object);
        }
    }
}
