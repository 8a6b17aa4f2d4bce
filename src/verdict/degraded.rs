//! Judges the answers of the Eviction API while nodes are gone: whether each is the one that the budgets require.

use std::collections::BTreeSet;

use super::{
    Answer, History,
    outside::Others,
    proof::{Bound, Own, Part, Proof, Sight},
    window::Window,
};
use crate::{
    event::{BudgetSays, Kind},
    model::{BudgetsExpectation, Evidence, Told, clauses},
};

/// The answers to the dry-run evictions during the fault.
#[derive(Default)]
struct Asked {
    refused: usize,
    allowed: usize,
    wrong: Vec<String>,
    /// Pods without an answer that can be compared with a budget.
    unsure: Vec<String>,
    /// In a namespace with thousands of pods, only some of each sort were tried: the total number of pods.
    of: Option<usize>,
    from_to: Option<(u64, u64)>,
}

impl Asked {
    fn of(expected: &BudgetsExpectation, history: &History) -> Self {
        let step = history.fault_step(expected.of.as_ref()).map(|s| s.0).unwrap_or_default();
        let critical = owners_covered(history);
        // An answer after the start of the undo is about another state.
        let end = Window::of(history, expected.of.as_ref()).map_or(u64::MAX, |window| window.end);
        let mut asked = Self { of: history.sampled.get(&step).copied(), ..Self::default() };
        let mut owners = BTreeSet::new();
        for (t, kind) in &history.evictions {
            let Kind::EvictionAnswered {
                step: of, namespace, pod, owner, dry_run: true, code, reason, expected, ..
            } = kind
            else {
                continue;
            };
            let key = (namespace.as_str(), owner.as_str());
            if *of == step && (critical.is_empty() || critical.contains(&key)) {
                owners.insert(key);
                // Only trying until then can show that a budget did not settle.
                if *t > end && *expected != BudgetSays::Unsettled {
                    asked.unsure.push(format!("{pod}: the answer came after the time of the fault"));
                    continue;
                }
                asked.from_to = Some((asked.from_to.map_or(*t, |f| f.0), *t));
                asked.add(pod, *code, reason, *expected);
            }
        }
        if asked.from_to.is_some() {
            let missing = critical.into_iter().filter(|owner| !owners.contains(owner));
            asked.unsure.extend(missing.map(|(ns, owner)| format!("{ns}/{owner}: no eviction of its pods was tried")));
        }
        asked
    }

    /// Why there is no answer from the time of the fault.
    fn untried(&self) -> &'static str {
        if self.unsure.is_empty() {
            "no eviction was tried: the nodes came back before they were observed as gone"
        } else {
            "no eviction was answered during the time of the fault"
        }
    }

    fn answers(&self) -> usize {
        self.refused + self.allowed + self.wrong.len()
    }

    fn denominator(&self) -> String {
        let answers = format!("{} answers", self.answers() + self.unsure.len());
        self.of.map_or(answers.clone(), |of| format!("{answers} about pods of every sort; there were {of} pods in all"))
    }

    /// A wrong answer is wrong, whatever else was not observed.
    fn sight(&self) -> Sight {
        let (read, all) = (self.answers(), self.answers() + self.unsure.len());
        match (self.unsure.is_empty(), self.wrong.is_empty()) {
            (true, _) => Sight::Shown(format!("all {all} answers were usable")),
            (false, true) => Sight::Missing(clauses(&self.unsure)),
            (false, false) => Sight::Shown(format!(
                "{read} of {all} answers could be compared with a budget; the others could not: {}",
                clauses(&self.unsure)
            )),
        }
    }

    fn add(&mut self, pod: &str, code: u16, reason: &str, expected: BudgetSays) {
        if code == 0 {
            return self.unsure.push(format!("{pod}: no usable answer ({reason})"));
        }
        if expected == BudgetSays::Uncovered {
            return self.wrong.push(format!("{pod} has no budget: nothing prevents its eviction"));
        }
        let Some(is_met) = expected.is_met_by(code) else {
            return self.unsure.push(format!("{pod}: the numbers of its budget were still changing"));
        };
        // The API server also uses 429 for throttling.
        let as_expected = is_met && (expected != BudgetSays::Refused || reason == "DisruptionBudget");
        if code >= 500 && expected != BudgetSays::Ambiguous {
            self.unsure.push(format!("{pod}: no usable answer ({code} {reason})"));
        } else if !as_expected {
            let answer = format!("{code} {reason}");
            self.wrong.push(format!(
                "the eviction of {pod} got the answer {}, but its budget requires {}",
                answer.trim_end(),
                expected.word()
            ));
        } else if (200..300).contains(&code) {
            self.allowed += 1;
        } else {
            self.refused += 1;
        }
    }
}

pub(super) fn degraded(expected: &BudgetsExpectation, history: &History) -> Answer {
    let asked = Asked::of(expected, history);
    let Asked { refused, allowed, wrong, from_to, .. } = &asked;
    let proof = Proof {
        baseline: Part::NotAsked("each answer is compared with the status of the budget at that moment"),
        reach: if from_to.is_none() {
            Part::Missing(asked.untried().into())
        } else {
            Part::Shown("evictions were tried while nodes were gone".into())
        },
        sight: asked.sight(),
        denominator: Part::Shown(asked.denominator()),
        bound: if wrong.is_empty() {
            Bound::Met(format!("{refused} dry-run evictions refused and {allowed} allowed, all as the budgets require"))
        } else {
            Bound::Refuted(clauses(wrong))
        },
        own: Own::NotAsked("nothing had to recover"),
        others: Others::NotAsked,
    };
    proof.conclude("during the fault").with(Evidence {
        source: "Eviction API with dryRun=All".into(),
        observed: Told::of_journal(format!("{refused} refused and {allowed} allowed, as the budgets require")),
        from_us: from_to.map(|f| f.0),
        to_us: from_to.map(|f| f.1),
        uncertainty_us: None,
    })
}

/// The workloads whose pods the plan compares with budgets.
fn owners_covered(history: &History) -> BTreeSet<(&str, &str)> {
    let covered = history.state.plan.iter().flat_map(|p| p.coverage.iter().flatten());
    covered.map(|c| (c.namespace(), c.owner.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::small_journal::SmallJournal, *};
    use crate::model::Outcome;

    /// Critical is `deployment/web` of namespace shop. A fault that lasts from 10 s to 100 s.
    fn tried(namespace: &str, code: u16) -> Outcome {
        let answer = json!({"kind": "EvictionAnswered", "step": "fault", "namespace": namespace, "pod": "p",
            "owner": "deployment/web", "dry_run": true, "code": code, "reason": "DisruptionBudget", "message": "",
            "expected": "refused"});
        SmallJournal::killed("a")
            .plans("coverage", json!([{"pod": "shop/w1", "owner": "deployment/web", "budgets": ["web"]}]))
            .expects(json!({"budgets": {"whileDegraded": "asBudgeted"}}))
            .at(20, serde_json::from_value(answer).unwrap())
            .healed(100)
            .judged(200)
            .0
    }

    #[test]
    fn a_namesake_in_another_namespace_is_not_critical() {
        assert_eq!((tried("shop", 429), tried("shop", 201)), (Outcome::Pass, Outcome::Fail));
        assert_eq!((tried("other", 429), tried("other", 201)), (Outcome::Inconclusive, Outcome::Inconclusive));
    }

    #[test]
    fn what_was_answered_wrongly_stays_wrong_and_what_was_not_answered_is_named() {
        let mut asked = Asked::default();
        asked.add("web-1", 429, "DisruptionBudget", BudgetSays::Refused);
        assert!(matches!(asked.sight(), Sight::Shown(said) if said == "all 1 answers were usable"));
        assert_eq!(asked.denominator(), "1 answers");
        let some = Asked { of: Some(3000), refused: 25, ..Asked::default() };
        assert_eq!(some.denominator(), "25 answers about pods of every sort; there were 3000 pods in all");
        asked.add("web-2", 0, "timed out", BudgetSays::Unsettled);
        assert!(matches!(asked.sight(), Sight::Missing(said) if said.contains("web-2: no usable answer")));
        asked.add("web-3", 201, "", BudgetSays::Refused);
        let sight = asked.sight();
        assert!(
            matches!(&sight, Sight::Shown(said) if said.starts_with("2 of 3") && said.contains("web-2")),
            "{sight:?}"
        );
    }
}
