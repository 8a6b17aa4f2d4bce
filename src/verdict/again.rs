//! Judges a journal again, to check that its verdicts follow from its events. A verdict by the current rules must be
//! equal to the one that they give now. A verdict by other rules is only checked for consistency: its exit code must
//! follow from its judgements, and each session has one verdict. Start with [`again`].

use super::{
    Ending, RULES, Standing, TOOL, conclude, standing,
    written::{Written, begins_with, differs},
};
use crate::{
    event::{Actor, Event, Kind, StepEnd, Wake},
    journal::{FaultState, RunState},
    model::{Exit, Outcome, RunVerdict},
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
    let mut reader = Reader { events, ..Reader::default() };
    for at in 0..events.len() {
        reader.take(at);
    }
    Again { standing: standing(events), ..reader.again }
}

#[derive(Default)]
struct Reader<'a> {
    events: &'a [Event],
    again: Again,
    state: RunState,
    /// The version in the header.
    tool: &'a str,
    /// The rules for which the plan was made.
    plan_rules: Option<u32>,
    session: Session<'a>,
}

/// The current session.
#[derive(Default)]
struct Session<'a> {
    runner: bool,
    /// Its verdict, and the index of that event.
    judged: Option<(usize, Written<'a>)>,
    ended: bool,
}

impl<'a> Reader<'a> {
    fn wrong(&mut self, at: usize, what: impl Into<String>) {
        self.again.wrong.push(Wrong { seq: self.events[at].seq, what: what.into() });
    }

    fn take(&mut self, at: usize) {
        let events = self.events;
        let event = &events[at];
        let over = self.state.ended.is_some() && self.state.open().is_empty() && self.state.holder_lives.is_none();
        if let Err(illegal) = self.state.take(event) {
            self.wrong(at, illegal.to_string());
        }
        match &event.event {
            Kind::RunStarted { tool, format, .. } => {
                if at > 0 {
                    self.wrong(at, "a second header");
                }
                (self.tool, self.again.numbered) = (tool, has_numbers(format));
            }
            Kind::PlanFrozen { plan } => {
                if self.plan_rules.replace(plan.rules).is_some() {
                    self.wrong(at, "a second plan");
                }
            }
            Kind::SessionOpened { actor, .. } => {
                if over {
                    self.wrong(at, "a session was opened, although the run had ended with nothing left to undo");
                }
                if (*actor == Actor::Runner) != (at == 1) {
                    self.wrong(at, "the first session must be that of the runner, and no later session may be");
                }
                self.session = Session { runner: *actor == Actor::Runner, ..Session::default() };
            }
            Kind::Judged { rules, tool, up_to, outcome, judgements } => {
                let tool = if tool.is_empty() { self.tool } else { tool };
                self.judged(at, Written { rules: *rules, tool, up_to: *up_to, outcome: *outcome, judgements });
            }
            Kind::RunEnded { exit, detail } => self.ended(at, *exit, detail),
            _ => {
                if self.again.numbered && (self.session.ended || self.session.judged.is_some()) {
                    self.wrong(
                        at,
                        "this line comes after the verdict of its session, but only the end may come after it",
                    );
                }
            }
        }
    }

    fn judged(&mut self, at: usize, written: Written<'a>) {
        if self.session.judged.is_some() {
            return self.wrong(at, "a second verdict in one session");
        }
        if self.session.ended {
            self.wrong(at, "a verdict after the end of its session");
        }
        self.session.judged = Some((at, written));
        let plan = self.plan_rules.unwrap_or_default();
        if self.again.numbered && self.session.runner && written.rules != plan {
            let rules = written.rules;
            self.wrong(at, format!("the verdict names rules {rules}, but the plan was made for rules {plan}"));
        }
        if self.again.numbered && written.rules == 0 {
            self.wrong(at, "the verdict names no rules, but every verdict of this format must");
        }
        if written.rules == RULES {
            self.by_today(at, written);
        } else {
            self.again.by_others = true;
            self.follows_itself(at, written);
        }
    }

    /// Compares the outcomes; compares the texts only if this version wrote them.
    fn by_today(&mut self, at: usize, written: Written<'a>) {
        let last = at.checked_sub(1).map(|before| self.events[before].seq);
        if last != Some(written.up_to) {
            self.wrong(
                at,
                format!("the verdict read up to event {}, but is not the next event after it", written.up_to),
            );
        }
        let now = conclude(&self.events[..at]);
        let differs = differs(&now, written);
        match differs {
            Some(what) => self.wrong(at, what),
            None => self.again.same += 1,
        }
    }

    /// The outcome of a run is the worst outcome of its expectations.
    fn follows_itself(&mut self, at: usize, written: Written<'a>) {
        let outcome = RunVerdict::of(written.judgements.to_vec()).outcome;
        let less = !self.session.runner && outcome == Outcome::Pass && written.outcome == Outcome::Inconclusive;
        if outcome != written.outcome && !less {
            let written = written.outcome;
            self.wrong(at, format!("the verdict is {written}, but its judgements give {outcome}"));
        }
    }

    fn ended(&mut self, at: usize, exit: Exit, detail: &str) {
        if self.session.ended {
            return self.wrong(at, "a second end in one session");
        }
        self.session.ended = true;
        let judged = self.session.judged;
        if self.again.numbered && self.state.armed && judged.is_none() {
            self.wrong(at, "the run was armed and ended without a verdict");
        }
        if self.again.numbered && judged.is_some_and(|(verdict, _)| verdict + 1 != at) {
            self.wrong(at, "there is a line between the verdict and the end");
        }
        let rules = judged.map_or(self.plan_rules.unwrap_or_default(), |(_, written)| written.rules);
        if rules != RULES {
            self.again.by_others = true;
            if let Some(what) = self.does_not_follow(exit, judged.map(|(_, written)| written.outcome)) {
                self.wrong(at, what);
            }
            return;
        }
        let ending = Ending::of(&self.events[..at]);
        let now = ending.exit();
        if now != exit {
            let (exit, now) = (exit.code(), now.code());
            self.wrong(at, format!("the run ended with exit {exit}, but its events give exit {now}"));
        }
        let same_tool = judged.is_none_or(|(_, written)| written.tool == TOOL) && self.tool == TOOL;
        let words = ending.words();
        if same_tool && !begins_with(detail, &words) {
            self.wrong(at, format!("the text of the end is `{detail}`, but its events give `{words}`"));
        }
    }

    /// For an exit code by other rules: its verdict and its undo must support it.
    fn does_not_follow(&self, exit: Exit, outcome: Option<Outcome>) -> Option<String> {
        let stuck = self.state.faults.iter().any(|f| f.state == FaultState::Stuck);
        let open = !self.state.open().is_empty();
        let needs_hand = matches!(exit, Exit::Residue | Exit::Left | Exit::Internal);
        if (open || stuck || self.state.holder_lives.is_some()) && !needs_hand {
            return Some(format!("the run ended with exit {}, but something is not undone", exit.code()));
        }
        let step_failed = self.state.finished.iter().any(|(_, end)| *end == StepEnd::Failed);
        let wanted = match outcome {
            Some(Outcome::Pass | Outcome::Skipped | Outcome::Waived) => Exit::Passed,
            Some(Outcome::Inconclusive) => Exit::Inconclusive,
            Some(Outcome::Fail) => Exit::Failed,
            // Nothing was started, or there was nothing to judge.
            None => {
                return (exit == Exit::Passed).then(|| "the run ended as passed, but without a verdict".to_owned());
            }
        };
        let whole = self.finished() && !step_failed && self.session.runner;
        let claims = matches!(exit, Exit::Passed | Exit::Inconclusive) || (exit == Exit::Failed && !step_failed);
        ((claims || whole && !needs_hand) && exit != wanted)
            .then(|| format!("the run ended with exit {}, but its verdict gives exit {}", exit.code(), wanted.code()))
    }

    /// Whether all steps were done without an interruption.
    fn finished(&self) -> bool {
        let woken = self.events.iter().find_map(|e| match &e.event {
            Kind::RunWoken { why, .. } => Some(*why),
            _ => None,
        });
        let signalled = self.events.iter().any(|e| matches!(e.event, Kind::SignalCaught { .. }));
        woken == Some(Wake::Finished) && !signalled
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
