//! The annex.

super::words! { "annex",
    LISTS = "Full lists";
    AXIS = "The numbers of the time axis";
    SHOWN = "shown";
    NOT_SHOWN = "not shown";
    NOT_ASKED = "not asked";
    RESTS_ON = "What {0} rests on: {1}";
    SUBJECT = "Subject";
    PART = "Part of the proof";
    SHOWN_HEAD = "Shown";
    HOW = "How";
    OBSERVED_FOR = "What was observed for {0}";
    SOURCE = "Source";
    OBSERVED = "Observed";
    ERROR = "Error";
    PASS = "pass";
    FAIL = "FAIL";
    UNKNOWN = "UNKNOWN";
    SKIP = "skip";
    PREFLIGHT = "Pre-flight";
    RESULT = "Result";
    CHECK = "Check";
    FIX = "Fix";
    NO_PREFLIGHT = "No pre-flight was made.";
    BLOCKING = "{0}, blocking";
    WAIVED_BY = "{0} (waived: {1})";
    SEVERITY = "Severity";
    OBJECTS = "Objects";
    REVIEW = "Readiness review";
    NOTHING = "Nothing to correct.";
    STATE_FAIL = "fail";
    STATE_ERROR = "error";
    STATE_UNKNOWN = "unknown";
    STATE_WAIVED = "waived";
    STATE_SKIP = "skip";
    STATE_PASS = "pass";
}
