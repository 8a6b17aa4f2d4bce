//! The report as JUnit: a case for each expectation and each step. Inconclusive is an error and never skipped: CI must
//! not be green for something that was not proven.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::Story;
use crate::{
    event::StepEnd,
    model::{Outcome, REHEARSAL, printable},
};

/// The report for CI.
pub fn junit(story: &Story) -> String {
    let mut expectations = TestSuite::new("expectations");
    for j in &story.judgements {
        let mut status = match j.outcome {
            // A verdict by other rules is not green, because the current rules did not confirm it.
            _ if story.other_rules.is_some() => TestCaseStatus::non_success(NonSuccessKind::Error),
            Outcome::Pass => TestCaseStatus::success(),
            Outcome::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Outcome::Inconclusive => TestCaseStatus::non_success(NonSuccessKind::Error),
            Outcome::Skipped | Outcome::Waived => TestCaseStatus::skipped(),
        };
        let because =
            story.other_rules.as_ref().map_or_else(|| j.because.to_string(), |w| format!("{w} ({})", j.because));
        status.set_message(clean(&because));
        let name = j.of.as_ref().map_or_else(|| j.expectation.clone(), |of| format!("{} [{of}]", j.expectation));
        let mut case = TestCase::new(clean(&name), status);
        case.set_classname(clean(&story.scenario));
        expectations.add_test_case(case);
    }
    let mut steps = TestSuite::new("steps");
    for s in &story.steps {
        let mut status = match s.end {
            Some(StepEnd::Done) => TestCaseStatus::success(),
            Some(StepEnd::NotRun) => TestCaseStatus::skipped(),
            Some(_) => TestCaseStatus::non_success(NonSuccessKind::Failure),
            None => TestCaseStatus::non_success(NonSuccessKind::Error),
        };
        status.set_message(clean(&s.detail));
        let mut case = TestCase::new(clean(&format!("{} [{}]", s.name, s.verb)), status);
        case.set_classname(clean(&story.scenario));
        case.set_time(std::time::Duration::from_secs_f64(s.seconds.unwrap_or(0.0).max(0.0)));
        steps.add_test_case(case);
    }
    let mut undo = TestSuite::new("undo");
    for u in &story.undo_log {
        let mut status =
            if u.is_open { TestCaseStatus::non_success(NonSuccessKind::Failure) } else { TestCaseStatus::success() };
        status.set_message(clean(&u.evidence));
        undo.add_test_case(TestCase::new(clean(&u.fault), status));
    }
    let what = if story.is_rehearsal() { REHEARSAL } else { "drillmaster" };
    let mut report = Report::new(clean(&format!("{what} {}", story.run)));
    report.add_test_suites([expectations, steps, undo]);
    report.to_string().unwrap_or_default()
}

/// XML cannot contain control characters, even if they are escaped.
fn clean(text: &str) -> String {
    printable(text)
}
