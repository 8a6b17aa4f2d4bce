//! Which kind of file a text is, by its `apiVersion` and `kind`. Start with [`FileKind::of`].

use super::{
    problem::did_you_mean,
    tree::{self, Node},
};

/// The group of the kinds of files that people write for drillmaster.
const GROUP: &str = "drillmaster.dev/";

/// The kind of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A scenario.
    Scenario,
    /// The bindings of a cluster.
    Bindings,
    /// The description of a simulated cluster, or a copy of a cluster.
    Cluster,
    /// The readiness file of a review.
    Readiness,
    /// The playbook of an exercise.
    Playbook,
    /// The people of an exercise.
    People,
    /// What an exercise without people answers.
    Policy,
    /// It says that it is for drillmaster, but its kind is unknown or its text cannot be read.
    Unclear,
    /// Something else, with its kind, such as a Kubernetes manifest.
    Foreign(String),
}

impl FileKind {
    /// The kind of a text that says what it is. A word with a typing error is still of the kind that was meant: its
    /// reader reports the error.
    pub fn of(text: &str) -> Self {
        match tree::parse("", text) {
            Ok(root) => Self::of_root(&root),
            Err(_) if text.contains(GROUP) => Self::Unclear,
            Err(_) => Self::Foreign(String::new()),
        }
    }

    /// The same. If the text does not say what it is, the keys that only one kind of file has decide.
    pub fn guessed(text: &str) -> Self {
        tree::parse("", text).map_or_else(|_| Self::of(text), |root| Self::guessed_of(&root))
    }

    pub(super) fn guessed_of(root: &Node) -> Self {
        let has = |keys: [&str; 2]| root.get("kind").is_none() && keys.iter().any(|key| root.get(key).is_some());
        match Self::of_root(root) {
            Self::Foreign(_) if has(["steps", "expect"]) => Self::Scenario,
            Self::Foreign(_) if has(["zones", "workloads"]) => Self::Cluster,
            kind => kind,
        }
    }

    fn of_root(root: &Node) -> Self {
        let word = |name: &str| root.get(name).map(Node::value).and_then(|value| value.as_str().map(str::to_owned));
        let kind = word("kind").unwrap_or_default();
        // A version with a typing error is reported by the reader of the kind.
        let version = word("apiVersion").filter(|version| !version.starts_with("drillmaster"));
        if version.as_ref().is_some_and(|version| version.contains('/')) {
            return Self::Foreign(kind);
        }
        let meant = did_you_mean(&kind, KINDS.iter().map(|(word, _)| *word));
        match KINDS.iter().find(|(word, _)| meant == Some(*word)) {
            Some((_, meant)) => meant.clone(),
            None if version.is_none() && word("apiVersion").is_some() => Self::Unclear,
            None => Self::Foreign(kind),
        }
    }
}

const KINDS: [(&str, FileKind); 7] = [
    ("Scenario", FileKind::Scenario),
    ("Bindings", FileKind::Bindings),
    ("Cluster", FileKind::Cluster),
    ("Readiness", FileKind::Readiness),
    ("Playbook", FileKind::Playbook),
    ("People", FileKind::People),
    ("Policy", FileKind::Policy),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{BINDINGS, CLUSTERS, PLAYBOOKS, SCENARIOS};

    #[test]
    fn files_are_told_apart() {
        for (shipped, kind) in [
            (SCENARIOS, FileKind::Scenario),
            (BINDINGS, FileKind::Bindings),
            (CLUSTERS, FileKind::Cluster),
            (PLAYBOOKS, FileKind::Playbook),
        ] {
            shipped.iter().for_each(|file| assert_eq!(FileKind::of(file.text), kind, "{}", file.name));
        }
        let other = |kind: &str| FileKind::Foreign(kind.to_owned());
        for (text, kind) in [
            ("apiVersion: drillmaster.dev/v1\nkind: Readiness\n", FileKind::Readiness),
            ("apiVersion: drillmaster.dev/v1\nkind: Scenaro\n", FileKind::Scenario),
            ("kind: cluster\napiVersion: v1", FileKind::Cluster),
            ("apiVersion: drillmaster.dev/v1\nkind: Playbok\n", FileKind::Playbook),
            ("apiVersion: drillmaster.dev/v1\nkind: Recipe\n", FileKind::Unclear),
            ("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole", other("ClusterRole")),
            ("apiVersion: drillmaster.dev/v1\nkind: [\n", FileKind::Unclear),
            ("apiVersion: apps/v1\nkind: Deployment\n", other("Deployment")),
            ("apiVersion: cluster.x-k8s.io/v1\nkind: Cluster\n", other("Cluster")),
            ("a: 1\n---\na: 2\n", other("")),
            ("- 1\n", other("")),
            ("kind: Scenario\n", FileKind::Scenario),
            ("", other("")),
        ] {
            assert_eq!(FileKind::of(text), kind, "{text}");
        }
    }

    #[test]
    fn a_file_that_does_not_say_its_kind_is_told_by_its_keys() {
        for (text, kind) in [("zones: {a: 1}", FileKind::Cluster), ("steps: []", FileKind::Scenario)] {
            assert_eq!(
                (FileKind::guessed(text), FileKind::of(text)),
                (kind, FileKind::Foreign(String::new())),
                "{text}"
            );
        }
    }
}
