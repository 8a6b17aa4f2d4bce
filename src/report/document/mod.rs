//! The after-action report as one typed document, made from the journal, the verdict and what the scenario says about
//! itself. HTML, Markdown and JSON are rendered from it. Start with [`document`], then [`Document`].

mod actions;
mod annex;
mod before;
mod before_after;
mod blocks;
mod build;
mod causes;
mod context;
mod controls;
mod cover;
mod evidence;
mod findings;
mod gaps;
mod page_one;
mod pictures;
mod results;
mod sign_off;
mod strengths;
mod tested;
mod texts;
mod timeline;

pub use before::Before;
pub use blocks::{
    Block, Card, Commands, Document, Figure, Key, List, Part, Ref, Rest, Row, Section, Table, Text, Tone, Verdict,
};
pub use build::document;
pub use context::{Beside, Signature};
pub use cover::{Cover, Logo};
pub use pictures::{
    AxisRow, Bar, Group, Moment, Picture, Predicted, Predictions, State, TimeAxis, Trend, TrendPoint, TrendRow,
    Waterfall, Zone, Zones,
};
