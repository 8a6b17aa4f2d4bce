//! The object store: a container beside the nodes, so that it outlives a zone, a
//! namespace and the whole cluster.

use std::time::Duration;

use super::{
    ClusterError,
    engine::{Engine, scratch},
};

const LIMIT: Duration = Duration::from_secs(300);
const LABEL: &str = "drillmaster.dev/cluster";

/// Its name, and its address on kind's network.
pub(super) fn name(cluster: &str) -> String {
    format!("{cluster}-store")
}

/// Says that the cluster of this name is made by this program: its store's volume
/// is there before it, and goes after it.
pub(super) async fn claim(engine: &Engine, cluster: &str) -> Result<(), ClusterError> {
    let label = format!("{LABEL}={cluster}");
    engine.engine(&["volume", "create", "--label", &label, &name(cluster)], LIMIT).await?;
    Ok(())
}

/// Whether it said so.
pub(super) async fn is_claimed(engine: &Engine, cluster: &str) -> Result<bool, ClusterError> {
    let label = format!("label={LABEL}={cluster}");
    Ok(!engine.engine(&["volume", "ls", "--quiet", "--filter", &label], LIMIT).await?.stdout.parse().is_empty())
}

/// Of the container; `none` where there is none.
pub(super) async fn state(engine: &Engine, cluster: &str) -> Result<String, ClusterError> {
    let filter = format!("name=^{}$", name(cluster));
    let format = format!("{{{{.State}}}} {{{{.Label \"{LABEL}\"}}}}");
    let said = engine.engine(&["ps", "--all", "--filter", &filter, "--format", &format], LIMIT).await?.stdout;
    let said = said.parse();
    let Some((state, owner)) = said.split_once(' ').or((!said.is_empty()).then_some((said, ""))) else {
        return Ok("none".into());
    };
    if owner != cluster {
        let said = format!("the container {} is not of this cluster: remove or rename it", name(cluster));
        return Err(ClusterError::Foreign(said));
    }
    Ok(state.to_owned())
}

/// Starts it, with an empty bucket where there was none.
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
    let words = [
        ["create", "--name", &name].as_slice(),
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

/// Container and volume; whether there was anything.
pub(super) async fn remove(engine: &Engine, cluster: &str) -> Result<bool, ClusterError> {
    let (container, claimed) = (state(engine, cluster).await? != "none", is_claimed(engine, cluster).await?);
    let name = name(cluster);
    if container {
        engine.engine(&["rm", "--force", "--volumes", &name], LIMIT).await?;
    }
    if claimed {
        engine.engine(&["volume", "rm", "--force", &name], LIMIT).await?;
    }
    Ok(container || claimed)
}
