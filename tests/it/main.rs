//! All integration tests in one binary: the rules of this code base, golden files, hostile input.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, runs the program, and prints how many cases it tried"
)]

/// The same allocator as in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod answers;
mod arrows;
mod audited;
mod bad_input;
mod begin;
mod beside;
mod captures;
mod checks;
mod columns;
mod commands;
mod conformance;
mod crowds;
mod default_deny;
mod dependencies;
mod diffs;
mod document;
mod documents;
mod drains;
mod endings;
mod evidence;
mod exercises;
mod fidelity;
mod fix_diffs;
mod forks;
mod front;
mod fuzzed;
mod golden;
mod hands;
mod happens;
mod heads;
mod history;
mod hostile;
mod hostile_files;
mod journals;
mod kept;
mod leaks;
mod learned;
mod loss;
mod losses;
mod matrix;
mod meanwhile;
mod newcomer;
mod old_names;
mod old_runs;
mod organisation;
mod others;
mod outputs;
mod outside;
mod pdf;
mod plans;
mod preflight;
mod prove;
mod readers;
mod rebalance;
mod recorded;
mod records;
mod regions;
mod rehearsal;
mod remedies;
mod reports;
mod reprotected;
mod rules;
mod samples;
mod scenarios;
mod simulated;
mod soundness;
mod survey;
mod sweep;
mod takeover;
mod transcripts;
mod truth;
mod typing_errors;
mod velero;
mod verify;
mod wire;
mod words;
