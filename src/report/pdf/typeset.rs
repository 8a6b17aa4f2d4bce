//! Runs Typst on the shipped template. It knows nothing of reports. The template can read the files of the [`Job`] and
//! nothing else: there is no disk, no network, no package, no system font and no clock. Start with [`typeset`].

use std::{collections::BTreeMap, sync::LazyLock};

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;
use typst::{
    Library, LibraryExt, World,
    diag::{FileError, FileResult, SourceDiagnostic},
    foundations::{Bytes, Datetime, Smart},
    layout::PagedDocument,
    syntax::{FileId, Source, VirtualPath},
    text::{Font, FontBook},
    utils::LazyHash,
};
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

const TEMPLATE: &str = include_str!("report.typ");
/// The families that the template names.
const FAMILIES: [&str; 2] = ["Libertinus Serif", "DejaVu Sans Mono"];

/// A document to make.
pub(super) struct Job {
    /// What the template shows: its file `/document.json`.
    pub document: Value,
    /// The pictures, by their path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The time that the file states as the one at which it was made.
    pub at: Option<Timestamp>,
    /// What tells this document from others, from which the id of the file is made.
    pub name: String,
}

/// The PDF. The same job gives the same bytes.
pub(super) fn typeset(job: &Job) -> Result<Vec<u8>, String> {
    let made = made(job);
    // Typst keeps its results for the next version of a document. This one has no next version.
    typst::comemo::evict(0);
    made
}

fn made(job: &Job) -> Result<Vec<u8>, String> {
    let world = TypstWorld::of(job)?;
    let pages: PagedDocument = typst::compile(&world).output.map_err(|errors| told(&errors))?;
    // PDF/A is for archives, and must state a date. A paper of an exercise without a date has none.
    let standard = if job.at.is_some() { PdfStandard::A_2a } else { PdfStandard::Ua_1 };
    let options = PdfOptions {
        ident: Smart::Custom(job.name.as_str()),
        timestamp: job.at.and_then(time).map(typst_pdf::Timestamp::new_utc),
        standards: PdfStandards::new(&[standard]).map_err(|why| why.to_string())?,
        tagged: true,
        ..PdfOptions::default()
    };
    typst_pdf::pdf(&pages, &options).map_err(|errors| told(&errors))
}

fn told(errors: &[SourceDiagnostic]) -> String {
    errors.iter().map(|e| e.message.as_str()).collect::<Vec<_>>().join("; ")
}

fn time(at: Timestamp) -> Option<Datetime> {
    let at = at.to_zoned(TimeZone::UTC).datetime();
    let part = |n: i8| u8::try_from(n).ok();
    let (month, day) = (part(at.month())?, part(at.day())?);
    Datetime::from_ymd_hms(at.year().into(), month, day, part(at.hour())?, part(at.minute())?, part(at.second())?)
}

/// The fonts that are part of the program.
pub(super) struct Fonts {
    book: LazyHash<FontBook>,
    all: Vec<Font>,
}

pub(super) static FONTS: LazyLock<Fonts> = LazyLock::new(|| {
    let all = typst_assets::fonts().flat_map(|file| Font::iter(Bytes::new(file)));
    let all: Vec<Font> = all.filter(|font| FAMILIES.contains(&font.info().family.as_str())).collect();
    Fonts { book: LazyHash::new(FontBook::from_fonts(&all)), all }
});

impl Fonts {
    /// Whether a font has a character.
    pub fn have(&self, c: char) -> bool {
        self.all.iter().any(|font| font.info().coverage.contains(c.into()))
    }
}

/// Everything that the template can reach.
struct TypstWorld {
    library: LazyHash<Library>,
    template: Source,
    files: BTreeMap<String, Bytes>,
}

impl TypstWorld {
    fn of(job: &Job) -> Result<Self, String> {
        let document = serde_json::to_vec(&job.document).map_err(|e| e.to_string())?;
        let mut files: BTreeMap<String, Bytes> =
            job.files.iter().map(|(path, bytes)| (path.clone(), Bytes::new(bytes.clone()))).collect();
        files.insert("/document.json".into(), Bytes::new(document));
        let main = FileId::new(None, VirtualPath::new("/report.typ"));
        let template = Source::new(main, TEMPLATE.into());
        Ok(Self { library: LazyHash::new(Library::builder().build()), template, files })
    }
}

impl World for TypstWorld {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &FONTS.book
    }

    fn main(&self) -> FileId {
        self.template.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.template.id() { Ok(self.template.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        let path = id.vpath().as_rooted_path().to_str().filter(|_| id.package().is_none());
        path.and_then(|path| self.files.get(path)).cloned().ok_or(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        FONTS.all.get(index).cloned()
    }

    fn today(&self, _: Option<i64>) -> Option<Datetime> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_reaches_its_own_files_only() {
        let files = BTreeMap::from([("/a.svg".to_owned(), b"a".to_vec())]);
        let job = Job { document: Value::Null, files, at: None, name: String::new() };
        let world = TypstWorld::of(&job).expect("a world");
        let file = |path: &str| world.file(FileId::new(None, VirtualPath::new(path)));
        assert!(file("/a.svg").is_ok() && file("/document.json").is_ok());
        for path in ["/etc/passwd", "/../etc/passwd", "a", "/report.typ"] {
            assert_eq!(file(path), Err(FileError::AccessDenied), "{path}");
        }
        assert_eq!(world.today(None), None);
    }

    #[test]
    fn the_fonts_of_the_template_are_part_of_the_program() {
        let have: Vec<&str> = FONTS.all.iter().map(|font| font.info().family.as_str()).collect();
        assert!(FAMILIES.iter().all(|family| have.contains(family)), "{have:?}");
        assert!(FAMILIES.iter().all(|family| TEMPLATE.contains(family)));
    }
}
