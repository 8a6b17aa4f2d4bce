//! A cluster as its description says: zones, nodes, workloads, budgets, volumes,
//! rules, start-up times. Short words in the file become whole objects here.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    happens::{self, Happening},
    sense,
};
use crate::{
    model::{Bindings, Capture, ClocksSpec, Dur, VolumeMethod},
    scenario::{Problems, document, schema_of},
};

/// Where the schema of a description lives.
pub const SCHEMA: &str = "https://drillmaster.dev/schema/cluster-v1.json";

/// A cluster that is not there.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Description {
    /// drillmaster.dev/v1
    pub api_version: String,
    /// Cluster
    pub kind: String,
    /// Name and title.
    pub metadata: BTreeMap<String, String>,
    /// How many nodes each zone has.
    pub zones: BTreeMap<String, u32>,
    /// How many machines carry the control plane, of which more than half must run; without
    /// any it is elsewhere, as a provider's is, and never fails.
    pub control_plane: u32,
    /// What each node has.
    pub node: NodeSize,
    /// How long things take.
    pub times: Times,
    /// How old each node's lease is when its power goes; left to chance where it is not told.
    pub leases: BTreeMap<String, Dur>,
    /// Where the pods of a workload are in the beginning, by namespace and workload; the
    /// scheduler's choice where it is not told.
    pub placement: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// The node lifecycle controller's clocks, where they are not Kubernetes' defaults.
    pub clocks: Option<ClocksSpec>,
    /// Storage classes.
    pub storage: Vec<Storage>,
    /// Workloads.
    pub workloads: Vec<WorkloadSpec>,
    /// Whole objects, as in a manifest.
    pub objects: Vec<Value>,
    /// Alerting rules.
    pub rules: Vec<RuleSpec>,
    /// What Alertmanager does.
    pub alertmanager: AlertmanagerSpec,
    /// More Alertmanagers, by name: each at `http://NAME.sim`, told of the same alerts, and with
    /// silences and inhibitions of its own.
    pub alertmanagers: BTreeMap<String, AlertmanagerSpec>,
    /// Whether the network enforces NetworkPolicies: enforced or ignored. Default enforced.
    pub network_policies: NetworkPolicies,
    /// How Velero captures volumes here.
    pub capture: Capture,
    /// Values for ${bind.NAME} in a scenario.
    pub values: BTreeMap<String, Value>,
    /// A second cluster, with the same store of backups, to restore into. Its Services are at
    /// `http://SERVICE.NAMESPACE.svc.recovery`. Nothing happens in it beside the drill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Box<Description>>,
    /// What happens in the cluster while it is drilled, beside the drill.
    pub happens: Vec<Happening>,
}

/// What the network makes of NetworkPolicies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkPolicies {
    /// They hold.
    #[default]
    Enforced,
    /// Nothing enforces them: the API server takes them all the same.
    Ignored,
}

/// What a node has.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NodeSize {
    /// Cores.
    pub cpu: String,
    /// Memory.
    pub memory: String,
    /// Pods.
    pub pods: u32,
}

impl Default for NodeSize {
    fn default() -> Self {
        Self { cpu: "4".into(), memory: "16Gi".into(), pods: 110 }
    }
}

/// How long things take. Defaults are what was measured on a kind cluster.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Times {
    /// From power to a kubelet that reports Ready. Default 6s.
    pub boot: Dur,
    /// From thaw to Ready. Default 10s.
    pub thaw: Dur,
    /// From the network's return to Ready. Default 2s.
    pub rejoin: Dur,
    /// From the start of a kubelet on a node that runs to Ready. Default 2s.
    pub kubelet: Dur,
    /// From a node to a container that is Ready, where the workload does not say. Default 2s.
    pub start: Dur,
    /// From deletion to gone. Default 1s.
    pub stop: Dur,
    /// What admission gives pods that say nothing themselves. Default 5m.
    pub toleration: Dur,
    /// From the power of a control plane's machine to an API server that answers. Default 9s.
    pub api_server: Dur,
    /// From there to controllers that act. Default 16s.
    pub election: Dur,
    /// From one evaluation of the alerting rules to the next. Default 5s.
    pub evaluate: Dur,
    /// How long Velero takes over a backup, without its volumes. Default 700ms.
    pub backup: Dur,
    /// The same of a restore. Default 1100ms.
    pub restore: Dur,
    /// How long it copies a volume's files, either way. Default 5s.
    pub volume: Dur,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            boot: Dur::secs(6),
            thaw: Dur::secs(10),
            rejoin: Dur::secs(2),
            kubelet: Dur::secs(2),
            start: Dur::secs(2),
            stop: Dur::secs(1),
            toleration: Dur::secs(300),
            api_server: Dur::secs(9),
            election: Dur::secs(16),
            evaluate: Dur::secs(5),
            backup: Dur(Duration::from_millis(700)),
            restore: Dur(Duration::from_millis(1100)),
            volume: Dur::secs(5),
        }
    }
}

/// A storage class.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// Its name.
    pub name: String,
    /// csi, local or hostPath.
    pub source: String,
    /// Delete or Retain.
    pub reclaim: String,
}

/// A workload.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct WorkloadSpec {
    /// `deployment/web`, `statefulset/orders`, `daemonset/agent`
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Pods. Default 1.
    pub replicas: Option<u32>,
    /// Cores that each asks for.
    pub cpu: Option<String>,
    /// Memory that each asks for.
    pub memory: Option<String>,
    /// From a node to Ready.
    pub start: Option<Dur>,
    /// How long it stays on a node that is silent.
    pub toleration: Option<Dur>,
    /// Its pods' priority: where there is no room they take the place of lower ones.
    pub priority: Option<i32>,
    /// zone or node: spread over these; with `!`, never otherwise.
    pub spread: Option<String>,
    /// Zones it may run in.
    pub only_in: Vec<String>,
    /// A budget: `minAvailable` or `maxUnavailable`, and `unhealthyPodEvictionPolicy`.
    pub budget: BTreeMap<String, Value>,
    /// A Service of its name.
    pub service: bool,
    /// A volume for each pod, of this storage class.
    pub volume: Option<String>,
    /// Labels of its pods, besides app.
    pub labels: BTreeMap<String, String>,
}

/// An alerting rule.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RuleSpec {
    /// Its name.
    pub alert: String,
    /// PromQL.
    pub expr: String,
    /// For how long it must hold.
    #[serde(rename = "for")]
    pub for_: Dur,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// What Alertmanager does.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct AlertmanagerSpec {
    /// Who is told. Default oncall.
    pub receiver: String,
    /// How long a new group of alerts waits before its receiver is told. Default 30s, as Alertmanager's.
    pub group_wait: Option<Dur>,
    /// Matchers of each silence in force.
    pub silences: Vec<BTreeMap<String, String>>,
    /// Which alerts keep others quiet.
    pub inhibit: Vec<Inhibition>,
}

/// While an alert that carries `source` fires, alerts that carry `target` and have
/// the same values of the labels in `equal` are quiet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Inhibition {
    /// Labels of the alert that inhibits.
    pub source: BTreeMap<String, String>,
    /// Labels of those that it inhibits.
    pub target: BTreeMap<String, String>,
    /// Labels that must be the same in both; one that neither has is the same.
    pub equal: Vec<String>,
}

impl Description {
    /// From YAML.
    ///
    /// # Errors
    /// What is wrong with it, with its line.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::read("cluster", text).map_err(|problems| problems.to_string())
    }

    /// The same of a file.
    ///
    /// # Errors
    /// Everything that is wrong with it, as it can be shown.
    pub fn read(file: &str, text: &str) -> Result<Self, Problems> {
        let mut description: Self = document(file, text, &schema_of::<Self>(SCHEMA))?;
        let word = |name: &str, is: &str, wanted: &str| {
            (is != wanted && !(is.is_empty() && name == "apiVersion"))
                .then(|| format!("this is no description of a cluster: {name} is `{is}`, not {wanted}"))
        };
        let wrong = word("kind", &description.kind, "Cluster")
            .or_else(|| word("apiVersion", &description.api_version, "drillmaster.dev/v1"));
        if let Some(wrong) = wrong {
            return Err(Problems::bare(wrong, ""));
        }
        for (happening, line) in description.happens.iter_mut().zip(happens::positions(text)) {
            happening.line = line;
        }
        let wrong = description.mistakes();
        if wrong.is_empty() { Ok(description) } else { Err(Problems::bare(wrong.join("\n  "), "")) }
    }

    /// What could never be, or happen, in this cluster.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let mut wrong = sense::lint(self);
        if wrong.is_empty() {
            wrong.extend(happens::reserved(self));
            wrong.extend(happens::lint(self));
        }
        wrong
    }

    /// Whether the steps that `happens:` waits for are those of a scenario.
    ///
    /// # Errors
    /// Each that is not, with its line, and the steps that there are.
    pub fn fits(&self, steps: &[&str]) -> Result<(), String> {
        let wrong = happens::strangers(self, steps);
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n  ")) }
    }

    /// Takes out of a copy what the simulation would refuse, and says what and why.
    pub fn keep_what_can_be_simulated(copy: &mut Value) -> Vec<String> {
        let mut left_out = vec![];
        if let Some(rules) = copy["rules"].as_array_mut() {
            rules.retain(|rule| match super::promql::parse(rule["expr"].as_str().unwrap_or("")) {
                Ok(_) => true,
                Err(why) => {
                    left_out.push(format!("rule {}: {why}", rule["alert"]));
                    false
                }
            });
        }
        left_out
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.metadata.get("name").map_or("unnamed", String::as_str)
    }

    /// What a scenario needs to know of this place.
    pub fn bindings(&self) -> Bindings {
        let mut values = self.values.clone();
        values.entry("volumes".into()).or_insert_with(|| json!(self.capture));
        Bindings {
            values,
            prometheus: Some("http://prometheus.sim".into()),
            alertmanager: std::iter::once("alertmanager")
                .chain(self.alertmanagers.keys().map(String::as_str))
                .map(|name| format!("http://{name}.sim"))
                .collect(),
            watchdog: self.rules.iter().find(|r| r.alert == "Watchdog").map(|r| r.alert.clone()),
            volumes: VolumeMethod { reader_image: Some("simulated".into()), unreadable_because: None },
            clocks: self.clocks,
            ..Bindings::default()
        }
    }
}
