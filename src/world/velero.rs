//! Velero, through its custom resources only: its command line exits with 0 for
//! failed backups (correctness 33). Phases are an open set: what is unknown is
//! not over (correctness 32). Status is never written by us.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    ApiCall, ApiError, Http, HttpError, Kube,
    backup_archive::{Archived, objects_of},
};
use crate::model::VolumeInfo;

/// Why Velero could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum VeleroError {
    /// The API server said no.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The object store said no.
    #[error(
        "{0}; the host of the URL is the storage location's publicUrl, or its s3Url: it must be reachable from here"
    )]
    Download(#[from] HttpError),
    /// Velero did not answer a request.
    #[error("Velero made no download URL for {0} within {1:?}: is its server running?")]
    Silent(String, Duration),
    /// What came is not what Velero writes.
    #[error("{0} of Velero cannot be read: {1}")]
    Strange(String, String),
}

/// Velero of one cluster.
#[derive(Clone, Debug)]
pub struct Velero {
    kube: Kube,
    http: Http,
    /// Its namespace.
    pub namespace: String,
}

/// Whether a phase is final.
pub fn is_terminal(phase: &str) -> bool {
    matches!(phase, "Completed" | "PartiallyFailed" | "Failed" | "FailedValidation")
}

/// The phase of a backup that Velero counts as running and has not begun.
pub const BACKUP_READY: &str = "ReadyToStart";

/// Whether a backup is only in the queue: Velero does not miss it when it goes.
pub fn is_queued(phase: &str) -> bool {
    matches!(phase, "" | "New" | "Queued")
}

/// What makes Velero take up a backup that was ReadyToStart when its server died:
/// any change of it (backup controller of 1.18.3: it acts on updates only).
pub fn nudge_command(namespace: &str, backup: &str) -> String {
    format!("kubectl --namespace {namespace} annotate --overwrite backups.velero.io {backup} drillmaster.dev/nudged=1")
}

impl Velero {
    /// Velero in a namespace.
    pub fn new(kube: Kube, http: Http, namespace: String) -> Self {
        Self { kube, http, namespace }
    }

    /// Path of a resource of Velero.
    pub fn path(&self, resource: &str, name: &str) -> String {
        let base = format!("/apis/velero.io/v1/namespaces/{}/{resource}", self.namespace);
        if name.is_empty() { base } else { format!("{base}/{name}") }
    }

    /// The request that creates a Backup or a Restore.
    pub fn creation(&self, kind: &str, name: &str, labels: &Value, spec: Value) -> ApiCall {
        let resource = format!("{}s", kind.to_lowercase());
        ApiCall::create(
            self.path(&resource, ""),
            json!({"apiVersion": "velero.io/v1", "kind": kind,
                   "metadata": {"name": name, "namespace": self.namespace, "labels": labels}, "spec": spec}),
        )
    }

    /// A Backup or Restore; none when there is no such.
    pub async fn find(&self, resource: &str, name: &str) -> Result<Option<Value>, ApiError> {
        self.kube.find(&self.path(resource, name)).await
    }

    /// All of a resource.
    pub async fn list(&self, resource: &str, query: &str) -> Result<Vec<Value>, ApiError> {
        Ok(self.kube.list(&format!("{}{query}", self.path(resource, ""))).await?.0)
    }

    /// Asks the server for a sign of life.
    pub async fn server_version(&self, name: &str, limit: Duration) -> Result<Option<String>, ApiError> {
        let call = self.creation("ServerStatusRequest", name, &json!({}), json!({}));
        let path = self.path("serverstatusrequests", name);
        self.kube.send(&call).await?;
        let answer = self.poll(&path, limit, |v| {
            (v.pointer("/status/phase").and_then(Value::as_str) == Some("Processed"))
                .then(|| v.pointer("/status/serverVersion").and_then(Value::as_str).unwrap_or("").to_owned())
        });
        let answer = answer.await?;
        let _ = self.kube.send(&ApiCall::delete(path, "", None)).await;
        Ok(answer)
    }

    /// Downloads what Velero wrote about a backup or restore, unpacked. A
    /// Processed request does not mean that the object is there (facts 1.6).
    pub async fn download(&self, kind: &str, name: &str) -> Result<Vec<u8>, VeleroError> {
        let url = self.download_url(kind, name).await?;
        Ok(self.http.gunzipped(&url).await?)
    }

    /// The address to download it from.
    async fn download_url(&self, kind: &str, name: &str) -> Result<String, VeleroError> {
        let limit = Duration::from_secs(30);
        // Named by its content and a version so that a repeated call is a new request.
        let request = format!("drill-{}-{}", kind.to_lowercase(), unique(name));
        let spec = json!({"target": {"kind": kind, "name": name}});
        let call = self.creation("DownloadRequest", &request, &json!({}), spec);
        let path = self.path("downloadrequests", &request);
        match self.kube.send(&call).await {
            Err(error) if error.code() == Some(409) => {}
            other => {
                other?;
            }
        }
        let url = self
            .poll(&path, limit, |v| {
                v.pointer("/status/downloadURL").and_then(Value::as_str).filter(|u| !u.is_empty()).map(str::to_owned)
            })
            .await?;
        let _ = self.kube.send(&ApiCall::delete(path, "", None)).await;
        url.ok_or_else(|| VeleroError::Silent(format!("{kind} of {name}"), limit))
    }

    /// The same as JSON.
    pub async fn document(&self, kind: &str, name: &str) -> Result<Value, VeleroError> {
        let bytes = self.download(kind, name).await?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|e| VeleroError::Strange(kind.into(), e.to_string()))
    }

    /// What a backup holds of each volume. Asked of Velero, not of the phase (correctness 28).
    pub async fn volumes(&self, backup: &str) -> Result<Vec<VolumeInfo>, VeleroError> {
        let list = self.document("BackupVolumeInfos", backup).await?;
        if list.is_null() {
            return Ok(vec![]);
        }
        serde_json::from_value(list).map_err(|e| VeleroError::Strange("BackupVolumeInfos".into(), e.to_string()))
    }

    /// Hands over every object in a backup's archive, one by one: a backup is never held whole.
    pub async fn each_object(&self, backup: &str, each: impl FnMut(Archived)) -> Result<(), VeleroError> {
        let url = self.download_url("BackupContents", backup).await?;
        let packed = self.http.bytes(&url).await?;
        objects_of(&packed, each).map_err(|e| VeleroError::Strange("BackupContents".into(), e))
    }

    async fn poll<T>(
        &self,
        path: &str,
        limit: Duration,
        take: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let looked = tokio::time::timeout(limit, async {
            loop {
                if let Some(found) = self.kube.find(path).await?.as_ref().and_then(&take) {
                    return Ok(found);
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        match looked.await {
            Ok(found) => found.map(Some),
            Err(_) => Ok(None),
        }
    }
}

/// A name that no earlier request of this or another process has.
fn unique(name: &str) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name: String = name.chars().rev().take(24).collect::<Vec<_>>().into_iter().rev().collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
