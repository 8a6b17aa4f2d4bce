//! What a probe asks, and when its service counts as up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BodyRule, Dur, WorkloadRef};

/// When a service counts as recovered: one lucky answer is not enough (correctness 48).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UpRule {
    /// Successes in a row.
    pub successes: u32,
    /// Time that they must span at least.
    pub over: Dur,
}

impl Default for UpRule {
    fn default() -> Self {
        Self { successes: 8, over: Dur::secs(4) }
    }
}

/// How a probe asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ProbeKind {
    /// A GET on a new connection; the status and the body must match.
    Http {
        /// Where.
        url: String,
        /// Expected status.
        status: u16,
        /// What the body must be: a default page of a load balancer is no success.
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
    /// Whether it is down before the fault, and must come up after it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub starts_down: bool,
    /// Its name in the scenario.
    pub name: String,
    /// How it asks.
    pub kind: ProbeKind,
    /// Distance of two sends, regardless of how long an answer takes.
    pub every: Dur,
    /// No answer for this long counts as a failure, at the time of the send.
    pub timeout: Dur,
    /// When the service counts as up.
    pub up: UpRule,
    /// Workloads whose pods answer it: the fault reached the service when it hit one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backed_by: Vec<WorkloadRef>,
    /// `host:port` that is asked when a sample fails, to know whether we can still see anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vantage: Option<String>,
}
