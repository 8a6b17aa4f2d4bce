//! The answer to a question that a source may refuse.

/// An answer, or the reason why there is none.
pub type Reply<T> = Result<T, String>;
