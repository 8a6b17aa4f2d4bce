//! Prints a plan for people: what it does, how each act is undone, what a stop does, and what is expected when.

use crate::model::{Finding, FindingState, Plan, PlannedStep, StepClass, printable};

/// The plan as text. No name in it can drive the terminal or add a line.
pub fn show(plan: &Plan) -> String {
    let mut page = Page(String::new());
    page.say(&format!("PLAN  {}: {}", plan.scenario, plan.title));
    for line in plan.hypothesis.lines() {
        page.say(&format!("      {line}"));
    }
    let c = &plan.cluster;
    page.gap();
    page.say(&format!("cluster     {} ({}, {}, uid {})", c.context, c.server, c.version, c.uid));
    page.say(&format!("scope       {}", plan.namespaces.join(", ")));
    let l = &plan.limits;
    page.say(&format!(
        "limits      {}% of the workers, {} zone(s), {} namespace(s), {} for all steps",
        l.nodes_percent, l.zones, l.namespaces, l.duration
    ));
    for (i, step) in plan.steps.iter().enumerate() {
        page.step(i + 1, step);
    }
    page.section("at the end, after the undo and the last observation", &rebalance(plan));
    page.section("blast radius", &plan.blast_radius);
    let expected: Vec<String> = plan
        .predictions
        .iter()
        .map(|p| {
            let when = if p.to.0.is_zero() { "      –".to_owned() } else { format!("{} to {}", p.from, p.to) };
            format!("{}: {when}  {} ({})", p.of, p.what, p.because)
        })
        .collect();
    page.section("expected, after the fault", &expected);
    let findings: Vec<String> = plan.findings.iter().flat_map(finding).collect();
    page.section("pre-flight", &findings);
    page.gap();
    page.say(&format!("plan hash   {}", plan.hash));
    page.0
}

/// What happens at the end of a drill on a cluster of `cluster up`.
fn rebalance(plan: &Plan) -> Vec<String> {
    if plan.rebalance.is_empty() {
        return vec![];
    }
    let names: Vec<String> = plan.rebalance.iter().map(ToString::to_string).collect();
    vec![
        format!("does   evict pods of {}, one at a time, until they are spread as they ask", names.join(", ")),
        "undo   none: an eviction cannot be undone".to_owned(),
        "note   pods whose volumes are bound to a node stay; only on a cluster of `drillmaster cluster up`".to_owned(),
    ]
}

/// The lines of a finding.
fn finding(f: &Finding) -> Vec<String> {
    let state = match f.state {
        FindingState::Pass => "pass   ",
        FindingState::Fail => "FAIL   ",
        FindingState::Unknown => "UNKNOWN",
        FindingState::Skip => "skip   ",
    };
    let mut lines = vec![format!("{state} {}: {}", f.check, f.observed)];
    if !f.fix.is_empty() {
        lines.push(format!("         fix: {}", f.fix));
    }
    lines
}

struct Page(String);

impl Page {
    fn say(&mut self, line: &str) {
        self.0.push_str(&printable(line));
        self.0.push('\n');
    }

    fn gap(&mut self) {
        self.0.push('\n');
    }

    fn step(&mut self, number: usize, step: &PlannedStep) {
        let class = match step.class {
            StepClass::Observe => "",
            StepClass::Fault => "  [fault]",
            StepClass::Destructive => "  [DESTRUCTIVE]",
        };
        self.gap();
        self.say(&format!("{number:>2}. {}: {}{class}", step.name, step.word()));
        for act in &step.acts {
            self.say(&format!("      does   {}", act.does));
            if !act.undo.is_empty() {
                self.say(&format!("      undo   {}", act.undo));
            }
        }
        self.say(&format!("      stop   {}", step.on_stop));
        for note in &step.notes {
            self.say(&format!("      note   {note}"));
        }
    }

    fn section(&mut self, title: &str, lines: &[String]) {
        if !lines.is_empty() {
            self.gap();
            self.say(title);
            for line in lines {
                self.say(&format!("      {line}"));
            }
        }
    }
}
