//! Velero, through its custom resources only: its command line exits with 0 even for failed backups. New versions may
//! add phases, so an unknown phase counts as not final. drillmaster never writes a status. Start with [`Velero`].

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    ApiCall, ApiError, Http, HttpError, Kube,
    backup_archive::{Archived, objects_of},
};
use crate::model::VolumeInfo;

/// Why a request to Velero failed.
#[derive(Debug, thiserror::Error)]
pub enum VeleroError {
    /// The API server returned an error.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The object store returned an error.
    #[error(
        "{0}; the host in this URL comes from the storage location (publicUrl or s3Url) and must be reachable from the machine that runs drillmaster"
    )]
    Download(#[from] HttpError),
    /// Velero did not answer a request in time.
    #[error("Velero did not provide a download URL for {0} within {1:?}: check that the Velero server is running")]
    Silent(String, Duration),
    /// The content is not what Velero writes.
    #[error("cannot read Velero's {0}: {1}")]
    Strange(String, String),
}

/// Velero in one cluster.
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

/// The phase of a backup that Velero counts as running but has not started.
pub const BACKUP_READY: &str = "ReadyToStart";

/// Whether a backup is only queued. Velero does not notice when such a backup is deleted.
pub fn is_queued(phase: &str) -> bool {
    matches!(phase, "" | "New" | "Queued")
}

/// The command that makes Velero continue with a backup that was ReadyToStart when its server died. Any change of the
/// object is enough, because the backup controller (1.18.3) reacts only to updates.
pub fn nudge_command(namespace: &str, backup: &str) -> String {
    format!("kubectl --namespace {namespace} annotate --overwrite backups.velero.io {backup} drillmaster.dev/nudged=1")
}

impl Velero {
    /// Velero in a namespace.
    pub fn new(kube: Kube, http: Http, namespace: String) -> Self {
        Self { kube, http, namespace }
    }

    /// The path of a Velero resource.
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

    /// A Backup or Restore; none if it does not exist.
    pub async fn find(&self, resource: &str, name: &str) -> Result<Option<Value>, ApiError> {
        self.kube.find(&self.path(resource, name)).await
    }

    /// All objects of a resource.
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

    /// Downloads and unpacks what Velero wrote about a backup or restore. Velero may report a download request as
    /// Processed before the object exists.
    pub async fn download(&self, kind: &str, name: &str) -> Result<Vec<u8>, VeleroError> {
        let url = self.download_url(kind, name).await?;
        Ok(self.http.gunzipped(&url).await?)
    }

    /// The address for the download.
    async fn download_url(&self, kind: &str, name: &str) -> Result<String, VeleroError> {
        let limit = Duration::from_secs(30);
        // The name contains the content and a unique part, so that a repeated call makes a new request.
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

    /// Downloads a JSON document.
    pub async fn document(&self, kind: &str, name: &str) -> Result<Value, VeleroError> {
        let bytes = self.download(kind, name).await?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|e| VeleroError::Strange(kind.into(), e.to_string()))
    }

    /// What a backup contains of each volume. It comes from Velero's own data, because the phase does not show it.
    pub async fn volumes(&self, backup: &str) -> Result<Vec<VolumeInfo>, VeleroError> {
        let list = self.document("BackupVolumeInfos", backup).await?;
        if list.is_null() {
            return Ok(vec![]);
        }
        serde_json::from_value(list).map_err(|e| VeleroError::Strange("BackupVolumeInfos".into(), e.to_string()))
    }

    /// Calls `each` for every object in a backup's archive, one after another, so that a backup is never in memory as a
    /// whole.
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

/// A name that no earlier request of this or another process has used.
fn unique(name: &str) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name: String = name.chars().rev().take(24).collect::<Vec<_>>().into_iter().rev().collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
