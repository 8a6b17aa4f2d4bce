//! Tests whether a scratch namespace can reach production and the API server. First, before the policy exists, test
//! pods try it on each node where restored pods may run: that shows what can be found from there. Then, with the
//! policy, other test pods try it on each node that runs restored pods. Anything that is not observed to be blocked
//! leaves the isolation unproven. That is reported, but does not fail the drill.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;

use super::{
    Progress, StepContext,
    short_pods::{self, For, Task},
    targets::{self, Target, command, heard},
};
use crate::{
    kubernetes::{
        Identity, OwnPod, PodPlace,
        objects::{Node, Pod},
    },
    model::{Isolation, ROLE_LABEL, sha256, some},
};

/// How long a test from one node may take.
const LIMIT: Duration = Duration::from_secs(90);
const SECONDS: u64 = 80;
/// The largest number of nodes for a test.
const NODES: usize = 20;

/// A test that has shown what it can find, and from where.
pub(super) struct Test {
    from: String,
    /// By node: what can be reached from it without a policy, or why that is unknown.
    nodes: BTreeMap<String, Result<Vec<Target>, String>>,
}

/// A test from one node.
struct Try<'a> {
    node: &'a Node,
    /// Distinguishes it from the other test on that node.
    label: &'static str,
    targets: &'a [Target],
}

/// Tests what can be reached before the policy exists; or returns why this cannot be tested.
pub(super) async fn begin(context: &StepContext, scratch: &str, from: &str) -> Result<Test, String> {
    if context.world.bindings.volumes.reader_image.is_none() {
        return Err("the bindings name no volumes.readerImage, which the test needs".into());
    }
    let pods: Vec<Pod> = list(context, &format!("namespaces/{from}/pods")).await?;
    let mut targets = targets::some(production(context, from).await?);
    if targets.is_empty() {
        return Err(format!(
            "namespace {from} has neither a ready pod with a port nor a service with ready pods that the test could try to reach"
        ));
    }
    targets.push(Target::api());
    admits_pods(context, scratch).await?;
    let nodes = candidates(list(context, "nodes").await?, &pods);
    let tries: Vec<Try<'_>> = nodes.iter().map(|node| Try { node, label: "control", targets: &targets }).collect();
    let found = attempt(context, scratch, &tries).await?;
    let shown = found.into_iter().map(|found| can_find(&targets, &found?, from));
    let nodes: BTreeMap<_, _> = nodes.iter().map(|n| n.metadata.name.clone()).zip(shown).collect();
    if nodes.values().any(Result::is_ok) {
        return Ok(Test { from: from.to_owned(), nodes });
    }
    let why = nodes.into_iter().next().and_then(|(node, shown)| Some(format!("from node {node}: {}", shown.err()?)));
    Err(why.unwrap_or_else(|| "no node is Ready, so the test could not run".into()))
}

/// Nodes where restored pods may run, the most likely ones first: those that run production's pods, then other
/// workers.
fn candidates(mut nodes: Vec<Node>, pods: &[Pod]) -> Vec<Node> {
    let hosts: BTreeSet<&str> = pods.iter().map(|p| p.spec.node_name.as_str()).collect();
    let rank = |n: &Node| (!hosts.contains(n.metadata.name.as_str()), n.is_control_plane(), n.spec.unschedulable);
    nodes.retain(|n| n.ready() == "True");
    nodes.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.metadata.name.cmp(&b.metadata.name)));
    nodes.truncate(NODES);
    nodes
}

/// What a test pod can reach without a policy. If it cannot find the API server and part of production now, then not
/// finding them later would show nothing.
fn can_find(targets: &[Target], found: &[Option<bool>], from: &str) -> Result<Vec<Target>, String> {
    let all = targets.iter().zip(found).filter(|(_, open)| **open == Some(true));
    let open: Vec<Target> = all.map(|(t, _)| t.clone()).collect();
    let (production, api) = (open.iter().any(Target::is_production), open.iter().any(|t| !t.is_production()));
    match (api, production) {
        (true, true) => Ok(open),
        (false, _) => {
            Err("the test cannot reach the API server even without a policy, so it would show nothing".into())
        }
        (_, false) => {
            Err(format!("the test cannot reach namespace {from} even without a policy, so it would show nothing"))
        }
    }
}

/// Tests again with the policy, from every node that runs restored pods. `beyond` lists workloads of the backup that
/// use the network of their node.
pub(super) async fn finish(context: &StepContext, scratch: &str, test: &Test, beyond: &[String]) -> Isolation {
    match with_policy(context, scratch, test, beyond).await {
        Ok(tried) => Isolation::Proven { tried },
        Err(why) => Isolation::Unproven { why },
    }
}

async fn with_policy(context: &StepContext, scratch: &str, test: &Test, beyond: &[String]) -> Result<String, String> {
    let pods: Vec<Pod> = list(context, &format!("namespaces/{scratch}/pods")).await?;
    let nodes: Vec<Node> = list(context, "nodes").await?;
    let (used, mut unproven) = test.used_by(&pods);
    if used.is_empty() && unproven.is_empty() {
        return Err("no restored pod is running on a node".into());
    }
    let mut tries = vec![];
    for (name, targets) in used {
        match nodes.iter().find(|n| n.metadata.name == name) {
            Some(node) => tries.push(Try { node, label: "node", targets }),
            None => unproven.push(format!("node {name}, which runs restored pods, is gone")),
        }
    }
    let found = attempt(context, scratch, &tries).await?;
    // First what can be reached, then what is unknown.
    let mut why: Vec<String> = tries.iter().zip(&found).filter_map(|(one, found)| not_shut(one, found)).collect();
    why.extend(unproven);
    why.extend(in_the_nodes_network(&pods, beyond));
    let tried: Vec<&Target> = tries.iter().flat_map(|t| t.targets).collect();
    let ended = targets::ended(&unique(&tried), production(context, &test.from).await?);
    if !ended.is_empty() {
        why.push(format!("{} disappeared during the test", ended.join(", ")));
    }
    if why.is_empty() { Ok(told(&tries)) } else { Err(why.join("; ")) }
}

impl Test {
    /// The nodes that run restored pods, with what could be found from each of them; and why the test proves nothing
    /// about the other nodes.
    fn used_by(&self, pods: &[Pod]) -> (BTreeMap<&str, &[Target]>, Vec<String>) {
        let names: BTreeSet<&str> = restored(pods)
            .filter(|p| !p.is_finished() && !p.spec.node_name.is_empty())
            .map(|p| p.spec.node_name.as_str())
            .collect();
        let (mut used, mut unknown) = (BTreeMap::new(), vec![]);
        for name in &names {
            match self.nodes.get_key_value(*name) {
                Some((node, Ok(open))) => {
                    used.insert(node.as_str(), open.as_slice());
                }
                Some((_, Err(why))) => unknown.push(format!("node {name} ({why})")),
                None => unknown.push(format!("node {name} (it was not tested without the policy)")),
            }
        }
        let of = format!("{} of {} node(s) with restored pods", unknown.len(), names.len());
        let why = (!unknown.is_empty()).then(|| format!("the test shows nothing for {of}: {}", some(&unknown)));
        (used, why.into_iter().collect())
    }
}

/// Pods of the namespace that do not belong to the drill.
fn restored(pods: &[Pod]) -> impl Iterator<Item = &Pod> {
    pods.iter().filter(|p| !p.metadata.labels.contains_key(ROLE_LABEL))
}

/// Why a test does not show that everything is blocked.
fn not_shut(one: &Try<'_>, found: &Result<Vec<Option<bool>>, String>) -> Option<String> {
    let node = &one.node.metadata.name;
    let found = match found {
        Ok(found) => found,
        Err(why) => return Some(format!("the test could not run on node {node}: {why}")),
    };
    let which = |wanted: Option<bool>| {
        let all = one.targets.iter().zip(found).filter(|(_, open)| **open == wanted);
        all.map(|(t, _)| t.what.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (open, untried) = (which(Some(true)), which(None));
    match (open.is_empty(), untried.is_empty()) {
        (false, _) => Some(format!("from node {node}, {open} can be reached in spite of the policy")),
        (true, false) => Some(format!("from node {node}, {untried} was not tested")),
        (true, true) => None,
    }
}

/// A pod in the network of its node has the node's addresses, so NetworkPolicies do not apply to it: neither for
/// workloads of the backup nor for pods that the cluster created from them.
fn in_the_nodes_network(pods: &[Pod], beyond: &[String]) -> Option<String> {
    let live = restored(pods).filter(|p| p.spec.host_network);
    let live = live.map(|p| format!("{}/Pod/{}", p.metadata.namespace, p.metadata.name));
    let all: Vec<String> = beyond.iter().cloned().chain(live).collect();
    (!all.is_empty()).then(|| format!("{}: in the network of the node, which no policy isolates", some(&all)))
}

/// What was shown, as text. For a target that could not be found from every node, it contains the number of nodes.
fn told(tries: &[Try<'_>]) -> String {
    let all: Vec<&Target> = tries.iter().flat_map(|t| t.targets).collect();
    let what = unique(&all).into_iter().map(|target| {
        let from = all.iter().filter(|t| **t == target).count();
        let from = if from == tries.len() { String::new() } else { format!(" (from {from} of them)") };
        format!("{}{from}", target.what)
    });
    format!(
        "from all {} node(s) that run restored pods, {} could be reached without the policy and cannot be reached with it",
        tries.len(),
        what.collect::<Vec<_>>().join(", ")
    )
}

/// Each target once.
fn unique<'a>(all: &[&'a Target]) -> Vec<&'a Target> {
    let mut once: Vec<&Target> = vec![];
    for &target in all {
        if !once.contains(&target) {
            once.push(target);
        }
    }
    once
}

async fn list<T: serde::de::DeserializeOwned>(context: &StepContext, what: &str) -> Result<Vec<T>, String> {
    context.world.kube.list_as(&format!("/api/v1/{what}")).await.map_err(|e| e.to_string())
}

/// Everything in production that could be tried.
async fn production(context: &StepContext, from: &str) -> Result<(Vec<Target>, Vec<Target>), String> {
    let pods: Vec<Value> = list(context, &format!("namespaces/{from}/pods")).await?;
    let services: Vec<Value> = list(context, &format!("namespaces/{from}/services")).await?;
    Ok(targets::all(&pods, &services))
}

/// A new namespace has no service account for a moment, and refuses pods until then.
async fn admits_pods(context: &StepContext, scratch: &str) -> Result<(), String> {
    let path = format!("/api/v1/namespaces/{scratch}/serviceaccounts/default");
    let found = context.until(Duration::from_secs(20), "the namespace's service account", async || {
        match context.world.kube.find(&path).await {
            Ok(Some(_)) => Progress::Done(()),
            Ok(None) => Progress::NotYet("it does not exist yet".into()),
            Err(error) => Progress::NotYet(error.to_string()),
        }
    });
    found.await.map_err(|e| e.to_string())
}

/// What the pod of each test can reach, with all tests at the same time: for each target whether it is open; none if
/// that is unknown. The pods are recorded before they are created, and are always deleted.
async fn attempt(
    context: &StepContext,
    scratch: &str,
    tries: &[Try<'_>],
) -> Result<Vec<Result<Vec<Option<bool>>, String>>, String> {
    let tasks: Vec<Task> = tries.iter().map(|one| task(context, one)).collect();
    let logs = short_pods::run(context, scratch, For::Reaching, &tasks, LIMIT).await.map_err(|e| e.to_string())?;
    Ok(tries.iter().zip(logs).map(|(one, log)| log.map(|log| heard(&log, one.targets))).collect())
}

fn task(context: &StepContext, one: &Try<'_>) -> Task {
    let hash = sha256(format!("{} {} {}", context.run, one.label, one.node.metadata.name));
    let name = format!("drill-reach-{}", &hash[..12]);
    let image = context.world.bindings.volumes.reader_image.clone().unwrap_or_default();
    let pod = OwnPod {
        name: &name,
        image: &image,
        run: &context.run,
        role: "reach",
        command: command(one.targets),
        claim: None,
        place: PodPlace::on(one.node),
        seconds: SECONDS,
    };
    let nobody = Identity { user: 65534, ..Identity::default() };
    Task { forms: vec![pod.manifest(&nobody)], name }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, node: &str, spec: Value) -> Pod {
        let mut object = json!({"metadata": {"name": name, "namespace": "s"}, "spec": {"nodeName": node}});
        json_patch::merge(&mut object["spec"], &spec);
        serde_json::from_value(object).expect("a pod")
    }

    fn node(name: &str, ready: &str, control_plane: bool) -> Node {
        let role = "node-role.kubernetes.io/control-plane";
        let labels = if control_plane { json!({role: ""}) } else { json!({}) };
        serde_json::from_value(json!({"metadata": {"name": name, "labels": labels},
            "status": {"conditions": [{"type": "Ready", "status": ready}]}}))
        .expect("a node")
    }

    fn shown() -> Vec<Target> {
        vec![Target::api()]
    }

    #[test]
    fn it_is_tried_first_where_production_runs_and_nowhere_else_than_on_ready_nodes() {
        let mut nodes: Vec<Node> = (0..30).map(|n| node(&format!("w-{n:02}"), "True", false)).collect();
        nodes.extend([node("control", "True", true), node("dark", "Unknown", false), node("z", "True", false)]);
        let found = candidates(nodes, &[pod("web-1", "z", json!({})), pod("web-2", "dark", json!({}))]);
        let names: Vec<&str> = found.iter().map(|n| n.metadata.name.as_str()).collect();
        assert_eq!((names.len(), &names[..3]), (NODES, &["z", "w-00", "w-01"][..]));
        assert!(!names.contains(&"dark") && !names.contains(&"control"));
    }

    #[test]
    fn a_test_that_finds_nothing_without_a_policy_shows_nothing() {
        let api = [Target::api()];
        assert!(can_find(&api, &[Some(true)], "shop").is_err_and(|why| why.contains("namespace shop")));
        assert!(can_find(&api, &[Some(false)], "shop").is_err_and(|why| why.contains("the API server")));
        assert!(can_find(&api, &[None], "shop").is_err());
    }

    /// Restored pods on a node that was not tested before do not count as isolated.
    #[test]
    fn a_node_without_a_control_is_named() {
        let nodes = [("a".to_owned(), Ok(shown())), ("b".to_owned(), Err("no image".to_owned()))];
        let test = Test { from: "shop".into(), nodes: nodes.into() };
        let mut own = pod("drill-reach-1", "d", json!({}));
        own.metadata.labels = std::sync::Arc::new([(ROLE_LABEL.to_owned(), "reach".to_owned())].into());
        let pods = ["a", "b", "c", ""].map(|on| pod("web", on, json!({})));
        let (used, why) = test.used_by(&[&pods[..], &[own]].concat());
        assert_eq!(used.keys().collect::<Vec<_>>(), [&"a"]);
        assert_eq!(
            why,
            ["the test shows nothing for 2 of 3 node(s) with restored pods: node b (no image), node c (it was not \
              tested without the policy)"]
        );
        assert!(test.used_by(&pods[..1]).1.is_empty());
    }

    #[test]
    fn a_restored_pod_in_the_network_of_its_node_is_named() {
        let pods = [pod("web", "a", json!({})), pod("agent-x", "a", json!({"hostNetwork": true}))];
        assert_eq!(in_the_nodes_network(&pods[..1], &[]), None);
        let said = in_the_nodes_network(&pods, &["shop/DaemonSet/agent".to_owned()]).expect("two of them");
        assert!(said.starts_with("shop/DaemonSet/agent, s/Pod/agent-x: in the network of the node"), "{said}");
    }

    #[test]
    fn what_can_be_reached_in_spite_of_the_policy_is_told_whole() {
        let (on, targets) = (node("a", "True", false), [Target::api(), Target::api()]);
        let one = Try { node: &on, label: "node", targets: &targets };
        let said = |found: &[Option<bool>]| not_shut(&one, &Ok(found.to_vec()));
        assert_eq!(said(&[Some(false), Some(false)]), None);
        assert!(said(&[Some(true), None]).unwrap().contains("in spite of the policy"));
        assert_eq!(said(&[Some(false), None]).unwrap(), "from node a, the API server was not tested");
        assert!(said(&[Some(true), Some(true)]).unwrap().contains("the API server, the API server"));
    }
}
