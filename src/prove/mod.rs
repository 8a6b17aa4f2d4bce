//! Negative controls: a check that has only ever been green is not evidence. For each expectation of a scenario, this
//! module plants the defects that must make it fail or inconclusive, rehearses each of them, and reports what happened
//! to the expectation.
//!
//! `choice` says what to plant, with one file for each kind of expectation; `setting` finds the names that a
//! defect needs; `run` rehearses, with a function that the caller provides; `table` is the result. A defect consists
//! only of entries for `happens:` (see `sim::happens`), so anybody can repeat a row by writing them into a cluster
//! file. Start with [`prove`].

mod alert;
mod budgets;
mod choice;
mod defects;
mod loss;
mod placement;
mod replicas;
mod reprotected;
mod restore;
mod run;
mod service;
mod setting;
mod table;

pub use choice::defects;
pub use defects::{Attacks, Defect};
pub use run::{Rehearsed, prove};
pub use setting::Setting;
pub use table::{DefectResult, Row, Table};
