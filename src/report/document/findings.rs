//! What the drill found: everything that did not go as it should, the most important first. Page one names the first
//! three. Start with [`findings`].

use std::collections::BTreeSet;

use super::{
    Block, Card, Key, Ref, Rest, Row, Section, Text, Tone,
    context::{Context, Judged, at_least, at_most, short},
    gaps,
};
use crate::model::{Exit, Expectation, Outcome, Severity};

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
        Outcome::Fail => (2, Severity::Critical, "failed"),
        Outcome::Inconclusive => (3, Severity::High, "was not proven"),
        Outcome::Pass | Outcome::Skipped | Outcome::Waived => return None,
    };
    let subject = j.subject();
    let of = j.of.of.as_ref().filter(|of| !subject.contains(of.as_str()));
    let of = of.map(|of| format!(" after {of}")).unwrap_or_default();
    Some(Finding {
        title: format!("{} {word}{}: {}", short(&subject, 60), short(&of, 40), why(j)),
        order,
        severity,
        refs: vec![j.id()],
        rests: c.base(),
        cause: super::causes::cause(c, j),
        recommendation: super::causes::recommendation(c, j),
        retest: format!("{} passes in the next drill of {}", j.id().0, c.story.scenario),
        subject,
    })
}

/// The reason of a judgement, without its subject.
fn why(j: &Judged<'_>) -> String {
    let because = j.of.because.to_string();
    let because = because.split_once(": ").filter(|(s, _)| j.subject().ends_with(*s)).map_or(&*because, |(_, w)| w);
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
    Some(Finding {
        subject: j.subject(),
        order: 8,
        severity: Severity::Medium,
        title: format!("{} has only {left} to spare of its objective of {objective}", short(&j.subject(), 60)),
        refs: vec![j.id()],
        rests: c.base(),
        cause: super::causes::phases_of(c, j),
        recommendation: super::causes::recommendation(c, j),
        retest: format!("{} passes with at least a fifth of its objective to spare", j.id().0),
    })
}

/// Section 12.
pub(super) fn section(findings: &[Finding]) -> Section {
    let cards = findings.iter().enumerate().map(|(i, f)| {
        Block::Card(Card {
            id: Ref::finding(i),
            title: Text::new(f.title.clone()).tone(if f.severity <= Severity::High { Tone::Bad } else { Tone::Warn }),
            facts: vec![
                Row::new([Text::new("Severity"), f.severity.to_string().into()]),
                Row::new([Text::new("Evidence"), evidence(f)]),
                Row::new([Text::new("Cause"), f.cause.clone().into()]),
                Row::new([Text::new("Recommendation"), f.recommendation.clone().into()]),
                Row::new([Text::new("Corrected when"), f.retest.clone().into()]),
            ],
        })
    });
    let mut blocks: Vec<Block> = cards.take(MOST).collect();
    if findings.is_empty() {
        blocks.push(Block::Paragraph("Nothing was found that did not go as it should.".into()));
    }
    if let Some(more) = findings.len().checked_sub(MOST).filter(|more| *more > 0) {
        blocks.push(Block::Paragraph(format!("And {more} more findings: see report.json.").into()));
    }
    Section::new(Key::Findings, "Findings", blocks)
}

/// At most this many findings have a card and an action.
pub(super) const MOST: usize = 40;

fn evidence(finding: &Finding) -> Text {
    let events = finding.rests.iter().map(|rest| match rest {
        Rest::Event(seq) => format!("event {seq}"),
        Rest::Every(kind) => format!("every {kind}"),
    });
    let events: Vec<String> = events.collect();
    let said = if events.is_empty() { "the journal".to_owned() } else { events.join(", ") };
    Text::new(said).see(finding.refs.clone())
}
