//! The object store that holds the backups, and the documents and archives that can be downloaded from it. It is
//! outside the clusters that use it, and does not know what a backup should contain. Start with [`BackupStore`].

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    fields::{self, text},
    resources,
    state::Content,
    value::{Value, json},
};

/// The object store.
#[derive(Clone, Debug, Default)]
pub(super) struct BackupStore(Arc<Mutex<Contents>>);

#[derive(Clone, Debug, Default)]
struct Contents {
    backups: BTreeMap<String, Arc<StoredBackup>>,
    /// Backups that have ended, as Velero records them in the store.
    ended: BTreeMap<String, Value>,
    /// What went wrong, by the name of the backup or restore.
    errors: BTreeMap<String, Value>,
}

#[derive(Debug, Default)]
pub(super) struct StoredBackup {
    pub objects: Vec<Value>,
    pub volumes: Vec<Value>,
    /// The content of the captured volumes, by namespace and claim.
    pub contents: BTreeMap<(String, String), Content>,
}

impl BackupStore {
    /// Creates another store with the same content.
    pub(super) fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.contents().clone())))
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The content of a backup.
    pub(super) fn backup(&self, name: &str) -> Option<Arc<StoredBackup>> {
        self.contents().backups.get(name).cloned()
    }

    pub(super) fn keep(&self, name: &str, kept: StoredBackup) {
        self.contents().backups.insert(name.to_owned(), Arc::new(kept));
    }

    /// Records that a backup has ended.
    pub(super) fn ended(&self, backup: &Value) {
        self.contents().ended.insert(fields::name(backup).to_owned(), backup.clone());
    }

    /// All backups that have ended.
    pub(super) fn all_ended(&self) -> Vec<Value> {
        self.contents().ended.values().cloned().collect()
    }

    pub(super) fn forget(&self, backup: &str) {
        let mut contents = self.contents();
        contents.backups.remove(backup);
        contents.ended.remove(backup);
    }

    pub(super) fn went_wrong(&self, name: &str, why: Value) {
        self.contents().errors.insert(name.to_owned(), why);
    }

    /// Returns the document at `/KIND/NAME`.
    pub(super) fn download(&self, path: &str) -> Option<Vec<u8>> {
        self.contents().download(path)
    }
}

impl Contents {
    fn download(&self, path: &str) -> Option<Vec<u8>> {
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
