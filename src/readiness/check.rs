//! What a check is, and how it speaks: [`Check`] is one entry of the catalogue,
//! [`Say`] collects what it finds.

use std::collections::BTreeSet;

use super::picture::{Picture, Work};
use crate::{
    inventory::{Gap, Object},
    model::{Class, Severity, State, Subject, Unseen},
};

/// Where a check can look; a check that cannot look at what a review has is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Manifests tell it all.
    Manifests,
    /// Only a cluster tells, live or captured.
    Cluster,
    /// Only a drill file tells.
    DrillFile,
    /// Only a planned drill tells.
    Drill,
}

/// One check of the catalogue.
pub(crate) struct Check {
    /// Stable for ever.
    pub id: &'static str,
    /// A short name.
    pub name: &'static str,
    /// What it asks for.
    pub title: &'static str,
    /// How bad it is when it does not hold.
    pub severity: Severity,
    /// What it means to a drill.
    pub class: Class,
    /// The drills that it gates or blocks; all of them when empty and the class is Gate or
    /// Blocks. What is advisory otherwise gates these, too; [`ANY`] is every drill.
    pub gates: &'static [&'static str],
    /// Where it looks.
    pub needs: Needs,
    /// The rule, in words.
    pub rule: &'static str,
    /// What to do when it does not hold.
    pub fix: &'static str,
    /// Why a drill cares.
    pub why: &'static str,
    /// The rule itself.
    pub run: fn(&Picture<'_>, &mut Say),
}

/// Kinds of drill that checks gate.
pub(crate) const DRAIN: &str = "drain";
pub(crate) const NODE: &str = "node";
pub(crate) const ZONE: &str = "zone";
pub(crate) const REGION: &str = "region";
pub(crate) const RESTORE: &str = "restore";
pub(crate) const NETPART: &str = "netpart";
pub(crate) const DEPOUT: &str = "depout";
pub(crate) const ALERTS: &str = "alerts";
/// Every drill, for what is advisory without one.
pub(crate) const ANY: &str = "any";

impl Check {
    /// What it means to these drills: without one in sight, or in the way of none of
    /// them, its class tells; what is advisory gates the drills that it names.
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

/// One thing that a check found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub state: State,
    pub severity: Option<Severity>,
    pub subject: Subject,
    pub pointer: String,
    pub observed: String,
    pub unseen: Option<Unseen>,
}

/// What a check has found so far.
#[derive(Debug, Default)]
pub(crate) struct Say {
    pub found: Vec<Found>,
}

impl Say {
    /// This object is as it should be.
    pub fn pass(&mut self, subject: impl Into<Subject>) {
        self.push(State::Pass, subject.into(), "", "");
    }

    /// This object is not.
    pub fn fail(&mut self, subject: impl Into<Subject>, pointer: impl Into<String>, observed: impl Into<String>) {
        self.push(State::Fail, subject.into(), pointer, observed);
    }

    /// This object is not, and that is worse or better than the check's own severity.
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

    /// Pass where nothing is wrong, fail with all that is.
    pub fn judge(&mut self, subject: impl Into<Subject>, pointer: &str, wrong: &[String]) {
        if wrong.is_empty() { self.pass(subject) } else { self.fail(subject, pointer, wrong.join("; ")) }
    }

    /// Does not apply to this object.
    pub fn skip(&mut self, subject: impl Into<Subject>, why: impl Into<String>) {
        self.push(State::Skip, subject.into(), "", why);
    }

    /// Could not be looked at.
    pub fn unknown(&mut self, subject: impl Into<Subject>, why: Unseen, text: impl Into<String>) {
        self.push(State::Unknown, subject.into(), "", text);
        if let Some(last) = self.found.last_mut() {
            last.unseen = Some(why);
        }
    }

    /// A kind could not be read.
    pub fn gap(&mut self, gap: &Gap) {
        self.unknown(Subject::default(), gap.why, gap.text.clone());
    }

    fn push(&mut self, state: State, subject: Subject, pointer: impl Into<String>, observed: impl Into<String>) {
        let (pointer, observed) = (pointer.into(), observed.into());
        self.found.push(Found { state, severity: None, subject, pointer, observed, unseen: None });
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

    /// A thing that is no object of its own here.
    pub(crate) fn named(kind: &str, namespace: &str, name: &str) -> Self {
        Self { kind: kind.into(), namespace: namespace.into(), name: name.into(), ..Self::default() }
    }
}
