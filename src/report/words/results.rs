//! Verdicts and measurements.

super::words! { "results",
    VERDICTS = "Verdict by expectation";
    MEASUREMENTS = "Measured results";
    ID = "Id";
    RESULT = "Result";
    EXPECTATION = "Expectation";
    FAULT = "Fault";
    BECAUSE = "Because";
    NO_VERDICT = "The journal has no verdict. These are the results of what it shows so far, by the rules of this version.";
    NOTHING_JUDGED = "Nothing was judged.";
    NO_RECOVERY = "No recovery of a service was measured.";
    MORE_RECOVERIES = "{0} more recoveries are in report.json.";
    OBJECTIVE = "objective";
    RECOVERY = "Recovery of {0} after {1}";
    UNTIL = "Until";
    FROM = "From";
    TO = "To";
    TOOK = "Took";
    FROM_TO = "{0} to {1}";
    NOT_MEASURED = "not measured";
    NOTHING_TO_COMPARE = "nothing to compare it with";
    PREDICTION = "Prediction";
    PREDICTED = "Predicted, after the fault";
    MEASURED = "Measured";
    COMPARISON = "Comparison";
    PREDICTIONS = "Prediction and measurement";
    WHY_PREDICTED = "Why it was predicted";
    REASON = "Reason";
    TREND = "This drill and the ones before it";
    PROBE = "Probe";
    SAMPLES = "Samples";
    FAILED = "Failed";
    NOT_COUNTED = "Not counted (no network here)";
    LONGEST = "Longest time between samples of a row";
    PROBES = "Probes";
    NO_PROBES = "The scenario has no probes.";
    WORKLOAD = "Workload";
    READY_BEFORE = "Ready before";
    FEWEST = "Fewest";
    READY_AFTER = "Ready at the end";
    READY_PODS = "Ready pods";
    NO_WORKLOAD = "No workload of the scope was seen.";
}
