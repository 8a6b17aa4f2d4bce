//! Reads a capture. It may come from an untrusted source: unpacking stops at a size limit, and only those fields of
//! its objects are read that a capture may contain.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::read::GzDecoder;
use serde_json::Value;

use super::{
    allowed,
    archive::{HEAD, Head, UNPACKED, VERSION},
    object::Origin,
    object_set::{ObjectSet, ReviewSource},
    older::mark_unread_kinds,
};
use crate::{
    files::{self, Limited},
    model::causes,
};

/// The limit for one object. etcd accepts at most 1.5 MiB.
const LINE: u64 = 16 << 20;

/// Reads a capture. Returns its objects and the name of their cluster.
///
/// # Errors
/// The file is not a capture, has another version, is too large, or is damaged.
pub fn open_capture(path: &Path) -> Result<(ObjectSet, String), String> {
    let wrong = |why: String| format!("{} is not a readable capture: {why}", path.display());
    files::regular(path).map_err(|e| e.to_string()).and_then(|file| read(file, UNPACKED)).map_err(wrong)
}

/// Reads a capture from its bytes.
///
/// # Errors
/// As [`open_capture`].
pub fn read_capture(bytes: &[u8]) -> Result<(ObjectSet, String), String> {
    read(bytes, UNPACKED)
}

fn read(file: impl Read, most: u64) -> Result<(ObjectSet, String), String> {
    let unpacked = Limited::new(GzDecoder::new(BufReader::new(file)), most);
    let mut tar = tar::Archive::new(unpacked);
    let mut object_set = ObjectSet { source: ReviewSource::Capture, ..ObjectSet::default() };
    let mut context = None;
    for entry in tar.entries().map_err(|e| e.to_string())? {
        let entry = entry.map_err(|e| root(&e))?;
        let name = entry.path().map_err(|e| e.to_string())?.display().to_string();
        // Entries of other types can be much larger than the space that they use in the archive.
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(format!("its entry {name} is not a regular file"));
        }
        if name == HEAD {
            context = Some(head(entry, &mut object_set)?);
        } else {
            objects(entry, &name, &mut object_set)?;
        }
    }
    let context = context.ok_or_else(|| format!("it contains no {HEAD}"))?;
    object_set.settle();
    mark_unread_kinds(&mut object_set);
    Ok((object_set, context))
}

/// Reads the first file and returns the context.
fn head(mut entry: impl Read, object_set: &mut ObjectSet) -> Result<String, String> {
    let mut text = String::new();
    entry.read_to_string(&mut text).map_err(|e| format!("{HEAD}: {}", root(&e)))?;
    let version = serde_json::from_str::<Value>(&text).map_err(|e| format!("{HEAD}: {e}"))?["version"].as_u64();
    if version != Some(u64::from(VERSION)) {
        return Err(format!(
            "it has version {version:?}, but this drillmaster reads version {VERSION}: make a new capture"
        ));
    }
    let head: Head = serde_json::from_str(&text).map_err(|e| format!("{HEAD}: {e}"))?;
    object_set.at = Some(head.at);
    object_set.revision = Some(head.revision);
    object_set.version = head.kubernetes;
    object_set.gaps = head.gaps;
    object_set.notes = head.notes;
    object_set.readings = allowed::said(&head.readings);
    Ok(head.context)
}

/// Reads a file with one object on each line.
fn objects(entry: impl Read, name: &str, object_set: &mut ObjectSet) -> Result<(), String> {
    let mut reader = BufReader::new(entry);
    let mut line = vec![];
    for number in 1.. {
        let at = |why: String| format!("{name}:{number}: {why}");
        line.clear();
        if (&mut reader).take(LINE).read_until(b'\n', &mut line).map_err(|e| at(root(&e)))? == 0 {
            break;
        }
        if line.len() as u64 == LINE {
            return Err(at(format!("an object is larger than {} MiB", LINE >> 20)));
        }
        let value: Value = serde_json::from_slice(&line).map_err(|e| at(e.to_string()))?;
        object_set.put(allowed::reduced(&value), Origin::default()).map_err(at)?;
    }
    Ok(())
}

/// The innermost cause: the archive's reader adds its own text around it.
fn root(error: &io::Error) -> String {
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write};

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    const CAPTURE: &str = r#"{"version": 1, "by": "0", "context": "c", "at": "2026-11-24T00:00:00Z", "kubernetes": "", "gaps": {}, "notes": []}"#;

    /// A capture with one more file that consists of this many spaces.
    fn bomb(path: &Path, spaces: u64, kind: tar::EntryType) {
        let file = File::create(path).expect("a file");
        let mut tar = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
        let mut add = |name: &str, size: u64, kind: tar::EntryType, bytes: &mut dyn Read| {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            header.set_entry_type(kind);
            header.set_cksum();
            tar.append_data(&mut header, name, bytes).expect("added");
        };
        add(HEAD, CAPTURE.len() as u64, tar::EntryType::Regular, &mut CAPTURE.as_bytes());
        add("objects/x.jsonl", spaces, kind, &mut io::repeat(b' ').take(spaces));
        tar.into_inner().expect("whole").finish().expect("whole").flush().expect("written");
    }

    #[test]
    fn no_more_is_unpacked_than_a_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bomb.tgz");
        bomb(&path, 12 << 20, tar::EntryType::Regular);
        let why = read(File::open(&path).expect("a file"), 4 << 20).expect_err("too large");
        assert!(why.contains("it unpacks to more than 4 MiB"), "{why}");
        bomb(&path, LINE + 1, tar::EntryType::Regular);
        let why = open_capture(&path).expect_err("too long a line");
        assert!(why.contains("an object is larger than 16 MiB"), "{why}");
        bomb(&path, 8, tar::EntryType::Symlink);
        let why = open_capture(&path).expect_err("a link");
        assert!(why.contains("its entry objects/x.jsonl is not a regular file"), "{why}");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_a_folder_and_a_pipe_are_not_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("made");
        let link = folder.path().join("link.tgz");
        std::os::unix::fs::symlink("/dev/zero", &link).expect("linked");
        for path in [Path::new("/dev/zero"), folder.path(), &pipe, &link] {
            let why = open_capture(path).expect_err("not a file");
            assert!(why.contains("it is not a regular file"), "{why}");
        }
    }
}
