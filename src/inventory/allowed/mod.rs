//! What a capture may contain of an object: only the fields on a list for its kind. A list of forbidden fields would
//! miss any field that is invented later. Here, a new field is left out until a check, the survey or the simulation
//! needs it and it is added to the list. A field that could contain a secret is never listed with its value: if a
//! check only needs to know whether it exists, its value is replaced by [`LEFT_OUT`](super::LEFT_OUT).
//!
//! Start with [`reduced`]; the lists are in `built_in`, `operators`, `pods` and `copied`.

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
