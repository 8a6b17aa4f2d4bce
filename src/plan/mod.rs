//! Decides what a drill will do, before anything is touched. It takes a scenario and an inventory and returns a plan
//! or the reasons why there is none. It does no I/O. Start with [`build`].

mod build;
mod hash;
mod limits;
mod permissions;
mod predict;
mod radius;
mod rebalance;
mod show;

pub use build::{Request, build};
pub use hash::{hash, hash_of_written};
pub use permissions::{REAPER_BINDINGS, rbac, reaper};
pub use show::show;
