//! Variables. `${name}` in any value is replaced before the file is checked, so that mistakes are reported where the
//! user wrote the reference. A value that consists of one reference keeps the type of the variable.

use std::{cell::Cell, collections::BTreeMap};

use serde_json::Value;

use super::{
    problem::{Problem, did_you_mean, listed, meant},
    tree::{At, Data, Node, problem},
};
use crate::model::{SecretRef, secret_mark};

/// How much variables may add to a file, in bytes.
const MOST: usize = 4 << 20;

/// Where the values of `${bind.NAME}` come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Home {
    /// No bindings were given.
    #[default]
    Nowhere,
    /// A bindings file.
    Bindings(String),
    /// The bindings that are built in for the cluster that `cluster up` makes.
    OwnCluster,
    /// The file of a simulated cluster.
    Cluster(String),
    /// A simulated cluster that is part of the program.
    ShippedCluster(String),
}

impl Home {
    /// What to do about a value that is missing: which file it belongs in, and the lines to add.
    fn add(&self, name: &str) -> String {
        let lines = format!("values:\n  {name}: …   # for example a URL: http://web.shop.svc");
        match self {
            Self::Nowhere => format!(
                "this value belongs in a bindings file; give one with --bindings FILE, with these lines in it:\napiVersion: drillmaster.dev/v1\nkind: Bindings\n{lines}"
            ),
            Self::Bindings(file) | Self::Cluster(file) => format!("add it to {file}:\n{lines}"),
            Self::OwnCluster => format!(
                "the built-in bindings of the cluster of `cluster up` do not have it; write them to a file with `drillmaster show kind > bindings.yaml`, give that with --bindings, and add to it:\n{lines}"
            ),
            Self::ShippedCluster(cluster) => format!(
                "the simulated cluster {cluster} does not have it; write the cluster to a file of your own with `drillmaster show {cluster} > my-cluster.yaml`, give that with --cluster, and add to it:\n{lines}"
            ),
        }
    }
}

/// Values by name. Secrets are kept separately, as references.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    pub plain: BTreeMap<String, Value>,
    pub secrets: BTreeMap<String, SecretRef>,
    /// Where the values of bindings come from.
    pub home: Home,
    /// How many bytes were added so far.
    filled: Cell<usize>,
}

impl Values {
    /// Whether this many more bytes may be added.
    fn has_room(&self, bytes: usize) -> bool {
        self.filled.set(self.filled.get().saturating_add(bytes));
        self.filled.get() <= MOST
    }
}

/// The approximate size of a value in bytes.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| 8 + weight(item)).sum(),
        _ => 8,
    }
}

/// Reads `vars:`, applies `--set`, and returns everything that `${…}` may refer to.
pub(super) fn declared(file: &str, root: &Node, set: &BTreeMap<String, String>, problems: &mut Vec<Problem>) -> Values {
    let mut values = Values::default();
    if let Some(Node { data: Data::Map(entries), .. }) = root.get("vars") {
        for (name, at, node) in entries {
            declare(file, name, at, node, set.get(name), &mut values, problems);
        }
    }
    for name in set.keys() {
        if !values.plain.contains_key(name) && !values.secrets.contains_key(name) {
            let names: Vec<&str> = values.plain.keys().map(String::as_str).collect();
            let meant = meant(name, names.iter().copied());
            problems.push(problem(
                file,
                root.get("vars").map_or(&root.at, |n| &n.at),
                format!("--set {name}: {file} has no variable with this name"),
                format!("{meant}its variables are: {}", listed(&names)),
            ));
        }
    }
    values
}

fn declare(
    file: &str,
    name: &str,
    at: &At,
    node: &Node,
    set: Option<&String>,
    values: &mut Values,
    problems: &mut Vec<Problem>,
) {
    if let Data::Map(entries) = &node.data
        && entries.iter().any(|(k, _, _)| k == "secret")
    {
        let reference = node.get("secret").map(Node::value).unwrap_or_default();
        match serde_json::from_value::<SecretRef>(reference) {
            Ok(secret) if set.is_none() => {
                values.secrets.insert(name.to_owned(), secret);
            }
            Ok(_) => problems.push(problem(
                file,
                at,
                format!("--set {name}: a secret must not be given on the command line, where other users can read it"),
                "give a reference: secret: {env: NAME}, {file: PATH} or {exec: [PROGRAM, …]}",
            )),
            Err(error) => problems.push(problem(
                file,
                &node.at,
                format!("`{name}` is not a reference to a secret: {error}"),
                "write secret: {env: NAME}, secret: {file: PATH} or secret: {exec: [PROGRAM, ARGUMENT, …]}",
            )),
        }
        return;
    }
    let (type_, default) = match &node.data {
        Data::Map(_) => (
            node.get("type").map(Node::value).and_then(|v| v.as_str().map(str::to_owned)),
            node.get("default").map(Node::value),
        ),
        _ => (None, Some(node.value())),
    };
    let type_ = type_.unwrap_or_else(|| type_of(default.as_ref()).to_owned());
    let value = match (set, default) {
        (Some(text), _) => typed(&type_, &Value::String(text.clone())),
        (None, Some(value)) => typed(&type_, &value),
        (None, None) => {
            problems.push(problem(
                file,
                at,
                format!("variable `{name}` has no value"),
                format!("give it one: --set {name}=…"),
            ));
            return;
        }
    };
    match value {
        Ok(value) => {
            values.plain.insert(name.to_owned(), value);
        }
        Err(why) => problems.push(problem(file, &node.at, format!("variable `{name}`: {why}"), String::new())),
    }
}

fn type_of(value: Option<&Value>) -> &'static str {
    match value {
        Some(Value::Number(_)) => "number",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Array(_)) => "list",
        Some(Value::String(s)) if s.parse::<crate::model::Dur>().is_ok() => "duration",
        Some(Value::String(s)) if s.parse::<crate::model::Percent>().is_ok() => "percent",
        _ => "string",
    }
}

fn typed(type_: &str, value: &Value) -> Result<Value, String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match type_ {
        "string" => Ok(Value::String(text)),
        "number" => text.parse::<i64>().map(Value::from).map_err(|_| format!("`{text}` is not a whole number")),
        "boolean" => text.parse::<bool>().map(Value::from).map_err(|_| format!("`{text}` is neither true nor false")),
        "duration" => text.parse::<crate::model::Dur>().map(|_| Value::String(text)),
        "percent" => text.parse::<crate::model::Percent>().map(|_| Value::String(text)),
        "list" if value.is_array() => Ok(value.clone()),
        "list" => Ok(text.split(',').map(|item| item.trim().to_owned()).collect()),
        other => Err(format!("`{other}` is not a type: string, number, boolean, duration, percent, list, or secret")),
    }
}

/// Replaces every `${…}` below `node`. With `lenient`, values that only bindings have are left.
pub(super) fn fill(file: &str, node: &mut Node, values: &Values, lenient: bool, problems: &mut Vec<Problem>) {
    match &mut node.data {
        Data::List(items) => items.iter_mut().for_each(|n| fill(file, n, values, lenient, problems)),
        Data::Map(entries) => {
            for (key, _, child) in entries {
                if key != "vars" {
                    fill(file, child, values, lenient, problems);
                }
            }
        }
        Data::Scalar(Value::String(text)) if text.contains("${") => match expand(text, values) {
            Ok(value) => node.data = data_of(value, &node.at),
            Err(wrong) if wrong.undefined.is_some() && lenient => {}
            Err(Wrong { what, help, undefined }) => {
                problems.push(Problem { undefined, ..problem(file, &node.at, what, help) });
            }
        },
        Data::Scalar(_) => {}
    }
}

fn data_of(value: Value, at: &At) -> Data {
    match value {
        Value::Array(items) => {
            Data::List(items.into_iter().map(|item| Node { at: at.clone(), data: data_of(item, at) }).collect())
        }
        scalar => Data::Scalar(scalar),
    }
}

/// What is wrong with a `${…}`.
struct Wrong {
    what: String,
    help: String,
    /// The name of a value that bindings may define which are not known here.
    undefined: Option<String>,
}

fn expand(text: &str, values: &Values) -> Result<Value, Wrong> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let end = rest[start..].find('}').map(|i| start + i).ok_or_else(|| Wrong {
            what: format!("`{text}` has a ${{ without a closing }}"),
            help: "write ${name}".to_owned(),
            undefined: None,
        })?;
        let name = &rest[start + 2..end];
        let value = lookup(name, values)?;
        if !values.has_room(weight(&value)) {
            return Err(Wrong {
                what: "the values of the variables add too much text to this file".to_owned(),
                help: format!("the limit is {} MiB in total", MOST >> 20),
                undefined: None,
            });
        }
        if start == 0 && end + 1 == text.len() {
            return Ok(value);
        }
        out.push_str(&rest[..start]);
        out.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok(Value::String(out))
}

fn lookup(name: &str, values: &Values) -> Result<Value, Wrong> {
    if let Some(value) = values.plain.get(name) {
        return Ok(value.clone());
    }
    if values.secrets.contains_key(name) {
        // A secret is read when it is used, and never written down.
        return Ok(Value::String(secret_mark(name)));
    }
    if name.starts_with("secret:") {
        return Ok(Value::String(format!("${{{name}}}")));
    }
    let all: Vec<&str> = values.plain.keys().chain(values.secrets.keys()).map(String::as_str).collect();
    let of = |bound: bool| all.iter().copied().filter(move |n| n.starts_with("bind.") == bound);
    let meant = |name: &str, among: &[&str]| {
        let similar = did_you_mean(name, among.iter().copied());
        similar.map(|word| format!("did you mean `${{{word}}}`? ")).unwrap_or_default()
    };
    let help = match name.strip_prefix("bind.") {
        Some(bound) => {
            let known: Vec<&str> = of(true).collect();
            let listed = if known.is_empty() { String::new() } else { format!("\ndefined values: {}", listed(&known)) };
            format!("{}{}{listed}", meant(name, &known), values.home.add(bound))
        }
        None if name.starts_with("env.") => {
            format!("{}set the environment variable: export {}=…", meant(name, &all), &name[4..])
        }
        // The environment has too many variables to list them.
        None => {
            let own: Vec<&str> = of(false).filter(|n| !n.starts_with("env.")).collect();
            let bound = format!("bind.{name}");
            if values.plain.contains_key(&bound) {
                format!("did you mean `${{{bound}}}`? values of the bindings begin with `bind.`")
            } else if own.is_empty() {
                format!("declare it at the top of the file: vars: {{{name}: …}}")
            } else {
                format!("{}defined variables: {}; or declare it under `vars`", meant(name, &own), listed(&own))
            }
        }
    };
    let undefined = name.strip_prefix("bind.").map(str::to_owned);
    Err(Wrong { what: format!("`${{{name}}}` is not defined"), help, undefined })
}
