//! Every fault that a kind node can have, on a cluster of `cluster up`: it is applied, noticed and undone, and the node
//! is compared with its state before.

use drillmaster::event::Kind;
use serde_json::json;

use super::{Cluster, cache, docker};
use crate::{
    drill::{Drill, Ended, events, happened, open_faults, outcomes, report, wait_for_event},
    fidelity,
    hollow::wait_for,
};

pub const NODES: [&str; 3] = ["drill-worker", "drill-worker2", "drill-worker3"];

/// The addresses, routes, rule tables, services and queues of every worker. A fault must leave them unchanged.
/// Interfaces may have another name.
pub fn picture(nodes: &[String]) -> Vec<String> {
    let one = |node: &String| {
        let ask = |argv: &[&str]| docker(&[&["exec", node], argv].concat());
        let via = |text: String| -> Vec<String> {
            let mut all: Vec<String> = text.lines().filter_map(|l| Some(l.split_once(" dev ")?.0.to_owned())).collect();
            all.sort();
            all
        };
        let address =
            docker(&["inspect", "--format", "{{(index .NetworkSettings.Networks \"kind\").IPAddress}}", node]);
        let routes = via(ask(&["ip", "-4", "route", "show", "proto", "117"]));
        let default = via(ask(&["ip", "-4", "route", "show", "default"]));
        let tables = ask(&["sh", "-c", "nft list tables | grep -c drillmaster || true"]);
        let services = ask(&["systemctl", "is-active", "kubelet", "containerd"]);
        format!("{node} {address} {default:?} {routes:?} {tables} {services:?}")
    };
    nodes.iter().map(one).collect()
}

pub struct Bed {
    pub cluster: Cluster,
    pub drill: Drill,
    pub nodes: Vec<String>,
    pub before: Vec<String>,
}

impl Bed {
    pub fn new(config: &'static str) -> Self {
        let cluster = Cluster::new(config);
        assert_eq!(cluster.up().0, 0);
        let drill = cluster.drill();
        let label = format!("label=io.x-k8s.kind.cluster={}", super::NAME);
        let workers = docker(&["ps", "--filter", &label, "--filter", "name=worker", "--format", "{{.Names}}"]);
        let mut nodes: Vec<String> = workers.lines().map(str::to_owned).collect();
        nodes.sort();
        Self { before: picture(&nodes), cluster, drill, nodes }
    }

    pub fn is_as_before(&self) -> bool {
        picture(&self.nodes) == self.before
    }

    /// Runs the drill on the cluster and on a copy, and compares both. The recorded results are in docs/fidelity.md.
    pub fn both(&self, scenario: &str, set: &[&str]) -> Ended {
        self.settle();
        let bed = fidelity::Bed {
            name: "kind, small",
            admin: &self.drill,
            leases: Box::new(|| self.tries(&self.drill.context, &fidelity::LEASES).unwrap_or_default()),
            times: json!({"boot": "3s", "thaw": "10s", "rejoin": "1s", "kubelet": "1s", "apiServer": "6s", "stop": "8s", "backup": "27s", "restore": "5s", "volume": "2s"}),
            capture: "fileSystem",
            control_plane: "drill-control-plane",
        };
        let ended = fidelity::drill_both(&bed, &self.drill, scenario, set);
        assert_eq!(open_faults(&ended.dir), 0);
        wait_for("the nodes to be as before", 60, || self.is_as_before());
        ended
    }

    /// Runs the drill, and checks that the nodes are as before.
    pub fn ends(&self, code: i32, scenario: &str, more: &[&str]) -> Ended {
        self.settle();
        let ended = self.drill.run(scenario, more);
        assert_eq!(ended.code, code, "{scenario}: {}", ended.said);
        assert_eq!(open_faults(&ended.dir), 0);
        wait_for("the nodes to be as before", 60, || self.is_as_before());
        ended
    }

    /// A scenario with one fault that lasts while a program runs.
    pub fn of(&self, name: &str, fault: &str, meanwhile: &[&str]) -> String {
        let meanwhile = serde_json::to_string(meanwhile).unwrap();
        let text = format!(
            "apiVersion: drillmaster.dev/v1\nkind: Scenario\nmetadata: {{name: {name}, title: A fault}}\n\
             hypothesis: Seen by a program that runs while it lasts.\n\
             scope: {{namespaces: [shop], critical: []}}\n\
             probes: [{{name: storefront, http: {{url: 'http://127.0.0.1:30082/healthz', body: ok}}, up: {{successes: 8, over: 2s}}}}]\n\
             steps:\n  - {{name: fault, {fault}}}\n  - {{name: meanwhile, exec: {{argv: {meanwhile}}}}}\n  \
             - {{name: put back, heal: {{fault: fault}}}}\n\
             expect: [{{service: {{probe: storefront, unharmed: true, longest: 30s, of: fault}}}}]\nlimits: {{duration: 15m}}\n\
             collateral: [monitoring, velero, kube-system, local-path-storage, archive]\n"
        );
        let path = self.cluster.dir.path().join(format!("{name}.yaml"));
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn settle(&self) {
        // A drill on a platform that is not healthy is refused.
        let wanted = [
            ["deployment/coredns", "kube-system"],
            ["deployment/web", "shop"],
            ["statefulset/orders", "shop"],
            ["statefulset/sessions", "shop"],
        ];
        for what in wanted {
            self.kubectl(&["-n", what[1], "rollout", "status", what[0], "--timeout=180s"]);
        }
        wait_for("the alerts to be silent", 90, || {
            let out =
                std::process::Command::new("curl").args(["-fsS", "http://127.0.0.1:30090/api/v1/alerts"]).output();
            out.is_ok_and(|o| o.status.success() && !String::from_utf8_lossy(&o.stdout).contains("NodeNotReady"))
        });
    }

    pub fn kubectl(&self, args: &[&str]) -> String {
        self.kubectl_in(&self.drill.context, args)
    }

    fn kubectl_in(&self, context: &str, args: &[&str]) -> String {
        self.tries(context, args).unwrap_or_else(|said| panic!("kubectl {args:?}: {said}"))
    }

    fn tries(&self, context: &str, args: &[&str]) -> Result<String, String> {
        let program = cache().join("kind/bin/kindnode");
        let mut command = std::process::Command::new(program);
        let command = command.args(["kubectl", "--context", context, "--kubeconfig", &self.drill.kubeconfig]);
        let out = command.args(args).output().unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if out.status.success() { Ok(said(&out.stdout)) } else { Err(said(&out.stderr)) }
    }

    /// The context `least` has exactly the rights in the recovery cluster that `rbac --recovery` prints. If one of
    /// these rights is missing, the drill must not begin.
    fn least_rights_there(&self) {
        let there = |args: &[&str]| self.kubectl_in("kind-drill-recovery", args);
        let second = ["--context", "recovery=kind-drill-recovery", "--recovery"];
        let printed = self.drill.command("rbac", "region-loss", &second).output().unwrap();
        assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
        let file = self.cluster.dir.path().join("rbac.yaml");
        std::fs::write(&file, printed.stdout).unwrap();
        let file = file.to_str().unwrap();
        there(&["apply", "-f", file]);
        let token = there(&["-n", "drillmaster", "create", "token", "drillmaster", "--duration=2h"]);
        there(&["config", "set-credentials", "least", "--token", &token]);
        there(&["config", "set-context", "least", "--cluster", "kind-drill-recovery", "--user", "least"]);
        there(&["-n", "velero", "delete", "rolebinding", "drillmaster-region-loss"]);
        let refused = self.drill.run("region-loss", &["--context", "recovery=least"]);
        assert!(refused.code == 3 && refused.said.contains("missing right: create restores"), "{}", refused.said);
        there(&["apply", "-f", file]);
    }
}

#[test]
#[ignore = "needs a container engine, the lab's node image and its ports; eight minutes"]
fn every_shipped_fault_is_done_seen_and_put_back() {
    let bed = Bed::new("small");
    bed.both("node-partition", &[]);
    bed.both("kubelet-loss", &[]);
    bed.both("zone-split", &["for=15s"]);
    bed.both("control-plane-loss", &["for=20s"]);
    bed.both("statefulset-failover", &["workload=statefulset/sessions", "ready=2"]);
    let silent = bed.ends(1, "silent-volume-loss", &[]);
    assert!(silent.said.contains("does not contain the content of: claim data-archive-0"), "{}", silent.said);
}

#[test]
#[ignore = "needs a container engine, the lab's node image and its ports; six minutes"]
fn what_no_shipped_scenario_breaks() {
    let bed = Bed::new("small");
    // A frozen control plane does not refuse connections. It does not answer at all.
    let frozen =
        bed.of("frozen", "killNodes: {nodes: [drill-control-plane], how: pause, controlPlane: true}", &["sleep", "20"]);
    let ended = bed.ends(0, &frozen, &[]);
    assert!(
        happened(&ended.dir, |k| matches!(k, Kind::ContactLost { .. })),
        "the drill must notice that the control plane does not answer"
    );
    assert!(outcomes(&ended.dir, "storefront")[0].starts_with("pass"));

    let address = docker(&["inspect", "--format", "{{.NetworkSettings.Networks.kind.IPAddress}}", NODES[1]]);
    let reach = format!("! timeout 2 bash -c 'echo > /dev/tcp/{address}/10250'");
    let cut = "impairNodes: {nodes: [drill-worker], network: {drop: out, zone: b}}";
    bed.ends(0, &bed.of("one-way", cut, &["docker", "exec", NODES[0], "bash", "-c", &reach]), &[]);

    let rules =
        ["docker", "exec", NODES[0], "sh", "-c", "nft list ruleset | grep 'numgen random mod 100 < 30 counter'"];
    let lossy = "impairNodes: {nodes: [drill-worker], network: {drop: both, loss: 30%, zone: c}}";
    bed.ends(0, &bed.of("lossy", lossy, &rules), &[]);

    runtime_and_disk(&bed);
    refusals(&bed);
}

/// Two clusters with one store: one is lost completely, the other takes over its shop, and afterwards both are as
/// before. If the drill is killed in the middle, both are put back as well.
#[test]
#[ignore = "needs a container engine, the lab's node image and its ports; six minutes"]
fn a_region_is_lost_and_served_from_another() {
    let bed = Bed::new("two-clusters");
    bed.least_rights_there();
    let second = ["--context", "recovery=least"];
    let ended = bed.ends(0, "region-loss", &second);
    assert!(outcomes(&ended.dir, "storefront there")[0].starts_with("pass: storefront there: RTO "));
    assert!(outcomes(&ended.dir, "restore `restored elsewhere`")[0].contains("are unchanged"));

    bed.settle();
    let mut child = bed.drill.start("region-loss", &[&second[..], &["--no-reaper"]].concat());
    wait_for("the run to begin", 60, || bed.drill.newest() != ended.dir);
    let dir = bed.drill.newest();
    wait_for_event(
        &dir,
        "the region to be lost and restored",
        300,
        |k| matches!(k, Kind::FaultApplied { fault, .. } if fault.0.contains("recovery/shop")),
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let recovered = bed.drill.recover();
    assert_eq!((recovered.code, open_faults(&dir)), (0, 0), "{}", recovered.said);
    wait_for("the nodes to be as before", 60, || bed.is_as_before());
    assert_eq!(bed.cluster.run("status", &[]).0, 0);
}

fn runtime_and_disk(bed: &Bed) {
    let stopped = "impairNodes: {nodes: [drill-worker], stop: runtime}";
    let noticed =
        "for i in $(seq 60); do docker exec drill-worker systemctl is-active -q containerd && exit 1; sleep 1; done";
    let ended = bed.ends(0, &bed.of("runtime", stopped, &["sh", "-c", noticed]), &[]);
    let node_lost =
        |k: &Kind| matches!(k, Kind::NodeSeen { node, ready, .. } if node == "drill-worker" && ready != "True");
    assert!(happened(&ended.dir, node_lost), "the kubelet must report that its runtime is gone");

    // The disk that all nodes share must never be filled.
    let full = |path: &str| format!("impairNodes: {{nodes: [drill-worker], disk: {{path: {path}}}}}");
    let ended = bed.ends(1, &bed.of("shared", &full("/var/lib"), &["true"]), &[]);
    assert!(ended.said.contains("shares with this machine"), "{}", ended.said);
    docker(&["exec", NODES[0], "sh", "-c", "mkdir -p /mnt/own && mount -t tmpfs -o size=16m tmpfs /mnt/own"]);
    let writes =
        ["docker", "exec", NODES[0], "sh", "-c", "! head -c 100000 /dev/zero > /mnt/own/more; rm -f /mnt/own/more"];
    bed.ends(0, &bed.of("disk", &full("/mnt/own"), &writes), &[]);
    assert_eq!(docker(&["exec", NODES[0], "ls", "-A", "/mnt/own"]), "");

    // Whether packets can be delayed depends on the kernel. Without netem, the drill must say so.
    let late = "impairNodes: {nodes: [drill-worker], network: {delay: 50ms}}";
    let path = bed.of("late", late, &["docker", "exec", NODES[0], "sh", "-c", "tc qdisc show | grep -q netem"]);
    let ended = bed.drill.run(&path, &[]);
    assert!(ended.code == 0 || (ended.code == 1 && ended.said.contains("qdisc")), "{}", ended.said);
    assert_eq!((open_faults(&ended.dir), bed.is_as_before()), (0, true));
}

/// A node that may still be running is not fenced, and a control plane is only taken with consent.
fn refusals(bed: &Bed) {
    let cut = "killNodes: {nodes: [drill-worker], how: partition}}\n  - {name: fenced, fenceNode: {fault: fault}";
    let ended = bed.drill.run(&bed.of("alive", cut, &["true"]), &[]);
    assert!(ended.code == 2 && ended.said.contains("leaves its nodes running"), "{}: {}", ended.code, ended.said);
    let taken = "killNodes: {nodes: [drill-control-plane], how: kill}";
    let ended = bed.drill.run(&bed.of("unsaid", taken, &["true"]), &[]);
    assert!(ended.code == 2 && ended.said.contains("controlPlane: true"), "{}: {}", ended.code, ended.said);
    assert!(bed.is_as_before());
}

/// The drill ends with exit 6, and a person can run what it prints.
#[test]
#[ignore = "needs a container engine, the lab's node image and its ports; three minutes"]
fn a_worker_that_does_not_start_again() {
    let bed = Bed::new("small");
    bed.settle();
    let mut child = bed.drill.start("node-power-loss", &["--no-reaper", "--unwind-within", "20s"]);
    wait_for("the run to begin", 60, || bed.drill.newest().join("journal.jsonl").is_file());
    let dir = bed.drill.newest();
    wait_for_event(&dir, "a node to be lost", 60, |k| matches!(k, Kind::FaultApplied { .. }));
    let node = events(&dir).iter().find_map(|e| match &e.event {
        Kind::FaultApplied { fault, .. } => fault.0.rsplit('/').next().map(str::to_owned),
        _ => None,
    });
    let node = node.unwrap();
    docker(&["rename", &node, &format!("{node}-gone")]);
    let code = child.wait().unwrap().code();
    assert_eq!((code, open_faults(&dir)), (Some(6), 1));
    let commands: Vec<String> = events(&dir)
        .into_iter()
        .filter_map(|e| match e.event {
            Kind::FaultStuck { commands, .. } => Some(commands),
            _ => None,
        })
        .flatten()
        .collect();
    docker(&["rename", &format!("{node}-gone"), &node]);
    // The program has the path that it had when the drill began, because the person who runs the command may have
    // another PATH.
    assert!(commands[0].ends_with(&format!("/docker start {node}")), "{commands:?}");
    assert!(commands[1].starts_with("kubectl wait --for=condition=Ready"), "{commands:?}");
    docker(&["start", &node]);
    bed.kubectl(&commands[1].split(' ').skip(1).collect::<Vec<_>>());
    let ended = bed.drill.recover();
    assert_eq!((ended.code, open_faults(&dir)), (0, 0), "{}", ended.said);
    assert_eq!(report(&dir)["exit"], "aborted");
    // The pod network restores the routes some seconds after the node is Ready.
    wait_for("the nodes to be as before", 60, || bed.is_as_before());
}
