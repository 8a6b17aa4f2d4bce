//! A kind cluster for drills: zones, Velero with an object store outside the nodes, monitoring, and a sample shop.
//! Everything that it creates is named after the cluster, and nothing else is touched. Start with [`up`].

mod engine;
mod next;
mod ready;
mod stack;
mod store;

use std::{collections::BTreeMap, net::TcpListener, path::PathBuf, time::Duration};

use self::engine::Engine;
pub use self::next::Next;
use crate::world::{ApiError, ConnectError, ExecError, Here, Kube, Reach, connect};

/// The ports on this machine's loopback address: storefront (two ways), append log, archive, store, Prometheus,
/// Alertmanager.
const PORTS: [u16; 7] = [30080, 30082, 30081, 30083, STORE, 30090, 30093];
const STORE: u16 = 30071;
/// The port of the storefront in the recovery cluster, after it was restored there.
const RECOVERED: u16 = 31080;
const TWO: &str = "two-clusters";
/// The time limit for kind to create the control plane.
const CREATE: Duration = Duration::from_secs(600);

/// The cluster, and the programs that create it.
#[derive(Clone, Debug)]
pub struct ClusterTools {
    /// Its name; the context is `kind-NAME`.
    pub name: String,
    /// The kubeconfig to write to. None means $KUBECONFIG or ~/.kube/config.
    pub kubeconfig: Option<PathBuf>,
    /// docker, podman or nerdctl.
    pub engine: String,
    /// The kind program.
    pub kind: String,
}

/// How to create the cluster.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The cluster.
    pub place: ClusterTools,
    /// three-zones, small, two-clusters, or a kind configuration file.
    pub config: String,
    /// Node image. None means kind's default.
    pub image: Option<String>,
    /// A file with images that replace the pinned ones.
    pub images: Option<PathBuf>,
    /// The time limit for everything to become ready.
    pub at_most: Duration,
}

/// Why a cluster command failed.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A program is missing, or the user may not use it.
    #[error("cannot use {program}: {why}; {fix}")]
    Program {
        /// The program.
        program: String,
        /// Its output.
        why: String,
        /// What to do.
        fix: &'static str,
    },
    /// A program failed.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// Something with this name exists and was not created by drillmaster.
    #[error("{0}")]
    Foreign(String),
    /// Another program already listens on this port.
    #[error(
        "port {0} of 127.0.0.1 is in use by another drill cluster (see `drillmaster cluster status`) or another program"
    )]
    Port(u16),
    /// A file cannot be read or written.
    #[error("{what}: {why}")]
    File {
        /// The file.
        what: String,
        /// The reason.
        why: String,
    },
    /// Connecting to the cluster failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The API server returned an error.
    #[error("{what}")]
    Api {
        /// The request.
        what: String,
        /// The error.
        #[source]
        source: ApiError,
    },
    /// A node that kind cannot create again.
    #[error(
        "the container of node {node} is gone, so the cluster must be created again: run `drillmaster cluster down --name {name}`, then `cluster up`"
    )]
    Gone {
        /// The node.
        node: String,
        /// The name of the cluster.
        name: String,
    },
    /// The stack did not become ready in time.
    #[error("not ready within {limit:?}: {waiting}")]
    Late {
        /// The time limit.
        limit: Duration,
        /// What is not ready.
        waiting: String,
    },
}

/// The purpose of a cluster.
enum Role {
    /// Drills run on it: it gets the whole stack.
    Drilled,
    /// Drills restore into it what was lost in another cluster: it gets Velero, with the store of that cluster.
    Recovery { of: String },
}

impl Role {
    fn ports(&self) -> &'static [u16] {
        match self {
            Self::Drilled => &PORTS,
            Self::Recovery { .. } => &[RECOVERED],
        }
    }

    /// Namespaces that must be ready.
    fn namespaces(&self) -> &'static [&'static str] {
        match self {
            Self::Drilled => &["velero", "monitoring", "shop", "archive"],
            Self::Recovery { .. } => &["velero"],
        }
    }
}

/// The recovery cluster that belongs to a cluster.
fn second(place: &ClusterTools) -> ClusterTools {
    ClusterTools { name: format!("{}-recovery", place.name), ..place.clone() }
}

/// Creates the cluster or its missing parts, and waits until all of it is ready. For `two-clusters`, it also creates a
/// second cluster that can read the store of the first. Returns the drill that fits this cluster.
///
/// # Errors
/// What could not be created, and what to do about it. What was created before stays: calling it again continues from
/// there, and `down` removes it.
pub async fn up(wanted: &Wanted, say: &dyn Fn(&str)) -> Result<Next, ClusterError> {
    if wanted.config != TWO {
        return Ok(Next::on(&create(wanted, &Role::Drilled, say).await?));
    }
    let first = Wanted { config: "small".into(), ..wanted.clone() };
    create(&first, &Role::Drilled, say).await?;
    let other = Wanted { config: "recovery".into(), place: second(&wanted.place), ..wanted.clone() };
    create(&other, &Role::Recovery { of: wanted.place.name.clone() }, say).await?;
    Ok(Next::on_two())
}

/// Creates one cluster. Returns the number of workers in each of its zones.
async fn create(wanted: &Wanted, role: &Role, say: &dyn Fn(&str)) -> Result<BTreeMap<String, usize>, ClusterError> {
    let place = &wanted.place;
    let engine = Engine::find(place).await?;
    let images = stack::images(wanted.images.as_deref())?;
    if engine.clusters().await?.contains(&place.name) {
        ours(&engine, place).await?;
        whole(&engine, place).await?;
        say(&format!("cluster {} exists already; adding what its stack lacks", place.name));
    } else {
        let store = store::state(&engine, &place.name).await? == "running";
        for port in role.ports() {
            if !(store && *port == STORE) {
                TcpListener::bind(("127.0.0.1", *port)).map_err(|_| ClusterError::Port(*port))?;
            }
        }
        // The claim shows that drillmaster created a cluster. It is checked before the cluster is changed or deleted.
        let claimed = store::is_claimed(&engine, &place.name).await?;
        store::claim(&engine, &place.name).await?;
        say(&format!("creating the kind cluster {} ({})", place.name, wanted.config));
        if let Err(error) = engine.create(wanted, CREATE).await {
            // kind removes what it began to create. Then the claim is removed too, unless it is older than this
            // attempt.
            let gone = engine.clusters().await.is_ok_and(|all| !all.contains(&place.name));
            if gone && !claimed {
                // The error of kind is the one that counts.
                let _ = store::remove(&engine, &place.name).await;
            }
            return Err(error);
        }
    }
    let store = match role {
        Role::Drilled => {
            say("starting the object store, outside the nodes");
            store::start(&engine, &place.name, &images.of("s3")?.image).await?;
            store::name(&place.name)
        }
        Role::Recovery { of } => store::name(of),
    };
    if images.is_own("shop")? {
        say("building the image of the sample shop and loading it into the nodes");
        engine.load_shop(&place.name, &images.of("shop")?.image).await?;
    }
    let kube = reach(place).await?;
    ready::wait_for_nodes(&kube, wanted.at_most, say).await?;
    if matches!(role, Role::Drilled) {
        stack::apply(&kube, "the mark of the cluster", &[stack::mark(&place.name)]).await?;
    }
    for (name, manifests) in stack::manifests(&images, &store, matches!(role, Role::Recovery { .. }))? {
        say(&format!("applying {name}"));
        stack::apply(&kube, name, &manifests).await?;
    }
    ready::wait(&kube, role.namespaces(), wanted.at_most, say).await?;
    ready::zones(&kube).await
}

/// Deletes the cluster, its store, its recovery cluster, if there is one, and the images that `up` built or pulled.
/// Images that were there before stay, and so does the node image, which kind pulls and keeps.
///
/// # Errors
/// A program failed.
pub async fn down(place: &ClusterTools, say: &dyn Fn(&str)) -> Result<(), ClusterError> {
    let engine = Engine::find(place).await?;
    let other = second(place);
    if store::is_claimed(&engine, &other.name).await? {
        remove(&engine, &other, say).await?;
    }
    remove(&engine, place, say).await
}

async fn remove(engine: &Engine, place: &ClusterTools, say: &dyn Fn(&str)) -> Result<(), ClusterError> {
    if engine.clusters().await?.contains(&place.name) {
        ours(engine, place).await?;
        engine.delete(place).await?;
        say(&format!("deleted cluster {}", place.name));
    } else {
        say(&format!("cluster {} does not exist", place.name));
    }
    let removed = store::remove(engine, &place.name).await?;
    if removed.store {
        say(&format!("deleted its object store {}, with the backups in it", store::name(&place.name)));
    }
    for image in engine.built(&place.name).await?.into_iter().chain(removed.pulled) {
        match engine.remove_image(&image).await {
            None => say(&format!("deleted the image {image}")),
            Some(why) => say(&format!("the image {image} stays: {why}")),
        }
    }
    Ok(())
}

/// Shows the state of a cluster, and returns whether all of it is ready.
///
/// # Errors
/// A program or an API server failed.
pub async fn status(place: &ClusterTools, say: &dyn Fn(&str)) -> Result<bool, ClusterError> {
    let engine = Engine::find(place).await?;
    if !engine.clusters().await?.contains(&place.name) {
        say(&format!("cluster {} does not exist: create it with `drillmaster cluster up`", place.name));
        return Ok(false);
    }
    let state = store::state(&engine, &place.name).await?;
    say(&format!("store {}: {state}", store::name(&place.name)));
    let mut well = show_cluster(&engine, place, &Role::Drilled, say).await? && state == "running";
    let other = second(place);
    if store::is_claimed(&engine, &other.name).await? {
        well &= show_cluster(&engine, &other, &Role::Recovery { of: place.name.clone() }, say).await?;
    }
    Ok(well)
}

async fn show_cluster(
    engine: &Engine,
    place: &ClusterTools,
    role: &Role,
    say: &dyn Fn(&str),
) -> Result<bool, ClusterError> {
    let mut well = true;
    let containers = engine.nodes(&place.name).await?;
    for (node, state) in &containers {
        well &= state == "running";
        say(&format!("node {node}: {state}"));
    }
    let kube = reach(place).await?;
    for node in ready::without_container(&kube, &containers).await? {
        well = false;
        say(&format!("node {node}: its container is gone"));
    }
    let waiting = ready::missing(&kube, role.namespaces()).await?;
    waiting.iter().for_each(|what| say(what));
    if waiting.is_empty() {
        say(&format!("ready: {}", role.namespaces().join(", ")));
    }
    Ok(well && waiting.is_empty())
}

/// Checks that drillmaster created the cluster. Any other cluster is not touched.
async fn ours(engine: &Engine, place: &ClusterTools) -> Result<(), ClusterError> {
    if store::is_claimed(engine, &place.name).await? {
        return Ok(());
    }
    let name = &place.name;
    Err(ClusterError::Foreign(format!(
        "the kind cluster {name} was not created by `drillmaster cluster up`: choose another --name, or delete it with `kind delete cluster --name {name}` if you do not need it"
    )))
}

/// Checks that each node still has its container. If the API server does not answer yet, that is not an error here: a
/// later step waits for it.
async fn whole(engine: &Engine, place: &ClusterTools) -> Result<(), ClusterError> {
    let containers = engine.nodes(&place.name).await?;
    let gone = ready::without_container(&reach(place).await?, &containers).await;
    match gone.unwrap_or_default().pop() {
        Some(node) => Err(ClusterError::Gone { node, name: place.name.clone() }),
        None => Ok(()),
    }
}

async fn reach(place: &ClusterTools) -> Result<Kube, ClusterError> {
    let context = format!("kind-{}", place.name);
    let reach = Reach { context, kubeconfigs: place.kubeconfig.clone().into_iter().collect(), in_cluster: false };
    Ok(connect(&reach, &Here::now()).await?.0)
}
