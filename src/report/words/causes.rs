//! Causes and recommendations.

super::words! { "causes",
    OBSERVED = "Observed: {0}";
    NO_CAUSE = "The journal does not show a cause.";
    NOT_SHOWN = "Not shown: {0}";
    LONGEST_PHASE = "The longest phase was until `{0}`: {1} of {2}";
    MANY = "an unknown number of";
    VELERO = "Velero reports {0} error(s) and {1} warning(s)";
    DIFFER = "{0} of {1} objects differ: {2}";
    UNREADABLE = "the files of the volumes could not be read: {0}";
    FILES_DIFFER = "files differ: {0}";
    BUDGET = "{0}/{1}: {2} healthy pods required, {3} at the lowest";
    DO_SERVICE = "Shorten the longest phase of the recovery, or agree on another objective with the owner of the function.";
    DO_REPLICAS = "Check the free capacity of the other nodes and the start time of the pods of {0}: `drillmaster check --for zone`.";
    DO_PLACEMENT = "Spread {0} with topologySpreadConstraints.";
    DO_BUDGETS = "Give each critical workload exactly one budget that allows a disruption: `drillmaster check --for drain`.";
    DO_ALERT = "Correct the rule, the route or the silence of {0}: `drillmaster check --prometheus URL --alertmanager URL`.";
    DO_LOSS = "Make backups more often than the objective, or replicate the data.";
    DO_RESTORE = "Correct the backup so that it holds what the comparison names; try it with `restore-to-scratch`.";
    DO_REPROTECTED = "Take a backup of the restored namespace now, and correct what kept Velero from completing one.";
    DO_STEPS = "Read the steps and the return to normal of run {0}, and correct what they name.";
    SEE_BASELINE = "Start the drill only when the subject is healthy, and let it observe longer before it acts.";
    SEE_REACH = "Choose a fault that hits the subject, or name what answers the probe with `backedBy`.";
    SEE_SIGHT = "Give the observers a way that survives the fault, so that they see the whole time.";
    SEE_DENOMINATOR = "Make the backup or the count cover everything that should be there.";
    SEE_BOUND = "Measure more often, so that the error bar is smaller than the distance to the objective.";
    SEE_OWN = "Let the fault last longer than the objective before anything is undone.";
    SEE_REASON = "Read the reason, and change the drill so that it can be observed.";
}
