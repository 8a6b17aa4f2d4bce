//! The pre-flight: the checks that need a planned drill. `plan`, `rehearse` and `run`
//! make them; `check` lists them and skips them. A fail or an unknown refuses the run in
//! every environment, and no waiver applies to them.

use super::{
    Case, alertmanager, alerts, capacity,
    check::{ALERTS, Check, DRAIN, NODE, Needs, REGION, RESTORE, Say, ZONE},
    cluster,
    picture::Picture,
    reach, velero,
};
use crate::model::{AlertExpectation, Class, Finding, Severity};

type Rule = fn(&Case<'_>) -> Finding;

/// The number of these checks.
const COUNT: usize = 29;

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
    velero::backup_served,
    velero::readers,
];

/// A rule on the alerts that the drill expects.
fn alerting(case: &Case<'_>, check: &str, rule: fn(&Case<'_>, &[AlertExpectation]) -> Finding) -> Finding {
    let expected = alerts::expected(case.plan);
    if expected.is_empty() { Finding::skip(check, "the drill expects no alert") } else { rule(case, &expected) }
}

/// The result of these checks in a review.
fn unplanned(_: &Picture<'_>, say: &mut Say) {
    say.skip(crate::model::Subject::default(), "this check needs a planned drill (drillmaster plan SCENARIO)");
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
        ["DRL-001", "cluster-identity", "The cluster is identified by its UID"],
        Severity::Critical,
        &[],
        [
            "drillmaster can read the UID of the namespace kube-system. `run`, the reaper and `recover` compare this UID before every change that they make.",
            "Grant get on namespaces",
            "A kubeconfig context can point to another cluster tomorrow. Without the UID, the drill could change the wrong cluster.",
        ],
    ),
    entry(
        ["RBAC-010", "permissions", "The drill has the rights for all its steps and undos"],
        Severity::Critical,
        &[],
        [
            "A SelfSubjectAccessReview allows every right that the plan needs: for each planned change, for each undo and for each observation.",
            "Apply the roles that `drillmaster rbac SCENARIO` prints: they hold the least rights that the drill needs",
            "Without a right for an undo, the drill can break something and cannot repair it.",
        ],
    ),
    entry(
        ["DRL-024", "rights-narrow", "The drill does not have every right on the cluster"],
        Severity::Medium,
        &[],
        [
            "A SelfSubjectAccessReview for every verb on every resource of every API group, in all namespaces, is denied. The check is skipped on a kind cluster and on a simulated cluster. It never refuses a run.",
            "Use the roles that `drillmaster rbac SCENARIO` prints instead of cluster-admin",
            "With all rights, a mistake in a scenario can damage everything in the cluster.",
        ],
    ),
    entry(
        ["DRL-002", "credentials-last", "The credentials are valid until the drill and its undo are over"],
        Severity::Critical,
        &[],
        [
            "The client certificate and the token of the kubeconfig are valid for longer than limits.duration plus 30 minutes for the undo, counted from now. The check also passes if their end cannot be read, or if a program renews them.",
            "Renew the credentials, or lower limits.duration",
            "With expired credentials, drillmaster cannot log in to undo its faults.",
        ],
    ),
    entry(
        ["DRL-003", "no-other-drill", "No other drill has left anything open"],
        Severity::Critical,
        &[],
        [
            "The records of other runs in the namespace drillmaster can all be read, and none of them has an open undo. If a run was recovered but the end of its session was not seen, the node host sees that the machines that it took away run again.",
            "Run `drillmaster recover --from-cluster --context NAME`",
            "If two drills run at the same time, each one takes the effects of the other for its own.",
        ],
    ),
    entry(
        ["DRL-004", "announcement", "People are told before the drill changes anything"],
        Severity::High,
        &[],
        [
            "The bindings name a webhook (announce). The check is skipped on a kind cluster and on a simulated cluster.",
            "Name a webhook in the bindings: announce: URL",
            "Without an announcement, the on-call engineer cannot tell the drill from a real outage.",
        ],
    ),
    entry(
        ["DRL-005", "nodes-ready", "Every node is Ready"],
        Severity::Critical,
        &[],
        [
            "The condition Ready of every node is True.",
            "Repair the nodes that are not Ready before the drill",
            "On a cluster with problems, the drill measures these problems and not the fault.",
        ],
    ),
    entry(
        ["DRL-006", "machines-known", "The node host sees every machine that the drill takes away"],
        Severity::Critical,
        &[NODE, ZONE],
        [
            "The node host reports that each machine that a killNodes or killZone step takes away is running.",
            "Check nodeHost in the bindings, and start the machines that do not run",
            "If the node host cannot see a machine, drillmaster cannot start the machine again.",
        ],
    ),
    entry(
        ["DRL-007", "scope-healthy", "Every workload in scope has all its pods ready"],
        Severity::Critical,
        &[],
        [
            "The scope has at least one Deployment, StatefulSet or DaemonSet. Each of them reports at least as many ready pods as it wants (spec.replicas; desiredNumberScheduled for a DaemonSet).",
            "Repair the workload before the drill",
            "If a workload is not complete before the fault, the drill cannot measure whether it recovers.",
        ],
    ),
    entry(
        ["DRL-008", "fault-matters", "Each fault hits at least one critical pod"],
        Severity::High,
        &[NODE, ZONE, DRAIN],
        [
            "Each step that takes nodes away or drains them has at least one pod of a critical workload of the scenario on its nodes. On the nodes of the first fault there is also a pod of each workload that a replicas expectation of that fault expects to be ready again. A killNodes step on the control plane is not examined. The check is skipped if no such step exists or if no workload is critical.",
            "Choose other nodes, or spread the workload first (kubectl rollout restart)",
            "A fault that hits no critical pod tests nothing.",
        ],
    ),
    entry(
        ["DRP-006", "runner-outside", "The runner is not on a node that goes away"],
        Severity::Critical,
        &[],
        [
            "drillmaster runs outside this cluster, or in a pod on a node that no step takes away or drains. (The plan itself refuses steps without an undo.)",
            "Run drillmaster from outside the cluster, or on a node that stays",
            "If the runner goes away with the nodes, nothing undoes the fault.",
        ],
    ),
    entry(
        ["DRL-009", "survivor-capacity", "The remaining nodes have room for the displaced pods"],
        Severity::Critical,
        &[NODE, ZONE, DRAIN],
        [
            "In a simulated scheduling, every pod of the nodes that go away finds a place on the remaining nodes, by requests, node selectors, taints, pod affinity, topology spread and the zones of volumes. The most important pods are placed first, the largest first among equals; a pod may preempt pods of lower priority. Scheduler scores are not modelled. For a drain, only the first node counts. Pods without a controller, pods of DaemonSets and pods whose volume has a node affinity are not placed.",
            "Add a node, lower requests, or make the rule that keeps the pods out a preference",
            "Without enough room the pods stay Pending, and the result of the drill is known before it starts.",
        ],
    ),
    entry(
        ["DRL-010", "velero-server", "The Velero server answers"],
        Severity::Critical,
        &[RESTORE],
        [
            "Velero processes a ServerStatusRequest within 15 s. The check is skipped if no step takes a backup, restores or deletes a namespace.",
            "Install Velero, or name its namespace in the bindings (velero)",
            "Without Velero, nothing that the drill deletes can be restored.",
        ],
    ),
    entry(
        ["DRL-011", "velero-storage", "Velero can use its storage location"],
        Severity::Critical,
        &[RESTORE],
        [
            "The default BackupStorageLocation (the first one if none is the default) is in phase Available. If a step takes a backup, its accessMode is not ReadOnly.",
            "Repair the credentials, the bucket or the network of the storage location; set accessMode ReadWrite",
            "If Velero cannot store a backup in this location, nothing can be restored from it.",
        ],
    ),
    entry(
        ["DRL-012", "velero-queue", "Velero starts new backups"],
        Severity::High,
        &[RESTORE],
        [
            "No Backup is unfinished; one that is being deleted does not count. The check refuses the run if no Backup runs and all ReadyToStart Backups are older than 60 s, or if no Backup runs or is ReadyToStart and a queued one is older than 150 s. Any other unfinished Backup is reported, because the backup of the drill waits for it, but does not refuse the run. The check is skipped if no step takes a backup.",
            "Run the command that the finding names: it makes Velero look at the stuck Backup again, or restarts the Velero server. If another Backup is running, start the drill at another hour",
            "Velero runs one backup at a time. A backup that never starts blocks all later ones.",
        ],
    ),
    entry(
        ["DRL-013", "velero-download", "Backups can be downloaded from here"],
        Severity::High,
        &[RESTORE],
        [
            "drillmaster downloads the resource list of the newest Completed Backup from the place where it runs. Without such a Backup the result is unknown, which does not refuse the run. The check is skipped if no step needs Velero.",
            "Give the storage location a publicUrl that is reachable from here",
            "drillmaster proves what a backup holds by downloading and reading it.",
        ],
    ),
    entry(
        ["DRL-014", "volume-coverage", "The backup captures the content of every volume"],
        Severity::Critical,
        &[RESTORE],
        [
            "The backup step captures each claim of its namespaces by its `volumes` method. A claim whose volume cannot be seen is not captured, and neither is a hostPath volume. Snapshots do not capture local volumes. File-system backup does not capture claims that no pod mounts or that their pods exclude. Claims that the deletion lists under mayBeLost are accepted. The check does not refuse the run if no step deletes a namespace, and is skipped if no step needs Velero.",
            "Use volumes that Velero can copy, or another capture method",
            "A volume that the backup does not hold comes back empty, and the restore reports no error.",
        ],
    ),
    entry(
        ["DRL-025", "comes-back", "Everything that is deleted comes back unchanged"],
        Severity::Critical,
        &[RESTORE],
        [
            "In each namespace that a step deletes, no object has the label velero.io/exclude-from-backup, no pod is without a controller, no Job without an owner has finished or is still running (suspended Jobs pass), and no object has a finalizer of another project than Kubernetes. No webhook that fails closed, no APIService and no CRD conversion webhook calls a Service of the namespace. What the step lists under mayBeLost is accepted.",
            "Correct the object, or list it under mayBeLost of the step with a reason",
            "An object that no backup brings back is lost when the drill deletes its namespace.",
        ],
    ),
    entry(
        ["DRL-015", "store-outside", "The backup store stays when the nodes go away"],
        Severity::Critical,
        &[RESTORE],
        [
            "For each storage location whose spec.config.s3Url is a Service of this cluster (SERVICE.NAMESPACE.svc): if a pod of that namespace is on a node that goes away, a ready pod of that namespace is on a node that stays. Nodes that are only drained stay. Every other store passes. The check is skipped if no step needs Velero.",
            "Keep the backups outside the failure domain",
            "If the store goes away with the cluster, its backups cannot be used to recover.",
        ],
    ),
    entry(
        ["DRL-016", "alerts-quiet", "No expected alert fires before the fault"],
        Severity::High,
        &[ALERTS],
        [
            "Prometheus has no pending or firing alert with the name and labels of an expected alert.",
            "Resolve the alert before the drill",
            "If an alert fires already, the drill cannot show that the fault raises it.",
        ],
    ),
    entry(
        ["DRL-017", "alert-rules", "Each expected alert has a rule that can fire in time"],
        Severity::High,
        &[ALERTS],
        [
            "Prometheus has a rule with the name of each expected alert. The rule is healthy, and the earliest detection (of the loss of a node; 0 s for other alerts) plus `for` is not longer than firesWithin.",
            "Load the rule, shorten its `for`, or allow more time (firesWithin)",
            "Without such a rule, the drill cannot pass and its result proves nothing.",
        ],
    ),
    entry(
        ["DRL-018", "alerts-not-silenced", "No silence hides an expected alert"],
        Severity::High,
        &[ALERTS],
        [
            "No silence of any Alertmanager, active or pending, can match the labels of an expected alert. A label whose value is not known before the drill counts as a match, and so does an expression that is more than a choice of words; the name of the alert is always known. If the bindings name no Alertmanager, the result is unknown, which does not refuse the run. Alerts with `suppressed: true` are not checked.",
            "Expire the silence, or expect `suppressed: true`",
            "Alertmanager notifies nobody of a silenced alert.",
        ],
    ),
    entry(
        ["DRL-019", "alerts-not-inhibited", "No active alert inhibits an expected alert"],
        Severity::High,
        &[ALERTS],
        [
            "No alert that is pending or firing now is the source of an Alertmanager inhibition rule whose target matches an expected alert. The `equal` labels of the rule are not looked at, and a matcher that is not a plain equality counts as a match. If the bindings name no Alertmanager, the result is unknown, which does not refuse the run. Alerts with `suppressed: true` are not checked.",
            "Resolve the inhibiting alert, or expect `suppressed: true`",
            "Alertmanager notifies nobody of an inhibited alert.",
        ],
    ),
    entry(
        ["DRL-020", "alerts-told", "Receivers are notified of each expected alert in time"],
        Severity::Medium,
        &[ALERTS],
        [
            "The earliest detection, the `for` of the rule and the longest group_wait of any Alertmanager route (30 s if none is set) are together not longer than firesWithin. The check never refuses a run.",
            "Shorten group_wait, or allow more time (firesWithin)",
            "Alertmanager waits for group_wait before it notifies anybody of a new alert.",
        ],
    ),
    entry(
        ["DRL-021", "watchdog", "The monitoring is alive"],
        Severity::High,
        &[ALERTS],
        [
            "The alert that the bindings name as watchdog fires. If they name none, the result is unknown, which does not refuse the run.",
            "Repair the monitoring before the drill",
            "Without a watchdog, a missing alert can also mean that the monitoring is down.",
        ],
    ),
    entry(
        ["DRL-022", "destruction-allowed", "Destructive steps are allowed on this cluster"],
        Severity::Critical,
        &[RESTORE],
        [
            "No step is destructive, or the cluster is a kind cluster or a simulated cluster, or allowDestruction in the bindings is the UID of this cluster.",
            "Restore with `into: scratch`, or set allowDestruction to the UID of this cluster",
            "A context name can point to another cluster, so the permission belongs to the UID.",
        ],
    ),
    entry(
        ["DRL-023", "recovery-cluster", "The recovery cluster is ready for the restore"],
        Severity::Critical,
        &[REGION],
        [
            "In the recovery cluster, Velero answers within 15 s, a storage location is Available, no namespace of the plan exists, and every right that the plan needs there is allowed. The check is skipped if no recovery cluster is named.",
            "Prepare the recovery cluster: Velero with the same store, no namespaces of these names, and the rights that `drillmaster rbac --recovery` prints",
            "After the loss of a region, the recovery cluster is the only way to restore.",
        ],
    ),
    entry(
        ["DRL-027", "backup-served", "The recovery cluster serves what the backup holds"],
        Severity::High,
        &[REGION],
        [
            "The recovery cluster serves the API version and kind of every object that the newest Completed backup holds in the namespaces of the plan, custom resources included. If the list of the backup, or the discovery of the recovery cluster, cannot be read, the result is unknown. Without such a backup it is unknown, too, which does not refuse the run. The check is skipped if no recovery cluster is named, or if no step needs Velero.",
            "Write the objects in a version that both clusters serve and take a new backup, or install the missing CustomResourceDefinitions in the recovery cluster",
            "Velero restores each object in the version in which the backup holds it. A version that the recovery cluster does not serve is lost.",
        ],
    ),
    entry(
        ["DRL-026", "readers", "The pods that read volumes can run"],
        Severity::High,
        &[RESTORE],
        [
            "For each claim of the namespaces whose volumes are read in this cluster, the API server admits a reader pod in a dry run (pod security, quotas, webhooks). The node of the pod that uses the claim is Ready, and no claim in use is ReadWriteOncePod.",
            "Admit the pod (the finding says what refuses it), or remove volumes.readerImage from the bindings: volumes are then not compared",
            "drillmaster must read a volume to prove that its content came back.",
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
