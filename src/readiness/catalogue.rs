//! The catalogue: all checks, by area, in the order in which they are reported.

use super::{
    areas::{
        affinity, alarms, alerting, apis, audit, backups, budgets, certificates, copied, drift, governance, images,
        isolation, logging, mesh, metrics, monitors, network, operated, parity, plan, pod_security, probes, rbac,
        reach, references, resources, restorable, routing, scanned, secrets, storage, stores, synced, tokens, usage,
        workloads, zones,
    },
    check::{ALERTS, Check, DEPOUT, DRAIN, NETPART, NODE, REGION, RESTORE, ZONE},
    drill,
    pattern::glob,
};
use crate::scenario::Vocabulary;

/// An area of a production-readiness review.
pub(crate) struct Area {
    /// The name in code; `--profile security` selects areas by it.
    pub name: &'static str,
    /// The title in reports.
    pub title: &'static str,
    /// One slice for each file.
    checks: &'static [&'static [Check]],
}

/// All areas.
pub(crate) const AREAS: &[Area] = &[
    Area { name: "drill", title: "This drill", checks: &[&drill::CHECKS] },
    Area {
        name: "network",
        title: "Network policies and mesh",
        checks: &[isolation::CHECKS, network::CHECKS, reach::CHECKS, mesh::CHECKS, governance::NETWORK],
    },
    Area { name: "pods", title: "Pod security", checks: &[pod_security::CHECKS] },
    Area {
        name: "rbac",
        title: "Rights and audit",
        checks: &[rbac::CHECKS, tokens::CHECKS, audit::CHECKS, governance::RIGHTS],
    },
    Area {
        name: "secrets",
        title: "Secrets",
        checks: &[secrets::CHECKS, stores::CHECKS, synced::CHECKS, certificates::CHECKS],
    },
    Area { name: "images", title: "Images", checks: &[images::CHECKS, scanned::CHECKS, governance::IMAGES] },
    Area {
        name: "workloads",
        title: "Replicas and workloads",
        checks: &[workloads::CHECKS, references::CHECKS, operated::CHECKS],
    },
    Area { name: "resources", title: "Requests, limits, capacity", checks: &[resources::CHECKS, usage::USAGE] },
    Area { name: "budgets", title: "Disruption budgets", checks: &[budgets::CHECKS] },
    Area { name: "affinity", title: "Affinity and tolerations", checks: &[affinity::CHECKS] },
    Area { name: "zones", title: "Zones", checks: &[zones::CHECKS] },
    Area { name: "probes", title: "Probes", checks: &[probes::CHECKS] },
    Area { name: "storage", title: "Storage", checks: &[storage::CHECKS] },
    Area {
        name: "metrics",
        title: "Metrics and monitoring",
        checks: &[metrics::CHECKS, monitors::CHECKS, usage::MONITORING],
    },
    Area {
        name: "alerting",
        title: "Alerts and dashboards",
        checks: &[alerting::CHECKS, alarms::CHECKS, routing::CHECKS],
    },
    Area { name: "logging", title: "Logging", checks: &[logging::CHECKS] },
    Area { name: "backups", title: "Backups", checks: &[backups::CHECKS, restorable::CHECKS, copied::CHECKS] },
    Area { name: "plan", title: "Plan and platform", checks: &[plan::CHECKS, parity::TARGET, apis::CHECKS] },
    Area { name: "drift", title: "Drift, access, profiling", checks: &[drift::CHECKS, parity::PARITY] },
];

impl Area {
    /// Its checks, in the order in which they are reported.
    pub fn checks(&self) -> impl Iterator<Item = &'static Check> + use<> {
        self.checks.iter().copied().flatten()
    }
}

/// Checks that a review of a simulated cluster makes. The description of such a cluster does not
/// hold the objects that the other checks need, so their results would say nothing about the
/// real cluster.
pub const OF_A_DESCRIPTION: &[&str] = &[
    "WRK-001", "WRK-003", "WRK-004", "RES-006", "RES-007", "PDB-001", "PDB-002", "PDB-003", "PDB-004", "AFF-002",
    "AFF-003", "AFF-004", "ZON-001", "ZON-003", "BCK-005", "ALR-006", "ALR-007",
];

/// The names that a readiness file may use.
pub const VOCABULARY: Vocabulary = Vocabulary {
    is_check: |pattern| all().any(|c| glob(pattern, c.id) || glob(pattern, c.name)),
    checks: || all().map(|c| c.id).collect(),
    drills: &[DRAIN, NODE, ZONE, REGION, RESTORE, NETPART, DEPOUT, ALERTS],
};

/// All checks.
pub(crate) fn all() -> impl Iterator<Item = &'static Check> {
    AREAS.iter().flat_map(Area::checks)
}
