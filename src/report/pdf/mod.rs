//! Reports and papers as PDF, from the same [`Document`] and [`Paper`] as the other formats. Only a program that was
//! built with the Cargo feature `pdf` can make one; every other returns [`PdfError::NotBuilt`]. Start with [`pdf`].
//!
//! Typst lays the pages out, as a library. It gets a template that is part of the program, and the report as a JSON
//! file. No text of a report ever becomes Typst markup, so no text can run code, read a file or change the page. The
//! template cannot reach the disk, the network or the clock (`typeset.rs`).

#[cfg(not(feature = "pdf"))]
#[path = "absent.rs"]
mod made;
#[cfg(feature = "pdf")]
mod made;

#[cfg(feature = "pdf")]
mod letters;
#[cfg(feature = "pdf")]
mod picture;
#[cfg(feature = "pdf")]
mod typeset;
#[cfg(feature = "pdf")]
mod view;
#[cfg(feature = "pdf")]
mod widths;

use jiff::Timestamp;

use super::{document::Document, paper::Paper};

/// Why there is no PDF.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PdfError {
    /// The program was built without it.
    #[error(
        "this drillmaster cannot write PDF: build it with `cargo build --release --features pdf`, or print the HTML from a browser"
    )]
    NotBuilt,
    /// Typst did not accept the report. This is a bug, or a broken logo.
    #[error("the PDF could not be made: {0}; print the HTML from a browser instead")]
    NotMade(String),
}

/// Whether this program can make PDF, so that a command can refuse before it writes anything.
///
/// # Errors
/// It cannot.
pub fn pdf_is_built() -> Result<(), PdfError> {
    if cfg!(feature = "pdf") { Ok(()) } else { Err(PdfError::NotBuilt) }
}

/// The report of a run. `at` is the time of the last event of its journal. The file states it as the time at which it
/// was made, so that the same journal gives the same bytes.
///
/// # Errors
/// See [`PdfError`].
pub fn pdf(document: &Document, at: Option<Timestamp>) -> Result<Vec<u8>, PdfError> {
    made::report(document, at)
}

/// The report of an exercise. `prefix` stands before its title.
///
/// # Errors
/// See [`PdfError`].
pub fn exercise_pdf(document: &Document, prefix: &str, at: Option<Timestamp>) -> Result<Vec<u8>, PdfError> {
    made::exercise(document, prefix, at)
}

/// A paper of an exercise. `at` is the planned start.
pub(super) fn paper(paper: &Paper, at: Option<Timestamp>) -> Result<Vec<u8>, PdfError> {
    made::paper(paper, at)
}
