//! The state of a cluster at one moment. Every kind is either seen, or unknown for a known reason: no function turns a
//! 403 into an empty list. Functions here read from the cluster and never change it. Start with [`Inventory`] (for a
//! drill) and [`ObjectSet`] (for a review).

mod addresses;
mod alike;
mod allowed;
mod archive;
mod backed_up;
mod capture;
mod edit;
mod everything;
mod facts;
mod fingerprint;
mod folders;
mod gather;
mod keyed;
mod kinds;
mod locate;
mod logs;
mod manifests;
mod object;
mod object_set;
mod older;
mod other_runs;
mod readers;
mod readings;
mod render;
mod reply;
mod revision;
mod scans;
mod scope;
mod selectors;
mod survey;
mod trim;
mod unpack;
mod yaml;

use std::collections::BTreeMap;

pub use archive::{LEFT_OUT, save};
pub use backed_up::{ApiKind, BackedUp};
pub use capture::{Captured, capture};
pub use edit::{
    CONTEXT, Edit, Manifest, diff_of_edits, diff_of_new_file, edited, line_starts, merge_edits, sorted_edits, yaml,
};
pub use everything::{BESIDE, live, objects_in};
pub use facts::{Census, Facts, SecondCluster, facts, rights};
pub use fingerprint::{fingerprint, uid_of};
pub use gather::gather;
pub use kinds::{KINDS, KindOf, SIMULATED, key, kind_of};
pub use locate::Locator;
pub use locate::documents;
pub use logs::sample_logs;
pub use manifests::{manifests, read_text};
pub use object::{Object, Origin, REPEATED, lead};
pub use object_set::{Gap, ObjectSet, Rendered, ReviewSource};
pub use other_runs::{OtherRun, other_runs};
pub use readers::{ReadersSeen, readers_of};
pub use readings::{AlertmanagerReading, PrometheusReading, QUESTIONS, Readings, readings};
pub use reply::Reply;
pub use revision::{Revision, revision};
pub use scans::{Scan, parse_scans, read_scans};
pub use scope::scope_objects;
pub use selectors::{QueriedSeries, asked};
pub use survey::{survey, survey_cluster};
pub use unpack::{open_capture, read_capture};
pub(crate) use yaml::yaml_mistake;

use crate::{
    kubernetes::{
        Uncovered,
        objects::{Budget, Claim, Meta, Named, Node, Pod, Volume, Workload},
        uncopied,
    },
    model::{Capture, ClusterIdentity, Names, WorkloadRef, some},
};

/// The objects of a kind, or the reason why they are unknown.
#[derive(Clone, Debug)]
pub enum Listed<T> {
    /// All objects of the kind.
    Seen(Vec<T>),
    /// The objects could not be read; the text is the reason.
    Unknown(String),
}

impl<T> Listed<T> {
    /// The objects, or the reason why they are unknown.
    pub fn get(&self) -> Result<&[T], &str> {
        match self {
            Self::Seen(items) => Ok(items),
            Self::Unknown(why) => Err(why),
        }
    }
}

/// A cluster at one moment.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// Which cluster.
    pub identity: ClusterIdentity,
    /// Nodes.
    pub nodes: Listed<Node>,
    /// Pods of all namespaces.
    pub pods: Listed<Pod>,
    /// Deployments, StatefulSets and DaemonSets of the scope.
    pub workloads: Listed<Workload>,
    /// Budgets of the scope.
    pub budgets: Listed<Budget>,
    /// Claims of the scope.
    pub claims: Listed<Claim>,
    /// Volumes.
    pub volumes: Listed<Volume>,
    /// Namespaces.
    pub namespaces: Listed<Named>,
    /// UIDs of the namespaces in the scope.
    pub scope: BTreeMap<String, String>,
}

impl Inventory {
    /// Names, UIDs and labels of all objects in it.
    pub fn names(&self) -> Names {
        let mut names = Names::default();
        let mut take = |meta: &Meta| {
            names.add(&meta.name);
            names.add(&meta.uid);
            meta.labels.iter().for_each(|(label, value)| {
                names.add(label);
                names.add(value);
            });
        };
        self.nodes.get().unwrap_or_default().iter().for_each(|o| take(&o.metadata));
        self.pods.get().unwrap_or_default().iter().for_each(|o| take(&o.metadata));
        self.workloads.get().unwrap_or_default().iter().for_each(|o| take(&o.metadata));
        self.budgets.get().unwrap_or_default().iter().for_each(|o| take(&o.metadata));
        self.claims.get().unwrap_or_default().iter().for_each(|o| take(&o.metadata));
        self.volumes.get().unwrap_or_default().iter().for_each(|o| take(&o.metadata));
        self.namespaces.get().unwrap_or_default().iter().for_each(|o| take(&o.metadata));
        names
    }

    /// A workload of a namespace; none if it does not exist.
    ///
    /// # Errors
    /// The workloads could not be listed.
    pub fn workload(&self, namespace: &str, reference: &WorkloadRef) -> Result<Option<&Workload>, String> {
        let all = self.workloads.get().map_err(|why| format!("cannot list the workloads: {why}"))?;
        let is_it = |w: &&Workload| w.metadata.namespace == namespace && w.reference().as_ref() == Some(reference);
        Ok(all.iter().find(is_it))
    }

    /// What to say about a workload that a namespace does not have: which ones it has.
    pub fn lacks(&self, namespace: &str, reference: &WorkloadRef) -> String {
        format!("namespace {namespace} has no {reference}; it has {}", self.workloads_of(namespace))
    }

    /// The workloads of a namespace, in words.
    pub fn workloads_of(&self, namespace: &str) -> String {
        let all = self.workloads.get().unwrap_or_default().iter().filter(|w| w.metadata.namespace == namespace);
        let names: Vec<String> = all.filter_map(Workload::reference).map(|name| name.to_string()).collect();
        if names.is_empty() { "no workload".to_owned() } else { some(&names) }
    }

    /// Nodes of a zone.
    pub fn zone(&self, zone: &str) -> Vec<&Node> {
        self.nodes.get().unwrap_or_default().iter().filter(|n| n.zone() == zone).collect()
    }

    /// All zones.
    pub fn zones(&self) -> Vec<String> {
        let mut zones: Vec<String> = self
            .nodes
            .get()
            .unwrap_or_default()
            .iter()
            .map(|n| n.zone().to_owned())
            .filter(|z| !z.is_empty())
            .collect();
        zones.sort();
        zones.dedup();
        zones
    }

    /// Pods on a node that have not finished.
    pub fn pods_on(&self, node: &str) -> Vec<&Pod> {
        self.pods.get().unwrap_or_default().iter().filter(|p| p.spec.node_name == node && !p.is_finished()).collect()
    }

    /// Claims of these namespaces whose content would be missing from a backup with this capture method.
    ///
    /// # Errors
    /// The claims or the pods could not be listed.
    pub fn uncovered(&self, namespaces: &[String], capture: Capture) -> Result<Vec<(&Claim, Uncovered)>, &str> {
        let volumes: BTreeMap<&str, &Volume> =
            self.volumes.get().unwrap_or_default().iter().map(|v| (v.metadata.name.as_str(), v)).collect();
        let mut users: BTreeMap<(&str, &str), Vec<&Pod>> = BTreeMap::new();
        for pod in self.pods.get()? {
            for claim in pod.claims() {
                users.entry((&pod.metadata.namespace, claim)).or_default().push(pod);
            }
        }
        let uncovered = |claim: &Claim| {
            let (namespace, name) = (claim.metadata.namespace.as_str(), claim.metadata.name.as_str());
            let volume = volumes.get(claim.spec.volume_name.as_str()).copied();
            let pods = users.get(&(namespace, name)).map_or(&[][..], Vec::as_slice);
            let why = uncopied(capture, claim, volume, pods.iter().copied())?;
            let policy = volume.map(|v| v.spec.persistent_volume_reclaim_policy.clone());
            Some(Uncovered { claim: format!("{namespace}/{name}"), why, policy })
        };
        let all = self.claims.get()?.iter().filter(|c| namespaces.contains(&c.metadata.namespace));
        Ok(all.filter_map(|c| Some((c, uncovered(c)?))).collect())
    }

    /// The number of pods of a workload that are Ready and not Terminating.
    pub fn ready(&self, namespace: &str, workload: &WorkloadRef) -> u32 {
        let count = self
            .pods
            .get()
            .unwrap_or_default()
            .iter()
            .filter(|p| p.metadata.namespace == namespace && p.workload().as_ref() == Some(workload) && p.counts())
            .count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}
