//! Everything that a review reads, by kind. A kind is either complete (it may have no objects) or unseen for a known
//! reason: a 403 never becomes "there are none". Start with [`ObjectSet`].

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde_json::Value;

use super::{
    alike::Alike,
    kinds::{KINDS, KindOf, SIMULATED, home, key, kind_of},
    object::{Decoded, Object, Origin, decode},
    readings::Readings,
    scans::Scan,
};
use crate::{
    kubernetes::objects::{Node, Pod},
    model::Unseen,
};

/// Where the input of a review comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReviewSource {
    /// Manifest files: the desired state. They show nothing about what is running.
    #[default]
    Manifests,
    /// A cluster, read just now.
    Live,
    /// A cluster, read earlier.
    Capture,
}

/// What objects were rendered from. Their fields have no place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rendered {
    /// The Kustomization of a folder.
    Kustomization(PathBuf),
    /// The chart of a folder.
    Chart(PathBuf),
}

/// Why a kind was not seen.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gap {
    /// The kind of reason.
    pub why: Unseen,
    /// The reason as text.
    pub text: String,
}

/// All objects.
#[derive(Clone, Debug, Default)]
pub struct ObjectSet {
    /// Where they come from.
    pub source: ReviewSource,
    /// When they were read; none for files.
    pub at: Option<jiff::Timestamp>,
    /// Pods that a controller owns.
    pub pods: Vec<Pod>,
    /// Pods on nodes that no controller creates again. They are in `objects` too.
    pub standing: Vec<Pod>,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Everything else, by `kind.group`.
    pub objects: BTreeMap<String, Vec<Object>>,
    /// What could not be read, by `kind.group`.
    pub gaps: BTreeMap<String, Gap>,
    /// The answers of the monitoring; empty for files.
    pub readings: Readings,
    /// The results of image scanners, from their files.
    pub scans: Vec<Scan>,
    /// The second cluster, or the environment to compare with, if one was given.
    pub target: Option<Box<ObjectSet>>,
    /// What readers should know about the input: damaged parts, duplicates.
    pub notes: Vec<String>,
    /// The API server's version; empty for files.
    pub version: String,
    /// The API server's own health (/readyz), if it was requested.
    pub ready: Option<Result<(), Gap>>,
    /// How many seconds the API server's clock is ahead of this machine's, if it was measured.
    pub skew_seconds: Option<i64>,
    /// Number of requests, and bytes that were read.
    pub cost: (usize, usize),
    /// The text of standard input, for finding lines in it later.
    pub stdin: Option<String>,
    /// For a capture: the revision of the kinds and fields that it holds.
    pub revision: Option<u32>,
    /// Whether part of the input was damaged.
    pub broken: bool,
    /// What was rendered, by the file that its objects name as their origin.
    pub rendered: BTreeMap<Arc<str>, Rendered>,
    /// The file of each document that is not an object of Kubernetes.
    pub unrelated: Vec<Arc<str>>,
    /// One shared copy of each text, while objects are added.
    pub words: BTreeMap<Box<str>, Arc<str>>,
    /// What equal pods share, while objects are added.
    pub alike: Alike,
}

impl ObjectSet {
    /// Adds an object.
    ///
    /// # Errors
    /// Why it is not a Kubernetes object.
    pub fn put(&mut self, value: Value, origin: Origin) -> Result<(), String> {
        self.place(decode(value, origin)?);
        Ok(())
    }

    /// Adds an object that was already read.
    pub fn place(&mut self, decoded: Decoded) {
        match decoded {
            Decoded::Pod(pod) => {
                let shared = self.alike.share(*pod);
                self.pods.push(shared);
            }
            Decoded::Node(node) => self.nodes.push(*node),
            Decoded::Standing(pod, object) => {
                self.standing.push(*pod);
                self.place(Decoded::Object(object));
            }
            Decoded::Object(mut object) => {
                object.kind = self.word(&object.kind);
                object.group = self.word(&object.group);
                object.version = self.word(&object.version);
                let key = key(&object.kind, home(&object.kind, &object.group));
                self.objects.entry(key).or_default().push(*object);
            }
        }
    }

    /// Adds an object, replacing one of the same name.
    ///
    /// # Errors
    /// Why it is not a Kubernetes object.
    pub fn replace(&mut self, value: Value) -> Result<(), String> {
        let Decoded::Object(object) = decode(value, Origin::default())? else { return Ok(()) };
        let all = self.objects.entry(key(&object.kind, &object.group)).or_default();
        match all.binary_search_by(|o| by_name(&o.metadata).cmp(&by_name(&object.metadata))) {
            Ok(at) => all[at] = *object,
            Err(at) => all.insert(at, *object),
        }
        Ok(())
    }

    /// Returns the one copy of a text.
    fn word(&mut self, text: &str) -> Arc<str> {
        if let Some(word) = self.words.get(text) {
            return Arc::clone(word);
        }
        let word: Arc<str> = text.into();
        self.words.insert(text.into(), Arc::clone(&word));
        word
    }

    /// Adds everything that another object set has.
    pub fn absorb(&mut self, part: Self) {
        self.pods.extend(part.pods);
        self.standing.extend(part.standing);
        self.nodes.extend(part.nodes);
        for (key, objects) in part.objects {
            self.objects.entry(key).or_default().extend(objects);
        }
        self.notes.extend(part.notes);
        self.unrelated.extend(part.unrelated);
    }

    /// All objects of a kind, or why they were not seen.
    ///
    /// # Errors
    /// The reason why the kind was not seen.
    pub fn all(&self, key: &str) -> Result<&[Object], &Gap> {
        match self.gaps.get(key) {
            Some(gap) if gap.why != Unseen::NotInstalled => Err(gap),
            _ => Ok(self.objects.get(key).map_or(&[], Vec::as_slice)),
        }
    }

    /// All objects of a kind that were seen; empty if the kind was not seen. Use it only for additional information,
    /// never for the decision of a check.
    pub fn any(&self, key: &str) -> &[Object] {
        self.objects.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether a cluster serves a kind. For files, always true.
    pub fn serves(&self, key: &str) -> bool {
        self.gaps.get(key).is_none_or(|gap| gap.why != Unseen::NotInstalled)
    }

    /// Whether this is a capture of a drillmaster before a revision of what captures hold.
    pub fn is_older_than(&self, revision: u32) -> bool {
        self.revision.is_some_and(|own| own < revision)
    }

    /// An object by its name. `settle` must have been called.
    pub fn find(&self, key: &str, namespace: &str, name: &str) -> Option<&Object> {
        let all = self.any(key);
        all.binary_search_by(|o| by_name(&o.metadata).cmp(&(namespace, name))).ok().map(|i| &all[i])
    }

    /// The same, to change the object.
    pub fn find_mut(&mut self, key: &str, namespace: &str, name: &str) -> Option<&mut Object> {
        let all = self.objects.get_mut(key)?;
        let at = all.binary_search_by(|o| by_name(&o.metadata).cmp(&(namespace, name))).ok()?;
        all.get_mut(at)
    }

    /// An object by its kind, whatever the group of the kind. `settle` must have been called.
    pub fn find_kind(&self, kind: &str, namespace: &str, name: &str) -> Option<&Object> {
        let mut keys = self.objects.keys().filter(|key| kind_of(key) == kind);
        keys.find_map(|key| self.find(key, namespace, name))
    }

    /// For a simulated cluster: marks all kinds that it does not simulate as unseen, because their absence says nothing
    /// about the cluster that it represents.
    pub fn forget_what_is_not_simulated(&mut self) {
        for kind in KINDS.iter().map(KindOf::key).filter(|key| !SIMULATED.contains(&key.as_str())) {
            self.objects.remove(&kind);
            let text = "the simulation does not include this kind".to_owned();
            self.gaps.insert(kind, Gap { why: Unseen::NoData, text });
        }
    }

    /// Adds one note about the documents that are not objects of Kubernetes.
    pub fn tell_unrelated(&mut self) {
        let files: std::collections::BTreeSet<&str> = self.unrelated.iter().map(|file| &**file).collect();
        let Some(first) = files.first() else { return };
        let (documents, more) = (self.unrelated.len(), if files.len() > 1 { ", …" } else { "" });
        self.notes.push(format!(
            "{documents} documents in {} files lack apiVersion, kind or metadata: they are not objects of Kubernetes and were left out ({first}{more})",
            files.len()
        ));
    }

    /// How many objects there are of each kind.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts: BTreeMap<String, usize> = self.objects.iter().map(|(k, v)| (k.clone(), v.len())).collect();
        if !self.pods.is_empty() {
            *counts.entry("Pod".into()).or_default() += self.pods.len();
        }
        if !self.nodes.is_empty() {
            counts.insert("Node".into(), self.nodes.len());
        }
        counts
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.pods.len() + self.nodes.len() + self.objects.values().map(Vec::len).sum::<usize>()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sorts everything by namespace and name, and reports duplicates. The later object counts, as it would with
    /// `kubectl apply`.
    pub fn settle(&mut self) {
        self.alike = Alike::default();
        self.pods.shrink_to_fit();
        self.pods.sort_by(|a, b| by_name(&a.metadata).cmp(&by_name(&b.metadata)));
        self.standing.sort_by(|a, b| by_name(&a.metadata).cmp(&by_name(&b.metadata)));
        self.nodes.sort_by(|a, b| by_name(&a.metadata).cmp(&by_name(&b.metadata)));
        for objects in self.objects.values_mut() {
            objects.sort_by(|a, b| by_name(&a.metadata).cmp(&by_name(&b.metadata)));
            let mut kept: Vec<Object> = Vec::with_capacity(objects.len());
            for object in objects.drain(..) {
                let twin = kept.last_mut().filter(|k| {
                    // An object whose name will be generated (`generateName`) has no name yet.
                    by_name(&k.metadata) == by_name(&object.metadata) && !object.metadata.name.ends_with('-')
                });
                match twin {
                    None => kept.push(object),
                    Some(twin) => {
                        self.notes.push(format!(
                            "{} {} is defined twice{}; the second definition counts",
                            object.kind,
                            object.metadata.name,
                            places(&twin.origin, &object.origin)
                        ));
                        *twin = object;
                    }
                }
            }
            *objects = kept;
        }
        self.words.clear();
    }
}

fn by_name(meta: &crate::kubernetes::objects::Meta) -> (&str, &str) {
    (&meta.namespace, &meta.name)
}

/// The places of two definitions. Items of a list may have one place.
fn places(one: &Origin, other: &Origin) -> String {
    if one == other { format!(" in {}", place(one)) } else { format!(": {} and {}", place(one), place(other)) }
}

fn place(origin: &Origin) -> String {
    if origin.file.is_empty() { "in the cluster".into() } else { format!("{}:{}", origin.file, origin.line) }
}
