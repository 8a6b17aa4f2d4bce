//! The pre-flight: is this drill survivable and measurable here, now? Pure over
//! inventory and facts. What could not be looked at is unknown, and unknown
//! refuses the run just as a fail does.

mod alertmanager;
mod alerts;
mod capacity;
mod cluster;
mod velero;

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
