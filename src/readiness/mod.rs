//! Is this cluster ready: for production ([`review`], the catalogue of checks, one
//! file for each area) and for this very drill ([`evaluate`])? Pure over inventory
//! and facts. What could not be looked at is unknown, and unknown refuses a run just
//! as a fail does. Read `check.rs` first, then one file of `areas/`.

mod alertmanager;
mod alerts;
mod capacity;
mod cluster;
mod velero;

mod areas;
mod catalogue;
mod check;
mod examples;
mod explain;
mod look;
mod picture;
mod remedies;
mod review;
mod settings;
mod waivers;

pub use cluster::missing;
pub use explain::{explain, listing, listing_json, page};
pub use review::{against_baseline, review};
pub use settings::Settings;

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

/// All findings, in a fixed order.
pub fn evaluate(plan: &Plan, inventory: &Inventory, facts: &Facts, bindings: &Bindings) -> Vec<Finding> {
    let case = Case { plan, inventory, facts, bindings };
    let mut findings = vec![
        cluster::identity(&case),
        cluster::permissions(&case),
        cluster::credentials(&case),
        cluster::other_drill(&case),
        cluster::announce(&case),
        cluster::nodes(&case),
        cluster::machines(&case),
        cluster::scope(&case),
        cluster::fault_matters(&case),
        cluster::runner_outside(&case),
        capacity::survivors(&case),
        velero::server(&case),
        velero::storage(&case),
        velero::queue(&case),
        velero::download(&case),
        velero::volumes(&case),
        velero::store_outside(&case),
    ];
    findings.extend(alerts::all(&case));
    findings
}
