//! A paper of an exercise: a title and chapters of the same blocks as a report. Start with [`Paper`].

use jiff::Timestamp;

use super::{PdfError, document::Block};

/// A paper.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Paper {
    /// What it is, such as `Run sheet`.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// The exercise and its date.
    pub number: String,
    /// What stands on every page.
    pub mark: String,
    /// Its chapters.
    pub chapters: Vec<Chapter>,
}

/// A chapter.
#[derive(Clone, Debug, PartialEq)]
pub struct Chapter {
    /// Its heading.
    pub title: String,
    /// Its content.
    pub blocks: Vec<Block>,
}

impl Paper {
    /// As HTML.
    pub fn html(&self) -> String {
        super::html::paper(self)
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        super::markdown::paper(self)
    }

    /// As PDF. `at` is the planned start of the exercise.
    ///
    /// # Errors
    /// See [`PdfError`].
    pub fn pdf(&self, at: Option<Timestamp>) -> Result<Vec<u8>, PdfError> {
        super::pdf::paper(self, at)
    }
}
