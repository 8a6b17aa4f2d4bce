//! Names that must not be mistaken for one another.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Label of everything that a drill makes for itself: the run.
pub const RUN_LABEL: &str = "drillmaster.dev/run";

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
    /// One execution of a scenario; sorts by time of start.
    RunId
}
name! {
    /// The name of a step in its scenario; faults are called by it.
    StepName
}
name! {
    /// One injected fault on one target: `step/target`.
    FaultId
}

/// The label of a drill's own pods: their purpose.
pub const ROLE_LABEL: &str = "drillmaster.dev/role";

/// The longest name of a backup or restore.
const BACKUP_NAME: usize = 53;

/// The name of the Backup or Restore that a step of a run makes. Velero refuses a name that
/// its bucket has seen before: each run has its own, by its time of start. It also becomes a
/// label's value, which ends at 63 bytes; the undo's restores need a suffix within that.
pub fn backup_name(run: &str, step: &str) -> String {
    let stamp = run.split('-').next().unwrap_or(run);
    let plain: String =
        step.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let name = format!("drill-{stamp}-{plain}").to_lowercase();
    let lost = |c: char| !c.is_ascii_alphanumeric() && c != ' ' && c != '-';
    if name.len() <= BACKUP_NAME && !step.contains(lost) {
        return name.trim_end_matches('-').to_owned();
    }
    // Two steps whose names begin alike must not have one name.
    let hash = Sha256::digest(step);
    let name: String = name.chars().take(BACKUP_NAME - 5).collect();
    format!("{}-{:02x}{:02x}", name.trim_end_matches('-'), hash[0], hash[1])
}

/// Whether a run may be called so: its name becomes that of a folder and of an object.
pub fn is_run_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 200 && name.chars().all(is_plain) && !name.starts_with(['.', '-'])
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// The name of a run that is made of others' names, such as a cluster's: with another
/// ending where letters had to give way, so that two names stay two.
pub fn run_name(words: &str) -> String {
    let plain: String = words.chars().map(|c| if is_plain(c) { c.to_ascii_lowercase() } else { '-' }).collect();
    let name: String = plain.trim_start_matches(['.', '-']).chars().take(180).collect();
    if name == words {
        return name;
    }
    let hash = Sha256::digest(words.as_bytes());
    let name = if name.is_empty() { "run" } else { &name };
    format!("{name}-{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2])
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
