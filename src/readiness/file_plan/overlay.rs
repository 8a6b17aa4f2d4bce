//! The overlay of a Kustomization. Its patches find the objects by the names that they have after rendering, so it stands
//! outside of the Kustomization: a component inside would see them before. Start with [`Overlay`].

use serde_json::{Value, json};

use super::manifest::{file_name, manifest};
use crate::{
    inventory::{Object, diff_of_new_file, yaml},
    model::{Change, FileDiff},
    readiness::trial::join,
};

/// The changes of what one Kustomization renders.
#[derive(Default)]
pub(super) struct Overlay {
    patches: Vec<Patch>,
    resources: Vec<Resource>,
}

/// All changes of one object.
struct Patch {
    changes: Vec<String>,
    /// The first of the changes names the file.
    named: Change,
    manifest: Value,
}

/// A new object.
struct Resource {
    change: String,
    named: Change,
    manifest: Value,
}

/// Where an overlay is written.
pub(super) struct Place {
    /// The folder of the Kustomization.
    pub base: String,
    /// The folder of the overlay.
    pub folder: String,
}

impl Overlay {
    pub(super) fn patch(&mut self, text: String, change: &Change, object: &Object) {
        let Change::Patch { body, .. } = change else { return };
        let manifest = manifest(change, Some(object));
        match self.patches.iter_mut().find(|patch| is_same(&patch.manifest, &manifest)) {
            Some(patch) => {
                join(&mut patch.manifest, body);
                patch.changes.push(text);
            }
            None => self.patches.push(Patch { changes: vec![text], named: change.clone(), manifest }),
        }
    }

    pub(super) fn create(&mut self, text: String, object: &Value) {
        let named = Change::Create(object.clone());
        self.resources.push(Resource { change: text, named, manifest: object.clone() });
    }

    /// The folder beside the Kustomization at a path inside the reviewed folder.
    pub(super) fn place(&self, kustomization: &str) -> Result<Place, String> {
        let base = kustomization.rsplit_once('/').map_or("", |(folder, _)| folder);
        if base.is_empty() {
            return Err("its Kustomization has no folder beside which an overlay can stand".to_owned());
        }
        let mut names = self.names();
        let wanted = names.len();
        names.sort();
        names.dedup();
        if names.len() < wanted || names.contains(&String::new()) {
            return Err("its name cannot be the name of a file".to_owned());
        }
        Ok(Place { base: base.to_owned(), folder: format!("{base}-fix-plan") })
    }

    /// The names of its files; empty where there is none. Objects of several namespaces may have the same name.
    fn names(&self) -> Vec<String> {
        let all = self.patches.iter().map(|patch| &patch.named).chain(self.resources.iter().map(|new| &new.named));
        all.map(|change| file_name(change, !change.namespace().is_empty()).unwrap_or_default()).collect()
    }

    /// Its files as diffs.
    pub(super) fn files(&self, place: &Place) -> Vec<FileDiff> {
        let names = self.names();
        let (patches, resources) = names.split_at(self.patches.len());
        let base = place.base.rsplit('/').next().unwrap_or(&place.base);
        let paths: Vec<Value> = patches.iter().map(|name| json!({"path": name})).collect();
        let mut kustomization = json!({
            "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
            "resources": std::iter::once(format!("../{base}")).chain(resources.iter().cloned()).collect::<Vec<_>>(),
        });
        if !paths.is_empty() {
            kustomization["patches"] = paths.into();
        }
        let file = |name: &str, changes: Vec<String>, manifest: &Value| {
            let path = format!("{}/{name}", place.folder);
            let text = diff_of_new_file(&path, &yaml(manifest));
            FileDiff { path, changes, text }
        };
        let mut files = vec![file("kustomization.yaml", vec![], &kustomization)];
        files.extend(self.patches.iter().zip(patches).map(|(p, name)| file(name, p.changes.clone(), &p.manifest)));
        files.extend(
            self.resources.iter().zip(resources).map(|(r, name)| file(name, vec![r.change.clone()], &r.manifest)),
        );
        files
    }

    /// Its changes as manifests.
    pub(super) fn manifests(&self) -> Vec<(String, String)> {
        let of_patch = |patch: &Patch| -> Vec<(String, String)> {
            patch.changes.iter().map(|change| (change.clone(), yaml(&patch.manifest))).collect()
        };
        let of_new = |new: &Resource| (new.change.clone(), yaml(&new.manifest));
        self.patches.iter().flat_map(of_patch).chain(self.resources.iter().map(of_new)).collect()
    }
}

/// Whether two manifests are of the same object.
fn is_same(a: &Value, b: &Value) -> bool {
    ["apiVersion", "kind", "metadata"].iter().all(|field| a[*field] == b[*field])
}
