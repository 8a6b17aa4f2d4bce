//! The reports of a run. Everything here is computed from the events in the journal; nothing asks a cluster. [`Story`]
//! is the content, and each format is one view of it. Start with [`tell`].

mod brief;
mod crowd;
mod fold;
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

pub use fold::fold;
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
pub use summary::{Shape, summary, summary_in};

use crate::{journal::RunDir, verdict::ReadRun};

/// Writes every report of a run into its directory. If one cannot be written, that is an error, but the others are
/// still written.
pub fn write_all(dir: &RunDir, reading: &ReadRun) -> std::io::Result<()> {
    let story = tell_read(reading);
    let results = [
        dir.write("report.json", json(&story).as_bytes()),
        dir.write("report.md", markdown(&story).as_bytes()),
        dir.write("report.html", html(&story, reading.history()).as_bytes()),
        dir.write("junit.xml", junit(&story).as_bytes()),
        dir.write("report.sarif", sarif(&story).as_bytes()),
    ];
    results.into_iter().collect()
}
