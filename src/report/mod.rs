//! The reports of a run. Everything here is computed from the events in the journal; nothing asks a cluster. [`Story`]
//! holds the facts, [`Document`] the report for people, and each format is a view of one of them. Start with
//! [`story_of_events`].

mod brief;
mod crowd;
mod document;
mod from_history;
mod html;
mod json;
mod junit;
mod last;
mod line;
mod live;
mod markdown;
mod note;
mod organisation;
mod paper;
mod predicted;
mod review;
mod sarif;
mod story;
mod summary;
mod svg;
mod words;

pub use document::{
    AxisRow, Bar, Before, Beside, Block, Card, Commands, Cover, Document, Figure, Group, Key, List, Logo, Moment, Part,
    Picture, Predicted, Predictions, Ref, Rest, Row, Section, Signature, State, Table, Text, TimeAxis, Tone, Trend,
    TrendPoint, TrendRow, Verdict, Waterfall, Zone, Zones, document,
};
pub use html::{exercise_html, html, html_with_links, page_style};
pub use json::{json, schema};
pub use junit::junit;
pub use last::Earlier;
pub use line::{line, words as event_words};
pub use live::{Display, live};
pub use markdown::{markdown, text as inert_markdown};
pub use note::{Field, Known, NOTES, Note};
pub use organisation::{Organisation, OrganisationFile};
pub use paper::{Chapter, Paper};
pub use predicted::Compared;
pub use review::{
    GroupBy, fix_diff, fix_plan, html as review_html, human as review_human, markdown as review_markdown,
    painted as review_painted, prometheus as review_prometheus, review_json, review_junit, review_junit_by_check,
    review_sarif,
};
pub use sarif::sarif;
pub use story::{Recovery, StepLine, Story, UndoLine, story_of, story_of_events};
pub use summary::{Shape, summary, summary_in};
pub use svg::escape as svg_text;
pub use words::{LanguageError, Word, Words, catalogue, english};

use crate::{journal::RunDir, verdict::ReadRun};

use story::AUDIT_LOG;

/// What stands beside the journal of a run: notes, the earlier drills, and the signature if it holds. For the reports of
/// several runs of a folder, use one [`Earlier`].
///
/// # Errors
/// The notes cannot be read; the error names the line.
pub fn beside(dir: &RunDir, reading: &ReadRun, organisation: &Organisation) -> std::io::Result<Beside> {
    Earlier::of(organisation).beside(dir, reading)
}

/// Writes every report of a run into its directory. If one cannot be written, that is an error, but the others are
/// still written.
///
/// # Errors
/// A report cannot be written, or the notes beside the journal cannot be read.
pub fn write_all(dir: &RunDir, reading: &ReadRun, organisation: &Organisation) -> std::io::Result<()> {
    let story = story_of(reading);
    let document = document(&story, reading, &beside(dir, reading, organisation)?);
    write(dir, &story, &document, organisation)
}

/// The same, from a story and a document that were made already.
///
/// # Errors
/// A report cannot be written.
pub fn write(dir: &RunDir, story: &Story, document: &Document, organisation: &Organisation) -> std::io::Result<()> {
    let results = [
        dir.write("report.json", json(story, document).as_bytes()),
        dir.write("report.md", markdown(document).as_bytes()),
        html::html_of(document, organisation)
            .map_err(std::io::Error::other)
            .and_then(|page| dir.write("report.html", page.as_bytes())),
        dir.write("junit.xml", junit(story).as_bytes()),
        dir.write("report.sarif", sarif(story).as_bytes()),
    ];
    results.into_iter().collect()
}
