//! Reads the last log lines of each workload and counts how many of them are structured. The lines themselves are not
//! kept.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::{ObjectSet, Reply};
use crate::world::Kube;

/// The number of lines that are read for each workload.
const LINES: usize = 50;
const AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(10);

/// The number of lines, and of structured lines among them, by `namespace/pod`: one pod for each controller.
pub async fn sample_logs(
    kube: &Kube,
    object_set: &ObjectSet,
    namespaces: &[String],
) -> BTreeMap<String, Reply<(u64, u64)>> {
    let mut chosen = BTreeMap::new();
    for pod in &object_set.pods {
        let meta = &pod.metadata;
        let wanted =
            namespaces.is_empty() && !meta.namespace.starts_with("kube-") || namespaces.contains(&meta.namespace);
        if let (true, Some(owner), Some(container)) = (wanted, pod.controller(), pod.spec.containers.first()) {
            let path = format!(
                "/api/v1/namespaces/{}/pods/{}/log?tailLines={LINES}&container={}",
                meta.namespace, meta.name, container.name
            );
            let of = (meta.namespace.clone(), owner.kind.clone(), owner.name.clone());
            chosen.entry(of).or_insert((format!("{}/{}", meta.namespace, meta.name), path));
        }
    }
    let asked = stream::iter(chosen.into_values().map(|(name, path)| async move {
        let text = kube.text(&path, PATIENCE).await.map_err(|e| e.to_string());
        (name, text.map(|text| count(&text)))
    }));
    asked.buffered(AT_ONCE).collect().await
}

fn count(text: &str) -> (u64, u64) {
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    (number(lines.len()), number(lines.iter().filter(|l| is_structured(l)).count()))
}

/// A JSON object, or logfmt with two pairs or more.
fn is_structured(line: &str) -> bool {
    let pair = |word: &&str| {
        word.split_once('=').is_some_and(|(key, _)| {
            !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        })
    };
    matches!(serde_json::from_str(line), Ok(Value::Object(_))) || line.split(' ').filter(pair).count() >= 2
}

#[cfg(test)]
mod tests {
    #[test]
    fn lines_that_a_program_can_read() {
        let text = "{\"level\":\"info\"}\n\nts=1 level=info msg=\"it runs\"\nListening on 8080\n[1] a == b\n";
        assert_eq!(super::count(text), (4, 2));
    }
}
