//! What a pass needs (docs/design/verdicts.md): six questions that are asked of every expectation. Only
//! [`Proof::conclude`] can compute a pass, and it needs an answer to each question: code that forgets one does not
//! compile.

use super::{Answer, outside::Others};
use crate::model::{Outcome, ProofPart};

/// An answer to one of the questions.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// It was observed. The text says how.
    Shown(String),
    /// It was not observed. The text says why.
    Missing(String),
    /// The question does not apply here. The text says why.
    NotAsked(&'static str),
}

/// Whether every source observed the whole window. This question always applies.
#[derive(Clone, Debug)]
pub(super) enum Sight {
    /// It did. The text names the sources.
    Shown(String),
    /// It did not. The text says what was not observed.
    Missing(String),
}

/// Whether the objective is met, at both ends of the measurement error.
#[derive(Clone, Debug)]
pub(super) enum Bound {
    /// Met at both ends.
    Met(String),
    /// Met at neither end.
    Refuted(String),
    /// Met at one end only, or there is not enough information.
    Between(String),
    /// Not decided yet.
    Open(String),
}

impl Bound {
    /// A bound that was met during a fault that others cut short is not proven: it says
    /// nothing about a fault of the intended length.
    pub(super) fn for_as_long(self, cut_short: Option<String>) -> Self {
        match (self, cut_short) {
            (Self::Met(said), Some(how)) => Self::Between(format!("{said}, but {how}")),
            (bound, _) => bound,
        }
    }
}

/// Whether the subject recovered before anybody undid the cause.
#[derive(Clone, Debug)]
pub(super) enum Own {
    /// It did. The text says how.
    Shown(String),
    /// Something else came first.
    Missing {
        /// Why it was not shown.
        why: String,
        /// Whether the time of the objective had passed by then.
        over: bool,
    },
    /// The question does not apply here. The text says why.
    NotAsked(&'static str),
}

/// The six parts of a proof.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    /// Baseline: did the same source observe the subject as healthy (or absent) directly before?
    pub baseline: Part,
    /// Reach: did the fault hit this subject, according to another source?
    pub reach: Part,
    /// Sight: did every source observe the whole window?
    pub sight: Sight,
    /// Denominator: does "all" mean everything that should exist, and not only what was captured?
    pub denominator: Part,
    /// Bound: is the objective met at both ends of the measurement error?
    pub bound: Bound,
    /// Own recovery: did the subject recover before the cause was undone?
    pub own: Own,
    /// What was done to the subject from outside in the meantime?
    pub others: Others,
}

impl Proof {
    /// The only function that computes a pass. If an objective was missed without a fault that reached the subject,
    /// something else caused that.
    pub fn conclude(self, subject: &str) -> Answer {
        let (outcome, because) = match (&self.baseline, &self.sight, &self.denominator, &self.reach) {
            (Part::Missing(why), ..) => (Some(Outcome::Inconclusive), why),
            _ if matches!(self.bound, Bound::Open(_)) => (None, said(&self.bound)),
            (_, Sight::Missing(why), ..) => (Some(Outcome::Inconclusive), why),
            (_, _, Part::Missing(why), _) => (Some(Outcome::Inconclusive), why),
            (_, _, _, Part::Missing(why)) => (Some(Outcome::Inconclusive), why),
            _ => match (&self.bound, &self.own) {
                (Bound::Refuted(why), _) => (Some(Outcome::Fail), why),
                (Bound::Between(why), _) => (Some(Outcome::Inconclusive), why),
                (_, Own::Missing { why, over: true }) => (Some(Outcome::Fail), why),
                (_, Own::Missing { why, over: false }) => (Some(Outcome::Inconclusive), why),
                (bound, _) => (Some(Outcome::Pass), said(bound)),
            },
        };
        let (outcome, told) = self.by_others(outcome);
        let because = format!("{subject}: {because}{told}");
        Answer::proven(outcome, because, self.parts(subject))
    }

    /// Takes changes from outside into account: they make neither a pass nor a failure of the fault. Also returns the
    /// text about them.
    fn by_others(&self, outcome: Option<Outcome>) -> (Option<Outcome>, String) {
        let Others::Seen { helped, harmed } = &self.others else { return (outcome, String::new()) };
        match (outcome, helped, harmed) {
            (Some(Outcome::Pass), Some(helped), _) => {
                let said = format!("; {helped}, which may have helped: a recovery without that was not shown");
                (Some(Outcome::Inconclusive), said)
            }
            (Some(Outcome::Fail), _, Some(harmed)) => (
                Some(Outcome::Inconclusive),
                format!("; {harmed}, which may be the cause, so the failure is not blamed on the fault"),
            ),
            _ => {
                let mut all: Vec<&String> = [helped, harmed].into_iter().flatten().collect();
                all.dedup();
                (outcome, all.into_iter().map(|said| format!("; {said}")).collect())
            }
        }
    }

    fn parts(&self, subject: &str) -> Vec<ProofPart> {
        let part = |name: &str, part: &Part| match part {
            Part::Shown(said) => ProofPart::new(subject, name, Some(true), said),
            Part::Missing(said) => ProofPart::new(subject, name, Some(false), said),
            Part::NotAsked(said) => ProofPart::new(subject, name, None, said),
        };
        let sight = match &self.sight {
            Sight::Shown(said) => ProofPart::new(subject, "sight", Some(true), said),
            Sight::Missing(said) => ProofPart::new(subject, "sight", Some(false), said),
        };
        let own = match &self.own {
            Own::Shown(said) => ProofPart::new(subject, "own recovery", Some(true), said),
            Own::Missing { why, .. } => ProofPart::new(subject, "own recovery", Some(false), why),
            Own::NotAsked(said) => ProofPart::new(subject, "own recovery", None, said),
        };
        let met = matches!(self.bound, Bound::Met(_));
        let mut parts = vec![
            part("baseline", &self.baseline),
            part("reach", &self.reach),
            sight,
            part("denominator", &self.denominator),
            ProofPart::new(subject, "bound", Some(met), said(&self.bound)),
            own,
        ];
        // Without changes from outside, there is nothing to report.
        if let Others::Seen { helped, harmed } = &self.others {
            let all = [helped, harmed].into_iter().flatten();
            parts.extend(all.map(|said| ProofPart::new(subject, "changed from outside", Some(false), said)));
            parts.dedup_by(|a, b| a == b);
        }
        parts
    }
}

fn said(bound: &Bound) -> &String {
    match bound {
        Bound::Met(said) | Bound::Refuted(said) | Bound::Between(said) | Bound::Open(said) => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Proof {
        Proof {
            baseline: Part::Shown("b".into()),
            reach: Part::Shown("r".into()),
            sight: Sight::Shown("s".into()),
            denominator: Part::Shown("d".into()),
            bound: Bound::Met("m".into()),
            own: Own::Shown("o".into()),
            others: Others::nobody(),
        }
    }

    #[test]
    fn a_pass_needs_all_of_it() {
        use Outcome::*;
        let no = || Part::Missing("no".into());
        let late = |over| Own::Missing { why: "late".into(), over };
        let refuted = || Bound::Refuted("x".into());
        let cases = [
            (whole(), Some(Pass)),
            (Proof { baseline: no(), ..whole() }, Some(Inconclusive)),
            (Proof { reach: no(), ..whole() }, Some(Inconclusive)),
            // Something other than the fault caused it.
            (Proof { reach: no(), bound: refuted(), ..whole() }, Some(Inconclusive)),
            (Proof { sight: Sight::Missing("no".into()), bound: refuted(), ..whole() }, Some(Inconclusive)),
            (Proof { denominator: no(), bound: refuted(), ..whole() }, Some(Inconclusive)),
            (Proof { bound: refuted(), ..whole() }, Some(Fail)),
            (Proof { bound: Bound::Between("?".into()), ..whole() }, Some(Inconclusive)),
            (Proof { bound: Bound::Open("later".into()), ..whole() }, None),
            (Proof { own: late(true), ..whole() }, Some(Fail)),
            (Proof { own: late(false), ..whole() }, Some(Inconclusive)),
            (Proof { own: Own::NotAsked("after the heal"), reach: Part::NotAsked("x"), ..whole() }, Some(Pass)),
        ];
        let by = |helped: bool, harmed: bool| Others::Seen {
            helped: helped.then(|| "at 1 s somebody scaled it up".to_owned()),
            harmed: harmed.then(|| "at 2 s somebody scaled it down".to_owned()),
        };
        let others = [
            (Proof { others: by(true, false), ..whole() }, Some(Inconclusive)),
            (Proof { others: by(false, true), ..whole() }, Some(Pass)),
            (Proof { others: by(false, true), bound: refuted(), ..whole() }, Some(Inconclusive)),
            (Proof { others: by(true, false), bound: refuted(), ..whole() }, Some(Fail)),
            (Proof { others: by(false, true), own: late(true), ..whole() }, Some(Inconclusive)),
            (Proof { others: by(true, true), bound: Bound::Open("later".into()), ..whole() }, None),
        ];
        for (proof, wanted) in cases.into_iter().chain(others) {
            let said = format!("{proof:?}");
            assert_eq!(proof.conclude("web").outcome, wanted, "{said}");
        }
    }
}
