//! Checks the workloads of a description: names, amounts, zones, storage classes, budgets, and keys that have no effect.

use super::{
    WorkloadSpec,
    sense::{LETTERS, Sense, is_label, is_name, not_an_amount},
};
use crate::{
    kubernetes::{cpu_millis, memory_bytes},
    model::Percent,
    scenario::meant,
};

/// The field of a budget that is not a number of pods.
const POLICY: &str = "unhealthyPodEvictionPolicy";
const KINDS: [&str; 3] = ["deployment", "statefulset", "daemonset"];

impl Sense<'_> {
    pub(super) fn workloads(&mut self) {
        for (i, workload) in self.of.workloads.iter().enumerate() {
            let index = i.to_string();
            self.name(&index, workload);
            let same = |w: &&WorkloadSpec| (&w.name, &w.namespace) == (&workload.name, &workload.namespace);
            if self.of.workloads[..i].iter().any(|other| same(&other)) {
                let what = format!("`{}` is described twice", workload.name);
                self.say(&["workloads", &index, "name"], what, "remove one of them, or give it another name");
            }
            self.amounts(&index, workload);
            self.zones_of(&index, workload);
            self.volume(&index, workload);
            self.budget(&index, workload);
        }
    }

    fn name(&mut self, i: &str, workload: &WorkloadSpec) {
        let (kind, name) = workload.name.split_once('/').unwrap_or(("deployment", &workload.name));
        let path = ["workloads", i, "name"];
        if !KINDS.contains(&kind) {
            let meant = meant(kind, KINDS);
            let help = match kind.to_lowercase().as_str() {
                "cronjob" | "job" => "the simulation runs no jobs; leave the workload out, or write it under `objects` if backups must hold it".to_owned(),
                _ => format!("{meant}write one of: {}", KINDS.map(|k| format!("{k}/{name}")).join(", ")),
            };
            self.say(&path, format!("`{kind}` is not a kind of workload that is simulated"), help);
        } else if !is_name(name) {
            let help = format!("write for example deployment/web; {LETTERS}");
            self.say(&path, format!("`{}` is not KIND/NAME", workload.name), help);
        }
        if !is_label(&workload.namespace) {
            let what = format!("`{}` is not the name of a namespace", workload.namespace);
            self.say(&["workloads", i, "namespace"], what, LETTERS);
        }
        if kind == "daemonset" && workload.replicas.is_some() {
            let what = "a DaemonSet runs one pod on each node: `replicas` has no effect";
            self.warn(&["workloads", i, "replicas"], what, "remove `replicas`");
        }
    }

    fn amounts(&mut self, i: &str, workload: &WorkloadSpec) {
        if let Some(cpu) = workload.cpu.as_ref().filter(|cpu| cpu_millis(cpu).is_none()) {
            self.say(&["workloads", i, "cpu"], not_an_amount(cpu), "write for example 250m for a quarter of a core");
        }
        if let Some(memory) = workload.memory.as_ref().filter(|memory| memory_bytes(memory).is_none()) {
            self.say(&["workloads", i, "memory"], not_an_amount(memory), "write for example 128Mi");
        }
        self.too_large(i, workload);
    }

    /// Warns of pods for which no node of the short form is large enough.
    fn too_large(&mut self, i: &str, workload: &WorkloadSpec) {
        let node = &self.of.node;
        let plain = !self.of.zones.is_empty() && self.whole("Node").next().is_none();
        let larger = |wanted: Option<u64>, has: Option<u64>| wanted.zip(has).is_some_and(|(wanted, has)| wanted > has);
        for (key, wanted, has, larger) in [
            (
                "cpu",
                &workload.cpu,
                &node.cpu,
                larger(workload.cpu.as_deref().and_then(cpu_millis), cpu_millis(&node.cpu)),
            ),
            (
                "memory",
                &workload.memory,
                &node.memory,
                larger(workload.memory.as_deref().and_then(memory_bytes), memory_bytes(&node.memory)),
            ),
        ] {
            if let (true, true, Some(wanted)) = (plain, larger, wanted) {
                let what =
                    format!("a pod requests {wanted} of {key}, but a node has only {has}: the pods stay Pending");
                self.warn(&["workloads", i, key], what, format!("reduce `{key}`, or increase `node.{key}`"));
            }
        }
    }

    fn zones_of(&mut self, i: &str, workload: &WorkloadSpec) {
        let zones = self.zones();
        let known: Vec<&str> = zones.iter().map(String::as_str).collect();
        for (n, zone) in workload.only_in.iter().enumerate().filter(|(_, zone)| !zones.contains(zone.as_str())) {
            let help = format!("{}the zones are {}", meant(zone, known.iter().copied()), known.join(", "));
            let path = ["workloads", i, "onlyIn", &n.to_string()];
            self.relies(&path, (format!("zone `{zone}` does not exist"), help), &["zones", "objects"]);
        }
    }

    fn volume(&mut self, i: &str, workload: &WorkloadSpec) {
        let Some(class) = &workload.volume else { return };
        let path = ["workloads", i, "volume"];
        if !workload.name.starts_with("statefulset/") {
            let what = "only the pods of a StatefulSet get a volume each: `volume` has no effect here";
            self.say(&path, what, "write statefulset/NAME, or remove `volume`");
        }
        let classes = self.classes();
        let known: Vec<&str> = classes.iter().map(String::as_str).collect();
        if !known.contains(&class.as_str()) {
            let help = if known.is_empty() {
                format!("the cluster has no storage class; add one: storage: [{{name: {class}}}]")
            } else {
                format!("{}the storage classes are {}", meant(class, known.iter().copied()), known.join(", "))
            };
            self.relies(&path, (format!("storage class `{class}` does not exist"), help), &["storage", "objects"]);
        }
    }

    fn budget(&mut self, i: &str, workload: &WorkloadSpec) {
        let place = ["workloads", i, "budget"];
        for (word, value) in &workload.budget {
            let path = ["workloads", i, "budget", word];
            let pods = value.as_u64().is_some_and(|n| i32::try_from(n).is_ok());
            let share = value.as_str().is_some_and(|text| text.parse::<Percent>().is_ok());
            if word != POLICY && !pods && !share {
                self.say(&path, format!("{word} is {value}"), "write a number of pods, or 0% to 100%");
            }
        }
        let numbers = workload.budget.keys().filter(|word| *word != POLICY).count();
        if numbers > 1 {
            self.say(&place, "a budget has either minAvailable or maxUnavailable, not both", "remove one of them");
        } else if numbers == 0 && !workload.budget.is_empty() {
            self.say(&place, "the budget limits nothing", "add minAvailable or maxUnavailable");
        }
    }
}
