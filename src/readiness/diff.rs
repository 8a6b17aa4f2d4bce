//! What is new in a review, compared with the review of an earlier state of the same files. Two findings are the same
//! if check, object and field are the same; files and lines do not count. Start with [`against_base`].

use std::collections::{BTreeMap, BTreeSet};

use super::{scope::Scope, settings::ReviewSettings};
use crate::{
    inventory::ObjectSet,
    model::{Compared, Novelty, Review, Ruling, Severity, State, Subject},
};

/// What makes two findings the same one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Identity<'a> {
    check: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    part: &'a str,
    /// The pointer, with `*` for each place in a list.
    field: String,
    /// What was seen, for a field in a list: its place in the list may change, and another item may take it.
    observed: &'a str,
}

impl<'a> Identity<'a> {
    fn of(ruling: &'a Ruling) -> Self {
        let Subject { kind, namespace, name, part, .. } = &ruling.subject;
        let mut in_list = false;
        let mut before = "";
        let mut field = String::with_capacity(ruling.pointer.len());
        for word in ruling.pointer.split('/').skip(1) {
            let place = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
            // The part names the container.
            in_list |= place && (part.is_empty() || !matches!(before, "containers" | "initContainers"));
            field.push('/');
            field.push_str(if place { "*" } else { word });
            before = word;
        }
        let observed = if in_list { ruling.observed.as_str() } else { "" };
        Self { check: &ruling.check, kind, namespace, name, part, field, observed }
    }
}

/// Findings of the base with the same identity and state, by severity. Each of them explains one finding of the review.
type Left<'a> = BTreeMap<(Identity<'a>, State), BTreeMap<Severity, Vec<&'a Ruling>>>;

/// Marks the results that the base has too, lists those that are gone, and says what the new ones mean. The base was
/// reviewed with the same settings, so each state counts. A baseline (`baseline.rs`) only excuses fails.
pub fn against_base(review: &mut Review, base: &Review, name: &str, object_set: &ObjectSet, settings: &ReviewSettings) {
    let (known, absent) = matched(review, base);
    let scope = Scope::of(object_set, settings);
    let unseen: BTreeSet<&str> = review
        .results
        .iter()
        .filter(|r| matches!(r.state, State::Unknown | State::Error) && r.subject.kind.is_empty())
        .map(|r| r.check.as_ref())
        .collect();
    let is_judged = |r: &&Ruling| {
        let namespace = &r.subject.namespace;
        (namespace.is_empty() || scope.holds(namespace)) && !unseen.contains(r.check.as_ref())
    };
    let mut gone: Vec<Ruling> = absent.iter().copied().filter(is_judged).cloned().collect();
    gone.sort_by_key(|r| (r.state, r.severity));
    let not_judged = absent.len() - gone.len();
    for (result, known) in review.results.iter_mut().zip(known) {
        result.known = known;
    }
    if not_judged > 0 {
        let text = format!(
            "{not_judged} findings of {name} are about objects that this review does not judge: they are not gone"
        );
        review.notes.push(text);
    }
    review.compared = Some(compared(review, name, gone.len()));
    review.gone = Some(gone);
}

/// Which results of the review the base has too, and the findings of the base that no result of the review is about.
fn matched<'a>(review: &'a Review, base: &'a Review) -> (Vec<bool>, Vec<&'a Ruling>) {
    let mut left: Left<'a> = BTreeMap::new();
    for ruling in base.results.iter().filter(|r| r.state.is_finding()) {
        let of_state = left.entry((Identity::of(ruling), ruling.state)).or_default();
        of_state.entry(ruling.severity).or_default().push(ruling);
    }
    let known: Vec<bool> = review.results.iter().map(|r| r.state.is_finding() && is_known(r, &mut left)).collect();
    // How many results of the review have no counterpart, by identity. They may be the same problem in another state.
    let mut others: BTreeMap<Identity<'a>, usize> = BTreeMap::new();
    for (result, _) in review.results.iter().zip(&known).filter(|(r, known)| r.state.is_finding() && !**known) {
        *others.entry(Identity::of(result)).or_default() += 1;
    }
    let rest = left.into_iter().filter(|((_, state), _)| *state != State::Waived);
    let rest = rest.flat_map(|((identity, _), of)| of.into_values().flatten().map(move |r| (identity.clone(), r)));
    let absent = rest.filter(|(identity, _)| !takes(&mut others, identity)).map(|(_, r)| r).collect();
    (known, absent)
}

/// Whether the base has the finding in the same state, and at least as severe. Takes the mildest such one.
fn is_known<'a>(result: &'a Ruling, left: &mut Left<'a>) -> bool {
    let Some(of_state) = left.get_mut(&(Identity::of(result), result.state)) else { return false };
    let Some((severity, mildest)) = of_state.range_mut(..=result.severity).next_back() else { return false };
    let severity = *severity;
    let found = mildest.pop().is_some();
    if mildest.is_empty() {
        of_state.remove(&severity);
    }
    found
}

/// Whether a result of the review is about the same, and not yet the counterpart of another finding.
fn takes<'a>(others: &mut BTreeMap<Identity<'a>, usize>, identity: &Identity<'a>) -> bool {
    match others.get_mut(identity) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    }
}

fn compared(review: &Review, base: &str, gone: usize) -> Compared {
    let active = review.results.iter().filter(|r| r.state.is_active());
    let (stayed, new): (Vec<&Ruling>, Vec<&Ruling>) = active.partition(|r| r.known);
    let blocking: Vec<&&Ruling> = new.iter().filter(|r| r.blocking).collect();
    let outcome = if blocking.iter().any(|r| r.state == State::Fail) {
        Novelty::Blockers
    } else if !blocking.is_empty() || !review.coverage.undecided.is_empty() {
        Novelty::CannotDetermine
    } else if new.is_empty() {
        Novelty::Nothing
    } else {
        Novelty::Warnings
    };
    let (new, stayed, blocking) = (new.len(), stayed.len(), blocking.len());
    Compared { base: base.to_owned(), outcome, new, blocking, stayed, gone }
}
