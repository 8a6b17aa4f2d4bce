//! Strengths, for page one: only from a pass with every part of its proof, in a fixed order. A drill that changed
//! nothing has none. Start with [`strengths`].

use std::collections::BTreeSet;

use super::{
    Rest, Text,
    before::Retest,
    context::{Context, Judged, at_least, at_most, short},
    findings::{FAULTS, every},
    results::predicted_well,
};
use crate::{
    model::{Expectation, FilesRead, StepResult, VolumesRule},
    report::words::{say, strengths as w},
};

/// Page one has room for this many.
const MOST: usize = 3;

/// A margin of this share of the objective is a strength.
const HALF: u64 = 2;

/// The first three strengths, each about another subject.
pub(super) fn strengths(c: &Context<'_>) -> Vec<Text> {
    if !c.has_acted() || !c.is_confirmed() {
        return vec![];
    }
    let proven = || c.judged.iter().filter(|j| j.is_proven());
    let mut all: Vec<(String, Text)> = vec![];
    all.extend(corrected(c));
    all.extend(proven().filter_map(|j| equal(c, j)));
    all.extend(proven().filter_map(|j| early(c, j)));
    all.extend(proven().filter_map(|j| better(c, j)));
    all.extend(proven().filter_map(|j| alerted(c, j)));
    all.extend(proven().filter_map(|j| refused(c, j)));
    all.extend(decided(c));
    all.extend(predicted_well(c));
    let mut known = BTreeSet::new();
    all.retain(|(subject, _)| known.insert(subject.clone()));
    all.into_iter().map(|(_, text)| text).take(MOST).collect()
}

/// A strength that rests on a judgement.
fn line(c: &Context<'_>, j: &Judged<'_>, said: String) -> (String, Text) {
    let act = c.places.first_act.map(Rest::Event);
    (j.subject(c.words), Text::new(said).see([j.id()]).rests(c.base()).rests(act))
}

/// An action of the last drill was tested again, and its expectation passed.
fn corrected(c: &Context<'_>) -> Vec<(String, Text)> {
    let Some(before) = &c.beside.before else { return vec![] };
    let passed = before.actions.iter().filter_map(|action| match before.retest(c, action) {
        Retest::Passed(index) => Some((action, c.judged.get(index)?)),
        _ => None,
    });
    passed
        .map(|(action, j)| {
            let subject = short(&j.subject(c.words), 60);
            let said = say!(c.words, w::TESTED_AGAIN, action.id.0, before.date, subject);
            line(c, j, said)
        })
        .collect()
}

/// A recovery was clearly faster than in the last drill.
fn better(c: &Context<'_>, j: &Judged<'_>) -> Option<(String, Text)> {
    let before = c.beside.before.as_ref()?;
    let change = before.changes(c).into_iter().find(|change| change.index == j.index)?;
    change.is_better().filter(|better| *better)?;
    let (then, now) = (at_most(change.then.most_us), at_most(change.now.most_us));
    Some(line(c, j, say!(c.words, w::FASTER, short(&j.subject(c.words), 60), now, then, before.date)))
}

/// Objects and files came back equal.
fn equal(c: &Context<'_>, j: &Judged<'_>) -> Option<(String, Text)> {
    let Some(Expectation::Restore(e)) = j.expectation else { return None };
    let Some(StepResult::Restore(restored)) = c.history.state.results.get(&e.of) else { return None };
    e.objects?;
    let namespace = short(&restored.namespace, 60);
    let said = match &restored.files {
        FilesRead::Compared { files, .. } if e.volumes == Some(VolumesRule::Identical) => {
            say!(c.words, w::EQUAL_FILES, restored.objects, files, namespace)
        }
        _ => say!(c.words, w::EQUAL, restored.objects, namespace),
    };
    let (subject, text) = line(c, j, said);
    Some((subject, text.rests(c.places.results.get(&e.of).copied().map(Rest::Event))))
}

/// An objective of a tier-1 function was met with half of it to spare.
fn early(c: &Context<'_>, j: &Judged<'_>) -> Option<(String, Text)> {
    let m = j.measured?;
    let margin = u64::try_from(m.margin_us()).ok()?;
    let is_objective = matches!(j.expectation, Some(Expectation::Service(_) | Expectation::Loss(_)));
    if !is_objective || c.about().tier != Some(1) || margin.saturating_mul(HALF) < m.objective_us {
        return None;
    }
    let (left, objective) = (at_least(margin), at_most(m.objective_us));
    let of = j.of.of.as_ref().map(|of| say!(c.words, w::AFTER, short(of, 40))).unwrap_or_default();
    let subject = short(&j.subject(c.words), 60);
    let said = match j.expectation {
        Some(Expectation::Loss(_)) => say!(c.words, w::LOST_LESS, subject, left, objective, of),
        _ => say!(c.words, w::BACK_EARLY, subject, left, objective, of),
    };
    Some(line(c, j, said))
}

/// An alert for every target came within half its limit.
fn alerted(c: &Context<'_>, j: &Judged<'_>) -> Option<(String, Text)> {
    let (Some(Expectation::Alert(e)), Some(m)) = (j.expectation, j.measured) else { return None };
    if e.for_each.is_none() || m.most_us.saturating_mul(HALF) > m.objective_us {
        return None;
    }
    let (took, limit) = (at_most(m.most_us), at_most(m.objective_us));
    let said = say!(c.words, w::ALERTED, short(&e.name, 60), took, limit);
    Some(line(c, j, said))
}

/// Budgets refused what they should.
fn refused(c: &Context<'_>, j: &Judged<'_>) -> Option<(String, Text)> {
    let Some(Expectation::Budgets(e)) = j.expectation else { return None };
    e.while_degraded?;
    Some(line(c, j, say!(c.words, w::BUDGETS_ANSWERED)))
}

/// People decided in time.
fn decided(c: &Context<'_>) -> Option<(String, Text)> {
    let gates = &c.places.gates;
    let in_time = |g: &&super::context::Gate| g.answer.as_ref().is_some_and(|a| a.approved && a.at_us <= g.until_us);
    if gates.is_empty() || !gates.iter().all(|g| in_time(&g)) {
        return None;
    }
    let slowest = gates.iter().filter_map(|g| Some(g.answer.as_ref()?.at_us.saturating_sub(g.opened_us))).max()?;
    let said = say!(c.words, w::DECIDED, gates.len(), at_most(slowest));
    let rests = gates.iter().flat_map(|g| [Some(g.seq), g.answer.as_ref().map(|a| a.seq)]).flatten().map(Rest::Event);
    Some(("decisions".into(), Text::new(said).rests(rests).rests(c.base()).rests(every(&FAULTS[1..2]))))
}
