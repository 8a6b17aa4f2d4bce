//! Looks at a simulated cluster from outside, as a drill does.

use std::{future::Future, time::Duration};

use drillmaster::{
    model::NodeHow,
    sim::Simulation,
    world::{ApiCall, WatchEvent, WatchLines, World},
};
use serde_json::{Value, json};

pub const SHOP: &str = "/api/v1/namespaces/shop";
pub const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";
pub const STOREFRONT: &str = "http://web.shop.svc/healthz";
pub const LEDGER: &str = "http://orders-0.orders.shop.svc";

/// An observer of a simulated cluster.
pub struct Look {
    pub simulation: Simulation,
    pub world: World,
}

impl Look {
    pub fn at(simulation: Simulation) -> Self {
        Self { world: simulation.world(), simulation }
    }

    pub async fn wait(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// Returns an object; null if it does not exist.
    pub async fn object(&self, path: &str) -> Value {
        self.world.kube.find(path).await.unwrap().unwrap_or_default()
    }

    pub async fn send(&self, call: ApiCall) -> Value {
        self.world.kube.send(&call).await.unwrap()
    }

    pub async fn merge(&self, path: &str, body: Value) -> Value {
        self.send(ApiCall::merge(path, body)).await
    }

    pub async fn replicas(&self) -> i64 {
        self.object(WEB).await["spec"]["replicas"].as_i64().unwrap()
    }

    pub async fn ready(&self) -> i64 {
        self.object(WEB).await["status"]["readyReplicas"].as_i64().unwrap()
    }

    /// The managedFields of an object: who wrote to it.
    pub async fn writers(&self, path: &str) -> Vec<Value> {
        self.object(path).await["metadata"]["managedFields"].as_array().cloned().unwrap_or_default()
    }

    pub async fn json(&self, url: &str) -> Value {
        self.world.http.json(url).await.unwrap()
    }

    /// Why a URL does not answer with JSON; empty if it does.
    pub async fn refusal(&self, url: &str) -> String {
        self.world.http.json(url).await.err().map(|e| e.to_string()).unwrap_or_default()
    }

    pub async fn text(&self, url: &str) -> String {
        let bytes = self.world.http.bytes(url).await;
        bytes.map_or_else(|e| e.to_string(), |bytes| String::from_utf8(bytes).unwrap())
    }

    pub async fn append(&self, line: &str) -> bool {
        self.world.http.append(&format!("{LEDGER}/append"), line).await.is_ok()
    }

    pub async fn log(&self) -> String {
        self.text(&format!("{LEDGER}/all")).await
    }

    pub async fn kill(&self, node: &str) {
        let host = self.world.host.as_ref().unwrap();
        let machine = host.machine(node).await.unwrap();
        host.run(&host.removal_command(&machine, NodeHow::Kill).unwrap()).await.unwrap();
    }

    pub async fn node_is_ready(&self, node: &str) -> bool {
        let node = self.object(&format!("/api/v1/nodes/{node}")).await;
        node["status"]["conditions"].as_array().unwrap().iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
    }

    /// An alert as an Alertmanager shows it; null if the Alertmanager does not have it.
    pub async fn alert(&self, manager: &str, name: &str) -> Value {
        let all = self.json(&format!("http://{manager}.sim/api/v2/alerts")).await;
        all.as_array().unwrap().iter().find(|a| a["labels"]["alertname"] == name).cloned().unwrap_or_default()
    }

    /// A rule as Prometheus shows it.
    pub async fn rule(&self, name: &str) -> Value {
        let all = self.json("http://prometheus.sim/api/v1/rules").await;
        let rules = all["data"]["groups"][0]["rules"].as_array().unwrap().clone();
        rules.into_iter().find(|r| r["name"] == name).unwrap()
    }

    pub async fn watch_nodes(&self) -> Result<WatchLines, String> {
        let (_, version) = self.world.kube.list("/api/v1/nodes").await.unwrap();
        self.world.kube.watch("/api/v1/nodes", &version).await.map_err(|e| e.to_string())
    }

    /// Changes a node, so that a watch of nodes has something to report.
    pub async fn touch_a_node(&self) {
        let now = self.world.clock.wall().as_second().to_string();
        self.merge("/api/v1/nodes/node-a-0", json!({"metadata": {"labels": {"touched": now}}})).await;
    }

    /// Creates a Velero object and waits for its end. Returns its phase.
    pub async fn velero(&self, kind: &str, name: &str, spec: Value) -> String {
        let (velero, resource) = (&self.world.velero, format!("{}s", kind.to_lowercase()));
        self.send(velero.creation(kind, name, &json!({}), spec)).await;
        for _ in 0..300 {
            let found = velero.find(&resource, name).await.unwrap().unwrap_or_default();
            let phase = found["status"]["phase"].as_str().unwrap_or_default().to_owned();
            match phase.as_str() {
                // The queue of Velero only reacts to changes.
                "ReadyToStart" => {
                    drop(self.merge(&velero.path(&resource, name), json!({"metadata": {"labels": {"a": "b"}}})).await)
                }
                "Completed" | "PartiallyFailed" | "Failed" | "FailedValidation" => return phase,
                _ => {}
            }
            self.wait(1).await;
        }
        "it did not end in time".into()
    }

    pub async fn backup(&self, name: &str) -> String {
        self.velero("Backup", name, json!({"includedNamespaces": ["shop"], "defaultVolumesToFsBackup": true})).await
    }

    /// Backs up the shop, deletes it and restores it. Returns the phase of the restore.
    pub async fn lose_and_restore(&self) -> String {
        assert_eq!(self.backup("kept").await, "Completed");
        self.send(ApiCall::delete("/api/v1/namespaces/shop", "", None)).await;
        while self.world.kube.find("/api/v1/namespaces/shop").await.unwrap().is_some() {
            self.wait(1).await;
        }
        self.velero("Restore", "back", json!({"backupName": "kept", "includedNamespaces": ["shop"]})).await
    }

    /// The checksums of the files on a volume, as a pod prints them that mounts it.
    pub async fn checksum(&self, claim: &str, reader: &str) -> String {
        let volumes = json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]);
        let pod = json!({"metadata": {"name": reader}, "spec": {"volumes": volumes, "containers": []}});
        self.send(ApiCall::create(format!("{SHOP}/pods"), pod)).await;
        let read = self.world.kube.text(&format!("{SHOP}/pods/{reader}/log"), Duration::from_secs(5)).await.unwrap();
        self.send(ApiCall::delete(format!("{SHOP}/pods/{reader}"), "", Some(0))).await;
        read
    }
}

/// The next event of a watch, within some seconds.
pub async fn told(lines: &mut WatchLines, seconds: u64) -> Option<Result<WatchEvent, String>> {
    match within(seconds, lines.next()).await? {
        Ok(Some(event)) => Some(Ok(event)),
        Ok(None) => None,
        Err(why) => Some(Err(why)),
    }
}

/// The result of some work, within some seconds.
pub async fn within<T>(seconds: u64, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(Duration::from_secs(seconds), work).await.ok()
}
