//! What Prometheus and Alertmanager report for a review: rules, alerts, silences, routes, and the answers to a fixed
//! table of queries. Each answer can also be the reason why it is missing. What was not asked is not stored. Start
//! with [`Readings`].

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use jiff::ToSpan;
use serde::{Deserialize, Serialize};

use super::{
    Reply,
    addresses::{said, without_logins},
    asked,
};
use crate::world::{ActiveAlert, MonitorInfo, Monitoring, RuleInfo, Sample, Silence};

/// The largest number of queries at the same time.
const AT_ONCE: usize = 4;
/// The largest number of selectors that are checked.
const SELECTORS: usize = 1000;

/// The queries, by the name under which a check finds the answer. Usage covers the last seven days, or as much of them
/// as Prometheus has.
pub const QUESTIONS: &[(&str, &str)] = &[
    ("jobs", "count by (job) (up)"),
    ("jobs-up", "sum by (job) (up)"),
    ("up-by namespace", "sum by (namespace) (up{namespace!=\"\"})"),
    (
        "volumes nearly full",
        "min by (namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes) < 0.1",
    ),
    ("jobs-of kube-state-metrics", "group by (job) (last_over_time(kube_node_info[1d]))"),
    ("jobs-of node-exporter", "group by (job) (last_over_time(node_uname_info[1d]))"),
    ("jobs-of kubelet", "group by (job) (last_over_time(kubelet_running_pods[1d]))"),
    ("jobs-of API server", "group by (job) (last_over_time(apiserver_storage_objects[1d]))"),
    (
        "memory",
        "max by (namespace, pod, container) (quantile_over_time(0.95, container_memory_working_set_bytes{container!=\"\",container!=\"POD\"}[7d]))",
    ),
    (
        "cpu",
        "max by (namespace, pod, container) (quantile_over_time(0.95, rate(container_cpu_usage_seconds_total{container!=\"\",container!=\"POD\"}[5m])[7d:5m]))",
    ),
    (
        "throttled",
        "sum by (namespace, pod, container) (increase(container_cpu_cfs_throttled_periods_total{container!=\"\"}[1d])) / sum by (namespace, pod, container) (increase(container_cpu_cfs_periods_total{container!=\"\"}[1d]))",
    ),
    ("series", "sum by (instance) (prometheus_tsdb_head_series)"),
    ("series-a-week-ago", "sum by (instance) (prometheus_tsdb_head_series offset 7d)"),
    (
        "dropped: scrapes over the sample limit",
        "sum(increase(prometheus_target_scrapes_exceeded_sample_limit_total[1d]))",
    ),
    ("dropped: samples out of order", "sum(increase(prometheus_target_scrapes_sample_out_of_order_total[1d]))"),
    ("dropped: samples not written remotely", "sum(increase(prometheus_remote_storage_samples_failed_total[1d]))"),
    ("dropped: log lines refused by Loki", "sum(increase(loki_discarded_samples_total[1d]))"),
    ("disk", "max by (instance) (prometheus_tsdb_storage_blocks_bytes / (prometheus_tsdb_retention_limit_bytes > 0))"),
];

/// The answers of the monitoring.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Readings {
    /// Prometheus; none if none was given.
    pub prometheus: Option<PrometheusReading>,
    /// Each Alertmanager that was given.
    pub alertmanagers: Vec<AlertmanagerReading>,
    /// Datadog's monitors; none if no Datadog was given.
    pub datadog: Option<Reply<Vec<MonitorInfo>>>,
    /// By `namespace/Kind/name`: the number of log lines that were read, and how many of them are structured. None if
    /// logs were not requested.
    pub logs: Option<BTreeMap<String, Reply<(u64, u64)>>>,
}

/// The answers of Prometheus.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PrometheusReading {
    /// Alerting rules.
    #[serde(default = "not_asked")]
    pub rules: Reply<Vec<RuleInfo>>,
    /// Pending and firing alerts.
    #[serde(default = "not_asked")]
    pub alerts: Reply<Vec<ActiveAlert>>,
    /// How many Alertmanagers it sends to.
    #[serde(default = "not_asked")]
    pub receivers: Reply<usize>,
    /// Selectors of the rules, and whether they had a series within a day.
    #[serde(default = "not_asked")]
    pub selectors: Reply<BTreeMap<String, bool>>,
    /// Answers to the questions.
    #[serde(default)]
    pub samples: BTreeMap<String, Reply<Vec<Sample>>>,
}

/// The answers of an Alertmanager.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AlertmanagerReading {
    /// Its base URL, without a login.
    pub url: String,
    /// Its configuration, without the secrets that Alertmanager itself hides.
    #[serde(default = "not_asked")]
    pub configuration: Reply<String>,
    /// Silences that are active or pending.
    #[serde(default = "not_asked")]
    pub silences: Reply<Vec<Silence>>,
}

fn not_asked<T>() -> Reply<T> {
    Err("this was not requested".into())
}

impl PrometheusReading {
    /// The answer to a query of the table.
    ///
    /// # Errors
    /// Why there is none.
    pub fn answer(&self, name: &str) -> Result<&[Sample], String> {
        match self.samples.get(name) {
            Some(Ok(samples)) => Ok(samples),
            Some(Err(why)) => Err(why.clone()),
            None => Err("this was not requested".into()),
        }
    }
}

/// Asks all sources that were given.
pub async fn readings(monitoring: &Monitoring, at: jiff::Timestamp) -> Readings {
    let mut found = Readings::default();
    if let (Some(rules), Some(alerts), Some(receivers)) =
        tokio::join!(monitoring.rules(), monitoring.firing(), monitoring.receivers())
    {
        let rules = rules.map_err(|e| said(&e));
        let selectors = match &rules {
            Ok(rules) => selectors(monitoring, rules, at).await,
            Err(why) => Err(why.clone()),
        };
        let questions = stream::iter(QUESTIONS.iter().map(|(name, query)| async move {
            let answer = monitoring.query(query).await.unwrap_or(Ok(vec![]));
            ((*name).to_owned(), answer.map_err(|e| said(&e)))
        }));
        let samples = questions.buffered(AT_ONCE).collect().await;
        let (alerts, receivers) = (alerts.map_err(|e| said(&e)), receivers.map_err(|e| said(&e)));
        found.prometheus = Some(PrometheusReading { rules, alerts, receivers, selectors, samples });
    }
    for base in &monitoring.alertmanagers {
        found.alertmanagers.push(AlertmanagerReading {
            url: without_logins(base).into_owned(),
            configuration: monitoring.configuration(base).await.map_err(|e| said(&e)),
            silences: monitoring.silences(base).await.map_err(|e| said(&e)),
        });
    }
    found
}

async fn selectors(monitoring: &Monitoring, rules: &[RuleInfo], at: jiff::Timestamp) -> Reply<BTreeMap<String, bool>> {
    let all: BTreeSet<String> =
        rules.iter().filter_map(|r| asked(&r.query).ok()).flat_map(|asked| asked.selectors).collect();
    if all.len() > SELECTORS {
        return Err(format!("the rules have {} selectors; drillmaster checks at most {SELECTORS}", all.len()));
    }
    let since = at.saturating_sub(24.hours()).unwrap_or(at);
    let answers = stream::iter(all.into_iter().map(|selector| async move {
        let alive = monitoring.has_series(&selector, since).await.unwrap_or(Ok(false)).map_err(|e| said(&e));
        alive.map(|alive| (selector, alive))
    }));
    answers.buffered(AT_ONCE).collect::<Vec<_>>().await.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::world::Http;

    #[tokio::test]
    async fn a_login_in_an_address_is_in_no_answer() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Nothing listens on port 1.
        let base = "http://me:PLANTED@127.0.0.1:1/prefix".to_owned();
        let monitoring = Monitoring::new(
            Http::new(Duration::from_secs(5), &std::sync::Arc::default()),
            Some(&base),
            std::slice::from_ref(&base),
        );
        let said = readings(&monitoring, jiff::Timestamp::UNIX_EPOCH).await;
        let text = serde_json::to_string(&said).expect("readings");
        assert!(!text.contains("PLANTED") && text.contains("127.0.0.1:1/prefix"), "{text}");
    }
}
