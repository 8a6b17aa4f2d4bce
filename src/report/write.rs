//! Writes the reports of a run into its directory. Start with [`write_all`].

use std::io;

use super::{
    Beside, Document, Earlier, Organisation, Story, document, html::html_of, json, junit, markdown, pdf, sarif,
    story_of,
};
use crate::{journal::RunDir, verdict::ReadRun};

const PDF: &str = "report.pdf";

/// What stands beside the journal of a run: notes, the earlier drills, and the signature if it holds. For the reports of
/// several runs of a folder, use one [`Earlier`].
///
/// # Errors
/// The notes cannot be read; the error names the line.
pub fn beside(dir: &RunDir, reading: &ReadRun, organisation: &Organisation) -> io::Result<Beside> {
    Earlier::of(organisation).beside(dir, reading)
}

/// Writes every report of a run into its directory. If one cannot be written, that is an error, but the others are
/// still written.
///
/// # Errors
/// A report cannot be written, or the notes beside the journal cannot be read.
pub fn write_all(dir: &RunDir, reading: &ReadRun, organisation: &Organisation) -> io::Result<()> {
    let story = story_of(reading);
    let document = document(&story, reading, &beside(dir, reading, organisation)?);
    write(dir, &story, &document, organisation)
}

/// The same, from a story and a document that were made already.
///
/// # Errors
/// A report cannot be written.
pub fn write(dir: &RunDir, story: &Story, document: &Document, organisation: &Organisation) -> io::Result<()> {
    let format = |format| write_format(dir, story, document, organisation, format);
    let results = [
        format(Format::Json),
        format(Format::Markdown),
        format(Format::Html),
        dir.write("junit.xml", junit(story).as_bytes()),
        dir.write("report.sarif", sarif(story).as_bytes()),
        pdf_again(dir, story, document, organisation),
    ];
    results.into_iter().collect()
}

/// A format that people read, or programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Format {
    Html,
    Markdown,
    Json,
    Pdf,
}

impl Format {
    /// The name of the file of a report.
    pub fn file(self) -> &'static str {
        match self {
            Self::Html => "report.html",
            Self::Markdown => "report.md",
            Self::Json => "report.json",
            Self::Pdf => PDF,
        }
    }
}

/// Writes the report in one format.
///
/// # Errors
/// The report cannot be written, or the program cannot make this format.
pub fn write_format(
    dir: &RunDir,
    story: &Story,
    document: &Document,
    organisation: &Organisation,
    format: Format,
) -> io::Result<()> {
    let bytes = match format {
        Format::Html => html_of(document, organisation).map_err(io::Error::other)?.into_bytes(),
        Format::Markdown => markdown(document).into_bytes(),
        Format::Json => json(story, document).into_bytes(),
        Format::Pdf => pdf(document, story.ended.parse().ok()).map_err(io::Error::other)?,
    };
    dir.write(format.file(), &bytes)
}

/// A PDF that exists is written again, so that it does not say less than the other formats.
fn pdf_again(dir: &RunDir, story: &Story, document: &Document, organisation: &Organisation) -> io::Result<()> {
    if !dir.file(PDF).exists() {
        return Ok(());
    }
    write_format(dir, story, document, organisation, Format::Pdf)
        .map_err(|e| io::Error::other(format!("{PDF} was not written again and is out of date: {e}")))
}
