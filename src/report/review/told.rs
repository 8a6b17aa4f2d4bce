//! Findings as people read them. Two checks that find the same fault of an object are one finding with both facts,
//! because one change mends both. The formats for programs keep each of them. Start with [`told`].

use std::collections::BTreeMap;

use super::shown_observed;
use crate::model::{Ruling, State, Subject};

/// A finding, and what other checks say of the same fault.
#[derive(Clone, Debug)]
pub(super) struct Told<'a> {
    /// The more serious of them.
    pub ruling: &'a Ruling,
    pub also: Vec<&'a Ruling>,
}

/// Checks that find the same fault of an object: a missing policy, a rule that is too wide, missing resources, an image
/// without a version, a single replica.
const SAME: [[&str; 2]; 5] = [
    ["NET-001", "NET-002"],
    ["NET-003", "NET-004"],
    ["RES-001", "RES-002"],
    ["IMG-002", "IMG-003"],
    ["WRK-001", "MHA-001"],
];

/// The findings in the given order, those of one fault at the place of the first.
pub(super) fn told<'a>(found: impl IntoIterator<Item = &'a Ruling>) -> Vec<Told<'a>> {
    let mut all: Vec<Told<'a>> = vec![];
    let mut leads: BTreeMap<(usize, &Subject), Vec<usize>> = BTreeMap::new();
    for ruling in found {
        if let Some(fault) = SAME.iter().position(|checks| checks.contains(&&*ruling.check)) {
            let places = leads.entry((fault, &ruling.subject)).or_default();
            if let Some(place) = places.iter().find(|place| is_same(all[**place].ruling, ruling)) {
                all[*place].also.push(ruling);
                continue;
            }
            places.push(all.len());
        }
        all.push(Told { ruling, also: vec![] });
    }
    all
}

/// Whether two findings about an object are about the same part of it, and both still have to be mended.
fn is_same(first: &Ruling, other: &Ruling) -> bool {
    let inside =
        |whole: &str, part: &str| part.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    first.check != other.check
        && first.state == State::Fail
        && other.state == State::Fail
        && first.known == other.known
        && (inside(&first.pointer, &other.pointer) || inside(&other.pointer, &first.pointer))
}

impl Told<'_> {
    /// What was seen, with the other facts.
    pub fn seen(&self) -> String {
        let others = self.also.iter().map(|other| format!("; {} ({})", shown_observed(other), other.check));
        shown_observed(self.ruling) + &others.collect::<String>()
    }
}
