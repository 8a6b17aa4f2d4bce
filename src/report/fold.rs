//! Makes lines fit a terminal. Logs and files get whole lines, so that a search finds what is in them. Start with
//! [`fold`].

use textwrap::{Options, WordSplitter, core::display_width};

/// A text of one line in lines of at most `width` columns, the later ones indented. A longer word is not broken: it may
/// be part of a command that somebody copies.
pub fn fold(text: &str, width: Option<usize>, indent: usize) -> String {
    let Some(width) = width.filter(|width| display_width(text) > *width) else { return text.to_owned() };
    // On a very narrow terminal, an indented text would have no room left.
    let indent = " ".repeat(if indent * 2 > width { 2 } else { indent });
    let options =
        Options::new(width).subsequent_indent(&indent).break_words(false).word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(text, options)
}

/// The beginning of a text of one line that fits in `width` columns, with `…` if something is left out.
pub(super) fn cut(text: &str, width: Option<usize>) -> String {
    let Some(width) = width.filter(|width| display_width(text) > *width) else { return text.to_owned() };
    let mut out = String::new();
    let mut columns = 1;
    for c in text.chars() {
        columns += display_width(c.encode_utf8(&mut [0; 4]));
        if columns > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_nothing_is_lost() {
        let text = "  PASS  one two three four five six seven";
        assert_eq!(fold(text, None, 8), text);
        assert_eq!(fold(text, Some(80), 8), text);
        assert_eq!(fold(text, Some(22), 8), "  PASS  one two three\n        four five six\n        seven");
        assert_eq!(fold("a very-long-word-that-is-a-command", Some(10), 2), "a\n  very-long-word-that-is-a-command");
        assert!(fold(text, Some(10), 8).lines().all(|line| line.len() <= 10), "a narrow terminal has a smaller indent");
    }

    #[test]
    fn a_cut_text_is_as_wide_as_the_terminal() {
        assert_eq!(
            (cut("abcdef", Some(6)), cut("abcdef", Some(5)), cut("abcdef", None)),
            ("abcdef".into(), "abcd…".into(), "abcdef".into())
        );
        assert_eq!(cut("日本語", Some(5)), "日本…", "wide characters take two columns");
        assert_eq!(cut("", Some(0)), "");
    }
}
