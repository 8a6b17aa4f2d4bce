//! Makes lines fit a terminal. Logs and files get whole lines, so that a search finds their content. Start with
//! [`fold`].

use textwrap::{
    Options, WordSeparator, WordSplitter,
    core::{Word, display_width},
};

/// Beside a label, at least this many columns are needed for the text.
const ROOM: usize = 24;

/// A text of one line in lines of at most `width` columns, the later ones indented. A longer word is not broken, and
/// neither is `code` in backticks: it may be a command that somebody copies.
pub fn fold(text: &str, width: Option<usize>, indent: usize) -> String {
    let Some(width) = width else { return text.to_owned() };
    // On a very narrow terminal, an indented text would have no room left.
    folded(text, width, if indent * 2 > width { 2 } else { indent })
}

/// A text of several lines, each of them folded. What continues a line is below the text beside its label, or a little
/// further in than the line.
pub fn fold_lines(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let line = |line: &str| {
        let (body, end) = line.strip_suffix('\n').map_or((line, ""), |body| (body, "\n"));
        folded(body, width, hanging(body, width)) + end
    };
    text.split_inclusive('\n').map(line).collect()
}

fn folded(text: &str, width: usize, indent: usize) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    let indent = " ".repeat(indent);
    let options = Options::new(width)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_separator(WordSeparator::Custom(words))
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(text, options)
}

/// The words of a line. What is between two backticks is one word.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let (mut found, mut from, mut code, mut blank) = (vec![], 0, false, false);
    for (at, c) in line.char_indices() {
        if blank && c != ' ' {
            found.push(Word::from(&line[from..at]));
            from = at;
        }
        // A backtick without its counterpart quotes nothing.
        code = if c == '`' { !code && line[at + 1..].contains('`') } else { code };
        blank = c == ' ' && !code;
    }
    found.push(Word::from(&line[from..]));
    Box::new(found.into_iter())
}

/// The column in which a line continues: that of the text beside its labels, if there is room for it.
fn hanging(line: &str, width: usize) -> usize {
    let start = line.len() - line.trim_start_matches(' ').len();
    let (mut column, mut blanks, mut beside) = (0, 0, None);
    for c in line.chars() {
        if c == ' ' {
            blanks += 1;
        } else {
            let fits = blanks > 1 && column > start && column + ROOM <= width;
            beside = if fits { Some(column) } else { beside };
            blanks = 0;
        }
        column += display_width(c.encode_utf8(&mut [0; 4]));
    }
    beside.unwrap_or(if start + 2 + ROOM <= width { start + 2 } else { 2 })
}

/// On a terminal that is narrower than this, a line that is cut would say too little.
const NARROW: usize = 60;

/// The beginning of a text of one line that fits in `width` columns, with `…` if something is left out. If there is
/// little room, the text is folded instead.
pub fn cut(text: &str, width: Option<usize>, indent: usize) -> String {
    let Some(width) = width.filter(|width| display_width(text) > *width) else { return text.to_owned() };
    if width < NARROW {
        return fold(text, Some(width), indent);
    }
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
    fn every_line_of_a_page_is_folded_below_its_text() {
        let page =
            "one two three four five six seven eight nine ten\n  label  eins zwei drei vier funf sechs sieben acht\n";
        assert_eq!(fold_lines(page, None), page);
        assert_eq!(
            fold_lines(page, Some(34)),
            "one two three four five six seven\n  eight nine ten\n  label  eins zwei drei vier funf\n         sechs \
             sieben acht\n"
        );
        let narrow = fold_lines(page, Some(20));
        assert!(narrow.lines().all(|line| line.len() <= 20), "{narrow}");
    }

    #[test]
    fn a_quoted_command_stays_on_one_line() {
        let text = "run `drillmaster recover runs/x` to go on";
        assert_eq!(fold(text, Some(20), 2), "run\n  `drillmaster recover runs/x`\n  to go on");
        assert_eq!(fold("one ` two three four five", Some(12), 0), "one ` two\nthree four\nfive");
    }

    #[test]
    fn a_cut_text_is_as_wide_as_the_terminal() {
        let long = "a".repeat(70);
        assert_eq!(cut(&long, Some(70), 0), long);
        assert_eq!(cut(&long, Some(69), 0), format!("{}…", "a".repeat(68)));
        assert_eq!(cut(&"日".repeat(40), Some(65), 0), format!("{}…", "日".repeat(32)), "they take two columns each");
        assert_eq!(cut("one two three", Some(9), 2), "one two\n  three", "there is too little room to cut");
        assert_eq!((cut("", Some(0), 0), cut("abc", None, 0)), (String::new(), "abc".into()));
    }
}
