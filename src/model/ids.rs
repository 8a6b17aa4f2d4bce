//! Names that must not be mistaken for one another.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

name! {
    /// One execution of a scenario; sorts by time of start.
    RunId
}
name! {
    /// The name of a step in its scenario; faults are called by it.
    StepName
}
name! {
    /// One injected fault on one target: `step/target`.
    FaultId
}

impl FaultId {
    /// The fault that `step` does to `target`.
    pub fn new(step: &StepName, target: &str) -> Self {
        Self(format!("{step}/{target}"))
    }
}
