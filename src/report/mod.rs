//! How it is told: everything here is a function of the journal's events and
//! never asks a cluster. [`Story`] is the one model; each format is one view of it.

mod crowd;
mod html;
mod json;
mod junit;
mod line;
mod live;
mod markdown;
mod predicted;
mod review;
mod sarif;
mod story;
mod summary;
mod svg;

pub use html::html;
pub use json::{json, schema};
pub use junit::junit;
pub use line::line;
pub use live::{Display, live};
pub use markdown::markdown;
pub use review::{
    fix_plan, html as review_html, human as review_human, markdown as review_markdown, prometheus as review_prometheus,
    review_json, review_junit, review_junit_by_check, review_sarif,
};
pub use sarif::sarif;
pub use story::{Story, tell, tell_read};
pub use summary::summary;

use crate::journal::{ReadJournal, RunDir};

/// Writes every report of a run into its directory. A report that cannot be
/// written is an error; the others are written all the same.
pub fn write_all(dir: &RunDir, journal: &ReadJournal) -> std::io::Result<()> {
    let (story, events) = (tell_read(journal), &journal.events);
    let results = [
        dir.write("report.json", json(&story).as_bytes()),
        dir.write("report.md", markdown(&story).as_bytes()),
        dir.write("report.html", html(&story, events).as_bytes()),
        dir.write("junit.xml", junit(&story).as_bytes()),
        dir.write("report.sarif", sarif(&story).as_bytes()),
    ];
    results.into_iter().collect()
}
