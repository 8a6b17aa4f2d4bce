//! Identity, rights, health.

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
                    format!("all {} rights for acts, undos and observations are there", answers.len()),
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

/// The rights that we lack, in words.
pub fn missing(answers: &[(Permission, bool)]) -> Vec<String> {
    let word = |p: &Permission| {
        let group = if p.group.is_empty() { String::new() } else { format!(".{}", p.group) };
        let place = if p.namespace.is_empty() { "everywhere".to_owned() } else { format!("in {}", p.namespace) };
        format!("{} {}{group} {place} ({})", p.verb, p.resource, p.purpose)
    };
    answers.iter().filter(|(_, allowed)| !allowed).map(|(p, _)| word(p)).collect()
}

/// More than is needed is no reason to refuse, but it is told.
pub(super) fn narrow(case: &Case<'_>) -> Finding {
    const CHECK: &str = "rights-narrow";
    if case.plan.cluster.is_expendable() {
        return Finding::skip(CHECK, "a cluster of your own");
    }
    match &case.facts.all_rights {
        Err(why) => {
            Finding::unknown(CHECK, why.clone(), "the API server must answer SelfSubjectAccessReviews").advisory()
        }
        Ok(false) => Finding::pass(CHECK, "not every right there is"),
        Ok(true) => Finding::fail(
            CHECK,
            "this identity may do everything (cluster-admin)",
            format!("drillmaster rbac SCENARIO --context {} prints what is needed", case.plan.cluster.context),
        )
        .advisory(),
    }
}

pub(super) fn credentials(case: &Case<'_>) -> Finding {
    let Some(end) = case.facts.credentials_end else {
        return Finding::pass("credentials-last", "no end that can be seen, or renewed by a program");
    };
    let needed = i64::try_from(case.plan.limits.duration.0.as_secs()).unwrap_or(i64::MAX / 4) + UNWIND_SECONDS;
    let left = end.as_second() - case.facts.at.as_second();
    if left > needed {
        Finding::pass("credentials-last", format!("valid until {end}"))
    } else {
        Finding::fail(
            "credentials-last",
            format!(
                "they end at {end}: in {} min, and the drill with its undo may take {} min",
                left / 60,
                needed / 60
            ),
            "renew them, or lower limits.duration",
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
                Finding::pass("no-other-drill", "no other run has anything open")
            } else {
                Finding::fail("no-other-drill", wrong.join("; "), "drillmaster recover --from-cluster --context NAME")
            }
        }
    }
}

/// What another run left that stands in the way.
fn left_behind(run: &OtherRun) -> Option<String> {
    match run {
        OtherRun::Open { run, undos } => Some(format!("run {run} has {undos} undo(s) open")),
        OtherRun::Damaged { name, why } => {
            Some(format!("ConfigMap drillmaster/{name}, the record of a run, cannot be read ({why}): it may be open"))
        }
        OtherRun::Unconfirmed { wrong, .. } if wrong.is_empty() => None,
        OtherRun::Unconfirmed { run, wrong } => {
            Some(format!("run {run} was recovered, and a late act of it may have come since: {}", wrong.join(", ")))
        }
    }
}

/// Off kind, people must be told before, and paged if something stays broken.
pub(super) fn announce(case: &Case<'_>) -> Finding {
    let kind = case.plan.cluster.is_expendable();
    match (&case.bindings.announce, kind) {
        (Some(_), _) => Finding::pass("announcement", "a webhook will be told before the first act"),
        (None, true) => Finding::skip("announcement", "a cluster of your own"),
        (None, false) => Finding::fail(
            "announcement",
            "nobody would be told that this is a drill",
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
                    "a drill on a sick cluster measures the sickness: repair it first",
                )
            }
        }
    }
}

pub(super) fn machines(case: &Case<'_>) -> Finding {
    if case.facts.machines.is_empty() {
        return Finding::skip("machines-known", "no step takes a machine away");
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
            format!("the node host knows all {} machines, and they run", case.facts.machines.len()),
        )
    } else {
        Finding::fail(
            "machines-known",
            wrong.join("; "),
            "what the host cannot see it could not bring back: check nodeHost in the bindings",
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
                Finding::fail("scope-healthy", "the scope has no workload at all", "check scope.namespaces")
            } else if sick.is_empty() {
                Finding::pass("scope-healthy", format!("all {} workloads are whole", workloads.len()))
            } else {
                Finding::fail(
                    "scope-healthy",
                    sick.join(", "),
                    "repair it first: recovery could not be told from the state before",
                )
            }
        }
    }
}

pub(super) fn runner_outside(case: &Case<'_>) -> Finding {
    let Some(own) = &case.facts.own_pod else {
        return Finding::pass("runner-outside", "the runner is no pod of this cluster");
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
            format!("our own pod {own} is on a node that would go away"),
            "run from outside, or from a node that stays",
        )
    } else {
        Finding::pass("runner-outside", format!("our own pod {own} is on a node that stays"))
    }
}

/// A destructive step needs a kind cluster, or a rule pinned to this very cluster.
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
        return Finding::pass(check, "a kind cluster, by its containers' labels");
    }
    match &case.bindings.allow_destruction {
        Some(uid) if *uid == plan.cluster.uid => {
            Finding::pass(check, "the bindings allow it for this cluster, by its UID")
        }
        Some(_) => Finding::fail(
            check,
            "the bindings allow it for another cluster",
            format!("this one is {}", plan.cluster.uid),
        ),
        None => Finding::fail(
            check,
            "a namespace would be deleted on a cluster that is no kind cluster",
            format!(
                "restore `into: scratch` instead; or allow it for this very cluster in the bindings: allowDestruction: {}",
                plan.cluster.uid
            ),
        ),
    }
}

/// Whether the second cluster can take what is to be restored into it.
pub(super) fn second_cluster(case: &Case<'_>) -> Finding {
    let check = "recovery-cluster";
    let Some(there) = &case.facts.recovery else { return Finding::skip(check, "no second cluster is named") };
    let mut wrong = there.wrong.clone();
    match &there.permissions {
        Ok(answers) => wrong.extend(missing(answers).into_iter().map(|right| format!("missing right: {right}"))),
        Err(why) => wrong.push(format!("its rights cannot be asked: {why}")),
    }
    if wrong.is_empty() {
        Finding::pass(check, format!("{} has Velero and the store, and none of the namespaces", there.context))
    } else {
        Finding::fail(
            check,
            wrong.join("; "),
            "prepare the second cluster: Velero with the same store, room for the namespaces, and the rights that `drillmaster rbac --recovery` prints",
        )
    }
}
