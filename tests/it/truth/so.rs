//! What is known about a fact, and what a verdict may therefore say.

use std::fmt::Debug;

use drillmaster::model::{Judgement, Outcome};

/// Whether something was so, as far as it could be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum So {
    Yes,
    No,
    /// It could not be seen, or it is too close to the limit to decide.
    Unknown,
}

impl So {
    /// Combines several facts that must all be true.
    pub fn all(of: impl IntoIterator<Item = Self>) -> Self {
        of.into_iter().fold(Self::Yes, |so, next| match (so, next) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            _ => Self::Yes,
        })
    }

    /// Whether a time between two bounds is within an objective. All times are in seconds.
    pub fn within((least, most): (f64, f64), objective: f64) -> Self {
        match (least > objective, most <= objective) {
            (true, _) => Self::No,
            (_, true) => Self::Yes,
            _ => Self::Unknown,
        }
    }
}

/// A pass and a fail must both be true. If nothing prevented the drill from seeing a fact, it must decide.
pub fn holds(judgement: &Judgement, so: So, complete: bool, told: &dyn Debug, said: &str) {
    let wrong = match (judgement.outcome, so) {
        (Outcome::Pass, So::No) => "a false pass",
        (Outcome::Fail, So::Yes) => "a false fail",
        (Outcome::Inconclusive, So::Yes | So::No) if complete => "nothing was planted, but the verdict is inconclusive",
        _ => return,
    };
    panic!("{wrong}: {}, {}: {}\nthe truth is {told:?}\n{said}", judgement.id, judgement.outcome, judgement.because);
}
