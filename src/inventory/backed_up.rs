//! The API versions that a backup holds, compared with those that the recovery cluster serves. Velero restores an object
//! in the version in which the backup holds it, and does not restore the CustomResourceDefinitions of others with it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Reply;
use crate::world::{ApiError, Kube, Velero, World};

/// The newest backup of the namespaces of a plan, compared with the recovery cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// The name of the backup.
    pub backup: String,
    /// How many kinds of objects it holds for these namespaces, each version on its own.
    pub kinds: usize,
    /// Those that the recovery cluster does not serve.
    pub unserved: BTreeSet<ApiKind>,
}

/// A kind in one version of its API group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiKind {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version, such as `v1`.
    pub version: String,
    /// The kind.
    pub kind: String,
}

impl ApiKind {
    /// From the notation of Velero: `v1/Pod`, `apps/v1/Deployment`.
    fn parse(key: &str) -> Option<Self> {
        let (api, kind) = key.rsplit_once('/')?;
        let (group, version) = api.split_once('/').unwrap_or(("", api));
        let of = |word: &str| Some(word.to_owned()).filter(|word| !word.is_empty() && !word.contains('/'));
        Some(Self { group: group.to_owned(), version: of(version)?, kind: of(kind)? })
    }

    /// The path of the discovery document that lists it.
    fn path(&self) -> String {
        let Self { group, version, .. } = self;
        if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
    }
}

impl std::fmt::Display for ApiKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.group.is_empty() {
            write!(f, "{}/", self.group)?;
        }
        write!(f, "{} {}", self.version, self.kind)
    }
}

/// Compares the newest Completed backup of these namespaces with a recovery cluster; none if there is no such backup.
pub(super) async fn backed_up(world: &World, there: &Kube, namespaces: &[String]) -> Option<Reply<BackedUp>> {
    let backups = match world.velero.list("backups", "").await {
        Ok(backups) => backups,
        Err(error) => return Some(Err(format!("the backups cannot be listed: {error}"))),
    };
    let backup = newest(&backups, namespaces)?;
    Some(compared(&world.velero, there, backup, namespaces).await)
}

async fn compared(velero: &Velero, there: &Kube, backup: &str, namespaces: &[String]) -> Reply<BackedUp> {
    let why = |error: &dyn std::fmt::Display| format!("the resource list of backup {backup} cannot be read: {error}");
    let list = velero.document("BackupResourceList", backup).await.map_err(|error| why(&error))?;
    let kinds = kinds_of(&list, namespaces).map_err(|error| why(&error))?;
    let unserved = unserved(there, &kinds).await.map_err(|error| error.to_string())?;
    Ok(BackedUp { backup: backup.to_owned(), kinds: kinds.len(), unserved })
}

/// The name of the newest Completed backup that holds one of these namespaces.
fn newest<'a>(backups: &'a [Value], namespaces: &[String]) -> Option<&'a str> {
    let text = |backup: &'a Value, pointer: &str| backup.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let holds = |backup: &&Value| {
        let names = |field: &str| -> Vec<&str> {
            let all = backup.pointer(field).and_then(Value::as_array);
            all.into_iter().flatten().filter_map(Value::as_str).collect()
        };
        let (included, excluded) = (names("/spec/includedNamespaces"), names("/spec/excludedNamespaces"));
        let is_in = |name: &str| included.is_empty() || included.contains(&"*") || included.contains(&name);
        namespaces.iter().any(|name| is_in(name) && !excluded.contains(&name.as_str()))
    };
    let completed = backups.iter().filter(|backup| text(backup, "/status/phase") == "Completed").filter(holds);
    let newest = completed.max_by_key(|backup| text(backup, "/status/completionTimestamp"))?;
    Some(text(newest, "/metadata/name"))
}

/// The kinds of which a resource list has objects in these namespaces.
fn kinds_of(list: &Value, namespaces: &[String]) -> Result<BTreeSet<ApiKind>, String> {
    let all = list.as_object().ok_or("it is not a JSON object")?;
    let mut kinds = BTreeSet::new();
    for (key, names) in all {
        let names = names.as_array().ok_or_else(|| format!("{key} has no list of names"))?;
        let namespace = |name: &Value| name.as_str().and_then(|name| Some(name.split_once('/')?.0.to_owned()));
        if names.iter().filter_map(namespace).any(|namespace| namespaces.contains(&namespace)) {
            kinds.insert(ApiKind::parse(key).ok_or_else(|| format!("{key} does not name a kind and its version"))?);
        }
    }
    Ok(kinds)
}

/// Those of these kinds that a cluster does not serve.
async fn unserved(there: &Kube, kinds: &BTreeSet<ApiKind>) -> Result<BTreeSet<ApiKind>, ApiError> {
    let mut served: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in kinds.iter().map(ApiKind::path).collect::<BTreeSet<_>>() {
        let document = there.find(&path).await?.unwrap_or_default();
        let resources = document["resources"].as_array().into_iter().flatten();
        // A subresource may have the kind of another resource.
        let whole = resources.filter(|r| r["name"].as_str().is_some_and(|name| !name.contains('/')));
        let names = whole.filter_map(|r| r["kind"].as_str().map(str::to_owned)).collect();
        served.insert(path, names);
    }
    let is_served = |kind: &&ApiKind| served.get(&kind.path()).is_some_and(|names| names.contains(&kind.kind));
    Ok(kinds.iter().filter(|kind| !is_served(kind)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shop() -> Vec<String> {
        vec!["shop".to_owned()]
    }

    #[test]
    fn only_kinds_of_these_namespaces_count() {
        let list = json!({
            "v1/Pod": ["shop/web-0", "other/a"],
            "policy/v1beta1/PodDisruptionBudget": ["shop/web"],
            "batch/v1beta1/CronJob": ["other/nightly"],
            "apiextensions.k8s.io/v1/CustomResourceDefinition": ["widgets.example.com"],
            "example.com/v1/Widget": ["shop/a"],
        });
        let told: Vec<String> = kinds_of(&list, &shop()).unwrap_or_default().iter().map(ToString::to_string).collect();
        assert_eq!(told, ["v1 Pod", "example.com/v1 Widget", "policy/v1beta1 PodDisruptionBudget"]);
    }

    #[test]
    fn a_list_that_cannot_be_read_is_an_error() {
        for list in [json!([]), json!(null), json!({"v1/Pod": "shop/a"}), json!({"Pod": ["shop/a"]})] {
            assert!(kinds_of(&list, &shop()).is_err(), "{list}");
        }
    }

    #[test]
    fn the_newest_completed_backup_of_the_namespaces_is_compared() {
        let backup = |name: &str, phase: &str, end: &str, included: Value| {
            json!({"metadata": {"name": name}, "spec": {"includedNamespaces": included},
                "status": {"phase": phase, "completionTimestamp": end}})
        };
        let backups = [
            backup("old", "Completed", "2026-01-01T00:00:00Z", json!(["*"])),
            backup("newer", "Completed", "2026-01-02T00:00:00Z", json!(["shop"])),
            backup("other", "Completed", "2026-01-03T00:00:00Z", json!(["other"])),
            backup("partial", "PartiallyFailed", "2026-01-04T00:00:00Z", json!(["shop"])),
        ];
        assert_eq!(newest(&backups, &shop()), Some("newer"));
        assert_eq!(newest(&backups[2..], &shop()), None);
    }
}
