//! Negative controls: a check that has only ever been seen green is no evidence. For each
//! expectation of a scenario this room plants the defects that must turn it red or
//! inconclusive, rehearses each of them, and tells what became of the expectation.
//!
//! `defects` chooses what to plant, one file for each kind of expectation; `setting` finds
//! the names that a defect needs; `run` rehearses, by a function that it is given; `table`
//! is what came of it. A defect is nothing but entries of `happens:` (see `sim::happens`),
//! so whoever doubts a row can write them into a cluster file. Start with [`prove`].

mod alert;
mod budgets;
mod defects;
mod loss;
mod placement;
mod replicas;
mod restore;
mod run;
mod service;
mod setting;
mod table;

pub use defects::{Attacks, Defect, defects};
pub use run::{Rehearsed, prove};
pub use setting::Setting;
pub use table::{Found, Row, Table};
