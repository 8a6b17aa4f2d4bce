//! The review as JUnit: a suite for each check with a case for each object; or, to get fewer cases, a suite for each
//! area with a case for each check. Unknown is an error and never skipped: CI must not be green for something that was
//! not checked.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::covered;
use crate::model::{Review, Ruling, State, printable};

/// The name of the report, with the counts of the checks.
fn name(review: &Review) -> String {
    let said = covered(review).join("; ");
    printable(&format!("drillmaster check {}: {} ({said})", review.target, review.verdict))
}

/// The review for CI, with a case for each check: its most serious result, and the number of results.
pub fn junit_by_check(review: &Review) -> String {
    let mut report = Report::new(name(review));
    let mut areas: Vec<(&str, TestSuite)> = vec![];
    for check in &review.checks {
        // A result "does not apply" for some objects must not hide that others pass.
        let counts = |r: &&Ruling| r.check == check.id && (r.state != State::Skip || check.tally.pass == 0);
        let worst = review.results.iter().filter(counts).min_by_key(|r| (r.state, r.severity));
        let mut status = worst.map_or(TestCaseStatus::success(), |r| status(r.state));
        if let Some(result) = worst {
            let count = review.results.iter().filter(|r| r.check == check.id && r.state == result.state).count();
            let more = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
            status.set_message(printable(&format!("{}: {}{more}", result.subject, result.observed)));
            if result.state == State::Fail {
                status.set_type(result.severity.to_string());
            }
        }
        let case = case(&check.id, &check.title, "", status);
        match areas.iter_mut().find(|(area, _)| *area == check.area) {
            Some((_, suite)) => drop(suite.add_test_case(case)),
            None => {
                let mut suite = TestSuite::new(check.area.clone());
                suite.add_test_case(case);
                areas.push((&check.area, suite));
            }
        }
    }
    report.add_test_suites(areas.into_iter().map(|(_, suite)| suite));
    report.to_string().unwrap_or_default()
}

fn status(state: State) -> TestCaseStatus {
    match state {
        State::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        State::Unknown | State::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
        State::Waived | State::Skip => TestCaseStatus::skipped(),
        State::Pass => TestCaseStatus::success(),
    }
}

/// The review for CI.
pub fn junit(review: &Review) -> String {
    let mut report = Report::new(name(review));
    for check in &review.checks {
        let mut suite = TestSuite::new(format!("{} {}", check.id, check.name));
        for result in review.results.iter().filter(|r| r.check == check.id) {
            let mut status = status(result.state);
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
