//! Removes fields that nobody reads from pods before they are stored. A cluster has thousands of them.

use std::sync::Arc;

use serde_json::Value;

use crate::kubernetes::objects::Pod;

/// The pod without these fields.
pub(super) fn trimmed(mut pod: Pod) -> Pod {
    pod.status.conditions.retain(|c| matches!(c.type_.as_str(), "Ready" | "DisruptionTarget"));
    for condition in &mut pod.status.conditions {
        condition.message = String::new();
        condition.last_transition_time = None;
    }
    for status in &mut pod.status.container_statuses {
        if status.state["waiting"].is_null() {
            status.state = Value::Null;
        }
        // About the previous termination, checks need only the time, and whether memory was the reason.
        let end = |field: &str| status.last_state.pointer(&format!("/terminated/{field}")).cloned();
        if let Some(at) = end("finishedAt") {
            let mut kept = serde_json::json!({"finishedAt": at});
            if end("reason") == Some("OOMKilled".into()) {
                kept["reason"] = "OOMKilled".into();
            }
            status.last_state = serde_json::json!({"terminated": kept});
        } else if end("reason") != Some("OOMKilled".into()) {
            status.last_state = Value::Null;
        }
    }
    pod.spec.volumes.retain(|v| v["persistentVolumeClaim"].is_object());
    pod.metadata.annotations.retain(|key, _| key.starts_with("kubernetes.io/config."));
    pod.metadata.resource_version = String::new();
    for containers in [&mut pod.spec.containers, &mut pod.spec.init_containers] {
        let containers = Arc::make_mut(containers);
        for container in containers.iter_mut() {
            container.ports.retain(|port| port.host_port > 0);
            container.ports.shrink_to_fit();
        }
        containers.shrink_to_fit();
    }
    tight(pod)
}

/// Gives back the room that lists got while they were read. Each of them has one or two items, and room for four.
fn tight(mut pod: Pod) -> Pod {
    pod.metadata.owner_references.shrink_to_fit();
    pod.spec.tolerations.shrink_to_fit();
    pod.spec.volumes.shrink_to_fit();
    pod.status.conditions.shrink_to_fit();
    pod.status.container_statuses.shrink_to_fit();
    pod
}

/// Volumes that the kubelet fills from the API server. Their content is not part of any backup, and the one with the
/// token is larger than the rest of the pod.
const FILLED: [&str; 4] = ["projected", "configMap", "secret", "downwardAPI"];

/// The pod without what the plan and the checks of the drill itself do not read.
pub(super) fn slim(mut pod: Pod) -> Pod {
    let kept = |type_: &str| matches!(type_, "Ready" | "ContainersReady" | "PodScheduled" | "DisruptionTarget");
    pod.status.conditions.retain(|c| kept(&c.type_));
    pod.status.conditions.iter_mut().for_each(|c| c.message = String::new());
    for status in &mut pod.status.container_statuses {
        (status.state, status.last_state) = (Value::Null, Value::Null);
        status.image_id = String::new();
    }
    pod.spec.volumes.retain(|volume| !FILLED.iter().any(|filled| volume.get(filled).is_some()));
    // Those that Kubernetes sets on static pods, and those that Velero reads.
    let read = |key: &str| key.starts_with("kubernetes.io/config.") || key.starts_with("backup.velero.io/");
    pod.metadata.annotations.retain(|key, _| read(key));
    pod.metadata.resource_version = String::new();
    tight(pod)
}
