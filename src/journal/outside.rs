//! The changes that were made outside the drill during a run: what was seen, the authors that were found later, and
//! which changes are still in effect.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    event::Kind,
    model::{Author, OutsideChange, OutsidePart, OutsideWhat, Role},
};

/// An author is matched with a deletion that was seen at most this long before or after.
pub const SAME_US: u64 = 60_000_000;

/// The changes, in the order in which they were seen.
#[derive(Clone, Debug, Default)]
pub struct OutsideChanges {
    all: Vec<OutsideChange>,
    /// Resources of a namespace that cannot be watched, and since when.
    unseen: BTreeMap<(String, String), u64>,
}

impl OutsideChanges {
    /// Adds one event.
    pub fn add(&mut self, kind: &Kind) {
        match kind {
            Kind::ChangedOutside { change } => self.all.push((**change).clone()),
            Kind::OutsideUnseen(part) => {
                let key = (part.namespace.clone(), part.resource.clone());
                match part.why {
                    Some(_) => drop(self.unseen.entry(key).or_insert(part.from_us)),
                    None => drop(self.unseen.remove(&key)),
                }
            }
            Kind::OutsideUndone { namespace, object, part } => self.undone(namespace, object, *part),
            Kind::AuthorFound { namespace, object, uid, by, at_us, follows } => {
                // A deletion by a controller or by the drill turned out not to be a change from outside.
                let follows = *follows || matches!(by.role(), Role::Drill | Role::Kubernetes);
                if let Some(at) = self.position(namespace, object, uid, *at_us) {
                    if follows {
                        self.all.remove(at);
                    } else {
                        self.all[at].by = by.clone();
                    }
                }
            }
            Kind::MachineReturned { node, since_us } => self.all.push(OutsideChange {
                seen_us: *since_us,
                namespace: String::new(),
                object: format!("node/{node}"),
                uid: String::new(),
                workloads: vec![],
                what: OutsideWhat::MachineReturned,
                by: Author::Unknown,
                // The drill powers this machine on in any case.
                as_before: true,
            }),
            _ => {}
        }
    }

    /// All changes.
    pub fn iter(&self) -> impl Iterator<Item = &OutsideChange> {
        self.all.iter()
    }

    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What could not be watched to the end, such as "configmaps of shop since 12.0 s".
    pub fn unseen(&self) -> Vec<String> {
        self.unseen_where(|_| true)
    }

    /// The same for some kinds of objects, such as `services`.
    pub fn unseen_where(&self, is_it: impl Fn(&str) -> bool) -> Vec<String> {
        let said = |((namespace, resource), since): (&(String, String), &u64)| {
            format!("{resource} of {namespace} since {:.1} s", *since as f64 / 1e6)
        };
        self.unseen.iter().filter(|((_, resource), _)| is_it(resource)).map(said).collect()
    }

    /// The last change of each part of each object, if that part is not in its earlier state.
    pub fn remaining(&self) -> Vec<&OutsideChange> {
        let mut last: BTreeMap<(&str, &str, OutsidePart), &OutsideChange> = BTreeMap::new();
        for change in &self.all {
            last.insert((&change.namespace, &change.object, change.part()), change);
        }
        let mut remaining: Vec<_> = last.into_values().filter(|change| !change.as_before).collect();
        remaining.sort_by_key(|change| change.seen_us);
        remaining
    }

    /// The objects for which [`OutsideChanges::is_deleted`] holds: their namespaces and names.
    pub fn deleted(&self) -> BTreeSet<(&str, &str)> {
        let mut deleted = BTreeSet::new();
        for change in self.all.iter().filter(|c| c.part() == OutsidePart::Existence) {
            let object = (change.namespace.as_str(), change.object.as_str());
            if change.what == OutsideWhat::Deleted && !change.as_before {
                deleted.insert(object);
            } else {
                deleted.remove(&object);
            }
        }
        deleted
    }

    /// Whether an object was deleted outside the drill and has not been created again.
    pub fn is_deleted(&self, namespace: &str, object: &str) -> bool {
        let mine =
            |c: &&OutsideChange| c.namespace == namespace && c.object == object && c.part() == OutsidePart::Existence;
        self.all.iter().rfind(mine).is_some_and(|c| c.what == OutsideWhat::Deleted && !c.as_before)
    }

    /// The deletion of an object near this time whose author is unknown. `uid` is that of the object, if known.
    pub fn without_author(&self, namespace: &str, object: &str, uid: &str, at_us: u64) -> Option<&OutsideChange> {
        self.position(namespace, object, uid, at_us).map(|at| &self.all[at])
    }

    fn position(&self, namespace: &str, object: &str, uid: &str, at_us: u64) -> Option<usize> {
        self.all.iter().rposition(|c| {
            c.by.is_unknown()
                && c.namespace == namespace
                && c.object == object
                && (uid.is_empty() || c.uid == uid)
                && c.seen_us.abs_diff(at_us) <= SAME_US
                && matches!(c.what, OutsideWhat::Deleted | OutsideWhat::Evicted)
        })
    }

    /// Notes that a part of an object has its earlier state again.
    fn undone(&mut self, namespace: &str, object: &str, part: OutsidePart) {
        let same = |c: &&mut OutsideChange| c.namespace == namespace && c.object == object && c.part() == part;
        self.all.iter_mut().filter(same).for_each(|c| c.as_before = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Unseen;

    fn change(object: &str, what: OutsideWhat, by: Author, as_before: bool) -> OutsideChange {
        OutsideChange {
            seen_us: 5_000_000,
            namespace: "shop".into(),
            object: object.into(),
            uid: "u".into(),
            workloads: vec![],
            what,
            by,
            as_before,
        }
    }

    fn took(changes: Vec<Kind>) -> OutsideChanges {
        let mut all = OutsideChanges::default();
        changes.iter().for_each(|kind| all.add(kind));
        all
    }

    fn seen(object: &str, what: OutsideWhat, by: Author, as_before: bool) -> Kind {
        Kind::ChangedOutside { change: Box::new(change(object, what, by, as_before)) }
    }

    fn by(name: &'static str, role: Role) -> Author {
        Author::Manager { name: name.into(), role }
    }

    #[test]
    fn the_last_change_of_a_part_says_whether_it_remains() {
        let scaled = |to, as_before| {
            seen("deployment/web", OutsideWhat::Scaled { from: 3, to }, by("kubectl", Role::Person), as_before)
        };
        let edited = seen("deployment/web", OutsideWhat::Edited, by("kubectl", Role::Person), false);
        assert_eq!(took(vec![scaled(2, false)]).remaining().len(), 1);
        assert_eq!(took(vec![scaled(2, false), scaled(3, true)]).remaining().len(), 0);
        // A change to another part of the same object.
        let both = took(vec![scaled(2, false), edited, scaled(3, true)]);
        assert_eq!(both.remaining().iter().map(|c| &c.what).collect::<Vec<_>>(), [&OutsideWhat::Edited]);
        // The drill restored the object, which is not a change from outside.
        let restored = Kind::OutsideUndone {
            namespace: "shop".into(),
            object: "deployment/web".into(),
            part: OutsidePart::Existence,
        };
        let deleted = seen("deployment/web", OutsideWhat::Deleted, Author::Unknown, false);
        let all = took(vec![deleted, restored]);
        assert_eq!((all.remaining().len(), all.iter().count()), (0, 1));
        assert!(!all.is_deleted("shop", "deployment/web"));
        let gone = took(vec![seen("deployment/web", OutsideWhat::Deleted, Author::Unknown, false)]);
        assert!(gone.is_deleted("shop", "deployment/web") && !gone.is_deleted("shop", "deployment/other"));
    }

    #[test]
    fn what_nobody_could_watch_to_the_end_is_named() {
        let part = |resource: &str, from_us, why: Option<&'static str>| {
            let (resource, namespace) = (resource.into(), "shop".into());
            Kind::OutsideUnseen(Unseen { resource, namespace, from_us, why: why.map(Into::into) })
        };
        let (unseen, seen) = (|of, from| part(of, from, Some("403")), |of| part(of, 9, None));
        let gap = vec![unseen("configmaps", 1_500_000), unseen("services", 2), seen("services")];
        assert_eq!(took(gap).unseen(), ["configmaps of shop since 1.5 s"]);
        assert!(took(vec![unseen("configmaps", 1), seen("configmaps")]).unseen().is_empty());
    }

    #[test]
    fn an_author_that_is_found_later_is_the_author_or_clears_everybody() {
        let deleted = || seen("pod/web-1", OutsideWhat::Deleted, Author::Unknown, true);
        let found = |role, uid: &str, at_us| Kind::AuthorFound {
            namespace: "shop".into(),
            object: "pod/web-1".into(),
            uid: uid.into(),
            by: Author::User { name: "alice".into(), agent: "".into(), role },
            at_us,
            follows: false,
        };
        let author = |kinds| took(kinds).iter().map(|c| c.by.to_string()).collect::<Vec<_>>();
        assert_eq!(author(vec![deleted(), found(Role::Person, "u", 4_000_000)]), ["alice"]);
        assert_eq!(author(vec![deleted(), found(Role::Kubernetes, "", 4_000_000)]), Vec::<String>::new());
        for other in [found(Role::Person, "another", 4_000_000), found(Role::Person, "u", 90_000_000)] {
            assert_eq!(author(vec![deleted(), other]), ["an unknown author"]);
        }
    }
}
