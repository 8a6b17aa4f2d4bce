//! What happened to a cluster in a drill, and whether a rehearsal on a copy of the cluster saw the same: the same
//! transitions in the same order, at times that differ only by what cannot be known about a cluster beforehand.

use std::collections::BTreeMap;

use drillmaster::{
    event::{Event, Kind, StepEnd},
    model::{Impairment, Revert, StepName},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A drill on a real control plane, with the copy that was taken just before it.
#[derive(Serialize, Deserialize)]
pub struct Recording {
    pub scenario: String,
    /// The variables that were set: `NAME=VALUE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// The name of the control plane and its clocks.
    pub bed: String,
    pub kubernetes: String,
    pub recorded: String,
    pub real: Vec<Seen>,
    /// The copy, with the leases as old as they were when the power was switched off.
    pub description: Value,
}

/// A transition in the cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    pub what: String,
    /// Seconds since its cause, and seconds since the first act of the drill.
    pub since: f64,
    pub at: f64,
    pub cause: Cause,
}

/// The cause of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    PowerAway,
    PowerBack,
    Step,
    Restore,
}

/// The node that is silent, or is cut off from some nodes, while this fault is open.
pub fn silenced(revert: &Revert) -> Option<&str> {
    match revert {
        Revert::NodePower { node, .. }
        | Revert::Impairment { node, what: Impairment::Kubelet | Impairment::Packets { .. }, .. } => Some(&node.name),
        _ => None,
    }
}

/// The transitions in the journal of a drill.
pub fn transitions(events: &[Event]) -> Vec<Seen> {
    let mut watcher = Watcher::default();
    events.iter().for_each(|event| watcher.sees(event));
    watcher.seen
}

/// The end of the drill. What would have come later was not seen.
const OVER: &str = "over";

#[derive(Default)]
struct Watcher {
    first_us: Option<u64>,
    cause: Option<(Cause, u64)>,
    steps: BTreeMap<StepName, (String, u64)>,
    power: Vec<drillmaster::model::FaultId>,
    back: bool,
    known: BTreeMap<String, String>,
    counts: BTreeMap<String, u32>,
    seen: Vec<Seen>,
}

impl Watcher {
    fn says(&mut self, event: &Event, what: &str) {
        if let Some(cause) = self.cause {
            self.follows(event, what, cause);
        }
    }

    fn follows(&mut self, event: &Event, what: &str, (cause, from_us): (Cause, u64)) {
        let n = self.counts.entry(what.to_owned()).or_default();
        *n += 1;
        let seconds = |from: u64| (event.t_us as f64 - from as f64) / 1e6;
        let at = seconds(self.first_us.unwrap_or(from_us));
        self.seen.push(Seen { what: format!("{what} {n}"), since: seconds(from_us), at, cause });
    }

    /// Whether the state of something has changed. A first state does not count as a change.
    fn turned(&mut self, key: String, state: &str) -> bool {
        self.known.insert(key, state.to_owned()).is_some_and(|before| before != state)
    }

    fn caused(&mut self, cause: Cause, at_us: u64) {
        self.cause = Some((cause, at_us));
        self.first_us.get_or_insert(at_us);
    }

    fn sees(&mut self, event: &Event) {
        match &event.event {
            Kind::StepStarted { step, verb, .. } => {
                self.steps.insert(step.clone(), (verb.clone(), event.t_us));
                match verb.as_str() {
                    "backup" | "deleteNamespace" | "drain" | "deletePods" => self.caused(Cause::Step, event.t_us),
                    "restore" => self.caused(Cause::Restore, event.t_us),
                    _ => {}
                }
            }
            Kind::StepFinished { step, end: StepEnd::Done, .. } => {
                if let Some((verb, from)) = self.steps.get(step).cloned()
                    && matches!(verb.as_str(), "backup" | "restore" | "deleteNamespace" | "drain")
                {
                    let cause = if verb == "restore" { Cause::Restore } else { Cause::Step };
                    self.follows(event, &format!("{verb} done"), (cause, from));
                }
            }
            Kind::FaultIntended { fault, revert, .. } if silenced(revert).is_some() => self.power.push(fault.clone()),
            Kind::FaultApplied { fault, sent_us, .. } if self.power.first() == Some(fault) => {
                self.caused(Cause::PowerAway, *sent_us);
            }
            Kind::RevertStarted { fault, .. } if !self.back && self.power.contains(fault) => {
                self.back = true;
                self.caused(Cause::PowerBack, event.t_us);
            }
            _ => self.observes(event),
        }
    }

    fn observes(&mut self, event: &Event) {
        match &event.event {
            Kind::NodeSeen { node, ready, taints, unschedulable, .. } => {
                let up = ready == "True";
                if self.turned(format!("{node} ready"), &up.to_string()) {
                    self.says(event, if up { "node Ready" } else { "node not Ready" });
                }
                let evicts = taints.iter().any(|t| t.ends_with("unreachable:NoExecute"));
                if self.turned(format!("{node} evicts"), &evicts.to_string()) && evicts {
                    self.says(event, "node NoExecute");
                }
                if self.turned(format!("{node} cordoned"), &unschedulable.to_string()) {
                    self.says(event, if *unschedulable { "node cordoned" } else { "node uncordoned" });
                }
            }
            Kind::PodSeen { pod, .. } if pod.namespace == "shop" && !pod.owner.is_empty() => {
                let owner = pod.owner.rsplit('/').next().unwrap_or("").to_owned();
                let new = !self.known.contains_key(&format!("{} leaves", pod.uid));
                if self.turned(format!("{} leaves", pod.uid), &pod.terminating.to_string()) {
                    self.says(event, &format!("{owner} pod told to go"));
                }
                let turned = self.turned(format!("{} ready", pod.uid), &pod.ready.to_string());
                if (turned || new) && pod.ready && !pod.terminating {
                    self.says(event, &format!("{owner} pod Ready"));
                }
            }
            Kind::BudgetSeen { namespace, name, allowed, current: true, .. }
                if namespace == "shop" && self.turned(format!("budget {name}"), &(*allowed > 0).to_string()) =>
            {
                let word = if *allowed > 0 { "allows again" } else { "allows none" };
                self.says(event, &format!("budget {name} {word}"));
            }
            Kind::AlertSeen { source, name, labels, state, .. } if name == "NodeNotReady" => {
                let word = match (source.as_str(), state.as_str()) {
                    ("prometheus", "firing") => "alert fires",
                    (s, "active") if s.starts_with("alertmanager") => "alert received",
                    _ => return,
                };
                let key = format!("{word} {:?}", labels.get("node"));
                if self.known.insert(key, String::new()).is_none() {
                    self.says(event, word);
                }
            }
            Kind::AlertGone { source, name, .. } if name == "NodeNotReady" && source.starts_with("alertmanager") => {
                self.says(event, "alert resolved");
            }
            Kind::EffectSeen { .. } => self.says(event, "effect seen in the node"),
            // Whether the loss of contact is noticed before or after the act is acknowledged is random, so it is left
            // out.
            Kind::ContactRegained { .. } => self.says(event, "API server answers"),
            Kind::Judged { .. } => self.says(event, OVER),
            _ => {}
        }
    }
}

/// What a description cannot say: the phases of the periodic loops.
pub struct Slack {
    /// The period in which the node controller checks the leases, in seconds.
    pub period: f64,
    /// The period of Prometheus for a scrape and for an evaluation, in seconds.
    pub evaluate: f64,
    /// How long the restore took, in seconds. At which time within it each object appears, and how long pods take that
    /// all start at once, is not modelled.
    pub restore: f64,
    /// Whether the drill runs beside others on this machine, so that delays are expected.
    pub busy: bool,
}

impl Slack {
    pub fn of(recording: &Recording) -> Self {
        let description = &recording.description;
        let seconds = |pointer: &str, default: f64| {
            let text = description.pointer(pointer).and_then(Value::as_str);
            text.map_or(default, |t| t.parse::<drillmaster::model::Dur>().unwrap().0.as_secs_f64())
        };
        let restore = recording.real.iter().find(|s| s.what.starts_with("restore done")).map_or(0.0, |s| s.since);
        Self { period: seconds("/clocks/period", 5.0), evaluate: seconds("/times/evaluate", 5.0), restore, busy: false }
    }

    /// The largest allowed difference between the two times of a transition, in seconds: one second, the loops between
    /// the transition and its cause, and for what depends on the hardware 15 % and the second to which start-up times
    /// are known.
    pub fn of_transition(&self, seen: &Seen) -> f64 {
        let alert = if seen.what.starts_with("alert") { 2.0 * self.evaluate } else { 0.0 };
        let done = seen.what.contains("done");
        if seen.cause == Cause::Restore && !done {
            return self.restore;
        }
        let hardware =
            seen.cause == Cause::Step || done || seen.what.contains("pod Ready") || seen.what.contains("again");
        // The intervals between the checks of a namespace double, so it is unknown which check comes after the last
        // pod.
        let looks = if seen.what.starts_with("deleteNamespace") { (seen.since - 5.0).max(0.0) / 2.0 } else { 0.0 };
        1.0 + alert
            + looks
            + match seen.cause {
                // It is unknown which check sees the last renewal, and which one misses the next.
                Cause::PowerAway => 2.0 * self.period,
                Cause::PowerBack => self.period,
                Cause::Step | Cause::Restore => 0.0,
            }
            + if hardware { 1.0 + 0.15 * seen.since } else { 0.0 }
    }
}

/// The differences between a rehearsal and the recorded drill.
pub fn partings(real: &[Seen], simulated: &[Seen], slack: &Slack) -> Vec<String> {
    let mut found = vec![];
    let mut both: Vec<(&Seen, &Seen)> = vec![];
    // On a busy machine a state may flicker. Then it only counts whether a transition happens, and not how many times.
    let same = |a: &Seen, b: &Seen| if slack.busy { kind(a) == kind(b) } else { a.what == b.what };
    for seen in told(real) {
        match simulated.iter().find(|s| s.what == seen.what) {
            Some(other) => both.push((seen, other)),
            None if simulated.iter().any(|s| same(s, seen)) || was_over(simulated, seen, slack) => {}
            None => found.push(format!("{} never happened in the rehearsal", seen.what)),
        }
    }
    let more = told(simulated).filter(|s| !real.iter().any(|r| same(r, s)) && !was_over(real, s, slack));
    found.extend(more.map(|s| format!("{} happened in the rehearsal only, after {:.1} s", s.what, s.at)));
    let (times, order) = if slack.busy { (3.0, 10.0) } else { (1.0, 1.0) };
    for (seen, other) in &both {
        // What comes just before another cause on one side may come just after it on the other.
        let own = slack.of_transition(seen);
        let (a, b, most) = if seen.cause == other.cause {
            (seen.since, other.since, own * times)
        } else {
            (seen.at, other.at, own.max(slack.of_transition(other)) * times)
        };
        let apart = (a - b).abs();
        if apart > most {
            found.push(format!(
                "{}: {:.1} s after its cause, {:.1} s in the rehearsal: {apart:.1} s apart, and {most:.1} s are explained",
                seen.what, a, b
            ));
        }
    }
    for (i, (a, a2)) in both.iter().enumerate() {
        for (b, b2) in &both[i + 1..] {
            let untold = a.cause == Cause::Restore && b.cause == Cause::Restore;
            // Alerts have their own loops. Only a difference that these do not explain is another order.
            let explained =
                if is_alert(a) == is_alert(b) { 0.0 } else { slack.of_transition(a) + slack.of_transition(b) };
            let shift = b.at - a.at + a2.at - b2.at;
            if !untold && shift > explained && b.at - a.at > order && a2.at - b2.at > order {
                found.push(format!("{} comes before {}, and after it in the rehearsal", a.what, b.what));
            }
        }
    }
    found
}

/// All transitions except the end of the drill itself.
fn told(all: &[Seen]) -> impl Iterator<Item = &Seen> {
    all.iter().filter(|s| kind(s) != OVER)
}

/// Whether the other drill may have ended before it could see this transition.
fn was_over(other: &[Seen], seen: &Seen, slack: &Slack) -> bool {
    let over = other.iter().find(|s| kind(s) == OVER);
    over.is_some_and(|o| o.cause == seen.cause && o.since < seen.since + slack.of_transition(seen))
}

fn is_alert(seen: &Seen) -> bool {
    seen.what.starts_with("alert")
}

/// The name of a transition without its number.
fn kind(seen: &Seen) -> &str {
    seen.what.rsplit_once(' ').map_or(&seen.what, |(kind, _)| kind)
}

/// The rows of the table.
pub fn rows(real: &[Seen], simulated: &[Seen], slack: &Slack) -> String {
    let mut rows = String::new();
    for seen in told(real) {
        let cause = match seen.cause {
            Cause::PowerAway => "node silent",
            Cause::PowerBack => "node back",
            Cause::Step => "step",
            Cause::Restore => "restore",
        };
        let other = simulated.iter().find(|s| s.what == seen.what);
        rows += &format!(
            "| {} | {cause} | {:.1} | {} | {:.1} |\n",
            seen.what,
            seen.since,
            other.map_or("–".into(), |o| format!("{:.1}", o.since)),
            slack.of_transition(seen)
        );
    }
    rows
}
