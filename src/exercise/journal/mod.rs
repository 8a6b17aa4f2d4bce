//! The journal of an exercise: lines with the fields, the segments and the chain of a drill's journal, and kinds of its
//! own. There is no process that holds it open. Each command takes the lock, reads all lines, appends its own and
//! releases the lock; so a killed command, a closed laptop or two directors at once lose nothing.
//!
//! A machine continues its own newest segment. A command on another machine, or after a reboot, opens the next segment,
//! which only one process can create; what an earlier machine then still writes counts for nothing. Start with
//! [`open`] to write and [`read`] to read.

mod error;
mod read;
mod write;

pub use error::JournalError;
pub use read::{Lines, read};
pub use write::{Open, create, open};
