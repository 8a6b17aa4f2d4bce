//! Reads Datadog's monitors through its API. The keys are read when they are needed, and never written down.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Here, Http, secrets::fetch};
use crate::model::{DatadogSpec, Redactor};

/// The size of a page of monitors; below, the largest number of pages.
const PAGE: usize = 100;
const PAGES: usize = 100;

/// A monitor, without its message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MonitorInfo {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// `metric alert`, `log alert`, `service check` …
    pub kind: String,
    /// Its query.
    pub query: String,
    /// OK, Alert, Warn, No Data …
    pub state: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Whether its message notifies somebody: `@…`.
    pub tells: bool,
    /// Whether it is muted, at least in part.
    pub muted: bool,
    /// Whether missing data also raises an alert.
    pub notices_silence: bool,
}

/// Datadog, if the bindings name it.
#[derive(Clone, Debug)]
pub struct Datadog {
    http: Http,
    spec: DatadogSpec,
    here: Here,
    redactor: Arc<Redactor>,
}

impl Datadog {
    /// A client with this address and these keys.
    pub fn new(http: Http, spec: DatadogSpec, here: Here, redactor: Arc<Redactor>) -> Self {
        Self { http, spec, here, redactor }
    }

    /// All monitors that the keys may read.
    ///
    /// # Errors
    /// A key could not be read, or Datadog returned an error.
    pub async fn monitors(&self) -> Result<Vec<MonitorInfo>, String> {
        let api = self.key("datadog apiKey", &self.spec.api_key).await?;
        let application = self.key("datadog applicationKey", &self.spec.application_key).await?;
        let headers = [("dd-api-key", api.as_str()), ("dd-application-key", application.as_str())];
        let base = self.spec.url.trim_end_matches('/');
        let mut all = vec![];
        for page in 0..PAGES {
            let url = format!("{base}/api/v1/monitor?page={page}&page_size={PAGE}");
            let answer = self.http.json_with(&url, &headers).await.map_err(|e| e.to_string())?;
            let Some(items) = answer.as_array() else {
                return Err(format!("the answer of {base}/api/v1/monitor is not a list of monitors"));
            };
            all.extend(items.iter().map(monitor));
            if items.len() < PAGE {
                return Ok(all);
            }
        }
        Err(format!(
            "{base} has more than {} monitors: use an application key that can read fewer of them",
            PAGE * PAGES
        ))
    }

    async fn key(&self, name: &str, reference: &crate::model::SecretRef) -> Result<String, String> {
        let secret = fetch(reference, &self.here).await.map_err(|e| format!("{name}: {e}"))?;
        self.redactor.remember(secret.clone());
        Ok(secret.reveal().to_owned())
    }
}

fn monitor(value: &Value) -> MonitorInfo {
    let text = |field: &str| value[field].as_str().unwrap_or("").to_owned();
    let options = &value["options"];
    MonitorInfo {
        id: value["id"].as_i64().unwrap_or(0),
        name: text("name"),
        kind: text("type"),
        query: text("query"),
        state: text("overall_state"),
        tags: value["tags"].as_array().into_iter().flatten().filter_map(|t| t.as_str().map(str::to_owned)).collect(),
        tells: names_somebody(&text("message")),
        muted: options["silenced"].as_object().is_some_and(|s| !s.is_empty()),
        notices_silence: options["notify_no_data"] == true
            || matches!(options["on_missing_data"].as_str(), Some("show_and_notify_no_data")),
    }
}

/// Whether a message contains a handle: `@pagerduty-shop`, `@ann@example.com`.
fn names_somebody(message: &str) -> bool {
    message.split_whitespace().any(|word| {
        let word = word.trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && c != '@');
        word.strip_prefix('@').is_some_and(|handle| handle.starts_with(|c: char| c.is_ascii_alphanumeric()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn monitors_of_the_shape_that_is_documented() {
        let read = monitor(&json!({"id": 7, "name": "nodes", "type": "query alert", "overall_state": "OK",
            "query": "avg(last_5m):sum:kubernetes_state.node.count{status:not_ready} > 0", "tags": ["team:shop"],
            "message": "Node lost. @pagerduty-shop", "options": {"silenced": {"*": null}, "notify_no_data": true}}));
        assert!(read.tells && read.muted && read.notices_silence && read.state == "OK" && read.tags == ["team:shop"]);
        assert!(!monitor(&json!({"message": "write to a@b, or {{#is_alert}} @ {{/is_alert}}"})).tells);
        assert_eq!(monitor(&json!(null)), MonitorInfo::default());
    }
}
