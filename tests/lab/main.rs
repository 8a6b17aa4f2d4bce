//! Drills on real control planes. Every test here is ignored by default, because it needs a lab (`.ci/run` starts it),
//! minutes of time, and the machine for itself.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a lab test stops at the first surprise, runs programs and prints what it does"
)]

mod asked;
mod drill;
mod hollow;
mod responder;
mod shuffled;

mod admission;
mod budgets;
mod cluster;
mod conformance;
mod crashes;
mod crds;
mod fidelity;
mod fix_plans;
mod hands;
mod kind;
mod losses;
mod night_truth;
mod nightly;
mod operators;
mod people;
mod positive;
mod refusals;
mod review;
mod rights;
mod scraping;
mod truth;
mod twins;
mod versions;
