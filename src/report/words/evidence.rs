//! Evidence.

super::words! { "evidence",
    EVIDENCE = "Evidence";
    UNSIGNED = "UNSIGNED: no key was given";
    SIGNED = "signed with key {0}; a signature shows who signed, and not when";
    JOURNAL = "Journal";
    JOURNAL_IS = "journal.jsonl and further segments: every event, each chained to the one before";
    SAMPLES = "Samples";
    SAMPLES_ARE = "samples/: {0} probe samples; the journal holds the SHA-256 of each file";
    PLAN = "Plan and scenario";
    PLAN_IS = "plan.json, scenario.yaml: the journal holds their hashes";
    SIGNATURE = "Signature";
    REDACTION = "Redaction";
    REDACTED = "secrets were removed before anything was written; nothing was removed afterwards";
    EVENTS = "Events";
    AUDIT_LOG = "Audit log";
    NO_AUDIT_LOG = "no audit log was read: who deleted an object is unknown";
    NO_END = "the journal has no end";
    NO_REVIEW = "no readiness review was made";
    NO_PLAN = "the plan was never written";
    MISSING = "Missing evidence";
    NONE_KNOWN = "None known.";
    KEPT = "Kept beside the journal";
    KEPT_NONE = "The run kept nothing beside its journal.";
    KEPT_NONE_REHEARSAL = "A rehearsal keeps nothing beside its journal.";
    WHAT = "What";
    FILE = "File";
    SIZE = "Size";
    SHA256 = "SHA-256";
    BYTES = "{0} bytes";
    NOT_KEPT = "{0}: the run did not keep it";
    NOT_KEPT_BECAUSE = "{0}: {1}";
    BINDINGS = "bindings without secrets";
    REVIEW = "readiness review";
    RULES = "alerting rules";
    ALERTMANAGER = "Alertmanager's configuration";
    INVENTORY_BEFORE = "inventory before";
    INVENTORY_AFTER = "inventory after";
    VELERO = "Velero's results, logs and volume records";
    CHECK = "To check the run offline";
}
