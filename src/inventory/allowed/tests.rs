//! Puts a marked word into every text of an object, and checks that no capture contains it.

use std::{collections::BTreeSet, io::Read, path::Path};

use flate2::read::GzDecoder;
use serde_json::{Map, Value, json};

use super::{
    annotations,
    built_in::BUILT_IN,
    copied::copied,
    keep::Keep,
    operators::OPERATORS,
    reduce::{reduced, rules},
};
use crate::inventory::{
    KINDS, KindOf, ObjectSet, Readings, ReviewSource, addresses::without_logins, object::Origin, open_capture, save,
};

/// The text of a capture after unpacking.
fn saved(object_set: &ObjectSet) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("c.tar.gz");
    save(object_set, "ctx", &path).expect("it is written");
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(&path).expect("a file")).read_to_string(&mut text).expect("text");
    let (again, _) = open_capture(&path).expect("it is read");
    assert_eq!(again.len(), object_set.len());
    text
}

fn object_set_of(objects: impl IntoIterator<Item = Value>) -> ObjectSet {
    let mut object_set =
        ObjectSet { source: ReviewSource::Live, at: Some(jiff::Timestamp::UNIX_EPOCH), ..ObjectSet::default() };
    for object in objects {
        object_set.put(object, Origin::default()).expect("an object");
    }
    object_set.settle();
    assert_eq!(object_set.notes, Vec::<String>::new());
    object_set
}

/// The marked words, each with its place and whether it may be kept.
#[derive(Default)]
struct Planted {
    words: Vec<(String, String, bool)>,
}

impl Planted {
    /// A new word, in a form that shows how a field is kept.
    fn word(&mut self, key: &str, path: &[&str]) -> String {
        let word = format!("PLANTED{}X", self.words.len());
        let keep = rules(key).fields.kept_at(path);
        let annotation = match path {
            [.., "annotations", name] => annotations::keep(name),
            _ => None,
        };
        let kept = matches!(keep.or(annotation), Some(Keep::Value | Keep::All));
        self.words.push((word.clone(), format!("{key}/{}", path.join("/")), kept));
        match keep {
            Some(Keep::Host) => format!("https://u:{word}@x.example/{word}?t={word}"),
            Some(Keep::Image) => format!("u:{word}@registry.example/web:1"),
            _ => word,
        }
    }

    /// An object with a new word in place of every text.
    fn plant<'a>(&mut self, key: &str, value: &'a Value, path: &mut Vec<&'a str>) -> Value {
        match value {
            Value::Object(map) => {
                let mut planted = Map::new();
                for (name, inner) in map {
                    path.push(name);
                    planted.insert(name.clone(), self.plant(key, inner, path));
                    path.pop();
                }
                path.push("unlisted");
                planted.insert("unlisted".into(), self.word(key, path).into());
                path.pop();
                planted.into()
            }
            Value::Array(items) => items
                .iter()
                .map(|item| {
                    path.push("0");
                    let planted = self.plant(key, item, path);
                    path.pop();
                    planted
                })
                .collect(),
            Value::String(_) => self.word(key, path).into(),
            _ => value.clone(),
        }
    }

    /// Checks that a text contains no word that must not be kept.
    fn assert_kept_out(&self, text: &str) {
        let leaked: Vec<&String> =
            self.words.iter().filter(|(word, _, kept)| !kept && text.contains(word)).map(|(_, at, _)| at).collect();
        assert!(leaked.is_empty(), "{leaked:#?}");
        assert!(self.words.iter().any(|(_, _, kept)| !kept));
    }
}

/// An object of a kind in which each listed field is a text, inside its list or map.
fn made_of_its_fields(key: &str) -> Value {
    let mut paths = vec![];
    rules(key).fields.paths(&[], &mut paths);
    let mut object = json!({});
    // Deeper fields last: a field with other fields below it is a map.
    paths.sort_by_key(|(path, _)| path.len());
    for (path, _) in paths.iter().filter(|(path, _)| path[0] != "metadata") {
        set(&mut object, path);
    }
    object
}

fn set(at: &mut Value, path: &[String]) {
    let Some((part, rest)) = path.split_first() else {
        if at.is_null() {
            *at = "a text".into();
        }
        return;
    };
    if !at.is_object() && !at.is_array() {
        *at = if part == "*" { json!([null]) } else { json!({}) };
    }
    match at {
        Value::Array(items) => set(&mut items[0], rest),
        _ => set(&mut at[part.as_str()], rest),
    }
}

/// Types that the object set parses itself: with a text in their place, the object is not valid.
fn typed(key: &str) -> bool {
    matches!(key, "Pod" | "Node")
}

fn with_metadata(key: &str, group: &str, kind: &str, version: &str, mut object: Value, name: &str) -> Value {
    let api = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    object["apiVersion"] = api.into();
    object["kind"] = kind.into();
    object["metadata"] = json!({"name": name, "namespace": "shop", "annotations": {
        "planted": format!("PLANTED-ANNOTATION of {key}"),
        "example.com/auth": "PLANTED-AUTH", "prometheus.io/scrape": "PLANTED-SCRAPE",
        "kubectl.kubernetes.io/last-applied-configuration": "{\"data\": {\"a\": \"PLANTED-APPLIED\"}}",
    }, "managedFields": [{"manager": "PLANTED-MANAGER", "fieldsV1": {}}]});
    object
}

#[test]
fn every_kind_keeps_what_is_listed_and_nothing_else() {
    let mut planted = Planted::default();
    let mut objects = vec![];
    for KindOf { group, versions, kind, .. } in KINDS {
        let key = crate::inventory::key(kind, group);
        if typed(&key) {
            continue;
        }
        let object = planted.plant(&key, &made_of_its_fields(&key), &mut vec![]);
        objects.push(with_metadata(&key, group, kind, versions[0], object, &key.to_lowercase()));
    }
    let text = saved(&object_set_of(objects));
    planted.assert_kept_out(&text);
    assert!(!text.contains("PLANTED-"), "annotations and managed fields stay out");
    // Every list is about a kind that is read.
    let read: BTreeSet<String> = KINDS.iter().map(KindOf::key).collect();
    let others = ["ReplicaSet.apps", "NetworkPolicy.projectcalico.org", "GlobalNetworkPolicy.projectcalico.org"];
    for listed in BUILT_IN.iter().chain(OPERATORS) {
        assert!(read.contains(listed.key) || others.contains(&listed.key), "{} is not read", listed.key);
    }
}

#[test]
fn the_examples_of_the_checks_leave_nothing_behind() {
    let mut planted = Planted::default();
    let (mut all, mut kinds) = (vec![], BTreeSet::new());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks");
    for entry in std::fs::read_dir(folder).expect("the examples").map(|entry| entry.expect("an example").path()) {
        if entry.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(entry).expect("an example");

        for document in text.split("\n---\n") {
            let Ok(value) = serde_saphyr::from_str::<Value>(document) else { continue };
            let (Some(api), Some(kind)) = (value["apiVersion"].as_str(), value["kind"].as_str()) else { continue };
            let key = crate::inventory::key(kind, api.split_once('/').map_or("", |(group, _)| group));
            kinds.insert(key.clone());
            let mut object = planted.plant(&key, &value, &mut vec![]);
            (object["apiVersion"], object["kind"]) = (api.into(), kind.into());
            all.push(object);
        }
    }
    assert!(kinds.len() > 30, "{kinds:?}");
    let kept: Vec<Value> = all.iter().map(reduced).collect();
    planted.assert_kept_out(&Value::from(kept.clone()).to_string());
    // Reducing a reduced object changes nothing.
    assert_eq!(kept.iter().map(reduced).collect::<Vec<_>>(), kept);
}

/// The objects of an audit that had found secrets in captures.
#[test]
fn what_was_found_in_captures_is_not_there_any_more() {
    let text = include_str!("planted.yaml");
    let objects: Vec<Value> =
        text.split("\n---\n").map(|document| serde_saphyr::from_str(document).expect("an object")).collect();
    // Labels are kept, because selectors need them. So are the keys of a ConfigMap.
    let allowed = ["PLANTED-LABEL", "PLANTED-SECRETLABEL", "PLANTED-CMKEY"];
    let without = |text: String| allowed.iter().fold(text, |text, word| text.replace(word, ""));
    let capture = without(saved(&object_set_of(objects.clone())));
    assert!(!capture.contains("PLANTED"), "{capture}");
    assert!(!capture.contains("UExBTlRFR"), "nor in Base64: {capture}");
    let copy: Vec<Value> = objects.iter().map(|o| copied(o["kind"].as_str().unwrap_or(""), o)).collect();
    let copy = without(Value::from(copy).to_string());
    assert!(!copy.contains("PLANTED"), "{copy}");
}

#[test]
fn what_the_monitoring_said_holds_no_login_and_no_integration() {
    let said: Readings = serde_json::from_value(json!({
        "prometheus": {
            "rules": {"Ok": [{"name": "A", "query": "up", "last_error": "PLANTED"}]},
            "alerts": {"Ok": [{"name": "A", "labels": {"namespace": "shop", "token": "PLANTED"}}]},
            "receivers": {"Err": "http://u:PLANTED@prometheus/api: no answer"},
            "samples": {"jobs": {"Err": "http://u:PLANTED@prometheus/api: no answer"}},
        },
        "alertmanagers": [
            {"url": "http://u:PLANTED@am", "silences": {"Err": "http://u:PLANTED@am/api: no answer"}, "configuration": {"Ok":
                "global: {slack_api_url: 'https://hooks.example/PLANTED', smtp_auth_password: PLANTED}\n\
                 route: {receiver: r, routes: [{receiver: s, matchers: ['severity=\"page\"'], repeat_interval: 1h}]}\n\
                 receivers: [{name: r, webhook_configs: [{url: 'http://u:PLANTED@hook.mon.svc/PLANTED'}]}, \
                 {name: s, pagerduty_configs: [{routing_key: PLANTED}]}]\n"}},
            {"url": "am", "configuration": {"Ok": "a: PLANTED: PLANTED"}},
        ],
        "datadog": {"Err": "https://u:PLANTED@dd/api: no answer"},
    }))
    .expect("readings");
    let object_set = ObjectSet { readings: said, at: Some(jiff::Timestamp::UNIX_EPOCH), ..ObjectSet::default() };
    let text = saved(&object_set);
    assert!(!text.contains("PLANTED"), "{text}");
    for kept in ["hook.mon.svc", "pagerduty_configs", "severity=", "http://prometheus/api: no answer", "line 1: "] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    assert_eq!(without_logins("http://u:p@x"), "http://x");
}
