//! The report as PDF. This version has no typesetter: it refuses, and names what gives the same document. Start with
//! [`pdf`].

use super::Document;

/// Why there is no PDF.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PdfError {
    /// This version has no typesetter.
    #[error(
        "this version cannot write PDF, because it has no typesetter: print report.html from a browser (Chromium 131 or later), which gives the same document with page numbers; no file was written"
    )]
    NoTypesetter,
}

/// The report as PDF.
///
/// # Errors
/// Always: this version has no typesetter.
pub fn pdf(_: &Document) -> Result<Vec<u8>, PdfError> {
    Err(PdfError::NoTypesetter)
}
