//! JUnit: a suite for each check, a case for each object. Unknown is an error and
//! never skipped: CI must not be green on what nobody saw.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::{
    model::{Review, State},
    report::line::printable,
};

/// The review for CI.
pub fn junit(review: &Review) -> String {
    let mut report = Report::new(printable(&format!("drillmaster check {}: {}", review.target, review.verdict)));
    for check in &review.checks {
        let mut suite = TestSuite::new(format!("{} {}", check.id, check.name));
        for result in review.results.iter().filter(|r| r.check == check.id) {
            let mut status = match result.state {
                State::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
                State::Unknown | State::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
                State::Waived | State::Skip => TestCaseStatus::skipped(),
                State::Pass => TestCaseStatus::success(),
            };
            status.set_message(printable(&result.observed));
            if result.state == State::Fail {
                status.set_type(result.severity.to_string());
            }
            suite.add_test_case(case(&check.id, &result.subject.to_string(), &result.pointer, status));
        }
        let named = review.passes.iter().filter(|(id, _)| *id == check.id);
        let mut listed = 0;
        for (_, subject) in named {
            listed += 1;
            suite.add_test_case(case(&check.id, &subject.to_string(), "", TestCaseStatus::success()));
        }
        // Passes that were only counted.
        for i in listed..check.tally.pass {
            suite.add_test_case(case(&check.id, &format!("passed {}", i + 1), "", TestCaseStatus::success()));
        }
        report.add_test_suite(suite);
    }
    report.to_string().unwrap_or_default()
}

fn case(check: &str, subject: &str, pointer: &str, status: TestCaseStatus) -> TestCase {
    let name = if pointer.is_empty() { subject.to_owned() } else { format!("{subject} {pointer}") };
    let mut case = TestCase::new(printable(&name), status);
    case.set_classname(check.to_owned());
    case
}
