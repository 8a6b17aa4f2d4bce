//! Takes the fingerprint of a cluster: what a drill rests on, from everything that a review reads. A capture gives the
//! same fingerprint as the cluster that it was taken from, so only fields that captures keep are used. Start with
//! [`fingerprint`].

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Object, allowed::reduced, archive::whole, object_set::ObjectSet};
use crate::model::{Fingerprint, Part, Redactor, RestsOn, Traits, sha256};

const WORKLOADS: [&str; 3] = ["Deployment.apps", "StatefulSet.apps", "DaemonSet.apps"];
const PROBES: [&str; 3] = ["readinessProbe", "livenessProbe", "startupProbe"];
const HANDLERS: [&str; 4] = ["httpGet", "tcpSocket", "grpc", "exec"];
/// Longer values are cut, and their hash shows whether the rest changed.
const LONGEST: usize = 160;

/// The values of the subjects of one part, or why they are unknown.
type Seen = Result<BTreeMap<String, String>, String>;

/// The UID of the cluster, as drills name it: that of its namespace kube-system. None if the namespace was not seen.
pub fn uid_of(object_set: &ObjectSet) -> Option<&str> {
    let found = object_set.any("Namespace").iter().find(|n| n.metadata.name == "kube-system");
    found.map(|n| n.metadata.uid.as_str()).filter(|uid| !uid.is_empty())
}

/// What a drill rests on, as a review read it.
pub fn fingerprint(object_set: &ObjectSet, on: &RestsOn) -> Fingerprint {
    let mut parts = vec![
        (Part::Kubernetes, kubernetes(object_set)),
        (Part::Zones, zones(object_set)),
        (Part::Replicas, replicas(object_set, on)),
        (Part::Budgets, of_scope(object_set, on, "PodDisruptionBudget.policy", |b| Some(text(&b["spec"])))),
        (Part::Placement, of_workloads(object_set, on, |w| Some(placement(w)))),
        (Part::Probes, of_workloads(object_set, on, |w| Some(probes(w)))),
        (Part::Volumes, volumes(object_set, on)),
        (Part::Classes, classes(object_set, on)),
    ];
    if on.backups {
        parts.push((Part::Schedules, schedules(object_set)));
    }
    if !on.alerts.is_empty() {
        parts.push((Part::Rules, rules(object_set, on)));
    }
    if on.images {
        parts.push((Part::Images, of_workloads(object_set, on, |w| Some(images(w)))));
    }
    if on.recovery {
        parts.push((Part::Recovery, Err("it is not compared".into())));
    }
    Fingerprint(parts.into_iter().map(|(part, seen)| (part, traits(seen))).collect())
}

fn traits(seen: Seen) -> Traits {
    let redactor = Redactor::default();
    match seen {
        Ok(all) => Traits::Seen(all.into_iter().map(|(k, v)| (k, redactor.clean(&short(&v)))).collect()),
        Err(why) => Traits::Unknown(redactor.clean(&why)),
    }
}

fn short(value: &str) -> String {
    if value.chars().count() <= LONGEST {
        return value.to_owned();
    }
    let begin: String = value.chars().take(LONGEST).collect();
    format!("{begin}… (sha256 {})", &sha256(value)[..16])
}

/// Canonical, because the maps of JSON values are sorted.
fn text(value: &Value) -> String {
    value.to_string()
}

fn all<'a>(object_set: &'a ObjectSet, key: &str) -> Result<&'a [Object], String> {
    object_set.all(key).map_err(|gap| format!("cannot list {key}: {}", gap.text))
}

/// The object in the form in which a capture keeps it.
fn kept(object: &Object) -> Value {
    reduced(&whole(object))
}

/// The objects of a kind in the scope, each with its value.
fn of_scope(object_set: &ObjectSet, on: &RestsOn, key: &str, value: impl Fn(&Value) -> Option<String>) -> Seen {
    let inside = all(object_set, key)?.iter().filter(|o| on.namespaces.contains(&o.metadata.namespace));
    Ok(inside.filter_map(|o| Some((name(o), value(&kept(o))?))).collect())
}

fn of_workloads(object_set: &ObjectSet, on: &RestsOn, value: impl Fn(&Value) -> Option<String>) -> Seen {
    let mut found = BTreeMap::new();
    for key in WORKLOADS {
        found.extend(of_scope(object_set, on, key, &value)?);
    }
    Ok(found)
}

fn name(object: &Object) -> String {
    format!("{} {}/{}", object.metadata.namespace, object.kind.to_lowercase(), object.metadata.name)
}

fn kubernetes(object_set: &ObjectSet) -> Seen {
    let mut numbers = object_set.version.trim_start_matches('v').split('.');
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if !major.is_empty() && minor.starts_with(|c: char| c.is_ascii_digit()) => {
            // Some providers write 1.30+.
            let minor: String = minor.chars().take_while(char::is_ascii_digit).collect();
            Ok(BTreeMap::from([("version".to_owned(), format!("{major}.{minor}"))]))
        }
        _ => Err("the version of the API server is not known".into()),
    }
}

fn zones(object_set: &ObjectSet) -> Seen {
    all(object_set, "Node")?;
    if object_set.nodes.is_empty() {
        return Err("no node was seen".into());
    }
    let zones = object_set.nodes.iter().map(|n| n.zone()).filter(|zone| !zone.is_empty());
    Ok(zones.map(|zone| (format!("zone {zone}"), "has nodes".to_owned())).collect())
}

/// An autoscaler changes the number of replicas all the time, so its limits count instead.
fn replicas(object_set: &ObjectSet, on: &RestsOn) -> Seen {
    let autoscalers = all(object_set, "HorizontalPodAutoscaler.autoscaling")?;
    let scaled = |w: &Value| {
        autoscalers.iter().find(|a| {
            w["metadata"]["namespace"] == a.metadata.namespace.as_str()
                && w["kind"] == *a.at("/spec/scaleTargetRef/kind")
                && w["metadata"]["name"] == *a.at("/spec/scaleTargetRef/name")
        })
    };
    of_workloads(object_set, on, |w| match scaled(w) {
        _ if w["kind"] == "DaemonSet" => None,
        Some(a) => {
            let least = a.at("/spec/minReplicas").as_u64().unwrap_or(1);
            Some(format!("autoscaled from {least} to {}", text(a.at("/spec/maxReplicas"))))
        }
        None => Some(w["spec"]["replicas"].as_u64().unwrap_or(1).to_string()),
    })
}

fn pods(workload: &Value) -> &Value {
    &workload["spec"]["template"]["spec"]
}

/// What decides on which nodes the pods run, and how long they stay on a node that is lost.
fn placement(workload: &Value) -> String {
    let mut rules = json!({});
    for field in ["affinity", "nodeSelector", "tolerations", "topologySpreadConstraints", "priorityClassName"] {
        let rule = &pods(workload)[field];
        if !rule.is_null() && *rule != json!([]) && *rule != json!({}) {
            rules[field] = rule.clone();
        }
    }
    text(&rules)
}

/// The numbers, port and kind of each probe. What a probe requests may be a secret, so captures do not have it.
fn probes(workload: &Value) -> String {
    let mut found = json!({});
    for container in pods(workload)["containers"].as_array().into_iter().flatten() {
        for probe in PROBES.iter().filter(|p| container[**p].is_object()) {
            let of = &container[*probe];
            let mut kept = json!({});
            for number in ["failureThreshold", "periodSeconds", "timeoutSeconds", "initialDelaySeconds"] {
                if !of[number].is_null() {
                    kept[number] = of[number].clone();
                }
            }
            for handler in HANDLERS.iter().filter(|h| !of[**h].is_null()) {
                kept[*handler] = of[*handler]["port"].clone();
            }
            found[container["name"].as_str().unwrap_or("")][*probe] = kept;
        }
    }
    text(&found)
}

fn images(workload: &Value) -> String {
    let lists = ["initContainers", "containers"];
    let all = lists.into_iter().flat_map(|list| pods(workload)[list].as_array().into_iter().flatten());
    all.filter_map(|container| container["image"].as_str()).collect::<Vec<_>>().join(", ")
}

fn volumes(object_set: &ObjectSet, on: &RestsOn) -> Seen {
    let volumes = all(object_set, "PersistentVolume")?;
    let volumes: BTreeMap<&str, &Object> = volumes.iter().map(|v| (v.metadata.name.as_str(), v)).rev().collect();
    of_scope(object_set, on, "PersistentVolumeClaim", |claim| {
        let spec = &claim["spec"];
        let volume = spec["volumeName"].as_str().and_then(|name| volumes.get(name));
        let of = |pointer: &str| volume.map_or("", |v| v.text(pointer));
        Some(format!(
            "class {}, access {}, reclaim policy {}, driver {}",
            said(&spec["storageClassName"]),
            spec["accessModes"],
            or_none(of("/spec/persistentVolumeReclaimPolicy")),
            or_none(of("/spec/csi/driver"))
        ))
    })
}

fn said(value: &Value) -> &str {
    or_none(value.as_str().unwrap_or(""))
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

/// The classes of the claims in the scope.
fn classes(object_set: &ObjectSet, on: &RestsOn) -> Seen {
    let claims = all(object_set, "PersistentVolumeClaim")?;
    let known = all(object_set, "StorageClass.storage.k8s.io")?;
    let inside = claims.iter().filter(|c| on.namespaces.contains(&c.metadata.namespace));
    let names = inside.map(|c| c.text("/spec/storageClassName")).filter(|name| !name.is_empty());
    let value = |name: &str| match known.iter().find(|k| k.metadata.name == name) {
        None => Ok("does not exist".to_owned()),
        // Every class has a provisioner, but captures of earlier versions do not keep it.
        Some(class) if class.text("/provisioner").is_empty() => {
            Err(format!("the provisioner of class {name} was not recorded: make a new capture"))
        }
        Some(class) => Ok(format!(
            "provisioner {}, reclaim policy {}, binding mode {}",
            class.text("/provisioner"),
            or_none(class.text("/reclaimPolicy")),
            or_none(class.text("/volumeBindingMode"))
        )),
    };
    names.map(|name| value(name).map(|value| (format!("class {name}"), value))).collect()
}

fn schedules(object_set: &ObjectSet) -> Seen {
    let value = |s: &Object| {
        let namespaces = match s.list("/spec/template/includedNamespaces") {
            [] => "all".to_owned(),
            some => json!(some).to_string(),
        };
        let paused = if s.at("/spec/paused") == &json!(true) { ", paused" } else { "" };
        format!("{}, namespaces {namespaces}{paused}", s.text("/spec/schedule"))
    };
    Ok(all(object_set, "Schedule.velero.io")?.iter().map(|s| (name(s), value(s))).collect())
}

fn rules(object_set: &ObjectSet, on: &RestsOn) -> Seen {
    let reading = object_set.readings.prometheus.as_ref().ok_or("Prometheus was not asked")?;
    let rules = reading.rules.as_ref().map_err(|why| format!("cannot read the alerting rules: {why}"))?;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for rule in rules.iter().filter(|r| on.alerts.contains(&r.name)) {
        let labels = text(&json!(rule.labels));
        found.entry(format!("alert {}", rule.name)).or_default().push(format!(
            "for {} s, every {} s, labels {labels}: {}",
            rule.for_seconds, rule.interval_seconds, rule.query
        ));
    }
    Ok(found
        .into_iter()
        .map(|(name, mut rules)| {
            rules.sort();
            (name, rules.join("; "))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        inventory::{ReviewSource, open_capture, read_text, save},
        model::Drift,
    };

    const CLUSTER: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: kube-system, uid: u-1}
---
apiVersion: v1
kind: Node
metadata: {name: a, labels: {topology.kubernetes.io/zone: a}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  template:
    spec:
      tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 30}]
      topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule}]
      containers:
        - name: c
          image: registry.example/web:1
          readinessProbe: {periodSeconds: 5, httpGet: {port: 8080, path: /token-hunter22}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: api, namespace: shop}
spec: {scaleTargetRef: {kind: Deployment, name: api}, minReplicas: 2, maxReplicas: 9}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {replicas: 4, template: {spec: {containers: [{name: c, image: 'registry.example/api:1'}]}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop}
spec: {storageClassName: fast, volumeName: pv-1, accessModes: [ReadWriteOnce]}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: pv-1}
spec: {persistentVolumeReclaimPolicy: Delete, csi: {driver: csi.example, volumeHandle: x}}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
provisioner: csi.example
reclaimPolicy: Delete
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: velero.io/v1
kind: Schedule
metadata: {name: nightly, namespace: velero}
spec: {schedule: '0 3 * * *', template: {includedNamespaces: [shop]}}
";

    fn object_set(text: &str) -> ObjectSet {
        let at = Some(jiff::Timestamp::UNIX_EPOCH);
        let mut object_set =
            ObjectSet { source: ReviewSource::Live, at, version: "v1.37.2".into(), ..ObjectSet::default() };
        read_text(&mut object_set, "x", text);
        object_set.settle();
        object_set
    }

    fn asked() -> RestsOn {
        RestsOn { namespaces: ["shop".to_owned()].into(), backups: true, images: true, ..RestsOn::default() }
    }

    fn changes(from: &str, to: &str) -> Vec<Drift> {
        let then = fingerprint(&object_set(CLUSTER), &asked());
        assert!(CLUSTER.contains(from), "{from}");
        then.changes(&fingerprint(&object_set(&CLUSTER.replace(from, to)), &asked()))
    }

    #[test]
    fn a_capture_has_the_fingerprint_of_its_cluster() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("c.tar.gz");
        let live = object_set(CLUSTER);
        save(&live, "ctx", &path).expect("it is written");
        let (read, _) = open_capture(&path).expect("it is read");
        let (then, now) = (fingerprint(&live, &asked()), fingerprint(&read, &asked()));
        assert_eq!(then, now);
        assert_eq!(then.changes(&now), vec![]);
        assert_eq!((uid_of(&live), uid_of(&read)), (Some("u-1"), Some("u-1")));
        let text = serde_json::to_string(&then).expect("JSON");
        assert!(!text.contains("hunter22"), "what a probe requests may be a secret: {text}");
        assert!(then.0.values().all(|t| matches!(t, Traits::Seen(all) if !all.is_empty())), "{text}");
    }

    #[test]
    fn each_part_is_noticed_and_an_autoscaled_number_is_not() {
        for (from, to, part) in [
            ("replicas: 3", "replicas: 2", Part::Replicas),
            ("maxReplicas: 9", "maxReplicas: 3", Part::Replicas),
            ("minAvailable: 2", "minAvailable: 1", Part::Budgets),
            ("maxSkew: 1", "maxSkew: 2", Part::Placement),
            ("tolerationSeconds: 30", "tolerationSeconds: 300", Part::Placement),
            ("periodSeconds: 5", "periodSeconds: 50", Part::Probes),
            ("web:1", "web:2", Part::Images),
            ("accessModes: [ReadWriteOnce]", "accessModes: [ReadWriteMany]", Part::Volumes),
            ("reclaimPolicy: Delete\nvolume", "reclaimPolicy: Retain\nvolume", Part::Classes),
            ("0 3 * * *", "0 3 * * 0", Part::Schedules),
            ("zone: a}", "zone: b}", Part::Zones),
        ] {
            let found = changes(from, to);
            assert!(found.len() == 1 && found[0].part == part && !found[0].unknown, "{from} → {to}: {found:?}");
        }
        assert_eq!(changes("replicas: 4", "replicas: 7"), vec![]);
        let then = fingerprint(&object_set(CLUSTER), &asked());
        let patched = ObjectSet { version: "v1.37.9".into(), ..object_set(CLUSTER) };
        assert_eq!(then.changes(&fingerprint(&patched, &asked())), vec![]);
        let newer = ObjectSet { version: "v1.38.0".into(), ..object_set(CLUSTER) };
        assert_eq!(then.changes(&fingerprint(&newer, &asked()))[0].part, Part::Kubernetes);
    }

    #[test]
    fn what_was_not_seen_is_unknown() {
        let then = fingerprint(&object_set(CLUSTER), &asked());
        for (kind, part) in [
            ("PodDisruptionBudget.policy", Part::Budgets),
            // The number of replicas says nothing if it is not known whether an autoscaler sets it.
            ("HorizontalPodAutoscaler.autoscaling", Part::Replicas),
        ] {
            let mut blind = object_set(CLUSTER);
            let gap = crate::inventory::Gap { why: crate::model::Unseen::Forbidden, text: "403".into() };
            blind.gaps.insert(kind.into(), gap);
            let found = then.changes(&fingerprint(&blind, &asked()));
            assert!(found.len() == 1 && found[0].part == part && found[0].unknown, "{kind}: {found:?}");
        }
        // A capture of an earlier version.
        let found = changes("provisioner: csi.example\n", "");
        assert!(found.len() == 1 && found[0].part == Part::Classes && found[0].unknown, "{found:?}");
        let nameless = ObjectSet { version: "v1.".into(), ..object_set(CLUSTER) };
        assert!(then.changes(&fingerprint(&nameless, &asked()))[0].unknown);
        let mut alerts = asked();
        alerts.alerts.insert("NodeDown".into());
        let found = fingerprint(&object_set(CLUSTER), &alerts).changes(&fingerprint(&object_set(CLUSTER), &alerts));
        assert!(found.len() == 1 && found[0].part == Part::Rules && found[0].unknown, "{found:?}");
    }
}
