//! What a run keeps beside its journal as evidence, in the directory `kept`.

use serde::{Deserialize, Serialize};

/// A kind of evidence that a run keeps beside its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keepsake {
    /// The bindings, in which secrets are references.
    Bindings,
    /// The whole readiness review.
    ReadinessReview,
    /// The alerting rules of Prometheus.
    Rules,
    /// The configuration of each Alertmanager.
    Alertmanager,
    /// Objects of the cluster before the first act.
    InventoryBefore,
    /// Objects of the cluster after the last undo.
    InventoryAfter,
    /// What Velero wrote about each backup and restore: object, results, log, volumes.
    Velero,
}

impl Keepsake {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Bindings,
        Self::ReadinessReview,
        Self::Rules,
        Self::Alertmanager,
        Self::InventoryBefore,
        Self::InventoryAfter,
        Self::Velero,
    ];

    /// Whether a run reads it only after its observers have stopped.
    pub fn follows_the_observers(self) -> bool {
        match self {
            Self::InventoryAfter | Self::Velero => true,
            Self::Bindings | Self::ReadinessReview | Self::Rules | Self::Alertmanager | Self::InventoryBefore => false,
        }
    }

    /// What it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Bindings => "bindings without secrets",
            Self::ReadinessReview => "readiness review",
            Self::Rules => "alerting rules",
            Self::Alertmanager => "Alertmanager's configuration",
            Self::InventoryBefore => "inventory before",
            Self::InventoryAfter => "inventory after",
            Self::Velero => "Velero's results, logs and volume records",
        }
    }
}
