//! Page one: the verdict, the objectives, three strengths, three gaps and what comes next. Each line names what it
//! rests on. Start with [`section`].

use super::{
    Block, Key, List, Ref, Rest, Row, Section, Table, Text, Tone, Verdict,
    actions::Action,
    context::{Context, Judged, Signature, at_least, at_most, short},
    findings::{FAULTS, Finding, every},
    strengths::strengths,
};
use crate::{
    model::{Dur, Exit, Expectation, FindingState, Outcome},
    report::{
        Field,
        words::{Words, frame, head, page_one as w, say},
    },
};

/// The five verdicts of page one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Badge {
    Passed,
    Failed,
    NotProven,
    Stopped,
    NotRestored,
}

impl Badge {
    pub fn of(c: &Context<'_>) -> Self {
        let is_open = c.history.state.faults.iter().any(|f| f.state.is_open());
        match c.story.exit {
            _ if is_open => Self::NotRestored,
            Some(Exit::Residue | Exit::Left) => Self::NotRestored,
            Some(Exit::Aborted | Exit::Refused | Exit::Invalid | Exit::Internal) | None => Self::Stopped,
            Some(_) if c.story.other_rules.is_some() => Self::NotProven,
            Some(Exit::Failed) => Self::Failed,
            Some(Exit::Inconclusive) => Self::NotProven,
            Some(Exit::Passed) => Self::Passed,
        }
    }

    fn said(self, words: &Words) -> String {
        match self {
            Self::Passed => say!(words, w::PASSED),
            Self::Failed => say!(words, w::FAILED),
            Self::NotProven => say!(words, w::NOT_PROVEN),
            Self::Stopped => say!(words, w::STOPPED),
            Self::NotRestored => say!(words, w::NOT_RESTORED),
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Passed => Tone::Good,
            Self::Failed | Self::NotRestored => Tone::Bad,
            Self::NotProven | Self::Stopped => Tone::Warn,
        }
    }
}

/// Section 6.
pub(super) fn section(c: &Context<'_>, findings: &[Finding], actions: &[Action]) -> Section {
    let words = c.words;
    let since_or_limits = [(say!(words, w::SINCE), since(c)), (say!(words, w::RESTRICTIONS), restrictions(c))];
    let by_people = [
        (say!(words, w::AUTHORISED), c.note_or(Field::Authorisation, &frame::NOT_RECORDED)),
        (say!(words, w::SIGN_OFF), c.note_or(Field::SignOff, &frame::NONE_YET)),
    ];
    let blocks = vec![
        Block::Verdict(verdict(c)),
        Block::Table(objectives(c)),
        Block::Pair { left: list_of_strengths(c), right: gaps(c, findings) },
        Block::Table(next(c, actions)),
        Block::Table(Table::facts(since_or_limits)),
        Block::Table(Table::facts(by_people)),
    ];
    Section::new(Key::Summary, say!(words, frame::PART_SUMMARY), blocks)
}

fn verdict(c: &Context<'_>) -> Verdict {
    let badge = Badge::of(c);
    let rehearsal = c.story.is_rehearsal();
    let words = c.words;
    let said = badge.said(words);
    let said = if rehearsal { say!(words, w::REHEARSAL, said) } else { said };
    let mut sentence = sentence(c, badge);
    let is_predicted = matches!(badge, Badge::Passed | Badge::Failed | Badge::NotProven);
    if rehearsal && is_predicted && c.story.other_rules.is_none() {
        sentence.said = say!(words, w::PREDICTED, sentence.said);
    }
    let ended = c.places.ended.map(Rest::Event);
    let sentence = sentence.rests(c.base()).rests(ended).rests(every(&FAULTS));
    let evidence = match &c.beside.signature {
        Signature::Unsigned => Text::new(say!(words, w::UNSIGNED)).tone(Tone::Warn),
        Signature::By(key) => Text::new(say!(words, w::SIGNED, key)),
    };
    Verdict { badge: Text::new(said).tone(badge.tone()), sentence, notes: vec![cluster(c, badge), evidence] }
}

/// At most 25 words for each badge: subject, number, unit, reference.
fn sentence(c: &Context<'_>, badge: Badge) -> Text {
    let count = |outcome| c.judged.iter().filter(|j| j.of.outcome == outcome).count();
    let required = c.judged.len() - count(Outcome::Skipped) - count(Outcome::Waived);
    let first = |outcome| c.judged.iter().find(|j| j.of.outcome == outcome);
    let words = c.words;
    let named = |j: Option<&Judged<'_>>| j.map(|j| say!(words, w::FIRST, brief(words, j))).unwrap_or_default();
    let refs = |j: Option<&Judged<'_>>| j.map(Judged::id);
    match badge {
        Badge::Passed => {
            let closest = closest(c);
            let used = closest.and_then(|j| Some((brief(words, j), j.measured?)));
            let used =
                used.map(|(subject, m)| say!(words, w::CLOSEST, subject, at_most(m.most_us), at_most(m.objective_us)));
            Text::new(say!(words, w::ALL_PASSED, required, used.unwrap_or_default())).see(refs(closest))
        }
        Badge::Failed => {
            let failed = first(Outcome::Fail);
            Text::new(say!(words, w::SOME_FAILED, count(Outcome::Fail), required, named(failed))).see(refs(failed))
        }
        Badge::NotProven if c.story.other_rules.is_some() => Text::new(say!(words, w::OTHER_RULES)),
        Badge::NotProven => {
            let open = first(Outcome::Inconclusive);
            Text::new(say!(words, w::SOME_NOT_JUDGED, count(Outcome::Inconclusive), required, named(open)))
                .see(refs(open))
        }
        Badge::Stopped => Text::new(stopped(c)),
        Badge::NotRestored => {
            let faults = &c.history.state.faults;
            let open = faults.iter().filter(|f| f.state.is_open()).count();
            let who = match c.story.exit {
                Some(Exit::Residue) => say!(words, w::BY_A_PERSON),
                _ => say!(words, w::BY_RECOVER),
            };
            Text::new(say!(words, w::NOT_UNDONE, open, faults.len(), who))
                .see(super::before_after::open_rows(c).into_iter().take(1))
        }
    }
}

/// The subject in at most four words.
fn brief(words: &Words, j: &Judged<'_>) -> String {
    short(&j.subject(words).split_whitespace().take(4).collect::<Vec<_>>().join(" "), 60)
}

/// The pass with the smallest margin, as a share of its objective.
fn closest<'a, 'b>(c: &'b Context<'a>) -> Option<&'b Judged<'a>> {
    let passed = c.judged.iter().filter(|j| j.of.outcome == Outcome::Pass);
    let used =
        |j: &&Judged<'_>| j.measured.map(|m| u128::from(m.most_us) * 1_000_000 / u128::from(m.objective_us.max(1)));
    passed.filter(|j| j.measured.is_some()).max_by_key(used)
}

fn stopped(c: &Context<'_>) -> String {
    let words = c.words;
    let all = c.plan().map_or(0, |p| p.steps.len());
    let done = c.story.steps.iter().filter(|s| s.end == Some(crate::event::StepEnd::Done)).count();
    match c.story.exit {
        Some(Exit::Refused) => {
            let refused = c.story.findings.iter().filter(|f| f.refuses()).count();
            say!(words, w::REFUSED, refused)
        }
        Some(Exit::Internal) => say!(words, w::DRILLMASTER_FAILED, done, all),
        Some(_) => say!(words, w::STOPPED_EARLY, done, all),
        None => say!(words, w::NO_END, done, all),
    }
}

fn cluster(c: &Context<'_>, badge: Badge) -> Text {
    let words = c.words;
    let rests = every(&FAULTS);
    if badge == Badge::NotRestored {
        return Text::new(say!(words, w::CLUSTER_NOT_RESTORED)).tone(Tone::Bad).rests(rests);
    }
    if c.history.state.faults.is_empty() {
        return Text::new(say!(words, w::CLUSTER_UNCHANGED)).rests(rests);
    }
    let left = c.story.leftovers.len();
    let outside = c.story.changed_outside.iter().filter(|l| l.remains).count();
    let left = if left > 0 { say!(words, w::LEFT_BEHIND, left) } else { String::new() };
    let outside = if outside > 0 { say!(words, w::OTHERS_REMAIN, outside) } else { String::new() };
    Text::new(say!(words, w::CLUSTER_AS_BEFORE, left, outside)).rests(rests).rests(every(&[
        "LeftBehind",
        "LeftoverGone",
        "ChangedOutside",
        "OutsideUndone",
        "AuthorFound",
    ]))
}

/// One row for each objective of a service or of data.
fn objectives(c: &Context<'_>) -> Table {
    let words = c.words;
    let achieved = if c.story.is_rehearsal() { w::ACHIEVED_PREDICTED } else { w::ACHIEVED };
    let rows = c.judged.iter().filter_map(|j| objective(c, j)).collect();
    let head = head!(words, w::FUNCTION, w::EVENT, w::OBJECTIVE, achieved, w::MARGIN, w::RESULT);
    Table::new("", head, rows).or(say!(words, w::NO_OBJECTIVE)).bounded(words, 8)
}

fn objective(c: &Context<'_>, j: &Judged<'_>) -> Option<Row> {
    let (name, objective, of): (_, Dur, _) = match j.expectation? {
        Expectation::Service(e) => ("RTO", e.rto?, e.of.as_ref()),
        Expectation::Loss(e) => ("RPO", e.rpo, e.of.as_ref()),
        _ => return None,
    };
    let words = c.words;
    let event = c.history.fault_step(of).map_or_else(|| say!(words, w::NO_FAULT), |step| step.0);
    let achieved = match (j.measured, j.of.outcome) {
        (Some(m), _) => at_most(m.most_us),
        (None, Outcome::Pass) => short(&j.of.because, 80),
        (None, _) => say!(words, w::NOT_MEASURED, short(&j.of.because, 80)),
    };
    let margin = j.measured.map_or_else(
        || "–".to_owned(),
        |m| match u64::try_from(m.margin_us()) {
            Ok(left) => at_least(left),
            Err(_) => say!(words, w::MISSED_BY, at_most(m.margin_us().unsigned_abs())),
        },
    );
    let result = match j.of.outcome {
        _ if !c.is_confirmed() => Text::new(say!(words, w::NOT_CONFIRMED)).tone(Tone::Warn),
        Outcome::Pass => Text::new(say!(words, w::MET)).tone(Tone::Good),
        Outcome::Fail => Text::new(say!(words, w::NOT_MET)).tone(Tone::Bad),
        Outcome::Inconclusive => Text::new(say!(words, w::UNPROVEN)).tone(Tone::Warn),
        Outcome::Skipped => Text::new(say!(words, w::NOT_ASKED)).tone(Tone::Soft),
        Outcome::Waived => Text::new(say!(words, w::WAIVED)).tone(Tone::Soft),
    };
    let brief = |text: &str| Text::new(short(text, 60));
    Some(Row::new([
        brief(&format!("{}: {}", c.function(), j.subject(words))),
        brief(&event),
        Text::new(format!("{name} {objective}")),
        Text::new(achieved).see([j.id()]).rests(c.base()),
        Text::new(margin),
        result,
    ]))
}

fn list_of_strengths(c: &Context<'_>) -> List {
    let words = c.words;
    let found = strengths(c);
    let note = match found.len() {
        0 if !c.has_acted() => say!(words, w::NONE_NOTHING_CHANGED),
        0 => say!(words, w::NO_STRENGTH),
        1 | 2 => say!(words, w::NO_OTHER_STRENGTH),
        _ => String::new(),
    };
    List { title: say!(words, w::STRENGTHS), items: found, note }
}

fn gaps(c: &Context<'_>, findings: &[Finding]) -> List {
    let words = c.words;
    let mut known = std::collections::BTreeSet::new();
    let named = findings.iter().enumerate().filter(|(_, f)| known.insert(f.subject.clone()));
    let items: Vec<Text> = named
        .take(3)
        .map(|(i, f)| {
            let refs = std::iter::once(Ref::finding(i)).chain(f.refs.iter().take(3).cloned());
            Text::new(f.title.clone() + ".").see(refs).rests(f.rests.clone())
        })
        .collect();
    let note = match (items.len(), findings.len()) {
        (0, _) => say!(words, w::NO_GAP),
        (shown, all) if all > shown => say!(words, w::MORE_GAPS, all - shown),
        (1 | 2, _) => say!(words, w::NO_OTHER_GAP),
        _ => String::new(),
    };
    List { title: say!(words, w::GAPS), items, note }
}

fn next(c: &Context<'_>, actions: &[Action]) -> Table {
    let words = c.words;
    let rows = actions.iter().take(3).enumerate().map(|(i, a)| {
        Row::new([
            Text::new(short(&a.what, 120)).see([Ref::action(i)]),
            a.owner.clone(),
            a.due.clone(),
            Text::new(a.retest.clone()),
        ])
    });
    let head = head!(words, w::ACTION, w::OWNER, w::DUE, w::PROVEN_WHEN);
    Table::new(say!(words, w::NEXT), head, rows.collect()).or(say!(words, w::NO_ACTION))
}

fn since(c: &Context<'_>) -> Text {
    let words = c.words;
    let started = c.places.started.map(Rest::Event);
    match (&c.beside.before, &c.story.previous) {
        (Some(before), _) => Text::new(before.said(c)).rests(started).rests(c.base()),
        (None, Some(head)) => {
            Text::new(say!(words, w::NO_OTHER_DRILL, short(&head.run, 80), head.exit.code())).rests(started)
        }
        (None, None) => Text::new(say!(words, w::NO_OTHER_RUN)),
    }
}

fn restrictions(c: &Context<'_>) -> Text {
    let words = c.words;
    let skipped = c.story.findings.iter().filter(|f| f.state == FindingState::Unknown).count();
    let mut said: Vec<String> = c.story.caveats.iter().take(3).map(|caveat| short(caveat, 160)).collect();
    if c.story.caveats.len() > said.len() {
        said.push(say!(words, w::MORE_RESTRICTIONS, c.story.caveats.len() - said.len()));
    }
    if skipped > 0 {
        said.push(say!(words, w::CHECKS_NOT_MADE, skipped));
    }
    if said.is_empty() { Text::new(say!(words, w::NONE_KNOWN)) } else { Text::new(said.join(" ")) }
}
