//! A file that was given in place of a scenario gets one message that says where it belongs, and not a list of all keys
//! that it lacks. Read [`other_kind`].

use super::{
    FileKind, Problem,
    tree::{Node, problem},
};

/// The message for a file that is given as a scenario and is something else.
pub(super) fn other_kind(file: &str, root: &Node) -> Option<Problem> {
    let (is, help) = match FileKind::guessed_of(root) {
        FileKind::Scenario | FileKind::Unclear => return None,
        FileKind::Foreign(kind) if kind.is_empty() => return None,
        FileKind::Bindings => (
            "bindings",
            format!(
                "give a scenario, and this file with `--bindings {file}`; `drillmaster list scenarios` lists the shipped scenarios"
            ),
        ),
        FileKind::Cluster => (
            "a simulated cluster",
            format!(
                "give a scenario, and this file with `--cluster {file}`: `drillmaster rehearse SCENARIO --cluster {file}`"
            ),
        ),
        FileKind::Readiness => ("a readiness file", format!("`drillmaster check … --readiness {file}` reads it")),
        FileKind::Playbook => (
            "the playbook of an exercise",
            format!(
                "`drillmaster lint {file}` checks it, and `drillmaster exercise prepare {file}` prepares the exercise"
            ),
        ),
        FileKind::People => (
            "the people of an exercise",
            format!("give it with --people: `drillmaster exercise prepare PLAYBOOK --people {file}`"),
        ),
        FileKind::Policy => (
            "the policy of an exercise without people",
            format!("give it with --unattended: `drillmaster exercise start DIR --unattended {file}`"),
        ),
        FileKind::Foreign(_) => (
            "a Kubernetes manifest",
            format!(
                "`drillmaster check {file}` reviews manifests; a scenario begins with `apiVersion: drillmaster.dev/v1` and `kind: Scenario`"
            ),
        ),
    };
    Some(problem(file, root.locate(&["kind".to_owned()]), format!("this file describes {is}, not a scenario"), help))
}
