//! How to recognise a cluster that `cluster up` made: by an annotation of its namespace kube-system, whose value is
//! the cluster's name in kind. For such a cluster, bindings are built in, and the application is spread again after a
//! drill. Start with [`own_cluster`].

use std::collections::BTreeMap;

use super::Kube;

/// The annotation.
pub const MARK: &str = "drillmaster.dev/cluster";

/// The name of the cluster, from the annotations of kube-system. None if `cluster up` did not make the cluster.
pub fn own_name(annotations: &BTreeMap<String, String>) -> Option<&str> {
    annotations.get(MARK).map(String::as_str).filter(|name| is_plain(name))
}

/// The name that `cluster up` gave to a cluster. None if it did not make the cluster, or if that cannot be read.
pub async fn own_cluster(kube: &Kube) -> Option<String> {
    let system = kube.get("/api/v1/namespaces/kube-system").await.ok()?;
    let name = system.pointer("/metadata/annotations")?.get(MARK)?.as_str()?;
    is_plain(name).then(|| name.to_owned())
}

/// The characters that kind allows in a name. The name becomes part of commands.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    !name.is_empty() && name.len() <= 50 && name.chars().all(plain) && !name.starts_with(['-', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_that_kind_allows_is_a_mark() {
        for (name, is) in
            [("drill", true), ("my-drill.2", true), ("", false), ("a b", false), ("--x", false), ("A", false)]
        {
            let annotations = BTreeMap::from([(MARK.to_owned(), name.to_owned())]);
            assert_eq!(own_name(&annotations).is_some(), is, "{name}");
        }
        assert_eq!(own_name(&BTreeMap::new()), None);
    }
}
