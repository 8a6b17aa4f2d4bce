//! A picture of the run on one time axis: steps, faults, nodes by zone, ready pods, probes and alerts. Times without
//! observation are grey.

use std::{collections::BTreeMap, fmt::Write};

use crate::verdict::History;

const LEFT: f64 = 210.0;
const WIDTH: f64 = 900.0;
const ROW: f64 = 18.0;

/// A row with more changes than this does not show all of them.
const DRAWN: usize = 2_000;

struct Chart {
    body: String,
    y: f64,
    scale: f64,
    end_us: u64,
}

/// The picture.
pub(super) fn svg(history: &History) -> String {
    let end_us = history.end_us.max(1_000_000);
    let mut chart = Chart { body: String::new(), y: 24.0, scale: WIDTH / end_us as f64, end_us };
    chart.steps(history);
    chart.faults(history);
    chart.nodes(history);
    chart.replicas(history);
    chart.probes(history);
    chart.alerts(history);
    let height = chart.y + 8.0;
    let axis = chart.axis(height);
    let blind = chart.blind(history, height);
    let legend = "Time line: one row for each step, fault, node, workload, probe and alert";
    format!(
        "<svg viewBox=\"0 0 {:.0} {height:.0}\" role=\"img\" aria-label=\"{legend}\" xmlns=\"http://www.w3.org/2000/svg\">{axis}{}{blind}</svg>",
        LEFT + WIDTH + 20.0,
        chart.body
    )
}

impl Chart {
    fn x(&self, us: u64) -> f64 {
        LEFT + us.min(self.end_us) as f64 * self.scale
    }

    /// The changes of a row, as far as one can distinguish them: of very many, those of one point of the picture are
    /// its lowest, its highest and its last value.
    fn drawn(&self, points: &[(u64, i64)]) -> Vec<(u64, i64)> {
        if points.len() <= DRAWN {
            return points.to_vec();
        }
        let mut drawn = vec![];
        for column in points.chunk_by(|a, b| self.x(a.0) as u64 == self.x(b.0) as u64) {
            let values = || column.iter().map(|(_, value)| *value);
            let (first, last) = (column[0].0, column[column.len() - 1]);
            drawn.extend(values().min().map(|value| (first, value)));
            drawn.extend(values().max().map(|value| (first, value)));
            drawn.push(last);
        }
        drawn.dedup_by_key(|(_, value)| *value);
        drawn
    }

    fn heading(&mut self, text: &str) {
        self.y += 6.0;
        let _ = write!(self.body, "<text class=\"head\" x=\"4\" y=\"{:.1}\">{}</text>", self.y + 11.0, escape(text));
        self.y += ROW;
    }

    fn label(&mut self, text: &str) {
        let short: String = text.chars().take(34).collect();
        let _ = write!(self.body, "<text x=\"12\" y=\"{:.1}\">{}</text>", self.y + 12.0, escape(&short));
    }

    fn bar(&mut self, class: &str, from: u64, to: u64, title: &str) {
        let (x, end) = (self.x(from), self.x(to));
        let _ = write!(
            self.body,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\"><title>{}</title></rect>",
            self.y + 2.0,
            (end - x).max(1.0),
            escape(title)
        );
    }

    fn steps(&mut self, history: &History) {
        self.heading("Steps");
        let mut steps: Vec<_> = history.steps.iter().collect();
        steps.sort_by_key(|(_, span)| span.from);
        for (name, span) in steps {
            self.label(&name.0);
            let end = span.to().unwrap_or(self.end_us);
            let class = if span.ended.is_some_and(|(_, how)| !how.is_failure()) { "step" } else { "bad" };
            let said = format!("{name}: {:.1} s to {:.1} s", span.from as f64 / 1e6, end as f64 / 1e6);
            self.bar(class, span.from, end, &said);
            self.y += ROW;
        }
    }

    fn faults(&mut self, history: &History) {
        let faults: Vec<_> = history.state.faults.iter().filter(|f| f.revert.disturbs()).take(40).collect();
        if faults.is_empty() {
            return;
        }
        self.heading("Faults, until put back");
        for fault in faults {
            self.label(&fault.id.0);
            let from = fault.sent_us.unwrap_or(0);
            let to = fault.closed.as_ref().map_or(self.end_us, |(t, _)| *t);
            let class = if fault.state.is_open() { "bad" } else { "fault" };
            self.bar(class, from, to, &format!("{}: {:.1} s to {:.1} s", fault.id, from as f64 / 1e6, to as f64 / 1e6));
            self.y += ROW;
        }
    }

    fn nodes(&mut self, history: &History) {
        if history.zones.is_empty() {
            return;
        }
        self.heading("Nodes, by zone");
        let mut nodes: Vec<(&str, &str)> = history.zones.iter().map(|(n, z)| (z.as_str(), n.as_str())).collect();
        nodes.sort_unstable();
        for (zone, node) in nodes.into_iter().take(60) {
            self.label(&if zone.is_empty() { node.to_owned() } else { format!("{zone}: {node}") });
            if let Some(series) = history.nodes.get(node) {
                self.strip(
                    &series.0,
                    |v| if v == 1 { "good" } else { "bad" },
                    |v| if v == 1 { "Ready" } else { "not Ready" },
                );
            }
            self.y += ROW;
        }
    }

    fn strip(
        &mut self,
        points: &[(u64, i64)],
        class: impl Fn(i64) -> &'static str,
        word: impl Fn(i64) -> &'static str,
    ) {
        let points = self.drawn(points);
        for (i, (from, value)) in points.iter().enumerate() {
            let to = points.get(i + 1).map_or(self.end_us, |(t, _)| *t);
            self.bar(
                class(*value),
                *from,
                to,
                &format!("{} from {:.1} s to {:.1} s", word(*value), *from as f64 / 1e6, to as f64 / 1e6),
            );
        }
    }

    fn replicas(&mut self, history: &History) {
        if history.ready.is_empty() {
            return;
        }
        self.heading("Ready pods");
        let of_scope =
            |namespace: &String| history.state.plan.as_ref().is_none_or(|p| p.namespaces.contains(namespace));
        for ((_, workload), series) in history.ready.iter().filter(|((ns, _), _)| of_scope(ns)).take(20) {
            let most = series.0.iter().map(|(_, v)| *v).max().unwrap_or(0).max(1);
            self.label(&format!("{workload} (of {most})"));
            let base = self.y + 28.0;
            let y = |v: i64| base - v as f64 * 24.0 / most as f64;
            let mut path = String::new();
            for (i, (t, value)) in self.drawn(&series.0).iter().enumerate() {
                let x = self.x(*t);
                let _ = if i == 0 {
                    write!(path, "M{x:.1} {:.1}", y(*value))
                } else {
                    write!(path, "H{x:.1}V{:.1}", y(*value))
                };
            }
            let _ = write!(path, "H{:.1}", self.x(self.end_us));
            let _ = write!(
                self.body,
                "<line class=\"base\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{base:.1}\" y2=\"{base:.1}\"/><path class=\"line\" d=\"{path}\"/>",
                LEFT + WIDTH
            );
            self.y += 34.0;
        }
    }

    fn probes(&mut self, history: &History) {
        if history.probes.is_empty() {
            return;
        }
        self.heading("Probes");
        for (probe, runs) in &history.probes {
            self.label(probe);
            let mut merged: Vec<(u64, u64, &str, String)> = vec![];
            for run in runs {
                let class = match (run.lost, run.ok) {
                    (true, _) => "dim",
                    (_, true) => "good",
                    _ => "bad",
                };
                match merged.last_mut() {
                    Some(last) if last.2 == class => last.1 = run.to_us,
                    _ => merged.push((run.from_us, run.to_us, class, run.error.to_string())),
                }
            }
            for (from, to, class, error) in merged {
                let word = match class {
                    "good" => "answers".to_owned(),
                    "dim" => format!("cannot be tested from this machine: {error}"),
                    _ => format!("fails: {error}"),
                };
                self.bar(class, from, to, &format!("{word}, {:.1} s to {:.1} s", from as f64 / 1e6, to as f64 / 1e6));
            }
            self.y += ROW;
        }
    }

    fn alerts(&mut self, history: &History) {
        let mut rows: BTreeMap<(String, String), Vec<(u64, String)>> = BTreeMap::new();
        for point in &history.alerts {
            let node = point.labels.get("node").or(point.labels.get("deployment")).or(point.labels.get("statefulset"));
            let name = node.map_or_else(|| point.name.clone(), |n| format!("{} {n}", point.name));
            let source = if point.source == "prometheus" { "p" } else { "a" };
            rows.entry((name, source.to_owned())).or_default().push((point.at, point.state.clone()));
        }
        if rows.is_empty() {
            return;
        }
        self.heading("Alerts: Prometheus (P), Alertmanager (A)");
        for ((name, source), points) in rows.into_iter().take(40) {
            self.label(&format!("{} {name}", source.to_uppercase()));
            for (i, (from, state)) in points.iter().enumerate() {
                let to = points.get(i + 1).map_or(self.end_us, |(t, _)| *t);
                let class = match state.as_str() {
                    "" => continue,
                    "pending" => "pending",
                    "suppressed" => "dim",
                    _ => "alert",
                };
                self.bar(
                    class,
                    *from,
                    to,
                    &format!("{name} {state}, {:.1} s to {:.1} s", *from as f64 / 1e6, to as f64 / 1e6),
                );
            }
            self.y += ROW;
        }
    }

    fn axis(&self, height: f64) -> String {
        let seconds = self.end_us as f64 / 1e6;
        let step = [1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0]
            .into_iter()
            .find(|s| seconds / s <= 14.0)
            // However long the run was, there are not more lines than one can distinguish.
            .unwrap_or_else(|| (seconds / 14.0 / 3600.0).ceil().max(1.0) * 3600.0);
        let mut out = String::new();
        let mut t = 0.0;
        while t <= seconds {
            let x = self.x((t * 1e6) as u64);
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"18\" y2=\"{height:.1}\"/><text class=\"tick\" x=\"{x:.1}\" y=\"12\">{t:.0} s</text>"
            );
            t += step;
        }
        out
    }

    fn blind(&self, history: &History, height: f64) -> String {
        let mut out = String::new();
        let mut all: Vec<(u64, u64)> =
            history.blind().filter(|(from, to)| to.saturating_sub(*from) > 1_500_000).collect();
        all.sort_unstable();
        // Several watches have gaps at the same time. Overlapping shades would hide what probes observed.
        all.dedup_by(|next, kept| {
            let joined = next.0 <= kept.1;
            kept.1 = if joined { kept.1.max(next.1) } else { kept.1 };
            joined
        });
        for (from, to) in all {
            let (x, end) = (self.x(from), self.x(to));
            let _ = write!(
                out,
                "<rect class=\"blind\" x=\"{x:.1}\" y=\"18\" width=\"{:.1}\" height=\"{:.1}\"><title>the API server could not be reached</title></rect>",
                (end - x).max(1.0),
                height - 18.0
            );
        }
        out
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_very_many_changes_keeps_the_lowest_and_the_highest() {
        let chart = Chart { body: String::new(), y: 0.0, scale: WIDTH / 1e9, end_us: 1_000_000_000 };
        let few: Vec<(u64, i64)> = (0..DRAWN as u64).map(|t| (t, i64::from(t % 2 == 0))).collect();
        assert_eq!(chart.drawn(&few), few);
        let mut many: Vec<(u64, i64)> = (0..100_000_u64).map(|t| (t * 10_000, 5 + (t % 3) as i64)).collect();
        (many[40_001].1, many[70_000].1) = (0, 9);
        let drawn = chart.drawn(&many);
        assert!(drawn.len() <= 3 * 901, "{}", drawn.len());
        assert!(drawn.iter().any(|(_, v)| *v == 0) && drawn.iter().any(|(_, v)| *v == 9));
        assert_eq!((drawn[0].0, drawn.last().map(|l| l.1)), (0, many.last().map(|l| l.1)));
        assert!(drawn.is_sorted_by_key(|(t, _)| *t));
    }
}
