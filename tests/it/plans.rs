//! Plans, built as pure values: what they show, what is refused, what the hash covers.

use std::{collections::BTreeMap, path::Path};

use drillmaster::{
    inventory::{Inventory, Listed},
    kubernetes::objects::{Budget, Named, Node, Pod, Workload},
    model::{Bindings, ClusterIdentity, ExecHost, NodeHostSpec, Permission, Plan},
    plan::{Request, build, rbac, show},
    scenario::{Loaded, Sources, load},
    world::{Here, NodeHost},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::golden;

fn of<T: DeserializeOwned>(values: Vec<Value>) -> Listed<T> {
    Listed::Seen(values.into_iter().map(|v| serde_json::from_value(v).unwrap()).collect())
}

fn node(name: &str, zone: &str) -> Value {
    json!({"metadata": {"name": name, "uid": format!("uid-{name}"), "labels": {"topology.kubernetes.io/zone": zone}},
           "status": {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": {"cpu": "8", "memory": "32Gi", "pods": "110"}}})
}

fn pod(name: &str, owner: (&str, &str), node: &str, app: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "labels": {"app": app, "pod-template-hash": "x1"},
                        "ownerReferences": [{"kind": owner.0, "name": owner.1, "controller": true}]},
           "spec": {"nodeName": node, "containers": [], "tolerations": [{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}]},
           "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

pub fn inventory() -> Inventory {
    let zones = ["a", "b", "c"];
    let nodes = zones.iter().flat_map(|z| [node(&format!("node-{z}-0"), z), node(&format!("node-{z}-1"), z)]).collect();
    let mut pods = vec![];
    for (i, z) in zones.iter().enumerate() {
        pods.push(pod(&format!("web-x1-{i}"), ("ReplicaSet", "web-x1"), &format!("node-{z}-0"), "web"));
        pods.push(pod(&format!("orders-{i}"), ("StatefulSet", "orders"), &format!("node-{z}-1"), "orders"));
    }
    let workload = |kind: &str, name: &str| json!({"kind": kind, "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}")}, "spec": {"replicas": 3}, "status": {"readyReplicas": 3}});
    let budget = |name: &str| json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": name}}}});
    Inventory {
        identity: ClusterIdentity {
            name: "cluster".into(),
            context: "lab".into(),
            uid: "11111111-2222".into(),
            server: "https://127.0.0.1:6443".into(),
            version: "v1.37.2".into(),
            flavour: "other".into(),
        },
        nodes: of::<Node>(nodes),
        pods: of::<Pod>(pods),
        workloads: of::<Workload>(vec![workload("Deployment", "web"), workload("StatefulSet", "orders")]),
        budgets: of::<Budget>(vec![budget("web"), budget("orders")]),
        claims: of(vec![]),
        volumes: of(vec![]),
        namespaces: of::<Named>(vec![json!({"metadata": {"name": "shop", "uid": "uid-shop"}})]),
        scope: BTreeMap::from([("shop".into(), "uid-shop".into())]),
    }
}

pub fn bindings() -> Bindings {
    let words = |s: &str| s.split(' ').map(str::to_owned).collect::<Vec<_>>();
    Bindings {
        values: BTreeMap::from([
            ("storefront".into(), json!("http://shop.example/healthz")),
            ("volumes".into(), json!("none")),
        ]),
        node_host: Some(NodeHostSpec::Exec(Box::new(ExecHost {
            state: words("power state {node}"),
            running: "on".into(),
            off: "off".into(),
            paused: None,
            kill: words("power off {node}"),
            stop: words("power shutdown {node}"),
            pause: vec![],
            start: words("power on {node}"),
            unpause: vec![],
            partition: vec![],
            rejoin: vec![],
            isolated: None,
            env: BTreeMap::new(),
        }))),
        prometheus: Some("http://prometheus.example".into()),
        alertmanager: vec!["http://alertmanager.example".into()],
        ..Bindings::default()
    }
}

fn loaded(name: &str, set: &[(&str, &str)]) -> Loaded {
    let sources = Sources {
        set: set.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        bindings: bindings(),
        ..Sources::default()
    };
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.yaml")), &sources)
        .unwrap_or_else(|p| panic!("{p}"))
}

fn planned(loaded: &Loaded, inventory: &Inventory, bindings: &Bindings) -> Result<Plan, Vec<String>> {
    let host = bindings.node_host.as_ref().map(|spec| NodeHost::new(spec, &Here::now()));
    let machines = BTreeMap::new();
    let planned = build(&Request {
        recovery: None,
        loaded,
        inventory,
        bindings,
        machines: &machines,
        host: host.as_ref(),
        run: "20260101t000000000-x",
    });
    planned.map_err(|mistakes| loaded.placed(mistakes).list.into_iter().map(|problem| problem.what).collect())
}

pub fn plan(name: &str) -> Plan {
    planned(&loaded(name, &[]), &inventory(), &bindings()).unwrap_or_else(|w| panic!("{w:?}"))
}

#[test]
fn what_a_person_reads_before_a_drill() {
    let mut plan = plan("zone-loss-and-restore");
    // The hashes of the files change with every word in the files.
    plan.scenario_hash.clear();
    plan.hash = "…".into();
    golden::check("plan.txt", &show(&plan));
    let manifests: Vec<String> =
        rbac(&plan, "drillmaster", false).iter().map(|m| serde_json::to_string_pretty(m).unwrap()).collect();
    golden::check("rbac.txt", &(manifests.join("\n---\n") + "\n"));
}

#[test]
fn a_name_in_a_plan_is_text() {
    let mut plan = plan("zone-outage");
    plan.title = "a\u{1b}[2J\nFORGED\u{e000}\u{202e}".into();
    plan.steps[0].notes.push("b\r\nFORGED".into());
    let shown = show(&plan);
    assert!(shown.chars().all(|c| c == '\n' || drillmaster::model::is_printable(c)), "{shown:?}");
    assert!(shown.contains("FORGED") && !shown.lines().any(|l| l.trim_start().starts_with("FORGED")), "{shown}");
}

#[test]
fn the_second_cluster_is_asked_for_its_own_rights() {
    let mut bindings = bindings();
    bindings.values.insert("storefrontThere".into(), json!("http://there.example/healthz"));
    bindings.volumes.reader_image = Some("reader".into());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/region-loss.yaml");
    let loaded = load(&path, &Sources { bindings: bindings.clone(), ..Sources::default() }).unwrap();
    let there = ClusterIdentity { uid: "uid-there".into(), ..self::inventory().identity };
    let host = bindings.node_host.as_ref().map(|spec| NodeHost::new(spec, &Here::now()));
    let machines = BTreeMap::new();
    let inventory = inventory();
    let request = Request {
        recovery: Some(&there),
        loaded: &loaded,
        inventory: &inventory,
        bindings: &bindings,
        machines: &machines,
        host: host.as_ref(),
        run: "20260101t000000000-x",
    };
    let plan = build(&request).unwrap_or_else(|w| panic!("{w:?}"));
    let has =
        |list: &[Permission], resource: &str, verb: &str| list.iter().any(|p| p.resource == resource && p.verb == verb);
    for (resource, verb) in [
        ("restores", "create"),
        ("restores", "delete"),
        ("namespaces", "delete"),
        ("nodes", "list"),
        ("*", "list"),
        ("pods", "get"),
    ] {
        assert!(has(&plan.recovery_permissions, resource, verb), "{verb} {resource}");
    }
    assert!(!has(&plan.permissions, "restores", "create"), "the drill restores nothing in the first cluster");
    assert!(planned(&self::loaded("zone-outage", &[]), &inventory, &bindings).unwrap().recovery_permissions.is_empty());
    let namespaces: Vec<String> = rbac(&plan, "drillmaster", true)
        .iter()
        .filter(|m| m["kind"] == "Role")
        .map(|m| m["metadata"]["namespace"].as_str().unwrap().to_owned())
        .collect();
    // A Role cannot be created in a namespace that does not exist yet.
    assert_eq!(namespaces, ["velero"]);
}

/// Without an image for readers, the plan does not ask for the right to create pods.
#[test]
fn rights_for_readers_are_asked_only_where_there_are_readers() {
    let mut with = bindings();
    with.volumes.reader_image = Some("reader".into());
    let loaded = self::loaded("restore-to-scratch", &[]);
    let ask = |bindings: &Bindings| {
        let plan = planned(&loaded, &inventory(), bindings).unwrap_or_else(|w| panic!("{w:?}"));
        [("pods", "create"), ("pods", "delete"), ("pods/log", "get"), ("serviceaccounts", "get")]
            .map(|(resource, verb)| plan.permissions.iter().any(|p| p.resource == resource && p.verb == verb))
    };
    assert_eq!(ask(&with), [true; 4]);
    assert_eq!(ask(&bindings()), [false; 4]);
}

#[test]
fn the_same_input_gives_the_same_hash_and_another_target_another() {
    let one = plan("zone-outage");
    assert_eq!(one.hash, plan("zone-outage").hash);
    let mut replaced = inventory();
    if let Listed::Seen(nodes) = &mut replaced.nodes {
        nodes[0].metadata.uid = "another".into();
    }
    let other = planned(&loaded("zone-outage", &[]), &replaced, &bindings()).unwrap();
    assert_ne!(one.hash, other.hash, "a replaced node must be another target");
}

#[test]
fn what_cannot_be_planned_is_refused_with_its_reason() {
    let says = |name: &str, set: &[(&str, &str)], change: &dyn Fn(&mut Inventory, &mut Bindings)| {
        let (mut inventory, mut bindings) = (inventory(), bindings());
        change(&mut inventory, &mut bindings);
        planned(&loaded(name, set), &inventory, &bindings).unwrap_err().join("\n")
    };
    let nothing = |_: &mut Inventory, _: &mut Bindings| {};
    assert!(
        says("zone-outage", &[("zone", "z")], &nothing)
            .contains("zone `z` has no worker nodes; zones with nodes: a, b, c")
    );
    assert!(says("zone-outage", &[("namespace", "shoop")], &nothing).contains("namespace `shoop` does not exist"));
    let no_web = |i: &mut Inventory, _: &mut Bindings| {
        if let Listed::Seen(w) = &mut i.workloads {
            w.retain(|w| w.metadata.name != "web");
        }
    };
    assert!(says("zone-outage", &[], &no_web).contains("has deployment/web"));
    // Resources that may not be read must not be reported as missing.
    let unread = |i: &mut Inventory, _: &mut Bindings| i.workloads = Listed::Unknown("403 Forbidden: not you".into());
    for name in ["zone-outage", "rolling-drain", "statefulset-failover"] {
        let said = says(name, &[], &unread);
        assert!(said.contains("cannot list the workloads: 403 Forbidden: not you"), "{name}: {said}");
        assert!(!said.contains(" has deployment/") && !said.contains("has no "), "{name}: {said}");
    }
    assert!(says("zone-outage", &[], &|_, b| b.node_host = None).contains("no node host"));
    assert!(says("zone-outage", &[], &|_, b| b.prometheus = None).contains("the bindings name no `prometheus`"));
    let few = |i: &mut Inventory, _: &mut Bindings| {
        if let Listed::Seen(n) = &mut i.nodes {
            n.retain(|n| n.zone() != "c");
        }
    };
    assert!(says("zone-outage", &[], &few).contains("the limit is 34%"));
    let forbidden = |i: &mut Inventory, _: &mut Bindings| i.nodes = Listed::Unknown("403 Forbidden".into());
    assert!(says("zone-outage", &[], &forbidden).contains("403 Forbidden"), "a 403 must not be read as an empty list");
    let claim = |i: &mut Inventory, _: &mut Bindings| {
        i.claims = of(vec![json!({"metadata": {"name": "ledger", "namespace": "shop"}, "spec": {"volumeName": "v"}})]);
    };
    assert!(says("namespace-loss-and-restore", &[], &claim).contains("their content would be lost"));
    let platform = |i: &mut Inventory, _: &mut Bindings| {
        if let Listed::Seen(pods) = &mut i.pods {
            let mut other: Pod =
                serde_json::from_value(pod("billing-1", ("ReplicaSet", "billing-x1"), "node-a-0", "billing")).unwrap();
            other.metadata.namespace = "billing".into();
            pods.push(other);
        }
    };
    assert!(says("zone-outage", &[], &platform).contains(
        "would also affect pods of namespace billing: billing-1. If this is intended, add `billing` to `collateral`"
    ));
}
