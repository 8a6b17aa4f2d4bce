//! The machines under the nodes: their power, and the heartbeats of their kubelets. They do not know what the cluster
//! does about a silent node. Start with [`Machine`].

use std::{collections::BTreeMap, time::Duration};

use crate::model::PowerState;

/// A machine.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub state: PowerState,
    /// Since when its kubelet reports. None while it does not report.
    pub reports_from_us: Option<u64>,
    /// When its kubelet last stopped reporting.
    pub silent_us: u64,
    /// The offset of the lease renewals of its kubelet within their period.
    pub phase_us: u64,
    /// Its kubelet runs, but no packet of it reaches the control plane.
    pub unheard: bool,
    /// How often the machine has started since the cluster was created.
    pub boots: u32,
}

/// The boot ID that a node reports. It differs after each start.
pub(super) fn boot_id(node: &str, boots: u32) -> String {
    format!("{node}-boot-{boots}")
}

impl Machine {
    /// Whether something was taken from the machine and not given back.
    pub(super) fn is_silent(&self) -> bool {
        self.reports_from_us.is_none()
    }
}

/// All machines of a cluster.
#[derive(Clone, Debug, Default)]
pub(super) struct Machines {
    pub by_node: BTreeMap<String, Machine>,
    /// The age in microseconds of a node's lease when its kubelet stops reporting, if the description sets it. Other
    /// nodes renew their leases on a random schedule.
    pub lease_ages: BTreeMap<String, u64>,
}

impl Machines {
    /// Adds a running machine.
    pub(super) fn add(&mut self, node: &str, phase_us: u64) {
        let machine = Machine {
            state: PowerState::Running,
            reports_from_us: Some(0),
            silent_us: 0,
            phase_us,
            unheard: false,
            boots: 0,
        };
        self.by_node.insert(node.to_owned(), machine);
    }

    /// Takes something from a machine: power, running state, network or kubelet.
    pub(super) fn silence(&mut self, node: &str, state: PowerState, now_us: u64) {
        if let Some(machine) = self.by_node.get_mut(node) {
            if machine.reports_from_us.is_some_and(|from| from <= now_us) {
                machine.silent_us = now_us;
            }
            machine.reports_from_us = None;
            machine.unheard = false;
            machine.state = state;
        }
    }

    /// Keeps the reports of a kubelet that runs from the control plane.
    pub(super) fn cut_off(&mut self, node: &str, now_us: u64) {
        self.silence(node, PowerState::Running, now_us);
        if let Some(machine) = self.by_node.get_mut(node) {
            machine.unheard = true;
        }
    }

    /// Gives it back. The kubelet reports after a while.
    pub(super) fn revive(&mut self, node: &str, now_us: u64, after: Duration) {
        if let Some(machine) = self.by_node.get_mut(node) {
            machine.boots += u32::from(machine.state == PowerState::Off);
            machine.state = PowerState::Running;
            machine.unheard = false;
            machine.reports_from_us = Some(now_us + after.as_micros() as u64);
        }
    }

    /// Whether a machine is silent.
    pub(super) fn is_silent(&self, node: &str) -> bool {
        self.by_node.get(node).is_some_and(Machine::is_silent)
    }

    /// Whether a machine was restarted since the cluster was created.
    pub(super) fn has_started(&self, node: &str) -> bool {
        self.by_node.get(node).is_some_and(|m| m.boots > 0)
    }

    /// Whether the kubelet of a node reports.
    pub(super) fn reports(&self, node: &str, now_us: u64) -> bool {
        self.by_node.get(node).is_some_and(|m| m.reports_from_us.is_some_and(|from| from <= now_us))
    }

    /// When the lease of a node was last renewed.
    pub(super) fn renewed_us(&self, node: &str, now_us: u64, every: Duration) -> u64 {
        let Some(machine) = self.by_node.get(node) else { return 0 };
        let every = (every.as_micros() as u64).max(1);
        let grid = |t: u64| (t.saturating_sub(machine.phase_us)) / every * every + machine.phase_us;
        match machine.reports_from_us {
            Some(from) if from <= now_us => grid(now_us).max(from).min(now_us),
            _ => match self.lease_ages.get(node) {
                Some(age) => machine.silent_us.saturating_sub(*age),
                None => grid(machine.silent_us).min(machine.silent_us),
            },
        }
    }
}
