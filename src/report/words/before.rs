//! The comparison with the last drill.

super::words! { "before",
    HEAD = "{0} ({1})";
    NOT_COMPARED = "{0}: not compared, because {1}";
    OTHER = "it had another scenario or another cluster";
    THIS_OPEN = "this drill is not conclusive";
    THAT_OPEN = "that drill was not conclusive";
    SAME = "same scenario and cluster";
    OTHER_VERSION = "same scenario; cluster differs: Kubernetes {0} → {1}";
    BETTER = "better";
    WORSE = "worse";
    NO_CHANGE = "no clear change";
    CHANGE = "{0} {1} → {2}, {3}";
    NOTHING = "nothing that both measured";
    SAID = "{0}; {1}: {2}";
}
