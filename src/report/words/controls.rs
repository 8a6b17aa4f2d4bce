//! Control mapping.

super::words! { "controls",
    CONTROLS = "Control mapping";
    REHEARSAL = "None: a rehearsal is not evidence for any control.";
    YES = "yes";
    NOT_EXERCISED = "no: the drill changed nothing";
    NOT_SHOWN = "not shown";
    SHOWN = "shown by this drill";
    NOT_EFFECTIVE = "no: see Findings";
    NOT_SHOWN_SEE = "not shown: see Findings";
    NO_DESCRIPTION = "no description is shipped for this control";
    FRAMEWORK = "Framework";
    CONTROL = "Control";
    ASKS = "What it asks for, in our words";
    EXERCISED = "Exercised";
    EFFECTIVE = "Effective";
    NONE = "The scenario names no control.";
}
