//! Tests whether a scratch namespace can reach production and the API server. The first pod
//! tries it before the policy exists, which shows that the test can succeed. The others try it
//! with the policy, one from every node that runs restored pods. Whatever is not seen to
//! be shut leaves the isolation unproven, which is told and fails nothing.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    Look, StepContext,
    short_pods::{self, Task},
};
use crate::{
    kubernetes::{Identity, OwnPod, Place, objects::Node},
    model::Isolation,
};

/// As long one try from one place may take.
const LIMIT: Duration = Duration::from_secs(90);
const SECONDS: u64 = 80;
/// From as many nodes it is tried.
const NODES: usize = 20;
/// As many pods of production are tried, and as many of its services.
const TARGETS: usize = 2;
/// What asks for the API server, by the address that every pod is given.
const API: &str = "api";

/// What is tried to be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
    /// For people.
    what: String,
    /// The pod's UID, whose end would look like isolation.
    pod: Option<String>,
}

/// A test that has shown that it can find something.
pub(super) struct Test {
    from: String,
    open: Vec<Target>,
}

/// Looks at production without a policy in the way; why not, where that cannot be.
pub(super) async fn begin(context: &StepContext, scratch: &str, from: &str) -> Result<Test, String> {
    if context.world.bindings.volumes.reader_image.is_none() {
        return Err("the bindings name no volumes.readerImage to test it with".into());
    }
    let mut targets = targets(context, from).await?;
    if targets.is_empty() {
        return Err(format!("namespace {from} has no ready pod and no service to try to reach"));
    }
    targets.push(Target { host: API.into(), port: 0, what: "the API server".into(), pod: None });
    admits_pods(context, scratch).await?;
    let found = attempt(context, scratch, "control", Place::default(), &targets).await?;
    let open: Vec<Target> =
        targets.into_iter().zip(found).filter(|(_, open)| *open == Some(true)).map(|(t, _)| t).collect();
    let (api, production) = (open.iter().any(|t| t.host == API), open.iter().any(|t| t.host != API));
    match (api, production) {
        (true, true) => Ok(Test { from: from.to_owned(), open }),
        (false, _) => Err("the test does not reach the API server without a policy either, so it shows nothing".into()),
        (_, false) => {
            Err(format!("the test does not reach namespace {from} without a policy either, so it shows nothing"))
        }
    }
}

/// Tries it again with the policy, from every node that runs restored pods.
pub(super) async fn finish(context: &StepContext, scratch: &str, test: &Test, beyond: &[String]) -> Isolation {
    let unproven = |why: String| Isolation::Unproven { why };
    match with_policy(context, scratch, test).await {
        Ok(_) if !beyond.is_empty() => {
            unproven(format!("{} runs in the network of its node, which no policy isolates", beyond.join(", ")))
        }
        Ok(tried) => Isolation::Proven { tried },
        Err(why) => unproven(why),
    }
}

async fn with_policy(context: &StepContext, scratch: &str, test: &Test) -> Result<String, String> {
    let nodes = nodes_of(context, scratch).await?;
    if nodes.is_empty() {
        return Err("no restored pod runs on any node".into());
    }
    let tries = nodes.iter().take(NODES).map(|node| async move {
        let name = format!("node {}", node.metadata.name);
        (name.clone(), attempt(context, scratch, &name, Place::on(node), &test.open).await)
    });
    for (node, found) in futures_util::future::join_all(tries).await {
        let found = found.map_err(|why| format!("it could not be tried from {node}: {why}"))?;
        for (target, open) in test.open.iter().zip(found) {
            match open {
                Some(false) => {}
                Some(true) => return Err(format!("from {node} {} can be reached in spite of the policy", target.what)),
                None => return Err(format!("from {node} {} was not tried", target.what)),
            }
        }
    }
    if nodes.len() > NODES {
        return Err(format!("it was tried from {NODES} of {} nodes with restored pods", nodes.len()));
    }
    still_there(context, test).await?;
    let what: Vec<&str> = test.open.iter().map(|t| t.what.as_str()).collect();
    Ok(format!(
        "from {} node(s) with restored pods, {} could be reached without the policy and cannot be with it",
        nodes.len(),
        what.join(", ")
    ))
}

/// A pod of production that ended meanwhile cannot be reached either.
async fn still_there(context: &StepContext, test: &Test) -> Result<(), String> {
    let now: BTreeSet<String> = targets(context, &test.from).await?.into_iter().filter_map(|t| t.pod).collect();
    match test.open.iter().find(|t| t.pod.as_ref().is_some_and(|uid| !now.contains(uid))) {
        Some(gone) => Err(format!("{} ended during the test", gone.what)),
        None => Ok(()),
    }
}

/// Nodes of the restored pods.
async fn nodes_of(context: &StepContext, scratch: &str) -> Result<Vec<Node>, String> {
    let pods: Vec<crate::kubernetes::objects::Pod> = list(context, &format!("namespaces/{scratch}/pods")).await?;
    let names: BTreeSet<&str> = pods
        .iter()
        .filter(|p| !p.is_finished() && !p.metadata.labels.contains_key("drillmaster.dev/role"))
        .map(|p| p.spec.node_name.as_str())
        .collect();
    let nodes: Vec<Node> = list(context, "nodes").await?;
    Ok(nodes.into_iter().filter(|n| names.contains(n.metadata.name.as_str())).collect())
}

async fn list<T: serde::de::DeserializeOwned>(context: &StepContext, what: &str) -> Result<Vec<T>, String> {
    context.world.kube.list_as(&format!("/api/v1/{what}")).await.map_err(|e| e.to_string())
}

/// Ready pods with a port, and services with an address, of production.
async fn targets(context: &StepContext, from: &str) -> Result<Vec<Target>, String> {
    let pods: Vec<Value> = list(context, &format!("namespaces/{from}/pods")).await?;
    let services: Vec<Value> = list(context, &format!("namespaces/{from}/services")).await?;
    let pods = pods.iter().filter_map(pod).take(TARGETS);
    Ok(pods.chain(services.iter().filter_map(service).take(TARGETS)).collect())
}

fn pod(object: &Value) -> Option<Target> {
    let slim: crate::kubernetes::objects::Pod = serde_json::from_value(object.clone()).ok()?;
    let containers = object.pointer("/spec/containers")?.as_array()?;
    let port = containers.iter().flat_map(|c| c["ports"].as_array().into_iter().flatten());
    let tcp = |p: &&Value| matches!(p["protocol"].as_str(), None | Some("TCP"));
    let port = port.into_iter().find(tcp)?["containerPort"].as_u64()?;
    let what = format!("pod {}/{}", slim.metadata.namespace, slim.metadata.name);
    let target = target(object.pointer("/status/podIP")?.as_str()?, port, what)?;
    slim.counts().then_some(Target { pod: Some(slim.metadata.uid), ..target })
}

fn service(object: &Value) -> Option<Target> {
    let port = object
        .pointer("/spec/ports")?
        .as_array()?
        .iter()
        .find(|p| matches!(p["protocol"].as_str(), None | Some("TCP")))?;
    let name = object.pointer("/metadata/name")?.as_str()?;
    let namespace = object.pointer("/metadata/namespace")?.as_str()?;
    target(object.pointer("/spec/clusterIP")?.as_str()?, port["port"].as_u64()?, format!("service {namespace}/{name}"))
}

/// Only an address and a port become words of a command.
fn target(host: &str, port: u64, what: String) -> Option<Target> {
    let host = host.parse::<IpAddr>().ok()?.to_string();
    Some(Target { host, port: u16::try_from(port).ok().filter(|p| *p > 0)?, what, pod: None })
}

/// A namespace that was just made has no service account for a moment, and refuses pods.
async fn admits_pods(context: &StepContext, scratch: &str) -> Result<(), String> {
    let path = format!("/api/v1/namespaces/{scratch}/serviceaccounts/default");
    let found = context.until(Duration::from_secs(20), "the namespace's service account", async || {
        match context.world.kube.find(&path).await {
            // A simulated cluster makes none, and asks for none.
            _ if context.world.stage().is_some() => Look::Done(()),
            Ok(Some(_)) => Look::Done(()),
            Ok(None) => Look::NotYet("it is not there".into()),
            Err(error) => Look::NotYet(error.to_string()),
        }
    });
    found.await.map_err(|e| e.to_string())
}

/// What one pod reaches: for each target whether it is open; none where that is not known.
/// The pod goes with the namespace, whose undo was written down before.
async fn attempt(
    context: &StepContext,
    scratch: &str,
    label: &str,
    place: Place,
    targets: &[Target],
) -> Result<Vec<Option<bool>>, String> {
    let hash = Sha256::digest(format!("{} {label}", context.run));
    let name = hash.iter().take(6).fold("drill-reach-".to_owned(), |name, byte| format!("{name}{byte:02x}"));
    let image = context.world.bindings.volumes.reader_image.clone().unwrap_or_default();
    let pod = OwnPod {
        name: &name,
        image: &image,
        run: &context.run,
        role: "reach",
        command: command(targets),
        claim: None,
        place,
        seconds: SECONDS,
    };
    let nobody = Identity { user: 65534, ..Identity::default() };
    let task = Task { name: name.clone(), forms: vec![pod.manifest(&nobody)] };
    Ok(heard(&short_pods::one(context, scratch, &task, LIMIT).await?, targets))
}

/// `nc` ends with 1 where nothing answers or the connection is refused. One that stays open
/// is ended from outside; 126 and 127 are of a shell that finds no such program.
fn command(targets: &[Target]) -> Vec<String> {
    let script = r#"echo begin
while [ $# -gt 1 ]; do
  host=$1 port=$2
  [ "$host" = api ] && host=$KUBERNETES_SERVICE_HOST port=$KUBERNETES_SERVICE_PORT
  timeout 6 nc -w 3 "$host" "$port" </dev/null >/dev/null 2>&1
  case $? in 1) said=shut ;; 126|127) said=untried ;; *) said=open ;; esac
  echo "$said $1 $2"
  shift 2
done
echo end"#;
    let fixed = ["sh", "-c", script, "reach"].map(str::to_owned);
    fixed.into_iter().chain(targets.iter().flat_map(|t| [t.host.clone(), t.port.to_string()])).collect()
}

fn heard(log: &str, targets: &[Target]) -> Vec<Option<bool>> {
    let said = |target: &Target| {
        let tail = format!(" {} {}", target.host, target.port);
        log.lines().find_map(|line| line.strip_suffix(tail.as_str()))
    };
    targets
        .iter()
        .map(|target| match said(target) {
            Some("open") => Some(true),
            Some("shut") => Some(false),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_not_said_is_not_known() {
        let of = |host: &str, port| Target { host: host.into(), port, what: String::new(), pod: None };
        let all = [of("10.0.0.1", 80), of("10.0.0.1", 8080), of(API, 0), of("10.0.0.2", 80), of("10.0.0.3", 1)];
        let log = "begin\nopen 10.0.0.1 80\nshut 10.0.0.1 8080\nopen api 0\nuntried 10.0.0.2 80\nend\n";
        assert_eq!(heard(log, &all), [Some(true), Some(false), Some(true), None, None]);
    }

    #[test]
    fn only_addresses_and_ports_become_words_of_a_command() {
        let of = |ip: &str, port: u64| {
            pod(&json!({"metadata": {"name": "web-1", "namespace": "shop", "uid": "u"},
                "spec": {"containers": [{"ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": port}]}]},
                "status": {"podIP": ip, "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}))
        };
        assert_eq!(of("10.1.2.3", 8080).unwrap().what, "pod shop/web-1");
        assert!(
            of("10.1.2.3; reboot", 8080).is_none() && of("10.1.2.3", 0).is_none() && of("10.1.2.3", 70000).is_none()
        );
        let headless = json!({"metadata": {"name": "db", "namespace": "shop"}, "spec": {"clusterIP": "None", "ports": [{"port": 1}]}});
        assert_eq!(service(&headless), None);
        assert_eq!(command(&[of("10.1.2.3", 8080).unwrap()])[3..], ["reach", "10.1.2.3", "8080"].map(str::to_owned));
    }

    /// What the script makes of a port that is open, and of one that is not.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the script is for a shell")]
    fn the_script_says_what_is_open() {
        let found = std::process::Command::new("sh").args(["-c", "command -v nc timeout"]).output();
        if !found.is_ok_and(|out| out.status.success()) {
            return;
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let of = |port| Target { host: "127.0.0.1".into(), port, what: String::new(), pod: None };
        let closed =
            std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
        let all = [of(port), of(closed)];
        let command = command(&all);
        let said = std::process::Command::new(&command[0]).args(&command[1..]).output().expect("a shell");
        assert_eq!(heard(&String::from_utf8_lossy(&said.stdout), &all), [Some(true), Some(false)]);
    }
}
