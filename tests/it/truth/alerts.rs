//! Alerts in Prometheus and in Alertmanager, checked separately for each target of the fault.

use drillmaster::model::Judgement;

use super::{
    super::takeover::Chance,
    Moments, So, Truth, cluster, holds,
    monitoring::{Seen, is_whole, spell},
};

/// The error between the clocks of the looks and of the drill's acts, in seconds.
const ERROR_S: f64 = 0.3;
/// How long a look of the drill can miss a change.
const POLL_US: i64 = 1_500_000;

/// What is known about one part, and why.
struct Part {
    so: So,
    said: String,
    /// Whether it is within a second of the objective.
    close: bool,
}

impl Part {
    fn of(so: So, said: &str) -> Self {
        Self { so, said: said.to_owned(), close: false }
    }

    fn timed((least, most): (f64, f64), objective: u64) -> Self {
        let within = |error: f64| So::within((least - error, most + error), objective as f64);
        let said = format!("{least:.2} to {most:.2} s");
        Self { so: within(ERROR_S), said, close: within(POLL_US as f64 / 1e6) == So::Unknown }
    }
}

pub struct Asked {
    /// Whether the alert is NodeNotReady for each target, or ReplicasMissing for web.
    each: bool,
    fires: u64,
    resolves: Option<u64>,
    receiver: Option<&'static str>,
    suppressed: bool,
    /// Whether all alerts from Prometheus reach Alertmanager.
    linked: bool,
}

impl Asked {
    pub fn of(chance: &mut Chance, patient: bool) -> Self {
        let each = chance.below(4) > 0 || patient;
        let fires = if each { chance.of(&[52, 56, 61, 66, 75, 180]) } else { chance.of(&[75, 105, 110, 180]) };
        let resolves = chance.of(&[None, Some(4), Some(8), Some(12), Some(300)]);
        let receiver = chance.of(&[None, None, None, Some("oncall"), Some("nightshift")]);
        let suppressed = chance.below(8) == 0;
        if patient && chance.below(2) == 0 {
            return Self {
                each,
                fires: 180,
                resolves: resolves.map(|_| 300),
                receiver: None,
                suppressed: false,
                linked: true,
            };
        }
        Self { each, fires, resolves, receiver, suppressed, linked: true }
    }

    /// Takes into account what happens during the drill.
    pub fn beside(&mut self, happens: &[String]) {
        let cuts = ["delivery:", "silence:", "inhibition:"];
        self.linked = !happens.iter().any(|entry| cuts.iter().any(|cut| entry.contains(cut)));
    }

    pub fn name(&self) -> &'static str {
        if self.each { "NodeNotReady" } else { "ReplicasMissing" }
    }

    /// The label that distinguishes the alerts.
    pub fn label(&self) -> &'static str {
        if self.each { "node" } else { "deployment" }
    }

    /// A step that waits for the alert.
    pub fn wait(&self) -> String {
        format!("  - {{name: paged, wait: {{until: alerted, atMost: {}s}}}}\n", self.fires + 5)
    }

    pub fn expect(&self) -> String {
        let which = if self.each { "forEach: target.node" } else { "labels: {deployment: web}" };
        let resolves = self.resolves.map(|s| format!(", resolvesWithin: {s}s")).unwrap_or_default();
        let receiver = self.receiver.map(|r| format!(", receiver: {r}")).unwrap_or_default();
        format!(
            "  - alert: {{id: page, name: {}, {which}, firesWithin: {}s, suppressed: {}{resolves}{receiver}}}\n",
            self.name(),
            self.fires,
            self.suppressed
        )
    }

    pub fn lies(&self) -> Vec<String> {
        let mine = self.name();
        let mut lies = vec![
            format!("{{silence: {{matchers: {{alertname: {mine}}}}}}}"),
            format!("{{inhibition: {{source: {{alertname: Watchdog}}, target: {{alertname: {mine}}}}}}}"),
            format!("{{rule: {{alert: {mine}, does: stalls}}}}"),
            format!("{{rule: {{alert: {mine}, does: fails}}}}"),
            "{rule: {alert: Watchdog, does: stalls}}".to_owned(),
            "{delivery: {alertmanager: alertmanager}}".to_owned(),
            "{skew: {source: prometheus, behind: 90s}}".to_owned(),
            "{watches: {does: stall, of: nodes}}".to_owned(),
            "{watches: {does: stall}}".to_owned(),
        ];
        for source in ["prometheus", "alertmanager"] {
            for does in ["gone", "hangs", "emptyObject", "html", "status500"] {
                lies.push(format!("{{source: {{source: {source}, does: {does}}}}}"));
            }
        }
        lies
    }

    pub fn check(&self, judgement: &Judgement, truth: &Truth, when: &Moments, complete: bool, said: &str) {
        let targets = if self.each { when.targets.clone() } else { vec!["web".to_owned()] };
        let mut parts = vec![];
        for target in &targets {
            let looks = truth.alerts.all();
            let seen = Seen { looks: &looks, target, linked: self.linked };
            parts.push(("delivered", target, self.delivered(&seen, when)));
            if self.resolves.is_some() && seen.manager(when).any(|(_, alert)| alert.is_some()) {
                parts.push(("resolved", target, self.resolved(&seen, &truth.cluster, when)));
            }
        }
        let so = So::all(parts.iter().map(|(_, _, part)| part.so));
        // The drill cannot decide within a second of an objective.
        let complete = complete && parts.iter().all(|(_, _, part)| !part.close);
        let told = parts.iter().map(|(what, target, part)| format!("{target} {what}: {:?}, {}", part.so, part.said));
        holds(judgement, so, complete, &told.collect::<Vec<_>>(), said);
    }

    /// Whether the alert was received in time, and people were notified (or were not, if that is expected).
    fn delivered(&self, seen: &Seen<'_>, when: &Moments) -> Part {
        let looks: Vec<_> = seen.manager(when).collect();
        let deadline = when.t0 + self.fires as i64 * 1_000_000;
        let Some(first) = looks.iter().position(|(_, alert)| alert.is_some()) else {
            let times = looks.iter().map(|(at, _)| *at).filter(|at| *at <= deadline);
            let saw = when.undo > deadline && is_whole(when.t0, times, deadline);
            return Part::of(if saw { So::No } else { So::Unknown }, "never received");
        };
        let since = |at: i64| (at - when.t0) as f64 / 1e6;
        let before = if first == 0 { 0.0 } else { since(looks[first - 1].0) };
        let times = (before, since(looks[first].0));
        let in_time = Part::timed(times, self.fires);
        let states = looks[first..].iter().filter_map(|(at, alert)| Some((*at, (*alert)?.active)));
        let states: Vec<(i64, bool)> = states.collect();
        let active = spell(&states, |active| active);
        let quiet = spell(&states, |active| !active);
        let begins_active = states[0].1;
        let told = match self.suppressed {
            true if active > POLL_US => So::No,
            true if active > 0 || begins_active => So::Unknown,
            false if !states.iter().any(|(_, active)| *active) && quiet > POLL_US => So::No,
            false if !begins_active || quiet > 0 || states.iter().any(|(_, active)| !active) => So::Unknown,
            _ => So::Yes,
        };
        let routed = if self.receiver.is_none_or(|r| r == "oncall") { So::Yes } else { So::No };
        let said =
            format!("received {times:?}, told {told:?}, routed {routed:?}: active {active} us, quiet {quiet} us");
        Part { so: So::all([in_time.so, told, routed]), said, ..in_time }
    }

    /// Whether the alert was gone everywhere in time after its target was back.
    fn resolved(&self, seen: &Seen<'_>, cluster: &cluster::Looks, when: &Moments) -> Part {
        let Some(back) = self.back(seen.target, cluster, when) else { return Part::of(So::Unknown, "not back") };
        let within = self.resolves.unwrap_or_default();
        let (one, other) = match (seen.gone(true, when), seen.gone(false, when)) {
            (Ok(one), Ok(other)) => (one, other),
            (Err(there), _) | (_, Err(there)) => {
                let late = there > back.1 + within as i64 * 1_000_000 + POLL_US;
                return Part::of(if late { So::No } else { So::Unknown }, "it is there still");
            }
        };
        let (least, most) = (one.0.max(other.0), one.1.max(other.1));
        // If the alert was gone before its target was back, nothing is known.
        if most < back.1 + POLL_US {
            return Part::of(So::Unknown, "gone before its target was back");
        }
        Part::timed(((least - back.1) as f64 / 1e6, (most - back.0) as f64 / 1e6), within)
    }

    /// The two moments between which the target came back, after the heal began.
    fn back(&self, target: &str, cluster: &cluster::Looks, when: &Moments) -> Option<(i64, i64)> {
        if !self.each {
            return Some((when.undo, when.undo));
        }
        let looks = cluster.all();
        let of: Vec<(i64, bool)> = looks.iter().filter_map(|l| Some((l.at, l.node(target)?.ready))).collect();
        let after = of.iter().position(|(at, ready)| *at >= when.undo && *ready)?;
        let before = of[..after].last().map_or(when.undo, |(at, _)| (*at).max(when.undo));
        Some((before, of[after].0.max(when.undo)))
    }
}
