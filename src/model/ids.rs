//! Types for names, so that one kind of name cannot be used in place of another.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::sha256;

/// The label of every object that a drill creates; its value is the run.
pub const RUN_LABEL: &str = "drillmaster.dev/run";

/// The labels of a backup that a drill restored: the run, the verdict on the restore, and the date.
pub const DRILLED_LABELS: [&str; 3] =
    ["drillmaster.dev/drilled-by", "drillmaster.dev/restore-verdict", "drillmaster.dev/drilled-on"];

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

name! {
    /// One execution of a scenario. The names sort by start time.
    RunId
}
name! {
    /// The name of a step in its scenario. A fault is referred to by the name of its step.
    StepName
}
name! {
    /// One injected fault on one target: `step/target`.
    FaultId
}

/// The label of the drill's own pods; its value is their purpose.
pub const ROLE_LABEL: &str = "drillmaster.dev/role";

/// The longest name of a backup or restore.
const BACKUP_NAME: usize = 53;

/// The name of the Backup or Restore that a step of a run creates. Velero refuses a name that its bucket has seen
/// before, so the name contains the start time of the run. The name also becomes a label value, which may have at most
/// 63 bytes, and the undo's restores add a suffix to it.
pub fn backup_name(run: &str, step: &str) -> String {
    let stamp = run.split('-').next().unwrap_or(run);
    let plain: String =
        step.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let name = format!("drill-{stamp}-{plain}").to_lowercase();
    let lost = |c: char| !c.is_ascii_alphanumeric() && c != ' ' && c != '-';
    if name.len() <= BACKUP_NAME && !step.contains(lost) {
        return name.trim_end_matches('-').to_owned();
    }
    // Two steps with the same beginning must not get the same name.
    let name: String = name.chars().take(BACKUP_NAME - 5).collect();
    format!("{}-{}", name.trim_end_matches('-'), &sha256(step)[..4])
}

/// Whether a run may have this name. It becomes the name of a directory and of an object.
pub fn is_run_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 200 && name.chars().all(is_plain) && !name.starts_with(['.', '-'])
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// The name of a run that is made from other names, such as that of a cluster. If characters had to be replaced, a
/// hash at the end keeps two names different.
pub fn run_name(words: &str) -> String {
    let plain: String = words.chars().map(|c| if is_plain(c) { c.to_ascii_lowercase() } else { '-' }).collect();
    let name: String = plain.trim_start_matches(['.', '-']).chars().take(180).collect();
    if name == words {
        return name;
    }
    let name = if name.is_empty() { "run" } else { &name };
    format!("{name}-{}", &sha256(words)[..6])
}

impl FaultId {
    /// The fault that `step` does to `target`.
    pub fn new(step: &StepName, target: &str) -> Self {
        Self(format!("{step}/{target}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_make_two_backups() {
        let name = |step: &str| backup_name("20261128t231500123-nightly", step);
        assert_eq!(name("rehearsed restore"), "drill-20261128t231500123-rehearsed-restore");
        let long = "the newest backup of the whole shop is restored beside";
        let all = [name(&format!("{long} A")), name(&format!("{long} B")), name("größe"), name("grüße"), name("gr--e")];
        assert!(
            all.iter().all(|n| n.len() <= BACKUP_NAME && n.is_ascii() && all.iter().filter(|o| *o == n).count() == 1),
            "{all:?}"
        );
    }

    #[test]
    fn a_run_is_a_folder_of_its_own_whatever_the_cluster_is_called() {
        assert_eq!(run_name("zone-outage-small-shop-seed-1"), "zone-outage-small-shop-seed-1");
        let arn = run_name("drill-arn:aws:eks:eu-west-1:123456789012:cluster/prod-seed-1");
        assert!(arn.starts_with("drill-arn-aws-eks-eu-west-1-123456789012-cluster-prod-seed-1-"), "{arn}");
        for odd in ["..", "/", "", "a/../../b", "Ä", "a b", &"x".repeat(300), "-v", "a\0b", "a\n"] {
            let name = run_name(odd);
            assert!(is_run_name(&name) || odd.is_empty() && !is_run_name(odd), "{odd:?}: {name}");
        }
        assert_ne!(run_name("a:b"), run_name("a/b"));
        assert_ne!(run_name("A"), run_name("a"));
    }
}
