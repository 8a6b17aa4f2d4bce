//! Everything that a review looks at, by kind. A kind is either there in full (which
//! may be none at all) or unseen for a stated reason: a 403 never becomes "none".

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{
    kinds::{KINDS, KindOf, SIMULATED, key},
    object::{Decoded, Object, Origin, decode},
    readings::Readings,
    scans::Scan,
};
use crate::{
    kubernetes::objects::{Container, Node, Pod},
    model::Unseen,
};

/// What sort of thing a review looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Files: what somebody wants. They tell nothing of what runs.
    #[default]
    Manifests,
    /// A cluster, just now.
    Live,
    /// A cluster, some time ago.
    Capture,
}

/// Why a kind was not seen.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gap {
    /// In a word.
    pub why: Unseen,
    /// In full.
    pub text: String,
}

/// Labels and containers, which the pods of one owner have in common.
pub type Alike = (Arc<BTreeMap<String, String>>, Arc<Vec<Container>>);

/// All objects.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    /// Where they come from.
    pub source: Source,
    /// When they were read; none for files.
    pub at: Option<jiff::Timestamp>,
    /// Pods that a controller owns.
    pub pods: Vec<Pod>,
    /// Pods on nodes that no controller makes again. They are among the objects, too.
    pub standing: Vec<Pod>,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Everything else, by `kind.group`.
    pub objects: BTreeMap<String, Vec<Object>>,
    /// What could not be read, by `kind.group`.
    pub gaps: BTreeMap<String, Gap>,
    /// What the monitoring said; nothing for files.
    pub readings: Readings,
    /// What scanners say of images, from their files.
    pub scans: Vec<Scan>,
    /// The second cluster, or the other environment, where one was named.
    pub target: Option<Box<Shelf>>,
    /// What a reader must know: input that was broken, duplicates.
    pub notes: Vec<String>,
    /// The API server's version; empty for files.
    pub version: String,
    /// What the API server says of itself (/readyz), where it was asked.
    pub ready: Option<Result<(), Gap>>,
    /// By how many seconds the API server's clock is ahead of ours, where it was asked.
    pub skew_seconds: Option<i64>,
    /// Requests made and bytes read.
    pub cost: (usize, usize),
    /// What came by standard input, to find lines in again.
    pub stdin: Option<String>,
    /// Whether some of the input was broken.
    pub broken: bool,
    /// One copy of each word, while it is filled.
    pub words: BTreeMap<Box<str>, Arc<str>>,
    /// The last pod of each owner, as far as others are like it, while it is filled.
    pub alike: BTreeMap<String, Alike>,
}

impl Shelf {
    /// Puts an object where it belongs.
    ///
    /// # Errors
    /// What makes it no object, in words.
    pub fn put(&mut self, value: Value, origin: Origin) -> Result<(), String> {
        self.place(decode(value, origin)?);
        Ok(())
    }

    /// Puts what has been read where it belongs.
    pub fn place(&mut self, decoded: Decoded) {
        match decoded {
            Decoded::Pod(pod) => {
                let shared = self.shared(*pod);
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
                let key = key(&object.kind, &object.group);
                self.objects.entry(key).or_default().push(*object);
            }
        }
    }

    /// Puts an object in the place of one that is there, or beside the others.
    ///
    /// # Errors
    /// What makes it no object, in words.
    pub fn replace(&mut self, value: Value) -> Result<(), String> {
        let Decoded::Object(object) = decode(value, Origin::default())? else { return Ok(()) };
        let all = self.objects.entry(key(&object.kind, &object.group)).or_default();
        match all.binary_search_by(|o| by_name(&o.metadata).cmp(&by_name(&object.metadata))) {
            Ok(at) => all[at] = *object,
            Err(at) => all.insert(at, *object),
        }
        Ok(())
    }

    /// A pod with the labels and containers of one that is like it.
    fn shared(&mut self, mut pod: Pod) -> Pod {
        let Some(owner) = pod.controller() else { return pod };
        let uid = owner.uid.clone();
        let known = self.alike.entry(uid).or_default();
        same(&mut pod.metadata.labels, &mut known.0);
        same(&mut pod.spec.containers, &mut known.1);
        pod
    }

    /// One copy of each word.
    fn word(&mut self, text: &str) -> Arc<str> {
        if let Some(word) = self.words.get(text) {
            return Arc::clone(word);
        }
        let word: Arc<str> = text.into();
        self.words.insert(text.into(), Arc::clone(&word));
        word
    }

    /// All of a kind, or why they were not seen.
    ///
    /// # Errors
    /// The gap.
    pub fn all(&self, key: &str) -> Result<&[Object], &Gap> {
        match self.gaps.get(key) {
            Some(gap) if gap.why != Unseen::NotInstalled => Err(gap),
            _ => Ok(self.objects.get(key).map_or(&[], Vec::as_slice)),
        }
    }

    /// All of a kind that there are; a gap is none of them. Only for what adds to an
    /// answer and never decides it.
    pub fn any(&self, key: &str) -> &[Object] {
        self.objects.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether a cluster serves a kind. Files never say that it does not.
    pub fn serves(&self, key: &str) -> bool {
        self.gaps.get(key).is_none_or(|gap| gap.why != Unseen::NotInstalled)
    }

    /// An object by its name, once everything is settled.
    pub fn find(&self, key: &str, namespace: &str, name: &str) -> Option<&Object> {
        let all = self.any(key);
        all.binary_search_by(|o| by_name(&o.metadata).cmp(&(namespace, name))).ok().map(|i| &all[i])
    }

    /// Of a simulated cluster: that it has no objects of other kinds tells nothing of the
    /// cluster that it stands for.
    pub fn forget_what_is_not_simulated(&mut self) {
        for kind in KINDS.iter().map(KindOf::key).filter(|key| !SIMULATED.contains(&key.as_str())) {
            self.objects.remove(&kind);
            let text = "a simulated cluster has none".to_owned();
            self.gaps.insert(kind, Gap { why: Unseen::NoData, text });
        }
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

    /// Sorts everything by namespace and name, and names what is there twice: the
    /// later one counts, as it would with `kubectl apply`.
    pub fn settle(&mut self) {
        self.alike.clear();
        self.pods.shrink_to_fit();
        self.pods.sort_by(|a, b| by_name(&a.metadata).cmp(&by_name(&b.metadata)));
        self.standing.sort_by(|a, b| by_name(&a.metadata).cmp(&by_name(&b.metadata)));
        self.nodes.sort_by(|a, b| by_name(&a.metadata).cmp(&by_name(&b.metadata)));
        for objects in self.objects.values_mut() {
            objects.sort_by(|a, b| by_name(&a.metadata).cmp(&by_name(&b.metadata)));
            let mut kept: Vec<Object> = Vec::with_capacity(objects.len());
            for object in objects.drain(..) {
                let twin = kept.last_mut().filter(|k| {
                    // A name that is to be generated is no name yet.
                    by_name(&k.metadata) == by_name(&object.metadata) && !object.metadata.name.ends_with('-')
                });
                match twin {
                    None => kept.push(object),
                    Some(twin) => {
                        self.notes.push(format!(
                            "{} {} is there twice: {} and {}; the second one counts",
                            object.kind,
                            object.metadata.name,
                            place(&twin.origin),
                            place(&object.origin)
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

/// One copy of what is equal; what differs is what later ones are compared with.
fn same<T: PartialEq>(own: &mut Arc<T>, known: &mut Arc<T>) {
    if own == known {
        *own = Arc::clone(known);
    } else {
        *known = Arc::clone(own);
    }
}

fn by_name(meta: &crate::kubernetes::objects::Meta) -> (&str, &str) {
    (&meta.namespace, &meta.name)
}

fn place(origin: &Origin) -> String {
    if origin.file.is_empty() { "in the cluster".into() } else { format!("{}:{}", origin.file, origin.line) }
}
