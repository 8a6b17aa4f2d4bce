//! Checks of the cluster: its identity, the rights of the drill, and its health.

use super::Case;
use crate::{
    inventory::OtherRun,
    kubernetes::objects::Workload,
    model::{Finding, Permission, PowerState, StepClass},
};

/// Time for the undo after the last step; credentials must outlive it.
const UNWIND_SECONDS: i64 = 1800;

pub(super) fn identity(case: &Case<'_>) -> Finding {
    let c = &case.plan.cluster;
    if c.uid.is_empty() {
        return Finding::unknown(
            "cluster-identity",
            "the UID of namespace kube-system cannot be read",
            "grant get on namespaces",
        );
    }
    Finding::pass("cluster-identity", format!("{} is {} (kube-system {})", c.context, c.flavour, c.uid))
}

pub(super) fn permissions(case: &Case<'_>) -> Finding {
    match &case.facts.permissions {
        Err(why) => Finding::unknown("permissions", why.clone(), "the API server must answer SelfSubjectAccessReviews"),
        Ok(answers) => {
            let missing = missing(answers);
            if missing.is_empty() {
                Finding::pass(
                    "permissions",
                    format!("the drill has all {} rights for its changes, undos and observations", answers.len()),
                )
            } else {
                Finding::fail(
                    "permissions",
                    format!("missing: {}", missing.join("; ")),
                    format!("drillmaster rbac SCENARIO --context {} | kubectl apply -f -", case.plan.cluster.context),
                )
            }
        }
    }
}

/// The rights that the drill does not have, in words.
pub fn missing(answers: &[(Permission, bool)]) -> Vec<String> {
    let word = |p: &Permission| {
        let group = if p.group.is_empty() { String::new() } else { format!(".{}", p.group) };
        let place = if p.namespace.is_empty() { "in all namespaces".to_owned() } else { format!("in {}", p.namespace) };
        format!("{} {}{group} {place} ({})", p.verb, p.resource, p.purpose)
    };
    answers.iter().filter(|(_, allowed)| !allowed).map(|(p, _)| word(p)).collect()
}

/// Too many rights are reported, but do not refuse the run.
pub(super) fn narrow(case: &Case<'_>) -> Finding {
    const CHECK: &str = "rights-narrow";
    if case.plan.cluster.is_expendable() {
        return Finding::skip(CHECK, "not checked on a kind or simulated cluster");
    }
    match &case.facts.all_rights {
        Err(why) => {
            Finding::unknown(CHECK, why.clone(), "the API server must answer SelfSubjectAccessReviews").advisory()
        }
        Ok(false) => Finding::pass(CHECK, "this identity does not have every right"),
        Ok(true) => Finding::fail(
            CHECK,
            "this identity has every right (cluster-admin)",
            format!(
                "drillmaster rbac SCENARIO --context {} prints the rights that are needed",
                case.plan.cluster.context
            ),
        )
        .advisory(),
    }
}

pub(super) fn credentials(case: &Case<'_>) -> Finding {
    let Some(end) = case.facts.credentials_end else {
        return Finding::pass("credentials-last", "the credentials have no known end, or a program renews them");
    };
    let needed = i64::try_from(case.plan.limits.duration.0.as_secs()).unwrap_or(i64::MAX / 4) + UNWIND_SECONDS;
    let left = end.as_second() - case.facts.at.as_second();
    if left > needed {
        Finding::pass("credentials-last", format!("valid until {end}"))
    } else {
        Finding::fail(
            "credentials-last",
            format!(
                "the credentials end at {end}, in {} min; the drill and its undo may take {} min",
                left / 60,
                needed / 60
            ),
            "renew the credentials, or lower limits.duration",
        )
    }
}

pub(super) fn other_drill(case: &Case<'_>) -> Finding {
    match &case.facts.other_runs {
        Err(why) => {
            Finding::unknown("no-other-drill", why.clone(), "grant list on configmaps in namespace drillmaster")
        }
        Ok(left) => {
            let wrong: Vec<String> = left.iter().filter_map(left_behind).collect();
            if wrong.is_empty() {
                Finding::pass("no-other-drill", "no other run has left anything open")
            } else {
                Finding::fail("no-other-drill", wrong.join("; "), "drillmaster recover --from-cluster --context NAME")
            }
        }
    }
}

/// What another run left that keeps this drill from starting.
fn left_behind(run: &OtherRun) -> Option<String> {
    match run {
        OtherRun::Open { run, undos } => Some(format!("run {run} has {undos} undo(s) open")),
        OtherRun::Damaged { name, why } => Some(format!(
            "ConfigMap drillmaster/{name} is the record of a run and cannot be read ({why}): the run may have open undos"
        )),
        OtherRun::Unconfirmed { wrong, .. } if wrong.is_empty() => None,
        OtherRun::Unconfirmed { run, wrong } => Some(format!(
            "run {run} was recovered, but its last session may have changed something afterwards: {}",
            wrong.join(", ")
        )),
    }
}

/// On every cluster except kind and simulated ones, people are told before the drill starts, and
/// paged if something stays broken.
pub(super) fn announce(case: &Case<'_>) -> Finding {
    let kind = case.plan.cluster.is_expendable();
    match (&case.bindings.announce, kind) {
        (Some(_), _) => Finding::pass("announcement", "drillmaster calls a webhook before the first step"),
        (None, true) => Finding::skip("announcement", "not needed on a kind or simulated cluster"),
        (None, false) => Finding::fail(
            "announcement",
            "nobody is told that this is a drill",
            "name a webhook in the bindings: announce: URL",
        ),
    }
}

pub(super) fn nodes(case: &Case<'_>) -> Finding {
    match case.inventory.nodes.get() {
        Err(why) => Finding::unknown("nodes-ready", why, "grant list on nodes"),
        Ok(nodes) => {
            let sick: Vec<String> = nodes
                .iter()
                .filter(|n| n.ready() != "True")
                .map(|n| format!("{} Ready={}", n.metadata.name, n.ready()))
                .collect();
            if sick.is_empty() {
                Finding::pass("nodes-ready", format!("all {} nodes are Ready", nodes.len()))
            } else {
                Finding::fail(
                    "nodes-ready",
                    sick.join(", "),
                    "repair the nodes first: on a cluster with problems, the drill measures these problems",
                )
            }
        }
    }
}

pub(super) fn machines(case: &Case<'_>) -> Finding {
    if case.facts.machines.is_empty() {
        return Finding::skip("machines-known", "no step kills nodes, or the bindings name no node host");
    }
    let wrong: Vec<String> = case
        .facts
        .machines
        .iter()
        .filter_map(|(node, state)| match state {
            Ok(PowerState::Running) => None,
            Ok(state) => Some(format!("{node} is {state:?}")),
            Err(why) => Some(format!("{node}: {why}")),
        })
        .collect();
    if wrong.is_empty() {
        Finding::pass(
            "machines-known",
            format!("the node host sees all {} machines, and they run", case.facts.machines.len()),
        )
    } else {
        Finding::fail(
            "machines-known",
            wrong.join("; "),
            "check nodeHost in the bindings: drillmaster cannot start a machine that the node host does not see",
        )
    }
}

pub(super) fn scope(case: &Case<'_>) -> Finding {
    match case.inventory.workloads.get() {
        Err(why) => Finding::unknown("scope-healthy", why, "grant list on deployments, statefulsets and daemonsets"),
        Ok(workloads) => {
            let short = |w: &&Workload| w.ready() < w.wanted();
            let sick: Vec<String> = workloads
                .iter()
                .filter(short)
                .map(|w| format!("{}/{} {} of {} ready", w.metadata.namespace, w.metadata.name, w.ready(), w.wanted()))
                .collect();
            if workloads.is_empty() {
                Finding::fail("scope-healthy", "the scope has no workloads", "check scope.namespaces")
            } else if sick.is_empty() {
                Finding::pass("scope-healthy", format!("all {} workloads have all their pods ready", workloads.len()))
            } else {
                Finding::fail(
                    "scope-healthy",
                    sick.join(", "),
                    "repair the workload first: otherwise the drill cannot measure whether it recovers",
                )
            }
        }
    }
}

pub(super) fn runner_outside(case: &Case<'_>) -> Finding {
    let Some(own) = &case.facts.own_pod else {
        return Finding::pass("runner-outside", "the runner does not run in a pod of this cluster");
    };
    let inside = case
        .plan
        .steps
        .iter()
        .filter(|s| s.takes_nodes() || s.drains())
        .flat_map(|s| &s.nodes)
        .any(|n| case.inventory.pods_on(&n.name).iter().any(|p| p.metadata.name == *own));
    if inside {
        Finding::fail(
            "runner-outside",
            format!("the runner's own pod {own} is on a node that goes away"),
            "run drillmaster from outside the cluster, or on a node that stays",
        )
    } else {
        Finding::pass("runner-outside", format!("the runner's own pod {own} is on a node that stays"))
    }
}

/// A destructive step needs a kind or simulated cluster, or a permission for the UID of this cluster.
pub(super) fn destruction(case: &Case<'_>) -> Finding {
    let check = "destruction-allowed";
    let plan = case.plan;
    if !plan.steps.iter().any(|s| s.class == StepClass::Destructive) {
        return Finding::skip(check, "no step is destructive");
    }
    if plan.cluster.is_simulated() {
        return Finding::pass(check, "a simulated cluster");
    }
    if plan.cluster.flavour == "kind" {
        return Finding::pass(check, "a kind cluster, according to the labels of its containers");
    }
    match &case.bindings.allow_destruction {
        Some(uid) if *uid == plan.cluster.uid => {
            Finding::pass(check, "the bindings allow it for the UID of this cluster")
        }
        Some(_) => Finding::fail(
            check,
            "the bindings allow it for another cluster",
            format!("the UID of this cluster is {}", plan.cluster.uid),
        ),
        None => Finding::fail(
            check,
            "the drill would delete a namespace on a cluster that is not a kind cluster",
            format!(
                "restore `into: scratch` instead, or allow it for this cluster in the bindings: allowDestruction: {}",
                plan.cluster.uid
            ),
        ),
    }
}

/// Whether the drill can restore into the recovery cluster.
pub(super) fn second_cluster(case: &Case<'_>) -> Finding {
    let check = "recovery-cluster";
    let Some(there) = &case.facts.recovery else { return Finding::skip(check, "no recovery cluster is named") };
    let mut wrong = there.wrong.clone();
    match &there.permissions {
        Ok(answers) => wrong.extend(missing(answers).into_iter().map(|right| format!("missing right: {right}"))),
        Err(why) => wrong.push(format!("the rights of the drill there cannot be checked: {why}")),
    }
    if wrong.is_empty() {
        Finding::pass(
            check,
            format!("{} has Velero and a storage location, and the namespaces do not exist there", there.context),
        )
    } else {
        Finding::fail(
            check,
            wrong.join("; "),
            "prepare the recovery cluster: Velero with the same store, no namespaces of these names, and the rights that `drillmaster rbac --recovery` prints",
        )
    }
}
