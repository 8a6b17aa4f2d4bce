//! The real world around a drill: one cluster, the machines of its nodes, and the services beside it. Everything that
//! leaves this process goes through this module. Each interface (API server, HTTP, programs, node host, clock) is one
//! type with a real and a simulated implementation. Nothing here knows what a drill is. Start with [`World`].

mod api;
mod backup_archive;
pub mod child;
mod clock;
mod connect;
mod datadog;
mod exec;
mod heads;
mod here;
mod host;
mod http;
mod kube;
mod lease;
mod lists;
mod machine;
mod monitoring;
mod own_cluster;
mod pace;
mod page;
mod partition;
mod pieces;
mod reread;
mod runrecord;
mod secrets;
mod simulated;
mod velero;
mod watch;

use std::sync::Arc;

pub use api::{ApiCall, ApiError};
pub use backup_archive::{Archived, objects_of};
pub use clock::Clock;
pub use connect::{ConnectError, Reach, connect, credentials_expire, kubeconfig_files};
pub use datadog::{Datadog, MonitorInfo};
pub use exec::{ExecError, Output, Program, WITHHELD};
pub use heads::{Heads, NAMESPACE};
pub use here::{Here, Outside};
pub use host::NodeHost;
pub use http::{Http, HttpError};
pub use kube::Kube;
pub use lease::{LEASE_DURATION, Lease, LeaseError, LeasePulse, STOP};
pub use machine::{HostError, Machine};
pub use monitoring::{ActiveAlert, Monitoring, RuleInfo, Sample, Silence};
pub use own_cluster::{MARK, own_cluster, own_name};
pub use pace::rest_after;
pub use page::Page;
pub use reread::LastList;
pub use runrecord::{Chain, Claim, FoundRecord, OpenFault, OpenUndos, Record, RunRecord};
pub use secrets::{Filled, ReadyProbe, SecretReader};
pub use simulated::{SimBackend, Simulated, WebAnswer, WebRequest};
pub use velero::{BACKUP_READY, Velero, VeleroError, is_queued, is_terminal, nudge_command};
pub use watch::{Readable, WatchEvent, WatchLines, readable};

use crate::model::{Bindings, ClusterIdentity, Redactor};

/// One cluster with everything around it.
#[derive(Debug)]
pub struct World {
    /// Its API server.
    pub kube: Kube,
    /// Which cluster that is.
    pub identity: ClusterIdentity,
    /// The node host, if the bindings name one.
    pub host: Option<NodeHost>,
    /// Plain HTTP: downloads, webhooks.
    pub http: Http,
    /// Prometheus and Alertmanager, as far as the bindings name them.
    pub monitoring: Monitoring,
    /// Datadog, if the bindings name it.
    pub datadog: Option<Datadog>,
    /// Velero.
    pub velero: Velero,
    /// The place.
    pub bindings: Bindings,
    /// The second cluster, if one is given.
    pub recovery: Option<Arc<World>>,
    /// The only clock.
    pub clock: Clock,
    /// What is outside the cluster: this machine, or a simulation.
    pub outside: Outside,
    /// Removes secrets from everything that is written.
    pub redactor: Arc<Redactor>,
}

impl World {
    /// The simulation behind this world; none if the world is real.
    pub fn simulated(&self) -> Option<&SimBackend> {
        match &self.outside {
            Outside::Here(_) => None,
            Outside::Simulated(backend) => Some(backend),
        }
    }
}
