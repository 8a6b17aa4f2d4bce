//! Finds steps that would create the same Backup or Restore. These objects are named after their steps, in characters
//! that Kubernetes allows. Two steps whose names differ only in other characters would get one object, and the second
//! step would take the object of the first for its own.

use super::{
    Problem, Scenario,
    tree::{Node, problem},
};
use crate::model::{Step, Verb, backup_name};

/// An example of a run's start time. All start times have this length.
const RUN: &str = "20260101t000000000";

/// Returns a problem for each step whose Backup or Restore is also created by an earlier step.
pub(super) fn lint(file: &str, root: &Node, scenario: &Scenario) -> Vec<Problem> {
    let made: Vec<(&Step, Option<(&str, String)>)> = scenario.steps.iter().map(|s| (s, object(s))).collect();
    let mut found = vec![];
    for (i, (step, own)) in made.iter().enumerate() {
        let Some((kind, name)) = own else { continue };
        // Two steps with the same name are already reported as such.
        let same = made[..i].iter().find(|(earlier, other)| other == own && earlier.name != step.name);
        let Some((earlier, _)) = same else { continue };
        let at = root.locate(&["steps".to_owned(), i.to_string(), "name".to_owned()]);
        let short = name.replacen(&format!("-{RUN}"), "-TIME", 1);
        found.push(problem(
            file,
            at,
            format!("steps `{}` and `{}` would both create the {kind} {short}", earlier.name, step.name),
            "rename one of them: in the name of a Backup or Restore, capital letters become lower-case letters, spaces become dashes, and dashes at the end are removed",
        ));
    }
    found
}

/// The Velero object that a step creates: its kind and name.
fn object(step: &Step) -> Option<(&'static str, String)> {
    let kind = match step.verb()? {
        Verb::Backup(_) | Verb::Reprotected(_) => "Backup",
        Verb::Restore(_) => "Restore",
        _ => return None,
    };
    Some((kind, backup_name(RUN, &step.name.0)))
}

#[cfg(test)]
mod tests {
    use crate::scenario::{Sources, load_str};

    fn said(second: &str, verb: &str) -> String {
        let text = format!(
            "apiVersion: drillmaster.dev/v1
kind: Scenario
metadata: {{name: two, title: Two backups}}
hypothesis: Both are there.
scope: {{namespaces: [shop]}}
steps:
  - name: Before loss
    backup: {{namespaces: [shop], volumes: none}}
  - name: \"{second}\"
    {verb}
  - name: loss
    deletePods: {{workload: deployment/web, count: 1}}
expect:
  - replicas: {{of: loss, workload: deployment/web, ready: 1, within: 60s}}
limits: {{duration: 30m}}
"
        );
        load_str("two.yaml", &text, &Sources::default()).err().map_or_else(String::new, |p| p.to_string())
    }

    #[test]
    fn two_steps_do_not_make_one_backup() {
        let backup = "backup: {namespaces: [shop], volumes: none}";
        for second in ["before-loss", "before loss", "BEFORE-LOSS", "Before loss-"] {
            let said = said(second, backup);
            let wanted =
                format!("steps `Before loss` and `{second}` would both create the Backup drill-TIME-before-loss");
            assert!(said.contains(&wanted) && said.contains("two.yaml:9:"), "{said}");
        }
        for second in ["before loss 2", "before_loss"] {
            assert_eq!(said(second, backup), "", "{second}");
        }
        // A Restore and a Backup with the same name are different objects.
        let restore = "restore: {backup: Before loss, namespace: shop, into: scratch}";
        assert_eq!(said("before-loss", restore), "");
    }
}
