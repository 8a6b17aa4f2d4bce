//! What a probe sends, and when its service counts as up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BodyRule, Dur, WorkloadRef};

/// When a service counts as recovered. One successful answer is not enough: it may be luck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UpRule {
    /// Number of successes in a row.
    pub successes: u32,
    /// The time that these successes must span at least.
    pub over: Dur,
}

impl Default for UpRule {
    fn default() -> Self {
        Self { successes: 8, over: Dur::secs(4) }
    }
}

/// How a probe tests a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ProbeKind {
    /// A GET request on a new connection. The status and the body must match.
    Http {
        /// The address to request.
        url: String,
        /// Expected status.
        status: u16,
        /// What the body must be. Without a rule, the default page of a load balancer would count as a success.
        body: BodyRule,
    },
    /// A TCP connection must be accepted.
    Tcp {
        /// `host:port`.
        address: String,
    },
    /// A program must exit with 0.
    Exec {
        /// Program and arguments; no shell.
        argv: Vec<String>,
    },
}

/// One probe of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeSpec {
    /// Whether the service is down before the fault and must come up after it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub starts_down: bool,
    /// Its name in the scenario.
    pub name: String,
    /// How it tests the service.
    pub kind: ProbeKind,
    /// The time between two requests, however long an answer takes.
    pub every: Dur,
    /// A request without an answer for this long counts as failed, at the time when it was sent.
    pub timeout: Dur,
    /// When the service counts as up.
    pub up: UpRule,
    /// Workloads whose pods answer the probe. The fault reached the service if it hit one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backed_by: Vec<WorkloadRef>,
    /// `host:port` to test when a sample fails, to find out whether drillmaster itself lost the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vantage: Option<String>,
}
