//! Which API versions each version of Kubernetes serves. The table is generated from the modules that it names.

use std::{collections::BTreeMap, sync::LazyLock};

use super::picture::Picture;

/// When Kubernetes serves a kind, as minor versions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub since: u32,
    pub deprecated: Option<u32>,
    pub removed: Option<u32>,
    /// What to use instead; empty if nothing replaces it.
    pub instead: &'static str,
}

impl Life {
    /// Whether a version of Kubernetes still serves it.
    pub fn is_served(&self, minor: u32) -> bool {
        self.removed.is_none_or(|removed| minor < removed)
    }
}

/// The newest minor version that the table knows.
pub(crate) const NEWEST: u32 = 37;

type Table = BTreeMap<(&'static str, &'static str), BTreeMap<&'static str, Life>>;

/// By group and kind, then by version.
static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table::new();
    for line in include_str!("data/api-versions.tsv").lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap_or("-");
        let (group, version, kind) = (next(), next(), next());
        let (since, deprecated, removed, instead) = (next(), next(), next(), next());
        let life = Life {
            since: since.parse().unwrap_or(0),
            deprecated: deprecated.parse().ok(),
            removed: removed.parse().ok(),
            instead: if instead == "-" { "" } else { instead },
        };
        let group = if group == "core" { "" } else { group };
        table.entry((group, kind)).or_default().insert(version, life);
    }
    table
});

/// What Kubernetes knows of a group, version and kind.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// It serves it, or has served it.
    Version(Life),
    /// It has this kind in this group, but not in this version; the newest version is named.
    OtherVersion(&'static str),
    /// It has this kind in another group only.
    OtherGroup(String),
    /// It has this kind with other capital letters.
    OtherSpelling(&'static str),
    /// The group is one of Kubernetes, and has no such kind.
    NoSuchKind,
    /// The group is not one of Kubernetes: custom resources have it.
    Foreign,
}

/// Whether a group is one of Kubernetes itself. That of a custom resource has a dot, so one without a dot is one of
/// Kubernetes, or misspelt. Some groups that end with k8s.io are those of custom resources, too.
pub(crate) fn is_own(group: &str) -> bool {
    !group.contains('.') || TABLE.keys().any(|(known, _)| *known == group)
}

/// Looks a kind up.
pub(crate) fn known(group: &str, version: &str, kind: &str) -> Known {
    let newest = |versions: &BTreeMap<&'static str, Life>| {
        // Stable versions come after the others, and a later one of them last.
        let rank = |version: &&str| (version.len() < 4, version.to_owned().to_owned());
        versions.keys().copied().max_by_key(|version| rank(version)).unwrap_or("v1")
    };
    let table: &BTreeMap<(&str, &str), BTreeMap<&'static str, Life>> = &TABLE;
    if let Some(versions) = table.get(&(group, kind)) {
        return match versions.get(version) {
            Some(life) => Known::Version(*life),
            None => Known::OtherVersion(newest(versions)),
        };
    }
    if !is_own(group) {
        return Known::Foreign;
    }
    let elsewhere = TABLE.iter().filter(|((g, k), _)| *k == kind && *g != "extensions" && *g != "events.k8s.io");
    let same = |k: &str| k.eq_ignore_ascii_case(kind) && k != kind;
    if let Some(((g, _), versions)) = elsewhere.into_iter().next() {
        let version = newest(versions);
        return Known::OtherGroup(if g.is_empty() { version.to_owned() } else { format!("{g}/{version}") });
    }
    match TABLE.keys().find(|(_, k)| same(k)) {
        Some((_, spelling)) => Known::OtherSpelling(spelling),
        None => Known::NoSuchKind,
    }
}

/// The minor version that a review judges by: that of --kubernetes-version, of the second cluster, of the cluster, or
/// the newest one.
pub(crate) fn target(p: &Picture<'_>) -> u32 {
    let of = |version: &str| {
        version.split('.').nth(1)?.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
    };
    let second = p.object_set.target.as_deref().and_then(|there| of(&there.version));
    p.settings.kubernetes.or(second).or_else(|| of(&p.object_set.version)).unwrap_or(NEWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_knows_what_was_removed_and_what_never_was() {
        let Known::Version(life) = known("policy", "v1beta1", "PodDisruptionBudget") else { panic!("known") };
        assert_eq!((life.removed, life.instead), (Some(25), "policy/v1 PodDisruptionBudget"));
        assert!(life.is_served(24) && !life.is_served(25));
        let Known::Version(life) = known("autoscaling", "v2beta2", "HorizontalPodAutoscaler") else { panic!("known") };
        assert_eq!(life.removed, Some(26));
        assert!(matches!(known("", "v1", "Deployment"), Known::OtherGroup(to) if to == "apps/v1"));
        assert!(matches!(known("app", "v1", "Deployment"), Known::OtherGroup(to) if to == "apps/v1"));
        assert!(matches!(known("apps", "v2", "Deployment"), Known::OtherVersion("v1")));
        assert!(matches!(known("apps", "v1", "deployment"), Known::OtherSpelling("Deployment")));
        assert!(matches!(known("apps", "v1", "Depoyment"), Known::NoSuchKind));
        assert!(matches!(known("gateway.networking.k8s.io", "v1", "HTTPRoute"), Known::Foreign));
        assert!(matches!(known("networking.internal.knative.dev", "v1alpha1", "Ingress"), Known::Foreign));
        for kind in ["Pod", "Service", "Secret", "ConfigMap", "Namespace", "ServiceAccount", "PersistentVolumeClaim"] {
            assert!(matches!(known("", "v1", kind), Known::Version(life) if life.is_served(NEWEST)), "{kind}");
        }
    }
}
