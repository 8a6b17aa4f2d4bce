//! drillmaster: disaster-recovery drills for Kubernetes.
//!
//! The modules are listed in the order in which a drill uses them; the simulated cluster and the commands come last.
//!
//! ```text
//! scenario file ──scenario──► Scenario
//! cluster ──inventory──► Inventory ──readiness──► Findings
//! (Scenario, Inventory, Findings) ──plan──► Plan
//! Plan ──engine──► acts on world, observe watches it ──► event ──► journal
//! in `rehearse` the world is sim: the same steps, and nothing is real
//! run directory ──journal::RunState──► verdict ──► report
//! ```

pub mod files;
pub mod kubernetes;
pub mod model;

pub mod scenario;

pub mod world;

pub mod inventory;

pub mod plan;

pub mod readiness;

pub mod event;

pub mod journal;

pub mod steps;

pub mod observe;

pub mod engine;

pub mod verdict;

pub mod report;

pub mod evidence;

pub mod exercise;

pub mod verify;

pub mod history;

pub mod board;

pub mod sim;

pub mod prove;

pub mod clusters;

pub mod cli;

#[doc(hidden)]
pub mod fuzz;
