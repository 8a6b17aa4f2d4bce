//! Checks that what a description says is possible: names are valid, quantities can be parsed, references lead to
//! something that exists, and the cluster is not larger than Kubernetes supports. Without these checks, the simulation
//! would simulate something else than the description says. `sense_workloads` checks workloads, `sense_objects` whole
//! objects and rules, `happens/lint` the entries of `happens:`. Read [`lint`] first.

use std::collections::BTreeSet;

use super::{Description, fields, happens::Names, value::Value};
use crate::{
    kubernetes::{cpu_millis, memory_bytes},
    model::Dur,
    scenario::Mistake,
};

/// The largest cluster that Kubernetes supports.
const NODES: u64 = 5_000;
const PODS: u64 = 150_000;
/// More than the number of members with which etcd is operated.
const MEMBERS: u32 = 9;
/// The shortest interval of anything that is repeated.
const OFTENEST: Dur = Dur(std::time::Duration::from_millis(100));
/// The parts that decide which objects the cluster has.
pub(super) const OBJECTS: &[&str] = &["zones", "controlPlane", "storage", "workloads", "objects", "rules", "recovery"];

/// What [`lint`] found.
pub(super) struct Found {
    /// The mistakes, and warnings of what has no effect, each with its place in the description.
    pub all: Vec<Mistake>,
    /// Whether the cluster is so large that its objects must not be made, not even to check them.
    pub too_large: bool,
}

/// Finds all mistakes in the whole objects. The simulated API server checks the same objects again when it gets them, so
/// this is for files only.
pub(super) fn objects(description: &Description) -> Vec<Mistake> {
    let mut sense = Sense { of: description, found: vec![] };
    sense.objects();
    let second = description.recovery.as_ref().map(|second| objects(second)).unwrap_or_default();
    sense.found.extend(second.into_iter().map(within_recovery));
    sense.found
}

fn within_recovery(mut mistake: Mistake) -> Mistake {
    mistake.path.insert(0, "recovery".into());
    mistake
}

/// Finds all other mistakes.
pub(super) fn lint(description: &Description) -> Found {
    let mut sense = Sense { of: description, found: vec![] };
    let too_large = sense.sizes();
    sense.zones_and_nodes();
    sense.times();
    sense.storage();
    sense.workloads();
    sense.rules();
    if too_large {
        return Found { all: sense.found, too_large };
    }
    sense.places();
    if let Some(second) = &description.recovery {
        sense.second(second);
    }
    Found { all: sense.found, too_large }
}

pub(super) struct Sense<'a> {
    pub of: &'a Description,
    pub found: Vec<Mistake>,
}

impl Sense<'_> {
    /// Adds a mistake.
    pub fn say(&mut self, path: &[&str], what: impl Into<String>, help: impl Into<String>) {
        self.found.push(mistake(path, what, help));
    }

    /// Adds a mistake that relies on other parts of the description.
    pub fn relies(&mut self, path: &[&str], (what, help): (String, String), needs: &'static [&'static str]) {
        self.found.push(Mistake { needs, ..mistake(path, what, help) });
    }

    /// Adds a warning.
    pub fn warn(&mut self, path: &[&str], what: impl Into<String>, help: impl Into<String>) {
        self.found.push(Mistake { warning: true, needs: &["node", "zones"], ..mistake(path, what, help) });
    }

    /// Checks how many objects there would be. Returns whether they are too many.
    fn sizes(&mut self) -> bool {
        let nodes = self.nodes();
        if nodes > NODES {
            let what = format!("{nodes} nodes are too many: a cluster has at most {NODES}");
            self.say(&["zones"], what, "reduce the number of nodes of a zone");
        }
        if self.of.control_plane > MEMBERS {
            let members = self.of.control_plane;
            let what = format!("{members} machines are too many: a control plane has at most {MEMBERS}");
            self.say(&["controlPlane"], what, "write 1, 3 or 5");
        }
        let pods: u64 = self.of.workloads.iter().map(|w| u64::from(w.replicas.unwrap_or(1))).sum();
        if pods > PODS {
            let what = format!("{pods} replicas are too many: a cluster has at most {PODS}");
            self.say(&["workloads"], what, "reduce `replicas`");
        }
        nodes + u64::from(self.of.control_plane) > NODES || pods > PODS
    }

    fn nodes(&self) -> u64 {
        self.of.zones.values().map(|n| u64::from(*n)).sum()
    }

    fn zones_and_nodes(&mut self) {
        if self.nodes() == 0 && self.whole("Node").next().is_none() {
            let what = "the cluster has no nodes".to_owned();
            let help = "write the number of nodes in each zone: zones: {a: 2, b: 2}".to_owned();
            self.relies(&["zones"], (what, help), &["zones", "objects"]);
        }
        for (zone, count) in &self.of.zones {
            if !is_name(zone) {
                let what = format!("`{zone}` cannot be part of the name of a node");
                self.say(&["zones", zone], what, LETTERS);
            }
            if *count == 0 {
                self.warn(
                    &["zones", zone],
                    format!("zone {zone} has no nodes, so it does not exist"),
                    "write 1 or more",
                );
            }
        }
        let node = &self.of.node;
        if cpu_millis(&node.cpu).is_none_or(|cpu| cpu == 0) {
            self.say(&["node", "cpu"], not_an_amount(&node.cpu), "write for example 4, or 500m for half a core");
        }
        if memory_bytes(&node.memory).is_none_or(|memory| memory == 0) {
            self.say(&["node", "memory"], not_an_amount(&node.memory), "write for example 16Gi");
        }
    }

    /// Checks the recovery cluster.
    fn second(&mut self, second: &Description) {
        if second.recovery.is_some() || !second.happens.is_empty() {
            let what = "the recovery cluster cannot have `recovery` or `happens` itself";
            self.say(&["recovery"], what, "remove them; an entry of `happens` with `in: recovery` happens there");
            return;
        }
        if second.name() == self.of.name() {
            let what = format!("`{}` is also the name of the first cluster", second.name());
            self.say(&["recovery", "metadata", "name"], what, "give it another name");
        }
        self.found.extend(lint(second).all.into_iter().map(within_recovery));
    }

    fn times(&mut self) {
        let mut all = vec![(["times", "evaluate"], self.of.times.evaluate)];
        if let Some(clocks) = &self.of.clocks {
            all.push((["clocks", "period"], clocks.period));
            all.push((["clocks", "renew"], clocks.renew));
            if clocks.eviction_interval.0.is_zero() {
                self.say(&["clocks", "evictionInterval"], "0s is too short", "write 1ms or more");
            }
            if clocks.grace.0 < clocks.renew.0 {
                let what = format!("{} is shorter than clocks.renew: every node would be unreachable", clocks.grace);
                self.say(&["clocks", "grace"], what, "Kubernetes has grace 50s and renew 10s");
            }
        }
        for (path, time) in all {
            if time.0 < OFTENEST.0 {
                self.say(&path, format!("{} is too short", time.exact()), format!("write {OFTENEST} or more"));
            }
        }
    }

    fn storage(&mut self) {
        for (i, class) in self.of.storage.iter().enumerate() {
            let index = i.to_string();
            if !is_name(&class.name) {
                self.say(&["storage", &index, "name"], format!("`{}` is not a name", class.name), LETTERS);
            }
            if self.of.storage[..i].iter().any(|other| other.name == class.name) {
                let what = format!("storage class `{}` is described twice", class.name);
                self.say(&["storage", &index, "name"], what, "remove one of them");
            }
        }
    }

    /// Checks that `leases` and `placement` name existing nodes and workloads.
    fn places(&mut self) {
        let names = Names::of(self.of);
        for node in self.of.leases.keys() {
            if let Err(why) = names.node(node) {
                self.relies(&["leases", node], (why, String::new()), OBJECTS);
            }
        }
        for (namespace, workloads) in &self.of.placement {
            for (workload, nodes) in workloads {
                if let Err(why) = names.workload(workload, namespace) {
                    self.relies(&["placement", namespace, workload], (why, String::new()), OBJECTS);
                }
                for (i, node) in nodes.iter().enumerate() {
                    if let Err(why) = names.node(node) {
                        let path = ["placement", namespace, workload, &i.to_string()];
                        self.relies(&path, (why, String::new()), OBJECTS);
                    }
                }
            }
        }
    }

    pub fn zones(&self) -> BTreeSet<String> {
        let of_nodes =
            self.whole("Node").filter_map(|node| fields::labels(&node).get("topology.kubernetes.io/zone").cloned());
        self.of.zones.keys().cloned().chain(of_nodes).collect()
    }

    pub fn classes(&self) -> BTreeSet<String> {
        let whole = self.whole("StorageClass").map(|class| fields::name(&class).to_owned());
        self.of.storage.iter().map(|class| class.name.clone()).chain(whole).collect()
    }

    /// The whole objects of a kind.
    pub fn whole<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Value> + 'a {
        self.of.objects.iter().filter(move |object| object["kind"] == kind).map(|object| object.clone().into())
    }
}

pub(super) const LETTERS: &str = "use lowercase letters, digits and dashes";

fn mistake(path: &[&str], what: impl Into<String>, help: impl Into<String>) -> Mistake {
    let path = path.iter().map(|part| (*part).to_owned()).collect();
    Mistake { path, what: what.into(), help: help.into(), ..Mistake::default() }
}

pub(super) fn not_an_amount(text: &str) -> String {
    format!("`{text}` is not a quantity that a node or a pod can have")
}

/// Whether this is a valid name for most Kubernetes objects.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Whether this is a valid name of a namespace, or a valid part of other names.
pub(super) fn is_label(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.len() <= 63 && text.chars().all(plain) && !text.starts_with('-') && !text.ends_with('-')
}
