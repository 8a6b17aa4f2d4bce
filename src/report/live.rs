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
};
use crate::{
    event::{Event, Kind},
    files,
    journal::{Recorder, RunState},
    model::printable,
};

/// How to show a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
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
                        let now = recorder.now_us();
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
    step: String,
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
            step: String::new(),
            waiting: String::new(),
            brief: Brief::default(),
            crowd: Crowd::default(),
        }
    }

    fn show(&mut self, event: &Event) {
        match &event.event {
            Kind::StepStarted { step, verb, .. } => {
                self.step = format!("{step} [{verb}]");
                self.waiting.clear();
            }
            Kind::StepProgress { waiting_for, last_seen, .. } => self.waiting = format!("{waiting_for}: {last_seen}"),
            _ => {}
        }
        match self.display {
            Display::Json => {
                if let Ok(text) = serde_json::to_string(event) {
                    files::print_json(&format!("{text}\n"));
                }
            }
            Display::Brief => self.brief.lines(event).iter().for_each(|text| self.note(text)),
            Display::Verbose => self.crowd.lines(event).iter().for_each(|text| self.note(text)),
            Display::None => {}
        }
    }

    fn note(&self, text: &str) {
        match &self.bars {
            Some((multi, _)) => drop(multi.println(text)),
            // A display that cannot be written must not end the drill.
            None if matches!(self.display, Display::Brief | Display::Verbose) => {
                drop(writeln!(std::io::stderr(), "{text}"));
            }
            None => {}
        }
    }

    fn status(&self, lines: impl FnOnce() -> Vec<String>) {
        if let Some((_, bars)) = &self.bars {
            let mut all = vec![
                format!("── {}", self.step),
                format!("   waiting for {}", if self.waiting.is_empty() { "–" } else { &self.waiting }),
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
            self.note(&rest);
        }
        if let Some((_, bars)) = &self.bars {
            bars.iter().for_each(ProgressBar::finish_and_clear);
        }
    }
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
