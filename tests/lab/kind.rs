//! Drills on a real kind cluster with three zones, six workers and volumes with content.

#[path = "readers.rs"]
mod readers;
#[path = "scratch.rs"]
mod scratch;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Command,
};

use drillmaster::event::Kind;
use serde_json::json;

use super::{
    drill::{Drill, Ended, happened, outcomes, report},
    fidelity::{Bed, LEASES, drill_both},
    hollow::{scripts, wait_for},
};

/// A function that asks the API server, from any thread.
pub type Ask = Box<dyn Fn(&[&str]) -> Option<serde_json::Value> + Send>;

pub struct Lab {
    pub drill: Drill,
    kubectl: PathBuf,
    kubeconfig: String,
    _dir: tempfile::TempDir,
}

impl Lab {
    /// The cluster that `.ci/run` has created, with the complete shop in it.
    pub fn new() -> Self {
        let cache = std::env::var("LAB_CACHE")
            .map_or_else(|_| PathBuf::from(std::env::var("HOME").unwrap()).join(".cache/drill-lab"), PathBuf::from);
        let dir = tempfile::Builder::new().prefix("kind").tempdir().unwrap();
        // A copy, because the run directory is beside it and is removed with it.
        let kubeconfig = dir.path().join("kubeconfig");
        std::fs::copy(cache.join("kind/lab.kubeconfig"), &kubeconfig).unwrap();
        let kubeconfig = kubeconfig.to_str().unwrap().to_owned();
        let drill = Drill::new(&BTreeMap::new(), "kind-lab", "scenarios/bindings/kind-lab.yaml", &kubeconfig);
        let lab = Self { drill, kubectl: cache.join("kind/bin/kindnode"), kubeconfig, _dir: dir };
        lab.kubectl(&["apply", "-f", "tests/lab/shop-kind.yaml"]);
        lab.spread();
        lab
    }

    /// Puts a pod of the storefront into every zone: the loss of a zone without such a pod proves nothing, and earlier
    /// drills left the pods where they were. Scales from zero, because a rollout counts the old pods as well when it
    /// spreads the new ones.
    fn spread(&self) {
        for _ in 0..5 {
            for replicas in ["--replicas=0", "--replicas=3"] {
                self.kubectl(&["-n", "shop", "scale", "deployment/web", replicas]);
                self.kubectl(&["-n", "shop", "rollout", "status", "deployment/web", "--timeout=180s"]);
            }
            self.settle();
            if self.zones_of_web().len() == 3 {
                return;
            }
        }
        panic!("the pods of deployment/web are in the zones {:?} only", self.zones_of_web());
    }

    fn zones_of_web(&self) -> BTreeSet<String> {
        let nodes =
            self.kubectl(&["-n", "shop", "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].spec.nodeName}"]);
        let zone = r"jsonpath={.metadata.labels.topology\.kubernetes\.io/zone}";
        nodes.split_whitespace().map(|node| self.kubectl(&["get", "node", node, "-o", zone])).collect()
    }

    /// Returns a function that asks the API server from another thread. It returns None if the API server does not
    /// answer.
    pub fn asker(&self) -> Ask {
        let (kubectl, kubeconfig) = (self.kubectl.clone(), self.kubeconfig.clone());
        Box::new(move |args| {
            let mut command = Command::new(&kubectl);
            command.arg("kubectl").args(["--kubeconfig", &kubeconfig]).args(args);
            serde_json::from_slice(&command.output().ok()?.stdout).ok()
        })
    }

    pub fn kubectl(&self, args: &[&str]) -> String {
        let out = Command::new(&self.kubectl)
            .arg("kubectl")
            .args(["--kubeconfig", &self.kubeconfig])
            .args(args)
            .output()
            .unwrap();
        assert!(out.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    pub fn settle(&self) {
        self.kubectl(&["wait", "--for=condition=Ready", "node", "--all", "--timeout=120s"]);
        self.kubectl(&["-n", "shop", "rollout", "status", "deployment/web", "--timeout=180s"]);
        self.kubectl(&["-n", "shop", "rollout", "status", "statefulset/orders", "--timeout=180s"]);
        wait_for("the alerts to be silent", 60, || {
            let out = Command::new("curl").args(["-fsS", "http://127.0.0.1:30090/api/v1/alerts"]).output().unwrap();
            let text = String::from_utf8_lossy(&out.stdout).into_owned();
            out.status.success() && !text.contains("NodeNotReady")
        });
    }

    /// Runs the drill, and rehearses it on a copy.
    fn passes(&self, scenario: &str) -> Ended {
        let bed = Bed {
            name: "kind, three zones",
            admin: &self.drill,
            leases: Box::new(|| self.kubectl(&LEASES)),
            times: json!({"boot": "3s", "thaw": "10s", "stop": "8s", "backup": "27s", "restore": "5s", "volume": "2s"}),
            capture: "fileSystem",
            control_plane: "lab-control-plane",
        };
        drill_both(&bed, &self.drill, scenario, &[])
    }

    /// Writes two megabytes of random data into every volume of the store.
    pub fn seed(&self) {
        for pod in ["orders-0", "orders-1", "orders-2"] {
            let script = format!(
                "head -c 2000000 /dev/urandom | curl -fsS -T - http://$(/usr/bin/kubectl --kubeconfig /etc/kubernetes/admin.conf -n shop get pod {pod} -o jsonpath='{{.status.podIP}}'):8080/data/ledger"
            );
            let out = Command::new("docker").args(["exec", "lab-control-plane", "sh", "-c", &script]).output().unwrap();
            assert!(out.status.success(), "seeding {pod}: {}", String::from_utf8_lossy(&out.stderr));
        }
    }
}

#[test]
#[ignore = "needs the kind lab"]
fn a_zone_and_then_the_namespace_with_its_volumes() {
    let lab = Lab::new();
    lab.seed();
    let ended = lab.passes("zone-loss-and-restore");
    let volumes = outcomes(&ended.dir, "volumes identical");
    assert!(volumes[0].contains("have the same checksums as before"), "{volumes:?}");
    let seconds = report(&ended.dir)["seconds"].as_f64().unwrap();
    eprintln!("the acceptance drill took {seconds:.0} s");
}

#[test]
#[ignore = "needs the kind lab"]
fn b_node_freeze() {
    Lab::new().passes("node-freeze");
}

#[test]
#[ignore = "needs the kind lab"]
fn c_namespace_with_its_volumes() {
    let lab = Lab::new();
    lab.seed();
    let ended = lab.passes("namespace-loss-and-restore");
    assert!(outcomes(&ended.dir, "volumes identical")[0].contains("have the same checksums as before"));
}

#[test]
#[ignore = "needs the kind lab"]
fn d_killed_in_the_middle_and_recovered() {
    let lab = Lab::new();
    lab.seed();
    let mut child = lab.drill.start("namespace-loss-and-restore", &["--no-reaper"]);
    wait_for("the namespace to be on its way out", 300, || {
        happened(
            &lab.drill.newest(),
            |k| matches!(k, Kind::FaultApplied { fault, .. } if fault.0 == "namespace lost/shop"),
        )
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let ended = lab.drill.recover();
    assert_eq!(ended.code, 0, "{}", ended.said);
    lab.settle();
    assert_eq!(report(&ended.dir)["exit"], "aborted");
}

/// The directory of the scripts is also used by `.ci/run`.
#[test]
fn the_lab_is_beside_the_checkout_or_told() {
    assert!(scripts().is_absolute());
}
