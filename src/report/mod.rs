//! The reports of a run. Everything here is computed from the events in the journal; nothing asks a cluster. [`Story`]
//! holds the facts, [`Document`] the report for people, and each format is a view of one of them. Start with
//! [`story_of_events`].

mod brief;
mod crowd;
mod document;
mod from_history;
mod head;
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
mod pdf;
mod predicted;
mod review;
mod sarif;
mod story;
mod summary;
mod svg;
mod words;
mod write;

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
pub use pdf::{PdfError, exercise_pdf, pdf, pdf_is_built};
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
pub use write::{Format, beside, write, write_all, write_format};

use story::AUDIT_LOG;
