//! The archive of a Velero backup: a compressed tar file with a file for each object.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::files::Limited;

/// The limit for the unpacked size: ten times the backup of a large cluster.
const UNPACKED: u64 = 8 << 30;
/// The limit for one object. etcd accepts at most 1.5 MiB.
const OBJECT: u64 = 16 << 20;

/// An object in a backup.
#[derive(Clone, Debug, PartialEq)]
pub struct Archived {
    /// Its resource and API group, as Velero names them: `deployments.apps`, `services`.
    pub resource: String,
    /// The object.
    pub object: Value,
}

/// Calls `each` for every object of an archive, one after another.
///
/// # Errors
/// The archive is damaged, was not made by Velero, or is too large.
pub fn objects_of(packed: &[u8], each: impl FnMut(Archived)) -> Result<(), String> {
    objects_within(packed, UNPACKED, each)
}

fn objects_within(packed: &[u8], most: u64, mut each: impl FnMut(Archived)) -> Result<(), String> {
    let mut archive = tar::Archive::new(Limited::new(MultiGzDecoder::new(packed), most));
    let mut text = vec![];
    for entry in archive.entries().map_err(|e| e.to_string())? {
        let mut entry = entry.map_err(|e| e.to_string())?;
        let path = entry.path().map_err(|e| e.to_string())?.display().to_string();
        let Some(resource) = resource_of(&path) else { continue };
        if entry.size() > OBJECT {
            return Err(format!("{path} has {} bytes, which is too large for an object", entry.size()));
        }
        text.clear();
        entry.read_to_end(&mut text).map_err(|e| format!("{path}: {e}"))?;
        let object = serde_json::from_slice(&text).map_err(|e| format!("{path}: {e}"))?;
        each(Archived { resource: resource.to_owned(), object });
    }
    Ok(())
}

/// The resource in `resources/PLURAL.GROUP/namespaces/NAMESPACE/NAME.json` or `…/cluster/NAME.json`. The copies of an
/// object in other API versions have longer paths and are skipped.
fn resource_of(path: &str) -> Option<&str> {
    let mut parts = path.trim_start_matches("./").split('/');
    let (top, resource, place) = (parts.next(), parts.next(), parts.next());
    let is_object =
        top == Some("resources") && matches!(place, Some("namespaces" | "cluster")) && path.ends_with(".json");
    resource.filter(|_| is_object)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(files: &[(&str, &str)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(vec![]);
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_cksum();
            tar.append_data(&mut header, path, text.as_bytes()).expect("a file");
        }
        let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        gzip.write_all(&tar.into_inner().expect("a tar")).expect("packed");
        gzip.finish().expect("packed")
    }

    #[test]
    fn each_object_is_read_once() {
        let archive = packed(&[
            ("metadata/version", "1"),
            ("resources/deployments.apps/namespaces/shop/web.json", r#"{"a":1}"#),
            ("resources/deployments.apps/v1-preferredversion/namespaces/shop/web.json", r#"{"a":1}"#),
            ("resources/namespaces/cluster/shop.json", r#"{"a":2}"#),
        ]);
        let mut seen = vec![];
        objects_of(&archive, |found| seen.push((found.resource, found.object["a"].as_u64()))).expect("an archive");
        assert_eq!(seen, [("deployments.apps".to_owned(), Some(1)), ("namespaces".to_owned(), Some(2))]);
    }

    #[test]
    fn an_archive_beyond_the_limit_is_an_error_wherever_it_is_cut() {
        let object = r#"{"a":1}"#;
        let archive = packed(&[
            ("resources/pods/namespaces/shop/a.json", object),
            ("resources/pods/namespaces/shop/b.json", object),
        ]);
        let read = |most: u64| {
            let mut seen = 0;
            objects_within(&archive, most, |_| seen += 1).map(|()| seen)
        };
        // The header and the content need 512 bytes each. An empty block marks the end.
        assert_eq!(read(5 * 512), Ok(2));
        for blocks in 0..5 {
            let error = read(blocks * 512).expect_err("not all of it was read");
            assert!(error.contains("unpacks to more than"), "{blocks}: {error}");
        }
    }

    #[test]
    fn damage_is_an_error() {
        let archive = packed(&[("resources/pods/namespaces/shop/web.json", r#"{"a":"#)]);
        let error = objects_of(&archive, |_| ()).expect_err("no object");
        assert!(error.contains("resources/pods/namespaces/shop/web.json"), "{error}");
        let whole = packed(&[("resources/pods/namespaces/shop/web.json", r#"{"a":1}"#)]);
        assert!(objects_of(&whole[..whole.len() / 2], |_| ()).is_err());
        assert!(objects_of(b"no gzip", |_| ()).is_err());
    }
}
