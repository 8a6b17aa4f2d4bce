//! A kind cluster that is worth drilling: zones, Velero with a store outside of the
//! nodes, monitoring, a sample shop. Everything that it makes carries its name, and
//! nothing else is touched.

mod engine;
mod ready;
mod stack;
mod store;

use std::{net::TcpListener, path::PathBuf, time::Duration};

use self::engine::Engine;
use crate::world::{ApiError, ConnectError, ExecError, Here, Kube, Reach, connect};

/// What listens on this machine's loopback: storefront (by two ways), append log,
/// archive, store, Prometheus, Alertmanager.
const PORTS: [u16; 7] = [30080, 30082, 30081, 30083, STORE, 30090, 30093];
const STORE: u16 = 30071;
/// The storefront of a second cluster, once it is restored there.
const RECOVERED: u16 = 31080;
const TWO: &str = "two-clusters";
/// kind's own wait for its control plane.
const CREATE: Duration = Duration::from_secs(600);

/// Which cluster, and the programs that make it.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name; the context is `kind-NAME`.
    pub name: String,
    /// Where the kubeconfig is written; $KUBECONFIG or ~/.kube/config where it is not told.
    pub kubeconfig: Option<PathBuf>,
    /// docker, podman or nerdctl.
    pub engine: String,
    /// The kind program.
    pub kind: String,
}

/// What kind of cluster.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which.
    pub place: Place,
    /// three-zones, small, two-clusters, or a file of kind's own.
    pub config: String,
    /// Node image; kind's default where it is not told.
    pub image: Option<String>,
    /// Images in place of the pinned ones.
    pub images: Option<PathBuf>,
    /// How long everything has to be ready.
    pub at_most: Duration,
}

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A program is missing or may not be used.
    #[error("{program} cannot be used: {why}; {fix}")]
    Program {
        /// Which.
        program: String,
        /// What it said.
        why: String,
        /// What to do.
        fix: &'static str,
    },
    /// A program did not do what it was asked.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// Something of that name is there and is not ours.
    #[error("{0}")]
    Foreign(String),
    /// What listens there already.
    #[error("port {0} of 127.0.0.1 is taken: another drill cluster (`drillmaster cluster status`), or another program")]
    Port(u16),
    /// A file of ours or the user's that cannot be read.
    #[error("{what}: {why}")]
    File {
        /// Which.
        what: String,
        /// Why.
        why: String,
    },
    /// The cluster cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The API server said no.
    #[error("{what}")]
    Api {
        /// What was asked of it.
        what: String,
        /// What it said.
        #[source]
        source: ApiError,
    },
    /// A node that cannot be made again by itself.
    #[error(
        "the container of node {node} is gone: make the cluster anew: drillmaster cluster down --name {name}, then up"
    )]
    Gone {
        /// Which.
        node: String,
        /// Of which cluster.
        name: String,
    },
    /// Not ready in time.
    #[error("not ready within {limit:?}: {waiting}")]
    Late {
        /// How long it had.
        limit: Duration,
        /// What it still waits for.
        waiting: String,
    },
}

/// What a cluster is for.
enum Role {
    /// To be drilled: the whole stack.
    Drilled,
    /// To restore into what was lost in another: Velero, with that one's store.
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

/// The second cluster of one.
fn second(place: &Place) -> Place {
    Place { name: format!("{}-recovery", place.name), ..place.clone() }
}

/// Makes the cluster, or what is missing of it, and waits until all of it is ready;
/// for `two-clusters` a second one that can read the store of the first.
///
/// # Errors
/// What could not be made, and what to do about it. What was made before stays, and
/// asking again goes on from there; `down` removes it.
pub async fn up(wanted: &Wanted, say: &dyn Fn(&str)) -> Result<(), ClusterError> {
    if wanted.config != TWO {
        return one(wanted, &Role::Drilled, say).await;
    }
    let first = Wanted { config: "small".into(), ..wanted.clone() };
    one(&first, &Role::Drilled, say).await?;
    let other = Wanted { config: "recovery".into(), place: second(&wanted.place), ..wanted.clone() };
    one(&other, &Role::Recovery { of: wanted.place.name.clone() }, say).await
}

async fn one(wanted: &Wanted, role: &Role, say: &dyn Fn(&str)) -> Result<(), ClusterError> {
    let place = &wanted.place;
    let engine = Engine::find(place).await?;
    let images = stack::images(wanted.images.as_deref())?;
    if engine.clusters().await?.contains(&place.name) {
        ours(&engine, place).await?;
        whole(&engine, place).await?;
        say(&format!("cluster {} is there already: what is missing of its stack is added", place.name));
    } else {
        let store = store::state(&engine, &place.name).await? == "running";
        for port in role.ports() {
            if !(store && *port == STORE) {
                TcpListener::bind(("127.0.0.1", *port)).map_err(|_| ClusterError::Port(*port))?;
            }
        }
        // Who made a cluster is asked before it is changed or removed: this says it.
        let claimed = store::is_claimed(&engine, &place.name).await?;
        store::claim(&engine, &place.name).await?;
        say(&format!("creating the kind cluster {} ({})", place.name, wanted.config));
        if let Err(error) = engine.create(wanted, CREATE).await {
            // kind takes away what it began: then the claim goes too, unless it is older.
            let gone = engine.clusters().await.is_ok_and(|all| !all.contains(&place.name));
            if gone && !claimed {
                let _ = store::remove(&engine, &place.name).await;
            }
            return Err(error);
        }
    }
    let store = match role {
        Role::Drilled => {
            say("starting the store, beside the nodes");
            store::start(&engine, &place.name, &images.of("s3")?.image).await?;
            store::name(&place.name)
        }
        Role::Recovery { of } => store::name(of),
    };
    if images.is_own("shop")? {
        say("making the shop's image and loading it into the nodes");
        engine.load_shop(&place.name, &images.of("shop")?.image).await?;
    }
    let kube = reach(place).await?;
    ready::wait_for_nodes(&kube, wanted.at_most, say).await?;
    for (name, manifests) in stack::manifests(&images, &store, matches!(role, Role::Recovery { .. }))? {
        say(&format!("applying {name}"));
        stack::apply(&kube, name, &manifests).await?;
    }
    ready::wait(&kube, role.namespaces(), wanted.at_most, say).await
}

/// Removes the cluster, its store and, where there is one, its second cluster.
///
/// # Errors
/// A program that does not do it.
pub async fn down(place: &Place, say: &dyn Fn(&str)) -> Result<(), ClusterError> {
    let engine = Engine::find(place).await?;
    let other = second(place);
    if store::is_claimed(&engine, &other.name).await? {
        remove(&engine, &other, say).await?;
    }
    remove(&engine, place, say).await
}

async fn remove(engine: &Engine, place: &Place, say: &dyn Fn(&str)) -> Result<(), ClusterError> {
    if engine.clusters().await?.contains(&place.name) {
        ours(engine, place).await?;
        engine.delete(place).await?;
        say(&format!("cluster {} is removed", place.name));
    } else {
        say(&format!("there is no cluster {}", place.name));
    }
    if store::remove(engine, &place.name).await? {
        say(&format!("its store {} is removed, with the backups in it", store::name(&place.name)));
    }
    Ok(())
}

/// What there is of it, line by line, and whether all of it is ready.
///
/// # Errors
/// A program or an API server that does not answer.
pub async fn status(place: &Place, say: &dyn Fn(&str)) -> Result<bool, ClusterError> {
    let engine = Engine::find(place).await?;
    if !engine.clusters().await?.contains(&place.name) {
        say(&format!("there is no cluster {}: drillmaster cluster up", place.name));
        return Ok(false);
    }
    let state = store::state(&engine, &place.name).await?;
    say(&format!("store {}: {state}", store::name(&place.name)));
    let mut well = look(&engine, place, &Role::Drilled, say).await? && state == "running";
    let other = second(place);
    if store::is_claimed(&engine, &other.name).await? {
        well &= look(&engine, &other, &Role::Recovery { of: place.name.clone() }, say).await?;
    }
    Ok(well)
}

async fn look(engine: &Engine, place: &Place, role: &Role, say: &dyn Fn(&str)) -> Result<bool, ClusterError> {
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

/// A cluster that somebody made without this program is not touched by it.
async fn ours(engine: &Engine, place: &Place) -> Result<(), ClusterError> {
    if store::is_claimed(engine, &place.name).await? {
        return Ok(());
    }
    let name = &place.name;
    Err(ClusterError::Foreign(format!(
        "the kind cluster {name} was not made by `drillmaster cluster up`: choose another --name, or `kind delete cluster --name {name}` if it may go"
    )))
}

/// Whether each node still has its container. An API server that does not answer yet
/// says nothing of that, and is waited for later.
async fn whole(engine: &Engine, place: &Place) -> Result<(), ClusterError> {
    let containers = engine.nodes(&place.name).await?;
    let gone = ready::without_container(&reach(place).await?, &containers).await;
    match gone.unwrap_or_default().pop() {
        Some(node) => Err(ClusterError::Gone { node, name: place.name.clone() }),
        None => Ok(()),
    }
}

async fn reach(place: &Place) -> Result<Kube, ClusterError> {
    let context = format!("kind-{}", place.name);
    let reach = Reach { context, kubeconfigs: place.kubeconfig.clone().into_iter().collect(), in_cluster: false };
    Ok(connect(&reach, &Here::now()).await?.0)
}
