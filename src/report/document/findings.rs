//! What the drill found: everything that did not go as it should, the most important first. Page one names the first
//! three. Start with [`findings`].

use std::collections::BTreeSet;

use super::{
    Block, Card, Commands, Key, Ref, Rest, Row, Section, Text, Tone,
    context::{Context, Judged, at_least, at_most, severity, short},
    gaps,
};
use crate::{
    model::{Exit, Expectation, Outcome, Severity, State},
    report::{
        review::fix_lines,
        words::{findings as w, say},
    },
};

/// Every kind of event about a fault. Whether the cluster is restored follows from all of them.
pub(super) const FAULTS: [&str; 10] = [
    "FaultIntended",
    "FaultApplied",
    "FaultFailed",
    "RevertStarted",
    "FaultReverted",
    "FaultReplaced",
    "FaultLeft",
    "FaultKept",
    "FaultStuck",
    "FaultReopened",
];

pub(super) fn every(kinds: &[&str]) -> Vec<Rest> {
    kinds.iter().map(|kind| Rest::Every((*kind).to_owned())).collect()
}

/// Something that did not go as it should.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// What it is about. Page one names each subject once.
    pub subject: String,
    /// Its place in the order of page one.
    pub order: u8,
    pub severity: Severity,
    /// One sentence.
    pub title: String,
    pub refs: Vec<Ref>,
    pub rests: Vec<Rest>,
    /// As far as the journal shows it.
    pub cause: String,
    pub recommendation: String,
    /// What shows in the next drill that it is corrected.
    pub retest: String,
    /// The checks of the readiness review, or the beginnings of their ids, that are about the same.
    pub checks: Vec<String>,
    /// The names of the workloads that it is about; empty for any.
    pub workloads: Vec<String>,
}

/// All findings, in the order of page one.
pub(super) fn findings(c: &Context<'_>) -> Vec<Finding> {
    let mut all: Vec<Finding> = gaps::not_restored(c).into_iter().collect();
    all.extend(gaps::refused(c));
    all.extend(gaps::stopped(c));
    all.extend(c.judged.iter().filter_map(|j| missed(c, j)));
    all.extend(gaps::not_judged(c));
    all.extend(gaps::overdue(c));
    all.extend(gaps::unprotected(c));
    all.extend(gaps::from_outside(c));
    all.extend(c.judged.iter().filter_map(|j| narrow(c, j)));
    all.extend(gaps::worse(c));
    all.extend(gaps::waived(c));
    all.sort_by_key(|f| (f.order, f.severity));
    let mut known = BTreeSet::new();
    all.retain(|f| known.insert((f.order, f.subject.clone(), f.title.clone())));
    all
}

/// An expectation that failed, or could not be judged.
fn missed(c: &Context<'_>, j: &Judged<'_>) -> Option<Finding> {
    // After a refusal, nothing could be judged: the refusal is the finding.
    if j.of.outcome == Outcome::Inconclusive && c.story.exit == Some(Exit::Refused) {
        return None;
    }
    let (order, severity, word) = match j.of.outcome {
        Outcome::Fail => (2, Severity::Critical, w::FAILED),
        Outcome::Inconclusive => (3, Severity::High, w::NOT_PROVEN),
        Outcome::Pass | Outcome::Skipped | Outcome::Waived => return None,
    };
    let words = c.words;
    let subject = j.subject(words);
    let of = j.of.of.as_ref().filter(|of| !subject.contains(of.as_str()));
    let of = of.map(|of| say!(words, w::AFTER, of)).unwrap_or_default();
    let (checks, workloads) = super::causes::checks(c, j);
    Some(Finding {
        title: say!(words, word, short(&subject, 60), short(&of, 40), why(c, j)),
        order,
        severity,
        refs: vec![j.id()],
        rests: c.base(),
        cause: super::causes::cause(c, j),
        recommendation: super::causes::recommendation(c, j),
        retest: say!(words, w::RETEST, j.id().0, c.story.scenario),
        checks,
        workloads,
        subject,
    })
}

/// The reason of a judgement, without its subject.
fn why(c: &Context<'_>, j: &Judged<'_>) -> String {
    let because = j.of.because.to_string();
    let because =
        because.split_once(": ").filter(|(s, _)| j.subject(c.words).ends_with(*s)).map_or(&*because, |(_, w)| w);
    short(because, 140)
}

/// An objective that was met with little to spare.
fn narrow(c: &Context<'_>, j: &Judged<'_>) -> Option<Finding> {
    let m = j.measured.filter(|_| j.of.outcome == Outcome::Pass && c.is_confirmed())?;
    let is_objective = matches!(j.expectation, Some(Expectation::Service(_) | Expectation::Loss(_)));
    let margin = u64::try_from(m.margin_us()).ok()?;
    let bar = m.most_us.saturating_sub(m.least_us);
    if !is_objective || margin.saturating_mul(5) >= m.objective_us && margin >= bar {
        return None;
    }
    let (left, objective) = (at_least(margin), at_most(m.objective_us));
    let words = c.words;
    let (checks, workloads) = super::causes::checks(c, j);
    Some(Finding {
        subject: j.subject(words),
        order: 8,
        severity: Severity::Medium,
        title: say!(words, w::NARROW, short(&j.subject(words), 60), left, objective),
        refs: vec![j.id()],
        rests: c.base(),
        cause: super::causes::phases_of(c, j),
        recommendation: super::causes::recommendation(c, j),
        retest: say!(words, w::NARROW_RETEST, j.id().0),
        checks,
        workloads,
    })
}

/// Section 12.
pub(super) fn section(c: &Context<'_>, findings: &[Finding]) -> Section {
    let words = c.words;
    let mut known = BTreeSet::new();
    let cards = findings.iter().take(MOST).enumerate().flat_map(|(i, f)| {
        let card = Block::Card(Card {
            id: Ref::finding(i),
            title: Text::new(f.title.clone()).tone(if f.severity <= Severity::High { Tone::Bad } else { Tone::Warn }),
            facts: vec![
                Row::new([say!(words, w::SEVERITY), severity(words, f.severity)]),
                Row::new([Text::new(say!(words, w::EVIDENCE)), evidence(c, f)]),
                Row::new([say!(words, w::CAUSE), f.cause.clone()]),
                Row::new([say!(words, w::RECOMMENDATION), f.recommendation.clone()]),
                Row::new([say!(words, w::CORRECTED_WHEN), f.retest.clone()]),
            ],
        });
        std::iter::once(card).chain(patches(c, i, f, &mut known))
    });
    let mut blocks: Vec<Block> = cards.collect();
    if findings.is_empty() {
        blocks.push(Block::Paragraph(say!(words, w::NOTHING).into()));
    }
    if let Some(more) = findings.len().checked_sub(MOST).filter(|more| *more > 0) {
        blocks.push(Block::Paragraph(say!(words, w::MORE, more).into()));
    }
    Section::new(Key::Findings, say!(words, w::FINDINGS), blocks)
}

/// A finding has at most this many ready patches.
const PATCHES: usize = 3;

/// The changes that the readiness review proposes for the checks of a finding. Each stands under one finding only.
fn patches(c: &Context<'_>, index: usize, finding: &Finding, known: &mut BTreeSet<Vec<String>>) -> Vec<Block> {
    let concerns = c.story.review.iter().flat_map(|review| &review.concerns);
    let of_it = concerns.filter(|concern| finding.checks.iter().any(|check| concern.check.starts_with(check)));
    let ready = of_it.filter(|concern| matches!(concern.state, State::Fail | State::Waived));
    let mut blocks = vec![];
    for (concern, remedy) in ready.flat_map(|concern| concern.remedies.iter().map(move |r| (concern, r))) {
        if !finding.workloads.is_empty() && !finding.workloads.iter().any(|name| remedy.change.name() == name) {
            continue;
        }
        let Some(lines) = fix_lines(remedy) else { continue };
        if blocks.len() < PATCHES && known.insert(lines.clone()) {
            let what = format!("{} {}", concern.check, concern.title);
            let title = say!(c.words, w::PATCH, Ref::finding(index).0, what);
            blocks.push(Block::Commands(Commands { title, lines }));
        }
    }
    blocks
}

/// At most this many findings have a card and an action.
pub(super) const MOST: usize = 40;

fn evidence(c: &Context<'_>, finding: &Finding) -> Text {
    let events = finding.rests.iter().map(|rest| match rest {
        Rest::Event(seq) => say!(c.words, w::EVENT, seq),
        Rest::Every(kind) => say!(c.words, w::EVERY, kind),
    });
    let events: Vec<String> = events.collect();
    let said = if events.is_empty() { say!(c.words, w::THE_JOURNAL) } else { events.join(", ") };
    Text::new(said).see(finding.refs.clone())
}
