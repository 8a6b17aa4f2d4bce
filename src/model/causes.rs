//! The causes of an error, and an error with its causes in one text. Start with [`with_causes`].

use std::{error::Error, iter::successors};

/// The causes of an error, the nearest first.
pub fn causes<'a>(error: &'a dyn Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(error.source(), |cause| (*cause).source())
}

/// An error with its causes. A cause that is already part of the text is left out: some libraries repeat them.
pub fn with_causes(error: &dyn Error) -> String {
    causes(error)
        .map(ToString::to_string)
        .fold(error.to_string(), |text, cause| if text.contains(&cause) { text } else { format!("{text}: {cause}") })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Outer {
        text: &'static str,
        source: io::Error,
    }

    #[test]
    fn a_cause_is_not_repeated() {
        let error = |text| Outer { text, source: io::Error::other("the disk is full") };
        assert_eq!(with_causes(&error("cannot write")), "cannot write: the disk is full");
        assert_eq!(with_causes(&error("cannot write: the disk is full")), "cannot write: the disk is full");
        assert_eq!(causes(&error("")).count(), 1);
    }
}
