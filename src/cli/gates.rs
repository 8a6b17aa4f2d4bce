//! The gates that were approved in advance. A name that no gate has is a mistake: the drill would stop at the gate that
//! was meant. Start with [`check`].

use super::{Failure, run_args::AskingArgs};
use crate::{
    model::{Dur, Exit, StepName},
    scenario::{Scenario, meant},
    steps::{Asking, Hold},
};

/// Refuses a name that no gate of the scenario has.
pub(super) fn check(scenario: &Scenario, approved: &[String]) -> Result<(), Failure> {
    let gates: Vec<&str> =
        scenario.steps.iter().filter(|step| step.gate.is_some()).map(|step| step.name.0.as_str()).collect();
    let Some(wrong) = approved.iter().find(|name| !gates.contains(&name.as_str())) else { return Ok(()) };
    let known = match gates.as_slice() {
        [] => "it has no gate: leave --approve-gate out".to_owned(),
        gates => format!("{}its gates are: {}", meant(wrong, gates.iter().copied()), gates.join(", ")),
    };
    let text = format!("--approve-gate {wrong}: the scenario has no gate with this name; {known}");
    Err(Failure::new(Exit::Invalid, text))
}

/// Reads --wait-for-answers, --hold and --script. A name that nothing has is a mistake: the drill would wait for nobody,
/// or not at all.
pub(super) fn asking(scenario: &Scenario, args: &AskingArgs, script: &[String]) -> Result<Asking, Failure> {
    let wrong = |flag: &str, given: &str, why: String| Failure::new(Exit::Invalid, format!("{flag} {given}: {why}"));
    let steps: Vec<&str> = scenario.steps.iter().map(|step| step.name.0.as_str()).collect();
    let mut asking = Asking { waits: args.wait_for_answers, ..Asking::default() };
    for given in &args.hold {
        let hold = hold(given).map_err(|why| wrong("--hold", given, why))?;
        if !steps.contains(&hold.before.0.as_str()) {
            let near = meant(&hold.before.0, steps.iter().copied());
            let why = format!("the scenario has no step `{}`; {near}its steps are: {}", hold.before, steps.join(", "));
            return Err(wrong("--hold", given, why));
        }
        if steps.contains(&hold.name.as_str()) || asking.holds.iter().any(|other| other.name == hold.name) {
            return Err(wrong("--hold", given, format!("the name `{}` is taken; give another one", hold.name)));
        }
        asking.holds.push(hold);
    }
    for given in script {
        let (name, answer) = scripted(given).map_err(|why| wrong("--script", given, why))?;
        let gates = scenario.steps.iter().filter(|step| step.gate.is_some()).map(|step| step.name.0.as_str());
        let known: Vec<&str> = gates.chain(asking.holds.iter().map(|hold| hold.name.as_str())).collect();
        if !known.contains(&name.as_str()) {
            let near = meant(&name, known.iter().copied());
            let why = format!("the drill has no gate or hold `{name}`; {near}known: {}", known.join(", "));
            return Err(wrong("--script", given, why));
        }
        asking.scripted.insert(name, answer);
    }
    Ok(asking)
}

/// NAME=STEP@TIME.
fn hold(text: &str) -> Result<Hold, String> {
    let parts = text.split_once('=').and_then(|(name, rest)| Some((name, rest.rsplit_once('@')?)));
    let (name, (before, within)) = parts.ok_or("write it as NAME=STEP@TIME, such as restore-now=brought back@10m")?;
    Ok(Hold { name: name.trim().to_owned(), before: StepName(before.trim().to_owned()), within: within.parse()? })
}

/// NAME=yes|no@TIME.
fn scripted(text: &str) -> Result<(String, (bool, Dur)), String> {
    let parts = text.split_once('=').and_then(|(name, rest)| Some((name, rest.rsplit_once('@')?)));
    let (name, (word, after)) = parts.ok_or("write it as NAME=yes@TIME, such as restore-now=yes@2m")?;
    let yes = match word {
        "yes" => true,
        "no" => false,
        other => return Err(format!("`{other}` is neither yes nor no")),
    };
    Ok((name.trim().to_owned(), (yes, after.parse()?)))
}
