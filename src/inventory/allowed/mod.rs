//! What a capture may hold of an object: fields that are on a list, by kind, and nothing else.
//! A list of what to leave out would miss the field that somebody invents tomorrow; here a new
//! field stays out until a check, the survey or the simulation reads it and it is added. What
//! could be a secret is never on the lists: where a check asks whether such a field is there,
//! the field is kept and its value is replaced by [`LEFT_OUT`](super::LEFT_OUT).
//!
//! Read [`reduced`] first; the lists are in `built_in`, `operators`, `pods` and `copied`.

mod annotations;
mod built_in;
mod copied;
mod fields;
mod keep;
mod monitoring;
mod operators;
mod pods;
mod reduce;
#[cfg(test)]
mod tests;

pub(super) use copied::copied;
pub(super) use monitoring::said;
pub(super) use reduce::reduced;
