//! drillmaster: disaster-recovery drills for Kubernetes.
//!
//! The modules are listed in the order in which a drill uses them.
//!
//! ```text
//! scenario file ──scenario──► Scenario
//! cluster ──inventory──► Inventory ──readiness──► Findings
//! (Scenario, Inventory, Findings) ──plan──► Plan
//! Plan ──engine──► acts on world, observe watches it ──► event ──► journal
//! in `rehearse` the world is sim: the same steps, and nothing is real
//! run directory ──journal::RunState──► verdict ──► report
//! ```

pub mod event;
pub mod files;
pub mod kubernetes;
pub mod model;

pub mod scenario;

pub mod journal;

pub mod inventory;
pub mod sim;
pub mod world;

pub mod clusters;

pub mod plan;
pub mod steps;

pub mod engine;
pub mod observe;
pub mod readiness;

pub mod evidence;
pub mod report;
pub mod verdict;
pub mod verify;

pub mod prove;

pub mod cli;

#[doc(hidden)]
pub mod fuzz;
