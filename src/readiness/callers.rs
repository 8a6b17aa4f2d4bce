//! Which workload calls which Service, as far as manifests show it: by its name in the variables, the commands or the
//! arguments of a container. Start with [`calls`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    picture::{Picture, Work},
    values::{list, text},
};
use crate::inventory::Object;

/// A workload names a Service.
pub(super) struct Call<'r, 'a> {
    pub from: &'r Work<'a>,
    pub to: &'a Object,
}

impl Call<'_, '_> {
    pub(super) fn is_to(&self, service: &Object) -> bool {
        std::ptr::eq(self.to, service)
    }
}

/// All calls that the manifests show.
pub(super) fn calls<'r, 'a>(picture: &'r Picture<'a>) -> Vec<Call<'r, 'a>> {
    let services: BTreeMap<(&str, &str), &'a Object> = picture
        .selecting_services()
        .map(|(service, _)| ((service.metadata.namespace.as_str(), service.metadata.name.as_str()), *service))
        .collect();
    let mut all = vec![];
    for work in picture.works.iter().chain(&picture.platform) {
        let mut called = BTreeSet::new();
        for text in work.all_containers().iter().flat_map(|container| texts(container.value)) {
            for (namespace, name) in named(text, work.namespace()) {
                if let Some(service) = services.get(&(namespace, name)).filter(|_| called.insert((namespace, name))) {
                    all.push(Call { from: work, to: service });
                }
            }
        }
    }
    all
}

/// The texts of a container in which addresses stand.
fn texts(container: &Value) -> impl Iterator<Item = &str> {
    let values = list(container, "/env").iter().map(|variable| text(variable, "/value"));
    let words = ["/command", "/args"].into_iter().flat_map(|field| list(container, field)).filter_map(Value::as_str);
    values.chain(words)
}

/// The Services that a text may name, as namespace and name. A single word counts only as a host: before a port, or after
/// the scheme of a URL. Everything else could be any word.
fn named<'t>(text: &'t str, own: &'t str) -> Vec<(&'t str, &'t str)> {
    let is_host = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let mut found = vec![];
    let mut at = 0;
    for word in text.split_inclusive(|c| !is_host(c)) {
        let host = word.trim_end_matches(|c| !is_host(c));
        let (before, after) = (&text[..at], &text[at + host.len()..]);
        let has_port = after.strip_prefix(':').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        // `user:word@` stands before the host of a URL.
        let is_user = after.starts_with('@') || after.starts_with(':') && !has_port;
        let is_address = !is_user && (has_port || before.ends_with("://") || before.ends_with('@'));
        at += word.len();
        let mut parts = host.split('.');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(name), None, _) if is_address && !name.is_empty() => found.push((own, name)),
            (Some(name), Some(namespace), None) if is_address => found.push((namespace, name)),
            (Some(name), Some(namespace), Some("svc")) => found.push((namespace, name)),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn only_addresses_name_a_service() {
        for (text, expected) in [
            ("http://api", vec![("shop", "api")]),
            ("api:8080", vec![("shop", "api")]),
            ("postgres://u:p@db.data/x?y=api", vec![("data", "db")]),
            ("a.svc.b, cache.data.svc.cluster.local", vec![("data", "cache")]),
            ("api", vec![]),
            ("level:debug, api web", vec![]),
            ("ü://api/", vec![("shop", "api")]),
        ] {
            assert_eq!(named(text, "shop"), expected, "{text}");
        }
    }
}
