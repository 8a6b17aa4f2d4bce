//! A plan for people: what, exactly, undone how, stopped how, expected when.

use std::fmt::Write;

use crate::model::{FindingState, Plan, StepClass};

/// The plan as text.
pub fn show(plan: &Plan) -> String {
    let mut out = String::new();
    let w = &mut out;
    let _ = writeln!(w, "PLAN  {}: {}", plan.scenario, plan.title);
    for line in plan.hypothesis.lines() {
        let _ = writeln!(w, "      {line}");
    }
    let c = &plan.cluster;
    let _ = writeln!(w, "\ncluster     {} ({}, {}, uid {})", c.context, c.server, c.version, c.uid);
    let _ = writeln!(w, "scope       {}", plan.namespaces.join(", "));
    let l = &plan.limits;
    let _ = writeln!(
        w,
        "limits      {}% of the workers, {} zone(s), {} namespace(s), {} for all steps",
        l.nodes_percent, l.zones, l.namespaces, l.duration
    );
    for (i, step) in plan.steps.iter().enumerate() {
        let class = match step.class {
            StepClass::Observe => "",
            StepClass::Fault => "  [fault]",
            StepClass::Destructive => "  [DESTRUCTIVE]",
        };
        let _ = writeln!(w, "\n{:>2}. {}: {}{class}", i + 1, step.name, step.word());
        for act in &step.acts {
            let _ = writeln!(w, "      does   {}", act.does);
            if !act.undo.is_empty() {
                let _ = writeln!(w, "      undo   {}", act.undo);
            }
        }
        let _ = writeln!(w, "      stop   {}", step.on_stop);
        for note in &step.notes {
            let _ = writeln!(w, "      note   {note}");
        }
    }
    section(w, "blast radius", &plan.blast_radius);
    let expected: Vec<String> = plan
        .predictions
        .iter()
        .map(|p| {
            let when = if p.to.0.is_zero() { "      –".to_owned() } else { format!("{} to {}", p.from, p.to) };
            format!("{}: {when}  {} ({})", p.of, p.what, p.because)
        })
        .collect();
    section(w, "expected, after the fault", &expected);
    let findings: Vec<String> = plan
        .findings
        .iter()
        .map(|f| {
            let state = match f.state {
                FindingState::Pass => "pass   ",
                FindingState::Fail => "FAIL   ",
                FindingState::Unknown => "UNKNOWN",
                FindingState::Skip => "skip   ",
            };
            let fix = if f.fix.is_empty() { String::new() } else { format!("\n               fix: {}", f.fix) };
            format!("{state} {}: {}{fix}", f.check, f.observed)
        })
        .collect();
    section(w, "pre-flight", &findings);
    let _ = writeln!(w, "\nplan hash   {}", plan.hash);
    out
}

fn section(out: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        let _ = writeln!(out, "\n{title}");
        for line in lines {
            let _ = writeln!(out, "      {line}");
        }
    }
}
