//! What a node must show before it counts as being back.

use std::time::Duration;

use serde_json::Value;

use super::{Closing, Progress, StepContext, power::host, replaced};
use crate::{journal::RunState, kubernetes::objects::Node, model::NodeTarget};

/// Up to this many targets, each is read and written down by itself. A zone may have hundreds of nodes: their intents
/// are mirrored together, and their undos ask the watch before they ask the API server.
pub(super) const FEW: usize = 16;

/// Taints that Kubernetes puts on an unhealthy node.
const OUTAGE: [&str; 4] = ["unreachable", "not-ready", "disk-pressure", "network-unavailable"];

/// Waits until a node is Ready and has no taint of the outage. Closes the undo if another node of its pool has
/// replaced it.
pub(super) async fn wait(context: &StepContext, node: &NodeTarget) -> Result<Result<Node, Closing>, String> {
    let path = format!("/api/v1/nodes/{}", node.name);
    let mut sign = SignOfLife::of(&node.name);
    let what = format!("node {} to be Ready", node.name);
    let mut watch = FirstTheWatch::of(context);
    let ready = context.until(Duration::from_secs(120), &what, async || {
        if let Some(why) = watch.says_no(context, &node.name) {
            return Progress::NotYet(why);
        }
        if let Err(why) = sign.begin(context).await {
            return Progress::NotYet(why);
        }
        match context.world.kube.find_as::<Node>(&path).await {
            Err(error) => Progress::NotYet(error.to_string()),
            Ok(None) => match replaced::successor(context, node).await {
                Some(successor) => Progress::Done(Err(Closing::Replaced(format!(
                    "node {} is gone; {successor} of the same pool and zone is Ready",
                    node.name
                )))),
                None => {
                    Progress::NotYet("the node does not exist, and no node of its pool and zone has replaced it".into())
                }
            },
            Ok(Some(found)) => {
                let sick = |t: &String| OUTAGE.iter().any(|o| t.starts_with(&format!("node.kubernetes.io/{o}")));
                let outage = found.taints().into_iter().find(sick);
                match (found.ready(), outage) {
                    ("True", None) => match sign.missing(context).await {
                        Some(why) => Progress::NotYet(why),
                        None => Progress::Done(Ok(found)),
                    },
                    ("True", Some(taint)) => Progress::NotYet(format!("Ready, with taint {taint}")),
                    (ready, _) => Progress::NotYet(format!("Ready={ready}")),
                }
            }
        }
    });
    ready.await.map_err(|e| e.to_string())
}

/// While many nodes come back together, ten requests a second for each of them would be thousands. Each then asks the
/// watch of the nodes first, and the API server only if the watch says Ready, or after some time, because a watch may
/// stay silent.
struct FirstTheWatch {
    many: bool,
    /// When the API server was last asked.
    asked_us: Option<u64>,
}

/// How long to wait before the API server is asked again: if the watch says that the node is Ready, and if not.
const READY_US: u64 = 1_000_000;
const UNREADY_US: u64 = 5_000_000;

impl FirstTheWatch {
    fn of(context: &StepContext) -> Self {
        let nodes =
            |state: &RunState| state.still_open().filter(|f| f.revert.takes_away().is_some()).nth(FEW).is_some();
        Self { many: context.recorder.with(nodes), asked_us: None }
    }

    /// Why the API server is not asked now.
    fn says_no(&mut self, context: &StepContext, node: &str) -> Option<String> {
        if !self.many {
            return None;
        }
        let now = context.recorder.now_us();
        let ready = context.recorder.with(|state| state.nodes.get(node).map(|view| view.ready.clone()));
        let rests = |us: u64| self.asked_us.is_some_and(|at| now < at + us);
        match ready {
            Some(ready) if ready != "True" && rests(UNREADY_US) => Some(format!("Ready={ready}")),
            Some(ready) if ready == "True" && rests(READY_US) => Some("Ready, with a taint or an old lease".into()),
            _ => {
                self.asked_us = Some(now);
                None
            }
        }
    }
}

/// A renewal of the node's lease after its power came back. Within the grace period, and while the control plane was
/// away too, the API server still reports a dead node as Ready; but only its kubelet can renew the lease. Renewals are
/// compared with each other and not with the clock of this machine, because the node's clock may differ.
struct SignOfLife {
    path: String,
    /// The renewal that was found first.
    first: Option<Option<String>>,
}

impl SignOfLife {
    fn of(node: &str) -> Self {
        Self { path: format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{node}"), first: None }
    }

    async fn begin(&mut self, context: &StepContext) -> Result<(), String> {
        if self.first.is_none() {
            self.first = Some(self.renewed(context).await?);
        }
        Ok(())
    }

    async fn missing(&self, context: &StepContext) -> Option<String> {
        match self.renewed(context).await {
            Err(why) => Some(why),
            Ok(None) => Some("Ready, but without a lease".into()),
            Ok(now) if Some(&now) == self.first.as_ref() => {
                Some("reported as Ready, but its lease has not been renewed since".into())
            }
            Ok(_) => None,
        }
    }

    async fn renewed(&self, context: &StepContext) -> Result<Option<String>, String> {
        let found = context.world.kube.find(&self.path).await;
        let lease = found.map_err(|e| format!("cannot read its lease: {e}"))?.unwrap_or_default();
        Ok(lease.pointer("/spec/renewTime").and_then(Value::as_str).map(str::to_owned))
    }
}

/// Waits until the node has its earlier routes again. Its pod network restores the routes to other nodes some seconds
/// after it is Ready. Routes to nodes that are gone in the meantime never come back, so only the default route is
/// required.
pub(super) async fn routes(context: &StepContext, node: &str, before: &[String]) -> Result<String, String> {
    let host = host(context)?;
    let missing = async || -> Result<Vec<String>, String> {
        let now = host.routes(node).await.map_err(|e| e.to_string())?;
        Ok(before.iter().filter(|r| !now.contains(r)).cloned().collect())
    };
    let what = format!("the routes of node {node}");
    let back = context.until(Duration::from_secs(30), &what, async || match missing().await {
        Ok(missing) if missing.is_empty() => Progress::Done(()),
        Ok(missing) => Progress::NotYet(format!("missing: {}", missing.join(", "))),
        Err(why) => Progress::NotYet(why),
    });
    if back.await.is_ok() {
        return Ok(format!("its {} routes are as before", before.len()));
    }
    let missing = missing().await?;
    if missing.iter().any(|r| r.starts_with("default")) {
        return Err(format!("node {node} has no default route: route `{}` is not back", missing.join("`, `")));
    }
    Ok(format!(
        "{} of its {} routes are back; not back: {}",
        before.len() - missing.len(),
        before.len(),
        missing.join(", ")
    ))
}
