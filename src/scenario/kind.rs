//! Which kind of file a text is, by its `apiVersion` and `kind`. Start with [`FileKind::of`].

use super::tree::{self, Node};

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
    /// It says that it is for drillmaster, but its kind is unknown or its text cannot be read.
    Unclear,
    /// Something else, with its kind, such as a Kubernetes manifest.
    Foreign(String),
}

impl FileKind {
    /// The kind of a text.
    pub fn of(text: &str) -> Self {
        let Ok(root) = tree::parse("", text) else {
            return if text.contains(GROUP) { Self::Unclear } else { Self::Foreign(String::new()) };
        };
        let word = |name: &str| root.get(name).map(Node::value).and_then(|value| value.as_str().map(str::to_owned));
        let kind = word("kind").unwrap_or_default();
        let version = word("apiVersion");
        if version.as_ref().is_some_and(|version| !version.starts_with(GROUP)) {
            return Self::Foreign(kind);
        }
        match kind.as_str() {
            "Scenario" => Self::Scenario,
            "Bindings" => Self::Bindings,
            "Cluster" => Self::Cluster,
            "Readiness" => Self::Readiness,
            _ if version.is_some() => Self::Unclear,
            _ => Self::Foreign(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{BINDINGS, CLUSTERS, SCENARIOS};

    #[test]
    fn files_are_told_apart() {
        for (shipped, kind) in
            [(SCENARIOS, FileKind::Scenario), (BINDINGS, FileKind::Bindings), (CLUSTERS, FileKind::Cluster)]
        {
            shipped.iter().for_each(|file| assert_eq!(FileKind::of(file.text), kind, "{}", file.name));
        }
        let other = |kind: &str| FileKind::Foreign(kind.to_owned());
        for (text, kind) in [
            ("apiVersion: drillmaster.dev/v1\nkind: Readiness\n", FileKind::Readiness),
            ("apiVersion: drillmaster.dev/v1\nkind: Scenaro\n", FileKind::Unclear),
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
}
