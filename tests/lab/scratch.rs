//! A restore beside production on a real kind cluster: Services of every type, an unfinished Job, a CronJob, a policy
//! that allows everything. Once with a network that enforces no policies, and once with one that does.
//!
//! The network plugin of the lab enforces none. For the second drill, an agent of the test does: on every node, it
//! drops new connections to and from the pods of each namespace whose policy has no rules, with iptables in the network
//! namespace of the node. (kube-network-policies cannot run here, because it needs the `queue` of nftables, which the
//! kernel of the lab does not have.)

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use drillmaster::{
    event::Kind,
    model::{Isolation, Restored, StepResult},
};
use serde_json::Value;

use super::super::{
    drill::{Ended, events, outcomes},
    kind::Lab,
};

/// Objects in a namespace that have an effect outside it.
const BUSY: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: public, namespace: shop, annotations: {external-dns.alpha.kubernetes.io/hostname: shop.example}}
spec: {type: LoadBalancer, externalTrafficPolicy: Local, selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-all, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: import, namespace: shop}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: import, image: "busybox:1.36", imagePullPolicy: IfNotPresent, command: [sleep, "36000"]}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: shop}
spec:
  schedule: "*/1 * * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: report, image: "busybox:1.36", imagePullPolicy: IfNotPresent, command: ["true"]}]
"#;

const SCENARIO: &str = r#"
apiVersion: drillmaster.dev/v1
kind: Scenario
metadata: {name: beside, title: A backup is restored beside production}
hypothesis: It comes back, and nothing of it reaches production.
scope: {namespaces: [shop], critical: [deployment/web]}
steps:
  - name: copy
    backup: {namespaces: [shop], volumes: fileSystem}
  - name: beside
    restore: {backup: copy, into: scratch}
expect:
  - restore: {of: beside, objects: complete, volumes: identical}
limits: {duration: 30m}
"#;

/// The shop with these objects, and a scenario beside the run directory.
fn busy(lab: &Lab) -> String {
    // Empty volumes would prove nothing.
    lab.seed();
    let dir = lab.drill.runs.parent().unwrap().to_owned();
    let (objects, scenario) = (dir.join("busy.yaml"), dir.join("beside.yaml"));
    std::fs::write(&objects, BUSY).unwrap();
    std::fs::write(&scenario, SCENARIO).unwrap();
    lab.kubectl(&["apply", "-f", objects.to_str().unwrap()]);
    lab.kubectl(&["-n", "shop", "wait", "--for=jsonpath={.status.active}=1", "job/import", "--timeout=60s"]);
    scenario.to_str().unwrap().to_owned()
}

fn restored(ended: &Ended) -> Restored {
    let found = events(&ended.dir).into_iter().find_map(|e| match e.event {
        Kind::StepResult { result, .. } => match *result {
            StepResult::Restore(restored) => Some(restored),
            _ => None,
        },
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no restore ran to its end: {}", ended.said))
}

/// What must be true whatever the network does.
fn came_back(lab: &Lab, ended: &Ended) {
    assert_eq!(ended.code, 0, "{}", ended.said);
    let done = restored(ended);
    assert_eq!(done.differences, [], "Service, Job and CronJob must have no differences");
    let told = done.left_out.join("\n");
    assert!(told.contains("NetworkPolicy/allow-all") && told.contains("a Job's pod"), "{told}");
    assert!(outcomes(&ended.dir, "volumes identical")[0].starts_with("pass"), "{:?}", outcomes(&ended.dir, "volumes"));
    assert!(!lab.kubectl(&["get", "namespaces"]).contains("drill-scratch"));
    let jobs = lab.kubectl(&["-n", "shop", "get", "pods", "-l", "batch.kubernetes.io/job-name=import", "-o", "name"]);
    assert_eq!(jobs.lines().count(), 1, "the Job in production must go on");
}

fn clear(lab: &Lab) {
    lab.kubectl(&["-n", "shop", "delete", "cronjob/report", "job/import", "service/public", "networkpolicy/allow-all"]);
}

#[test]
#[ignore = "needs the kind lab"]
fn beside_production_where_nothing_enforces_policies() {
    let lab = Lab::new();
    let scenario = busy(&lab);
    let planned = lab.drill.command("plan", &scenario, &[]).output().unwrap();
    let said = String::from_utf8_lossy(&planned.stdout).into_owned();
    assert!(said.contains("nothing in this cluster is known to enforce NetworkPolicies"), "{said}");
    let ended = lab.drill.run(&scenario, &[]);
    came_back(&lab, &ended);
    let isolation = restored(&ended).isolation.unwrap();
    assert!(matches!(isolation, Isolation::Unproven { .. }), "{isolation}");
    assert!(isolation.to_string().contains("in spite of the policy"), "{isolation}");
    clear(&lab);
}

#[test]
#[ignore = "needs the kind lab"]
fn beside_production_where_policies_hold() {
    let lab = Lab::new();
    let scenario = busy(&lab);
    let agent = Enforcer::start(&lab);
    let ended = lab.drill.run(&scenario, &[]);
    drop(agent);
    came_back(&lab, &ended);
    let isolation = restored(&ended).isolation.unwrap();
    assert!(matches!(isolation, Isolation::Proven { .. }), "{isolation}");
    clear(&lab);
}

/// Enforces policies without rules for as long as it exists.
struct Enforcer {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    nodes: Vec<String>,
}

/// A function that asks the API server.
type Ask = Box<dyn Fn(&[&str]) -> Option<Value> + Send>;

/// The agent's own chain on each node. The agent changes nothing else.
const CHAIN: &str = "DRILL-TEST-DENY";
/// The addresses of the pods of the cluster: the default of kubeadm.
const PODS: &str = "10.244.0.0/16";

impl Enforcer {
    fn start(lab: &Lab) -> Self {
        let names = lab.kubectl(&["get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"]);
        let nodes: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
        let ask = lab.asker();
        let mut rules = rules(&ask);
        for node in &nodes {
            assert!(fill(node, &rules), "iptables does not work on node {node}");
            iptables(node, &["-I", "FORWARD", "-j", CHAIN]);
            iptables(node, &["-I", "INPUT", "-j", CHAIN]);
        }
        let ends = Arc::new(AtomicBool::new(false));
        let (told, own) = (Arc::clone(&ends), nodes.clone());
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::SeqCst) {
                let now = self::rules(&ask);
                if now != rules && own.iter().all(|node| fill(node, &now)) {
                    rules = now;
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Self { ends, thread: Some(thread), nodes }
    }
}

impl Drop for Enforcer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        for node in &self.nodes {
            iptables(node, &["-D", "FORWARD", "-j", CHAIN]);
            iptables(node, &["-D", "INPUT", "-j", CHAIN]);
            iptables(node, &["-F", CHAIN]);
            iptables(node, &["-X", CHAIN]);
        }
    }
}

/// Builds the whole chain. As soon as a namespace is isolated, only pods that are known to be in other namespaces may
/// open a connection. A pod whose address is not known yet may not. The probes of a kubelet are connections that the
/// node opens.
fn rules(ask: &Ask) -> String {
    let items =
        |args: &[&str]| -> Vec<Value> { ask(args).and_then(|v| v["items"].as_array().cloned()).unwrap_or_default() };
    let denies = |policy: &&Value| {
        let spec = &policy["spec"];
        let rules = ["ingress", "egress"].iter().any(|side| !spec[*side].is_null());
        !rules && spec["podSelector"].as_object().is_none_or(serde_json::Map::is_empty)
    };
    let policies = items(&["get", "networkpolicies", "-A", "-o", "json"]);
    let isolated: Vec<&str> =
        policies.iter().filter(denies).filter_map(|p| p["metadata"]["namespace"].as_str()).collect();
    let mut text = format!("*filter\n:{CHAIN} - [0:0]\n");
    if !isolated.is_empty() {
        text += &format!("-A {CHAIN} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN\n");
        let pods = items(&["get", "pods", "-A", "-o", "json"]);
        let of = |isolates: bool| -> std::collections::BTreeSet<String> {
            let home = |pod: &&Value| pod["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
            let mine = pods.iter().filter(|pod| isolated.contains(&home(pod).as_str()) == isolates);
            mine.filter_map(|pod| pod["status"]["podIP"].as_str().map(str::to_owned)).collect()
        };
        let (denied, known) = (of(true), of(false));
        denied.iter().for_each(|address| text += &format!("-A {CHAIN} -d {address} -j DROP\n"));
        known.iter().for_each(|address| text += &format!("-A {CHAIN} -s {address} -j RETURN\n"));
        text += &format!("-A {CHAIN} -s {PODS} -j DROP\n");
    }
    text + "COMMIT\n"
}

/// Replaces the whole chain at once.
fn fill(node: &str, rules: &str) -> bool {
    let args = ["exec", "-i", node, "iptables-restore", "-w", "--noflush"];
    let mut child = Command::new("docker").args(args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
    child.wait().unwrap().success()
}

fn iptables(node: &str, args: &[&str]) {
    let out = Command::new("docker").args(["exec", node, "iptables", "-w"]).args(args).output().unwrap();
    if !out.status.success() {
        eprintln!("iptables {args:?} on {node}: {}", String::from_utf8_lossy(&out.stderr));
    }
}
