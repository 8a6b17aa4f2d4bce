//! Where a scenario may use a secret: in the input of programs and of requests. Anywhere else it would not be
//! replaced, or people would read it.

use std::collections::BTreeMap;

use super::{
    Problem,
    tree::{Data, Node, problem},
};
use crate::model::{SecretRef, has_secret_mark, secret_mark};

/// `*` matches any item of a list, and any key.
const PLACES: [&[&str]; 9] = [
    &["steps", "*", "exec", "argv", "*"],
    &["steps", "*", "exec", "undo", "*"],
    &["steps", "*", "exec", "env", "*"],
    &["steps", "*", "notify", "url"],
    &["probes", "*", "http", "url"],
    &["probes", "*", "http", "body"],
    &["probes", "*", "exec", "*"],
    &["data", "*", "http", "append"],
    &["data", "*", "http", "read"],
];

/// Finds secrets in places where they are not replaced, and secrets that are not declared.
pub(super) fn misplaced(file: &str, root: &Node, secrets: &BTreeMap<String, SecretRef>) -> Vec<Problem> {
    let mut found = vec![];
    walk(root, &mut vec![], &mut |path, text, node| {
        if !has_secret_mark(text) {
            return;
        }
        let known = secrets.keys().fold(text.to_owned(), |text, name| text.replace(&secret_mark(name), ""));
        if has_secret_mark(&known) {
            let names: Vec<String> = secrets.keys().map(|name| format!("`{name}`")).collect();
            let help = format!("declare it under `vars`, with `secret:`; declared secrets: {}", names.join(", "));
            found.push(problem(file, &node.at, format!("`{text}` refers to a secret that is not declared"), help));
        } else if !PLACES.iter().any(|place| fits(place, path)) {
            let help =
                "secrets can be used in programs (exec) and in requests (probes[].http, data[].http, notify.url)";
            found.push(problem(file, &node.at, "a secret cannot be used here: people would read it", help));
        }
    });
    found
}

fn fits(place: &[&str], path: &[String]) -> bool {
    place.len() == path.len() && place.iter().zip(path).all(|(want, is)| *want == "*" || want == is)
}

fn walk(node: &Node, path: &mut Vec<String>, look: &mut impl FnMut(&[String], &str, &Node)) {
    match &node.data {
        Data::Scalar(value) => {
            if let Some(text) = value.as_str() {
                look(path, text, node);
            }
        }
        Data::List(items) => {
            for (i, item) in items.iter().enumerate() {
                path.push(i.to_string());
                walk(item, path, look);
                path.pop();
            }
        }
        Data::Map(entries) => {
            // The place where secrets are declared.
            let own = path.is_empty();
            for (key, _, child) in entries.iter().filter(|(key, _, _)| !(own && key == "vars")) {
                path.push(key.clone());
                walk(child, path, look);
                path.pop();
            }
        }
    }
}
