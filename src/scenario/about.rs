//! Finds mistakes in what a scenario says about itself: unknown controls, objectives that contradict each other or the
//! expectations, empty texts.

use std::time::Duration;

use super::{
    Problem, Scenario,
    problem::meant,
    tree::{Node, problem},
};
use crate::model::{Dur, Expectation, FRAMEWORKS, Framework};

/// A drill that is to be run more often than this is a test of a pipeline.
const OFTENEST: Dur = Dur(Duration::from_secs(60 * 60));

/// Returns all mistakes.
pub(super) fn lint(file: &str, root: &Node, scenario: &Scenario) -> Vec<Problem> {
    let mut lint = Lint { file, root, problems: vec![] };
    lint.texts(scenario);
    lint.objectives(scenario);
    lint.controls(scenario);
    lint.problems
}

struct Lint<'a> {
    file: &'a str,
    root: &'a Node,
    problems: Vec<Problem>,
}

impl Lint<'_> {
    fn say(&mut self, path: &[&str], what: String, help: impl Into<String>) {
        let path: Vec<String> = path.iter().map(|p| (*p).to_owned()).collect();
        let at = self.root.locate(&path).clone();
        self.problems.push(problem(self.file, &at, what, help));
    }

    fn texts(&mut self, scenario: &Scenario) {
        let m = &scenario.metadata;
        for (key, list) in [("outOfScope", &m.out_of_scope), ("assumptions", &m.assumptions)] {
            for (i, _) in list.iter().enumerate().filter(|(_, text)| text.trim().is_empty()) {
                let help = "write a sentence, or remove the item";
                self.say(&["metadata", key, &i.to_string()], format!("an item of `{key}` is empty"), help);
            }
        }
        if m.labels.keys().any(|key| key.trim().is_empty()) {
            self.say(&["metadata", "labels"], "a label has no name".into(), "write NAME: VALUE");
        }
        if m.plan_under_test.as_ref().is_some_and(|plan| plan.name.trim().is_empty()) {
            let help = "write the name or the address of the plan, or remove `planUnderTest`";
            self.say(&["metadata", "planUnderTest", "name"], "the plan under test has no name".into(), help);
        }
        if let Some(every) = m.every.filter(|every| every.0 < OFTENEST.0) {
            let what = format!("a drill every {} is too often", every.exact());
            self.say(&["metadata", "every"], what, format!("write {OFTENEST} or more; 90d and 365d are usual"));
        }
    }

    /// An expectation that allows more than the objective could pass although the objective is missed.
    fn objectives(&mut self, scenario: &Scenario) {
        let set = &scenario.metadata.objectives;
        if let (Some(rto), Some(mtpd)) = (&set.rto, &set.mtpd)
            && rto.target > mtpd.target
        {
            let what = format!("the RTO of {} is longer than the MTPD of {}", rto.target, mtpd.target);
            self.say(&["metadata", "objectives", "rto", "target"], what, "the RTO must end before the MTPD");
        }
        for (i, expectation) in scenario.expect.iter().enumerate() {
            let (word, key, allowed, name, objective) = match expectation {
                Expectation::Service(s) => ("service", "rto", s.rto, "RTO", &set.rto),
                Expectation::Loss(l) => ("loss", "rpo", Some(l.rpo), "RPO", &set.rpo),
                _ => continue,
            };
            if let (Some(allowed), Some(objective)) = (allowed, objective)
                && allowed > objective.target
            {
                let what = format!(
                    "the expectation allows {allowed}, but `metadata.objectives` sets an {name} of {}: it would pass although the objective is missed",
                    objective.target
                );
                let help = format!("write {} or less", objective.target);
                self.say(&["expect", &i.to_string(), word, key], what, help);
            }
        }
    }

    fn controls(&mut self, scenario: &Scenario) {
        for (key, ids) in &scenario.controls {
            let Some(framework) = Framework::of(key) else {
                self.framework(key);
                continue;
            };
            for (i, id) in ids.iter().enumerate().filter(|(_, id)| framework.asks(id).is_none()) {
                let known = framework.controls.iter().map(|(id, _)| *id);
                let help = format!("{}known: {}", meant(id, known.clone()), known.collect::<Vec<_>>().join(", "));
                let what = format!("`{id}` is not in the catalogue of {}", framework.name);
                self.say(&["controls", key, &i.to_string()], what, help);
            }
        }
    }

    /// A framework of the organisation is allowed. A mistyped one would lose its descriptions in silence.
    fn framework(&mut self, key: &str) {
        let known = FRAMEWORKS.iter().map(|f| f.key);
        let near = meant(key, known.clone());
        if !near.is_empty() {
            let help = format!("{near}known: {}", known.collect::<Vec<_>>().join(", "));
            self.say(&["controls", key], format!("`{key}` is not a framework of the catalogue"), help);
        }
    }
}
