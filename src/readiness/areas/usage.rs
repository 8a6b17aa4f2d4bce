//! Usage compared with requests and limits, and whether the monitoring has headroom.

use std::collections::BTreeMap;

use serde_json::Value;

use super::alarms::prometheus;
use crate::{
    inventory::PrometheusReading,
    kubernetes::{cpu_millis, memory_bytes, objects::Pod},
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{ALERTS, Check, NODE, Needs, REGION, Say, ZONE},
        picture::{Picture, Work},
        values::{no_data, text},
    },
};

pub(crate) const USAGE: &[Check] = &[
    Check {
        id: "RES-003",
        name: "under-provisioned",
        title: "Containers do not use more than they request",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[NODE, ZONE, REGION],
        needs: Needs::Cluster,
        rule: "By the 95th percentile of the last 7 days (Prometheus, as far back as it has data), each container uses at most its memory request, at most 90 % of its memory limit, and at most 1.5 times its CPU request. In the last day at most 25 % of its CPU periods were throttled. In the last 7 days it was not OOMKilled. Without data in Prometheus, the current usage (metrics.k8s.io) counts, or else the target of a VerticalPodAutoscaler; without any of them the result is unknown. A container without requests is skipped (see RES-001), unless it was OOMKilled. Jobs and CronJobs are not examined.",
        fix: "Raise requests and limits to the actual usage",
        why: "The scheduler places pods by their requests. After a loss, the remaining nodes have no room for usage above the requests.",
        run: under,
    },
    Check {
        id: "RES-004",
        name: "over-provisioned",
        title: "Requests are not far above the usage",
        severity: Severity::Low,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Cluster,
        rule: "No container requests more than twice its usage and, at the same time, more than 100 m of CPU or 128 Mi of memory above it. Usage is the 95th percentile of the last 7 days (Prometheus), or else the target of a VerticalPodAutoscaler above the recommender's minimum of 25 m and 250 Mi; without both the result is unknown. Jobs and CronJobs are not examined.",
        fix: "Lower the request",
        why: "Capacity that is requested and not used is missing when a zone is lost.",
        run: over,
    },
];

pub(crate) const MONITORING: &[Check] = &[
    Check {
        id: "MET-004",
        name: "core-targets-up",
        title: "The core exporters are up",
        severity: Severity::High,
        class: Class::Blocks,
        gates: &[ALERTS],
        needs: Needs::Cluster,
        rule: "Prometheus has targets of kube-state-metrics, of node-exporter, of the kubelet and of the API server (their jobs are found by a series of each within a day), and at least 99 % of the targets of each are up.",
        fix: "Install the exporter, or repair its scrape",
        why: "Without these targets no alert can fire, and nothing proves that a workload recovered.",
        run: targets,
    },
    Check {
        id: "MON-SCALE",
        name: "monitoring-scale",
        title: "Metrics and logs have headroom",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Cluster,
        rule: "No Prometheus has more than twice the series of a week ago. In the last day no scrape exceeded its sample limit, no sample came out of order or failed to be written remotely, and Loki refused no log lines. Storage is below 90 % of the size limit, if one is set. The result is unknown if Prometheus does not scrape itself.",
        fix: "Raise the limits, or drop the series and logs that nobody uses",
        why: "An outage produces more series and more log lines, and that is when they are needed.",
        run: scale,
    },
];

/// Usage of one container, as far as it is known: bytes of memory, millis of CPU.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    memory: Option<f64>,
    cpu: Option<f64>,
    throttled: Option<f64>,
    /// Whether it is a percentile over days, and not a current value.
    lasting: bool,
}

/// Samples by namespace, pod and container.
type Table<'a> = BTreeMap<(&'a str, &'a str, &'a str), f64>;

fn table<'a>(prometheus: Option<&'a PrometheusReading>, name: &str) -> Table<'a> {
    let samples = prometheus.and_then(|p| p.answer(name).ok()).unwrap_or_default();
    let label = |s: &'a crate::world::Sample, name: &str| s.labels.get(name).map_or("", String::as_str);
    samples.iter().map(|s| ((label(s, "namespace"), label(s, "pod"), label(s, "container")), s.value)).collect()
}

struct Usage<'a> {
    memory: Table<'a>,
    cpu: Table<'a>,
    throttled: Table<'a>,
    now: BTreeMap<(&'a str, &'a str, &'a str), (f64, f64)>,
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory are far below 2^53")]
impl<'a> Usage<'a> {
    fn of(p: &Picture<'a>) -> Self {
        let prometheus = p.object_set.readings.prometheus.as_ref();
        let mut now = BTreeMap::new();
        for metrics in p.object_set.any("PodMetrics.metrics.k8s.io") {
            for container in metrics.list("/containers") {
                let of =
                    (metrics.metadata.namespace.as_str(), metrics.metadata.name.as_str(), text(container, "/name"));
                let memory = memory_bytes(text(container, "/usage/memory")).unwrap_or(0) as f64;
                now.insert(of, (memory, nano(text(container, "/usage/cpu"))));
            }
        }
        Self {
            memory: table(prometheus, "memory"),
            cpu: table(prometheus, "cpu"),
            throttled: table(prometheus, "throttled"),
            now,
        }
    }

    /// The highest usage of a container among the pods of a workload.
    fn used(&self, pods: &[&'a Pod], container: &'a str) -> Option<Used> {
        let mut most: Option<Used> = None;
        for pod in pods {
            let key = (pod.metadata.namespace.as_str(), pod.metadata.name.as_str(), container);
            let (memory, cpu) = (self.memory.get(&key).copied(), self.cpu.get(&key).map(|c| c * 1000.0));
            let lasting = memory.is_some() || cpu.is_some();
            let now = self.now.get(&key).copied().filter(|_| !lasting);
            if !lasting && now.is_none() {
                continue;
            }
            let before = most.unwrap_or_default();
            let larger = |a: Option<f64>, b: Option<f64>| a.into_iter().chain(b).reduce(f64::max);
            most = Some(Used {
                memory: larger(before.memory, memory.or(now.map(|n| n.0))),
                cpu: larger(before.cpu, cpu.or(now.map(|n| n.1))),
                throttled: larger(before.throttled, self.throttled.get(&key).copied()),
                lasting: before.lasting || lasting,
            });
        }
        most
    }
}

/// Millis of CPU in the notation of metrics.k8s.io: `12345678n`.
fn nano(text: &str) -> f64 {
    let part = |unit: char, factor: f64| text.strip_suffix(unit)?.parse::<f64>().ok().map(|n| n * factor);
    #[expect(clippy::cast_precision_loss, reason = "a count of processors")]
    let whole = || cpu_millis(text).unwrap_or(0) as f64;
    part('n', 1e-6).or_else(|| part('u', 1e-3)).unwrap_or_else(whole)
}

/// The target of a VerticalPodAutoscaler for a container: millis and bytes.
#[expect(clippy::cast_precision_loss, reason = "bytes of memory are far below 2^53")]
fn recommended(p: &Picture<'_>, work: &Work<'_>, container: &str) -> Option<(f64, f64)> {
    let vpa = p.object_set.any("VerticalPodAutoscaler.autoscaling.k8s.io").iter().find(|v| {
        v.metadata.namespace == work.namespace()
            && v.text("/spec/targetRef/name") == work.name()
            && v.text("/spec/targetRef/kind") == work.kind
    })?;
    let all = vpa.list("/status/recommendation/containerRecommendations");
    let own = all.iter().find(|r| text(r, "/containerName") == container)?;
    Some((cpu_millis(text(own, "/target/cpu"))? as f64, memory_bytes(text(own, "/target/memory"))? as f64))
}

/// A request or a limit of a container: millis or bytes.
fn asked(container: &Value, what: &str, resource: &str) -> Option<f64> {
    let word = |what: &str| container.pointer(&format!("/resources/{what}/{resource}")).map(written);
    // Without a request, the limit is the request.
    let word = word(what).or_else(|| (what == "requests").then(|| word("limits")).flatten())?;
    #[expect(clippy::cast_precision_loss, reason = "bytes of memory are far below 2^53")]
    let number = if resource == "cpu" { cpu_millis(&word) } else { memory_bytes(&word) }.map(|n| n as f64);
    number.filter(|n| *n > 0.0)
}

fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

const MI: f64 = 1_048_576.0;
const WEEK: i64 = 7 * 86_400;

fn under(p: &Picture<'_>, say: &mut Say) {
    let usage = Usage::of(p);
    for work in p.works.iter().filter(|w| !w.is_batch()) {
        let pods = p.pods(work);
        for container in work.containers() {
            let subject = Subject::from(work).part(container.name);
            let mut wrong = killed(p, &pods, container.name);
            let used = usage.used(&pods, container.name);
            let advised = recommended(p, work, container.name);
            let asks = ["cpu", "memory"].iter().any(|what| asked(container.value, "requests", what).is_some());
            if !asks && wrong.is_empty() {
                say.skip(subject, "it has no requests: see RES-001");
                continue;
            }
            if let Some(used) = used {
                exceeded(container.value, used, &mut wrong);
            } else if let Some((cpu, memory)) = advised {
                advice(container.value, cpu, memory, &mut wrong);
            } else if wrong.is_empty() {
                say.unknown(
                    subject,
                    Unseen::NoData,
                    "its usage is not known: no data in Prometheus, metrics.k8s.io or a VerticalPodAutoscaler",
                );
                continue;
            }
            say.judge(subject, &format!("{}/resources", container.pointer), &wrong);
        }
    }
}

fn exceeded(container: &Value, used: Used, wrong: &mut Vec<String>) {
    let when = if used.lasting { "at the 95th percentile" } else { "at the moment" };
    if let Some(memory) = used.memory {
        let (request, limit) = (asked(container, "requests", "memory"), asked(container, "limits", "memory"));
        if let Some(limit) = limit.filter(|l| memory > l * 0.9) {
            wrong.push(format!(
                "it uses {:.0} Mi of memory {when}, more than 90 % of its limit of {:.0} Mi",
                memory / MI,
                limit / MI
            ));
        } else if let Some(request) = request.filter(|r| memory > *r) {
            wrong.push(format!("it uses {:.0} Mi of memory {when}, but requests {:.0} Mi", memory / MI, request / MI));
        }
    }
    if let (Some(cpu), Some(request)) = (used.cpu, asked(container, "requests", "cpu"))
        && cpu > request * 1.5
    {
        wrong.push(format!("it uses {cpu:.0} m of CPU {when}, but requests {request:.0} m"));
    }
    if let Some(share) = used.throttled.filter(|t| *t > 0.25) {
        wrong.push(format!("it was throttled in {:.0} % of its CPU periods", share * 100.0));
    }
}

fn advice(container: &Value, cpu: f64, memory: f64, wrong: &mut Vec<String>) {
    if let Some(request) = asked(container, "requests", "cpu").filter(|r| cpu > r * 1.5) {
        wrong.push(format!("its VerticalPodAutoscaler recommends {cpu:.0} m of CPU, but it requests {request:.0} m"));
    }
    if let Some(request) = asked(container, "requests", "memory").filter(|r| memory > *r) {
        wrong.push(format!(
            "its VerticalPodAutoscaler recommends {:.0} Mi of memory, but it requests {:.0} Mi",
            memory / MI,
            request / MI
        ));
    }
}

/// A pod in which a container was OOMKilled in the last week.
fn killed(p: &Picture<'_>, pods: &[&Pod], container: &str) -> Vec<String> {
    let statuses = pods.iter().flat_map(|pod| pod.status.container_statuses.iter().map(move |s| (pod, s)));
    let lately = statuses.filter(|(_, s)| s.name == container).filter(|(_, s)| {
        text(&s.last_state, "/terminated/reason") == "OOMKilled"
            && p.age(text(&s.last_state, "/terminated/finishedAt")).is_some_and(|age| age < WEEK)
    });
    lately.map(|(pod, _)| format!("it was OOMKilled in pod {}", pod.metadata.name)).take(1).collect()
}

/// How far a request may exceed the usage although it is more than twice as high: millis, bytes.
const SPARE_CPU: f64 = 100.0;
const SPARE_MEMORY: f64 = 128.0 * MI;
/// The minimum that the recommender recommends. A target at this value says nothing about the usage.
const FLOOR: (f64, f64) = (25.0, 250.0 * MI);

fn over(p: &Picture<'_>, say: &mut Say) {
    let usage = Usage::of(p);
    for work in p.works.iter().filter(|w| !w.is_batch()) {
        let pods = p.pods(work);
        for container in work.containers() {
            let subject = Subject::from(work).part(container.name);
            let lasting = usage.used(&pods, container.name).filter(|u| u.lasting);
            let advised = recommended(p, work, container.name);
            let (cpu, memory) = match (lasting, advised) {
                (Some(used), _) => (used.cpu, used.memory),
                (None, Some((cpu, memory))) => {
                    (Some(cpu).filter(|c| *c > FLOOR.0), Some(memory).filter(|m| *m > FLOOR.1))
                }
                (None, None) => {
                    say.unknown(
                        subject,
                        Unseen::NoData,
                        "its usage is not known: no data in Prometheus or a VerticalPodAutoscaler",
                    );
                    continue;
                }
            };
            let idle = |request: Option<f64>, used: Option<f64>, spare: f64| {
                let (request, used) = (request?, used?);
                (request > used * 2.0 && request - used > spare).then_some((request, used))
            };
            let mut wrong = vec![];
            if let Some((request, used)) = idle(asked(container.value, "requests", "cpu"), cpu, SPARE_CPU) {
                wrong.push(format!("it requests {request:.0} m of CPU and uses {used:.0} m"));
            }
            if let Some((request, used)) = idle(asked(container.value, "requests", "memory"), memory, SPARE_MEMORY) {
                wrong.push(format!("it requests {:.0} Mi of memory and uses {:.0} Mi", request / MI, used / MI));
            }
            say.judge(subject, &format!("{}/resources/requests", container.pointer), &wrong);
        }
    }
}

/// The core exporters, by the names of the queries that find their jobs.
const CORE: [&str; 4] = ["kube-state-metrics", "node-exporter", "kubelet", "API server"];

fn targets(p: &Picture<'_>, say: &mut Say) {
    let Some(prometheus) = prometheus(p, say) else { return };
    let by_job = |name: &str| -> Result<BTreeMap<String, f64>, String> {
        let job = |s: &crate::world::Sample| s.labels.get("job").cloned().unwrap_or_default();
        Ok(prometheus.answer(name)?.iter().map(|s| (job(s), s.value)).collect())
    };
    let (all, up) = match (by_job("jobs"), by_job("jobs-up")) {
        (Ok(all), Ok(up)) => (all, up),
        (Err(why), _) | (_, Err(why)) => return no_data(say, why),
    };
    for family in CORE {
        let subject = Subject::named("Exporter", "", family);
        let jobs = match by_job(&format!("jobs-of {family}")) {
            Ok(jobs) => jobs,
            Err(why) => {
                no_data(say, why);
                continue;
            }
        };
        let sum = |table: &BTreeMap<String, f64>| jobs.keys().filter_map(|job| table.get(job)).sum::<f64>();
        let (all, up) = (sum(&all), sum(&up));
        if all < 1.0 {
            say.fail(subject, "", "Prometheus has no target of this exporter");
        } else if up / all < 0.99 {
            say.fail(subject, "", format!("{up:.0} of {all:.0} targets are up"));
        } else {
            say.pass(subject);
        }
    }
}

fn scale(p: &Picture<'_>, say: &mut Say) {
    let Some(prometheus) = prometheus(p, say) else { return };
    let series = match prometheus.answer("series") {
        Ok([]) => return no_data(say, "Prometheus does not scrape itself"),
        Ok(series) => series,
        Err(why) => return no_data(say, why),
    };
    let instance = |s: &crate::world::Sample| s.labels.get("instance").cloned().unwrap_or_default();
    let mut wrong = vec![];
    for before in prometheus.answer("series-a-week-ago").unwrap_or_default() {
        let now = series.iter().find(|s| instance(s) == instance(before)).map_or(0.0, |s| s.value);
        if before.value > 0.0 && now > before.value * 2.0 {
            wrong.push(format!("{now:.0} series at {}, {:.0} a week ago", instance(before), before.value));
        }
    }
    for (name, answer) in prometheus.samples.iter().filter_map(|(n, a)| Some((n.strip_prefix("dropped: ")?, a))) {
        let lost: f64 = answer.iter().flatten().map(|s| s.value).sum();
        if lost >= 1.0 {
            wrong.push(format!("{lost:.0} {name} in the last day"));
        }
    }
    for full in prometheus.answer("disk").unwrap_or_default().iter().filter(|s| s.value >= 0.9) {
        wrong.push(format!("storage of {} is at {:.0} % of its limit", instance(full), full.value * 100.0));
    }
    say.judge(Subject::named("Prometheus", "", "scale"), "", &wrong);
}
