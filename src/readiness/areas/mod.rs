//! The checks of a production-readiness review, one or more files for each area. Each
//! file holds its entries of the catalogue first, then the code of their rules.

pub(super) mod affinity;
pub(super) mod alarms;
pub(super) mod alerting;
pub(super) mod apis;
pub(super) mod audit;
mod backends;
pub(super) mod backups;
pub(super) mod budgets;
pub(super) mod certificates;
pub(super) mod copied;
pub(super) mod datadog;
pub(super) mod drift;
pub(super) mod governance;
pub(super) mod images;
pub(super) mod isolation;
pub(super) mod logging;
pub(super) mod mesh;
pub(super) mod metrics;
pub(super) mod monitors;
pub(super) mod network;
pub(super) mod operated;
pub(super) mod parity;
pub(super) mod plan;
pub(super) mod pod_security;
pub(super) mod probes;
pub(super) mod rbac;
pub(super) mod reach;
pub(super) mod references;
pub(super) mod resources;
pub(super) mod restorable;
pub(super) mod routing;
mod scaling;
pub(super) mod scanned;
pub(super) mod secrets;
mod stateful;
pub(super) mod storage;
pub(super) mod stores;
pub(super) mod synced;
pub(super) mod tokens;
pub(super) mod usage;
mod velero;
mod webhooks;
pub(super) mod workloads;
pub(super) mod zones;

pub(super) use stateful::is_a_store;
