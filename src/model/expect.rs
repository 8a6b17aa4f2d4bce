//! The expectations of a scenario, as written. The judgement of each is in `verdict`. Start with [`Expectation`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Dur, StepName, WorkloadRef};

/// What must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Expectation {
    /// How many pods of a workload are ready.
    Replicas(ReplicasExpectation),
    /// PodDisruptionBudgets.
    Budgets(BudgetsExpectation),
    /// A service as its users see it, and its recovery time.
    Service(ServiceExpectation),
    /// An alert, from firing until it is resolved.
    Alert(AlertExpectation),
    /// The result of a restore.
    Restore(RestoreExpectation),
    /// A new backup of a restored namespace.
    Reprotected(ReprotectedExpectation),
    /// What an append log lost, and the recovery point.
    Loss(LossExpectation),
    /// How the pods of a workload are spread.
    Placement(PlacementExpectation),
}

impl Expectation {
    /// The word for it in a scenario.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Replicas(_) => "replicas",
            Self::Budgets(_) => "budgets",
            Self::Service(_) => "service",
            Self::Alert(_) => "alert",
            Self::Restore(_) => "restore",
            Self::Reprotected(_) => "reprotected",
            Self::Loss(_) => "loss",
            Self::Placement(_) => "placement",
        }
    }

    /// The fault or step that it refers to.
    pub fn of(&self) -> Option<&StepName> {
        match self {
            Self::Replicas(e) => e.of.as_ref(),
            Self::Budgets(e) => e.of.as_ref(),
            Self::Service(e) => e.of.as_ref(),
            Self::Alert(e) => e.of.as_ref(),
            Self::Restore(e) => Some(&e.of),
            Self::Reprotected(e) => Some(&e.of),
            Self::Loss(e) => e.of.as_ref(),
            Self::Placement(e) => e.of.as_ref(),
        }
    }

    /// The name that the scenario gives to the expectation.
    pub fn given_id(&self) -> Option<&str> {
        match self {
            Self::Replicas(e) => e.id.as_deref(),
            Self::Budgets(e) => e.id.as_deref(),
            Self::Service(e) => e.id.as_deref(),
            Self::Alert(e) => e.id.as_deref(),
            Self::Restore(e) => e.id.as_deref(),
            Self::Reprotected(e) => e.id.as_deref(),
            Self::Loss(e) => e.id.as_deref(),
            Self::Placement(e) => e.id.as_deref(),
        }
    }

    /// That name, or a name made from what is expected, such as `service-storefront`.
    fn id(&self) -> String {
        if let Some(id) = self.given_id() {
            return id.to_owned();
        }
        let (word, subject) = match self {
            Self::Replicas(e) => ("replicas", e.workload.to_string()),
            Self::Budgets(_) => ("budgets", String::new()),
            Self::Service(e) => ("service", e.probe.clone()),
            Self::Alert(e) => ("alert", e.name.clone()),
            Self::Restore(_) => ("restore", String::new()),
            Self::Reprotected(_) => ("reprotected", String::new()),
            Self::Loss(e) => ("loss", e.data.clone()),
            Self::Placement(e) => ("placement", e.workload.to_string()),
        };
        let of = self.of().map(|of| of.0.clone()).unwrap_or_default();
        let parts = [word, &subject, &of].map(plain);
        parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("-")
    }

    /// The names of all expectations. Each is unique: the second of two equal names ends with `-2`.
    pub fn ids<'a>(all: impl Iterator<Item = Option<&'a Self>>) -> Vec<String> {
        let mut ids: Vec<String> = vec![];
        for (i, expectation) in all.enumerate() {
            let id = expectation.map_or_else(|| format!("expectation-{}", i + 1), Self::id);
            let mut names = std::iter::once(id.clone()).chain((2..).map(|n| format!("{id}-{n}")));
            ids.extend(names.find(|name| !ids.contains(name)));
        }
        ids
    }
}

/// Keeps letters and digits, with dashes between them.
fn plain(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// Ready pods of a workload, counted from a watch. A pod that is Terminating does not count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReplicasExpectation {
    /// The expectation's name in reports and exercises, which stays the same from run to run. Default: made from what
    /// is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The workload.
    pub workload: WorkloadRef,
    /// Its namespace. Default: the scope's only one.
    #[serde(default)]
    pub namespace: Option<String>,
    /// How many pods must be ready again …
    #[serde(default)]
    pub ready: Option<u32>,
    /// … within this time after the fault (for a drain: after its end).
    #[serde(default)]
    pub within: Option<Dur>,
    /// heal: the time counts from the start of the undo, for a workload that cannot recover earlier. Default fault.
    #[serde(default)]
    pub after: After,
    /// Instead of `ready` and `within`: the number of ready pods never falls below its value at the time of the fault.
    #[serde(default)]
    pub unharmed: bool,
    /// The number of ready pods never falls below this after the fault.
    #[serde(default)]
    pub never_below: Option<u32>,
    /// The fault. Can be omitted when the scenario has only one.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub of: Option<StepName>,
}

/// The event from which an objective's time counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum After {
    /// The fault.
    #[default]
    Fault,
    /// Its undo: `heal`, or the end of the drill.
    Heal,
}

/// PodDisruptionBudgets: which pods they cover, which evictions the Eviction API allows, and whether a drain kept
/// them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BudgetsExpectation {
    /// The expectation's name in reports and exercises, which stays the same from run to run. Default: made from what
    /// is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Every pod of a critical workload has exactly one budget.
    #[serde(default)]
    pub every_critical_pod_covered: bool,
    /// asBudgeted: during the fault, a dry-run eviction of each covered pod gets the answer that its budget requires.
    #[serde(default)]
    pub while_degraded: Option<WhileDegraded>,
    /// kept: during the drain, the number of healthy pods never fell below what the budget requires.
    #[serde(default)]
    pub during_drain: Option<DrainRule>,
    /// The fault. Can be omitted when the scenario has only one.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub of: Option<StepName>,
}

/// How the Eviction API must answer during a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WhileDegraded {
    /// As the numbers of the budget require.
    AsBudgeted,
}

/// What must hold for budgets during a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DrainRule {
    /// The number of healthy pods never falls below the budget.
    Kept,
}

/// A service as its users see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServiceExpectation {
    /// The expectation's name in reports and exercises, which stays the same from run to run. Default: made from what
    /// is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The probe.
    pub probe: String,
    /// Recovery time objective: the service is stable again within this time after the fault (for a drain: after its
    /// end).
    #[serde(default)]
    pub rto: Option<Dur>,
    /// heal: the time counts from the start of the undo, for a service that cannot recover earlier. Default fault.
    #[serde(default)]
    pub after: After,
    /// Instead of `rto`: no outage while the fault lasts.
    #[serde(default)]
    pub unharmed: bool,
    /// With `unharmed`: the longest outage that is accepted. Default 0s: no sample may fail.
    #[serde(default)]
    pub longest: Option<Dur>,
    /// The fault. Can be omitted when the scenario has only one.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub of: Option<StepName>,
}

/// An alert: pending, firing in Prometheus, received by Alertmanager, not suppressed, resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AlertExpectation {
    /// The expectation's name in reports and exercises, which stays the same from run to run. Default: made from what
    /// is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// alertname
    pub name: String,
    /// One alert for each target of the fault, identified by a label.
    #[serde(default)]
    pub for_each: Option<ForEach>,
    /// Labels that the alert must carry.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The fault. Can be omitted when the scenario has only one.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub of: Option<StepName>,
    /// The alert fires, and Alertmanager receives it, within this time after the fault.
    pub fires_within: Dur,
    /// The receiver to which Alertmanager must route the alert.
    #[serde(default)]
    pub receiver: Option<String>,
    /// Whether the alert is expected to be silenced or inhibited. Default false.
    #[serde(default)]
    pub suppressed: bool,
    /// The alert is gone within this time after the fault was healed.
    #[serde(default)]
    pub resolves_within: Option<Dur>,
}

/// What an append log lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LossExpectation {
    /// The expectation's name in reports and exercises, which stays the same from run to run. Default: made from what
    /// is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The append log.
    pub data: String,
    /// Recovery point objective: how old the newest state that is back may be. The drill measures the time from the
    /// newest acknowledged line before the first lost line to the newest lost line.
    pub rpo: Dur,
    /// The fault. Can be omitted when the scenario has only one.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub of: Option<StepName>,
}

/// What one alert each is expected for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ForEach {
    /// Each node that the fault takes away, named by the label `node`.
    #[serde(rename = "target.node")]
    TargetNode,
}

/// The result of a restore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreExpectation {
    /// The expectation's name in reports and exercises, which stays the same from run to run. Default: made from what
    /// is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The restore step.
    #[schemars(with = "String")]
    pub of: StepName,
    /// complete: every object of the backup exists again and is equal, except for what a restore must change.
    #[serde(default)]
    pub objects: Option<Objects>,
    /// identical: the files of every volume have the same checksums as before. restored: every volume in the backup was
    /// restored with its full size. none: the application has no volumes.
    #[serde(default)]
    pub volumes: Option<VolumesRule>,
}

/// A new backup of a restored namespace: without it, the next loss would find only the old one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReprotectedExpectation {
    /// The expectation's name in reports and exercises, which stays the same from run to run. Default: made from what
    /// is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The step `reprotected`.
    #[schemars(with = "String")]
    pub of: StepName,
    /// The new backup is Completed within this time after the restored workloads were ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Dur>,
}

/// What must hold for objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Objects {
    /// All of them are back.
    Complete,
}

/// What must hold for volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VolumesRule {
    /// The checksums of the files are equal.
    Identical,
    /// Velero's own records show that each volume was restored.
    Restored,
    /// There are no volumes: no claim exists, and the backup contains no volume.
    None,
}

/// How the ready pods of a workload are spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PlacementExpectation {
    /// The expectation's name in reports and exercises, which stays the same from run to run. Default: made from what
    /// is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The workload.
    pub workload: WorkloadRef,
    /// Its namespace. Default: the scope's only one.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The largest allowed difference between the domain with the most pods and the one with the fewest.
    pub max_skew: u32,
    /// zone or node.
    pub by: Spread,
    /// Reached within this time after the fault, and still true at the end.
    pub within: Dur,
    /// The fault. Can be omitted when the scenario has only one.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub of: Option<StepName>,
}

/// Failure domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Spread {
    /// Zones.
    Zone,
    /// Nodes.
    Node,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expectation_has_a_name_of_its_own() {
        let read = |text: &str| -> Expectation { serde_json::from_str(text).expect("an expectation") };
        let all = [
            read(r#"{"service": {"probe": "storefront there", "rto": "5m", "of": "region lost"}}"#),
            read(r#"{"replicas": {"workload": "deployment/web", "unharmed": true}}"#),
            read(r#"{"replicas": {"workload": "deployment/web", "ready": 3, "within": "5m"}}"#),
            read(r#"{"restore": {"of": "brought back", "id": "whole"}}"#),
        ];
        let ids = Expectation::ids(all.iter().map(Some).chain([None]));
        let wanted = [
            "service-storefront-there-region-lost",
            "replicas-deployment-web",
            "replicas-deployment-web-2",
            "whole",
            "expectation-5",
        ];
        assert_eq!(ids, wanted);
    }
}
