//! A mistake in a file: where it is, and how it is displayed. Start with [`Problem`].

use std::{fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{
    other_names::usual,
    tree::{Node, problem},
};
use crate::{
    files::fold_lines,
    model::{is_printable, printable, printable_lines},
};

/// At most this many mistakes are shown; the others are counted.
const SHOWN: usize = 200;
/// A narrower terminal has to break the lines itself.
const NARROWEST: usize = 30;
/// The content of a longer line is not shown.
const LONGEST_PART: usize = 4096;
/// A longer word is not compared with others.
const LONGEST_WORD: usize = 64;

/// One mistake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the user named it.
    pub file: String,
    /// Counted from 1; 0 if the mistake is not in a file, but in a flag, for example.
    pub line: usize,
    /// 1-based.
    pub column: usize,
    /// Byte range in the file's text.
    pub span: Range<usize>,
    /// What is wrong.
    pub what: String,
    /// What is allowed, or what was probably meant.
    pub help: String,
    /// Whether this is a warning: it may be intended, and blocks nothing.
    pub warning: bool,
    /// The value of the bindings that is not defined, if that is the mistake.
    pub undefined: Option<String>,
}

/// A mistake in the meaning of a document, found in its parsed form, before its position in the file is looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistake {
    /// The way to it: keys of maps, indices of lists.
    pub path: Vec<String>,
    /// What is wrong.
    pub what: String,
    /// What is allowed, or what was probably meant.
    pub help: String,
    /// Whether this is a warning: it may be intended, and blocks nothing.
    pub warning: bool,
    /// The parts at the top of the document that this message relies on. If one of them could not be read, the message
    /// could be wrong.
    pub needs: &'static [&'static str],
}

impl Mistake {
    /// Its position in the file.
    pub(super) fn placed(self, file: &str, root: &Node) -> Problem {
        Problem { warning: self.warning, ..problem(file, root.locate(&self.path), self.what, self.help) }
    }

    /// The way to it in one word: `workloads[0].cpu`.
    fn place(&self) -> String {
        let mut place = String::new();
        for part in &self.path {
            match part.parse::<usize>() {
                Ok(i) => place += &format!("[{i}]"),
                Err(_) if place.is_empty() => place += part,
                Err(_) => place += &format!(".{part}"),
            }
        }
        place
    }
}

/// For a document that did not come from a file.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let help = if self.help.is_empty() { String::new() } else { format!(": {}", self.help) };
        match self.place().as_str() {
            "" => write!(f, "{}{help}", self.what),
            place => write!(f, "{place}: {}{help}", self.what),
        }
    }
}

/// All mistakes in a file, with the text of the file for the snippets.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    /// In the order of the file.
    pub list: Vec<Problem>,
    /// The file's text.
    pub text: String,
}

impl Problems {
    /// A mistake that is not in a file.
    pub fn bare(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { list: vec![Problem { what: what.into(), help: help.into(), ..Problem::default() }], text: String::new() }
    }

    /// Displays mistakes as the Rust compiler does: file, line, column, the line itself, and help. Whatever the file
    /// contains, the only escapes in the result are colour codes.
    pub fn render(&self, colour: bool) -> String {
        self.render_in(colour, None)
    }

    /// The same, for a terminal of this width.
    pub fn render_in(&self, colour: bool, width: Option<usize>) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let renderer = match width {
            Some(width) => renderer.term_width(width.max(NARROWEST)),
            None => renderer,
        };
        let mut out = String::new();
        for problem in self.list.iter().take(SHOWN) {
            out.push_str(&self.render_one(problem, &renderer, width));
            out.push('\n');
        }
        if self.list.len() > SHOWN {
            out.push_str(&format!("… and {} more\n", self.list.len() - SHOWN));
        }
        out
    }

    fn render_one(&self, problem: &Problem, renderer: &Renderer, width: Option<usize>) -> String {
        let level = if problem.warning { Level::WARNING } else { Level::ERROR };
        // Before these texts are `warning: ` and, below the number of the line, `= help: `.
        let room = |before: usize| width.map(|width| width.max(NARROWEST) - before);
        let what = fold_lines(&printable_lines(&problem.what), room("warning: ".len()));
        let help = fold_lines(&printable_lines(&problem.help), room("12345 = help: ".len()));
        let (file, part) = (printable(&problem.file), Part::of(&self.text, problem));
        let title = level.primary_title(what.as_str());
        let group = match &part {
            None => Group::with_title(title),
            Some(part) if part.text.len() > LONGEST_PART => {
                title.element(Origin::path(file.as_str()).line(problem.line).char_column(problem.column))
            }
            Some(part) => title.element(
                Snippet::source(part.text.as_str())
                    .line_start(part.line)
                    .path(file.as_str())
                    .fold(true)
                    .annotation(AnnotationKind::Primary.span(part.span.clone())),
            ),
        };
        let group = if help.is_empty() { group } else { group.element(Level::HELP.message(help.as_str())) };
        renderer.render(&[group])
    }
}

/// The lines of a file that contain a mistake.
struct Part {
    text: String,
    /// The number of the first one.
    line: usize,
    span: Range<usize>,
}

impl Part {
    /// None if the mistake is not in a file.
    fn of(text: &str, problem: &Problem) -> Option<Self> {
        if problem.line == 0 {
            return None;
        }
        // The span may come from anywhere, and must not split a character.
        let from = border(text, problem.span.start);
        let to = border(text, problem.span.end).max(from);
        let begin = text[..from].rfind('\n').map_or(0, |i| i + 1);
        let end = text[to..].find('\n').map_or(text.len(), |i| to + i);
        // On Windows, a line ends with two characters.
        let end = if end > to && text[..end].ends_with('\r') { end - 1 } else { end };
        if end - begin > LONGEST_PART {
            return Some(Self { text: text[begin..end].to_owned(), line: problem.line, span: 0..0 });
        }
        let begin = begin + if begin == 0 && text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let line = text[..begin].matches('\n').count() + 1;
        let (mut shown, mut span) = (String::new(), 0..0);
        for (i, c) in text[begin..end].char_indices() {
            if begin + i == from {
                span.start = shown.len();
            }
            if begin + i == to {
                span.end = shown.len();
            }
            let shows = c == '\n' || c == '\t' || is_printable(c);
            let last = c == '\r' && text[begin + i + 1..].starts_with('\n');
            shown.push(if shows || last { c } else { '\u{fffd}' });
        }
        span.start = if from >= end { shown.len() } else { span.start };
        span.end = if to >= end { shown.len() } else { span.end };
        Some(Self { text: shown, line, span })
    }
}

/// The nearest character boundary at or before a byte.
fn border(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Problems {}

/// The allowed word that was probably meant: another name for the same thing, or else the word with the most similar
/// letters.
pub fn did_you_mean<'a>(given: &str, allowed: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The comparison needs memory in proportion to the product of the lengths.
    let comparable = |word: &str| word.len() <= LONGEST_WORD;
    if !comparable(given) {
        return None;
    }
    let allowed: Vec<&str> = allowed.filter(|word| comparable(word)).collect();
    if let Some(word) = usual(given, &allowed) {
        return Some(word);
    }
    let given = given.to_lowercase();
    allowed
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&given, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1) + 1)
        // Short words are all similar: at least half of the letters must be the same.
        .filter(|(distance, word)| distance * 2 <= word.len().max(given.len()))
        .min()
        .map(|(_, word)| word)
}

/// A question to begin a help text with, if a similar word exists. Empty otherwise.
pub fn meant<'a>(given: &str, allowed: impl IntoIterator<Item = &'a str>) -> String {
    did_you_mean(given, allowed.into_iter()).map(|word| format!("did you mean `{word}`? ")).unwrap_or_default()
}

/// Words as a list. If there are very many, only the first ones.
pub(crate) fn listed(words: &[&str]) -> String {
    const MOST: usize = 60;
    match words.get(..MOST) {
        Some(first) => format!("{}, … ({} in all)", first.join(", "), words.len()),
        None => words.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tree;

    /// The snippet of a span, and what is underlined in it.
    fn shown(text: &str, span: Range<usize>) -> (String, usize, String) {
        let problem = Problem { line: 1, span, file: "f".into(), column: 1, what: "w".into(), ..Problem::default() };
        let part = Part::of(text, &problem).expect("a part");
        let marked = part.text[part.span.clone()].to_owned();
        let rendered = Problems { list: vec![problem], text: text.to_owned() }.render(false);
        assert!(rendered.chars().all(|c| c == '\n' || is_printable(c)), "{rendered:?}");
        (part.text, part.line, marked)
    }

    #[test]
    fn a_span_is_shown_where_it_is() {
        assert_eq!(shown("a: ü\nb: ß€\n", 9..14), ("b: ß€".into(), 2, "ß€".into()));
        assert_eq!(shown("a: 1\r\nb: é\r\n", 9..11), ("b: é".into(), 2, "é".into()));
        assert_eq!(shown("\u{feff}é: 1\n", 3..5), ("é: 1".into(), 1, "é".into()));
        assert_eq!(shown("a:\t\u{1b}[31m\u{202e}x\n", 3..4).0, "a:\t\u{fffd}[31m\u{fffd}x");
        assert_eq!(shown("€", 1..2).2, "", "a span within a character begins where it begins");
        assert_eq!(shown("", 5..9), (String::new(), 1, String::new()));
    }

    #[test]
    fn many_mistakes_on_one_line_are_shown_in_time() {
        let text = "x".repeat(1 << 20);
        let one = Problem { line: 1, span: 5..6, file: "f".into(), column: 6, what: "w".into(), ..Problem::default() };
        let shown = Problems { list: vec![one; 8000], text }.render(false);
        assert!(shown.ends_with("… and 7800 more\n"));
        assert!(did_you_mean(&"a".repeat(1 << 20), ["aaa"].into_iter()).is_none());
    }

    proptest::proptest! {
        /// The span of every node in any file can be displayed.
        #[test]
        fn every_span_can_be_shown(text in "(\u{feff})?(key|ü|€|𝄞|: |- |\n|\r\n|\\{|\\}|\\[|\\]|, |\"|'|\t|\u{1b}|\u{0}|#|\\| |&a |\\*a|!x ){0,40}", at in 0usize..200) {
            let problems = match tree::parse("f", &text) {
                Ok(root) => vec![tree::problem("f", &root.at, "w", "h")],
                Err(problems) => problems,
            };
            let _ = Problems { list: problems, text: text.clone() }.render(true);
            let _ = shown(&text, at..at + 3);
        }
    }
}
