//! How a field is kept in a capture.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::super::{LEFT_OUT, addresses};

/// How a field is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// The value, if it is a text, a number or a boolean.
    Value,
    /// Everything below it: selectors, affinity rules, permissions.
    All,
    /// Only whether it exists, and how many items a list has.
    There,
    /// The keys of a map, and for each key that it has a value.
    Keys,
    /// All keys below it at any depth, without values.
    Shape,
    /// The scheme, host and port of a URL.
    Host,
    /// An image reference, without anything that may be a login.
    Image,
    /// The value, if it is one of these.
    OneOf(&'static [&'static str]),
    /// Which of these words the value contains.
    Words(&'static [&'static str]),
    /// The flags of a command that checks need.
    Argument,
    /// The certificates of a bundle, which are public.
    Certificates,
}

/// The value of an on/off setting.
pub(super) const SWITCH: Keep = Keep::OneOf(&["true", "false"]);

impl Keep {
    /// What is kept of a value.
    pub(super) fn of(self, value: &Value) -> Option<Value> {
        match (self, value) {
            (_, Value::Null) => None,
            (Self::Value, Value::Object(_) | Value::Array(_)) => None,
            (Self::Value, Value::String(text)) => Some(addresses::without_logins(text).as_ref().into()),
            (Self::Value | Self::All, _) if !has_url(value) => Some(value.clone()),
            (Self::Value | Self::All, _) => Some(without_logins(value)),
            (Self::Keys, Value::Object(map)) => Some(each(map, |v| Some(presence(v)))),
            (Self::Shape, _) => Some(shape(value)),
            (Self::Words(known), _) => Some(words(value, known)),
            (Self::OneOf(known), Value::String(text)) if known.contains(&text.as_str()) => Some(value.clone()),
            (Self::Host, Value::String(text)) if !text.is_empty() => Some(or_left_out(addresses::origin(text))),
            (Self::Image, Value::String(text)) => Some(image(text).into()),
            (Self::Argument, Value::String(text)) => Some(argument(text).into()),
            (Self::Certificates, Value::String(text)) if !text.is_empty() => Some(or_left_out(certificates(text))),
            _ => Some(presence(value)),
        }
    }
}

fn or_left_out(text: Option<String>) -> Value {
    text.map_or_else(|| LEFT_OUT.into(), Into::into)
}

/// Marks that something exists. An empty value may stay empty.
pub(super) fn presence(value: &Value) -> Value {
    match value {
        Value::Object(_) => Value::Object(Map::new()),
        Value::Array(items) => items.iter().map(presence).collect(),
        Value::String(text) if text.is_empty() => value.clone(),
        _ => LEFT_OUT.into(),
    }
}

fn each(map: &Map<String, Value>, keep: impl Fn(&Value) -> Option<Value>) -> Value {
    map.iter().filter_map(|(key, value)| Some((key.clone(), keep(value)?))).collect::<Map<_, _>>().into()
}

fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => each(map, |v| Some(shape(v))),
        Value::Array(items) => items.iter().map(shape).collect(),
        _ => presence(value),
    }
}

fn has_url(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("://"),
        Value::Array(items) => items.iter().any(has_url),
        Value::Object(map) => map.values().any(has_url),
        _ => false,
    }
}

fn without_logins(value: &Value) -> Value {
    match value {
        Value::String(text) => addresses::without_logins(text).as_ref().into(),
        Value::Array(items) => items.iter().map(without_logins).collect(),
        Value::Object(map) => each(map, |v| Some(without_logins(v))),
        _ => value.clone(),
    }
}

/// Which of the known words a value contains, after the mark that the rest was left out.
fn words(value: &Value, known: &[&str]) -> Value {
    let text = value.to_string();
    let found = known.iter().filter(|word| text.contains(**word));
    found.fold(LEFT_OUT.to_owned(), |said, word| said + " " + word).into()
}

/// People write `user:password@registry/image` although it is not a valid image reference. After an at sign, only a
/// digest is kept.
fn image(text: &str) -> String {
    let is_digest = |end: &str| end.starts_with("sha256:") || end.starts_with("sha512:");
    match text.rsplit_once('@') {
        Some((name, digest)) if is_digest(digest) => format!("{}@{digest}", image(name)),
        Some((_, name)) => name.to_owned(),
        None => text.to_owned(),
    }
}

/// Flags that are kept: with their value if it is a number, otherwise without it.
const FLAGS: [&str; 5] = [
    "--audit-policy-file=",
    "--audit-webhook-config-file=",
    "--audit-log-path=",
    "--audit-log-maxage=",
    "--encryption-provider-config=",
];
const WORDS: [&str; 4] = ["ImagePolicyWebhook", "etcdctl", "etcdutl", "snapshot"];

fn argument(text: &str) -> String {
    if text.is_empty() || text == "--enable-network-policy=true" {
        return text.to_owned();
    }
    if let Some(flag) = FLAGS.iter().find(|flag| text.starts_with(**flag)) {
        let value = &text[flag.len()..];
        let number = *flag == "--audit-log-maxage=" && value.len() < 6 && value.chars().all(|c| c.is_ascii_digit());
        return format!("{flag}{}", if number { value } else { LEFT_OUT });
    }
    words(&text.into(), &WORDS).as_str().unwrap_or(LEFT_OUT).to_owned()
}

/// The certificates of a bundle, encoded again. Text between them is left out.
fn certificates(bundle: &str) -> Option<String> {
    let bytes = STANDARD.decode(bundle.trim()).ok()?;
    let blocks = x509_parser::pem::Pem::iter_from_buffer(&bytes).flatten();
    let public = blocks.filter(|pem| pem.label == "CERTIFICATE" && pem.parse_x509().is_ok());
    let text: String = public
        .map(|pem| format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", wrapped(&pem.contents)))
        .collect();
    (!text.is_empty()).then(|| STANDARD.encode(text))
}

/// Base64 in lines of 64 characters, as PEM requires.
fn wrapped(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_of_a_value() {
        for (keep, value, want) in [
            (Keep::Value, json!("a"), Some(json!("a"))),
            (Keep::Value, json!({"a": "hunter22"}), None),
            (Keep::Value, json!("see http://u:hunter22@x/"), Some(json!("see http://x/"))),
            (Keep::All, json!({"a": ["http://u:hunter22@x/"]}), Some(json!({"a": ["http://x/"]}))),
            (Keep::There, json!([{"a": "hunter22"}, "hunter22", ""]), Some(json!([{}, LEFT_OUT, ""]))),
            (Keep::Keys, json!({"a": "hunter22", "b": ""}), Some(json!({"a": LEFT_OUT, "b": ""}))),
            (Keep::Keys, json!("hunter22"), Some(json!(LEFT_OUT))),
            (Keep::Shape, json!({"a": [{"b": "hunter22"}]}), Some(json!({"a": [{"b": LEFT_OUT}]}))),
            (Keep::Host, json!("https://u:hunter22@x/hunter22"), Some(json!("https://x"))),
            (Keep::Image, json!("u:hunter22@reg.example/web:1"), Some(json!("reg.example/web:1"))),
            (Keep::Image, json!("web:1@sha256:aa"), Some(json!("web:1@sha256:aa"))),
            (SWITCH, json!("true"), Some(json!("true"))),
            (SWITCH, json!("hunter22"), Some(json!(LEFT_OUT))),
            (Keep::Words(&["image"]), json!([{"e": "image hunter22"}]), Some(json!(format!("{LEFT_OUT} image")))),
            (Keep::Argument, json!("--audit-log-maxage=30"), Some(json!("--audit-log-maxage=30"))),
            (Keep::Argument, json!("--audit-log-path=/h"), Some(json!(format!("--audit-log-path={LEFT_OUT}")))),
            (Keep::Argument, json!("--token=hunter22"), Some(json!(LEFT_OUT))),
            (
                Keep::Argument,
                json!("etcdctl --password=hunter22 snapshot save"),
                Some(json!(format!("{LEFT_OUT} etcdctl snapshot"))),
            ),
            (Keep::Certificates, json!("aHVudGVyMjI="), Some(json!(LEFT_OUT))),
        ] {
            let kept = keep.of(&value);
            assert_eq!(kept, want, "{keep:?} of {value}");
            // Reading a capture reduces it again.
            assert_eq!(kept.as_ref().and_then(|v| keep.of(v)), kept, "{keep:?} of {value}");
        }
    }
}
