//! Prometheus and Alertmanager. That an alert fires, is received, is suppressed, or is gone are different facts, which
//! come from different places. Start with [`Monitoring`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Http, HttpError};

/// An alert, as Prometheus or Alertmanager reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActiveAlert {
    /// alertname
    pub name: String,
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// In Prometheus: pending or firing. In Alertmanager: active, suppressed or unprocessed.
    pub state: String,
    /// activeAt or startsAt.
    pub since: Option<Timestamp>,
    /// The receivers to which Alertmanager routes it.
    pub receivers: Vec<String>,
    /// Ids of the silences and alerts that suppress it.
    pub suppressed_by: Vec<String>,
}

/// An alerting rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleInfo {
    /// alertname
    pub name: String,
    /// PromQL.
    pub query: String,
    /// Labels that it adds.
    pub labels: BTreeMap<String, String>,
    /// `for`, in seconds.
    pub for_seconds: f64,
    /// Evaluation interval, in seconds.
    pub interval_seconds: f64,
    /// Whether its last evaluation succeeded.
    pub healthy: bool,
    /// The error of the last evaluation.
    pub last_error: String,
    /// When that evaluation was made.
    pub last_evaluation: String,
}

/// An active or pending silence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Silence {
    /// Its id.
    pub id: String,
    /// Its author.
    pub by: String,
    /// The comment of its author.
    pub comment: String,
    /// Whether it is active now. If not, it begins later.
    pub active: bool,
    /// When it ends.
    pub ends_at: String,
    /// Name, value, whether the value is a regular expression, and whether it must match.
    pub matchers: Vec<(String, String, bool, bool)>,
}

/// One value in the result of an instant query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sample {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value. A result that is not a number is left out.
    pub value: f64,
}

/// Prometheus and Alertmanager, as far as the bindings name them.
#[derive(Clone, Debug)]
pub struct Monitoring {
    http: Http,
    /// Base URL.
    pub prometheus: Option<String>,
    /// Base URLs, one for each peer.
    pub alertmanagers: Vec<String>,
}

impl Monitoring {
    /// With these base URLs. A slash at the end is accepted.
    pub fn new(http: Http, prometheus: Option<&str>, alertmanagers: &[String]) -> Self {
        let trim = |url: &str| url.trim_end_matches('/').to_owned();
        Self { http, prometheus: prometheus.map(trim), alertmanagers: alertmanagers.iter().map(|u| trim(u)).collect() }
    }

    /// The list in an answer. An answer without the list is an error, because it does not mean that the list is empty.
    async fn rows(&self, url: &str, pointer: &str) -> Result<Vec<Value>, HttpError> {
        let answer = self.http.json(url).await?;
        self.rows_of(answer, url, pointer)
    }

    fn rows_of(&self, mut answer: Value, url: &str, pointer: &str) -> Result<Vec<Value>, HttpError> {
        match answer.pointer_mut(pointer).map(Value::take) {
            Some(Value::Array(rows)) => Ok(rows),
            _ => Err(self.http.strange(url, "the answer is JSON, but does not contain the expected list")),
        }
    }

    /// The same for callers that ask every second: none if the answer is the same as the last one.
    async fn news(&self, url: &str, pointer: &str, last: &mut Vec<u8>) -> Result<Option<Vec<Value>>, HttpError> {
        let bytes = self.http.bytes(url).await?;
        if bytes == *last {
            return Ok(None);
        }
        let rows = self.rows_of(self.http.json_of(url, &bytes)?, url, pointer)?;
        *last = bytes;
        Ok(Some(rows))
    }

    /// Pending and firing alerts in Prometheus; none if the answer is the same as the last one.
    pub async fn firing_anew(&self, last: &mut Vec<u8>) -> Option<Result<Option<Vec<ActiveAlert>>, HttpError>> {
        let url = format!("{}{FIRING}", self.prometheus.as_ref()?);
        let news = self.news(&url, FIRING_ROWS, last).await;
        Some(news.map(|rows| rows.map(|rows| rows.iter().map(fires).collect())))
    }

    /// Alerts in an Alertmanager; none if the answer is the same as the last one.
    pub async fn received_anew(&self, base: &str, last: &mut Vec<u8>) -> Result<Option<Vec<ActiveAlert>>, HttpError> {
        let rows = self.news(&format!("{base}{RECEIVED}"), "", last).await?;
        Ok(rows.map(|rows| rows.iter().map(is_held).collect()))
    }

    /// Pending and firing alerts in Prometheus.
    pub async fn firing(&self) -> Option<Result<Vec<ActiveAlert>, HttpError>> {
        let url = format!("{}{FIRING}", self.prometheus.as_ref()?);
        Some(self.rows(&url, FIRING_ROWS).await.map(|all| all.iter().map(fires).collect()))
    }

    /// Alerts in an Alertmanager, without resolved ones.
    pub async fn received(&self, base: &str) -> Result<Vec<ActiveAlert>, HttpError> {
        Ok(self.rows(&format!("{base}{RECEIVED}"), "").await?.iter().map(is_held).collect())
    }

    /// The alerting rules.
    pub async fn rules(&self) -> Option<Result<Vec<RuleInfo>, HttpError>> {
        let url = format!("{}/api/v1/rules?type=alert", self.prometheus.as_ref()?);
        Some(self.rows(&url, "/data/groups").await.map(|groups| {
            groups
                .iter()
                .flat_map(|group| {
                    let interval = group["interval"].as_f64().unwrap_or(0.0);
                    list(group, "/rules").into_iter().map(move |rule| RuleInfo {
                        name: word(&rule, "name"),
                        query: word(&rule, "query"),
                        labels: labels(&rule),
                        for_seconds: rule["duration"].as_f64().unwrap_or(0.0),
                        interval_seconds: interval,
                        healthy: rule["health"] == "ok" || rule["health"] == "unknown",
                        last_error: word(&rule, "lastError"),
                        last_evaluation: word(&rule, "lastEvaluation"),
                    })
                })
                .collect()
        }))
    }

    /// Active and pending silences.
    pub async fn silences(&self, base: &str) -> Result<Vec<Silence>, HttpError> {
        let rows = self.rows(&format!("{base}/api/v2/silences"), "").await?;
        Ok(rows
            .iter()
            .filter(|s| s.pointer("/status/state").and_then(Value::as_str) != Some("expired"))
            .map(|s| Silence {
                id: word(s, "id"),
                by: word(s, "createdBy"),
                comment: word(s, "comment"),
                active: s.pointer("/status/state").and_then(Value::as_str) == Some("active"),
                ends_at: word(s, "endsAt"),
                matchers: list(s, "/matchers")
                    .iter()
                    .map(|m| (word(m, "name"), word(m, "value"), m["isRegex"] == true, m["isEqual"] != false))
                    .collect(),
            })
            .collect())
    }

    /// Alertmanager's configuration as text.
    pub async fn configuration(&self, base: &str) -> Result<String, HttpError> {
        let answer = self.http.json(&format!("{base}/api/v2/status")).await?;
        Ok(answer.pointer("/config/original").and_then(Value::as_str).unwrap_or("").to_owned())
    }

    /// An instant query.
    pub async fn query(&self, query: &str) -> Option<Result<Vec<Sample>, HttpError>> {
        let url = with(&format!("{}/api/v1/query", self.prometheus.as_ref()?), &[("query", query)]);
        Some(self.rows(&url, "/data/result").await.map(|samples| {
            let value = |s: &Value| s.pointer("/value/1")?.as_str()?.parse::<f64>().ok().filter(|v| v.is_finite());
            samples.iter().filter_map(|s| Some(Sample { labels: pairs(&s["metric"]), value: value(s)? })).collect()
        }))
    }

    /// Whether a selector had a series since this time.
    pub async fn has_series(&self, selector: &str, since: Timestamp) -> Option<Result<bool, HttpError>> {
        let base = self.prometheus.as_ref()?;
        let since = since.as_second().to_string();
        let words = [("match[]", selector), ("start", since.as_str()), ("limit", "1")];
        let rows = self.rows(&with(&format!("{base}/api/v1/series"), &words), "/data").await;
        Some(rows.map(|rows| !rows.is_empty()))
    }

    /// The number of Alertmanagers to which Prometheus sends.
    pub async fn receivers(&self) -> Option<Result<usize, HttpError>> {
        let url = format!("{}/api/v1/alertmanagers", self.prometheus.as_ref()?);
        Some(self.rows(&url, "/data/activeAlertmanagers").await.map(|rows| rows.len()))
    }

    /// Prometheus' own time, to measure the difference of the clocks.
    pub async fn time(&self) -> Option<Result<f64, HttpError>> {
        let url = format!("{}/api/v1/query?query=time()", self.prometheus.as_ref()?);
        let answer = match self.rows(&url, "/data/result").await {
            Ok(answer) => answer,
            Err(error) => return Some(Err(error)),
        };
        let time = answer.get(1).and_then(Value::as_str).and_then(|t| t.parse().ok());
        Some(time.ok_or_else(|| self.http.strange(&url, "the answer does not contain a time")))
    }
}

/// The path of the alerts in Prometheus; below, their place in the answer.
const FIRING: &str = "/api/v1/alerts";
const FIRING_ROWS: &str = "/data/alerts";
/// The path of the alerts in an Alertmanager.
const RECEIVED: &str = "/api/v2/alerts";

fn fires(row: &Value) -> ActiveAlert {
    alert(row, row["state"].as_str().unwrap_or(""), "activeAt")
}

fn is_held(row: &Value) -> ActiveAlert {
    alert(row, row.pointer("/status/state").and_then(Value::as_str).unwrap_or(""), "startsAt")
}

fn alert(value: &Value, state: &str, since: &str) -> ActiveAlert {
    let labels = labels(value);
    let words = |pointer: &str| -> Vec<String> {
        list(value, pointer).iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let mut suppressed_by = words("/status/silencedBy");
    suppressed_by.extend(words("/status/inhibitedBy"));
    suppressed_by.extend(words("/status/mutedBy"));
    ActiveAlert {
        name: labels.get("alertname").cloned().unwrap_or_default(),
        labels,
        state: state.to_owned(),
        since: value[since].as_str().and_then(|t| t.parse().ok()),
        receivers: list(value, "/receivers").iter().map(|r| word(r, "name")).collect(),
        suppressed_by,
    }
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    pairs(&value["labels"])
}

fn pairs(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}

/// Adds a query to an address. An invalid address is reported when it is requested.
fn with(url: &str, query: &[(&str, &str)]) -> String {
    reqwest::Url::parse_with_params(url, query).map_or_else(|_| url.to_owned(), Into::into)
}

fn list(value: &Value, pointer: &str) -> Vec<Value> {
    value.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn word(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or("").to_owned()
}
