//! Attestations and waivers. Both have an owner and an end. A waiver that has expired has no
//! effect and is itself a finding, and so is a waiver that applies to nothing.

use jiff::civil::Date;

use super::{
    catalogue,
    check::Needs,
    pattern::{glob, matches},
    picture::Picture,
};
use crate::{
    model::{CheckSummary, Class, Ruling, Severity, State, Subject},
    scenario::Waiver,
};

/// The most days ahead that a waiver may end.
const LONGEST_DAYS: i32 = 90;
const ANNOTATION: &str = "drillmaster.dev/waive.";
/// The check that reports problems of waivers and attestations.
const ID: &str = "WVR-001";

/// Applies attestations and waivers to the findings.
pub(crate) fn apply(picture: &Picture<'_>, results: &mut Vec<Ruling>, checks: &mut Vec<CheckSummary>) {
    if picture.settings.no_waivers {
        return;
    }
    let today = picture.now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut complaints = vec![];
    attest(picture, results, today, &mut complaints);
    let mut waivers: Vec<(Waiver, Option<Subject>, usize)> =
        picture.settings.waive.iter().map(|w| (w.clone(), None, 0)).collect();
    annotated(picture, results, &mut waivers, &mut complaints);
    for (waiver, on, used) in &mut waivers {
        match judge(waiver, today) {
            Err(why) => complaints.push((Severity::Medium, waiver.check.clone(), why)),
            Ok(()) => *used = set_aside(waiver, on.as_ref(), results),
        }
    }
    for (waiver, _, used) in &waivers {
        if judge(waiver, today).is_ok() {
            let ran = checks.iter().any(|c| glob(&waiver.check, &c.id) || glob(&waiver.check, &c.name));
            if *used == 0 && ran {
                complaints.push((
                    Severity::Low,
                    waiver.check.clone(),
                    "this waiver applies to no finding: remove it".into(),
                ));
            } else if *used > 0 && waiver.object.as_ref().is_none_or(|o| o == "*") && *used > 10 {
                let text = format!("this waiver applies to {used} findings at once: name the objects");
                complaints.push((Severity::Low, waiver.check.clone(), text));
            }
        }
    }
    report(complaints, results, checks);
}

fn report(complaints: Vec<(Severity, String, String)>, results: &mut Vec<Ruling>, checks: &mut Vec<CheckSummary>) {
    if complaints.is_empty() {
        return;
    }
    let title = "waivers and attestations are valid, needed and narrow";
    for (severity, check, observed) in complaints {
        results.push(Ruling {
            remedy: None,
            check: ID.into(),
            name: "waivers-current".into(),
            state: State::Fail,
            severity,
            class: Class::Advisory,
            blocking: false,
            blocks: vec![],
            consequence: String::new(),
            owner: String::new(),
            subject: Subject::named("Waiver", "", &check),
            pointer: String::new(),
            fingerprint: format!("{ID}-{check}"),
            observed,
            expected: title.into(),
            source: "readiness file".into(),
            at: String::new(),
            unseen: None,
            fix: "Renew the waiver with a reason, or remove it".into(),
            waiver: None,
            known: false,
        });
    }
    checks.push(CheckSummary {
        id: ID.into(),
        name: "waivers-current".into(),
        title: title.into(),
        area: "Waivers".into(),
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: vec![],
        rule: "Each waiver names an existing check and has a reason, an owner and an end date that is not past and at most 90 days ahead. It applies to at least one finding, if its check was made; without an object, or with `*`, it applies to at most 10. If it names a check of class Blocks (also by a pattern), it needs approvedBy, another person than the owner; a check of the pre-flight cannot be waived. Annotations on objects without a finding are not examined. Each attestation has an end date that is not past.".into(),
        fix: "Renew the waiver with a reason, or remove it".into(),
        security: false,
        experimental: false,
        tally: crate::model::Tally::default(),
        unjudged: None,
    });
}

fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("`{text}` is not a date: write it like 2026-12-31"))
}

fn judge(waiver: &Waiver, today: Date) -> Result<(), String> {
    let until = day(&waiver.until)?;
    let known: Vec<_> = catalogue::all().filter(|c| glob(&waiver.check, c.id) || glob(&waiver.check, c.name)).collect();
    if known.is_empty() {
        return Err("this check does not exist".into());
    }
    if waiver.reason.trim().is_empty() || waiver.owner.trim().is_empty() {
        return Err("a waiver needs a reason and an owner".into());
    }
    if until < today {
        return Err(format!("this waiver ended on {until}: its findings count again"));
    }
    if (until - today).get_days() > LONGEST_DAYS || (until - today).get_months() > 0 || (until - today).get_years() > 0
    {
        return Err(format!("until {until} is more than {LONGEST_DAYS} days ahead: this waiver has no effect"));
    }
    if known.iter().all(|check| check.needs == Needs::Drill) {
        return Err(
            "a check of the pre-flight cannot be waived: the drill could break something that it cannot repair".into(),
        );
    }
    let blocks = known.iter().any(|check| check.class == Class::Blocks && check.needs != Needs::Drill);
    if blocks && waiver.approved_by.as_ref().is_none_or(|who| *who == waiver.owner) {
        return Err("such a check blocks drills: its waiver needs approvedBy, another person than the owner".into());
    }
    Ok(())
}

fn set_aside(waiver: &Waiver, on: Option<&Subject>, results: &mut [Ruling]) -> usize {
    let mut used = 0;
    for result in results.iter_mut().filter(|r| matches!(r.state, State::Fail | State::Unknown)) {
        let path =
            format!("{}/{}/{}", result.subject.namespace, result.subject.kind.to_lowercase(), result.subject.name);
        let here = match (on, &waiver.object) {
            (Some(subject), _) => {
                (&subject.kind, &subject.namespace, &subject.name)
                    == (&result.subject.kind, &result.subject.namespace, &result.subject.name)
            }
            (None, Some(pattern)) => glob(pattern, &path),
            (None, None) => true,
        };
        if here && (glob(&waiver.check, &result.check) || glob(&waiver.check, &result.name)) {
            result.state = State::Waived;
            result.blocking = false;
            let second = waiver.approved_by.as_ref().map(|who| format!(", approved by {who}")).unwrap_or_default();
            let ticket = waiver.ticket.as_ref().map(|t| format!(" ({t})")).unwrap_or_default();
            result.waiver = Some(format!("{}{ticket}; {} until {}{second}", waiver.reason, waiver.owner, waiver.until));
            used += 1;
        }
    }
    used
}

/// `drillmaster.dev/waive.PDB-003: "reason; owner=me; until=2026-12-31"` on an object.
fn annotated(
    picture: &Picture<'_>,
    results: &[Ruling],
    waivers: &mut Vec<(Waiver, Option<Subject>, usize)>,
    complaints: &mut Vec<(Severity, String, String)>,
) {
    let found: std::collections::BTreeSet<(&str, &str)> =
        results.iter().map(|r| (r.subject.namespace.as_str(), r.subject.name.as_str())).collect();
    for object in picture.object_set.objects.values().flatten() {
        let notes = object.metadata.annotations.range(ANNOTATION.to_owned()..);
        for (key, text) in notes.take_while(|(k, _)| k.starts_with(ANNOTATION)) {
            if !found.contains(&(object.metadata.namespace.as_str(), object.metadata.name.as_str())) {
                continue;
            }
            let check = key[ANNOTATION.len()..].to_owned();
            let mut waiver = Waiver {
                check,
                object: None,
                reason: String::new(),
                owner: String::new(),
                until: String::new(),
                approved_by: None,
                ticket: None,
            };
            for part in text.split(';').map(str::trim) {
                match part.split_once('=') {
                    Some(("owner", who)) => waiver.owner = who.into(),
                    Some(("until", day)) => waiver.until = day.into(),
                    Some(("approvedBy", who)) => waiver.approved_by = Some(who.into()),
                    Some(("ticket", which)) => waiver.ticket = Some(which.into()),
                    _ => waiver.reason = part.into(),
                }
            }
            if waiver.until.is_empty() {
                let text =
                    format!("the annotation {key} has no end date: write \"reason; owner=NAME; until=2026-12-31\"");
                complaints.push((Severity::Medium, waiver.check, text));
            } else {
                waivers.push((waiver, Some(object.into()), 0));
            }
        }
    }
}

/// Turns unknown findings into waived ones, on the statement of a person. They never become a pass.
fn attest(
    picture: &Picture<'_>,
    results: &mut [Ruling],
    today: Date,
    complaints: &mut Vec<(Severity, String, String)>,
) {
    for word in &picture.settings.attest {
        match day(&word.until) {
            Err(why) => complaints.push((Severity::Medium, word.check.clone(), why)),
            Ok(until) if until < today => {
                complaints.push((Severity::Medium, word.check.clone(), format!("this attestation ended on {until}")));
            }
            Ok(_) => {
                let named = [word.check.clone()];
                for result in results.iter_mut().filter(|r| r.state == State::Unknown && matches(&named, &r.check)) {
                    result.state = State::Waived;
                    result.blocking = false;
                    result.waiver = Some(format!("attested: {}; {} until {}", word.statement, word.by, word.until));
                }
            }
        }
    }
}
