//! The history of an organisation's drills and exercises, from the directories in a folder: what was run, what passed, what is
//! overdue, what has changed since the last pass, and how good the predictions were. Each journal is verified before
//! it counts. Nothing here asks a cluster: the caller passes what was read of it. Start with [`read`], then
//! [`History`].

mod chain;
mod differs;
mod drills;
mod exercise;
mod export;
mod folder;
mod foresight;
mod human;
mod human_exercises;
mod learned;
mod metrics;
mod overview;
mod period;
mod programme;
mod read;
mod run;
mod scenarios;
mod site;
mod threshold;
mod verified;

pub use chain::{Chain, Link};
pub use differs::{Compared, Row, Side, compare};
pub use drills::{Drilled, Last, Standing};
pub use exercise::{Drilled as ExerciseDrill, Exercise, Objective as ExerciseObjective};
pub use export::{message, openmetrics, traces};
pub use folder::{Entry, entries, of_cluster};
pub use foresight::foresight;
pub use human::{compared as compared_text, history as history_text};
pub use learned::{Learned, Lessons, PhaseKind, Prediction, learn};
pub use metrics::metrics;
pub use overview::{Asked, History};
pub use period::Period;
pub use programme::{Retest, Tracked, Year};
pub use read::{Read, read, read_exercises};
pub use run::{Ended, Judged, Run};
pub use scenarios::{Known, Unread, scenarios};
pub use site::{Page, index, page, page_name, trends};
pub use threshold::{Threshold, Within};
pub use verified::{Cluster, Status, Verification};
