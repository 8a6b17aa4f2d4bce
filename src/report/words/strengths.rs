//! The strengths of page one.

super::words! { "strengths",
    TESTED_AGAIN = "Action {0} of {1} was tested again: {2} passes now.";
    EQUAL = "All {0} objects of {1} came back equal.";
    EQUAL_FILES = "All {0} objects and {1} files of {2} came back equal.";
    AFTER = " after {0}";
    LOST_LESS = "{0} lost {1} less than its objective of {2}{3}.";
    BACK_EARLY = "{0} was back {1} before its objective of {2}{3}.";
    FASTER = "{0} took {1}, after {2} on {3}.";
    ALERTED = "Alert {0} reached Alertmanager for every target within {1} of {2}.";
    BUDGETS_ANSWERED = "Every eviction during the fault got the answer that its budget requires.";
    DECIDED = "All {0} decision(s) came in time; the slowest took {1}.";
    PREDICTED_WELL = "All {0} predicted phases came within their bounds.";
}
