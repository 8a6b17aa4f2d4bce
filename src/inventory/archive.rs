//! A capture: everything that a review looks at, in one file, without a secret. Saved
//! from a live cluster, judged anywhere, at any time later.

use std::{io::Read, path::Path};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    object::{Object, Origin},
    readings::Readings,
    shelf::{Gap, Shelf, Source},
};

/// The shape of a capture; a reader refuses one that it does not know.
const VERSION: u32 = 1;
/// More than any capture holds: what claims to be larger is something else.
const TOO_BIG: u64 = 8 << 30;
/// What stands where a value was.
pub const LEFT_OUT: &str = "\u{2039}left out\u{203a}";

/// The first file of a capture.
#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    by: String,
    context: String,
    at: jiff::Timestamp,
    kubernetes: String,
    gaps: std::collections::BTreeMap<String, Gap>,
    notes: Vec<String>,
    #[serde(default)]
    readings: Readings,
}

/// Writes a capture. ConfigMaps keep their keys, containers the names of their
/// variables; what they hold is left out. Of Secrets only metadata was ever read.
///
/// # Errors
/// A file that cannot be written.
pub fn save(shelf: &Shelf, context: &str, path: &Path) -> std::io::Result<()> {
    let head = Head {
        version: VERSION,
        by: env!("CARGO_PKG_VERSION").into(),
        context: context.into(),
        at: shelf.at.unwrap_or_default(),
        kubernetes: shelf.version.clone(),
        gaps: shelf.gaps.clone(),
        notes: shelf.notes.clone(),
        readings: shelf.readings.clone(),
    };
    let file =
        tempfile::NamedTempFile::new_in(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
    let mut tar = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
    add(&mut tar, "capture.json", serde_json::to_string_pretty(&head)?.as_bytes())?;
    let lines = |items: &mut dyn Iterator<Item = Value>| items.map(|v| v.to_string() + "\n").collect::<String>();
    let typed = |kind: &str, mut value: Value| {
        value["apiVersion"] = "v1".into();
        value["kind"] = kind.into();
        value
    };
    let pods = lines(&mut shelf.pods.iter().map(|p| typed("Pod", serde_json::to_value(p).unwrap_or_default())));
    add(&mut tar, "objects/pods-of-controllers.jsonl", pods.as_bytes())?;
    let nodes = lines(&mut shelf.nodes.iter().map(|n| typed("Node", serde_json::to_value(n).unwrap_or_default())));
    add(&mut tar, "objects/nodes.jsonl", nodes.as_bytes())?;
    for (key, objects) in &shelf.objects {
        let text = lines(&mut objects.iter().map(discreet));
        add(&mut tar, &format!("objects/{key}.jsonl"), text.as_bytes())?;
    }
    let file = tar.into_inner()?.finish()?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

fn add(tar: &mut tar::Builder<impl std::io::Write>, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o600);
    header.set_cksum();
    tar.append_data(&mut header, name, bytes)
}

/// An object without what may be private.
fn discreet(object: &Object) -> Value {
    let mut value = object.body.clone();
    let api = if object.group.is_empty() {
        object.version.to_string()
    } else {
        format!("{}/{}", object.group, object.version)
    };
    if !value.is_object() {
        value = json!({});
    }
    value["apiVersion"] = api.into();
    value["kind"] = object.kind.to_string().into();
    value["metadata"] = serde_json::to_value(&object.metadata).unwrap_or_default();
    if let Some(notes) = value.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        // A note of one word says how to treat an object; a long one may say anything.
        notes.values_mut().filter(|v| v.as_str().is_some_and(|s| s.len() > 200)).for_each(|v| *v = LEFT_OUT.into());
    }
    if *object.kind == *"ConfigMap" || *object.kind == *"Secret" {
        for part in ["data", "binaryData", "stringData"] {
            if let Some(entries) = value.get_mut(part).and_then(Value::as_object_mut) {
                entries.values_mut().for_each(|v| *v = LEFT_OUT.into());
            }
        }
    }
    // The flags of the control plane are asked for; those of others are their own.
    let arguments = object.metadata.namespace == "kube-system";
    quiet(&mut value, arguments);
    value
}

/// Leaves out values of variables and arguments, wherever a container is.
fn quiet(value: &mut Value, arguments: bool) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map.iter_mut() {
                match (key.as_str(), inner) {
                    ("env", Value::Array(entries)) => {
                        for text in entries.iter_mut().filter_map(|e| e.get_mut("value")) {
                            if text.as_str().is_some_and(|t| !t.is_empty()) {
                                *text = LEFT_OUT.into();
                            }
                        }
                    }
                    ("args" | "command", Value::Array(words)) if !arguments => {
                        words.iter_mut().for_each(|w| *w = LEFT_OUT.into());
                    }
                    (_, inner) => quiet(inner, arguments),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|v| quiet(v, arguments)),
        _ => {}
    }
}

/// Reads a capture: the objects, and which cluster they are of.
///
/// # Errors
/// A file that is no capture, is of another version, or is damaged.
pub fn open_capture(path: &Path) -> Result<(Shelf, String), String> {
    let wrong = |why: String| format!("{} is no capture that can be read: {why}", path.display());
    let file = std::fs::File::open(path).map_err(|e| wrong(e.to_string()))?;
    let mut tar = tar::Archive::new(GzDecoder::new(std::io::BufReader::new(file)).take(TOO_BIG));
    let mut shelf = Shelf { source: Source::Capture, ..Shelf::default() };
    let mut context = None;
    for entry in tar.entries().map_err(|e| wrong(e.to_string()))? {
        let mut entry = entry.map_err(|e| wrong(e.to_string()))?;
        let name = entry.path().map_err(|e| wrong(e.to_string()))?.display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).map_err(|e| wrong(format!("{name}: {e}")))?;
        if name == "capture.json" {
            let version = serde_json::from_str::<Value>(&text).map_err(|e| wrong(e.to_string()))?["version"].as_u64();
            if version != Some(u64::from(VERSION)) {
                return Err(wrong(format!(
                    "its version is {version:?}, and this program reads {VERSION}: capture anew"
                )));
            }
            let head: Head = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
            shelf.at = Some(head.at);
            shelf.version = head.kubernetes;
            shelf.gaps = head.gaps;
            shelf.notes = head.notes;
            shelf.readings = head.readings;
            context = Some(head.context);
        } else {
            for (i, line) in text.lines().enumerate() {
                let value = serde_json::from_str(line).map_err(|e| wrong(format!("{name}:{}: {e}", i + 1)))?;
                shelf.put(value, Origin::default()).map_err(|e| wrong(format!("{name}:{}: {e}", i + 1)))?;
            }
        }
    }
    let context = context.ok_or_else(|| wrong("it has no capture.json".into()))?;
    shelf.settle();
    Ok((shelf, context))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::read_text;

    #[test]
    fn what_is_saved_is_read_again_without_what_is_private() {
        let mut shelf = Shelf {
            source: Source::Live,
            at: Some("2026-11-24T00:00:00Z".parse().expect("a time")),
            ..Shelf::default()
        };
        read_text(
            &mut shelf,
            "x",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: shop}\ndata: {password: hunter22}\n---\n\
             apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j, namespace: shop}\nspec: {jobTemplate: {spec: {template: {spec: \
             {containers: [{name: c, image: i, args: [--key=hunter22], env: [{name: A, value: hunter22}]}]}}}}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop, ownerReferences: [{kind: ReplicaSet, name: r, controller: true}]}\n\
             spec: {nodeName: a}\n---\napiVersion: v1\nkind: Node\nmetadata: {name: a}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {name: bare, namespace: shop}\nspec: {nodeName: a}\n",
        );
        shelf.settle();
        assert_eq!(shelf.notes, Vec::<String>::new());
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("c.tar.gz");
        save(&shelf, "ctx", &path).expect("it is written");
        let mut text = String::new();
        GzDecoder::new(std::fs::File::open(&path).expect("a file")).read_to_string(&mut text).expect("text");
        assert!(!text.contains("hunter22"), "{text}");
        let (again, context) = open_capture(&path).expect("it is read");
        assert_eq!((context.as_str(), again.len(), again.pods.len(), again.nodes.len()), ("ctx", 5, 1, 1));
        assert_eq!((again.standing.len(), again.any("Pod").len()), (1, 1));
        assert_eq!(again.any("ConfigMap")[0].text("/data/password"), LEFT_OUT);
        assert_eq!(again.at, shelf.at);
        for damage in [&b"no gzip"[..], b"", &std::fs::read(&path).expect("bytes")[..60]] {
            std::fs::write(&path, damage).expect("written");
            assert!(open_capture(&path).expect_err("it is damaged").contains("no capture"));
        }
    }
}
