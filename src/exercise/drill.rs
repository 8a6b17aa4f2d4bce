//! What an exercise knows of a drill that it started: moments, open gates, its end. All of it comes from the drill's own
//! journal, so the exercise never asks a cluster. Start with [`Drill::read`].

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use super::{
    state::State,
    what::{ClusterAccess, DrillMoment, Judged},
};
use crate::{
    event::{Event, Kind, is_alertmanager},
    journal::{Lock, RunDir, follow},
    model::Exit,
};

/// A drill, as its journal shows it.
#[derive(Clone, Debug, Default)]
pub struct Drill {
    /// Its run directory; none before the run began.
    pub dir: Option<PathBuf>,
    /// The run's id.
    pub run: String,
    /// The UID of its cluster; none if it has no header, or is simulated.
    pub cluster: Option<String>,
    /// The moments of its steps, with the time since the drill began.
    pub moments: Vec<(String, DrillMoment, At)>,
    /// The gate or hold that waits for an answer.
    pub waits: Option<Waits>,
    /// Its end.
    pub end: Option<End>,
    /// Whether something is broken now.
    pub open_faults: usize,
    /// Whether it knows that it must stop.
    pub stopping: bool,
    /// Whether its runner is alive; none if that cannot be determined.
    pub alive: Option<bool>,
}

/// A time in a drill, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At {
    /// The wall clock of the drill.
    pub wall: Timestamp,
    /// Microseconds since the drill began.
    pub us: u64,
}

impl At {
    /// So many microseconds later.
    fn later(self, us: u64) -> Self {
        let by = SignedDuration::from_micros(i64::try_from(us).unwrap_or(i64::MAX));
        Self { wall: self.wall.saturating_add(by).unwrap_or(self.wall), us: self.us.saturating_add(us) }
    }
}

/// A gate or hold that waits for an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Waits {
    /// Its name.
    pub name: String,
    /// The question.
    pub prompt: String,
    /// When it stops waiting without an answer.
    pub until: At,
}

/// The end of a drill.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// The exit code.
    pub exit: Exit,
    /// The hash of the last line.
    pub head: String,
    /// When.
    pub at: At,
    /// What was judged.
    pub judged: Vec<Judged>,
}

/// How the time of a drill becomes the time of the exercise.
#[derive(Clone, Copy, Debug)]
pub enum Timing {
    /// Both have the same clock.
    Wall,
    /// The drill is simulated: it began at this time of the exercise, and its clock runs this many times as fast.
    Simulated(Timestamp, f64),
}

impl Timing {
    /// The timing of the drill of a stage that was opened at this time.
    pub fn of_stage(state: &State, opened: Timestamp) -> Self {
        match &state.place {
            // Without people nobody looks on, so the time of the exercise follows the drill.
            ClusterAccess::Simulated { .. } if state.unattended => Self::Simulated(opened, 1.0),
            ClusterAccess::Simulated { pace, .. } => Self::Simulated(opened, pace.unwrap_or(1.0)),
            ClusterAccess::Real { .. } | ClusterAccess::Nowhere => Self::Wall,
        }
    }

    /// The time of the exercise.
    pub fn of(self, at: At) -> Timestamp {
        match self {
            Self::Wall => at.wall,
            Self::Simulated(began, pace) => {
                let us = (at.us as f64 / pace).min(1e15);
                began.saturating_add(SignedDuration::from_micros(us as i64)).unwrap_or(began)
            }
        }
    }
}

impl Drill {
    /// Reads the drill whose run directory is in a folder. A folder without one means that the run did not begin.
    ///
    /// # Errors
    /// The folder has several runs, or the journal is damaged.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let Some(dir) = only_run(folder)? else { return Ok(Self::default()) };
        let run_dir = RunDir(dir.clone());
        let mut drill = Self { dir: Some(dir), ..Self::default() };
        let mut begun: Vec<(String, u64)> = vec![];
        let mut open = std::collections::BTreeSet::new();
        let about = follow(&run_dir, |event, _| drill.take(&event, &mut begun, &mut open)).map_err(io::Error::other)?;
        drill.open_faults = open.len();
        if let (Some(end), Some(head)) = (&mut drill.end, about.head()) {
            head.clone_into(&mut end.head);
        }
        // A run that was taken over goes on after an end.
        if about.head().is_none() {
            drill.end = None;
        }
        drill.alive = Lock::is_held(&run_dir);
        Ok(drill)
    }

    fn take(&mut self, event: &Event, begun: &mut Vec<(String, u64)>, open: &mut std::collections::BTreeSet<String>) {
        let at = At { wall: event.at, us: event.t_us };
        match &event.event {
            Kind::RunStarted { run_id, clusters, .. } => {
                self.run.clone_from(run_id);
                let first = clusters.first().filter(|cluster| !cluster.is_simulated());
                self.cluster = first.map(|cluster| cluster.uid.clone());
            }
            Kind::StepStarted { step, .. } => {
                begun.push((step.0.clone(), event.t_us));
                self.moments.push((step.0.clone(), DrillMoment::Began, at));
            }
            Kind::StepFinished { step, .. } => self.moments.push((step.0.clone(), DrillMoment::Done, at)),
            Kind::AlertSeen { source, state, .. } if is_alertmanager(source) && state == "active" => {
                for (step, _) in begun.drain(..) {
                    self.moments.push((step, DrillMoment::Alert, at));
                }
            }
            Kind::GateOpened { step, prompt, times_out_us } => {
                let until = at.later(times_out_us.saturating_sub(at.us));
                self.waits = Some(Waits { name: step.0.clone(), prompt: prompt.to_string(), until });
            }
            Kind::GateAnswered { .. } => self.waits = None,
            Kind::SignalCaught { .. } | Kind::StopAsked { .. } => self.stopping = true,
            Kind::FaultIntended { fault, .. } => {
                open.insert(fault.0.clone());
            }
            Kind::FaultFailed { fault, .. }
            | Kind::FaultReverted { fault, .. }
            | Kind::FaultReplaced { fault, .. }
            | Kind::FaultLeft { fault, .. }
            | Kind::FaultKept { fault, .. } => {
                open.remove(&fault.0);
            }
            Kind::Judged { judgements, .. } => {
                let judged = judgements.iter().map(|j| Judged {
                    id: j.id.clone(),
                    outcome: j.outcome,
                    because: j.because.clone(),
                    measured_us: j.measured.map(|m| m.most_us),
                });
                self.end = Some(End { exit: Exit::Internal, head: String::new(), at, judged: judged.collect() });
            }
            Kind::RunEnded { exit, .. } => {
                let end = self.end.get_or_insert(End { exit: *exit, head: String::new(), at, judged: vec![] });
                (end.exit, end.at) = (*exit, at);
                self.waits = None;
            }
            _ => {}
        }
    }
}

/// The only run directory in a folder; none before the run began.
///
/// # Errors
/// The folder has several runs, or cannot be read.
pub fn only_run(folder: &Path) -> io::Result<Option<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let mut runs = vec![];
    for entry in entries {
        let path = entry?.path();
        if !path.is_symlink() && path.join("journal.jsonl").is_file() {
            runs.push(path);
        }
    }
    runs.sort();
    match &runs[..] {
        [] => Ok(None),
        [run] => Ok(Some(run.clone())),
        _ => Err(io::Error::other(format!(
            "{} contains several runs; move all but the one of this exercise away",
            folder.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// At ten times the speed, people have six minutes of an hour.
    #[test]
    fn a_hold_ends_by_the_pace_of_its_drill() {
        let opened = json!({"kind": "GateOpened", "step": "a", "prompt": "", "times_out_us": 4_200_000_000_u64});
        let line = json!({"seq": 1, "at": "2026-01-01T00:01:00Z", "t_us": 600_000_000, "epoch": 1, "prev": "",
            "must": false, "event": opened});
        let event: Event = serde_json::from_value(line).expect("it is an event");
        let mut drill = Drill::default();
        drill.take(&event, &mut vec![], &mut Default::default());
        let until = drill.waits.expect("it waits").until;
        let began: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let time = |timing: Timing| timing.of(until).to_string();
        assert_eq!(time(Timing::Simulated(began, 10.0)), "2026-01-01T00:07:00Z");
        assert_eq!(time(Timing::Wall), "2026-01-01T01:01:00Z");
    }
}
