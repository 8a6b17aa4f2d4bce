//! Is this cluster ready: for production ([`review`]) and for this very drill
//! ([`evaluate`])? One catalogue holds the checks of both, a file of `areas/` for each
//! area of a review, `drill.rs` for those that need a planned drill. Pure over
//! inventory and facts. What could not be looked at is unknown, and unknown refuses a
//! run just as a fail does. Read `check.rs` first, then one file of `areas/`.

mod alertmanager;
mod alerts;
mod capacity;
mod cluster;
mod reach;
mod velero;

mod areas;
mod catalogue;
mod check;
mod drill;
mod examples;
mod explain;
mod look;
mod picture;
mod remedies;
mod review;
mod settings;
mod strangers;
mod waivers;
mod work;

pub use catalogue::{OF_A_DESCRIPTION, VOCABULARY};
pub use cluster::missing;
pub use explain::{explain, listing, listing_json, page};
pub use review::{against_baseline, review};
pub use settings::Settings;
pub use strangers::strangers;

use crate::{
    inventory::{Facts, Inventory},
    model::{Bindings, Finding, Plan},
};

/// What a check looks at.
pub(crate) struct Case<'a> {
    plan: &'a Plan,
    inventory: &'a Inventory,
    facts: &'a Facts,
    bindings: &'a Bindings,
}

/// All findings of the checks of the drill itself, in the order of the catalogue.
pub fn evaluate(plan: &Plan, inventory: &Inventory, facts: &Facts, bindings: &Bindings) -> Vec<Finding> {
    let case = Case { plan, inventory, facts, bindings };
    drill::RULES.iter().map(|rule| rule(&case)).collect()
}
