//! What a check is and how it reports: [`Check`] is one entry of the catalogue,
//! [`Say`] collects its findings.

use std::collections::BTreeSet;

use super::picture::{Picture, Work};
use crate::{
    inventory::{Gap, Object},
    model::{Class, Severity, State, Subject, Unjudged, Unseen},
};

/// The input that a check needs. A review without this input skips the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Manifests are enough.
    Manifests,
    /// A cluster, live or captured.
    Cluster,
    /// A readiness file.
    ReadinessFile,
    /// A planned drill.
    Drill,
}

/// One check of the catalogue.
pub(crate) struct Check {
    /// The identifier; it never changes.
    pub id: &'static str,
    /// A short name.
    pub name: &'static str,
    /// The good state, in a short sentence.
    pub title: &'static str,
    /// The severity of a fail.
    pub severity: Severity,
    /// Whether a fail stops a drill.
    pub class: Class,
    /// The kinds of drill that it gates or blocks; empty means all of them for the classes Gate
    /// and Blocks. An advisory check gates the drills that it names here; [`ANY`] is every drill.
    pub gates: &'static [&'static str],
    /// The input that it needs.
    pub needs: Needs,
    /// What passes, in words.
    pub rule: &'static str,
    /// What to do after a fail.
    pub fix: &'static str,
    /// What goes wrong in an outage without it.
    pub why: &'static str,
    /// The code of the rule.
    pub run: fn(&Picture<'_>, &mut Say),
}

/// The kinds of drill that checks can gate.
pub(crate) const DRAIN: &str = "drain";
pub(crate) const NODE: &str = "node";
pub(crate) const ZONE: &str = "zone";
pub(crate) const REGION: &str = "region";
pub(crate) const RESTORE: &str = "restore";
pub(crate) const NETPART: &str = "netpart";
pub(crate) const DEPOUT: &str = "depout";
pub(crate) const ALERTS: &str = "alerts";
/// Every drill; for checks that are advisory when no drill is planned.
pub(crate) const ANY: &str = "any";

impl Check {
    /// The class for these drills. An advisory check gates the drills that it names. A check that
    /// gates or blocks certain drills keeps its class for them and when no drill is planned; it is
    /// advisory for all other drills.
    pub(crate) fn class_for(&self, drills: &BTreeSet<String>) -> Class {
        let concerned = drills.is_empty() || self.gates.is_empty() || self.concerns(drills);
        match self.class {
            Class::Advisory if self.concerns(drills) => Class::Gate,
            class if concerned => class,
            _ => Class::Advisory,
        }
    }

    fn concerns(&self, drills: &BTreeSet<String>) -> bool {
        self.gates.iter().any(|gate| drills.contains(*gate) || *gate == ANY && !drills.is_empty())
    }
}

/// One finding of a check.
#[derive(Clone, Debug)]
pub(crate) struct CheckFinding {
    pub state: State,
    pub severity: Option<Severity>,
    pub subject: Subject,
    pub pointer: String,
    pub observed: String,
    pub unseen: Option<Unseen>,
    /// For a skip: why the check judged nothing.
    pub unjudged: Unjudged,
}

impl CheckFinding {
    /// A skip for a reason.
    pub fn skip(observed: String) -> Self {
        Self {
            state: State::Skip,
            severity: None,
            subject: Subject::default(),
            pointer: String::new(),
            observed,
            unseen: None,
            unjudged: Unjudged::NoObject,
        }
    }
}

/// The findings of a check so far.
#[derive(Debug, Default)]
pub(crate) struct Say {
    pub found: Vec<CheckFinding>,
}

impl Say {
    /// The object passes.
    pub fn pass(&mut self, subject: impl Into<Subject>) {
        self.push(State::Pass, subject.into(), "", "");
    }

    /// The object fails.
    pub fn fail(&mut self, subject: impl Into<Subject>, pointer: impl Into<String>, observed: impl Into<String>) {
        self.push(State::Fail, subject.into(), pointer, observed);
    }

    /// The object fails, with another severity than that of the check.
    pub fn fail_as(
        &mut self,
        severity: Severity,
        subject: impl Into<Subject>,
        pointer: impl Into<String>,
        observed: impl Into<String>,
    ) {
        self.push(State::Fail, subject.into(), pointer, observed);
        if let Some(last) = self.found.last_mut() {
            last.severity = Some(severity);
        }
    }

    /// The object passes if the list is empty, and otherwise fails with the whole list.
    pub fn judge(&mut self, subject: impl Into<Subject>, pointer: &str, wrong: &[String]) {
        if wrong.is_empty() { self.pass(subject) } else { self.fail(subject, pointer, wrong.join("; ")) }
    }

    /// The check does not apply to this object.
    pub fn skip(&mut self, subject: impl Into<Subject>, why: impl Into<String>) {
        self.push(State::Skip, subject.into(), "", why);
    }

    /// The check lacks an input, and judges nothing.
    pub fn lacks(&mut self, what: Unjudged, why: impl Into<String>) {
        self.skip(Subject::default(), why);
        if let Some(last) = self.found.last_mut() {
            last.unjudged = what;
        }
    }

    /// The files refer to something that they do not contain. The cluster may have it, so this never blocks.
    pub fn unresolved(&mut self, subject: impl Into<Subject>, pointer: impl Into<String>, why: impl Into<String>) {
        self.push(State::Unknown, subject.into(), pointer, why);
        if let Some(last) = self.found.last_mut() {
            (last.unseen, last.severity) = (Some(Unseen::NoData), Some(Severity::Low));
        }
    }

    /// The object could not be examined.
    pub fn unknown(&mut self, subject: impl Into<Subject>, why: Unseen, text: impl Into<String>) {
        self.push(State::Unknown, subject.into(), "", text);
        if let Some(last) = self.found.last_mut() {
            last.unseen = Some(why);
        }
    }

    /// Objects of a kind could not be read.
    pub fn gap(&mut self, gap: &Gap) {
        self.unknown(Subject::default(), gap.why, gap.text.clone());
    }

    fn push(&mut self, state: State, subject: Subject, pointer: impl Into<String>, observed: impl Into<String>) {
        let (pointer, observed) = (pointer.into(), observed.into());
        let unjudged = Unjudged::NoObject;
        self.found.push(CheckFinding { state, severity: None, subject, pointer, observed, unseen: None, unjudged });
    }
}

impl From<&Object> for Subject {
    fn from(object: &Object) -> Self {
        Self {
            kind: object.kind.to_string(),
            namespace: object.metadata.namespace.clone(),
            name: object.metadata.name.clone(),
            part: String::new(),
            file: object.origin.file.to_string(),
            line: object.origin.line,
        }
    }
}

impl From<&Work<'_>> for Subject {
    fn from(work: &Work<'_>) -> Self {
        work.object.into()
    }
}

impl Subject {
    /// A part of it: a container, a rule.
    pub(crate) fn part(mut self, part: impl Into<String>) -> Self {
        self.part = part.into();
        self
    }

    /// Something that is not an object in the inventory.
    pub(crate) fn named(kind: &str, namespace: &str, name: &str) -> Self {
        Self { kind: kind.into(), namespace: namespace.into(), name: name.into(), ..Self::default() }
    }
}
