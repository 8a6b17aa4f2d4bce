//! Reads manifests from files, directories and standard input: YAML with several documents, JSON, and lists. A damaged
//! document is reported, and all others are still read.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};

use super::{
    folders::{Part, parts},
    keyed::Keyed,
    locate::{Lines, documents},
    object::{Decoded, Origin, is_made_again},
    object_set::{ObjectSet, Rendered, ReviewSource},
    render,
    trim::trimmed,
    yaml::yaml_mistake,
};
use crate::{files, kubernetes::objects::Pod, world::Here};

/// The size limit of a file. No manifest is larger.
const LARGEST: u64 = 512 << 20;

/// Reads manifests. `-` is standard input. Kustomizations and charts are rendered.
///
/// # Errors
/// A path cannot be read at all, or a Kustomization or chart cannot be rendered.
pub async fn manifests(paths: &[PathBuf], here: &Here) -> Result<ObjectSet, String> {
    let mut object_set = ObjectSet { source: ReviewSource::Manifests, ..ObjectSet::default() };
    let (parts, notes) = parts(paths)?;
    object_set.notes = notes;
    let mut rendered: BTreeMap<String, PathBuf> = BTreeMap::new();
    for part in parts {
        match part {
            Part::Stdin => stdin(&mut object_set)?,
            Part::File(path) => read_file(&mut object_set, &path)?,
            Part::Kustomization(folder) => {
                let text = render::kustomize(&folder, here).await?;
                once(&text, &folder, &mut rendered)?;
                let file = folder.join("kustomization.yaml");
                read_rendered(&mut object_set, &file, Rendered::Kustomization(folder), &text);
            }
            Part::Chart(folder) => {
                let text = render::chart(&folder, here).await?;
                let file = folder.join("Chart.yaml");
                read_rendered(&mut object_set, &file, Rendered::Chart(folder), &text);
            }
        }
    }
    object_set.tell_unrelated();
    object_set.settle();
    Ok(object_set)
}

fn stdin(object_set: &mut ObjectSet) -> Result<(), String> {
    let mut bytes = vec![];
    let say = |e: std::io::Error| format!("cannot read standard input: {e}");
    std::io::stdin().take(LARGEST + 1).read_to_end(&mut bytes).map_err(say)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("standard input is larger than {} MiB, which is the limit", LARGEST >> 20));
    }
    let text = files::text_of_bytes(bytes).map_err(say)?;
    read_text(object_set, "<stdin>", &text);
    object_set.stdin = Some(text);
    Ok(())
}

/// Two Kustomizations of one folder that render the same object are variants: a cluster gets only one of them.
fn once(text: &str, folder: &Path, rendered: &mut BTreeMap<String, PathBuf>) -> Result<(), String> {
    for (_, document) in documents(text) {
        let Ok(value) = parse(document) else { continue };
        let word = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
        let key = [word("/kind"), word("/metadata/namespace"), word("/metadata/name")].join("/");
        let before = rendered.insert(key, folder.to_owned());
        if let Some(before) = before.filter(|before| before != folder) {
            let (a, b) = (before.display(), folder.display());
            return Err(format!(
                "{a} and {b} are variants of one application, and a cluster gets only one of them: name one, as in drillmaster check {b}"
            ));
        }
    }
    Ok(())
}

/// Adds what a Kustomization or a chart renders to. Its objects have no lines of their own in any file.
fn read_rendered(object_set: &mut ObjectSet, file: &Path, from: Rendered, text: &str) {
    let name: Arc<str> = file.display().to_string().into();
    object_set.rendered.insert(Arc::clone(&name), from);
    for (_, document) in documents(text) {
        match parse(document) {
            Ok(Value::Null) => {}
            Ok(value) => put_at(object_set, value, &name, 1),
            Err((_, why)) => {
                object_set.broken = true;
                object_set.notes.push(format!("{name}: {why}"));
            }
        }
    }
}

/// Adds the objects of a document whose objects have no lines of their own: a rendered one, or a list in a list.
fn put_at(object_set: &mut ObjectSet, mut value: Value, file: &Arc<str>, line: usize) {
    if is_list(&value) {
        for item in value["items"].as_array_mut().map(std::mem::take).unwrap_or_default() {
            put_at(object_set, item, file, line);
        }
    } else {
        put_one(object_set, value, file, line);
    }
}

fn is_list(value: &Value) -> bool {
    value["kind"].as_str().is_some_and(|k| k.ends_with("List")) && value["items"].is_array()
}

/// Adds manifests from a text.
pub fn read_text(object_set: &mut ObjectSet, file: &str, text: &str) {
    let name: Arc<str> = file.into();
    if text.trim_start().starts_with(['{', '[']) && read_json(object_set, &name, text) {
        return;
    }
    for (line, document) in documents(text) {
        // Directives (%YAML) stand before the document.
        if document.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#') || l.starts_with('%')) {
            continue;
        }
        if let Some(pod) = owned_pod(document) {
            object_set.place(Decoded::Pod(Box::new(trimmed(pod))));
            continue;
        }
        match parse(document) {
            Ok(Value::Null) => {}
            Ok(value) => put(object_set, value, document, &name, line),
            Err((within, why)) => {
                object_set.broken = true;
                object_set.notes.push(format!("{file}:{}: {why}", line + within));
            }
        }
    }
}

/// Reads a text of JSON values: one, several one after the other (also one a line), or arrays of them. False if it is
/// not JSON; nothing was added then.
fn read_json(object_set: &mut ObjectSet, name: &Arc<str>, text: &str) -> bool {
    let mut values = vec![];
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Keyed>();
    let (mut at, mut line) = (0, 1);
    while let Some(value) = stream.next() {
        let Ok(value) = value else { return false };
        let (begin, end) = (at + (text[at..].len() - text[at..].trim_start().len()), stream.byte_offset());
        line += text[at..begin].matches('\n').count();
        values.push((value, begin..end, line));
        line += text[begin..end].matches('\n').count();
        at = end;
    }
    for (Keyed { value, twice }, place, line) in values {
        // The reader of YAML knows the line of the second key.
        let read = if twice { parse(&text[place.clone()]) } else { Ok(value) };
        match read {
            Ok(value) => put(object_set, value, &text[place], name, line),
            Err((within, why)) => {
                object_set.broken = true;
                object_set.notes.push(format!("{name}:{}: {why}", line + within));
            }
        }
    }
    true
}

/// Adds the objects of a document. The items of a list have their own lines.
fn put(object_set: &mut ObjectSet, mut value: Value, document: &str, file: &Arc<str>, line: usize) {
    let items = match &mut value {
        Value::Array(items) => std::mem::take(items),
        value if is_list(value) => value["items"].as_array_mut().map(std::mem::take).unwrap_or_default(),
        _ => return put_one(object_set, value, file, line),
    };
    let kind = value["kind"].as_str().and_then(|k| k.strip_suffix("List")).unwrap_or("").to_owned();
    let lines = lines_of_items(document, items.len());
    for (i, mut item) in items.into_iter().enumerate() {
        let line = line + lines.get(i).map_or(0, |within| within - 1);
        // The items of a typed list do not contain their kind.
        if item.is_object() && item["kind"].is_null() && !kind.is_empty() {
            item["kind"] = kind.clone().into();
            item["apiVersion"] = value["apiVersion"].clone();
        }
        if is_list(&item) {
            put_at(object_set, item, file, line);
        } else {
            put_one(object_set, item, file, line);
        }
    }
}

/// The line of each item of a list in its document; empty if the items cannot be located.
fn lines_of_items(document: &str, items: usize) -> Vec<usize> {
    if document.lines().count() < items {
        return vec![];
    }
    Lines::of(document).map(|lines| lines.of_items()).filter(|lines| lines.len() == items).unwrap_or_default()
}

/// Fields in which objects of an API hold their content.
const CONTENT: [&str; 8] = ["spec", "data", "stringData", "binaryData", "rules", "webhooks", "subjects", "roleRef"];

/// Whether a document is the configuration file of a program, such as a kubeconfig or the file of `kind`: it has a kind
/// and no metadata, and nothing of what objects hold.
fn is_configuration(value: &Value) -> bool {
    let has = |field: &str| value.get(field).is_some();
    has("apiVersion") && has("kind") && !has("metadata") && !CONTENT.iter().any(|field| has(field))
}

fn put_one(object_set: &mut ObjectSet, mut value: Value, file: &Arc<str>, line: usize) {
    if value["sops"]["mac"].is_string() && value["kind"].as_str().is_some_and(|kind| kind.starts_with("ENC[")) {
        object_set
            .notes
            .push(format!("{file}:{line}: this document is encrypted with SOPS, so its content cannot be checked"));
        return;
    }
    // Chart.yaml, a dashboard, a file of docker compose: a document without any field of an object is counted.
    let foreign = ["apiVersion", "kind", "metadata"].iter().all(|field| value.get(field).is_none());
    if foreign && !value.is_null() || is_configuration(&value) {
        return object_set.unrelated.push(Arc::clone(file));
    }
    // The API server reads its audit policy from a file, so it has no name.
    let audit = value["apiVersion"].as_str().is_some_and(|api| api.starts_with("audit.k8s.io/"));
    if audit && value["kind"] == "Policy" && value.get("metadata").is_none() {
        value["metadata"] = serde_json::json!({"name": "audit-policy"});
    }
    if let Err(why) = object_set.put(value, Origin { file: Arc::clone(file), line }) {
        object_set.broken = true;
        object_set.notes.push(format!("{file}:{line}: {why}"));
    }
}

/// A pod of a controller. A dump contains thousands of them, so they are read directly into their reduced form. If
/// this fails, the general path reads the document and reports the problem.
fn owned_pod(document: &str) -> Option<Pod> {
    let is = |line: &str| document.starts_with(line) || document.contains(&format!("\n{line}"));
    if !is("kind: Pod\n") || !is("apiVersion: v1\n") || !document.contains("controller: true\n") {
        return None;
    }
    // The type itself refuses duplicate fields. Documents with merge keys take the general path.
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        emit_comments: false,
    };
    let pod: Pod = serde_saphyr::from_str_with_options(document, options).ok()?;
    (is_made_again(&pod.metadata) && !pod.metadata.name.is_empty()).then_some(pod)
}

/// Parses one document. An error contains the line in the document, counted from 0.
fn parse(text: &str) -> Result<Value, (usize, String)> {
    if text.trim_start().starts_with('{')
        && !text.trim_start().starts_with("{{")
        && let Ok(Keyed { value, twice: false }) = serde_json::from_str(text)
    {
        return Ok(value);
    }
    // Comments are only read past; the parser keeps a few of them otherwise, and refuses more.
    let options = serde_saphyr::options! { emit_comments: false };
    serde_saphyr::from_str_with_options::<Value>(text, options).map_err(|error| {
        if let Some((line, _)) = text.lines().enumerate().find(|(_, l)| l.contains("{{")) {
            return (
                line,
                "this is a Helm template; render it first: helm template CHART | drillmaster check -".into(),
            );
        }
        let line = error.location().map_or(0, |l| usize::try_from(l.line()).unwrap_or(1).saturating_sub(1));
        let said = yaml_mistake(&error);
        let said =
            said.split_once(": ").filter(|(at, _)| at.starts_with("line ")).map_or(said.as_str(), |(_, why)| why);
        (line, format!("this is not YAML: {said}"))
    })
}

fn read_file(object_set: &mut ObjectSet, path: &Path) -> Result<(), String> {
    match files::text(path, LARGEST) {
        Ok(text) => read_text(object_set, &path.display().to_string(), text.trim_start_matches('\u{feff}')),
        // An unreadable file does not keep the others from being read.
        Err(why) if why.kind() == std::io::ErrorKind::Other => {
            object_set.broken = true;
            object_set.notes.push(format!("{} was not read: {why}", path.display()));
        }
        Err(why) => return Err(format!("cannot read {}: {why}", path.display())),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object_set(text: &str) -> ObjectSet {
        let mut object_set = ObjectSet::default();
        read_text(&mut object_set, "all.yaml", text);
        object_set.settle();
        object_set
    }

    #[test]
    fn one_broken_document_does_not_take_the_others_with_it() {
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\nkind: [\n---\n# nothing\n---\n\n\
            apiVersion: v1\nkind: Service\nmetadata: {name: b}\n---\nreplicas: {{ .Values.n }}\n";
        let object_set = object_set(text);
        assert_eq!(object_set.any("Service").len(), 2);
        assert_eq!(object_set.any("Service")[1].origin.line, 10);
        assert!(object_set.broken);
        assert!(object_set.notes[0].starts_with("all.yaml:5: this is not YAML"), "{:?}", object_set.notes);
        assert!(object_set.notes[1].starts_with("all.yaml:14: this is a Helm template"), "{:?}", object_set.notes);
    }

    #[test]
    fn a_bare_no_is_no_name() {
        let object_set = object_set("apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: no}\n");
        assert!(object_set.broken && object_set.notes[0].contains("in quotes"), "{:?}", object_set.notes);
    }

    #[test]
    fn lists_twins_and_nulls() {
        let text = r#"{"apiVersion": "v1", "kind": "ServiceList", "items": [
            {"metadata": {"name": "a", "labels": null, "annotations": {"n": 1}}, "spec": {"ports": null, "type": "x"}},
            {"metadata": {"name": "a"}, "spec": {"type": "y"}}, {"metadata": {}}]}"#;
        let object_set = object_set(text);
        assert_eq!(object_set.any("Service").len(), 1);
        assert_eq!(object_set.any("Service")[0].text("/spec/type"), "y");
        assert!(
            object_set.notes.iter().any(|n| n.contains("twice"))
                && object_set.notes.iter().any(|n| n.contains("has no name"))
        );
    }

    /// The API server refuses an object with such a key, whatever the format of the file.
    #[test]
    fn a_key_that_is_given_twice_is_told_in_every_format() {
        let good = r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}"#;
        let bad = "{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"b\",\n\"name\": \"c\"}}";
        for text in [format!("{good}\n{bad}\n{good}"), format!("{good}\n---\n{bad}\n")] {
            let object_set = object_set(&text);
            assert!(object_set.broken, "{text}");
            assert_eq!(object_set.any("Service").len(), 1, "{text}");
            let told = object_set.notes.iter().any(|note| note.contains("this is not YAML: a key is given twice"));
            assert!(told, "{:?}", object_set.notes);
        }
        let list = format!(r#"{{"apiVersion": "v1", "kind": "List", "items": [{good}]}}"#);
        assert!(!object_set(&list).broken);
        let list = format!(r#"{{"apiVersion": "v1", "kind": "List", "items": [{}]}}"#, bad.replace('\n', " "));
        assert!(object_set(&list).broken);
    }

    /// Two items of a list are told as two documents are, each with its line. Items of one line have one place.
    #[test]
    fn twins_of_a_list_are_told_with_their_lines() {
        let told = |text: &str| -> Vec<String> {
            object_set(text).notes.into_iter().filter(|note| note.contains("defined twice")).collect()
        };
        let item = |namespace: &str| {
            format!(
                "- apiVersion: v1\n  kind: Service\n  metadata: {{name: web, namespace: {namespace}}}\n  spec: {{type: x}}\n"
            )
        };
        let list = |items: &[&str]| {
            let items: String = items.iter().map(|namespace| item(namespace)).collect();
            format!("apiVersion: v1\nkind: List\nitems:\n{items}")
        };
        let twice = "Service web is defined twice";
        assert_eq!(
            told(&list(&["a", "b", "a"])),
            [format!("{twice}: all.yaml:4 and all.yaml:12; the second definition counts")]
        );
        assert_eq!(told(&list(&["a", "b"])), Vec::<String>::new());
        let documents = format!("{}---\n{}", list(&["a"]), list(&["a"]));
        assert_eq!(told(&documents), [format!("{twice}: all.yaml:4 and all.yaml:12; the second definition counts")]);
        let service = r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}"#;
        let line = format!(r#"{{"apiVersion": "v1", "kind": "List", "items": [{service}, {service}]}}"#);
        assert_eq!(told(&line), [format!("{twice} in all.yaml:1; the second definition counts")]);
        let nested = format!("apiVersion: v1\nkind: List\nitems:\n- {line}\n");
        assert_eq!(told(&nested), [format!("{twice} in all.yaml:4; the second definition counts")]);
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "(---|\\.\\.\\.|kind|apiVersion|metadata|name|: |\\{|\\}|\\[|\\]|\n|- |&a|\\*a|'|\"| |v1|é|\t){0,40}") {
            let _ = object_set(&text);
        }
    }
}
