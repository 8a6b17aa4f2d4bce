//! Which kind of file a text is, by its `kind:`. A file that was given in the wrong place gets one message that says
//! where it belongs, not a list of all keys that it lacks. Start with [`kind_of`].

use super::{
    Problem,
    problem::did_you_mean,
    tree::{self, Node, problem},
};

/// The kinds of files that a person writes for drillmaster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// What a drill does and expects.
    Scenario,
    /// What differs between clusters.
    Bindings,
    /// A simulated cluster.
    Cluster,
    /// Objectives, attestations and waivers.
    Readiness,
    /// A Kubernetes object.
    Manifest,
}

/// The kind of a file. None if it is not readable or does not say: then the reader of a scenario gives the messages.
pub fn kind_of(text: &str) -> Option<FileKind> {
    of_root(&tree::parse("", text).ok()?)
}

fn of_root(root: &Node) -> Option<FileKind> {
    let word = |key: &str| root.get(key).map(Node::value).and_then(|v| v.as_str().map(str::to_owned));
    let Some(kind) = word("kind") else {
        // The keys that only one kind of file has.
        let has = |keys: [&str; 2]| keys.iter().any(|key| root.get(key).is_some());
        let scenario = has(["steps", "expect"]).then_some(FileKind::Scenario);
        return scenario.or(has(["zones", "workloads"]).then_some(FileKind::Cluster));
    };
    // A word with a typing error is still of the kind that was meant. Its reader reports the error.
    match did_you_mean(&kind, KINDS.iter().map(|(word, _)| *word)) {
        Some(meant) => KINDS.iter().find(|(word, _)| *word == meant).map(|(_, kind)| *kind),
        None => {
            let foreign = word("apiVersion").is_some_and(|version| !version.starts_with("drillmaster"));
            foreign.then_some(FileKind::Manifest)
        }
    }
}

const KINDS: [(&str, FileKind); 4] = [
    ("Scenario", FileKind::Scenario),
    ("Bindings", FileKind::Bindings),
    ("Cluster", FileKind::Cluster),
    ("Readiness", FileKind::Readiness),
];

/// The message for a file that is given as a scenario and is something else.
pub(super) fn other_kind(file: &str, root: &Node) -> Option<Problem> {
    let (is, help) = match of_root(root)? {
        FileKind::Scenario => return None,
        FileKind::Bindings => (
            "bindings",
            format!(
                "give a scenario, and this file with `--bind {file}`; `drillmaster list scenarios` lists the shipped scenarios"
            ),
        ),
        FileKind::Cluster => (
            "a simulated cluster",
            format!(
                "give a scenario, and this file with `--cluster {file}`: `drillmaster rehearse SCENARIO --cluster {file}`"
            ),
        ),
        FileKind::Readiness => ("a readiness file", format!("`drillmaster check … --drill {file}` reads it")),
        FileKind::Manifest => (
            "a Kubernetes manifest",
            format!(
                "`drillmaster check {file}` reviews manifests; a scenario begins with `apiVersion: drillmaster.dev/v1` and `kind: Scenario`"
            ),
        ),
    };
    Some(problem(file, root.locate(&["kind".to_owned()]), format!("this file describes {is}, not a scenario"), help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_known_in_spite_of_a_typing_error() {
        for (text, kind) in [
            ("kind: Scenario", Some(FileKind::Scenario)),
            ("kind: cluster\napiVersion: v1", Some(FileKind::Cluster)),
            ("kind: Clutser", Some(FileKind::Cluster)),
            ("zones: {a: 1}", Some(FileKind::Cluster)),
            ("steps: []", Some(FileKind::Scenario)),
            ("apiVersion: apps/v1\nkind: Deployment", Some(FileKind::Manifest)),
            ("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole", Some(FileKind::Manifest)),
            ("kind: Playbook\napiVersion: drillmaster.dev/v1", None),
            ("a: [", None),
        ] {
            assert_eq!(kind_of(text), kind, "{text}");
        }
    }
}
