//! Finds mistakes that a schema cannot find: references to things that do not exist, expectations without a fault,
//! steps with two verbs.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Problem, Scenario, backup_names, objectives,
    problem::meant,
    secret_places::misplaced,
    tree::{Node, problem},
};
use crate::model::{
    BackupStep, DeleteNamespaceStep, Dur, ExecStep, Expectation, ImpairNodesStep, MOST_LINES, NodeChoice, RestoreStep,
    SecretRef, Step, Verb, WaitStep, WaitUntil, WorkloadRef, secret_mark,
};

/// The shortest interval of a probe or an append log. More frequent requests would be a load test.
const OFTENEST: Dur = Dur(Duration::from_millis(10));
/// The number of lines that may be planned for the time of the steps. As many may follow while the drill undoes its
/// acts.
const MOST_PLANNED: u32 = (MOST_LINES / 2) as u32;
/// The default of `--unwind-within`: the time limit of an undo.
const UNWIND_WITHIN: Duration = Duration::from_secs(30 * 60);

/// Returns all mistakes.
pub(super) fn lint(
    file: &str,
    root: &Node,
    scenario: &Scenario,
    secrets: &BTreeMap<String, SecretRef>,
) -> Vec<Problem> {
    let mut lint = Lint { file, root, scenario, secrets, problems: vec![] };
    lint.header();
    lint.probes();
    lint.data();
    lint.steps();
    lint.expectations();
    lint.aborts();
    lint.problems.extend(misplaced(file, root, secrets));
    lint.problems.extend(objectives::lint(file, root, scenario));
    lint.problems.extend(backup_names::lint(file, root, scenario));
    lint.problems.sort_by_key(|p| (p.line, p.column));
    lint.problems
}

struct Lint<'a> {
    file: &'a str,
    root: &'a Node,
    scenario: &'a Scenario,
    secrets: &'a BTreeMap<String, SecretRef>,
    problems: Vec<Problem>,
}

impl Lint<'_> {
    fn say(&mut self, path: &[&str], what: impl Into<String>, help: impl Into<String>) {
        let path: Vec<String> = path.iter().map(|p| (*p).to_owned()).collect();
        let at = self.root.locate(&path).clone();
        self.problems.push(problem(self.file, &at, what, help));
    }

    fn header(&mut self) {
        if self.scenario.api_version != "drillmaster.dev/v1" {
            self.say(
                &["apiVersion"],
                format!("unknown apiVersion `{}`", self.scenario.api_version),
                "write drillmaster.dev/v1",
            );
        }
        if self.scenario.kind != "Scenario" {
            self.say(&["kind"], format!("unknown kind `{}`", self.scenario.kind), "write Scenario");
        }
        let name = &self.scenario.metadata.name;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty()
            || name.len() > 40
            || !name.chars().all(plain)
            || name.starts_with('-')
            || name.ends_with('-')
        {
            self.say(
                &["metadata", "name"],
                format!("`{name}` is not a valid name"),
                "use lower-case letters, digits and dashes, at most 40 characters: the name becomes part of labels",
            );
        }
        if self.scenario.hypothesis.trim().is_empty() {
            self.say(
                &["hypothesis"],
                "the hypothesis is empty",
                "write in one sentence what the drill is meant to show",
            );
        }
        if self.scenario.scope.namespaces.is_empty() {
            self.say(&["scope", "namespaces"], "the scope contains no namespace", "name at least one");
        }
        if self.scenario.steps.is_empty() {
            self.say(&["steps"], "the scenario has no steps", "");
        }
        if self.scenario.expect.is_empty() {
            self.say(
                &["expect"],
                "the scenario has no expectations: such a drill could not fail",
                "add at least one expectation",
            );
        }
    }

    fn probes(&mut self) {
        let scenario = self.scenario;
        let mut seen = BTreeMap::new();
        for (i, probe) in scenario.probes.iter().enumerate() {
            let index = i.to_string();
            if seen.insert(&probe.name, i).is_some() {
                self.say(
                    &["probes", &index, "name"],
                    format!("two probes have the name `{}`", probe.name),
                    "give each probe a unique name",
                );
            }
            let kinds = [probe.http.is_some(), probe.tcp.is_some(), probe.exec.is_some()];
            if kinds.iter().filter(|k| **k).count() != 1 {
                self.say(
                    &["probes", &index],
                    format!("probe `{}` must have exactly one of http, tcp, exec", probe.name),
                    "",
                );
            }
            if let Some(Err(why)) = probe.http.as_ref().map(|http| http.body.ready()) {
                self.say(&["probes", &index, "http", "body"], why, "");
            }
            if probe.every.0 < OFTENEST.0 {
                let what = format!("an interval of {} is too short for a probe", probe.every.exact());
                self.say(&["probes", &index, "every"], what, format!("write {OFTENEST} or more; 250ms is usual"));
            }
            for (word, address) in [("tcp", &probe.tcp), ("vantage", &probe.vantage)] {
                if let Some(address) = address
                    && !address.contains("${")
                    && address.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err())
                {
                    self.say(&["probes", &index, word], format!("`{address}` is not HOST:PORT"), "");
                }
            }
        }
    }

    fn steps(&mut self) {
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

    fn step(&mut self, i: &str, verb: &Verb, earlier: &[(&Step, Option<Verb>)]) {
        let names = |of: fn(&Verb) -> bool| -> Vec<String> {
            earlier.iter().filter(|(_, v)| v.as_ref().is_some_and(of)).map(|(s, _)| s.name.0.clone()).collect()
        };
        let backups = names(|v| matches!(v, Verb::Backup(_)));
        let nodes = names(|v| matches!(v, Verb::KillNodes(_) | Verb::KillZone(_)));
        match verb {
            Verb::Restore(r) => self.restore(i, r, &backups),
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
                if !self.scenario.scope.namespaces.contains(&d.name) {
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
        if backup.ttl.0 < needed.0 {
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
                let probes: Vec<String> = self.scenario.probes.iter().map(|p| p.name.clone()).collect();
                for (n, of) in wait.of.iter().enumerate() {
                    if of.parse::<WorkloadRef>().is_err() {
                        self.refers(&["steps", i, "wait", "of", &n.to_string()], of, &probes, "probe or workload");
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

    fn data(&mut self) {
        let scenario = self.scenario;
        let mut seen = BTreeMap::new();
        for (i, data) in scenario.data.iter().enumerate() {
            let index = i.to_string();
            if seen.insert(&data.name, i).is_some() {
                let said = format!("two append logs have the name `{}`", data.name);
                self.say(&["data", &index, "name"], said, "give each append log a unique name");
            }
            if data.every.0 < OFTENEST.0 {
                let what = format!("an interval of {} is too short for an append log", data.every.exact());
                self.say(&["data", &index, "every"], what, format!("write {OFTENEST} or more; 500ms is usual"));
            } else if scenario.limits.duration.0 > data.every.0 * MOST_PLANNED {
                let (every, duration) = (data.every.exact(), scenario.limits.duration);
                let what = format!(
                    "one line every {every} for {duration} (`limits.duration`) gives more than {MOST_PLANNED} lines, which is the limit"
                );
                self.say(&["data", &index, "every"], what, "increase `every`, or reduce `limits.duration`");
            }
        }
    }

    fn expectations(&mut self) {
        let scenario = self.scenario;
        let verbs: Vec<(String, Option<Verb>)> = scenario.steps.iter().map(|s| (s.name.0.clone(), s.verb())).collect();
        let with = |keep: fn(&Verb) -> bool| -> Vec<String> {
            verbs.iter().filter(|(_, v)| v.as_ref().is_some_and(keep)).map(|(n, _)| n.clone()).collect()
        };
        let faults = with(Verb::is_fault);
        let restores = with(|v| matches!(v, Verb::Restore(_)));
        let probes: Vec<String> = scenario.probes.iter().map(|p| p.name.clone()).collect();
        let logs: Vec<String> = scenario.data.iter().map(|d| d.name.clone()).collect();
        for (i, expectation) in scenario.expect.iter().enumerate() {
            let i = i.to_string();
            let word = word(expectation);
            let either: Vec<String> = faults.iter().chain(&restores).cloned().collect();
            let candidates = match expectation {
                Expectation::Restore(_) => &restores,
                // A service may be expected to stay unharmed while a backup is restored to a scratch namespace.
                Expectation::Service(_) | Expectation::Replicas(_) => &either,
                _ => &faults,
            };
            let needs_fault = !matches!(expectation, Expectation::Budgets(b) if b.while_degraded.is_none() && b.during_drain.is_none());
            match expectation.of() {
                Some(of) => self.refers(&["expect", &i, word, "of"], &of.0, candidates, "step"),
                None if needs_fault && faults.len() > 1 => self.say(
                    &["expect", &i, word],
                    format!(
                        "the scenario has {} faults, and this expectation does not say which one it refers to",
                        faults.len()
                    ),
                    format!("add `of:` with one of {}", faults.join(", ")),
                ),
                None if needs_fault && faults.is_empty() => {
                    self.say(
                        &["expect", &i, word],
                        "the scenario has no fault that this expectation could refer to",
                        "",
                    );
                }
                None => {}
            }
            match expectation {
                Expectation::Service(s) => self.refers(&["expect", &i, word, "probe"], &s.probe, &probes, "probe"),
                Expectation::Loss(l) => self.refers(&["expect", &i, word, "data"], &l.data, &logs, "append log"),
                Expectation::Budgets(b) if b.every_critical_pod_covered && scenario.scope.critical.is_empty() => {
                    self.say(
                        &["expect", &i, word],
                        "the scope names no critical workload, so nothing would be checked",
                        "list the critical workloads in scope.critical",
                    );
                }
                Expectation::Budgets(b)
                    if !b.every_critical_pod_covered && b.while_degraded.is_none() && b.during_drain.is_none() =>
                {
                    self.say(
                        &["expect", &i, word],
                        "the expectation does not say what must hold for budgets",
                        "add everyCriticalPodCovered, whileDegraded or duringDrain",
                    );
                }
                Expectation::Restore(r) if r.objects.is_none() && r.volumes.is_none() => {
                    self.say(
                        &["expect", &i, word],
                        "the expectation does not say what must hold after the restore",
                        "add `objects` or `volumes`",
                    );
                }
                _ => {}
            }
        }
    }

    fn aborts(&mut self) {
        let probes: Vec<String> = self.scenario.probes.iter().map(|p| p.name.clone()).collect();
        let scenario = self.scenario;
        for (i, abort) in scenario.abort.iter().enumerate() {
            self.refers(&["abort", &i.to_string(), "probe"], &abort.probe, &probes, "probe");
        }
    }

    fn refers(&mut self, path: &[&str], name: &str, allowed: &[String], what: &str) {
        if allowed.iter().any(|a| a == name) {
            return;
        }
        let meant = meant(name, allowed.iter().map(String::as_str));
        let known = if allowed.is_empty() {
            format!("there is no {what} that it could refer to")
        } else {
            format!("write one of: {}", allowed.join(", "))
        };
        self.say(path, format!("there is no {what} with the name `{name}`"), format!("{meant}{known}"));
    }
}

fn word(expectation: &Expectation) -> &'static str {
    match expectation {
        Expectation::Replicas(_) => "replicas",
        Expectation::Budgets(_) => "budgets",
        Expectation::Service(_) => "service",
        Expectation::Alert(_) => "alert",
        Expectation::Restore(_) => "restore",
        Expectation::Loss(_) => "loss",
        Expectation::Placement(_) => "placement",
    }
}
