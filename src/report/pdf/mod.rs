//! The report as PDF/A: tagged, with the date of the run as its only time, so that the same document gives the same
//! bytes. Only builds with the feature `pdf` have it, because the typesetter is large. Start with [`pdf`].

#[cfg(feature = "pdf")]
mod content;
#[cfg(feature = "pdf")]
mod typeset;

use super::Document;

/// Why there is no PDF.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PdfError {
    /// This build has no typesetter.
    #[error(
        "this build cannot write PDF: it was built without the feature `pdf` (`cargo install --features pdf`; the released programs have it). Print report.html from a browser: it gives the same document"
    )]
    NotBuilt,
    /// The typesetter refused the document.
    #[error("the PDF could not be written: {0}; report.html has the same content")]
    Refused(String),
}

/// The report as PDF.
///
/// # Errors
/// This build has no typesetter, or it refused the document.
#[cfg(feature = "pdf")]
pub fn pdf(document: &Document) -> Result<Vec<u8>, PdfError> {
    typeset::pdf(document).map_err(PdfError::Refused)
}

/// The report as PDF.
///
/// # Errors
/// This build has no typesetter.
#[cfg(not(feature = "pdf"))]
pub fn pdf(_: &Document) -> Result<Vec<u8>, PdfError> {
    Err(PdfError::NotBuilt)
}

/// The texts of the PDF in the order of its pages, for tests.
///
/// # Errors
/// As [`pdf`].
#[cfg(feature = "pdf")]
pub fn pdf_texts(document: &Document) -> Result<Vec<String>, PdfError> {
    typeset::texts(document).map_err(PdfError::Refused)
}
