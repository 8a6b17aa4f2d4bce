//! Is this cluster ready for production ([`review`]), and is it ready for one planned drill
//! ([`evaluate`])? One catalogue holds the checks of both: the files of `areas/` hold those
//! of a review, `drill.rs` holds those that need a planned drill. All of it is pure code over
//! the inventory and the facts. A check that cannot see its objects is unknown, and an
//! unknown refuses a run as a fail does. Read `check.rs` first, then one file of `areas/`.

mod alertmanager;
mod alerts;
mod allowances;
mod callers;
mod capacity;
mod cluster;
mod reach;
mod velero;

mod areas;
mod baseline;
mod catalogue;
mod check;
mod consequence;
mod diff;
mod drill;
mod examples;
mod explain;
mod fields;
mod file_plan;
mod lacking;
mod operators;
mod owners;
mod pattern;
mod picture;
mod remedies;
mod review;
mod rights;
mod scope;
mod settings;
mod standards;
mod strangers;
mod trial;
mod values;
mod versions;
mod waivers;
mod work;

pub use baseline::against_baseline;
pub use catalogue::{OF_A_DESCRIPTION, VOCABULARY};
pub use cluster::missing;
pub use diff::against_base;
pub use explain::{explain, explain_json, listing, listing_json, page};
pub use file_plan::{Folder, plan_for_files};
pub use review::review;
pub use rights::{Caller, Permissions, Request};
pub use settings::ReviewSettings;
pub use strangers::strangers;
pub use trial::try_changes;

use crate::{
    inventory::{Facts, Inventory},
    model::{Bindings, Finding, Plan},
};

/// The input of the checks of a planned drill.
pub(crate) struct Case<'a> {
    plan: &'a Plan,
    inventory: &'a Inventory,
    facts: &'a Facts,
    bindings: &'a Bindings,
}

/// The findings of all checks of the planned drill, in the order of the catalogue.
pub fn evaluate(plan: &Plan, inventory: &Inventory, facts: &Facts, bindings: &Bindings) -> Vec<Finding> {
    let case = Case { plan, inventory, facts, bindings };
    drill::RULES.iter().map(|rule| rule(&case)).collect()
}
