//! Namespaces and workloads that the user named and that do not exist. A review of them would
//! examine nothing and report no findings.

use std::collections::BTreeSet;

use super::{picture::WORKLOADS, settings::ReviewSettings};
use crate::{
    inventory::{ObjectSet, kind_of},
    scenario::did_you_mean,
};

/// One sentence for each named namespace or critical workload that does not exist.
/// Nothing is reported about kinds whose objects could not be read.
pub fn strangers(object_set: &ObjectSet, settings: &ReviewSettings) -> Vec<String> {
    let mut strange = vec![];
    let there = namespaces(object_set);
    if object_set.all("Namespace").is_ok() {
        for name in settings.namespaces.iter().filter(|name| !there.contains(name.as_str())) {
            strange.push(format!("namespace `{name}` does not exist or is empty{}", meant(name, &there)));
        }
    }
    let works = workloads(object_set);
    let readable = WORKLOADS.iter().all(|key| object_set.all(key).is_ok());
    // A review of some namespaces does not examine the others.
    let judged = |name: &str| {
        let namespace = name.split('/').next().unwrap_or_default();
        settings.namespaces.is_empty() || settings.namespaces.iter().any(|n| n == namespace)
    };
    for name in settings.critical.iter().filter(|name| readable && judged(name)) {
        if !works.contains(name.as_str()) {
            let words: BTreeSet<&str> = works.iter().map(String::as_str).collect();
            strange.push(format!("critical workload `{name}` does not exist{}", meant(name, &words)));
        }
    }
    strange
}

fn namespaces(object_set: &ObjectSet) -> BTreeSet<&str> {
    let named = object_set.any("Namespace").iter().map(|n| n.metadata.name.as_str());
    let pods = object_set.pods.iter().map(|p| p.metadata.namespace.as_str());
    let objects = object_set.objects.values().flatten().map(|o| o.metadata.namespace.as_str());
    named.chain(pods).chain(objects).filter(|n| !n.is_empty()).collect()
}

fn workloads(object_set: &ObjectSet) -> BTreeSet<String> {
    let of = |key: &&'static str| {
        let kind = kind_of(key).to_lowercase();
        object_set.any(key).iter().map(move |o| format!("{}/{kind}/{}", o.metadata.namespace, o.metadata.name))
    };
    WORKLOADS.iter().flat_map(of).collect()
}

fn meant(given: &str, there: &BTreeSet<&str>) -> String {
    const NAMED: usize = 10;
    if let Some(word) = did_you_mean(given, there.iter().copied()) {
        return format!("; did you mean `{word}`?");
    }
    let first: Vec<&str> = there.iter().copied().take(NAMED).collect();
    let more = if there.len() > NAMED { ", …" } else { "" };
    if first.is_empty() { String::new() } else { format!("; known are: {}{more}", first.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::read_text;

    fn said(namespaces: &[&str], critical: &[&str]) -> Vec<String> {
        let mut object_set = ObjectSet::default();
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {}\n";
        read_text(&mut object_set, "f", text);
        object_set.settle();
        let owned = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let critical = owned(critical).into_iter().collect();
        strangers(&object_set, &ReviewSettings { namespaces: owned(namespaces), critical, ..ReviewSettings::default() })
    }

    #[test]
    fn a_name_that_nothing_has_is_told() {
        assert_eq!(said(&["shop"], &["shop/deployment/web"]), Vec::<String>::new());
        assert_eq!(said(&["shpo"], &[]), ["namespace `shpo` does not exist or is empty; did you mean `shop`?"]);
        assert_eq!(
            said(&[], &["shop/deployment/wbe"]),
            ["critical workload `shop/deployment/wbe` does not exist; did you mean `shop/deployment/web`?"]
        );
        assert_eq!(
            said(&["shop"], &["other/deployment/x"]),
            Vec::<String>::new(),
            "a review of `shop` does not examine it"
        );
    }
}
