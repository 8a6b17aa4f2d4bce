//! What was checked, and what differs.

use serde::Serialize;

/// Something that differs from what the run wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Differs {
    /// File, and line if there is one.
    pub place: String,
    /// What differs.
    pub what: String,
}

impl std::fmt::Display for Differs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Collects checks and differences.
#[derive(Debug, Default)]
pub(super) struct Differences {
    pub checked: Vec<String>,
    pub differs: Vec<Differs>,
}

impl Differences {
    pub fn differs(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.differs.push(Differs { place: place.into(), what: what.into() });
    }

    /// Makes a check, and records it if nothing differs.
    pub fn check(&mut self, name: impl Into<String>, check: impl FnOnce(&mut Self)) {
        let before = self.differs.len();
        check(self);
        if self.differs.len() == before {
            self.checked.push(name.into());
        }
    }
}
