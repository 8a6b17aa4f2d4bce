//! Objectives that cannot be shown, or that say two things at once.

use super::{
    Problem, Scenario,
    tree::{Node, problem},
};
use crate::model::{After, Dur, Expectation, Step, StepName, Verb, WaitStep, WaitUntil};

/// All of them.
pub(super) fn lint(file: &str, root: &Node, scenario: &Scenario) -> Vec<Problem> {
    let mut found = vec![];
    for (i, expectation) in scenario.expect.iter().enumerate() {
        if let Some((what, help)) = name(&scenario.expect, i) {
            found.push(problem(file, root.locate(&["expect".to_owned(), i.to_string()]), what, help));
        }
        let (word, said) = match expectation {
            Expectation::Replicas(e) => {
                let main =
                    one_form(e.unharmed, e.ready.is_some() && e.within.is_some(), "`ready` and `within`", e.after);
                let half = (e.ready.is_some() != e.within.is_some())
                    .then(|| ("`ready` and `within` belong together".to_owned(), "write both".to_owned()));
                let zero = (e.ready == Some(0)).then(|| {
                    (
                        "no ready pod is no recovery".to_owned(),
                        "ask for one at least, or leave the expectation out".to_owned(),
                    )
                });
                ("replicas", half.or(zero).or(main))
            }
            Expectation::Service(e) => {
                let longest = (e.longest.is_some() && !e.unharmed)
                    .then(|| ("`longest` belongs to `unharmed`".to_owned(), "add `unharmed: true`".to_owned()));
                let every = scenario.probes.iter().find(|p| p.name == e.probe).map(|p| p.every);
                let sparse =
                    every.zip(e.rto).filter(|(every, rto)| rto.0 <= every.0).map(|(every, rto)| sparse(rto, every));
                let main = one_form(e.unharmed, e.rto.is_some(), "`rto`", e.after);
                ("service", longest.or(sparse).or(main))
            }
            _ => continue,
        };
        if let Some((what, help)) = said {
            let path = ["expect".to_owned(), i.to_string(), word.to_owned()];
            found.push(problem(file, root.locate(&path), what, help));
        }
    }
    found.extend(waits(file, root, scenario));
    found.extend(coarse(file, root, scenario));
    found
}

/// Objectives that are hardly longer than the error bar.
fn coarse(file: &str, root: &Node, scenario: &Scenario) -> Vec<Problem> {
    let objectives = scenario.expect.iter().enumerate().filter_map(|(i, e)| match e {
        Expectation::Service(e) => {
            let probe = scenario.probes.iter().find(|p| p.name == e.probe)?;
            Some((i, e.rto?, Dur((probe.every.0 + probe.timeout.0) * 2), probe.every))
        }
        _ => None,
    });
    let near = objectives.filter(|(_, rto, bar, every)| rto.0 < bar.0 && rto.0 > every.0);
    near.map(|(i, rto, bar, _)| {
        let path = ["expect".to_owned(), i.to_string(), "service".to_owned(), "rto".to_owned()];
        let what =
            format!("an objective of {rto} is near the error bar of its probe: below {bar} it may end inconclusive");
        let help = "let the probe ask oftener, or wait less for an answer (`every`, `timeout`)";
        Problem { warning: true, ..problem(file, root.locate(&path), what, help) }
    })
    .collect()
}

/// A wait that gives up before the objective is over would fail what may still hold; a heal
/// right behind its fault leaves nothing to be seen.
fn waits(file: &str, root: &Node, scenario: &Scenario) -> Vec<Problem> {
    let verbs: Vec<Option<Verb>> = scenario.steps.iter().map(Step::verb).collect();
    let mut found = vec![];
    let mut say = |i: usize, word: &[&str], what: String, help: String| {
        let path = ["steps", &i.to_string()].iter().chain(word).map(|p| (*p).to_owned()).collect::<Vec<_>>();
        found.push(Problem { warning: true, ..problem(file, root.locate(&path), what, help) });
    };
    let mut fault: Option<usize> = None;
    for (i, verb) in verbs.iter().enumerate() {
        match verb {
            Some(Verb::Wait(wait)) => {
                let fault = fault.map(|f| &scenario.steps[f].name);
                let longest = fault.and_then(|f| objectives(scenario, f, wait).max());
                if let Some((least, given)) = longest.zip(wait.at_most).filter(|(least, given)| given.0 < least.0) {
                    say(
                        i,
                        &["wait", "atMost"],
                        format!("the wait gives up after {given}, before the objective of {least} is over"),
                        format!("write `atMost: {least}` or more"),
                    );
                }
            }
            Some(Verb::Heal(heal)) if i > 0 && fault == Some(i - 1) && scenario.steps[i - 1].name.0 == heal.fault => {
                let name = &scenario.steps[i - 1].name;
                if scenario.expect.iter().any(|e| needs_time(e) && concerns(e, name)) {
                    say(
                        i,
                        &["heal"],
                        "the fault is healed at once: nothing that is expected of it can happen before".into(),
                        "let a `wait` stand between them, or expect it `after: heal`".into(),
                    );
                }
            }
            Some(verb) if verb.is_fault() => fault = Some(i),
            _ => {}
        }
    }
    found
}

/// The objectives of the last fault that a wait is about.
fn objectives<'a>(scenario: &'a Scenario, fault: &'a StepName, wait: &'a WaitStep) -> impl Iterator<Item = Dur> + 'a {
    let of = |name: &String| wait.of.contains(name);
    scenario.expect.iter().filter(move |e| concerns(e, fault)).filter_map(move |e| match (e, wait.until?) {
        (Expectation::Service(e), WaitUntil::Recovered) if e.after == After::Fault && of(&e.probe) => e.rto,
        (Expectation::Replicas(e), WaitUntil::Recovered) if e.after == After::Fault && of(&e.workload.to_string()) => {
            e.within
        }
        (Expectation::Alert(e), WaitUntil::Alerted) => Some(e.fires_within),
        _ => None,
    })
}

fn concerns(expectation: &Expectation, fault: &StepName) -> bool {
    expectation.of().is_none_or(|of| of == fault)
}

/// Whether it has to happen between the fault and its undo.
fn needs_time(expectation: &Expectation) -> bool {
    match expectation {
        Expectation::Service(e) => e.rto.is_some() && e.after == After::Fault,
        Expectation::Replicas(e) => e.within.is_some() && e.after == After::Fault,
        Expectation::Alert(_) | Expectation::Placement(_) => true,
        _ => false,
    }
}

/// What is wrong with the name of an expectation.
fn name(all: &[Expectation], i: usize) -> Option<(String, String)> {
    let id = all[i].given_id()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if id.is_empty() || !id.chars().all(plain) {
        return Some((format!("`{id}` is no id"), "letters, digits and dashes".into()));
    }
    let again = all[..i].iter().any(|e| e.given_id() == Some(id));
    again.then(|| (format!("two expectations have the id `{id}`"), "give each its own".into()))
}

fn one_form(unharmed: bool, timed: bool, names: &str, after: After) -> Option<(String, String)> {
    match (unharmed, timed) {
        (true, true) => Some((format!("{names} or `unharmed`, not both"), "leave one of them out".into())),
        (false, false) => {
            Some((format!("nothing is expected: {names} are missing"), "or write `unharmed: true`".into()))
        }
        (true, false) if after == After::Heal => {
            Some(("`unharmed` is about the time of the fault".into(), "leave `after` out".into()))
        }
        _ => None,
    }
}

fn sparse(rto: Dur, every: Dur) -> (String, String) {
    (
        format!("samples every {every} cannot show an objective of {rto}"),
        "let the probe ask oftener: `every` well below the objective".into(),
    )
}
