//! The answers of a program that was built without PDF.

use jiff::Timestamp;

use super::PdfError;
use crate::report::{document::Document, paper::Paper};

pub(super) fn report(_: &Document, _: Option<Timestamp>) -> Result<Vec<u8>, PdfError> {
    Err(PdfError::NotBuilt)
}

pub(super) fn exercise(_: &Document, _: &str, _: Option<Timestamp>) -> Result<Vec<u8>, PdfError> {
    Err(PdfError::NotBuilt)
}

pub(super) fn paper(_: &Paper, _: Option<Timestamp>) -> Result<Vec<u8>, PdfError> {
    Err(PdfError::NotBuilt)
}
