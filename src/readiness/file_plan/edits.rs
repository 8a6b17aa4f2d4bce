//! The edits of one file. What they give is read again and compared with the model: only a text that gives exactly the
//! changed objects is shown. Start with [`edits_of_file`].

use std::ops::Range;

use serde_json::{Value, json};

use crate::{
    inventory::{
        CONTEXT, Edit, Manifest, Object, ObjectSet, Origin, edited, line_starts, merge_edits, read_text, sorted_edits,
    },
    model::Change,
    readiness::trial::{changed, join},
};

/// An object to change, and all its changes.
pub(super) struct Wanted<'a> {
    pub object: &'a Object,
    /// By [`Change::text`], in the order of the trial.
    pub changes: Vec<(String, &'a Change)>,
    /// The bodies of all patches in one.
    body: Value,
}

/// The edits of a file.
pub(super) struct Written<'w, 'a> {
    pub edits: Vec<Edit>,
    /// The changes that the edits make.
    pub changes: Vec<String>,
    /// The objects that have no edit, and why.
    pub refused: Vec<(&'w Wanted<'a>, String)>,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(object: &'a Object, text: String, change: &'a Change) -> Self {
        let mut wanted = Self { object, changes: vec![], body: json!({}) };
        wanted.add(text, change);
        wanted
    }

    pub(super) fn add(&mut self, text: String, change: &'a Change) {
        if let Change::Patch { body, .. } = change {
            join(&mut self.body, body);
        }
        self.changes.push((text, change));
    }
}

/// The edits that change the objects of a file.
pub(super) fn edits_of_file<'w, 'a>(file: &str, text: &str, wanted: &'w [Wanted<'a>]) -> Written<'w, 'a> {
    let mut refused = vec![];
    let mut located = vec![];
    let mut manifest = Manifest::new(text);
    let mut objects = ObjectSet::default();
    read_text(&mut objects, file, text);
    let private = Private::of(&objects, text);
    objects.settle();
    for wanted in wanted {
        match edits_of_object(&mut manifest, text, wanted, &private) {
            Ok(edits) => located.push(Located { wanted, edits }),
            Err(why) => refused.push((wanted, why)),
        }
    }
    let before = Model { file, text, objects };
    let held = before.holding(located.iter().collect());
    for other in located.iter().filter(|one| !held.iter().any(|held| std::ptr::eq(*held, *one))) {
        refused.push((
            other.wanted,
            "the text around it does not allow a small change (an anchor, for example)".to_owned(),
        ));
    }
    let changes = held.iter().flat_map(|one| &one.wanted.changes).map(|(text, _)| text.clone()).collect();
    let edits = all_edits(&held).unwrap_or_default();
    Written { edits, changes, refused }
}

fn edits_of_object(
    manifest: &mut Manifest<'_>,
    text: &str,
    wanted: &Wanted<'_>,
    private: &Private,
) -> Result<Vec<Edit>, String> {
    let Object { kind, metadata, origin, .. } = wanted.object;
    let found = manifest.object(origin.line, kind, &metadata.namespace, &metadata.name);
    let Some((layout, object)) = found else {
        return Err(format!("its place in {} is not exact", origin.file));
    };
    let edits = merge_edits(text, layout, object, &wanted.body)?;
    if edits.iter().any(|edit| private.is_near(&edit.range)) {
        return Err("the lines beside it are those of a Secret, and a diff would show them".to_owned());
    }
    Ok(edits)
}

/// An object with its edits.
struct Located<'w, 'a> {
    wanted: &'w Wanted<'a>,
    edits: Vec<Edit>,
}

fn all_edits(located: &[&Located<'_, '_>]) -> Result<Vec<Edit>, String> {
    sorted_edits(located.iter().flat_map(|one| one.edits.clone()).collect())
}

/// The objects of a file before the changes.
struct Model<'t> {
    file: &'t str,
    text: &'t str,
    objects: ObjectSet,
}

impl Model<'_> {
    /// The objects whose edits give exactly the changed objects. Those that do not are found by halves.
    fn holding<'l, 'w, 'a>(&self, located: Vec<&'l Located<'w, 'a>>) -> Vec<&'l Located<'w, 'a>> {
        if located.is_empty() || self.holds(&located) {
            return located;
        }
        if located.len() == 1 {
            return vec![];
        }
        let (one, other) = located.split_at(located.len() / 2);
        let both = [self.holding(one.to_vec()), self.holding(other.to_vec())].concat();
        // Two objects may share a text by an anchor.
        if self.holds(&both) { both } else { vec![] }
    }

    fn holds(&self, located: &[&Located<'_, '_>]) -> bool {
        let Ok(edits) = all_edits(located) else { return false };
        let changes = located.iter().flat_map(|one| &one.wanted.changes).map(|(_, change)| *change);
        let expected = without_places(changed(&self.objects, changes));
        let after = without_places(read(self.file, &edited(self.text, &edits)));
        expected.objects == after.objects
            && expected.broken == after.broken
            && expected.pods.len() == after.pods.len()
            && expected.nodes.len() == after.nodes.len()
            && expected.unrelated.len() == after.unrelated.len()
    }
}

fn read(file: &str, text: &str) -> ObjectSet {
    let mut objects = ObjectSet::default();
    read_text(&mut objects, file, text);
    objects.settle();
    objects
}

/// The same objects. Their lines differ after an edit.
fn without_places(mut objects: ObjectSet) -> ObjectSet {
    objects.objects.values_mut().flatten().for_each(|object| object.origin = Origin::default());
    objects
}

/// The lines of a file that belong to Secrets. A diff shows the lines beside a change.
struct Private {
    /// The first byte of each line.
    starts: Vec<usize>,
    /// Lines, counted from 1.
    secrets: Vec<Range<usize>>,
}

impl Private {
    /// All definitions count, also those that a later one replaces.
    fn of(objects: &ObjectSet, text: &str) -> Self {
        let lines = |objects: &[Object]| -> Vec<usize> { objects.iter().map(|object| object.origin.line).collect() };
        let secrets = lines(objects.any("Secret"));
        if secrets.is_empty() {
            return Self { starts: vec![], secrets: vec![] };
        }
        let mut all: Vec<usize> = objects.objects.values().flat_map(|objects| lines(objects)).collect();
        all.sort_unstable();
        let end = |line: usize| all.get(all.partition_point(|other| *other <= line)).copied().unwrap_or(usize::MAX);
        let starts = line_starts(text);
        Self { starts, secrets: secrets.into_iter().map(|line| line..end(line)).collect() }
    }

    fn is_near(&self, range: &Range<usize>) -> bool {
        let line = |at: usize| self.starts.partition_point(|start| *start <= at);
        let (first, last) = (line(range.start).saturating_sub(CONTEXT), line(range.end) + CONTEXT);
        self.secrets.iter().any(|secret| secret.start <= last && first < secret.end)
    }
}
