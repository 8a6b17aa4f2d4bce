//! The gates that were approved in advance. A name that no gate has is a mistake: the drill would stop at the gate that
//! was meant. Start with [`check`].

use super::Failure;
use crate::{
    model::Exit,
    scenario::{Scenario, meant},
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
