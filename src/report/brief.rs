//! The short form of the live output: the steps, what they wait for, and what changes for users. A line for each event
//! is in `line` (`--verbose`). Start with [`Brief::lines`].

use std::collections::{BTreeMap, BTreeSet};

use super::line::{at, line};
use crate::{
    event::{EndReason, Event, Kind, is_alertmanager},
    model::{ClusterIdentity, Finding, FindingState, some},
};

/// While something goes on, a line about it is shown this often, on the drill's clock.
const EVERY_US: u64 = 30_000_000;
/// A probe without a failed sample for this long is reported as up again.
const UP_AFTER_US: u64 = 10_000_000;
/// Changes of the same sort within this time share a line.
const TOGETHER_US: u64 = 10_000_000;
/// A line about something else waits so long for changes to be complete.
const SETTLED_US: u64 = 2_000_000;
/// More undos than this share a line without their evidence: each may have evidence of its own, as each node has.
const UNDOS: usize = 4;
/// What a step waits for is shown if it still waits after this time.
const SOON_US: u64 = 10_000_000;

/// What was shown so far.
#[derive(Debug, Default)]
pub(super) struct Brief {
    /// The line for the start of a step. It is left out if the step ends before anything else is shown.
    start: Option<String>,
    /// Whether a step is in progress: its last line says what it did and put back.
    in_step: bool,
    /// When the step began.
    since_us: u64,
    /// From when on what the step waits for is shown again.
    waits_us: u64,
    armed: bool,
    probes: BTreeMap<String, Rate>,
    /// Nodes that were last seen as not Ready.
    unready: BTreeSet<String>,
    /// Alerts that an Alertmanager has received.
    received: BTreeSet<(String, String)>,
    /// Whether the API server cannot be reached. Until it is back, what fails because of that is not shown.
    out_of_contact: bool,
    /// When each watch was last shown as broken.
    broken: BTreeMap<String, u64>,
    /// Changes that will share lines, one for each sort.
    groups: Vec<Group>,
}

/// The samples of a probe since it began to fail.
#[derive(Debug, Default)]
struct Rate {
    down: bool,
    samples: u32,
    failed: u32,
    shown_us: u64,
    failed_us: u64,
}

/// Changes of the same sort: what happened, and to what.
#[derive(Debug)]
struct Group {
    first_us: u64,
    last_us: u64,
    what: String,
    names: Vec<String>,
    is_undo: bool,
}

impl Group {
    fn line(&self) -> String {
        // An alert without a label `node` has no name here.
        let names: Vec<String> = self.names.iter().filter(|name| !name.is_empty()).cloned().collect();
        if names.is_empty() { format!("  {}", self.what) } else { format!("  {}: {}", self.what, some(&names)) }
    }
}

/// Many undos become one group.
fn shared(groups: Vec<Group>) -> Vec<Group> {
    let (undos, mut others): (Vec<Group>, Vec<Group>) = groups.into_iter().partition(|group| group.is_undo);
    if undos.len() <= UNDOS {
        others.extend(undos);
        return others;
    }
    let times = undos.iter().map(|undo| (undo.first_us, undo.last_us));
    let (first_us, last_us) = times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or_default();
    let names = undos.into_iter().flat_map(|undo| undo.names).collect();
    others.push(Group { first_us, last_us, what: "put back".to_owned(), names, is_undo: true });
    others
}

impl Brief {
    /// The lines to show for an event.
    pub(super) fn lines(&mut self, event: &Event) -> Vec<String> {
        let mut lines = vec![];
        if self.groups.first().is_some_and(|first| event.t_us > first.first_us + TOGETHER_US) {
            lines.extend(self.rest());
        }
        match &event.event {
            Kind::StepStarted { .. } => {
                lines.extend(self.rest());
                self.start = line(event);
                (self.in_step, self.since_us, self.waits_us) = (true, event.t_us, event.t_us + SOON_US);
            }
            Kind::StepFinished { .. } => {
                self.start = self.start.take().filter(|_| !self.groups.is_empty());
                lines.extend(self.rest());
                (self.in_step, self.since_us, self.waits_us) = (false, event.t_us, event.t_us + SOON_US);
                lines.extend(line(event));
            }
            _ => {
                let said = self.says(event);
                if !said.is_empty() && !self.still_changing(event) {
                    lines.extend(self.rest());
                }
                lines.extend(said);
            }
        }
        lines
    }

    /// Whether more changes may follow that share a line with those before, which this event does not concern.
    fn still_changing(&self, event: &Event) -> bool {
        let last = self.groups.iter().map(|group| group.last_us).max();
        matches!(event.event, Kind::ProbeSegment { .. } | Kind::StepProgress { .. })
            && self.start.is_none()
            && last.is_some_and(|last| event.t_us < last + SETTLED_US)
    }

    /// The lines that were held back: the start of a step, and changes that share a line.
    pub(super) fn rest(&mut self) -> Vec<String> {
        let groups = shared(std::mem::take(&mut self.groups)).into_iter();
        let groups = groups.map(|g| at(g.last_us, &g.line()));
        self.start.take().into_iter().chain(groups).collect()
    }

    fn says(&mut self, event: &Event) -> Vec<String> {
        let whole = || line(event).into_iter().collect();
        let t = event.t_us;
        match &event.event {
            // The command has announced a rehearsal already.
            Kind::RunStarted { clusters, .. } if clusters.iter().any(ClusterIdentity::is_simulated) => vec![],
            Kind::PreflightDone { findings, .. } => preflight(event, findings),
            Kind::Armed { .. } => {
                self.armed = true;
                whole()
            }
            Kind::ProbeSegment { probe, n, failed, runs, .. } => {
                let why = runs.iter().find(|r| !r.ok).map(|r| r.error.to_string()).unwrap_or_default();
                self.probe(t, probe, (*n, *failed), &why)
            }
            Kind::NodeSeen { node, ready, .. } => {
                let is_ready = ready == "True";
                let changed = if is_ready { self.unready.remove(node) } else { self.unready.insert(node.clone()) };
                let what = if is_ready { "Ready again" } else { "not Ready" };
                if changed {
                    self.together(t, what.to_owned(), node.clone());
                }
                vec![]
            }
            Kind::AlertSeen { source, name, labels, state, .. } if is_received(source, state) => {
                let of = labels.get("node").cloned().unwrap_or_default();
                let is_new = self.received.insert((name.clone(), of.clone()));
                if is_new && self.armed {
                    self.together(t, format!("alert {name} received"), of);
                }
                vec![]
            }
            Kind::AlertGone { source, name, labels } if is_received(source, "active") => {
                let of = labels.get("node").cloned().unwrap_or_default();
                let known = self.received.remove(&(name.clone(), of.clone()));
                if known {
                    self.together(t, format!("alert {name} resolved"), of);
                }
                vec![]
            }
            Kind::StepProgress { .. } if t < self.waits_us => vec![],
            Kind::StepProgress { waiting_for, last_seen, .. } => {
                self.waits_us = t + EVERY_US;
                let since = self.since_us as f64 / 1e6;
                vec![at(t, &format!("  waiting since {since:.1} s for {waiting_for}; last seen: {last_seen}"))]
            }
            Kind::FaultReverted { .. } | Kind::FaultReplaced { .. } if self.in_step => vec![],
            Kind::FaultReverted { fault, evidence } => {
                let what = format!("put back ({evidence})");
                self.add(Group { first_us: t, last_us: t, what, names: vec![fault.to_string()], is_undo: true });
                vec![]
            }
            Kind::ContactLost { .. } | Kind::ContactRegained { .. } => {
                self.out_of_contact = matches!(event.event, Kind::ContactLost { .. });
                whole()
            }
            Kind::WatchGap { what, .. } => {
                self.watch_broke(t, what);
                vec![]
            }
            Kind::OutsideUnseen(_) | Kind::MirrorFailed { .. } | Kind::LeaseTrouble { .. } if self.out_of_contact => {
                vec![]
            }
            kind if is_detail(kind) => vec![],
            _ => whole(),
        }
    }

    /// A watch that breaks again and again is shown now and then, and not while the API server is away.
    fn watch_broke(&mut self, t: u64, what: &str) {
        let is_known = |shown: &u64| self.out_of_contact || t < shown + EVERY_US;
        if !self.broken.get(what).is_some_and(is_known) {
            self.broken.insert(what.to_owned(), t);
            let kind = what.rsplit('/').next().unwrap_or(what).to_owned();
            self.together(t, "watch broke (observation gap)".to_owned(), kind);
        }
    }

    fn together(&mut self, t: u64, what: String, name: String) {
        self.add(Group { first_us: t, last_us: t, what, names: vec![name], is_undo: false });
    }

    /// Adds a change to those that share a line.
    fn add(&mut self, change: Group) {
        let Some(group) = self.groups.iter_mut().find(|group| group.what == change.what) else {
            return self.groups.push(change);
        };
        group.last_us = change.last_us;
        for name in change.names {
            if !group.names.contains(&name) {
                group.names.push(name);
            }
        }
    }

    fn probe(&mut self, t: u64, name: &str, (n, failed): (u32, u32), why: &str) -> Vec<String> {
        let rate = self.probes.entry(name.to_owned()).or_default();
        if failed > 0 {
            rate.failed_us = t;
        }
        if !rate.down {
            if failed == 0 || !self.armed {
                return vec![];
            }
            *rate = Rate { down: true, samples: n, failed, shown_us: t, failed_us: t };
            return vec![at(t, &format!("  probe {name} fails: {why}"))];
        }
        (rate.samples, rate.failed) = (rate.samples + n, rate.failed + failed);
        let count = format!("{} of {} samples failed", rate.failed, rate.samples);
        if t >= rate.failed_us + UP_AFTER_US {
            *rate = Rate::default();
            return vec![at(t, &format!("  probe {name} answers again: {count}"))];
        }
        if t < rate.shown_us + EVERY_US {
            return vec![];
        }
        rate.shown_us = t;
        vec![at(t, &format!("  probe {name}: {count}"))]
    }
}

/// Whether an alert has reached people, as far as Alertmanager shows.
pub(super) fn is_received(source: &str, state: &str) -> bool {
    is_alertmanager(source) && state == "active"
}

/// What the journal, `--verbose` and the reports have, and the summary repeats where it matters.
fn is_detail(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::EvictionAnswered { .. }
            | Kind::EvictionsSampled { .. }
            | Kind::AlertSeen { .. }
            | Kind::AlertGone { .. }
            | Kind::PodSeen { .. }
            | Kind::PodGone { .. }
            | Kind::BudgetSeen { .. }
            | Kind::FaultIntended { .. }
            | Kind::FaultApplied { .. }
            | Kind::RevertStarted { .. }
            | Kind::LinesWritten { .. }
            | Kind::EvidenceKept { .. }
            | Kind::LeftBehind { .. }
            | Kind::Judged { .. }
            | Kind::RunEnded { .. }
            | Kind::RunWoken { why: EndReason::Finished, .. }
            | Kind::SessionOpened { epoch: 1, .. }
    )
}

/// How many checks have which result, and those that do not pass.
fn preflight(event: &Event, findings: &[Finding]) -> Vec<String> {
    // That the baseline is complete is announced when the drill is armed.
    if findings.len() < 2 && findings.iter().all(|f| f.state == FindingState::Pass) {
        return vec![];
    }
    line(event).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::StepEnd, model::FaultId};

    fn event(t_s: u64, event: Kind) -> Event {
        let t_us = t_s * 1_000_000;
        Event { seq: 0, at: jiff::Timestamp::UNIX_EPOCH, t_us, epoch: 1, prev: String::new(), must: false, event }
    }

    fn node(name: &str, ready: &str) -> Kind {
        Kind::NodeSeen {
            node: name.into(),
            uid: String::new(),
            zone: "a".into(),
            ready: ready.into(),
            unschedulable: false,
            taints: vec![],
            resource_version: String::new(),
        }
    }

    fn segment(n: u32, failed: u32) -> Kind {
        Kind::ProbeSegment {
            probe: "storefront".into(),
            file: String::new(),
            sha256: String::new(),
            from_us: 0,
            to_us: 0,
            n,
            failed,
            max_ms: 0,
            late: 0,
            runs: vec![],
        }
    }

    #[test]
    fn what_is_put_back_outside_a_step_shares_a_line() {
        let mut brief = Brief::default();
        let reverted = |pod: &str, evidence: &'static str| Kind::FaultReverted {
            fault: FaultId(format!("lost/{pod}")),
            evidence: evidence.into(),
        };
        for kind in [reverted("a", "nothing to wait for"), reverted("b", "nothing to wait for"), reverted("c", "Ready")]
        {
            assert_eq!(brief.lines(&event(50, kind)), Vec::<String>::new());
        }
        let shown = brief.rest();
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(shown[0].ends_with("put back (nothing to wait for): lost/a, lost/b"), "{shown:?}");
    }

    #[test]
    fn what_many_nodes_show_is_one_line() {
        let mut brief = Brief::default();
        for i in 0..20 {
            let fault = FaultId(format!("outage/node-{i}"));
            let evidence = crate::model::Told::of_journal(format!("node node-{i} is Ready"));
            brief.lines(&event(50, Kind::FaultReverted { fault, evidence }));
        }
        let shown = brief.rest();
        assert_eq!(shown.len(), 1, "{shown:?}");
        assert!(shown[0].contains("put back: outage/node-0, ") && shown[0].ends_with("and 12 more"), "{shown:?}");
    }

    #[test]
    fn changes_of_many_nodes_share_a_line() {
        let mut brief = Brief::default();
        let names: Vec<String> = (0..20).map(|i| format!("node-{i}")).collect();
        let mut shown: Vec<String> =
            names.iter().flat_map(|name| brief.lines(&event(50, node(name, "Unknown")))).collect();
        shown.extend(brief.lines(&event(51, node("node-0", "Unknown"))));
        assert_eq!(shown, Vec::<String>::new(), "held back, and what was known is not repeated");
        let later = brief.lines(&event(70, node("node-0", "True")));
        assert_eq!(later.len(), 1);
        assert!(later[0].contains("not Ready: node-0, ") && later[0].ends_with("and 12 more"), "{later:?}");
    }

    #[test]
    fn watches_that_break_with_the_api_server_share_a_line() {
        let mut brief = Brief::default();
        let told = crate::model::Told::default;
        let gap = |what: &str| Kind::WatchGap { what: what.into(), from_us: 0, why: told() };
        let pods = |namespace: &str| gap(&format!("/api/v1/namespaces/{namespace}/pods"));
        let lost = Kind::ContactLost { cluster: String::new(), last_proof_us: 0, why: told() };
        let all = [(5, pods("shop")), (5, pods("velero")), (5, gap("/api/v1/nodes")), (6, lost), (17, pods("shop"))];
        let mut shown: Vec<String> = all.into_iter().flat_map(|(t, kind)| brief.lines(&event(t, kind))).collect();
        shown.extend(brief.lines(&event(40, pods("shop"))));
        shown.extend(brief.rest());
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(shown[0].ends_with("watch broke (observation gap): pods, nodes"), "{shown:?}");
        assert!(shown[1].contains("the API server cannot be reached"), "{shown:?}");
    }

    #[test]
    fn a_step_that_ends_at_once_has_one_line() {
        let mut brief = Brief::default();
        let starts = Kind::StepStarted {
            step: "outage".into(),
            verb: "killZone".into(),
            does: crate::model::Told::default(),
            expected_us: None,
        };
        let ends = Kind::StepFinished {
            step: "outage".into(),
            end: StepEnd::Done,
            detail: crate::model::Told::of_journal("killed".to_owned()),
        };
        assert_eq!(brief.lines(&event(1, starts.clone())), Vec::<String>::new());
        assert_eq!(brief.lines(&event(2, ends.clone())).len(), 1);
        brief.lines(&event(3, starts));
        brief.lines(&event(4, node("a", "Unknown")));
        let shown = brief.lines(&event(5, ends));
        assert!(shown.len() == 3 && shown[0].contains('▶') && shown[1].contains("not Ready"), "{shown:?}");
    }

    #[test]
    fn a_probe_is_shown_as_a_rate() {
        let mut brief = Brief { armed: true, ..Brief::default() };
        let lines: Vec<String> = (0..90).flat_map(|s| brief.lines(&event(s, segment(4, u32::from(s < 65))))).collect();
        let said: Vec<&str> = lines.iter().map(|l| l.split("probe storefront").nth(1).unwrap_or_default()).collect();
        let wanted = [
            " fails: ",
            ": 31 of 124 samples failed",
            ": 61 of 244 samples failed",
            " answers again: 65 of 300 samples failed",
        ];
        assert_eq!(said, wanted, "{lines:?}");
    }
}
