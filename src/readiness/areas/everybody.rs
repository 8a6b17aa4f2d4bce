//! Whether a rule of a network policy allows all peers, in whatever way it is written. Read [`allow_all`] first.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    isolation::{CILIUM, POLICY, cilium_specs},
    network::rules,
};
use crate::{
    inventory::{LEFT_OUT, Object},
    kubernetes::Selector,
    model::{Severity, Unseen},
    readiness::{
        check::Say,
        picture::Picture,
        values::{is_everything, list, selector, text, words},
    },
};

/// A rule that allows too much: how serious it is, where it is, and why.
type Wrong = (Severity, String, String);

pub(super) fn allow_all(p: &Picture<'_>, say: &mut Say) {
    for policy in p.each(POLICY, say) {
        let wrong = rules(policy).into_iter().flat_map(|(pointer, rule, peers)| of_rule(&pointer, rule, peers));
        tell(policy, wrong.collect(), say);
    }
    for policy in CILIUM.iter().flat_map(|(key, _)| p.each(key, say)).collect::<Vec<_>>() {
        let mut wrong = vec![];
        for (base, spec) in cilium_specs(policy) {
            for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
                for (i, rule) in list(spec, &format!("/{direction}")).iter().enumerate() {
                    wrong.extend(of_cilium(&format!("{base}/{direction}/{i}"), rule, peers));
                }
            }
        }
        if wrong.is_empty() && hides_peers(policy) {
            say.unknown(policy, Unseen::NoData, "the capture leaves out the peers of its rules");
        } else {
            tell(policy, wrong, say);
        }
    }
}

/// Whether a capture left out the peers of a Cilium policy. It says only that a rule names some.
fn hides_peers(policy: &Object) -> bool {
    let rules = cilium_specs(policy).into_iter().flat_map(|(_, spec)| {
        ["/ingress", "/egress"].into_iter().flat_map(move |direction| list(spec, direction).iter())
    });
    let fields = rules.filter_map(Value::as_object).flatten();
    fields.into_iter().any(|(field, value)| value == LEFT_OUT && !matches!(field.as_str(), "toPorts" | "icmps"))
}

fn tell(policy: &Object, wrong: Vec<Wrong>, say: &mut Say) {
    if wrong.is_empty() {
        say.pass(policy);
    }
    for (severity, pointer, text) in wrong {
        say.fail_as(severity, policy, pointer, text);
    }
}

/// What a rule with such peers allows.
fn meaning(peers: &str) -> &'static str {
    if peers == "from" { "traffic from everywhere is allowed" } else { "traffic to everywhere is allowed" }
}

/// A rule of a NetworkPolicy.
fn of_rule(pointer: &str, rule: &Value, peers: &str) -> Vec<Wrong> {
    let anybody = meaning(peers);
    let web = if peers == "to" && is_web(rule) { Severity::Low } else { Severity::High };
    let named = list(rule, &format!("/{peers}"));
    if named.is_empty() {
        return vec![(web, pointer.to_owned(), format!("a rule without `{peers}`: {anybody}"))];
    }
    let blocks: Vec<(&str, usize)> = named
        .iter()
        .map(|peer| (text(peer, "/ipBlock/cidr"), list(peer, "/ipBlock/except").len()))
        .filter(|(cidr, _)| !cidr.is_empty())
        .collect();
    let mut wrong: Vec<Wrong> =
        addresses(&blocks, anybody).into_iter().map(|text| (web, pointer.to_owned(), text)).collect();
    for peer in named {
        let spaces = selector(peer, "/namespaceSelector").is_some_and(|s| is_every_namespace(&s));
        let pods = selector(peer, "/podSelector").is_none_or(|s| is_everything(&s));
        if spaces && pods {
            let text = "its namespaceSelector selects every pod of the cluster";
            wrong.push((Severity::High, pointer.to_owned(), text.to_owned()));
        }
    }
    wrong
}

/// What is said of blocks that cover all addresses. `anybody` says what that allows. A block of length 0 has many
/// spellings (`::/0`, `0::/0`), and two blocks of length 1 cover as much.
fn addresses(blocks: &[(&str, usize)], anybody: &str) -> Vec<String> {
    let length = |cidr: &str| cidr.rsplit_once('/').and_then(|(_, bits)| bits.parse::<u8>().ok());
    let mut said: Vec<String> = vec![];
    for (cidr, except) in blocks.iter().filter(|(cidr, _)| length(cidr) == Some(0)) {
        let but = if *except == 0 { String::new() } else { format!(", except for {except} address ranges") };
        said.push(format!("{cidr}: {anybody}{but}"));
    }
    for of_six in [false, true] {
        let half = |cidr: &&str| length(cidr) == Some(1) && cidr.contains(':') == of_six;
        let halves: BTreeSet<&str> = blocks.iter().map(|(cidr, _)| *cidr).filter(half).collect();
        if halves.len() > 1 {
            let both: Vec<&str> = halves.into_iter().collect();
            said.push(format!("{}: {anybody}", both.join(" and ")));
        }
    }
    said
}

/// Whether a selector of namespaces selects all of them: it is empty, or it asks only for the label of their name, which
/// every namespace has.
fn is_every_namespace(chosen: &Selector) -> bool {
    const NAME: &str = "kubernetes.io/metadata.name";
    chosen.match_labels.is_empty() && chosen.match_expressions.iter().all(|e| e.key == NAME && e.operator == "Exists")
}

/// Whether a rule allows only DNS and web ports.
fn is_web(rule: &Value) -> bool {
    let ports = list(rule, "/ports");
    !ports.is_empty()
        && ports.iter().all(|p| matches!(p["port"].as_u64(), Some(53 | 80 | 443)) && p["endPort"].is_null())
}

/// A rule of a Cilium policy. An empty one denies everything, and so do peers that are an empty list.
fn of_cilium(pointer: &str, rule: &Value, peers: &str) -> Vec<Wrong> {
    let anybody = meaning(peers);
    let web = if peers == "to" && is_web_of_cilium(rule) { Severity::Low } else { Severity::High };
    let told = |text: String| (web, pointer.to_owned(), text);
    let names_peers = |field: &str| field.starts_with(peers) && field != "toPorts";
    let fields: Vec<&str> = rule.as_object().into_iter().flatten().map(|(field, _)| field.as_str()).collect();
    if !fields.is_empty() && !fields.iter().any(|field| names_peers(field)) {
        return vec![told(format!("a rule without peers: {anybody}"))];
    }
    let entities = words(rule, &format!("/{peers}Entities"));
    let mut wrong: Vec<Wrong> = entities
        .into_iter()
        .filter(|entity| matches!(*entity, "all" | "world"))
        .map(|entity| told(format!("entity {entity}: {anybody}")))
        .collect();
    let plain = words(rule, &format!("/{peers}CIDR")).into_iter().map(|cidr| (cidr, 0));
    let sets = list(rule, &format!("/{peers}CIDRSet")).iter();
    let sets = sets.map(|set| (text(set, "/cidr"), list(set, "/except").len()));
    let blocks: Vec<(&str, usize)> = plain.chain(sets).collect();
    wrong.extend(addresses(&blocks, anybody).into_iter().map(told));
    wrong
}

fn is_web_of_cilium(rule: &Value) -> bool {
    let mut ports = list(rule, "/toPorts").iter().flat_map(|entry| list(entry, "/ports")).peekable();
    ports.peek().is_some()
        && ports.all(|port| matches!(text(port, "/port"), "53" | "80" | "443") && port["endPort"].is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_have_many_spellings() {
        let said = |blocks: &[&str]| addresses(&blocks.iter().map(|cidr| (*cidr, 0)).collect::<Vec<_>>(), "").len();
        for all in [&["0.0.0.0/0"][..], &["::/0"], &["0:0::0/0"], &["0.0.0.0/1", "128.0.0.0/1"], &["::/1", "8000::/1"]]
        {
            assert_eq!(said(all), 1, "{all:?}");
        }
        for some in [&["10.0.0.0/8"][..], &["0.0.0.0/1"], &["0.0.0.0/1", "8000::/1"], &["10.0.0.1"], &["/"]] {
            assert_eq!(said(some), 0, "{some:?}");
        }
    }
}
