//! The description of a simulated cluster as a user writes it: zones, nodes, workloads, budgets, volumes, rules,
//! start-up times. This file reads and checks it. It does not know how the cluster behaves; `manifests` turns the short
//! forms into whole objects. Start with [`Description`].

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    describe_words::{
        Amount, BudgetKeys, ClusterKind, ClusterVersion, Reclaim, Spread, VolumeSource, amount, some_amount,
    },
    happens::{self, Happening},
    sense,
};
use crate::{
    model::{Bindings, Capture, ClocksSpec, Dur, VolumeMethod},
    scenario::{FileKind, Mistake, Problems, document, schema_of},
};

/// The URL that identifies the schema of a description.
pub const SCHEMA: &str = "https://drillmaster.dev/schema/cluster-v1.json";

/// A simulated cluster.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[schemars(extend("required" = ["apiVersion", "kind", "metadata"]))]
pub struct Description {
    /// The version of the format: drillmaster.dev/v1
    pub api_version: ClusterVersion,
    /// The kind of the file: Cluster
    pub kind: ClusterKind,
    /// The `name` and the `title` of the cluster.
    pub metadata: ClusterMetadata,
    /// The number of nodes in each zone, by the name of the zone.
    pub zones: BTreeMap<String, u32>,
    /// The number of machines that run the control plane. It works while more than half of them run. Default 0: the
    /// control plane is elsewhere, as with a cloud provider, and never fails.
    pub control_plane: u32,
    /// The size of each node.
    pub node: NodeSize,
    /// How long things take.
    pub times: Times,
    /// The age that the lease of a node has when the node is lost, by node. The age is random for nodes that are not
    /// listed.
    pub leases: BTreeMap<String, Dur>,
    /// The nodes on which the first pods of a workload run, by namespace and workload. The scheduler chooses nodes for
    /// workloads that are not listed.
    pub placement: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// The clocks of the node lifecycle controller, if they are not the defaults of Kubernetes.
    pub clocks: Option<ClocksSpec>,
    /// The storage classes.
    pub storage: Vec<Storage>,
    /// The workloads.
    pub workloads: Vec<WorkloadSpec>,
    /// Whole Kubernetes objects, written as in a manifest.
    pub objects: Vec<Value>,
    /// The alerting rules of Prometheus.
    pub rules: Vec<RuleSpec>,
    /// The configuration of Alertmanager.
    pub alertmanager: AlertmanagerSpec,
    /// More Alertmanagers, by name. Each has the address `http://NAME.sim`, receives the same alerts, and has its own
    /// silences and inhibitions.
    pub alertmanagers: BTreeMap<String, AlertmanagerSpec>,
    /// Whether the network enforces NetworkPolicies: enforced or ignored. Default enforced.
    pub network_policies: NetworkPolicies,
    /// How Velero captures volumes here.
    pub capture: Capture,
    /// Values for `${bind.NAME}` in a scenario.
    pub values: BTreeMap<String, Value>,
    /// A recovery cluster, which uses the same store of backups. Drills can restore into it. Its Services have the
    /// addresses `http://SERVICE.NAMESPACE.svc.recovery`. It has no `happens` of its own: use entries with
    /// `in: recovery`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Box<Description>>,
    /// What happens in the cluster during a drill, apart from the drill itself.
    pub happens: Vec<Happening>,
}

/// The name and the title of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterMetadata {
    /// The name of the cluster, which stands in its reports.
    pub name: String,
    /// One sentence about it.
    #[serde(default)]
    pub title: String,
}

/// Whether the network enforces NetworkPolicies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkPolicies {
    /// The network enforces them.
    #[default]
    Enforced,
    /// Nothing enforces them, although the API server accepts them.
    Ignored,
}

/// The size of a node.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NodeSize {
    /// The number of CPU cores.
    #[serde(deserialize_with = "amount")]
    #[schemars(with = "Amount")]
    pub cpu: String,
    /// The memory.
    #[serde(deserialize_with = "amount")]
    #[schemars(with = "Amount")]
    pub memory: String,
    /// The maximum number of pods.
    pub pods: u32,
}

impl Default for NodeSize {
    fn default() -> Self {
        Self { cpu: "4".into(), memory: "16Gi".into(), pods: 110 }
    }
}

/// How long things take. The defaults were measured on a kind cluster.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Times {
    /// From power-on of a machine until its kubelet reports Ready. Default 6s.
    pub boot: Dur,
    /// From unfreezing a machine until its node is Ready. Default 10s.
    pub thaw: Dur,
    /// From the return of the network of a machine until its node is Ready. Default 2s.
    pub rejoin: Dur,
    /// From the start of the kubelet on a running machine until its node is Ready. Default 2s.
    pub kubelet: Dur,
    /// From the time when a pod has a node until the pod is Ready, unless its workload sets `start`. Default 2s.
    pub start: Dur,
    /// From the deletion of a pod until it is gone. Default 1s.
    pub stop: Dur,
    /// How long a pod stays on a node that is not ready or not reachable, unless the pod sets its own tolerations.
    /// Default 5m.
    pub toleration: Dur,
    /// From the return of the machines of the control plane until the API server answers. Default 9s.
    pub api_server: Dur,
    /// From the first answer of the API server until the controllers act. Default 16s.
    pub election: Dur,
    /// The interval between two evaluations of the alerting rules. Default 5s.
    pub evaluate: Dur,
    /// How long Velero takes for a backup, without its volumes. Default 700ms.
    pub backup: Dur,
    /// How long Velero takes for a restore, without its volumes. Default 1100ms.
    pub restore: Dur,
    /// How long Velero copies the files of one volume, in a backup or in a restore. Default 5s.
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
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// The name of the class.
    pub name: String,
    /// The kind of its volumes: csi, local or hostPath. Default csi.
    #[serde(default)]
    pub source: VolumeSource,
    /// What happens to a volume when its claim is deleted: Delete or Retain. Default Delete.
    #[serde(default)]
    pub reclaim: Reclaim,
}

/// A workload.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "namespace"]))]
pub struct WorkloadSpec {
    /// KIND/NAME: `deployment/web`, `statefulset/orders`, `daemonset/agent`
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// The number of pods. Default 1.
    pub replicas: Option<u32>,
    /// The CPU that each pod requests, for example 250m.
    #[serde(deserialize_with = "some_amount")]
    #[schemars(with = "Option<Amount>")]
    pub cpu: Option<String>,
    /// The memory that each pod requests, for example 128Mi.
    #[serde(deserialize_with = "some_amount")]
    #[schemars(with = "Option<Amount>")]
    pub memory: Option<String>,
    /// From the time when a pod has a node until the pod is Ready. Default: `times.start`.
    pub start: Option<Dur>,
    /// How long a pod stays on a node that is not ready or not reachable. Default: `times.toleration`.
    pub toleration: Option<Dur>,
    /// The priority of its pods. If there is no room for them, they replace pods with a lower priority.
    pub priority: Option<i32>,
    /// Spreads the pods over each `zone` or `node`. With `!`, as in `zone!`, a pod that would break the spread stays
    /// Pending.
    pub spread: Option<Spread>,
    /// The zones in which its pods may run. Default: all.
    pub only_in: Vec<String>,
    /// Its PodDisruptionBudget: `minAvailable` or `maxUnavailable`, and `unhealthyPodEvictionPolicy`.
    #[schemars(with = "BudgetKeys")]
    pub budget: BTreeMap<String, Value>,
    /// Whether it has a Service with its name.
    pub service: bool,
    /// The storage class of the volume that each pod gets, only for a StatefulSet. Default: no volume.
    pub volume: Option<String>,
    /// Labels of its pods, in addition to `app`.
    pub labels: BTreeMap<String, String>,
}

/// An alerting rule.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["alert", "expr"]))]
pub struct RuleSpec {
    /// The name of the alert.
    pub alert: String,
    /// The expression, in PromQL.
    pub expr: String,
    /// How long the expression must be true before the alert fires.
    #[serde(rename = "for")]
    pub for_: Dur,
    /// Labels that the rule gives to the alert.
    pub labels: BTreeMap<String, String>,
}

/// The configuration of Alertmanager.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct AlertmanagerSpec {
    /// The receiver of all alerts. Default oncall.
    pub receiver: String,
    /// How long Alertmanager waits before it notifies the receiver of a new group of alerts. Default 30s, as in
    /// Alertmanager.
    pub group_wait: Option<Dur>,
    /// The active silences. Each entry holds the labels that a silence matches.
    pub silences: Vec<BTreeMap<String, String>>,
    /// The inhibition rules: which alerts suppress other alerts.
    pub inhibit: Vec<Inhibition>,
}

/// While an alert with the labels in `source` fires, alerts with the labels in `target` are suppressed if both have the
/// same values of the labels in `equal`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Inhibition {
    /// The labels of the alert that inhibits.
    pub source: BTreeMap<String, String>,
    /// The labels of the alerts that are inhibited.
    pub target: BTreeMap<String, String>,
    /// Labels that must have the same value in both alerts. A label that neither alert has counts as the same.
    pub equal: Vec<String>,
}

impl Description {
    /// Reads a description from YAML.
    ///
    /// # Errors
    /// Says what is wrong, and in which line.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::read("cluster", text).map_err(|problems| problems.to_string())
    }

    /// Reads a description from the text of a file, without its warnings.
    ///
    /// # Errors
    /// Returns everything that is wrong, ready to be shown with its place in the file.
    pub fn read(file: &str, text: &str) -> Result<Self, Problems> {
        Self::load(file, text).map(|(description, _)| description)
    }

    /// Reads a description from the text of a file. The second part of the result are warnings: what is in the file and
    /// has no effect.
    ///
    /// # Errors
    /// Returns everything that is wrong, ready to be shown with its place in the file.
    pub fn load(file: &str, text: &str) -> Result<(Self, Problems), Problems> {
        let all = |description: &Self| [description.mistakes(), sense::objects(description)].concat();
        let read = document(file, text, &schema_of::<Self>(SCHEMA), all);
        let (mut description, warnings): (Self, Problems) =
            read.map_err(|problems| other_kind(file, text).unwrap_or(problems))?;
        for (happening, line) in description.happens.iter_mut().zip(happens::positions(text)) {
            happening.line = line;
        }
        Ok((description, warnings))
    }

    /// Returns everything in the description that cannot exist or happen in this cluster, and warns of what has no
    /// effect.
    pub(super) fn mistakes(&self) -> Vec<Mistake> {
        let sense::Found { all: mut wrong, too_large } = sense::lint(self);
        if !too_large {
            wrong.extend(happens::reserved(self));
            wrong.extend(happens::lint(self));
        }
        wrong
    }

    /// The same as [`Self::mistakes`], without warnings, for a description that did not come from a file.
    pub(super) fn refused(&self) -> Vec<String> {
        self.mistakes().iter().filter(|mistake| !mistake.warning).map(Mistake::to_string).collect()
    }

    /// Checks that the scenario has all steps that `happens:` waits for.
    ///
    /// # Errors
    /// Names each missing step with its line, and lists the steps of the scenario.
    pub fn fits(&self, steps: &[&str]) -> Result<(), String> {
        let wrong = happens::strangers(self, steps);
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n  ")) }
    }

    /// Removes from a captured cluster what the simulation would refuse. Returns what was removed, and why.
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

    /// The name of the cluster; `unnamed` if it has none.
    pub fn name(&self) -> &str {
        if self.metadata.name.is_empty() { "unnamed" } else { &self.metadata.name }
    }

    /// Returns the bindings of this cluster for a scenario.
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

/// The message for a file of another kind. Without it, the reader would list every key that is not one of a cluster.
fn other_kind(file: &str, text: &str) -> Option<Problems> {
    let (is, help) = match FileKind::guessed(text) {
        FileKind::Cluster | FileKind::Unclear => return None,
        FileKind::Foreign(kind) if kind.is_empty() => return None,
        FileKind::Scenario => ("a scenario", format!("write `drillmaster rehearse {file} --cluster CLUSTER`")),
        FileKind::Bindings => ("bindings for a real cluster", format!("give it with `--bindings {file}`, to a command for a real cluster; a simulated cluster holds its own `values`")),
        FileKind::Readiness => ("a readiness file", format!("`drillmaster check … --readiness {file}` reads it")),
        FileKind::Playbook | FileKind::People | FileKind::Policy => {
            ("a part of an exercise", "`drillmaster exercise prepare` and `exercise start` read it".to_owned())
        }
        FileKind::Foreign(_) => ("a Kubernetes manifest", "write a file with `kind: Cluster`, and put Kubernetes objects under its `objects`; `drillmaster show small-shop` prints an example".to_owned()),
    };
    Some(Problems::bare(format!("{file} describes {is}, not a simulated cluster"), help))
}
