//! Finds mistakes in steps: verbs, references to other steps, choices of nodes, waits.

use std::{collections::BTreeSet, time::Duration};

use super::lint::Lint;
use crate::model::{
    BackupStep, DeleteNamespaceStep, Dur, ExecStep, ImpairNodesStep, NodeChoice, RestoreStep, SecretRef, Step, Verb,
    WaitStep, WaitUntil, WorkloadRef, secret_mark,
};

/// The default of `--unwind-within`: the time limit of an undo.
const UNWIND_WITHIN: Duration = Duration::from_secs(30 * 60);

impl Lint<'_> {
    pub(super) fn steps(&mut self) {
        let scenario = self.scenario;
        let mut earlier: Vec<(&Step, Option<Verb>)> = vec![];
        for (i, step) in scenario.steps.iter().enumerate() {
            let index = i.to_string();
            if earlier.iter().any(|(s, _)| s.name == step.name) {
                self.say(
                    &["steps", &index, "name"],
                    format!("two steps have the name `{}`", step.name),
                    "give each step a unique name: faults and backups are referred to by it",
                );
            }
            let verb = step.verb();
            match &verb {
                None => self.say(
                    &["steps", &index],
                    format!("step `{}` must have exactly one verb", step.name),
                    format!("allowed: {}", Step::VERBS.join(", ")),
                ),
                Some(verb) => self.step(&index, verb, &earlier),
            }
            earlier.push((step, verb));
        }
    }

    fn restore(&mut self, i: &str, r: &RestoreStep, backups: &[String]) {
        if !r.clean_up.is_always() && r.into != Some(crate::model::Into::Scratch) {
            self.say(
                &["steps", i, "restore", "cleanUp"],
                "`cleanUp` applies only to a restore with `into: scratch`",
                "remove `cleanUp`, or add `into: scratch`",
            );
        }
        match (&r.backup, &r.schedule) {
            (Some(backup), None) => self.refers(&["steps", i, "restore", "backup"], backup, backups, "backup step"),
            (None, Some(_)) if r.namespace.is_none() => {
                self.say(&["steps", i, "restore"], "a restore from a schedule needs a namespace", "add `namespace`")
            }
            (None, Some(_)) => {}
            _ => self.say(&["steps", i, "restore"], "a restore needs exactly one of `backup` and `schedule`", ""),
        }
    }

    /// A backup before a fault does not show that the application is protected after the drill.
    fn too_early(&mut self, i: &str, verb: &Verb, earlier: &[(&Step, Option<Verb>)]) {
        let protects = |(_, v): &&(&Step, Option<Verb>)| matches!(v, Some(Verb::Reprotected(_)));
        if let Some((step, _)) = earlier.iter().find(protects).filter(|_| verb.is_fault()) {
            self.say(
                &["steps", i, verb.name()],
                format!("`{}` protects the application again before this fault", step.name),
                "move the step `reprotected` behind the last fault and its heal",
            );
        }
    }

    fn step(&mut self, i: &str, verb: &Verb, earlier: &[(&Step, Option<Verb>)]) {
        self.too_early(i, verb, earlier);
        let names = |of: fn(&Verb) -> bool| -> Vec<String> {
            earlier.iter().filter(|(_, v)| v.as_ref().is_some_and(of)).map(|(s, _)| s.name.0.clone()).collect()
        };
        let backups = names(|v| matches!(v, Verb::Backup(_)));
        let nodes = names(|v| matches!(v, Verb::KillNodes(_) | Verb::KillZone(_)));
        match verb {
            Verb::Restore(r) => self.restore(i, r, &backups),
            Verb::Reprotected(r) => {
                let in_place = names(|v| matches!(v, Verb::Restore(r) if r.into.is_none()));
                self.refers(&["steps", i, "reprotected", "of"], &r.of.0, &in_place, "restore step in place");
            }
            Verb::KillNodes(k) => self.choice(&["steps", i, "killNodes"], k.choice(), k.count),
            Verb::ImpairNodes(n) => self.impair(i, n),
            Verb::FenceNode(f) => {
                self.refers(&["steps", i, "fenceNode", "fault"], &f.fault, &nodes, "killNodes or killZone step")
            }
            Verb::Drain(d) if d.nodes.is_empty() == d.zone.is_none() => {
                self.say(&["steps", i, "drain"], "select the nodes with exactly one of `nodes` and `zone`", "");
            }
            Verb::DeleteNamespace(d) => {
                self.refers(&["steps", i, "deleteNamespace", "coveredBy"], &d.covered_by, &backups, "backup step");
                if !self.scenario.scope.namespaces.contains(&d.name) && !self.damage.touches("scope") {
                    self.say(
                        &["steps", i, "deleteNamespace", "name"],
                        format!("namespace `{}` is not in the scope", d.name),
                        "add it to scope.namespaces, or delete another namespace",
                    );
                }
                self.may_be_lost(i, d);
            }
            Verb::ForceDeletePods(f) => {
                self.refers(&["steps", i, "forceDeletePods", "fault"], &f.fault, &nodes, "killNodes or killZone step")
            }
            Verb::Heal(h) => self.refers(&["steps", i, "heal", "fault"], &h.fault, &names(Verb::is_fault), "fault"),
            Verb::Scale(s) if s.workload.kind == "daemonset" => {
                self.say(
                    &["steps", i, "scale", "workload"],
                    "a DaemonSet has no replicas to set",
                    "name a deployment or statefulset",
                );
            }
            Verb::Exec(e) if e.argv.is_empty() => {
                self.say(&["steps", i, "exec", "argv"], "`argv` is empty: there is no program to run", "")
            }
            Verb::Backup(backup) => self.backup(i, backup),
            Verb::Exec(e) if !e.undo.is_empty() => self.undo(i, e),
            Verb::DeletePods(d) if d.count.is_some() && d.percent.is_some() => {
                self.say(&["steps", i, "deletePods"], "`count` and `percent` exclude each other", "");
            }
            Verb::Wait(w) => self.wait(i, w),
            _ => {}
        }
    }

    /// Checks the list so that people can rely on it later: each object only once, and with a reason.
    fn may_be_lost(&mut self, i: &str, deletion: &DeleteNamespaceStep) {
        let mut seen = BTreeSet::new();
        for (n, entry) in deletion.may_be_lost.iter().enumerate() {
            let n = n.to_string();
            let at = |field| ["steps", i, "deleteNamespace", "mayBeLost", n.as_str(), field];
            if entry.reason.trim().is_empty() {
                let what = format!("the reason why `{}` may be lost is missing", entry.object);
                self.say(&at("reason"), what, "write the reason in one sentence: the report repeats it");
            }
            if !seen.insert(&entry.object) {
                self.say(&at("object"), format!("`{}` is listed twice", entry.object), "list it once");
            }
        }
    }

    /// The undo of a deletion needs the backup, so the backup must not expire before the undo is complete.
    fn backup(&mut self, i: &str, backup: &BackupStep) {
        let needed = Dur(self.scenario.limits.duration.0 + UNWIND_WITHIN);
        if backup.ttl.0 < needed.0 && !self.damage.touches("limits") {
            self.say(
                &["steps", i, "backup", "ttl"],
                format!("the backup expires after {}, which may be before the drill and its undo end", backup.ttl),
                format!(
                    "write `ttl: {needed}` or more: limits.duration is {}, and the undo may take another {}",
                    self.scenario.limits.duration,
                    Dur(UNWIND_WITHIN)
                ),
            );
        }
    }

    fn undo(&mut self, i: &str, exec: &ExecStep) {
        let words = exec.undo.iter().map(|word| ("undo", word)).chain(exec.env.values().map(|value| ("env", value)));
        for (place, text) in words {
            let of_environment = |(name, reference): (&String, &SecretRef)| match reference {
                SecretRef::Env(variable) if text.contains(&secret_mark(name)) => Some((name.clone(), variable.clone())),
                _ => None,
            };
            if let Some((name, variable)) = self.secrets.iter().find_map(of_environment) {
                self.say(
                    &["steps", i, "exec", place],
                    format!(
                        "the undo needs the secret `{name}` from the environment variable {variable}, but the process that undoes this step after a crash has another environment"
                    ),
                    "read the secret from a file or from a program: secret: {file: PATH} or {exec: [PROGRAM, …]}",
                );
            }
        }
    }

    fn choice(&mut self, at: &[&str], choice: NodeChoice<'_>, count: Option<usize>) {
        if !choice.nodes.is_empty() && count.is_some() {
            self.say(
                at,
                "`count` has no effect together with `nodes`: the step acts on all nodes in the list",
                "remove `count`",
            );
        }
        if !choice.is_one() {
            self.say(at, "select the nodes with exactly one of `nodes`, `zone` and `hosting`", "");
        }
    }

    fn impair(&mut self, i: &str, n: &ImpairNodesStep) {
        let at = ["steps", i, "impairNodes"];
        let count = |given: &[bool]| given.iter().filter(|g| **g).count();
        self.choice(&at, n.choice(), n.count);
        if count(&[n.stop.is_some(), n.disk.is_some(), n.network.is_some()]) != 1 {
            self.say(
                &at,
                "a step breaks exactly one thing: `stop`, `disk` or `network`",
                "write a step for each thing that breaks",
            );
        }
        let Some(network) = &n.network else { return };
        let at = ["steps", i, "impairNodes", "network"];
        if count(&[network.drop.is_some(), network.delay.is_some()]) != 1 {
            self.say(&at, "`network` needs exactly one of `drop` (lose packets) and `delay` (delay packets)", "");
        } else if network.delay.is_some() && (network.loss.is_some() || network.zone.is_some()) {
            self.say(&at, "`delay` applies to all packets: `loss` and `zone` can only be used with `drop`", "");
        } else if network.loss.is_some_and(|p| p.0 == 0 || p.0 > 100) {
            self.say(&at, "`loss` is a percentage of the packets", "write 1% to 100%");
        }
    }

    fn wait(&mut self, i: &str, wait: &WaitStep) {
        match (wait.for_, wait.until) {
            (Some(_), None) => {}
            (None, Some(_)) if wait.at_most.is_none() => {
                self.say(
                    &["steps", i, "wait"],
                    "`until` needs `atMost`",
                    "add `atMost`: every wait needs a time limit",
                );
            }
            (None, Some(_)) => {
                let probes = self.scenario.probes.iter().map(|p| p.name.clone());
                let workloads = self.scenario.scope.critical.iter().map(ToString::to_string);
                let known: Vec<String> = probes.chain(workloads).collect();
                for (n, of) in wait.of.iter().enumerate() {
                    if of.parse::<WorkloadRef>().is_err() {
                        self.refers(&["steps", i, "wait", "of", &n.to_string()], of, &known, "probe or workload");
                    }
                }
                if wait.until == Some(WaitUntil::Recovered) && wait.of.is_empty() {
                    self.say(
                        &["steps", i, "wait"],
                        "`until: recovered` needs `of`",
                        "list probes and workloads in `of`",
                    );
                }
            }
            _ => self.say(&["steps", i, "wait"], "a wait needs exactly one of `for` and `until`", ""),
        }
    }
}
