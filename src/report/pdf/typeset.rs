//! Typesets the document with the library of typst. It reads nothing but the files that it gets here: no file system, no
//! network, no clock. Start with [`pdf`].

use std::collections::BTreeMap;

use typst::{
    Library, LibraryExt, World,
    diag::{FileError, FileResult, SourceDiagnostic},
    foundations::{Bytes, Datetime, Duration, Smart},
    layout::{Frame, FrameItem},
    syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot},
    text::{Font, FontBook},
    utils::LazyHash,
};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

use super::content::Content;
use crate::report::Document;

const TEMPLATE: &str = include_str!("report.typ");

/// The report as PDF/A-2a.
pub(super) fn pdf(document: &Document) -> Result<Vec<u8>, String> {
    let pages = pages(document)?;
    let standards = PdfStandards::new(&[PdfStandard::A_2a]).map_err(|e| e.message().to_string())?;
    let options = PdfOptions {
        ident: Smart::Custom(document.run.clone()),
        creator: Smart::Custom(Some("drillmaster".to_owned())),
        timestamp: date(&document.date).map(Timestamp::new_utc),
        standards,
        tagged: true,
        ..PdfOptions::default()
    };
    typst_pdf::pdf(&pages, &options).map_err(|errors| told(&errors))
}

/// The texts on the pages, in order.
pub(super) fn texts(document: &Document) -> Result<Vec<String>, String> {
    let pages = pages(document)?;
    Ok(pages
        .pages()
        .iter()
        .map(|page| {
            let mut text = String::new();
            collect(&page.frame, &mut text);
            text
        })
        .collect())
}

fn collect(frame: &Frame, out: &mut String) {
    for (_, item) in frame.items() {
        match item {
            FrameItem::Group(group) => collect(&group.frame, out),
            FrameItem::Text(text) => out.push_str(&text.text),
            _ => {}
        }
    }
}

fn pages(document: &Document) -> Result<PagedDocument, String> {
    let fonts: Vec<Font> = typst_assets::fonts().flat_map(|data| Font::iter(Bytes::new(data))).collect();
    let has_glyph = |c: char| fonts.iter().any(|font| font.info().coverage.contains(c as u32));
    let content = Content::of(document, has_glyph);
    let main = file("report.typ").ok_or("the name of the template is not a path")?;
    let mut files: BTreeMap<FileId, Bytes> = BTreeMap::new();
    let all = content.files.into_iter().chain([("document.json".to_owned(), content.json)]);
    for (name, bytes) in all {
        files.insert(file(&name).ok_or_else(|| format!("{name} is not a path"))?, Bytes::new(bytes));
    }
    let shop = Shop {
        library: LazyHash::new(Library::default()),
        book: LazyHash::new(FontBook::from_fonts(&fonts)),
        fonts,
        source: Source::new(main, TEMPLATE.to_owned()),
        files,
    };
    typst::compile::<PagedDocument>(&shop).output.map_err(|errors| told(&errors))
}

fn told(errors: &[SourceDiagnostic]) -> String {
    errors.first().map_or_else(|| "no reason was given".to_owned(), |error| error.message.to_string())
}

fn file(name: &str) -> Option<FileId> {
    Some(FileId::new(RootedPath::new(VirtualRoot::Project, VirtualPath::new(name).ok()?)))
}

/// The date of the run, at midnight: the document holds no time of day.
fn date(date: &str) -> Option<Datetime> {
    let date: jiff::civil::Date = date.parse().ok()?;
    let (month, day) = (u8::try_from(date.month()).ok()?, u8::try_from(date.day()).ok()?);
    Datetime::from_ymd_hms(date.year().into(), month, day, 0, 0, 0)
}

/// Everything that the typesetter may read.
struct Shop {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    source: Source,
    files: BTreeMap<FileId, Bytes>,
}

impl World for Shop {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.book
    }

    fn main(&self) -> FileId {
        self.source.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.source.id() { Ok(self.source.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        self.files.get(&id).cloned().ok_or(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}
