//! Reads a bindings file. `${env.NAME}` is replaced from the environment.

use std::{ffi::OsString, path::Path};

use serde_json::Value;

use super::{
    load::{LARGEST, parse_as},
    problem::Problems,
    shipped::BINDINGS,
    tree,
    vars::{Values, fill},
};
use crate::{
    files,
    model::{Bindings, WebhookUrl, is_address},
};

/// The webhook of the bindings. The rest of the file need not be valid.
///
/// # Errors
/// The file does not exist, or a variable that the value needs is not set.
pub fn announce_in(path: &Path) -> Result<Option<WebhookUrl>, String> {
    let file = path.display().to_string();
    let text = files::text(path, LARGEST).map_err(|e| format!("cannot read the bindings file {file}: {e}"))?;
    let mut root = tree::parse(&file, &text).map_err(|_| format!("the bindings file {file} is not valid YAML"))?;
    let mut problems = vec![];
    let Some(node) = root.get_mut("announce") else { return Ok(None) };
    fill(&file, node, &environment(), false, &mut problems);
    match (problems.first(), node.value().as_str()) {
        (Some(problem), _) => Err(format!("{file}:{}: {}", problem.line, problem.what)),
        (None, url) => Ok(url.map(WebhookUrl::new)),
    }
}

fn environment() -> Values {
    let mut values = Values::default();
    // A variable that is not valid text cannot be used in bindings.
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    for (name, value) in std::env::vars_os().filter_map(text) {
        values.plain.insert(format!("env.{name}"), Value::String(value));
    }
    values
}

/// Checks bindings on a machine where the environment is not that of the drill: a variable that is not set stands for
/// any text. Returns the names of those variables.
///
/// # Errors
/// As [`parse_bindings`].
pub fn lint_bindings(file: &str, text: &str) -> Result<Vec<String>, Problems> {
    let mut values = environment();
    let mut unset = vec![];
    for name in text.split("${env.").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)) {
        let key = format!("env.{name}");
        values.plain.entry(key).or_insert_with(|| {
            unset.push(name.to_owned());
            Value::String(format!("${{env.{name}}}"))
        });
    }
    parse_as(file, text, &super::bindings_schema(), &values, |_, _: &Bindings| vec![]).map(|_| unset)
}

/// Reads bindings from a text.
///
/// # Errors
/// All mistakes in it at once, with their places.
pub fn parse_bindings(file: &str, text: &str) -> Result<Bindings, Problems> {
    parse_as(file, text, &super::bindings_schema(), &environment(), |_, _: &Bindings| vec![])
}

/// The bindings of the cluster that `cluster up` made under this name.
///
/// # Errors
/// The shipped bindings are not valid.
pub fn own_cluster_bindings(cluster: &str) -> Result<Bindings, Problems> {
    let shipped = BINDINGS.iter().find(|shipped| shipped.name == "kind").map_or("", |shipped| shipped.text);
    parse_bindings("kind", &shipped.replace("${env.CLUSTER}", cluster))
}

/// Reads a bindings file.
pub fn load_bindings(path: &Path) -> Result<Bindings, Problems> {
    let file = path.display().to_string();
    let text = files::text(path, LARGEST).map_err(|e| {
        Problems::bare(
            format!("cannot read the bindings file {file}: {e}"),
            "give an existing file, such as --bindings scenarios/bindings/kind-lab.yaml",
        )
    })?;
    let mut bindings = parse_bindings(&file, &text)?;
    if let (Some(readiness), Some(folder)) = (&mut bindings.readiness, path.parent()) {
        *readiness = folder.join(&*readiness).display().to_string();
    }
    if let (Some(log), Some(folder)) = (&mut bindings.audit_log, path.parent())
        && !is_address(log)
    {
        *log = folder.join(&*log).display().to_string();
    }
    Ok(bindings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NodeHostSpec;

    #[test]
    fn the_bindings_of_an_own_cluster_need_no_environment() {
        let bindings = own_cluster_bindings("my-drill").unwrap();
        assert_eq!(bindings.values["controlPlane"], "my-drill-control-plane");
        assert!(matches!(bindings.node_host, Some(NodeHostSpec::Kind(host)) if host.cluster == "my-drill"));
        assert!(bindings.prometheus.is_some() && !serde_json::to_string(&bindings.values).unwrap().contains("${"));
    }
}
