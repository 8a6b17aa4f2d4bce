//! Shows a run while it happens, on standard error: one line for each event, except for events that come in large
//! numbers, and on a terminal some status lines below.

use std::{
    io::{IsTerminal, Write},
    sync::Arc,
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{
    brief::{Brief, is_received},
    crowd::Crowd,
    line::line,
};
use crate::{
    event::{Event, Kind, StepEnd},
    files::{self, cut, fold, fold_lines},
    journal::{Recorder, RunState},
    model::printable,
};

/// How to show a run.
///
/// On a terminal, [`Display::Brief`] shortens what happens to one line each; warnings and questions are shown whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
    /// For people: only questions and what needs a person.
    Quiet,
    /// For people: the steps, and what changes for users.
    Brief,
    /// For people: a line for each event.
    Verbose,
    /// The journal's lines, on standard output.
    Json,
    /// Nothing.
    None,
}

/// Shows a run until its recorder is gone or its last event was shown. It has its own thread, so that a slow terminal
/// does not slow the drill down.
pub fn live(recorder: &Arc<Recorder>, display: Display) -> std::thread::JoinHandle<()> {
    let mut events = recorder.subscribe();
    let weak = Arc::downgrade(recorder);
    std::thread::spawn(move || {
        let mut screen = Screen::new(display);
        loop {
            match events.try_recv() {
                Ok(event) => {
                    screen.show(&event);
                    if matches!(event.event, Kind::RunEnded { .. }) {
                        break;
                    }
                }
                Err(tokio::sync::broadcast::error::TryRecvError::Lagged(n)) => {
                    screen.note(&format!("{n} events were not shown; the journal contains them"))
                }
                Err(tokio::sync::broadcast::error::TryRecvError::Closed) => break,
                Err(tokio::sync::broadcast::error::TryRecvError::Empty) => {
                    if let Some(recorder) = weak.upgrade() {
                        // The virtual clock of a rehearsal stands still outside its runtime.
                        let now = recorder.now_us().max(screen.now_us);
                        screen.status(|| recorder.with(|s| status(s, now)));
                    }
                    std::thread::park_timeout(Duration::from_millis(50));
                }
            }
        }
        screen.end();
    })
}

struct Screen {
    display: Display,
    bars: Option<(MultiProgress, Vec<ProgressBar>)>,
    /// The time of the last event.
    now_us: u64,
    step: String,
    /// When that step began.
    since_us: u64,
    waiting: String,
    brief: Brief,
    crowd: Crowd,
}

impl Screen {
    fn new(display: Display) -> Self {
        let human = matches!(display, Display::Brief | Display::Verbose);
        let terminal = human && std::io::stderr().is_terminal() && std::env::var_os("CI").is_none();
        let bars = terminal.then(|| {
            let multi = MultiProgress::new();
            let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            let lines = (0..5).map(|_| multi.add(ProgressBar::new_spinner().with_style(style.clone()))).collect();
            (multi, lines)
        });
        Self {
            display,
            bars,
            now_us: 0,
            step: String::new(),
            since_us: 0,
            waiting: String::new(),
            brief: Brief::default(),
            crowd: Crowd::default(),
        }
    }

    fn show(&mut self, event: &Event) {
        self.now_us = self.now_us.max(event.t_us);
        match &event.event {
            Kind::StepStarted { step, verb, .. } => {
                self.step = format!("{step} [{verb}]");
                self.since_us = event.t_us;
                self.waiting.clear();
            }
            Kind::StepFinished { .. } => self.since_us = event.t_us,
            Kind::StepProgress { waiting_for, last_seen, .. } => {
                let since = self.since_us as f64 / 1e6;
                self.waiting = format!("since {since:.1} s for {waiting_for}: {last_seen}");
            }
            _ => {}
        }
        match self.display {
            Display::Json => {
                if let Ok(text) = serde_json::to_string(event) {
                    files::print_json(&format!("{text}\n"));
                }
            }
            Display::Quiet if needs_person(&event.event) => line(event).iter().for_each(|text| self.note(text)),
            Display::Quiet => {}
            Display::Brief => {
                let width = files::columns();
                for text in self.brief.lines(event).iter().flat_map(|text| text.lines()) {
                    self.note(&if is_news(&event.event) {
                        cut(text, width, INDENT)
                    } else {
                        fold(text, width, INDENT)
                    });
                }
            }
            Display::Verbose => {
                let width = files::columns();
                self.crowd.lines(event).iter().for_each(|text| self.note(&fold_lines(text, width)));
            }
            Display::None => {}
        }
    }

    fn note(&self, text: &str) {
        match &self.bars {
            Some((multi, _)) => drop(multi.println(text)),
            // A display that cannot be written must not end the drill.
            None if matches!(self.display, Display::Quiet | Display::Brief | Display::Verbose) => {
                drop(writeln!(std::io::stderr(), "{text}"));
            }
            None => {}
        }
    }

    fn status(&self, lines: impl FnOnce() -> Vec<String>) {
        if let Some((_, bars)) = &self.bars {
            let mut all = vec![
                format!("── {}", self.step),
                format!("   waiting {}", if self.waiting.is_empty() { "for –" } else { &self.waiting }),
            ];
            all.extend(lines());
            for (bar, text) in bars.iter().zip(all) {
                bar.set_message(printable(&text));
                bar.tick();
            }
        }
    }

    fn end(&mut self) {
        for rest in self.crowd.rest().into_iter().chain(self.brief.rest()) {
            self.note(&fold(&rest, files::columns(), INDENT));
        }
        if let Some((_, bars)) = &self.bars {
            bars.iter().for_each(ProgressBar::finish_and_clear);
        }
    }
}

/// The column at which the text of a line begins, after the time.
const INDENT: usize = 13;

/// What goes on as it should, or as the report will judge. One line is enough for each.
fn is_news(kind: &Kind) -> bool {
    match kind {
        Kind::StepFinished { end, .. } => *end == StepEnd::Done,
        Kind::StepStarted { .. }
        | Kind::StepProgress { .. }
        | Kind::ProbeSegment { .. }
        | Kind::NodeSeen { .. }
        | Kind::AlertSeen { .. }
        | Kind::AlertGone { .. } => true,
        _ => false,
    }
}

/// What even a quiet display shows: questions, and what a person has to do.
fn needs_person(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::GateOpened { .. } | Kind::SignalCaught { .. } | Kind::HolderLives { .. } | Kind::FaultStuck { .. }
    )
}

/// Nodes by zone, ready pods, probes and alerts, in their last observed state.
fn status(state: &RunState, now_us: u64) -> Vec<String> {
    let mut zones: std::collections::BTreeMap<&str, (u32, u32)> = std::collections::BTreeMap::new();
    for node in state.nodes.values() {
        let entry = zones.entry(if node.zone.is_empty() { "–" } else { &node.zone }).or_default();
        entry.1 += 1;
        entry.0 += u32::from(node.ready == "True");
    }
    let nodes: Vec<String> = zones.iter().map(|(zone, (ready, all))| format!("{zone} {ready}/{all}")).collect();
    let pods: Vec<String> = state.wanted.iter().map(|((ns, w), n)| format!("{w} {}/{n}", state.ready(ns, w))).collect();
    let probes: Vec<String> = state
        .probes
        .iter()
        .map(|(name, p)| match (p.up_since, p.down_since) {
            (_, Some(since)) => format!("{name} DOWN {:.0} s", now_us.saturating_sub(since) as f64 / 1e6),
            (Some(_), None) => format!("{name} up"),
            _ => format!("{name} …"),
        })
        .collect();
    let firing = state.alerts.iter().filter(|((source, ..), state)| is_received(source, state)).count();
    vec![
        format!("   nodes {}   pods {}", nodes.join("  "), pods.join("  ")),
        format!("   probes {}   alerts received {firing}", probes.join("  ")),
        format!(
            "   {:.0} s{}",
            now_us as f64 / 1e6,
            if state.blind_since.is_some() { "   API SERVER CANNOT BE REACHED" } else { "" }
        ),
    ]
}
