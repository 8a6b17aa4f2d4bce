//! Finds objectives that cannot be shown, and objectives that contradict themselves.

use super::{
    Problem, Scenario,
    tree::{Node, problem},
};
use crate::model::{After, Dur, Expectation, Step, StepName, Verb, WaitStep, WaitUntil};

/// Returns all mistakes.
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
                let missing = match (e.ready, e.within) {
                    (Some(_), None) => Some("add `within`, such as `within: 5m`"),
                    (None, Some(_)) => Some("add `ready`: the number of pods, such as `ready: 3`"),
                    _ => None,
                };
                let half =
                    missing.map(|help| ("`ready` and `within` must be given together".to_owned(), help.to_owned()));
                let zero = (e.ready == Some(0)).then(|| {
                    (
                        "`ready: 0` would accept a workload that never recovers".to_owned(),
                        "write 1 or more, or remove the expectation".to_owned(),
                    )
                });
                ("replicas", half.or(zero).or(main))
            }
            Expectation::Service(e) => {
                let longest = (e.longest.is_some() && !e.unharmed).then(|| {
                    ("`longest` can only be used with `unharmed`".to_owned(), "add `unharmed: true`".to_owned())
                });
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

/// Finds objectives that are hardly longer than the measurement error of their probe.
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
            format!("an objective of {rto} is close to the measurement error of its probe: with less than {bar} the result may be inconclusive");
        let help = "reduce `every` or `timeout` of the probe";
        Problem { warning: true, ..problem(file, root.locate(&path), what, help) }
    })
    .collect()
}

/// Finds waits and heals that come too early. A wait that ends before the objective would fail a drill that could
/// still succeed. A heal directly after its fault leaves no time to observe anything.
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
                        format!("the wait ends after {given}, before the objective of {least}"),
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
                        "the fault is healed immediately, before anything that is expected of it can happen".into(),
                        "add a `wait` between fault and heal, or expect it `after: heal`".into(),
                    );
                }
            }
            Some(verb) if verb.is_fault() => fault = Some(i),
            _ => {}
        }
    }
    found
}

/// The objectives of the last fault before a wait that the wait refers to.
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

/// Whether what is expected must happen between the fault and its undo.
fn needs_time(expectation: &Expectation) -> bool {
    match expectation {
        Expectation::Service(e) => e.rto.is_some() && e.after == After::Fault,
        Expectation::Replicas(e) => e.within.is_some() && e.after == After::Fault,
        Expectation::Alert(_) | Expectation::Placement(_) => true,
        _ => false,
    }
}

/// Returns what is wrong with the id of an expectation.
fn name(all: &[Expectation], i: usize) -> Option<(String, String)> {
    let id = all[i].given_id()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if id.is_empty() || !id.chars().all(plain) {
        return Some((format!("`{id}` is not a valid id"), "use letters, digits and dashes".into()));
    }
    let again = all[..i].iter().any(|e| e.given_id() == Some(id));
    again.then(|| (format!("two expectations have the id `{id}`"), "give each expectation a unique id".into()))
}

fn one_form(unharmed: bool, timed: bool, names: &str, after: After) -> Option<(String, String)> {
    match (unharmed, timed) {
        (true, true) => Some((format!("{names} cannot be combined with `unharmed`"), "remove one of them".into())),
        (false, false) => Some((
            format!("this expectation does not say what must hold: {names} missing"),
            "add them, or write `unharmed: true`".into(),
        )),
        (true, false) if after == After::Heal => {
            Some(("`unharmed` always refers to the time of the fault".into(), "remove `after`".into()))
        }
        _ => None,
    }
}

fn sparse(rto: Dur, every: Dur) -> (String, String) {
    (
        format!("with a sample every {every}, an objective of {rto} cannot be measured"),
        "reduce `every` of the probe to far less than the objective".into(),
    )
}
