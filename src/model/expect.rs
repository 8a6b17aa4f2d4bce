//! The expectations as written. Each is one word with its particulars.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Dur, StepName, WorkloadRef};

/// What must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Expectation {
    /// Ready pods of a workload.
    Replicas(ReplicasExpectation),
    /// PodDisruptionBudgets.
    Budgets(BudgetsExpectation),
    /// A service as its users see it: the recovery time.
    Service(ServiceExpectation),
    /// An alert, from firing to resolved.
    Alert(AlertExpectation),
    /// What a restore brought back.
    Restore(RestoreExpectation),
    /// What an append log lost: the recovery point.
    Loss(LossExpectation),
    /// How pods are spread.
    Placement(PlacementExpectation),
}

impl Expectation {
    /// The fault or step it is about.
    pub fn of(&self) -> Option<&StepName> {
        match self {
            Self::Replicas(e) => e.of.as_ref(),
            Self::Budgets(e) => e.of.as_ref(),
            Self::Service(e) => e.of.as_ref(),
            Self::Alert(e) => e.of.as_ref(),
            Self::Restore(e) => Some(&e.of),
            Self::Loss(e) => e.of.as_ref(),
            Self::Placement(e) => e.of.as_ref(),
        }
    }

    /// The name that the scenario gives it.
    pub fn given_id(&self) -> Option<&str> {
        match self {
            Self::Replicas(e) => e.id.as_deref(),
            Self::Budgets(e) => e.id.as_deref(),
            Self::Service(e) => e.id.as_deref(),
            Self::Alert(e) => e.id.as_deref(),
            Self::Restore(e) => e.id.as_deref(),
            Self::Loss(e) => e.id.as_deref(),
            Self::Placement(e) => e.id.as_deref(),
        }
    }

    /// That name, or one made of what is expected: `service-storefront`.
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
            Self::Loss(e) => ("loss", e.data.clone()),
            Self::Placement(e) => ("placement", e.workload.to_string()),
        };
        let of = self.of().map(|of| of.0.clone()).unwrap_or_default();
        let parts = [word, &subject, &of].map(plain);
        parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("-")
    }

    /// The names of all, each of them once: the second of two that are alike ends with `-2`.
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

/// Letters and digits, with dashes between them.
fn plain(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// Ready pods of a workload, counted from a watch: Ready and not Terminating.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReplicasExpectation {
    /// Its name for reports and exercises, which stays the same from run to run. Default: made of what is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The workload.
    pub workload: WorkloadRef,
    /// Its namespace. Default: the scope's only one.
    #[serde(default)]
    pub namespace: Option<String>,
    /// So many must be ready again …
    #[serde(default)]
    pub ready: Option<u32>,
    /// … within this time after the fault (a drain: after its end).
    #[serde(default)]
    pub within: Option<Dur>,
    /// heal: the clock starts when the undo begins, for what cannot recover before. Default fault.
    #[serde(default)]
    pub after: After,
    /// Instead of `ready` and `within`: never fewer ready than when the fault came.
    #[serde(default)]
    pub unharmed: bool,
    /// Never fewer than this from the fault on.
    #[serde(default)]
    pub never_below: Option<u32>,
    /// The fault. May be left out when the scenario has one only.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub of: Option<StepName>,
}

/// What starts the clock of an objective.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum After {
    /// The fault.
    #[default]
    Fault,
    /// Its undo: `heal`, or the end of the drill.
    Heal,
}

/// PodDisruptionBudgets: who is covered, whom the Eviction API lets go, what a drain left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BudgetsExpectation {
    /// Its name for reports and exercises, which stays the same from run to run. Default: made of what is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Every pod of a critical workload has exactly one budget.
    #[serde(default)]
    pub every_critical_pod_covered: bool,
    /// asBudgeted: during the fault, a dry-run eviction of each covered pod is answered as its budget says.
    #[serde(default)]
    pub while_degraded: Option<WhileDegraded>,
    /// kept: during the drain, healthy pods never fell below what the budget asks for.
    #[serde(default)]
    pub during_drain: Option<DrainRule>,
    /// The fault. May be left out when the scenario has one only.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub of: Option<StepName>,
}

/// How the Eviction API must answer during a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WhileDegraded {
    /// As the budget's own arithmetic says.
    AsBudgeted,
}

/// What must hold of budgets during a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DrainRule {
    /// Never below.
    Kept,
}

/// A service as its users see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServiceExpectation {
    /// Its name for reports and exercises, which stays the same from run to run. Default: made of what is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The probe.
    pub probe: String,
    /// Recovery time objective: stable again within this time after the fault (a drain: after its end).
    #[serde(default)]
    pub rto: Option<Dur>,
    /// heal: the clock starts when the undo begins, for what cannot recover before. Default fault.
    #[serde(default)]
    pub after: After,
    /// Instead of `rto`: no outage for as long as the fault lasts.
    #[serde(default)]
    pub unharmed: bool,
    /// With `unharmed`: no single outage longer than this. Default 0s: no sample fails.
    #[serde(default)]
    pub longest: Option<Dur>,
    /// The fault. May be left out when the scenario has one only.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub of: Option<StepName>,
}

/// An alert: pending, firing in Prometheus, received by Alertmanager, not suppressed, resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AlertExpectation {
    /// Its name for reports and exercises, which stays the same from run to run. Default: made of what is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// alertname
    pub name: String,
    /// One alert for each of the fault's targets, told apart by a label.
    #[serde(default)]
    pub for_each: Option<ForEach>,
    /// Labels that it must carry.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The fault. May be left out when the scenario has one only.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub of: Option<StepName>,
    /// Firing, and received by Alertmanager, within this time after the fault.
    pub fires_within: Dur,
    /// The receiver that Alertmanager routes it to.
    #[serde(default)]
    pub receiver: Option<String>,
    /// Whether it is meant to be silenced or inhibited. Default false.
    #[serde(default)]
    pub suppressed: bool,
    /// Gone within this time after the fault was healed.
    #[serde(default)]
    pub resolves_within: Option<Dur>,
}

/// What an append log lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LossExpectation {
    /// Its name for reports and exercises, which stays the same from run to run. Default: made of what is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The append log.
    pub data: String,
    /// Recovery point objective: so much time before the fault may be missing, no more.
    pub rpo: Dur,
    /// The fault. May be left out when the scenario has one only.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub of: Option<StepName>,
}

/// One alert for each of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ForEach {
    /// Each node, in the label `node`.
    #[serde(rename = "target.node")]
    TargetNode,
}

/// What a restore brought back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreExpectation {
    /// Its name for reports and exercises, which stays the same from run to run. Default: made of what is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The restore step.
    #[schemars(with = "String")]
    pub of: StepName,
    /// complete: every object of the backup is there again, equal but for what a restore must change.
    #[serde(default)]
    pub objects: Option<Objects>,
    /// identical: the files of every volume have the checksums taken before. restored: every volume in the backup was restored, byte for byte in size. none: the application has none.
    #[serde(default)]
    pub volumes: Option<VolumesRule>,
}

/// Of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Objects {
    /// All.
    Complete,
}

/// Of volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VolumesRule {
    /// By checksums of the files.
    Identical,
    /// By Velero's own record of what it restored.
    Restored,
    /// There are none: neither a claim nor a volume in the backup.
    None,
}

/// How the ready pods of a workload are spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PlacementExpectation {
    /// Its name for reports and exercises, which stays the same from run to run. Default: made of what is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The workload.
    pub workload: WorkloadRef,
    /// Its namespace. Default: the scope's only one.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Difference between the fullest and the emptiest domain that is there.
    pub max_skew: u32,
    /// zone or node.
    pub by: Spread,
    /// Within this time after the fault, and still so at the end.
    pub within: Dur,
    /// The fault. May be left out when the scenario has one only.
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
