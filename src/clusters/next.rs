//! The drill that fits a cluster which `cluster up` made, and the commands for it. Start with [`Next::on`].

use std::collections::BTreeMap;

/// A shipped scenario that fits a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    scenario: &'static str,
    /// The zone that is lost, if it is not the scenario's default.
    zone: Option<String>,
    /// Whether the drill needs the second cluster.
    two: bool,
}

/// The default of `limits.nodes`: the largest share of the workers that a scenario takes away, in percent.
const MOST: usize = 34;
/// The zone that the scenarios lose by default.
const ZONE: &str = "a";

impl Next {
    /// The drill for one cluster, from the number of workers in each zone: the loss of a zone, if the cluster has three
    /// zones and one of them is small enough. Otherwise one that takes no node away.
    pub(super) fn on(zones: &BTreeMap<String, usize>) -> Self {
        let all: usize = zones.values().sum();
        let named = zones.iter().filter(|(zone, _)| !zone.is_empty());
        let fits = named.clone().find(|(_, workers)| **workers * 100 <= all * MOST);
        match fits {
            Some((zone, _)) if named.count() >= 3 => {
                let zone = (zone != ZONE).then(|| zone.clone());
                Self { scenario: "zone-loss-and-restore", zone, two: false }
            }
            _ => Self { scenario: "namespace-loss-and-restore", zone: None, two: false },
        }
    }

    /// The drill for a cluster with a second one to restore into.
    pub(super) fn on_two() -> Self {
        Self { scenario: "region-loss", zone: None, two: true }
    }

    /// The two commands that work next: first what the drill would do, then the drill.
    pub fn text(&self, cluster: &str, kubeconfig: Option<&str>, engine: &str) -> String {
        let context = if self.two {
            format!(" --context source=kind-{cluster} --context recovery=kind-{cluster}-recovery")
        } else {
            format!(" --context kind-{cluster}")
        };
        let set = self.zone.as_ref().map(|zone| format!(" --set zone={zone}")).unwrap_or_default();
        let kubeconfig = kubeconfig.map(|path| format!(" --kubeconfig {path}")).unwrap_or_default();
        let rest = format!("{}{context}{set}{kubeconfig}", self.scenario);
        // The built-in bindings name docker.
        if engine != "docker" {
            return format!(
                "the cluster is ready. Write bindings for {engine} first:\n  drillmaster show kind > bindings.yaml   # then add `engine: {engine}` beside `cluster:`\nnext:\n  CLUSTER={cluster} drillmaster plan {rest} --bindings bindings.yaml\n  CLUSTER={cluster} drillmaster run {rest} --bindings bindings.yaml"
            );
        }
        format!(
            "the cluster is ready. Next, see what a drill would do (this changes nothing):\n  drillmaster plan {rest}\nthen run it:\n  drillmaster run {rest}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(zones: &[(&str, usize)]) -> Next {
        Next::on(&zones.iter().map(|(zone, workers)| ((*zone).to_owned(), *workers)).collect())
    }

    #[test]
    fn the_drill_fits_the_cluster() {
        for (zones, scenario, zone) in [
            (&[("a", 2), ("b", 2), ("c", 2)][..], "zone-loss-and-restore", None),
            (&[("a", 1), ("b", 1), ("c", 1)], "zone-loss-and-restore", None),
            (&[("x", 2), ("y", 2), ("z", 2)], "zone-loss-and-restore", Some("x")),
            // A zone that is too large for the limits of the scenario is not the one to lose.
            (&[("a", 4), ("b", 2), ("c", 2)], "zone-loss-and-restore", Some("b")),
            (&[("a", 1), ("b", 1)], "namespace-loss-and-restore", None),
            (&[("", 3)], "namespace-loss-and-restore", None),
            (&[("", 2), ("a", 1), ("b", 1)], "namespace-loss-and-restore", None),
            (&[], "namespace-loss-and-restore", None),
        ] {
            let next = on(zones);
            assert_eq!((next.scenario, next.zone.as_deref()), (scenario, zone), "{zones:?}");
        }
    }

    #[test]
    fn the_commands_name_the_cluster_and_need_no_bindings() {
        let said = on(&[("x", 1), ("y", 1), ("z", 1)]).text("my", Some("/k"), "docker");
        assert_eq!(
            said,
            "the cluster is ready. Next, see what a drill would do (this changes nothing):\n  drillmaster plan zone-loss-and-restore --context kind-my --set zone=x --kubeconfig /k\nthen run it:\n  drillmaster run zone-loss-and-restore --context kind-my --set zone=x --kubeconfig /k"
        );
        let two = Next::on_two().text("d", None, "docker");
        assert!(two.contains("run region-loss --context source=kind-d --context recovery=kind-d-recovery"), "{two}");
        assert!(on(&[]).text("d", None, "podman").contains("--bindings bindings.yaml"));
    }
}
