//! What is known to be so, and what a verdict may say of it.

use std::fmt::Debug;

use drillmaster::model::{Judgement, Outcome};

/// Whether something was so, as far as anybody could see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum So {
    Yes,
    No,
    /// Nobody could see it, or it is at the edge of what can be told apart.
    Unknown,
}

impl So {
    /// Of several that must all be so.
    pub fn all(of: impl IntoIterator<Item = Self>) -> Self {
        of.into_iter().fold(Self::Yes, |so, next| match (so, next) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            _ => Self::Yes,
        })
    }

    /// Whether a time that lies between two is within an objective; all in seconds.
    pub fn within((least, most): (f64, f64), objective: f64) -> Self {
        match (least > objective, most <= objective) {
            (true, _) => Self::No,
            (_, true) => Self::Yes,
            _ => Self::Unknown,
        }
    }
}

/// A pass was true, and a fail, too. What can be seen is decided where nothing stands in the way.
pub fn holds(judgement: &Judgement, so: So, complete: bool, told: &dyn Debug, said: &str) {
    let wrong = match (judgement.outcome, so) {
        (Outcome::Pass, So::No) => "a false pass",
        (Outcome::Fail, So::Yes) => "a false fail",
        (Outcome::Inconclusive, So::Yes | So::No) if complete => "nothing was planted, and it is undecided",
        _ => return,
    };
    panic!("{wrong}: {}, {}: {}\nthe truth is {told:?}\n{said}", judgement.id, judgement.outcome, judgement.because);
}
