//! The undo of one act, as plain data. It contains everything that another process needs: the state before, and the
//! commands with which a person would restore it. `steps` performs it. Start with [`Revert`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    CleanUp, Impairment, MayBeLost, NodeHow, NodeTarget, OUT_OF_SERVICE, ObjectRef, WorkloadRef,
    shell::{quote, shell},
};

/// The undo of one act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Revert {
    /// Power a node on again, and wait until it is Ready.
    NodePower {
        /// Which node.
        node: NodeTarget,
        /// `kind` or `exec`.
        host: String,
        /// The id of the machine, if the host knows one (a container id).
        machine: String,
        /// How it was taken away.
        how: NodeHow,
        /// Its addresses in each network before the fault.
        addresses: BTreeMap<String, String>,
        /// Its routes before the fault, if the fault removes them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        routes: Vec<String>,
        /// The command with which a person powers it on.
        command: Vec<String>,
    },
    /// Repair what was broken inside a node, and wait until it is Ready.
    Impairment {
        /// Which node.
        node: NodeTarget,
        /// The id of the machine.
        machine: String,
        /// What is broken.
        what: Impairment,
        /// The command with which a person repairs it.
        command: Vec<String>,
    },
    /// Remove the taint that tells Kubernetes that a node is permanently off.
    Fence {
        /// Which node.
        node: NodeTarget,
    },
    /// Restore the earlier value of `spec.unschedulable`, which may have been true.
    Cordon {
        /// Which node.
        node: NodeTarget,
        /// The value before.
        before: bool,
    },
    /// Restore `spec.replicas`.
    Scale {
        /// Which workload.
        object: ObjectRef,
        /// The value before.
        before: u32,
        /// The value that the drill wrote. Any other value was written outside the drill.
        written: u32,
    },
    /// Deleted pods: wait until their owners have replaced them.
    PodsReplaced {
        /// The namespace.
        namespace: String,
        /// Ready pods of each workload before.
        ready: Vec<(WorkloadRef, u32)>,
    },
    /// A deleted namespace: finish the deletion, restore the backup, verify.
    Restore {
        /// The namespace.
        namespace: String,
        /// Its UID before the deletion.
        uid: String,
        /// The Velero backup that contains it.
        backup: String,
        /// Velero's namespace.
        velero: String,
        /// Whether to delete pods by force that hang on dead nodes.
        force_dead_pods: bool,
        /// Ready pods of each workload before.
        ready: Vec<(WorkloadRef, u32)>,
        /// What the scenario allows to be lost, as far as it existed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lost: Vec<MayBeLost>,
    },
    /// A namespace that the drill created: delete it.
    OwnNamespace {
        /// The namespace.
        namespace: String,
        /// Objects outside the namespace that belong to it. They are deleted after it.
        also: Vec<ObjectRef>,
        /// Whether it is in the second cluster.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        recovery: bool,
        /// Whether to keep the namespace if the restore did not give the expected result.
        #[serde(default, skip_serializing_if = "CleanUp::is_always")]
        clean_up: CleanUp,
    },
    /// Short-lived pods that the drill created: delete them.
    OwnPods {
        /// The namespace.
        namespace: String,
        /// Their names.
        pods: Vec<String>,
        /// Whether they are in the second cluster.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        recovery: bool,
    },
    /// Run the undo command of an `exec` step. It is looked up in the scenario by the name of the step.
    ExecUndo {
        /// The step.
        step: String,
    },
}

impl Revert {
    /// The commands with which a person would do the same, one on each line.
    pub fn commands(&self) -> Vec<String> {
        match self {
            Self::NodePower { node, command, .. } | Self::Impairment { node, command, .. } => vec![
                if command.is_empty() {
                    format!("# restore node {} through its node host", quote(&node.name))
                } else {
                    shell(command)
                },
                format!("kubectl wait --for=condition=Ready node/{} --timeout=5m", quote(&node.name)),
            ],
            Self::Fence { node } => vec![format!("kubectl taint node {} {OUT_OF_SERVICE}-", quote(&node.name))],
            Self::Cordon { node, before } => {
                vec![format!("kubectl {} {}", if *before { "cordon" } else { "uncordon" }, quote(&node.name))]
            }
            Self::Scale { object, before, .. } => {
                vec![format!("kubectl {} --replicas={before}", scale_words(&object.path))]
            }
            Self::PodsReplaced { namespace, ready } => ready
                .iter()
                .map(|(w, _)| {
                    format!(
                        "kubectl --namespace {} rollout status {} --timeout=10m",
                        quote(namespace),
                        quote(&w.to_string())
                    )
                })
                .collect(),
            Self::Restore { namespace, backup, velero, .. } => vec![
                format!("kubectl delete namespace {} --ignore-not-found --timeout=10m", quote(namespace)),
                format!(
                    "velero --namespace {} restore create --from-backup {} --include-namespaces {} --wait",
                    quote(velero),
                    quote(backup),
                    quote(namespace)
                ),
            ],
            Self::OwnPods { namespace, pods, recovery } => {
                let mut lines: Vec<String> =
                    recovery.then(|| "# in the recovery cluster:".to_owned()).into_iter().collect();
                let pods: Vec<String> = pods.iter().map(|pod| quote(pod)).collect();
                lines.push(format!(
                    "kubectl --namespace {} delete pod {} --ignore-not-found --now",
                    quote(namespace),
                    pods.join(" ")
                ));
                lines
            }
            Self::OwnNamespace { namespace, also, recovery, .. } => {
                let mut lines: Vec<String> =
                    recovery.then(|| "# in the recovery cluster:".to_owned()).into_iter().collect();
                lines.push(format!("kubectl delete namespace {} --ignore-not-found --timeout=10m", quote(namespace)));
                lines.extend(also.iter().map(|o| format!("kubectl delete --raw {}", quote(&o.path))));
                lines
            }
            Self::ExecUndo { step } => {
                vec![format!("# the `undo` command of step `{step}` in scenario.yaml of the run directory")]
            }
        }
    }

    /// The undo without the command that a person types. The record in the cluster keeps this form: whoever can write
    /// to the record must not be able to choose a program that runs elsewhere.
    pub fn without_command(mut self) -> Self {
        match &mut self {
            Self::NodePower { command, .. } | Self::Impairment { command, .. } => command.clear(),
            _ => {}
        }
        self
    }

    /// Checks that this could be an undo that a drill wrote: names are valid names, and paths lead to kinds of objects
    /// that a drill changes.
    ///
    /// # Errors
    /// Which part is not valid.
    pub fn is_plausible(&self) -> Result<(), String> {
        let (names, paths): (Vec<&str>, Vec<(&str, &[&str])>) = match self {
            Self::NodePower { node, .. }
            | Self::Impairment { node, .. }
            | Self::Fence { node }
            | Self::Cordon { node, .. } => (vec![&node.name], vec![]),
            Self::Scale { object, .. } => (vec![], vec![(&object.path, &SCALED)]),
            Self::PodsReplaced { namespace, .. } => (vec![namespace], vec![]),
            Self::Restore { namespace, backup, velero, .. } => (vec![namespace, backup, velero], vec![]),
            Self::OwnNamespace { namespace, also, .. } => {
                (vec![namespace], also.iter().map(|o| (o.path.as_str(), OWN.as_slice())).collect())
            }
            Self::OwnPods { namespace, pods, .. } => {
                (std::iter::once(namespace).chain(pods).map(String::as_str).collect(), vec![])
            }
            Self::ExecUndo { .. } => (vec![], vec![]),
        };
        if let Some(name) = names.into_iter().find(|name| !is_object_name(name)) {
            return Err(format!("`{name}` is not a valid object name"));
        }
        match paths.into_iter().find(|(path, kinds)| !kinds.iter().any(|kind| leads_to(path, kind))) {
            Some((path, _)) => Err(format!("`{path}` does not lead to an object that a drill changes")),
            None => Ok(()),
        }
    }

    /// What it acts on, in short.
    pub fn target(&self) -> String {
        match self {
            Self::NodePower { node, .. }
            | Self::Impairment { node, .. }
            | Self::Fence { node }
            | Self::Cordon { node, .. } => format!("node {}", node.name),
            Self::Scale { object, .. } => object.path.clone(),
            Self::PodsReplaced { namespace, .. } => format!("pods of namespace {namespace}"),
            Self::Restore { namespace, .. } | Self::OwnNamespace { namespace, .. } => {
                format!("namespace {namespace}")
            }
            Self::OwnPods { namespace, pods, .. } => {
                format!("{} short-lived pods in namespace {namespace}", pods.len())
            }
            Self::ExecUndo { step } => format!("step {step}"),
        }
    }

    /// Whether the act that it undoes could affect an application. The drill's own short-lived pods only read.
    pub fn disturbs(&self) -> bool {
        !matches!(self, Self::OwnPods { .. })
    }

    /// Whether a backup that is taken before this is done would not hold the application as it usually is.
    pub fn spoils_backup(&self) -> bool {
        matches!(
            self,
            Self::NodePower { .. }
                | Self::Impairment { .. }
                | Self::Scale { .. }
                | Self::Restore { .. }
                | Self::ExecUndo { .. }
        )
    }

    /// The node that is away or impaired until this is done.
    pub fn takes_away(&self) -> Option<&NodeTarget> {
        match self {
            Self::NodePower { node, .. } | Self::Impairment { node, .. } => Some(node),
            _ => None,
        }
    }

    /// Whether it restores a namespace that the drill deletes.
    pub fn restores(&self, of: &str) -> bool {
        matches!(self, Self::Restore { namespace, .. } if namespace == of)
    }

    /// Whether data is missing until this is done. While such an undo is open, the run is past the point of no return.
    pub fn is_destructive(&self) -> bool {
        matches!(self, Self::Restore { .. })
    }
}

/// The paths of the objects whose replicas a drill sets, and of the objects that it creates.
const SCALED: [&str; 2] = ["/apis/apps/v1/namespaces/{}/deployments/{}", "/apis/apps/v1/namespaces/{}/statefulsets/{}"];
const OWN: [&str; 2] = ["/api/v1/namespaces/{}/configmaps/{}", "/apis/velero.io/v1/namespaces/{}/restores/{}"];

fn leads_to(path: &str, kind: &str) -> bool {
    let (parts, wanted) = (path.split('/'), kind.split('/'));
    parts.clone().count() == wanted.clone().count()
        && parts.zip(wanted).all(|(part, wanted)| if wanted == "{}" { is_object_name(part) } else { part == wanted })
}

/// Whether it is a DNS name, as the API server requires.
fn is_object_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    !name.is_empty() && name.len() <= 253 && name.chars().all(plain) && !name.starts_with(['-', '.'])
}

/// Turns `/apis/apps/v1/namespaces/shop/deployments/web` into arguments of `kubectl scale`.
fn scale_words(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let after =
        |word: &str| parts.iter().position(|p| *p == word).and_then(|i| parts.get(i + 1)).copied().unwrap_or_default();
    let kind = parts.len().checked_sub(2).map_or("", |i| parts[i]);
    let name = parts.last().copied().unwrap_or_default();
    format!("--namespace {} scale {}", quote(after("namespaces")), quote(&format!("{kind}/{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_what_a_person_would_type() {
        let scale = Revert::Scale {
            object: ObjectRef { path: "/apis/apps/v1/namespaces/shop/deployments/web".into(), uid: String::new() },
            before: 3,
            written: 0,
        };
        assert_eq!(scale.commands(), ["kubectl --namespace shop scale deployments/web --replicas=3"]);
    }

    #[test]
    fn an_undo_of_a_record_is_believed_only_where_a_drill_could_have_written_it() {
        let object = |path: &str| ObjectRef { path: path.into(), uid: String::new() };
        let scale = |path: &str| Revert::Scale { object: object(path), before: 3, written: 0 };
        assert_eq!(scale("/apis/apps/v1/namespaces/shop/deployments/web").is_plausible(), Ok(()));
        for path in [
            "/api/v1/namespaces/shop/secrets/web",
            "/apis/apps/v1/namespaces/shop/deployments/web/scale",
            "/apis/apps/v1/namespaces/../deployments/web",
            "/apis/apps/v1/namespaces/shop/deployments/web?x",
            "https://elsewhere/",
        ] {
            assert!(scale(path).is_plausible().is_err(), "{path}");
        }
        let own = |path: &str| Revert::OwnNamespace {
            namespace: "drill-scratch".into(),
            also: vec![object(path)],
            recovery: false,
            clean_up: CleanUp::Always,
        };
        assert_eq!(own("/apis/velero.io/v1/namespaces/velero/restores/r-1").is_plausible(), Ok(()));
        assert!(own("/apis/velero.io/v1/namespaces/velero/backups/r-1").is_plausible().is_err());
        let pods = |namespace: &str| Revert::PodsReplaced { namespace: namespace.into(), ready: vec![] };
        assert!(pods("shop").is_plausible().is_ok() && pods("../x").is_plausible().is_err());
    }

    #[test]
    fn pods_of_the_drill_are_removed_by_name_and_by_nothing_else() {
        let pods = |names: &[&str]| Revert::OwnPods {
            namespace: "shop".into(),
            pods: names.iter().map(|n| (*n).to_owned()).collect(),
            recovery: false,
        };
        let undo = pods(&["drill-read-1", "drill-read-2"]);
        assert_eq!(
            undo.commands(),
            ["kubectl --namespace shop delete pod drill-read-1 drill-read-2 --ignore-not-found --now"]
        );
        assert!(undo.is_plausible().is_ok() && pods(&["../secrets/x"]).is_plausible().is_err());
    }
}
