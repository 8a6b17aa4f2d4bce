//! The pod that reads the files of one claim: the node and the user for it, and what would keep it from running. The
//! pre-flight and the step use the same code, so that they agree.

use serde_json::Value;

use super::{
    OwnPod, PodPlace, identities,
    objects::{Claim, Node, Volume},
};
use crate::model::{ROLE_LABEL, sha256};

/// Long enough for the volumes of a drill. A drill does not read a terabyte.
const SECONDS: u64 = 180;

/// What must be known to build the reader pod of a claim.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// Pods of its namespace, as received from the API server.
    pub pods: &'a [Value],
    /// Volumes.
    pub volumes: &'a [Volume],
    /// Nodes.
    pub nodes: &'a [Node],
    /// The image of reader pods.
    pub image: &'a str,
    /// The run to which they belong.
    pub run: &'a str,
}

/// The reader pod of one claim.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Its name. It ends with a hash, because two long claim names may begin with the same characters.
    pub name: String,
    /// Its manifests, in the order in which to try them.
    pub forms: Vec<Value>,
    /// What is known to keep it from running.
    pub hindrance: Option<String>,
}

impl Reader {
    /// The reader pod of a claim.
    pub fn of(claim: &Claim, around: &Around<'_>) -> Self {
        let own = claim.metadata.name.as_str();
        let name = format!("drill-read-{}", &sha256(format!("{} {own}", around.run))[..12]);
        let user = around.pods.iter().find(|pod| uses(pod, own));
        let node = user.and_then(|p| p.pointer("/spec/nodeName")).and_then(Value::as_str);
        let node = node.and_then(|name| around.nodes.iter().find(|n| n.metadata.name == name));
        let volume = around.volumes.iter().find(|v| v.metadata.name == claim.spec.volume_name);
        let place = match node {
            Some(node) => PodPlace::on(node),
            None => PodPlace::of_volume(volume.and_then(|v| v.spec.node_affinity.as_ref()), around.nodes),
        };
        let pod = OwnPod {
            name: &name,
            image: around.image,
            run: around.run,
            role: "reader",
            command: script(),
            claim: Some(own),
            place,
            seconds: SECONDS,
        };
        let forms = identities(user, own).iter().map(|identity| pod.manifest(identity)).collect();
        Self { forms, hindrance: hindrance(claim, user, node), name }
    }
}

fn hindrance(claim: &Claim, user: Option<&Value>, node: Option<&Node>) -> Option<String> {
    let own = &claim.metadata.name;
    if user.is_some() && claim.spec.access_modes.iter().any(|mode| mode == "ReadWriteOncePod") {
        return Some(format!("claim {own} is ReadWriteOncePod and in use, so a second pod cannot mount it"));
    }
    node.filter(|n| n.ready() != "True")
        .map(|n| format!("node {} of claim {own} is not Ready, so no pod can start there", n.metadata.name))
}

/// Whether a pod that has not finished mounts the claim.
fn uses(pod: &Value, claim: &str) -> bool {
    let ended = matches!(pod.pointer("/status/phase").and_then(Value::as_str), Some("Succeeded" | "Failed"));
    let named = |v: &Value| v.pointer("/persistentVolumeClaim/claimName").and_then(Value::as_str) == Some(claim);
    let ours = pod["metadata"]["labels"].get(ROLE_LABEL).is_some();
    !ended && !ours && pod["spec"]["volumes"].as_array().into_iter().flatten().any(named)
}

/// The script is fixed: no name of a claim or a file becomes part of a command. It skips `lost+found`, which only root
/// can read, and which belongs to the file system, not to the application.
fn script() -> Vec<String> {
    let script =
        "echo begin && cd /volume && find . -path ./lost+found -prune -o -type f -exec sha256sum {} + && echo end";
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_keeps_a_reader_from_running_is_known_before() {
        let mut claim = Claim::default();
        claim.metadata.name = "data-0".into();
        let pod = json!({"spec": {"nodeName": "n-1",
            "volumes": [{"persistentVolumeClaim": {"claimName": "data-0"}}]}, "status": {"phase": "Running"}});
        let mut node = Node::default();
        node.metadata.name = "n-1".into();
        let of = |claim: &Claim, pods: &[Value], nodes: &[Node]| {
            Reader::of(claim, &Around { pods, volumes: &[], nodes, image: "i", run: "r" })
        };
        let silent = of(&claim, std::slice::from_ref(&pod), std::slice::from_ref(&node));
        assert!(silent.hindrance.unwrap().contains("n-1"), "its node is not Ready");
        assert!(silent.forms[0]["spec"]["affinity"].to_string().contains("n-1"), "it runs where the claim is used");
        claim.spec.access_modes = vec!["ReadWriteOncePod".into()];
        assert!(of(&claim, &[pod], &[]).hindrance.unwrap().contains("ReadWriteOncePod"));
        assert!(of(&claim, &[], &[node]).hindrance.is_none(), "nobody uses it");
    }

    #[test]
    fn two_claims_and_two_runs_have_readers_of_their_own() {
        let name = |claim: &str, run: &str| {
            let mut own = Claim::default();
            own.metadata.name = claim.into();
            Reader::of(&own, &Around { pods: &[], volumes: &[], nodes: &[], image: "i", run }).name
        };
        let all = [name("a", "1"), name("b", "1"), name("a", "2"), name(&"x".repeat(200), "1")];
        assert!(all.iter().all(|n| n.len() < 30 && all.iter().filter(|o| *o == n).count() == 1), "{all:?}");
    }
}
