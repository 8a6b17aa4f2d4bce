//! How the last runs of a cluster ended, in one ConfigMap next to the run records. For each run it contains the hash
//! of the last line of the journal. It is a copy outside the run directories: whoever changes a run directory
//! unnoticed would have to change this too.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ApiCall, ApiError, Kube};
use crate::model::{Exit, Head, is_run_name};

/// The namespace of the run records.
pub const NAMESPACE: &str = "drillmaster";
/// Its ConfigMaps.
pub(super) const MAPS: &str = "/api/v1/namespaces/drillmaster/configmaps";

const NAME: &str = "heads";
const KEY: &str = "heads.json";
/// How many ends are kept: about 25 kB.
const KEPT: usize = 100;
/// How often a write is repeated when others have written in between.
const TRIES: u32 = 5;

/// The end of one run, as the cluster keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredHead {
    run: String,
    head: String,
    exit: Exit,
    at: Timestamp,
}

/// The ConfigMap `heads`.
#[derive(Debug)]
pub struct Heads;

impl Heads {
    /// The newest end.
    pub async fn last(kube: &Kube) -> Result<Option<Head>, ApiError> {
        Ok(Self::all(kube).await?.pop())
    }

    /// Whether it contains the end of a run.
    pub async fn hold(kube: &Kube, run: &str) -> Result<bool, ApiError> {
        Ok(Self::all(kube).await?.iter().any(|head| head.run == run))
    }

    /// All ends that it contains, the newest last.
    pub async fn all(kube: &Kube) -> Result<Vec<Head>, ApiError> {
        let path = path();
        let Some(map) = kube.find(&path).await? else { return Ok(vec![]) };
        let kept = read(&path, &map)?;
        Ok(kept.into_iter().map(|StoredHead { run, head, exit, .. }| Head { run, head, exit }).collect())
    }

    /// Adds an end, if the ConfigMap has not changed since it was read. The oldest ends are removed.
    pub async fn add(kube: &Kube, head: &Head, at: Timestamp) -> Result<(), ApiError> {
        let path = path();
        for _ in 0..TRIES {
            let found = kube.find(&path).await?;
            let mut kept = found.as_ref().map_or_else(|| Ok(vec![]), |map| read(&path, map))?;
            if kept.iter().any(|k| k.run == head.run && k.head == head.head) {
                return Ok(());
            }
            let Head { run, head, exit } = head.clone();
            kept.push(StoredHead { run, head, exit, at });
            kept.drain(..kept.len().saturating_sub(KEPT));
            let sent = match &found {
                None => kube.send(&ApiCall::create(MAPS, body(&kept))).await,
                Some(map) => {
                    let mut body = body(&kept);
                    body["metadata"]["resourceVersion"] = map["metadata"]["resourceVersion"].clone();
                    kube.send(&ApiCall::merge(path.clone(), body)).await
                }
            };
            match sent {
                Err(error) if error.is_conflict() => {}
                other => return other.map(drop),
            }
        }
        Err(ApiError::Strange { path, why: "it was changed by others at every attempt to write it".into() })
    }
}

fn path() -> String {
    format!("{MAPS}/{NAME}")
}

fn body(kept: &[StoredHead]) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/managed-by": "drillmaster"}},
        "data": {KEY: serde_json::to_string(kept).unwrap_or_default()}})
}

/// The content may have been written by anybody, so it is checked.
fn read(path: &str, map: &Value) -> Result<Vec<StoredHead>, ApiError> {
    let strange = |why: &'static str| ApiError::Strange { path: path.to_owned(), why: why.into() };
    let text = map["data"][KEY].as_str().ok_or_else(|| strange("it does not contain heads.json"))?;
    let kept: Vec<StoredHead> = serde_json::from_str(text).map_err(|_| strange("heads.json is damaged"))?;
    let plain =
        |k: &StoredHead| is_run_name(&k.run) && k.head.len() == 64 && k.head.bytes().all(|b| b.is_ascii_hexdigit());
    if kept.iter().all(plain) {
        Ok(kept)
    } else {
        Err(strange("heads.json contains something that is neither the name of a run nor a hash"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_believed_as_far_as_it_fits() {
        let whole = StoredHead { run: "r".into(), head: "0".repeat(64), exit: Exit::Passed, at: Timestamp::UNIX_EPOCH };
        let map = |kept: &StoredHead| body(std::slice::from_ref(kept));
        assert_eq!(read("p", &map(&whole)).ok(), Some(vec![whole.clone()]));
        for evil in [
            StoredHead { run: "../../evil".into(), ..whole.clone() },
            StoredHead { head: "\u{1b}[2J".into(), ..whole.clone() },
            StoredHead { head: String::new(), ..whole },
        ] {
            assert!(read("p", &map(&evil)).is_err(), "{evil:?}");
        }
        assert!(read("p", &json!({"data": {}})).is_err());
    }
}
