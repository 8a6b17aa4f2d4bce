//! What a node must show before it counts as being back.

use std::time::Duration;

use serde_json::Value;

use super::{Closing, Progress, StepContext, power::host, replaced};
use crate::{kubernetes::objects::Node, model::NodeTarget};

/// Taints that Kubernetes puts on an unhealthy node.
const OUTAGE: [&str; 4] = ["unreachable", "not-ready", "disk-pressure", "network-unavailable"];

/// Waits until a node is Ready and has no taint of the outage. Closes the undo if another node of its pool has
/// replaced it.
pub(super) async fn wait(context: &StepContext, node: &NodeTarget) -> Result<Result<Node, Closing>, String> {
    let path = format!("/api/v1/nodes/{}", node.name);
    let mut sign = SignOfLife::of(&node.name);
    let what = format!("node {} to be Ready", node.name);
    let ready = context.until(Duration::from_secs(120), &what, async || {
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
