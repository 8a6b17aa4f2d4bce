//! What the node lifecycle controller does when nodes fall silent, by zone.
//! Constants: kubernetes `cmd/kube-controller-manager/app/options/nodelifecyclecontroller.go`.

use std::time::Duration;

use crate::model::ClocksSpec;

/// The controller's clocks. They are flags of a process that a client cannot
/// read: these are the defaults of Kubernetes unless the bindings say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// A silent kubelet is believed for this long.
    pub grace: Duration,
    /// How often the controller looks.
    pub period: Duration,
    /// How often a kubelet renews its lease.
    pub renew: Duration,
    /// Between two nodes of a zone that get their NoExecute taint.
    pub eviction_interval: Duration,
}

impl Clocks {
    /// What the place says, or else the defaults of a version.
    pub fn of(told: Option<ClocksSpec>, version: &str) -> Self {
        told.map_or_else(
            || Self::of_version(version),
            |c| Self {
                grace: c.grace.0,
                period: c.period.0,
                renew: c.renew.0,
                eviction_interval: c.eviction_interval.0,
            },
        )
    }

    /// The defaults of a version: 40 s until 1.31, 50 s since 1.32 (correctness 11).
    pub fn of_version(version: &str) -> Self {
        let minor = version
            .trim_start_matches('v')
            .split('.')
            .nth(1)
            .and_then(|m| m.trim_end_matches('+').parse::<u32>().ok())
            .unwrap_or(37);
        Self {
            grace: Duration::from_secs(if minor >= 32 { 50 } else { 40 }),
            period: Duration::from_secs(5),
            renew: Duration::from_secs(10),
            eviction_interval: Duration::from_secs(10),
        }
    }
}

/// When a dead node is noticed, after its last breath: earliest and latest.
pub fn detection(clocks: &Clocks) -> (Duration, Duration) {
    (clocks.grace.saturating_sub(clocks.renew), clocks.grace + clocks.period)
}

/// How a zone is doing, which decides how fast it evicts (correctness 13, 14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneState {
    /// Evicts at the normal rate.
    Normal,
    /// More than 2 and at least 55 % not ready: slower, and not at all below 51 nodes.
    Partial,
    /// No node ready; evicts at the normal rate while another zone lives.
    Full,
}

/// The state of a zone with so many ready and not ready nodes.
pub fn zone_state(ready: usize, not_ready: usize) -> ZoneState {
    if ready == 0 && not_ready > 0 {
        ZoneState::Full
    } else if not_ready > 2 && not_ready * 100 >= 55 * (ready + not_ready) {
        ZoneState::Partial
    } else {
        ZoneState::Normal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_four_in_one_zone_never_evict() {
        assert_eq!(zone_state(1, 3), ZoneState::Partial);
        assert_eq!(zone_state(0, 2), ZoneState::Full);
        assert_eq!(zone_state(4, 2), ZoneState::Normal);
        assert_eq!(zone_state(0, 0), ZoneState::Normal);
    }

    #[test]
    fn the_grace_period_grew_with_1_32() {
        assert_eq!(Clocks::of_version("v1.31.4").grace.as_secs(), 40);
        assert_eq!(Clocks::of_version("v1.37.2").grace.as_secs(), 50);
    }
}
