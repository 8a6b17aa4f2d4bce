//! Runs drills: forward through the steps, backward through the undos, and everything that may interrupt them. This is
//! the only module that uses all others. Start with [`run`], then [`recover`].

mod announce;
mod arm;
mod baseline;
mod begin;
mod conclude;
mod connect;
mod control;
mod errors;
mod forward;
mod from_cluster;
mod guard;
mod heads;
mod interrupts;
mod keepsakes;
mod left_open;
mod moment;
mod open;
mod overrides;
mod preflight;
mod prepare;
mod reaper;
mod rebalance;
mod recover;
mod run;
mod session;
mod settle;
mod standby;
mod unwind;
mod way_back;

pub use begin::{Begun, Options, begin};
pub use control::{Control, LEAST_FROZEN};
pub use errors::{NEEDS_BINDINGS, RecoverError, RunError};
pub use from_cluster::from_cluster;
pub use heads::NOT_KEPT;
pub use interrupts::Interrupts;
pub use moment::{Moment, Moments};
pub use open::{ClusterAccess, OpenError, open};
pub use overrides::Overrides;
pub use preflight::Catalogue;
pub use prepare::{PrepareError, Prepared, prepare, prepare_in};
pub use reaper::{reap, reaper_dies_with, spawn_reaper};
pub use recover::{recover, recover_in};
pub use run::run;
pub use standby::stand_by;
pub use way_back::way_to;
