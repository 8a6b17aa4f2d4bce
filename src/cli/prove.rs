//! `rehearse --prove`: runs the negative controls and prints one table.

use std::cell::RefCell;

use super::{
    Done, Failure,
    args::{Output, RehearseArgs},
    interrupt::Interrupts,
    note, print_whole, say,
    simulated::{rehearsal, settled},
};
use crate::{
    files::print_json,
    model::{Exit, REHEARSAL},
    prove::{Setting, prove as plant},
    scenario::Loaded,
    sim::Description,
};

pub(super) fn prove(args: &RehearseArgs, description: &Description, loaded: &Loaded, interrupts: &Interrupts) -> Done {
    let setting = Setting { hash: &loaded.hash, scenario: &loaded.scenario, description };
    // These end the command: a bug of drillmaster, and an interruption. They show nothing about the scenario.
    let ended = RefCell::new(None);
    let settled = settled(description, args.seed)?;
    let rehearse = |cluster: &Description| {
        rehearsal(&settled, &cluster.happens, loaded, &args.approve_gate, interrupts).map_err(|failure| {
            let why = failure.text.clone();
            if matches!(failure.exit, Exit::Internal | Exit::Aborted) {
                ended.replace(Some(failure));
            }
            why
        })
    };
    let planted = plant(&setting, rehearse, |name| note(&format!("rehearsing: {name}")));
    if let Some(failure) = ended.take() {
        return Err(failure);
    }
    let table = match planted {
        Ok(table) => table,
        Err(why) => {
            say(&format!("not provable here: the rehearsal does not pass even without a defect: {why}"));
            return Ok(Exit::Inconclusive);
        }
    };
    if args.output.format == Output::Json {
        let text = serde_json::to_string_pretty(&table).map_err(|e| Failure::new(Exit::Internal, e.to_string()))?;
        print_json(&(text + "\n"));
    } else {
        print_whole(&format!("{REHEARSAL}\n\n{}", table.markdown()));
    }
    table.summary().iter().for_each(|line| say(line));
    say(table.conclusion());
    Ok(table.exit())
}
