//! The stack of a drill cluster: manifests of this repository with pinned images.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::{Value, json};

use super::ClusterError;
use crate::world::{ApiCall, Kube, MARK};

const PINNED: &str = include_str!("../../kind-configs/stack/images.yaml");
const FILES: [(&str, &str); 5] = [
    ("storage", include_str!("../../kind-configs/stack/storage.yaml")),
    ("velero's kinds", include_str!("../../kind-configs/stack/velero-crds.yaml")),
    ("velero", include_str!("../../kind-configs/stack/velero.yaml")),
    ("monitoring", include_str!("../../kind-configs/stack/monitoring.yaml")),
    ("shop", include_str!("../../kind-configs/stack/shop.yaml")),
];

/// An image, and the arguments that it needs if it replaces another image.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Written")]
pub(super) struct Image {
    pub image: String,
    args: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Name(String),
    Whole {
        image: String,
        #[serde(default)]
        args: Vec<String>,
    },
}

impl From<Written> for Image {
    fn from(written: Written) -> Self {
        match written {
            Written::Name(image) => Self { image, args: vec![] },
            Written::Whole { image, args } => Self { image, args },
        }
    }
}

/// Images by their purpose.
pub(super) struct Images(BTreeMap<String, Image>);

impl Images {
    pub(super) fn of(&self, name: &str) -> Result<&Image, ClusterError> {
        self.0.get(name).ok_or_else(|| broken("images.yaml", format!("no image is given for {name}")))
    }

    /// Whether it is the pinned image. An image of the user is not built here.
    pub(super) fn is_own(&self, name: &str) -> Result<bool, ClusterError> {
        Ok(pinned()?.get(name).map(|i| &i.image) == Some(&self.of(name)?.image))
    }
}

fn pinned() -> Result<BTreeMap<String, Image>, ClusterError> {
    serde_saphyr::from_str(PINNED).map_err(|e| broken("images.yaml", e))
}

fn broken(what: &str, why: impl ToString) -> ClusterError {
    ClusterError::File { what: what.to_owned(), why: why.to_string() }
}

/// The pinned images, with those of the user in their place.
pub(super) fn images(own: Option<&Path>) -> Result<Images, ClusterError> {
    let mut all = pinned()?;
    if let Some(path) = own {
        let what = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| broken(&what, e))?;
        let own: BTreeMap<String, Image> = serde_saphyr::from_str(&text).map_err(|e| broken(&what, e))?;
        if let Some(unknown) = own.keys().find(|k| !all.contains_key(*k)) {
            let known: Vec<&str> = all.keys().map(String::as_str).collect();
            return Err(broken(
                &what,
                format!("the stack has no image with the name `{unknown}`; its images are: {}", known.join(", ")),
            ));
        }
        all.extend(own);
    }
    Ok(Images(all))
}

/// The objects of each file, with images and the address of the store filled in. A recovery cluster gets only storage
/// and Velero, and must not write to the store: deleting expired backups is the task of the first cluster.
pub(super) fn manifests(
    images: &Images,
    store: &str,
    recovery: bool,
) -> Result<Vec<(&'static str, Vec<Value>)>, ClusterError> {
    let access = if recovery { "ReadOnly" } else { "ReadWrite" };
    let fill = |text: &str| {
        let mut text = text.replace("${store}", store).replace("${access}", access);
        for (name, image) in &images.0 {
            let args = serde_json::to_string(&image.args).unwrap_or_default();
            text = text
                .replace(&format!("\"${{args.{name}}}\""), &args)
                .replace(&format!("${{image.{name}}}"), &image.image);
        }
        text
    };
    let files = if recovery { &FILES[..3] } else { &FILES[..] };
    files.iter().map(|(name, text)| Ok((*name, objects(name, &fill(text))?))).collect()
}

fn objects(name: &str, text: &str) -> Result<Vec<Value>, ClusterError> {
    let all: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|e| broken(name, e))?;
    Ok(all
        .into_iter()
        .flat_map(|object| match object["items"].as_array() {
            Some(items) => items.clone(),
            None => vec![object],
        })
        .collect())
}

/// Marks the cluster as one of `cluster up`, under the name that kind knows it by.
pub(super) fn mark(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "annotations": {MARK: name}}})
}

/// Uses server-side apply, so that repeating it changes nothing.
pub(super) async fn apply(kube: &Kube, name: &str, objects: &[Value]) -> Result<(), ClusterError> {
    for object in objects {
        let path = path(object)
            .ok_or_else(|| broken(name, format!("the API path of kind {} is not known", object["kind"])))?;
        let call = ApiCall::apply(&path, object.clone());
        // A custom resource definition that was just created needs a moment until its kind is served.
        let mut tries = 0;
        while let Err(source) = kube.send(&call).await {
            tries += 1;
            if tries > 20 || !(source.is_not_found() || source.is_transient()) {
                return Err(ClusterError::Api { what: format!("{name}: cannot apply {path}"), source });
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    }
    Ok(())
}

/// The kinds in the manifests of the stack, and whether they are namespaced.
const KINDS: [(&str, &str, bool); 13] = [
    ("Namespace", "namespaces", false),
    ("ServiceAccount", "serviceaccounts", true),
    ("Secret", "secrets", true),
    ("ConfigMap", "configmaps", true),
    ("Service", "services", true),
    ("Deployment", "deployments", true),
    ("DaemonSet", "daemonsets", true),
    ("StatefulSet", "statefulsets", true),
    ("PodDisruptionBudget", "poddisruptionbudgets", true),
    ("ClusterRole", "clusterroles", false),
    ("ClusterRoleBinding", "clusterrolebindings", false),
    ("StorageClass", "storageclasses", false),
    ("CustomResourceDefinition", "customresourcedefinitions", false),
];

fn path(object: &Value) -> Option<String> {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
    let (version, kind, name) = (text("/apiVersion")?, text("/kind")?, text("/metadata/name")?);
    let (plural, namespaced) = match kind {
        "BackupStorageLocation" => ("backupstoragelocations", true),
        _ => KINDS.iter().find(|(k, ..)| *k == kind).map(|(_, plural, within)| (*plural, *within))?,
    };
    let base = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    Some(if namespaced {
        format!("{base}/namespaces/{}/{plural}/{name}", text("/metadata/namespace")?)
    } else {
        format!("{base}/{plural}/{name}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_of_the_stack_has_a_path_and_its_image() {
        let images = images(None).expect("the pinned images are readable");
        let all = manifests(&images, "drill-store", false).expect("the manifests are readable");
        let objects: Vec<&Value> = all.iter().flat_map(|(_, objects)| objects).collect();
        assert!(objects.len() > 40, "{}", objects.len());
        for object in objects {
            assert!(path(object).is_some(), "{object}");
            assert!(!object.to_string().contains("${"), "{object}");
        }
    }

    #[test]
    fn a_stand_in_brings_its_arguments_and_a_mistake_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("images.yaml");
        std::fs::write(&file, "kube-state-metrics: {image: here/metrics:1, args: [--listen=:8080]}\n")
            .expect("written");
        let own = images(Some(&file)).expect("readable");
        let all = manifests(&own, "s", false).expect("readable");
        assert!(all.iter().any(|(_, o)| o.iter().any(|o| o.to_string().contains(r#""args":["--listen=:8080"]"#))));
        std::fs::write(&file, "prometeus: here\n").expect("written");
        let why = images(Some(&file)).err().expect("refused").to_string();
        assert!(why.contains("`prometeus`") && why.contains("prometheus"), "{why}");
    }
}
