//! What the node lifecycle controller does, for each zone, when nodes stop reporting. Source of the constants:
//! kubernetes `cmd/kube-controller-manager/app/options/nodelifecyclecontroller.go`.

use std::time::Duration;

use crate::model::ClocksSpec;

/// The timing of the controller. These are flags of a process, which a client cannot read. So drillmaster uses the
/// defaults of Kubernetes, unless the bindings give other values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// How long the controller waits for a kubelet that has stopped reporting.
    pub grace: Duration,
    /// How often the controller checks.
    pub period: Duration,
    /// How often a kubelet renews its lease.
    pub renew: Duration,
    /// The time between two nodes of a zone that get their NoExecute taint.
    pub eviction_interval: Duration,
}

impl Clocks {
    /// The timing in the bindings, or the defaults of a version.
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

    /// The defaults of a version: 40 s until 1.31, 50 s since 1.32.
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

/// When the controller notices a dead node, counted from its last heartbeat: earliest and latest.
pub fn detection(clocks: &Clocks) -> (Duration, Duration) {
    (clocks.grace.saturating_sub(clocks.renew), clocks.grace + clocks.period)
}

/// The state of a zone. It decides how fast the controller evicts there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneState {
    /// The controller evicts at the normal rate.
    Normal,
    /// More than 2 and at least 55 % of the nodes are not ready: it evicts more slowly, and not at all with at
    /// most 50 nodes.
    Partial,
    /// No node is ready: it evicts at the normal rate if another zone is not in this state.
    Full,
}

/// The state of a zone with this many ready and not ready nodes.
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
