//! The manifest of a short-lived pod of the drill: the user and the node on which it runs, and its resources. Several
//! forms of the pod are tried, because the namespace has to admit one of them: pod security `restricted` forbids root,
//! but a volume may contain files that only root can read.

use serde_json::{Value, json};

use super::{
    in_terms,
    objects::{Node, Taint},
};
use crate::model::{ROLE_LABEL, RUN_LABEL};

/// Taints of nodes that cannot run pods now. A pod that tolerated them would hang there.
const OUT_OF_ORDER: [&str; 4] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/out-of-service",
    "node.kubernetes.io/network-unavailable",
];
/// The user `nobody`, who owns no files.
const NOBODY: u64 = 65534;

/// The user as which the pod runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The user id; 0 is root, with only the capability to open files of other users.
    pub user: u64,
    /// The group id, if it matters.
    pub group: Option<u64>,
    /// More groups: those that own the files of a volume.
    pub groups: Vec<u64>,
    /// The SELinux options of the application, unchanged.
    pub selinux: Value,
}

/// The users to try, in this order, for reading a claim: root, who can read every file if the namespace and the file
/// server allow it; the application's own user; nobody.
pub fn identities(user: Option<&Value>, claim: &str) -> Vec<Identity> {
    let nothing = Value::Null;
    let pod = user.unwrap_or(&nothing);
    let container = mounting(pod, claim);
    let own = |field: &str| container["securityContext"][field].as_u64();
    let whole = |field: &str| pod.pointer(&format!("/spec/securityContext/{field}")).and_then(Value::as_u64);
    let runs_as = |field: &str| status_of(pod, &container["name"])["user"]["linux"][field].as_u64();
    let uid = own("runAsUser").or(whole("runAsUser")).or(runs_as("uid"));
    let group = own("runAsGroup").or(whole("runAsGroup")).or(runs_as("gid"));
    let more = pod.pointer("/spec/securityContext/supplementalGroups").and_then(Value::as_array);
    // As a supplemental group: `fsGroup` would change the owner of every file.
    let mut groups: Vec<u64> = more.into_iter().flatten().filter_map(Value::as_u64).chain(whole("fsGroup")).collect();
    groups.sort_unstable();
    groups.dedup();
    let selinux = match &container["securityContext"]["seLinuxOptions"] {
        Value::Null => pod.pointer("/spec/securityContext/seLinuxOptions").cloned().unwrap_or_default(),
        own => own.clone(),
    };
    let of = |user: u64, group: Option<u64>| Identity { user, group, groups: groups.clone(), selinux: selinux.clone() };
    let mut all = vec![of(0, None)];
    all.extend(uid.filter(|uid| *uid != 0).map(|uid| of(uid, group)));
    if uid.is_none() {
        all.push(of(NOBODY, group));
    }
    all
}

/// The container that mounts a claim.
fn mounting<'a>(pod: &'a Value, claim: &str) -> &'a Value {
    let list = |value: &'a Value| value.as_array().into_iter().flatten();
    let volume = list(&pod["spec"]["volumes"])
        .find(|v| v.pointer("/persistentVolumeClaim/claimName").and_then(Value::as_str) == Some(claim));
    let mounts = |c: &&Value| {
        let wanted = volume.map(|v| &v["name"]);
        wanted.is_some() && c["volumeMounts"].as_array().into_iter().flatten().any(|m| Some(&m["name"]) == wanted)
    };
    list(&pod["spec"]["containers"]).find(mounts).unwrap_or(&Value::Null)
}

fn status_of<'a>(pod: &'a Value, container: &Value) -> &'a Value {
    let all = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
    all.into_iter().flatten().find(|s| s["name"] == *container).unwrap_or(&Value::Null)
}

/// A short-lived pod of the drill.
#[derive(Clone, Debug)]
pub struct OwnPod<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its image.
    pub image: &'a str,
    /// The run that it belongs to.
    pub run: &'a str,
    /// Its purpose: the value of its label `drillmaster.dev/role`.
    pub role: &'static str,
    /// The command that it runs.
    pub command: Vec<String>,
    /// The claim that it reads, mounted at /volume.
    pub claim: Option<&'a str>,
    /// Where it must run.
    pub place: PodPlace,
    /// Its active deadline in seconds.
    pub seconds: u64,
}

/// Where a pod must run, and the taints of these nodes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodPlace {
    /// The node; none if it may run on any node.
    pub node: Option<String>,
    /// Taints of the nodes that it may run on.
    taints: Vec<Taint>,
}

impl PodPlace {
    /// On this node.
    pub fn on(node: &Node) -> Self {
        Self { node: Some(node.metadata.name.clone()), taints: tolerable(node) }
    }

    /// On any node where a volume can be used; `affinity` is the node affinity of the volume.
    pub fn of_volume(affinity: Option<&Value>, nodes: &[Node]) -> Self {
        let terms = affinity.and_then(|a| a.pointer("/required/nodeSelectorTerms")).and_then(Value::as_array);
        let Some(terms) = terms else { return Self::default() };
        let mut taints: Vec<Taint> = vec![];
        for taint in nodes.iter().filter(|n| in_terms(terms, n)).flat_map(tolerable) {
            if !taints.contains(&taint) {
                taints.push(taint);
            }
        }
        Self { node: None, taints }
    }
}

fn tolerable(node: &Node) -> Vec<Taint> {
    node.spec.taints.iter().filter(|t| !OUT_OF_ORDER.contains(&t.key.as_str())).cloned().collect()
}

impl OwnPod<'_> {
    /// The manifest for the API server.
    pub fn manifest(&self, identity: &Identity) -> Value {
        let tolerations: Vec<Value> =
            self.place.taints.iter().map(|t| json!({"key": t.key, "operator": "Exists", "effect": t.effect})).collect();
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": self.name, "labels": {
                "app.kubernetes.io/managed-by": "drillmaster", RUN_LABEL: self.run,
                ROLE_LABEL: self.role, "velero.io/exclude-from-backup": "true"}},
            "spec": {
                "restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "activeDeadlineSeconds": self.seconds,
                "automountServiceAccountToken": false, "enableServiceLinks": false,
                "tolerations": tolerations,
                "securityContext": identity.of_pod(),
                "containers": [{
                    "name": self.role, "image": self.image, "imagePullPolicy": "IfNotPresent",
                    "command": self.command,
                    "securityContext": identity.of_container(),
                    // A quota may require both requests and limits.
                    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"},
                        "limits": {"cpu": "500m", "memory": "64Mi"}}}]}});
        if let Some(claim) = self.claim {
            pod["spec"]["volumes"] = json!([{"name": "volume", "persistentVolumeClaim": {"claimName": claim}}]);
            pod["spec"]["containers"][0]["volumeMounts"] =
                json!([{"name": "volume", "mountPath": "/volume", "readOnly": true}]);
        }
        if let Some(node) = &self.place.node {
            pod["spec"]["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchFields": [
                    {"key": "metadata.name", "operator": "In", "values": [node]}]}]}}});
        }
        pod
    }
}

impl Identity {
    fn of_pod(&self) -> Value {
        let mut context = json!({"runAsUser": self.user, "runAsNonRoot": self.user != 0,
            "seccompProfile": {"type": "RuntimeDefault"}});
        if let Some(group) = self.group {
            context["runAsGroup"] = group.into();
        }
        if !self.groups.is_empty() {
            context["supplementalGroups"] = json!(self.groups);
        }
        if !self.selinux.is_null() {
            context["seLinuxOptions"] = self.selinux.clone();
        }
        context
    }

    fn of_container(&self) -> Value {
        let mut capabilities = json!({"drop": ["ALL"]});
        if self.user == 0 {
            capabilities["add"] = json!(["DAC_OVERRIDE"]);
        }
        json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": capabilities})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(pod: Value, container: Value) -> Value {
        json!({"spec": {"securityContext": pod,
            "volumes": [{"name": "tmp"}, {"name": "data", "persistentVolumeClaim": {"claimName": "data-0"}}],
            "containers": [{"name": "proxy", "securityContext": {"runAsUser": 7}},
                {"name": "app", "securityContext": container, "volumeMounts": [{"name": "data"}]}]},
            "status": {"containerStatuses": [{"name": "app", "user": {"linux": {"uid": 33, "gid": 44}}}]}})
    }

    fn users(pod: Option<&Value>) -> Vec<u64> {
        identities(pod, "data-0").iter().map(|i| i.user).collect()
    }

    #[test]
    fn a_claim_is_read_as_root_or_as_who_writes_to_it() {
        assert_eq!(users(None), [0, NOBODY]);
        assert_eq!(users(Some(&app(json!({"runAsUser": 1000}), json!({})))), [0, 1000]);
        assert_eq!(
            users(Some(&app(json!({"runAsUser": 1000}), json!({"runAsUser": 999})))),
            [0, 999],
            "the nearer word"
        );
        assert_eq!(users(Some(&app(json!({}), json!({})))), [0, 33], "the image's own user, as its status tells");
        let pod = app(json!({"fsGroup": 5, "supplementalGroups": [6, 5]}), json!({"seLinuxOptions": {"level": "s0"}}));
        let own = &identities(Some(&pod), "data-0")[1];
        assert_eq!((own.groups.clone(), own.group, &own.selinux["level"]), (vec![5, 6], Some(44), &json!("s0")));
    }

    #[test]
    fn without_root_it_is_what_restricted_wants() {
        let of = |identity: &Identity| {
            let place = PodPlace::default();
            let (name, image, run) = ("p", "i", "r");
            OwnPod { name, image, run, role: "reader", command: vec![], claim: Some("data-0"), place, seconds: 1 }
                .manifest(identity)
        };
        let restricted = of(&identities(None, "data-0")[1]);
        assert_eq!(restricted["spec"]["securityContext"]["runAsNonRoot"], true);
        assert_eq!(restricted["spec"]["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        let container = &restricted["spec"]["containers"][0]["securityContext"];
        assert_eq!(
            *container,
            json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]}})
        );
        assert!(restricted["spec"]["securityContext"].get("fsGroup").is_none(), "it changes no owner");
        let root = of(&Identity::default());
        assert_eq!(root["spec"]["containers"][0]["securityContext"]["capabilities"]["add"], json!(["DAC_OVERRIDE"]));
    }

    #[test]
    fn it_meets_the_taints_of_its_node_and_not_those_of_a_dead_one() {
        let taint = |key: &str, effect: &str| Taint { key: key.into(), effect: effect.into(), ..Taint::default() };
        let mut node = Node::default();
        node.metadata.name = "n-1".into();
        node.spec.taints =
            vec![taint("dedicated", "NoSchedule"), taint("gpu", "NoExecute"), taint(OUT_OF_ORDER[1], "NoExecute")];
        let place = PodPlace::on(&node);
        assert_eq!(place.taints, node.spec.taints[..2]);
        let pinned = json!({"required": {"nodeSelectorTerms": [{"matchFields": [
            {"key": "metadata.name", "operator": "In", "values": ["n-1"]}]}]}});
        assert_eq!(PodPlace::of_volume(Some(&pinned), &[node.clone()]).taints, place.taints);
        assert_eq!(PodPlace::of_volume(None, &[node]), PodPlace::default(), "a volume that goes anywhere");
    }
}
