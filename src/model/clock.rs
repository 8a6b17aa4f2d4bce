//! A run's zero, for another process.

use serde::{Deserialize, Serialize};

/// A run's zero on the clock of one boot of one machine: another process there can go on
/// with it, whatever the wall clock says meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockMark {
    /// The kernel's name for this start of the machine.
    pub boot: String,
    /// Microseconds from that start to the run's zero, by CLOCK_BOOTTIME.
    pub zero_us: u64,
}
