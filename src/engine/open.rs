//! Opens the world of a drill from context, bindings and node host, and checks that they belong to the same cluster.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    model::{Bindings, ClusterIdentity, NodeHostSpec},
    world::{
        Clock, ConnectError, Datadog, Here, HostError, Http, Kube, Machine, Monitoring, NodeHost, Outside, Reach,
        Velero, World, connect,
    },
};

/// Where a drill runs, and how to reach it.
#[derive(Clone, Debug, Default)]
pub struct ClusterAccess {
    /// How to reach the cluster.
    pub reach: Reach,
    /// How to reach the second cluster, if the drill has one.
    pub recovery: Option<Reach>,
    /// The bindings.
    pub bindings: Bindings,
    /// The file of the bindings.
    pub bindings_file: Option<PathBuf>,
    /// Whether the bindings are those that are built in for a cluster of `cluster up`.
    pub built_in: bool,
    /// This machine.
    pub here: Here,
}

/// Why the world could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The cluster cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The node host failed.
    #[error("cannot use the node host")]
    Host(#[from] HostError),
    /// Both contexts are for the same cluster.
    #[error("contexts `{0}` and `{1}` are for the same cluster, but the drill needs two different clusters")]
    Same(String, String),
    /// The kubeconfig and the containers belong to different clusters.
    #[error(
        "context `{context}` ({server}) and the kind cluster `{cluster}` of the bindings are not the same cluster: {why}"
    )]
    Different {
        /// Context.
        context: String,
        /// Its server.
        server: String,
        /// The kind cluster.
        cluster: String,
        /// What shows it.
        why: String,
    },
}

/// Opens a world. It only reads.
pub async fn open(place: &ClusterAccess, clock: Clock) -> Result<(World, BTreeMap<String, Machine>), OpenError> {
    let (kube, mut identity) = connect(&place.reach, &place.here).await?;
    let host = host(place);
    let mut machines = BTreeMap::new();
    if let (Some(host), Some(NodeHostSpec::Kind(kind))) = (&host, &place.bindings.node_host) {
        let found = host.machines().await?;
        same_cluster(&kube, &identity, &kind.cluster, &found).await?;
        identity.flavour = "kind".into();
        machines = found.into_iter().map(|m| (m.node.clone(), m)).collect();
    }
    let recovery = match &place.recovery {
        Some(reach) => Some(Arc::new(second(reach, &identity, place, clock).await?)),
        None => None,
    };
    Ok((world(kube, identity, host, place, clock, recovery), machines))
}

/// Opens the world of a run that began on this machine. The cluster is identified by its UID, so a container engine
/// that does not answer does not prevent the rest of the undo.
pub(super) async fn open_again(place: &ClusterAccess, clock: Clock, flavour: &str) -> Result<World, OpenError> {
    let (kube, mut identity) = connect(&place.reach, &place.here).await?;
    flavour.clone_into(&mut identity.flavour);
    let recovery = match &place.recovery {
        Some(reach) => Some(Arc::new(second(reach, &identity, place, clock).await?)),
        None => None,
    };
    Ok(world(kube, identity, host(place), place, clock, recovery))
}

/// The second cluster: with the same bindings, but without machines and monitoring.
async fn second(
    reach: &Reach,
    first: &ClusterIdentity,
    place: &ClusterAccess,
    clock: Clock,
) -> Result<World, OpenError> {
    let (kube, mut identity) = connect(reach, &place.here).await?;
    if identity.uid == first.uid {
        return Err(OpenError::Same(first.context.clone(), identity.context));
    }
    identity.name = "recovery".into();
    let bindings =
        Bindings { prometheus: None, alertmanager: vec![], datadog: None, node_host: None, ..place.bindings.clone() };
    Ok(world(kube, identity, None, &ClusterAccess { bindings, ..place.clone() }, clock, None))
}

pub(super) fn host(place: &ClusterAccess) -> Option<NodeHost> {
    place.bindings.node_host.as_ref().map(|spec| NodeHost::new(spec, &place.here))
}

fn world(
    kube: Kube,
    identity: ClusterIdentity,
    host: Option<NodeHost>,
    place: &ClusterAccess,
    clock: Clock,
    recovery: Option<Arc<World>>,
) -> World {
    let ClusterAccess { bindings, here, .. } = place;
    let redactor = here.redactor();
    let http = Http::new(Duration::from_secs(10), redactor);
    let velero = bindings.velero.clone().unwrap_or_else(|| "velero".into());
    World {
        velero: Velero::new(kube.clone(), Http::new(Duration::from_secs(60), redactor), velero),
        monitoring: Monitoring::new(
            Http::new(Duration::from_secs(3), redactor),
            bindings.prometheus.as_deref(),
            &bindings.alertmanager,
        ),
        datadog: bindings
            .datadog
            .clone()
            .map(|spec| Datadog::new(http.clone(), spec, here.clone(), Arc::clone(redactor))),
        kube,
        identity,
        recovery,
        host,
        http,
        bindings: bindings.clone(),
        clock,
        outside: Outside::Here(here.clone()),
        redactor: Arc::clone(redactor),
    }
}

/// Checks both sides: the API server's port must be published by the container of the control plane, and the nodes
/// must have the names and addresses of the containers.
async fn same_cluster(
    kube: &Kube,
    identity: &ClusterIdentity,
    cluster: &str,
    machines: &[Machine],
) -> Result<(), OpenError> {
    let different = |why: String| OpenError::Different {
        context: identity.context.clone(),
        server: identity.server.clone(),
        cluster: cluster.to_owned(),
        why,
    };
    if machines.is_empty() {
        return Err(different("the container engine has no container of this cluster".into()));
    }
    let nodes: Vec<crate::kubernetes::objects::Node> = kube
        .list_as("/api/v1/nodes")
        .await
        .map_err(|source| ConnectError::Api { context: identity.context.clone(), source })?;
    for node in &nodes {
        let Some(machine) = machines.iter().find(|m| m.node == node.metadata.name) else {
            return Err(different(format!("node {} is not one of its containers", node.metadata.name)));
        };
        let ip = node.internal_ip().to_owned();
        let known: Vec<&String> = machine.addresses.values().filter(|a| !a.is_empty()).collect();
        if !known.is_empty() && !known.contains(&&ip) {
            return Err(different(format!(
                "node {} has the address {ip}, but its container has {known:?}",
                node.metadata.name
            )));
        }
    }
    let port = identity.server.rsplit(':').next().unwrap_or("").trim_end_matches('/');
    let published =
        machines.iter().filter(|m| m.control_plane).any(|m| m.ports.get("6443/tcp").is_some_and(|p| p == port));
    let balanced = machines.iter().filter(|m| m.control_plane).count() > 1;
    if published || balanced {
        Ok(())
    } else {
        Err(different(format!("its control plane does not publish port {port}")))
    }
}
