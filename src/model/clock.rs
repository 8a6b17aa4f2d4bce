//! The start time of a run, in a form that another process can use.

use serde::{Deserialize, Serialize};

/// The start time of a run on the monotonic clock of one boot of one machine. Another process on this machine
/// continues the run's clock from it, even if the wall clock was changed in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockMark {
    /// The kernel's id for this boot.
    pub boot: String,
    /// Microseconds from the boot to the start of the run, by CLOCK_BOOTTIME.
    pub zero_us: u64,
}
