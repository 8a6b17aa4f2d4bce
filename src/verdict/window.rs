//! The time that is a fault's: from the send of its first act until somebody undoes it, a
//! target comes back by another hand, another fault begins, or the drill is interrupted.
//! What recovers later has not recovered from the fault.

use super::{History, outside, seconds};
use crate::{
    journal::FaultRecord,
    model::{Revert, StepName},
};

/// The window of a fault.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// The step that did it.
    pub step: StepName,
    /// When its first act was sent.
    pub t0: u64,
    /// When that act was acknowledged: its effect began between the two.
    pub acknowledged: u64,
    /// The first instant that is not the fault's any more.
    pub end: u64,
    /// What ended it.
    pub by: EndedBy,
    /// Until then recoveries may be attributed to it at all: the next fault, or the end of
    /// the journal.
    pub last: u64,
    /// Until then what was hit, was hit by it: the same, and the heal where that is asked for.
    pub hit_until: u64,
}

/// What ends a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EndedBy {
    /// Its undo, or that of a fault beside it, began.
    Undo,
    /// A target came back by itself.
    Return(String),
    /// Somebody else undid it: what they did.
    Outside(String),
    /// Another fault.
    Next,
    /// The drill was interrupted.
    Interruption,
    /// Nothing so far.
    Journal,
}

/// From a step's fault until it is undone, or another thing ends its time: what is measured
/// later has another cause.
pub fn own_time(history: &History, of: &StepName) -> Option<(u64, u64)> {
    Window::of(history, Some(of)).map(|window| (window.t0, window.end))
}

impl Window {
    /// Of the fault that an expectation is about; none if it never happened.
    pub fn of(history: &History, of: Option<&StepName>) -> Option<Self> {
        let (t0, last) = history.window(of)?;
        let step = history.fault_step(of)?;
        let acknowledged = history.state.faults_of(&step).filter_map(|f| f.acknowledged_us).min();
        let mut window = Self {
            step,
            t0,
            acknowledged: acknowledged.unwrap_or(t0).max(t0),
            end: last,
            by: EndedBy::Journal,
            last,
            hit_until: last,
        };
        if last < history.end_us {
            window.by = EndedBy::Next;
        }
        window.cut(history.interrupted_us.filter(|t| *t >= t0), EndedBy::Interruption);
        // A drain uncordons as it goes: that ends nothing.
        if !window.is_drain(history) {
            window.cut(first_undo(history, t0), EndedBy::Undo);
            for (node, at) in returns(history, &window) {
                window.cut(Some(at), EndedBy::Return(node));
            }
            if let Some((at, how)) = outside::undone(history, &window) {
                window.cut(Some(at), EndedBy::Outside(how));
            }
        }
        Some(window)
    }

    /// For what is asked after the heal: a fault that came between the two is over then, and
    /// only one that came later ends the time.
    pub fn after_heal(mut self, history: &History, heal: u64) -> Self {
        self.hit_until = self.last.min(heal);
        self.last = history.next_fault(&self.step, heal).unwrap_or(history.end_us);
        self
    }

    fn cut(&mut self, at: Option<u64>, by: EndedBy) {
        if let Some(at) = at.filter(|at| *at < self.end || *at == self.end && self.by == EndedBy::Journal) {
            (self.end, self.by) = (at, by);
        }
    }

    /// Whether the fault is a drain.
    pub fn is_drain(&self, history: &History) -> bool {
        history.state.plan.iter().flat_map(|p| &p.steps).any(|s| s.name == self.step && s.drains())
    }

    /// When an objective's clock starts: a drain's with its end, for it takes its time.
    pub fn clock(&self, history: &History) -> u64 {
        let over = self.is_drain(history).then(|| history.steps.get(&self.step)?.to()).flatten();
        over.unwrap_or(self.t0)
    }

    /// The nodes that the fault acted on.
    pub fn targets(&self, history: &History) -> Vec<String> {
        let steps = history.state.plan.iter().flat_map(|p| &p.steps);
        steps.filter(|s| s.name == self.step && !s.drains()).flat_map(|s| &s.nodes).map(|n| n.name.clone()).collect()
    }

    /// What ended it before the drill did; it has not lasted as long as was meant.
    pub fn cut_short(&self) -> Option<String> {
        matches!(self.by, EndedBy::Return(_) | EndedBy::Outside(_)).then(|| self.how())
    }

    /// What ended it, for people: "power came back 99.1 s after the fault".
    pub fn how(&self) -> String {
        let after = seconds(self.end.saturating_sub(self.t0));
        match &self.by {
            EndedBy::Undo => format!("the fault was undone {after} after it"),
            EndedBy::Return(node) => format!("node {node} came back by itself {after} after the fault"),
            EndedBy::Outside(how) => format!("{how}, {after} after the fault"),
            EndedBy::Next => format!("the next fault came {after} after this one"),
            EndedBy::Interruption => format!("the drill was interrupted {after} after the fault"),
            EndedBy::Journal => format!("the drill looked for {after} after the fault"),
        }
    }
}

/// The first undo that changes something. Deleted pods are only waited for, a scratch
/// namespace is beside the application, and a restore that is a step is what is tested.
fn first_undo(history: &History, t0: u64) -> Option<u64> {
    let undoes = |fault: &FaultRecord, at: u64| match &fault.revert {
        Revert::PodsReplaced { .. }
        | Revert::OwnNamespace { .. }
        | Revert::OwnPods { .. }
        | Revert::ExecUndo { .. } => false,
        Revert::Restore { .. } => !history.is_restoring(at),
        _ => true,
    };
    let faults = &history.state.faults;
    let mut found = history.reverts.iter().filter(|(at, id)| {
        *at >= t0 && faults.iter().any(|f| f.id == *id && f.sent_us.is_some_and(|sent| sent <= *at) && undoes(f, *at))
    });
    found.next().map(|(at, _)| *at)
}

/// Targets that came back before any undo: as their host has it, or as Kubernetes saw them
/// go and come.
fn returns(history: &History, window: &Window) -> Vec<(String, u64)> {
    let back = |node: &String| {
        let series = history.nodes.get(node)?;
        let gone = series.0.iter().find(|(t, ready)| *t >= window.t0 && *ready == 0)?.0;
        series.0.iter().find(|(t, ready)| *t > gone && *ready == 1).map(|(t, _)| *t)
    };
    let runs = |node: &String| {
        let own = history.returned.iter().filter(|(t, n)| n == node && *t >= window.t0);
        own.map(|(t, _)| *t).min()
    };
    let back = |node: &String| back(node).into_iter().chain(runs(node)).min();
    window.targets(history).into_iter().filter_map(|node| back(&node).map(|at| (node, at))).collect()
}
