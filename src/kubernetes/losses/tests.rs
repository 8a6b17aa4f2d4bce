//! Which losses are named before a deletion, and which are not.

use serde_json::{Value, json};

use super::*;
use crate::model::{MayBeLost, accepted};

fn object(api: &str, kind: &str, name: &str, rest: &Value) -> Value {
    let mut object = rest.clone();
    object["apiVersion"] = api.into();
    object["kind"] = kind.into();
    object["metadata"]["name"] = name.into();
    object["metadata"]["namespace"] = "shop".into();
    object
}

fn config(name: &str, currency: &str) -> Value {
    object("v1", "ConfigMap", name, &json!({"data": {"currency": currency}}))
}

fn live(objects: &[Value]) -> Live {
    objects.iter().filter_map(|o| Seen::within(o.clone())).collect()
}

fn held(objects: &[Value]) -> Held {
    Held { objects: objects.iter().filter_map(|o| Reduced::of(o.clone())).collect(), ..Held::default() }
}

fn said(losses: &[Loss]) -> Vec<String> {
    losses.iter().map(ToString::to_string).collect()
}

#[test]
fn a_namespace_that_the_backup_holds_loses_nothing() {
    let all = [config("a", "EUR"), config("b", "USD")];
    assert_eq!(live(&all).losses(&held(&all)), []);
}

#[test]
fn edits_additions_and_deletions_after_the_backup_are_named() {
    let now = [config("edited", "USD"), config("kept", "EUR"), config("new", "EUR")];
    let then = [config("edited", "EUR"), config("kept", "EUR"), config("old", "EUR")];
    let mut held = held(&then);
    held.filters = "its excludedResources: secrets".into();
    assert_eq!(
        said(&live(&now).losses(&held)),
        [
            "ConfigMap/edited was changed after the backup, at /data/currency",
            "ConfigMap/new is not in the backup (its excludedResources: secrets)",
            "ConfigMap/old was deleted after the backup: the restore would bring it back",
        ]
    );
}

#[test]
fn what_somebody_is_deleting_would_be_brought_back() {
    let mut going = config("going", "EUR");
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    let losses = live(&[going]).losses(&held(&[config("going", "EUR")]));
    assert_eq!(losses.iter().map(|l| l.how.clone()).collect::<Vec<_>>(), [Losing::DeletedSince]);
}

#[test]
fn the_label_is_named_with_any_value_and_once() {
    for value in ["true", "false", "", "yes"] {
        let label = json!({"metadata": {"labels": {"velero.io/exclude-from-backup": value}}});
        let licence = object("v1", "ConfigMap", "licence", &label);
        let losses = live(&[licence]).losses(&Held::default());
        assert_eq!(losses.iter().map(|l| l.how.clone()).collect::<Vec<_>>(), [Losing::Labelled(value.into())]);
    }
}

#[test]
fn pods_jobs_and_finalizers_are_named_before_there_is_a_backup() {
    let owned = json!({"metadata": {"ownerReferences": [{"controller": true}]}});
    let objects = [
        object("v1", "Pod", "bare", &json!({"status": {"phase": "Running"}})),
        object("v1", "Pod", "done", &json!({"status": {"phase": "Succeeded"}})),
        object("v1", "Pod", "owned", &owned),
        object("batch/v1", "Job", "migrated", &json!({"status": {"completionTime": "2026-01-01T00:00:00Z"}})),
        object("batch/v1", "Job", "running", &json!({"spec": {"suspend": false}})),
        object("batch/v1", "Job", "suspended", &json!({"spec": {"suspend": true}})),
        object("batch/v1", "Job", "of-a-cronjob", &owned),
        object("db.example/v1", "Cluster", "pg", &json!({"metadata": {"finalizers": ["db.example/drop"]}})),
        object(
            "v1",
            "PersistentVolumeClaim",
            "data",
            &json!({"metadata": {"finalizers": ["kubernetes.io/pvc-protection"]}}),
        ),
    ];
    let hazards = live(&objects).hazards;
    let all: Vec<(String, &Losing)> = hazards.iter().map(|l| (l.object.in_namespace(), &l.how)).collect();
    let expected = [
        ("Pod/bare".to_owned(), &Losing::BarePod),
        ("Pod/done".to_owned(), &Losing::Finished),
        ("Job/migrated".to_owned(), &Losing::Finished),
        ("Job/running".to_owned(), &Losing::RunsAgain),
        ("Cluster.db.example/pg".to_owned(), &Losing::HeldBy(vec!["db.example/drop".into()])),
    ];
    assert_eq!(all, expected);
}

#[test]
fn a_threat_does_not_hide_that_the_backup_lacks_the_object() {
    let finalizer = json!({"metadata": {"finalizers": ["db.example/drop"]}});
    for (object, threat) in [
        (object("db.example/v1", "Cluster", "pg", &finalizer), Losing::HeldBy(vec!["db.example/drop".into()])),
        (object("v1", "Pod", "bare", &json!({"status": {"phase": "Running"}})), Losing::BarePod),
        (object("batch/v1", "Job", "running", &json!({})), Losing::RunsAgain),
    ] {
        let losses = live(&[object]).losses(&Held::default());
        let said: Vec<&Losing> = losses.iter().map(|l| &l.how).collect();
        assert_eq!(said, [&threat, &Losing::NotHeld(String::new())]);
    }
}

#[test]
fn a_claim_without_its_content_is_named() {
    let claim = |uid: &str| object("v1", "PersistentVolumeClaim", "data", &json!({"metadata": {"uid": uid}}));
    let volume = |skipped: bool| VolumeInfo {
        pvc_name: "data".into(),
        pvc_namespace: "shop".into(),
        backup_method: "PodVolumeBackup".into(),
        skipped,
        skipped_reason: "opted out;".into(),
        ..VolumeInfo::default()
    };
    let ask = |uid: &str, volumes: Vec<VolumeInfo>| {
        let held = Held { volumes, ..held(&[claim("1")]) };
        live(&[claim(uid)]).losses(&held).into_iter().map(|l| l.how).collect::<Vec<_>>()
    };
    assert_eq!(ask("1", vec![volume(false)]), []);
    assert_eq!(ask("1", vec![volume(true)]), [Losing::NoContent("opted out".into())]);
    assert!(matches!(&ask("1", vec![])[..], [Losing::NoContent(_)]));
    assert_eq!(ask("2", vec![volume(false)]), [Losing::MadeAnew]);
}

#[test]
fn what_points_at_the_namespace_from_outside_is_named() {
    let hook = |policy: Option<&str>, namespace: &str| {
        let service = json!({"name": "gate", "namespace": namespace});
        let mut hook = json!({"clientConfig": {"service": service}});
        if let Some(policy) = policy {
            hook["failurePolicy"] = policy.into();
        }
        json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "gate"}, "webhooks": [hook]})
    };
    let blocks = |seen: Option<Seen>| matches!(seen, Some(Seen::Threatened(_)));
    let kin = |seen: Option<Seen>| match seen {
        Some(Seen::Kin(kin)) => Some(kin.tie),
        _ => None,
    };
    assert!(blocks(Seen::beside(&hook(None, "shop"), "shop")), "it fails closed unless it says otherwise");
    assert!(blocks(Seen::beside(&hook(Some("Fail"), "shop"), "shop")));
    assert_eq!(kin(Seen::beside(&hook(Some("Ignore"), "shop"), "shop")), Some(Tie::CallsService));
    assert!(Seen::beside(&hook(None, "other"), "shop").is_none());
    let api = json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1.a"},
        "spec": {"service": {"name": "api", "namespace": "shop"}}});
    assert!(blocks(Seen::beside(&api, "shop")));
    let conversion = json!({"webhook": {"clientConfig": {"service": {"name": "convert", "namespace": "shop"}}}});
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "a.b"}, "spec": {"conversion": conversion}});
    assert!(blocks(Seen::beside(&crd, "shop")));
    let binding = |subject: Value| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "b"},
            "subjects": [subject]})
    };
    for subject in [
        json!({"kind": "ServiceAccount", "namespace": "shop", "name": "a"}),
        json!({"kind": "Group", "name": "system:serviceaccounts:shop"}),
    ] {
        assert_eq!(kin(Seen::beside(&binding(subject), "shop")), Some(Tie::GrantsRights));
    }
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv"},
        "spec": {"claimRef": {"namespace": "shop"}, "persistentVolumeReclaimPolicy": "Delete"}});
    assert_eq!(kin(Seen::beside(&volume, "shop")), Some(Tie::VolumeGoes));
}

#[test]
fn a_list_in_the_scenario_accepts_what_it_names_and_nothing_else() {
    let losses = live(&[config("a", "EUR"), config("b", "EUR")]).losses(&Held::default());
    let list = [MayBeLost { object: "ConfigMap/a".parse().expect("a pattern"), reason: "a sample".into() }];
    let (named, rest) = accepted(losses, &list);
    assert_eq!(named[0].to_string(), "ConfigMap/a is not in the backup; accepted: a sample");
    assert_eq!(said(&rest), ["ConfigMap/b is not in the backup"]);
}

#[test]
fn filters_of_a_backup_are_named_but_for_our_own() {
    let backup = json!({"spec": {"excludedResources": ["events", "events.events.k8s.io", "secrets"],
        "includedResources": ["*"], "labelSelector": {"matchLabels": {"tier": "web"}}}});
    assert_eq!(
        filters(&backup),
        r#"its excludedResources: secrets; its labelSelector: {"matchLabels":{"tier":"web"}}"#
    );
    assert_eq!(filters(&json!({"spec": {"excludedResources": ["events"]}})), "");
}
