//! Writes a capture: everything that a review reads, in one file, which can be judged later on any machine (`unpack`).
//! Of each object it contains only the fields on a list (`allowed`), so that it can be shared.

use std::{io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    addresses::without_logins,
    allowed,
    object::Object,
    object_set::{Gap, ObjectSet},
    older::REVISION,
    readings::Readings,
};
use crate::files::write_private;

/// The version of the format. A reader refuses other versions.
pub(super) const VERSION: u32 = 1;
/// The first file of a capture.
pub(super) const HEAD: &str = "capture.json";
/// The limit for the unpacked size of a capture: enough for about a million objects.
pub(super) const UNPACKED: u64 = 1 << 30;
/// How many objects a file of a capture has at most.
const PART: usize = 1000;
/// The placeholder for a value that was left out.
pub const LEFT_OUT: &str = "\u{2039}left out\u{203a}";

/// The content of the first file.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    pub version: u32,
    /// The revision of the kinds and fields that it holds.
    #[serde(default)]
    pub revision: u32,
    pub by: String,
    pub context: String,
    pub at: jiff::Timestamp,
    pub kubernetes: String,
    pub gaps: std::collections::BTreeMap<String, Gap>,
    pub notes: Vec<String>,
    #[serde(default)]
    pub readings: Readings,
}

/// Writes a capture that only its owner may read (mode 0600).
///
/// # Errors
/// The file cannot be written, or the cluster is larger than a capture may be.
pub fn save(object_set: &ObjectSet, context: &str, path: &Path) -> std::io::Result<()> {
    let mut gaps = object_set.gaps.clone();
    gaps.values_mut().for_each(|gap| gap.text = without_logins(&gap.text).into_owned());
    let head = Head {
        version: VERSION,
        revision: object_set.revision.unwrap_or(REVISION),
        by: env!("CARGO_PKG_VERSION").into(),
        context: context.into(),
        at: object_set.at.unwrap_or_default(),
        kubernetes: object_set.version.clone(),
        gaps,
        notes: object_set.notes.iter().map(|note| without_logins(note).into_owned()).collect(),
        readings: allowed::said(&object_set.readings),
    };
    write_private(path, |file| {
        let mut archive = Archive { tar: tar::Builder::new(GzEncoder::new(file, Compression::fast())), size: 0 };
        archive.add(HEAD, serde_json::to_string_pretty(&head)?.as_bytes())?;
        archive.objects("pods-of-controllers", object_set.pods.iter().map(|pod| typed("Pod", pod)))?;
        archive.objects("nodes", object_set.nodes.iter().map(|node| typed("Node", node)))?;
        for (key, objects) in &object_set.objects {
            archive.objects(key, objects.iter().map(whole))?;
        }
        archive.tar.into_inner()?.finish()?;
        Ok(())
    })
}

struct Archive<W: Write> {
    tar: tar::Builder<W>,
    /// Bytes so far, before compression.
    size: u64,
}

impl<W: Write> Archive<W> {
    /// Adds files with one object on each line. The length of a file is written before it, so its text must be in memory
    /// as a whole, and each file has only some of the objects.
    fn objects(&mut self, name: &str, objects: impl Iterator<Item = Value>) -> std::io::Result<()> {
        let mut lines = objects.map(|object| allowed::reduced(&object).to_string() + "\n").peekable();
        for part in 1.. {
            let text: String = lines.by_ref().take(PART).collect();
            let number = if part == 1 { String::new() } else { format!(".{part}") };
            self.add(&format!("objects/{name}{number}.jsonl"), text.as_bytes())?;
            if lines.peek().is_none() {
                break;
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        // Includes the headers of the archive for each file.
        self.size += bytes.len() as u64 + 2048;
        if self.size > UNPACKED {
            let most = UNPACKED >> 20;
            return Err(std::io::Error::other(format!("the capture would be larger than {most} MiB after unpacking")));
        }
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        self.tar.append_data(&mut header, name, bytes)
    }
}

fn typed(kind: &str, object: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    value["apiVersion"] = "v1".into();
    value["kind"] = kind.into();
    value
}

/// An object as JSON, including what the object set stores outside its body.
pub(super) fn whole(object: &Object) -> Value {
    let mut value = if object.body.is_object() { object.body.clone() } else { Value::Object(serde_json::Map::new()) };
    let group = if object.group.is_empty() { String::new() } else { format!("{}/", object.group) };
    value["apiVersion"] = format!("{group}{}", object.version).into();
    value["kind"] = object.kind.to_string().into();
    value["metadata"] = serde_json::to_value(&object.metadata).unwrap_or_default();
    value
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;
    use crate::inventory::{object_set::ReviewSource, open_capture, read_text};

    #[test]
    fn what_is_saved_is_read_again_without_what_is_private() {
        let mut object_set = ObjectSet {
            source: ReviewSource::Live,
            at: Some("2026-11-24T00:00:00Z".parse().expect("a time")),
            ..ObjectSet::default()
        };
        read_text(
            &mut object_set,
            "x",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: shop}\ndata: {password: hunter22}\n---\n\
             apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j, namespace: shop}\nspec: {jobTemplate: {spec: {template: {spec: \
             {containers: [{name: c, image: i, args: [--key=hunter22], env: [{name: A, value: hunter22}]}]}}}}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop, ownerReferences: [{kind: ReplicaSet, name: r, controller: true}]}\n\
             spec: {nodeName: a}\n---\napiVersion: v1\nkind: Node\nmetadata: {name: a}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {name: bare, namespace: shop}\nspec: {nodeName: a}\n",
        );
        object_set.settle();
        assert_eq!(object_set.notes, Vec::<String>::new());
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("c.tar.gz");
        save(&object_set, "ctx", &path).expect("it is written");
        let mut text = String::new();
        GzDecoder::new(std::fs::File::open(&path).expect("a file")).read_to_string(&mut text).expect("text");
        assert!(!text.contains("hunter22"), "{text}");
        let (again, context) = open_capture(&path).expect("it is read");
        assert_eq!((context.as_str(), again.len(), again.pods.len(), again.nodes.len()), ("ctx", 5, 1, 1));
        assert_eq!((again.standing.len(), again.any("Pod").len()), (1, 1));
        assert_eq!(again.any("ConfigMap")[0].text("/data/password"), LEFT_OUT);
        assert_eq!(again.at, object_set.at);
        for damage in [&b"no gzip"[..], b"", &std::fs::read(&path).expect("bytes")[..60]] {
            std::fs::write(&path, damage).expect("written");
            assert!(open_capture(&path).expect_err("it is damaged").contains("is not a readable capture"));
        }
    }
    #[test]
    fn many_objects_are_saved_in_several_files() {
        let one = |n: usize| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}, namespace: shop}}\n");
        let all: Vec<String> = (0..2 * PART + 1).map(one).collect();
        let mut object_set =
            ObjectSet { source: ReviewSource::Live, at: Some(jiff::Timestamp::UNIX_EPOCH), ..ObjectSet::default() };
        read_text(&mut object_set, "x", &all.join("---\n"));
        object_set.settle();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("c.tar.gz");
        save(&object_set, "ctx", &path).expect("it is written");
        let mut archive = tar::Archive::new(GzDecoder::new(std::fs::File::open(&path).expect("a file")));
        let named = |entry: std::io::Result<tar::Entry<'_, _>>| {
            entry.expect("an entry").path().expect("a name").display().to_string()
        };
        let names: Vec<String> =
            archive.entries().expect("entries").map(named).filter(|name| name.contains("ConfigMap")).collect();
        assert_eq!(names, ["objects/ConfigMap.jsonl", "objects/ConfigMap.2.jsonl", "objects/ConfigMap.3.jsonl"]);
        let (again, _) = open_capture(&path).expect("it is read");
        assert_eq!(again.any("ConfigMap").len(), all.len());
    }
}
