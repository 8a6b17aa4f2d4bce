//! The checks of the drill itself: a drill that passes all of them, and for each check one change that makes it refuse.

use std::collections::BTreeSet;

use drillmaster::{
    inventory::{ApiKind, BackedUp, Census, Facts, Inventory, Listed, OtherRun, ReadersSeen, SecondCluster},
    model::{Bindings, Finding, FindingState, Losing, Loss, ObjectName, Plan, PowerState},
    readiness::{OF_A_DESCRIPTION, evaluate, listing_json},
    world::{ActiveAlert, RuleInfo, Silence},
};
use serde_json::{Value, json};

use super::plans;

struct Case {
    plan: Plan,
    inventory: Inventory,
    facts: Facts,
    bindings: Bindings,
}

fn labels(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn firing(name: &str, more: &[(&str, &str)]) -> ActiveAlert {
    let mut labels = labels(more);
    labels.insert("alertname".into(), name.into());
    ActiveAlert { name: name.into(), labels, state: "firing".into(), ..ActiveAlert::default() }
}

fn location(phase: &str, url: &str) -> Value {
    json!({"metadata": {"name": "default"}, "spec": {"default": true, "config": {"s3Url": url}}, "status": {"phase": phase}})
}

/// A drill with which nothing is wrong.
fn sound() -> Case {
    let plan = plans::plan("zone-loss-and-restore");
    let mut inventory = plans::inventory();
    inventory.identity.uid.clone_from(&plan.cluster.uid);
    let rule = RuleInfo {
        name: "NodeNotReady".into(),
        query: "up == 0".into(),
        for_seconds: 0.0,
        interval_seconds: 5.0,
        healthy: true,
        ..RuleInfo::default()
    };
    let facts = Facts {
        at: "2026-01-01T00:00:00Z".parse().unwrap(),
        permissions: Ok(plan.permissions.iter().map(|p| (p.clone(), true)).collect()),
        all_rights: Ok(false),
        velero_server: Some(Ok(Some("v1.18.3".into()))),
        storage: Some(Ok(vec![location("Available", "https://s3.example.com")])),
        backups: Some(Ok(vec![])),
        download: Some(Ok("nightly".into())),
        deleted: [("shop".to_owned(), Ok(Census { objects: 12, ..Census::default() }))].into(),
        firing: Some(Ok(vec![firing("Watchdog", &[])])),
        rules: Some(Ok(vec![rule])),
        silences: vec![Ok(vec![])],
        alertmanager: vec![Ok("route: {receiver: a, group_wait: 1s}".into())],
        other_runs: Ok(vec![]),
        credentials_end: None,
        machines: vec![("node-a-0".into(), Ok(PowerState::Running))],
        own_pod: None,
        recovery: Some(SecondCluster {
            context: "far".into(),
            wrong: vec![],
            permissions: Ok(vec![]),
            backed_up: Some(Ok(BackedUp { backup: "nightly".into(), kinds: 7, unserved: BTreeSet::new() })),
        }),
        readers: Some(Ok(ReadersSeen { count: 3, wrong: vec![] })),
    };
    let bindings = Bindings {
        announce: Some(drillmaster::model::WebhookUrl::new("https://hook.example.com")),
        watchdog: Some("Watchdog".into()),
        allow_destruction: Some(plan.cluster.uid.clone()),
        ..plans::bindings()
    };
    Case { plan, inventory, facts, bindings }
}

fn asked(case: &Case) -> Vec<Finding> {
    evaluate(&case.plan, &case.inventory, &case.facts, &case.bindings)
}

fn stuck() -> Value {
    json!({"metadata": {"name": "b", "namespace": "velero", "creationTimestamp": "2025-12-31T23:00:00Z"}, "status": {"phase": "ReadyToStart"}})
}

/// A backup with an object of a version that is not served any more.
fn old_budget() -> BackedUp {
    let old = ApiKind { group: "policy".into(), version: "v1beta1".into(), kind: "PodDisruptionBudget".into() };
    BackedUp { backup: "nightly".into(), kinds: 7, unserved: [old].into() }
}

/// The change that makes each check refuse.
#[expect(clippy::type_complexity, reason = "a table")]
const WRONG: [(&str, fn(&mut Case)); 29] = [
    ("cluster-identity", |c| c.plan.cluster.uid.clear()),
    ("permissions", |c| c.facts.permissions.as_mut().unwrap()[0].1 = false),
    ("rights-narrow", |c| c.facts.all_rights = Ok(true)),
    ("credentials-last", |c| c.facts.credentials_end = Some("2026-01-01T00:10:00Z".parse().unwrap())),
    ("no-other-drill", |c| c.facts.other_runs = Ok(vec![OtherRun::Open { run: "another".into(), undos: 2 }])),
    ("announcement", |c| c.bindings.announce = None),
    ("nodes-ready", |c| sick(&mut c.inventory)),
    ("machines-known", |c| c.facts.machines = vec![("node-a-0".into(), Err("no such machine".into()))]),
    ("scope-healthy", |c| c.inventory.workloads = Listed::Unknown("forbidden".into())),
    ("fault-matters", |c| {
        c.inventory.pods = Listed::Seen(vec![]);
    }),
    ("runner-outside", |c| c.facts.own_pod = Some("web-x1-0".into())),
    ("survivor-capacity", |c| full(&mut c.inventory)),
    ("velero-server", |c| c.facts.velero_server = Some(Ok(None))),
    ("velero-storage", |c| c.facts.storage = Some(Ok(vec![location("Unavailable", "https://s3.example.com")]))),
    ("velero-queue", |c| c.facts.backups = Some(Ok(vec![stuck()]))),
    ("velero-download", |c| c.facts.download = Some(Err("connection refused".into()))),
    ("volume-coverage", |c| {
        let claim = json!({"metadata": {"name": "spare", "namespace": "shop"}, "spec": {"volumeName": "spare"}});
        c.inventory.claims = Listed::Seen(vec![serde_json::from_value(claim).unwrap()]);
    }),
    ("comes-back", |c| {
        let object = ObjectName { kind: "ConfigMap".into(), name: "licence".into(), ..ObjectName::claim("shop", "") };
        let losses = vec![Loss { object, how: Losing::Labelled("true".into()) }];
        c.facts.deleted = [("shop".to_owned(), Ok(Census { losses, ..Census::default() }))].into();
    }),
    ("store-outside", |c| {
        c.facts.storage = Some(Ok(vec![location("Available", "http://s3.shop.svc:9000")]));
        keep_on(&mut c.inventory, "node-a");
    }),
    ("alerts-quiet", |c| {
        c.facts.firing = Some(Ok(vec![firing("Watchdog", &[]), firing("NodeNotReady", &[("node", "node-a-0")])]));
    }),
    ("alert-rules", |c| c.facts.rules = Some(Ok(vec![]))),
    ("alerts-not-silenced", |c| {
        let matchers = vec![("alertname".into(), "NodeNotReady".into(), false, true)];
        c.facts.silences =
            vec![Ok(vec![Silence { id: "s".into(), by: "somebody".into(), matchers, ..Silence::default() }])];
    }),
    ("alerts-not-inhibited", |c| {
        let config =
            "inhibit_rules: [{source_matchers: ['alertname=Watchdog'], target_matchers: ['alertname=NodeNotReady']}]";
        c.facts.alertmanager = vec![Ok(config.into())];
    }),
    ("alerts-told", |c| c.facts.alertmanager = vec![Ok("route: {receiver: a, group_wait: 1h}".into())]),
    ("watchdog", |c| c.facts.firing = Some(Ok(vec![]))),
    ("destruction-allowed", |c| c.bindings.allow_destruction = Some("another".into())),
    ("recovery-cluster", |c| c.facts.recovery.as_mut().unwrap().wrong.push("no Velero".into())),
    ("backup-served", |c| c.facts.recovery.as_mut().unwrap().backed_up = Some(Ok(old_budget()))),
    ("readers", |c| c.facts.readers.as_mut().unwrap().as_mut().unwrap().wrong.push("violates PodSecurity".into())),
];

fn sick(inventory: &mut Inventory) {
    if let Listed::Seen(nodes) = &mut inventory.nodes {
        nodes[5].status.conditions[0].status = "Unknown".into();
    }
}

/// Leaves no room for another pod on any node.
fn full(inventory: &mut Inventory) {
    if let Listed::Seen(nodes) = &mut inventory.nodes {
        nodes.iter_mut().for_each(|n| drop(n.status.allocatable.insert("pods".into(), "1".into())));
    }
}

fn keep_on(inventory: &mut Inventory, prefix: &str) {
    if let Listed::Seen(pods) = &mut inventory.pods {
        pods.retain(|p| p.spec.node_name.starts_with(prefix));
    }
}

#[test]
fn each_check_of_the_drill_lets_a_sound_one_pass_and_refuses() {
    let catalogue: Value = serde_json::from_str(&listing_json()).unwrap();
    let of_drill = |c: &&Value| c["area"] == "This drill";
    let names: BTreeSet<&str> =
        catalogue["checks"].as_array().unwrap().iter().filter(of_drill).map(|c| c["name"].as_str().unwrap()).collect();
    let tried: BTreeSet<&str> = WRONG.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, tried, "each check of the drill needs a change that makes it refuse");
    let findings = asked(&sound());
    let told: BTreeSet<&str> = findings.iter().map(|f| f.check.as_str()).collect();
    assert_eq!(told, names, "the findings must have the names of the catalogue");
    let not: Vec<&Finding> = findings.iter().filter(|f| f.state != FindingState::Pass).collect();
    assert!(not.is_empty(), "a sound drill must pass all checks: {not:#?}");
    for (name, spoil) in WRONG {
        let mut case = sound();
        spoil(&mut case);
        let finding = asked(&case).into_iter().find(|f| f.check == name).unwrap();
        assert!(matches!(finding.state, FindingState::Fail | FindingState::Unknown), "{name}: {finding:?}");
        assert!(finding.refuses() || ["alerts-told", "rights-narrow"].contains(&name), "{name} refuses: {finding:?}");
        assert!(!finding.fix.is_empty(), "{name} must say what to do");
    }
}

#[test]
fn a_backup_that_the_recovery_cluster_cannot_restore_is_named_and_an_unread_one_is_unknown() {
    let with = |backed_up| {
        let mut case = sound();
        case.facts.recovery.as_mut().unwrap().backed_up = backed_up;
        asked(&case).into_iter().find(|f| f.check == "backup-served").unwrap()
    };
    let lost = with(Some(Ok(old_budget())));
    let want = "far does not serve what backup nightly holds: \
                policy/v1beta1 PodDisruptionBudget (removed in 1.25), use policy/v1 PodDisruptionBudget";
    assert_eq!((lost.state, lost.observed.to_string()), (FindingState::Fail, want.to_owned()));
    let unread = with(Some(Err("the resource list of backup nightly cannot be read: timed out".into())));
    assert!(unread.state == FindingState::Unknown && unread.refuses(), "{unread:?}");
    let none = with(None);
    assert!(none.state == FindingState::Unknown && !none.refuses(), "{none:?}");
    let mut alone = sound();
    alone.facts.recovery = None;
    let skipped = asked(&alone).into_iter().find(|f| f.check == "backup-served").unwrap();
    assert_eq!(skipped.state, FindingState::Skip);
}

/// The pre-flight detects that the lost zone contains no pod of the workload. Otherwise the drill would end
/// inconclusive after an outage of 150 seconds.
#[test]
fn a_workload_that_is_to_come_back_is_where_the_fault_strikes() {
    let mut case = sound();
    if let Listed::Seen(pods) = &mut case.inventory.pods {
        pods.retain(|p| !(p.metadata.name.starts_with("web") && p.spec.node_name.starts_with("node-a")));
    }
    let finding = asked(&case).into_iter().find(|f| f.check == "fault-matters").unwrap();
    assert_eq!(finding.state, FindingState::Fail, "{finding:?}");
    assert!(finding.observed.to_string().contains("no pod of shop/deployment/web runs on the nodes of step `outage`"));
    assert!(!finding.observed.to_string().contains("orders"), "{finding:?}");
}

/// A rehearsal runs the checks for which the description has the data, and does not mention the others.
#[test]
fn a_rehearsal_asks_what_its_cluster_can_answer() {
    let folder = tempfile::tempdir().unwrap();
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_drillmaster"))
        .args(["rehearse", "--runs"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let report = folder.path().join("zone-outage-small-shop-seed-1/report.json");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    let said = &report["review"];
    assert!(said["tally"]["pass"].as_u64().unwrap() >= 12, "{said:#}");
    assert_eq!(said["concerns"], json!([]), "{said:#}");
    let known: Value = serde_json::from_str(&listing_json()).unwrap();
    for id in OF_A_DESCRIPTION {
        assert!(known["checks"].as_array().unwrap().iter().any(|c| c["id"] == *id), "{id}");
    }
}
