//! What will happen, decided before anything is touched. Pure: scenario and
//! inventory in, plan or refusals out. Start with [`build`].

mod build;
mod hash;
mod limits;
mod permissions;
mod predict;
mod radius;
mod show;

pub use build::{Request, build};
pub use hash::{hash, hash_of_written};
pub use permissions::{rbac, reaper};
pub use show::show;
