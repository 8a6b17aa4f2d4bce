//! Compares a written verdict and a written end with what the events give.

use super::TOOL;
use crate::model::{Judgement, Outcome, RunVerdict};

/// A verdict as it was written.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    pub rules: u32,
    pub tool: &'a str,
    pub up_to: u64,
    pub outcome: Outcome,
    pub judgements: &'a [Judgement],
}

/// The difference between the current verdict and the written one.
pub(super) fn differs(now: &RunVerdict, written: Written<'_>) -> Option<String> {
    if now.judgements.len() != written.judgements.len() {
        let (now, written) = (now.judgements.len(), written.judgements.len());
        return Some(format!("the verdict has {written} judgements, but its events give {now}"));
    }
    for (now, written) in now.judgements.iter().zip(written.judgements) {
        if now.outcome != written.outcome {
            let (outcome, because) = (now.outcome, &now.because);
            return Some(format!(
                "`{}` is judged {}, but its events give {outcome}: {because}",
                written.expectation, written.outcome
            ));
        }
    }
    if now.outcome != written.outcome {
        return Some(format!("the verdict is {}, but its events give {}", written.outcome, now.outcome));
    }
    if written.tool != TOOL {
        return None;
    }
    let told = now.judgements.iter().zip(written.judgements).find(|(now, written)| now != written);
    told.map(|(now, written)| {
        format!("the text of `{}` is not the one that its events give: {}", written.expectation, now.because)
    })
}

/// Whether a text begins with these words, where secrets may have been removed from the text.
pub(super) fn begins_with(told: &str, words: &str) -> bool {
    let mut parts = told.split("***");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = words.strip_prefix(first) else { return first.starts_with(words) };
    if rest.is_empty() {
        return true;
    }
    for part in parts {
        // A secret was before this part, and some of the words may have been removed with it.
        match rest.find(part) {
            Some(found) => rest = &rest[found + part.len()..],
            None => return rest.char_indices().any(|(end, _)| part.starts_with(&rest[end..])),
        }
    }
    told.contains("***")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_in_its_words_whatever_secret_was_taken_out() {
        let words = "inconclusive: nothing failed; the cluster is as before";
        for told in [
            words,
            "inconclusive: nothing failed; the cluster is as before: all steps done",
            "inconclusive: *** failed; the cluster is as before",
            "***: nothing failed; the *** is as before: by ***",
        ] {
            assert!(begins_with(told, words), "{told}");
        }
        for told in ["passed; the cluster is as before", "*** passed; the cluster is as before", "inconclusive"] {
            assert!(!begins_with(told, words), "{told}");
        }
    }
}
