//! The container engine and kind: a thin layer over their commands. podman and nerdctl use the same commands, but
//! neither has been tested.

use std::{collections::BTreeSet, io::Write, path::Path, time::Duration};

use super::{ClusterError, ClusterTools, Wanted, store::LABEL};
use crate::world::{ExecError, Here, Output, Program};

/// The time limit for commands that only read.
const LOOK: Duration = Duration::from_secs(30);
/// The time limit for commands that transfer an image.
const MOVE: Duration = Duration::from_secs(300);

/// The sample shop's binary, linked by build.rs; empty if it could not be linked.
const SHOP: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/shop"));
const SMALL: &str = include_str!("../../kind-configs/small.yaml");
const RECOVERY: &str = include_str!("../../kind-configs/recovery.yaml");
const THREE_ZONES: &str = include_str!("../../kind-configs/three-zones.yaml");

/// The container engine and kind.
pub(super) struct Engine {
    engine: String,
    kind: String,
}

impl Engine {
    /// Finds both programs, and checks that they can be used.
    pub(super) async fn find(place: &ClusterTools) -> Result<Self, ClusterError> {
        let found = Self { engine: place.engine.clone(), kind: place.kind.clone() };
        let unusable = |program: &str, fix: &'static str| {
            let program = program.to_owned();
            move |error: ExecError| ClusterError::Program { program, why: said(&error), fix }
        };
        let fix = "install a container engine, start it, and give your user access to it, or choose another one with --engine";
        found.engine(&["version"], LOOK).await.map_err(unusable(&place.engine, fix))?;
        let fix = "install kind (https://kind.sigs.k8s.io), or give its path with --kind";
        found.kind(&["version"], LOOK).await.map_err(unusable(&place.kind, fix))?;
        Ok(found)
    }

    pub(super) async fn engine(&self, words: &[&str], limit: Duration) -> Result<Output, ExecError> {
        Program::new([&[self.engine.as_str()], words].concat()).run(&Here::now(), limit).await
    }

    async fn kind(&self, words: &[&str], limit: Duration) -> Result<Output, ExecError> {
        let mut program = Program::new([&[self.kind.as_str()], words].concat());
        if self.engine.rsplit('/').next() != Some("docker") {
            let provider = self.engine.rsplit('/').next().unwrap_or("").to_owned();
            program.env.insert("KIND_EXPERIMENTAL_PROVIDER".into(), provider);
        }
        program.run(&Here::now(), limit).await
    }

    pub(super) async fn clusters(&self) -> Result<BTreeSet<String>, ClusterError> {
        Ok(self.kind(&["get", "clusters"], LOOK).await?.stdout.parse().lines().map(str::to_owned).collect())
    }

    pub(super) async fn create(&self, wanted: &Wanted, limit: Duration) -> Result<(), ClusterError> {
        let dir = scratch()?;
        let config = match wanted.config.as_str() {
            "three-zones" => file(dir.path(), "config.yaml", THREE_ZONES.as_bytes())?,
            "small" => file(dir.path(), "config.yaml", SMALL.as_bytes())?,
            "recovery" => file(dir.path(), "config.yaml", RECOVERY.as_bytes())?,
            path => path.to_owned(),
        };
        let mut words = vec!["create", "cluster", "--name", &wanted.place.name, "--config", &config, "--wait", "3m"];
        if let Some(image) = &wanted.image {
            words.extend(["--image", image]);
        }
        self.write_cluster(&wanted.place, words, limit).await
    }

    pub(super) async fn delete(&self, place: &ClusterTools) -> Result<(), ClusterError> {
        self.write_cluster(place, vec!["delete", "cluster", "--name", &place.name], MOVE).await
    }

    /// Runs a kind command that also writes the kubeconfig.
    async fn write_cluster(
        &self,
        place: &ClusterTools,
        mut words: Vec<&str>,
        limit: Duration,
    ) -> Result<(), ClusterError> {
        let kubeconfig = place.kubeconfig.as_ref().map(|p| p.display().to_string());
        if let Some(path) = &kubeconfig {
            words.extend(["--kubeconfig", path]);
        }
        self.kind(&words, limit).await?;
        Ok(())
    }

    /// The containers of the cluster and their states, found by kind's label.
    pub(super) async fn nodes(&self, cluster: &str) -> Result<Vec<(String, String)>, ClusterError> {
        let label = format!("label=io.x-k8s.kind.cluster={cluster}");
        let words = ["ps", "--all", "--filter", &label, "--format", "{{.Names}} {{.State}}"];
        let said = self.engine(&words, LOOK).await?.stdout;
        let mut nodes: Vec<(String, String)> =
            said.parse().lines().filter_map(|l| l.split_once(' ')).map(|(n, s)| (n.to_owned(), s.to_owned())).collect();
        nodes.sort();
        Ok(nodes)
    }

    /// Whether the engine has an image. If that is not certain, it counts as there, so that nothing of others is
    /// removed later.
    pub(super) async fn has_image(&self, image: &str) -> bool {
        let listed = self.engine(&["image", "ls", "--quiet", image], LOOK).await;
        let found = self.engine(&["image", "inspect", "--format", "{{.Id}}", image], LOOK).await;
        let none = listed.is_ok_and(|ids| ids.stdout.parse().is_empty());
        !(none && matches!(found, Err(ExecError::Failed { .. })))
    }

    /// The ids of the images that were built for a cluster, by their label.
    pub(super) async fn built(&self, cluster: &str) -> Result<Vec<String>, ClusterError> {
        let label = format!("label={LABEL}={cluster}");
        let words = ["image", "ls", "--all", "--quiet", "--no-trunc", "--filter", &label];
        let ids = self.engine(&words, LOOK).await?.stdout;
        let ids: BTreeSet<String> = ids.parse().lines().map(str::to_owned).collect();
        Ok(ids.into_iter().collect())
    }

    /// Removes an image, unless something still uses it. Returns why it stays.
    pub(super) async fn remove_image(&self, image: &str) -> Option<String> {
        self.engine(&["image", "rm", image], MOVE).await.err().map(|error| said(&error))
    }

    /// Builds an image with only the shop in it, and loads it into every node. A label says for which cluster it was
    /// built, so that `down` removes this image and no other.
    pub(super) async fn load_shop(&self, cluster: &str, image: &str) -> Result<(), ClusterError> {
        let bad = |why: std::io::Error| ClusterError::File { what: "the shop's image".into(), why: why.to_string() };
        if SHOP.is_empty() {
            let why = "it is not part of this build, because it could not be linked statically: give an image of it (shop: IMAGE) in a file with --images".into();
            return Err(ClusterError::File { what: "the sample shop".into(), why });
        }
        let dir = scratch()?;
        let layer = dir.path().join("layer.tar");
        let mut tar = tar::Builder::new(std::fs::File::create(&layer).map_err(bad)?);
        let mut header = tar::Header::new_gnu();
        header.set_size(SHOP.len() as u64);
        header.set_mode(0o755);
        tar.append_data(&mut header, "shop", SHOP).map_err(bad)?;
        tar.into_inner().and_then(|mut f| f.flush()).map_err(bad)?;
        let (layer, archive) = (layer.display().to_string(), dir.path().join("image.tar").display().to_string());
        let label = format!("LABEL {LABEL}={cluster}");
        let change = ["import", "--change", r#"ENTRYPOINT ["/shop"]"#, "--change", &label, &layer, image];
        self.engine(&change, MOVE).await?;
        self.engine(&["save", "--output", &archive, image], MOVE).await?;
        self.kind(&["load", "image-archive", &archive, "--name", cluster], MOVE).await?;
        Ok(())
    }
}

/// The output of a program, without its command line.
fn said(error: &ExecError) -> String {
    match error {
        ExecError::Failed { stderr, .. } if !stderr.is_empty() => stderr.to_string(),
        ExecError::Start { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

pub(super) fn scratch() -> Result<tempfile::TempDir, ClusterError> {
    tempfile::tempdir().map_err(|e| ClusterError::File { what: "a temporary directory".into(), why: e.to_string() })
}

fn file(dir: &Path, name: &str, content: &[u8]) -> Result<String, ClusterError> {
    let path = dir.join(name);
    std::fs::write(&path, content)
        .map_err(|e| ClusterError::File { what: path.display().to_string(), why: e.to_string() })?;
    Ok(path.display().to_string())
}
