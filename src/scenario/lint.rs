//! Finds mistakes that a schema cannot find: references to things that do not exist, expectations without a fault,
//! steps with two verbs.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Problem, Scenario, about, backup_names, objectives,
    problem::meant,
    repair::Damage,
    secret_places::misplaced,
    tree::{Node, problem},
    unjudged,
};
use crate::model::{Dur, Expectation, MOST_LINES, SecretRef, Verb, WorkloadRef};

/// The shortest interval of a probe or an append log. More frequent requests would be a load test.
const OFTENEST: Dur = Dur(Duration::from_millis(10));
/// The number of lines that may be planned for the time of the steps. As many may follow while the drill undoes its
/// acts.
const MOST_PLANNED: u32 = (MOST_LINES / 2) as u32;

/// Returns all mistakes. Where a part of the file could not be read, nothing is said that depends on it.
pub(super) fn lint(
    file: &str,
    root: &Node,
    scenario: &Scenario,
    secrets: &BTreeMap<String, SecretRef>,
    damage: &Damage,
) -> Vec<Problem> {
    let mut lint = Lint { file, root, scenario, secrets, damage, problems: vec![] };
    lint.header();
    lint.probes();
    lint.data();
    lint.steps();
    lint.expectations();
    lint.aborts();
    lint.problems.extend(about::lint(file, root, scenario));
    lint.problems.extend(misplaced(file, root, secrets));
    lint.problems.extend(objectives::lint(file, root, scenario));
    lint.problems.extend(backup_names::lint(file, root, scenario));
    if !["scope", "probes", "steps", "expect"].iter().any(|part| damage.touches(part)) {
        lint.problems.extend(unjudged::lint(file, root, scenario));
    }
    lint.problems.sort_by_key(|p| (p.line, p.column));
    lint.problems
}

pub(super) struct Lint<'a> {
    file: &'a str,
    root: &'a Node,
    pub(super) scenario: &'a Scenario,
    pub(super) secrets: &'a BTreeMap<String, SecretRef>,
    pub(super) damage: &'a Damage,
    problems: Vec<Problem>,
}

impl Lint<'_> {
    pub(super) fn say(&mut self, path: &[&str], what: impl Into<String>, help: impl Into<String>) {
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
        if self.scenario.steps.is_empty() && !self.damage.touches("steps") {
            self.say(&["steps"], "the scenario has no steps", "add at least one fault, and `heal` to undo it");
        }
        if self.scenario.expect.is_empty() && !self.damage.touches("expect") {
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
            } else if !self.damage.touches("limits") && scenario.limits.duration.0 > data.every.0 * MOST_PLANNED {
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
        let reprotected = with(|v| matches!(v, Verb::Reprotected(_)));
        let probes: Vec<String> = scenario.probes.iter().map(|p| p.name.clone()).collect();
        let logs: Vec<String> = scenario.data.iter().map(|d| d.name.clone()).collect();
        for (i, expectation) in scenario.expect.iter().enumerate() {
            let i = i.to_string();
            let word = expectation.name();
            let either: Vec<String> = faults.iter().chain(&restores).cloned().collect();
            let candidates = match expectation {
                Expectation::Restore(_) => &restores,
                Expectation::Reprotected(_) => &reprotected,
                // A service may be expected to stay unharmed while a backup is restored to a scratch namespace.
                Expectation::Service(_) | Expectation::Replicas(_) => &either,
                _ => &faults,
            };
            let needs_fault = !matches!(expectation, Expectation::Budgets(b) if b.while_degraded.is_none() && b.during_drain.is_none());
            match expectation.of() {
                Some(of) if of.0.parse::<WorkloadRef>().is_ok() && !candidates.contains(&of.0) => {
                    let help = match candidates.as_slice() {
                        [] => "remove `of`".to_owned(),
                        all => format!("write one of: {}. A workload belongs under `workload`", all.join(", ")),
                    };
                    let what = format!("`{of}` is a workload, but `of` is the name of a step");
                    // Without a `workload`, the message about that says so.
                    let map = self.root.locate(&["expect", i.as_str(), word].map(str::to_owned)).clone();
                    if !self.damage.explains(&problem(self.file, &map, "", "")) {
                        self.say(&["expect", &i, word, "of"], what, help);
                    }
                }
                Some(of) => self.refers(&["expect", &i, word, "of"], &of.0, candidates, "step"),
                None if self.damage.touches("steps") => {}
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
                        "add a step that breaks something, such as killZone, killNodes, deletePods or drain",
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

    pub(super) fn refers(&mut self, path: &[&str], name: &str, allowed: &[String], what: &str) {
        let section = match what {
            "probe" | "probe or workload" => "probes",
            "append log" => "data",
            _ => "steps",
        };
        if self.damage.may_have(section, name) || allowed.iter().any(|a| a == name) {
            return;
        }
        let meant = meant(name, allowed.iter().map(String::as_str));
        let known = if allowed.is_empty() {
            format!("there is no {what} that it could refer to")
        } else {
            // Two probes may have one name, which is a mistake of its own.
            let mut seen = std::collections::BTreeSet::new();
            let names: Vec<&str> = allowed.iter().map(String::as_str).filter(|name| seen.insert(*name)).collect();
            format!("write one of: {}", names.join(", "))
        };
        self.say(path, format!("there is no {what} with the name `{name}`"), format!("{meant}{known}"));
    }
}
