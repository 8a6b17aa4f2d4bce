//! A mistake in a file, where it stands, and how it is shown.

use std::fmt;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the user named it.
    pub file: String,
    /// 1-based; 0 where the mistake is in no file (a flag, say).
    pub line: usize,
    /// 1-based.
    pub column: usize,
    /// Byte range in the file's text.
    pub span: std::ops::Range<usize>,
    /// What is wrong.
    pub what: String,
    /// What is allowed, or meant.
    pub help: String,
    /// It may be meant so: it is said, and stands in nobody's way.
    pub warning: bool,
}

/// All mistakes of a file, with its text for the snippets.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    /// In the order of the file.
    pub list: Vec<Problem>,
    /// The file's text.
    pub text: String,
}

impl Problems {
    /// Mistakes outside any file.
    pub fn bare(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            list: vec![Problem {
                file: String::new(),
                line: 0,
                column: 0,
                span: 0..0,
                what: what.into(),
                help: help.into(),
                warning: false,
            }],
            text: String::new(),
        }
    }

    /// As the compiler of Rust shows mistakes: file, line, column, the line itself, help.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for problem in &self.list {
            let level = if problem.warning { Level::WARNING } else { Level::ERROR };
            let title = level.primary_title(problem.what.as_str());
            let mut report = vec![];
            let group = if problem.line == 0 {
                annotate_snippets::Group::with_title(title)
            } else {
                title.element(
                    Snippet::source(self.text.as_str())
                        .path(problem.file.as_str())
                        .fold(true)
                        .annotation(AnnotationKind::Primary.span(problem.span.clone())),
                )
            };
            report.push(if problem.help.is_empty() {
                group
            } else {
                group.element(Level::HELP.message(problem.help.as_str()))
            });
            out.push_str(&renderer.render(&report));
            out.push('\n');
        }
        out
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Problems {}

/// The allowed word that was probably meant.
pub(super) fn did_you_mean<'a>(given: &str, allowed: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    allowed
        .map(|word| (strsim::damerau_levenshtein(&given.to_lowercase(), &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1) + 1)
        .min()
        .map(|(_, word)| word)
}
