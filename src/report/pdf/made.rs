//! Hands reports and papers to the template. Start with [`report`].

use jiff::Timestamp;

use super::{
    PdfError,
    typeset::{Job, typeset},
    view::{Sheet, SheetPart, SheetSection},
};
use crate::report::{document::Document, head::Head, paper::Paper};

pub(super) fn report(document: &Document, at: Option<Timestamp>) -> Result<Vec<u8>, PdfError> {
    of(document, Head::of_run(document), at)
}

pub(super) fn exercise(document: &Document, prefix: &str, at: Option<Timestamp>) -> Result<Vec<u8>, PdfError> {
    of(document, Head::of_exercise(document, prefix), at)
}

fn of(document: &Document, head: Head, at: Option<Timestamp>) -> Result<Vec<u8>, PdfError> {
    let parts = document.parts.iter().map(|part| SheetPart {
        title: &part.title,
        sections: part.sections.iter().map(|s| SheetSection { title: &s.title, blocks: &s.blocks }).collect(),
    });
    job(&Sheet { document, head, parts: parts.collect(), has_annex: true }, at)
}

pub(super) fn paper(paper: &Paper, at: Option<Timestamp>) -> Result<Vec<u8>, PdfError> {
    let document = Document { title: paper.title.clone(), mark: paper.mark.clone(), ..Document::default() };
    // A loose page of a paper must say which paper it belongs to, as one of a report names its run.
    let head = Head { foot: format!("{} · {}", paper.kind, paper.number), ..Head::of_paper(paper) };
    let parts = paper.chapters.iter().map(|chapter| SheetPart {
        title: &chapter.title,
        sections: vec![SheetSection { title: &chapter.title, blocks: &chapter.blocks }],
    });
    job(&Sheet { document: &document, head, parts: parts.collect(), has_annex: false }, at)
}

fn job(sheet: &Sheet<'_>, at: Option<Timestamp>) -> Result<Vec<u8>, PdfError> {
    let (document, files) = sheet.view();
    let name = format!("{} {}", sheet.head.kind, sheet.head.number);
    typeset(&Job { document, files, at, name }).map_err(PdfError::NotMade)
}
