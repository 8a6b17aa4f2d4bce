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
    report::Field,
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

    fn words(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Failed => "FAILED",
            Self::NotProven => "NOT PROVEN",
            Self::Stopped => "STOPPED",
            Self::NotRestored => "CLUSTER NOT RESTORED",
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
    let blocks = vec![
        Block::Verdict(verdict(c)),
        Block::Table(objectives(c)),
        Block::Pair { left: list_of_strengths(c), right: gaps(findings) },
        Block::Table(next(actions)),
        Block::Table(Table::facts([("Since the last drill", since(c)), ("Restrictions", restrictions(c))])),
        Block::Table(Table::facts([
            ("Authorised", c.note_or(Field::Authorisation, "not recorded")),
            ("Sign-off", c.note_or(Field::SignOff, "none yet")),
        ])),
    ];
    Section::new(Key::Summary, "Executive summary", blocks)
}

fn verdict(c: &Context<'_>) -> Verdict {
    let badge = Badge::of(c);
    let rehearsal = c.story.is_rehearsal();
    let words = if rehearsal { format!("REHEARSAL {}", badge.words()) } else { badge.words().to_owned() };
    let mut sentence = sentence(c, badge);
    let is_predicted = matches!(badge, Badge::Passed | Badge::Failed | Badge::NotProven);
    if rehearsal && is_predicted && c.story.other_rules.is_none() {
        sentence.said = format!("Predicted: {}", sentence.said);
    }
    let ended = c.places.ended.map(Rest::Event);
    let sentence = sentence.rests(c.base()).rests(ended).rests(every(&FAULTS));
    let evidence = match &c.beside.signature {
        Signature::Unsigned => Text::new("Evidence: UNSIGNED.").tone(Tone::Warn),
        Signature::By(key) => Text::new(format!("Evidence: signed with key {key}.")),
    };
    Verdict { badge: Text::new(words).tone(badge.tone()), sentence, notes: vec![cluster(c, badge), evidence] }
}

/// At most 25 words for each badge: subject, number, unit, reference.
fn sentence(c: &Context<'_>, badge: Badge) -> Text {
    let count = |outcome| c.judged.iter().filter(|j| j.of.outcome == outcome).count();
    let required = c.judged.len() - count(Outcome::Skipped) - count(Outcome::Waived);
    let first = |outcome| c.judged.iter().find(|j| j.of.outcome == outcome);
    let named = |j: Option<&Judged<'_>>| j.map(|j| format!(" First: {}.", brief(j))).unwrap_or_default();
    let refs = |j: Option<&Judged<'_>>| j.map(Judged::id);
    match badge {
        Badge::Passed => {
            let closest = closest(c);
            let used = closest.and_then(|j| Some((brief(j), j.measured?)));
            let used = used.map(|(subject, m)| {
                format!(" The closest, {subject}, used {} of {}.", at_most(m.most_us), at_most(m.objective_us))
            });
            Text::new(format!("All {required} required expectations passed.{}", used.unwrap_or_default()))
                .see(refs(closest))
        }
        Badge::Failed => {
            let failed = first(Outcome::Fail);
            Text::new(format!("{} of {required} required expectations failed.{}", count(Outcome::Fail), named(failed)))
                .see(refs(failed))
        }
        Badge::NotProven if c.story.other_rules.is_some() => {
            Text::new("The verdict was made by the rules of another version. This version did not confirm it.")
        }
        Badge::NotProven => {
            let open = first(Outcome::Inconclusive);
            Text::new(format!(
                "Nothing failed, but {} of {required} required expectations could not be judged.{}",
                count(Outcome::Inconclusive),
                named(open)
            ))
            .see(refs(open))
        }
        Badge::Stopped => Text::new(stopped(c)),
        Badge::NotRestored => {
            let faults = &c.history.state.faults;
            let open = faults.iter().filter(|f| f.state.is_open()).count();
            let who = match c.story.exit {
                Some(Exit::Residue) => "A person has to do it.",
                _ => "Run drillmaster recover.",
            };
            Text::new(format!("{open} of {} changes of the drill are not undone. {who}", faults.len()))
                .see(super::before_after::open_rows(c).into_iter().take(1))
        }
    }
}

/// The subject in at most four words.
fn brief(j: &Judged<'_>) -> String {
    short(&j.subject().split_whitespace().take(4).collect::<Vec<_>>().join(" "), 60)
}

/// The pass with the smallest margin, as a share of its objective.
fn closest<'a, 'b>(c: &'b Context<'a>) -> Option<&'b Judged<'a>> {
    let passed = c.judged.iter().filter(|j| j.of.outcome == Outcome::Pass);
    let used =
        |j: &&Judged<'_>| j.measured.map(|m| u128::from(m.most_us) * 1_000_000 / u128::from(m.objective_us.max(1)));
    passed.filter(|j| j.measured.is_some()).max_by_key(used)
}

fn stopped(c: &Context<'_>) -> String {
    let all = c.plan().map_or(0, |p| p.steps.len());
    let done = c.story.steps.iter().filter(|s| s.end == Some(crate::event::StepEnd::Done)).count();
    match c.story.exit {
        Some(Exit::Refused) => {
            let refused = c.story.findings.iter().filter(|f| f.refuses()).count();
            format!("The pre-flight refused the drill: {refused} check(s) did not hold. Nothing was changed.")
        }
        Some(Exit::Internal) => format!("drillmaster itself failed. {done} of {all} steps were done."),
        Some(_) => format!("The drill was stopped before its end. {done} of {all} steps were done."),
        None => format!("The run has no end in its journal. {done} of {all} steps were done."),
    }
}

fn cluster(c: &Context<'_>, badge: Badge) -> Text {
    let rests = every(&FAULTS);
    if badge == Badge::NotRestored {
        return Text::new("Cluster: NOT RESTORED.").tone(Tone::Bad).rests(rests);
    }
    if c.history.state.faults.is_empty() {
        return Text::new("Cluster: not changed.").rests(rests);
    }
    let left = c.story.leftovers.len();
    let outside = c.story.changed_outside.iter().filter(|l| l.remains).count();
    let mut said = "Cluster: as before".to_owned();
    if left > 0 {
        said += &format!("; {left} object(s) left behind on purpose");
    }
    if outside > 0 {
        said += &format!("; {outside} change(s) of others remain");
    }
    Text::new(said + ".").rests(rests).rests(every(&[
        "LeftBehind",
        "LeftoverGone",
        "ChangedOutside",
        "OutsideUndone",
        "AuthorFound",
    ]))
}

/// One row for each objective of a service or of data.
fn objectives(c: &Context<'_>) -> Table {
    let achieved = if c.story.is_rehearsal() { "Predicted, worst case" } else { "Achieved, worst case" };
    let rows = c.judged.iter().filter_map(|j| objective(c, j)).collect();
    let head = ["Function", "Event", "Objective", achieved, "Margin", "Result"];
    Table::new("", &head, rows)
        .or("No objective set: no expectation measures a recovery time or a loss of data.")
        .bounded(8)
}

fn objective(c: &Context<'_>, j: &Judged<'_>) -> Option<Row> {
    let (name, objective, of): (_, Dur, _) = match j.expectation? {
        Expectation::Service(e) => ("RTO", e.rto?, e.of.as_ref()),
        Expectation::Loss(e) => ("RPO", e.rpo, e.of.as_ref()),
        _ => return None,
    };
    let event = c.history.fault_step(of).map_or("the fault did not happen".into(), |step| step.0);
    let achieved = match (j.measured, j.of.outcome) {
        (Some(m), _) => at_most(m.most_us),
        (None, Outcome::Pass) => short(&j.of.because, 80),
        (None, _) => format!("not measured: {}", short(&j.of.because, 80)),
    };
    let margin = j.measured.map_or_else(
        || "–".to_owned(),
        |m| match u64::try_from(m.margin_us()) {
            Ok(left) => at_least(left),
            Err(_) => format!("missed by {}", at_most(m.margin_us().unsigned_abs())),
        },
    );
    let result = match j.of.outcome {
        _ if !c.is_confirmed() => Text::new("not confirmed").tone(Tone::Warn),
        Outcome::Pass => Text::new("met").tone(Tone::Good),
        Outcome::Fail => Text::new("not met").tone(Tone::Bad),
        Outcome::Inconclusive => Text::new("not proven").tone(Tone::Warn),
        Outcome::Skipped => Text::new("not asked").tone(Tone::Soft),
        Outcome::Waived => Text::new("waived").tone(Tone::Soft),
    };
    let words = |text: &str| Text::new(short(text, 60));
    Some(Row::new([
        words(&format!("{}: {}", c.function(), j.subject())),
        words(&event),
        Text::new(format!("{name} {objective}")),
        Text::new(achieved).see([j.id()]).rests(c.base()),
        Text::new(margin),
        result,
    ]))
}

fn list_of_strengths(c: &Context<'_>) -> List {
    let found = strengths(c);
    let note = match found.len() {
        0 if !c.has_acted() => "None: the drill changed nothing, so it showed nothing.",
        0 => "The evidence supports no strength.",
        1 | 2 => "The evidence supports no other strength.",
        _ => "",
    };
    List { title: "Strengths".into(), items: found, note: note.into() }
}

fn gaps(findings: &[Finding]) -> List {
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
        (0, _) => "The journal shows no gap.".to_owned(),
        (shown, all) if all > shown => format!("{} more in Findings.", all - shown),
        (1 | 2, _) => "The journal shows no other gap.".to_owned(),
        _ => String::new(),
    };
    List { title: "Gaps".into(), items, note }
}

fn next(actions: &[Action]) -> Table {
    let rows = actions.iter().take(3).enumerate().map(|(i, a)| {
        Row::new([
            Text::new(short(&a.what, 120)).see([Ref::action(i)]),
            a.owner.clone(),
            a.due.clone(),
            Text::new(a.retest.clone()),
        ])
    });
    Table::new("Next", &["Action", "Owner", "Due", "Proven when"], rows.collect()).or("No finding asks for an action.")
}

fn since(c: &Context<'_>) -> Text {
    let started = c.places.started.map(Rest::Event);
    match (&c.beside.before, &c.story.previous) {
        (Some(before), _) => Text::new(before.said(c)).rests(started).rests(c.base()),
        (None, Some(head)) => Text::new(format!(
            "no drill of this scenario was found beside this one; the run before on this cluster was {} (exit {})",
            short(&head.run, 80),
            head.exit.code()
        ))
        .rests(started),
        (None, None) => Text::new("no earlier run is known on this cluster"),
    }
}

fn restrictions(c: &Context<'_>) -> Text {
    let skipped = c.story.findings.iter().filter(|f| f.state == FindingState::Unknown).count();
    let mut said: Vec<String> = c.story.caveats.iter().take(3).map(|caveat| short(caveat, 160)).collect();
    if c.story.caveats.len() > said.len() {
        said.push(format!("{} more in Objectives, scenario and assumptions", c.story.caveats.len() - said.len()));
    }
    if skipped > 0 {
        said.push(format!("{skipped} pre-flight check(s) could not be made"));
    }
    if said.is_empty() { Text::new("none known") } else { Text::new(said.join(" ")) }
}
