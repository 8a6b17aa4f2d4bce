//! The run directory's memory: an append-only, hash-chained file of events, the
//! lock that proves its writer alive, and the fold that says what is still to be
//! undone. Start with [`Journal`], then [`RunState`].

mod fault;
mod fold;
mod format1;
mod lock;
mod probes;
mod read;
mod recorder;
mod rundir;
mod write;

pub use fault::{FaultState, IllegalTransition};
pub use fold::{AlertKey, BudgetView, FaultRecord, NodeView, RunState};
pub use lock::{Lock, LockError};
pub use probes::{ProbeState, Stretch};
pub use read::{JournalError, ReadJournal, read, read_str};
pub use recorder::{Broken, Recorder};
pub use rundir::{RunDir, latest};
pub use write::{Journal, WriteError};
