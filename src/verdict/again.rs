//! Judges a journal again, to check that its verdicts follow from its events. A verdict by the current rules must be
//! equal to the one that they give now. A verdict by other rules is only checked for consistency: its exit code must
//! follow from its judgements, and each session has one verdict. Start with [`again`].

use super::{
    Ending, History, RULES, Standing, TOOL,
    written::{Written, begins_with, differs},
};
use crate::{
    event::{Actor, EndReason, Event, Kind, StepEnd},
    journal::FaultState,
    model::{Exit, Judgement, Outcome, RunVerdict},
};

/// The result.
#[derive(Clone, Debug, Default)]
pub struct Again {
    /// Which rules made the last verdict.
    pub standing: Standing,
    /// What does not follow.
    pub wrong: Vec<Wrong>,
    /// The number of verdicts that were judged again and are equal.
    pub same: usize,
    /// Whether a verdict, or an end without a verdict, was made by other rules than the current ones.
    pub by_others: bool,
    /// Whether the journal has a format in which every verdict names its rules.
    pub numbered: bool,
}

/// Something in a journal that does not follow from the lines before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The event.
    pub seq: u64,
    /// What is wrong with it.
    pub what: String,
}

/// Judges a journal again.
pub fn again(events: &[Event]) -> Again {
    let mut reader = Reader::default();
    for event in events {
        reader.read_event(event);
    }
    reader.again
}

/// Judges a journal again while its events are read, one after another. It keeps what the verdict needs of them, and
/// not the events.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The result so far.
    pub again: Again,
    /// The events so far, arranged by time.
    pub history: History,
    /// How many there were, and the number of the last.
    taken: usize,
    last: Option<u64>,
    /// The rules for which the plan was made.
    plan_rules: Option<u32>,
    session: Session,
}

/// The current session.
#[derive(Debug, Default)]
struct Session {
    runner: bool,
    judged: Option<Judged>,
    ended: bool,
}

/// The verdict of a session.
#[derive(Clone, Copy, Debug)]
struct Judged {
    /// The position of the event.
    at: usize,
    rules: u32,
    /// Whether this version wrote it.
    own: bool,
    outcome: Outcome,
}

impl Reader {
    fn wrong(&mut self, event: &Event, what: impl Into<String>) {
        self.again.wrong.push(Wrong { seq: event.seq, what: what.into() });
    }

    /// Adds the next event.
    pub fn read_event(&mut self, event: &Event) {
        match &event.event {
            // These are judged by the events before them.
            Kind::Judged { rules, tool, up_to, outcome, judgements } => {
                let tool = if tool.is_empty() { self.history.tool.clone() } else { tool.clone() };
                let judgements: &[Judgement] = judgements;
                let written = Written { rules: *rules, tool: &tool, up_to: *up_to, outcome: *outcome, judgements };
                self.judged(event, written);
                self.add(event);
            }
            Kind::RunEnded { exit, detail } => {
                self.ended(event, *exit, detail);
                self.add(event);
            }
            _ => {
                let over = self.is_over();
                self.add(event);
                self.other(event, over);
            }
        }
        self.taken += 1;
        self.last = Some(event.seq);
    }

    fn add(&mut self, event: &Event) {
        if let Err(illegal) = self.history.add(event) {
            self.wrong(event, illegal.to_string());
        }
    }

    /// Whether the run has ended and nothing is left to undo.
    fn is_over(&self) -> bool {
        let state = &self.history.state;
        state.ended.is_some() && state.holder_lives.is_none() && !state.faults.iter().any(|f| f.state.is_open())
    }

    fn other(&mut self, event: &Event, over: bool) {
        match &event.event {
            Kind::RunStarted { format, .. } => {
                if self.taken > 0 {
                    self.wrong(event, "a second header");
                }
                self.again.numbered = has_numbers(format);
            }
            Kind::PlanFrozen { plan } => {
                if self.plan_rules.replace(plan.rules).is_some() {
                    self.wrong(event, "a second plan");
                }
            }
            Kind::SessionOpened { actor, .. } => {
                if over {
                    self.wrong(event, "a session was opened, although the run had ended with nothing left to undo");
                }
                if (*actor == Actor::Runner) != (self.taken == 1) {
                    self.wrong(event, "the first session must be that of the runner, and no later session may be");
                }
                self.session = Session { runner: *actor == Actor::Runner, ..Session::default() };
            }
            _ => {
                if self.again.numbered && (self.session.ended || self.session.judged.is_some()) {
                    self.wrong(
                        event,
                        "this line comes after the verdict of its session, but only the end may come after it",
                    );
                }
            }
        }
    }

    fn judged(&mut self, event: &Event, written: Written<'_>) {
        let Written { rules, tool, outcome, .. } = written;
        let now = self.history.conclude();
        self.again.standing = Standing::of(rules, tool, outcome, || now.clone());
        if self.session.judged.is_some() {
            return self.wrong(event, "a second verdict in one session");
        }
        if self.session.ended {
            self.wrong(event, "a verdict after the end of its session");
        }
        self.session.judged = Some(Judged { at: self.taken, rules, own: tool == TOOL, outcome });
        let plan = self.plan_rules.unwrap_or_default();
        if self.again.numbered && self.session.runner && rules != plan {
            self.wrong(event, format!("the verdict names rules {rules}, but the plan was made for rules {plan}"));
        }
        if self.again.numbered && rules == 0 {
            self.wrong(event, "the verdict names no rules, but every verdict of this format must");
        }
        if rules == RULES {
            self.by_today(event, written, &now);
        } else {
            self.again.by_others = true;
            self.follows_itself(event, written);
        }
    }

    /// Compares the outcomes; compares the texts only if this version wrote them.
    fn by_today(&mut self, event: &Event, written: Written<'_>, now: &RunVerdict) {
        if self.last != Some(written.up_to) {
            self.wrong(
                event,
                format!("the verdict read up to event {}, but is not the next event after it", written.up_to),
            );
        }
        match differs(now, written) {
            Some(what) => self.wrong(event, what),
            None => self.again.same += 1,
        }
    }

    /// The outcome of a run is the worst outcome of its expectations.
    fn follows_itself(&mut self, event: &Event, written: Written<'_>) {
        let outcome = RunVerdict::of(written.judgements.to_vec()).outcome;
        let less = !self.session.runner && outcome == Outcome::Pass && written.outcome == Outcome::Inconclusive;
        if outcome != written.outcome && !less {
            let written = written.outcome;
            self.wrong(event, format!("the verdict is {written}, but its judgements give {outcome}"));
        }
    }

    fn ended(&mut self, event: &Event, exit: Exit, detail: &str) {
        if self.session.ended {
            return self.wrong(event, "a second end in one session");
        }
        self.session.ended = true;
        let judged = self.session.judged;
        if self.again.numbered && self.history.state.armed && judged.is_none() {
            self.wrong(event, "the run was armed and ended without a verdict");
        }
        if self.again.numbered && judged.is_some_and(|verdict| verdict.at + 1 != self.taken) {
            self.wrong(event, "there is a line between the verdict and the end");
        }
        let rules = judged.map_or(self.plan_rules.unwrap_or_default(), |verdict| verdict.rules);
        if rules != RULES {
            self.again.by_others = true;
            if let Some(what) = self.does_not_follow(exit, judged.map(|verdict| verdict.outcome)) {
                self.wrong(event, what);
            }
            return;
        }
        let ending = Ending::after(&self.history);
        let now = ending.exit();
        if now != exit {
            let (exit, now) = (exit.code(), now.code());
            self.wrong(event, format!("the run ended with exit {exit}, but its events give exit {now}"));
        }
        let same_tool = judged.is_none_or(|verdict| verdict.own) && self.history.tool == TOOL;
        let words = ending.words();
        if same_tool && !begins_with(detail, &words) {
            self.wrong(event, format!("the text of the end is `{detail}`, but its events give `{words}`"));
        }
    }

    /// For an exit code by other rules: its verdict and its undo must support it.
    fn does_not_follow(&self, exit: Exit, outcome: Option<Outcome>) -> Option<String> {
        let state = &self.history.state;
        let stuck = state.faults.iter().any(|f| f.state == FaultState::Stuck);
        let open = state.faults.iter().any(|f| f.state.is_open());
        let needs_hand = matches!(exit, Exit::Residue | Exit::Left | Exit::Internal);
        if (open || stuck || state.holder_lives.is_some()) && !needs_hand {
            return Some(format!("the run ended with exit {}, but something is not undone", exit.code()));
        }
        let step_failed = state.finished.iter().any(|(_, end)| *end == StepEnd::Failed);
        let wanted = match outcome {
            Some(Outcome::Pass | Outcome::Skipped | Outcome::Waived) => Exit::Passed,
            Some(Outcome::Inconclusive) => Exit::Inconclusive,
            Some(Outcome::Fail) => Exit::Failed,
            // Nothing was started, or there was nothing to judge.
            None => {
                return (exit == Exit::Passed).then(|| "the run ended as passed, but without a verdict".to_owned());
            }
        };
        // All steps were done without an interruption.
        let finished = self.history.end_reason == Some(EndReason::Finished) && !self.history.signalled;
        let whole = finished && !step_failed && self.session.runner;
        let claims = matches!(exit, Exit::Passed | Exit::Inconclusive) || (exit == Exit::Failed && !step_failed);
        ((claims || whole && !needs_hand) && exit != wanted)
            .then(|| format!("the run ended with exit {}, but its verdict gives exit {}", exit.code(), wanted.code()))
    }
}

/// From format 2.1 on, journals contain the rules of each verdict.
fn has_numbers(format: &str) -> bool {
    let mut parts = format.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    version >= (2, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journals_name_their_rules_from_format_2_1_on() {
        for (format, numbers) in [("1.0", false), ("2.0", false), ("2.1", true), ("2.10", true), ("3.0", true)] {
            assert_eq!(has_numbers(format), numbers, "{format}");
        }
    }
}
