//! The timeline and the deviations.

super::words! { "timeline",
    TIMELINE = "Timeline";
    DEVIATIONS_SECTION = "Deviations and incidents";
    STEP = "step";
    NOT_EXECUTED = "not executed";
    MEASURED = "measured";
    PREDICTED = "predicted";
    OUTSIDE = "from outside";
    UNDO = "undo";
    AT = "At";
    UTC = "UTC";
    KIND = "Kind";
    WHAT = "What";
    RESULT = "Result";
    EVENTS = "Events in order";
    NOTHING = "Nothing happened.";
    NUMBERS_IN_ANNEX = "The numbers of this picture are in the annex.";
    AXIS = "The run on one time axis";
    PLANNED_NOT_EXECUTED = "planned, not executed";
    AFTER = "{0} after {1}";
    PREDICTED_AFTER = "predicted {0} to {1} after {2}";
    STILL_CHANGED = "still changed";
    AS_BEFORE = "has its earlier state again";
    DONE = "done{0}: {1}";
    NOT_RUN = "not run{0}: {1}";
    REFUSED = "REFUSED{0}: {1}";
    INTERRUPTED = "interrupted{0}: {1}";
    FAILED = "FAILED{0}: {1}";
    NO_END = "did not end{0}: {1}";
    TOOK = " in {0} s";
    FIRST_UNDO = "the first undo began";
    LAST_UNDO = "the last undo was confirmed";
    DEVIATIONS = "Deviations";
    UNSEEN = "Times without observation";
    UNEXPECTED = "Unexpected alerts";
    NONE = "None.";
}
