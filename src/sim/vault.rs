//! The object store that backups are kept in, and what can be downloaded from it:
//! the documents and archives that Velero writes.

use std::{collections::BTreeMap, io::Write};

use super::{
    fields::{self, text},
    resources,
    state::Content,
    value::{Value, json},
};

/// The object store, outside of the cluster.
#[derive(Debug, Default)]
pub(super) struct Vault {
    pub backups: BTreeMap<String, Kept>,
    /// What went wrong, by backup or restore.
    pub errors: BTreeMap<String, Value>,
}

#[derive(Debug, Default)]
pub(super) struct Kept {
    pub objects: Vec<Value>,
    pub volumes: Vec<Value>,
    /// What was written on the captured volumes, by claim.
    pub contents: BTreeMap<(String, String), Content>,
}

impl Vault {
    /// A download: `/KIND/NAME`.
    pub(super) fn download(&self, path: &str) -> Option<Vec<u8>> {
        let mut parts = path.trim_matches('/').split('/');
        let (kind, name) = (parts.next()?, parts.next()?);
        let document = match kind {
            "RestoreResults" | "BackupResults" => {
                json!({"errors": self.errors.get(name).cloned().unwrap_or(json!({})), "warnings": {}})
            }
            "RestoreVolumeInfo" | "RestoreResourceList" | "RestoreLog" => json!([]),
            "BackupVolumeInfos" => self.backups.get(name)?.volumes.clone().into(),
            "BackupResourceList" => {
                let mut list: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for object in &self.backups.get(name)?.objects {
                    let key = format!("{}/{}", text(object, "/apiVersion"), text(object, "/kind"));
                    list.entry(key).or_default().push(format!(
                        "{}/{}",
                        fields::namespace(object),
                        fields::name(object)
                    ));
                }
                json!(list)
            }
            "BackupContents" => return pack(&archive(&self.backups.get(name)?.objects)?),
            _ => return None,
        };
        pack(document.to_string().as_bytes())
    }
}

fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    out.write_all(bytes).ok()?;
    out.finish().ok()
}

fn archive(objects: &[Value]) -> Option<Vec<u8>> {
    let mut tar = tar::Builder::new(vec![]);
    for object in objects {
        let resource = resources::of_kind(text(object, "/kind"))?;
        let scope =
            if resource.namespaced { format!("namespaces/{}", fields::namespace(object)) } else { "cluster".into() };
        let path = format!("resources/{}/{scope}/{}.json", resource.full(), fields::name(object));
        let bytes = object.to_string().into_bytes();
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        tar.append_data(&mut header, path, &bytes[..]).ok()?;
    }
    tar.into_inner().ok()
}
