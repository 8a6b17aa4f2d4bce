//! `rehearse --prove`: runs the negative controls and prints one table.

use std::cell::RefCell;

use super::{
    Done, Failure,
    args::{Output, RehearseArgs},
    print, say,
    simulated::{rehearsal, settled},
};
use crate::{
    files::print_json,
    model::{Exit, REHEARSAL},
    prove::{Setting, prove as plant},
    scenario::Loaded,
    sim::Description,
};

pub(super) fn prove(args: &RehearseArgs, description: &Description, loaded: &Loaded) -> Done {
    let setting = Setting { hash: &loaded.hash, scenario: &loaded.scenario, description };
    // An internal error ends the command: it is a bug of drillmaster, and shows nothing about the scenario.
    let internal = RefCell::new(None);
    let settled = settled(description, args.seed)?;
    let rehearse = |cluster: &Description| {
        rehearsal(&settled, &cluster.happens, loaded, &args.approve).map_err(|failure| {
            let why = failure.text.clone();
            if failure.exit == Exit::Internal {
                internal.replace(Some(failure));
            }
            why
        })
    };
    let planted = plant(&setting, rehearse, |name| say(&format!("rehearsing: {name}")));
    if let Some(failure) = internal.take() {
        return Err(failure);
    }
    let table = match planted {
        Ok(table) => table,
        Err(why) => {
            say(&format!("not provable here: the rehearsal does not pass even without a defect: {why}"));
            return Ok(Exit::Inconclusive);
        }
    };
    if args.output == Output::Json {
        let text = serde_json::to_string_pretty(&table).map_err(|e| Failure::new(Exit::Internal, e.to_string()))?;
        print_json(&(text + "\n"));
    } else {
        print(&format!("{REHEARSAL}\n\n{}", table.markdown()));
    }
    table.summary().iter().for_each(|line| say(line));
    say(table.conclusion());
    Ok(table.exit())
}
