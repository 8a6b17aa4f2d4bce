//! The steps that act on anything but nodes, as a scenario writes them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::WebhookUrl;
use super::{Capture, Dur, MayBeLost, ObjectName, Percent, StepName, WorkloadRef};

/// Take a Velero backup and prove that it contains everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BackupStep {
    /// Namespaces.
    pub namespaces: Vec<String>,
    /// How volumes are captured: fileSystem, snapshot, or none (allowed only if no claim is in scope).
    pub volumes: Capture,
    /// How long Velero keeps it. Default 24h.
    #[serde(default = "day")]
    pub ttl: Dur,
    /// The step fails after this time. Default 30m.
    #[serde(default = "half_hour")]
    pub at_most: Dur,
}

/// Take a new backup of a restored namespace, and label the backup that the restore used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReprotectedStep {
    /// The restore step. It must restore in place.
    #[schemars(with = "String")]
    pub of: StepName,
    /// How volumes are captured: fileSystem, snapshot, or none (allowed only if no claim is in scope).
    pub volumes: Capture,
    /// How long Velero keeps the new backup. Default 24h.
    #[serde(default = "day")]
    pub ttl: Dur,
    /// The step fails after this time. Default 30m.
    #[serde(default = "half_hour")]
    pub at_most: Dur,
}

/// Restore from a backup. Give exactly one of `backup` and `schedule`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RestoreStep {
    /// The backup step that made the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// A Velero Schedule: its newest Completed backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// With `schedule`: refuse a backup that is older than this. Default 26h.
    #[serde(default = "day_and_a_bit")]
    pub newest_within: Dur,
    /// The namespace to restore. Default: that of the backup step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `scratch`: into a namespace that the drill creates, isolates and deletes afterwards. `recovery`: into the second
    /// cluster (`--context recovery=NAME`), where it is deleted afterwards. Default: in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<Into>,
    /// With `into: scratch`: `always` deletes the namespace when the drill ends; `onSuccess` deletes it only if every
    /// expectation of the restore was met. Default always.
    #[serde(default, skip_serializing_if = "CleanUp::is_always")]
    pub clean_up: CleanUp,
    /// The step fails after this time. Default 30m.
    #[serde(default = "half_hour")]
    pub at_most: Dur,
}

/// Where to restore to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Into {
    /// A namespace that the drill creates.
    Scratch,
    /// The same namespace of the second cluster.
    Recovery,
}

/// When to delete a scratch namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CleanUp {
    /// At the end of the drill.
    #[default]
    Always,
    /// At the end of the drill, if every expectation of the restore was met. If not, it is kept.
    OnSuccess,
}

impl CleanUp {
    /// Whether it is the default.
    pub fn is_always(&self) -> bool {
        *self == Self::Always
    }
}

/// Cordon nodes and evict their pods, one node after another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DrainStep {
    /// Nodes by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// Or nodes of this zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Uncordon each node once it is empty, before the next. Default true.
    #[serde(default = "yes")]
    pub uncordon: bool,
    /// Evict pods with emptyDir volumes too; their content is lost. Default true.
    #[serde(default = "yes")]
    pub empty_dir: bool,
    /// Evict pods that no controller creates again. Default false.
    #[serde(default)]
    pub unmanaged: bool,
    /// The time limit for each node. Default 10m.
    #[serde(default = "ten_minutes")]
    pub at_most: Dur,
}

/// Delete pods of a workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeletePodsStep {
    /// The workload.
    pub workload: WorkloadRef,
    /// Its namespace. Default: the scope's only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// How many, at most. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// Or which percentage of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Percent>,
}

/// Force-delete the pods that hang on nodes which are proven to be off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForceDeletePodsStep {
    /// The killNodes or killZone step whose nodes they hang on (how: kill or stop).
    pub fault: String,
}

/// Delete a namespace that is completely in a proven backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DeleteNamespaceStep {
    /// The namespace.
    pub name: String,
    /// The backup step that contains it.
    pub covered_by: String,
    /// What to do with pods that hang on dead nodes: fail, healFirst or force. Default fail.
    #[serde(default)]
    pub dead_pods: DeadPods,
    /// Objects that may be lost or may come back changed. If anything else would be lost, the step names it and deletes
    /// nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub may_be_lost: Vec<MayBeLost>,
    /// The step fails after this time. Default 10m.
    #[serde(default = "ten_minutes")]
    pub at_most: Dur,
}

impl DeleteNamespaceStep {
    /// Whether an object of its namespace may be lost.
    pub fn may_lose(&self, object: &ObjectName) -> bool {
        self.may_be_lost.iter().any(|entry| entry.object.matches(object))
    }
}

/// What to do with pods that keep a namespace from being deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DeadPods {
    /// Refuse the deletion while there are any.
    #[default]
    Fail,
    /// Bring the nodes back first.
    HealFirst,
    /// Force-delete them, but only on nodes that the node host reports as off.
    Force,
}

/// Set the replicas of a workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleStep {
    /// A Deployment or StatefulSet.
    pub workload: WorkloadRef,
    /// Its namespace. Default: the scope's only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Replicas.
    pub to: u32,
}

/// Run a program on this machine, without a shell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExecStep {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// What undoes it. A step without `undo` is assumed to change nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<String>,
    /// Environment variables to add. ${name} inserts a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The step fails after this time. Default 5m.
    #[serde(default = "five_minutes")]
    pub at_most: Dur,
}

/// Ask a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateStep {
    /// The question.
    pub prompt: String,
    /// How long to wait for an answer. Default 30m.
    #[serde(default = "half_hour")]
    pub timeout: Dur,
    /// What happens without an answer: approve or refuse.
    pub default: GateAnswer,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GateAnswer {
    /// Continue.
    Approve,
    /// Stop and put everything back.
    Refuse,
}

/// Wait for a time (`for`), or until something holds (`until` with `of` and `atMost`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WaitStep {
    /// A time.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub for_: Option<Dur>,
    /// recovered: every probe in `of` is up, and every workload in `of` has all its pods ready.
    /// alerted: every expected alert of the earlier faults was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<WaitUntil>,
    /// Probes and workloads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<String>,
    /// The step fails after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Dur>,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WaitUntil {
    /// All probes are up, and all pods are ready.
    Recovered,
    /// Every alert expectation of an earlier fault is decided.
    Alerted,
}

/// Notify people by webhook: a POST request with a JSON body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyStep {
    /// The webhook.
    pub url: WebhookUrl,
    /// The message.
    pub message: String,
}

/// Undo an earlier fault now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HealStep {
    /// The step that made the fault.
    pub fault: String,
    /// The step fails after this time. Default 10m.
    #[serde(default = "ten_minutes")]
    pub at_most: Dur,
}

fn day() -> Dur {
    Dur::secs(24 * 3600)
}
fn day_and_a_bit() -> Dur {
    Dur::secs(26 * 3600)
}
fn half_hour() -> Dur {
    Dur::secs(1800)
}
fn ten_minutes() -> Dur {
    Dur::secs(600)
}
fn five_minutes() -> Dur {
    Dur::secs(300)
}
fn yes() -> bool {
    true
}
