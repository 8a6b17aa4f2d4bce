//! What a pass needs (docs/design/verdicts.md): six questions that every expectation is
//! asked. Only a proof in which each of them was answered makes a pass; that one was
//! forgotten does not compile.

use super::{Answer, outside::Others};
use crate::model::{Outcome, ProofPart};

/// An answer to one of the questions.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Seen: how.
    Shown(String),
    /// Not seen: why.
    Missing(String),
    /// It is not asked here: why not.
    NotAsked(&'static str),
}

/// Whether every source saw the whole window. This is asked of everything.
#[derive(Clone, Debug)]
pub(super) enum Sight {
    /// By what.
    Shown(String),
    /// What was not seen.
    Missing(String),
}

/// Whether the objective holds, at both ends of the error bar.
#[derive(Clone, Debug)]
pub(super) enum Bound {
    /// At both.
    Met(String),
    /// At neither.
    Refuted(String),
    /// At one of them, or there is too little to say.
    Between(String),
    /// Time will tell.
    Open(String),
}

impl Bound {
    /// What was met while a fault lasted says nothing of longer, where it did not last as
    /// long as was meant.
    pub(super) fn for_as_long(self, cut_short: Option<String>) -> Self {
        match (self, cut_short) {
            (Self::Met(said), Some(how)) => Self::Between(format!("{said}; {how}")),
            (bound, _) => bound,
        }
    }
}

/// Whether it recovered before anybody undid the cause.
#[derive(Clone, Debug)]
pub(super) enum Own {
    /// How.
    Shown(String),
    /// What came first.
    Missing {
        /// Why it is not shown.
        why: String,
        /// Whether the objective's time was over by then.
        over: bool,
    },
    /// It is not asked here: why not.
    NotAsked(&'static str),
}

/// The six parts of a proof.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    /// Was the subject seen healthy (or absent) by the same source just before?
    pub baseline: Part,
    /// Did the fault hit this subject, as somebody else saw?
    pub reach: Part,
    /// Did every source see the whole window?
    pub sight: Sight,
    /// All of what should be, and not of what was captured?
    pub denominator: Part,
    /// Does the objective hold at both ends of the error bar?
    pub bound: Bound,
    /// Did it recover before the cause was undone?
    pub own: Own,
    /// What did others do to it meanwhile?
    pub others: Others,
}

impl Proof {
    /// The only maker of a computed pass. What was refuted without a fault that reached the
    /// subject was refuted by something else.
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

    /// What others may have done is no pass, and no fail of the fault's; what is told of it.
    fn by_others(&self, outcome: Option<Outcome>) -> (Option<Outcome>, String) {
        let Others::Seen { helped, harmed } = &self.others else { return (outcome, String::new()) };
        match (outcome, helped, harmed) {
            (Some(Outcome::Pass), Some(helped), _) => {
                let said = format!("; {helped}, which may have helped: no recovery without it was shown");
                (Some(Outcome::Inconclusive), said)
            }
            (Some(Outcome::Fail), _, Some(harmed)) => {
                (Some(Outcome::Inconclusive), format!("; {harmed}, which may be why: it is not charged to the fault"))
            }
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
        // Where nobody did anything there is nothing to tell.
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
            // Something else refuted it.
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
