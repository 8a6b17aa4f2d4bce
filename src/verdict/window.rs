//! The time that belongs to a fault: from the request of its first act until somebody undoes it, a target comes back
//! without the drill, another fault begins, or the drill is interrupted. What recovers later has not recovered from
//! this fault.

use super::{History, outside, seconds};
use crate::{
    journal::FaultRecord,
    model::{PlannedStep, Revert, StepName},
};

/// The window of a fault.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// The step that made the fault.
    pub step: StepName,
    /// When its first act was requested.
    pub t0: u64,
    /// When that act was acknowledged. Its effect began between these two times.
    pub acknowledged: u64,
    /// The first instant that does not belong to the fault any more.
    pub end: u64,
    /// What ended it.
    pub by: EndedBy,
    /// The latest time until which a recovery may be attributed to the fault: the next fault, or the end of the
    /// journal.
    pub last: u64,
    /// The latest time until which damage may be attributed to it: the same, or the heal if one is requested.
    pub hit_until: u64,
}

/// What ended a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EndedBy {
    /// Its undo began, or that of another fault at the same time.
    Undo,
    /// A target came back by itself.
    Return(String),
    /// Somebody outside the drill undid it, and how.
    Outside(String),
    /// Another fault.
    Next,
    /// The drill was interrupted.
    Interruption,
    /// Nothing yet.
    Journal,
}

/// From the fault of a step until it is undone, or until something else ends its time. What is measured later has
/// another cause.
pub fn own_time(history: &History, of: &StepName) -> Option<(u64, u64)> {
    Window::of(history, Some(of)).map(|window| (window.t0, window.end))
}

impl Window {
    /// The window of the fault to which an expectation refers; none if the fault did not happen.
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
        // A drain uncordons nodes as it proceeds, which does not end its window.
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

    /// For expectations after the heal: a fault between the first one and its heal has ended by then, so only a later
    /// fault ends the time.
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

    /// Whether the fault takes the control plane away.
    pub fn takes_control_plane(&self, history: &History) -> bool {
        let steps = history.state.plan.iter().flat_map(|p| &p.steps);
        steps.filter(|s| s.name == self.step).any(PlannedStep::takes_control_plane)
    }

    /// When the time of an objective starts. For a drain, that is its end.
    pub fn clock(&self, history: &History) -> u64 {
        let over = self.is_drain(history).then(|| history.steps.get(&self.step)?.to()).flatten();
        over.unwrap_or(self.t0)
    }

    /// What [`Window::clock`] counts from, as the words after a duration.
    pub fn since(&self, history: &History) -> &'static str {
        if self.clock(history) == self.t0 { "after the fault" } else { "after the end of the drain" }
    }

    /// The nodes on which the fault acted.
    pub fn targets(&self, history: &History) -> Vec<String> {
        let steps = history.state.plan.iter().flat_map(|p| &p.steps);
        steps.filter(|s| s.name == self.step && !s.drains()).flat_map(|s| &s.nodes).map(|n| n.name.clone()).collect()
    }

    /// What ended the fault before the drill did, if anything: it was shorter than intended.
    pub fn cut_short(&self) -> Option<String> {
        matches!(self.by, EndedBy::Return(_) | EndedBy::Outside(_)).then(|| self.how())
    }

    /// What ended the window, as text: "node b came back by itself 99.1 s after the fault".
    pub fn how(&self) -> String {
        let after = seconds(self.end.saturating_sub(self.t0));
        match &self.by {
            EndedBy::Undo => format!("the fault was undone after {after}"),
            EndedBy::Return(node) => format!("node {node} came back by itself {after} after the fault"),
            EndedBy::Outside(how) => format!("{how}, {after} after the fault"),
            EndedBy::Next => format!("the next fault began {after} after this one"),
            EndedBy::Interruption => format!("the drill was interrupted {after} after the fault"),
            EndedBy::Journal => format!("the drill observed for {after} after the fault"),
        }
    }
}

/// The first undo that changes something. Deleted pods are only waited for, a scratch namespace is not part of the
/// application, and a `restore` step is what the drill tests. The undo program of an `exec` step may change anything.
fn first_undo(history: &History, t0: u64) -> Option<u64> {
    let undoes = |fault: &FaultRecord, at: u64| match &fault.revert {
        Revert::PodsReplaced { .. } | Revert::OwnNamespace { .. } | Revert::OwnPods { .. } => false,
        Revert::Restore { .. } => !history.is_restoring(at),
        _ => true,
    };
    let faults = &history.state.faults;
    let mut found = history.reverts.iter().filter(|(at, id)| {
        *at >= t0 && faults.iter().any(|f| f.id == *id && f.sent_us.is_some_and(|sent| sent <= *at) && undoes(f, *at))
    });
    found.next().map(|(at, _)| *at)
}

/// Targets that came back before any undo: according to their node host, or because Kubernetes saw them disappear and
/// return.
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
