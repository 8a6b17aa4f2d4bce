//! Limits the live lines for a large cluster: if there are many lines of the same sort in a short time, some are shown
//! and the others are counted. `log` shows all of them.

use std::collections::BTreeMap;

use super::line::{at, line};
use crate::event::{Event, Kind};

/// How many lines of a sort are shown in one stretch of time.
const SHOWN: usize = 20;
/// How many lines of a sort are shown in a whole drill. After that, they are only counted.
const IN_ALL: usize = 100;
/// The length of a stretch, on the drill's clock.
const STRETCH_US: u64 = 10_000_000;

/// What a line is about, for sorts with possibly thousands of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Pods,
    Budgets,
    Nodes,
    Alerts,
    Evictions,
    Intents,
    Acts,
    Undos,
    Reverted,
    Waits,
}

impl Sort {
    fn of(kind: &Kind) -> Option<Self> {
        Some(match kind {
            Kind::PodSeen { .. } | Kind::PodGone { .. } => Self::Pods,
            Kind::BudgetSeen { .. } => Self::Budgets,
            Kind::NodeSeen { .. } => Self::Nodes,
            Kind::AlertSeen { .. } | Kind::AlertGone { .. } => Self::Alerts,
            Kind::EvictionAnswered { .. } => Self::Evictions,
            Kind::FaultIntended { .. } => Self::Intents,
            Kind::FaultApplied { .. } => Self::Acts,
            Kind::RevertStarted { .. } => Self::Undos,
            Kind::FaultReverted { .. } => Self::Reverted,
            Kind::StepProgress { .. } => Self::Waits,
            _ => return None,
        })
    }

    fn words(self) -> &'static str {
        match self {
            Self::Pods => "about pods",
            Self::Budgets => "about budgets",
            Self::Nodes => "about nodes",
            Self::Alerts => "about alerts",
            Self::Evictions => "about evictions",
            Self::Intents => "about intended acts",
            Self::Acts => "about completed acts",
            Self::Undos => "about started undos",
            Self::Reverted => "about completed undos",
            Self::Waits => "about waiting",
        }
    }
}

/// The state of the last ten seconds: for each sort, how many lines were shown, and how many were only counted. And
/// how many were shown in the drill so far.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    began_us: u64,
    now_us: u64,
    shown: BTreeMap<Sort, usize>,
    in_all: BTreeMap<Sort, usize>,
    more: BTreeMap<Sort, usize>,
}

impl Crowd {
    /// The lines to show for an event.
    pub(super) fn lines(&mut self, event: &Event) -> Vec<String> {
        let mut lines = vec![];
        self.now_us = event.t_us;
        if event.t_us >= self.began_us + STRETCH_US {
            lines.extend(self.rest());
            (self.began_us, self.shown) = (event.t_us, BTreeMap::new());
        }
        let Some(text) = line(event) else { return lines };
        match Sort::of(&event.event) {
            Some(sort) => {
                let (shown, in_all) = (self.shown.entry(sort).or_default(), self.in_all.entry(sort).or_default());
                // A change in what is waited for is always shown.
                if *shown < SHOWN && (*in_all < IN_ALL || sort == Sort::Waits) {
                    (*shown, *in_all) = (*shown + 1, *in_all + 1);
                    lines.push(text);
                } else {
                    *self.more.entry(sort).or_default() += 1;
                }
            }
            // Show the counts of earlier lines before this line.
            None => {
                lines.extend(self.rest());
                lines.push(text);
            }
        }
        lines
    }

    /// A line with the counts of lines that were not shown.
    pub(super) fn rest(&mut self) -> Option<String> {
        let more = std::mem::take(&mut self.more);
        let said: Vec<String> = more.iter().map(|(sort, n)| format!("{n} {}", sort.words())).collect();
        let text = format!("  … and more lines: {} (`drillmaster log` shows them)", said.join(", "));
        (!said.is_empty()).then(|| at(self.now_us, &text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FaultId;

    fn event(t_us: u64, event: Kind) -> Event {
        Event { seq: 0, at: jiff::Timestamp::UNIX_EPOCH, t_us, epoch: 1, prev: String::new(), must: false, event }
    }

    fn gone(n: usize) -> Kind {
        Kind::PodGone { namespace: "shop".into(), name: format!("web-{n}"), uid: String::new() }
    }

    #[test]
    fn few_lines_are_all_shown_and_of_many_the_rest_is_counted() {
        let mut crowd = Crowd::default();
        let shown: Vec<String> = (0..SHOWN + 5).flat_map(|n| crowd.lines(&event(1_000_000, gone(n)))).collect();
        assert_eq!(shown.len(), SHOWN);
        let fault = FaultId("outage/a".into());
        let other = crowd.lines(&event(2_000_000, Kind::RevertStarted { fault: fault.clone(), attempt: 1 }));
        assert_eq!(other.len(), 1, "lines about other things are not delayed");
        let stuck =
            crowd.lines(&event(3_000_000, Kind::FaultStuck { fault, why: "no answer".into(), commands: vec![] }));
        assert!(stuck[0].contains("5 about pods") && stuck[1].contains("STUCK"), "{stuck:?}");
        let later = crowd.lines(&event(12_000_000, gone(99)));
        assert_eq!(later.len(), 1, "a new stretch: {later:?}");
        assert_eq!(crowd.rest(), None);
    }

    #[test]
    fn what_goes_on_and_on_is_counted_only() {
        let mut crowd = Crowd::default();
        let second = |n: usize| 1_000_000 * n as u64;
        let lines: Vec<String> = (0..500).flat_map(|n| crowd.lines(&event(second(n), gone(n)))).collect();
        let (counts, shown): (Vec<&String>, Vec<&String>) = lines.iter().partition(|l| l.contains("and more lines"));
        assert_eq!(shown.len(), IN_ALL);
        assert_eq!(counts.len(), (500 - IN_ALL) / 10 - 1, "a count every ten seconds");
        assert!(crowd.rest().is_some_and(|rest| rest.contains("10 about pods")));
    }
}
