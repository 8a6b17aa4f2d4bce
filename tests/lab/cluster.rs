//! `cluster up` with a real container engine: a cluster with the stack of this repository is created, drilled and
//! removed. If nothing can be pulled, the programs of the lab are used under the upstream names.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use super::drill::{Drill, binary, outcomes};

#[path = "faults.rs"]
mod faults;
#[path = "machines.rs"]
mod machines;

const NAME: &str = "drill";

fn cache() -> PathBuf {
    std::env::var("LAB_CACHE")
        .map_or_else(|_| PathBuf::from(std::env::var("HOME").unwrap()).join(".cache/drill-lab"), PathBuf::from)
}

fn docker(args: &[&str]) -> String {
    let out = Command::new("docker").args(args).output().unwrap();
    assert!(out.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// Builds the image of the store from the program of the lab, because the engine itself runs it and not a node.
fn store_image(dir: &Path) {
    const IMAGE: &str = "versity/versitygw:v1.8.0";
    if docker(&["images", "--quiet", IMAGE]).is_empty() {
        let layer = dir.join("store.tar");
        let tar =
            Command::new("tar").arg("-C").arg(cache().join("bin")).arg("-cf").arg(&layer).arg("versitygw").status();
        assert!(tar.unwrap().success());
        docker(&["import", "--change", r#"ENTRYPOINT ["/versitygw"]"#, layer.to_str().unwrap(), IMAGE]);
    }
}

struct Cluster {
    dir: tempfile::TempDir,
    config: &'static str,
}

impl Cluster {
    fn new(config: &'static str) -> Self {
        let cluster = Self { dir: tempfile::Builder::new().prefix("cluster").tempdir().unwrap(), config };
        store_image(cluster.dir.path());
        cluster
    }

    /// A drill on this cluster, with the shipped bindings.
    fn drill(&self) -> Drill {
        let env = BTreeMap::from([("CLUSTER".to_owned(), NAME.to_owned())]);
        let kubeconfig = self.dir.path().join("kubeconfig").to_str().unwrap().to_owned();
        Drill::new(&env, &format!("kind-{NAME}"), "scenarios/bindings/kind.yaml", &kubeconfig)
    }

    fn run(&self, verb: &str, more: &[&str]) -> (i32, String) {
        let mut command = binary();
        command.args(["cluster", verb, "--name", NAME, "--kind"]).arg(cache().join("kind/bin/kind"));
        command.arg("--kubeconfig").arg(self.dir.path().join("kubeconfig")).args(more);
        let out = command.output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        eprintln!("cluster {verb}: {:?}\n{said}", out.status.code());
        (out.status.code().unwrap_or(-1), said)
    }

    fn up(&self) -> (i32, String) {
        let images = self.dir.path().join("images.yaml");
        let arguments = "--server=https://kubernetes.default.svc, --ca=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt, \
                         --token-file=/var/run/secrets/kubernetes.io/serviceaccount/token, --listen=:8080";
        let text = format!("kube-state-metrics:\n  image: drillmaster/state-metrics:dev\n  args: [{arguments}]\n");
        std::fs::write(&images, text).unwrap();
        let images = images.to_str().unwrap().to_owned();
        self.run("up", &["--config", self.config, "--image", "kindest/node:v1.37.2", "--images", &images])
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.run("down", &[]);
    }
}

#[test]
#[ignore = "needs a container engine, the lab's node image and its ports"]
fn up_drilled_and_down() {
    let cluster = Cluster::new("small");
    assert_eq!(cluster.run("status", &[]).0, 1, "no cluster may exist yet");
    assert_eq!(cluster.up().0, 0);
    let (code, said) = cluster.up();
    assert_eq!(code, 0, "a second `up` must change nothing");
    assert!(said.contains("exists already"));
    let (code, said) = cluster.run("status", &[]);
    assert_eq!(code, 0);
    assert!(said.contains("ready: velero, monitoring, shop, archive"), "{said}");

    let drill = cluster.drill();
    let kubeconfig = drill.kubeconfig.clone();
    let ended = drill.run("data-loss", &["--set", "rpo=3m"]);
    assert_eq!(ended.code, 0, "{}", ended.said);
    let loss = &outcomes(&ended.dir, "loses at most")[0];
    assert!(loss.starts_with("pass: orders: RPO ") && loss.contains("acknowledged lines lost"), "{loss}");

    docker(&["stop", &format!("{NAME}-store")]);
    assert_eq!(cluster.run("status", &[]).0, 1, "the status must report that the store is down");
    assert_eq!(cluster.run("down", &[]).0, 0);
    assert!(
        docker(&["ps", "--all", "--quiet", "--filter", &format!("name=^{NAME}-")]).is_empty(),
        "`down` must remove everything"
    );
    assert_eq!(cluster.run("status", &[]).0, 1);

    // A cluster with this name that was created by hand is left alone.
    let kind = |args: &[&str]| {
        let out = Command::new(cache().join("kind/bin/kind")).args(args).output().unwrap();
        assert!(out.status.success(), "kind {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    };
    let (image, kubeconfig) = ("kindest/node:v1.37.2", kubeconfig.as_str());
    kind(&["create", "cluster", "--name", NAME, "--image", image, "--kubeconfig", kubeconfig]);
    assert_eq!(cluster.up().0, 3);
    let (code, said) = cluster.run("down", &[]);
    assert_eq!(code, 3);
    assert!(said.contains("was not created by `drillmaster cluster up`"), "{said}");
    kind(&["delete", "cluster", "--name", NAME, "--kubeconfig", kubeconfig]);
}
