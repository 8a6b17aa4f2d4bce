//! The object store: a container outside the nodes, so that it survives the loss of a zone, a namespace or the whole
//! cluster.

use std::time::Duration;

use super::{
    ClusterError,
    engine::{Engine, scratch},
};

const LIMIT: Duration = Duration::from_secs(300);
pub(super) const LABEL: &str = "drillmaster.dev/cluster";
/// The label of the store's container for an image that was not there before it, and was pulled to create it.
const PULLED: &str = "drillmaster.dev/pulled";

/// The name of the store, which is also its address in kind's network.
pub(super) fn name(cluster: &str) -> String {
    format!("{cluster}-store")
}

/// Marks that drillmaster creates the cluster with this name: the volume of the store is created before the cluster
/// and deleted after it.
pub(super) async fn claim(engine: &Engine, cluster: &str) -> Result<(), ClusterError> {
    let label = format!("{LABEL}={cluster}");
    engine.engine(&["volume", "create", "--label", &label, &name(cluster)], LIMIT).await?;
    Ok(())
}

/// Whether this mark exists.
pub(super) async fn is_claimed(engine: &Engine, cluster: &str) -> Result<bool, ClusterError> {
    let label = format!("label={LABEL}={cluster}");
    Ok(!engine.engine(&["volume", "ls", "--quiet", "--filter", &label], LIMIT).await?.stdout.parse().is_empty())
}

/// The state of the container; `none` if it does not exist.
pub(super) async fn state(engine: &Engine, cluster: &str) -> Result<String, ClusterError> {
    let filter = format!("name=^{}$", name(cluster));
    let format = format!("{{{{.State}}}} {{{{.Label \"{LABEL}\"}}}}");
    let said = engine.engine(&["ps", "--all", "--filter", &filter, "--format", &format], LIMIT).await?.stdout;
    let said = said.parse();
    let Some((state, owner)) = said.split_once(' ').or((!said.is_empty()).then_some((said, ""))) else {
        return Ok("none".into());
    };
    if owner != cluster {
        let said = format!("the container {} does not belong to this cluster: remove or rename it", name(cluster));
        return Err(ClusterError::Foreign(said));
    }
    Ok(state.to_owned())
}

/// Starts the store, and creates the bucket if it does not exist.
pub(super) async fn start(engine: &Engine, cluster: &str, image: &str) -> Result<(), ClusterError> {
    let name = name(cluster);
    match state(engine, cluster).await?.as_str() {
        "running" => return Ok(()),
        "none" => {}
        _ => {
            engine.engine(&["start", &name], LIMIT).await?;
            return Ok(());
        }
    }
    let (volume, label) = (format!("{name}:/data"), format!("{LABEL}={cluster}"));
    let pulled = (!engine.has_image(image).await).then(|| format!("{PULLED}={image}"));
    let pulled: Vec<&str> = pulled.iter().flat_map(|label| ["--label", label]).collect();
    let words = [
        ["create", "--name", &name].as_slice(),
        &pulled,
        &["--label", &label, "--network", "kind", "--restart", "unless-stopped"],
        &["--publish", "127.0.0.1:30071:7070", "--volume", &volume],
        &["--env", "ROOT_ACCESS_KEY=velero", "--env", "ROOT_SECRET_KEY=velero-secret", image],
        &["--port", ":7070", "--region", "us-east-1", "--quiet", "posix", "/data"],
    ]
    .concat();
    engine.engine(&words, LIMIT).await?;
    let dir = scratch()?;
    std::fs::create_dir(dir.path().join("velero"))
        .map_err(|e| ClusterError::File { what: "the bucket".into(), why: e.to_string() })?;
    let bucket = format!("{}/.", dir.path().display());
    engine.engine(&["cp", &bucket, &format!("{name}:/data")], LIMIT).await?;
    engine.engine(&["start", &name], LIMIT).await?;
    Ok(())
}

/// What was removed.
pub(super) struct Removed {
    /// Whether there was a container or a volume.
    pub store: bool,
    /// The image that was pulled for the container.
    pub pulled: Option<String>,
}

/// Deletes container and volume.
pub(super) async fn remove(engine: &Engine, cluster: &str) -> Result<Removed, ClusterError> {
    let (container, claimed) = (state(engine, cluster).await? != "none", is_claimed(engine, cluster).await?);
    let name = name(cluster);
    let mut pulled = None;
    if container {
        let format = format!("{{{{index .Config.Labels \"{PULLED}\"}}}}");
        let label = engine.engine(&["container", "inspect", "--format", &format, &name], LIMIT).await?.stdout;
        // The engine prints this word for a label that does not exist.
        pulled = Some(label.parse().to_owned()).filter(|image| !image.is_empty() && image != "<no value>");
        engine.engine(&["rm", "--force", "--volumes", &name], LIMIT).await?;
    }
    if claimed {
        engine.engine(&["volume", "rm", "--force", &name], LIMIT).await?;
    }
    Ok(Removed { store: container || claimed, pulled })
}
