//! The files that are part of the program: scenarios, simulated clusters, examples of bindings, playbooks. They have the contents
//! of the folders `scenarios/` and `playbooks/` of the repository, so that the program needs no checkout. Start with [`text`].

use std::path::Path;

/// A file that is part of the program.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// Its name, without folder and extension.
    pub name: &'static str,
    /// Its contents.
    pub text: &'static str,
}

macro_rules! shipped {
    ($folder:literal: $($name:literal)*) => {
        &[$(Shipped { name: $name, text: include_str!(concat!("../../", $folder, "/", $name, ".yaml")) }),*]
    };
}

/// The scenarios, in alphabetical order.
pub const SCENARIOS: &[Shipped] = shipped!("scenarios":
    "control-plane-loss" "data-loss" "kubelet-loss" "namespace-loss-and-restore" "node-freeze" "node-partition"
    "node-power-loss" "region-loss" "restore-to-scratch" "rolling-drain" "silent-volume-loss" "statefulset-failover"
    "zone-loss-and-restore" "zone-outage" "zone-split");

/// The simulated clusters. The first one is the default.
pub const CLUSTERS: &[Shipped] = shipped!("scenarios/clusters": "small-shop" "fragile" "two-regions" "large");

/// The examples of bindings.
pub const BINDINGS: &[Shipped] = shipped!("scenarios/bindings": "hollow" "kind" "kind-lab");

/// The playbooks of exercises.
pub const PLAYBOOKS: &[Shipped] =
    shipped!("playbooks": "annual-dr-exercise" "game-day" "quarterly-restore" "region-exercise" "tabletop");

/// The scenarios that need another simulated cluster than the default: a control plane on machines of its own, a second
/// cluster, or volumes that Velero skips.
const REHEARSED_ON: [(&str, &str); 3] =
    [("control-plane-loss", "two-regions"), ("region-loss", "two-regions"), ("silent-volume-loss", "fragile")];

/// The simulated cluster that a shipped scenario is rehearsed on by default.
pub fn rehearsed_on(scenario: &str) -> &'static str {
    REHEARSED_ON.iter().find(|(name, _)| *name == scenario).map_or(CLUSTERS[0].name, |(_, cluster)| cluster)
}

/// The text of a shipped file that is given by its name. A path names a file of the user, and so does a name of a file
/// that exists.
pub(super) fn text(path: &Path, shipped: &[Shipped]) -> Option<&'static str> {
    let name = path.to_str().filter(|name| !name.contains(['/', '\\', '.']))?;
    let found = shipped.iter().find(|s| s.name == name)?;
    (!path.exists()).then_some(found.text)
}

/// The text of any shipped file that is given by its name.
pub fn shipped_text(path: &Path) -> Option<&'static str> {
    [SCENARIOS, CLUSTERS, BINDINGS, PLAYBOOKS].into_iter().find_map(|shipped| text(path, shipped))
}

/// The names of shipped files.
pub fn names(shipped: &'static [Shipped]) -> impl Iterator<Item = &'static str> {
    shipped.iter().map(|s| s.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new file in the repository must not be forgotten here.
    #[test]
    fn every_file_of_the_folders_is_part_of_the_program() {
        for (folder, shipped) in [
            ("scenarios", SCENARIOS),
            ("scenarios/clusters", CLUSTERS),
            ("scenarios/bindings", BINDINGS),
            ("playbooks", PLAYBOOKS),
        ] {
            let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect("a folder");
            let files = files.map(|entry| entry.expect("an entry").path());
            let mut wanted: Vec<String> = files
                .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
                .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
                .collect();
            wanted.sort();
            let mut found: Vec<String> = names(shipped).map(str::to_owned).collect();
            found.sort();
            assert_eq!(found, wanted, "{folder}");
        }
    }

    #[test]
    fn a_path_is_never_a_shipped_file() {
        assert!(text(Path::new("zone-outage"), SCENARIOS).is_some());
        for path in ["./zone-outage", "zone-outage.yaml", "scenarios/zone-outage", "zone-outag", ""] {
            assert!(text(Path::new(path), SCENARIOS).is_none(), "{path}");
        }
    }
}
