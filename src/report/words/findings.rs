//! Findings.

super::words! { "findings",
    FINDINGS = "Findings";
    FAILED = "{0} failed{1}: {2}";
    NOT_PROVEN = "{0} was not proven{1}: {2}";
    AFTER = " after {0}";
    RETEST = "{0} passes in the next drill of {1}";
    NARROW = "{0} has only {1} to spare of its objective of {2}";
    NARROW_RETEST = "{0} passes with at least a fifth of its objective to spare";
    SEVERITY = "Severity";
    EVIDENCE = "Evidence";
    CAUSE = "Cause";
    RECOMMENDATION = "Recommendation";
    CORRECTED_WHEN = "Corrected when";
    NOTHING = "There are no findings.";
    MORE = "And {0} more findings: see report.json.";
    EVENT = "event {0}";
    EVERY = "every {0}";
    THE_JOURNAL = "the journal";
    PATCH = "Ready patch for {0}: {1}";
}
