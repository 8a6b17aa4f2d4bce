//! From objects to a review: runs every check, applies attestations and waivers, and decides
//! the verdict. Pure code: the same input gives the same review.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{
    areas::operated::CHECKS as OPERATED,
    catalogue::{AREAS, Area},
    check::{ALERTS, ANY, Check, CheckFinding, DEPOUT, DRAIN, NETPART, NODE, Needs, REGION, RESTORE, Say, ZONE},
    lacking,
    pattern::matches,
    picture::Picture,
    settings::ReviewSettings,
    waivers,
};
use crate::{
    inventory::{ObjectSet, ReviewSource},
    model::{
        CheckSummary, Class, Coverage, Environment, Readiness, Review, Ruling, Severity, State, Subject, Tally,
        Unjudged, sha256,
    },
};

/// Runs all checks that the settings select.
pub fn review(
    object_set: &ObjectSet,
    settings: &ReviewSettings,
    target: &str,
    profile: &str,
    now: jiff::Timestamp,
) -> Review {
    let picture = Picture::new(object_set, settings, now);
    let at = object_set.at.map(|t| t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default();
    let mut whole = Whole { picture: &picture, at: &at, checks: vec![], results: vec![], passes: vec![] };
    for area in AREAS {
        for check in area.checks().filter(|c| asked(c, area, settings, profile)) {
            whole.run_check(area, check);
        }
    }
    let Whole { mut checks, mut results, passes, .. } = whole;
    waivers::apply(&picture, &mut results, &mut checks);
    results.sort_unstable_by(|a, b| rank(a).cmp(&rank(b)));
    let mut tally = Tally::default();
    let mut counted: BTreeMap<&str, Tally> = BTreeMap::new();
    for result in &results {
        counted.entry(&result.check).or_default().add(result.state, 1);
    }
    for check in &mut checks {
        if let Some(own) = counted.get(check.id.as_str()) {
            check.tally.join(own);
        }
        tally.join(&check.tally);
    }
    let coverage = coverage(&picture, &checks, profile);
    let mut notes = object_set.notes.clone();
    notes.extend(
        object_set
            .gaps
            .iter()
            .filter(|(_, g)| g.why != crate::model::Unseen::NotInstalled)
            .map(|(kind, gap)| format!("{kind} could not be read ({}): {}", gap.why, gap.text)),
    );
    Review {
        schema_version: "1".into(),
        target: target.to_owned(),
        at,
        verdict: verdict(&results, &checks, &coverage),
        profile: profile.to_owned(),
        objects: object_set.counts(),
        tally,
        coverage,
        checks,
        results,
        passes,
        gone: None,
        compared: None,
        notes,
    }
}

/// Areas of the profile `security`.
const SECURITY: [&str; 5] = ["network", "pods", "rbac", "secrets", "images"];

fn asked(check: &Check, area: &Area, settings: &ReviewSettings, profile: &str) -> bool {
    let named = |patterns: &[String]| matches(patterns, check.id) || matches(patterns, check.name);
    let in_profile = match profile {
        "ci" => check.needs == Needs::Manifests,
        "preflight" => check.class_for(&settings.drills) != Class::Advisory,
        "security" => SECURITY.contains(&area.name),
        _ => true,
    };
    // A check named with --only runs in every profile.
    let wanted = if settings.only.is_empty() { in_profile } else { named(&settings.only) };
    wanted && !named(&settings.skip)
}

/// The areas that decide about a kind of drill: one of them must have judged something.
const DECIDES: [(&str, &[&str]); 8] = [
    (DRAIN, &["workloads", "budgets"]),
    (NODE, &["workloads"]),
    (ZONE, &["workloads", "zones"]),
    (REGION, &["backups"]),
    (RESTORE, &["backups"]),
    (NETPART, &["network"]),
    (DEPOUT, &["network", "secrets", "images"]),
    (ALERTS, &["alerting"]),
];

/// Counts the checks that judged something, and collects the reasons that keep the review from a verdict.
fn coverage(picture: &Picture<'_>, checks: &[CheckSummary], profile: &str) -> Coverage {
    let mut coverage = Coverage {
        judged: checks.iter().filter(|c| c.unjudged.is_none()).count(),
        left_out: picture.scope.left_out(picture.object_set, &picture.tests, &picture.by_reference),
        ..Coverage::default()
    };
    for reason in checks.iter().filter_map(|c| c.unjudged) {
        *coverage.unjudged.entry(reason).or_default() += 1;
    }
    let settings = picture.settings;
    let judged = |area: &Area, gate: Option<&str>| {
        let of_gate = |c: &Check| gate.is_none_or(|gate| c.gates.is_empty() || c.gates.contains(&gate));
        let here = |id: &str| checks.iter().any(|c| c.id == id && c.unjudged.is_none());
        area.checks().any(|c| of_gate(c) && here(c.id))
    };
    if !settings.only.is_empty() {
        // A pattern for everything asks for no area in particular.
        let named = |c: &Check| settings.only.iter().any(|p| p != "*" && matches(std::slice::from_ref(p), c.id));
        for area in AREAS.iter().filter(|area| area.name != "drill" && area.checks().any(&named)) {
            if !judged(area, None) {
                coverage.undecided.push(format!("--only asks for {}, and nothing of it could be judged", area.title));
            }
        }
    } else if profile == "security" {
        for area in AREAS.iter().filter(|area| SECURITY.contains(&area.name) && !judged(area, None)) {
            coverage.undecided.push(format!("nothing of {} could be judged", area.title));
        }
    } else if picture.works.is_empty()
        && !OPERATED.iter().any(|own| checks.iter().any(|c| c.id == own.id && c.unjudged.is_none()))
    {
        let text = "no workload was judged, so nothing says that this input is ready (name checks with --only to judge the rest alone)";
        coverage.undecided.push(text.into());
    }
    for drill in settings.drills.iter().filter(|_| settings.only.is_empty()) {
        let areas = DECIDES.iter().find(|(name, _)| *name == drill.as_str()).map_or(&[][..], |(_, areas)| areas);
        let mut deciding = AREAS.iter().filter(|area| areas.contains(&area.name)).peekable();
        let titles: Vec<&str> = deciding.clone().map(|area| area.title).collect();
        if deciding.peek().is_some() && !deciding.any(|area| judged(area, Some(drill))) {
            let why =
                if picture.is_cluster() { "" } else { ": files do not show it; review the cluster (--context NAME)" };
            coverage.undecided.push(format!("--for {drill}: nothing of {} could be judged{why}", titles.join(", ")));
        }
    }
    coverage
}

struct Whole<'a, 'b> {
    picture: &'a Picture<'b>,
    at: &'a str,
    checks: Vec<CheckSummary>,
    results: Vec<Ruling>,
    passes: Vec<(String, Subject)>,
}

impl Whole<'_, '_> {
    fn run_check(&mut self, area: &Area, check: &Check) {
        let settings = self.picture.settings;
        let severity = settings.severity.get(check.id).copied().unwrap_or(check.severity);
        let mut tally = Tally::default();
        let mut skips: BTreeMap<String, (usize, Subject)> = BTreeMap::new();
        let all = answers(check, self.picture);
        let judged = all.iter().any(|found| found.state != State::Skip);
        let unjudged = all.iter().map(|found| found.unjudged).min().unwrap_or(Unjudged::NoObject);
        for found in all {
            match found.state {
                State::Pass => {
                    tally.add(State::Pass, 1);
                    if settings.keep_passes {
                        self.passes.push((check.id.to_owned(), found.subject));
                    }
                }
                State::Skip => {
                    let entry = skips.entry(found.observed).or_insert((0, found.subject));
                    entry.0 += 1;
                }
                _ => {
                    let ruling = self.ruling(check, severity, found);
                    self.results.push(ruling);
                }
            }
        }
        // Objects that are skipped for the same reason share one line.
        for (why, (count, subject)) in skips {
            let (observed, subject) =
                if count == 1 { (why, subject) } else { (format!("{why} ({count} objects)"), Subject::default()) };
            let found = CheckFinding { subject, ..CheckFinding::skip(observed) };
            let ruling = self.ruling(check, severity, found);
            self.results.push(ruling);
        }
        self.checks.push(CheckSummary {
            id: check.id.to_owned(),
            name: check.name.to_owned(),
            title: check.title.to_owned(),
            area: area.title.to_owned(),
            severity,
            class: check.class,
            gates: check.gates.iter().map(|g| (*g).to_owned()).collect(),
            rule: check.rule.to_owned(),
            fix: check.fix.to_owned(),
            security: SECURITY.contains(&area.name),
            experimental: !super::examples::proven(check.id),
            tally,
            unjudged: (!judged).then_some(unjudged),
        });
    }

    fn ruling(&self, check: &Check, severity: Severity, found: CheckFinding) -> Ruling {
        let own = found.severity.unwrap_or(severity);
        let lesser = own > severity;
        let stands_in_the_way = found.state.is_active()
            && !lesser
            && blocks(check, own, self.picture.settings)
            && !(found.state == State::Unknown && self.picture.settings.allow_unknown);
        let source = match self.picture.object_set.source {
            ReviewSource::Manifests => "manifests",
            ReviewSource::Live => "live",
            ReviewSource::Capture => "capture",
        };
        let remedy =
            if found.state == State::Fail { super::remedies::remedy(check.id, &found, self.picture) } else { None };
        Ruling {
            check: check.id.into(),
            name: check.name.into(),
            state: found.state,
            severity: own,
            class: check.class,
            blocking: stands_in_the_way,
            blocks: if stands_in_the_way { blocked(check, self.picture.settings) } else { vec![] },
            consequence: super::consequence::consequence(check.id, &found, self.picture),
            owner: super::owners::owner(&found.subject, self.picture),
            fingerprint: fingerprint(check.id, &found),
            subject: found.subject,
            pointer: found.pointer,
            observed: found.observed,
            expected: check.title.into(),
            source: source.into(),
            at: self.at.to_owned(),
            unseen: found.unseen,
            fix: if matches!(found.state, State::Fail | State::Unknown) { check.fix } else { "" }.into(),
            remedy,
            waiver: None,
            known: false,
        }
    }
}

/// The findings of a check. A check that panics gives an error and does not stop the others.
fn answers(check: &Check, picture: &Picture<'_>) -> Vec<CheckFinding> {
    let mut say = Say::default();
    if check.needs == Needs::Cluster && !picture.is_cluster() {
        say.lacks(Unjudged::NeedsCluster, "this check needs a cluster: manifests do not show it");
        return say.found;
    }
    if check.needs == Needs::Drill {
        say.lacks(Unjudged::NeedsDrill, "this check needs a planned drill (drillmaster plan SCENARIO)");
        return say.found;
    }
    if check.needs == Needs::ReadinessFile && !picture.settings.has_readiness_file && !picture.is_cluster() {
        say.lacks(Unjudged::NeedsReadinessFile, "no readiness file was given (--readiness FILE)");
        return say.found;
    }
    match catch_unwind(AssertUnwindSafe(|| (check.run)(picture, &mut say))) {
        Ok(()) => {
            lacking::doubt(check, picture, &mut say);
            if say.found.is_empty() {
                say.skip(Subject::default(), "this check applies to no object here");
            }
        }
        Err(_) => {
            let text = "the check failed with an internal error: please report this".to_owned();
            say.found.push(CheckFinding { state: State::Error, ..CheckFinding::skip(text) });
        }
    }
    say.found
}

/// Whether a fail of this check blocks in this environment.
fn blocks(check: &Check, severity: Severity, settings: &ReviewSettings) -> bool {
    let named = !settings.drills.is_empty();
    match (settings.environment, check.class_for(&settings.drills)) {
        (_, Class::Advisory) | (Environment::OwnKind, Class::Gate) => false,
        (Environment::OwnKind, Class::Blocks) => severity == Severity::Critical && check.gates.is_empty(),
        (_, Class::Blocks) => true,
        (Environment::Staging, Class::Gate) => named && severity == Severity::Critical,
        // Without a planned drill, a gate blocks only if its severity is high or critical.
        (Environment::Production, Class::Gate) => named || severity <= Severity::High,
    }
}

/// The drills that a finding of this check blocks. Without a planned drill, those that the check gates.
fn blocked(check: &Check, settings: &ReviewSettings) -> Vec<Cow<'static, str>> {
    let planned = || settings.drills.iter().map(|drill| Cow::Owned(drill.clone()));
    let every = check.gates.is_empty() || check.gates.contains(&ANY);
    match (settings.drills.is_empty(), every) {
        (true, true) => vec![ANY.into()],
        (true, false) => check.gates.iter().map(|gate| (*gate).into()).collect(),
        (false, true) => planned().collect(),
        (false, false) => planned().filter(|drill| check.gates.contains(&drill.as_ref())).collect(),
    }
}

fn fingerprint(id: &str, found: &CheckFinding) -> String {
    let s = &found.subject;
    let parts = format!("{id}\n{}\n{}\n{}\n{}\n{}", s.kind, s.namespace, s.name, s.part, found.pointer);
    sha256(parts)[..32].to_owned()
}

/// Worst first, then by check and object, so that the order never changes.
fn rank(r: &Ruling) -> (bool, State, Severity, &str, &Subject, &str, &str) {
    (!r.blocking, r.state, r.severity, &r.check, &r.subject, &r.pointer, &r.observed)
}

/// A fail outranks an unknown, and an unknown outranks ready. A review in which nothing passed and
/// nothing failed, or that judged nothing of an area that the user asked for, cannot determine the readiness.
pub(super) fn verdict(results: &[Ruling], checks: &[CheckSummary], coverage: &Coverage) -> Readiness {
    let in_the_way = |states: &[State]| results.iter().any(|r| r.blocking && !r.known && states.contains(&r.state));
    let passed = checks.iter().any(|c| c.tally.pass > 0);
    if in_the_way(&[State::Fail]) {
        Readiness::NotReady
    } else if in_the_way(&[State::Unknown, State::Error])
        || !coverage.undecided.is_empty()
        || (!passed && results.iter().all(|r| r.state != State::Fail))
    {
        Readiness::CannotDetermine
    } else if results.iter().any(|r| r.state.is_active()) {
        Readiness::ReadyWithWarnings
    } else {
        Readiness::Ready
    }
}
