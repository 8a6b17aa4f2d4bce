//! The checks that only a planned drill answers: its own pre-flight. They are asked by
//! `plan`, `rehearse` and `run`; `check` lists them and skips them. They refuse whatever
//! the environment is, an unknown just as a fail, and no waiver sets them aside.

use super::{
    Case, alertmanager, alerts, capacity,
    check::{ALERTS, Check, DRAIN, NODE, Needs, REGION, RESTORE, Say, ZONE},
    cluster,
    picture::Picture,
    reach, velero,
};
use crate::model::{AlertExpectation, Class, Finding, Severity};

type Rule = fn(&Case<'_>) -> Finding;

/// How many there are.
const COUNT: usize = 28;

/// The rules, in the order of [`CHECKS`].
pub(super) const RULES: [Rule; COUNT] = [
    cluster::identity,
    cluster::permissions,
    cluster::narrow,
    cluster::credentials,
    cluster::other_drill,
    cluster::announce,
    cluster::nodes,
    cluster::machines,
    cluster::scope,
    reach::fault_matters,
    cluster::runner_outside,
    capacity::survivors,
    velero::server,
    velero::storage,
    velero::queue,
    velero::download,
    velero::volumes,
    velero::comes_back,
    velero::store_outside,
    |case| alerting(case, "alerts-quiet", alerts::quiet),
    |case| alerting(case, "alert-rules", alerts::rules),
    |case| alerting(case, "alerts-not-silenced", alertmanager::silenced),
    |case| alerting(case, "alerts-not-inhibited", alertmanager::inhibited),
    |case| alerting(case, "alerts-told", alertmanager::told),
    |case| alerting(case, "watchdog", alerts::watchdog),
    cluster::destruction,
    cluster::second_cluster,
    velero::readers,
];

/// A rule on the alerts that the drill expects.
fn alerting(case: &Case<'_>, check: &str, rule: fn(&Case<'_>, &[AlertExpectation]) -> Finding) -> Finding {
    let expected = alerts::expected(case.plan);
    if expected.is_empty() { Finding::skip(check, "no alert is expected") } else { rule(case, &expected) }
}

/// What a review says of them.
fn unplanned(_: &Picture<'_>, say: &mut Say) {
    say.skip(crate::model::Subject::default(), "only a planned drill tells this (drillmaster plan SCENARIO)");
}

/// One entry.
const fn entry(
    [id, name, title]: [&'static str; 3],
    severity: Severity,
    gates: &'static [&'static str],
    [rule, fix, why]: [&'static str; 3],
) -> Check {
    Check {
        id,
        name,
        title,
        severity,
        class: Class::Blocks,
        gates,
        needs: Needs::Drill,
        rule,
        fix,
        why,
        run: unplanned,
    }
}

/// The checks.
pub(super) const CHECKS: [Check; COUNT] = [
    entry(
        ["DRL-001", "cluster-identity", "The cluster is known by more than its name"],
        Severity::Critical,
        &[],
        [
            "The UID of namespace kube-system can be read; run, reaper and recover compare it before every act.",
            "Grant get on namespaces",
            "A context that points elsewhere tomorrow must not be drilled.",
        ],
    ),
    entry(
        ["RBAC-010", "permissions", "The drill may do and undo all that it plans"],
        Severity::Critical,
        &[],
        [
            "A SelfSubjectAccessReview for each planned act, each undo and each observation is allowed.",
            "drillmaster rbac SCENARIO prints the least rights",
            "A drill that can break and not restore is worse than none.",
        ],
    ),
    entry(
        ["DRL-024", "rights-narrow", "The drill may not do everything"],
        Severity::Medium,
        &[],
        [
            "On a cluster that is not one's own, a SelfSubjectAccessReview for every verb on everything is denied. Advice only.",
            "drillmaster rbac SCENARIO prints the least rights",
            "What a mistake may break is what its identity may break.",
        ],
    ),
    entry(
        ["DRL-002", "credentials-last", "Our credentials outlive the drill and its undo"],
        Severity::Critical,
        &[],
        [
            "The certificate or token of the kubeconfig ends later than limits.duration and 30 minutes for the undo from now, or is renewed by a program.",
            "Renew them, or lower limits.duration",
            "Who cannot log in any more cannot put anything back.",
        ],
    ),
    entry(
        ["DRL-003", "no-other-drill", "No other drill has anything open"],
        Severity::Critical,
        &[],
        [
            "No record of another run in namespace drillmaster has an open undo.",
            "drillmaster recover --from-cluster",
            "Two drills would take each other's effects for their own.",
        ],
    ),
    entry(
        ["DRL-004", "announcement", "People are told before the first act"],
        Severity::High,
        &[],
        [
            "The bindings name a webhook (announce), but on a kind cluster of one's own.",
            "Name a webhook in the bindings: announce: URL",
            "An on-call engineer must be able to tell a drill from an outage.",
        ],
    ),
    entry(
        ["DRL-005", "nodes-ready", "Every node is Ready"],
        Severity::Critical,
        &[],
        [
            "Condition Ready of every node is True.",
            "Repair the node first",
            "A drill on a sick cluster measures the sickness.",
        ],
    ),
    entry(
        ["DRL-006", "machines-known", "The node host knows every machine that goes away"],
        Severity::Critical,
        &[NODE, ZONE],
        [
            "The node host reports each machine that a step takes away, and that it runs.",
            "Check nodeHost in the bindings",
            "What the host cannot see it could not bring back.",
        ],
    ),
    entry(
        ["DRL-007", "scope-healthy", "Every workload of the scope is whole"],
        Severity::Critical,
        &[],
        [
            "Ready pods of each Deployment, StatefulSet and DaemonSet in scope are as many as it wants, and there is one at least.",
            "Repair it first",
            "Recovery could not be told from the state before.",
        ],
    ),
    entry(
        ["DRL-008", "fault-matters", "The fault meets a critical pod"],
        Severity::High,
        &[NODE, ZONE, DRAIN],
        [
            "On the nodes of each step that takes nodes away runs a pod of a workload that the scenario calls critical; on those of the first fault also one of each workload that is expected to be ready again after it.",
            "Choose other nodes, or spread the workload first",
            "A fault that meets nothing proves nothing.",
        ],
    ),
    entry(
        ["DRP-006", "runner-outside", "The drill can be stopped from outside of what it breaks"],
        Severity::Critical,
        &[],
        [
            "The pod that the runner is in, if it is in one, is on no node that goes away. (That every step has an undo is asked when the plan is made.)",
            "Run from outside, or from a node that stays",
            "Who puts it back must not go away with it.",
        ],
    ),
    entry(
        ["DRL-009", "survivor-capacity", "The survivors can take what is displaced"],
        Severity::Critical,
        &[NODE, ZONE, DRAIN],
        [
            "The pods of the nodes that go away fit onto the others by requests, taints, selectors and volumes' zones (first fit, largest first; preemption and pod affinity are not modelled).",
            "Add a node, or lower requests",
            "Pending pods would be a foregone conclusion.",
        ],
    ),
    entry(
        ["DRL-010", "velero-server", "Velero answers"],
        Severity::Critical,
        &[RESTORE],
        [
            "A ServerStatusRequest is answered within 15 s.",
            "Install Velero, or name its namespace in the bindings",
            "Without it nothing comes back.",
        ],
    ),
    entry(
        ["DRL-011", "velero-storage", "The backup's store can be written to"],
        Severity::Critical,
        &[RESTORE],
        [
            "The default BackupStorageLocation is Available, and not ReadOnly where a step takes a backup.",
            "Repair credentials, bucket or network",
            "A backup that cannot be stored is none.",
        ],
    ),
    entry(
        ["DRL-012", "velero-queue", "Velero takes up backups"],
        Severity::High,
        &[RESTORE],
        [
            "No Backup has been ReadyToStart for a minute, or queued for 150 s while none runs.",
            "Change the Backup, or restart Velero's server",
            "Velero takes one at a time: one that it never began keeps all others waiting.",
        ],
    ),
    entry(
        ["DRL-013", "velero-download", "What Velero offers for download can be had"],
        Severity::High,
        &[RESTORE],
        [
            "The list of resources of the newest Completed backup can be downloaded from here.",
            "Let the runner reach the object store",
            "What is in a backup is proven by looking into it.",
        ],
    ),
    entry(
        ["DRL-014", "volume-coverage", "The backup holds every volume in scope"],
        Severity::Critical,
        &[RESTORE],
        [
            "Each claim in scope is captured by the method of the bindings; hostPath volumes and such are not.",
            "Use volumes that Velero can copy, or another method",
            "An empty volume is restored without an error.",
        ],
    ),
    entry(
        ["DRL-025", "comes-back", "What is deleted comes back as it is"],
        Severity::Critical,
        &[RESTORE],
        [
            "In a namespace that a step deletes, no object carries velero.io/exclude-from-backup, no pod is without a controller, no Job is unfinished or finished without an owner, nothing has finalizers of others than Kubernetes, and no webhook that fails closed, APIService or conversion calls its Services; but for what the step lists under mayBeLost.",
            "Put that right, or list it under mayBeLost with a reason",
            "What no backup holds is gone for good.",
        ],
    ),
    entry(
        ["DRL-015", "store-outside", "The store is outside of what goes away"],
        Severity::Critical,
        &[RESTORE],
        [
            "No address of a storage location is a Service whose pods are all on nodes that go away.",
            "Keep backups outside the failure domain",
            "A backup that dies with its source is none.",
        ],
    ),
    entry(
        ["DRL-016", "alerts-quiet", "No expected alert fires before the fault"],
        Severity::High,
        &[ALERTS],
        [
            "Prometheus has none of the expected alerts, with their labels, before the fault.",
            "Resolve it first",
            "An alert that fires already proves nothing.",
        ],
    ),
    entry(
        ["DRL-017", "alert-rules", "The expected alerts have rules that can fire in time"],
        Severity::High,
        &[ALERTS],
        [
            "Prometheus has each rule, it is healthy, and detection and `for` are within firesWithin.",
            "Load the rule, shorten its `for`, or allow more time",
            "A drill that cannot be passed proves nothing.",
        ],
    ),
    entry(
        ["DRL-018", "alerts-not-silenced", "No silence would swallow an expected alert"],
        Severity::High,
        &[ALERTS],
        [
            "No silence of any Alertmanager may match an expected alert's labels.",
            "Expire the silence, or expect `suppressed: true`",
            "Nobody would be told.",
        ],
    ),
    entry(
        ["DRL-019", "alerts-not-inhibited", "No firing alert inhibits an expected one"],
        Severity::High,
        &[ALERTS],
        [
            "No alert that fires now is the source of an inhibition whose target an expected alert is.",
            "Resolve the inhibiting alert, or expect `suppressed: true`",
            "Nobody would be told.",
        ],
    ),
    entry(
        ["DRL-020", "alerts-told", "Receivers are told in time"],
        Severity::Medium,
        &[ALERTS],
        [
            "Detection, `for` and the longest group_wait of any route are within firesWithin. Advice only.",
            "Shorten group_wait, or allow more time",
            "An alert that Alertmanager has is not one that somebody was told of.",
        ],
    ),
    entry(
        ["DRL-021", "watchdog", "The monitoring is alive"],
        Severity::High,
        &[ALERTS],
        [
            "The alert that the bindings name as watchdog fires.",
            "Repair the monitoring first",
            "An absent alert could not be told from dead monitoring.",
        ],
    ),
    entry(
        ["DRL-022", "destruction-allowed", "Destruction is allowed for this very cluster"],
        Severity::Critical,
        &[RESTORE],
        [
            "No step is destructive, or the cluster is of kind or simulated, or the bindings name its UID (allowDestruction).",
            "Restore into scratch, or allow it by the cluster's UID",
            "Consent is given to a cluster, not to a name.",
        ],
    ),
    entry(
        ["DRL-023", "recovery-cluster", "The second cluster can be restored into"],
        Severity::Critical,
        &[REGION],
        [
            "Velero answers there, a storage location is Available, none of the namespaces exists, and all rights are there.",
            "Prepare the second cluster",
            "It is the only way back from the loss of a region.",
        ],
    ),
    entry(
        ["DRL-026", "readers", "The pods that read volumes can run"],
        Severity::High,
        &[RESTORE],
        [
            "The API server admits a reader pod for each claim of the namespaces whose volumes are read in this cluster (a dry run: pod security, quotas, webhooks), its node is Ready, and no claim in use is ReadWriteOncePod.",
            "Admit the pod (the finding says what refuses it), or remove volumes.readerImage from the bindings: volumes are not compared then",
            "A volume that cannot be read is not proven to be back.",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = CHECKS.iter().map(|c| c.name).collect();
        assert_eq!(names.len(), COUNT);
    }
}
