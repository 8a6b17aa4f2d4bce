//! Corrective actions and changes to plans.

super::words! { "actions",
    ACTIONS = "Corrective actions";
    OPEN = "open";
    NO_OWNER = "no owner yet";
    NO_OWNER_PROPOSED = "no owner yet (proposed: {0})";
    ID = "Id";
    ACTION = "Action";
    OWNER = "Owner";
    DUE = "Due";
    TICKET = "Ticket";
    STATUS = "Status";
    PROVEN_WHEN = "Proven when";
    NONE = "No finding asks for an action.";
    HOW = "Owner, due date, ticket and status are noted with `drillmaster report annotate`; drillmaster assigns none.";
    LAST = "Actions of the last drill of this scenario";
    THIS_DRILL = "This drill";
    NO_LAST = "None are known: no such drill was found beside this one.";
    PASSED = "tested again and passed";
    NOT_PASSED = "tested again and not passed: carried over";
    NOT_TESTED = "not tested again: carried over";
    OF = "{0} of {1}: {2}";
    ASKED_NONE = "It asked for no action.";
    UPDATES = "Changes to plans and runbooks";
    PLAN = "Plan under test";
    PLAN_NO_VERSION = "{0} (no version named)";
    PLAN_VERSION = "{0}, version {1}";
    NO_PLAN = "the scenario names none";
    NONE_NOTED = "none noted yet";
    CHANGE = "Change";
}
