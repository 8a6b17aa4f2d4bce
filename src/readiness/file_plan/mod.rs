//! Writes the changes of a fix plan as diffs of the files that were reviewed: edits of the manifests, new files for new
//! objects, and an overlay for what a Kustomization renders. A change without an exact place becomes a manifest with the
//! reason. Start with [`plan_for_files`].

mod edits;
mod manifest;
mod overlay;

use std::collections::BTreeMap;

use crate::{
    inventory::{ObjectSet, Rendered, diff_of_edits, diff_of_new_file, yaml},
    model::{Change, Elsewhere, FileDiff, FilePlan, Review, Ruling, State},
};

use self::{
    edits::{Wanted, edits_of_file},
    manifest::{file_name, manifest},
    overlay::Overlay,
};
use super::trial::patched;

/// The folder that was reviewed. Everything that asks the disk is a function of the caller.
pub struct Folder<'a> {
    /// Its name for people.
    pub name: String,
    /// The path of a file inside the folder, or why no diff can change that file.
    pub path: &'a dyn Fn(&str) -> Result<String, String>,
    /// The text of a file, or why it cannot be read.
    pub text: &'a dyn Fn(&str) -> Result<String, String>,
    /// Whether there is a file or a folder at a path inside the folder.
    pub exists: &'a dyn Fn(&str) -> bool,
}

/// The changes of a review, and of the findings that `try_changes` returned, as diffs.
pub fn plan_for_files(object_set: &ObjectSet, reviewed: &Review, more: &[Ruling], folder: &Folder<'_>) -> FilePlan {
    let mut draft = Draft {
        object_set,
        folder,
        plan: FilePlan { folder: folder.name.clone(), ..FilePlan::default() },
        of_files: BTreeMap::new(),
        overlays: BTreeMap::new(),
    };
    let failed = reviewed.results.iter().filter(|r| r.state == State::Fail).chain(more);
    let mut live: BTreeMap<String, (&Change, &Ruling)> = BTreeMap::new();
    for ruling in failed {
        if let Some(remedy) = ruling.remedy.as_ref().filter(|remedy| !remedy.is_held_back()) {
            live.entry(remedy.change.text()).or_insert((&remedy.change, ruling));
        }
    }
    // The trial makes the changes in the same order.
    for (text, (change, ruling)) in live {
        match change {
            Change::Create(_) => draft.create(text, change, &ruling.subject.file),
            Change::Patch { .. } => draft.patch(text, change),
        }
    }
    draft.write_files();
    draft.write_overlays();
    draft.plan.files.sort_by(|a, b| a.path.cmp(&b.path));
    draft.plan
}

/// A plan that is being written.
struct Draft<'a> {
    object_set: &'a ObjectSet,
    folder: &'a Folder<'a>,
    plan: FilePlan,
    /// The objects to change in each file.
    of_files: BTreeMap<&'a str, Vec<Wanted<'a>>>,
    /// The overlay of each Kustomization, by the name that its objects have as their file.
    overlays: BTreeMap<&'a str, Overlay>,
}

impl<'a> Draft<'a> {
    fn patch(&mut self, text: String, change: &'a Change) {
        let object_set = self.object_set;
        let objects = patched(object_set, change);
        let [object] = objects[..] else {
            let why = "the files hold no such object, or several".to_owned();
            return self.leave(text, why, yaml(&manifest(change, None)));
        };
        let file: &'a str = &object.origin.file;
        match object_set.rendered.get(file) {
            Some(Rendered::Chart(chart)) => self.leave(text, of_chart(chart), yaml(&manifest(change, Some(object)))),
            Some(Rendered::Kustomization(_)) => {
                self.overlays.entry(file).or_default().patch(text, change, object);
            }
            None => {
                let all = self.of_files.entry(file).or_default();
                match all.iter_mut().find(|wanted| std::ptr::eq(wanted.object, object)) {
                    Some(wanted) => wanted.add(text, change),
                    None => all.push(Wanted::new(object, text, change)),
                }
            }
        }
    }

    /// A new object gets a file beside that of the object for which it is made.
    fn create(&mut self, text: String, change: &'a Change, beside: &'a str) {
        let Change::Create(object) = change else { return };
        match self.object_set.rendered.get_key_value(beside) {
            Some((_, Rendered::Chart(chart))) => return self.leave(text, of_chart(chart), yaml(object)),
            Some((file, Rendered::Kustomization(_))) => {
                return self.overlays.entry(&**file).or_default().create(text, object);
            }
            None => {}
        }
        match self.new_path(change, beside) {
            Ok(path) => {
                let diff = diff_of_new_file(&path, &yaml(object));
                self.plan.files.push(FileDiff { path, changes: vec![text], text: diff });
            }
            Err(why) => self.leave(text, why, yaml(object)),
        }
    }

    /// A path for a new object that is not taken.
    fn new_path(&self, change: &Change, beside: &str) -> Result<String, String> {
        let path = (self.folder.path)(beside)?;
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let at = |name: &str| if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") };
        if ["kustomization.yaml", "kustomization.yml", "Kustomization"]
            .iter()
            .any(|name| (self.folder.exists)(&at(name)))
        {
            return Err("a Kustomization in its folder has to name its file".to_owned());
        }
        let is_free = |path: &String| !(self.folder.exists)(path) && self.plan.files.iter().all(|f| f.path != *path);
        [false, true]
            .into_iter()
            .filter_map(|with_namespace| file_name(change, with_namespace))
            .map(|name| at(&name))
            .find(is_free)
            .ok_or_else(|| "all names for its file are taken".to_owned())
    }

    fn write_files(&mut self) {
        for (file, wanted) in std::mem::take(&mut self.of_files) {
            let both = (self.folder.path)(file).and_then(|path| Ok((path, (self.folder.text)(file)?)));
            let (path, text) = match both {
                Ok(both) => both,
                Err(why) => {
                    self.leave_all(wanted.iter().map(|wanted| (wanted, why.clone())));
                    continue;
                }
            };
            let written = edits_of_file(file, &text, &wanted);
            self.leave_all(written.refused.iter().map(|(wanted, why)| (*wanted, why.clone())));
            if !written.edits.is_empty() {
                let diff = diff_of_edits(&path, &text, &written.edits);
                self.plan.files.push(FileDiff { path, changes: written.changes, text: diff });
            }
        }
    }

    fn write_overlays(&mut self) {
        for (file, overlay) in std::mem::take(&mut self.overlays) {
            let free = (self.folder.path)(file).and_then(|path| overlay.place(&path));
            let place = free.and_then(|place| {
                let taken = (self.folder.exists)(&place.folder);
                if taken { Err(format!("{} exists already", place.folder)) } else { Ok(place) }
            });
            match place {
                Ok(place) => {
                    self.plan.notes.push(format!(
                        "{} is an overlay of {}: apply the overlay in its place from then on",
                        place.folder, place.base
                    ));
                    self.plan.files.extend(overlay.files(&place));
                }
                Err(why) => {
                    for (text, manifest) in overlay.manifests() {
                        self.leave(text, why.clone(), manifest);
                    }
                }
            }
        }
    }

    fn leave_all<'w>(&mut self, refused: impl Iterator<Item = (&'w Wanted<'w>, String)>) {
        for (wanted, why) in refused {
            for (text, change) in &wanted.changes {
                self.leave(text.clone(), why.clone(), yaml(&manifest(change, Some(wanted.object))));
            }
        }
    }

    fn leave(&mut self, text: String, why: String, manifest: String) {
        self.plan.elsewhere.insert(text, Elsewhere { why, manifest });
    }
}

fn of_chart(chart: &std::path::Path) -> String {
    format!("it is rendered from the chart {}: change its values or its templates", chart.display())
}
