//! The journal of a run: an append-only, hash-chained file of events; the lock that shows that its writer is alive;
//! and the fold that computes what is still to be undone. This module does not act on a cluster and does not judge.
//! Start with [`Journal`], then [`RunState`].

mod about;
mod answers;
mod chain;
mod fault;
mod fold;
mod following;
mod format1;
mod holder;
mod lines;
mod lock;
mod newest;
mod outside;
mod possible;
mod probes;
mod programs;
mod read;
mod recorder;
mod rundir;
pub(crate) mod segment;
mod tail;
mod write;

pub use about::{About, End, EventPlace};
pub use answers::Answer;
pub use fault::{FaultState, IllegalTransition};
pub use fold::{AlertKey, BudgetView, FaultRecord, NodeView, RunState};
pub use following::{Followed, Following};
pub use holder::{Holder, Stopped};
pub use lock::{Lock, LockError};
pub use newest::{NewestRuns, is_rehearsal};
pub use outside::{OutsideChanges, SAME_US};
pub use probes::{ProbeState, Stretch};
pub use programs::Programs;
pub use read::{JournalError, ReadJournal, follow, header, read, read_str};
pub use recorder::{Broken, Recorder};
pub use rundir::{KEPT, RunDir};
pub use tail::Late;
pub(crate) use write::hash_line;
pub use write::{Journal, WriteError};
