//! What a rehearsal predicts of a playbook's drills. Each scenario is rehearsed once in a process. Start with
//! [`Rehearsals::of`].

use std::{cell::RefCell, collections::BTreeMap, fs};

use super::{
    interrupt::Interrupts,
    say,
    simulated::{rehearsal_in, settled, temporary},
};
use crate::{
    exercise::{DrillStage, Forecast, set},
    journal::{RunDir, follow},
    scenario::{CLUSTERS, Home, Loaded, SCENARIOS, Sources, load_str, names, rehearsed_on},
    sim::Description,
};

/// The rehearsals so far.
#[derive(Default)]
pub(super) struct Rehearsals {
    done: RefCell<BTreeMap<String, Option<Forecast>>>,
}

impl Rehearsals {
    /// What a rehearsal on the simulated cluster predicts. Only a shipped scenario has a cluster that is known to suit
    /// it: a scenario of the user would be predicted for a cluster that is not theirs. A signal ends the process: without
    /// the prediction, a playbook would seem to have no problems.
    pub fn of(&self, drill: &DrillStage, loaded: &Loaded) -> Option<Forecast> {
        if !names(SCENARIOS).any(|name| name == drill.scenario) {
            return None;
        }
        let key = format!("{} {:?}", drill.scenario, drill.set);
        if let Some(known) = self.done.borrow().get(&key) {
            return known.clone();
        }
        let interrupts = Interrupts::listen().ok()?;
        let found = rehearsed(drill, loaded, &interrupts);
        if let Err(interrupted) = interrupts.check() {
            say(&format!("error: {}", interrupted.text));
            std::process::exit(i32::from(interrupted.exit.code()));
        }
        self.done.borrow_mut().insert(key, found.clone());
        found
    }
}

fn rehearsed(drill: &DrillStage, loaded: &Loaded, interrupts: &Interrupts) -> Option<Forecast> {
    let cluster = rehearsed_on(&drill.scenario);
    let text = CLUSTERS.iter().find(|shipped| shipped.name == cluster)?.text;
    let (description, _) = Description::load(cluster, text).ok()?;
    let home = Home::ShippedCluster(cluster.to_owned());
    let sources = Sources { set: set(drill), bindings: description.bindings(), lenient: false, home };
    let loaded = load_str(&loaded.file, &loaded.text, &sources).ok()?;
    let settled = settled(&description, 1).ok()?;
    let dir = temporary().ok()?;
    rehearsal_in(&dir, &settled, &[], &loaded, &[], interrupts).ok()?;
    let run = fs::read_dir(dir.path()).ok()?.next()?.ok()?.path();
    let mut events = vec![];
    follow(&RunDir(run), |event, _| events.push(event)).ok()?;
    Some(Forecast::of(&events))
}
