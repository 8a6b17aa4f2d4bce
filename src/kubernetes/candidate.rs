//! A pod that has a node or needs one, and the volumes that restrict where it can run.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    demand::{ATTACHABLE, Demand},
    objects::Pod,
    pod_affinity::Incoming,
};

/// Volumes by the claim to which they are bound: the nodes on which they can be used, and the driver that attaches
/// them.
#[derive(Clone, Debug, Default)]
pub struct Volumes<'a>(BTreeMap<(&'a str, &'a str), (&'a [Value], &'a str)>);

impl<'a> Volumes<'a> {
    /// Adds a volume, from the body of a PersistentVolume.
    pub fn add(&mut self, volume: &'a Value) {
        let text = |pointer: &str| volume.pointer(pointer).and_then(Value::as_str).unwrap_or("");
        self.bind(
            (text("/spec/claimRef/namespace"), text("/spec/claimRef/name")),
            volume.pointer("/spec/nodeAffinity/required/nodeSelectorTerms"),
            text("/spec/csi/driver"),
        );
    }

    /// Adds the volume of a claim.
    pub fn bind(&mut self, claim: (&'a str, &'a str), terms: Option<&'a Value>, driver: &'a str) {
        let terms = terms.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        self.0.insert(claim, (terms, driver));
    }
}

/// A pod that has a node or needs one.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// Its name, for messages.
    pub name: String,
    /// Its namespace, labels and spec.
    pub pod: Incoming<'a>,
    /// For each of its volumes that can be used only on some nodes: the terms that select these nodes.
    pub places: Vec<&'a [Value]>,
    /// The resources that it requests.
    pub demand: Demand,
    /// Whether a controller creates it again on another node.
    pub returns: bool,
}

impl<'a> Candidate<'a> {
    /// A pod of a cluster. Pods of DaemonSets and static pods come back only with their node.
    pub fn of(pod: &'a Pod, volumes: &Volumes<'a>) -> Self {
        let meta = &pod.metadata;
        let own = Incoming { namespace: &meta.namespace, labels: &meta.labels, spec: &pod.spec };
        let returns = pod.controller().is_some_and(|o| o.kind != "DaemonSet" && o.kind != "Node") && !pod.is_mirror();
        let claims: Vec<&str> = pod.claims();
        Self::bound(format!("{}/{}", meta.namespace, meta.name), own, &claims, volumes, returns)
    }

    /// Any pod, with the claims that it mounts.
    pub fn bound(name: String, pod: Incoming<'a>, claims: &[&str], volumes: &Volumes<'a>, returns: bool) -> Self {
        let mut demand = Demand::of(pod.spec);
        let mut places = vec![];
        for (terms, driver) in claims.iter().filter_map(|claim| volumes.0.get(&(pod.namespace, *claim))) {
            if !terms.is_empty() {
                places.push(*terms);
            }
            if !driver.is_empty() {
                demand.more(&format!("{ATTACHABLE}{driver}"), 1);
            }
        }
        Self { name, pod, places, demand, returns }
    }

    /// Its priority.
    pub fn priority(&self) -> i64 {
        self.pod.spec.priority.unwrap_or(0)
    }
}
