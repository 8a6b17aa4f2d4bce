//! A baseline: the stored result of an earlier review, whose fails are accepted. Its settings may have been others, so it
//! excuses fails only. `diff.rs` compares with objects that are reviewed again with the same settings.

use std::collections::{BTreeMap, BTreeSet};

use super::review::verdict;
use crate::model::{CheckSummary, Review, Ruling, Severity, State};

/// Marks the findings that an earlier review already has as known; they no longer block.
pub fn against_baseline(review: &mut Review, earlier: &Review) {
    let before: BTreeMap<&str, Severity> = earlier
        .results
        .iter()
        .filter(|r| r.state == State::Fail)
        .map(|r| (r.fingerprint.as_str(), r.severity))
        .collect();
    for result in &mut review.results {
        let was = before.get(result.fingerprint.as_str());
        result.known = result.state == State::Fail && was.is_some_and(|was| *was <= result.severity);
    }
    let now: BTreeSet<&str> = review.results.iter().map(|r| r.fingerprint.as_str()).collect();
    // A finding is not gone if its check was not run now, or if the check could not see its objects.
    let seen = |c: &&CheckSummary| c.tally.unknown + c.tally.error == 0;
    let seen: BTreeSet<&str> = review.checks.iter().filter(seen).map(|c| c.id.as_str()).collect();
    let gone = |r: &&Ruling| {
        r.state == State::Fail && seen.contains(r.check.as_ref()) && !now.contains(r.fingerprint.as_str())
    };
    let gone: Vec<Ruling> = earlier.results.iter().filter(gone).cloned().collect();
    let known = review.results.iter().filter(|r| r.known).count();
    review.notes.push(format!("compared with the baseline: {known} findings are known, {} are gone", gone.len()));
    review.gone = Some(gone);
    review.verdict = verdict(&review.results, &review.checks, &review.coverage);
}
