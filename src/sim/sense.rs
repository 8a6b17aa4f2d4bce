//! Checks that what a description says is possible: names are valid, quantities can be parsed, references lead to
//! something that exists, and the cluster is not larger than Kubernetes supports. Without these checks, the simulation
//! would simulate something else than the description says. It does not check `happens:`; see `happens/lint`. Read
//! [`lint`] first.

use std::collections::BTreeSet;

use super::{Description, WorkloadSpec, fields, happens::Names, value::Value};
use crate::{
    kubernetes::{cpu_millis, memory_bytes},
    model::{Dur, Percent},
    scenario::meant,
};

/// The largest cluster that Kubernetes supports.
const NODES: u64 = 5_000;
const PODS: u64 = 150_000;
/// More than the number of members with which etcd is operated.
const MEMBERS: u32 = 9;
/// The field of a budget that is not a number of pods.
const POLICY: &str = "unhealthyPodEvictionPolicy";
/// The shortest interval of anything that is repeated.
const OFTENEST: Dur = Dur(std::time::Duration::from_millis(100));

/// Returns all mistakes, each with its place in the description.
pub(super) fn lint(description: &Description) -> Vec<String> {
    let mut sense = Sense { of: description, wrong: vec![] };
    sense.sizes();
    if !sense.wrong.is_empty() {
        // The following checks build every object of the cluster, so its size must be right.
        return sense.wrong;
    }
    sense.times();
    sense.storage();
    for (i, workload) in description.workloads.iter().enumerate() {
        sense.workload(&format!("workloads[{i}]"), workload);
    }
    sense.places();
    if let Some(second) = &description.recovery {
        sense.second(second);
    }
    sense.wrong
}

struct Sense<'a> {
    of: &'a Description,
    wrong: Vec<String>,
}

impl Sense<'_> {
    fn say(&mut self, place: &str, what: String) {
        self.wrong.push(format!("{place}: {what}"));
    }

    fn sizes(&mut self) {
        let nodes: u64 = self.of.zones.values().map(|n| u64::from(*n)).sum();
        if nodes > NODES {
            self.say("zones", format!("{nodes} nodes are too many: a cluster has at most {NODES}"));
        }
        if self.of.control_plane > MEMBERS {
            let members = self.of.control_plane;
            self.say("controlPlane", format!("{members} machines are too many: a control plane has at most {MEMBERS}"));
        }
        let pods: u64 = self.of.workloads.iter().map(|w| u64::from(w.replicas.unwrap_or(1))).sum();
        if pods > PODS {
            self.say("workloads", format!("{pods} replicas are too many: a cluster has at most {PODS}"));
        }
        for zone in self.of.zones.keys().filter(|zone| !is_name(zone)) {
            self.say(
                "zones",
                format!("`{zone}` cannot be part of the name of a node: use lowercase letters, digits and dashes"),
            );
        }
        let node = &self.of.node;
        if cpu_millis(&node.cpu).is_none_or(|cpu| cpu == 0) {
            self.say("node.cpu", not_a_quantity(&node.cpu, "4"));
        }
        if memory_bytes(&node.memory).is_none_or(|memory| memory == 0) {
            self.say("node.memory", not_a_quantity(&node.memory, "16Gi"));
        }
    }

    /// Checks the recovery cluster.
    fn second(&mut self, second: &Description) {
        if second.recovery.is_some() || !second.happens.is_empty() {
            self.say(
                "recovery",
                "the recovery cluster cannot have `recovery` or `happens` itself: remove them".to_owned(),
            );
            return;
        }
        if second.name() == self.of.name() {
            self.say("recovery.metadata.name", format!("`{}` is also the name of the first cluster", second.name()));
        }
        self.wrong.extend(lint(second).into_iter().map(|wrong| format!("recovery.{wrong}")));
    }

    fn times(&mut self) {
        let mut all = vec![("times.evaluate", self.of.times.evaluate)];
        if let Some(clocks) = &self.of.clocks {
            all.push(("clocks.period", clocks.period));
            all.push(("clocks.renew", clocks.renew));
            if clocks.eviction_interval.0.is_zero() {
                self.say("clocks.evictionInterval", "0s is too short: write 1ms or more".to_owned());
            }
            if clocks.grace.0 < clocks.renew.0 {
                let what = format!("{} is shorter than clocks.renew: every node would be unreachable", clocks.grace);
                self.say("clocks.grace", what);
            }
        }
        for (place, time) in all {
            if time.0 < OFTENEST.0 {
                self.say(place, format!("{} is too short: write {OFTENEST} or more", time.exact()));
            }
        }
    }

    fn storage(&mut self) {
        for (i, class) in self.of.storage.iter().enumerate() {
            if !is_name(&class.name) {
                self.say(&format!("storage[{i}].name"), format!("`{}` is not a name", class.name));
            }
            self.one_of(&format!("storage[{i}].source"), &class.source, &["csi", "local", "hostPath"]);
            self.one_of(&format!("storage[{i}].reclaim"), &class.reclaim, &["Delete", "Retain"]);
        }
    }

    /// Checks that a value is one of the allowed words, or empty.
    fn one_of(&mut self, place: &str, given: &str, allowed: &[&str]) {
        if !given.is_empty() && !allowed.contains(&given) {
            let meant = meant(given, allowed.iter().copied());
            self.say(place, format!("`{given}` is not known; {meant}allowed: {}", allowed.join(", ")));
        }
    }

    fn workload(&mut self, place: &str, workload: &WorkloadSpec) {
        let (kind, name) = workload.name.split_once('/').unwrap_or(("deployment", &workload.name));
        self.one_of(&format!("{place}.name"), kind, &["deployment", "statefulset", "daemonset"]);
        if kind.is_empty() || !is_name(name) {
            self.say(&format!("{place}.name"), format!("`{}` is not KIND/NAME, such as deployment/web", workload.name));
        }
        if !is_label(&workload.namespace) {
            self.say(&format!("{place}.namespace"), format!("`{}` is not the name of a namespace", workload.namespace));
        }
        let same = |w: &&WorkloadSpec| (&w.name, &w.namespace) == (&workload.name, &workload.namespace);
        if self.of.workloads.iter().find(same).is_some_and(|first| !std::ptr::eq(first, workload)) {
            self.say(&format!("{place}.name"), format!("`{}` is described twice", workload.name));
        }
        if let Some(cpu) = workload.cpu.as_ref().filter(|cpu| cpu_millis(cpu).is_none()) {
            self.say(&format!("{place}.cpu"), not_a_quantity(cpu, "250m"));
        }
        if let Some(memory) = workload.memory.as_ref().filter(|memory| memory_bytes(memory).is_none()) {
            self.say(&format!("{place}.memory"), not_a_quantity(memory, "128Mi"));
        }
        if let Some(spread) = &workload.spread {
            let word = if spread.is_empty() { "nothing" } else { spread.as_str() };
            self.one_of(&format!("{place}.spread"), word, &["zone", "node", "zone!", "node!"]);
        }
        let zones = self.zones();
        for zone in workload.only_in.iter().filter(|zone| !zones.contains(zone.as_str())) {
            let known: Vec<&str> = zones.iter().map(String::as_str).collect();
            self.say(
                &format!("{place}.onlyIn"),
                format!("zone `{zone}` does not exist; the zones are {}", known.join(", ")),
            );
        }
        if let Some(class) = &workload.volume {
            let classes = self.classes();
            let known: Vec<&str> = classes.iter().map(String::as_str).collect();
            if !known.contains(&class.as_str()) {
                let what = format!(
                    "storage class `{class}` does not exist; {}{}",
                    meant(class, known.iter().copied()),
                    of(&known)
                );
                self.say(&format!("{place}.volume"), what);
            }
        }
        self.budget(&format!("{place}.budget"), workload);
    }

    fn budget(&mut self, place: &str, workload: &WorkloadSpec) {
        const WORDS: [&str; 3] = ["minAvailable", "maxUnavailable", POLICY];
        for (word, value) in &workload.budget {
            self.one_of(place, word, &WORDS);
            if word == POLICY {
                self.one_of(place, value.as_str().unwrap_or_default(), &["IfHealthyBudget", "AlwaysAllow"]);
                continue;
            }
            let pods = value.as_u64().is_some_and(|n| i32::try_from(n).is_ok());
            let share = value.as_str().is_some_and(|text| text.parse::<Percent>().is_ok());
            if !pods && !share {
                self.say(place, format!("{word} is {value}: write a number of pods, or 0% to 100%"));
            }
        }
        if workload.budget.keys().filter(|word| *word != POLICY).count() > 1 {
            self.say(place, "write either minAvailable or maxUnavailable, not both".to_owned());
        }
    }

    /// Checks that `leases` and `placement` name existing nodes and workloads.
    fn places(&mut self) {
        let names = Names::of(self.of);
        let mut wrong: Vec<(String, String)> = vec![];
        for node in self.of.leases.keys() {
            wrong.extend(names.node(node).err().map(|why| ("leases".to_owned(), why)));
        }
        for (namespace, workloads) in &self.of.placement {
            for (workload, nodes) in workloads {
                let place = format!("placement.{namespace}");
                wrong.extend(names.workload(workload, namespace).err().map(|why| (place.clone(), why)));
                let unknown = nodes.iter().filter_map(|node| names.node(node).err());
                wrong.extend(unknown.map(|why| (format!("{place}.{workload}"), why)));
            }
        }
        wrong.into_iter().for_each(|(place, why)| self.say(&place, why));
    }

    fn zones(&self) -> BTreeSet<String> {
        let of_nodes =
            self.objects("Node").filter_map(|node| fields::labels(&node).get("topology.kubernetes.io/zone").cloned());
        self.of.zones.keys().cloned().chain(of_nodes).collect()
    }

    fn classes(&self) -> BTreeSet<String> {
        let whole = self.objects("StorageClass").map(|class| fields::name(&class).to_owned());
        self.of.storage.iter().map(|class| class.name.clone()).chain(whole).collect()
    }

    fn objects<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Value> + 'a {
        self.of.objects.iter().filter(move |object| object["kind"] == kind).map(|object| object.clone().into())
    }
}

fn not_a_quantity(text: &str, example: &str) -> String {
    format!("`{text}` is not a quantity that a node or a pod can have: write for example {example}")
}

fn of(known: &[&str]) -> String {
    if known.is_empty() {
        "the cluster has no storage class".to_owned()
    } else {
        format!("the storage classes are {}", known.join(", "))
    }
}

/// Whether this is a valid name for most Kubernetes objects.
fn is_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Whether this is a valid name of a namespace, or a valid part of other names.
fn is_label(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.len() <= 63 && text.chars().all(plain) && !text.starts_with('-') && !text.ends_with('-')
}
